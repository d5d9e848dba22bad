/*
 * outline.c -- the program that a recording was made of.
 */
#include "torchless/outline.h"
#include "torchless/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int take_run(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct recording_run *run = ctx;

	(void)rows;
	if (run->config || cells[0].type != CELL_INT || cells[1].type != CELL_INT ||
	    cells[0].i < 1 || cells[1].i < 1)
		return 0;
	*run = (struct recording_run){ .id = cells[0].i,
				       .model_id = cells[1].i,
				       .weights = DTYPE_BF16 };
	if (cells[4].type == CELL_INT && cells[4].i >= 0 && cells[4].i < DTYPE_COUNT)
		run->weights = (enum dtype)cells[4].i;
	snprintf(run->status, sizeof(run->status), "%.*s", (int)cells[2].s.len,
		 cells[2].s.data ? cells[2].s.data : "");
	snprintf(run->name, sizeof(run->name), "%.*s", (int)cells[5].s.len,
		 cells[5].s.data ? cells[5].s.data : "");
	run->is_whole = !strcmp(run->status, "ok");
	run->config = mem_memdup(cells[3].s.data ? cells[3].s.data : "", cells[3].s.len);
	return 0;
}

int recording_find_run(struct recording *rec, const char *path, int64_t run,
		       struct recording_run *found, struct err *err)
{
	struct query q = { .row = take_run, .ctx = found };
	struct text sql = { 0 };
	int r;

	*found = (struct recording_run){ 0 };
	text_addf(&sql, "SELECT r.id, r.model_id, r.status, m.config, r.dtype_weight, m.name "
			"FROM run r JOIN model m ON m.id = r.model_id WHERE r.id = ");
	if (run)
		text_addf(&sql, "%lld", (long long)run);
	else
		text_addf(&sql, "(SELECT max(id) FROM run)");
	r = recording_ask(rec, sql.data, &q, err);
	text_release(&sql);
	if (!r && found->config)
		return 0;
	free(found->config);
	found->config = NULL;
	if (r)
		return r;
	if (run)
		return err_set(err, ERR_USAGE, "%s has no run %lld", path, (long long)run);
	return err_set(err, ERR_USAGE, "%s holds no run", path);
}

int recording_outline(const char *path, const struct recording_run *run, struct model *m,
		      struct err *err)
{
	struct text what = { 0 };
	int r;

	text_addf(&what, "%s: the config of its model", path);
	r = model_outline_as(m, run->config, run->weights, what.data, err);
	text_release(&what);
	return r;
}
