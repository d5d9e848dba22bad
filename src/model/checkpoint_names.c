/*
 * checkpoint_names.c -- the names under which weights are known, whatever files call them.
 *
 * The one idea: names are put right once, when files are opened.  Who builds the program, hashes
 * weights, lists or exports them then knows one name for each, and the same weights have the same
 * hash whoever saved them.
 */
#include "checkpoint_names.h"
#include "torchless/gguf.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

/* A model of 65536 layers that all share one has more; nobody has made it. */
#define MAX_ALIASES 4096

/* ---- by name ------------------------------------------------------------------------------ */

const struct file_tensor *checkpoint_find(const struct checkpoint *ck, const char *name,
					  const struct tensor_file **file)
{
	for (int i = 0; i < ck->n_files; i++) {
		const struct file_tensor *t = tensor_file_find(&ck->files[i], name);
		if (t && file)
			*file = &ck->files[i];
		if (t)
			return t;
	}
	return NULL;
}

/* ---- which way of naming ------------------------------------------------------------------- */

struct naming {
	const char *decoder, *head; /* what stands before the names; head may be NULL */
	const char *who;
};

static const struct naming namings[] = {
#define WEIGHT_NAMES(decoder, head, who) { decoder, head, who },
#include "torchless/weight_names.def"
#undef WEIGHT_NAMES
};
#define N_NAMINGS (sizeof(namings) / sizeof(*namings))

