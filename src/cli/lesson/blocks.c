/*
 * blocks.c -- a text on a terminal, block by block.
 *
 * A block is a flow of words or lines of its own kind; what holds it, quotes and items of lists,
 * stands before each of its lines.
 */
#include "page.h"

#include "torchless/called.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define INDENT 4 /* of code */

/* ---- blocks --------------------------------------------------------------------------------- */

/* Whether block i is what the step right before it prints. */
static bool is_output_of_step(const struct lesson_block *blocks, int i)
{
	char name[64];

	return i > 0 && blocks[i].kind == BLOCK_CODE && blocks[i - 1].kind == BLOCK_CODE &&
	       lesson_info(blocks[i].info, "output", name, sizeof(name)) &&
	       lesson_info(blocks[i - 1].info, "step", name, sizeof(name));
}

/* A blank line before block i, but between items that stand close. */
static void add_gap(struct page *p, int i)
{
	const struct lesson_block *blocks = p->t->blocks;

	while (blocks[i].parent >= 0 && blocks[i].parent == i - 1)
		i = blocks[i].parent;
	if (p->s->out.len == 0 || (blocks[i].kind == BLOCK_ITEM && blocks[i].tight) ||
	    is_output_of_step(blocks, i))
		return;
	if (blocks[i].parent >= 0 && p->begun[blocks[i].parent])
		page_prefix(p, blocks[i].parent);
	while (p->s->out.len && p->s->out.data[p->s->out.len - 1] == ' ')
		p->s->out.data[--p->s->out.len] = '\0';
	text_addc(&p->s->out, '\n');
}

static void add_line_of(struct page *p, const char *sign, int columns)
{
	for (int i = 0; i < columns; i++)
		text_adds(&p->s->out, sign);
}

static void show_heading(struct page *p, const struct lesson_block *b)
{
	struct flow f = { 0 };
	int columns, most = p->s->width > 0 ? p->s->width : SHOW_WIDTH;

	if (b->level > 2)
		flow_add_whole(&f, UI_DIM, b->level == 3 ? "──" : "─", b->level == 3 ? 6 : 3);
	f.space = true;
	page_runs(p, &f, b->runs, UI_BOLD);
	columns = flow_columns(&f);
	flow_write(&f, &p->s->out, p->s->ui, p->s->width, page_begin_line, p);
	if (b->level <= 2) {
		page_begin_line(p, false);
		add_line_of(p, b->level == 1 ? "━" : "─", columns < most ? columns : most);
		text_addc(&p->s->out, '\n');
	}
	flow_release(&f);
}

/* Lines of code, broken at spaces where they are wider than the screen. */
static void add_code(struct page *p, const char *code, int indent, bool commands)
{
	int width =
		p->s->ui->width > 0
			? p->s->ui->width - page_prefix_columns(p, p->t->blocks[p->block].parent)
			: 0;
	bool goes_on = false;
	char quote = 0; /* that is open: its lines stay as they are */

	for (size_t n; *code; code += n + (code[n] == '\n')) {
		struct text line = { 0 };

		n = strcspn(code, "\n");
		page_begin_line(p, false);
		if (n)
			text_addf(&p->s->out, "%*s", indent, "");
		if (commands)
			page_styled(p->s, UI_DIM, *code == '#' ? "" : goes_on ? "> " : "$ ");
		text_add_called_line(&line, code, n);
		if (quote)
			text_add(&p->s->out, line.data, line.len);
		else if ((commands || !strncmp(code, "torchless ", 10)) && line.len &&
			 !(n && code[n - 1] == '\\'))
			ui_add_command(&p->s->out, line.data, line.len, width, indent + 4,
				       indent + 2);
		else if (line.len)
			ui_add_wrapped(&p->s->out, line.data, line.len, width, indent + 2,
				       indent + (commands ? 2 : 0));
		quote = commands ? ui_shell_quote(quote, code, n) : 0;
		goes_on = quote || (n && code[n - 1] == '\\');
		text_addc(&p->s->out, '\n');
		text_release(&line);
	}
}

