/*
 * generation.c -- a session opened from plain options, and its tokens turned into text.
 *
 * The text is a function of the tokens that were generated: it grows with each, and can be made
 * again from all of them when some were taken back.
 */
#include "torchless/generation.h"
#include "prefill_time.h"
#include "torchless/clock.h"
#include "torchless/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHUNK 512 /* tokens a pass, when nobody says */

/* ---- the caller --------------------------------------------------------------------------- */

void caller_warn(const struct caller *c, enum warning kind, const char *fmt, ...)
{
	struct err message;
	char text[sizeof(message.message)];
	va_list args;

	if (!c->warn)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(&message, ERR_USAGE, "%s", text); /* turns control bytes into '?' */
	c->warn(c->ctx, kind, message.message);
}

bool caller_interrupted(const struct caller *c)
{
	return c->interrupted && *c->interrupted;
}

/* ---- stop strings ------------------------------------------------------------------------- */

/* How often `part`, which is not empty, is in `whole`. */
static int64_t count_in(struct bytes whole, struct bytes part)
{
	int64_t n = 0;

	for (size_t at = 0; at + part.len <= whole.len;) {
		bool here = memcmp(whole.data + at, part.data, part.len) == 0;

		n += here;
		at += here ? part.len : 1;
	}
	return n;
}

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

/* Take n bytes off the front of what is held; those that are shown go to `out`. */
static void release_held(struct stop_filter *f, size_t n, struct text *out)
{
	for (size_t i = 0; i < n;) {
		size_t run = i;

		while (i < n && f->hidden.data[i] == f->hidden.data[run])
			i++;
		if (!f->hidden.data[run])
			text_add(out, f->held.data + run, i - run);
	}
	memmove(f->held.data, f->held.data + n, f->held.len - n);
	memmove(f->hidden.data, f->hidden.data + n, f->hidden.len - n);
	f->held.len -= n;
	f->hidden.len -= n;
}

static void push(struct stop_filter *f, const char *data, size_t len, bool hidden, struct text *out)
{
	size_t first;

	if (f->met || len == 0)
		return;
	text_add(&f->held, data, len);
	for (size_t i = 0; i < len; i++)
		text_addc(&f->hidden, hidden);
	first = first_stop(f, &f->held);
	f->met = first < f->held.len;
	release_held(f, f->met ? first : f->held.len - undecided(f, &f->held), out);
}

void stop_filter_push(struct stop_filter *f, const char *data, size_t len, struct text *out)
{
	push(f, data, len, false, out);
}

void stop_filter_push_hidden(struct stop_filter *f, const char *data, size_t len, struct text *out)
{
	bool named = false;

	for (int i = 0; i < f->n && len > 0 && !named; i++)
		named = count_in((struct bytes){ f->strings[i], strlen(f->strings[i]) },
				 (struct bytes){ data, len }) > 0;
	if (named)
		push(f, data, len, true, out);
}

static void stop_filter_clear(struct stop_filter *f)
{
	text_clear(&f->held);
	text_clear(&f->hidden);
}

void stop_filter_finish(struct stop_filter *f, struct text *out)
{
	if (!f->met && f->held.len)
		release_held(f, f->held.len, out);
	stop_filter_clear(f);
}

void stop_filter_release(struct stop_filter *f)
{
	text_release(&f->held);
	text_release(&f->hidden);
}

/* ---- interruption ------------------------------------------------------------------------- */

/* Linear layers take the time; other ops need no question. */
static bool interrupt_wants(void *ctx, const struct site *at)
{
	(void)ctx;
	return at->kind == SITE_OP && at->op->code == OP_LINEAR;
}

static int interrupt_before(void *ctx, struct executor *ex, const struct site *at, struct err *err)
{
	const struct generation *g = ctx;

	(void)ex, (void)at;
	return caller_interrupted(&g->opt.caller) ? err_set(err, ERR_INTERRUPTED, "interrupted")
						  : HOOK_CONTINUE;
}

/* A prompt that takes longer than this is told how much longer. */
#define LONG_NS 30000000000

/* When the second chunk of the prompt begins, all that one takes is known: recording it, too. */
static int tell_time(void *ctx, struct executor *ex, struct err *err)
{
	struct generation *g = ctx;
	const struct session *s = &g->session;
	int64_t left;
	char time[48];

	(void)err;
	if (ex->pos0 == 0)
		g->began_ns = clock_ns();
	if (s->phase != PHASE_PREFILL || ex->pass != 1 || ex->pos0 == 0)
		return HOOK_CONTINUE;
	left = prefill_left_ns(s, ex->pos0, clock_ns() - g->began_ns);
	if (left > LONG_NS)
		caller_warn(
			&g->opt.caller, WARNING_TIME,
			"%sthe %lld tokens of the prompt will take about %s more, as the first %lld did",
			g->where, (long long)s->n_prompt, prefill_format(left, time, sizeof(time)),
			(long long)ex->pos0);
	return HOOK_CONTINUE;
}

