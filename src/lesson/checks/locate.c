/*
 * locate.c -- a patient, and what it suffers from: PLACE and KEY.
 *
 * The place is computed: the first value in which the patient's recording differs from that of its
 * healthy twin.  The key is the name of the bug that was planted, which a seed may have drawn.
 */
#include "place.h"
#include "rows.h"
#include "words.h"

#include "../recording/diverge.h"
#include "../recording/recordings.h"
#include "torchless/mem.h"
#include "torchless/point.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATIENTS 8

struct patient {
	const char *trace;
	const struct course_section *conf;
	const char *key; /* what it suffers from */
	struct divergence at;
};

struct lab {
	const struct check *check;
	char *names; /* of patients */
	struct patient patients[MAX_PATIENTS];
	int n;
};

static void lab_close(struct lab *lab)
{
	free(lab->names);
}

static const char *conf_of(const struct lab *lab, const char *key)
{
	return section_value(lab->check->exercise->conf, key);
}

static bool says_yes(const struct lab *lab, const char *key)
{
	const char *value = conf_of(lab, key);

	return value && !strcmp(value, "yes");
}

/* ---- the patients --------------------------------------------------------------------------- */

/* What is wrong with a patient that has no bug: its weights or its configuration. */
static const char *other_key(const struct lab *lab, const struct course_section *s)
{
	const char *key = conf_of(lab, "key"), *variant = section_value(s, "variant");
	const struct course_entry *e;
	int at = 0;

	if (key)
		return key;
	if (variant)
		return variant;
	e = section_next(s, "config.", &at);
	if (e)
		return e->key + strlen("config.");
	return section_value(s, "window") ? "window" : NULL;
}

static int read_patient(struct lab *lab, struct patient *p, struct err *err)
{
	const struct check *c = lab->check;
	const struct course_trace *t = lesson_trace(c->exercise->lesson, p->trace);
	const struct bug *bug;

	if (!t)
		return err_set(err, ERR_FORMAT,
			       "checks.conf: [%s] has a patient '%s', of whom "
			       "there is no recording",
			       c->exercise->id, p->trace);
	p->conf = t->conf;
	if (bug_of_section(t->conf, c->room->seed, &bug, err))
		return err->code;
	p->key = bug ? bug->name : other_key(lab, t->conf);
	if (p->key)
		return 0;
	return err_set(err, ERR_FORMAT, "checks.conf: the patient '%s' of [%s] has no bug",
		       p->trace, c->exercise->id);
}

static int lab_open(struct lab *lab, const struct check *c, struct err *err)
{
	const char *names = section_value(c->exercise->conf, "patients");
	char *rest, *word;
	int result = 0;

	*lab = (struct lab){ .check = c };
	if (!names)
		return err_set(err, ERR_FORMAT, "checks.conf: [%s] has no patients",
			       c->exercise->id);
	rest = lab->names = mem_strdup(names);
	while (result == 0 && lab->n < MAX_PATIENTS && (word = strtok_r(rest, " \n", &rest))) {
		lab->patients[lab->n].trace = word;
		result = read_patient(lab, &lab->patients[lab->n++], err);
	}
	return result;
}

static bool is_noise(const struct patient *p)
{
	return !strcmp(p->key, "noise");
}

/* Compare it with its twin.  ERR_FORMAT when it is not ill, or ill although it should not be. */
static int examine(const struct lab *lab, struct patient *p, struct err *err)
{
	const struct check *c = lab->check;
	const struct lesson *l = c->exercise->lesson;
	struct text sick = { 0 }, healthy = { 0 };
	int result = lesson_recording(c->room, l, p->trace, &sick, err);

	if (result == 0)
		result = lesson_twin(c->room, l, p->trace, &healthy, err);
	if (result == 0)
		result = recordings_diverge(c->room, healthy.data, sick.data, &p->at, err);
	text_release(&sick);
	text_release(&healthy);
	if (result == 0 && p->at.is_there == is_noise(p))
		return err_set(
			err, ERR_FORMAT,
			"checks.conf: the patient '%s' of [%s] should %s, and its recording %s",
			p->trace, c->exercise->id, is_noise(p) ? "be healthy" : "be ill",
			is_noise(p) ? "differs" : "differs nowhere");
	return result;
}

