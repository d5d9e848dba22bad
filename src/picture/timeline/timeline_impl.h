/*
 * timeline_impl.h -- how src/picture/timeline divides the work.
 *
 *	sink.c      tracks, counters and arguments by name; the bytes on their way out
 *	perfetto.c  events as protobuf
 *	chrome.c    events as JSON
 *	load.c      what is small of a recording: runs, modules, passes
 *	nest.c      spans to intervals that nest, whatever their times say
 *	spans.c     passes and their spans, some thousand at a time
 *	timeline.c  all of a recording, in order
 */
#ifndef TORCHLESS_TIMELINE_IMPL_H
#define TORCHLESS_TIMELINE_IMPL_H

#include "torchless/text.h"
#include "torchless/timeline.h"

/* ---- sink.c, perfetto.c, chrome.c --------------------------------------------------------- */

enum track {
	TRACK_TOKENIZER,
	TRACK_PREFILL,
	TRACK_DECODE,
	TRACK_SAMPLER,
	TRACK_WRITER,
	TRACK_COUNT
};
extern const char *const track_name[TRACK_COUNT];

enum counter { COUNTER_KV_LEN, COUNTER_SPEED, COUNTER_COUNT };
extern const char *const counter_name[COUNTER_COUNT];

enum category { CATEGORY_PASS, CATEGORY_MODULE, CATEGORY_TOKEN, CATEGORY_EVENT, CATEGORY_COUNT };
extern const char *const category_name[CATEGORY_COUNT];

/* A process has a number of its own and one for each of its tracks; 0 means nothing to Linux. */
#define PROCESS_STEP              10
#define process_number(run)       (((int64_t)(run) + 1) * PROCESS_STEP)
#define thread_number(run, track) (process_number(run) + 1 + (int64_t)(track))

enum arg_kind { ARG_INT, ARG_REAL, ARG_BOOL, ARG_TEXT };

/* What arguments are called, in the order of arg_name. */
enum arg_id {
	ARG_SHAPE,
	ARG_BYTES,
	ARG_WEIGHT_BYTES,
	ARG_KV_BYTES,
	ARG_ACTIVATION_BYTES,
	ARG_FLOP,
	ARG_GBPS,
	ARG_GFLOPS,
	ARG_TYPE,
	ARG_LAYER,
	ARG_SPAN,
	ARG_STATUS,
	ARG_UNFINISHED,
	ARG_PASS,
	ARG_POS,
	ARG_TOKENS,
	ARG_KV_LEN,
	ARG_TOKENS_PER_S,
	ARG_PIECE,
	ARG_TOKEN_ID,
	ARG_SOURCE,
	ARG_LOGPROB,
	ARG_RANK,
	ARG_ENTROPY,
	ARG_PROMPT,
	ARG_SPLITS,
	ARG_MERGES,
	ARG_VALUE,
	ARG_NAN,
	ARG_PLUS_INF,
	ARG_MINUS_INF,
	ARG_LEFT,
	ARG_NS,
	ARG_NOTE,
	ARG_RUN_STATUS,
	ARG_COUNT
};
extern const char *const arg_name[ARG_COUNT];

struct arg {
	int64_t i;
	double d;
	const char *s; /* clean: see name_add() */
	enum arg_id id;
	enum arg_kind kind;
};

#define EVENT_ARGS 16

struct event {
	int64_t begin, end; /* ns; an instant: equal */
	int64_t name_id;    /* > 0: the same name comes again under it; else 0 */
	const char *name;   /* clean */
	int run;            /* 0, 1, … in the order of the file */
	enum track track;
	enum category category;
	int n_args;
	struct arg args[EVENT_ARGS];
};

void event_int(struct event *e, enum arg_id id, int64_t i);
void event_real(struct event *e, enum arg_id id, double d); /* not when it is not finite */
void event_bool(struct event *e, enum arg_id id, bool is);
void event_text(struct event *e, enum arg_id id, const char *clean);

/* Append at most `most` bytes of somebody's text, as UTF-8 that is shown as it is. */
void name_add(struct text *t, const void *data, size_t len, size_t most);

struct sink;

/* What a format does with each; `t` is where its bytes go. */
struct sink_format {
	void (*head)(struct sink *s, int64_t started_ns);
	void (*process)(struct sink *s, int run, const char *clean);
	void (*begin)(struct sink *s, const struct event *e);
	void (*end)(struct sink *s, int run, enum track track, int64_t ts);
	void (*instant)(struct sink *s, const struct event *e);
	void (*count)(struct sink *s, int run, enum counter counter, int64_t ts, double x);
	void (*tail)(struct sink *s);
};
extern const struct sink_format sink_perfetto, sink_chrome;

