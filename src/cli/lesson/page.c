/*
 * page.c -- what stands before a line, and the words of a block: commands by the name that works,
 * links by a number or by the command that shows where they lead.
 */
#include "page.h"

#include "torchless/called.h"
#include "torchless/utf8.h"

#include <string.h>

void page_styled(struct show *s, enum ui_style style, const char *text)
{
	ui_add_styled(&s->out, s->ui, style, text, strlen(text));
}

static int marker_columns(const struct lesson_block *b)
{
	return b->marker < 0 ? 2 : b->marker < 10 ? 3 : 4;
}

int page_prefix(struct page *p, int i)
{
	struct lesson_block *b;
	int columns;

	if (i < 0)
		return 0;
	b = &p->t->blocks[i];
	columns = page_prefix(p, b->parent);
	if (b->kind == BLOCK_QUOTE) {
		p->begun[i] = true;
		page_styled(p->s, UI_DIM, "│ ");
		return columns + 2;
	}
	if (b->kind != BLOCK_ITEM)
		return columns;
	if (p->begun[i])
		text_addf(&p->s->out, "%*s", marker_columns(b), "");
	else if (b->marker < 0)
		text_addf(&p->s->out, "%s ", ui_sign(p->s->ui, "•", "-"));
	else
		text_addf(&p->s->out, "%*d. ", marker_columns(b) - 2, b->marker);
	p->begun[i] = true;
	return columns + marker_columns(b);
}

int page_prefix_columns(const struct page *p, int i)
{
	int columns = 0;

	for (; i >= 0; i = p->t->blocks[i].parent) {
		const struct lesson_block *b = &p->t->blocks[i];

		columns += b->kind == BLOCK_QUOTE  ? 2
			   : b->kind == BLOCK_ITEM ? marker_columns(b)
						   : 0;
	}
	return columns;
}

void page_begin_line(void *ctx, bool first)
{
	struct page *p = ctx;

	(void)first;
	page_prefix(p, p->t->blocks[p->block].parent);
}

int page_room(const struct page *p)
{
	int columns = p->s->width - page_prefix_columns(p, p->t->blocks[p->block].parent);

	return p->s->width <= 0 ? 0 : columns < 10 ? 10 : columns;
}

/* ---- words ---------------------------------------------------------------------------------- */

/* A command is typed by the name that the program was called by. */
static void add_code_span(struct page *p, struct flow *f, const struct lesson_run *r)
{
	struct text code = { 0 }, shown = { 0 };
	size_t len = strlen(r->text);
	/* A colour shows no space at an end: ` box`. */
	bool bare = p->s->ui->color && len > 0 && r->text[0] != ' ' && r->text[len - 1] != ' ';

	text_add_called_line(&code, r->text, len);
	text_addf(&shown, bare ? "%s" : "`%s`", code.data ? code.data : "");
	if (p->s->width > 0 && utf8_width(shown.data, shown.len) > page_room(p))
		flow_add(f, UI_CODE, shown.data, shown.len);
	else
		flow_add_whole(f, UI_CODE, shown.data, shown.len);
	text_release(&code);
	text_release(&shown);
}

int page_number_link(struct show *s, const char *target)
{
	const char *at = s->links.data ? s->links.data : "";
	size_t len = strlen(target);

	for (int i = 1; i <= s->n_links; i++) {
		size_t n = strcspn(at, "\n");

		if (n == len && !memcmp(at, target, n))
			return i;
		at += n + 1;
	}
	text_addf(&s->links, "%s\n", target);
	return ++s->n_links;
}

/* The lesson whose text the target is. */
static const struct lesson *linked_lesson(const struct show *s, const char *target)
{
	char name[64];
	size_t n;

	while (!strncmp(target, "../", 3))
		target += 3;
	n = strcspn(target, "/");
	if (!s->course || n >= sizeof(name) || strncmp(target + n, "/lesson.md", 10) != 0)
		return NULL;
	memcpy(name, target, n);
	name[n] = '\0';
	return course_lesson(s->course, name);
}

/* What follows the words of a link: a number, or the command that shows it. */
static void end_link(struct page *p, struct flow *f, const struct lesson_run *r)
{
	const struct lesson *other = linked_lesson(p->s, r->target);
	struct text said = { 0 };

	if (other) {
		text_addf(&said, "(`torchless lesson show %s`)", other->number);
		f->space = true;
	} else if (r->target[0] != '#' && strcmp(r->target, r->text) != 0) {
		text_addf(&said, "[%d]", page_number_link(p->s, r->target));
	}
	if (other) {
		struct text called = { 0 };

		text_add_called(&called, said.data);
		flow_add(f, UI_DIM, called.data, called.len);
		text_release(&called);
	} else if (said.len) {
		flow_add_whole(f, UI_DIM, said.data, said.len);
	}
	text_release(&said);
}

static enum ui_style style_of(unsigned bits, enum ui_style otherwise)
{
	if (bits & RUN_STRONG)
		return UI_BOLD;
	if (bits & RUN_EMPHASIS)
		return UI_ITALIC;
	return otherwise;
}

/* Without colour what is emphasised, most of it a quotation, stands between stars as in the file.
 */
static void add_star(const struct page *p, struct flow *f, const struct lesson_run *r,
		     const struct lesson_run *neighbour)
{
	if (!p->s->ui->color && (r->style & RUN_EMPHASIS) &&
	    !(neighbour && (neighbour->style & RUN_EMPHASIS)))
		flow_add(f, UI_PLAIN, "*", 1);
}

void page_runs(struct page *p, struct flow *f, struct lesson_runs runs, enum ui_style style)
{
	for (int i = 0; i < runs.n; i++) {
		const struct lesson_run *r = &p->t->runs[runs.from + i];
		const struct lesson_run *next = i + 1 < runs.n ? r + 1 : NULL;

		add_star(p, f, r, i ? r - 1 : NULL);
		if (r->style & RUN_BREAK)
			flow_end_line(f);
		else if (r->style & RUN_IMAGE)
			flow_add(f, UI_DIM, r->text, strlen(r->text));
		else if (r->style & RUN_CODE)
			add_code_span(p, f, r);
		else
			flow_add(f, style_of(r->style, style), r->text, strlen(r->text));
		add_star(p, f, r, next);
		if ((r->style & RUN_LINK) &&
		    !(next && (next->style & RUN_LINK) && !strcmp(next->target, r->target)))
			end_link(p, f, r);
	}
}
