/*
 * generate.c -- the options and the argument of `run` and `trace`, as a generation wants them.
 */
#include "generate.h"
#include "torchless/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int generate_open(struct invocation *in, bool needs_tokenizer, struct err *err)
{
	struct err ignored = { 0 };

	if (option_needs(in, OPT_SYSTEM, OPT_CHAT, err) || invocation_open_kernels(in, err))
		return err->code;
	if (needs_tokenizer)
		return invocation_open_model(in, CHECKPOINT_ALL, err);
	if (invocation_open_model(in, CHECKPOINT_ALL, &ignored) == 0)
		return 0;
	return invocation_open_model(in, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, err);
}

static void show_warning(void *ctx, enum warning kind, const char *sentence)
{
	const struct invocation *in = ctx;

	if (kind != WARNING_DOUBT && option_on(in, OPT_QUIET))
		return;
	/* It comes while something stands on the line: the bar of a recording, or the prompt. */
	if (kind == WARNING_TIME && in->err.is_terminal)
		fputs(command_has(in->command, OPT_OUTPUT) ? "\r\033[K" : "\n", stderr);
	warn("%s", sentence);
}

struct caller generate_caller(struct invocation *in)
{
	return (struct caller){ .warn = show_warning, .ctx = in, .interrupted = &interrupted };
}

/* Less than a byte is a limit too. */
static int64_t memory_limit(const struct invocation *in)
{
	int64_t bytes = option_int(in, OPT_MEM, 0);

	return option_on(in, OPT_MEM) && bytes == 0 ? 1 : bytes;
}

/* Who asks for speed is told where there is none to be had. */
static void warn_of_fast(const struct invocation *in)
{
	struct fast_type types[DTYPE_COUNT];
	int n = program_fast_types(&in->model.program, in->kernels, types);
	struct text names = { 0 };
	bool rounds = false;

	for (int i = 0; i < n; i++) {
		rounds = rounds || strcmp(types[i].times, dtype_table[DTYPE_F32].name) != 0;
		text_addf(&names, "%s%s", i ? ", " : "", dtype_table[types[i].weights].name);
	}
	if (!rounds && !option_on(in, OPT_QUIET))
		warn("--fast changes only keys and values, which are f16: weights of %s are "
		     "multiplied in f32 here, as without it",
		     names.data);
	text_release(&names);
}

struct generation_options generate_options(struct invocation *in, int64_t n)
{
	if (option_on(in, OPT_FAST))
		warn_of_fast(in);
	return (struct generation_options){
		.session = {
			.executor = { .kernels = in->kernels,
				      .pool = in->pool,
				      .plan = PLAN_RUN,
				      .fast = option_on(in, OPT_FAST),
				      .chunk = option_int(in, OPT_CHUNK, 0) },
			.sampler = { .temp = option_real(in, OPT_TEMP, 0),
				     .top_k = option_int(in, OPT_TOP_K, 0),
				     .top_p = option_real(in, OPT_TOP_P, 1),
				     .min_p = option_real(in, OPT_MIN_P, 0),
				     .seed = (uint64_t)option_int(in, OPT_SEED, 0) },
			.n = option_int(in, OPT_N, n),
		},
		.memory_limit = memory_limit(in),
		.stop = in->option[OPT_STOP].list,
		.n_stop = in->option[OPT_STOP].n,
		.chat = option_on(in, OPT_CHAT),
		.system = option_text(in, OPT_SYSTEM, NULL),
		.caller = generate_caller(in),
	};
}

/* With --fast: what is multiplied with what. */
static void note_fast(const struct invocation *in, const struct session *s)
{
	struct text t = { 0 };

	if (!s->opt.executor.fast)
		return;
	program_add_fast(&t, &in->model.program, in->kernels);
	note(in, "--fast: %s", t.data);
	text_release(&t);
}

void generate_note(const struct invocation *in, const struct session *s)
{
	const struct checkpoint *ck = &in->model.checkpoint;
	char weights[32];

	note(in, "%s: %s, %d %s, %s of %s weights", ck->path, ck->config.arch,
	     in->model.program.n_ops, plural(in->model.program.n_ops, "op", "ops"),
	     mem_format_bytes(ck->weight_bytes, weights, sizeof(weights)),
	     dtype_table[ck->weight_dtype].name);
	note_fast(in, s);
	note(in, "%s kernels, %d %s, %lld %s a prefill pass", in->kernels->isa,
	     threads_count(in->pool), plural(threads_count(in->pool), "thread", "threads"),
	     (long long)s->opt.executor.chunk,
	     plural(s->opt.executor.chunk, "position", "positions"));
}

static int read_ids(const char *s, struct prompt *p, struct err *err)
{
	int32_t *ids = NULL;
	size_t cap = 0;

	for (;;) {
		char *end;
		long long x;

		s += strspn(s, " \t\r\n,");
		if (!*s)
			return 0;
		errno = 0;
		x = strtoll(s, &end, 10);
		if (end == s || errno || x < 0 || x > INT32_MAX ||
		    (*end && !strchr(" \t\r\n,", *end)))
			return err_set(
				err, ERR_USAGE,
				"--prompt-ids wants token ids separated by spaces, not '%.40s'", s);
		p->ids = ids = mem_grow(ids, (size_t)p->n_ids, &cap, sizeof(*ids));
		ids[p->n_ids++] = (int32_t)x;
		s = end;
	}
}

int generate_prompt(struct invocation *in, struct prompt *p, struct err *err)
{
	struct bytes text;

	*p = (struct prompt){ .n = -1 };
	if (invocation_text(in, 0, &text, err))
		return err->code;
	if (option_on(in, OPT_PROMPT_IDS))
		return read_ids(text.data, p, err);
	p->text = text;
	return 0;
}
