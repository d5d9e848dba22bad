/*
 * options.c -- the one table of options, and reading argv by it.
 *
 * An option has one meaning everywhere, so argv is read without knowing the command; which options
 * the command has is checked afterwards.  Accepted: --name value, --name=value, -n value, -nvalue,
 * flags together (-qv), `--` before arguments that begin with a dash.  The argument after an
 * option that takes one is its value whatever it looks like, so `--temp -1` says that -1 is out of
 * range instead of guessing.
 */
#include "torchless/cli.h"
#include "torchless/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct option option_table[OPT_COUNT] = {
	[OPT_MODEL] = { "model", "PATH", 'm', OPTION_TEXT, .complete = COMPLETE_MODEL,
			.help = "a Hugging Face directory, a GGUF file or a packed .safetensors file "
				"(default $TORCHLESS_MODEL, else the model that comes with torchless)" },
	[OPT_TRACE] = { "trace", "FILE", 't', OPTION_LIST, .complete = COMPLETE_RECORDING,
			.help = "the recording to read (default trace.db)" },
	[OPT_THREADS] = { "threads", "N", 'j', OPTION_INT, 1, 1024, .complete = COMPLETE_TEXT,
			  .help = "threads to compute with (default: the CPUs this process may "
				  "use)" },
	[OPT_CHUNK] = { "chunk", "N", 0, OPTION_INT, 1, 65536, .complete = COMPLETE_TEXT,
			.help = "positions a prefill pass (default 512)" },
	[OPT_MEM] = { "mem", "SIZE", 0, OPTION_SIZE, .complete = COMPLETE_TEXT,
		      .help = "at most so much memory for activations and the KV cache: the chunk is "
			      "halved until they fit, else it is refused (default: what is available)" },
	[OPT_FAST] = { .name = "fast",
		       .help = "faster and less exact: what weights in GGUF's blocks are multiplied "
			       "with is rounded to int16, the KV cache is f16" },
	[OPT_OUTPUT] = { NULL, "FILE", 'o', OPTION_TEXT, .complete = COMPLETE_FILE,
			 .help = "the file to write; trace keeps a recording that is there as "
				 "FILE.old (default trace.db, report.html)" },
	[OPT_N] = { NULL, "N", 'n', OPTION_INT, 0, 1e9, .complete = COMPLETE_TEXT,
		    .help = "how many tokens to generate (default 128 for run, 1 for trace)" },
	[OPT_TEMP] = { "temp", "T", 0, OPTION_REAL, 0, 1000, .complete = COMPLETE_TEXT,
		       .help = "sample with this temperature; 0 is greedy (default 0)" },
	[OPT_TOP_K] = { "top-k", "K", 0, OPTION_INT, 0, 1e9, .complete = COMPLETE_TEXT,
			.help = "sample among the K likeliest tokens; 0 is off (default 0)" },
	[OPT_TOP_P] = { "top-p", "P", 0, OPTION_REAL, 0, 1, .complete = COMPLETE_TEXT,
			.help = "sample among the likeliest tokens that hold P of the probability "
				"(default 1: off)" },
	[OPT_MIN_P] = { "min-p", "P", 0, OPTION_REAL, 0, 1, .complete = COMPLETE_TEXT,
			.help = "sample among tokens at least P times as likely as the likeliest "
				"(default 0: off)" },
	[OPT_SEED] = { "seed", "S", 0, OPTION_INT, 0, 9007199254740992.0, .complete = COMPLETE_TEXT,
		       .help = "seed of the sampler: the same seed gives the same text (default "
			       "0)" },
	[OPT_CHAT] = { .name = "chat", .help = "wrap the text by the model's chat template" },
	[OPT_SYSTEM] = { "system", "TEXT", 0, OPTION_TEXT, .complete = COMPLETE_TEXT,
			 .help = "with --chat: the system message before it" },
	[OPT_STOP] = { "stop", "STR", 0, OPTION_LIST, .complete = COMPLETE_TEXT,
		       .help = "end before STR appears; may be given several times" },
	[OPT_ECHO] = { .name = "echo",
		       .help = "print the prompt before the completion (on a terminal: "
			       "always, but with --chat)" },
	[OPT_PROMPT_IDS] = { .name = "prompt-ids",
			     .help = "PROMPT is token ids separated by spaces; no tokenizer is "
				     "needed" },
	[OPT_PROMPTS] = { "prompts", "FILE.jsonl", 0, OPTION_TEXT, .complete = COMPLETE_JSONL,
			  .help = "record a run a line of a file of JSON objects: {\"prompt\": "
				  "TEXT} or {\"ids\": [ID, ...]}, and optionally \"id\", \"n\", "
				  "\"zero\" and \"system\"; - reads stdin" },
	[OPT_RESUME] = { .name = "resume",
			 .help = "with --prompts: go on in the recording that is there, at its "
				 "first unfinished run" },
	[OPT_ZERO] = { "zero", "POINT[SEL]", 0, OPTION_LIST, .complete = COMPLETE_POINT,
		       .help = "set a point, or the part of it that SEL picks, to zero in every "
			       "pass; may be given several times" },
	[OPT_EDITS] = { "edits", "FILE.jsonl", 0, OPTION_LIST, .complete = COMPLETE_JSONL,
			.help = "make the edits of a file, a JSON object a line; may be given "
				"several times" },
	[OPT_CAPTURE] = { "capture", "PATTERN[@SEL][=KIND]", 0, OPTION_LIST,
			  .complete = COMPLETE_CAPTURE,
			  .help = "keep the numbers of the points that PATTERN names, at the "
				  "positions SEL (@last, @3, @3:7), as KIND f32, f16, bf16, stats "
				  "or hash; may be given several times, the last match wins" },
	[OPT_BUDGET] = { "budget", "SIZE", 0, OPTION_SIZE, .complete = COMPLETE_TEXT,
			 .help = "write at most SIZE bytes of dumps (512M, 2G): what is named most "
				 "precisely is kept first, the rest keeps its statistics" },
	[OPT_ESTIMATE] = { .name = "estimate",
			   .help = "print what the recording would hold and take, and make none" },
	[OPT_LOGITS] = { "logits", "WHERE", 0, OPTION_CHOICE, .choices = "all|last",
			 .complete = COMPLETE_CHOICE,
			 .help = "score every prompt position, or the last only (default all)" },
	[OPT_STOP_ON] = { "stop-on", "WHAT", 0, OPTION_CHOICE, .choices = "nan|inf",
			  .complete = COMPLETE_CHOICE,
			  .help = "stop at the first value that holds one, with exit status 1" },
	[OPT_REPEAT] = { "repeat", "N", 0, OPTION_INT, 0, 1e5, .complete = COMPLETE_TEXT,
			 .help = "time every pass N times more beside the recording, for the "
				 "median and the spread of where the time goes (default 0)" },
	[OPT_REDACT] = { .name = "redact",
			 .help = "keep no text and no pieces in the recording; token ids and the "
				 "\"id\" of a line stay" },
	[OPT_IDS] = { .name = "ids", .help = "print the ids on one line" },
	[OPT_JSONL] = { .name = "jsonl",
			.help = "read a JSON string a line from stdin, print a JSON "
				"array of ids a line" },
	[OPT_STEPS] = { .name = "steps",
			.help = "print every step in order: normalizing, splitting, "
				"each merge" },
	[OPT_NO_BOS] = { .name = "no-bos",
			 .help = "add no special tokens of the tokenizer's template" },
	[OPT_RAW] = { .name = "raw",
		      .help = "as tokenizer.json alone has it, without what tokenizer_config.json "
			      "adds" },
	[OPT_TEXT] = { .name = "text",
		       .help = "with --chat: print what the template makes of TEXT, and no tokens" },
	[OPT_DECODE] = { .name = "decode",
			 .help = "the arguments are ids: print the text they stand for" },
	[OPT_CONFIG] = { .name = "config", .help = "what config.json says, as torchless reads it" },
	[OPT_TENSORS] = { .name = "tensors", .help = "the weights: name, type, shape, bytes" },
	[OPT_STATS] = { .name = "stats", .help = "with --tensors: statistics of each weight" },
	[OPT_POINTS] = { .name = "points",
			 .help = "every point a recording may hold, and its name "
				 "elsewhere" },
	[OPT_PROGRAM] = { .name = "program", .help = "the forward pass, op by op" },
	[OPT_LIST] = { .name = "list", .help = "the saved queries of the recording" },
	[OPT_FUNCTIONS] = { .name = "functions",
			    .help = "the SQL functions of tensors, or the one called by the "
				    "argument" },
	[OPT_PARAM] = { "param", "KEY=VALUE", 0, OPTION_LIST, .complete = COMPLETE_PARAMETER,
			.help = "give the parameter :KEY a value; of @FILE.npy the tensor in that "
				"file; may be given several times" },
	[OPT_CSV] = { .name = "csv", .help = "comma-separated values with a heading" },
	[OPT_CSV_FILE] = { "csv", "OUT", 0, OPTION_TEXT, .complete = COMPLETE_CSV,
			   .help = "write the numbers as comma-separated values, with their "
				   "indices" },
	[OPT_BOX] = { .name = "box", .help = "a box (default on a terminal)" },
	[OPT_LIMIT] = { "limit", "N", 0, OPTION_INT, 0, 1e15, .complete = COMPLETE_TEXT,
			.help = "show N rows of a result; 0: all (default 1000 of a box on a "
				"terminal, else all)" },
	[OPT_TIMEOUT] = { "timeout", "SECONDS", 0, OPTION_REAL, 0, 1e6, .complete = COMPLETE_TEXT,
			  .help = "stop a query after so long; 0: never (default: after 60 "
				  "seconds without a row)" },
	[OPT_EXECUTE_FILE] = { NULL, "FILE", 'x', OPTION_LIST, .complete = COMPLETE_FILE,
			       .help = "run the debugger commands of FILE; may be given several "
				       "times, in order with -ex" },
	[OPT_EXECUTE] = { "ex", "CMD", 0, OPTION_LIST, .single_dash = true,
			  .complete = COMPLETE_DEBUGGER,
			  .help = "run the debugger command CMD; may be given several times, in "
				  "order with -x" },
	[OPT_BATCH] = { .name = "batch",
			.help = "run the commands of -x and -ex and leave: the first that fails "
				"ends it, with its status" },
	[OPT_KEEP_GOING] = { .name = "keep-going",
			     .help = "with --batch: go on behind a command that fails" },
	[OPT_FAIL_ON_STOP] = { .name = "fail-on-stop",
			       .help = "with --batch: exit status 1 when a breakpoint, a watchpoint or "
				       "a catchpoint stopped it" },
	[OPT_TUI] = { .name = "tui", .help = "the full-screen view" },
	[OPT_LEVEL] = { "level", "LEVEL", 0, OPTION_CHOICE, .choices = "model|module|op",
			.complete = COMPLETE_CHOICE,
			.help = "how much is drawn: a box for all layers that are alike, the "
				"modules of a layer, or every op (default module)" },
	[OPT_MODULE] = { "module", "PATH", 0, OPTION_TEXT, .complete = COMPLETE_MODULE,
			 .help = "draw this module alone, down to its ops" },
	[OPT_EXPAND] = { "expand", "LAYER", 0, OPTION_LIST, .complete = COMPLETE_LAYER,
			 .help = "draw this layer by itself with what is in it: 3, 3-7, all; may "
				 "be given several times" },
	[OPT_COLLAPSE] = { "collapse", "GLOB", 0, OPTION_LIST, .complete = COMPLETE_MODULE,
			   .help = "draw each module of this name (*.mlp) as one box; may be given "
				   "several times" },
	[OPT_RUN] = { "run", "N", 0, OPTION_INT, 1, 9007199254740992.0, .complete = COMPLETE_TEXT,
		      .help = "the run of the recording (default: the newest)" },
	[OPT_PASS] = { "pass", "N", 0, OPTION_INT, 0, 1e9, .complete = COMPLETE_TEXT,
		       .help = "the pass whose numbers are shown (default: all of them)" },
	[OPT_COLOR_BY] = { "color-by", "WHAT", 0, OPTION_CHOICE, .choices = "time|l2|absmax|bytes",
			   .complete = COMPLETE_CHOICE,
			   .help = "with -t: colour by this (default time)" },
	[OPT_DIFF] = { "diff", "A", 0, OPTION_TEXT, .complete = COMPLETE_COMPARED,
		       .help = "colour what differs between A and the argument B: recordings, or "
			       "models" },
	[OPT_VIEW] = { .name = "view",
		       .help = "show the picture in a terminal that can (kitty, "
			       "sixel)" },
	[OPT_VS] = { "vs", "POINT|FILE", 0, OPTION_TEXT, .complete = COMPLETE_POINT_OR_RECORDING,
		     .help = "beside another point, or beside the same point of another recording, "
			     "with the difference" },
	[OPT_HEAT] = { .name = "heat", .help = "a heat map (default for a matrix)" },
	[OPT_HIST] = { .name = "hist", .help = "a histogram" },
	[OPT_TOPK] = { "topk", "K", 0, OPTION_INT, 1, 1000, .complete = COMPLETE_TEXT,
		       .help = "the K largest elements" },
	[OPT_PRINT] = { .name = "print", .help = "the numbers (default for few)" },
	[OPT_SPARK] = { .name = "spark", .help = "a sparkline a row: a position, a head" },
	[OPT_PNG] = { "png", "OUT", 0, OPTION_TEXT, .complete = COMPLETE_PNG,
		      .help = "write the picture as PNG" },
	[OPT_NPY] = { "npy", "OUT", 0, OPTION_TEXT, .complete = COMPLETE_NPY,
		      .help = "write the numbers for numpy" },
	[OPT_PERFETTO] = { "perfetto", "FILE", 0, OPTION_TEXT, .complete = COMPLETE_FILE,
			   .help = "write the timeline for ui.perfetto.dev" },
	[OPT_CHROME] = { "chrome", "FILE", 0, OPTION_TEXT, .complete = COMPLETE_FILE,
			 .help = "write the timeline as Chrome's JSON" },
	[OPT_COURSE] = { "course", "DIR", 0, OPTION_TEXT, .complete = COMPLETE_FILE,
			 .help = "the course in a folder, for who writes lessons (default "
				 "$TORCHLESS_COURSE, else the one that comes with torchless)" },
	[OPT_HOME] = { "home", "DIR", 0, OPTION_TEXT, .complete = COMPLETE_FILE,
		       .help = "the folder that holds your files, your progress and what is cached "
			       "(default $TORCHLESS_LESSON_HOME, else ~/torchless-lessons with the "
			       "progress below $XDG_STATE_HOME)" },
	[OPT_DRAW_SEED] = { "seed", "N", 0, OPTION_INT, 0, 9007199254740992.0,
			    .complete = COMPLETE_TEXT,
			    .help = "what a kernel is tried on is drawn by it (default: your own, "
				    "drawn once)" },
	[OPT_GIVE_UP] = { .name = "give-up",
			  .help = "of solution: show it although it is not passed" },
	[OPT_MANUAL] = { .name = "manual", .help = "of watch: check when r is pressed" },
	[OPT_ALL] = { .name = "all",
		      .help = "of check: all exercises of the lessons that you began; of dev "
			      "check: steps on large models too, which are made (340 MB)" },
	[OPT_WRITE] = { .name = "write",
			.help = "of dev render: write what differs into the course's folder" },
	[OPT_EXPORT] = { "export", "FILE", 0, OPTION_TEXT, .complete = COMPLETE_FILE,
			 .help = "of progress: write all of it to a file; - is standard output" },
	[OPT_IMPORT] = { "import", "FILE", 0, OPTION_TEXT, .complete = COMPLETE_FILE,
			 .help = "of progress: add what was exported elsewhere; - reads stdin" },
	[OPT_MARKDOWN] = { .name = "markdown",
			   .help = "the whole manual as Markdown (docs/cli.md)" },
	[OPT_MAN] = { .name = "man",
		      .help = "the manual page of torchless, or of COMMAND, for man(1)" },
	[OPT_TSV] = { .name = "tsv", .help = "tab-separated rows for programs, on a terminal too" },
	[OPT_JSON] = { .name = "json",
		       .help = "one JSON document, or one object a line where the "
			       "result is a list" },
	[OPT_COLOR] = { "color", "WHEN", 0, OPTION_CHOICE, .choices = "auto|always|never",
			.complete = COMPLETE_CHOICE,
			.help = "colour; auto means on a terminal without NO_COLOR (default "
				"auto)" },
	[OPT_QUIET] = { .name = "quiet",
			.letter = 'q',
			.help = "print nothing but results, warnings and errors" },
	[OPT_VERBOSE] = { .name = "verbose", .letter = 'v', .help = "say more on stderr" },
	[OPT_HELP] = { .name = "help", .letter = 'h', .help = "print this help" },
	[OPT_VERSION] = { .name = "version", .help = "print the version" },
};

