/*
 * fuzz_capture.c -- libFuzzer over what names parts of a model: --capture, --zero, selections.
 *
 * A line is one of them, by its first character: 'c' a capture, 'z' a zero, 's' a selection, 'n'
 * the name of a tensor; 'e' asks what the captures will take.  All are read against a small model.
 * A selection that is accepted is written and read as the same; what it means lies inside of the
 * tensor; captures are described as JSON.
 */
#include "fuzz.h"
#include "torchless/array.h"
#include "torchless/json.h"
#include "torchless/point.h"
#include "torchless/trace.h"

#include "support/toy.h"

#define MAX_LINES 8

static struct toy toy;
static struct executor executor;

/* ---- selections ---------------------------------------------------------------------------- */

static void check_range(const struct selection *sel, const char *axes)
{
	static const int64_t shape[TENSOR_MAX_DIMS] = { 3, 1, 4, 0 };
	static const int64_t pos0s[] = { 0, 5, INT32_MAX };
	int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];

	for (int k = 0; k < 3; k++) {
		if (!selection_resolve(sel, axes, shape, sel->n_axes, pos0s[k], start, stop))
			continue;
		for (int i = 0; i < sel->n_axes; i++)
			require(0 <= start[i] && start[i] <= stop[i] && stop[i] <= shape[i],
				"a selection lies inside");
	}
}

static void check_selection(const char *text, const char *axes)
{
	struct selection sel, again;
	struct text written = { 0 };
	struct err err = { 0 };

	if (!succeeded(selection_parse(&sel, text, axes, &err), &err))
		return;
	check_range(&sel, axes);
	selection_format(&sel, axes, &written);
	require(!selection_parse(&again, written.data, axes, &err), "what is written is read");
	require(sel.n_axes == again.n_axes, "as the same");
	for (int i = 0; i < sel.n_axes; i++)
		require(sel.axis[i].whole == again.axis[i].whole &&
				sel.axis[i].start == again.axis[i].start &&
				sel.axis[i].stop == again.axis[i].stop,
			"as the same");
	text_release(&written);
}

static void check_part(const char *text)
{
	struct array *a, *part;
	struct err err = { 0 };

	a = array_new(3, (int64_t[]){ 2, 3, 4 }, &err);
	if (!a)
		abort();
	memset(a->data, 0, (size_t)a->numel * sizeof(float));
	snprintf(a->axes, sizeof(a->axes), "head,q,k");
	a->base[1] = 5;
	part = array_select(a, text, &err);
	require(!part == (err.code < 0), "what is refused is explained");
	if (part)
		require(part->numel >= 0 && part->numel <= a->numel, "a part is no larger");
	else
		require_sentence(&err);
	array_release(part);
	array_release(a);
}

static void check_name(const char *text)
{
	struct array_name name = ARRAY_NAME;
	struct err err = { 0 };

	if (succeeded(array_name_parse(text, &name, &err), &err))
		require(name.run >= -1 && name.pass >= -1 && name.point[0], "a name has a point");
	text_release(&name.sel);
}

/* ---- edits and captures -------------------------------------------------------------------- */

static void check_zero(const char *text)
{
	bool wanted[1024] = { 0 };
	const char *selection;
	struct err err = { 0 };
	char name[256];

	require((size_t)toy.p.n_values <= sizeof(wanted), "the model is small");
	if (!succeeded(selection_split(text, name, sizeof(name), &selection, &err), &err) ||
	    !succeeded(points_match(&toy.p, name, wanted, &err), &err))
		return;
	for (int v = 0; v < toy.p.n_values; v++) {
		struct edit e = { .value = v, .kind = EDIT_ZERO, .pass_to = -1, .source = text };

		if (!wanted[v])
			continue;
		if (!succeeded(
			    selection_parse(&e.sel, selection, value_axes(&toy.p.values[v]), &err),
			    &err) ||
		    !succeeded(executor_add_edit(&executor, &e, &err), &err))
			return;
	}
}

static void check_policy(const struct capture_policy *policy)
{
	struct text json = { 0 };
	struct err err = { 0 };

	if (succeeded(capture_policy_describe(policy, &toy.p, &json, &err), &err)) {
		cJSON *parsed = json_parse(json.data, json.len, "captures", &err);

		require(cJSON_IsArray(parsed) && cJSON_GetArraySize(parsed) == policy->n_rules,
			"every capture is described");
		cJSON_Delete(parsed);
	}
	text_release(&json);
}

static void check_estimate(const struct capture_policy *policy)
{
	const struct trace_shape shape = { .n_prompt = 5, .n_generate = 3, .chunk = 4 };
	const struct trace_model model = { .name = "toy", .config_json = "{}" };
	const struct trace_options opt = {
		.capture = policy, .pattern_keys = 1024, .shapes = &shape, .n_shapes = 1
	};
	struct trace_estimate e;
	struct err err = { 0 };

	if (succeeded(trace_estimate(&toy.p, &model, &opt, &e, &err), &err))
		require(e.dump_bytes >= 0 && e.dump_bytes <= e.file_bytes, "dumps are in the file");
	for (int i = 0; i < e.n_rows; i++)
		require(e.rows[i].n_dumps >= 0 && e.rows[i].dump_bytes >= 0, "counts are counts");
	trace_estimate_release(&e);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct executor_options opt = { .plan = PLAN_RUN, .chunk = 4 };

	(void)argc, (void)argv;
	toy_build(&toy);
	return executor_init(&executor, &toy.p, &opt, &toy.err);
}

static void check_line(const char *line, struct capture_policy *policy)
{
	static const char *const axes[] = { "pos,d_model", "pos,head,d_head", "head,q,k", "",
					    NULL };
	struct err err = { 0 };

	if (*line == 'c')
		succeeded(capture_policy_add(policy, line + 1, &err), &err);
	else if (*line == 'z')
		check_zero(line + 1);
	else if (*line == 'e')
		check_estimate(policy);
	else if (*line == 'n')
		check_name(line + 1);
	else if (*line == 's') {
		for (size_t i = 0; i < sizeof(axes) / sizeof(*axes); i++)
			check_selection(line + 1, axes[i]);
		check_part(line + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct capture_policy policy = { 0 };

	for (int i = 0; i < MAX_LINES && in.left; i++) {
		char *line = input_string(&in, '\n');

		check_line(line, &policy);
		free(line);
	}
	check_policy(&policy);
	capture_policy_release(&policy);
	executor_clear_edits(&executor);
	return 0;
}
