/*
 * recorded.c -- the command that makes a recording again, for sentences that say what to record.
 *
 * A recording knows its prompt, its model and the options it was made with; the sentence knows the
 * --capture that was lacking.  Behind `torchless trace --capture X` stands what is put together
 * here, when such a sentence is said.  The words of somebody's file are read as those of a command
 * line, and only what that knows is said again, quoted: it is typed without being read.
 */
#include "torchless/called.h"
#include "torchless/cli.h"
#include "torchless/mem.h"
#include "torchless/trace.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a recording says of a run. */
struct told {
	struct text prompt, file;
	bool has_prompt, is_ours; /* a run of this engine, and not a reference */
	char **words;             /* of its command line */
	int n;
	bool found;
};

#define THE_RUN "(SELECT * FROM run WHERE id = iif(:run, :run, (SELECT max(id) FROM run)))"

static const char facts_sql[] =
	"SELECT r.prompt, r.role IS NOT 'reference' AND r.role IS NOT 'imported', m.file "
	"FROM " THE_RUN " r LEFT JOIN model m ON m.id = r.model_id";
static const char words_sql[] =
	"SELECT CAST(w.value AS TEXT) FROM " THE_RUN " r, json_each(r.opts, '$.argv') w";

static int take_facts(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct told *t = ctx;

	(void)rows;
	t->found = true;
	t->is_ours = cells[1].i != 0;
	/* A NUL byte cannot be typed. */
	t->has_prompt = cells[0].type == CELL_TEXT && cells[0].s.data &&
			strlen(cells[0].s.data) == cells[0].s.len;
	text_add(&t->prompt, t->has_prompt ? cells[0].s.data : "",
		 t->has_prompt ? cells[0].s.len : 0);
	if (cells[2].s.data)
		text_add(&t->file, cells[2].s.data, strlen(cells[2].s.data));
	return 1;
}

static int take_word(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct told *t = ctx;

	(void)rows;
	t->words = mem_realloc(t->words, (size_t)t->n + 1, sizeof(*t->words));
	t->words[t->n++] = mem_strdup(cells[0].s.data ? cells[0].s.data : "");
	return 0;
}

/* ---- words --------------------------------------------------------------------------------- */

/* Of the run that made it; the others are said anew, or are about that one time. */
static bool is_said_again(enum option_id id, bool has_text)
{
	switch (id) {
	case OPT_MODEL:
	case OPT_OUTPUT:
	case OPT_RESUME:
	case OPT_ESTIMATE:
	case OPT_COLOR:
	case OPT_QUIET:
	case OPT_VERBOSE:
	case OPT_HELP:
	case OPT_VERSION:
		return false;
	case OPT_SYSTEM: /* --redact leaves it without its value */
		return has_text;
	default:
		return true;
	}
}

static void add_option(struct text *t, enum option_id id, const char *value)
{
	char name[32];

	text_addf(t, "%s ", option_name(id, name));
	if (option_table[id].kind == OPTION_FLAG)
		return;
	text_add_shell_word(t, value);
	text_addc(t, ' ');
}

static void add_options(struct text *t, const struct invocation *past, bool has_text)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option_value *v = &past->option[id];

		if (!v->is_set || !is_said_again((enum option_id)id, has_text))
			continue;
		if (option_table[id].kind != OPTION_LIST)
			add_option(t, (enum option_id)id, v->s);
		for (int i = 0; i < v->n; i++)
			add_option(t, (enum option_id)id, v->list[i]);
	}
}

/* A path below the directory that one is in, from there. */
static const char *from_here(const char *path)
{
	char *here = getcwd(NULL, 0);
	size_t len = here ? strlen(here) : 0;

	if (len > 1 && !strncmp(path, here, len) && path[len] == '/' && path[len + 1])
		path += len + 1;
	free(here);
	return path;
}

/* The prompt as a word of a line: one of several lines is written by printf(1). */
static bool add_text(struct text *t, const char *s)
{
	struct text escaped = { 0 }, visible = { 0 };
	bool has_lines = s[strcspn(s, "\n\t")] != '\0', can;

	for (const char *c = s; *c && has_lines; c++) {
		if (*c == '\n' || *c == '\t' || *c == '\\')
			text_addf(&escaped, "\\%c", *c == '\n' ? 'n' : *c == '\t' ? 't' : '\\');
		else
			text_addc(&escaped, *c);
	}
	if (!has_lines)
		text_adds(&escaped, s);
	text_add_visible(&visible, escaped.data ? escaped.data : "", escaped.len);
	/* $() takes away line ends, and what is shown as \xNN is not what was prompted. */
	can = !*s ||
	      (visible.data && escaped.data && s[strlen(s) - 1] != '\n' &&
	       visible.len == escaped.len && !memcmp(visible.data, escaped.data, visible.len));
	if (can && *s == '-')
		text_adds(t, "-- ");
	if (can) {
		text_adds(t, has_lines ? "\"$(printf %b " : "");
		text_add_shell_word(t, *s ? escaped.data : "");
		text_adds(t, has_lines ? ")\"" : "");
	}
	text_release(&escaped);
	text_release(&visible);
	return can;
}