/*
 * The same of one that is told by its tokens: whether it reads its prompts otherwise than the right
 * tokenizer.
 */
static int examine_tokens(const struct lab *lab, const struct patient *p, struct err *err)
{
	static const char sql[] = "SELECT run_id, pos, token_id FROM token ORDER BY run_id, pos";
	const struct check *c = lab->check;
	const struct lesson *l = c->exercise->lesson;
	const struct rows_like how = { .ordered = true };
	struct text paths[2] = { 0 };
	struct sheet tokens[2] = { 0 };
	int64_t odd;
	int result = lesson_recording(c->room, l, p->trace, &paths[0], err);

	if (result == 0)
		result = lesson_twin(c->room, l, p->trace, &paths[1], err);
	for (int i = 0; i < 2 && result == 0; i++) {
		struct recording *rec =
			recording_to_ask(c->room, paths[i].data, NULL, SHEET_MAX_NS, err);

		result = rec ? sheet_ask(rec, sql, &tokens[i], err) : err->code;
		if (rec)
			recording_close(rec);
	}
	if (result == 0 && rows_are_same(&tokens[0], &tokens[1], &how, &odd))
		result = err_set(err, ERR_FORMAT,
				 "checks.conf: '%s' of [%s] has the tokens of the right tokenizer",
				 p->trace, c->exercise->id);
	for (int i = 0; i < 2; i++) {
		sheet_release(&tokens[i]);
		text_release(&paths[i]);
	}
	return result;
}

/* As it is told: by its tokens or by what it computes. */
static int examine_any(const struct lab *lab, struct patient *p, struct err *err)
{
	const struct bug *bug = bug_find(p->key);

	return bug && bug->kind == BUG_TOKENIZER ? examine_tokens(lab, p, err)
						 : examine(lab, p, err);
}

/* ---- one patient: PLACE KEY ----------------------------------------------------------------- */

struct claim {
	struct text place; /* empty: none was said */
	int64_t pass, run; /* -1: not said */
	char key[64];
};

static bool is_number_of(const char *word, const char *name, int64_t *n)
{
	size_t len = strlen(name);
	char *end;

	if (strncmp(word, name, len) != 0 || (word[len] != '=' && word[len] != ':'))
		return false;
	*n = strtoll(word + len + 1, &end, 10);
	return end != word + len + 1 && !*end;
}

static int usage(const struct lab *lab, const char *why, struct err *err)
{
	const char *choices = conf_of(lab, "choices");
	bool has_place = !conf_of(lab, "place") || strcmp(conf_of(lab, "place"), "no") != 0;

	return err_set(err, ERR_USAGE, "%s: the answer is %s, such as '%s%s'; KEY is one of %s",
		       why,
		       lab->n > 1  ? "NAME=KEY of every patient"
		       : has_place ? "PLACE KEY"
				   : "KEY",
		       lab->n > 1  ? lab->patients[0].trace
		       : has_place ? "L0.attn.z "
				   : "",
		       lab->n > 1 ? "=KEY" : "KEY", choices ? choices : "those of the question");
}

/* The last word is the key, what is before it the place. */
static int read_claim(const struct lab *lab, struct claim *claim, struct err *err)
{
	const char *choices = conf_of(lab, "choices");
	char *copy = mem_strdup(lab->check->answer->text), *rest = copy, *word, *last = NULL;

	*claim = (struct claim){ .pass = -1, .run = -1 };
	while ((word = strtok_r(rest, " \t\r\n;", &rest))) {
		size_t n = strlen(word);

		if (word[n - 1] == ',')
			word[n - 1] = '\0';
		if (!*word || is_number_of(word, "pass", &claim->pass) ||
		    is_number_of(word, "run", &claim->run))
			continue;
		if (last)
			text_addf(&claim->place, "%s%s", claim->place.len ? " " : "", last);
		last = word;
	}
	snprintf(claim->key, sizeof(claim->key), "%s", last ? last : "");
	free(copy);
	if (!last)
		return usage(lab, "there is no answer", err);
	if (choices && !words_have(choices, claim->key)) {
		char why[120];

		snprintf(why, sizeof(why), "'%.40s' is none of the keys", claim->key);
		return usage(lab, why, err);
	}
	return 0;
}

