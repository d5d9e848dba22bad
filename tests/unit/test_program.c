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
