/*
 * fuzz_recording_columns.c -- libFuzzer over recordings whose cells were changed.
 *
 * An input is a question and edits of cells, see cells.h.  The schema of the tables is made lax for
 * it, as a stranger's may be.
 */
#include "cells.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	make_recorded();
	cells_begin(true);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned question = input_byte(&in);
	struct recording *rec;

	put_edited(&in);
	rec = open_recorded();
	if (!rec)
		return 0;
	ask_question(rec, question);
	recording_close(rec);
	return 0;
}
