/*
 * hub_cache.c -- the model in a cache of the Hugging Face hub.
 *
 *	hub/models--USER--NAME/refs/main              the commit that "main" was when it was fetched
 *	hub/models--USER--NAME/snapshots/COMMIT/...   links to the files of that commit
 *
 * Source: huggingface_hub, file_download.py and its guide "Understand caching".
 */
#include "torchless/mem.h"
#include "what_path.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODELS       "models--"
#define MAX_REF      256
#define MAX_NAMED    6 /* choices in a sentence */
#define MAX_CHILDREN 4096

/* ---- directories --------------------------------------------------------------------------- */

static bool is_directory(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 && S_ISDIR(sb.st_mode);
}

static bool has(const char *dir, const char *name)
{
	struct text path = { 0 };
	bool there;

	text_addf(&path, "%s/%s", dir, name);
	there = access(path.data, F_OK) == 0;
	text_release(&path);
	return there;
}

struct names {
	char **a;
	size_t n, cap;
};

static void names_release(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->a[i]);
	free(names->a);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The directories in `dir` whose names begin so, in order; hidden ones are none. */
static struct names directories(const char *dir, const char *prefix)
{
	struct names names = { 0 };
	struct text path = { 0 };
	const struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && names.n < MAX_CHILDREN && (entry = readdir(d))) {
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		text_clear(&path);
		text_addf(&path, "%s/%s", dir, entry->d_name);
		if (!is_directory(path.data))
			continue;
		names.a = mem_grow(names.a, names.n, &names.cap, sizeof(*names.a));
		names.a[names.n++] = mem_strdup(entry->d_name);
	}
	if (d)
		closedir(d);
	text_release(&path);
	if (names.n > 1)
		qsort(names.a, names.n, sizeof(*names.a), by_name);
	return names;
}

/* Several are there: which are they? */
static int choose(const char *dir, const char *what, const struct names *names, struct err *err)
{
	struct text list = { 0 };

	for (size_t i = 0; i < names->n && i < MAX_NAMED; i++)
		text_addf(&list, "%s%s/%.80s", i ? ", " : "", dir, names->a[i]);
	if (names->n > MAX_NAMED)
		text_addf(&list, " and %zu more", names->n - MAX_NAMED);
	err_set(err, ERR_USAGE, "%s holds %zu %s: give one of them, %s", dir, names->n, what,
		list.data);
	text_release(&list);
	return err->code;
}

/* ---- a snapshot ---------------------------------------------------------------------------- */

/* The commit in refs/main when its snapshot is there: appended to *path as a directory. */
static bool take_main(const char *repo, struct text *path)
{
	struct text ref = { 0 }, name = { 0 }, dir = { 0 };
	struct err ignored;
	bool found = false;

	text_addf(&name, "%s/refs/main", repo);
	if (access(name.data, R_OK) == 0 && !text_read_file(&ref, name.data, MAX_REF, &ignored) &&
	    ref.len) {
		ref.data[strcspn(ref.data, "\r\n \t")] = '\0';
		text_addf(&dir, "%s/snapshots/%s", repo, ref.data);
		found = *ref.data && !strchr(ref.data, '/') && *ref.data != '.' &&
			is_directory(dir.data);
	}
	if (found)
		text_adds(path, dir.data);
	text_release(&ref);
	text_release(&name);
	text_release(&dir);
	return found;
}

static int take_snapshot(const char *repo, struct text *path, struct err *err)
{
	struct text dir = { 0 };
	int rc = 0;

	if (take_main(repo, path))
		return 0;
	text_addf(&dir, "%s/snapshots", repo);
	struct names names = directories(dir.data, "");
	if (names.n == 1)
		text_addf(path, "%s/%s", dir.data, names.a[0]);
	else if (names.n > 1)
		rc = choose(dir.data, "snapshots of a model, and refs/main names none of them",
			    &names, err);
	else
		rc = err_set(
			err, ERR_FORMAT,
			"%s is a model's folder in the cache of the Hugging Face hub, but holds no "
			"snapshot: its download did not finish, fetch it again with `hf download`",
			repo);
	names_release(&names);
	text_release(&dir);
	return rc;
}

