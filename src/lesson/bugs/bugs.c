/*
 * bugs.c -- the table of bugs, and planting one.
 */
#include "bugs_impl.h"

#include "../draw.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define FIELD_KERNELS(name)   .kernels = bug_##name
#define FIELD_PROGRAM(name)   .program = bug_##name
#define FIELD_BEFORE(name)    .moment = bug_##name
#define FIELD_AFTER(name)     .moment = bug_##name
#define FIELD_RELATION(name)  .relation = bug_##name
#define FIELD_TOKENIZER(name) .moment = NULL
#define FIELD_NONE(name)      .moment = NULL

const struct bug bug_table[] = {
#define BUG(name, kind, at, on, says) { #name, BUG_##kind, at, on, says, FIELD_##kind(name) },
#include "bugs.def"
#undef BUG
};
const int bug_table_len = sizeof(bug_table) / sizeof(*bug_table);

const struct bug *bug_find(const char *name)
{
	for (int i = 0; i < bug_table_len; i++)
		if (!strcmp(bug_table[i].name, name))
			return &bug_table[i];
	return NULL;
}

/* ---- planting ------------------------------------------------------------------------------- */

static bool wants_site(void *ctx, const struct site *at)
{
	const struct planted *p = ctx;

	if (at->kind != SITE_OP)
		return false;
	for (int i = 0; i < at->op->n_out; i++) {
		const char *name = p->model->program.values[at->op->out[i]].name;

		if (name && text_ends_with(name, p->bug->on))
			return true;
	}
	return false;
}

static int at_moment(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	const struct planted *p = ctx;

	return p->bug->moment(p, ex, at->op, err);
}

/* ---- sums in another order ------------------------------------------------------------------ */

/* y = x W^T with every sum from its end: as right as any other. */
static void linear_from_end(struct threads *pool, float *y, const float *x, const struct tensor *w,
			    int64_t T)
{
	int64_t N = w->shape[0], K = w->shape[1];
	float *row = mem_calloc((size_t)K, sizeof(*row));

	(void)pool;
	for (int64_t n = 0; n < N; n++) {
		kernels_ref.convert(row, tensor_row(w, n), w->dtype, K);
		for (int64_t t = 0; t < T; t++) {
			float sum = 0;

			for (int64_t k = K; k-- > 0;)
				sum += x[t * K + k] * row[k];
			y[t * N + n] = sum;
		}
	}
	free(row);
}

void bug_plant(struct planted *p, const struct bug *bug, struct model *m,
	       const struct kernels *kernels)
{
	*p = (struct planted){ .bug = bug, .model = m, .kernels = *kernels };
	if (!bug)
		return;
	if (bug->kernels)
		bug->kernels(&p->kernels);
	if (bug->program)
		bug->program(m);
	if (bug->kind == BUG_NONE)
		p->kernels.linear = linear_from_end;
}

/* ---- in a session --------------------------------------------------------------------------- */

/* The edit of every layer's relation. */
static int add_relations(struct planted *p, struct session *s, struct err *err)
{
	const struct program *program = &p->model->program;
	enum opcode code = !strcmp(p->bug->on, "pattern") ? OP_SOFTMAX : OP_MASK;
	struct edit e = {
		.kind = EDIT_COMPUTE, .pass_to = -1, .compute = p->bug->relation, .ctx = p
	};

	for (int i = 0; i < program->n_ops; i++) {
		if (program->ops[i].code != code)
			continue;
		e.value = program->ops[i].out[0];
		if (selection_parse(&e.sel, NULL, value_axes(&program->values[e.value]), err) ||
		    session_add_edit(s, &e, err) < 0)
			return err->code;
	}
	return 0;
}

int bug_plant_session(struct planted *p, struct session *s, struct err *err)
{
	if (!p->bug)
		return 0;
	if (p->bug->kind == BUG_RELATION)
		return add_relations(p, s, err);
	if (!p->bug->moment)
		return 0;
	p->hook = (struct hook){ .wants = wants_site, .ctx = p };
	if (p->bug->kind == BUG_BEFORE)
		p->hook.before = at_moment;
	else
		p->hook.after = at_moment;
	session_add_hook(s, &p->hook);
	return 0;
}

void planted_release(struct planted *p)
{
	free(p->rms);
	p->rms = NULL;
}

/* ---- which one ------------------------------------------------------------------------------ */

static int unknown_bug(const struct course_section *s, const char *name, struct err *err)
{
	struct text_near near = { .name = name };
	char names[600];

	for (int i = 0; i < bug_table_len; i++)
		text_near_offer(&near, bug_table[i].name, -1);
	return err_set(err, ERR_FORMAT,
		       "checks.conf: [%s] has a bug '%s', which is none; nearest: %s", s->name,
		       name, text_near_format(&near, names, sizeof(names)));
}

#define MAX_DRAWN 32

/* The n-th of a list of words that the seed shuffles, from 1. */
static int draw(const struct course_section *s, const char *list, uint64_t seed,
		const struct bug **bug, struct err *err)
{
	const char *at = section_value(s, "draw");
	const struct bug *drawn[MAX_DRAWN];
	char *words = mem_strdup(list), *rest = words, *word;
	int n = 0, i = at ? atoi(at) : 0, result = 0;

	while (result == 0 && (word = strtok_r(rest, " \n", &rest)) && n < MAX_DRAWN) {
		drawn[n++] = bug_find(word);
		if (!drawn[n - 1])
			result = unknown_bug(s, word, err);
	}
	free(words);
	if (result)
		return result;
	if (i < 1 || i > n)
		return err_set(err, ERR_FORMAT, "checks.conf: [%s] has %d bugs, and draw = \"%s\"",
			       s->name, n, at ? at : "");
	for (int k = n - 1; k > 0; k--) {
		int j = draw_below(&seed, k + 1);
		const struct bug *b = drawn[k];

		drawn[k] = drawn[j];
		drawn[j] = b;
	}
	*bug = drawn[i - 1];
	return 0;
}

int bug_of_section(const struct course_section *s, uint64_t seed, const struct bug **bug,
		   struct err *err)
{
	const char *name = section_value(s, "bug"), *list = section_value(s, "bugs");

	*bug = NULL;
	if (list)
		return draw(s, list, seed, bug, err);
	if (name)
		*bug = bug_find(name);
	return name && !*bug ? unknown_bug(s, name, err) : 0;
}
