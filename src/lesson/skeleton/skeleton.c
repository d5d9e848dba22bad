/*
 * skeleton.c -- the files of a new lesson.
 *
 * What is to be written stands in them as comments that are no text, so that `lesson dev check`
 * finds each empty place by the rules it has for every lesson.  In the templates @N is the lesson's
 * number, @L its name, @K the kernel's symbol.
 */
#include "torchless/lesson_new.h"

#include "../kernels/kernel.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char checks_conf[] =
	"minutes = \"45\"\n"
	"title = \"@L\"\n"
	"needs = \"\"\n"
	"\n"
	"[trace main]\n"
	"prompt = \"The capital of France is\"\n"
	"n = \"1\"\n"
	"capture = \"*\"\n"
	"\n"
	"[trace hidden]\n"
	"prompt = \"The day after Sunday is\"\n"
	"n = \"1\"\n"
	"capture = \"*\"\n"
	"\n"
	"[@L-guess]\n"
	"kind = \"predict\"\n"
	"title = \"before you run it\"\n"
	"choices = \"yes no\"\n"
	"answer = \"SELECT CASE WHEN count(*) > 0 THEN 'yes' ELSE 'no' END FROM v_token\"\n"
	"wrong.no = \"\"\n"
	"why = \"\"\n";

static const char kernel_conf[] = "\n"
				  "[@L-kernel]\n"
				  "kind = \"kernel\"\n"
				  "title = \"in C\"\n"
				  "kernel = \"@K\"\n"
				  "file = \"@L.c\"\n"
				  "hardest = \"yes\"\n"
				  "why = \"\"\n";

/* The other kinds, each with a heading of its own in lesson.md and its hints. */
static const char other_conf[] = "\n"
				 "# [@L-value]\n"
				 "# kind = \"value\"\n"
				 "# title = \"\"\n"
				 "# answer = \"SELECT …\"\n"
				 "# wrong.other = \"SELECT …\"\n"
				 "# wrong.other.says = \"\"\n"
				 "\n"
				 "# [@L-query]\n"
				 "# kind = \"sql\"\n"
				 "# title = \"\"\n"
				 "# columns = \"layer l2\"\n"
				 "# answer = \"SELECT …\"\n"
				 "# wrong.other = \"SELECT …\"\n"
				 "# wrong.other.says = \"\"\n"
				 "# equivalent.join = \"SELECT …\"\n"
				 "\n"
				 "# [trace sick]\n"
				 "# prompt = \"The capital of France is\"\n"
				 "# capture = \"*\"\n"
				 "# bugs = \"rope_pairs softmax_no_max\"\n"
				 "# draw = \"@L\"\n"
				 "# given = \"yes\"\n"
				 "#\n"
				 "# [@L-lab]\n"
				 "# kind = \"locate\"\n"
				 "# title = \"\"\n"
				 "# patients = \"sick\"\n"
				 "# choices = \"rope_pairs softmax_no_max\"\n"
				 "# choice.rope_pairs = \"\"\n"
				 "# choice.softmax_no_max = \"\"\n"
				 "\n"
				 "# [@L-speed]\n"
				 "# kind = \"bench\"\n"
				 "# title = \"\"\n"
				 "# what = \"decode\"\n"
				 "\n"
				 "# [@L-together]\n"
				 "# kind = \"milestone\"\n"
				 "# title = \"\"\n"
				 "# kernels = \"rope scores softmax\"\n";

static const char lesson_md[] =
	"# @N @L\n"
	"\n"
	"*About 45 minutes. Before it: nothing.*\n"
	"\n"
	"## What it is\n"
	"\n"
	"<!-- The idea, and a picture: ![what one sees](@L.png), which the step below writes. -->\n"
	"\n"
	"```sh step=picture\n"
	"torchless trace -q -n 1 --capture '*' -o @L.db \"The capital of France is\"\n"
	"torchless show L1.attn.pattern -t @L.db --png @L.png\n"
	"```\n"
	"\n"
	"## Predict\n"
	"\n"
	"### Exercise @L-guess: before you run it\n"
	"\n"
	"<!-- The question, and what each choice means. -->\n"
	"\n"
	"## See it run\n"
	"\n"
	"<!-- A step: ```sh step=NAME, and below it ```text output=NAME; --write fills it. -->\n"
	"\n"
	"## Step through it\n"
	"\n"
	"<!-- A step with torchless debug -batch -ex '…'. -->\n"
	"\n"
	"## Ask the recording\n"
	"\n"
	"<!-- A step with torchless query -box, or an exercise in SQL. -->\n";

