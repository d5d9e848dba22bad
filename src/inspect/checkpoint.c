/*
 * checkpoint.c -- the weights a recording was made with, opened when a function first needs them.
 *
 * A recording names its checkpoint and holds the hashes of its weights and its tokenizer, so a
 * moved or changed one is noticed before a number is made with it.  What needs neither works
 * wherever the recording is.
 */
#define XXH_INLINE_ALL

#include "inspect_impl.h"

#include "torchless/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_BYTES 16

struct recorded_hash {
	uint8_t bytes[HASH_BYTES];
	bool known;
};

/* What the recording says of the checkpoint of a run. */
struct origin {
	int64_t model_id;
	struct text file;
	struct recorded_hash weights, tokenizer;
};

static struct recorded_hash column_hash(sqlite3_stmt *s, int i)
{
	struct recorded_hash h = { .known = sqlite3_column_bytes(s, i) == HASH_BYTES };

	if (h.known)
		memcpy(h.bytes, sqlite3_column_blob(s, i), HASH_BYTES);
	return h;
}

static int read_origin(struct inspect *in, int64_t run, struct origin *o, struct err *err)
{
	sqlite3_stmt *s = NULL;
	const char *file;
	int found;

	*o = (struct origin){ 0 };
	if (inspect_prepare(
		    in,
		    "SELECT m.id, m.file, m.weights_xxh3, m.tokenizer_xxh3 FROM model m WHERE m.id "
		    "= (SELECT model_id FROM run WHERE ?1 = 0 OR id = ?1 ORDER BY id DESC LIMIT 1)",
		    &s, err))
		return err->code;
	sqlite3_bind_int64(s, 1, run);
	found = inspect_step(in, s, err);
	if (found > 0) {
		o->model_id = sqlite3_column_int64(s, 0);
		file = (const char *)sqlite3_column_text(s, 1);
		text_adds(&o->file, file ? file : "");
		o->weights = column_hash(s, 2);
		o->tokenizer = column_hash(s, 3);
	}
	sqlite3_finalize(s);
	if (found)
		return found < 0 ? found : 0;
	if (!run)
		return err_set(err, ERR_USAGE, "the recording has no run");
	return err_set(err, ERR_USAGE, "the recording has no run %lld", (long long)run);
}

static int other_hash(const char *path, const char *what, const uint8_t *found,
		      const struct recorded_hash *recorded, struct err *err)
{
	char hex[2][2 * HASH_BYTES + 1];

	if (!recorded->known || !memcmp(found, recorded->bytes, HASH_BYTES))
		return 0;
	for (size_t i = 0; i < HASH_BYTES; i++) {
		snprintf(hex[0] + 2 * i, 3, "%02x", found[i]);
		snprintf(hex[1] + 2 * i, 3, "%02x", recorded->bytes[i]);
	}
	return err_set(
		err, ERR_FORMAT,
		"%s has %s other than what the recording was made with (hash %s, recorded %s)",
		path, what, hex[0], hex[1]);
}

/* The folder of the recording, with its slash: where a link leads to, as SQLite says; or nothing.
 */
static void find_folder(const struct inspect *in, struct text *folder)
{
	char *own = in->host.path ? realpath(in->host.path, NULL) : NULL;
	const char *path = own ? own : sqlite3_db_filename(in->db, "main");
	const char *end = path ? strrchr(path, '/') : NULL;

	if (end)
		text_add(folder, path, (size_t)(end - path) + 1);
	free(own);
}

/* The same name below the recording's folder or, for an absolute one, its last part there. */
static void look_beside(const struct inspect *in, const char *file, struct text *path)
{
	const char *last = strrchr(file, '/');
	struct text beside = { 0 };

	find_folder(in, &beside);
	if (beside.len) {
		text_adds(&beside, file[0] == '/' && last ? last + 1 : file);
		if (!access(beside.data, F_OK)) {
			text_clear(path);
			text_adds(path, beside.data);
		}
	}
	text_release(&beside);
}

