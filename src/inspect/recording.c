/* recording.c -- the functions on a recording that the program opened. */
#include "inspect_impl.h"

int recording_add_functions(struct recording *rec, const struct inspect_options *o, struct err *err)
{
	return inspect_register(recording_handle(rec), o, err);
}
