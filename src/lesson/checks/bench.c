/*
 * bench.c -- a prediction of how fast this machine is, against a measurement made now.
 *
 * It says nothing of what a machine should do, and nothing waits for it: who lies within a third
 * has understood what the time goes into.
 */
#include "words.h"

#include "../variants/variants.h"
#include "torchless/mem.h"
#include "torchless/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WITHIN  0.3
#define REPEATS 3
#define MAX_N   256

enum what { DECODE, PREFILL };

struct bench {
	const struct check *check;
	enum what what;
	const char *variant; /* NULL: the teaching model */
	int64_t n;           /* tokens */
};

static int bench_read(struct bench *b, const struct check *c, struct err *err)
{
	const struct course_section *s = c->exercise->conf;
	const char *what = section_value(s, "what"), *n = section_value(s, "n");

	*b = (struct bench){ .check = c, .variant = section_value(s, "variant") };
	b->n = n ? atoll(n) : 16;
	if (b->n < 2 || b->n > MAX_N)
		return err_set(err, ERR_FORMAT, "checks.conf: [%s] has n = \"%s\", and 2 to %d fit",
			       c->exercise->id, n, MAX_N);
	if (!what || !strcmp(what, "decode"))
		b->what = DECODE;
	else if (!strcmp(what, "prefill"))
		b->what = PREFILL;
	else
		return err_set(err, ERR_FORMAT,
			       "checks.conf: [%s] measures '%s'; it can be decode or prefill",
			       c->exercise->id, what);
	return 0;
}

/* ---- measuring ------------------------------------------------------------------------------ */

/* Tokens a second of one generation. */
static int generate(struct session *s, const struct bench *b, double *speed, struct err *err)
{
	int64_t n_prompt = b->what == PREFILL ? b->n : 4;
	int32_t *ids = mem_calloc((size_t)n_prompt, sizeof(*ids));
	int status;

	for (int64_t i = 0; i < n_prompt; i++)
		ids[i] = (int32_t)(i ? 300 + i * 37 % 900 : 1);
	session_restart(s, b->what == DECODE ? b->n : 0);
	s->prefill_ns = s->decode_ns = 0;
	status = session_set_ids(s, ids, n_prompt, err);
	free(ids);
	while (status >= 0 && (status = session_advance(s, err)) == SESSION_TOKEN)
		;
	if (status < 0)
		return status;
	/* The first token comes of the prefill. */
	*speed = b->what == DECODE ? (double)(b->n - 1) * 1e9 / (double)s->decode_ns
				   : (double)b->n * 1e9 / (double)s->prefill_ns;
	return 0;
}

/* The fastest of some: what else the machine does only makes it slower. */
static int measure(struct model *m, const struct bench *b, double *best, struct err *err)
{
	const struct classroom *room = b->check->room;
	struct session s = { 0 };
	struct session_options o = {
		.executor = { .kernels = room->kernels, .pool = room->pool, .chunk = 512 },
		.sampler = { .top_p = 1 },
		.n = b->n,
		.ignore_eos = true,
		.interrupted = room->interrupted,
	};
	int result = session_init(&s, m, &o, err);

	*best = 0;
	for (int i = 0; i < REPEATS && result == 0; i++) {
		double speed = 0;

		result = generate(&s, b, &speed, err);
		*best = fmax(*best, speed);
		if (room->interrupted && *room->interrupted)
			result = err_set(err, ERR_INTERRUPTED, "interrupted");
	}
	session_release(&s);
	return result;
}

/* ---- its model ------------------------------------------------------------------------------ */

static void tell_absent(const struct bench *b, const struct variant *v, struct verdict *out)
{
	const char *step = section_value(b->check->exercise->conf, "step");
	char bytes[32];
	struct text t = { 0 };

	text_addf(&t, "there is no model %s yet, which takes %s in the cache", v->name,
		  mem_format_bytes(variant_bytes(v), bytes, sizeof(bytes)));
	if (step)
		text_addf(&t, ": `torchless lesson run %s` makes it", step);
	verdict_line(out, CHECK_FAILED, "the measurement", "%s", t.data);
	text_release(&t);
}

/* 1 with the path, 0 when the verdict says what is missing. */
static int find_model(const struct bench *b, struct text *path, struct verdict *v, struct err *err)
{
	const struct classroom *room = b->check->room;
	const struct variant *variant = b->variant ? variant_find(b->variant) : NULL;

	if (!b->variant) {
		text_adds(path, room->model);
		return 1;
	}
	if (!variant)
		return err_set(err, ERR_FORMAT,
			       "checks.conf: [%s] has a variant '%s', which is none",
			       b->check->exercise->id, b->variant);
	if (variant->is_large && !lesson_variant_is_there(room, b->variant, path)) {
		tell_absent(b, variant, v);
		return 0;
	}
	return variant->is_large || lesson_variant(room, b->variant, path, err) == 0 ? 1
										     : err->code;
}

static void judge(double said, double measured, struct verdict *v)
{
	double off = said / measured - 1;

	if (fabs(off) <= WITHIN)
		verdict_line(v, CHECK_PASSED, "your prediction",
			     "%.4g, measured %.4g tokens a second: %+.0f %%", said, measured,
			     100 * off);
	else
		verdict_line(v, CHECK_FAILED, "your prediction",
			     "%.4g, measured %.4g tokens a second: %+.0f %%, allowed 30 %%", said,
			     measured, 100 * off);
}

/* 1 with the speed, 0 when the verdict says what is missing. */
static int measure_now(const struct check *c, double *speed, struct verdict *v, struct err *err)
{
	struct bench b;
	struct model model = { 0 };
	struct text path = { 0 };
	int result = bench_read(&b, c, err);

	if (result == 0)
		result = find_model(&b, &path, v, err);
	if (result == 1) {
		if (model_open(&model, path.data, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, err) ||
		    measure(&model, &b, speed, err))
			result = err->code;
		model_close(&model);
	}
	text_release(&path);
	return result;
}

int check_bench(const struct check *c, struct verdict *v, struct err *err)
{
	const struct form_of f = { .form = FORM_NUMBER, .unit = "tokens/s" };
	struct said said = { 0 };
	double measured = 0;
	int result = form_read(&f, c->answer->text, &said, err);

	if (result == 0)
		result = measure_now(c, &measured, v, err);
	if (result == 1)
		judge(said.value, measured, v);
	if (result >= 0 && v->lines[v->n_lines - 1].mark == CHECK_FAILED)
		verdict_line(v, CHECK_NOTE, "nothing waits for it", "%s",
			     "the lesson is done without it, and `torchless lesson next` goes on");
	said_release(&said);
	return result < 0 ? result : 0;
}

int solution_bench(const struct check *c, struct text *out, struct err *err)
{
	struct verdict v = { 0 };
	double measured = 0;
	int result = measure_now(c, &measured, &v, err);

	if (result == 1)
		text_addf(out, "%.4g tokens a second, measured now", measured);
	else if (result == 0)
		err_set(err, ERR_NO, "%s",
			v.n_lines ? v.lines[0].detail : "the speed was not measured");
	verdict_release(&v);
	return result == 1 ? 0 : err->code;
}
