/*
 * trace.h -- the parts of `torchless trace`: the command, its progress bar, what it prints.
 */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "torchless/cli.h"
#include "torchless/record.h"

/* What a progress bar shows next. */
struct bar {
	const struct ui *ui; /* the terminal it is drawn on; NULL: none */
	bool is_shown;
	int64_t shown_ns; /* when it was drawn last */
};

struct trace_command {
	struct invocation *in;
	int64_t began_ns;
	struct recorder recorder;
	struct bar bar;
	const char **words; /* of the command line, as far as they may be kept */
	char engine[64];    /* what recordings call this program */
};

/* ---- open.c ------------------------------------------------------------------------------- */

/* Open kernels, model and recorder as the options say; `progress` draws the bar. */
int trace_open(struct trace_command *c, bool needs_tokenizer,
	       void (*progress)(void *ctx, const struct record_progress *p), struct err *err);

/* ---- bar.c: where progress goes; ctx is a struct bar --------------------------------------- */

void bar_draw_layers(void *ctx, const struct record_progress *p);
void bar_draw_runs(void *ctx, const struct record_progress *p);
void bar_clear(struct bar *bar);

/* ---- runs.c ------------------------------------------------------------------------------- */

/* `trace --prompts`: a run a line. */
int trace_runs(struct trace_command *c, struct err *err);

/* ---- estimate.c --------------------------------------------------------------------------- */

/* Print what recording what is expected would take: `trace --estimate`. */
int estimate_print(struct trace_command *c, struct err *err);

/* ---- lines.c ------------------------------------------------------------------------------ */

#define SUMMARY_LABEL 11 /* columns before a line's contents */

/* A label, filled up to that width. */
void summary_add_label(struct text *t, const struct ui *ui, const char *label);

/* Break lines between words where the screen is narrow; commands, which are copied, come after. */
void summary_wrap(struct text *t, const struct ui *ui);

/* ---- summary.c ---------------------------------------------------------------------------- */

/* For people on a terminal's stdout, else on stderr; with --json one document on stdout. */
int summary_print(const struct trace_command *c, struct err *err);

/* What was lost to FILE.old, when no summary is printed that would say it. */
void summary_warn_of_old(const struct trace_command *c);

/* Parts of a summary: lines for people, and the members that end a JSON document. */
void summary_add_model(struct text *t, const struct trace_command *c, const struct ui *ui);
void summary_add_edits(struct text *t, const struct trace_command *c, const struct ui *ui);
void summary_add_file(struct text *t, const struct trace_command *c, const struct ui *ui);
void summary_add_json_totals(struct text *t, const struct trace_command *c, int64_t prefill_ns,
			     int64_t decode_ns);

/* Commands to go on with. */
struct next_command {
	const char *before, *after; /* the recording's name */
	bool is_option;             /* which need not be said when it is the default */
};
void summary_add_next(struct text *t, const struct trace_command *c, const struct ui *ui,
		      const struct next_command *commands, int n);

/* What the model is called. */
const char *summary_model_name(const struct trace_command *c);

/* ---- time.c ------------------------------------------------------------------------------- */

/* Where the time went: lines for people, and a member of a JSON document, a comma behind it. */
void summary_add_time(struct text *t, const struct trace_command *c, const struct ui *ui);
void summary_add_json_time(struct text *t, const struct trace_command *c);

#endif