static int note_rewind(void *ctx, struct executor *ex, int pass, int op, struct err *err)
{
	struct generation *g = ctx;

	(void)ex, (void)pass, (void)op, (void)err;
	g->went_back = true;
	return 0;
}

/* ---- opening ------------------------------------------------------------------------------ */

static void warn_of_chunk(const struct generation_options *o, int64_t asked, int64_t chunk)
{
	caller_warn(
		&o->caller, WARNING_DOUBT,
		"a pass of %lld positions needs more than --mem allows: prefill goes %lld at a time",
		(long long)asked, (long long)chunk);
}

/* The largest chunk, halving, whose activations fit in the limit; as asked where none does. */
static int64_t choose_chunk(const struct generation_options *o, const struct program *p)
{
	struct executor_options executor = o->session.executor;
	int64_t limit = o->memory_limit > 0 ? o->memory_limit : INT64_MAX, asked;

	asked = executor.chunk = executor.chunk > 0 ? executor.chunk : CHUNK;
	for (;; executor.chunk = (executor.chunk + 1) / 2) {
		struct executor_need need =
			executor_estimate(p, &executor, executor.chunk, o->session.all_logits);

		if (need.scratch_bytes <= limit && need.kv_bytes <= limit - need.scratch_bytes)
			break;
		if (executor.chunk == 1)
			return asked;
	}
	return executor.chunk;
}

static int exceeds_limit(const struct generation *g, int64_t positions, int64_t need,
			 struct err *err)
{
	char n[32], limit[32];

	return err_set(err, ERR_MEMORY,
		       "%s%lld %s %s of memory for activations and the KV cache, even one a pass, "
		       "but --mem allows %s",
		       g->where, (long long)positions,
		       plural(positions, "position needs", "positions need"),
		       mem_format_bytes(need, n, sizeof(n)),
		       mem_format_bytes(g->opt.memory_limit, limit, sizeof(limit)));
}

/*
 * Keep the promise of --mem for the prompt that is set: passes are halved until they fit beside the
 * KV cache of all positions, which is then of that size.  What an earlier prompt has taken counts.
 */
static int fit_limit(struct generation *g, struct err *err)
{
	struct session *s = &g->session;
	struct executor_options o = s->opt.executor;
	const struct program *p = &s->model->program;
	int64_t positions = s->n_prompt + s->opt.n, limit = g->opt.memory_limit, arena, kv, need;

	if (limit <= 0)
		return 0;
	arena = s->executor.arena_bytes;
	kv = executor_estimate(p, &s->executor.opt, positions, s->opt.all_logits).kv_bytes;
	if (kv < executor_reused_bytes(&s->executor) - arena)
		kv = executor_reused_bytes(&s->executor) - arena;
	for (;; o.chunk = (o.chunk + 1) / 2) {
		need = executor_estimate(p, &o, positions, s->opt.all_logits).scratch_bytes;
		need = need > arena ? need : arena;
		if (need <= limit && kv <= limit - need)
			break;
		if (o.chunk == 1)
			return exceeds_limit(g, positions,
					     mem_add(need, kv, &need) ? need : INT64_MAX, err);
	}
	if (o.chunk != g->chunk)
		warn_of_chunk(&g->opt, g->chunk, o.chunk);
	g->chunk = s->opt.executor.chunk = o.chunk;
	return executor_reserve(&s->executor, positions, err);
}

/* Weights are mapped, so they need not fit; but then every token reads them from the disk again. */
static bool exceeds_memory(const struct generation *g, int64_t *weights, int64_t *need,
			   int64_t *available)
{
	const struct session *s = &g->session;
	struct executor_need n;

	*weights = s->model->checkpoint.weight_bytes;
	if (session_is_roomy(s, s->n_prompt + s->opt.n, *weights))
		return false;
	n = executor_estimate(&s->model->program, &s->opt.executor, s->n_prompt + s->opt.n,
			      s->opt.all_logits);
	/* What the prompt before this one has allocated is used again. */
	*need = n.scratch_bytes + n.kv_bytes - executor_reused_bytes(&s->executor);
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
	caller_warn(
		&g->opt.caller, WARNING_DOUBT,
		"%s%s of weights and %s of activations and KV cache do not fit in the %s of memory "
		"that are available: expect it to be slow",
		g->where, mem_format_bytes(weights, w, sizeof(w)),
		mem_format_bytes(need, n, sizeof(n)), mem_format_bytes(available, a, sizeof(a)));
}

