/*
 * school.c -- what every subcommand of `torchless lesson` needs: the course, the learner, the room.
 *
 * The model is the one that comes with the program, whatever $TORCHLESS_MODEL says: the course is
 * written for it, and its hash is compared before anything is computed.
 */
#include "school.h"
#include "torchless/called.h"
#include "torchless/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- opening ------------------------------------------------------------------------------- */

static const char *course_folder(const struct invocation *in)
{
	const char *environment = getenv("TORCHLESS_COURSE");

	if (in->option[OPT_COURSE].is_set)
		return in->option[OPT_COURSE].s;
	if (environment && *environment)
		return environment;
	/* Who writes lessons stands in the source tree. */
	if (in->n_args > 0 && !strcmp(in->args[0], "dev") &&
	    access("lessons/course.conf", R_OK) == 0)
		return "lessons";
	return NULL;
}

static bool is_folder(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 && S_ISDIR(sb.st_mode);
}

/* $SMOLLM2, else where `make smollm2` of the source tree puts it. */
static bool find_smollm2(struct text *path)
{
	static const char fetched[] = "models/smollm2-135m";
	const char *environment = getenv("SMOLLM2");
	char executable[PATH_MAX];

	if (environment && *environment) {
		text_adds(path, environment);
		return access(environment, R_OK) == 0;
	}
	if (!called_directory("", executable, sizeof(executable)))
		return false;
	for (int up = 0; up <= 2; up++) {
		char *slash;

		text_clear(path);
		text_addf(path, "%s/%s", executable, fetched);
		if (is_folder(path->data))
			return true;
		slash = strrchr(executable, '/');
		if (!slash)
			return false;
		*slash = '\0';
	}
	return false;
}

