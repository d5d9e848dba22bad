/*
 * recorded.c -- a recording as a target.
 *
 * Nothing runs: forward and back are moves of a pointer over the moments that the recorded run had,
 * which are those that a live session would pass, and the stopper is asked at the same ones.
 */
#include "recorded.h"

static struct recorded *recorded_of(const struct target *t)
{
	return (struct recorded *)t;
}

/* ---- moments of the run -------------------------------------------------------------------- */

static int n_sampler_steps(const struct recorded *r, int pass)
{
	return r->run.passes[pass].sampler.n;
}

/* Ops of a pass that are recorded. */
static int n_ops_of(const struct recorded *r, int pass)
{
	return pass == r->run.n_passes - 1 ? r->run.n_last : r->target.program->n_ops;
}

/* Where the recorded run ended, or broke off. */
static struct moment end_of_run(const struct recorded *r)
{
	const struct program *p = r->target.program;
	int last = r->run.n_passes - 1, op = n_ops_of(r, last);

	return (struct moment){ last, op, op == p->n_ops ? n_sampler_steps(r, last) : 0,
				op_depth_max(p, op) };
}

static bool is_end(const struct recorded *r, const struct moment *m)
{
	struct moment end = end_of_run(r);

	return m->pass == end.pass && m->op == end.op && m->step == end.step;
}

static struct moment at_op(const struct recorded *r, int pass, int op)
{
	return (struct moment){ pass, op, 0, op_depth_min(r->target.program, op) };
}

/* The moment after `m`, which is not the end. */
static struct moment next(const struct recorded *r, const struct moment *m)
{
	if (m->pass < 0 && m->step + 1 < r->run.tokenizer.n)
		return (struct moment){ -1, 0, m->step + 1, 0 };
	if (m->pass < 0)
		return at_op(r, 0, 0);
	if (m->op < r->target.program->n_ops)
		return at_op(r, m->pass, m->op + 1);
	if (m->step + 1 < n_sampler_steps(r, m->pass) || m->pass == r->run.n_passes - 1)
		return (struct moment){ m->pass, m->op, m->step + 1, 0 };
	return at_op(r, m->pass + 1, 0);
}

static bool wants(const struct stopper *s, const struct moment *m)
{
	if (m->pass < 0)
		return s->tokenizer;
	return m->step > 0 ? s->sampler : s->ops[m->op] != 0;
}

/* ---- going --------------------------------------------------------------------------------- */

static void stand(struct recorded *r, struct moment m)
{
	r->target.now = r->at = m;
	r->target.has_begun = true;
	r->target.has_ended = is_end(r, &m);
}

static int recorded_run(struct target *t, const struct stopper *s, struct err *err)
{
	struct recorded *r = recorded_of(t);
	bool is_departure = t->has_begun;
	struct moment m = t->now;
	int result = TARGET_ENDED;

	t->has_begun = true;
	if (m.pass < 0 && r->run.tokenizer.n == 0)
		m = at_op(r, 0, 0);
	for (; !is_end(r, &m); m = next(r, &m), is_departure = false) {
		struct moment asked = m;

		r->at = m;
		if (r->opt.interrupted && *r->opt.interrupted)
			result = TARGET_INTERRUPTED;
		else if (!is_departure && wants(s, &m))
			result = s->ask(s->ctx, &asked, err);
		m = result > 0 ? asked : m;
		if (result)
			break;
	}
	stand(r, m);
	return result;
}

static int refuse(const struct recorded *r, const struct moment *to, struct err *err)
{
	struct moment end = end_of_run(r);
	char at[48];

	if (to->pass > end.pass)
		return err_set(err, ERR_USAGE, "the recording ends with pass %d", end.pass);
	return err_set(err, ERR_USAGE, "the recording ends at %s",
		       moment_format(&end, at, sizeof(at)));
}

