/*
 * attribution.c -- what the logit of the answer is made of: the first token that was picked, or
 * what would be.
 */
#include "report_impl.h"

#include "torchless/readout.h"

#include <math.h>

struct question {
	int64_t pos, pass, token;
	double logit; /* as the run computed it; NAN: it does not say */
	bool is_known;
};

/* ---- what is asked ------------------------------------------------------------------------- */

static int take_question(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct question *q = ctx;

	(void)rows;
	if (!cell_in(&cells[0], 0, INT64_MAX) || !cell_in(&cells[1], 0, INT64_MAX) ||
	    !cell_in(&cells[2], 0, INT32_MAX))
		return 0;
	*q = (struct question){ cells[0].i, cells[1].i, cells[2].i, cell_real(&cells[3]), true };
	return 1;
}

/*
 * The last position of the prompt that was read, and the token that followed; where none did, the
 * likeliest.
 */
static int find_question(struct report_writer *w, struct question *q, struct err *err)
{
	return report_ask(
		w,
		"WITH at(run, pos) AS (SELECT r.id, coalesce("
		"(SELECT min(pos) - 1 FROM token t WHERE t.run_id = r.id "
		"AND t.source IN ('generated', 'forced')), "
		"(SELECT max(pos0 + n_tok) - 1 FROM pass p WHERE p.run_id = r.id "
		"AND p.idx IS NOT NULL)) FROM run r WHERE r.id = %lld), "
		"picked(token) AS (SELECT coalesce("
		"(SELECT token_id FROM token t, at WHERE t.run_id = at.run AND t.pos = at.pos + 1), "
		"(SELECT token_id FROM cand c, at WHERE c.run_id = at.run AND c.pos = at.pos "
		"AND c.rank = 0))) "
		"SELECT at.pos, p.idx, picked.token, (SELECT logit FROM cand c WHERE "
		"c.run_id = at.run AND c.pos = at.pos AND c.token_id = picked.token) "
		"FROM at, picked JOIN pass p ON p.run_id = at.run AND p.idx IS NOT NULL "
		"AND p.pos0 <= at.pos AND at.pos - p.pos0 < p.n_tok ORDER BY p.idx DESC",
		take_question, q, err);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static const char *const kind_names[] = {
	[ATTRIBUTION_EMBEDDING] = "embedding",
	[ATTRIBUTION_HEAD] = "head",
	[ATTRIBUTION_MODULE] = "module",
	[ATTRIBUTION_EDIT] = "edit",
};

static void write_parts(struct report_writer *w, const struct attribution *a)
{
	struct text *out = w->out;

	json_add_key(out, "parts");
	text_addc(out, '[');
	for (int i = 0; i < a->n_parts; i++) {
		const struct attribution_part *p = &a->parts[i];

		json_add_key(out, NULL);
		text_addc(out, '{');
		json_add_string(out, "kind", kind_names[p->kind]);
		json_add_key(out, "layer");
		text_addf(out, p->layer < 0 ? "null" : "%d", p->layer);
		json_add_key(out, "head");
		text_addf(out, p->head < 0 ? "null" : "%d", p->head);
		json_add_string(out, "name", w->outline.program.values[p->value].name);
		json_add_real(out, "logit", p->logit);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

static void write_answer(struct report_writer *w, const struct question *q,
			 const struct attribution *a)
{
	struct text *out = w->out;
	double logit = isnan(q->logit) ? a->logit : q->logit;

	text_addc(out, '{');
	json_add_int(out, "pos", q->pos);
	json_add_int(out, "pass", q->pass);
	json_add_int(out, "token", q->token);
	json_add_real(out, "logit", logit);
	json_add_real(out, "rms", a->rms);
	json_add_real(out, "rest", a->rest + logit - a->logit);
	write_parts(w, a);
	json_add_string(out, "missing", NULL);
	text_addc(out, '}');
}

static bool is_over(void *ctx)
{
	const struct report_writer *w = ctx;

	return w->o->interrupted && *w->o->interrupted;
}

static int attribute(struct report_writer *w, const struct question *q, struct attribution *a,
		     struct err *err)
{
	const struct inspect_options *o = w->of->inspect;
	struct recording_pass pass = { .program = &w->outline.program,
				       .run = w->run,
				       .pass = q->pass };
	struct array_watch watch = { is_over, w };
	struct readout r = {
		.program = pass.program, .kernels = o->kernels, .pool = o->pool, .watch = &watch
	};
	int ret;

	pass.tensors = recording_tensors_new(w->of->rec, o);
	r.source = recording_pass_source(&pass);
	ret = readout_attribute(&r, (int32_t)q->token, -1, q->pos, a, err);
	recording_tensors_free(pass.tensors);
	return ret;
}

static void say_missing(struct report_writer *w, const char *why)
{
	text_addc(w->out, '{');
	json_add_string(w->out, "missing", why);
	text_addc(w->out, '}');
}

int report_add_attribution(struct report_writer *w, struct err *err)
{
	struct attribution a = { 0 };
	struct question q = { 0 };
	struct err why = { 0 };
	int r = find_question(w, &q, err);

	if (r)
		return r;
	if (!w->has_outline)
		say_missing(w, w->no_outline);
	else if (!q.is_known)
		say_missing(w, "no position was read after which there is a token");
	else if (w->changes_weights)
		say_missing(w, "a weight was changed in this run, and the changed one is not kept");
	else if (!(r = attribute(w, &q, &a, &why)))
		write_answer(w, &q, &a);
	else if (report_interrupted(w, err) || r == ERR_MEMORY || r == ERR_IO)
		return err->code ? err->code : err_set(err, r, "%s", why.message);
	else if (r == ERR_USAGE && !w->needs_model)
		say_missing(w, "its parts were not recorded: record with --capture report");
	else
		say_missing(w, why.message);
	/* Without the model nobody knows whether the recording would be enough. */
	w->is_captured = w->is_captured && (!r || w->needs_model);
	attribution_release(&a);
	return 0;
}
