/*
 * test_tokenizer.c -- one tokenizer for all threads, under ThreadSanitizer: a plain program,
 * because Criterion aborts there.
 *
 * Threads begin together on texts of all scripts, so that they meet blocks of Unicode that the
 * automaton has not yet asked about, and take and give back encoders whose words they know.  Each
 * must see the ids that one thread alone had.
 */
#include "torchless/tokenizer.h"
#include "torchless/utf8.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_THREADS 6 /* more than the encoders that are kept */
#define N_ROUNDS  8
#define N_TEXTS   40

static const char byte_level[] =
	"{\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
	"\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"\xc4\xa0\":2,"
	"\"ab\":3,\"\xc4\xa0"
	"ab\":4},\"merges\":[\"a b\",\"\xc4\xa0 ab\"]}}";

static struct text texts[N_TEXTS];
static struct encoding expected[N_TEXTS];
static struct tokenizer *tok;
static pthread_barrier_t begin;

/* Words among the characters of some blocks, others each time. */
static void make_texts(void)
{
	for (uint32_t i = 0; i < N_TEXTS; i++)
		for (uint32_t k = 0; k < 400; k++) {
			uint32_t cp = (i * 401 + k * 97) % 0x30000;
			char utf8[4];

			text_addf(&texts[i], " ab%s", k % (i + 2) ? "ab" : "ba a");
			if (cp && (cp < 0xd800 || cp > 0xdfff))
				text_add(&texts[i], utf8, (size_t)utf8_encode(cp, utf8));
		}
}

static struct tokenizer *open_tokenizer(void)
{
	struct err err = { 0 };
	struct tokenizer *t =
		tokenizer_new(byte_level, sizeof(byte_level) - 1, NULL, "byte level", &err);

	if (!t) {
		fprintf(stderr, "%s\n", err.message);
		exit(1);
	}
	return t;
}

static bool encode(const struct tokenizer *t, int i, struct encoding *enc)
{
	struct err err = { 0 };

	return tokenizer_encode(t, texts[i].data, texts[i].len, 0, enc, &err) == 0;
}

/* How many texts had other tokens. */
static void *work(void *ctx)
{
	intptr_t wrong = 0;
	int first = (int)(intptr_t)ctx;

	pthread_barrier_wait(&begin);
	for (int k = 0; k < N_TEXTS; k++) {
		int i = (first + k) % N_TEXTS;
		struct encoding enc = { 0 };

		wrong += !encode(tok, i, &enc) || enc.n != expected[i].n ||
			 memcmp(enc.tokens, expected[i].tokens,
				(size_t)enc.n * sizeof(*enc.tokens)) != 0;
		encoding_release(&enc);
	}
	return (void *)wrong;
}

static intptr_t run_threads(void)
{
	pthread_t threads[N_THREADS];
	intptr_t wrong = 0;
	void *w;

	tok = open_tokenizer();
	pthread_barrier_init(&begin, NULL, N_THREADS);
	for (intptr_t i = 0; i < N_THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)(i / 2)))
			exit(1);
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], &w);
		wrong += (intptr_t)w;
	}
	pthread_barrier_destroy(&begin);
	tokenizer_free(tok);
	return wrong;
}

int main(void)
{
	struct tokenizer *alone = open_tokenizer();
	intptr_t wrong = 0;

	make_texts();
	for (int i = 0; i < N_TEXTS; i++)
		wrong += !encode(alone, i, &expected[i]) || expected[i].n < 400;
	tokenizer_free(alone);
	for (int round = 0; round < N_ROUNDS; round++)
		wrong += run_threads();
	for (int i = 0; i < N_TEXTS; i++) {
		encoding_release(&expected[i]);
		text_release(&texts[i]);
	}
	if (wrong)
		fprintf(stderr, "%ld texts had other tokens\n", (long)wrong);
	return wrong ? 1 : 0;
}
