/*
 * cli.h -- the command line: one list of commands, one table of options, a help text a command.
 *
 * Dispatch, help, manual pages, shell completion and docs/cli.md are all produced from them, so a
 * command or an option is added in one place (docs/howto/add-a-command.md).  An option means the
 * same thing in every command that has it; a command names those it has and what it needs opened.
 */
#ifndef TORCHLESS_CLI_H
#define TORCHLESS_CLI_H

#include "torchless/session.h"
#include "torchless/ui.h"

#include <signal.h>

/* ---- options ------------------------------------------------------------------------------ */

enum option_id {
	OPT_MODEL,
	OPT_TRACE,
	OPT_THREADS,
	OPT_CHUNK,
	OPT_MEM,
	OPT_FAST,
	OPT_OUTPUT,
	OPT_N,
	OPT_TEMP,
	OPT_TOP_K,
	OPT_TOP_P,
	OPT_MIN_P,
	OPT_SEED,
	OPT_CHAT,
	OPT_SYSTEM,
	OPT_STOP,
	OPT_ECHO,
	OPT_PROMPT_IDS,
	OPT_PROMPTS,
	OPT_RESUME,
	OPT_ZERO,
	OPT_EDITS,
	OPT_CAPTURE,
	OPT_BUDGET,
	OPT_ESTIMATE,
	OPT_LOGITS,
	OPT_STOP_ON,
	OPT_REPEAT,
	OPT_REDACT,
	OPT_IDS,
	OPT_JSONL,
	OPT_STEPS,
	OPT_NO_BOS,
	OPT_RAW,
	OPT_TEXT,
	OPT_DECODE,
	OPT_CONFIG,
	OPT_TENSORS,
	OPT_STATS,
	OPT_POINTS,
	OPT_PROGRAM,
	OPT_LIST,
	OPT_FUNCTIONS,
	OPT_PARAM,
	OPT_CSV,
	OPT_BOX,
	OPT_LIMIT,
	OPT_TIMEOUT,
	OPT_EXECUTE_FILE,
	OPT_EXECUTE,
	OPT_BATCH,
	OPT_KEEP_GOING,
	OPT_FAIL_ON_STOP,
	OPT_TUI,
	OPT_LEVEL,
	OPT_MODULE,
	OPT_EXPAND,
	OPT_COLLAPSE,
	OPT_RUN,
	OPT_PASS,
	OPT_COLOR_BY,
	OPT_DIFF,
	OPT_VIEW,
	OPT_VS,
	OPT_HEAT,
	OPT_HIST,
	OPT_TOPK,
	OPT_PRINT,
	OPT_SPARK,
	OPT_PNG,
	OPT_NPY,
	OPT_CSV_FILE,
	OPT_PERFETTO,
	OPT_CHROME,
	OPT_COURSE,
	OPT_HOME,
	OPT_DRAW_SEED,
	OPT_GIVE_UP,
	OPT_MANUAL,
	OPT_ALL,
	OPT_WRITE,
	OPT_EXPORT,
	OPT_IMPORT,
	OPT_MARKDOWN,
	OPT_MAN,
	OPT_TSV,
	OPT_JSON,
	OPT_COLOR,
	OPT_QUIET,
	OPT_VERBOSE,
	OPT_HELP,
	OPT_VERSION,
	OPT_COUNT
};

enum option_kind {
	OPTION_FLAG,
	OPTION_INT,
	OPTION_REAL,
	OPTION_TEXT,
	OPTION_LIST,   /* text, may be given several times */
	OPTION_SIZE,   /* bytes: 512, 64K, 2G */
	OPTION_CHOICE, /* one of the words of `choices`, separated by '|' */
};

/*
 * What a shell may offer for a value, or for the arguments of a command.  An option that takes a
 * value has one of these, NONE not among them; src/cli/completion/completion.c says for each which
 * files and which names it stands for, and all shells are told by that.
 */