/* What is prompted, as typed; what a word cannot hold is left open. */
static void add_prompt(struct text *t, const struct told *told, const struct invocation *past)
{
	const char *typed = told->prompt.data ? told->prompt.data : "";
	const char *prompt = told->has_prompt ? typed : NULL;
	const char *given = past->n_args ? past->args[0] : "-";

	if (past->option[OPT_PROMPTS].is_set)
		return;
	if (option_on(past, OPT_PROMPT_IDS))
		prompt = strcmp(given, "-") != 0 ? given : NULL;
	if (!prompt || !strcmp(prompt, "-") || !add_text(t, prompt))
		text_adds(t, "PROMPT");
}

/* The words of the command that made it, from what a shell has read of them. */
static void add_words(struct text *t, struct text *prompt, const struct told *told,
		      const struct invocation *in, const char *path)
{
	struct err ignored = { 0 };
	struct invocation *past = mem_calloc(1, sizeof(*past)); /* too large for a frame */
	struct option_value *prompts = &past->option[OPT_PROMPTS];

	if (invocation_parse(past, told->n, told->words, &ignored) || !past->command ||
	    strcmp(past->command->name, "trace") != 0)
		invocation_release(past);
	if (prompts->is_set && !strcmp(prompts->s, "-"))
		prompts->is_set = false;
	if (told->file.len && !invocation_is_default_model(in, told->file.data)) {
		text_adds(t, "-m ");
		text_add_shell_word(t, from_here(told->file.data));
		text_addc(t, ' ');
	}
	add_options(t, past, told->has_prompt);
	if (told->is_ours && strcmp(path, "trace.db") != 0) {
		text_adds(t, "-o ");
		text_add_shell_word(t, path);
		text_addc(t, ' ');
	}
	add_prompt(prompt, told, past);
	while (t->len && t->data[t->len - 1] == ' ')
		t->data[--t->len] = '\0';
	invocation_release(past);
	free(past);
}

static void read_run(struct told *told, struct recording *rec, int64_t run)
{
	struct err ignored = { 0 };
	struct text param = { 0 };
	struct query facts = { .row = take_facts, .ctx = told, .n_params = 1 };
	struct query words = { .row = take_word, .ctx = told, .n_params = 1 };

	text_addf(&param, "run=%lld", (long long)run);
	facts.params = words.params = (const char *[]){ param.data };
	/* Who cannot tell, as a file of another version, leaves the prompt open. */
	if (!recording_ask(rec, facts_sql, &facts, &ignored) && told->found)
		recording_ask(rec, words_sql, &words, &ignored);
	text_release(&param);
}

/* ---- the recording that is open ------------------------------------------------------------ */

static struct {
	const struct invocation *in;
	struct text path, options, prompt;
	int64_t run;
	bool is_known, is_read; /* or being read: opening it may have sentences of its own */
} asked;

static void read_asked(void)
{
	const struct recording_limits limits = { 0 };
	struct told told = { 0 };
	struct err ignored = { 0 };
	struct recording *rec;

	asked.is_read = true;
	rec = recording_open_within(asked.path.data, &limits, &ignored);
	if (rec)
		read_run(&told, rec, asked.run);
	recording_close(rec);
	if (told.found)
		add_words(&asked.options, &asked.prompt, &told, asked.in, asked.path.data);
	asked.is_known = told.found;
	for (int i = 0; i < told.n; i++)
		free(told.words[i]);
	free(told.words);
	text_release(&told.prompt);
	text_release(&told.file);
}

static bool words_of_asked(struct called_words *words)
{
	if (!asked.is_read)
		read_asked();
	*words = (struct called_words){ asked.options.data ? asked.options.data : "",
					asked.prompt.data ? asked.prompt.data : "" };
	return asked.is_known;
}

void recorded_tell(const struct invocation *in, const char *path, int64_t run)
{
	text_release(&asked.path);
	text_release(&asked.options);
	text_release(&asked.prompt);
	asked.is_known = false;
	asked.in = in;
	asked.run = run;
	asked.is_read = false;
	text_adds(&asked.path, path);
	called_recorded(words_of_asked);
}
