/*
 * test_generation.c -- the text of a generation: stop strings, what is held back, going back.
 */
#include "support/tiny.h"
#include "torchless/generation.h"

#include <criterion/criterion.h>
#include <string.h>

enum { N_PROMPT = 3, N_TOKENS = 24 };

static const int32_t prompt_ids[N_PROMPT] = { 1, 20, 33 };

/* Words, and for every fourth id a byte: characters and what is no UTF-8 lie across tokens. */
static char *make_tokenizer_json(int vocab)
{
	struct text t = { 0 };

	text_adds(&t,
		  "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":null,"
		  "\"pre_tokenizer\":null,\"post_processor\":null,\"decoder\":{\"type\":"
		  "\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]},"
		  "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\"<unk>\","
		  "\"fuse_unk\":true,\"byte_fallback\":false,\"merges\":[],\"vocab\":{\"<unk>\":0");
	for (int i = 1; i < vocab; i++) {
		char piece[16];

		if (i % 4 == 3)
			snprintf(piece, sizeof(piece), "<0x%02X>", 0x80 + i);
		else
			snprintf(piece, sizeof(piece), "%c%c%d", 'a' + i % 5, 'a' + i % 3, i);
		text_addf(&t, ",\"%s\":%d", piece, i);
	}
	text_adds(&t, "}}}");
	return t.data;
}

struct fixture {
	char dir[64];
	struct model model;
	struct generation_options opt;
	struct err err;
};

static void open_fixture(struct fixture *f)
{
	char *json = make_tokenizer_json(tiny_default.vocab);

	memset(f, 0, sizeof(*f));
	tiny_write(&tiny_default, f->dir, sizeof(f->dir));
	cr_assert_eq(model_open(&f->model, f->dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &f->err),
		     0, "%s", f->err.message);
	f->model.tokenizer = tokenizer_new(json, strlen(json), NULL, "test", &f->err);
	cr_assert(f->model.tokenizer, "%s", f->err.message);
	free(json);
	f->opt = (struct generation_options){
		.session = { .executor.kernels = &kernels_ref,
			     .sampler = { .temp = 3, .top_p = 1, .seed = 7 },
			     .n = N_TOKENS,
			     .ignore_eos = true },
	};
}

static void close_fixture(struct fixture *f)
{
	model_close(&f->model);
	tiny_remove(f->dir);
}

static void start(struct fixture *f, struct generation *g)
{
	const struct prompt p = { .ids = prompt_ids, .n_ids = N_PROMPT, .n = -1 };

	cr_assert_eq(generation_init(g, &f->model, &f->opt, &f->err), 0, "%s", f->err.message);
	cr_assert_eq(generation_set_prompt(g, &p, &f->err), 0, "%s", f->err.message);
}

/* Go on for n tokens, or to the end. */
static void advance(struct fixture *f, struct generation *g, int64_t n)
{
	int r = SESSION_TOKEN;

	for (; n > 0 && r == SESSION_TOKEN; n--)
		r = generation_advance(g, &f->err);
	cr_assert(r == SESSION_TOKEN || r == SESSION_DONE, "%s", f->err.message);
}

static bool same_text(const struct text *a, const struct text *b)
{
	return a->len == b->len && (a->len == 0 || !memcmp(a->data, b->data, a->len));
}

/* Everything that the next token will be added to. */
static void assert_same(const struct generation *a, const struct generation *b, int64_t n)
{
	cr_assert(same_text(&a->text, &b->text), "%d tokens: '%s' and '%s'", (int)n,
		  a->text.data ? a->text.data : "", b->text.data ? b->text.data : "");
	cr_assert(same_text(&a->stop.held, &b->stop.held), "%d tokens", (int)n);
	cr_assert(same_text(&a->decode.pending, &b->decode.pending), "%d tokens", (int)n);
	cr_assert_eq(a->decode.started, b->decode.started);
	cr_assert_eq(a->decode.text_started, b->decode.text_started);
	cr_assert_eq(a->decode.n_stripped, b->decode.n_stripped);
	cr_assert_eq(a->stop.met, b->stop.met);
	cr_assert_eq(a->no_logits, b->no_logits);
}

