/*
 * fuzz_report.c -- libFuzzer over the report of recordings whose cells were changed.
 *
 * An input is edits of cells, see cells.h.  The promise: a document that is JSON and cannot end the
 * element of a page that it stands in, or one sentence.
 */
#include "cells.h"
#include "torchless/json.h"
#include "torchless/report.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	setenv("TORCHLESS_DOT", "/nonexistent/dot", 1); /* a process an input is too many */
	make_recorded();
	cells_begin(true);
	return 0;
}

/* What the document says has an end: its text can be shown, and is read again. */
static void require_document(const struct text *json)
{
	struct err err = { 0 };
	cJSON *document = json_parse(json->data, json->len, "the report", &err);

	require(document != NULL, "a report is JSON");
	for (size_t i = 0; i < json->len; i++)
		require(json->data[i] && !strchr("<>&", json->data[i]), "no markup in a document");
	cJSON_Delete(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct inspect_options inspect = { .model = fuzz_folder, .kernels = &kernels_ref };
	const struct report_options o = { .program = "fuzz" };
	struct report_recording of = { .path = recorded.path, .inspect = &inspect };
	struct report_missing missing;
	struct input in = { data, size };
	struct text json = { 0 };
	struct err err = { 0 };

	put_edited(&in);
	of.rec = open_recorded();
	if (!of.rec)
		return 0;
	if (succeeded(report_add_data(&json, &of, 1, &o, &missing, &err), &err))
		require_document(&json);
	recording_close(of.rec);
	text_release(&json);
	return 0;
}
