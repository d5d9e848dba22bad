/* Tensors by value and their arithmetic, without SQLite; and who is asked for one by name. */
#include "torchless/array.h"
#include "torchless/inspect.h"
#include "torchless/mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct err err;

/* [3, 4] of 0..11 at positions 5 to 7. */
static struct array *counting(void)
{
	struct array *a = array_new(2, (int64_t[]){ 3, 4 }, &err);

	cr_assert(a != NULL);
	for (int i = 0; i < 12; i++)
		a->data[i] = (float)i;
	a->base[0] = 5;
	snprintf(a->axes, sizeof(a->axes), "pos,d_model");
	snprintf(a->name, sizeof(a->name), "x");
	return a;
}

static struct array *select_part(const char *text)
{
	struct array *a = counting(), *part = array_select(a, text, &err);

	array_release(a); /* a part keeps the whole alive */
	return part;
}

static void selects(const char *text, const char *shape, const char *axes, int64_t base,
		    float first, float last)
{
	struct array *p = select_part(text);
	char buf[64] = "";

	cr_assert(p != NULL, "%s: %s", text, err.message);
	for (int i = 0; i < p->n_dims; i++)
		snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), "%s%lld", i ? "," : "",
			 (long long)p->shape[i]);
	cr_expect(!strcmp(buf, shape) && !strcmp(p->axes, axes), "%s: %s of %s", text, buf,
		  p->axes);
	cr_expect(p->base[0] == base, "%s", text);
	cr_expect(p->data[0] == first && p->data[p->numel - 1] == last, "%s", text);
	array_release(p);
}

Test(array, selects_by_absolute_position)
{
	selects("", "3,4", "pos,d_model", 5, 0, 11);
	selects("[pos=6]", "4", "d_model", 0, 4, 7);
	selects("[6:, 1:3]", "2,2", "pos,d_model", 6, 5, 10);
	selects("[-1]", "4", "d_model", 0, 8, 11);
	selects("[d_model=2]", "3", "pos", 5, 2, 10);
	selects("[7, -1]", "", "", 0, 11, 11);
}

Test(array, says_what_is_outside)
{
	cr_expect(!select_part("[pos=4]") && err.code == ERR_USAGE);
	cr_expect(strstr(err.message, "f32[3, 4] of [pos,d_model], positions from 5") != NULL, "%s",
		  err.message);
	cr_expect(!select_part("[head=1]") && strstr(err.message, "names no axis"));
	cr_expect(!select_part("[-9223372036854775808:]") && strstr(err.message, "is no index"));
	cr_expect(!select_part("[9223372036854775807]") && strstr(err.message, "is no index"));
}

Test(array, describes_a_part_of_a_head)
{
	struct array *a = counting(), head = *a, part;
	struct array_part p;

	head.data = NULL;
	cr_assert(array_find_part(&head, "[6:, 2]", &p, &err) == 1);
	array_describe_part(&head, &p, &part);
	cr_expect(part.n_dims == 1 && part.shape[0] == 2 && part.base[0] == 6 && part.numel == 2);
	cr_expect(!strcmp(part.axes, "pos") && !part.data);
	cr_expect(array_find_part(&head, "[8:]", &p, &err) == 0);
	array_release(a);
}

Test(array, takes_names_apart)
{
	struct array_name n = ARRAY_NAME;

	cr_assert(array_name_parse("L3.attn.z[run=2, head=1 , pass=7, pos=-1]", &n, &err) == 0);
	cr_expect(!strcmp(n.point, "L3.attn.z") && n.run == 2 && n.pass == 7);
	cr_expect(!strcmp(n.sel.data, "[head=1,pos=-1]"), "%s", n.sel.data);
	text_release(&n.sel);
	n = ARRAY_NAME;
	cr_assert(array_name_parse("L3", &n, &err) == 0);
	cr_expect(n.run == -1 && n.pass == -1 && n.sel.len == 0);
	cr_expect(array_name_parse("L3[run=x]", &n, &err) == ERR_USAGE);
	cr_expect(array_name_parse("L3[run=1", &n, &err) == ERR_USAGE);
}

/* ---- functions ------------------------------------------------------------------------------ */