/* The decoded text of all tokens, and where in it each token begins to be visible. */
static char *whole_text(struct fixture *f, size_t at[N_TOKENS + 1])
{
	struct generation g;
	char *text;

	start(f, &g);
	for (int i = 0; i < N_TOKENS; i++) {
		at[i] = g.text.len;
		advance(f, &g, 1);
	}
	generation_finish(&g);
	at[N_TOKENS] = g.text.len;
	text = mem_strdup(g.text.data);
	cr_assert_eq(strlen(text), g.text.len);
	generation_release(&g);
	return text;
}

/* Where a token at or behind the n-th begins, when it and the one before are visible. */
static size_t border(const size_t at[N_TOKENS + 1], int n)
{
	for (; n < N_TOKENS; n++)
		if (at[n - 1] + 1 < at[n] && at[n] + 1 < at[n + 1])
			return at[n];
	cr_assert_fail("no token is visible at once");
	return 0;
}

/* Take tokens away by hand, as going back in time does. */
static void take_back(struct generation *g, int64_t n_left)
{
	g->session.n_tokens = g->session.n_prompt + n_left;
	g->session.n_generated = n_left;
	g->session.stopped_at_eos = false;
}

/* Returns how often the decoder held bytes back. */
static int rebuilding_equals_generating_so_far(struct fixture *f)
{
	struct generation all, so_far;
	int n_pending = 0;

	start(f, &all);
	advance(f, &all, N_TOKENS + 1);
	generation_finish(&all);
	for (int64_t n = all.session.n_generated; n >= 0; n--) {
		start(f, &so_far);
		advance(f, &so_far, n);
		take_back(&all, n);
		generation_rebuild_text(&all);
		assert_same(&all, &so_far, n);
		n_pending += all.decode.pending.len > 0;
		generation_finish(&all);
		generation_finish(&so_far);
		assert_same(&all, &so_far, n);
		generation_release(&so_far);
	}
	generation_release(&all);
	return n_pending;
}

Test(generation, taking_tokens_away_and_rebuilding_equals_generating_only_so_far)
{
	struct fixture f;

	open_fixture(&f);
	cr_assert_gt(rebuilding_equals_generating_so_far(&f), 0);
	close_fixture(&f);
}

Test(generation, rebuilding_ends_where_a_stop_string_across_tokens_did)
{
	const char *stop[2] = { NULL, "never there" };
	size_t at[N_TOKENS + 1];
	struct generation g;
	struct fixture f;
	char *text, *across;

	open_fixture(&f);
	text = whole_text(&f, at);
	stop[0] = across = mem_memdup(text + border(at, 8) - 2, 3);
	f.opt.stop = stop;
	f.opt.n_stop = 2;
	start(&f, &g);
	advance(&f, &g, N_TOKENS + 1);
	generation_finish(&g);
	cr_assert(g.stop.met);
	cr_assert_str_eq(generation_stop_reason(&g), "stop");
	cr_assert_eq(g.text.len, (size_t)(strstr(text, across) - text));
	cr_assert_eq(memcmp(g.text.data, text, g.text.len), 0);
	cr_assert_lt(g.session.n_generated, N_TOKENS);
	generation_release(&g);
	rebuilding_equals_generating_so_far(&f);
	free(across);
	free(text);
	close_fixture(&f);
}

Test(generation, going_on_after_rebuilding_finds_the_stop_string_again)
{
	const char *stop[1];
	size_t at[N_TOKENS + 1];
	struct generation g;
	struct fixture f;
	char *text, *across;

	open_fixture(&f);
	text = whole_text(&f, at);
	stop[0] = across = mem_memdup(text + border(at, 12) - 2, 4);
	f.opt.stop = stop;
	f.opt.n_stop = 1;
	start(&f, &g);
	advance(&f, &g, N_TOKENS + 1);
	cr_assert(g.stop.met && g.session.n_generated > 1);
	/* One token less: the beginning of the stop string is held back again. */
	take_back(&g, g.session.n_generated - 1);
	generation_rebuild_text(&g);
	cr_assert(!g.stop.met);
	cr_assert_gt(g.stop.held.len, 0);
	g.session.n_tokens++;
	generation_rebuild_text(&g);
	cr_assert(g.stop.met);
	cr_assert_eq(g.text.len, (size_t)(strstr(text, across) - text));
	generation_release(&g);
	free(across);
	free(text);
	close_fixture(&f);
}

