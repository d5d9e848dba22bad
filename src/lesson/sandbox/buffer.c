/*
 * buffer.c -- arrays between pages that nobody may touch.
 *
 * A page is the least that can be guarded, an array seldom fills its last one: with its end at the
 * guard one element too far is seen at once, but one too early is not, and with its beginning there
 * the other way round.  So every check is run twice.
 */
/* For anonymous mappings.  NOLINTNEXTLINE(bugprone-reserved-identifier) */
#define _DEFAULT_SOURCE

#include "sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of either side: who is off by a row or by a factor of two still meets it. */
#define GUARD ((size_t)1 << 20)

int sandbox_map(struct sandbox_buffer *b, bool at_end, struct err *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size_t)b->n * b->size;
	size_t inside = (bytes + page - 1) / page * page;
	const uint32_t unwritten = SANDBOX_UNWRITTEN;

	b->map_bytes = inside + 2 * GUARD;
	b->map = mmap(NULL, b->map_bytes, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->map == MAP_FAILED ||
	    (inside > 0 && mprotect(b->map + GUARD, inside, PROT_READ | PROT_WRITE))) {
		if (b->map != MAP_FAILED)
			munmap(b->map, b->map_bytes);
		b->map = NULL;
		return err_set(err, ERR_MEMORY, "no memory for an array of %zu bytes: %s", bytes,
			       strerror(errno));
	}
	for (size_t i = 0; i + 4 <= inside; i += 4)
		memcpy(b->map + GUARD + i, &unwritten, 4);
	b->data = b->map + GUARD + (at_end ? inside - bytes : 0);
	/* Where elements are smaller than the pattern, it begins with the array. */
	for (size_t i = 0; i < bytes; i++)
		b->data[i] = (char)(unwritten >> 8 * (i % 4));
	return 0;
}

void sandbox_protect(const struct sandbox_buffer *buffers, int n)
{
	for (int i = 0; i < n; i++)
		if (buffers[i].access == SANDBOX_IN)
			mprotect(buffers[i].map + GUARD, buffers[i].map_bytes - 2 * GUARD,
				 PROT_READ);
}

void sandbox_unmap(struct sandbox_buffer *b)
{
	if (b->map)
		munmap(b->map, b->map_bytes);
	b->map = b->data = NULL;
}