static int recorded_go(struct target *t, const struct moment *to, struct err *err)
{
	struct recorded *r = recorded_of(t);
	const struct program *p = t->program;
	struct moment end = end_of_run(r), m = *to;

	end.depth = op_depth_max(p, end.op);
	if (m.pass < 0 && m.step >= r->run.tokenizer.n)
		m = m.step ? at_op(r, 0, 0) : (struct moment){ -1, 0, 0, 0 };
	if (m.pass >= 0 && m.op == p->n_ops && m.pass < end.pass &&
	    m.step >= n_sampler_steps(r, m.pass) && m.step > 0)
		m = at_op(r, m.pass + 1, 0);
	if (m.op < 0 || m.op > p->n_ops)
		return err_set(err, ERR_USAGE,
			       "there is no op %d in pass %d: passes count from 0, ops to %d", m.op,
			       m.pass, p->n_ops);
	if (m.pass > end.pass || (m.pass == end.pass && m.op > end.op))
		return refuse(r, &m, err);
	if (m.pass == end.pass && m.op == end.op && m.step > end.step)
		m = end;
	stand(r, m);
	return 0;
}

static int recorded_restart(struct target *t, struct err *err)
{
	struct recorded *r = recorded_of(t);

	(void)err;
	stand(r, (struct moment){ -1, 0, 0, 0 });
	t->has_begun = false;
	return 0;
}

static int recorded_cost(const struct target *t, const struct moment *to)
{
	(void)t;
	(void)to;
	return 0;
}

/* ---- facts --------------------------------------------------------------------------------- */

static bool recorded_pass(const struct target *t, int pass, struct pass_info *info)
{
	const struct recorded *r = recorded_of(t);
	const struct recorded_pass *p;

	if (pass < 0 || pass >= r->run.n_passes)
		return false;
	p = &r->run.passes[pass];
	*info = (struct pass_info){ p->pos0, p->T, p->is_prefill, p->sampler.n > 0 };
	return true;
}

static int recorded_n_steps(const struct target *t, enum stage stage, int pass)
{
	const struct recorded *r = recorded_of(t);

	if (stage == STAGE_TOKENIZER)
		return r->run.tokenizer.n;
	return pass >= 0 && pass < r->run.n_passes ? n_sampler_steps(r, pass) : 0;
}

/* Before its first step the sampler has not picked. */
static bool recorded_step(const struct target *t, enum stage stage, int pass, int i,
			  struct stage_step *step)
{
	const struct recorded *r = recorded_of(t);
	const struct recorded_steps *steps = &r->run.tokenizer;

	if (stage == STAGE_SAMPLER) {
		if (pass < 0 || pass >= r->run.n_passes || pass > r->at.pass ||
		    (pass == r->at.pass && r->at.step == 0))
			return false;
		steps = &r->run.passes[pass].sampler;
	}
	if (i < 0 || i >= steps->n)
		return false;
	*step = steps->steps[i];
	return true;
}

static int64_t recorded_tokens(const struct target *t, const int32_t **ids, int64_t *n_prompt)
{
	const struct recorded *r = recorded_of(t);
	const struct recorded_pass *p = r->at.pass >= 0 ? &r->run.passes[r->at.pass] : NULL;
	int64_t n = p && p->pos0 + p->T > r->run.n_prompt ? p->pos0 + p->T : r->run.n_prompt;

	*ids = r->run.ids;
	*n_prompt = r->run.n_prompt;
	if (p && r->at.step > 0 && r->at.step >= p->sampler.n && n < r->run.n_tokens)
		n++;
	return n;
}

static int compare_pieces(const void *a, const void *b)
{
	int32_t x = ((const struct recorded_piece *)a)->id,
		y = ((const struct recorded_piece *)b)->id;

	return x < y ? -1 : x > y;
}

