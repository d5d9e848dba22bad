/*
 * generate.c -- opening a session from the options, and turning its tokens into text.
 *
 * What must be said before memory is used or time is spent is said here: too little memory, NaN in
 * the weights, a prompt longer than the model's context.
 */
#include "generate.h"
#include "torchless/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- stop strings ------------------------------------------------------------------------- */

/* Where the first stop string begins in t, or its length. */
static size_t first_stop(const struct stop_filter *f, const struct text *t)
{
	size_t first = t->len;

	for (int i = 0; i < f->n; i++) {
		size_t n = strlen(f->strings[i]);

		for (size_t at = 0; n > 0 && at + n <= t->len && at < first; at++)
			if (!memcmp(t->data + at, f->strings[i], n))
				first = at;
	}
	return first;
}

/* The most bytes at the end of t that may be the beginning of a stop string. */
static size_t undecided(const struct stop_filter *f, const struct text *t)
{
	size_t most = 0;

	for (int i = 0; i < f->n; i++) {
		size_t n = strlen(f->strings[i]);

		for (size_t k = n > 0 ? n - 1 : 0; k > most; k--)
			if (k <= t->len && !memcmp(t->data + t->len - k, f->strings[i], k))
				most = k;
	}
	return most;
}

void stop_filter_push(struct stop_filter *f, const char *data, size_t len, struct text *out)
{
	size_t first, ready;

	if (f->met || len == 0)
		return;
	text_add(&f->held, data, len);
	first = first_stop(f, &f->held);
	f->met = first < f->held.len;
	ready = f->met ? first : f->held.len - undecided(f, &f->held);
	text_add(out, f->held.data, ready);
	memmove(f->held.data, f->held.data + ready, f->held.len - ready);
	f->held.len -= ready;
}

void stop_filter_finish(struct stop_filter *f, struct text *out)
{
	if (!f->met && f->held.len)
		text_add(out, f->held.data, f->held.len);
	text_clear(&f->held);
}

/* ---- Ctrl-C ------------------------------------------------------------------------------- */

/* Linear layers take the time; other ops need no question. */
static bool interrupt_wants(void *ctx, const struct site *at)
{
	(void)ctx;
	return at->kind == SITE_OP && at->op->code == OP_LINEAR;
}

static int interrupt_before(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	(void)ctx, (void)ex, (void)at;
	return interrupted ? err_set(err, ERR_INTERRUPTED, "interrupted") : HOOK_CONTINUE;
}

/* ---- opening ------------------------------------------------------------------------------ */

/* The largest chunk, halving, whose activations fit in --mem. */
static int64_t choose_chunk(const struct invocation *in, struct executor_options o, bool all_logits)
{
	int64_t limit = option_int(in, OPT_MEM, INT64_MAX), asked = o.chunk;

	for (; o.chunk > 1; o.chunk = (o.chunk + 1) / 2) {
		struct executor_need need =
			executor_estimate(&in->model.program, &o, o.chunk, all_logits);

		if (need.scratch_bytes <= limit && need.kv_bytes <= limit - need.scratch_bytes)
			break;
	}
	if (o.chunk != asked)
		warn("a pass of %lld positions needs more than --mem allows: prefill goes %lld at "
		     "a time",
		     (long long)asked, (long long)o.chunk);
	return o.chunk;
}

/* Weights are mapped, so they need not fit; but then every token reads them from the disk again. */
static void warn_of_memory(const struct generation *g)
{
	const struct session *s = &g->session;
	int64_t weights = g->in->model.checkpoint.weight_bytes, available = mem_available_bytes();
	struct executor_need need = executor_estimate(&g->in->model.program, &s->opt.executor,
						      s->n_prompt + s->opt.n, s->opt.all_logits);
	char w[32], n[32], a[32];

	if (available < 0 || weights + need.scratch_bytes + need.kv_bytes <= available)
		return;
	warn("%s of weights and %s of activations and KV cache do not fit in the %s of memory that "
	     "are available: expect it to be slow",
	     mem_format_bytes(weights, w, sizeof(w)),
	     mem_format_bytes(need.scratch_bytes + need.kv_bytes, n, sizeof(n)),
	     mem_format_bytes(available, a, sizeof(a)));
}

static void warn_of_weights(const struct invocation *in)
{
	const char *bad = checkpoint_first_bad_weight(&in->model.checkpoint, in->pool);

	if (bad)
		warn("%s: %s holds NaN or infinity", in->model.checkpoint.path, bad);
}

static void warn_of_context(const struct generation *g)
{
	int64_t context = g->in->model.config->max_positions;

	if (context > 0 && g->session.n_prompt > context)
		warn("the prompt has %lld tokens but the model's context is %lld: it was not made "
		     "for positions beyond, and its answer may make no sense",
		     (long long)g->session.n_prompt, (long long)context);
}

static struct session_options session_options(const struct invocation *in,
					      const struct generation_options *o)
{
	struct session_options s = {
		.executor = { .kernels = in->kernels,
			      .pool = in->pool,
			      .plan = PLAN_RUN,
			      .ring = o->ring,
			      .chunk = option_int(in, OPT_CHUNK, 512) },
		.sampler = { .temp = option_real(in, OPT_TEMP, 0),
			     .top_k = option_int(in, OPT_TOP_K, 0),
			     .top_p = option_real(in, OPT_TOP_P, 1),
			     .min_p = option_real(in, OPT_MIN_P, 0),
			     .seed = (uint64_t)option_int(in, OPT_SEED, 0) },
		.n = option_int(in, OPT_N, o->n),
		.all_logits = o->all_logits,
	};

	s.executor.chunk = choose_chunk(in, s.executor, o->all_logits);
	return s;
}