static void add_at(const struct patient *p, struct text *t)
{
	char name[160];

	text_addf(t, "%s", point_shorten(p->at.fqn, name, sizeof(name)));
}

/* What a place that is not right is told. */
static const char *const told[] = {
	[PLACE_MODULE] = "the module is right, and another of its points differs first",
	[PLACE_EARLIER] = "nothing differs there yet: it comes later",
	[PLACE_LATER] = "something differs before it: look at what it reads",
	[PLACE_WIDE] = "it lies in there: name the point or the module that computes it",
};

static int check_place(const struct patient *p, const struct claim *claim,
		       const struct program *program, struct verdict *v, struct err *err)
{
	enum place_match match = PLACE_LATER;

	if (!claim->place.len) {
		verdict_line(v, CHECK_FAILED, "where", "no place was named, and there is one");
		return 0;
	}
	if (place_match(program, claim->place.data, p->at.fqn, &match, err))
		return err->code;
	if (match != PLACE_RIGHT)
		verdict_line(v, CHECK_FAILED, "where", "%s: %s", claim->place.data, told[match]);
	else if (claim->run >= 0 && claim->run != p->at.run)
		verdict_line(v, CHECK_FAILED, "where", "not in run %lld first",
			     (long long)claim->run);
	else if (claim->pass >= 0 && claim->pass != p->at.pass)
		verdict_line(v, CHECK_FAILED, "where", "the place is right, the pass is not");
	else
		verdict_line(v, CHECK_PASSED, "where", "%s: %s", claim->place.data, p->at.problem);
	return 0;
}

static void check_key(const struct lab *lab, const struct patient *p, const struct claim *claim,
		      struct verdict *v)
{
	const char *means;
	char key[100];

	snprintf(key, sizeof(key), "choice.%s", claim->key);
	means = conf_of(lab, key);
	if (!strcmp(claim->key, p->key)) {
		verdict_line(v, CHECK_PASSED, "what", means ? "%s: %s" : "%s", claim->key, means);
		return;
	}
	verdict_line(v, CHECK_FAILED, "what", "%s is not what it suffers from", claim->key);
	words_diagnose(v, lab->check->exercise->conf, claim->key);
}

/* The answer `noise`, or any to a patient who is healthy. */
static bool check_health(const struct patient *p, const struct claim *claim, struct verdict *v)
{
	bool says_noise = !strcmp(claim->key, "noise");

	if (!says_noise && !is_noise(p))
		return false;
	if (says_noise && is_noise(p))
		verdict_line(v, CHECK_PASSED, "no bug",
			     "every difference is rounding: the sums were made in another order");
	else if (says_noise)
		verdict_line(v, CHECK_FAILED, "no bug", "a value differs by more than rounding");
	else
		verdict_line(
			v, CHECK_FAILED, "a bug",
			"all differences are within the tolerance: is this more than rounding?");
	return true;
}

static int check_one(struct lab *lab, struct verdict *v, struct err *err)
{
	const struct check *c = lab->check;
	struct patient *p = &lab->patients[0];
	const char *place = conf_of(lab, "place");
	struct model model = { 0 };
	struct claim claim;
	int result = read_claim(lab, &claim, err);

	if (result == 0 && place && !strcmp(place, "no")) {
		result = examine_any(lab, p, err);
		if (result == 0)
			check_key(lab, p, &claim, v);
		text_release(&claim.place);
		return result;
	}
	if (result == 0)
		result = examine_any(lab, p, err);
	if (result == 0 && !check_health(p, &claim, v)) {
		result = model_open(&model, c->room->model, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS,
				    err);
		if (result == 0)
			result = check_place(p, &claim, &model.program, v, err);
		if (result == 0)
			check_key(lab, p, &claim, v);
		model_close(&model);
	}
	text_release(&claim.place);
	return result;
}

/* ---- several: NAME=KEY ---------------------------------------------------------------------- */