/* Of a token whose text the recording does not hold there is the number. */
static void recorded_piece(const struct target *t, int32_t id, struct text *out)
{
	const struct recorded_run *run = &recorded_of(t)->run;
	const struct recorded_piece key = { .id = id };
	const struct recorded_piece *found =
		run->n_pieces ? bsearch(&key, run->pieces, (size_t)run->n_pieces, sizeof(key),
					compare_pieces)
			      : NULL;

	if (found)
		text_add(out, found->bytes.data ? found->bytes.data : "", found->bytes.len);
	else
		text_addf(out, "<%d>", (int)id);
}

static int32_t recorded_token_id(const struct target *t, const char *bytes, size_t len)
{
	const struct recorded_run *run = &recorded_of(t)->run;

	for (int i = 0; i < run->n_pieces; i++) {
		const struct text *b = &run->pieces[i].bytes;

		if (b->len == len && (!len || !memcmp(b->data, bytes, len)))
			return run->pieces[i].id;
	}
	return -1;
}

/* What the pass that is there has of a value; NULL when nothing is known. */
static const struct recorded_value *value_of(const struct recorded *r, value_id v)
{
	struct err ignored = { 0 };

	if (v < 0 || v >= r->target.program->n_values || r->at.pass < 0 ||
	    !recorded_is_computed(r, v) ||
	    recorded_load_values((struct recorded *)r, r->at.pass, &ignored))
		return NULL;
	return r->values[v].id ? &r->values[v] : NULL;
}

static bool recorded_has(const struct target *t, value_id v)
{
	const struct recorded *r = recorded_of(t);
	const struct recorded_value *value = value_of(r, v);

	if (t->program->values[v].storage == STORAGE_INPUT)
		return r->at.pass >= 0;
	return value && value->has_dump;
}

static bool recorded_stats(const struct target *t, value_id v, struct stats *stats)
{
	const struct recorded_value *value = value_of(recorded_of(t), v);

	if (!value)
		return false;
	*stats = value->stats;
	return true;
}

/* ---- runs ---------------------------------------------------------------------------------- */

struct recording *recorded_recording(struct target *t)
{
	return recorded_of(t)->rec;
}

int64_t recorded_run_id(const struct target *t)
{
	return recorded_of(t)->run.id;
}

int recorded_use_run(struct target *t, int64_t run, struct err *err)
{
	struct recorded *r = recorded_of(t);

	if (recorded_load(r, run, err))
		return err->code;
	t->n_passes = r->run.n_passes;
	return recorded_restart(t, err);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void recorded_free(struct target *t)
{
	struct recorded *r = recorded_of(t);

	recorded_run_release(&r->run);
	recording_tensors_free(r->tensors);
	recording_close(r->rec);
	if (r->has_model)
		model_close(&r->model);
	free(r->points);
	free(r->values);
	free(r);
}

static const struct target_class recorded_class = {
	.name = "recorded",
	.restart = recorded_restart,
	.run = recorded_run,
	.go = recorded_go,
	.cost = recorded_cost,
	.pass = recorded_pass,
	.n_steps = recorded_n_steps,
	.step = recorded_step,
	.tokens = recorded_tokens,
	.piece = recorded_piece,
	.token_id = recorded_token_id,
	.stats = recorded_stats,
	.free = recorded_free,
};

struct target *recorded_new(const struct debugger_options *o, struct err *err)
{
	const struct recording_limits limits = { .interrupted = o->interrupted, .warn = o->warn };
	const struct inspect_options inspect = { .model = o->recording_model };
	struct recorded *r = mem_calloc(1, sizeof(*r));

	r->opt = *o;
	r->values_pass = -1;
	r->at = r->target.now = (struct moment){ -1, 0, 0, 0 };
	r->target.class = &recorded_class;
	r->target.has = recorded_has;
	r->target.program = &r->model.program;
	r->rec = recording_open_within(o->recording, &limits, err);
	if (r->rec)
		r->tensors = recording_tensors_new(r->rec, &inspect);
	if (!r->rec || recorded_load(r, 0, err)) {
		recorded_free(&r->target);
		return NULL;
	}
	r->target.n_passes = r->run.n_passes;
	r->target.source = recorded_source(r);
	return &r->target;
}
