/*
 * look.h -- what the commands that look at something share.
 *
 *	look.c         arguments, tokens, positions, labels, lines
 *	predictions.c  the likeliest tokens of a row of logits, and how they moved
 *	unedited.c     the logits of the same text without edits
 *
 * Both lie below cmd_*.c and above names.c.
 */
#ifndef DEBUG_LOOK_H
#define DEBUG_LOOK_H

#include "../debug_impl.h"

#include "torchless/readout.h"
#include "torchless/ui_tensor.h"

/* Lines that a list has at most, where nobody says how many. */
#define LOOK_LINES 40

/* ---- arguments ----------------------------------------------------------------------------- */

/* "--range lo:hi": given, with its word behind it when it takes one; ends with a name NULL. */
struct look_option {
	const char *name;  /* "--range", or "-n" */
	const char *takes; /* what its word is, for the sentence; NULL: it takes none */
	bool given;
	struct text word;
};

/*
 * Take the options out of args, wherever they stand outside of quotes and brackets; what is left is
 * appended to rest.  ERR_USAGE for another one, or one without its word.  Release with
 * look_options_release().
 */
int look_options(const char *args, struct look_option *options, struct text *rest, struct err *err);
void look_options_release(struct look_option *options);

/*
 * The next word at *s, its quotes and what they protect included; *s moves behind it.  False at the
 * end.
 */
bool look_word(const char **s, struct text *word);

/*
 * Cut the last word off the expression in t where it is one that no expression ends with: a whole
 * number behind what is no operator (range false), or "lo:hi" (true).
 */
bool look_cut_number(struct text *t, int64_t *n);
bool look_cut_range(struct text *t, double *lo, double *hi);
/* "lo:hi" as a whole; ERR_USAGE. */
int look_range(const char *text, double *lo, double *hi, struct err *err);
/* A whole number from lo to hi as a whole; ERR_USAGE names what it is. */
int look_number(const char *text, const char *what, int64_t lo, int64_t hi, int64_t *n,
		struct err *err);

/* ---- tokens and positions ------------------------------------------------------------------ */

/* The pass whose values are there; ERR_USAGE when none has begun. */
int look_pass(const struct debugger *d, struct pass_info *info, struct err *err);

/*
 * A position in that pass: NULL is its last one, negative ones count from its end.  ERR_USAGE when
 * it lies in another one.
 */
int look_position(const struct debugger *d, const char *text, int64_t *pos, struct err *err);

/*
 * A token: "278", "' the'" exactly, or a bare word, which is looked for with a space before it
 * first.  ERR_USAGE when it is no token or several.
 */
int look_token(const struct debugger *d, const char *word, int32_t *id, struct err *err);

/* Append ' Paris' in quotes, escaped, and spaces up to `width` columns; it is clipped to them. */
void look_add_token(const struct debugger *d, int32_t id, int width, struct text *out);
/* Append a text that is clipped to, and filled up to, `width` columns. */
void look_add_column(const struct debugger *d, const char *s, int width, struct text *out);

/* The token at a position, -1: there is none yet. */
int32_t look_token_at(const struct debugger *d, int64_t pos);

/* Tokens beside axes: of the vocabulary in quotes, and of positions.  It is not moved. */
struct look_labels {
	struct ui_token_labels tokens;
	struct ui_labels labels;
};
void look_labels_init(struct look_labels *l, const struct debugger *d, const struct array *a);
void look_labels_release(struct look_labels *l);

/* ---- saying -------------------------------------------------------------------------------- */

/* Columns that a line may take. */
int look_width(const struct debugger *d);
/* One of two spellings, by what the front end shows. */
const char *look_sign(const struct debugger *d, const char *utf8, const char *ascii);
/* "3.1%", "<0.1%", "NaN". */
const char *look_percent(double p, char *buf, size_t size);
/* Say the text and release it. */
void look_say(struct debugger *d, struct text *t);

/* ERR_INTERRUPTED after Ctrl-C. */
int look_interrupted(const struct debugger *d, struct err *err);

/* How to read values and weights here, and compute with them; it is not moved afterwards. */
struct look_reader {
	struct array_watch watch;
	struct readout r;
};
void look_reader_init(struct look_reader *l, struct debugger *d);
/* Whether the op that makes a value has run in this pass; a recording need not have kept it. */
bool look_is_computed(const struct debugger *d, value_id v);
/* A value, or a part of it, as an array referenced for the caller. */
struct array *look_read(struct debugger *d, value_id v, const char *selection, struct err *err);

/* ---- predictions: predictions.c ------------------------------------------------------------ */

/* x[n] in place; -inf is 0, of NaN all are. */
void softmax_f64(const float *x, int64_t n, double *p);
/* 1 + how many are larger than x[at]; 0 when it is NaN. */
int64_t rank_of(const float *x, int64_t n, int64_t at);
/* The k largest, the first of equals first, NaN left out; how many there are. */
int largest(const float *x, int64_t n, int k, int64_t *at);

/*
 * The K likeliest tokens of a row of logits [V]; `after` is the token that follows in the text,
 * which is marked, -1: none.
 */
void predictions_say(struct debugger *d, const float *logits, int64_t V, int K, int32_t after);

/*
 * What an edit did to a row of logits: the K likeliest tokens of both sides, before → after in
 * probabilities, largest moves first, and the divergence.  ERR_SHAPE when they are not of one
 * length.
 */
int logits_say_diff(struct debugger *d, const struct array *before, const struct array *after,
		    int K, struct err *err);

/* ---- commands of each other: cmd_lens.c, unedited.c ---------------------------------------- */

/* The logits [V] of a position of this pass: as it has them, or by the head of the last state. */
struct array *look_logits(struct debugger *d, int64_t pos, struct err *err);

/*
 * The same as far as one can tell by now: by the head of the last layer that is there, into *layer
 * (-1: the embedding; n_layers: these are the logits).
 */
struct array *look_latest(struct debugger *d, int64_t pos, int *layer, struct err *err);
/* The value that look_latest() would read, -1: none is there. */
value_id look_latest_value(const struct debugger *d);

/*
 * The same of a model that nobody edited, which reads the same tokens in the same passes: they are
 * run again on the side.  ERR_USAGE without a model, ERR_MEMORY, ERR_INTERRUPTED.
 */
struct array *logits_before_edits(struct debugger *d, int64_t pos, struct err *err);

#endif
