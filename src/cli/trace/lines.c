/*
 * lines.c -- how a line of the summary stands: a label of a fixed width, then what it labels,
 * broken under itself where the screen ends.
 */
#include "trace.h"

#include <string.h>

void summary_add_label(struct text *t, const struct ui *ui, const char *label)
{
	ui_add_styled(t, ui, UI_DIM, label, strlen(label));
	for (int i = (int)strlen(label); i < SUMMARY_LABEL; i++)
		text_addc(t, ' ');
}

void summary_wrap(struct text *t, const struct ui *ui)
{
	struct text wrapped = { 0 };

	if (ui->width <= 0)
		return;
	ui_add_wrapped(&wrapped, t->data, t->len, ui->width, SUMMARY_LABEL, 0);
	text_release(t);
	*t = wrapped;
}
