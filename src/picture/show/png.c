/*
 * png.c -- what is shown, as a picture for paper.
 */
#include "show_impl.h"

int show_add_png(struct text *t, const struct shown *a, const struct shown *b,
		 const struct show_options *o, struct err *err)
{
	(void)t, (void)b, (void)o;
	if (shown_numbers(a, err))
		return err->code;
	return err_set(err, ERR_TOOL, "this program paints no pictures");
}