const char *option_name(enum option_id id, char buf[32])
{
	const struct option *o = &option_table[id];

	if (o->name)
		snprintf(buf, 32, "%s%s", o->single_dash ? "-" : "--", o->name);
	else
		snprintf(buf, 32, "-%c", o->letter);
	return buf;
}

/* ---- values ------------------------------------------------------------------------------- */

static int bad_value(enum option_id id, const char *text, const char *expected, struct err *err)
{
	char name[32];

	return err_set(err, ERR_USAGE, "%s wants %s, not '%s'", option_name(id, name), expected,
		       text);
}

static int set_number(struct option_value *v, enum option_id id, const char *text, struct err *err)
{
	const struct option *o = &option_table[id];
	bool whole = o->kind == OPTION_INT;
	char expected[96], *end;

	snprintf(expected, sizeof(expected),
		 whole ? "a whole number from %.0f to %.0f" : "a number from %g to %g", o->min,
		 o->max);
	errno = 0;
	if (whole) {
		v->i = strtoll(text, &end, 10);
		v->d = (double)v->i;
	} else {
		v->d = strtod(text, &end);
	}
	if (end == text || *end || errno || !(v->d >= o->min && v->d <= o->max))
		return bad_value(id, text, expected, err);
	return 0;
}

/* 512, 64K, 2G, 1.5GiB: powers of 1024, as in dd and git. */
static int set_size(struct option_value *v, enum option_id id, const char *text, struct err *err)
{
	static const char units[] = "KMGT";
	const char *unit;
	double x, scale = 1;
	char *end;

	errno = 0;
	x = strtod(text, &end);
	unit = *end && end != text ? strchr(units, *end & ~0x20) : NULL;
	if (unit) {
		scale = ldexp(1, 10 * (int)(unit - units + 1));
		end++;
		end += *end == 'i';
	}
	if (*end == 'B' || *end == 'b')
		end++;
	if (end == text || *end || errno || !(x > 0) || x * scale > 0x1p60)
		return bad_value(id, text, "a size such as 512M or 2G", err);
	v->i = (int64_t)(x * scale);
	return 0;
}