enum complete {
	COMPLETE_NONE,      /* a flag; arguments that only a person knows */
	COMPLETE_TEXT,      /* what only a person knows: a number, a size, a text */
	COMPLETE_CHOICE,    /* the words of `choices` */
	COMPLETE_FILE,      /* any file */
	COMPLETE_MODEL,     /* directories, and files of weights */
	COMPLETE_RECORDING, /* directories, and databases */
	COMPLETE_JSONL,     /* directories, and such files, as all that follow of files */
	COMPLETE_NPY,
	COMPLETE_PNG,
	COMPLETE_CSV,
	COMPLETE_COMPARED, /* recordings or models */
	COMPLETE_POINT,
	COMPLETE_POINT_OR_RECORDING,
	COMPLETE_CAPTURE, /* points, and the words that stand for several */
	COMPLETE_MODULE,
	COMPLETE_LAYER,
	COMPLETE_PARAMETER, /* KEY=VALUE of the saved query, VALUE also @FILE.npy or a recording */
	COMPLETE_DEBUGGER,  /* commands of the debugger */
	COMPLETE_COMMAND,
	COMPLETE_QUERY,
	COMPLETE_LESSON, /* what `torchless lesson` does, and what that takes */
	COMPLETE_ARGS,   /* the words that `args` of a command separates by '|' */
	COMPLETE_COUNT
};

struct option {
	const char *name; /* without the dashes; NULL: a letter only */
	const char *arg;  /* what help calls the value; NULL for a flag */
	char letter;      /* '\0': none */
	enum option_kind kind;
	double min, max;     /* INT and REAL */
	const char *choices; /* CHOICE */
	enum complete complete;
	bool single_dash; /* "-ex" is a name, too */
	const char *help; /* a phrase, no full stop */
};
extern const struct option option_table[OPT_COUNT];

struct option_value {
	bool is_set;
	int64_t i; /* INT, SIZE; the index of a CHOICE */
	double d;
	const char *s;     /* as given */
	const char **list; /* LIST */
	int *order;        /* LIST: where each stood among all options that were given */
	int n;
};

/* ---- commands ----------------------------------------------------------------------------- */

struct invocation;

/* What src/cli/help/<name>.txt says; scripts/embed-help makes it. */
struct command_help {
	const char *args;     /* "[OPTIONS] PROMPT" without the options */
	const char *summary;  /* imperative, no full stop */
	const char *details;  /* paragraphs for help, the manual page and docs/cli.md */
	const char *examples; /* a command a line */
};

/* A command that is typed inside a command, as those of a shell. */
struct inner_command {
	const char *name, *args, *doc;
};

struct command {
	const char *name;
	const struct command_help *help;
	const struct inner_command *shell; /* ended by one without a name; NULL: none */
	const enum option_id
		*options;       /* besides those that every command has; OPT_COUNT ends them */
	int min_args, max_args; /* max_args -1: any number */
	enum complete complete;
};

/* In the order of commands.def; what runs them is known to main.c alone. */
extern const struct command command_table[];
extern const int command_table_len;

/* Whether every command has it. */
bool option_is_everywhere(enum option_id id);

const struct command *command_find(const char *name);
bool command_has(const struct command *c, enum option_id id);

/* Whether the command has it beside those that every command has. */
bool command_adds(const struct command *c, enum option_id id);

/* One run of the program: what was asked, and what commands open on the way. */
struct invocation {
	const struct command *command; /* NULL: none was named */
	struct option_value option[OPT_COUNT];
	const char **args; /* positional arguments after the command */
	int n_args;
	int n_given; /* options */
	int argc;    /* the whole command line, for the recording */
	char **argv;

	struct ui out, err; /* what stdout and stderr can show */
	struct threads *pool;
	const struct kernels *kernels;
	struct model model;
	bool model_is_ours; /* the one that comes with the program: none was named */
	struct text stdin_text;
	int exit_status; /* of a command that did not fail: 0, unless it was told another */
};

/*
 * Read argv into `in`.  ERR_USAGE names an unknown command or option with the nearest one, a value
 * out of range, or an argument too many or too few.
 */
int invocation_parse(struct invocation *in, int argc, char **argv, struct err *err);
void invocation_release(struct invocation *in);

/* The value of an option, or the default when it was not given. */
bool option_on(const struct invocation *in, enum option_id id);
int64_t option_int(const struct invocation *in, enum option_id id, int64_t otherwise);
double option_real(const struct invocation *in, enum option_id id, double otherwise);
const char *option_text(const struct invocation *in, enum option_id id, const char *otherwise);

/* ERR_USAGE when more than one of these options, whose list OPT_COUNT ends, was given. */
#define options_exclusive(in, err, ...)                                                            \
	options_exclude((in), (const enum option_id[]){ __VA_ARGS__, OPT_COUNT }, (err))
int options_exclude(const struct invocation *in, const enum option_id *set, struct err *err);

/* ERR_USAGE when `id` was given and `other`, without which it means nothing, was not. */
int option_needs(const struct invocation *in, enum option_id id, enum option_id other,
		 struct err *err);

/* ---- opening ------------------------------------------------------------------------------ */