/* A tokenizer that is not needed is still opened where there is one: it can show what ids mean. */
static int open_model(struct invocation *in, bool needs_tokenizer, struct err *err)
{
	struct err ignored = { 0 };

	if (needs_tokenizer)
		return invocation_open_model(in, CHECKPOINT_ALL, err);
	if (invocation_open_model(in, CHECKPOINT_ALL, &ignored) == 0)
		return 0;
	return invocation_open_model(in, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, err);
}

static void note_opened(const struct invocation *in, const struct session_options *o)
{
	const struct checkpoint *ck = &in->model.checkpoint;
	char weights[32];

	note(in, "%s: %s, %d ops, %s of %s weights", ck->path, ck->config.arch,
	     in->model.program.n_ops, mem_format_bytes(ck->weight_bytes, weights, sizeof(weights)),
	     dtype_table[ck->weight_dtype].name);
	note(in, "%s kernels, %d threads, %lld positions a prefill pass", in->kernels->isa,
	     threads_count(in->pool), (long long)o->executor.chunk);
}

int generation_open(struct generation *g, struct invocation *in, const struct generation_options *o,
		    struct err *err)
{
	struct session_options options;

	*g = (struct generation){ .in = in };
	g->interrupt = (struct hook){ .wants = interrupt_wants, .before = interrupt_before };
	g->stop.strings = in->option[OPT_STOP].list;
	g->stop.n = in->option[OPT_STOP].n;
	if (invocation_open_kernels(in, err) || open_model(in, o->needs_tokenizer, err))
		return err->code;
	warn_of_weights(in);
	options = session_options(in, o);
	note_opened(in, &options);
	if (session_init(&g->session, &in->model, &options, err))
		return err->code;
	session_add_hook(&g->session, &g->interrupt);
	return 0;
}

void generation_release(struct generation *g)
{
	session_release(&g->session);
	decode_release(&g->decode);
	text_release(&g->stop.held);
	text_release(&g->text);
	*g = (struct generation){ 0 };
}

/* ---- the prompt --------------------------------------------------------------------------- */

static int read_ids(const char *s, int32_t **ids, int64_t *n, struct err *err)
{
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
		*ids = mem_grow(*ids, (size_t)*n, &cap, sizeof(**ids));
		(*ids)[(*n)++] = (int32_t)x;
		s = end;
	}
}

static int set_ids(struct generation *g, struct err *err)
{
	int32_t *ids = NULL;
	int64_t n = 0;
	int r = read_ids(g->prompt.data, &ids, &n, err);

	if (r == 0)
		r = session_set_ids(&g->session, ids, n, err);
	free(ids);
	return r;
}

static int set_chat(struct generation *g, struct err *err)
{
	struct text wrapped = { 0 };
	bool special;
	int r = chat_format(g->in->model.tokenizer, g->prompt.data, g->prompt.len, &wrapped,
			    &special, err);

	if (r == 0)
		r = session_set_text(&g->session, wrapped.data ? wrapped.data : "", wrapped.len,
				     special, err);
	text_release(&wrapped);
	return r;
}

/* The decoder sees the prompt too: whether a space is stripped depends on what came before. */
static void start_decoding(struct generation *g)
{
	struct text ignored = { 0 };

	if (!g->in->model.tokenizer)
		return;
	decode_init(&g->decode, g->in->model.tokenizer, true);
	for (int64_t i = 0; i < g->session.n_prompt; i++)
		decode_push(&g->decode, g->session.tokens[i], &ignored);
	text_release(&ignored);
}

int generation_set_prompt(struct generation *g, struct err *err)
{
	int r = invocation_text(g->in, 0, &g->prompt, err);

	if (r)
		return r;
	if (option_on(g->in, OPT_PROMPT_IDS))
		r = set_ids(g, err);
	else if (option_on(g->in, OPT_CHAT))
		r = set_chat(g, err);
	else
		r = session_set_text(&g->session, g->prompt.data, g->prompt.len, true, err);
	if (r)
		return r;
	warn_dropped(g->in, g->prompt, &g->session.encoding);
	warn_of_context(g);
	warn_of_memory(g);
	start_decoding(g);
	return 0;
}

/* ---- going on ----------------------------------------------------------------------------- */

/* A model full of NaN still has a forward pass to look at: what ends is the text, with a warning.
 */
static int advance_session(struct generation *g, struct err *err)
{
	int r = session_advance(&g->session, err);

	if (r != ERR_FORMAT || g->session.phase != PHASE_SAMPLE)
		return r;
	warn("%s", err->message);
	g->no_logits = true;
	return SESSION_DONE;
}

int generation_advance(struct generation *g, struct err *err)
{
	struct text grown = { 0 };
	int r = g->stop.met || g->no_logits ? SESSION_DONE : advance_session(g, err);

	if (r != SESSION_TOKEN || g->session.stopped_at_eos || !g->decode.tok)
		return r;
	decode_push(&g->decode, g->session.tokens[g->session.n_tokens - 1], &grown);
	stop_filter_push(&g->stop, grown.data, grown.len, &g->text);
	text_release(&grown);
	return r;
}

void generation_finish(struct generation *g)
{
	struct text grown = { 0 };

	if (g->decode.tok)
		decode_finish(&g->decode, &grown);
	stop_filter_push(&g->stop, grown.data, grown.len, &g->text);
	stop_filter_finish(&g->stop, &g->text);
	text_release(&grown);
}

const char *generation_stop_reason(const struct generation *g)
{
	if (g->no_logits)
		return "nan";
	return g->stop.met ? "stop" : g->session.stopped_at_eos ? "eos" : "length";
}