static int set_choice(struct option_value *v, enum option_id id, const char *text, struct err *err)
{
	struct text_nearest near = { .name = text, .distance = text_too_far(text) };
	const char *c = option_table[id].choices;
	char expected[96], choice[32], best[32] = "";

	for (v->i = 0; *c; v->i++) {
		size_t len = strcspn(c, "|");

		if (strlen(text) == len && memcmp(c, text, len) == 0)
			return 0;
		snprintf(choice, sizeof(choice), "%.*s", (int)len, c);
		if (text_nearest_offer(&near, choice))
			memcpy(best, choice, sizeof(best));
		c += len + (c[len] == '|');
	}
	snprintf(expected, sizeof(expected), "one of %s", option_table[id].choices);
	bad_value(id, text, expected, err);
	return *best ? err_set(err, err->code, "%s; did you mean %s?", err->message, best)
		     : err->code;
}

static int set_value(struct invocation *in, enum option_id id, const char *text, struct err *err)
{
	struct option_value *v = &in->option[id];

	v->is_set = true;
	v->s = text;
	in->n_given++;
	switch (option_table[id].kind) {
	case OPTION_INT:
	case OPTION_REAL:
		return set_number(v, id, text, err);
	case OPTION_SIZE:
		return set_size(v, id, text, err);
	case OPTION_CHOICE:
		return set_choice(v, id, text, err);
	case OPTION_LIST:
		if (!*text)
			return bad_value(id, text, option_table[id].arg, err);
		v->list = mem_realloc(v->list, (size_t)v->n + 1, sizeof(*v->list));
		v->order = mem_realloc(v->order, (size_t)v->n + 1, sizeof(*v->order));
		v->order[v->n] = in->n_given;
		v->list[v->n++] = text;
		return 0;
	case OPTION_TEXT:
		/* A system message that says nothing is one. */
		if (!*text && id != OPT_SYSTEM)
			return bad_value(id, text, option_table[id].arg, err);
		return 0;
	case OPTION_FLAG:
		return 0;
	}
	return 0;
}

