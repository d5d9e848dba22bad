/*
 * fuzz_resume.c -- libFuzzer over `trace --prompts --resume` of a recording whose cells were
 * changed.
 *
 * The recording was interrupted in its second run of two.  An input is edits of its cells, see
 * cells.h; its first byte is not used.  It is continued, or refused and left as it was; one that
 * was continued can be read.
 */
#include "cells.h"
#include "torchless/record_runs.h"

static const char prompts_json[] =
	"{\"prompt\": \"ab aab\", \"n\": 2}\n{\"prompt\": \"b a\", \"n\": 1}\n";

static struct model model;
static struct prompt_list prompts;
static volatile sig_atomic_t stop;

/* Once the first run is there, the second does not come far. */
static void stop_in_second(void *ctx, const struct record_progress *p)
{
	(void)ctx;
	if (p->n_runs_done == 1)
		stop = 1;
}

/* Record what is not there; the sentence of what failed, and whether the file was opened for
 * writing. */
static int record_all(bool resume, bool *opened, struct err *err)
{
	const struct record_options opt = {
		.generation.session = { .executor.kernels = &kernels_ref,
					.sampler.top_p = 1,
					.n = 1,
					.ignore_eos = true },
		.generation.caller.interrupted = &stop,
		.path = recorded.path,
		.engine = "fuzz",
		.progress = resume ? NULL : stop_in_second,
	};
	struct record_runs runs = { 0 };
	struct recorder r;
	int result;

	if (recorder_open(&r, &model, &opt, err) || record_runs_check(&runs, &r, &prompts, err) ||
	    record_runs_open(&runs, resume, err)) {
		result = err->code;
	} else {
		*opened = true;
		result = r.writer ? record_runs_run(&runs, err) : 0;
		result = record_runs_close(&runs, result, err);
	}
	recorder_release(&r);
	record_runs_release(&runs);
	return result;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct bytes json = { prompts_json, sizeof(prompts_json) - 1 };
	struct err err = { 0 };
	bool opened = false;

	(void)argc, (void)argv;
	fuzz_make_folder();
	snprintf(recorded.path, sizeof(recorded.path), "%s/t.db", fuzz_folder);
	make_model();
	fuzz_must(model_open(&model, fuzz_folder, CHECKPOINT_ALL, &err), &err);
	fuzz_must(prompts_parse(&prompts, "prompts", json, NULL, &err), &err);
	require(record_all(false, &opened, &err) == ERR_INTERRUPTED, "it is interrupted");
	stop = 0;
	cells_begin(false);
	return 0;
}

/* Its pages are; its header may say that there was a log, when what is damaged was met late. */
static void require_as_it_was(sqlite3_int64 size)
{
	const size_t header = 100;
	struct text now = { 0 };

	read_back(&now, "");
	require(now.len == (size_t)size &&
			!memcmp(now.data + header, copy + header, now.len - header),
		"a file that is refused is as it was");
	text_release(&now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	sqlite3_int64 n_bytes;
	struct err err = { 0 };
	bool opened = false;

	input_byte(&in);
	n_bytes = put_edited(&in);
	if (!succeeded(record_all(true, &opened, &err), &err) && !opened)
		require_as_it_was(n_bytes);
	else if (!err.code)
		recording_close(open_recorded());
	return 0;
}