static void warn_of_weights(const struct generation_options *o, const struct model *m)
{
	const struct checkpoint *ck = &m->checkpoint;
	const char *bad = checkpoint_first_bad_weight(ck, o->session.executor.pool);
	struct text unused = { 0 };

	model_add_unused(m, &unused);
	if (unused.len)
		caller_warn(&o->caller, WARNING_LEFT_OUT, "%s", unused.data);
	text_release(&unused);

	if (bad)
		caller_warn(&o->caller, WARNING_DOUBT, "%s: %s holds NaN or infinity", ck->path,
			    bad);
}

static bool exceeds_context(const struct generation *g)
{
	int64_t context = g->session.model->config->max_positions;

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
		caller_warn(
			&g->opt.caller, WARNING_DOUBT,
			"%sthe prompt has %lld tokens but the model's context is %s: it was not "
			"made for positions beyond, and its answer may make no sense",
			g->where, (long long)g->session.n_prompt,
			context_words(g->session.model->config, context, sizeof(context)));
}

int generation_init(struct generation *g, struct model *m, const struct generation_options *o,
		    struct err *err)
{
	*g = (struct generation){ .opt = *o, .where = "" };
	g->hook = (struct hook){ .wants = interrupt_wants,
				 .before = interrupt_before,
				 .pass_begin = tell_time,
				 .rewound = note_rewind,
				 .ctx = g };
	g->stop.strings = o->stop;
	g->stop.n = o->n_stop;
	g->opt.session.interrupted = o->caller.interrupted;
	warn_of_weights(o, m);
	g->chunk = o->session.executor.chunk > 0 ? o->session.executor.chunk : CHUNK;
	g->opt.session.executor.chunk = choose_chunk(o, &m->program);
	if (session_init(&g->session, m, &g->opt.session, err))
		return err->code;
	session_add_hook(&g->session, &g->hook);
	return 0;
}

void generation_release(struct generation *g)
{
	session_release(&g->session);
	decode_release(&g->decode);
	stop_filter_release(&g->stop);
	text_release(&g->text);
	*g = (struct generation){ 0 };
}

/* ---- the prompt --------------------------------------------------------------------------- */

/* The template's text has BOS where it should be: none is added. */
static int set_chat(struct generation *g, const struct prompt *p, struct err *err)
{
	struct chat_request chat = { .message = p->text, .system = p->system };
	struct text wrapped = { 0 };
	int r;

	if (!chat.system.data && g->opt.system)
		chat.system = (struct bytes){ g->opt.system, strlen(g->opt.system) };
	chat.has_system = chat.system.data != NULL;
	r = chat_format(g->session.model->tokenizer, &chat, &wrapped, err);
	if (r == 0)
		r = session_set_text(&g->session, wrapped.data ? wrapped.data : "", wrapped.len,
				     false, err);
	text_release(&wrapped);
	return r;
}

static void clear_text(struct generation *g)
{
	decode_release(&g->decode);
	stop_filter_clear(&g->stop);
	text_clear(&g->text);
	g->stop.met = g->no_logits = false;
}

/* The decoder sees the prompt too: whether a space is stripped depends on what came before. */
static void start_decoding(struct generation *g)
{
	const struct tokenizer *tok = g->session.model->tokenizer;
	struct text ignored = { 0 };

	if (!tok)
		return;
	decode_init(&g->decode, tok, true);
	for (int64_t i = 0; i < g->session.n_prompt && !caller_interrupted(&g->opt.caller); i++)
		decode_push(&g->decode, g->session.tokens[i], &ignored);
	text_release(&ignored);
}

int generation_set_prompt(struct generation *g, const struct prompt *p, struct err *err)
{
	int r;

	session_restart(&g->session, p->n >= 0 ? p->n : g->opt.session.n);
	clear_text(g);
	g->prompt = p->text;
	if (!p->text.data)
		r = session_set_ids(&g->session, p->ids, p->n_ids, err);
	else if (g->opt.chat && g->session.model->tokenizer)
		r = set_chat(g, p, err);
	else
		r = session_set_text(&g->session, p->text.data, p->text.len, true, err);
	if (r == 0)
		r = fit_limit(g, err);
	if (r == 0)
		start_decoding(g);
	g->n_read = g->session.n_tokens;
	g->went_back = false;
	return r;
}

bool generation_is_doubtful(const struct generation *g)
{
	int64_t weights, need, available;

	return g->session.encoding.n_dropped > 0 || exceeds_context(g) ||
	       exceeds_memory(g, &weights, &need, &available);
}

void encoding_add_dropped(struct text *t, const struct encoding *enc, struct bytes text)
{
	if (enc->n_dropped > 0 && enc->first_dropped_at >= 0 &&
	    (size_t)enc->first_dropped_at < text.len)
		text_addf(
			t,
			"%lld %s dropped, the vocabulary has no token for %s: the first is 0x%02x at byte %lld",
			(long long)enc->n_dropped, plural(enc->n_dropped, "byte was", "bytes were"),
			plural(enc->n_dropped, "it", "them"),
			(unsigned char)text.data[enc->first_dropped_at],
			(long long)enc->first_dropped_at);
}

