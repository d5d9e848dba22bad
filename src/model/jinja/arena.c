/*
 * arena.c -- memory of an evaluation, its bounds, and how it ends early.
 *
 * Nothing is freed before the end, so that ending anywhere loses nothing.  What a template may use
 * of memory and of steps grows with what it was given: a long message is no reason to refuse it.
 */
#include "impl.h"

#include "torchless/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)64 << 10)
#define MIN_BYTES   ((size_t)64 << 20)
#define MIN_STEPS   20000000

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

/* ---- ending ---- */

/* Line and column of an offset; columns count characters. */
static void find_place(const struct jinja *j, uint32_t at, int *line, int *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < at && i < j->source_len; i++) {
		bool continues = ((unsigned char)j->source[i] & 0xc0) == 0x80;

		*column += !continues;
		if (j->source[i] == '\n') {
			++*line;
			*column = 1;
		}
	}
}

static _Noreturn void end(struct jinja *j, int code, uint32_t at, const char *fmt, va_list args)
{
	char sentence[800];
	int line, column;

	vsnprintf(sentence, sizeof(sentence), fmt, args);
	find_place(j, at, &line, &column);
	err_set(j->err, code, "%s, line %d, column %d: %s", j->where, line, column, sentence);
	longjmp(*j->end, 1);
}

_Noreturn void jinja_fail(struct jinja *j, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	end(j, ERR_FORMAT, j->at, fmt, args);
}

_Noreturn void jinja_fail_at(struct jinja *j, uint32_t at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	end(j, ERR_FORMAT, at, fmt, args);
}

static _Noreturn void end_without(struct jinja *j, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	end(j, ERR_MEMORY, j->at, fmt, args);
}

_Noreturn void jinja_fail_memory(struct jinja *j)
{
	end_without(j, "out of memory");
}

/* ---- memory ---- */

/* Before there is an evaluation to end, the program ends, as for any little memory. */
static struct chunk *new_chunk(struct jinja *j, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct chunk *c = j->end ? malloc(sizeof(*c) + size) : mem_calloc(1, sizeof(*c) + size);

	if (!c)
		jinja_fail_memory(j);
	*c = (struct chunk){ .next = j->chunks, .size = size };
	j->chunks = c;
	return c;
}

/* While values are given there is no limit yet, and no evaluation to end. */
void *jinja_alloc(struct jinja *j, size_t n, size_t size)
{
	size_t align = _Alignof(max_align_t), bytes;
	struct chunk *c = j->chunks;
	char *p;

	if (n > (SIZE_MAX >> 2) / (size ? size : 1) || (j->end && n * size > j->limit - j->used))
		jinja_fail(j, "the template needs more than %zu MB of memory", j->limit >> 20);
	bytes = (n * size + align - 1) / align * align;
	if (!c || c->size - c->used < bytes)
		c = new_chunk(j, bytes);
	p = c->data + c->used;
	c->used += bytes;
	j->used += bytes;
	if (j->end && j->used > j->limit)
		j->used = j->limit;
	return memset(p, 0, bytes);
}

void *jinja_grow(struct jinja *j, void *array, size_t n, size_t *cap, size_t size)
{
	void *larger;

	if (n < *cap)
		return array;
	*cap = *cap ? *cap * 2 : 4;
	larger = jinja_alloc(j, *cap, size);
	if (n)
		memcpy(larger, array, n * size);
	return larger;
}

void jinja_release_memory(struct jinja *j)
{
	while (j->chunks) {
		struct chunk *c = j->chunks;

		j->chunks = c->next;
		free(c);
	}
}

/* ---- bounds ---- */

void jinja_bound(struct jinja *j, size_t given)
{
	size_t more = given < SIZE_MAX / 128 ? given * 64 : SIZE_MAX / 2;

	j->limit = j->used + MIN_BYTES + more;
	j->steps = MIN_STEPS + (int64_t)(more < INT32_MAX ? more : INT32_MAX);
}

void jinja_work(struct jinja *j, size_t n)
{
	j->steps -= n < INT32_MAX ? (int64_t)n + 1 : INT32_MAX;
	if (j->steps < 0)
		jinja_fail(j, "the template takes too many steps: it seems not to end");
}

void jinja_enter(struct jinja *j)
{
	if (++j->depth > JINJA_MAX_DEPTH)
		jinja_fail(j, "the template nests or calls itself too deeply (%d levels)",
			   JINJA_MAX_DEPTH);
	jinja_work(j, 0);
}

void jinja_leave(struct jinja *j)
{
	j->depth--;
}

/* ---- text ---- */

static void make_room(struct jinja *j, struct buffer *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 32;
	char *larger;

	if (more <= b->cap - b->len)
		return;
	while (cap - b->len < more)
		cap *= 2;
	larger = jinja_alloc(j, cap, 1);
	if (b->len)
		memcpy(larger, b->data, b->len);
	b->data = larger;
	b->cap = cap;
}

void buffer_add(struct jinja *j, struct buffer *b, const char *data, size_t len)
{
	if (!len)
		return;
	jinja_work(j, len / 16);
	make_room(j, b, len);
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void buffer_adds(struct jinja *j, struct buffer *b, const char *s)
{
	buffer_add(j, b, s, strlen(s));
}

void buffer_addc(struct jinja *j, struct buffer *b, char c)
{
	buffer_add(j, b, &c, 1);
}
