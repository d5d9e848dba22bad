/*
 * checkpoint.c -- the weights a recording was made with, opened when a function first needs them.
 *
 * A recording names its checkpoint and holds the hash of its weights, so a moved or changed one is
 * noticed before a number is made with it.
 */
#include "inspect_impl.h"

#include "torchless/text.h"

#include <stdio.h>
#include <string.h>

/* What the recording says of the checkpoint of a run. */
struct origin {
	int64_t model_id;
	char file[4096];
	uint8_t hash[16];
	bool has_hash;
};

static int read_origin(struct inspect *in, int64_t run, struct origin *o, struct err *err)
{
	sqlite3_stmt *s = NULL;
	const char *file;
	bool found;

	*o = (struct origin){ 0 };
	if (inspect_prepare(
		    in,
		    "SELECT m.id, m.file, m.weights_xxh3 FROM model m WHERE m.id = "
		    "(SELECT model_id FROM run WHERE ?1 = 0 OR id = ?1 ORDER BY id DESC LIMIT 1)",
		    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, run);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found) {
		o->model_id = sqlite3_column_int64(s, 0);
		file = (const char *)sqlite3_column_text(s, 1);
		snprintf(o->file, sizeof(o->file), "%s", file ? file : "");
		o->has_hash = sqlite3_column_bytes(s, 2) == (int)sizeof(o->hash);
		if (o->has_hash)
			memcpy(o->hash, sqlite3_column_blob(s, 2), sizeof(o->hash));
	}
	sqlite3_finalize(s);
	return found ? 0 : err_set(err, ERR_USAGE, "the recording has no run %lld", (long long)run);
}

static int check_hash(struct inspect *in, const struct origin *o, struct err *err)
{
	uint8_t hash[16];

	if (!o->has_hash)
		return 0;
	if (checkpoint_hash(&in->model.checkpoint, in->opt.pool, hash, err))
		return err->code;
	if (!memcmp(hash, o->hash, sizeof(hash)))
		return 0;
	return err_set(
		err, ERR_FORMAT,
		"%s has other weights than the recording was made with (hash %02x%02x%02x%02x, "
		"recorded %02x%02x%02x%02x)",
		in->model.checkpoint.path, hash[0], hash[1], hash[2], hash[3], o->hash[0],
		o->hash[1], o->hash[2], o->hash[3]);
}

static int open_checkpoint(struct inspect *in, const struct origin *o, struct err *err)
{
	const char *path = in->opt.model ? in->opt.model : o->file;
	struct err why = { 0 };

	if (!*path)
		return err_set(err, ERR_USAGE,
			       "the recording does not say where its checkpoint is: give it with "
			       "--model");
	if (model_open(&in->model, path, CHECKPOINT_ALL, &why) &&
	    model_open(&in->model, path, CHECKPOINT_WEIGHTS, &why))
		return err_set(
			err, why.code, "the weights are needed and %s%s", why.message,
			in->opt.model ? "" : "; if the checkpoint has moved, name it with --model");
	in->has_model = true;
	if (!check_hash(in, o, err))
		return 0;
	model_close(&in->model);
	in->has_model = false;
	return err->code;
}

int inspect_model(struct inspect *in, int64_t run, struct model **model, struct err *err)
{
	struct origin o;

	if (read_origin(in, run, &o, err))
		return err->code;
	if (in->has_model && in->model_id != o.model_id) {
		tensors_forget(in);
		model_close(&in->model);
		in->has_model = false;
	}
	if (!in->has_model && open_checkpoint(in, &o, err))
		return err->code;
	in->model_id = o.model_id;
	*model = &in->model;
	return 0;
}
