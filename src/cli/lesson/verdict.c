/*
 * verdict.c -- what came of a check, for people and as JSON.
 *
 * The first line says which exercise and which file it is about, the second the verdict in words.
 * Of what failed the first is told in detail: the rest mostly follows from it, and of a kernel a
 * line of it is told.
 */
#include "school.h"
#include "torchless/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void count(const struct verdict *v, int *passed, int *all)
{
	*passed = *all = 0;
	for (int i = 0; i < v->n_lines; i++) {
		*passed += v->lines[i].mark == CHECK_PASSED;
		*all += v->lines[i].mark != CHECK_NOTE;
	}
}

static void say_result(struct school *d, const struct exercise *e, const struct verdict *v)
{
	const struct ui *ui = &d->in->out;
	int passed, all;

	count(v, &passed, &all);
	if (v->passed) {
		school_styled(d, UI_GOOD, "%s passed", ui_sign(ui, "✓", "+"));
		school_say(d, 0, ": %d %s", all, plural(all, "check", "checks"));
	} else if (e->kind == EXERCISE_PREDICT && all > 0) {
		school_styled(d, UI_WARN, "%s surprise", ui_sign(ui, "✗", "x"));
		school_say(d, 0, ": something else happens than you predicted");
	} else if (all == 0) {
		school_styled(d, UI_WARN, "%s not yet", ui_sign(ui, "✗", "x"));
		school_say(d, 0, ": nothing was checked");
	} else {
		school_styled(d, UI_WARN, "%s not yet", ui_sign(ui, "✗", "x"));
		school_say(d, 0, ": %d of %d %s", passed, all, plural(all, "check", "checks"));
	}
}

/* How much is told of what was found. */
enum detail { DETAIL_NONE, DETAIL_FIRST_LINE, DETAIL_ALL };

static void add_line(struct text *t, const struct ui *ui, const struct check_line *line,
		     enum detail detail)
{
	static const char *const signs[][2] = { [CHECK_PASSED] = { "✓", "+" },
						[CHECK_FAILED] = { "✗", "x" },
						[CHECK_NOTE] = { "·", "-" } };
	struct text s = { 0 };
	const char *told = detail == DETAIL_NONE || !line->detail ? "" : line->detail;
	bool is_long = detail == DETAIL_ALL && strchr(told, '\n');
	int width = ui->width > 3 ? ui->width - 3 : 0;

	text_addf(&s, "%s %s", ui_sign(ui, signs[line->mark][0], signs[line->mark][1]), line->what);
	if (*told && !is_long)
		text_addf(&s, "  %.*s", (int)strcspn(told, "\n"), told);
	ui_add_wrapped(t, s.data, s.len, width, 2, 0);
	for (const char *at = is_long ? told : ""; *at;) {
		size_t len = strcspn(at, "\n");

		text_adds(t, "\n  ");
		ui_add_wrapped(t, at, len, width, 2, 2);
		at += len + (at[len] == '\n');
	}
	text_release(&s);
}

/* Lines of what follows stand three columns in, too. */
static void say_indented(struct school *d, const struct text *t)
{
	for (const char *s = t->data ? t->data : ""; *s;) {
		size_t len = strcspn(s, "\n");

		text_addf(&d->out, "%*s%.*s\n", len ? 3 : 0, "", (int)len, s);
		s += len + (s[len] == '\n');
	}
}

/* A kernel's lines name different things: the input that it failed on, and where the model parts.
 */
static enum detail detail_of(const struct exercise *e, const struct check_line *line, bool failed)
{
	bool is_code = e->kind == EXERCISE_KERNEL || e->kind == EXERCISE_MILESTONE;

	if (line->mark != CHECK_FAILED || !failed)
		return DETAIL_ALL;
	return is_code ? DETAIL_FIRST_LINE : DETAIL_NONE;
}

static void say_lines(struct school *d, const struct exercise *e, const struct verdict *v)
{
	bool failed = false;

	for (int i = 0; i < v->n_lines; i++) {
		const struct check_line *line = &v->lines[i];
		struct text t = { 0 };

		add_line(&t, &d->in->out, line, detail_of(e, line, failed));
		failed = failed || line->mark == CHECK_FAILED;
		say_indented(d, &t);
		text_release(&t);
	}
}

void school_verdict(struct school *d, const struct exercise *e, const struct verdict *v)
{
	school_place(d, e);
	say_result(d, e, v);
	say_lines(d, e, v);
	if (e->kind == EXERCISE_KERNEL || e->kind == EXERCISE_MILESTONE) {
		school_styled(d, UI_DIM, "   %s drawn by --seed %" PRIu64,
			      ui_sign(&d->in->out, "·", "-"), d->room.seed);
		text_addc(&d->out, '\n');
	}
	if (v->says.len) {
		text_addc(&d->out, '\n');
		school_markdown(d, e->lesson, v->says.data, 3);
	}
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void add_lines_json(const struct verdict *v, struct text *out)
{
	static const char *const marks[] = {
		[CHECK_PASSED] = "passed", [CHECK_FAILED] = "failed", [CHECK_NOTE] = "note"
	};

	json_add_key(out, "checks");
	text_addc(out, '[');
	for (int i = 0; i < v->n_lines; i++) {
		text_adds(out, i ? ",{" : "{");
		json_add_string(out, "mark", marks[v->lines[i].mark]);
		json_add_string(out, "what", v->lines[i].what);
		json_add_string(out, "detail", v->lines[i].detail);
		text_addc(out, '}');
	}
	text_addc(out, ']');
}

void school_add_json(const struct school *d, const struct exercise *e, const struct verdict *v,
		     struct text *out)
{
	char hash[17];

	snprintf(hash, sizeof(hash), "%016" PRIx64, v->file_hash);
	text_addc(out, '{');
	json_add_string(out, "lesson", e->lesson->dir);
	json_add_string(out, "exercise", e->id);
	json_add_string(out, "kind", exercise_kind_name(e->kind));
	json_add_bool(out, "passed", v->passed);
	json_add_string(out, "file", v->file);
	json_add_string(out, "file_hash", v->file ? hash : NULL);
	/* A seed may be larger than what is signed. */
	json_add_key(out, "seed");
	text_addf(out, "%" PRIu64, d->room.seed);
	add_lines_json(v, out);
	json_add_string(out, "key", v->key);
	json_add_string(out, "says", v->says.len ? v->says.data : NULL);
	text_addc(out, '}');
}