static const char kernel_md[] = "\n"
				"## Write it\n"
				"\n"
				"### Exercise @L-kernel: in C\n"
				"\n"
				"<!-- What the function takes and gives, with shapes. -->\n";

static const char end_md[] =
	"\n"
	"## On SmolLM2\n"
	"\n"
	"<!-- A step with -m \"$SMOLLM2\": ```sh step=NAME smollm2. -->\n"
	"\n"
	"## What people believe\n"
	"\n"
	"<!-- Each belief begins in **…**, and something shows that it is wrong. -->\n"
	"\n"
	"## Further reading\n"
	"\n"
	"<!-- A list of three links: the paper, the Hugging Face lines, one good text. -->\n";

static const char hints_md[] =
	"<!-- For each exercise a heading with its id and three items: 1. where to look, 2. which "
	"rule, 3. nearly the line. -->\n";

/* ---- writing -------------------------------------------------------------------------------- */

struct skeleton {
	const char *name, *number, *id, *folder; /* "17-cache", "17", "cache", where it lies */
	const struct kernel *kernel;             /* NULL: none */
};

static void add_template(struct text *out, const struct skeleton *s, const char *template)
{
	for (; *template; template ++) {
		if (*template != '@')
			text_addc(out, *template);
		else if (*++template == 'N')
			text_add(out, s->number, 2);
		else
			text_adds(out, *template == 'K' ? s->kernel->symbol : s->id);
	}
}

static int write_file(const struct skeleton *s, const char *name, const char *parts[3],
		      struct err *err)
{
	struct text out = { 0 }, path = { 0 };
	int rc;

	for (int i = 0; i < 3; i++)
		add_template(&out, s, parts[i]);
	text_addf(&path, "%s/%s", s->folder, name);
	rc = text_write_file(path.data, out.data, out.len, err);
	text_release(&path);
	text_release(&out);
	return rc;
}

static int make_folder(const struct skeleton *s, const char *below, struct err *err)
{
	struct text path = { 0 };
	int rc = 0;

	text_addf(&path, "%s%s", s->folder, below);
	if (mkdir(path.data, 0777) < 0)
		rc = err_set(err, errno == EEXIST ? ERR_USAGE : err_of_errno(errno),
			     "cannot make the folder %s: %s", path.data, strerror(errno));
	text_release(&path);
	return rc;
}

/* ---- a function in C ------------------------------------------------------------------------ */

/* "(void)x, (void)n;" and what it returns: it compiles without a warning. */
static void add_nothing(struct text *out, const char *declaration)
{
	const char *s = strchr(declaration, '(');

	for (int n = 0; s && *s && *s != ')'; n++) {
		const char *end = s + 1 + strcspn(s + 1, ",)"), *word = end;

		while (isalnum((unsigned char)word[-1]) || word[-1] == '_')
			word--;
		text_addf(out, "%s(void)%.*s", n ? ", " : "", (int)(end - word), word);
		s = end;
	}
	text_adds(out, strncmp(declaration, "int ", 4) ? ";" : "; return -1;");
}

/* A file with the function; `comment` stands first. */
static int write_kernel(const struct skeleton *s, const char *name, const char *comment,
			bool is_solution, struct err *err)
{
	struct text out = { 0 }, path = { 0 }, nothing = { 0 };
	int rc;

	add_nothing(&nothing, s->kernel->declaration);
	text_addf(&path, "%s/%s", s->folder, name);
	text_adds(&out, "/*\n");
	add_template(&out, s, comment);
	text_addf(&out, " */\n#include \"torchless/lesson_kernels.h\"\n\n%s\n{\n",
		  s->kernel->declaration);
	if (is_solution)
		text_addf(&out,
			  "\t/* BEGIN SOLUTION: one line of what to do. */\n"
			  "\t/* STARTER: %s */\n",
			  nothing.data);
	text_addf(&out, "\t%s\n%s}\n", nothing.data, is_solution ? "\t/* END SOLUTION */\n" : "");
	rc = text_write_file(path.data, out.data, out.len, err);
	text_release(&nothing);
	text_release(&out);
	text_release(&path);
	return rc;
}

static int write_kernels(const struct skeleton *s, struct err *err)
{
	struct text file = { 0 };
	int rc;

	text_addf(&file, "%s.c", s->id);
	rc = write_kernel(s, file.data, " * Lesson @N, exercise `@L-kernel`: what it computes.\n",
			  true, err);
	text_release(&file);
	for (int i = 0; i < 2 && !rc; i++)
		rc = write_kernel(s, i ? "wrong/two.c" : "wrong/one.c",
				  " * exercise: @L-kernel\n * says:\n * seen:\n", false, err);
	return rc ? rc
		  : write_kernel(s, "equivalent/other.c", " * exercise: @L-kernel\n", false, err);
}

