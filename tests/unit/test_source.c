/* An executor as a source of arrays, held against what a recording of the same pass stores. */
#include "../support/recorded.h"
#include "torchless/executor_source.h"

static struct recorded r;

static struct {
	struct model model;
	struct executor ex;
	struct array_source live;
	struct err err;
} f;

/* The same passes as record() runs, of which the first n_passes are run. */
static void run_passes(enum plan plan, size_t n_passes)
{
	const struct executor_options opt = { .plan = plan, .chunk = 4 };
	const int32_t *at = read_ids;

	cr_assert(model_open(&f.model, r.model, CHECKPOINT_WEIGHTS, &f.err) == 0);
	cr_assert(executor_init(&f.ex, &f.model.program, &opt, &f.err) == 0);
	f.live = executor_source(&f.ex);
	for (size_t i = 0; i < n_passes; i++) {
		cr_assert(executor_begin(&f.ex, at, read_passes[i], false, &f.err) == 0);
		cr_assert(executor_run(&f.ex, &f.err) == EXECUTOR_DONE);
		at += read_passes[i];
	}
}

static void setup(void)
{
	record(&r, &tiny_default, (const char *const[]){ "*", NULL }, NULL);
}

static void teardown(void)
{
	executor_release(&f.ex);
	model_close(&f.model);
	recorded_remove(&r);
}

TestSuite(source, .init = setup, .fini = teardown);

static struct array *read_live(const char *text)
{
	struct array *a = f.live.read(f.live.ctx, text, &f.err);

	cr_assert(a != NULL, "%s: %s", text, f.err.message);
	return a;
}

/* Reads one array of a recording: what a query's blob says. */
static int take_blob(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct err err = { 0 };
	struct text *bytes = ctx;

	(void)rows;
	cr_assert(cells[0].type == CELL_BLOB && npy_is(cells[0].s.data, cells[0].s.len), "%s",
		  err.message);
	text_add(bytes, cells[0].s.data, cells[0].s.len);
	return 0;
}

/* `text` as the executor has it against the same text of the recording, element by element. */
static void same_as_recorded(struct recording *rec, const char *text, int pass)
{
	struct array *live = read_live(text), *stored;
	struct text bytes = { 0 };
	struct query q = { .row = take_blob, .ctx = &bytes };
	struct array head = { 0 };
	char sql[300];
	const char *open = strchr(text, '[');
	int len = open ? (int)(open - text) : (int)strlen(text);

	snprintf(sql, sizeof(sql), "SELECT t_npy('%.*s[pass=%d%s%s')", len, text, pass,
		 open ? ", " : "]", open ? open + 1 : "");
	cr_assert(recording_query(rec, sql, &q, &f.err) == 0, "%s: %s", sql, f.err.message);
	stored = array_of_blob(bytes.data, bytes.len, &f.err);
	cr_assert(stored != NULL, "%s", f.err.message);
	cr_assert(live->n_dims == stored->n_dims && live->numel == stored->numel, "%s", text);
	cr_expect(memcmp(live->shape, stored->shape, sizeof(int64_t) * (size_t)live->n_dims) == 0);
	cr_expect(memcmp(live->data, stored->data, sizeof(float) * (size_t)live->numel) == 0,
		  "%s differs in pass %d", text, pass);
	cr_assert(f.live.find(f.live.ctx, text, &head, &f.err) == 0, "%s", f.err.message);
	cr_expect(head.data == NULL && head.numel == live->numel && head.n_dims == live->n_dims &&
		  !strcmp(head.axes, live->axes) &&
		  !memcmp(head.base, live->base, sizeof(head.base)) &&
		  !memcmp(head.shape, live->shape, sizeof(int64_t) * (size_t)live->n_dims));
	array_release(live);
	array_release(stored);
	text_release(&bytes);
}

static void each_point(int pass)
{
	const struct inspect_options o = { 0 };
	struct recording *rec = recording_open(r.path, &f.err);

	cr_assert(rec && recording_add_functions(rec, &o, &f.err) == 0, "%s", f.err.message);
	for (int v = 0; v < f.model.program.n_values; v++)
		if (f.model.program.values[v].point)
			same_as_recorded(rec, f.model.program.values[v].name, pass);
	same_as_recorded(rec, "L0.attn.pattern[head=3:5, q=-1]", pass);
	same_as_recorded(rec, "blocks.1.attn.hook_pattern[-1]", pass);
	same_as_recorded(rec, "kq_soft_max-1[k=1:3]", pass);
	same_as_recorded(rec, "L1.resid_post[pos=-1]", pass);
	same_as_recorded(rec, "model.layers.1:resid_pre[:, 3:7]", pass);
	same_as_recorded(rec, "L0.attn.z[head=2]", pass);
	recording_close(rec);
}