/* ---- the cache ----------------------------------------------------------------------------- */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The folder of all models, at dir: one is opened, several are named. */
static int take_only_model(const char *dir, struct text *path, struct err *err)
{
	struct names names = directories(dir, MODELS);
	struct text repo = { 0 };
	int rc = 0;

	if (names.n > 1)
		rc = choose(dir, "models of the Hugging Face hub", &names, err);
	else if (names.n == 1) {
		text_addf(&repo, "%s/%s", dir, names.a[0]);
		rc = take_snapshot(repo.data, path, err);
	} else
		text_adds(path, dir);
	names_release(&names);
	text_release(&repo);
	return rc;
}

static bool holds_models(const char *dir)
{
	struct names names = directories(dir, MODELS);
	bool some = names.n > 0;

	names_release(&names);
	return some;
}

/* `dir` has no slash at its end. */
static int resolve(const char *dir, struct text *resolved, struct err *err)
{
	struct text inner = { 0 };
	char *whole = realpath(dir, NULL);
	int rc = 0;

	text_addf(&inner, "%s/hub", dir);
	if (has(dir, "config.json") || has(dir, "tokenizer.json") || !whole)
		text_adds(resolved, dir);
	else if (has(dir, "snapshots") && !strncmp(last_part(whole), "datasets--", 10))
		rc = err_set(err, ERR_FORMAT,
			     "%s is a data set of the Hugging Face hub, not a model", dir);
	else if (has(dir, "snapshots") ||
		 (has(dir, "blobs") && !strncmp(last_part(whole), MODELS, strlen(MODELS))))
		rc = take_snapshot(dir, resolved, err);
	else if (!strcmp(last_part(whole), "snapshots")) {
		*strrchr(whole, '/') = '\0';
		rc = take_snapshot(whole, resolved, err);
	} else if (holds_models(inner.data))
		rc = take_only_model(inner.data, resolved, err);
	else
		rc = take_only_model(dir, resolved, err);
	free(whole);
	text_release(&inner);
	return rc;
}

int hub_cache_resolve(const char *path, struct text *resolved, struct err *err)
{
	struct text dir = { 0 };
	int rc;

	if (!is_directory(path)) {
		text_adds(resolved, path);
		return 0;
	}
	text_adds(&dir, path);
	while (dir.len > 1 && dir.data[dir.len - 1] == '/')
		dir.data[--dir.len] = '\0';
	rc = resolve(dir.data, resolved, err);
	/* What is no cache keeps the spelling it was given. */
	if (!rc && !strcmp(resolved->data, dir.data)) {
		text_clear(resolved);
		text_adds(resolved, path);
	}
	text_release(&dir);
	return rc;
}

bool hub_cache_model(const char *path, struct text *id)
{
	const char *repo = strstr(path, "/" MODELS), *end;

	if (!repo)
		return false;
	repo += 1 + strlen(MODELS);
	end = strchr(repo, '/');
	if (!end || strncmp(end, "/snapshots/", strlen("/snapshots/")) != 0)
		return false;
	for (; repo < end; repo++) {
		bool is_slash = repo[0] == '-' && repo[1] == '-';
		text_addc(id, is_slash ? '/' : *repo);
		repo += is_slash;
	}
	return id->len > 0;
}

/* ---- this user's cache --------------------------------------------------------------------- */

bool hub_cache_find(const char *id, struct text *dir)
{
	static const char *const places[][2] = {
		{ "HF_HUB_CACHE", "" },
		{ "HUGGINGFACE_HUB_CACHE", "" },
		{ "HF_HOME", "/hub" },
		{ "XDG_CACHE_HOME", "/huggingface/hub" },
		{ "HOME", "/.cache/huggingface/hub" },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const char *base = getenv(places[i][0]);
		if (!base || *base != '/')
			continue;
		text_clear(dir);
		text_addf(dir, "%s%s/" MODELS, base, places[i][1]);
		for (const char *s = id; *s; s++)
			text_add(dir, *s == '/' ? "--" : s, *s == '/' ? 2 : 1);
		if (has(dir->data, "snapshots"))
			return true;
	}
	return false;
}
