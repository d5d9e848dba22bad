/* The lens and attribution: parts that sum to the logit, of every kind of small model. */
#include "support/tiny.h"
#include "torchless/executor_source.h"
#include "torchless/model.h"
#include "torchless/readout.h"

#include <criterion/criterion.h>

static const int32_t ids[] = { 1, 17, 42, 9, 33, 100, 5 };
enum { N_IDS = 7, CHUNK = 4 };

static struct {
	char dir[256];
	struct model model;
	struct executor ex;
	struct readout r;
	struct err err;
} f;

static void open_tiny(const struct tiny *t)
{
	const struct executor_options opt = { .kernels = &kernels_ref,
					      .plan = PLAN_DEBUG,
					      .chunk = CHUNK };

	memset(&f, 0, sizeof(f));
	tiny_write(t, f.dir, sizeof(f.dir));
	cr_assert_eq(model_open(&f.model, f.dir, CHECKPOINT_WEIGHTS, &f.err), 0, "%s",
		     f.err.message);
	cr_assert_eq(executor_init(&f.ex, &f.model.program, &opt, &f.err), 0);
	f.r = (struct readout){ .program = &f.model.program,
				.source = executor_source(&f.ex),
				.kernels = &kernels_ref };
}

/* The prompt in two passes; the values of the second one stay. */
static void run(void)
{
	cr_assert_eq(executor_begin(&f.ex, ids, CHUNK, true, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(executor_run(&f.ex, &f.err), EXECUTOR_DONE);
	cr_assert_eq(executor_begin(&f.ex, ids + CHUNK, N_IDS - CHUNK, true, &f.err), 0);
	cr_assert_eq(executor_run(&f.ex, &f.err), EXECUTOR_DONE);
}

static void close_tiny(void)
{
	executor_release(&f.ex);
	model_close(&f.model);
	tiny_remove(f.dir);
}

static struct array *read_value(const char *text)
{
	struct array *a = f.r.source.read(f.r.source.ctx, text, &f.err);

	cr_assert(a != NULL, "%s: %s", text, f.err.message);
	return a;
}

static double logit(int64_t pos, int32_t token)
{
	return (double)executor_logits(&f.ex, pos - CHUNK)[token];
}

static void attribute(int32_t a, int32_t b, int64_t pos, struct attribution *out)
{
	cr_assert_eq(readout_attribute(&f.r, a, b, pos, out, &f.err), 0, "%s", f.err.message);
}

static double sum_of(const struct attribution *a, double *all)
{
	double sum = 0;

	*all = 0;
	for (int i = 0; i < a->n_parts; i++) {
		sum += a->parts[i].logit;
		*all += fabs(a->parts[i].logit);
	}
	return sum;
}

static const struct {
	const char *what;
	struct tiny t;
} kinds[] = {
	{ "grouped heads and a window",
	  { 2, 33, 6, 2, 10, 45, 101, 5, false, DTYPE_F32, 1, NULL } },
	{ "tied", { 2, 33, 6, 2, 10, 45, 101, 0, true, DTYPE_F32, 2, NULL } },
	{ "bf16", { 3, 40, 4, 4, 10, 45, 101, 0, false, DTYPE_BF16, 3, NULL } },
	{ "one key head", { 1, 24, 4, 1, 6, 31, 101, 3, false, DTYPE_F16, 4, NULL } },
};

Test(readout, parts_sum_to_the_logit)
{
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const struct tiny *t = &kinds[k].t;

		open_tiny(t);
		run();
		for (int64_t pos = CHUNK; pos < N_IDS; pos++)
			for (int32_t token = 0; token < t->vocab; token += 7) {
				struct attribution a;
				double all, sum;

				attribute(token, -1, pos, &a);
				sum = sum_of(&a, &all);
				cr_assert(a.has_logit);
				cr_assert_eq(a.n_parts, 1 + t->layers * (t->heads + 1), "%s: %d",
					     kinds[k].what, a.n_parts);
				cr_assert_float_eq(a.logit, logit(pos, token), 1e-12);
				cr_assert_float_eq(sum, a.logit, 1e-5 * all, "%s: %g of %g",
						   kinds[k].what, sum, a.logit);
				cr_assert_float_eq(sum + a.rest, a.logit, 1e-9 * all);
				attribution_release(&a);
			}
		close_tiny();
	}
}

Test(readout, two_tokens_are_split_as_each_of_them)
{
	struct attribution a, b, both;

	open_tiny(&tiny_default);
	run();
	attribute(17, -1, 6, &a);
	attribute(60, -1, 6, &b);
	attribute(17, 60, 6, &both);
	cr_assert_eq(both.n_parts, a.n_parts);
	for (int i = 0; i < a.n_parts; i++) {
		cr_assert_eq(both.parts[i].value, a.parts[i].value);
		cr_assert_eq(both.parts[i].head, a.parts[i].head);
		cr_assert_float_eq(both.parts[i].logit, a.parts[i].logit - b.parts[i].logit, 1e-9);
	}
	attribution_release(&a);
	attribution_release(&b);
	attribution_release(&both);
	close_tiny();
}

static void add_edit(const char *point, enum edit_kind kind, float arg, bool is_weight)
{
	struct edit e = { .value = program_find(&f.model.program, point),
			  .kind = kind,
			  .arg = arg,
			  .pass_to = -1 };

	cr_assert_geq(e.value, 0, "%s", point);
	if (!is_weight)
		cr_assert_eq(selection_parse(&e.sel, "",
					     value_axes(&f.model.program.values[e.value]), &f.err),
			     0);
	else
		selection_parse(&e.sel, "", "row,col", &f.err);
	cr_assert_gt(executor_add_edit(&f.ex, &e, &f.err), 0, "%s", f.err.message);
}

/* An edit of the stream is a part of its own; one of a head's output too, beside the heads. */
Test(readout, edits_are_parts_and_the_sum_stands)
{
	static const struct {
		const char *point;
		const char *part;
	} edits[] = { { "model.layers.0:resid_mid", "model.layers.0:resid_mid" },
		      { "model.layers.1.self_attn.o_proj:out",
			"model.layers.1.self_attn.o_proj:out" } };

	for (size_t i = 0; i < 2; i++) {
		struct attribution a;
		double all, sum;
		int found = 0;

		open_tiny(&tiny_default);
		add_edit(edits[i].point, EDIT_ADD, 0.5f, false);
		run();
		attribute(17, -1, 5, &a);
		sum = sum_of(&a, &all);
		for (int k = 0; k < a.n_parts; k++)
			if (a.parts[k].kind == ATTRIBUTION_EDIT)
				found += !strcmp(f.model.program.values[a.parts[k].value].name,
						 edits[i].part);
		cr_assert_eq(found, 1, "%s", edits[i].point);
		cr_assert_float_eq(sum, logit(5, 17), 1e-5 * all);
		attribution_release(&a);
		close_tiny();
	}
}

Test(readout, attribution_refuses_what_is_not_there)
{
	struct attribution a;

	open_tiny(&tiny_default);
	run();
	cr_assert_eq(readout_attribute(&f.r, 101, -1, 6, &a, &f.err), ERR_USAGE);
	cr_assert_eq(readout_attribute(&f.r, -1, -1, 6, &a, &f.err), ERR_USAGE);
	cr_assert_eq(readout_attribute(&f.r, 0, 4000, 6, &a, &f.err), ERR_USAGE);
	cr_assert_eq(readout_attribute(&f.r, 0, -1, 2, &a, &f.err), ERR_USAGE);
	cr_assert_eq(executor_seek(&f.ex, 20, &f.err), 0);
	cr_assert_eq(readout_attribute(&f.r, 0, -1, 6, &a, &f.err), ERR_USAGE);
	close_tiny();
}

static bool always(void *ctx)
{
	(void)ctx;
	return true;
}

Test(readout, a_watch_ends_it)
{
	const struct array_watch watch = { always, NULL };
	struct attribution a;

	open_tiny(&tiny_default);
	run();
	f.r.watch = &watch;
	cr_assert_eq(readout_attribute(&f.r, 0, -1, 6, &a, &f.err), ERR_INTERRUPTED);
	close_tiny();
}

/* ---- the lens ------------------------------------------------------------------------------ */

static void compare_to_logits(const struct array *got)
{
	struct array *want = read_value("lm_head:out");

	cr_assert_eq(got->numel, want->numel);
	for (int64_t i = 0; i < got->numel; i++)
		cr_assert_float_eq((double)got->data[i], (double)want->data[i],
				   1e-4 * (1 + fabs((double)want->data[i])));
	array_release(want);
}

Test(readout, the_lens_of_the_last_stream_is_the_logits)
{
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		value_id streams[16];
		struct array *x, *got;
		int n;

		open_tiny(&kinds[k].t);
		run();
		n = readout_streams(f.r.program, streams, 16, &f.err);
		cr_assert_eq(n, 1 + 2 * kinds[k].t.layers);
		cr_assert_str_eq(f.r.program->values[streams[0]].name, "model.embed_tokens:out");
		x = read_value(f.r.program->values[streams[n - 1]].name);
		got = readout_logits(&f.r, x, &f.err);
		cr_assert(got != NULL, "%s", f.err.message);
		compare_to_logits(got);
		array_release(got);
		array_release(x);
		close_tiny();
	}
}

