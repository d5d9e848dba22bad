/* Programs: names follow Hugging Face's module tree, signatures are executed. */
#include "torchless/point.h"
#include "torchless/program.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

static float data[64];

static value_id matrix(struct program *p, const char *name, int64_t rows, int64_t cols)
{
	return program_weight(p, name, tensor_make(DTYPE_F32, 2, (int64_t[]){ rows, cols }, data));
}

/* x[T, 8], made by an embedding of 5 tokens. */
static value_id stream(struct program *p, struct err *err)
{
	int64_t T = DIM_T;

	program_init(p, "Root");
	p->ids = program_input(p, "input_ids", tensor_make(DTYPE_I32, 1, &T, NULL));
	program_enter(p, "Model", "model");
	return program_emit(p, err, .code = OP_EMBEDDING, .module = "embed_tokens",
			    .type = "Embedding", .in = { matrix(p, "embed", 5, 8), p->ids });
}

Test(program, names_and_shapes_come_from_the_signature)
{
	struct program p;
	struct err err = { 0 };
	char shape[64];
	value_id x = stream(&p, &err), y;

	program_enter(&p, "Layer", "layers.%d", 3);
	program_enter(&p, "Attention", "self_attn");
	y = program_emit(&p, &err, .code = OP_LINEAR, .module = "q_proj", .type = "Linear",
			 .in = { x, matrix(&p, "w", 6, 8) }, .heads = 2);
	cr_assert(eq(str, p.values[y].name, "model.layers.3.self_attn.q_proj:out"));
	cr_assert(eq(str, (char *)program_format_shape(&p.values[y], shape, sizeof(shape)),
		     "f32[T, 2, 3]"));
	cr_assert(eq(int, p.values[y].layer, 3));
	cr_assert(eq(str, (char *)p.values[y].point->role, "q"));
	cr_assert(eq(int, p.n_layers, 4));
	cr_assert(eq(int, p.values[x].last_op, 1));
	program_alias(&p, "out", y);
	cr_assert(eq(int, program_find(&p, "model.layers.3.self_attn:out"), y));
	program_release(&p);
}

Test(program, k_star_is_the_product_of_what_is_left)
{
	struct program p;
	struct err err = { 0 };
	value_id x = stream(&p, &err), y, z;

	y = program_emit(&p, &err, .code = OP_LINEAR, .module = "a", .type = "Linear",
			 .in = { x, matrix(&p, "a", 6, 8) }, .heads = 3);
	z = program_emit(&p, &err, .code = OP_LINEAR, .module = "b", .type = "Linear",
			 .in = { y, matrix(&p, "b", 4, 6) });
	cr_assert(ge(int, z, 0), "%s", err.message);
	cr_assert(eq(i64, p.values[z].t.shape[1], 4));
	program_release(&p);
}

Test(program, a_shape_that_does_not_fit_is_named_with_both_sides)
{
	struct program p;
	struct err err = { 0 };
	value_id x = stream(&p, &err), y;

	y = program_emit(&p, &err, .code = OP_LINEAR, .module = "gate", .type = "Linear",
			 .in = { x, matrix(&p, "gate.weight", 2, 7) });
	cr_assert(eq(int, y, ERR_SHAPE));
	cr_assert(eq(str, err.message,
		     "gate.weight is f32[2, 7] but linear of model.gate wants "
		     "x[T,K*] W[N,K] -> y[T,N] with K = 8"));
	y = program_emit(&p, &err, .code = OP_ADD, .in = { x, y });
	cr_assert(eq(int, y, ERR_SHAPE), "a failed operand passes through");
	program_release(&p);
}

Test(program, outputs_that_are_no_multiple_of_the_heads_are_refused)
{
	struct program p;
	struct err err = { 0 };
	value_id x = stream(&p, &err);

	cr_assert(eq(int,
		     program_emit(&p, &err, .code = OP_LINEAR, .module = "q", .type = "Linear",
				  .in = { x, matrix(&p, "w", 7, 8) }, .heads = 2),
		     ERR_SHAPE));
	program_release(&p);
}

