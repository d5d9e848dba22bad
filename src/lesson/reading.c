/*
 * reading.c -- a lesson as its files have it: lesson.md and hints.md, beside checks.conf.
 *
 * The text says in which order exercises come and what they ask, checks.conf how they are checked;
 * each must know the other's, so that neither can be forgotten.
 */
#include "reading.h"
#include "conf.h"
#include "fence.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- Markdown ------------------------------------------------------------------------------ */

/* A walk over lines that knows what stands inside a fence. */
struct lines {
	const char *at, *end;        /* what is left */
	const char *line, *line_end; /* the line that was read, without its end */
	int number;
	int fence; /* signs of the open fence; 0: none */
	char sign;
	const char *info; /* behind the signs, where it began */
	bool is_fence_line;
	int fence_line; /* where it began */
};

static size_t count_of(const char *s, const char *end, char c)
{
	size_t n = 0;

	while (s + n < end && s[n] == c)
		n++;
	return n;
}

static bool next_line(struct lines *w)
{
	const char *newline;
	size_t len;
	int indent, n;

	if (w->at >= w->end)
		return false;
	newline = memchr(w->at, '\n', (size_t)(w->end - w->at));
	w->line = w->at;
	w->line_end = newline ? newline : w->end;
	w->at = newline ? newline + 1 : w->end;
	w->number++;
	len = (size_t)(w->line_end - w->line);
	n = fence_begins(w->line, len, &indent);
	w->is_fence_line =
		w->fence ? fence_ends(w->line, len, w->sign, w->fence) : n > 0 && indent < 4;
	if (w->is_fence_line && !w->fence) {
		w->sign = w->line[indent];
		w->info = w->line + indent + n;
		w->fence_line = w->number;
	}
	if (w->is_fence_line)
		w->fence = w->fence ? 0 : n;
	return true;
}

/* The level of the heading in this line, 0: it is none. */
static int heading_level(const struct lines *w)
{
	size_t n = w->fence || w->is_fence_line ? 0 : count_of(w->line, w->line_end, '#');

	return n > 0 && n <= 6 && w->line + n < w->line_end && w->line[n] == ' ' ? (int)n : 0;
}

static struct lines lines_of(const struct course_file *file)
{
	return (struct lines){ .at = file->data, .end = file->data + file->size };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t';
}

static char *trimmed(const char *s, const char *end)
{
	while (s < end && is_blank(*s))
		s++;
	while (end > s && is_blank(end[-1]))
		end--;
	return mem_memdup(s, (size_t)(end - s));
}

static struct exercise *find_exercise(const struct lesson *l, const char *id)
{
	for (int i = 0; i < l->n_exercises; i++)
		if (!strcmp(l->exercises[i].id, id))
			return &l->exercises[i];
	return NULL;
}

/* ---- lesson.md ----------------------------------------------------------------------------- */

#define EXERCISE_HEADING "### Exercise "

/* Put the exercise of a heading where the text has it, among those that were read already. */
static int place_exercise(const struct reader *r, const struct lines *w, int *n, char **owned_title)
{
	struct lesson *l = r->l;
	const char *id = w->line + sizeof(EXERCISE_HEADING) - 1;
	const char *colon = memchr(id, ':', (size_t)(w->line_end - id));
	struct exercise *e, moved;
	char *name;

	if (!colon)
		return reader_fail(r, w->number, "%s",
				   "the heading is written ### Exercise ID: title");
	name = trimmed(id, colon);
	e = find_exercise(l, name);
	if (!e || e < l->exercises + *n) {
		reader_fail(r, w->number,
			    e ? "the exercise %s stands above already"
			      : "checks.conf has no exercise [%s]",
			    name);
		free(name);
		return r->err->code;
	}
	free(name);
	moved = *e;
	memmove(l->exercises + *n + 1, l->exercises + *n,
		(size_t)(e - (l->exercises + *n)) * sizeof(*e));
	l->exercises[(*n)++] = moved;
	*owned_title = trimmed(colon + 1, w->line_end);
	return 0;
}