/* ---- reading argv ------------------------------------------------------------------------- */

/* Where the parser is in argv. */
struct cursor {
	int argc, at;
	char **argv;
	const struct command *command;
};

/* What other programs call an option. */
static const struct {
	const char *word;
	enum option_id id;
} elsewhere[] = {
	{ "temperature", OPT_TEMP },
	{ "max-tokens", OPT_N },
	{ "max-new-tokens", OPT_N },
	{ "n-predict", OPT_N },
	{ "predict", OPT_N },
	{ "tokens", OPT_N },
	{ "n", OPT_N },
	{ "output", OPT_OUTPUT },
	{ "out", OPT_OUTPUT },
	{ "o", OPT_OUTPUT },
	{ "weights", OPT_MODEL },
	{ "checkpoint", OPT_MODEL },
	{ "db", OPT_TRACE },
	{ "recording", OPT_TRACE },
	{ "nucleus", OPT_TOP_P },
	{ "ablate", OPT_ZERO },
	{ "knockout", OPT_ZERO },
	{ "hook", OPT_CAPTURE },
	{ "dump", OPT_CAPTURE },
	{ "record", OPT_CAPTURE },
	{ "silent", OPT_QUIET },
	{ "colour", OPT_COLOR },
	{ "system-prompt", OPT_SYSTEM },
	{ "stop-at", OPT_STOP },
	{ "random-seed", OPT_SEED },
	{ "ubatch-size", OPT_CHUNK },
	{ "batch-size", OPT_CHUNK },
	{ "memory", OPT_MEM },
	{ "cores", OPT_THREADS },
	{ "jobs", OPT_THREADS },
	{ "args", OPT_PARAM },
	{ "set", OPT_PARAM },
	{ "dry-run", OPT_ESTIMATE },
	{ "command", OPT_EXECUTE },
	{ "execute", OPT_EXECUTE },
	{ "ids-only", OPT_IDS },
	{ "layers", OPT_EXPAND },
	{ "compare", OPT_VS },
	{ "heatmap", OPT_HEAT },
	{ "histogram", OPT_HIST },
	{ "trace-file", OPT_TRACE },
};

