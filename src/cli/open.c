/*
 * open.c -- what commands open: threads, kernels, the model, the prompt.
 *
 * Without --model and $TORCHLESS_MODEL it is the model that comes with the program: lessons/model
 * of a source tree, share/torchless/model of an installed prefix, wherever the command is given.
 */
#include "torchless/called.h"
#include "torchless/cli.h"
#include "torchless/generation.h"
#include "torchless/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void invocation_release(struct invocation *in)
{
	model_close(&in->model);
	threads_free(in->pool);
	text_release(&in->stdin_text);
	for (int id = 0; id < OPT_COUNT; id++) {
		free(in->option[id].list);
		free(in->option[id].order);
	}
	free(in->args);
	*in = (struct invocation){ 0 };
}

/* ---- threads and kernels ------------------------------------------------------------------ */

static int unknown_kernels(const char *isa, struct err *err)
{
	struct text names = { 0 };
	int r;

	kernels_add_names(&names, ", ");
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
		warn("%lld threads were asked for, but this process may use %d %s: using %d",
		     (long long)n, available, plural(available, "CPU", "CPUs"), available);
		n = available;
	}
	in->pool = threads_new((int)n, err);
	return in->pool ? 0 : err->code;
}

/* ---- the model ---------------------------------------------------------------------------- */

/*
 * Where the model that comes with the program lies, seen from the directory of the executable, so
 * that a tree or a prefix can be moved.
 */
static const struct {
	int up; /* directories */
	const char *path;
} beside_executable[] = {
	{ 0, "lessons/model" },         /* ./torchless of a source tree */
	{ 2, "lessons/model" },         /* build/release/torchless */
	{ 1, "share/torchless/model" }, /* bin/torchless of a prefix */
};

/* dir/relative, seen from `up` directories above; of "/a", two above is "/". */
static void add_path(struct text *t, const struct text *dir, int up, const char *relative)
{
	size_t len = dir->len;

	for (; up > 0; up--)
		while (len > 0 && dir->data[--len] != '/')
			;
	text_add(t, dir->data ? dir->data : "", len);
	text_addf(t, "/%s", relative);
}

/* Whether `dir` holds a model; what was looked for, once each, is added to `tried`. */
static bool try_model(const char *dir, struct text *tried)
{
	struct text config = { 0 };
	bool is_there;

	text_addf(&config, "%s/config.json", dir);
	is_there = access(config.data, R_OK) == 0;
	if (!tried->len || !strstr(tried->data, dir))
		text_addf(tried, "%s%s", tried->len ? ", " : "", dir);
	text_release(&config);
	return is_there;
}

static int find_model(const char *called, struct text *path, struct err *err)
{
	struct text tried = { 0 }, dir = { 0 };
	char executable[PATH_MAX];
	bool found = false;

	if (called_directory(called, executable, sizeof(executable))) {
		text_adds(&dir, executable);
		for (size_t i = 0;
		     i < sizeof(beside_executable) / sizeof(*beside_executable) && !found; i++) {
			text_clear(path);
			add_path(path, &dir, beside_executable[i].up, beside_executable[i].path);
			found = try_model(path->data, &tried);
		}
	}
	if (!found) {
		text_clear(path);
		text_addf(path, "%s/share/torchless/model", version_prefix);
		found = try_model(path->data, &tried);
	}
	if (!found)
		err_set(err, ERR_IO,
			"the model that comes with torchless is in none of %.600s: run `make "
			"install` in its source tree, which puts it there, or name another with --model or $TORCHLESS_MODEL",
			tried.data);
	text_release(&tried);
	text_release(&dir);
	return found ? 0 : err->code;
}

int invocation_own_model(const struct invocation *in, struct text *path, struct err *err)
{
	return find_model(in->argc > 0 ? in->argv[0] : "", path, err);
}

static void tell_of_tokenizer(const struct invocation *in)
{
	const char *sentence;
	bool is_warning;

	for (size_t i = 0; (sentence = tokenizer_note(in->model.tokenizer, i, &is_warning)); i++) {
		if (!is_warning)
			note(in, "%s", sentence);
		else if (!option_on(in, OPT_QUIET))
			warn("%s", sentence);
	}
}

bool invocation_is_default_model(const struct invocation *in, const char *path)
{
	const char *environment = getenv("TORCHLESS_MODEL");
	struct text own = { 0 };
	struct err ignored = { 0 };
	struct stat a, b;
	bool same = false;

	if (environment && *environment)
		text_adds(&own, environment);
	else
		find_model(in->argc > 0 ? in->argv[0] : "", &own, &ignored);
	if (own.len)
		same = !stat(own.data, &a) && !stat(path, &b) && a.st_dev == b.st_dev &&
		       a.st_ino == b.st_ino;
	text_release(&own);
	return same;
}

int invocation_open_model(struct invocation *in, unsigned parts, struct err *err)
{
	const char *environment = getenv("TORCHLESS_MODEL");
	const char *given =
		option_text(in, OPT_MODEL, environment && *environment ? environment : NULL);
	struct text path = { 0 };
	int r = given ? 0 : find_model(in->argc > 0 ? in->argv[0] : "", &path, err);

	in->model_is_ours = !given;
	if (r == 0)
		r = model_open(&in->model, given ? given : path.data, parts, err);
	text_release(&path);
	if (r == 0 && in->model.tokenizer)
		tell_of_tokenizer(in);
	return r;
}

/* ---- text --------------------------------------------------------------------------------- */

static int read_stdin(struct text *t, struct err *err)
{
	char buf[4096];

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

void warn_dropped(const struct invocation *in, struct bytes text, const struct encoding *enc)
{
	struct text t = { 0 };

	if (!option_on(in, OPT_QUIET))
		encoding_add_dropped(&t, enc, text);
	if (t.len)
		warn("%s", t.data);
	text_release(&t);
}
