/*
 * places.c -- where a learner's files lie, the log, and what may be deleted.
 */
#include "torchless/learner.h"
#include "torchless/mem.h"

#include <stdlib.h>

static char *joined(const char *a, const char *b)
{
	struct text t = { 0 };

	text_addf(&t, "%s%s", a, b);
	return t.data;
}

/* Where $name says, else below the home directory. */
static char *below(const char *name, const char *home, const char *otherwise, const char *rest)
{
	const char *dir = getenv(name);
	struct text t = { 0 };

	/* A relative one is to be ignored: the XDG base directory specification. */
	if (dir && *dir == '/')
		text_addf(&t, "%s%s", dir, rest);
	else
		text_addf(&t, "%s/%s%s", home, otherwise, rest);
	return t.data;
}

static char *absolute(const char *path)
{
	char *here, *whole;

	if (*path == '/' || !(here = realpath(".", NULL)))
		return mem_strdup(path);
	whole = joined(here, "/");
	free(here);
	here = joined(whole, path);
	free(whole);
	return here;
}

int learner_places(struct learner_places *p, const char *named, struct err *err)
{
	const char *by_env = getenv("TORCHLESS_LESSON_HOME"), *home = getenv("HOME");

	*p = (struct learner_places){ .is_named = named != NULL };
	if (!named && by_env && *by_env)
		named = by_env;
	if (named && !*named)
		return err_set(err, ERR_USAGE, "--home is empty: name a folder");
	if (named) {
		p->home = absolute(named);
		p->log = joined(p->home, "/.torchless/course.log");
		p->cache = joined(p->home, "/.torchless/cache");
		return 0;
	}
	if (!home || *home != '/')
		return err_set(
			err, ERR_IO,
			"HOME is not set to a folder, so there is no folder for your files: name one with "
			"--home DIR or $TORCHLESS_LESSON_HOME");
	p->home = joined(home, "/torchless-lessons");
	p->log = below("XDG_STATE_HOME", home, ".local/state", "/torchless/lessons/course.log");
	p->cache = below("XDG_CACHE_HOME", home, ".cache", "/torchless/lessons");
	return 0;
}

void learner_places_release(struct learner_places *p)
{
	free(p->home);
	free(p->log);
	free(p->cache);
	*p = (struct learner_places){ 0 };
}
