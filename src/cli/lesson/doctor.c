/*
 * doctor.c -- `doctor`: what the lessons need, whether it is there, and what to type if it is not.
 */
#include "school.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

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

static void look_for_compiler(struct doctor *doc)
{
	const char *line = lesson_install_line();
	struct text detail = { 0 };
	struct err why;
	bool found = lesson_compiler(&detail, &why) == 0;

	if (!found) {
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
