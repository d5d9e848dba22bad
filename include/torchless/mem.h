/*
 * mem.h -- memory for small things, and a check of sizes.
 *
 * Two kinds of allocation live in torchless.  Small bookkeeping (names, tables, text) cannot
 * usefully fail: mem_*() ends the program through the handler that main() installs when the
 * system has not even that.  Large, input-dependent memory (weights, activations, KV cache)
 * fails with ERR_MEMORY and numbers: use mem_try() and report.
 */
#ifndef TORCHLESS_MEM_H
#define TORCHLESS_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called when a small allocation fails; must not return.  The default writes a line and _exit(3)s.
 */
extern void (*mem_out_of_memory)(size_t bytes);

/* What a library allocated; NULL is a small allocation of about so many bytes that failed. */
__attribute__((returns_nonnull)) void *mem_or_die(void *p, size_t bytes);
#define MEM_XXH_STATE 576 /* of xxHash, whose states allocate themselves */

/* Zeroed memory of n * size bytes; free() it.  Never NULL. */
__attribute__((returns_nonnull)) void *mem_calloc(size_t n, size_t size);

/* Like realloc for an array of n elements; never NULL. */
__attribute__((returns_nonnull)) void *mem_realloc(void *p, size_t n, size_t size);

/*
 * Make room for one more element in an array that holds `n` and has room for `*cap`;
 * returns the (moved) array.  Doubles, so appending is O(1) on average.
 */
__attribute__((returns_nonnull)) void *mem_grow(void *array, size_t n, size_t *cap, size_t size);

__attribute__((returns_nonnull)) char *mem_strdup(const char *s);

/* A NUL-terminated copy of `len` bytes (which may hold NULs themselves). */
__attribute__((returns_nonnull)) char *mem_memdup(const void *data, size_t len);

/* Uninitialised, 64-byte aligned memory, NULL when there is none; free() it. */
void *mem_try_aligned(size_t bytes);

/* *out = a * b (or a + b); false on overflow or when an operand is negative. */
bool mem_mul(int64_t a, int64_t b, int64_t *out);
bool mem_add(int64_t a, int64_t b, int64_t *out);

/* Bytes this process may still use: MemAvailable, capped by the cgroup's limit; -1 if unknown. */
int64_t mem_available_bytes(void);

/* Write "3.1 MB" (powers of 1000, as df -H) into buf; returns buf. */
const char *mem_format_bytes(int64_t bytes, char *buf, size_t size);

#endif
