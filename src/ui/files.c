/* files.c -- candidates that are names of files. */
#include "torchless/line.h"
#include "torchless/mem.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES 20000 /* of a directory that are looked at */

/* A directory that is too long to be read puts nothing in. */
void candidates_add_files(struct candidates *c, const char *word)
{
	const char *slash = strrchr(word, '/');
	size_t head = slash ? (size_t)(slash + 1 - word) : 0;
	char *directory = head ? mem_memdup(word, head) : mem_strdup(".");
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
		candidates_add(c, name.data);
		text_release(&name);
	}
	if (n > MAX_FILES)
		c->common = strlen(word);
	if (dir)
		closedir(dir);
	free(directory);
}