/* "step see -- torchless lesson run see", above its commands. */
static void show_step(struct page *p, const struct lesson_block *b, const char *name)
{
	struct text line = { 0 }, called = { 0 };
	char buf[8];

	text_addf(&line, "`torchless lesson run %s`%s", name,
		  lesson_info(b->info, "smollm2", buf, sizeof(buf)) ? ", with SmolLM2" : "");
	text_add_called(&called, line.data);
	page_begin_line(p, false);
	page_styled(p->s, UI_DIM, "step ");
	page_styled(p->s, UI_BOLD, name);
	page_styled(p->s, UI_DIM, ": ");
	page_styled(p->s, UI_DIM, called.data);
	text_addc(&p->s->out, '\n');
	add_code(p, b->code, INDENT, true);
	text_release(&line);
	text_release(&called);
}

static void show_code(struct page *p, const struct lesson_block *b)
{
	char name[64];

	if (lesson_info(b->info, "step", name, sizeof(name))) {
		show_step(p, b, name);
	} else if (lesson_info(b->info, "output", name, sizeof(name))) {
		page_begin_line(p, false);
		page_styled(p->s, UI_DIM, "prints");
		text_addc(&p->s->out, '\n');
		add_code(p, b->code, INDENT, false);
	} else {
		add_code(p, b->code, INDENT, !strcmp(b->info, "sh"));
	}
}

/* A cell as it is printed: without styles, code in backquotes. */
static void add_cell(struct page *p, struct ui_table *table, struct lesson_runs runs)
{
	struct text cell = { 0 };

	for (int i = 0; i < runs.n; i++) {
		const struct lesson_run *r = &p->t->runs[runs.from + i];

		text_addf(&cell, r->style & RUN_CODE ? "`%s`" : "%s", r->text);
		if (r->style & RUN_LINK && r->target[0] != '#' && strcmp(r->target, r->text) != 0)
			text_addf(&cell, "[%d]", page_number_link(p->s, r->target));
	}
	ui_table_cell(table, cell.data ? cell.data : "", cell.len);
	text_release(&cell);
}

static void show_table(struct page *p, const struct lesson_block *b)
{
	struct ui ui = *p->s->ui;
	struct ui_table table;
	struct text title = { 0 };
	char *data = NULL, *line, *rest;
	size_t len;

	ui.out = open_memstream(&data, &len);
	if (!ui.out)
		return;
	if (ui.width > 0)
		ui.width -= page_prefix_columns(p, b->parent);
	ui_table_init(&table, "");
	for (int i = 0; i < b->columns; i++) {
		text_clear(&title);
		lesson_text_words(p->t, b->cells[i], &title);
		ui_table_add_column(&table, title.data ? title.data : "", b->align[i] == 'r');
		table.columns[i].wraps = true;
	}
	for (int i = b->columns; i < b->columns * b->rows; i++)
		add_cell(p, &table, b->cells[i]);
	ui_table_print(&table, &ui, UI_TABLE_BOX);
	fclose(ui.out);
	for (line = data; line && *line; line = rest) {
		size_t n = strcspn(line, "\n");

		rest = line + n + (line[n] == '\n');
		page_begin_line(p, false);
		text_add(&p->s->out, line, n);
		text_addc(&p->s->out, '\n');
	}
	free(data);
	text_release(&title);
	ui_table_release(&table);
}

/* ---- pictures ------------------------------------------------------------------------------- */

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The step whose commands write the file. */
static const struct lesson_step *step_making(const struct lesson *l, const char *file)
{
	for (int i = 0; l && i < l->n_steps; i++) {
		const char *at = strstr(l->steps[i].commands, name_of(file));

		if (at && at > l->steps[i].commands && strchr(" '\"/", at[-1]))
			return &l->steps[i];
	}
	return NULL;
}

static bool ends_sentence(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && strchr(".!?", s[len - 1]);
}

