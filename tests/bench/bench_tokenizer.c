/*
 * bench_tokenizer.c -- how fast text becomes ids, on one thread.
 *
 *	bench_tokenizer [--json]     the tokenizer of lessons/model on a document, in pieces of 4 kB
 *	bench_tokenizer --serve DIR  that of DIR on what it is told; tests/bench/tokenizer.py asks
 *
 * --serve reads a command a line and answers each with a line: "load FILE" takes pieces, each
 * behind its length in four bytes; "encode FROM TO" encodes those of the pieces, one after another,
 * and says the nanoseconds (of processor time) from text to ids and offsets, memory given back;
 *"ids FROM TO FILE" writes of each four bytes of its number of ids, then the ids.
 */
#include "torchless/clock.h"
#include "torchless/mem.h"
#include "torchless/text.h"
#include "torchless/tokenizer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS    21
#define PIECE     4096
#define MAX_BYTES ((size_t)1 << 30)

struct piece_list {
	struct bytes *at;
	size_t n, cap;
};

static _Noreturn void give_up(const char *sentence)
{
	fprintf(stderr, "bench_tokenizer: %s\n", sentence);
	exit(3);
}

static struct tokenizer *open_tokenizer(const char *dir)
{
	struct text path = { 0 }, json = { 0 };
	struct tokenizer_texts texts = { .raw = true };
	struct tokenizer *tok;
	struct err err = { 0 };

	text_addf(&path, "%s/tokenizer.json", dir);
	if (text_read_file(&json, path.data, MAX_BYTES, &err))
		give_up(err.message);
	texts.tokenizer = (struct bytes){ json.data, json.len };
	tok = tokenizer_open(&texts, path.data, &err);
	if (!tok)
		give_up(err.message);
	text_release(&path);
	text_release(&json);
	return tok;
}

static void piece_add(struct piece_list *list, const char *s, size_t len)
{
	list->at = mem_grow(list->at, list->n, &list->cap, sizeof(*list->at));
	list->at[list->n++] = (struct bytes){ s, len };
}

/* Encode pieces[from..to); their ids are appended to `ids`, which may be NULL.  Nanoseconds. */
static int64_t encode(const struct tokenizer *tok, const struct piece_list *list, size_t from,
		      size_t to, struct text *ids)
{
	int64_t start = clock_thread_ns();

	for (size_t i = from; i < to && i < list->n; i++) {
		struct encoding enc = { 0 };
		struct err err = { 0 };

		if (tokenizer_encode(tok, list->at[i].data, list->at[i].len, 0, &enc, &err))
			give_up(err.message);
		if (ids) {
			text_add(ids, &(uint32_t){ (uint32_t)enc.n }, sizeof(uint32_t));
			for (int64_t k = 0; k < enc.n; k++)
				text_add(ids, &enc.tokens[k].id, sizeof(enc.tokens[k].id));
		}
		encoding_release(&enc);
	}
	return clock_thread_ns() - start;
}

/* ---- --serve ---- */

static void load(struct piece_list *list, struct text *file, const char *path)
{
	struct err err = { 0 };
	uint32_t len;

	list->n = 0;
	text_clear(file);
	if (text_read_file(file, path, MAX_BYTES, &err))
		give_up(err.message);
	for (size_t at = 0; file->len - at >= sizeof(len); at += len) {
		memcpy(&len, file->data + at, sizeof(len));
		at += sizeof(len);
		if (len > file->len - at)
			give_up("a piece is cut short");
		piece_add(list, file->data + at, len);
	}
	printf("%zu\n", list->n);
}

static void write_ids(const struct tokenizer *tok, const struct piece_list *list, size_t from,
		      size_t to, const char *path)
{
	struct text ids = { 0 };
	struct err err = { 0 };

	encode(tok, list, from, to, &ids);
	if (text_write_file(path, ids.data ? ids.data : "", ids.len, &err))
		give_up(err.message);
	text_release(&ids);
	printf("%zu\n", to - from);
}

static void serve(const struct tokenizer *tok)
{
	struct piece_list list = { 0 };
	struct text file = { 0 };
	char line[4200], path[4096];
	size_t from, to;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "load %4095s", path) == 1)
			load(&list, &file, path);
		else if (sscanf(line, "encode %zu %zu", &from, &to) == 2)
			printf("%" PRId64 "\n", encode(tok, &list, from, to, NULL));
		else if (sscanf(line, "ids %zu %zu %4095s", &from, &to, path) == 3)
			write_ids(tok, &list, from, to, path);
		else
			give_up("no such command");
		fflush(stdout);
	}
	free(list.at);
	text_release(&file);
}

/* ---- alone ---- */

static int compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void measure(const struct tokenizer *tok, bool json)
{
	static const char document[] = "docs/tokenizers.md";
	struct piece_list list = { 0 };
	struct text file = { 0 };
	struct err err = { 0 };
	int64_t times[ROUNDS];
	double rate;

	if (text_read_file(&file, document, MAX_BYTES, &err))
		give_up(err.message);
	for (size_t at = 0; at < file.len; at += PIECE)
		piece_add(&list, file.data + at, file.len - at < PIECE ? file.len - at : PIECE);
	for (int i = 0; i < ROUNDS; i++)
		times[i] = encode(tok, &list, 0, list.n, NULL);
	qsort(times, ROUNDS, sizeof(*times), compare_times);
	rate = (double)file.len * 1e3 / (double)times[ROUNDS / 2];
	if (json)
		printf("{\"bench\": \"tokenizer\", \"text\": \"%s\", \"MB_per_s\": %.2f}\n",
		       document, rate);
	else
		printf("tokenizer of lessons/model, %s in pieces of %d bytes: %.1f MB/s\n",
		       document, PIECE, rate);
	free(list.at);
	text_release(&file);
}

int main(int argc, char **argv)
{
	bool served = argc == 3 && strcmp(argv[1], "--serve") == 0;
	struct tokenizer *tok = open_tokenizer(served ? argv[2] : "lessons/model");

	if (served)
		serve(tok);
	else
		measure(tok, argc == 2 && strcmp(argv[1], "--json") == 0);
	tokenizer_free(tok);
	return 0;
}
