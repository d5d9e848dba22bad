/*
 * doctor.c -- `doctor`: what the lessons need, whether it is there, and what to type if it is not.
 */
#include "school.h"
#include "torchless/child.h"
#include "torchless/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS  10
#define MIN_FREE (64 << 20) /* bytes: recordings and kernels of all lessons */

struct doctor {
	struct school *d;
	int n_bad;
};

static void tell(struct doctor *doc, bool is_good, const char *what, const char *detail)
{
	const struct ui *ui = &doc->d->in->out;

	doc->n_bad += !is_good;
	school_styled(doc->d, is_good ? UI_GOOD : UI_WARN, "%s ",
		      is_good ? ui_sign(ui, "✓", "+") : ui_sign(ui, "✗", "x"));
	school_say(doc->d, 0, "%s: %s", what, detail);
}

/* ---- a compiler ---------------------------------------------------------------------------- */

/* A line of /etc/os-release, without its quotes. */
static bool read_release(const char *key, char *value, size_t size)
{
	struct text t = { 0 };
	struct err ignored;
	size_t n = strlen(key);
	bool found = false;

	if (text_read_file(&t, "/etc/os-release", 1 << 16, &ignored)) {
		text_release(&t);
		return false;
	}
	for (const char *s = t.data; *s && !found;) {
		size_t len = strcspn(s, "\n");

		if (!strncmp(s, key, n) && s[n] == '=') {
			const char *from = s + n + 1 + (s[n + 1] == '"');
			size_t m = strcspn(from, "\"\n");

			snprintf(value, size, "%.*s", (int)m, from);
			found = true;
		}
		s += len + (s[len] == '\n');
	}
	text_release(&t);
	return found;
}

/* The line that installs a compiler and the headers of C. */
static const char *install_line(void)
{
	static const struct {
		const char *id, *line;
	} systems[] = {
		{ "debian", "sudo apt install gcc libc6-dev" },
		{ "ubuntu", "sudo apt install gcc libc6-dev" },
		{ "fedora", "sudo dnf install gcc glibc-devel" },
		{ "rhel", "sudo dnf install gcc glibc-devel" },
		{ "arch", "sudo pacman -S gcc" },
		{ "alpine", "sudo apk add gcc musl-dev" },
		{ "suse", "sudo zypper install gcc glibc-devel" },
		{ "opensuse", "sudo zypper install gcc glibc-devel" },
		{ "void", "sudo xbps-install -S gcc" },
		{ "gentoo", "sudo emerge sys-devel/gcc" },
		{ "nixos", "nix-shell -p gcc" },
	};
	static const char *const keys[] = { "ID", "ID_LIKE" };

	for (size_t k = 0; k < 2; k++) {
		char value[128], *rest = NULL;

		if (!read_release(keys[k], value, sizeof(value)))
			continue;
		for (char *id = strtok_r(value, " ", &rest); id; id = strtok_r(NULL, " ", &rest))
			for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
				if (!strcmp(systems[i].id, id))
					return systems[i].line;
	}
	return access("/usr/bin/xcode-select", X_OK) == 0 ? "xcode-select --install" : NULL;
}

/* Whether it makes something of a kernel: headers of C may be missing although it is there. */
static bool compiles(const char *compiler)
{
	static const char source[] = "#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n"
				     "float tl_test(float x)\n{\n\treturn expf(x);\n}\n";
	char *const argv[] = { (char *)compiler, (char *)"-std=c11",      (char *)"-xc",
			       (char *)"-",      (char *)"-fsyntax-only", NULL };
	struct child c = { .argv = argv,
			   .input = source,
			   .input_len = sizeof(source) - 1,
			   .seconds = SECONDS,
			   .max_bytes = 1 << 16,
			   .max_said = 200 };
	bool done =
		child_run(&c) == CHILD_DONE && WIFEXITED(c.status) && WEXITSTATUS(c.status) == 0;

	child_release(&c);
	return done;
}