/* ---- the order of the course ---------------------------------------------------------------- */

/* Where the value of `order` ends, with its last quote; NULL: it is not there. */
static char *end_of_order(char *conf, char **begin)
{
	char *line = conf, *end;

	while (line && strncmp(line, "order", 5) != 0)
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
	*begin = line ? strchr(line, '"') : NULL;
	if (!*begin)
		return NULL;
	do {
		end = line + strcspn(line, "\n");
		line = *end ? end + 1 : end;
	} while (*line == ' ' || *line == '\t');
	while (end > *begin && *end != '"')
		end--;
	return end > *begin ? end : NULL;
}

/* Put the name before the first that comes after it. */
static int add_to_order(const struct skeleton *s, const char *dir, struct err *err)
{
	struct text path = { 0 }, conf = { 0 }, out = { 0 };
	char *begin, *end, *at;
	int rc;

	text_addf(&path, "%s/course.conf", dir);
	rc = text_read_file(&conf, path.data, 1 << 20, err);
	end = rc ? NULL : end_of_order(conf.data, &begin);
	if (!rc && !end)
		rc = err_set(err, ERR_FORMAT, "%s has no order to put %s into", path.data, s->name);
	if (!rc) {
		for (at = begin + 1; at < end; at += strcspn(at, " \t\n\"")) {
			at += strspn(at, " \t\n\"");
			if (at < end && strcmp(at, s->name) > 0)
				break;
		}
		at = at < end ? at : end;
		text_add(&out, conf.data, (size_t)(at - conf.data));
		text_addf(&out, at < end ? "%s%s " : "%s%s",
			  at == end && end > begin + 1 ? " " : "", s->name);
		text_adds(&out, at);
		rc = text_write_file(path.data, out.data, out.len, err);
	}
	text_release(&path);
	text_release(&conf);
	text_release(&out);
	return rc;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int check_name(const struct course *c, const char *name, struct err *err)
{
	size_t n = strlen(name);

	if (n < 4 || n > 60 || !isdigit((unsigned char)name[0]) ||
	    !isdigit((unsigned char)name[1]) || name[2] != '-' ||
	    strspn(name + 3, "abcdefghijklmnopqrstuvwxyz0123456789-") != n - 3 || name[3] == '-')
		return err_set(err, ERR_USAGE,
			       "a lesson is called as 17-cache is: two digits, -, and a name of "
			       "small letters, digits and -; not '%.60s'",
			       name);
	for (int i = 0; i < c->n_lessons; i++)
		if (!strncmp(c->lessons[i].dir, name, 2))
			return err_set(err, ERR_USAGE, "lesson %.2s is there already: %s", name,
				       c->lessons[i].dir);
	return 0;
}

static int write_all(const struct skeleton *s, struct err *err)
{
	const char *conf[] = { checks_conf, s->kernel ? kernel_conf : "", other_conf };
	const char *text[] = { lesson_md, s->kernel ? kernel_md : "", end_md };
	const char *hints[] = { hints_md, "", "" };
	int rc = make_folder(s, "", err);

	if (!rc && s->kernel)
		rc = make_folder(s, "/wrong", err);
	if (!rc && s->kernel)
		rc = make_folder(s, "/equivalent", err);
	if (!rc && s->kernel)
		rc = write_kernels(s, err);
	rc = rc ? rc : write_file(s, "checks.conf", conf, err);
	rc = rc ? rc : write_file(s, "lesson.md", text, err);
	return rc ? rc : write_file(s, "hints.md", hints, err);
}

int lesson_new(const struct course *c, const char *dir, const char *name, const char *kernel,
	       struct err *err)
{
	struct text folder = { 0 };
	struct skeleton s = { .name = name, .number = name, .id = name + 3 };
	int rc = check_name(c, name, err);

	if (rc)
		return rc;
	s.kernel = kernel ? kernel_find(kernel) : NULL;
	if (kernel && !s.kernel)
		return err_set(err, ERR_USAGE,
			       "there is no kernel '%.60s' in src/lesson/kernels/kernels.def",
			       kernel);
	text_addf(&folder, "%s/%s", dir, name);
	s.folder = folder.data;
	rc = write_all(&s, err);
	if (!rc)
		rc = add_to_order(&s, dir, err);
	text_release(&folder);
	return rc;
}
