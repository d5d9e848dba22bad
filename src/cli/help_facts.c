/*
 * help_facts.c -- what the manual says of torchless as a whole.
 */
#include "help.h"

const char help_summary[] =
	"Run a language model, record every step of its forward pass, and look inside";

const char help_first[] = "torchless trace \"The capital of France is\"";

const char help_output[] =
	"Results go to stdout, everything else to stderr; a stdout that is no terminal carries data only.\n"
	"An error is one sentence that begins `torchless: `, a warning begins `torchless: warning: `.";

const struct help_fact help_exits[] = {
	{ "0", "done" },
	{ "1", "the answer is no: `trace --stop-on` was met" },
	{ "2", "usage, or input that is not what it claims to be" },
	{ "3", "environment: file, disk, memory, missing tool" },
	{ "130", "interrupted" },
	{ NULL, NULL },
};

const struct help_fact help_variables[] = {
	{ "TORCHLESS_MODEL",
	  "the model to open without `--model`, instead of the one that comes with torchless" },
	{ "TORCHLESS_KERNELS",
	  "the kernels to compute with: `avx512`, `avx2`, on AArch64 `neon`, or `ref`, the plain loops "
	  "that define the rest; all but `ref` give the same bits" },
	{ "TORCHLESS_DOT",
	  "the `dot` of Graphviz to lay out graphs with, instead of the one in `PATH`" },
	{ "NO_COLOR", "no colour" },
	{ "PAGER",
	  "what shows help, and rows and lists of the query shell, that are longer than the screen of a "
	  "terminal (default `less -FRX`); empty or `cat`: nothing" },
	{ NULL, NULL },
};

const char *help_inner_title(const struct inner_command *c)
{
	return c->name[0] == '.' ? "in the shell" : "what it does";
}