/* The threads and kernels asked for, into in->pool and in->kernels. */
int invocation_open_kernels(struct invocation *in, struct err *err);

/* Whether that is the model which opens when none is named. */
bool invocation_is_default_model(const struct invocation *in, const char *path);

/*
 * A run (0: the newest) of that recording is what is asked from now on: sentences that say what to
 * record say how, with its prompt, its model and its options.  It is read when one of them is said;
 * `in` is borrowed for as long, the path is copied.
 */
void recorded_tell(const struct invocation *in, const char *path, int64_t run);

/* The parts (enum checkpoint_parts) of the model asked for, or of the default one. */
int invocation_open_model(struct invocation *in, unsigned parts, struct err *err);

/*
 * The positional argument i as bytes; "-" reads stdin to its end.  The bytes live as long as the
 * invocation.
 */
int invocation_text(struct invocation *in, int i, struct bytes *out, struct err *err);

/* Standard input to its end; the bytes live as long as the invocation. */
int invocation_stdin(struct invocation *in, struct bytes *out, struct err *err);

/*
 * Bytes for which a byte-level vocabulary has no token vanish, as they do elsewhere; this says so
 * once and names the first.
 */
void warn_dropped(const struct invocation *in, struct bytes text, const struct encoding *enc);

/* `torchless: warning: ` and a sentence on stderr. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void warn_sentence(const char *sentence);

/* The sentence of an error, as main() says it and a shell that goes on. */
void report_error(const struct err *err);

/* "--temp", or "-n" where there is no long name; returns buf. */
const char *option_name(enum option_id id, char buf[32]);

/* Append the path of the model that comes with the program: ERR_IO says where it was looked for. */
int invocation_own_model(const struct invocation *in, struct text *path, struct err *err);

/* A line on stderr with --verbose. */
void note(const struct invocation *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Write to stdout what programs read, through ui_write_exact(), or say why not: ERR_IO. */
int write_out(const void *data, size_t len, struct err *err);

/* The same of what people are shown, through ui_write(). */
int write_shown(const void *data, size_t len, struct err *err);
int flush_out(struct err *err);

/* write_out() to an open file from now on, called `name` in errors (borrowed); NULL: to stdout. */
void out_redirect(FILE *f, const char *name);

/*
 * Whether a file that an option names may be written: not when it is a database, under whatever
 * name, because that is a recording given by mistake and would be lost.  ERR_USAGE.  NULL and "-"
 * may.
 */
int check_target(const char *path, struct err *err);

/* ---- listings: the same rows for people, for programs, and as JSON -------------------------- */

/*
 * A list of rows, printed as a table (through a pager where it is longer than the screen), by --tsv
 * as tab-separated rows there too, by --json as one object a line whose keys are the titles; or (a
 * record) one object, printed as two columns.  Cells are added left to right.
 */
struct listing {
	struct invocation *in;
	struct ui_table table;
	struct text json; /* with --json: what is printed */
	bool is_json, is_record;
	bool for_people; /* cells are what people read: a terminal, and no --tsv */
	int column;
};
void listing_init(struct listing *l, struct invocation *in, const char *titles);
void listing_init_record(struct listing *l, struct invocation *in);
void listing_key(struct listing *l, const char *key); /* of a record */
void listing_int(struct listing *l, int64_t x);
void listing_real(struct listing *l, double x); /* NaN and infinities are null in JSON */
void listing_text(struct listing *l, const char *data, size_t len);
void listing_string(struct listing *l, const char *s); /* NULL: an empty cell, null */
void listing_bool(struct listing *l, bool x);
/* A number for programs and how people read it. */
void listing_shown(struct listing *l, int64_t x, const char *shown);
/* The columns that a narrow terminal does without: see ui_table_drops(). */
void listing_drops(struct listing *l, const char *titles);
/* Print everything and release it. */
int listing_print(struct listing *l, struct err *err);

/* Set by SIGINT. */
extern volatile sig_atomic_t interrupted;

/* ---- help --------------------------------------------------------------------------------- */

/* Help on a command, or, NULL, the list of them; through a pager when it is long. */
void help_print(const struct ui *ui, const struct command *c);

/* The option or command nearest to `word`, NULL when nothing is near. */
const char *nearest_command(const char *word);

extern const char version_number[], version_commit[], version_prefix[], version_compiler[];

/* ---- the commands, a file or a folder each ------------------------------------------------- */

#define COMMAND(name, ...) int cmd_##name(struct invocation *in, struct err *err);
#include "torchless/commands.def"

#endif
