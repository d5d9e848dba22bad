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

struct report_options {
	const char *model; /* where the checkpoint is; NULL: where the recording says */
	const struct kernels *kernels;
	struct threads *pool;
	int64_t max_bytes; /* of attention patterns; what is more is left out and said; default 2 MB
			    */
	const volatile sig_atomic_t *interrupted;
	/* How far it is, a word and 0..1; NULL: nobody asks. */
	void (*progress)(void *ctx, const char *what, double share);
	void *ctx;
};

/* One recording of a report, opened by its caller; `path` is for sentences and the title. */
struct report_recording {
	struct recording *rec;
	const char *path;
};

/* Append the JSON of one recording, or of two and their differences.  ERR_FORMAT, ERR_IO. */
int report_add_data(struct text *json, const struct report_recording *recordings, int n,
		    const struct report_options *o, struct err *err);

/* Append the page around the data. */
void report_add_page(struct text *html, const struct text *json);

#endif