Test(source, has_every_point_as_the_recording_of_its_pass_does)
{
	run_passes(PLAN_DEBUG, 2);
	each_point(1);
}

Test(source, has_a_decoded_pass)
{
	run_passes(PLAN_DEBUG, 4);
	each_point(3);
}

Test(source, counts_positions_from_the_first)
{
	struct array *a;

	run_passes(PLAN_DEBUG, 3);
	a = read_live("L0.resid_post");
	cr_expect(a->base[0] == 8 && a->base[1] == 0 && a->shape[0] == 3);
	cr_expect(strcmp(a->axes, "pos,d_model") == 0 &&
		  !strcmp(a->name, "model.layers.0:out of this pass"));
	array_release(a);
	a = read_live("L0.resid_post[pos=9:]");
	cr_expect(a->base[0] == 9 && a->shape[0] == 2);
	array_release(a);
	a = read_live("lm_head"); /* of the last row alone */
	cr_expect(a->base[0] == 10 && a->shape[0] == 1);
	array_release(a);
	a = read_live("L0.attn.pattern[head=1]");
	cr_expect(a->base[0] == 8 && a->base[1] == 0 && !strcmp(a->axes, "q,k"));
	array_release(a);
	a = read_live("input_ids");
	cr_expect(a->n_dims == 1 && a->data[0] == 5 && a->data[2] == 17);
	array_release(a);
	a = read_live("model.norm.weight");
	cr_expect(a->n_dims == 1 && a->numel == tiny_default.d_model);
	cr_expect(strcmp(a->axes, "col") == 0);
	array_release(a);
}

static void refuses(const char *text, const char *part)
{
	struct array head;

	f.err = (struct err){ 0 };
	cr_expect(f.live.find(f.live.ctx, text, &head, &f.err) == ERR_USAGE &&
			  strstr(f.err.message, part),
		  "%s: %s", text, f.err.message);
	f.err = (struct err){ 0 };
	cr_expect(f.live.read(f.live.ctx, text, &f.err) == NULL && f.err.code == ERR_USAGE &&
			  strstr(f.err.message, part),
		  "%s: %s", text, f.err.message);
}

Test(source, says_what_is_not_there)
{
	run_passes(PLAN_RUN, 0);
	refuses("L0.resid_post", "no pass has begun");
	refuses("input_ids", "no pass has begun");
	cr_assert(executor_begin(&f.ex, read_ids, 4, false, &f.err) == 0);
	for (int i = 0; i < 3; i++)
		cr_assert(executor_step(&f.ex, &f.err) == EXECUTOR_PAUSED);
	refuses("L1.resid_post", "was not computed yet");
	refuses("L1.resid_pst", "the nearest are");
	refuses("L0.ln1[pass=0]", "asks for what is recorded");
	refuses("L0.ln1[run=1]", "asks for what is recorded");
	refuses("L0.ln1[pos=4]", "positions from 0");
	refuses("L0.ln1[head=1]", "names no axis");
	refuses("L*.ln1", "'L*.ln1' names 2 points");
	cr_assert(executor_run(&f.ex, &f.err) == EXECUTOR_DONE);
	refuses("model.embed_tokens", "its memory was reused");
}

/* SQL asks the executor first and the recording for the rest. */
Test(source, comes_before_the_recording)
{
	const struct inspect_options o = { .live = &f.live };
	struct text t = { 0 };
	struct query q = { .row = ask_row, .ctx = &t };
	struct recording *rec;

	run_passes(PLAN_DEBUG, 2);
	rec = recording_open(r.path, &f.err);
	cr_assert(rec && recording_add_functions(rec, &o, &f.err) == 0, "%s", f.err.message);
	cr_assert(recording_query(
			  rec,
			  "SELECT t_shape('L0.resid_post'), t_shape('L0.resid_post[pass=2]'), "
			  "t_at('L0', 5, 1) = t_at('L0[pass=1]', 5, 1), "
			  "t_shape('L0[pos=12]'), (SELECT min(i0) FROM tensor_each('L0')), "
			  "(SELECT min(pos) FROM pos_stats('L0'))",
			  &q, &f.err) == 0,
		  "%s", f.err.message);
	cr_expect(strcmp(t.data, "4,33|3,33|1|33|4|4;") == 0, "%s", t.data);
	text_release(&t);
	recording_close(rec);
}