/* The result as text: a number, the text, or the shape and the elements. */
static const char *show(struct array_value *v)
{
	static char buf[500];

	buf[0] = '\0';
	if (v->kind == ARRAY_WHOLE)
		snprintf(buf, sizeof(buf), "%lld", (long long)v->whole);
	else if (v->kind == ARRAY_REAL)
		snprintf(buf, sizeof(buf), "%g", v->real);
	else if (v->kind == ARRAY_TEXT)
		snprintf(buf, sizeof(buf), "%s", array_value_text(v));
	else if (v->kind == ARRAY_TENSOR)
		for (int64_t i = 0; i < v->array->numel; i++)
			snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), "%s%g", i ? " " : "",
				 (double)v->array->data[i]);
	array_value_release(v);
	return buf;
}

/* Call with the counting array, then an array again, or an axis, or a number. */
static const char *call(const char *name, const char *axis, int64_t number, bool again)
{
	const struct array_function *fn = array_function_find(name);
	struct array_value args[ARRAY_MAX_ARGS] = { { .kind = ARRAY_TENSOR } }, result = { 0 };
	int n = 1;

	cr_assert(fn != NULL, "%s", name);
	args[0].array = counting();
	if (again)
		args[n++] = (struct array_value){ .kind = ARRAY_TENSOR, .array = counting() };
	if (axis) {
		args[n].kind = ARRAY_TEXT;
		text_adds(&args[n++].text, axis);
	} else if (number != INT64_MIN) {
		args[n++] = (struct array_value){ .kind = ARRAY_WHOLE, .whole = number };
	}
	if (fn->call(args, n, &result, &err))
		result.kind = ARRAY_NULL;
	for (int i = 0; i < n; i++)
		array_value_release(&args[i]);
	return show(&result);
}

#define GIVES(expected, ...)                                                                       \
	do {                                                                                       \
		const char *got = call(__VA_ARGS__);                                               \
		cr_expect(!strcmp(got, expected), "%s\n  expected %s", got, expected);             \
	} while (0)
#define NONE INT64_MIN

Test(array, reduces)
{
	GIVES("5.5", "mean", NULL, NONE, false);
	GIVES("66", "sum", NULL, NONE, false);
	GIVES("0", "min", NULL, NONE, false);
	GIVES("11", "absmax", NULL, NONE, false);
	GIVES("11", "argmax", NULL, NONE, false);
	GIVES("4 5 6 7", "mean", "pos", NONE, false);
	GIVES("3 7 11", "max", NULL, -1, false);
	GIVES("7 7 7 7", "argmax", "pos", NONE, false);
	GIVES("3 3 3", "argmax", NULL, 1, false);
	GIVES("22.4944", "norm", NULL, NONE, false);
	GIVES("5.5", "absmean", NULL, NONE, false);
	GIVES("0", "nan", NULL, NONE, false);
	GIVES("0 0 0 0", "inf", "pos", NONE, false);
	GIVES("11", "count", NULL, NONE, false);
	GIVES("2 3 3 3", "count", "pos", NONE, false);
	GIVES("1", "any", NULL, NONE, false);
	GIVES("0", "all", NULL, NONE, false);
	GIVES("0 1 1", "all", "d_model", NONE, false);
	GIVES("0", "argmin", NULL, NONE, false);
	GIVES("5 5 5 5", "argmin", "pos", NONE, false);
	GIVES("", "mean", "head", NONE, false);
	cr_expect(!strcmp(err.message, "'head' is no axis of x, which has [pos,d_model]"), "%s",
		  err.message);
	GIVES("", "mean", NULL, 2, false);
	cr_expect(strstr(err.message, "'2' is no axis of x") != NULL);
}

Test(array, keeps_the_axes_that_are_left)
{
	struct array_value args[2] = { { .kind = ARRAY_TENSOR, .array = counting() },
				       { .kind = ARRAY_WHOLE, .whole = 1 } };
	struct array_value result = { 0 };

	cr_assert(array_function_find("max")->call(args, 2, &result, &err) == 0);
	cr_assert(result.kind == ARRAY_TENSOR && result.array->n_dims == 1);
	cr_expect(!strcmp(result.array->axes, "pos") && result.array->base[0] == 5);
	array_value_release(&result);
	cr_assert(array_function_find("softmax")->call(args, 1, &result, &err) == 0);
	cr_expect(result.array->base[0] == 5 && !strcmp(result.array->axes, "pos,d_model"));
	array_value_release(&result);
	array_value_release(&args[0]);
}

Test(array, maps_and_orders)
{
	GIVES("0 1 2 3 4 5 6 7 8 9 10 11", "abs", NULL, NONE, false);
	GIVES("0 4 8 1 5 9 2 6 10 3 7 11", "transpose", NULL, NONE, false);
	GIVES("0 1 2 3 4 5 6 7 8 9 10 11", "sort", "pos", NONE, false);
}

