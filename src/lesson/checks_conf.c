/*
 * checks_conf.c -- checks.conf of a lesson: its head, its recordings, how its exercises are
 * checked.
 */
#include "conf.h"
#include "keys.h"
#include "reading.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

int reader_fail(const struct reader *r, int line, const char *fmt, const char *what)
{
	struct text sentence = { 0 };
	int code;

	text_addf(&sentence, fmt, what);
	code = err_set(r->err, ERR_FORMAT, "%s%s:%d: %s", r->from->where, r->file->path, line,
		       sentence.data);
	text_release(&sentence);
	return code;
}

const struct course_file *reader_file(const struct reader *r, const char *name)
{
	struct text path = { 0 };
	const struct course_file *file;

	text_addf(&path, "%s/%s", r->l->dir, name);
	file = course_file(r->from->course, path.data);
	text_release(&path);
	return file;
}

/* ---- checks.conf --------------------------------------------------------------------------- */

static int read_kind(const struct reader *r, const struct course_section *s,
		     enum exercise_kind *kind)
{
	const char *name = section_value(s, "kind");

	for (int i = 0; name && i < EXERCISE_KINDS; i++)
		if (!strcmp(exercise_kind_name((enum exercise_kind)i), name)) {
			*kind = (enum exercise_kind)i;
			return 0;
		}
	if (!name)
		return reader_fail(r, s->line, "[%s] has no kind", s->name);
	return reader_fail(
		r, conf_line(s, "kind"),
		"there is no kind \"%s\": predict, value, sql, kernel, locate, bench or milestone",
		name);
}

bool reader_is_id(const char *s)
{
	return *s && *s != '-' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static int check_keys(const struct reader *r, const struct course_section *s,
		      const char *const *allowed)
{
	for (int i = 0; i < s->n; i++)
		if (!key_is_allowed(s->entries[i].key, allowed))
			return reader_fail(r, s->entries[i].line, "nothing is called \"%s\" here",
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
		return reader_fail(r, e->conf->line, "[%s] has no file", e->id);
	if (!name)
		return 0;
	if (strchr(name, '/') || !reader_file(r, name))
		return reader_fail(r, conf_line(e->conf, "file"), "there is no %s beside this file",
				   name);
	e->file = mem_strdup(name);
	return 0;
}

/* What a prediction locks in must be an answer that could be right: any word is a text. */
static int check_form(const struct reader *r, const struct exercise *e)
{
	const char *form = section_value(e->conf, "form");

	if (!form)
		return 0;
	if (!strcmp(form, "text") && e->kind == EXERCISE_PREDICT &&
	    !section_value(e->conf, "choices"))
		return reader_fail(r, conf_line(e->conf, "form"),
				   "[%s] would lock in any text: give it choices, or form = "
				   "\"order\" with items",
				   e->id);
	if (!strcmp(form, "order") && !section_value(e->conf, "items"))
		return reader_fail(r, conf_line(e->conf, "form"),
				   "[%s] asks for an order, and has no items", e->id);
	return 0;
}

static int read_exercise(const struct reader *r, const struct course_section *s, struct exercise *e)
{
	const char *hardest = section_value(s, "hardest");

	*e = (struct exercise){ .lesson = r->l, .id = s->name, .conf = s };
	if (!reader_is_id(s->name))
		return reader_fail(r, s->line,
				   "the id \"%s\" is not of small letters, digits and -", s->name);
	if (read_kind(r, s, &e->kind) || check_keys(r, s, keys_of_exercise(e->kind)) ||
	    check_form(r, e))
		return r->err->code;
	if (hardest && strcmp(hardest, "yes") != 0)
		return reader_fail(r, conf_line(s, "hardest"), "hardest is \"yes\", not \"%s\"",
				   hardest);
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
		return reader_fail(r, 1, "%s has no title", "the lesson");
	r->l->minutes = conf_count(minutes, 1000);
	if (r->l->minutes < 1)
		return reader_fail(r, conf_line(head, "minutes"),
				   "minutes = \"%s\" is not how long the lesson takes",
				   minutes ? minutes : "");
	return 0;
}

static bool is_trace(const struct course_section *s)
{
	return !strncmp(s->name, "trace ", 6);
}

int reader_checks(struct reader *r)
{
	struct lesson *l = r->l;
	struct text path = { 0 };
	int code;

	r->file = reader_file(r, "checks.conf");
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

uint64_t reader_hash(const struct reader *r, const struct exercise *e)
{
	XXH3_state_t *h = mem_or_die(XXH3_createState(), MEM_XXH_STATE);
	const struct course_file *solution = e->file ? reader_file(r, e->file) : NULL;
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
