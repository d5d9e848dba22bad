/* What a screen shows of a debugger: rows, marks, tensors, what comes next. */
#include "support/stopped.h"

static struct stopped s;
static struct debugger_view *v;
static struct debugger_row row;
static struct debugger_state state;

static void open_view(void)
{
	stopped_open(&s);
	v = debugger_view_new(s.d);
}

static void close_view(void)
{
	debugger_row_release(&row);
	memset(&row, 0, sizeof(row));
	debugger_view_free(v);
	stopped_close(&s);
}

static void run(const char *line)
{
	debugger_line(s.d, line, LINE_SCRIPT, &s.err);
	debugger_view_refresh(v);
	debugger_view_state(v, &state);
}

/* The row with this location. */
static int find(const char *location)
{
	for (int i = 0; i < debugger_view_n_rows(v); i++) {
		debugger_view_row(v, i, &row);
		if (!strcmp(row.location.data, location))
			return i;
	}
	cr_assert_fail("no row %s", location);
	return -1;
}

TestSuite(view, .init = open_view, .fini = close_view);

Test(view, rows)
{
	int n = debugger_view_n_rows(v), ops = 0;

	for (int i = 0; i < n; i++) {
		debugger_view_row(v, i, &row);
		cr_assert_gt(row.name.len, 0);
		cr_assert_geq(row.depth, 0);
		if (row.kind == ROW_OP)
			cr_assert_eq(row.op, ops++);
	}
	cr_assert_eq(ops, s.d->program->n_ops);
	debugger_view_row(v, 0, &row);
	cr_assert_eq(row.kind, ROW_TOKENIZER);
	debugger_view_row(v, n - 1, &row);
	cr_assert_eq(row.kind, ROW_SAMPLER);
}

/* `break` stands where its row is, for every row. */
Test(view, every_location_is_one)
{
	for (int i = 0; i < debugger_view_n_rows(v); i++) {
		struct text line = { 0 };

		debugger_view_row(v, i, &row);
		text_addf(&line, "break %s", row.location.data);
		cr_assert_eq(debugger_line(s.d, line.data, LINE_SCRIPT, &s.err), 0, "%s: %s",
			     line.data, s.err.message);
		text_release(&line);
		debugger_view_row(v, i, &row);
		cr_assert_gt(row.breakpoint, 0, "%s", row.location.data);
		cr_assert(row.breakpoint_is_enabled);
	}
}

Test(view, current_row_is_where_one_stands)
{
	debugger_view_state(v, &state);
	cr_assert_eq(state.row, -1);
	cr_assert_not(state.has_begun);
	run("start");
	cr_assert_eq(state.row, find("model.embed_tokens"));
	cr_assert(row.is_current);
	cr_assert_str_eq(state.phase, "prefill");
	cr_assert_eq(state.T, 5);
	run("advance model.layers.0.self_attn");
	cr_assert_eq(state.row, find("model.layers.0.self_attn.q_proj"));
	cr_assert_eq(state.layer, 0);
	run("reverse-finish");
	cr_assert_eq(state.row, find("model.layers.0.self_attn"));
	run("advance sampler");
	cr_assert_eq(state.row, debugger_view_n_rows(v) - 1);
	cr_assert_str_eq(state.phase, "sampler");
}

Test(view, marks)
{
	run("start");
	run("advance model.layers.0.mlp");
	find("model.layers.0.self_attn");
	cr_assert_eq(row.mark, MARK_COMPUTED);
	find("model.layers.0.self_attn.q_proj");
	cr_assert_eq(row.mark, MARK_COMPUTED);
	find("model.layers.0.mlp.gate_proj");
	cr_assert_eq(row.mark, MARK_AHEAD);
	find("model.layers.0");
	cr_assert_eq(row.mark, MARK_NONE);
	run("reverse-continue");
	find("model.layers.0.self_attn.q_proj");
	cr_assert_eq(row.mark, MARK_AHEAD);
}