Test(array, reverses_axes_with_their_names)
{
	struct array_value arg = { .kind = ARRAY_TENSOR, .array = counting() }, result = { 0 };

	cr_assert(array_function_find("transpose")->call(&arg, 1, &result, &err) == 0);
	cr_expect(!strcmp(result.array->axes, "d_model,pos") && result.array->base[1] == 5);
	array_value_release(&result);
	array_value_release(&arg);
}

/* Many of them, with NaN and infinities among them. */
Test(array, sorts_as_qsort_does)
{
	enum { N = 1000 };
	struct array_value arg = { .kind = ARRAY_TENSOR }, result = { 0 };
	int n_nan = 0;

	arg.array = array_new(1, (int64_t[]){ N }, &err);
	for (int i = 0; i < N; i++)
		arg.array->data[i] = i % 50 == 3 ? NAN
				     : i == 77   ? -INFINITY
						 : (float)(i * 7919 % 331);
	cr_assert(array_function_find("sort")->call(&arg, 1, &result, &err) == 0);
	for (int i = 0; i < N; i++)
		n_nan += isnan(result.array->data[i]);
	cr_expect(n_nan == N / 50 && isinf(result.array->data[0]));
	for (int i = 1; i < N - n_nan; i++)
		cr_expect(result.array->data[i - 1] <= result.array->data[i]);
	array_value_release(&result);
	array_value_release(&arg);
}

Test(array, compares)
{
	GIVES("{\"nmse\":0,\"cosine\":1,\"max_abs\":0,\"max_at\":\"\"}", "diff", NULL, NONE, true);
	GIVES("506", "dot", NULL, NONE, true);
	GIVES("1", "cos", NULL, NONE, true);
	GIVES("0", "nmse", NULL, NONE, true);
	GIVES("0", "maxabs", NULL, NONE, true);
	GIVES("0 0 0", "kl", NULL, NONE, true);
}

Test(array, shows)
{
	GIVES("3,4", "shape", NULL, NONE, false);
	GIVES("f32", "dtype", NULL, NONE, false);
	GIVES("[{\"i\":[7,3],\"value\":11}]", "topk", NULL, 1, false);
	GIVES("", "topk", NULL, 0, false);
	cr_expect(!strcmp(err.message, "k is 0: expected 1 or more"));
	GIVES("[[0,1,2,3],[4,5,6,7],[8,9,10,11]]", "json", NULL, NONE, false);
	GIVES("f32[3,4] min 0 max 11 mean 5.5 std 3.452 l2 22.49 absmax 11 at 7,3 █▁█▁▁█▁█",
	      "stats", NULL, NONE, false);
	GIVES("▁▅█", "spark", NULL, 3, false);
	GIVES("{\"lo\":0,\"hi\":11,\"counts\":[6,6],\"below\":0,\"above\":0,\"nan\":0}", "hist",
	      NULL, 2, false);
	GIVES("8 9 10 11", "slice", "[pos=7]", NONE, false);
	GIVES("0 1 2 3 4 5 6 7 8 9 10 11", "npy", NULL, NONE, false);
}

Test(array, takes_no_more_arguments_than_there_is_room_for)
{
	for (int i = 0; i < array_functions_len; i++) {
		const struct array_function *fn = &array_functions[i];

		cr_expect(strlen(fn->params) <= ARRAY_MAX_ARGS, "%s", fn->name);
		cr_expect(fn->min_args <= (int)strlen(fn->params), "%s", fn->name);
		cr_expect(strspn(fn->params, "theirnxs") == strlen(fn->params), "%s", fn->name);
		cr_expect(array_function_find(fn->name) == fn, "%s", fn->name);
		cr_expect(strstr(fn->example, fn->name) != NULL, "%s", fn->name);
	}
	cr_expect(array_function_find("nothing") == NULL);
}

/* ---- .npy ----------------------------------------------------------------------------------- */

Test(npy, comes_back)
{
	struct array *a = counting(), *b;
	struct text bytes = { 0 };

	npy_header(&bytes, a->n_dims, a->shape);
	cr_expect(bytes.len % 64 == 0 && npy_is(bytes.data, bytes.len));
	text_add(&bytes, a->data, sizeof(float) * 12);
	b = array_of_blob(bytes.data, bytes.len, &err);
	cr_assert(b != NULL, "%s", err.message);
	cr_expect(b->n_dims == 2 && b->shape[1] == 4 && !memcmp(a->data, b->data, 48));
	cr_expect(b->borrowed);
	array_release(b);
	b = array_of_blob(memmove(bytes.data + 1, bytes.data, bytes.len - 4), bytes.len - 4, &err);
	cr_expect(b == NULL && strstr(err.message, "more or fewer bytes"), "%s", err.message);
	array_release(a);
	text_release(&bytes);
}