Test(generation, going_back_in_time_and_on_again_gives_the_same_text)
{
	struct generation all, so_far;
	struct fixture f;

	open_fixture(&f);
	start(&f, &all);
	start(&f, &so_far);
	advance(&f, &all, N_TOKENS);
	advance(&f, &so_far, 10);
	/* Pass 0 reads the prompt, pass n the n-th token. */
	cr_assert_eq(session_rewind(&all.session, 10, &f.err), 0, "%s", f.err.message);
	generation_rebuild_text(&all);
	assert_same(&all, &so_far, 10);
	advance(&f, &all, N_TOKENS);
	advance(&f, &so_far, N_TOKENS);
	generation_finish(&all);
	generation_finish(&so_far);
	cr_assert_eq(all.session.n_generated, N_TOKENS);
	assert_same(&all, &so_far, N_TOKENS);
	generation_release(&all);
	generation_release(&so_far);
	close_fixture(&f);
}

Test(generation, the_token_that_ends_a_sequence_is_no_text_until_more_follows)
{
	struct generation g, before;
	struct fixture f;

	open_fixture(&f);
	f.opt.session.ignore_eos = false;
	start(&f, &before);
	advance(&f, &before, 5);
	f.model.checkpoint.config.eos_ids[0] = before.session.tokens[N_PROMPT + 4];
	f.model.checkpoint.config.n_eos = 1;
	generation_release(&before);
	start(&f, &g);
	advance(&f, &g, N_TOKENS);
	cr_assert(g.session.stopped_at_eos);
	cr_assert_str_eq(generation_stop_reason(&g), "eos");
	start(&f, &before);
	advance(&f, &before, g.session.n_generated - 1);
	assert_same(&g, &before, before.session.n_generated);
	generation_rebuild_text(&g);
	assert_same(&g, &before, before.session.n_generated);
	generation_release(&g);
	generation_release(&before);
	close_fixture(&f);
}

/* ---- the caller ---------------------------------------------------------------------------- */

struct heard {
	int n[2];
	char last[256];
};

static void hear(void *ctx, enum warning kind, const char *sentence)
{
	struct heard *heard = ctx;

	heard->n[kind]++;
	snprintf(heard->last, sizeof(heard->last), "%s", sentence);
}

Test(generation, a_pass_that_does_not_fit_the_limit_is_halved_with_a_warning)
{
	const struct prompt p = { .ids = prompt_ids, .n_ids = N_PROMPT, .n = -1 };
	struct executor_options one;
	struct executor_need need;
	struct heard heard = { 0 };
	struct generation g;
	struct fixture f;

	open_fixture(&f);
	f.opt.caller = (struct caller){ .warn = hear, .ctx = &heard };
	start(&f, &g);
	cr_assert_eq(g.session.opt.executor.chunk, 512);
	one = g.session.executor.opt;
	generation_release(&g);
	f.opt.session.executor.chunk = 64;
	/* What fits when one position goes at a time, and not a byte more. */
	one.chunk = 1;
	need = executor_estimate(&f.model.program, &one, N_PROMPT + N_TOKENS, false);
	f.opt.memory_limit = need.scratch_bytes + need.kv_bytes;
	start(&f, &g);
	cr_assert_eq(g.session.opt.executor.chunk, 1);
	cr_assert_eq(heard.n[WARNING_DOUBT], 1);
	cr_assert(strstr(heard.last, "a pass of 64 positions"), "%s", heard.last);
	cr_assert(strstr(heard.last, "1 at a time"), "%s", heard.last);
	advance(&f, &g, N_TOKENS);
	cr_assert_leq(executor_allocated_bytes(&g.session.executor), f.opt.memory_limit);
	generation_release(&g);
	/* With less it is refused, before anything is computed. */
	f.opt.memory_limit--;
	cr_assert_eq(generation_init(&g, &f.model, &f.opt, &f.err), 0);
	cr_assert_eq(generation_set_prompt(&g, &p, &f.err), ERR_MEMORY);
	cr_assert(strstr(f.err.message, "--mem allows"), "%s", f.err.message);
	generation_release(&g);
	close_fixture(&f);
}