/* The option that `word` is elsewhere, or nearly is here; OPT_COUNT: none. */
static enum option_id meant_option(const struct cursor *c, const char *word)
{
	/* Farther than two edits is no suggestion. */
	struct text_nearest near = { .name = word, .distance = 3 };
	enum option_id found = OPT_COUNT;

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (!strcmp(elsewhere[i].word, word) &&
		    (!c->command || command_has(c->command, elsewhere[i].id)))
			return elsewhere[i].id;
	for (int id = 0; id < OPT_COUNT; id++)
		if (option_table[id].name &&
		    (!c->command || command_has(c->command, (enum option_id)id)) &&
		    text_nearest_offer(&near, option_table[id].name))
			found = (enum option_id)id;
	return found;
}

static int unknown_option(const struct cursor *c, const char *word, struct err *err)
{
	enum option_id meant = meant_option(c, word);
	char name[32];

	if (meant != OPT_COUNT)
		return err_set(err, ERR_USAGE, "there is no option --%s; did you mean %s?", word,
			       option_name(meant, name));
	return err_set(err, ERR_USAGE, "there is no option --%s; see `torchless %s%s--help`", word,
		       c->command ? c->command->name : "", c->command ? " " : "");
}

static int take_value(struct invocation *in, struct cursor *c, enum option_id id,
		      const char *attached, struct err *err)
{
	char name[32];

	if (attached)
		return set_value(in, id, attached, err);
	if (c->at >= c->argc)
		return err_set(err, ERR_USAGE, "%s wants a value: %s", option_name(id, name),
			       option_table[id].arg);
	return set_value(in, id, c->argv[c->at++], err);
}

