/*
 * open.c -- the options of `torchless trace`, as a recorder wants them.
 */
#include "../generate.h"
#include "torchless/mem.h"
#include "trace.h"

#include <string.h>

/* Whether a word is the text of a person, by itself or as --system=TEXT. */
static bool is_text(const struct invocation *in, const char *word)
{
	const char *system = option_text(in, OPT_SYSTEM, NULL);

	return (in->n_args && word == in->args[0]) ||
	       (system && system >= word && system <= word + strlen(word));
}

/* The words of the command line; without the texts when they must not be kept. */
static void set_words(struct trace_command *c, struct record_options *o)
{
	const struct invocation *in = c->in;

	c->words = mem_calloc((size_t)in->argc + 1, sizeof(*c->words));
	o->argv = c->words;
	for (int i = 0; i < in->argc; i++)
		if (!option_on(in, OPT_REDACT) || !is_text(in, in->argv[i]))
			c->words[o->argc++] = in->argv[i];
}

static struct record_options record_options(struct trace_command *c)
{
	struct invocation *in = c->in;
	bool stops = option_on(in, OPT_STOP_ON), on_nan = option_int(in, OPT_STOP_ON, 0) == 0;
	struct record_options o = {
		.generation = generate_options(in, 1),
		.path = option_text(in, OPT_OUTPUT, "trace.db"),
		.capture = in->option[OPT_CAPTURE].list,
		.n_capture = in->option[OPT_CAPTURE].n,
		.zero = in->option[OPT_ZERO].list,
		.n_zero = in->option[OPT_ZERO].n,
		.edits = in->option[OPT_EDITS].list,
		.n_edits = in->option[OPT_EDITS].n,
		.expressions = &recipe_plain_expressions,
		.budget = option_int(in, OPT_BUDGET, 0),
		.budget_text = option_text(in, OPT_BUDGET, NULL),
		.stop_on_nan = stops && on_nan,
		.stop_on_inf = stops && !on_nan,
		.repeat = (int)option_int(in, OPT_REPEAT, 0),
		.redact = option_on(in, OPT_REDACT),
		.engine = c->engine,
		.commit = version_commit,
		.compiler = version_compiler,
	};

	snprintf(c->engine, sizeof(c->engine), "torchless %s", version_number);
	o.generation.session.all_logits = option_int(in, OPT_LOGITS, 0) == 0;
	set_words(c, &o);
	return o;
}

/* What can be seen to be wrong without a model is refused before one is opened. */
static int check_capture(const struct invocation *in, struct err *err)
{
	const struct option_value *capture = &in->option[OPT_CAPTURE];
	struct capture_policy policy = { 0 };
	int result = 0;

	for (int i = 0; i < capture->n && result == 0; i++)
		result = capture_policy_add(&policy, capture->list[i], err);
	capture_policy_release(&policy);
	return result;
}

static void note_opened(const struct trace_command *c)
{
	const struct recorder *r = &c->recorder;

	generate_note(c->in, &r->generation.session);
	if (r->opt.n_capture > 0 && r->capture_json.data)
		note(c->in, "capture %s", r->capture_json.data);
}

int trace_open(struct trace_command *c, bool needs_tokenizer,
	       void (*progress)(void *ctx, const struct record_progress *p), struct err *err)
{
	struct invocation *in = c->in;
	struct trace_target target = trace_target_look(option_text(in, OPT_OUTPUT, "trace.db"));
	struct record_options o;
	int result;

	if (check_capture(in, err) || generate_open(in, needs_tokenizer, err))
		return err->code;
	o = record_options(c);
	o.target = target;
	if (in->err.is_terminal && !option_on(in, OPT_QUIET)) {
		c->bar.ui = &in->err;
		o.progress = progress;
		o.progress_ctx = &c->bar;
	}
	result = recorder_open(&c->recorder, &in->model, &o, err);
	note_opened(c);
	return result;
}
