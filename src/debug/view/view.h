/*
 * view.h -- what the files of a view share: view.c the program and where one stands,
 * tensor.c a tensor and what is likeliest next.
 */
#ifndef DEBUG_VIEW_H
#define DEBUG_VIEW_H

#include "../look/look.h"

#define VIEW_CANDIDATES 32

struct view_row {
	enum debugger_row_kind kind;
	int op, module;
};

struct debugger_view {
	struct debugger *d;
	struct view_row *rows;
	int n_rows;
	size_t cap_rows;

	/* What was computed for `key`, the state of the edits, and the moment. */
	struct moment moment;
	int last_edit, n_edits;
	unsigned char *faults; /* [n_ops]: FAULT_* */
	int64_t budget;        /* elements that may still be looked at for faults */

	/* The candidates, of a value of a pass. */
	int candidates_pass;
	value_id candidates_value;
	int candidates_layer, n_candidates;
	struct debugger_candidate candidates[VIEW_CANDIDATES];
};

/* The value that a row makes, the last where it makes several; -1: of a stage. */
value_id view_output(const struct debugger_view *v, int row);

#endif
