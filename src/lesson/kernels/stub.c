/*
 * stub.c -- answers that do not answer, made for every kernel from its declaration: none may pass.
 */
#include "kernel.h"

#include <string.h>

const char *const stub_names[STUB_COUNT] = {
	"empty", "zeros", "nan", "copy", "memory", "exit",
};

/* What each does with the outputs, `%s` is the first array: in words of the declaration. */
static const char preamble[] = "#include <stdio.h>\n"
			       "#include <stdlib.h>\n"
			       "#include <string.h>\n"
			       "#include \"torchless/lesson_kernels.h\"\n";

/* The name of the first argument, "out". */
static void first_name(const char *declaration, char *name, size_t size)
{
	const char *end = strchr(declaration, ','), *at = end;
	size_t len;

	while (at > declaration && at[-1] != '*' && at[-1] != ' ')
		at--;
	len = (size_t)(end - at) < size - 1 ? (size_t)(end - at) : size - 1;
	memcpy(name, at, len);
	name[len] = '\0';
}

/* How many elements the first array has, in words of the declaration. */
static const char *count(const struct kernel *k)
{
	static const char *const counts[KERNEL_COUNT] = {
		[KERNEL_embed] = "n * d",
		[KERNEL_rmsnorm] = "n",
		[KERNEL_linear_bf16] = "n_out",
		[KERNEL_linear_q8] = "n_out",
		[KERNEL_rope] = "n_heads * head_dim",
		[KERNEL_attn_scores] = "n_heads * n_keys",
		[KERNEL_softmax] = "n",
		[KERNEL_window] = "n_keys",
		[KERNEL_swiglu] = "n",
		[KERNEL_top_p] = "0",
		[KERNEL_linear_fast] = "n_out",
	};

	return counts[k->id];
}

/* An input, as a number for output i. */
static const char *source(const struct kernel *k)
{
	static const char *const sources[KERNEL_COUNT] = {
		[KERNEL_embed] = "(float)table[i]",
		[KERNEL_rmsnorm] = "x[i]",
		[KERNEL_linear_bf16] = "x[i % n_in]",
		[KERNEL_linear_q8] = "x[i % n_in]",
		[KERNEL_rope] = "x[i]",
		[KERNEL_attn_scores] = "q[i % (n_heads * head_dim)]",
		[KERNEL_softmax] = "x[i]",
		[KERNEL_window] = "scores[i]",
		[KERNEL_swiglu] = "gate[i]",
		[KERNEL_linear_fast] = "x[i % n_in]",
	};

	return sources[k->id];
}

void stub_write(const struct kernel *k, int stub, struct text *out)
{
	const char *name = stub_names[stub], *from = source(k);
	char first[32];

	first_name(k->declaration, first, sizeof(first));
	text_adds(out, preamble);
	if (strcmp(name, "memory") == 0 && k->id != KERNEL_top_p)
		text_adds(out, "static float kept[1 << 16];\n");
	text_addf(out, "%s\n{\n", k->declaration);
	if (k->id == KERNEL_top_p) {
		text_addf(out, "\t%s\n",
			  strcmp(name, "exit") == 0 ? "puts"
						      "(\"PASS\");\n\texit"
						      "(0);"
						    : "(void)logits;");
		text_addf(out, "\treturn %s;\n}\n",
			  strcmp(name, "nan") == 0    ? "-1"
			  : strcmp(name, "copy") == 0 ? "n - 1"
						      : "0");
		return;
	}
	if (strcmp(name, "exit") == 0)
		text_adds(out, "\tputs"
			       "(\"PASS\");\n\texit"
			       "(0);\n");
	else if (strcmp(name, "empty") != 0)
		text_addf(out, "\tfor (long i = 0; i < (long)(%s); i++)\n\t\t%s[i] = ", count(k),
			  first);
	if (strcmp(name, "zeros") == 0)
		text_adds(out, "0;\n");
	else if (strcmp(name, "nan") == 0)
		text_adds(out, "NAN;\n");
	else if (strcmp(name, "copy") == 0)
		text_addf(out, "%s;\n", from);
	else if (strcmp(name, "memory") == 0)
		text_addf(out,
			  "kept[i & 65535];\n\tfor (long i = 0; i < (long)(%s); i++)\n"
			  "\t\tkept[i & 65535] = %s[i] + 1;\n",
			  count(k), first);
	text_adds(out, "}\n");
}
