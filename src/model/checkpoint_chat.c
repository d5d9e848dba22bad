/*
 * checkpoint_chat.c -- the file of a checkpoint that holds a chat template and nothing else.
 *
 * transformers writes chat_template.jinja beside tokenizer_config.json, and further templates as
 * additional_chat_templates/NAME.jinja.  Where one of these files is there, the templates of
 * tokenizer_config.json do not count any more, not even when none of the files is the default one;
 * a further template called "default" is preferred to chat_template.jinja.
 *
 * Source: PreTrainedTokenizerBase.from_pretrained() of transformers 4.53 and later.
 */
#include "checkpoint_chat.h"
#include "torchless/mem.h"
#include "torchless/text.h"
#include "torchless/what_is.h"
#include "what_path.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER             "additional_chat_templates"
#define FURTHER_DEFAULT    FOLDER "/default.jinja"
#define MAIN_FILE          "chat_template.jinja"
#define MAX_TEMPLATE_BYTES ((size_t)16 << 20)

/* From the one that is preferred on. */
static const char *const defaults[] = { FURTHER_DEFAULT, MAIN_FILE };
#define N_DEFAULTS (sizeof(defaults) / sizeof(*defaults))

static void take(struct chat_file *chat, const char *name, struct text *text)
{
	chat->name = mem_strdup(name);
	chat->text = text->data ? text->data : mem_strdup("");
	chat->len = text->len;
	*text = (struct text){ 0 };
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* None is the default one: say which there are.  Takes the names. */
static void take_others(struct chat_file *chat, char **names, size_t n)
{
	struct text list = { 0 };

	if (n) {
		qsort(names, n, sizeof(*names), by_name);
		chat->name = mem_strdup(FOLDER);
	}
	for (size_t i = 0; i < n; i++) {
		text_adds(&list, i ? ", " : "");
		text_add_escaped(&list, names[i], strlen(names[i]));
		free(names[i]);
	}
	free(names);
	chat->others = list.data;
}

static bool is_template(const char *name)
{
	return fnmatch("*.jinja", name, 0) == 0;
}

/* What is not there is no template; of what cannot be looked at nobody knows. */
static int is_absent(const char *path, struct err *err)
{
	if (errno == ENOENT || errno == ENOTDIR)
		return 1;
	return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
}

static int find_others(struct chat_file *chat, const char *dir, struct err *err)
{
	struct text path = { 0 };
	const struct dirent *entry;
	char **names = NULL;
	size_t n = 0, cap = 0;
	DIR *d;
	int rc = 0;

	text_addf(&path, "%s/" FOLDER, dir);
	d = opendir(path.data);
	if (!d)
		rc = is_absent(path.data, err);
	for (errno = 0; d && (entry = readdir(d)); errno = 0) {
		if (!is_template(entry->d_name))
			continue;
		names = mem_grow(names, n, &cap, sizeof(*names));
		names[n++] = mem_strdup(entry->d_name);
	}
	if (d && errno)
		rc = err_set(err, ERR_IO, "%s: %s", path.data, strerror(errno));
	if (d)
		closedir(d);
	text_release(&path);
	take_others(chat, names, n);
	return rc < 0 ? rc : 0;
}

/* The text of a template's file; 1: there is none. */
static int read_template(struct text *t, const char *path, struct err *err)
{
	struct stat sb;

	if (stat(path, &sb))
		return is_absent(path, err);
	/* A FIFO would make us wait for ever, and a pointer of Git LFS is no template. */
	if (!S_ISREG(sb.st_mode))
		return err_set(err, ERR_FORMAT, "%s is no regular file", path);
	if (what_is_refuse(path, WHAT_TEMPLATE, err))
		return err->code;
	return text_read_file(t, path, MAX_TEMPLATE_BYTES, err);
}

int chat_file_of_directory(struct chat_file *chat, const char *dir, struct err *err)
{
	struct text path = { 0 }, text = { 0 };
	int rc = 1;

	for (size_t i = 0; i < N_DEFAULTS && rc == 1; i++) {
		text_clear(&path);
		text_addf(&path, "%s/%s", dir, defaults[i]);
		rc = read_template(&text, path.data, err);
		if (!rc)
			take(chat, defaults[i], &text);
		else if (rc == 1 && what_dangles(dir, defaults[i], err))
			rc = err->code;
	}
	text_release(&path);
	text_release(&text);
	return rc == 1 ? find_others(chat, dir, err) : rc;
}

void chat_file_of_metadata(struct chat_file *chat, const cJSON *metadata)
{
	const cJSON *item;
	char **names = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < N_DEFAULTS; i++) {
		const char *value = cJSON_GetStringValue(json_get(metadata, defaults[i]));
		struct text text = { 0 };

		if (!value)
			continue;
		text_adds(&text, value);
		take(chat, defaults[i], &text);
		return;
	}
	cJSON_ArrayForEach(item, metadata)
	{
		size_t folder = sizeof(FOLDER);

		if (strncmp(item->string, FOLDER "/", folder) != 0 ||
		    !is_template(item->string + folder))
			continue;
		names = mem_grow(names, n, &cap, sizeof(*names));
		names[n++] = mem_strdup(item->string + folder);
	}
	take_others(chat, names, n);
}

void chat_file_release(struct chat_file *chat)
{
	free(chat->name);
	free(chat->text);
	free(chat->others);
	*chat = (struct chat_file){ 0 };
}