Test(readout, the_lens_sees_edited_weights)
{
	struct array *x, *got;

	open_tiny(&tiny_default);
	add_edit("lm_head.weight", EDIT_SCALE, 3, true);
	add_edit("model.norm.weight", EDIT_SCALE, -1, true);
	run();
	x = read_value("model.layers.1:out");
	got = readout_logits(&f.r, x, &f.err);
	cr_assert(got != NULL, "%s", f.err.message);
	compare_to_logits(got);
	array_release(got);
	array_release(x);
	close_tiny();
}

Test(readout, the_lens_refuses_another_width)
{
	struct array *x;

	open_tiny(&tiny_default);
	x = array_new(2, (int64_t[]){ 1, 12 }, &f.err);
	cr_assert(readout_logits(&f.r, x, &f.err) == NULL);
	cr_assert_eq(f.err.code, ERR_SHAPE);
	array_release(x);
	close_tiny();
}

/* ---- fitted lenses ------------------------------------------------------------------------- */

/* A safetensors file of one f32 tensor [rows, cols] (cols 0: [rows]) with `diagonal` on it. */
static void write_lens(const char *path, const char *name, int rows, int cols, float diagonal,
		       const char *name2)
{
	struct text header = { 0 }, file = { 0 };
	int n = rows * (cols ? cols : 1), n2 = name2 ? rows : 0;
	uint64_t len;
	FILE *out = fopen(path, "wb");

	text_addf(&header, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[%d", name, rows);
	if (cols)
		text_addf(&header, ",%d", cols);
	text_addf(&header, "],\"data_offsets\":[0,%d]}", 4 * n);
	if (name2)
		text_addf(&header,
			  ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[%d,%d]}",
			  name2, rows, 4 * n, 4 * (n + n2));
	text_addc(&header, '}');
	len = header.len;
	text_add(&file, &len, sizeof(len));
	text_add(&file, header.data, header.len);
	for (int i = 0; i < n + n2; i++) {
		float x = i >= n ? 0.25f : !cols || i / cols == i % cols ? diagonal : 0;

		text_add(&file, &x, sizeof(x));
	}
	cr_assert(out && fwrite(file.data, 1, file.len, out) == file.len && !fclose(out));
	text_release(&header);
	text_release(&file);
}

Test(readout, fitted_lenses_of_both_spellings)
{
	static const struct {
		const char *name, *bias, *stream;
		float diagonal;
		double want; /* of an x of ones */
	} cases[] = {
		{ "L0.resid_post.weight", NULL, "model.layers.0:out", 2, 2 },
		{ "model.layers.0:resid_mid.weight", NULL, "model.layers.0:resid_mid", 3, 3 },
		{ "L1.resid_mid", "L1.resid_mid.bias", "model.layers.1:resid_mid", 1, 1.25 },
		{ "1.weight", "1.bias", "model.layers.0:out", 2, 3.25 },
		{ "0.weight", NULL, "model.embed_tokens:out", 0, 1 },
	};
	char path[300];

	open_tiny(&tiny_default);
	snprintf(path, sizeof(path), "%s/lens.safetensors", f.dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		float x[33];
		struct readout_lens *l;
		value_id stream = program_find(&f.model.program, cases[i].stream);

		for (int k = 0; k < 33; k++)
			x[k] = 1;
		write_lens(path, cases[i].name, 33, 33, cases[i].diagonal, cases[i].bias);
		l = readout_lens_open(&f.model.program, path, &f.err);
		cr_assert(l != NULL, "%s: %s", cases[i].name, f.err.message);
		cr_assert(readout_lens_has(l, stream), "%s", cases[i].name);
		readout_lens_apply(l, stream, x);
		for (int k = 0; k < 33; k++)
			cr_assert_float_eq((double)x[k], cases[i].want, 1e-6, "%s", cases[i].name);
		readout_lens_apply(l, program_find(&f.model.program, "model.layers.1:out"), x);
		cr_assert_float_eq((double)x[5], cases[i].want, 1e-6);
		readout_lens_close(l);
	}
	unlink(path);
	close_tiny();
}

Test(readout, fitted_lenses_that_are_none)
{
	static const struct {
		const char *name;
		int rows, cols, code;
	} cases[] = {
		{ "L0.attn.z.weight", 33, 33, ERR_USAGE },
		{ "7.weight", 33, 33, ERR_USAGE },
		{ "99999999999999999999.weight", 33, 33, ERR_USAGE },
		{ "nothing", 33, 33, ERR_USAGE },
		{ ".weight", 33, 33, ERR_USAGE },
		{ "*.weight", 33, 33, ERR_USAGE },
		{ "L0.resid_post.weight", 33, 32, ERR_SHAPE },
		{ "L0.resid_post.weight", 33, 0, ERR_SHAPE },
		{ "L0.resid_post.bias", 33, 33, ERR_SHAPE },
	};
	char path[300];

	open_tiny(&tiny_default);
	snprintf(path, sizeof(path), "%s/lens.safetensors", f.dir);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_lens(path, cases[i].name, cases[i].rows, cases[i].cols, 1, NULL);
		cr_assert(readout_lens_open(&f.model.program, path, &f.err) == NULL, "%s",
			  cases[i].name);
		cr_assert_eq(f.err.code, cases[i].code, "%s: %s", cases[i].name, f.err.message);
	}
	unlink(path);
	cr_assert(readout_lens_open(&f.model.program, path, &f.err) == NULL);
	cr_assert_eq(f.err.code, ERR_USAGE, "%s", f.err.message);
	close_tiny();
}
