/*
 * kernel.c -- a learner's function: compiled, tried alone on a battery, then put into the model.
 *
 * Steps are lines of the verdict in the order in which they are taken.  Only the first that fails
 * is told in detail, and where a wrong answer is known that gives the same numbers, what it means.
 */
#include "../kernels/kernel.h"
#include "check.h"
#include "look.h"

#include "torchless/clock.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PROMPT        24 /* tokens that the swapped model reads */
#define LONG_PROMPT   140
#define DECODED       4
#define SHOWN_PRINTED 600

/* All that the steps of a check share. */
struct run {
	const struct check *c;
	const struct kernel *kernel;
	const char *file; /* "rope.c" */
	struct compiled made;
	struct battery battery;
	struct trial want, got;
	struct swap swap;
	struct verdict *v;
};

static int bad_conf(const struct check *c, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT, "exercise %s: %s", c->exercise->id, what);
}

/* ---- compiling ------------------------------------------------------------------------------- */

static int compile(struct run *r, struct err *err)
{
	const struct answer *a = r->c->answer;
	struct compile c = { .name = r->file,
			     .path = a->path,
			     .source = a->text,
			     .len = a->len,
			     .cache = r->c->room->cache,
			     .interrupted = r->c->room->interrupted };
	int rc = sandbox_compile(&c, &r->made, err);

	if (rc)
		return rc;
	if (!r->made.library)
		verdict_line(r->v, CHECK_FAILED, "compiles", "%s", r->made.said.data);
	else
		verdict_line(r->v, CHECK_PASSED, "compiles", "%lld ms",
			     (long long)(r->made.ns / 1000000));
	if (r->made.library && r->made.said.len > 0)
		verdict_line(r->v, CHECK_NOTE, "the compiler warns", "%s", r->made.said.data);
	return 0;
}

static void note_printed(struct run *r, const struct text *printed)
{
	struct text shown = { 0 };

	if (!printed->len)
		return;
	text_add_visible(&shown, printed->data,
			 printed->len < SHOWN_PRINTED ? printed->len : SHOWN_PRINTED);
	verdict_line(r->v, CHECK_NOTE, "your code printed", "%s%s", shown.data,
		     printed->len > SHOWN_PRINTED ? " …" : "");
	text_release(&shown);
}

/* ---- the battery ----------------------------------------------------------------------------- */

/* What is wrong with call i, in numbers. */
static void add_difference(const struct run *r, int i, struct text *out)
{
	const struct kernel_call *c = &r->battery.calls[i];
	struct difference d;
	int array;

	d = trial_difference(&r->want, &r->got, i, &array);
	if (r->kernel->id == KERNEL_top_p) {
		text_addf(out, "%d logits, temperature %g, p %g, u %g: want %g, got %g", c->i[0],
			  (double)c->f[0], (double)c->f[1], (double)c->f[2], (double)d.want,
			  (double)d.got);
		return;
	}
	if (d.n_unwritten > 0) {
		const struct kernel_array *a = &c->arrays[array];

		text_addf(out, "%lld of %lld outputs never written, the first is %s[%lld]",
			  (long long)d.n_unwritten, (long long)a->n, a->name,
			  (long long)d.first_unwritten);
		return;
	}
	judge_index(c, &c->arrays[array], d.at, out);
	text_addf(out, ": want %.6g, got %.6g", (double)d.want, (double)d.got);
	if (isfinite(d.error))
		text_addf(out, " (error %.1e, allowed %.1e)", d.error, d.allowed);
}

/* The first call of the group that is wrong, -1: none. */
static int first_wrong(const struct run *r, const char *group)
{
	for (int i = 0; i < r->got.n_done; i++) {
		struct difference d;
		int array;

		if (strcmp(r->battery.calls[i].group, group) != 0)
			continue;
		d = trial_difference(&r->want, &r->got, i, &array);
		if (d.error > d.allowed)
			return i;
	}
	return -1;
}

static bool begins_group(const struct battery *b, int i)
{
	for (int j = 0; j < i; j++)
		if (strcmp(b->calls[j].group, b->calls[i].group) == 0)
			return false;
	return true;
}

static void judge_groups(struct run *r)
{
	struct text detail = { 0 };

	for (int i = 0; i < r->got.n_done && r->v->passed; i++) {
		const char *group = r->battery.calls[i].group;
		int wrong;

		if (!begins_group(&r->battery, i))
			continue;
		wrong = first_wrong(r, group);
		if (wrong < 0) {
			verdict_line(r->v, CHECK_PASSED, group, NULL);
			continue;
		}
		add_difference(r, wrong, &detail);
		verdict_line(r->v, CHECK_FAILED, group, "%s", detail.data);
	}
	text_release(&detail);
}