/* The words behind "```sh": step=NAME and smollm2; *s is NULL when there is no step. */
static int begin_step(struct reader *r, const struct lines *w, size_t *cap, struct lesson_step **s)
{
	static const char is_step[] = "step=";
	struct lesson *l = r->l;
	char *info = mem_memdup(w->info, (size_t)(w->line_end - w->info));
	char *name = NULL, *word;
	bool needs_smollm2 = false;
	size_t at = 0;
	int code = 0;

	*s = NULL;
	for (int i = 0; (word = conf_word(info, &at)) != NULL; i++) {
		needs_smollm2 |= !strcmp(word, "smollm2");
		if (!strncmp(word, is_step, sizeof(is_step) - 1) && !name)
			name = mem_strdup(word + sizeof(is_step) - 1);
		free(word);
	}
	if (name && !reader_is_id(name))
		code = reader_fail(r, w->number,
				   "the name \"%s\" is not of small letters, digits and -", name);
	else if (name && lesson_step(l, name))
		code = reader_fail(r, w->number, "the step %s stands above already", name);
	if (name && !code) {
		l->steps = mem_grow(l->steps, (size_t)l->n_steps, cap, sizeof(*l->steps));
		*s = &l->steps[l->n_steps++];
		**s = (struct lesson_step){ .name = name, .needs_smollm2 = needs_smollm2 };
	} else {
		free(name);
	}
	free(info);
	return code;
}

/* What stands open while lesson.md is read. */
struct open_parts {
	struct exercise *exercise;
	struct lesson_step *step;
	const char *question, *commands; /* where those begin */
	int n_exercises;
	size_t cap_steps;
};

static void end_question(struct open_parts *o, const char *to)
{
	if (o->exercise)
		o->exercise->question = trimmed(o->question, to);
	o->exercise = NULL;
}

static int read_heading(const struct reader *r, const struct lines *w, struct open_parts *o)
{
	char *title = NULL;

	end_question(o, w->line);
	if (strncmp(w->line, EXERCISE_HEADING, sizeof(EXERCISE_HEADING) - 1) != 0)
		return 0;
	if (place_exercise(r, w, &o->n_exercises, &title))
		return r->err->code;
	o->exercise = &r->l->exercises[o->n_exercises - 1];
	o->exercise->heading = title;
	o->exercise->title = o->exercise->title ? o->exercise->title : title;
	o->question = w->at;
	return 0;
}

static int read_fence(struct reader *r, const struct lines *w, struct open_parts *o)
{
	if (w->fence) {
		o->commands = w->at;
		return begin_step(r, w, &o->cap_steps, &o->step);
	}
	if (o->step)
		o->step->commands = trimmed(o->commands, w->line);
	o->step = NULL;
	return 0;
}

static int read_text(struct reader *r)
{
	struct lesson *l = r->l;
	struct open_parts o = { 0 };
	struct lines w;
	int n;

	r->file = reader_file(r, "lesson.md");
	if (!r->file)
		return err_set(r->err, ERR_FORMAT, "%s%s has no lesson.md", r->from->where, l->dir);
	l->text = r->file;
	for (w = lines_of(r->file); next_line(&w);)
		if (heading_level(&w) ? read_heading(r, &w, &o)
				      : w.is_fence_line && read_fence(r, &w, &o))
			return r->err->code;
	end_question(&o, r->file->data + r->file->size);
	n = o.n_exercises;
	if (w.fence)
		return reader_fail(r, w.fence_line, "%s", "the fenced block is not closed");
	if (n < l->n_exercises)
		return err_set(r->err, ERR_FORMAT,
			       "%s%s/checks.conf:%d: lesson.md has no heading ### Exercise %s: …",
			       r->from->where, l->dir, l->exercises[n].conf->line,
			       l->exercises[n].id);
	return 0;
}

/* ---- hints.md ------------------------------------------------------------------------------ */