Test(generation, a_caller_that_is_interrupted_ends_it)
{
	static volatile sig_atomic_t pressed;
	struct generation g;
	struct fixture f;

	open_fixture(&f);
	f.opt.caller.interrupted = &pressed;
	start(&f, &g);
	advance(&f, &g, 2);
	pressed = 1;
	cr_assert_eq(generation_advance(&g, &f.err), ERR_INTERRUPTED);
	generation_release(&g);
	close_fixture(&f);
}

Test(generation, a_prompt_beyond_the_context_is_doubtful)
{
	struct heard heard = { 0 };
	struct generation g;
	struct fixture f;

	open_fixture(&f);
	f.opt.caller = (struct caller){ .warn = hear, .ctx = &heard };
	start(&f, &g);
	cr_assert(!generation_is_doubtful(&g));
	generation_warn(&g);
	cr_assert_eq(heard.n[WARNING_DOUBT], 0);
	f.model.checkpoint.config.max_positions = N_PROMPT - 1;
	cr_assert(generation_is_doubtful(&g));
	g.where = "prompts:3: ";
	generation_warn(&g);
	cr_assert_eq(heard.n[WARNING_DOUBT], 1);
	cr_assert(strstr(heard.last, "prompts:3: the prompt has 3 tokens"), "%s", heard.last);
	f.model.checkpoint.config.max_positions = N_PROMPT + 2;
	advance(&f, &g, 3);
	generation_warn_of_growth(&g);
	cr_assert_eq(heard.n[WARNING_DOUBT], 2);
	cr_assert(strstr(heard.last, "the text grew to 6 tokens"), "%s", heard.last);
	generation_release(&g);
	close_fixture(&f);
}

Test(generation, text_without_a_tokenizer_is_refused_with_chat_too)
{
	const struct prompt p = { .text = { "hello", 5 }, .n = -1 };
	struct generation g;
	struct fixture f;

	open_fixture(&f);
	tokenizer_free(f.model.tokenizer);
	f.model.tokenizer = NULL;
	f.opt.chat = true;
	cr_assert_eq(generation_init(&g, &f.model, &f.opt, &f.err), 0, "%s", f.err.message);
	cr_assert_eq(generation_set_prompt(&g, &p, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "there is no tokenizer"), "%s", f.err.message);
	generation_release(&g);
	close_fixture(&f);
}

/* ---- special tokens ---- */

Test(stop_filter, hidden_text_is_met_and_never_shown)
{
	static const char *const strings[] = { "</s>", "b<x>\n" };
	struct stop_filter f = { strings, 2, { 0 }, { 0 }, false };
	struct text out = { 0 };

	stop_filter_push(&f, "a<", 2, &out);
	stop_filter_push_hidden(&f, "<pad>", 5, &out); /* in no stop string: not there */
	stop_filter_push(&f, "b", 1, &out);
	cr_expect_str_eq(out.data, "a<");
	stop_filter_push_hidden(&f, "<x>", 3, &out);
	stop_filter_push(&f, "c", 1, &out);
	cr_expect_str_eq(out.data, "a<bc");
	stop_filter_push(&f, "db", 2, &out);
	stop_filter_push_hidden(&f, "<x>", 3, &out);
	stop_filter_push(&f, "\nz", 2, &out);
	cr_expect(f.met);
	stop_filter_finish(&f, &out);
	cr_expect_str_eq(out.data, "a<bcd");
	stop_filter_release(&f);
	text_release(&out);
}

/* The tokenizer of the fixture, in which one piece is a special token. */
static void make_special(struct fixture *f, int32_t id)
{
	char *json = make_tokenizer_json(tiny_default.vocab);
	struct bytes piece = tokenizer_piece(f->model.tokenizer, id);
	struct text config = { 0 };

	text_adds(&config, "{\"additional_special_tokens\":[");
	text_add_json(&config, piece.data, piece.len);
	text_adds(&config, "]}");
	tokenizer_free(f->model.tokenizer);
	f->model.tokenizer = tokenizer_new(json, strlen(json), config.data, "test", &f->err);
	cr_assert(f->model.tokenizer, "%s", f->err.message);
	text_release(&config);
	free(json);
}

