/*
 * cmd_topics.c -- what help says of words that are no commands: functions, expressions, locations.
 */
#include "../debug_impl.h"

#include "torchless/array.h"
#include "torchless/expression.h"

static const char expressions_text[] =
	"What stands behind print, display, watch, `if` and `=`. Names mean what they mean where one "
	"stands; nothing is assigned in an expression, and what it costs is bounded.\n\n"
	"numbers      1  1.5e-3  nan  inf\n"
	"texts        \"Paris\"  ' the'\n"
	"operators    ||  &&  == != < <= > >=  + -  * / % @  unary - !  ( )\n"
	"values       layers[3].self_attn.pattern  L3.attn.z  lm_head  logits\n"
	"here         .  .pattern  out  in[0]\n"
	"weights      layers.2.mlp.up_proj.weight\n"
	"the text     tokens\n"
	"numbers of   pass  op  layer  token\n"
	"variables    $  $3  $$2  $name\n"
	"parts        x[head=2, 0:4]  x[-1, ::2]  x[..., argmax(y)]\n"
	"calls        mean(x, head)  topk(logits[-1], 3)\n\n"
	"A value has its Hugging Face path, a short name or the name of what it is in the module one is "
	"in; `ptype` says them all. `.` is the selected module's output, or that of the module just left; "
	"`out` and `in[0]` are what the op that ran last made and what the next one reads. Axes have names, "
	"and positions are counted through the whole text, from its end where they are negative.\n\n"
	"Arithmetic is numpy's: shapes are broadcast, comparisons give 0 or 1 for each element, `@` is the "
	"product of matrices. A condition is a number, or the one element of a tensor; `any`, `all` and "
	"`count` make one of many. `help functions` lists what can be called.\n";

static const char locations_text[] =
	"Where breakpoints lie, and where until, advance and goto lead.\n\n"
	"layers.3.self_attn      a module: its first op\n"
	"layers.*.mlp            modules of all layers\n"
	"/self_attn$/            all that a regular expression matches\n"
	"L3.attn.pattern         a value: the op that computes it\n"
	"mistral.c:104, 104      a line of the modeling code\n"
	"op 131                  an op, in every pass\n"
	"0.131                   an op of one pass\n"
	"token 5                 the pass that reads position 5\n"
	"tokenizer, sampler      the stages before and behind a pass\n"
	"nothing                 where one stands\n";

static void say_function(struct debugger *d, const char *name, const char *args, const char *doc)
{
	struct text t = { 0 };

	text_addf(&t, "%s%s", name, args);
	say_entry(d, t.data, doc);
	text_release(&t);
}

/* What the debugger has of its own goes before the one over tensors. */
static bool is_own(const struct expression_function *own, const char *name)
{
	while (own->name && strcmp(own->name, name) != 0)
		own++;
	return own->name != NULL;
}

static void say_functions(struct debugger *d)
{
	const struct expression_function *own = debugger_functions();

	say_wrapped(d,
		    "What expressions can call: t is a tensor, an axis is a name or a number. Over "
		    "tensors they are those of SQL, where they begin with t_.\n",
		    0, 0);
	for (int i = 0; own[i].name; i++)
		say_function(d, own[i].name, own[i].args, own[i].doc);
	for (int i = 0; i < array_functions_len; i++)
		if (!is_own(own, array_functions[i].name))
			say_function(d, array_functions[i].name, array_functions[i].args,
				     array_functions[i].doc);
}

bool say_topic(struct debugger *d, const char *name)
{
	if (!strcmp(name, "functions"))
		say_functions(d);
	else if (!strcmp(name, "expressions"))
		say_wrapped(d, expressions_text, 0, 0);
	else if (!strcmp(name, "locations"))
		say_wrapped(d, locations_text, 0, 0);
	else
		return false;
	return true;
}