/*
 * The option of that name, OPT_COUNT when there is none.  Of several (--csv prints for query, and
 * names a file for show) the one that the command has.
 */
static enum option_id option_by_name(const struct cursor *c, const char *name, size_t len)
{
	enum option_id found = OPT_COUNT;

	for (int id = 0; id < OPT_COUNT; id++) {
		const struct option *o = &option_table[id];

		if (!o->name || strlen(o->name) != len || memcmp(o->name, name, len) != 0)
			continue;
		if (c->command && command_has(c->command, (enum option_id)id))
			return (enum option_id)id;
		if (found == OPT_COUNT)
			found = (enum option_id)id;
	}
	return found;
}

static int parse_long(struct invocation *in, struct cursor *c, const char *word, struct err *err)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	enum option_id id = option_by_name(c, word, len);
	char name[64];

	if (id == OPT_COUNT) {
		snprintf(name, sizeof(name), "%.*s", (int)(len < 60 ? len : 60), word);
		return unknown_option(c, name, err);
	}
	if (option_table[id].kind != OPTION_FLAG)
		return take_value(in, c, id, value, err);
	if (value)
		return err_set(err, ERR_USAGE, "--%s takes no value", option_table[id].name);
	return set_value(in, id, "", err);
}

/* "-ex", as gdb spells it: a name behind one dash. */
static bool is_single_dash(const char *word)
{
	size_t len = strcspn(word, "=");

	for (int id = 0; id < OPT_COUNT; id++)
		if (option_table[id].single_dash && strlen(option_table[id].name) == len &&
		    !memcmp(option_table[id].name, word, len))
			return true;
	return false;
}