/* Whether the line begins hint number n + 1 of three: "2. ". */
static bool begins_hint(const struct lines *w, int n)
{
	return n < 3 && w->line + 2 < w->line_end && w->line[0] == '1' + n && w->line[1] == '.' &&
	       w->line[2] == ' ';
}

struct hints {
	struct exercise *e;
	int n, line;
	const char *from; /* of the hint that is read */
};

static void end_hint(struct hints *h, const char *to)
{
	if (h->e && h->n > 0 && !h->e->hints[h->n - 1])
		h->e->hints[h->n - 1] = trimmed(h->from, to);
}

static int end_hints(const struct reader *r, struct hints *h, const char *to)
{
	end_hint(h, to);
	if (h->e && h->n != 3)
		return reader_fail(r, h->line, "%s has not three hints, numbered 1. 2. 3.",
				   h->e->id);
	*h = (struct hints){ 0 };
	return 0;
}

static int begin_hints(const struct reader *r, struct hints *h, const struct lines *w)
{
	char *id = trimmed(w->line + 3, w->line_end);

	h->e = find_exercise(r->l, id);
	h->line = w->number;
	if (!h->e)
		reader_fail(r, w->number, "checks.conf has no exercise [%s]", id);
	else if (h->e->hints[0])
		reader_fail(r, w->number, "the hints of %s stand above already", id);
	free(id);
	return h->e && !h->e->hints[0] ? 0 : r->err->code;
}

/* An exercise may be without: `lesson dev check` asks for them. */
static int read_hints(struct reader *r)
{
	struct hints h = { 0 };
	struct lines w;

	r->file = reader_file(r, "hints.md");
	if (!r->file)
		return 0;
	for (w = lines_of(r->file); next_line(&w);) {
		if (heading_level(&w)) {
			if (end_hints(r, &h, w.line) ||
			    (heading_level(&w) == 2 && begin_hints(r, &h, &w)))
				return r->err->code;
		} else if (h.e && !w.fence && begins_hint(&w, h.n)) {
			end_hint(&h, w.line);
			h.from = w.line + 3;
			h.n++;
		}
	}
	return end_hints(r, &h, r->file->data + r->file->size);
}

/* ---- the lesson ---------------------------------------------------------------------------- */

int lesson_read(const struct reading *from, const char *dir, struct lesson *l, struct err *err)
{
	struct reader r = { .from = from, .l = l, .err = err };

	*l = (struct lesson){ .dir = mem_strdup(dir),
			      .number = mem_memdup(dir, 2),
			      .id = mem_strdup(dir + 3) };
	if (reader_checks(&r) || read_text(&r) || read_hints(&r))
		return err->code;
	for (int i = 0; i < l->n_exercises; i++)
		l->exercises[i].hash = reader_hash(&r, &l->exercises[i]);
	return 0;
}

void lesson_release(struct lesson *l)
{
	for (int i = 0; i < l->n_exercises; i++) {
		struct exercise *e = &l->exercises[i];

		free(e->heading);
		free(e->question);
		free((void *)e->file);
		for (int k = 0; k < 3; k++)
			free(e->hints[k]);
	}
	for (int i = 0; i < l->n_steps; i++) {
		free(l->steps[i].name);
		free(l->steps[i].commands);
	}
	free(l->exercises);
	free(l->steps);
	free(l->traces);
	conf_release(l->sections, l->n_sections);
	free(l->dir);
	free(l->number);
	free(l->id);
	*l = (struct lesson){ 0 };
}

const struct lesson_step *lesson_step(const struct lesson *l, const char *name)
{
	for (int i = 0; i < l->n_steps; i++)
		if (!strcmp(l->steps[i].name, name))
			return &l->steps[i];
	return NULL;
}

const struct course_trace *lesson_trace(const struct lesson *l, const char *name)
{
	for (int i = 0; i < l->n_traces; i++)
		if (!strcmp(l->traces[i].name, name))
			return &l->traces[i];
	return NULL;
}
