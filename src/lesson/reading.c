/*
 * reading.c -- a lesson as its files have it: checks.conf, lesson.md and hints.md.
 *
 * The text says in which order exercises come and what they ask, checks.conf how they are checked;
 * each must know the other's, so that neither can be forgotten.
 */
#include "reading.h"
#include "conf.h"
#include "keys.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct reader {
	const struct reading *from;
	struct lesson *l;
	const struct course_file *file; /* that is read */
	int line;
	struct err *err;
};

static int fail(const struct reader *r, int line, const char *fmt, const char *what)
{
	struct text sentence = { 0 };
	int code;

	text_addf(&sentence, fmt, what);
	code = err_set(r->err, ERR_FORMAT, "%s%s:%d: %s", r->from->where, r->file->path, line,
		       sentence.data);
	text_release(&sentence);
	return code;
}

static const struct course_file *file_of(const struct reader *r, const char *name)
{
	struct text path = { 0 };
	const struct course_file *file;

	text_addf(&path, "%s/%s", r->l->dir, name);
	file = course_file(r->from->course, path.data);
	text_release(&path);
	return file;
}

/* ---- checks.conf --------------------------------------------------------------------------- */

static const char *const kinds[EXERCISE_KINDS] = {
	[EXERCISE_PREDICT] = "predict",
	[EXERCISE_VALUE] = "value",
	[EXERCISE_SQL] = "sql",
	[EXERCISE_KERNEL] = "kernel",
	[EXERCISE_LOCATE] = "locate",
	[EXERCISE_BENCH] = "bench",
	[EXERCISE_MILESTONE] = "milestone",
};

static int read_kind(const struct reader *r, const struct course_section *s,
		     enum exercise_kind *kind)
{
	const char *name = section_value(s, "kind");

	for (int i = 0; name && i < EXERCISE_KINDS; i++)
		if (!strcmp(kinds[i], name)) {
			*kind = (enum exercise_kind)i;
			return 0;
		}
	if (!name)
		return fail(r, s->line, "[%s] has no kind", s->name);
	return fail(
		r, conf_line(s, "kind"),
		"there is no kind \"%s\": predict, value, sql, kernel, locate, bench or milestone",
		name);
}