static void find_program(const struct invocation *in, struct text *path)
{
	char executable[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", executable, sizeof(executable) - 1);

	if (n > 0)
		text_add(path, executable, (size_t)n);
	else
		text_adds(path, in->argc > 0 ? in->argv[0] : "torchless");
}

/*
 * The learner's own, drawn once and kept: what differs from learner to learner does not differ from
 * one day to the next.  One of a million is easily typed.
 */
static uint64_t seed_of(const struct school *d)
{
	if (d->in->option[OPT_DRAW_SEED].is_set)
		return (uint64_t)d->in->option[OPT_DRAW_SEED].i;
	if (d->learner.has_seed)
		return d->learner.seed;
	return (uint64_t)clock_unix_ns() / 1000 % 1000000;
}

int school_open(struct school *d, struct invocation *in, struct err *err)
{
	*d = (struct school){ .in = in, .course_dir = course_folder(in) };
	if (course_open(&d->course, d->course_dir, err) ||
	    learner_places(&d->places, option_text(in, OPT_HOME, NULL), err) ||
	    learner_open(&d->learner, &d->course, d->places.log, err))
		return err->code;
	if (d->learner.n_ignored > 0)
		warn("%d %s of %s %s damaged and left out; the rest counts", d->learner.n_ignored,
		     plural(d->learner.n_ignored, "line", "lines"), d->places.log,
		     plural(d->learner.n_ignored, "is", "are"));
	find_program(in, &d->program);
	d->room = (struct classroom){ .course = &d->course,
				      .home = d->places.home,
				      .cache = d->places.cache,
				      .program = d->program.data,
				      .smollm2 = find_smollm2(&d->smollm2) ? d->smollm2.data : NULL,
				      .seed = seed_of(d),
				      .interrupted = &interrupted };
	if (invocation_own_model(in, &d->model, err) == 0)
		d->room.model = d->model.data;
	folder_sweep(&d->room);
	return 0;
}

void school_close(struct school *d)
{
	learner_close(&d->learner);
	learner_places_release(&d->places);
	course_close(&d->course);
	text_release(&d->program);
	text_release(&d->model);
	text_release(&d->smollm2);
	text_release(&d->out);
}

/* ---- the engine ---------------------------------------------------------------------------- */

/* The hash of the model as recordings have it, in hexadecimal. */
static int find_hash(struct school *d, char hash[33], struct err *err)
{
	struct checkpoint ck = { 0 };
	uint8_t bytes[16];
	int r;

	if (!d->room.model)
		return invocation_own_model(d->in, &d->model, err);
	r = checkpoint_open(&ck, d->room.model, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, err);
	if (r == 0)
		r = checkpoint_hash(&ck, d->in->pool, bytes, err);
	for (int i = 0; r == 0 && i < 16; i++)
		snprintf(hash + (size_t)i * 2, 3, "%02X", bytes[i]);
	checkpoint_close(&ck);
	return r;
}

static int check_model(struct school *d, struct err *err)
{
	const char *expected = section_value(&d->course.sections[0], "model");
	char hash[33];

	if (!expected)
		return 0;
	if (find_hash(d, hash, err))
		return err->code;
	if (strcasecmp(hash, expected) == 0)
		return 0;
	return err_set(
		err, ERR_IO,
		"the model in %s is not the one that the lessons were written for: its hash is "
		"%s and not %s; install torchless again",
		d->room.model, hash, expected);
}

int school_open_engine(struct school *d, struct err *err)
{
	if (d->has_engine)
		return 0;
	if (invocation_open_kernels(d->in, err) || check_model(d, err))
		return err->code;
	d->room.kernels = d->in->kernels;
	d->room.pool = d->in->pool;
	d->has_engine = true;
	return 0;
}

/* ---- by name ------------------------------------------------------------------------------- */

static int no_such(const char *kind, const char *name, const char *near, struct err *err)
{
	return err_set(err, ERR_USAGE, "there is no %s '%s'%s%s%s", kind, name,
		       near ? "; did you mean " : "; `torchless lesson list` shows what there is",
		       near ? near : "", near ? "?" : "");
}

int school_lesson(const struct school *d, const char *name, const struct lesson **l,
		  struct err *err)
{
	struct text_nearest near = { .name = name };
	const struct exercise *e;

	if (!name) {
		e = d->learner.at;
		*l = e ? e->lesson : NULL;
		return *l ? 0
			  : err_set(err, ERR_USAGE,
				    "you have not begun a lesson yet: `torchless lesson start`");
	}
	*l = course_lesson(&d->course, name);
	e = *l ? NULL : course_exercise(&d->course, name);
	if (e)
		*l = e->lesson;
	if (*l)
		return 0;
	near.distance = text_too_far(name);
	for (int i = 0; i < d->course.n_lessons; i++)
		text_nearest_offer(&near, d->course.lessons[i].id);
	return no_such("lesson", name, near.best, err);
}

const char *school_nearest(const struct school *d, const char *name)
{
	struct text_nearest near = { .name = name, .distance = text_too_far(name) };
	int n = course_n_exercises(&d->course);

	for (int i = 0; i < n; i++)
		text_nearest_offer(&near, course_exercise_at(&d->course, i)->id);
	return near.best;
}

int school_exercise(const struct school *d, const char *name, const struct exercise **e,
		    struct err *err)
{

	*e = name ? course_exercise(&d->course, name) : d->learner.at;
	if (*e)
		return 0;
	if (!name)
		return err_set(err, ERR_USAGE,
			       "you are at no exercise yet: `torchless lesson start` begins");
	if (course_lesson(&d->course, name))
		return err_set(err, ERR_USAGE,
			       "%s is a lesson; `torchless lesson list %s` shows its exercises",
			       name, name);
	return no_such("exercise", name, school_nearest(d, name), err);
}

/* ---- files and events ---------------------------------------------------------------------- */

int school_make_files(struct school *d, const struct lesson *l, bool is_new, struct err *err)
{
	struct folder_report report = { 0 };
	const struct text *made;
	int r = 0;

	for (int i = 0; i < l->n_traces && r == 0; i++)
		if (l->traces[i].is_given)
			r = school_open_engine(d, err);
	if (r == 0)
		r = folder_make(&d->room, l, !is_new, &report, err);
	made = is_new ? &report.cut : &report.again;
	for (const char *line = made->data ? made->data : ""; *line;) {
		size_t len = strcspn(line, "\n");

		school_say(d, 0, is_new ? "  %.*s" : "%.*s was missing and is there again",
			   (int)len, line);
		line += len + 1;
	}
	folder_report_release(&report);
	return r;
}

int school_note(struct school *d, enum learner_event event, const struct lesson *l,
		const struct exercise *e, bool passed, const char *text, struct err *err)
{
	char seed[24];

	snprintf(seed, sizeof(seed), "%" PRIu64, d->room.seed);
	if (!d->learner.has_seed && !d->in->option[OPT_DRAW_SEED].is_set &&
	    learner_note(&d->learner, EVENT_SEED, NULL, NULL, false, seed, err))
		return err->code;
	return learner_note(&d->learner, event, l, e, passed, text, err);
}