/* At an odd address and of another type the elements are copied. */
Test(npy, reads_what_lies_crooked)
{
	static const char header[] = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }";
	char bytes[11 + sizeof(header) + 8] = { 0 };
	const int32_t numbers[] = { 7, -3 };
	struct array *a;
	struct tensor t;

	memcpy(bytes + 1, "\x93NUMPY\x01\x00", 8);
	bytes[9] = (char)(sizeof(header) - 1);
	memcpy(bytes + 11, header, sizeof(header) - 1);
	memcpy(bytes + 11 + sizeof(header) - 1, numbers, sizeof(numbers));
	cr_assert(npy_view(bytes + 1, 10 + sizeof(header) - 1 + 8, &t, &err) == 0, "%s",
		  err.message);
	cr_expect(t.dtype == DTYPE_I32 && t.n_dims == 1 && t.shape[0] == 2);
	a = array_of_blob(bytes + 1, 10 + sizeof(header) - 1 + 8, &err);
	cr_assert(a != NULL);
	cr_expect(a->dtype == DTYPE_I32 && a->data[0] == 7 && a->data[1] == -3 && !a->borrowed);
	array_release(a);
	cr_expect(npy_view(header, sizeof(header), &t, &err) == ERR_FORMAT);
}

/* ---- sources -------------------------------------------------------------------------------- */

extern const char schema_sql[];
static char path[64];
static int n_reads;

/* Knows 'L0.live' and nothing else; 'L0.broken' is an error of another kind. */
static int fake_find(void *ctx, const char *text, struct array *head, struct err *e)
{
	struct array *a;

	(void)ctx;
	if (!strcmp(text, "L0.broken"))
		return err_set(e, ERR_SHAPE, "it does not fit");
	if (strcmp(text, "L0.live") != 0)
		return err_set(e, ERR_USAGE, "'%s' is not computed yet", text);
	a = counting();
	*head = *a;
	head->data = NULL;
	array_release(a);
	return 0;
}

static struct array *fake_read(void *ctx, const char *text, struct err *e)
{
	struct array head;

	n_reads++;
	return fake_find(ctx, text, &head, e) ? NULL : counting();
}

static const char rows[] =
	"PRAGMA foreign_keys = OFF;"
	"INSERT INTO model(id, name, arch, n_layers, d_model, n_heads, n_kv_heads, d_head, d_ff,"
	" n_vocab, config) VALUES(1, 'm', 'a', 1, 4, 2, 1, 2, 8, 9, '{}');"
	"INSERT INTO run(id, uuid, model_id, role, engine, started_ns) VALUES"
	" (1, zeroblob(16), 1, 'engine', 'e', 0);"
	"INSERT INTO module(id, model_id, path, type, ord) VALUES(1, 1, 'model.layers.0', 'L', 0);"
	"INSERT INTO point(id, module_id, name, fqn, layer, ord, axes, role) VALUES"
	" (1, 1, 'live', 'model.layers.0:live', 0, 0, 'pos,d_model', 'live'),"
	" (2, 1, 'stored', 'model.layers.0:stored', 0, 1, 'pos,d_model', 'stored');"
	"INSERT INTO pass(id, run_id, idx, phase, pos0, n_tok, kv_len, ts) VALUES"
	" (1, 1, 0, 'prefill', 0, 1, 1, 0);"
	"INSERT INTO span(id, pass_id, module_id, depth, ts) VALUES(1, 1, 1, 0, 0);"
	"INSERT INTO tensor VALUES(1, 0, 0, '1,4', 16, 2);"
	"INSERT INTO tensor_chunk VALUES(1, 0, zeroblob(16));"
	"INSERT INTO value(id, pass_id, span_id, point_id, dtype, d0, d1, numel, tensor_id, "
	"pos_stats) VALUES(1, 1, 1, 1, 0, 1, 4, 4, 1, zeroblob(16)),"
	" (2, 1, 1, 2, 0, 1, 4, 4, 1, NULL);";