/* The key that is said of a patient: into key[size]; false: none is. */
static bool find_key(const char *answer, const char *name, char *key, size_t size)
{
	size_t len = strlen(name);

	for (const char *at = answer; (at = strstr(at, name)); at += len) {
		bool begins = at == answer || strchr(" \t\n,;", at[-1]);
		const char *word = at + len;
		size_t n;

		if (!begins || !strchr(" =:\t", *word) || !*word)
			continue;
		word += strspn(word, " =:\t");
		n = strcspn(word, " \t\r\n,;");
		snprintf(key, size, "%.*s", (int)n, word);
		return n > 0;
	}
	return false;
}

static int check_several(struct lab *lab, struct verdict *v, struct err *err)
{
	const char *choices = conf_of(lab, "choices");
	char wrong[64] = "";
	int n_right = 0, result = 0;

	for (int i = 0; i < lab->n && result == 0; i++)
		result = examine_any(lab, &lab->patients[i], err);
	for (int i = 0; i < lab->n && result == 0; i++) {
		char key[64], why[160];

		if (!find_key(lab->check->answer->text, lab->patients[i].trace, key, sizeof(key))) {
			snprintf(why, sizeof(why), "nothing is said of %.60s",
				 lab->patients[i].trace);
			return usage(lab, why, err);
		}
		if (choices && !words_have(choices, key)) {
			snprintf(why, sizeof(why), "'%.40s' is none of the keys", key);
			return usage(lab, why, err);
		}
		if (!strcmp(key, lab->patients[i].key))
			n_right++;
		else if (!*wrong)
			snprintf(wrong, sizeof(wrong), "%s", key);
	}
	if (result)
		return result;
	if (n_right == lab->n)
		verdict_line(v, CHECK_PASSED, "what", "all %d are right", lab->n);
	else
		verdict_line(v, CHECK_FAILED, "what", "%d of %d %s right", n_right, lab->n,
			     plural(n_right, "is", "are"));
	/* How one would see the first of the wrong keys; not whom it was said of. */
	if (n_right < lab->n)
		words_diagnose(v, lab->check->exercise->conf, wrong);
	return 0;
}

int check_locate(const struct check *c, struct verdict *v, struct err *err)
{
	struct lab lab;
	int result = lab_open(&lab, c, err);

	if (result == 0)
		result = lab.n > 1 ? check_several(&lab, v, err) : check_one(&lab, v, err);
	if (result == 0 && !v->passed && says_yes(&lab, "bomb"))
		verdict_line(v, CHECK_NOTE, "BOOM",
			     "the bomb explodes; it is counted, and nothing "
			     "is lost: try again");
	lab_close(&lab);
	return result;
}

/* ---- the solution --------------------------------------------------------------------------- */

static void add_solution(const struct patient *p, bool has_place, struct text *out)
{
	const struct bug *bug = bug_find(p->key);

	if (has_place && p->at.is_there) {
		add_at(p, out);
		text_addc(out, ' ');
	}
	text_addf(out, "%s", p->key);
	if (bug)
		text_addf(out, "\n%s", bug->says);
}

int solution_locate(const struct check *c, struct text *out, struct err *err)
{
	struct lab lab;
	int result = lab_open(&lab, c, err);
	const char *place = section_value(c->exercise->conf, "place");
	bool has_place = lab.n == 1 && !(place && !strcmp(place, "no"));

	if (result == 0 && has_place)
		result = examine(&lab, &lab.patients[0], err);
	if (result == 0 && lab.n == 1)
		add_solution(&lab.patients[0], has_place, out);
	for (int i = 0; i < lab.n && result == 0 && lab.n > 1; i++)
		text_addf(out, "%s%s=%s", i ? " " : "", lab.patients[i].trace, lab.patients[i].key);
	lab_close(&lab);
	return result;
}

int prepare_locate(const struct check *c, struct err *err)
{
	struct lab lab;
	int result = lab_open(&lab, c, err);

	for (int i = 0; i < lab.n && result == 0; i++)
		result = examine_any(&lab, &lab.patients[i], err);
	lab_close(&lab);
	return result;
}
