/*
 * sink.c -- events on their way out: what they are called, and the bytes that are not written yet.
 *
 * A format appends to the sink's text; whoever made the event flushes, so that nothing but that
 * text can fail.
 */
#include "timeline_impl.h"
#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <math.h>
#include <stdlib.h>

#define FLUSH_BYTES (1 << 16)

const char *const track_name[TRACK_COUNT] = {
	[TRACK_TOKENIZER] = "tokenizer", [TRACK_PREFILL] = "prefill", [TRACK_DECODE] = "decode",
	[TRACK_SAMPLER] = "sampler",     [TRACK_WRITER] = "writer",
};

const char *const counter_name[COUNTER_COUNT] = {
	[COUNTER_KV_LEN] = "kv_len",
	[COUNTER_SPEED] = "tokens/s",
};

const char *const category_name[CATEGORY_COUNT] = {
	[CATEGORY_PASS] = "pass",
	[CATEGORY_MODULE] = "module",
	[CATEGORY_TOKEN] = "token",
	[CATEGORY_EVENT] = "event",
};

const char *const arg_name[ARG_COUNT] = {
	[ARG_SHAPE] = "shape",
	[ARG_BYTES] = "bytes",
	[ARG_WEIGHT_BYTES] = "weight_bytes",
	[ARG_KV_BYTES] = "kv_bytes",
	[ARG_ACTIVATION_BYTES] = "activation_bytes",
	[ARG_FLOP] = "FLOP",
	[ARG_GBPS] = "GB/s",
	[ARG_GFLOPS] = "GFLOP/s",
	[ARG_TYPE] = "type",
	[ARG_LAYER] = "layer",
	[ARG_SPAN] = "span_id",
	[ARG_STATUS] = "status",
	[ARG_UNFINISHED] = "unfinished",
	[ARG_PASS] = "pass",
	[ARG_POS] = "pos",
	[ARG_TOKENS] = "tokens",
	[ARG_KV_LEN] = "kv_len",
	[ARG_TOKENS_PER_S] = "tokens/s",
	[ARG_PIECE] = "piece",
	[ARG_TOKEN_ID] = "token_id",
	[ARG_SOURCE] = "source",
	[ARG_LOGPROB] = "logprob",
	[ARG_RANK] = "rank",
	[ARG_ENTROPY] = "entropy",
	[ARG_PROMPT] = "prompt",
	[ARG_SPLITS] = "splits",
	[ARG_MERGES] = "merges",
	[ARG_VALUE] = "value",
	[ARG_NAN] = "NaN",
	[ARG_PLUS_INF] = "+inf",
	[ARG_MINUS_INF] = "-inf",
	[ARG_LEFT] = "candidates_left",
	[ARG_NS] = "ns",
	[ARG_NOTE] = "note",
	[ARG_RUN_STATUS] = "run_status",
};

static struct arg *add(struct event *e, enum arg_id id, enum arg_kind kind)
{
	struct arg *a = &e->args[e->n_args < EVENT_ARGS ? e->n_args++ : EVENT_ARGS - 1];

	*a = (struct arg){ .id = id, .kind = kind };
	return a;
}

void event_int(struct event *e, enum arg_id id, int64_t i)
{
	add(e, id, ARG_INT)->i = i;
}

void event_real(struct event *e, enum arg_id id, double d)
{
	if (isfinite(d))
		add(e, id, ARG_REAL)->d = d;
}

void event_bool(struct event *e, enum arg_id id, bool is)
{
	add(e, id, ARG_BOOL)->i = is;
}

void event_text(struct event *e, enum arg_id id, const char *clean)
{
	add(e, id, ARG_TEXT)->s = clean;
}

void name_add(struct text *t, const void *data, size_t len, size_t most)
{
	size_t n = len > most ? utf8_complete(data, most) : len;

	text_add_visible(t, data, n);
	if (n < len)
		text_adds(t, "\xe2\x80\xa6");
}

void sink_init(struct sink *s, const struct sink_format *format, const struct timeline_target *to,
	       int64_t n_names)
{
	*s = (struct sink){
		.format = format,
		.to = to,
		.n_names = n_names,
		.seen = mem_calloc((size_t)n_names / 8 + 1, 1),
	};
}

void sink_release(struct sink *s)
{
	for (size_t i = 0; i < sizeof(s->scratch) / sizeof(s->scratch[0]); i++)
		text_release(&s->scratch[i]);
	text_release(&s->out);
	free(s->seen);
}

int sink_flush(struct sink *s, bool all, struct err *err)
{
	int r;

	if (!s->out.len || (!all && s->out.len < FLUSH_BYTES))
		return 0;
	r = s->to->write(s->to->ctx, s->out.data, s->out.len, err);
	text_clear(&s->out);
	return r < 0 ? r : 0;
}

bool sink_is_new(struct sink *s, int64_t name_id)
{
	uint8_t *byte = &s->seen[name_id / 8], bit = (uint8_t)(1u << (name_id % 8));
	bool is_new = !(*byte & bit);

	*byte |= bit;
	return is_new;
}
