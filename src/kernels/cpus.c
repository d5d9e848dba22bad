/*
 * cpus.c -- how many CPUs this process may really use.
 *
 * The affinity mask (taskset, cpusets) says where threads may run, the cgroup's quota (containers,
 * systemd) how much time they get there.  More threads than either only wait for each other.
 * Whatever cannot be read does not limit.
 */
/* For sched_getaffinity and CPU_ALLOC.  NOLINTNEXTLINE(bugprone-reserved-identifier) */
#define _GNU_SOURCE
#include "this_cpu.h"

#include "torchless/threads.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int online_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > INT_MAX ? INT_MAX : (int)n;
}

#ifdef __linux__

/* The kernel refuses a mask that is too small for it: grow until it fits. */
static int affinity_cpus(void)
{
	for (int n = 1024; n <= 1 << 20; n *= 4) {
		cpu_set_t *set = CPU_ALLOC((size_t)n);
		size_t size = CPU_ALLOC_SIZE((size_t)n);
		int count = 0;

		if (!set)
			break;
		if (sched_getaffinity(0, size, set) == 0)
			count = CPU_COUNT_S(size, set);
		CPU_FREE(set);
		if (count > 0)
			return count;
	}
	return online_cpus();
}

int this_cpu(void)
{
	return sched_getcpu();
}

/* A mask without the CPU moves the thread at once; the mask as it was keeps nobody from moving it.
 */
bool leave_cpu(int cpu)
{
	cpu_set_t all, others;
	bool left;

	if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getcpu() != cpu ||
	    sched_getaffinity(0, sizeof(all), &all))
		return false;
	others = all;
	CPU_CLR((unsigned)cpu, &others);
	left = CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof(others), &others) == 0;
	if (left)
		sched_setaffinity(0, sizeof(all), &all);
	return left;
}

/* Read the first line of `path`; false when there is none. */
static bool read_line(const char *path, char *line, int size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(line, size, f);

	if (f)
		fclose(f);
	return ok;
}

/* Read the first line of a file in `dir`, which has room for its name. */
static bool read_line_in(char *dir, const char *file, char *line, int size)
{
	size_t len = strlen(dir);
	bool ok;

	memcpy(dir + len, file, strlen(file) + 1);
	ok = read_line(dir, line, size);
	dir[len] = '\0';
	return ok;
}

/* CPUs that a cgroup's directory allows, rounded up; INT_MAX without a limit. */
static int directory_cpus(char *dir)
{
	char line[64];
	long long quota = -1, period = 0;

	/* v2: "max 100000" or "150000 100000" */
	if (read_line_in(dir, "/cpu.max", line, sizeof(line))) {
		if (sscanf(line, "%lld %lld", &quota, &period) != 2)
			return INT_MAX;
	} else { /* v1: two files, a quota of -1 is none */
		if (!read_line_in(dir, "/cpu.cfs_quota_us", line, sizeof(line)) ||
		    sscanf(line, "%lld", &quota) != 1)
			return INT_MAX;
		if (!read_line_in(dir, "/cpu.cfs_period_us", line, sizeof(line)) ||
		    sscanf(line, "%lld", &period) != 1)
			return INT_MAX;
	}
	if (quota <= 0 || period <= 0 || quota / period >= INT_MAX)
		return INT_MAX;
	return (int)((quota + period - 1) / period);
}

/* The tightest limit of the group `path` below `mount` and of all groups above it. */
static int group_cpus(const char *mount, const char *path)
{
	char dir[PATH_MAX + 32]; /* and the name of a file */
	size_t root = strlen(mount);
	int cpus = INT_MAX;

	snprintf(dir, PATH_MAX, "%s%s", mount, path);
	for (;;) {
		int here = directory_cpus(dir);
		char *slash = strrchr(dir, '/');

		if (here < cpus)
			cpus = here;
		if (strlen(dir) <= root || !slash)
			return cpus;
		*slash = '\0';
	}
}

/* Does a v1 controller list such as "cpu,cpuacct" hold "cpu"? */
static bool has_cpu(const char *controllers)
{
	size_t n;

	for (const char *p = controllers; *p; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		if (n == 3 && strncmp(p, "cpu", 3) == 0)
			return true;
	}
	return false;
}

/* Lines of /proc/self/cgroup are "id:controllers:path"; v2's has no controllers. */
static int quota_cpus(void)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	int cpus = INT_MAX;

	while (f && fgets(line, sizeof(line), f)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;
		int group = INT_MAX;

		if (!path)
			continue;
		*path++ = '\0';
		controllers++;
		path[strcspn(path, "\n")] = '\0';
		if (*controllers == '\0')
			group = group_cpus("/sys/fs/cgroup", path);
		else if (has_cpu(controllers))
			group = group_cpus("/sys/fs/cgroup/cpu", path);
		if (group < cpus)
			cpus = group;
	}
	if (f)
		fclose(f);
	return cpus;
}

int threads_available(void)
{
	int cpus = affinity_cpus();
	int quota = quota_cpus();

	return quota < cpus ? quota : cpus;
}

#else

int threads_available(void)
{
	return online_cpus();
}

int this_cpu(void)
{
	return -1;
}

bool leave_cpu(int cpu)
{
	(void)cpu;
	return false;
}

#endif
