/*
 * labels.c -- what stands beside an axis: tokens for positions and for the vocabulary.
 */
#include "torchless/ui_tensor.h"

#include <string.h>

static bool is_axis(const struct array *a, int axis, const char *wanted)
{
	char name[32];

	return axis_name(a->axes, axis, name, sizeof(name)) && !strcmp(name, wanted);
}

/* Line ends and tabs stay: whoever shows the label has a form for them. */
static void add_piece(struct text *t, const char *s, size_t len)
{
	for (const char *end = s + len; s < end;) {
		size_t n = 0;

		while (s + n < end && s[n] != '\n' && s[n] != '\t')
			n++;
		text_add_visible(t, s, n);
		s += n;
		if (s < end)
			text_addc(t, *s++);
	}
}

static const char *label(void *ctx, int axis, int64_t index)
{
	struct ui_token_labels *l = ctx;
	struct text piece = { 0 };
	bool of_vocabulary = is_axis(l->array, axis, "vocab"), quoted = of_vocabulary && l->quoted;
	int64_t id = index;

	if (!of_vocabulary && !axis_counts_positions(l->array->axes, axis) &&
	    !is_axis(l->array, axis, "k"))
		return NULL;
	if (!of_vocabulary)
		id = l->token(l->ctx, index);
	text_clear(&l->text);
	if (id >= 0)
		l->piece(l->ctx, id, &piece);
	text_adds(&l->text, quoted ? "'" : "");
	add_piece(&l->text, piece.data ? piece.data : "", piece.len);
	text_adds(&l->text, quoted ? "'" : "");
	text_release(&piece);
	return l->text.len ? l->text.data : NULL;
}

struct ui_labels ui_token_labels(struct ui_token_labels *l)
{
	return (struct ui_labels){ label, l };
}

void ui_token_labels_release(struct ui_token_labels *l)
{
	text_release(&l->text);
}

bool ui_is_relation(const struct array *a)
{
	size_t n = strlen(a->axes);

	return n >= 3 && !strcmp(a->axes + n - 3, "q,k") && (n == 3 || a->axes[n - 4] == ',');
}
