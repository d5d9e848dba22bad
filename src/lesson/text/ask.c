/*
 * ask.c -- SQL on the recordings of a lesson, one value at a time.
 */
#include "../recording/recordings.h"
#include "../recording/sheet.h"
#include "text_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define QUERY_NS INT64_C(60000000000)

struct asked_recording {
	char *name;
	struct recording *open;
};

/* The recording of that name, which stays open. */
static int find(struct asked *a, const char *name, struct recording **out, struct err *err)
{
	struct text path = { 0 };
	struct recording *r;
	int rc;

	for (int i = 0; i < a->n; i++)
		if (!strcmp(a->recordings[i].name, name)) {
			*out = a->recordings[i].open;
			return 0;
		}
	rc = lesson_recording(a->room, a->lesson, name, &path, err);
	r = rc ? NULL : recording_to_ask(a->room, path.data, NULL, 0, err);
	text_release(&path);
	if (!r)
		return rc ? rc : err->code;
	a->recordings = mem_grow(a->recordings, (size_t)a->n, &a->cap, sizeof(*a->recordings));
	a->recordings[a->n++] = (struct asked_recording){ mem_strdup(name), r };
	*out = r;
	return 0;
}

/* What a question gave: the value, and how much there was. */
struct answer_of {
	struct text *value;
	int n_rows, n_columns, n_statements;
};

static int begin(void *ctx, const struct rows *rows)
{
	struct answer_of *a = ctx;

	a->n_columns = rows->n_columns;
	a->n_statements++;
	return 0;
}

static int row(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct answer_of *a = ctx;

	(void)rows;
	if (a->n_rows++ > 0)
		return 0;
	switch (cells[0].type) {
	case CELL_NULL:
		text_adds(a->value, "null");
		break;
	case CELL_INT:
		text_addf(a->value, "%lld", (long long)cells[0].i);
		break;
	case CELL_REAL:
		text_add_real(a->value, cells[0].d);
		break;
	case CELL_TEXT:
	case CELL_BLOB:
		text_add(a->value, cells[0].s.data, cells[0].s.len);
		break;
	}
	return 0;
}

int ask_value(struct asked *a, const char *trace, const char *sql, struct text *value,
	      struct err *err)
{
	struct answer_of found = { .value = value };
	struct query q = { .begin = begin,
			   .row = row,
			   .ctx = &found,
			   .interrupted = a->room->interrupted,
			   .max_ns = QUERY_NS };
	struct text full = { 0 };
	struct recording *r = NULL;
	int rc = find(a, trace, &r, err);

	if (!rc)
		rc = lesson_put_paths(a->room, a->lesson, sql, text_add_sql_string, &full, err);
	if (!rc)
		rc = recording_ask(r, full.data ? full.data : "", &q, err);
	text_release(&full);
	if (rc)
		return rc;
	if (found.n_statements != 1 || found.n_rows != 1 || found.n_columns != 1)
		return err_set(err, ERR_USAGE,
			       "it gives %d rows of %d columns instead of one value", found.n_rows,
			       found.n_columns);
	if (!value->data)
		text_adds(value, "");
	return 0;
}

void ask_release(struct asked *a)
{
	for (int i = 0; i < a->n; i++) {
		recording_close(a->recordings[i].open);
		free(a->recordings[i].name);
	}
	free(a->recordings);
	*a = (struct asked){ 0 };
}
