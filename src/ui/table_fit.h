/*
 * table_fit.h -- what of a table there is room for: table_fit.c decides it, table.c prints it.
 */
#ifndef UI_TABLE_FIT_H
#define UI_TABLE_FIT_H

#include "torchless/ui.h"

/*
 * Decide which columns of a measured table are shown, how wide they are, which of them wrap and
 * where their names are cut.  False when a box has no room: its columns are too many, or two of its
 * rows would look alike.
 */
bool table_fit(struct ui_table *t, const struct ui *ui, bool box);

/*
 * How many bytes of a cell fit into a line of `width` columns: up to a line end, else up to where
 * words part, else as much as there is room for; at least one character.
 */
size_t table_fold(const char *s, int width);

/* Whether a cell is cut where it is too wide, though its column wraps. */
bool table_is_cut(const struct ui_column *column, const char *cell);

#endif
