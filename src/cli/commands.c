/*
 * commands.c -- the one table of commands.
 *
 * docs/howto/add-a-command.md says what to do to add one: write src/cli/cmd_<name>.c, declare it,
 * add an entry here.  tests/cli/help.sh fails until `make docs` has been run.
 */
#include "torchless/cli.h"

#include <string.h>

#define BIT(id) (1ull << (id))

#define OPTIONS_COMPUTE                                                                            \
	(BIT(OPT_MODEL) | BIT(OPT_THREADS) | BIT(OPT_CHUNK) | BIT(OPT_MEM) | BIT(OPT_N) |          \
	 BIT(OPT_TEMP) | BIT(OPT_TOP_K) | BIT(OPT_TOP_P) | BIT(OPT_MIN_P) | BIT(OPT_SEED) |        \
	 BIT(OPT_CHAT) | BIT(OPT_JSON))

const struct command command_table[] = {
	{
		.name = "run",
		.args = "PROMPT",
		.summary = "Generate text",
		.details =
			"Prints the completion as it is made: exactly the bytes by which the "
			"decoded text grows, and one newline at the end. Greedy unless --temp says "
			"otherwise, so the same command prints the same text. Stops at an end-of-sequence "
			"token of the model, before a --stop string, or after -n tokens. The speed is printed on stderr.\n"
			"\n"
			"PROMPT - reads stdin. With --json one document is printed at the end: "
			"text, tokens, n_prompt, stop (\"eos\", \"length\", \"stop\" or \"nan\"), times in nanoseconds.",
		.examples = "torchless run \"The capital of France is\"\n"
			    "torchless run -m models/smollm2-135m --chat \"Why is the sky blue?\"\n"
			    "torchless run --temp 0.8 --top-p 0.95 --seed 7 \"Once upon a time\"\n"
			    "git log -1 --format=%B | torchless run -q --stop $'\\n' -",
		.options = OPTIONS_COMPUTE | BIT(OPT_STOP) | BIT(OPT_ECHO),
		.min_args = 1,
		.max_args = 1,
		.run = cmd_run,
	},
	{
		.name = "trace",
		.args = "PROMPT | --prompts FILE.jsonl",
		.summary = "Record a forward pass to a SQLite file",
		.details =
			"Runs the prompt and generates -n tokens: the prefill is pass 0 (several "
			"passes when the prompt is longer than the chunk), then n-1 decode passes; "
			"-n 0 is the prefill alone. Every pass is in the recording when it is "
			"finished, so one that is interrupted or killed is readable.\n"
			"\n"
			"Without --capture a recording holds statistics of every point, the "
			"tokens, the likeliest 20 tokens at every position, and the residual stream of the "
			"last position after each layer. --capture adds to this; '*' keeps every "
			"number. Points are named by module path "
			"(model.layers.3.self_attn:pattern), "
			"glob (*.self_attn:pattern), shorthand (L3.attn.pattern), or the name that "
			"TransformerLens or ggml gives them: see `torchless info --points`. Or by "
			"what one wants: residual (the residual stream), attention (rotated "
			"queries and keys, from which attn() computes every pattern, however long "
			"the prompt), units (of the MLPs), logits.\n"
			"\n"
			"--estimate says beforehand what that takes. --budget SIZE bounds it: a "
			"rule that names fewer points goes first, of two the later one; of one "
			"rule the smallest kind of point; the default dumps last. What does not "
			"fit keeps its statistics, and the recording says what that was.\n"
			"\n"
			"--prompts FILE.jsonl records many prompts in one file, a run a line: each "
			"line is an object with \"prompt\" (text) or \"ids\" (token ids), "
			"optionally \"id\" (what you call it) and \"n\" (tokens to generate, "
			"instead of -n); other keys are ignored. Every option applies to each run, "
			"and a run has the same bits as its prompt traced alone. All lines are "
			"checked before the first is run. The view v_run has a row a run, with "
			"its line and id; run_id picks one in the other views.\n"
			"\n"
			"--resume goes on with a recording that was interrupted or killed, at its "
			"first unfinished run, whose rows are removed first; the result is that of "
			"a recording without a break. The model, the file of prompts and the "
			"options must be the same (-j and --stop-on may differ). Without a "
			"recording to go on with it begins one.\n"
			"\n"
			"At the end a summary goes to stdout on a terminal and to stderr "
			"elsewhere; --json prints it as one document on stdout.",
		.examples =
			"torchless trace \"The capital of France is\"\n"
			"torchless trace -n 5 --capture 'L*.attn.pattern=f16' \"Once upon a time\"\n"
			"torchless trace --zero 'L0.attn.z[head=0]' -o ablated.db \"Zeb Kiv Zeb\"\n"
			"torchless trace --prompt-ids -n 0 \"$(torchless tokenize --ids 'Tom has')\"\n"
			"torchless trace --prompts prompts.jsonl -o many.db\n"
			"printf '{\"prompt\": \"%s\"}\\n' One Two | torchless trace --prompts -",
		.options = OPTIONS_COMPUTE | BIT(OPT_OUTPUT) | BIT(OPT_PROMPT_IDS) | BIT(OPT_ZERO) |
			   BIT(OPT_CAPTURE) | BIT(OPT_BUDGET) | BIT(OPT_ESTIMATE) |
			   BIT(OPT_LOGITS) | BIT(OPT_STOP_ON) | BIT(OPT_REDACT) | BIT(OPT_PROMPTS) |
			   BIT(OPT_RESUME),
		.max_args = 1,
		.run = cmd_trace,
	},
	{
		.name = "query",
		.args = "[SQL | NAME [KEY=VALUE]...]",
		.summary = "Ask a recording in SQL",
		.details =
			"Runs SQL, or a saved query by its name, over a recording that is opened "
			"read-only. KEY=VALUE gives the parameter :KEY a value. --list names the "
			"saved queries, --functions what torchless adds to SQL. SQL - reads stdin.\n"
			"\n"
			"Without SQL it is a shell: statements end with a semicolon, a saved query "
			"is run by its name, .help lists commands, Tab completes names of the "
			"recording (points inside quotes), Ctrl-C stops a query, Ctrl-D leaves. "
			"The history is kept in $XDG_STATE_HOME/torchless/query_history "
			"(~/.local/state), unless the recording was made with --redact. When "
			"stdin is no terminal the same is read from it, and the first error ends it.\n"
			"\n"
			"On a terminal the result is a box of at most 1000 rows (--limit 0 for "
			"all), or a line a cell where the terminal is too narrow; piped, rows are separated "
			"by tabs without a heading, as the sqlite3 shell prints them. --csv has a heading; "
			"--json prints one object a line. In boxes and tab-separated rows control "
			"characters are escaped (\\n, \\t, \\x1b). NULL is an empty cell, in JSON null.\n"
			"\n"
			"A blob is never printed raw. A tensor (a .npy, or a payload selected with "
			"its dtype and shape) is its shape, statistics and histogram, in JSON {\"tensor\": "
			"\"...\"}. A blob that is text, as the pieces of tokens are, is text. Any other is <blob N "
			"bytes>; up to 64 bytes in CSV X'hex' and in JSON {\"hex\": \"...\"}, beyond "
			"{\"bytes\": N}. hex() and t_json() give all of it.\n"
			"\n"
			"SQL may only read: writing, ATTACH, pragmas that change something and "
			"functions that open files are refused. A query may take 1 GB of memory and the time of --timeout; Ctrl-C stops it.",
		.examples =
			"torchless query\n"
			"torchless query --list\n"
			"torchless query --functions t_slice\n"
			"torchless query \"SELECT layer, l2 FROM v_value WHERE role = 'resid_post'\"\n"
			"torchless query --csv \"SELECT * FROM v_token\" > tokens.csv",
		.options = BIT(OPT_TRACE) | BIT(OPT_MODEL) | BIT(OPT_LIST) | BIT(OPT_FUNCTIONS) |
			   BIT(OPT_CSV) | BIT(OPT_BOX) | BIT(OPT_JSON) | BIT(OPT_LIMIT) |
			   BIT(OPT_TIMEOUT),
		.max_args = -1,
		.complete = COMPLETE_QUERY,
		.run = cmd_query,
	},
	{
		.name = "tokenize",
		.args = "TEXT",
		.summary = "Show the tokens of a text",
		.details =
			"Prints one token a line: its id, its piece as the vocabulary spells it, "
			"and the bytes of TEXT it covers; separated by tabs when piped. The tokens "
			"that the tokenizer's template adds (BOS) are included; --no-bos leaves them "
			"out. A directory with a tokenizer.json is enough: no weights are read.\n"
			"\n"
			"--json prints an array of {\"id\", \"piece\", \"start\", \"end\"} with "
			"byte offsets. --jsonl reads one JSON string a line and prints one array of ids "
			"a line, for bulk checks. --steps prints what the tokenizer did, each merge "
			"with its rank. --decode takes ids and prints the text they stand for, special tokens included.",
		.examples = "torchless tokenize \"Hello, world!\"\n"
			    "torchless tokenize --steps \"unbelievable\"\n"
			    "torchless tokenize --decode $(torchless tokenize --ids \"Hello\")",
		.options = BIT(OPT_MODEL) | BIT(OPT_IDS) | BIT(OPT_JSON) | BIT(OPT_JSONL) |
			   BIT(OPT_STEPS) | BIT(OPT_NO_BOS) | BIT(OPT_DECODE),
		.max_args = -1,
		.run = cmd_tokenize,
	},
	{
		.name = "info",
		.args = "",
		.summary = "Describe a model: sizes, weights, points, program",
		.details =
			"Prints what the model is and what it needs to run; of the model that "
			"comes with torchless also what to try. --program is the EXPLAIN "
			"of a model: every op in the order it runs, with the module it belongs "
			"to, the shape of its result (T tokens of a pass, S keys visible, R rows of "
			"logits), its formula, and the line of the modeling code it comes from. --points "
			"names what a recording may hold, with its bytes: by symbols, of the "
			"first position, and of a prompt of --chunk positions (512). Listings "
			"are separated by tabs when piped.",
		.examples = "torchless info\n"
			    "torchless info --program\n"
			    "torchless info --tensors --stats\n"
			    "torchless info --points --json",
		.options = BIT(OPT_MODEL) | BIT(OPT_THREADS) | BIT(OPT_CHUNK) | BIT(OPT_CONFIG) |
			   BIT(OPT_TENSORS) | BIT(OPT_STATS) | BIT(OPT_POINTS) | BIT(OPT_PROGRAM) |
			   BIT(OPT_JSON),
		.run = cmd_info,
	},
	{
		.name = "completion",
		.args = "bash|zsh|fish",
		.summary = "Print a completion script for your shell",
		.details = "Completes commands, options, files, points, and the saved queries of "
			   "the recording that -t names with their parameters.",
		.examples = "source <(torchless completion bash)\n"
			    "torchless completion fish > ~/.config/fish/completions/torchless.fish",
		.min_args = 1,
		.max_args = 1,
		.run = cmd_completion,
	},
	{
		.name = "help",
		.args = "[COMMAND]",
		.summary = "Explain a command",
		.details = "Without COMMAND the commands are listed.",
		.examples = "torchless help trace",
		.options = BIT(OPT_MARKDOWN),
		.max_args = 1,
		.run = cmd_help,
	},
};

const int command_table_len = (int)(sizeof(command_table) / sizeof(command_table[0]));

const struct command *command_find(const char *name)
{
	for (int i = 0; i < command_table_len; i++)
		if (!strcmp(command_table[i].name, name))
			return &command_table[i];
	return NULL;
}

bool command_has(const struct command *c, enum option_id id)
{
	return ((c->options | OPTIONS_EVERYWHERE) >> id & 1) != 0;
}

const char *nearest_command(const char *word)
{
	/* Farther than three edits, or all of the word, is no suggestion. */
	struct text_nearest near = { .name = word, .distance = 4 };

	if ((int)strlen(word) < near.distance)
		near.distance = (int)strlen(word);
	for (int i = 0; i < command_table_len; i++)
		text_nearest_offer(&near, command_table[i].name);
	return near.best;
}
