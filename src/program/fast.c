/* fast.c -- what executor_options.fast means of a program on this machine, in words and in JSON. */
#include "torchless/executor.h"
#include "torchless/text.h"

int program_fast_types(const struct program *p, const struct kernels *k,
		       struct fast_type types[DTYPE_COUNT])
{
	bool has[DTYPE_COUNT] = { false };
	int n = 0;

	for (int i = 0; i < p->n_ops; i++)
		if (p->ops[i].code == OP_LINEAR)
			has[p->values[p->ops[i].in[1]].t.dtype] = true;
	for (int d = 0; d < DTYPE_COUNT; d++)
		if (has[d])
			types[n++] = (struct fast_type){ (enum dtype)d,
							 k->linear_fast_dtype((enum dtype)d) };
	return n;
}

void program_add_fast(struct text *out, const struct program *p, const struct kernels *k)
{
	struct fast_type types[DTYPE_COUNT];
	int n = program_fast_types(p, k, types);

	for (int i = 0; i < n; i++)
		text_addf(out, "%s weights times %s, ", dtype_table[types[i].weights].name,
			  types[i].times);
	text_adds(out, "keys and values f16");
}

void program_add_fast_json(struct text *out, const struct program *p, const struct kernels *k)
{
	struct fast_type types[DTYPE_COUNT];
	int n = program_fast_types(p, k, types);

	text_adds(out, "{\"linear\": {");
	for (int i = 0; i < n; i++)
		text_addf(out, "%s\"%s\": \"%s\"", i ? ", " : "",
			  dtype_table[types[i].weights].name, types[i].times);
	text_adds(out, "}, \"kv\": \"f16\"}");
}