static int option_by_letter(char letter)
{
	for (int id = 0; id < OPT_COUNT; id++)
		if (option_table[id].letter == letter)
			return id;
	return -1;
}

static int parse_short(struct invocation *in, struct cursor *c, const char *letters,
		       struct err *err)
{
	for (; *letters; letters++) {
		int id = option_by_letter(*letters);

		if (id < 0)
			return err_set(err, ERR_USAGE,
				       "there is no option -%c; see `torchless %s%s--help`",
				       *letters, c->command ? c->command->name : "",
				       c->command ? " " : "");
		if (option_table[id].kind != OPTION_FLAG)
			return take_value(in, c, (enum option_id)id,
					  letters[1] ? letters + 1 : NULL, err);
		set_value(in, (enum option_id)id, "", err);
	}
	return 0;
}

static int parse_positional(struct invocation *in, struct cursor *c, const char *word,
			    struct err *err)
{
	const char *near;

	if (c->command) {
		in->args = mem_realloc(in->args, (size_t)in->n_args + 1, sizeof(*in->args));
		in->args[in->n_args++] = word;
		return 0;
	}
	c->command = in->command = command_find(word);
	if (c->command)
		return 0;
	near = nearest_command(word);
	if (near)
		return err_set(err, ERR_USAGE, "there is no command '%s'; did you mean '%s'?", word,
			       near);
	return err_set(err, ERR_USAGE, "there is no command '%s'; `torchless help` lists them",
		       word);
}

/* "-5" is a number and "-" is stdin: no option has either form. */
static bool looks_like_option(const char *word)
{
	return word[0] == '-' && word[1] && !(word[1] >= '0' && word[1] <= '9') && word[1] != '.';
}