static int try_alone(struct run *r, struct err *err)
{
	const struct classroom *room = r->c->room;
	struct trial_of of = { .file = r->file,
			       .library = r->made.library,
			       .symbol = r->kernel->symbol,
			       .interrupted = room->interrupted };
	int rc;

	battery_make(&r->battery, r->kernel, room->seed);
	trial_reference(&r->want, &r->battery);
	rc = trial_run(&r->got, &r->battery, &of, err);
	if (rc)
		return rc;
	note_printed(r, &r->got.printed);
	if (!r->got.is_done) {
		bool is_called = r->got.n_done > 0 || r->got.at < r->battery.n;

		verdict_line(r->v, CHECK_FAILED, "stays inside its buffers and comes to its end",
			     "%s: %s %s", is_called ? r->battery.calls[r->got.at].group : r->file,
			     r->file, r->got.says);
		return 0;
	}
	verdict_line(r->v, CHECK_PASSED, "stays inside its buffers and comes to its end", NULL);
	judge_groups(r);
	if (r->v->passed && r->got.remembers)
		verdict_line(r->v, CHECK_FAILED, "the same call gives the same",
			     "in another order the same calls gave other numbers: it hangs on "
			     "what an earlier call left behind");
	return 0;
}

/* ---- in the model ---------------------------------------------------------------------------- */

static int try_in_model(struct run *r, struct err *err)
{
	const struct classroom *room = r->c->room;
	struct text detail = { 0 };
	int rc;

	r->swap = (struct swap){
		.model = room->model,
		.engine = room->kernels,
		.files = &r->file,
		.libraries = (const char *const *)&r->made.library,
		.kernels = &r->kernel,
		.n = 1,
		.n_prompt = r->kernel->long_prompt ? LONG_PROMPT : PROMPT,
		.n_decode = DECODED,
		.tolerance = r->kernel->swap,
		.seed = room->seed,
		.interrupted = room->interrupted,
	};
	rc = swap_run(&r->swap, err);
	if (rc)
		return rc;
	note_printed(r, &r->swap.printed);
	if (!r->swap.is_done)
		verdict_line(r->v, CHECK_FAILED, "swapped into the model", "%s %s", r->file,
			     r->swap.says);
	else if (r->swap.found.found)
		divergence_say(&r->swap.found, &detail);
	else
		verdict_line(r->v, CHECK_PASSED, "swapped into the model",
			     "%lld points in %d passes are the same",
			     (long long)r->swap.found.n_points, DECODED + 1);
	if (detail.len > 0)
		verdict_line(r->v, CHECK_FAILED, "swapped into the model", "%s", detail.data);
	text_release(&detail);
	return 0;
}

/* ---- how fast it is -------------------------------------------------------------------------- */

#define FAST 1.5

static int race(struct run *r, struct err *err)
{
	struct speed s;
	int rc = speed_run(&s, r->file, r->made.library, r->c->room, err);

	if (rc)
		return rc;
	if (!s.is_done)
		verdict_line(r->v, CHECK_FAILED, "fast", "%s %s", r->file, s.says);
	else if (!s.is_right)
		verdict_line(r->v, CHECK_FAILED, "right after it was timed",
			     "run again and again it gives other numbers");
	else if (s.times >= FAST)
		verdict_line(r->v, CHECK_PASSED, "fast", "%.1f times the plain loop", s.times);
	else
		/* Machines differ, and this one may be busy: nobody is held up by it. */
		verdict_line(r->v, CHECK_NOTE, "not fast yet",
			     "%.1f times the plain loop, and %.1f is easily had", s.times, FAST);
	return 0;
}

/* ---- what it means --------------------------------------------------------------------------- */

static int diagnose(struct run *r, struct err *err)
{
	struct wrong *wrong;
	int n = wrong_list(r->c->room, r->c->exercise, "wrong", &wrong), i;
	int rc = wrong_meant(r->c->room, wrong, n, &r->battery, &r->got, &i, err);

	if (!rc && i >= 0) {
		r->v->key = mem_strdup(wrong[i].key);
		text_adds(&r->v->says, wrong[i].says ? wrong[i].says : "");
	}
	wrong_release(wrong, n);
	return rc;
}

static void release(struct run *r)
{
	compiled_release(&r->made);
	if (r->got.battery)
		trial_release(&r->got);
	if (r->want.battery)
		trial_release(&r->want);
	battery_release(&r->battery);
	swap_release(&r->swap);
}

static int run_steps(struct run *r, struct err *err)
{
	const struct answer *a = r->c->answer;
	const char *what;
	struct text why = { 0 };
	int rc = look_at_file(r->c->room, r->c->exercise, a->text, a->len, &what, &why, err);

	if (!rc && what)
		verdict_line(r->v, CHECK_FAILED, what, "%s", why.data);
	text_release(&why);
	if (rc || what)
		return rc;
	rc = compile(r, err);
	if (rc || !r->made.library)
		return rc;
	rc = try_alone(r, err);
	if (rc)
		return rc;
	/* What runs off is not let into the model. */
	if (r->got.is_done)
		rc = try_in_model(r, err);
	if (!rc && r->v->passed && r->kernel->id == KERNEL_linear_fast)
		rc = race(r, err);
	if (!rc && !r->v->passed)
		rc = diagnose(r, err);
	return rc;
}

int check_kernel(const struct check *c, struct verdict *v, struct err *err)
{
	const char *symbol = section_value(c->exercise->conf, "kernel");
	struct run r = { .c = c, .v = v, .file = c->exercise->file };
	int rc;

	r.kernel = symbol ? kernel_find(symbol) : NULL;
	if (!r.kernel)
		return bad_conf(c, "there is no kernel of that name", err);
	rc = run_steps(&r, err);
	release(&r);
	return rc;
}