static void show_picture(struct page *p, const struct lesson_run *r)
{
	const struct lesson_step *step = step_making(p->s->lesson, r->target);
	struct text line = { 0 }, called = { 0 };
	struct flow f = { 0 };

	if (p->s->picture && p->s->picture(p->s, r, step))
		return;
	flow_add(&f, UI_BOLD, "picture:", 8);
	f.space = true;
	flow_add(&f, UI_PLAIN, r->text, strlen(r->text));
	if (step && !ends_sentence(r->text))
		flow_add(&f, UI_PLAIN, ".", 1);
	if (step)
		text_addf(&line, " `torchless lesson run %s` makes %s.", step->name,
			  name_of(r->target));
	else
		text_addf(&line, " (%s)", r->target);
	text_add_called(&called, line.data);
	flow_add(&f, UI_DIM, called.data, called.len);
	flow_write(&f, &p->s->out, p->s->ui, page_room(p), page_begin_line, p);
	flow_release(&f);
	text_release(&line);
	text_release(&called);
}

static void show_paragraph(struct page *p, const struct lesson_block *b)
{
	const struct lesson_run *r = &p->t->runs[b->runs.from];
	struct flow f = { 0 };

	if (b->runs.n == 1 && (r->style & RUN_IMAGE)) {
		show_picture(p, r);
		return;
	}
	page_runs(p, &f, b->runs, UI_PLAIN);
	flow_write(&f, &p->s->out, p->s->ui, page_room(p), page_begin_line, p);
	flow_release(&f);
}

/* ---- exercises ------------------------------------------------------------------------------ */

bool show_add_patients(const struct exercise *e, struct text *out)
{
	const char *at = section_value(e->conf, "patients");
	int n = 0;

	at = at ? at + strspn(at, " \n") : "";
	if (e->kind != EXERCISE_LOCATE || !at[strcspn(at, " \n")])
		return false;
	for (size_t len; *at; at += len + strspn(at + len, " \n")) {
		len = strcspn(at, " \n");
		text_addf(out, "%s%.*s=KEY", n++ ? " " : "", (int)len, at);
	}
	return true;
}

bool show_has_place(const struct exercise *e)
{
	const char *place = section_value(e->conf, "place");

	return !place || strcmp(place, "no") != 0;
}

/* How an exercise is answered: what stands behind `torchless lesson`, and what it is for. */
static void add_how(const struct exercise *e, struct text *out)
{
	const char *choices = section_value(e->conf, "choices");
	bool locate = e->kind == EXERCISE_LOCATE;
	struct text patients = { 0 };

	if (e->file) {
		text_addf(out, "Edit `%s/%s`, then `torchless lesson check %s`.", e->lesson->dir,
			  e->file, e->id);
	} else if (e->kind == EXERCISE_MILESTONE) {
		text_addf(out, "Check it: `torchless lesson check %s`.", e->id);
	} else {
		text_addf(out, "Answer it: `torchless lesson answer %s %s`%s%s.", e->id,
			  show_add_patients(e, &patients) ? patients.data
			  : locate  ? show_has_place(e) ? "'PLACE KEY'" : "KEY"
			  : choices ? "CHOICE"
				    : "VALUE",
			  choices ? locate ? ", KEY one of: " : ", CHOICE one of: " : "",
			  choices ? choices : "");
	}
	text_addf(out, " Stuck? `torchless lesson hint %s`.", e->id);
	text_release(&patients);
}

/* The part of an exercise ends here. */
static void end_exercise(struct page *p)
{
	struct text how = { 0 }, called = { 0 };

	if (!p->exercise)
		return;
	add_how(p->exercise, &how);
	text_add_called(&called, how.data);
	text_addc(&p->s->out, '\n');
	page_styled(p->s, UI_BOLD, ui_sign(p->s->ui, "▶ ", "> "));
	ui_add_wrapped(&p->s->out, called.data, called.len, p->s->width, 2, 2);
	text_addc(&p->s->out, '\n');
	p->exercise = NULL;
	text_release(&how);
	text_release(&called);
}

