/*
 * weight.c -- tensors of the checkpoint by name.
 */
#include "inspect_impl.h"

#include "torchless/gguf.h"
#include "torchless/mem.h"
#include "torchless/outline.h"
#include "torchless/point.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- by name ------------------------------------------------------------------------------- */

/* A head that is tied to the embeddings has no tensor of its own. */
static bool is_tied_head(const struct checkpoint *ck, const char *name)
{
	const struct tensor_file *file;

	return !strncmp(name, "lm_head", strlen("lm_head")) &&
	       !checkpoint_find(ck, "lm_head.weight", &file) &&
	       checkpoint_find(ck, "model.embed_tokens.weight", &file);
}

/*
 * Offer a tensor by all that a person may call it, as points are: its name, without ".weight" too,
 * short, and GGUF's.  What is then named is its name, by which it is found.
 */
static void offer(struct text_nearest *near, const char *name)
{
	size_t len = strlen(name);
	struct text module = { 0 }, gguf = { 0 };
	char brief[160];
	bool is_best = text_nearest_offer(near, name);

	if (len > strlen(".weight") && text_ends_with(name, ".weight"))
		len -= strlen(".weight");
	text_addf(&module, "%.*s", (int)len, name);
	gguf_add_name(&gguf, name);
	is_best |= text_nearest_offer(near, module.data);
	is_best |= text_nearest_offer(near, point_shorten(module.data, brief, sizeof(brief)));
	is_best |= gguf.len && text_nearest_offer(near, gguf.data);
	if (is_best)
		near->best = name;
	text_release(&module);
	text_release(&gguf);
}

static int no_weight(const struct checkpoint *ck, const char *name, struct err *err)
{
	struct text_nearest near = { .name = name, .distance = INT_MAX };

	if (is_tied_head(ck, name))
		return err_set(err, ERR_USAGE,
			       "%s has no tensor '%.80s': its head reads the embeddings, "
			       "model.embed_tokens.weight",
			       ck->path, name);
	for (int f = 0; f < ck->n_files; f++)
		for (int64_t i = 0; i < ck->files[f].n_tensors; i++)
			offer(&near, ck->files[f].tensors[i].name);
	if (!near.best)
		return err_set(err, ERR_USAGE, "%s has no tensors", ck->path);
	return err_set(err, ERR_USAGE, "%s has no tensor '%.80s'; the nearest is %s", ck->path,
		       name, near.best);
}

const struct file_tensor *inspect_find_weight(const struct checkpoint *ck, const char *name,
					      struct err *err)
{
	const struct tensor_file *file;
	const struct file_tensor *w = checkpoint_find(ck, name, &file);
	struct text full = { 0 };

	text_addf(&full, "%s.weight", name);
	if (!w)
		w = checkpoint_find(ck, full.data, &file);
	text_release(&full);
	if (!w)
		no_weight(ck, name, err);
	else if (tensor_file_usable(file, w, err))
		w = NULL;
	return w;
}

static const struct file_tensor *find_weight(struct inspect *in, const char *name, struct err *err)
{
	struct model *m;

	return inspect_model(in, 0, &m, err) ? NULL
					     : inspect_find_weight(&m->checkpoint, name, err);
}

/* ---- as arrays ----------------------------------------------------------------------------- */

int inspect_weight_head(struct inspect *in, const char *name, struct array *head, struct err *err)
{
	const struct file_tensor *w = find_weight(in, name, err);

	if (!w)
		return err->code;
	*head = (struct array){ .dtype = w->t.dtype, .n_dims = w->t.n_dims };
	memcpy(head->shape, w->t.shape, sizeof(head->shape));
	snprintf(head->name, sizeof(head->name), "the weight %.120s", name);
	return array_numel(head->n_dims, head->shape, &head->numel, err);
}

static struct array *read_weight(struct inspect *in, const char *name, struct err *err)
{
	const struct file_tensor *w = find_weight(in, name, err);
	struct array *t = w ? array_new(w->t.n_dims, w->t.shape, err) : NULL;

	if (!t)
		return NULL;
	t->dtype = w->t.dtype;
	snprintf(t->name, sizeof(t->name), "the weight %.120s", name);
	for (int64_t i = 0; i < t->numel && !kernels_read(w->t.dtype); i++)
		t->data[i] = (float)tensor_get(&w->t, i);
	if (kernels_read(w->t.dtype))
		in->opt.kernels->convert(t->data, w->t.data, w->t.dtype, t->numel);
	return t;
}

struct array *inspect_weight(struct inspect *in, const char *name, struct err *err)
{
	struct text key = { 0 };
	struct array *t;

	text_addf(&key, "weight %s", name);
	t = cache_find(in, key.data);
	if (!t && (t = read_weight(in, name, err)))
		t = cache_add(in, t, key.data);
	text_release(&key);
	return t;
}

/* The weight as it is where one stands, edits included: 1; 0: it is not there. */
static int is_live(struct inspect *in, const char *name, struct text *found, struct err *err)
{
	size_t len = strlen(name), suffix = sizeof(".weight") - 1;

	if (!in->opt.live)
		return 0;
	text_adds(found, name);
	if (len < suffix || strcmp(name + len - suffix, ".weight") != 0)
		text_adds(found, ".weight");
	return inspect_is_live(in, found->data, err);
}

/* The weight of the checkpoint that the recording was made with. */
static int name_recorded(struct inspect *in, const char *name, struct text *found, struct err *err)
{
	const struct file_tensor *w = find_weight(in, name, err);

	if (!w)
		return err->code;
	text_clear(found);
	text_addf(found, WEIGHT_PREFIX "%s", w->name);
	return 0;
}

/* A reference that every function on tensors takes: nothing is read or copied here. */
int scalar_weight(struct inspect *in, sqlite3_context *ctx, int n, sqlite3_value **args,
		  struct err *err)
{
	const char *name = (const char *)sqlite3_value_text(args[0]);
	struct text reference = { 0 };
	int live;

	(void)n;
	in->may_open = true;
	live = is_live(in, name ? name : "", &reference, err);
	if (live < 0 || (!live && name_recorded(in, name ? name : "", &reference, err))) {
		text_release(&reference);
		return err->code;
	}
	sqlite3_result_text(ctx, reference.data, -1, SQLITE_TRANSIENT);
	text_release(&reference);
	return 0;
}
