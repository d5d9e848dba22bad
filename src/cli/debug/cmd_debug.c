/*
 * cmd_debug.c -- `torchless debug`: options, the debugger, and where its lines are from.
 */
#include "../generate.h"
#include "front_end.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_stdin(const struct invocation *in)
{
	return in->n_args > 0 && !strcmp(in->args[0], "-");
}

static int check_options(const struct invocation *in, struct err *err)
{
	bool has_commands = option_on(in, OPT_EXECUTE) || option_on(in, OPT_EXECUTE_FILE);

	if (options_exclusive(in, err, OPT_BATCH, OPT_TUI))
		return err->code;
	if (option_on(in, OPT_TUI) && screen_check(err))
		return err->code;
	if (!option_on(in, OPT_BATCH) && option_on(in, OPT_KEEP_GOING))
		return err_set(err, ERR_USAGE, "--keep-going goes with --batch");
	if (option_on(in, OPT_TRACE) && in->n_args > 0)
		return err_set(err, ERR_USAGE,
			       "%s has its own prompt: leave '%.60s' out, or leave -t out",
			       option_text(in, OPT_TRACE, ""), in->args[0]);
	if (is_stdin(in) && !has_commands && !option_on(in, OPT_BATCH))
		return err_set(err, ERR_USAGE,
			       "the prompt is read from standard input, so commands are not: "
			       "give them by -x or -ex");
	return 0;
}

/* Without a prompt the template would be missed at the first `run`, or never. */
static int check_chat(const struct invocation *in, struct err *err)
{
	if (!option_on(in, OPT_CHAT) || option_on(in, OPT_PROMPT_IDS))
		return 0;
	return tokenizer_need_chat_template(in->model.tokenizer, err);
}

static int open_live(struct front_end *f, struct debugger_options *o, struct err *err)
{
	struct invocation *in = f->in;

	if (generate_open(in, !option_on(in, OPT_PROMPT_IDS), err) || check_chat(in, err))
		return err->code;
	o->record.generation = generate_options(in, 16);
	snprintf(f->engine, sizeof(f->engine), "torchless %s", version_number);
	o->record.path = "trace.db";
	o->record.engine = f->engine;
	o->record.commit = version_commit;
	o->record.compiler = version_compiler;
	o->record.generation.session.all_logits = true;
	if (in->n_args > 0 && generate_prompt(in, &o->prompt, err))
		return err->code;
	return 0;
}

static int open_debugger(struct front_end *f, struct debugger_options *o, struct err *err)
{
	*o = (struct debugger_options){
		.ui = &f->in->out,
		.write = front_write,
		.ask = front_ask,
		.ctx = f,
		.interrupted = &interrupted,
		.warn = warn_sentence,
		.recording = option_text(f->in, OPT_TRACE, NULL),
		.recording_model = option_text(f->in, OPT_MODEL, NULL),
	};
	if (!o->recording && open_live(f, o, err))
		return err->code;
	if (o->recording)
		recorded_tell(f->in, o->recording, 0);
	f->debugger = debugger_new(o->recording ? NULL : &f->in->model, o, err);
	return f->debugger ? 0 : err->code;
}

/* What the batch amounts to, when nothing ended it. */
static int conclude(const struct front_end *f, struct err *err)
{
	if (f->n_failed > 1)
		return err_set(err, f->first_failure, "%d commands failed", f->n_failed);
	if (f->n_failed > 0)
		return err_set(err, f->first_failure, "a command failed");
	if (debugger_exit_status(f->debugger))
		f->in->exit_status = debugger_exit_status(f->debugger);
	else if (option_on(f->in, OPT_FAIL_ON_STOP) && debugger_has_stopped(f->debugger))
		return err_set(err, ERR_NO, "the program stopped on its way");
	return 0;
}

/* Ctrl-C ends the commands that a person gave, and not the session. */
static int run_scripts(struct front_end *f, struct err *err)
{
	int r = f->is_person ? front_init(f, err) : 0;

	if (!r && !f->quit)
		r = front_scripts(f, err);
	if (r != ERR_INTERRUPTED || !f->is_person)
		return r;
	interrupted = 0;
	return 0;
}

static int run(struct front_end *f, struct err *err)
{
	bool has_screen = option_on(f->in, OPT_TUI);
	int r = has_screen ? front_tui(f, run_scripts, err) : run_scripts(f, err);

	if (!r && !f->quit && !option_on(f->in, OPT_BATCH))
		r = front_shell(f, err);
	/* What was told to a person is no outcome. */
	if (f->is_person)
		f->n_failed = 0;
	return r ? r : conclude(f, err);
}

/* How it went stands before how it ended. */
static int close_debugger(struct debugger *d, int r, struct err *err)
{
	struct err late = { 0 };

	if (debugger_close(d, &late) && !r) {
		*err = late;
		r = late.code;
	}
	return r;
}

int cmd_debug(struct invocation *in, struct err *err)
{
	struct front_end f = { .in = in };
	struct debugger_options o = { .write = front_write };
	int r;

	f.is_person = !option_on(in, OPT_BATCH) && isatty(STDIN_FILENO);
	r = check_options(in, err);
	if (!r)
		r = open_debugger(&f, &o, err);
	if (!r)
		r = run(&f, err);
	if (f.debugger)
		r = close_debugger(f.debugger, r, err);
	debugger_free(f.debugger);
	free((void *)o.prompt.ids);
	return r;
}
