/*
 * life.c -- the state of a connection made, brought up to date and forgotten.
 *
 * It is made once a connection and shared by every function; it goes when SQLite drops the last of
 * them, which is when the connection closes.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"

#include <stdlib.h>

struct inspect *inspect_new(sqlite3 *db, const struct inspect_options *o)
{
	struct inspect *in = mem_calloc(1, sizeof(*in));

	in->db = db;
	in->refs = 1;
	in->opt = *o;
	if (!in->opt.kernels)
		in->opt.kernels = kernels_select(NULL);
	return in;
}

void inspect_unref(struct inspect *in)
{
	if (!in || --in->refs > 0)
		return;
	attn_forget(in);
	lens_forget(in);
	words_forget(in);
	cache_forget(in);
	resolved_forget(in);
	names_release(in);
	threads_free(in->own_pool);
	if (in->has_model)
		model_close(&in->model);
	free(in);
}

void inspect_refresh(struct inspect *in)
{
	struct err ignored = { 0 };
	unsigned version = 0;
	int64_t run;

	if (!in->kept && !in->resolved[0].text)
		return;
	/* SQLite looks whether the file changed when it begins to read. */
	if (sqlite3_txn_state(in->db, "main") == SQLITE_TXN_NONE)
		inspect_newest_run(in, &run, &ignored);
	sqlite3_file_control(in->db, "main", SQLITE_FCNTL_DATA_VERSION, &version);
	if (version == in->data_version)
		return;
	in->data_version = version;
	cache_forget(in);
	resolved_forget(in);
}
