/*
 * source.c -- the files of a course, and reading them from a folder.
 *
 * What scripts/embed-course puts into the program is read here in the same way: at the top the
 * .conf files, and all text of the folders that begin with two digits.  Pictures are for whoever
 * reads a lesson on paper or on a page, so neither carries them.
 */
#include "source.h"
#include "torchless/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE  (128 << 10) /* bytes: five times the largest that there is */
#define MAX_DEPTH 3           /* folders within folders: 05-rope/wrong/ */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whether a course has it: not what editors leave behind, nor what lies beside the course. */
static bool is_of_course(const char *name, bool is_dir, int depth)
{
	if (name[0] == '.' || text_ends_with(name, "~"))
		return false;
	if (is_dir)
		return depth > 0 || (is_digit(name[0]) && is_digit(name[1]) && name[2] == '-');
	if (depth == 0)
		return text_ends_with(name, ".conf");
	return !text_ends_with(name, ".svg") && !text_ends_with(name, ".png");
}

static int add_file(struct source *s, const char *path, const char *name, struct err *err)
{
	struct text t = { 0 };

	if (text_read_regular(&t, path, MAX_FILE, err)) {
		text_release(&t);
		return err->code;
	}
	text_add(&t, "", 0);
	if (memchr(t.data, '\0', t.len)) {
		text_release(&t);
		return err_set(err, ERR_FORMAT, "%s is no text", path);
	}
	s->files = mem_grow(s->files, s->n, &s->cap, sizeof(*s->files));
	s->files[s->n++] = (struct course_file){ mem_strdup(name), t.data, t.len };
	return 0;
}

/* Where there is none, that is who called it so; else the system. */
static int no_folder(const char *path, int depth, struct err *err)
{
	bool is_usage = depth == 0 && (errno == ENOENT || errno == ENOTDIR);

	return err_set(err, is_usage ? ERR_USAGE : err_of_errno(errno), "cannot read %s: %s", path,
		       strerror(errno));
}

/* The folder path, whose files are called with `prefix` before them. */
static int add_folder(struct source *s, const char *path, const char *prefix, int depth,
		      struct err *err)
{
	DIR *dir = opendir(path);
	struct text below = { 0 }, name = { 0 };
	const struct dirent *entry;
	struct stat sb;
	int r = 0;

	if (!dir)
		return no_folder(path, depth, err);
	while (r == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
		bool is_dir;

		text_clear(&below);
		text_clear(&name);
		text_addf(&below, "%s/%s", path, entry->d_name);
		text_addf(&name, "%s%s", prefix, entry->d_name);
		if (stat(below.data, &sb) < 0) {
			if (errno != ENOENT && errno != ELOOP)
				r = no_folder(below.data, depth, err);
			continue; /* a link to nowhere, or gone meanwhile */
		}
		is_dir = S_ISDIR(sb.st_mode);
		if ((!is_dir && !S_ISREG(sb.st_mode)) ||
		    !is_of_course(entry->d_name, is_dir, depth))
			continue;
		if (!is_dir) {
			r = add_file(s, below.data, name.data, err);
		} else if (depth < MAX_DEPTH) {
			text_addc(&name, '/');
			r = add_folder(s, below.data, name.data, depth + 1, err);
		}
	}
	if (r == 0 && errno)
		r = no_folder(path, depth, err);
	closedir(dir);
	text_release(&below);
	text_release(&name);
	return r;
}

static int by_path(const void *a, const void *b)
{
	const struct course_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

int source_read(struct source *s, const char *dir, struct err *err)
{
	int r;

	*s = (struct source){ 0 };
	r = add_folder(s, dir, "", 0, err);
	if (s->n > 0)
		qsort(s->files, s->n, sizeof(*s->files), by_path);
	return r;
}

void source_release(struct source *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free((void *)s->files[i].path);
		free((void *)s->files[i].data);
	}
	free(s->files);
	*s = (struct source){ 0 };
}

static int is_at(const void *key, const void *file)
{
	return strcmp(key, ((const struct course_file *)file)->path);
}

const struct course_file *course_file(const struct course *c, const char *path)
{
	if (c->n_files == 0)
		return NULL;
	return bsearch(path, c->files, c->n_files, sizeof(*c->files), is_at);
}