Test(view, edits_and_faults)
{
	run("start");
	run("set var model.layers.0.input_layernorm.out[pos=2] = nan");
	find("model.layers.0.input_layernorm");
	cr_assert(row.is_edited);
	run("disable 0");
	run("advance model.layers.0.self_attn");
	find("model.layers.0.input_layernorm");
	cr_assert_eq(row.mark, MARK_FAULT);
	run("revert");
	find("model.layers.0.input_layernorm");
	cr_assert_not(row.is_edited);
}

Test(view, breakpoints_that_are_disabled)
{
	run("break model.layers.1.mlp");
	find("model.layers.1.mlp");
	cr_assert(row.breakpoint == 1 && row.breakpoint_is_enabled);
	run("disable 1");
	find("model.layers.1.mlp");
	cr_assert(row.breakpoint == 1 && !row.breakpoint_is_enabled);
	run("delete 1");
	find("model.layers.1.mlp");
	cr_assert_eq(row.breakpoint, 0);
}

Test(view, source)
{
	run("start");
	cr_assert_not_null(debugger_view_source(v));
	cr_assert_str_eq(state.file, "mistral.c");
	debugger_view_source_row(v, state.line, &row);
	cr_assert(row.is_current);
	cr_assert_geq(row.op, 0);
	debugger_view_source_row(v, 1, &row);
	cr_assert(!row.is_current && row.op < 0);
}

Test(view, tensors)
{
	struct ui ui = { .out = stdout, .utf8 = true, .width = 60 };
	struct debugger_look look = { .row = -1, .zoom = 1, .lines = 10, .ui = &ui };
	struct debugger_seen seen = { 0 };
	struct text out = { 0 };
	int64_t first;

	cr_assert_eq(debugger_view_tensor(v, &look, &seen, &out, &s.err), ERR_USAGE);
	run("start");
	cr_assert_eq(debugger_view_tensor(v, &look, &seen, &out, &s.err), ERR_USAGE);
	run("advance model.layers.0.self_attn.o_proj");
	for (int picture = 0; picture < PICTURE_COUNT; picture++) {
		text_clear(&out);
		text_clear(&seen.name);
		look.picture = (enum debugger_picture)picture;
		cr_assert_eq(debugger_view_tensor(v, &look, &seen, &out, &s.err), 0, "%s",
			     s.err.message);
		cr_assert_gt(out.len, 0);
		cr_assert(strstr(seen.name.data, "self_attn:z[:,0]"), "%s", seen.name.data);
	}
	first = seen.n_blocks;
	cr_assert_gt(first, 1);
	look.block = -1;
	text_clear(&seen.name);
	cr_assert_eq(debugger_view_tensor(v, &look, &seen, &out, &s.err), 0);
	cr_assert_eq(seen.block, first - 1, "before the first is the last");
	look.row = find("model.layers.1.mlp");
	cr_assert_eq(debugger_view_tensor(v, &look, &seen, &out, &s.err), ERR_USAGE);
	text_release(&out);
	text_release(&seen.name);
	text_release(&seen.line);
}

Test(view, what_comes_next)
{
	struct debugger_candidate c[4];
	struct text from = { 0 };
	double sum = 0;
	int n;

	cr_assert_eq(debugger_view_candidates(v, 4, c, &from), 0);
	run("start");
	cr_assert_eq(debugger_view_candidates(v, 4, c, &from), 0, "nothing is computed");
	run("step");
	cr_assert_eq(debugger_view_candidates(v, 4, c, &from), 4);
	cr_assert_str_eq(from.data, "by the embedding alone");
	run("advance model.layers.1.mlp");
	text_clear(&from);
	cr_assert_eq(debugger_view_candidates(v, 4, c, &from), 4);
	cr_assert_str_eq(from.data, "by attention of layer 1 so far");
	run("advance sampler");
	text_clear(&from);
	n = debugger_view_candidates(v, 4, c, &from);
	cr_assert_str_eq(from.data, "by the logits");
	for (int i = 0; i < n; i++) {
		cr_assert(i == 0 || c[i].p <= c[i - 1].p);
		sum += c[i].p;
	}
	cr_assert(sum > 0 && sum <= 1 + 1e-9);
	text_release(&from);
}