/* A file that stands where nothing is taken belongs behind the option that takes it. */
static int one_too_many(const struct invocation *in, const struct command *c, struct err *err)
{
	const char *word = in->args[c->max_args];
	bool is_file = access(word, F_OK) == 0;

	if (is_file && command_has(c, OPT_TRACE) && !in->option[OPT_TRACE].is_set)
		return err_set(err, ERR_USAGE, "'%s' is no argument of %s: -t %s reads a recording",
			       word, c->name, word);
	if (is_file && c->max_args == 0 && command_has(c, OPT_MODEL) &&
	    !in->option[OPT_MODEL].is_set)
		return err_set(err, ERR_USAGE, "'%s' is no argument of %s: -m %s names a model",
			       word, c->name, word);
	return err_set(err, ERR_USAGE,
		       "%s takes %d %s but '%s' is one more: quote text that holds spaces", c->name,
		       c->max_args, plural(c->max_args, "argument", "arguments"), word);
}

static int check_arguments(const struct invocation *in, const struct command *c, struct err *err)
{
	if (in->n_args < c->min_args)
		return err_set(err, ERR_USAGE, "%s wants %s; see `torchless %s --help`", c->name,
			       c->help->args, c->name);
	if (c->max_args >= 0 && in->n_args > c->max_args)
		return one_too_many(in, c, err);
	return 0;
}

static int check_command(const struct invocation *in, struct err *err)
{
	const struct command *c = in->command;
	char name[32];

	if (!c || option_on(in, OPT_HELP) || option_on(in, OPT_VERSION))
		return 0;
	for (int id = 0; id < OPT_COUNT; id++)
		if (in->option[id].is_set && !command_has(c, (enum option_id)id))
			return err_set(err, ERR_USAGE,
				       "%s has no option %s; see `torchless %s --help`", c->name,
				       option_name((enum option_id)id, name), c->name);
	return check_arguments(in, c, err);
}

int invocation_parse(struct invocation *in, int argc, char **argv, struct err *err)
{
	struct cursor c = { .argc = argc, .at = 1, .argv = argv };
	bool only_positional = false;

	*in = (struct invocation){ .argc = argc, .argv = argv };
	while (c.at < argc) {
		const char *word = argv[c.at++];
		int r;

		if (!only_positional && !strcmp(word, "--")) {
			only_positional = true;
			continue;
		}
		if (only_positional || !looks_like_option(word))
			r = parse_positional(in, &c, word, err);
		else if (word[1] == '-')
			r = parse_long(in, &c, word + 2, err);
		else if (is_single_dash(word + 1))
			r = parse_long(in, &c, word + 1, err);
		else
			r = parse_short(in, &c, word + 1, err);
		if (r)
			return r;
	}
	return check_command(in, err);
}

/* ---- asking ------------------------------------------------------------------------------- */

bool option_on(const struct invocation *in, enum option_id id)
{
	return in->option[id].is_set;
}

int64_t option_int(const struct invocation *in, enum option_id id, int64_t otherwise)
{
	return in->option[id].is_set ? in->option[id].i : otherwise;
}

double option_real(const struct invocation *in, enum option_id id, double otherwise)
{
	return in->option[id].is_set ? in->option[id].d : otherwise;
}

const char *option_text(const struct invocation *in, enum option_id id, const char *otherwise)
{
	return in->option[id].is_set ? in->option[id].s : otherwise;
}

int options_exclude(const struct invocation *in, const enum option_id *set, struct err *err)
{
	char first[32], second[32];
	enum option_id seen = OPT_COUNT;

	for (; *set != OPT_COUNT; set++) {
		if (!in->option[*set].is_set)
			continue;
		if (seen != OPT_COUNT)
			return err_set(err, ERR_USAGE, "%s and %s exclude each other",
				       option_name(seen, first), option_name(*set, second));
		seen = *set;
	}
	return 0;
}

int option_needs(const struct invocation *in, enum option_id id, enum option_id other,
		 struct err *err)
{
	char first[32], second[32];

	if (!in->option[id].is_set || in->option[other].is_set)
		return 0;
	return err_set(err, ERR_USAGE, "%s needs %s", option_name(id, first),
		       option_name(other, second));
}