/* Where the checkpoint is: what -m says, else where the recording says, else beside the recording.
 */
static int find_checkpoint(struct inspect *in, const struct origin *o, struct text *path,
			   struct err *err)
{
	const char *file = o->file.data ? o->file.data : "";

	text_adds(path, in->opt.model ? in->opt.model : file);
	if (!path->len)
		return err_set(
			err, ERR_USAGE,
			"the recording does not say where its checkpoint is: give it with -m PATH");
	if (!in->opt.model && access(path->data, F_OK))
		look_beside(in, file, path);
	return 0;
}

/* A checkpoint that is gone or somebody else's is not at hand, which is no failure to read it. */
static bool is_away(const char *path, int code)
{
	return code == ERR_IO && access(path, R_OK) &&
	       (errno == EACCES || errno == ENOENT || errno == ENOTDIR);
}

/* Nothing is where the recording says; that it might be the name of a model to fetch is for -m. */
static bool has_moved(const struct inspect *in, const char *path)
{
	return !in->opt.model && access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR);
}

static int open_part(struct inspect *in, const struct origin *o, unsigned part, struct model *m,
		     const char *what, struct err *err)
{
	struct text path = { 0 };
	struct err why = { 0 };
	int ret = find_checkpoint(in, o, &path, err);

	if (!ret && has_moved(in, path.data))
		ret = err_set(
			err, ERR_TOOL,
			"the %s needed and the model of the recording, %s, is not there; if the "
			"checkpoint has moved, name it with -m PATH",
			what, path.data);
	else if (!ret && model_open(m, path.data, part, &why))
		ret = err_set(
			err, is_away(path.data, why.code) ? ERR_TOOL : why.code,
			"the %s needed and %s%s", what, why.message,
			in->opt.model ? "" : "; if the checkpoint has moved, name it with -m PATH");
	text_release(&path);
	return ret;
}

/* ---- the weights ---------------------------------------------------------------------------- */

static int open_weights(struct inspect *in, const struct origin *o, struct err *err)
{
	struct model *m = &in->model;
	uint8_t hash[HASH_BYTES];
	int ret = open_part(in, o, CHECKPOINT_WEIGHTS, m, "weights are", err);

	if (ret)
		return ret;
	if (o->weights.known)
		ret = checkpoint_hash(&m->checkpoint, inspect_pool(in), hash, err);
	if (!ret)
		ret = other_hash(m->checkpoint.path, "weights", hash, &o->weights, err);
	if (ret)
		model_close(m);
	in->has_model = !ret;
	in->model_id = o->model_id;
	return ret;
}

int inspect_model(struct inspect *in, int64_t run, struct model **model, struct err *err)
{
	struct origin o;
	int ret = read_origin(in, run, &o, err);

	if (!ret && in->has_model && in->model_id != o.model_id) {
		cache_forget(in);
		model_close(&in->model);
		in->has_model = false;
	}
	if (!ret && !in->has_model)
		ret = open_weights(in, &o, err);
	*model = &in->model;
	text_release(&o.file);
	return ret;
}

/* ---- the tokenizer -------------------------------------------------------------------------- */

static int check_tokenizer(const struct checkpoint *ck, const struct origin *o, struct err *err)
{
	uint8_t hash[16];

	checkpoint_tokenizer_hash(ck, hash);
	return other_hash(ck->path, "a tokenizer", hash, &o->tokenizer, err);
}

int inspect_tokenizer(struct inspect *in, int64_t run, struct model *m, struct err *err)
{
	struct origin o;
	int ret = read_origin(in, run, &o, err);

	if (!ret)
		ret = open_part(in, &o, CHECKPOINT_TOKENIZER, m, "tokenizer is", err);
	if (!ret && check_tokenizer(&m->checkpoint, &o, err)) {
		model_close(m);
		ret = err->code;
	}
	text_release(&o.file);
	return ret;
}