static void warn_of_dropped(const struct generation *g)
{
	struct text t = { 0 };

	if (g->prompt.data)
		encoding_add_dropped(&t, &g->session.encoding, g->prompt);
	if (t.len)
		caller_warn(&g->opt.caller, WARNING_LEFT_OUT, "%s%s", g->where, t.data);
	text_release(&t);
}

/*
 * The tokenizer, or the template of a chat, puts one before the text; somebody who types it, too,
 * has two, as in transformers.
 */
static void warn_of_bos(const struct generation *g)
{
	const struct session *s = &g->session;
	const struct tokenizer *tok = s->model->tokenizer;
	const char *named = tok ? tokenizer_special_text(tok, "bos_token") : NULL;
	int32_t bos = tok ? tokenizer_bos(tok) : -1;
	struct bytes piece;
	int64_t n = 0, typed;

	/* A chat has what its template prints. */
	if (named && g->opt.chat)
		bos = tokenizer_find(tok, named, strlen(named));
	piece = bos >= 0 ? tokenizer_piece(tok, bos) : (struct bytes){ "", 0 };
	if (!g->prompt.data || !piece.len)
		return;
	for (int64_t i = 0; i < s->n_prompt; i++)
		n += s->tokens[i] == bos;
	typed = count_in(g->prompt, piece);
	if (typed > 0 && n > typed)
		caller_warn(
			&g->opt.caller, WARNING_ODD,
			"%sthe prompt has '%.*s' in it, which %s adds as well: it is there %lld times",
			g->where, (int)(piece.len < 60 ? piece.len : 60), piece.data,
			g->opt.chat ? "the chat template" : "the tokenizer", (long long)n);
}

void generation_warn(const struct generation *g)
{
	warn_of_dropped(g);
	warn_of_bos(g);
	warn_of_context(g);
	warn_of_memory(g);
}

/* ---- going on ----------------------------------------------------------------------------- */

/* A model full of NaN still has a forward pass to look at: it is the text that ends. */
static int advance_session(struct generation *g, struct err *err)
{
	int r = session_advance(&g->session, err);

	if (r != ERR_FORMAT || g->session.phase != PHASE_SAMPLE || g->session.in_pick)
		return r;
	if (!g->warned)
		caller_warn(&g->opt.caller, WARNING_DOUBT, "%s", err->message);
	g->no_logits = g->warned = true;
	return SESSION_DONE;
}

/* Its text is not shown, but a stop string may have it. */
static void push_special(struct generation *g, struct bytes piece)
{
	stop_filter_push_hidden(&g->stop, piece.data, piece.len, &g->text);
}

/* The token that ends a sequence is no text. */
static void add_token(struct generation *g, int64_t at)
{
	const struct session *s = &g->session;
	struct text grown = { 0 };

	if (!g->decode.tok || (s->stopped_at_eos && at == s->n_tokens - 1))
		return;
	decode_push(&g->decode, s->tokens[at], &grown);
	stop_filter_push(&g->stop, grown.data, grown.len, &g->text);
	if (tokenizer_is_special(g->decode.tok, s->tokens[at]))
		push_special(g, tokenizer_piece(g->decode.tok, s->tokens[at]));
	text_release(&grown);
}

void generation_rebuild_text(struct generation *g)
{
	clear_text(g);
	start_decoding(g);
	for (int64_t i = g->session.n_prompt; i < g->session.n_tokens; i++)
		add_token(g, i);
	g->n_read = g->session.n_tokens;
	g->went_back = false;
}

/* The text is that of the tokens there are, whoever drove the session. */
static void follow_session(struct generation *g)
{
	if (g->went_back || g->n_read != g->session.n_tokens)
		generation_rebuild_text(g);
}

int generation_advance(struct generation *g, struct err *err)
{
	int r;

	follow_session(g);
	r = g->stop.met || g->no_logits ? SESSION_DONE : advance_session(g, err);
	if (r == SESSION_TOKEN)
		add_token(g, g->n_read++);
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
	const struct config *c = g->session.model->config;
	char context[128];

	if (c->max_positions <= 0 || g->session.n_tokens <= c->max_positions || exceeds_context(g))
		return;
	caller_warn(
		&g->opt.caller, WARNING_DOUBT,
		"%sthe text grew to %lld tokens but the model's context is %s: what it says beyond may make no sense",
		g->where, (long long)g->session.n_tokens,
		context_words(c, context, sizeof(context)));
}

const char *generation_stop_reason(const struct generation *g)
{
	if (g->no_logits)
		return "nan";
	return g->stop.met ? "stop" : g->session.stopped_at_eos ? "eos" : "length";
}
