/*
 * report_impl.h -- what the files of src/picture/report share.
 *
 *	write.c        the ground: JSON, a recording's cells as JSON, what is left out
 *	dictionary.c   points, modules, shapes: what other parts name by a number
 *	run.c          the run, its model, settings, edits, what happened
 *	tokens.c       tokens, merges, candidates, the sampler, pieces
 *	passes.c       passes, values, spans, the first bad value
 *	stream.c       growth of the residual stream, and the lens
 *	attention.c    patterns, packed
 *	attribution.c  what the answer's logit is made of
 *	program.c      the ops that ran       drawing.c  their graph as SVG
 *	difference.c   two recordings
 *	page.c         the page around the data
 *	report.c       the roof: the parts of a document in their order
 *
 * A file calls those above it in this list and none below.
 *
 * A recording is somebody else's file: a cell becomes JSON by the type that its column should have
 * and null where it has another, and every list has an end.
 */
#ifndef REPORT_IMPL_H
#define REPORT_IMPL_H

#include "torchless/mem.h"
#include "torchless/numbers.h"
#include "torchless/outline.h"
#include "torchless/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most of each that a page shows; a sentence says what is more. */
#define REPORT_TOKENS     8192
#define REPORT_CANDIDATES 40000
#define REPORT_ROWS       60000 /* of values, and of spans */
#define REPORT_POINTS     20000
#define REPORT_SHAPES     4000
#define REPORT_LIST       20000              /* of anything else */
#define REPORT_POSITIONS  (1 << 24)          /* beyond, it is no run that was read */
#define REPORT_PART       ((size_t)32 << 20) /* bytes */

struct report_point {
	int64_t id;
	char *fqn;
	int layer; /* -1: outside of layers */
	bool is_stream;
};

struct report_token {
	int64_t pos, id;
	bool is_prompt;
};

/* An id of a row, or a name, and where it stands in a list. */
struct report_place {
	int64_t id;
	const char *name;
	int index;
};

/* A recording on its way into a document. */
struct report_writer {
	struct text *out;
	const struct report_recording *of;
	const char *name; /* of the file, without the folders that are nobody else's business */
	const struct report_options *o;
	struct text left_out; /* JSON strings, separated by commas */

	int64_t run, model_id;
	int64_t n_layers, d_model, n_heads, n_vocab, window;
	int64_t n_pos; /* positions that were read: [0, n_pos) */

	struct report_token *tokens;
	size_t n_tokens, cap_tokens;
	struct report_point *points; /* in order of execution */
	size_t n_points, cap_points;
	struct report_place *point_places, *point_names, *module_places;
	size_t n_modules, cap_modules;
	struct text *shapes; /* as they were met */
	size_t n_shapes, cap_shapes;
	struct report_place *pieces; /* ids whose text is in `piece_list`, by id */
	size_t n_pieces, cap_pieces;
	struct text piece_list; /* members of a JSON object */

	struct model outline;
	struct recording_run found;
	int n_left_out, n_cut;
	bool is_captured, needs_model; /* as of struct report_missing */
	bool is_redacted, changes_weights, has_outline;
	char no_outline[sizeof(((struct err *)0)->message)];
	char no_graph[sizeof(((struct report_missing *)0)->graph)];

	/* What the progress of the part that is written means in all. */
	const char *part;
	double part_from, part_to;
};

/* ---- write.c ------------------------------------------------------------------------------- */

/* The number of a cell, or what to say where it is none. */
int64_t cell_int(const struct cell *c, int64_t otherwise);
double cell_real(const struct cell *c); /* NAN */
bool cell_in(const struct cell *c, int64_t min, int64_t max);
bool cell_is(const struct cell *c, const char *text);

/*
 * The columns of a list: "pos:i source:s".  Kinds: i integer, r number, s text, b bytes that are
 * text most often, j JSON, f flag.  What a cell is instead is null.
 */
void report_add_cell(struct report_writer *w, const char *key, char kind, const struct cell *c);
void report_add_object(struct report_writer *w, const char *columns, const struct cell *cells);

/* Text of at most `max` bytes, cut at a character: "…" stands for the rest. */
void report_add_text(struct report_writer *w, const char *key, const void *data, size_t len,
		     size_t max);

/* A sentence of left_out. */
void report_leave_out(struct report_writer *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Ask the recording; `%lld` in the SQL is the run. */
typedef int report_row_fn(void *ctx, const struct rows *rows, const struct cell *cells);
int report_ask(struct report_writer *w, const char *sql, report_row_fn *row, void *ctx,
	       struct err *err);

/* The same for what computes, which may take as long as it does. */
int report_compute(struct report_writer *w, const char *sql, report_row_fn *row, void *ctx,
		   struct err *err);

/* A list of objects, at most `max`; `what` names it where there are more. */
int report_add_list(struct report_writer *w, const char *sql, const char *columns, int64_t max,
		    const char *what, struct err *err);

/* Share (0..1) of the part that is written. */
void report_progress(struct report_writer *w, double share);
bool report_interrupted(const struct report_writer *w, struct err *err);

/* ---- dictionary.c -------------------------------------------------------------------------- */

int report_add_points(struct report_writer *w, struct err *err);
int report_add_modules(struct report_writer *w, struct err *err);
int report_add_shapes(struct report_writer *w, struct err *err);

/* Where the point or module with that id stands in its list, -1: it is in none. */
int report_point_at(const struct report_writer *w, const struct cell *id);
int report_module_at(const struct report_writer *w, const struct cell *id);
int report_point_named(const struct report_writer *w, const char *fqn);

/* The number of a shape, which is new or was met before. */
int report_shape(struct report_writer *w, const struct text *shape);

/* The text of a token, once for each. */
void report_know_piece(struct report_writer *w, int64_t id, const struct cell *piece);

/* ---- the parts of a document, in their order; each appends a value --------------------------- */

int report_read_run(struct report_writer *w, struct err *err); /* appends nothing */
int report_add_run(struct report_writer *w, struct err *err);  /* members, not a value */
int report_add_model(struct report_writer *w, struct err *err);
int report_add_settings(struct report_writer *w, struct err *err);
int report_add_edits(struct report_writer *w, struct err *err);
int report_add_events(struct report_writer *w, struct err *err);
int report_add_tokens(struct report_writer *w, struct err *err);
int report_add_merges(struct report_writer *w, struct err *err);
int report_add_candidates(struct report_writer *w, struct err *err);
int report_add_sampler(struct report_writer *w, struct err *err);
int report_add_pieces(struct report_writer *w, struct err *err);
int report_add_passes(struct report_writer *w, struct err *err);
int report_add_values(struct report_writer *w, struct err *err);
int report_add_spans(struct report_writer *w, struct err *err);
int report_add_bad(struct report_writer *w, struct err *err);
int report_add_residual(struct report_writer *w, struct err *err);
int report_add_lens(struct report_writer *w, struct err *err);
int report_add_attention(struct report_writer *w, struct err *err);
int report_add_attribution(struct report_writer *w, struct err *err);
int report_add_ops(struct report_writer *w, struct err *err);
int report_add_graph(struct report_writer *w, struct err *err); /* and graph_missing */

/* What differs between two recordings that were added; b's out is written. */
int report_add_difference(struct report_writer *a, struct report_writer *b, struct err *err);

#endif
