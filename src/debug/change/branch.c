/*
 * branch.c -- what was before: baselines and branches.
 *
 * A branch is what one can change about a generation: its edits and its forced tokens.  With them
 * the session gives its bits again, so nothing else is kept.  A baseline is the other way round:
 * the numbers themselves, of one moment, to be compared with later ones.
 */
#include "change.h"

#include "../look/look.h"

static struct session *session_of(struct debugger *d)
{
	return &live_recorder(d->target)->generation.session;
}

/* ---- baselines ----------------------------------------------------------------------------- */

#define BASELINE_MAX_BYTES ((int64_t)1 << 31)

static bool is_compared(const struct debugger *d, value_id v)
{
	const struct value *value = &d->program->values[v];

	return value->point && d->target->has(d->target, v) && value->storage != STORAGE_VIEW;
}

int baseline_take(struct debugger *d, const char *name, struct baseline *b, struct err *err)
{
	const struct program *p = d->program;
	int64_t bytes = 0;

	*b = (struct baseline){ .at = d->target->now };
	b->values = mem_calloc((size_t)p->n_values, sizeof(struct array *));
	for (int v = 0; v < p->n_values; v++) {
		struct array *a;

		if (!is_compared(d, v))
			continue;
		a = look_interrupted(d, err)
			    ? NULL
			    : d->target->source.read(d->target->source.ctx, p->values[v].name, err);
		if (!a) {
			baseline_release(b, p->n_values);
			return err->code;
		}
		b->values[v] = a;
		bytes += a->numel * (int64_t)sizeof(float);
		if (bytes > BASELINE_MAX_BYTES) {
			baseline_release(b, p->n_values);
			return err_set(
				err, ERR_MEMORY,
				"the values of this pass are too many to keep: a shorter prompt "
				"has fewer");
		}
	}
	b->name = mem_strdup(name);
	return 0;
}

void baseline_release(struct baseline *b, int n_values)
{
	for (int v = 0; b->values && v < n_values; v++)
		array_release(b->values[v]);
	free(b->values);
	free(b->name);
	*b = (struct baseline){ 0 };
}

int baseline_without_edits(struct debugger *d, struct baseline *b, struct err *err)
{
	const struct moment was = d->target->now;
	struct branch now, none = { 0 };
	struct err late = { 0 };
	int r;

	branch_take(d, "now", &now);
	if (now.n_edits == 0 && now.n_forced == 0) { /* what is there is what there would be */
		branch_release(&now);
		return baseline_take(d, "without edits", b, err);
	}
	r = branch_apply(d, &none, &was, err);
	if (r == 0)
		r = baseline_take(d, "without edits", b, err);
	target_deafen(d->target, true);
	if (branch_apply(d, &now, &was, &late) && r == 0) {
		baseline_release(b, d->program->n_values);
		*err = late;
		r = late.code;
	}
	target_deafen(d->target, false);
	branch_release(&now);
	return r;
}

/* ---- branches ------------------------------------------------------------------------------ */

static struct edit copy_edit(const struct edit *e)
{
	struct edit copy = *e;

	if (e->kind == EDIT_REPLACE) {
		float *data = mem_calloc((size_t)e->n_data + 1, sizeof(*data));

		memcpy(data, e->data, (size_t)e->n_data * sizeof(*data));
		copy.data = data;
	}
	copy.source = e->source ? mem_strdup(e->source) : NULL;
	copy.made = NULL;
	hooked_ref(e);
	return copy;
}

static void *copy_of(const void *data, size_t n, size_t size)
{
	void *copy = mem_calloc(n + 1, size);

	if (n > 0)
		memcpy(copy, data, n * size);
	return copy;
}

void branch_take(struct debugger *d, const char *name, struct branch *b)
{
	const struct session *s = session_of(d);

	*b = (struct branch){ .name = mem_strdup(name), .at = d->target->now };
	b->n_edits = s->executor.n_edits;
	b->edits = mem_calloc((size_t)b->n_edits + 1, sizeof(*b->edits));
	for (int i = 0; i < b->n_edits; i++)
		b->edits[i] = copy_edit(&s->executor.edits[i]);
	b->n_forced = s->n_forced;
	b->forced = copy_of(s->forced, (size_t)s->n_forced, sizeof(*s->forced));
	b->n_tokens = s->n_tokens;
	b->n_prompt = s->n_prompt;
	b->tokens = copy_of(s->tokens, (size_t)s->n_tokens, sizeof(*s->tokens));
}

void branch_release(struct branch *b)
{
	for (int i = 0; i < b->n_edits; i++) {
		if (b->edits[i].release)
			b->edits[i].release(b->edits[i].ctx);
		free((float *)b->edits[i].data);
		free((char *)b->edits[i].source);
	}
	free(b->edits);
	free(b->forced);
	free(b->tokens);
	free(b->name);
	*b = (struct branch){ 0 };
}

static int set_forced(struct session *s, const struct branch *b, struct err *err)
{
	while (s->n_forced > 0)
		if (session_force_at(s, s->forced[0].pos, -1, err))
			return err->code;
	for (int i = 0; i < b->n_forced; i++)
		if (session_force_at(s, b->forced[i].pos, b->forced[i].id, err))
			return err->code;
	return 0;
}

int branch_apply(struct debugger *d, const struct branch *b, const struct moment *at,
		 struct err *err)
{
	struct session *s = session_of(d);
	struct moment start = { 0, 0, 0, 0 };
	bool has_passes = at->pass >= 0;

	if (has_passes && session_rewind(s, 0, err))
		return err->code;
	executor_clear_edits(&s->executor);
	breakpoints_forget(d, &start);
	if (set_forced(s, b, err))
		return err->code;
	for (int i = 0; i < b->n_edits; i++) {
		int id = session_add_edit(s, &b->edits[i], err);

		if (id < 0)
			return id;
		hooked_ref(&b->edits[i]);
	}
	return d->target->class->go(d->target, at, err);
}
