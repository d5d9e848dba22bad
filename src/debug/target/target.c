/* target.c -- what a session and a recording have in common as targets. */
#include "../debug_impl.h"

bool target_is_live(const struct target *t)
{
	return !strcmp(t->class->name, "live");
}

bool target_back_pass(const struct target *t, struct moment *m)
{
	int n;

	if (m->pass < 0)
		return false;
	n = t->class->n_steps(t, m->pass == 0 ? STAGE_TOKENIZER : STAGE_SAMPLER, m->pass - 1);
	if (m->pass == 0 && n == 0)
		return false;
	*m = (struct moment){ m->pass - 1, m->pass == 0 ? 0 : t->program->n_ops, n > 0 ? n - 1 : 0,
			      0 };
	return true;
}

int32_t target_token_id(const struct target *t, const char *bytes, size_t len)
{
	const struct value *logits = &t->program->values[t->program->logits];
	int64_t n = logits->t.n_dims > 0 ? logits->t.shape[logits->t.n_dims - 1] : 0;
	struct text piece = { 0 };
	int32_t found = -1;

	for (int32_t id = 0; id < n && found < 0; id++) {
		text_clear(&piece);
		t->class->piece(t, id, &piece);
		if (piece.len == len && len > 0 && !memcmp(piece.data, bytes, len))
			found = id;
	}
	text_release(&piece);
	return found >= 0 ? found : t->class->token_id(t, bytes, len);
}

struct array *target_read(const struct target *t, const char *name, const char *selection,
			  struct err *err)
{
	struct text whole = { 0 };
	struct array *a;

	text_addf(&whole, "%s%s", name, selection);
	a = t->source.read(t->source.ctx, whole.data, err);
	text_release(&whole);
	return a;
}

void target_deafen(struct target *t, bool is_deaf)
{
	if (t->class->deafen)
		t->class->deafen(t, is_deaf);
}