static void write_recording(void)
{
	sqlite3 *db;
	char *message = NULL;
	int fd;

	snprintf(path, sizeof(path), "/tmp/torchless-array-XXXXXX");
	fd = mkstemp(path);
	cr_assert(fd >= 0);
	close(fd);
	cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
	cr_assert(sqlite3_exec(db, schema_sql, NULL, NULL, &message) == SQLITE_OK, "%s", message);
	cr_assert(sqlite3_exec(db, rows, NULL, NULL, &message) == SQLITE_OK, "%s", message);
	sqlite3_close(db);
}

static void remove_recording(void)
{
	unlink(path);
}

static int add_row(void *ctx, const struct rows *r, const struct cell *cells)
{
	for (int i = 0; i < r->n_columns; i++) {
		text_adds(ctx, i ? "|" : "");
		if (cells[i].type == CELL_INT)
			text_addf(ctx, "%lld", (long long)cells[i].i);
		else if (cells[i].type == CELL_REAL)
			text_addf(ctx, "%g", cells[i].d);
		else
			text_add(ctx, cells[i].s.data, cells[i].s.len);
	}
	return 0;
}

static const char *ask(const struct array_source *live, const char *sql)
{
	static char answer[1100];
	const struct inspect_options o = { .live = live };
	struct text t = { 0 };
	struct query q = { .row = add_row, .ctx = &t };
	struct recording *rec = recording_open(path, &err);

	cr_assert(rec && recording_add_functions(rec, &o, &err) == 0, "%s", err.message);
	if (recording_query(rec, sql, &q, &err))
		snprintf(answer, sizeof(answer), "!%s", err.message);
	else
		snprintf(answer, sizeof(answer), "%s", t.data ? t.data : "");
	text_release(&t);
	recording_close(rec);
	return answer;
}

static const struct array_source fake = { fake_find, fake_read, NULL };

#define ANSWERS(live, sql, expected)                                                               \
	do {                                                                                       \
		const char *got = ask(live, sql);                                                  \
		cr_expect(!strcmp(got, expected), "%s gives %s", sql, got);                        \
	} while (0)

Test(source, live_comes_first, .init = write_recording, .fini = remove_recording)
{
	static const char sql[] = "SELECT t_sum('L0.live'), t_shape('L0.live'), "
				  "t_sum('L0.stored'), t_shape('L0.stored'), "
				  "(SELECT max(i0) FROM tensor_each('L0.live')), "
				  "(SELECT max(pos) FROM pos_stats('L0.live')), t_sum(1)";

	ANSWERS(&fake, sql, "66|3,4|0|1,4|7|7|0");
	ANSWERS(NULL, sql, "0|1,4|0|1,4|0|0|0");
}

Test(source, a_shape_reads_nothing, .init = write_recording, .fini = remove_recording)
{
	n_reads = 0;
	ANSWERS(&fake, "SELECT t_shape('L0.live'), t_dtype('L0.live')", "3,4|f32");
	cr_expect(n_reads == 0);
}

/* What nobody has is said by the last one asked; what is broken is not asked of the next. */
Test(source, says_what_nobody_has, .init = write_recording, .fini = remove_recording)
{
	cr_expect(strstr(ask(&fake, "SELECT t_sum('L0.nowhere')"), "the nearest is") != NULL);
	cr_expect(strstr(ask(&fake, "SELECT t_shape('L0.nowhere')"), "the nearest is") != NULL);
	ANSWERS(&fake, "SELECT t_sum('L0.broken')", "!t_sum: it does not fit");
	ANSWERS(&fake, "SELECT t_shape('L0.broken')", "!t_shape: it does not fit");
	cr_expect(strstr(ask(&fake, "SELECT t_sum('weight:x')"), "call weight('x')") != NULL);
}

/* ---- two implementations ----------------------------------------------------------------------
 */

/* counting() with one element changed, judged against counting(). */
static struct judgement judged(int at, float value, enum judged_as kind, double times)
{
	struct array *a = counting(), *b = counting();
	struct judgement j;

	b->data[at] = value;
	array_judge(a, b, kind, times, &j);
	array_release(a);
	array_release(b);
	return j;
}

Test(array, judges_by_the_worst_position)
{
	/* Position 5 holds 0 to 3, whose squares make 14: the others are larger, and hide nothing.
	 */
	struct judgement j = judged(1, 1.0005F, JUDGED_PLAIN, 1);

	cr_assert(!j.is_within);
	cr_assert_eq(j.pos, 5);
	cr_assert_eq(j.max_at, 1);
	cr_assert_float_eq(j.nmse, 0.0005 * 0.0005 / 14, 1e-11);
	cr_assert_float_eq(j.max_abs, 0.0005, 1e-7);
	cr_assert_eq(j.absmax, 11);
	cr_assert_str_eq(j.problem, "NMSE 1.8e-08 > 1e-09 at pos=5");
	cr_assert(judged(1, 1.0005F, JUDGED_PLAIN, 10).is_within);
	cr_assert(judged(1, 1.0001F, JUDGED_PLAIN, 1).is_within);
	cr_assert(judged(1, 1, JUDGED_PLAIN, 1).is_within);
}

