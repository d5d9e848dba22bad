/*
 * compute.c -- whether a lesson is true: its marks computed, its steps run, its pictures made.
 *
 * All of it happens in the order of the text, since a step may write what a later one reads.
 */
#include "text_impl.h"

#include "torchless/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A place of the file that has to become another. */
struct edit {
	size_t at, len;
	char *with;
};

struct computing {
	const struct classroom *room;
	const struct lesson *lesson;
	const char *dir;
	bool write;
	struct lesson_findings *found;
	struct lesson_text text;
	struct scratch scratch;
	struct asked asked;
	struct scratch_run last; /* of the step that ran last, and its name */
	char step[64];
	bool step_ran;
	struct edit *edits;
	int n_edits;
	size_t cap_edits;
};

static void add_edit(struct computing *c, size_t at, size_t len, const char *with)
{
	c->edits = mem_grow(c->edits, (size_t)c->n_edits, &c->cap_edits, sizeof(*c->edits));
	c->edits[c->n_edits++] = (struct edit){ at, len, mem_strdup(with) };
}

static void add_finding(struct computing *c, int line, const char *before, const char *says)
{
	finding(c->found, c->lesson->text->path, line, "%s%s", before, says);
}

/* The first line of what a command complained of. */
static int complaint_len(const struct text *said)
{
	return said->data ? (int)strcspn(said->data, "\n") : 0;
}

/* ---- marks ---------------------------------------------------------------------------------- */

static bool is_left_out(const struct computing *c, const struct lesson_mark *m)
{
	const struct course_trace *t = lesson_trace(c->lesson, m->trace);
	const char *on = t ? section_value(t->conf, "on") : NULL;

	return m->is_command ? !scratch_can_run(c->room, m->what)
			     : on && !strcmp(on, "smollm2") && !c->room->smollm2;
}

/* What `<!--$ torchless … -->` prints, without spaces around it. */
static int run_mark(struct computing *c, const struct lesson_mark *m, struct text *value,
		    struct err *err)
{
	struct scratch_run run = { 0 };
	int rc = scratch_run(&c->scratch, m->what, &run, err);
	const char *s = run.out.data ? run.out.data : "";
	size_t n;

	if (!rc && run.status)
		rc = err_set(err, ERR_USAGE, "it ends with status %d: %.*s", run.status,
			     complaint_len(&run.said), run.said.data ? run.said.data : "");
	while (isspace((unsigned char)*s))
		s++;
	for (n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]);)
		n--;
	text_add(value, s, n);
	scratch_run_release(&run);
	return rc;
}

static int check_mark(struct computing *c, const struct lesson_mark *m, struct err *err)
{
	struct text value = { 0 }, want = { 0 }, shown = { 0 };
	struct err wrong = { 0 };
	int rc;

	if (is_left_out(c, m)) {
		c->found->n_left_out++;
		return 0;
	}
	c->found->n_marks++;
	text_add(&shown, c->lesson->text->data + m->at, m->len);
	rc = m->is_command ? run_mark(c, m, &value, &wrong)
			   : ask_value(&c->asked, m->trace, m->what, &value, &wrong);
	if (rc == ERR_INTERRUPTED) {
		*err = wrong;
	} else if (rc) {
		finding(c->found, c->lesson->text->path, m->line,
			"the mark %s cannot be computed: %s", m->what, wrong.message);
		rc = 0;
	} else if (!shown.len) {
		add_finding(c, m->line, "nothing stands directly before the mark ", m->what);
	} else if (!said_is(shown.data, value.data, &want)) {
		finding(c->found, c->lesson->text->path, m->line,
			"want %s (%s), the text says %s: %s", want.data, value.data, shown.data,
			m->what);
		add_edit(c, m->at, m->len, want.data);
	}
	text_release(&value);
	text_release(&want);
	text_release(&shown);
	return rc;
}

/* ---- steps and what they print -------------------------------------------------------------- */

static int run_step(struct computing *c, const struct lesson_block *b, struct err *err)
{
	char word[64];
	bool smollm2 = lesson_info(b->info, "smollm2", word, sizeof(word)) != NULL;
	int want = lesson_info(b->info, "exit", word, sizeof(word)) ? atoi(word) : 0, rc;
	struct err wrong = { 0 };

	scratch_run_release(&c->last);
	c->last = (struct scratch_run){ 0 };
	c->step_ran = (!smollm2 || c->room->smollm2) && scratch_can_run(c->room, b->code);
	if (!c->step_ran) {
		c->found->n_left_out++;
		return 0;
	}
	c->found->n_steps++;
	rc = scratch_run(&c->scratch, b->code, &c->last, &wrong);
	if (rc == ERR_INTERRUPTED) {
		*err = wrong;
		return rc;
	}
	if (rc) {
		finding(c->found, c->lesson->text->path, b->line, "step %s: %s", c->step,
			wrong.message);
		c->step_ran = false;
	} else if (c->last.status != want) {
		finding(c->found, c->lesson->text->path, b->line,
			"step %s ends with status %d, want %d: %.*s", c->step, c->last.status, want,
			complaint_len(&c->last.said), c->last.said.data ? c->last.said.data : "");
	}
	return 0;
}

/* Where line i of the file begins. */
static size_t place_of(const char *data, int line)
{
	size_t at = 0;

	for (int i = 1; i < line && data[at]; i++) {
		at += strcspn(data + at, "\n");
		at += data[at] == '\n';
	}
	return at;
}