static bool begins(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool is_decoder(const char *name, const struct naming *n)
{
	static const char *const children[] = { "embed_tokens.", "layers.", "norm." };

	if (!begins(name, n->decoder))
		return false;
	for (size_t i = 0; i < sizeof(children) / sizeof(*children); i++)
		if (begins(name + strlen(n->decoder), children[i]))
			return true;
	return false;
}

/* The way in which this tensor of a decoder is named; NULL when it is none. */
static const struct naming *naming_of(const char *name)
{
	for (size_t i = 0; i < N_NAMINGS; i++)
		if (is_decoder(name, &namings[i]))
			return &namings[i];
	return NULL;
}

static bool is_head(const char *name, const struct naming *n)
{
	return n->head && begins(name, n->head);
}

static bool is_any_head(const char *name)
{
	for (size_t i = 0; i < N_NAMINGS; i++)
		if (is_head(name, &namings[i]))
			return true;
	return false;
}

/* One tensor and the way it is named: what the others are held against. */
struct precedent {
	const struct naming *naming;
	const char *name;
};

static int mixed(const struct precedent *p, const char *path, const char *name, struct err *err)
{
	return err_set(
		err, ERR_FORMAT,
		"%s: its tensors are named in two ways, as %.200s and as %.200s (the second is "
		"a name of %s): one checkpoint has to name them in one",
		path, name, p->name, p->naming->who);
}

/* In the order of names, so that the sentence does not depend on the order of data. */
static const char *nth_name(const struct tensor_file *st, int i)
{
	return st->tensors[st->by_name[i]].name;
}

static int find_naming(const struct checkpoint *ck, struct precedent *p, struct err *err)
{
	for (int f = 0; f < ck->n_files; f++) {
		const struct tensor_file *st = &ck->files[f];
		for (int i = 0; i < st->n_tensors; i++) {
			const char *name = nth_name(st, i);
			const struct naming *n = naming_of(name);
			if (n && !p->naming)
				*p = (struct precedent){ n, name };
			else if (n && n != p->naming)
				return mixed(p, st->path, name, err);
		}
	}
	return 0;
}

/* A name of a decoder behind something that no line knows; NULL when there is none. */
static const char *find_wrapped(const struct checkpoint *ck, const struct tensor_file **st)
{
	for (int f = 0; f < ck->n_files; f++) {
		for (int i = 0; i < ck->files[f].n_tensors; i++) {
			const char *name = nth_name(&ck->files[f], i);

			*st = &ck->files[f];
			if (strstr(name, ".embed_tokens.weight") || strstr(name, ".layers.0."))
				return name;
		}
	}
	return NULL;
}

/* Of weights that have other names throughout it is said which, not that one is missing. */
static int refuse_unknown_naming(const struct checkpoint *ck, struct err *err)
{
	const struct tensor_file *st = NULL;
	const char *name = find_wrapped(ck, &st);

	if (!name)
		return 0;
	return err_set(
		err, ERR_FORMAT,
		"%s: its tensors are named as %.200s, which is no name of a Llama or Mistral: "
		"save the model itself and not what it is wrapped in, or rename them "
		"(model.embed_tokens.weight)",
		st->path, name);
}

static int check_heads(const struct checkpoint *ck, const struct precedent *p, struct err *err)
{
	for (int f = 0; f < ck->n_files; f++) {
		const struct tensor_file *st = &ck->files[f];
		for (int i = 0; i < st->n_tensors; i++)
			if (is_any_head(nth_name(st, i)) && !is_head(nth_name(st, i), p->naming))
				return mixed(p, st->path, nth_name(st, i), err);
	}
	return 0;
}

/* ---- the names of the first line ----------------------------------------------------------- */

/* Append what `name` is called here. */
static void add_canonical(struct text *t, const char *name, const struct naming *n)
{
	if (n && is_decoder(name, n))
		text_addf(t, "%s%s", namings[0].decoder, name + strlen(n->decoder));
	else if (n && is_head(name, n))
		text_addf(t, "%s%s", namings[0].head, name + strlen(n->head));
	else
		text_adds(t, name);
}

static void rename_all(struct checkpoint *ck, const struct naming *n)
{
	struct text name = { 0 };

	for (int f = 0; f < ck->n_files; f++) {
		for (int i = 0; i < ck->files[f].n_tensors; i++) {
			text_clear(&name);
			add_canonical(&name, ck->files[f].tensors[i].name, n);
			tensor_file_rename(&ck->files[f], i, name.data);
		}
		tensor_file_index(&ck->files[f]);
	}
	text_release(&name);
}

/* ---- tensors with two names ---------------------------------------------------------------- */

struct alias {
	char *name;
	int file, tensor; /* whose data it is */
};

struct aliases {
	struct alias *a;
	size_t n, cap;
};

/* Note that `name` has the data of `target`, unless it has its own or the target is none. */
static void add_alias(struct aliases *all, const struct checkpoint *ck, const char *name,
		      const char *target)
{
	const struct tensor_file *file = NULL;
	const struct file_tensor *t = checkpoint_find(ck, target, &file);

	if (!t || checkpoint_find(ck, name, NULL))
		return;
	all->a = mem_grow(all->a, all->n, &all->cap, sizeof(*all->a));
	all->a[all->n++] = (struct alias){ mem_strdup(name), (int)(file - ck->files),
					   (int)(t - file->tensors) };
}

static void read_aliases(struct aliases *all, const struct checkpoint *ck, const struct naming *n)
{
	struct text name = { 0 }, target = { 0 };
	const cJSON *item;

	for (int f = 0; f < ck->n_files; f++) {
		cJSON_ArrayForEach(item, ck->files[f].metadata)
		{
			if (!cJSON_IsString(item) || all->n > MAX_ALIASES)
				continue;
			text_clear(&name);
			text_clear(&target);
			add_canonical(&name, item->string, n);
			add_canonical(&target, item->valuestring, n);
			add_alias(all, ck, name.data, target.data);
		}
	}
	/* One matrix under two names: a file that has it under either has it. */
	if (ck->config.tied_embeddings)
		add_alias(all, ck, "model.embed_tokens.weight", "lm_head.weight");
	text_release(&name);
	text_release(&target);
}

static int by_alias(const void *a, const void *b)
{
	return strcmp(((const struct alias *)a)->name, ((const struct alias *)b)->name);
}

static void put_aliases(struct checkpoint *ck, struct aliases *all)
{
	if (all->n > 1)
		qsort(all->a, all->n, sizeof(*all->a), by_alias);
	for (size_t i = 0; i < all->n; i++) {
		const struct alias *a = &all->a[i];
		if (i == 0 || strcmp(a->name, all->a[i - 1].name) != 0)
			tensor_file_add_alias(&ck->files[a->file], a->name, a->tensor);
	}
	for (int f = 0; f < ck->n_files; f++)
		tensor_file_index(&ck->files[f]);
}

static int resolve_aliases(struct checkpoint *ck, const struct naming *n, struct err *err)
{
	struct aliases all = { 0 };
	int rc = 0;

	read_aliases(&all, ck, n);
	if (all.n > MAX_ALIASES)
		rc = err_set(err, ERR_FORMAT,
			     "%s: its __metadata__ gives more than %d tensors another name",
			     ck->path, MAX_ALIASES);
	else if (all.n)
		put_aliases(ck, &all);
	for (size_t i = 0; i < all.n; i++)
		free(all.a[i].name);
	free(all.a);
	return rc;
}

int checkpoint_resolve_names(struct checkpoint *ck, struct err *err)
{
	struct precedent p = { 0 };

	if (find_naming(ck, &p, err) || (p.naming && check_heads(ck, &p, err)))
		return err->code;
	if (!p.naming && refuse_unknown_naming(ck, err))
		return err->code;
	if (p.naming && p.naming != namings)
		rename_all(ck, p.naming);
	return resolve_aliases(ck, p.naming, err);
}

int checkpoint_lacks(const struct checkpoint *ck, const char *name, struct err *err)
{
	struct text other = { 0 };

	if (ck->is_gguf)
		gguf_add_name(&other, name);
	err_set(err, ERR_FORMAT, other.len ? "%s has no tensor %s (%s)" : "%s has no tensor %s",
		ck->path, other.len ? other.data : name, name);
	text_release(&other);
	return err->code;
}