/* The place in the generation of the first token, after some, that is no byte; its piece. */
static int64_t find_token(const struct generation *g, char *piece, size_t size)
{
	for (int64_t i = g->session.n_prompt + 4; i < g->session.n_tokens; i++) {
		struct bytes b = tokenizer_piece(g->decode.tok, g->session.tokens[i]);
		bool first = true;

		for (int64_t k = g->session.n_prompt; k < i; k++)
			first = first && g->session.tokens[k] != g->session.tokens[i];
		if (!first || *b.data == '<')
			continue;
		snprintf(piece, size, "%.*s", (int)b.len, b.data);
		return i;
	}
	cr_assert_fail("no such token");
	return 0;
}

Test(generation, a_special_token_that_is_a_stop_string_ends_the_text_before_it)
{
	struct fixture f;
	struct generation g;
	char piece[32];
	const char *stop[] = { piece };
	int64_t at, shown;

	open_fixture(&f);
	start(&f, &g);
	advance(&f, &g, N_TOKENS);
	at = find_token(&g, piece, sizeof(piece));
	make_special(&f, g.session.tokens[at]);
	generation_release(&g);

	f.opt.stop = stop;
	f.opt.n_stop = 1;
	start(&f, &g);
	advance(&f, &g, N_TOKENS);
	cr_expect(g.stop.met);
	cr_expect_eq(g.session.n_tokens, at + 1);
	cr_expect_str_eq(generation_stop_reason(&g), "stop");
	generation_finish(&g);
	cr_expect_null(strstr(g.text.data, piece));
	shown = (int64_t)g.text.len;
	cr_expect_gt(shown, 0);
	generation_release(&g);
	close_fixture(&f);
}

/* ---- a second BOS, ids beyond the vocabulary ---- */

static void keep_warning(void *ctx, enum warning kind, const char *sentence)
{
	struct text *t = ctx;

	if (kind == WARNING_ODD)
		text_adds(t, sentence);
}

static void warn_for(struct fixture *f, const char *text, const char *config, struct text *warnings)
{
	static const char json[] =
		"{\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true}],\"model\":{"
		"\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"vocab\":{\"<unk>\":0,\"<s>\":1,"
		"\"a\":2,\"</s>\":3},\"merges\":[]}}";
	const struct prompt p = { .text = { text, strlen(text) }, .n = -1 };
	struct generation g;

	tokenizer_free(f->model.tokenizer);
	f->model.tokenizer = tokenizer_new(json, strlen(json), config, "test", &f->err);
	cr_assert(f->model.tokenizer, "%s", f->err.message);
	text_clear(warnings);
	text_adds(warnings, "");
	f->opt.caller = (struct caller){ .warn = keep_warning, .ctx = warnings };
	cr_assert_eq(generation_init(&g, &f->model, &f->opt, &f->err), 0, "%s", f->err.message);
	cr_assert_eq(generation_set_prompt(&g, &p, &f->err), 0, "%s", f->err.message);
	generation_warn(&g);
	generation_release(&g);
}

Test(generation, a_bos_that_is_typed_beside_the_one_that_is_added_is_warned_of)
{
	static const char adds[] = "{\"tokenizer_class\":\"LlamaTokenizer\"}";
	static const char adds_none[] =
		"{\"tokenizer_class\":\"LlamaTokenizer\",\"add_bos_token\":false}";
	struct fixture f;
	struct text warnings = { 0 };

	open_fixture(&f);
	warn_for(&f, "<s>a", adds, &warnings);
	cr_expect_str_eq(warnings.data, "the prompt has '<s>' in it, which the tokenizer adds as "
					"well: it is there 2 times");
	warn_for(&f, "aa<s>a", adds, &warnings);
	cr_expect_gt(warnings.len, 0);
	warn_for(&f, "a", adds, &warnings);
	cr_expect_eq(warnings.len, 0);
	warn_for(&f, "<s>a<s>", adds_none, &warnings);
	cr_expect_eq(warnings.len, 0);
	text_release(&warnings);
	close_fixture(&f);
}
