/*
 * prompts.h -- the prompts of one command: its argument, or the lines of a --prompts file.
 */
#ifndef PROMPTS_H
#define PROMPTS_H

#include "torchless/cli.h"

/* One of text and ids is there. */
struct prompt {
	struct bytes text; /* data is NULL when the prompt is ids */
	int32_t *ids;
	int64_t n_ids;
	int64_t n;    /* tokens to generate; -1: what the command says */
	int64_t line; /* of the file, from 1; 0: the command's argument */
	char *id;     /* what the line calls itself, as JSON; NULL: nothing */
};

struct prompt_list {
	char *file; /* as errors name it */
	struct prompt *items;
	int64_t n;
	size_t cap;
	uint8_t hash[16]; /* XXH3-128 of the file's bytes */
};

/*
 * Read a file of one JSON object a line: {"prompt": TEXT} or {"ids": [INT, ...]}, and optionally
 * "id" (text or number) and "n".  Other keys are ignored, empty lines too.  "-" reads stdin.
 * ERR_FORMAT naming file and line, ERR_IO.  Release it whatever happens.
 */
int prompts_read(struct prompt_list *list, struct invocation *in, const char *path,
		 struct err *err);
void prompts_release(struct prompt_list *list);

#endif
