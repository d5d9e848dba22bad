/*
 * sheet.c -- asking a recording, and keeping what it answers.
 */
#include "sheet.h"

#include "torchless/inspect.h"
#include "torchless/mem.h"

#include <stdlib.h>

static void release_rows(struct sheet *s)
{
	for (int64_t i = 0; i < s->n_rows * s->n_columns; i++)
		free(s->cells[i].s);
	for (int i = 0; i < s->n_columns; i++)
		free(s->columns[i]);
	free(s->cells);
	free(s->columns);
	s->cells = NULL;
	s->columns = NULL;
	s->n_rows = s->cap_rows = 0;
	s->n_columns = 0;
}

void sheet_release(struct sheet *s)
{
	release_rows(s);
	*s = (struct sheet){ 0 };
}

struct recording *recording_to_ask(const struct classroom *room, const char *path,
				   const char *model, int64_t max_ns, struct err *err)
{
	struct recording_limits limits = { .max_ns = max_ns, .interrupted = room->interrupted };
	struct inspect_options o = { .model = model, .pool = room->pool, .kernels = room->kernels };
	struct recording *rec = recording_open_within(path, &limits, err);

	if (rec && recording_add_functions(rec, &o, err)) {
		recording_close(rec);
		return NULL;
	}
	return rec;
}

static int begin(void *ctx, const struct rows *rows)
{
	struct sheet *s = ctx;

	release_rows(s);
	s->n_statements++;
	s->n_columns = rows->n_columns;
	s->columns = mem_calloc((size_t)rows->n_columns, sizeof(*s->columns));
	for (int i = 0; i < rows->n_columns; i++)
		s->columns[i] = mem_strdup(rows->columns[i]);
	return 0;
}

static struct sheet_cell keep(const struct cell *c)
{
	struct sheet_cell kept = { .type = c->type };

	if (c->type == CELL_INT) {
		kept.i = c->i;
		kept.d = (double)c->i;
	} else if (c->type == CELL_REAL) {
		kept.d = c->d;
	} else if (c->type != CELL_NULL) {
		kept.s = mem_memdup(c->s.data ? c->s.data : "", c->s.data ? c->s.len : 0);
		kept.len = c->s.data ? c->s.len : 0;
	}
	return kept;
}

static int row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct sheet *s = ctx;

	if (s->n_rows == s->cap_rows) {
		s->cap_rows = s->cap_rows ? 2 * s->cap_rows : 16;
		s->cells = mem_realloc(s->cells, (size_t)(s->cap_rows * s->n_columns),
				       sizeof(*s->cells));
	}
	for (int i = 0; i < rows->n_columns; i++)
		s->cells[s->n_rows * s->n_columns + i] = keep(&cells[i]);
	s->n_rows++;
	return 0;
}

static int end(void *ctx, const struct rows_found *found)
{
	struct sheet *s = ctx;

	s->more = found->more;
	return 0;
}

int sheet_ask(struct recording *rec, const char *sql, struct sheet *s, struct err *err)
{
	struct query q = { .begin = begin,
			   .max_ns = SHEET_MAX_NS,
			   .row = row,
			   .end = end,
			   .ctx = s,
			   .max_rows = SHEET_ROWS };

	sheet_release(s);
	return recording_query(rec, sql, &q, err);
}

void sheet_add_cell(struct text *t, const struct sheet_cell *cell)
{
	switch (cell->type) {
	case CELL_NULL:
		text_adds(t, "NULL");
		break;
	case CELL_INT:
		text_addf(t, "%lld", (long long)cell->i);
		break;
	case CELL_REAL:
		text_addf(t, "%.7g", printed(cell->d));
		break;
	case CELL_TEXT:
		text_add_visible(t, cell->s, cell->len);
		break;
	case CELL_BLOB:
		text_addf(t, "a blob of %zu bytes", cell->len);
		break;
	}
}