Test(array, judges_by_the_largest_difference)
{
	/* 2e-4 of 11 is an NMSE of 1.1e-10; of elements 1.1e-4 passes, where the largest is 11. */
	struct judgement j = judged(11, 11.0002F, JUDGED_PLAIN, 1);

	cr_assert(!j.is_within);
	cr_assert_str_eq(j.problem, "max-abs 0.0002 > 0.00011");
	cr_assert(judged(11, 11.0002F, JUDGED_PLAIN, 2).is_within);
}

Test(array, judges_what_is_no_number)
{
	struct judgement j = judged(6, NAN, JUDGED_PLAIN, 1e6);

	cr_assert(!j.is_within);
	cr_assert(isinf(j.max_abs) && isinf(j.nmse) && j.max_at == 6 && j.pos == 6);
	cr_assert(!judged(6, -INFINITY, JUDGED_PLAIN, 1e6).is_within);
	cr_assert(judged(6, -INFINITY, JUDGED_SCORES, 1).is_within, "the mask took it");
	cr_assert(!judged(6, INFINITY, JUDGED_SCORES, 1e6).is_within);
	cr_assert(!judged(6, NAN, JUDGED_SCORES, 1e6).is_within, "NaN is no mask");
}

Test(array, judges_two_nans_as_one)
{
	struct array *a = counting(), *b = counting();
	struct judgement j;

	a->data[3] = b->data[3] = NAN;
	a->data[4] = b->data[4] = -INFINITY;
	array_judge(a, b, JUDGED_PLAIN, 1, &j);
	cr_assert(j.is_within && j.max_abs == 0 && j.nmse == 0);
	array_release(a);
	array_release(b);
}

Test(array, judges_the_distributions_of_logits)
{
	struct array *a = array_new(2, (int64_t[]){ 1, 2 }, &err);
	struct array *b = array_new(2, (int64_t[]){ 1, 2 }, &err);
	struct judgement j;

	/* Far from zero, where an error of 5e-3 is little beside the numbers. */
	a->data[0] = a->data[1] = b->data[0] = 1000;
	b->data[1] = 1000.005F;
	array_judge(a, b, JUDGED_PLAIN, 1, &j);
	cr_assert(j.is_within && j.logprob == 0);
	array_judge(a, b, JUDGED_LOGITS, 1, &j);
	cr_assert(!j.is_within);
	cr_assert_float_eq(j.logprob, 0.0025, 1e-4);
	cr_assert_float_eq(j.kl, 0.0025 * 0.0025 / 2, 1e-7);
	cr_assert_str_eq(j.problem, "log-softmax differs by 0.0025 > 0.001");
	array_judge(a, b, JUDGED_LOGITS, 3, &j);
	cr_assert(j.is_within);
	array_judge(a, a, JUDGED_LOGITS, 1, &j);
	cr_assert(j.is_within && j.kl == 0);
	array_release(a);
	array_release(b);
}

Test(array, judges_nothing_at_all)
{
	struct array *a = array_new(2, (int64_t[]){ 0, 4 }, &err), *s = array_new(0, NULL, &err);
	struct judgement j;

	array_judge(a, a, JUDGED_LOGITS, 1, &j);
	cr_assert(j.is_within);
	s->data[0] = 3;
	array_judge(s, s, JUDGED_LOGITS, 1, &j);
	cr_assert(j.is_within);
	array_release(a);
	array_release(s);
}

Test(array, names_the_place_of_an_element)
{
	struct array *a = counting();
	char buf[64], small[8];

	cr_assert_str_eq(array_place(a, 6, buf, sizeof(buf)), "pos=6, d_model=2");
	cr_assert_str_eq(array_place(a, -1, buf, sizeof(buf)), "");
	cr_assert_str_eq(array_place(a, 6, small, sizeof(small)), "pos=6, ");
	a->axes[0] = '\0';
	cr_assert_str_eq(array_place(a, 6, buf, sizeof(buf)), "i0=6, i1=2");
	array_release(a);
}
