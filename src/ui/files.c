/* files.c -- candidates that are names of files. */
#include "torchless/line.h"
#include "torchless/mem.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILES 20000 /* of a directory that are looked at */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* What begins as the word, as it is put in: a directory with its slash. */
struct found {
	char **list;
	int n, n_fit;
	size_t cap;
	const char *ending;
};

static void add_found(struct found *f, const char *name)
{
	bool is_dir = is_directory(name);
	struct text shown = { 0 };

	text_addf(&shown, "%s%s", name, is_dir ? "/" : "");
	f->n_fit += is_dir || text_ends_with(name, f->ending);
	f->list = mem_grow(f->list, (size_t)f->n, &f->cap, sizeof(*f->list));
	f->list[f->n++] = shown.data;
}

/* A directory that is too long to be read puts nothing in. */
void candidates_add_files(struct candidates *c, const char *word, const char *ending)
{
	const char *slash = strrchr(word, '/');
	size_t head = slash ? (size_t)(slash + 1 - word) : 0;
	char *directory = head ? mem_memdup(word, head) : mem_strdup(".");
	struct found f = { .ending = ending };
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int n = 0;

	while (dir && n++ < MAX_FILES && (entry = readdir(dir))) {
		struct text name = { 0 };

		if (entry->d_name[0] == '.' && word[head] != '.')
			continue;
		if (strncmp(entry->d_name, word + head, strlen(word + head)) != 0)
			continue;
		text_addf(&name, "%.*s%s", (int)head, word, entry->d_name);
		add_found(&f, name.data);
		text_release(&name);
	}
	if (f.n)
		qsort(f.list, (size_t)f.n, sizeof(*f.list), by_name);
	for (int i = 0; i < f.n; i++) {
		bool fits = text_ends_with(f.list[i], "/") || text_ends_with(f.list[i], ending);

		if (fits || f.n_fit == 0)
			candidates_add(c, f.list[i]);
		free(f.list[i]);
	}
	free(f.list);
	if (n > MAX_FILES)
		c->common = strlen(word);
	if (dir)
		closedir(dir);
	free(directory);
}
