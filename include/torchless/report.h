/*
 * report.h -- a recording as one HTML file that can be mailed.
 *
 * The page is data and a small program: report_add_data() writes what a recording holds as JSON,
 * each number as SQL gives it, and report_add_page() puts it into the page that src/picture/report
 * is.  Nothing is loaded from anywhere.  Whatever a recording says is data there, never markup.
 */
#ifndef TORCHLESS_REPORT_H
#define TORCHLESS_REPORT_H

#include "torchless/inspect.h"
#include "torchless/text.h"

#include <signal.h>

struct report_options {
	const char *program; /* what the page calls what made it: "torchless 0.1.0" */
	/* Bytes of attention patterns before they are text; beyond, the last queries.  0: 2 MB. */
	int64_t max_bytes;
	const volatile sig_atomic_t *interrupted; /* NULL: nothing ends it */
	/* How far it is, a word and 0..1; NULL: nobody asks. */
	void (*progress)(void *ctx, const char *what, double share);
	void *ctx;
};

/*
 * One recording of a report, opened by its caller, who has added functions to it
 * (recording_add_functions()); the options of those are asked for weights.
 */
struct report_recording {
	struct recording *rec;
	const char *path; /* for sentences, the title, and to open it a second time */
	int64_t run;      /* 0: the newest */
	const struct inspect_options *inspect;
};

/* What a report could not show, for who wants to say so; the data say it in full. */
struct report_missing {
	int n_left_out;   /* sentences of the data's left_out */
	bool is_captured; /* false: `trace --capture report` would have kept more */
	bool needs_model; /* the checkpoint was not there, or another one */
	char graph[1024]; /* why there is no picture of the graph; "" */
};

/*
 * Append the JSON of one recording, or of two and their differences (the first is the reference).
 * A part that the recording lacks, or contradicts, is null and said in the data.  ERR_USAGE for a
 * run that is not there, ERR_FORMAT, ERR_IO, ERR_MEMORY, ERR_INTERRUPTED; then what was appended
 * means nothing.
 */
int report_add_data(struct text *json, const struct report_recording *recordings, int n,
		    const struct report_options *o, struct report_missing *missing,
		    struct err *err);

/* Append the page around the data; the title is text. */
void report_add_page(struct text *html, const char *title, const struct text *json);

#endif
