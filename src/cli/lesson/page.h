/*
 * page.h -- a text while it is shown: what stands before its lines, and its words.
 */
#ifndef CLI_LESSON_PAGE_H
#define CLI_LESSON_PAGE_H

#include "show.h"

/* The text that is shown, and of each block whether something of it was. */
struct page {
	struct show *s;
	const struct lesson_text *t;
	bool *begun;
	int block;                       /* that is shown now */
	const struct exercise *exercise; /* whose part of the text this is */
};

void page_styled(struct show *s, enum ui_style style, const char *text);

/* Append the signs and spaces of what holds block `i`, outermost first; the columns of them. */
int page_prefix(struct page *p, int i);
int page_prefix_columns(const struct page *p, int i);

/* The same for the block that is shown now: for flow_write(), whose ctx is the page. */
void page_begin_line(void *ctx, bool first);

/* The columns that are left for it; 0: any. */
int page_room(const struct page *p);

/* Add what stands in a block to a flow, plain words in `style`. */
void page_runs(struct page *p, struct flow *f, struct lesson_runs runs, enum ui_style style);

/* The number of a target in the list below the text, to which it is added. */
int page_number_link(struct show *s, const char *target);

#endif