struct sink {
	const struct sink_format *format;
	const struct timeline_target *to;
	struct text out;
	struct text scratch[4]; /* of a format */
	uint8_t *seen;          /* bit name_id: it was said what that name is */
	int64_t n_names;        /* that may come: below this one */
	bool is_begun;
};

void sink_init(struct sink *s, const struct sink_format *format, const struct timeline_target *to,
	       int64_t n_names);
void sink_release(struct sink *s);

/* Hand over what there is when it is much, or `all`. */
int sink_flush(struct sink *s, bool all, struct err *err);

/* Whether this name_id comes for the first time. */
bool sink_is_new(struct sink *s, int64_t name_id);

/* ---- load.c ------------------------------------------------------------------------------- */

#define NO_PASS SIZE_MAX

struct run {
	int64_t id, offset; /* ns, what is added to every time of it */
	int64_t stopped;    /* its clock when it was ended; 0: not known */
	size_t last_pass;   /* place, or NO_PASS */
	int64_t started_ns, recorder_ns, n_splits, n_merges;
	int64_t cursor[TRACK_COUNT];  /* where the last of a track ended */
	int64_t end;                  /* of all that happened */
	char *name, *prompt, *status; /* clean; prompt NULL: none or redacted */
};

struct module_row {
	int64_t id, layer; /* layer -1: of none */
	char *name, *type; /* clean */
};

struct pass {
	int64_t id, idx, pos0, n_tok, kv_len;
	int64_t begin, end; /* ns with the run's offset; end -1 until it is known */
	int64_t ts, dur;    /* as recorded; dur -1: never ended */
	int run;
	enum track track;
};

struct loaded {
	struct run *runs;
	struct module_row *modules;
	struct pass *passes;
	size_t n_runs, n_modules, n_passes, cap;
	int64_t started_ns; /* of the first run */
};

#define TIME_MAX (INT64_C(1) << 61)

int load(struct recording *rec, struct loaded *l, struct err *err);
void loaded_release(struct loaded *l);

/* The place of an id in what is sorted by it, or -1. */
int64_t run_at(const struct loaded *l, int64_t id);
int64_t module_at(const struct loaded *l, int64_t id);
int64_t pass_at(const struct loaded *l, int64_t id);

static inline bool pass_is_program(const struct pass *p)
{
	return p->track == TRACK_PREFILL || p->track == TRACK_DECODE;
}

/* A cell as an integer in [0, most], `otherwise` when it is anything else. */
int64_t cell_count(const struct cell *c, int64_t most, int64_t otherwise);

/* A question whose rows may be many: no limit on all of it, one on each row. */
int load_rows(struct recording *rec, const char *sql,
	      int (*row)(void *ctx, const struct rows *rows, const struct cell *cells), void *ctx,
	      struct err *err);

/* ---- nest.c ------------------------------------------------------------------------------- */

#define SHAPE_MAX 4

struct span {
	int64_t id, parent_id, module_id;
	int64_t ts, dur; /* as recorded; dur -1: never ended */
	int64_t begin, end;
	int64_t flops, bytes_w, bytes_kv, bytes_act; /* -1: not known */
	int64_t shape[SHAPE_MAX];
	size_t pass, parent; /* places; parent NO_SPAN: it stands in no span of these */
	int n_dims, depth;   /* depth 1: in the pass itself */
	int status;
};

#define NO_SPAN   SIZE_MAX
#define DEPTH_MAX 128 /* Perfetto's trace processor stops at 512 */

/* What is open, from the pass inwards. */
struct frame {
	int64_t id, begin, limit, cursor;
	size_t at; /* place among the spans; NO_SPAN: the pass, or a span that was handed over */
	bool is_open_ended;
};

struct nest {
	struct loaded *loaded;
	struct frame frames[DEPTH_MAX];
	int n_frames;
	size_t next_pass; /* the first that was not begun */
	int64_t n_moved;
	int64_t stopped; /* of the pass: what is open then ends there */
};

/*
 * Give n spans, in the order of entry, begin, end, depth and parent, and every pass up to the last
 * one's its times.  `is_cut`: the last pass goes on in the next spans.
 */
void nest_spans(struct nest *n, struct span *spans, size_t n_spans, bool is_cut);

/* Give the passes that are left their times. */
void nest_finish(struct nest *n);

/* ---- spans.c ------------------------------------------------------------------------------ */

int spans_write(struct recording *rec, struct loaded *l, struct sink *s,
		struct timeline_counts *counts, struct err *err);

#endif
