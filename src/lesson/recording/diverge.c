/*
 * diverge.c -- the first value of two recordings that differs by more than rounding.
 */
#include "diverge.h"

#include "kept.h"

#include <stdio.h>

#define MAX_NS 10000000000 /* of all that is asked of a pair */

static void copy(char *to, size_t size, const struct sheet_cell *c)
{
	snprintf(to, size, "%s", c->type == CELL_TEXT ? c->s : "");
}

/* The first of a run, or d as it is. */
static int compare_run(const struct classroom *room, struct recording *rec, const char *patient,
		       const char *healthy, int64_t run, struct divergence *d, struct err *err)
{
	struct text sql = { 0 }, twin = { 0 };
	struct sheet s = { 0 };
	int result;

	text_addf(&twin, "%s[run=%lld]", healthy, (long long)run);
	text_adds(&sql, "SELECT pass, fqn, place, problem, element_a, element_b FROM trace_diff(");
	text_add_sql_string(&sql, twin.data);
	text_addf(&sql, ", %lld) WHERE within = 0 LIMIT 1", (long long)run);
	result = sheet_ask_kept(room, rec, patient, sql.data, &s, err);
	if (result == 0 && s.n_rows) {
		d->is_there = true;
		d->run = run;
		d->pass = sheet_cell(&s, 0, 0)->i;
		copy(d->fqn, sizeof(d->fqn), sheet_cell(&s, 0, 1));
		copy(d->place, sizeof(d->place), sheet_cell(&s, 0, 2));
		copy(d->problem, sizeof(d->problem), sheet_cell(&s, 0, 3));
		d->healthy = sheet_cell(&s, 0, 4)->d;
		d->patient = sheet_cell(&s, 0, 5)->d;
	}
	sheet_release(&s);
	text_release(&sql);
	text_release(&twin);
	return result;
}

int recordings_diverge(const struct classroom *room, const char *healthy, const char *patient,
		       struct divergence *d, struct err *err)
{
	struct recording *rec = recording_to_ask(room, patient, NULL, MAX_NS, err);
	struct sheet runs = { 0 };
	int result;

	*d = (struct divergence){ 0 };
	if (!rec)
		return err->code;
	result = sheet_ask(rec, "SELECT id FROM run ORDER BY id", &runs, err);
	for (int64_t i = 0; i < runs.n_rows && result == 0 && !d->is_there; i++)
		result = compare_run(room, rec, patient, healthy, sheet_cell(&runs, i, 0)->i, d,
				     err);
	sheet_release(&runs);
	recording_close(rec);
	return result;
}
