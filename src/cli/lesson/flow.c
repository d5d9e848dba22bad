/*
 * flow.c -- words of several styles in lines that are broken between them.
 */
#include "show.h"

#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

static void add_word(struct flow *f, enum ui_style style, const char *s, size_t len)
{
	f->word = mem_grow(f->word, (size_t)f->n, &f->cap, sizeof(*f->word));
	f->word[f->n++] = (struct flow_word){
		.from = f->words.len,
		.len = len,
		.columns = utf8_width(s, len),
		.style = style,
	};
	f->word[f->n - 1].glued = f->n > 1 && !f->space && !f->word[f->n - 2].ends_line;
	text_add(&f->words, s, len);
	f->space = false;
}

void flow_add(struct flow *f, enum ui_style style, const char *s, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		const char *space = memchr(s + i, ' ', len - i);

		n = space ? (size_t)(space - (s + i)) : len - i;
		if (n)
			add_word(f, style, s + i, n);
		if (space) {
			f->space = true;
			n++;
		}
	}
}

void flow_add_whole(struct flow *f, enum ui_style style, const char *s, size_t len)
{
	if (len)
		add_word(f, style, s, len);
}

void flow_end_line(struct flow *f)
{
	if (f->n)
		f->word[f->n - 1].ends_line = true;
}

/* The words from `i` on that no line end may part, and their columns. */
static int together(const struct flow *f, int i, int *columns)
{
	int n = 0;

	*columns = 0;
	do
		*columns += f->word[i + n++].columns;
	while (i + n < f->n && f->word[i + n].glued);
	return n;
}

int flow_columns(const struct flow *f)
{
	int columns = 0;

	for (int i = 0; i < f->n; i++)
		columns += f->word[i].columns + (i > 0 && !f->word[i].glued);
	return columns;
}

void flow_write(struct flow *f, struct text *out, const struct ui *ui, int width,
		void (*begin)(void *ctx, bool first), void *ctx)
{
	int at = 0, columns, n;
	bool started = false;

	for (int i = 0; i < f->n; i += n) {
		n = together(f, i, &columns);
		if (started &&
		    ((width > 0 && at + 1 + columns > width) || f->word[i - 1].ends_line)) {
			text_addc(out, '\n');
			at = 0;
		} else if (started) {
			text_addc(out, ' ');
			at++;
		}
		if (at == 0)
			begin(ctx, !started);
		started = true;
		for (int k = i; k < i + n; k++)
			ui_add_styled(out, ui, f->word[k].style, f->words.data + f->word[k].from,
				      f->word[k].len);
		at += columns;
	}
	if (started)
		text_addc(out, '\n');
	text_clear(&f->words);
	f->n = 0;
	f->space = false;
}

void flow_release(struct flow *f)
{
	text_release(&f->words);
	free(f->word);
	*f = (struct flow){ 0 };
}
