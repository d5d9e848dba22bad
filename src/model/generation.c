/*
 * generate.c -- opening a session from the options, and turning its tokens into text.
 *
 * What must be said before memory is used or time is spent is said here: too little memory, NaN in
 * the weights, a prompt longer than the model's context.
 */
#include "torchless/generation.h"
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
		warn("a pass of %lld positions needs more than --mem allows: prefill goes %lld at a time",
		     (long long)asked, (long long)o.chunk);
	return o.chunk;
}

/* Weights are mapped, so they need not fit; but then every token reads them from the disk again. */
static bool exceeds_memory(const struct generation *g, int64_t *weights, int64_t *need,
			   int64_t *available)
{
	const struct session *s = &g->session;
	struct executor_need n = executor_estimate(&g->in->model.program, &s->opt.executor,
						   s->n_prompt + s->opt.n, s->opt.all_logits);

	*weights = g->in->model.checkpoint.weight_bytes;
	*need = n.scratch_bytes + n.kv_bytes - executor_allocated_bytes(&s->executor);
	*need = *need > 0 ? *need : 0;
	*available = mem_available_bytes();
	return *available >= 0 && *weights + *need > *available;
}

static void warn_of_memory(const struct generation *g)
{
	int64_t weights, need, available;
	char w[32], n[32], a[32];

	if (!exceeds_memory(g, &weights, &need, &available))
		return;
	warn("%s%s of weights and %s of activations and KV cache do not fit in the %s of memory "
	     "that are available: expect it to be slow",
	     g->where, mem_format_bytes(weights, w, sizeof(w)),
	     mem_format_bytes(need, n, sizeof(n)), mem_format_bytes(available, a, sizeof(a)));
}

static void warn_of_weights(const struct invocation *in)
{
	const char *bad = checkpoint_first_bad_weight(&in->model.checkpoint, in->pool);

	if (bad)
		warn("%s: %s holds NaN or infinity", in->model.checkpoint.path, bad);
}

static bool exceeds_context(const struct generation *g)
{
	int64_t context = g->in->model.config->max_positions;

	return context > 0 && g->session.n_prompt > context;
}

/* "192 (max_position_embeddings, with a sliding_window of 64)". */
static const char *context_words(const struct config *c, char *buf, size_t size)
{
	char window[64] = "";

	if (c->window > 0)
		snprintf(window, sizeof(window), ", with a sliding_window of %lld",
			 (long long)c->window);
	snprintf(buf, size, "%lld (max_position_embeddings%s)", (long long)c->max_positions,
		 window);
	return buf;
}

static void warn_of_context(const struct generation *g)
{
	char context[128];

	if (exceeds_context(g))
		warn("%sthe prompt has %lld tokens but the model's context is %s: it was not "
		     "made for positions beyond, and its answer may make no sense",
		     g->where, (long long)g->session.n_prompt,
		     context_words(g->in->model.config, context, sizeof(context)));
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

	*g = (struct generation){ .in = in, .where = "" };
	g->interrupt = (struct hook){ .wants = interrupt_wants, .before = interrupt_before };
	g->stop.strings = in->option[OPT_STOP].list;
	g->stop.n = in->option[OPT_STOP].n;
	if (invocation_open_kernels(in, err) || open_model(in, o->needs_tokenizer, err))
		return err->code;
	warn_of_weights(in);
	options = session_options(in, o);
	g->n = options.n;
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

int generation_argument(struct invocation *in, struct prompt *p, struct err *err)
{
	*p = (struct prompt){ .n = -1 };
	if (invocation_text(in, 0, &p->text, err))
		return err->code;
	if (!option_on(in, OPT_PROMPT_IDS))
		return 0;
	if (read_ids(p->text.data, &p->ids, &p->n_ids, err))
		return err->code;
	p->text = (struct bytes){ 0 };
	return 0;
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

static void restart(struct generation *g, const struct prompt *p)
{
	session_restart(&g->session, p->n >= 0 ? p->n : g->n);
	decode_release(&g->decode);
	text_clear(&g->stop.held);
	text_clear(&g->text);
	g->stop.met = g->no_logits = false;
	g->prompt = p->text;
}

int generation_set_prompt(struct generation *g, const struct prompt *p, struct err *err)
{
	int r;

	restart(g, p);
	if (!p->text.data)
		r = session_set_ids(&g->session, p->ids, p->n_ids, err);
	else if (option_on(g->in, OPT_CHAT))
		r = set_chat(g, err);
	else
		r = session_set_text(&g->session, p->text.data, p->text.len, true, err);
	if (r)
		return r;
	start_decoding(g);
	return 0;
}

bool generation_is_doubtful(const struct generation *g)
{
	int64_t weights, need, available;

	return g->session.encoding.n_dropped > 0 || exceeds_context(g) ||
	       exceeds_memory(g, &weights, &need, &available);
}

void generation_warn(const struct generation *g)
{
	if (g->prompt.data)
		warn_dropped(g->in, g->where, g->prompt, &g->session.encoding);
	warn_of_context(g);
	warn_of_memory(g);
}

/* ---- going on ----------------------------------------------------------------------------- */

/* A model full of NaN still has a forward pass to look at: what ends is the text, with a warning.
 */
static int advance_session(struct generation *g, struct err *err)
{
	int r = session_advance(&g->session, err);

	if (r != ERR_FORMAT || g->session.phase != PHASE_SAMPLE)
		return r;
	if (!g->warned)
		warn("%s", err->message);
	g->no_logits = g->warned = true;
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

void generation_warn_of_growth(const struct generation *g)
{
	const struct config *c = g->in->model.config;
	char context[128];

	if (c->max_positions <= 0 || g->session.n_tokens <= c->max_positions || exceeds_context(g))
		return;
	warn("%sthe text grew to %lld tokens but the model's context is %s: what it says beyond may make no sense",
	     g->where, (long long)g->session.n_tokens, context_words(c, context, sizeof(context)));
}

const char *generation_stop_reason(const struct generation *g)
{
	if (g->no_logits)
		return "nan";
	return g->stop.met ? "stop" : g->session.stopped_at_eos ? "eos" : "length";
}
