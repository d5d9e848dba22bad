/*
 * library.c -- see library.h.
 *
 * Linked in the usual way, cairo and the twenty libraries under it would cost every command, run
 * and query alike, two milliseconds at its start.
 */
#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libcairo.so.2"

#if defined(__SANITIZE_ADDRESS__)
/*
 * fontconfig keeps the parts of a pattern by their distance from it.  The leak checker looks for
 * pointers, and takes for lost what cairo's caches hold.
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfontconfig.so\n";
}
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct cairo table;
static const char *missing; /* what is not there */
static char why[256];       /* the library cannot be loaded */

static void load(void)
{
	static const struct {
		const char *name;
		size_t at;
	} functions[] = {
#define CAIRO(name) { "cairo_" #name, offsetof(struct cairo, name) },
#include "cairo.def"
#undef CAIRO
	};
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL), *function;

	missing = library ? NULL : LIBRARY;
	if (!library)
		snprintf(why, sizeof(why), "%s", dlerror());
	for (size_t i = 0; library && i < sizeof(functions) / sizeof(functions[0]); i++) {
		function = dlsym(library, functions[i].name);
		if (!function)
			missing = functions[i].name;
		/* POSIX lets an object pointer of dlsym() be a function's; ISO C has no cast. */
		memcpy((char *)&table + functions[i].at, &function, sizeof(function));
	}
}

const struct cairo *cairo_library(struct err *err)
{
	pthread_once(&once, load);
	if (!missing)
		return &table;
	if (strcmp(missing, LIBRARY) == 0 && !strstr(why, "No such file"))
		err_set(err, ERR_TOOL, "a picture needs cairo, which cannot be loaded: %s", why);
	else if (strcmp(missing, LIBRARY) == 0)
		err_set(err, ERR_TOOL,
			"a picture needs cairo, and libcairo is not installed "
			"(apt-get install libcairo2)");
	else
		err_set(err, ERR_TOOL,
			"a picture needs a newer cairo than the " LIBRARY
			" that is installed, which has no %s()",
			missing);
	return NULL;
}

int cairo_failed(const struct cairo *c, cairo_status_t status, const char *doing, struct err *err)
{
	if (status == CAIRO_STATUS_SUCCESS)
		return 0;
	return err_set(err, status == CAIRO_STATUS_NO_MEMORY ? ERR_MEMORY : ERR_IO, "%s: cairo: %s",
		       doing, c->status_to_string(status));
}