static void check_output(struct computing *c, const struct lesson_block *b, const char *name)
{
	const char *printed = c->last.out.data ? c->last.out.data : "", *shown, *got;
	struct text renewed = { 0 };
	size_t shown_len, got_len;
	int at;

	if (strcmp(name, c->step) != 0) {
		finding(c->found, c->lesson->text->path, b->line,
			"output=%s does not stand below the step of that name", name);
		return;
	}
	if (!c->step_ran)
		return;
	c->found->n_outputs++;
	at = transcript_differs(b->code, printed);
	if (at < 0)
		return;
	shown = transcript_line(b->code, at, &shown_len);
	got = transcript_line(printed, at, &got_len);
	finding(c->found, c->lesson->text->path, b->line + 1 + at,
		"step %s prints other lines: want \"%.*s\", the text says \"%.*s\"", name,
		(int)got_len, got, (int)shown_len, shown);
	if (transcript_renew(b->code, printed, &renewed) && b->parent < 0)
		add_edit(c, place_of(c->lesson->text->data, b->line + 1), strlen(b->code),
			 renewed.data ? renewed.data : "");
	text_release(&renewed);
}

static int check_code(struct computing *c, const struct lesson_block *b, struct err *err)
{
	char name[64];

	if (lesson_info(b->info, "step", name, sizeof(name))) {
		memcpy(c->step, name, sizeof(name));
		return run_step(c, b, err);
	}
	if (lesson_info(b->info, "output", name, sizeof(name)))
		check_output(c, b, name);
	return 0;
}

/* ---- pictures ------------------------------------------------------------------------------- */

static void check_picture(struct computing *c, const struct lesson_run *r)
{
	struct text made_at = { 0 }, kept_at = { 0 }, made = { 0 }, kept = { 0 };
	struct err wrong = { 0 };
	bool is_kept;

	text_addf(&made_at, "%s/%s/%s", c->scratch.path.data, c->lesson->dir, r->target);
	text_addf(&kept_at, "%s/%s/%s", c->dir, c->lesson->dir, r->target);
	is_kept = !text_read_file(&kept, kept_at.data, 64u << 20, &wrong) && kept.len > 0;
	if (text_read_file(&made, made_at.data, 64u << 20, &wrong) || !made.len) {
		finding(c->found, c->lesson->text->path, r->line, "no step makes the picture %s",
			r->target);
	} else {
		c->found->n_pictures++;
		if (is_kept && pictures_alike(&made, &kept)) {
			/* As it was. */
		} else if (!c->write) {
			finding(c->found, c->lesson->text->path, r->line,
				is_kept ? "the picture %s is not what its step makes now"
					: "the picture %s is not kept beside lesson.md",
				r->target);
		} else if (text_write_file(kept_at.data, made.data, made.len, &wrong)) {
			add_finding(c, r->line, "", wrong.message);
		} else {
			c->found->n_written++;
		}
	}
	text_release(&made_at);
	text_release(&kept_at);
	text_release(&made);
	text_release(&kept);
}

static void check_pictures(struct computing *c)
{
	for (int i = 0; i < c->text.n_runs; i++) {
		const struct lesson_run *r = &c->text.runs[i];

		if ((r->style & RUN_IMAGE) && !strchr(r->target, ':') && !strchr(r->target, '/'))
			check_picture(c, r);
	}
}

/* ---- all ------------------------------------------------------------------------------------ */

static int by_place(const void *a, const void *b)
{
	size_t x = ((const struct edit *)a)->at, y = ((const struct edit *)b)->at;

	return x < y ? -1 : x > y;
}

static void write_edits(struct computing *c)
{
	const struct course_file *file = c->lesson->text;
	struct text path = { 0 }, all = { 0 };
	struct err wrong = { 0 };
	size_t at = 0;

	if (c->n_edits)
		qsort(c->edits, (size_t)c->n_edits, sizeof(*c->edits), by_place);
	for (int i = 0; i < c->n_edits; i++) {
		text_add(&all, file->data + at, c->edits[i].at - at);
		text_adds(&all, c->edits[i].with);
		at = c->edits[i].at + c->edits[i].len;
	}
	text_add(&all, file->data + at, file->size - at);
	text_addf(&path, "%s/%s", c->dir, file->path);
	if (text_write_file(path.data, all.data, all.len, &wrong))
		add_finding(c, 0, "", wrong.message);
	else
		c->found->n_written += c->n_edits;
	text_release(&path);
	text_release(&all);
}

static int check_all(struct computing *c, struct err *err)
{
	int rc = 0, mark = 0;

	for (int i = 0; i <= c->text.n_blocks && !rc; i++) {
		int line = i < c->text.n_blocks ? c->text.blocks[i].line : INT32_MAX;

		while (mark < c->text.n_marks && c->text.marks[mark].line < line && !rc)
			rc = check_mark(c, &c->text.marks[mark++], err);
		if (!rc && i < c->text.n_blocks && c->text.blocks[i].kind == BLOCK_CODE)
			rc = check_code(c, &c->text.blocks[i], err);
	}
	return rc;
}

int lesson_compute(const struct classroom *room, const struct lesson *l, const char *dir,
		   bool write, struct lesson_findings *found, struct err *err)
{
	struct computing c = { .room = room,
			       .lesson = l,
			       .dir = dir,
			       .write = write,
			       .found = found,
			       .asked = { .room = room, .lesson = l } };
	int rc;

	lesson_text_read(&c.text, l->text->data, l->text->size);
	rc = scratch_open(&c.scratch, room, l, err);
	if (!rc)
		rc = check_all(&c, err);
	if (!rc && dir)
		check_pictures(&c);
	if (!rc && write && dir && c.n_edits)
		write_edits(&c);
	for (int i = 0; i < c.n_edits; i++)
		free(c.edits[i].with);
	free(c.edits);
	scratch_run_release(&c.last);
	ask_release(&c.asked);
	scratch_close(&c.scratch);
	lesson_text_release(&c.text);
	return rc;
}