static void add_version(const char *compiler, struct text *out)
{
	char *const argv[] = { (char *)compiler, (char *)"--version", NULL };
	struct child c = {
		.argv = argv, .seconds = SECONDS, .max_bytes = 1 << 16, .max_said = 200
	};

	if (child_run(&c) == CHILD_DONE && c.output.data)
		text_add(out, c.output.data, strcspn(c.output.data, "\n"));
	else
		text_adds(out, compiler);
	child_release(&c);
}

static void look_for_compiler(struct doctor *doc)
{
	const char *own = getenv("CC"), *line;
	const char *const names[] = { own && *own && !strchr(own, ' ') ? own : "cc", "gcc", "clang",
				      "tcc" };
	struct text detail = { 0 };
	bool found = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !found; i++) {
		found = compiles(names[i]);
		if (found)
			add_version(names[i], &detail);
	}
	if (!found) {
		line = install_line();
		text_adds(&detail, "none that compiles a kernel was found in PATH; ");
		if (line)
			text_addf(&detail, "`%s` installs one", line);
		else
			text_adds(&detail, "install gcc or clang, with the headers of C");
	}
	tell(doc, found, "compiler", detail.data);
	text_release(&detail);
}

/* ---- folders ------------------------------------------------------------------------------- */

/* The nearest folder above that is there. */
static void add_existing(const char *path, struct text *out)
{
	struct stat sb;

	text_adds(out, path);
	while (out->len > 1 && stat(out->data, &sb) != 0) {
		while (out->len > 1 && out->data[out->len - 1] != '/')
			out->data[--out->len] = '\0';
		if (out->len > 1)
			out->data[--out->len] = '\0';
	}
}

/* Nothing is made: what is there is asked. */
static void look_at_folder(struct doctor *doc, const char *what, const char *path, bool is_file)
{
	struct text there = { 0 }, detail = { 0 };
	struct statvfs fs;
	struct stat sb;
	bool good = true;
	char bytes[32];

	add_existing(path, &there);
	good = stat(there.data, &sb) == 0 && access(there.data, W_OK) == 0 &&
	       (S_ISDIR(sb.st_mode) || (is_file && !strcmp(there.data, path)));
	text_adds(&detail, path);
	if (!good) {
		text_addf(&detail, " cannot be written%s%s",
			  strcmp(there.data, path) ? ": that is " : "",
			  strcmp(there.data, path) ? there.data : "");
		text_adds(&detail, "; --home DIR or $TORCHLESS_LESSON_HOME names another folder");
	} else if (statvfs(there.data, &fs) == 0 &&
		   (uint64_t)fs.f_bavail * fs.f_frsize < MIN_FREE) {
		good = false;
		text_addf(&detail, ": only %s are free there",
			  mem_format_bytes((int64_t)(fs.f_bavail * fs.f_frsize), bytes,
					   sizeof(bytes)));
	}
	tell(doc, good, what, detail.data);
	text_release(&there);
	text_release(&detail);
}

/* ---- the model ----------------------------------------------------------------------------- */

static void look_at_model(struct doctor *doc)
{
	struct school *d = doc->d;
	struct err err = { 0 };
	const char *environment = getenv("TORCHLESS_MODEL");

	if (school_open_engine(d, &err)) {
		tell(doc, false, "model", err.message);
		return;
	}
	tell(doc, true, "model", d->room.model);
	if (environment && *environment)
		school_say(
			d, 2,
			"$TORCHLESS_MODEL is set: what you type yourself runs on %s, and not on the model that "
			"the lessons speak of, unless you unset it.",
			environment);
}

int lesson_doctor(struct school *d, int n, const char *const *args, struct err *err)
{
	struct doctor doc = { .d = d };

	(void)n;
	(void)args;
	look_for_compiler(&doc);
	look_at_folder(&doc, "your files", d->places.home, false);
	look_at_folder(&doc, "progress", d->places.log, true);
	look_at_folder(&doc, "cache", d->places.cache, false);
	look_at_model(&doc);
	school_say(d, 2, "%s",
		   d->room.smollm2
			   ? "SmolLM2 is here, for the steps that run on it."
			   : "SmolLM2 is not here: the steps that run on it can be left out.");
	if (doc.n_bad == 0)
		school_what_next(d, d->learner.at);
	else
		d->in->exit_status = 3;
	return school_flush(d, err);
}