Test(program, every_op_of_the_table_has_a_signature_that_parses)
{
	for (int i = 0; i < OP_COUNT; i++) {
		cr_expect(ne(ptr, strstr(op_table[i].shapes, " -> "), NULL), "%s",
			  op_table[i].name);
		cr_expect(gt(sz, strlen(op_table[i].formula), 0));
	}
}

/* ---- selections ---------------------------------------------------------------------------- */

struct range {
	int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];
};

static bool resolve(const char *text, const char *axes, int64_t a, int64_t b, int64_t c,
		    int64_t pos0, struct range *r)
{
	struct selection sel;
	struct err err = { 0 };

	cr_assert(eq(int, selection_parse(&sel, text, axes, &err), 0), "%s", err.message);
	return selection_resolve(&sel, axes, (int64_t[]){ a, b, c }, 3, pos0, r->start, r->stop);
}

Test(selection, names_numbers_ranges_and_negative_indices)
{
	struct range r;

	cr_assert(resolve("[head=2, q=-1]", "head,q,k", 4, 6, 9, 3, &r));
	cr_assert(eq(i64, r.start[0], 2));
	cr_assert(eq(i64, r.stop[0], 3));
	cr_assert(eq(i64, r.start[1], 5));
	cr_assert(eq(i64, r.stop[1], 6));
	cr_assert(eq(i64, r.start[2], 0));
	cr_assert(eq(i64, r.stop[2], 9));
	cr_assert(resolve("[:, 0:2]", "pos,head,d_head", 4, 6, 9, 0, &r));
	cr_assert(eq(i64, r.start[0], 0));
	cr_assert(eq(i64, r.stop[0], 4));
	cr_assert(eq(i64, r.start[1], 0));
	cr_assert(eq(i64, r.stop[1], 2));
}

Test(selection, positions_are_absolute)
{
	struct range r;

	cr_assert(resolve("[pos=12]", "pos,head,d_head", 4, 6, 9, 10, &r));
	cr_assert(eq(i64, r.start[0], 2));
	cr_assert(eq(i64, r.stop[0], 3));
	cr_assert(not(resolve("[pos=9]", "pos,head,d_head", 4, 6, 9, 10, &r)));
	cr_assert(not(resolve("[pos=14]", "pos,head,d_head", 4, 6, 9, 10, &r)));
}

Test(selection, what_is_wrong_is_said)
{
	struct selection sel;
	struct err err = { 0 };
	char name[64];
	const char *rest;

	cr_assert(eq(int, selection_parse(&sel, "[hed=1]", "head,q,k", &err), ERR_USAGE));
	cr_assert(eq(str, err.message, "'hed=1' names no axis of [head,q,k]"));
	cr_assert(eq(int, selection_parse(&sel, "[1,2,3,4]", "head,q,k", &err), ERR_USAGE));
	cr_assert(eq(int, selection_parse(&sel, "[x]", "head,q,k", &err), ERR_USAGE));
	cr_assert(eq(int, selection_parse(&sel, "[99999999999999999999]", "pos", &err), ERR_USAGE));
	cr_assert(eq(int, selection_split("L0.attn.z[head=0", name, sizeof(name), &rest, &err),
		     ERR_USAGE));
	cr_assert(
		eq(int, selection_split("L0.attn.z[head=0]", name, sizeof(name), &rest, &err), 0));
	cr_assert(eq(str, name, "L0.attn.z"));
	cr_assert(eq(str, (char *)rest, "[head=0]"));
	cr_assert(
		eq(int, selection_split("model.layers.[4-7]", name, sizeof(name), &rest, &err), 0));
	cr_assert(eq(str, name, "model.layers.[4-7]"));
}