static bool is_id(const char *s)
{
	return *s && *s != '-' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static int check_keys(const struct reader *r, const struct course_section *s,
		      const char *const *allowed)
{
	for (int i = 0; i < s->n; i++)
		if (!key_is_allowed(s->entries[i].key, allowed))
			return fail(r, s->entries[i].line, "nothing is called \"%s\" here",
				    s->entries[i].key);
	return 0;
}

/* The file that a learner edits. */
static int read_file_name(const struct reader *r, struct exercise *e)
{
	const char *name = section_value(e->conf, "file");
	struct text path = { 0 };

	if (e->kind == EXERCISE_SQL) {
		text_addf(&path, "%s.sql", e->id);
		e->file = path.data;
		return 0;
	}
	if (!name && e->kind == EXERCISE_KERNEL)
		return fail(r, e->conf->line, "[%s] has no file", e->id);
	if (!name)
		return 0;
	if (strchr(name, '/') || !file_of(r, name))
		return fail(r, conf_line(e->conf, "file"), "there is no %s beside this file", name);
	e->file = mem_strdup(name);
	return 0;
}

static int read_exercise(const struct reader *r, const struct course_section *s, struct exercise *e)
{
	const char *hardest = section_value(s, "hardest");

	*e = (struct exercise){ .lesson = r->l, .id = s->name, .conf = s };
	if (!is_id(s->name))
		return fail(r, s->line, "the id \"%s\" is not of small letters, digits and -",
			    s->name);
	if (read_kind(r, s, &e->kind) || check_keys(r, s, keys_of_exercise(e->kind)))
		return r->err->code;
	if (hardest && strcmp(hardest, "yes") != 0)
		return fail(r, conf_line(s, "hardest"), "hardest is \"yes\", not \"%s\"", hardest);
	e->title = section_value(s, "title");
	e->is_hardest = hardest != NULL;
	e->is_blocking = e->kind != EXERCISE_BENCH;
	return read_file_name(r, e);
}

static int read_head(const struct reader *r)
{
	const struct course_section *head = &r->l->sections[0];
	const char *minutes = section_value(head, "minutes");

	if (check_keys(r, head, keys_of_lesson))
		return r->err->code;
	r->l->title = section_value(head, "title");
	if (!r->l->title || !*r->l->title)
		return fail(r, 1, "%s has no title", "the lesson");
	r->l->minutes = conf_count(minutes, 1000);
	if (r->l->minutes < 1)
		return fail(r, conf_line(head, "minutes"),
			    "minutes = \"%s\" is not how long the lesson takes",
			    minutes ? minutes : "");
	return 0;
}

static bool is_trace(const struct course_section *s)
{
	return !strncmp(s->name, "trace ", 6);
}

static int read_checks(struct reader *r)
{
	struct lesson *l = r->l;
	struct text path = { 0 };
	int code;

	r->file = file_of(r, "checks.conf");
	if (!r->file)
		return err_set(r->err, ERR_FORMAT, "%s%s has no checks.conf", r->from->where,
			       l->dir);
	text_addf(&path, "%s%s", r->from->where, r->file->path);
	code = conf_parse(path.data, r->file->data, r->file->size, &l->sections, &l->n_sections,
			  r->err);
	text_release(&path);
	if (code || read_head(r))
		return r->err->code;
	l->traces = mem_calloc((size_t)l->n_sections, sizeof(*l->traces));
	l->exercises = mem_calloc((size_t)l->n_sections, sizeof(*l->exercises));
	for (int i = 1; i < l->n_sections; i++) {
		const struct course_section *s = &l->sections[i];

		if (is_trace(s)) {
			const char *given = section_value(s, "given");

			l->traces[l->n_traces++] =
				(struct course_trace){ s->name + 6, s, given != NULL };
			code = check_keys(r, s, keys_of_trace);
		} else {
			code = read_exercise(r, s, &l->exercises[l->n_exercises++]);
		}
		if (code)
			return code;
	}
	return 0;
}

/* ---- what decides a check ------------------------------------------------------------------ */

static void hash_string(XXH3_state_t *h, const char *s)
{
	XXH3_64bits_update(h, s, strlen(s) + 1);
}

static void hash_section(XXH3_state_t *h, const struct course_section *s)
{
	for (int i = 0; i < s->n; i++) {
		const char *key = s->entries[i].key;
		size_t len = strlen(key);

		/* Words change no verdict. */
		if (!strcmp(key, "title") || !strcmp(key, "why") || !strcmp(key, "hardest") ||
		    (len > 5 && !strcmp(key + len - 5, ".says")))
			continue;
		hash_string(h, key);
		hash_string(h, s->entries[i].value);
	}
}

/* Whether one of the section's values has this word. */
static bool names_trace(const struct course_section *s, const char *name)
{
	for (int i = 0; i < s->n; i++) {
		const char *value = s->entries[i].value;
		size_t at = 0;
		char *word;
		bool found = false;

		while (!found && (word = conf_word(value, &at)) != NULL) {
			size_t n = strlen(name);
			const char *in = strstr(word, name);

			found = !strcmp(word, name) ||
				(in && in > word && in[-1] == '{' && in[n] == '}');
			free(word);
		}
		if (found)
			return true;
	}
	return false;
}

static uint64_t hash_of(const struct reader *r, const struct exercise *e)
{
	XXH3_state_t *h = XXH3_createState();
	const struct course_file *solution = e->file ? file_of(r, e->file) : NULL;
	uint64_t hash;

	XXH3_64bits_reset(h);
	hash_section(h, e->conf);
	for (int i = 0; i < r->l->n_traces; i++) {
		const struct course_trace *t = &r->l->traces[i];

		if (!strcmp(t->name, "main") || names_trace(e->conf, t->name)) {
			hash_string(h, t->name);
			hash_section(h, t->conf);
		}
	}
	if (solution)
		XXH3_64bits_update(h, solution->data, solution->size);
	hash = XXH3_64bits_digest(h);
	XXH3_freeState(h);
	return hash;
}

/* ---- Markdown ------------------------------------------------------------------------------ */

/* A walk over lines that knows what stands inside a fence. */
struct lines {
	const char *at, *end;        /* what is left */
	const char *line, *line_end; /* the line that was read, without its end */
	int number;
	size_t fence; /* backticks of the open fence; 0: none */
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
	size_t ticks;

	if (w->at >= w->end)
		return false;
	newline = memchr(w->at, '\n', (size_t)(w->end - w->at));
	w->line = w->at;
	w->line_end = newline ? newline : w->end;
	w->at = newline ? newline + 1 : w->end;
	w->number++;
	ticks = count_of(w->line, w->line_end, '`');
	w->is_fence_line = false;
	if (!w->fence && ticks >= 3) {
		w->fence = ticks;
		w->fence_line = w->number;
		w->is_fence_line = true;
	} else if (w->fence && ticks >= w->fence && w->line + ticks == w->line_end) {
		w->fence = 0;
		w->is_fence_line = true;
	}
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
		return fail(r, w->number, "%s", "the heading is written ### Exercise ID: title");
	name = trimmed(id, colon);
	e = find_exercise(l, name);
	if (!e || e < l->exercises + *n) {
		fail(r, w->number,
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
	char *info = mem_memdup(w->line + w->fence, (size_t)(w->line_end - w->line) - w->fence);
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
	if (name && !is_id(name))
		code = fail(r, w->number, "the name \"%s\" is not of small letters, digits and -",
			    name);
	else if (name && lesson_step(l, name))
		code = fail(r, w->number, "the step %s stands above already", name);
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

static void end_question(struct exercise *e, const char *from, const char *to)
{
	if (e)
		e->question = trimmed(from, to);
}

static int read_text(struct reader *r)
{
	struct lesson *l = r->l;
	struct lesson_step *step = NULL;
	struct exercise *open = NULL;
	const char *question = NULL, *commands = NULL;
	size_t cap = 0;
	struct lines w;
	int n = 0;

	r->file = file_of(r, "lesson.md");
	if (!r->file)
		return err_set(r->err, ERR_FORMAT, "%s%s has no lesson.md", r->from->where, l->dir);
	l->text = r->file;
	for (w = lines_of(r->file); next_line(&w);) {
		if (heading_level(&w)) {
			end_question(open, question, w.line);
			open = NULL;
		}
		if (heading_level(&w) &&
		    !strncmp(w.line, EXERCISE_HEADING, sizeof(EXERCISE_HEADING) - 1)) {
			char *title = NULL;

			if (place_exercise(r, &w, &n, &title))
				return r->err->code;
			open = &l->exercises[n - 1];
			open->heading = title;
			open->title = open->title ? open->title : title;
			question = w.at;
		} else if (w.is_fence_line && w.fence) {
			if (begin_step(r, &w, &cap, &step))
				return r->err->code;
			commands = w.at;
		} else if (w.is_fence_line && step) {
			step->commands = trimmed(commands, w.line);
			step = NULL;
		}
	}
	end_question(open, question, r->file->data + r->file->size);
	if (w.fence)
		return fail(r, w.fence_line, "%s", "the fenced block is not closed");
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
		return fail(r, h->line, "%s has not three hints, numbered 1. 2. 3.", h->e->id);
	*h = (struct hints){ 0 };
	return 0;
}

static int begin_hints(const struct reader *r, struct hints *h, const struct lines *w)
{
	char *id = trimmed(w->line + 3, w->line_end);

	h->e = find_exercise(r->l, id);
	h->line = w->number;
	if (!h->e)
		fail(r, w->number, "checks.conf has no exercise [%s]", id);
	else if (h->e->hints[0])
		fail(r, w->number, "the hints of %s stand above already", id);
	free(id);
	return h->e && !h->e->hints[0] ? 0 : r->err->code;
}

/* An exercise may be without: `lesson dev check` asks for them. */
static int read_hints(struct reader *r)
{
	struct hints h = { 0 };
	struct lines w;

	r->file = file_of(r, "hints.md");
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
	if (read_checks(&r) || read_text(&r) || read_hints(&r))
		return err->code;
	for (int i = 0; i < l->n_exercises; i++)
		l->exercises[i].hash = hash_of(&r, &l->exercises[i]);
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
