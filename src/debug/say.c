/* say.c -- what a command says, on its way to the front end. */
#include "debug_impl.h"

#include "torchless/utf8.h"

#include <stdarg.h>

/* The length of a colour, ESC [ 1 ; 31 m, at s; 0: something else. */
static size_t color_length(const char *s)
{
	size_t n = s[0] == '\x1b' && s[1] == '[' ? 2 + strspn(s + 2, "0123456789;") : 0;

	return n > 0 && s[n] == 'm' ? n + 1 : 0;
}

/* Whatever a string came from: lines stay, and colours where there are any; the rest is escaped. */
static void add_shown(struct debugger *d, const char *s)
{
	bool has_colors = d->opt.ui && d->opt.ui->color;

	while (*s) {
		size_t n = strcspn(s, "\n\t\x1b"), stays = s[n] == '\n' || s[n] == '\t';

		text_add_visible(&d->out, s, n);
		s += n;
		if (*s == '\x1b' && has_colors)
			stays = color_length(s);
		text_add(&d->out, s, stays);
		s += stays;
		if (*s == '\x1b' && !stays)
			text_add_visible(&d->out, s++, 1);
	}
}

void say(struct debugger *d, const char *fmt, ...)
{
	struct text t = { 0 };
	va_list args;

	va_start(args, fmt);
	text_addvf(&t, fmt, args);
	va_end(args);
	add_shown(d, t.data ? t.data : "");
	text_release(&t);
}

void say_styled(struct debugger *d, enum ui_style style, const char *fmt, ...)
{
	struct text t = { 0 };
	va_list args;

	va_start(args, fmt);
	text_addvf(&t, fmt, args);
	va_end(args);
	ui_add_styled(&d->out, d->opt.ui, style, t.data ? t.data : "", t.len);
	text_release(&t);
}

void say_table(struct debugger *d, struct ui_table *t)
{
	struct ui ui = *d->opt.ui;
	char *data = NULL;
	size_t len = 0;

	ui.out = open_memstream(&data, &len);
	if (!ui.out)
		return;
	ui_table_print(t, &ui, UI_TABLE_LINES);
	fclose(ui.out);
	text_add(&d->out, data, len);
	free(data);
}

int say_width(const struct debugger *d)
{
	return d->opt.ui && d->opt.ui->width > 0 ? d->opt.ui->width : 80;
}

void say_entry(struct debugger *d, const char *name, const char *doc)
{
	const int indent = 22;
	int at = utf8_width(name, strlen(name));

	say_styled(d, UI_BOLD, "%s", name);
	if (at > indent - 2) {
		say(d, "\n");
		at = 0;
	}
	say_wrapped(d, doc, indent, at);
}

void say_wrapped(struct debugger *d, const char *text, int indent, int at)
{
	int width = say_width(d) - 1;
	struct text t = { 0 };

	width = width < indent + 20 ? indent + 20 : width;
	while (*text) {
		size_t len = strcspn(text, "\n");

		text_addf(&t, "%*s", at < indent ? indent - at : 0, "");
		ui_add_wrapped(&t, text, len, width, indent, at < indent ? indent : at);
		text += len;
		if (*text == '\n') {
			text_addc(&t, '\n');
			text++;
		}
		at = 0;
	}
	text_addc(&t, '\n');
	add_shown(d, t.data);
	text_release(&t);
}

/* ---- lines that are wider than the screen ---------------------------------------------------- */

#define CONTINUED 4 /* columns that the rest of a line stands in */

/* A screen that has a width breaks lines between words, so that none is broken within one. */
static void fold_lines(struct text *t, int width)
{
	struct text folded = { 0 };

	ui_add_wrapped(&folded, t->data, t->len, width, CONTINUED, 0);
	text_release(t);
	*t = folded;
}

void say_flush(struct debugger *d)
{
	if (d->out.len > 0 && d->opt.ui && d->opt.ui->width > 0)
		fold_lines(&d->out, d->opt.ui->width);
	if (d->out.len > 0 && d->opt.write)
		d->opt.write(d->opt.ctx, d->out.data, d->out.len);
	text_clear(&d->out);
}

bool say_ask(struct debugger *d, const char *question)
{
	say_flush(d);
	return d->is_script || !d->settings.confirm || !d->opt.ask ||
	       d->opt.ask(d->opt.ctx, question);
}
