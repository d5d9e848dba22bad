/*
 * open.c -- what commands open: threads, kernels, the model, the prompt.
 *
 * Without --model and $TORCHLESS_MODEL the model that came with the program is looked for, first
 * beside the executable (a source tree or an installed prefix), then below the current directory.
 */
#include "torchless/cli.h"
#include "torchless/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void invocation_release(struct invocation *in)
{
	model_close(&in->model);
	threads_free(in->pool);
	text_release(&in->stdin_text);
	for (int id = 0; id < OPT_COUNT; id++)
		free(in->option[id].list);
	free(in->args);
	*in = (struct invocation){ 0 };
}

/* ---- threads and kernels ------------------------------------------------------------------ */

static int unknown_kernels(const char *isa, struct err *err)
{
	struct text names = { 0 };
	int r;

	for (int i = 0; kernels_all[i]; i++)
		if (kernels_all[i]->supported())
			text_addf(&names, "%s%s", names.len ? ", " : "", kernels_all[i]->isa);
	r = err_set(err, ERR_USAGE, "TORCHLESS_KERNELS is '%s' but this CPU and program have %s",
		    isa, names.data);
	text_release(&names);
	return r;
}

int invocation_open_kernels(struct invocation *in, struct err *err)
{
	const char *isa = getenv("TORCHLESS_KERNELS");
	int available = threads_available();
	int64_t n = option_int(in, OPT_THREADS, available);

	if (isa && !*isa)
		isa = NULL;
	in->kernels = kernels_select(isa);
	if (!in->kernels)
		return unknown_kernels(isa ? isa : "", err);
	if (n > available) {
		warn("%lld threads were asked for, but this process may use %d CPUs: using %d",
		     (long long)n, available, available);
		n = available;
	}
	in->pool = threads_new((int)n, err);
	return in->pool ? 0 : err->code;
}

/* ---- the model ---------------------------------------------------------------------------- */

/* Where a model may be, relative to the directory of the executable or to the current one. */
static const char *const beside_executable[] = {
	"lessons/model",
	"../../lessons/model", /* build/release/torchless */
	"../share/torchless/model",
	"models/smollm2-135m",
	"../../models/smollm2-135m",
};
static const char *const below_cwd[] = { "lessons/model", "models/smollm2-135m" };

static bool has_config(const char *dir)
{
	struct text path = { 0 };
	bool found;

	text_addf(&path, "%s/config.json", dir);
	found = access(path.data, R_OK) == 0;
	text_release(&path);
	return found;
}

static bool try_model(struct text *out, const char *base, const char *relative)
{
	text_clear(out);
	text_addf(out, "%s%s%s", base, *base ? "/" : "", relative);
	return has_config(out->data);
}

static bool executable_directory(char *dir, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", dir, size - 1);
	char *slash;

	if (n <= 0)
		return false;
	dir[n] = '\0';
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	return slash != NULL;
}

static int find_model(struct text *path, struct err *err)
{
	char dir[4096];

	if (executable_directory(dir, sizeof(dir)))
		for (size_t i = 0; i < sizeof(beside_executable) / sizeof(char *); i++)
			if (try_model(path, dir, beside_executable[i]))
				return 0;
	if (try_model(path, version_prefix, "share/torchless/model"))
		return 0;
	for (size_t i = 0; i < sizeof(below_cwd) / sizeof(char *); i++)
		if (try_model(path, "", below_cwd[i]))
			return 0;
	return err_set(err, ERR_IO,
		       "no model was found: give one with --model, or get SmolLM2-135M with "
		       "`make smollm2` in the source tree");
}

int invocation_open_model(struct invocation *in, unsigned parts, struct err *err)
{
	const char *environment = getenv("TORCHLESS_MODEL");
	const char *given =
		option_text(in, OPT_MODEL, environment && *environment ? environment : NULL);
	struct text path = { 0 };
	int r = given ? 0 : find_model(&path, err);

	if (r == 0)
		r = model_open(&in->model, given ? given : path.data, parts, err);
	text_release(&path);
	return r;
}

/* ---- text --------------------------------------------------------------------------------- */

static int read_stdin(struct text *t, struct err *err)
{
	char buf[65536];

	for (;;) {
		ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

		if (interrupted)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, ERR_IO, "cannot read standard input: %s",
				       strerror(errno));
		if (n == 0)
			return 0;
		text_add(t, buf, (size_t)n);
	}
}

int invocation_text(struct invocation *in, int i, struct bytes *out, struct err *err)
{
	if (!strcmp(in->args[i], "-"))
		return invocation_stdin(in, out, err);
	*out = (struct bytes){ in->args[i], strlen(in->args[i]) };
	return 0;
}

int invocation_stdin(struct invocation *in, struct bytes *out, struct err *err)
{
	if (!in->stdin_text.data && read_stdin(&in->stdin_text, err))
		return err->code;
	*out = (struct bytes){ in->stdin_text.data ? in->stdin_text.data : "", in->stdin_text.len };
	return 0;
}

void warn_dropped(const struct invocation *in, const char *where, struct bytes text,
		  const struct encoding *enc)
{
	if (!option_on(in, OPT_QUIET) && enc->n_dropped > 0 && enc->first_dropped_at >= 0 &&
	    (size_t)enc->first_dropped_at < text.len)
		warn("%s%lld byte%s dropped, the vocabulary has no token for %s: the first is "
		     "0x%02x at byte %lld",
		     where, (long long)enc->n_dropped, enc->n_dropped == 1 ? " was" : "s were",
		     enc->n_dropped == 1 ? "it" : "them",
		     (unsigned char)text.data[enc->first_dropped_at],
		     (long long)enc->first_dropped_at);
}
