/*
 * mem.c -- allocation, checked sizes, and how much memory there is.
 *
 * Nothing here trusts a size: products are checked before they are used, and a product that
 * overflows is treated as memory that is not there.
 */
#include "torchless/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void report_and_exit(size_t bytes)
{
	fprintf(stderr, "torchless: out of memory (%zu bytes were asked for)\n", bytes);
	_exit(3);
}

void (*mem_out_of_memory)(size_t bytes) = report_and_exit;

void *mem_or_die(void *p, size_t bytes)
{
	if (!p) {
		mem_out_of_memory(bytes);
		abort();
	}
	return p;
}

/* n * size, SIZE_MAX when that overflows (no allocator grants it); never 0, so never NULL. */
static size_t array_bytes(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return SIZE_MAX;
	return bytes ? bytes : 1;
}

void *mem_calloc(size_t n, size_t size)
{
	size_t bytes = array_bytes(n, size);

	return mem_or_die(bytes == SIZE_MAX ? NULL : calloc(1, bytes), bytes);
}

void *mem_realloc(void *p, size_t n, size_t size)
{
	size_t bytes = array_bytes(n, size);

	return mem_or_die(bytes == SIZE_MAX ? NULL : realloc(p, bytes), bytes);
}

void *mem_grow(void *array, size_t n, size_t *cap, size_t size)
{
	assert(n <= *cap);
	if (n < *cap)
		return array;
	*cap = *cap ? *cap * 2 : 8;
	return mem_realloc(array, *cap, size);
}

char *mem_memdup(const void *data, size_t len)
{
	char *copy = mem_realloc(NULL, len == SIZE_MAX ? len : len + 1, 1);

	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

char *mem_strdup(const char *s)
{
	return mem_memdup(s, strlen(s));
}

void *mem_try_aligned(size_t bytes)
{
	void *p;

	if (bytes > SIZE_MAX - 64)
		return NULL;
	return posix_memalign(&p, 64, bytes ? bytes : 64) ? NULL : p;
}

bool mem_mul(int64_t a, int64_t b, int64_t *out)
{
	return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, out);
}

bool mem_add(int64_t a, int64_t b, int64_t *out)
{
	return a >= 0 && b >= 0 && !__builtin_add_overflow(a, b, out);
}

/* The number after `key` in a file of "key value" lines, or alone in it when key is ""; -1. */
static int64_t read_number(const char *path, const char *key)
{
	char line[256];
	int64_t value = -1;
	size_t len = strlen(key);
	FILE *f = fopen(path, "re");

	if (!f)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, len) && sscanf(line + len, " %" SCNd64, &value) != 1)
			value = -1;
	}
	fclose(f);
	return value;
}

#define MOUNT "/sys/fs/cgroup"

/* The number in a file of the control group whose folder is dir[0..len), which has room for it. */
static int64_t group_number(char *dir, size_t len, const char *file, const char *key)
{
	int64_t number;

	memcpy(dir + len, file, strlen(file) + 1);
	number = read_number(dir, key);
	dir[len] = '\0';
	return number;
}

/* What a control group still allows; page cache counts as free.  INT64_MAX: no limit. */
static int64_t cgroup_room(char *dir)
{
	size_t len = strlen(dir);
	int64_t limit = group_number(dir, len, "/memory.max", "");
	int64_t used = group_number(dir, len, "/memory.current", ""), file;

	if (limit < 0 || used < 0)
		return INT64_MAX;
	file = group_number(dir, len, "/memory.stat", "file ");
	used -= file > 0 && file < used ? file : 0;
	return limit > used ? limit - used : 0;
}

/* The least room of this process's control group and those around it (cgroup v2). */
static int64_t all_cgroups_room(void)
{
	/* "0::/PATH" is read so that the mount point then stands before the path. */
	char dir[4096 + 32], *line = dir + sizeof(MOUNT) - 1 - 3;
	int64_t least = INT64_MAX;
	FILE *f = fopen("/proc/self/cgroup", "re");

	if (!f)
		return least;
	while (fgets(line, 4096, f)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		memcpy(dir, MOUNT, sizeof(MOUNT) - 1);
		for (char *end = dir + strlen(dir); end;
		     end = strrchr(dir + sizeof(MOUNT) - 1, '/')) {
			*end = '\0';
			int64_t room = cgroup_room(dir);
			least = room < least ? room : least;
		}
	}
	fclose(f);
	return least;
}

int64_t mem_available_bytes(void)
{
	int64_t kib = read_number("/proc/meminfo", "MemAvailable:");
	int64_t room = all_cgroups_room();
	int64_t limit = read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", "");
	int64_t used = read_number("/sys/fs/cgroup/memory/memory.usage_in_bytes", "");

	/* cgroup v1, where containers see their own group at the root. */
	if (limit >= 0 && used >= 0 && limit - used < room)
		room = limit > used ? limit - used : 0;
	if (kib < 0)
		return room == INT64_MAX ? -1 : room;
	return kib * 1024 < room ? kib * 1024 : room;
}

const char *mem_format_bytes(int64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double x = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 0) {
		snprintf(buf, size, "unknown");
		return buf;
	}
	if (bytes < 1000) {
		snprintf(buf, size, "%" PRId64 " B", bytes);
		return buf;
	}
	/* 999.95 would print as 1000.0. */
	for (; x >= 999.95 && unit < 5; unit++)
		x /= 1000;
	snprintf(buf, size, "%.1f %s", x, units[unit]);
	return buf;
}