/* "Exercise ID: title" begins the part of an exercise. */
static const struct exercise *exercise_of(const struct page *p, const struct lesson_block *b)
{
	const struct lesson *l = p->s->lesson;
	const struct exercise *found = NULL;
	struct text words = { 0 };
	size_t n;

	lesson_text_words(p->t, b->runs, &words);
	if (words.data && !strncmp(words.data, "Exercise ", 9)) {
		n = strcspn(words.data + 9, ":");
		for (int i = 0; l && i < l->n_exercises; i++)
			if (strlen(l->exercises[i].id) == n &&
			    !memcmp(l->exercises[i].id, words.data + 9, n))
				found = &l->exercises[i];
	}
	text_release(&words);
	return found;
}

/* ---- a text --------------------------------------------------------------------------------- */

static void show_block(struct page *p, const struct lesson_block *b)
{
	switch (b->kind) {
	case BLOCK_HEADING:
		show_heading(p, b);
		break;
	case BLOCK_PARAGRAPH:
		show_paragraph(p, b);
		break;
	case BLOCK_CODE:
		show_code(p, b);
		break;
	case BLOCK_TABLE:
		show_table(p, b);
		break;
	case BLOCK_RULE:
		page_begin_line(p, false);
		add_line_of(p, "─", p->s->width > 0 ? page_room(p) : SHOW_WIDTH);
		text_addc(&p->s->out, '\n');
		break;
	case BLOCK_QUOTE:
	case BLOCK_ITEM:
		break;
	}
}

/* The targets that were numbered; a paragraph each, so that a long one stays whole. */
static void show_links(struct show *s)
{
	const char *at = s->links.data ? s->links.data : "";

	if (s->n_links)
		text_addc(&s->out, '\n');
	for (int i = 1; i <= s->n_links; i++) {
		size_t n = strcspn(at, "\n");
		char number[16];

		snprintf(number, sizeof(number), "[%d] ", i);
		page_styled(s, UI_DIM, number);
		text_add_visible(&s->out, at, n);
		text_addc(&s->out, '\n');
		at += n + 1;
	}
	text_clear(&s->links);
	s->n_links = 0;
}

/* The blocks that lead to an exercise: from the heading behind the exercise before it on. */
static void find_passage(const struct page *p, int *from, int *end)
{
	bool in_exercise = false;

	*from = 0;
	for (*end = 0; *end < p->t->n_blocks; ++*end) {
		const struct lesson_block *b = &p->t->blocks[*end];
		const struct exercise *e = b->kind == BLOCK_HEADING ? exercise_of(p, b) : NULL;

		if (e == p->s->to && e)
			break;
		if (b->kind == BLOCK_HEADING && in_exercise)
			*from = *end;
		if (b->kind == BLOCK_HEADING)
			in_exercise = e != NULL;
	}
	if (in_exercise)
		*from = *end;
}

void show_text(struct show *s, const char *markdown, size_t len)
{
	struct lesson_text t;
	struct page p = { .s = s, .t = &t };
	int from = 0, end;

	lesson_text_read(&t, markdown, len);
	end = t.n_blocks;
	if (s->to)
		find_passage(&p, &from, &end);
	p.begun = mem_calloc((size_t)t.n_blocks + 1, sizeof(*p.begun));
	for (int i = from; i < end; i++) {
		const struct lesson_block *b = &t.blocks[i];
		bool holds = b->kind == BLOCK_QUOTE || b->kind == BLOCK_ITEM;

		if (holds && i + 1 < t.n_blocks && t.blocks[i + 1].parent == i)
			continue;
		if (b->kind == BLOCK_HEADING)
			end_exercise(&p);
		p.block = i;
		add_gap(&p, i);
		if (holds) { /* and is empty */
			page_prefix(&p, i);
			text_addc(&s->out, '\n');
		}
		show_block(&p, b);
		if (b->kind == BLOCK_HEADING)
			p.exercise = exercise_of(&p, b);
	}
	end_exercise(&p);
	show_links(s);
	free(p.begun);
	lesson_text_release(&t);
}

void show_release(struct show *s)
{
	text_release(&s->out);
	text_release(&s->links);
}
