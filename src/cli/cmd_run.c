/*
 * cmd_run.c -- `torchless run`: the completion, streamed.
 *
 * stdout gets the completion's bytes and nothing else.  A terminal gets them made safe: what is no
 * UTF-8 becomes U+FFFD and control bytes are escaped, since a model can be made to print anything.
 */
#include "generate.h"

#include "torchless/recipe.h"
#include "torchless/utf8.h"

#include <string.h>

/* What of g->text was written already. */
struct stream {
	const struct invocation *in;
	struct generation *g;
	size_t written;
};

/* Write what is new; on a terminal an incomplete character waits for its rest. */
static int stream_flush(struct stream *s, bool at_end, struct err *err)
{
	const char *new = s->g->text.data ? s->g->text.data + s->written : "";
	size_t len = s->g->text.len - s->written;
	struct text safe = { 0 };
	int r;

	if (s->in->out.is_terminal) {
		if (!at_end)
			len = utf8_complete(new, len);
		ui_add_running(&safe, new, len);
		r = write_out(safe.data ? safe.data : "", safe.len, err);
	} else {
		r = write_out(new, len, err);
	}
	text_release(&safe);
	s->written += len;
	return r ? r : flush_out(err);
}

static int echo_prompt(const struct invocation *in, const struct generation *g, struct err *err)
{
	struct text shown = { 0 };
	int r;

	if (!option_on(in, OPT_ECHO) && (!in->out.is_terminal || option_on(in, OPT_CHAT)))
		return 0;
	if (in->out.is_terminal)
		ui_add_running(&shown, g->prompt.data, g->prompt.len);
	else
		text_add(&shown, g->prompt.data, g->prompt.len);
	r = write_out(shown.data ? shown.data : "", shown.len, err);
	text_release(&shown);
	return r ? r : flush_out(err);
}

static double per_second(int64_t n, int64_t ns)
{
	return ns > 0 ? (double)n * 1e9 / (double)ns : 0;
}

static void print_speed(const struct invocation *in, const struct generation *g)
{
	const struct session *s = &g->session;
	char prefill[32], decode[32];
	struct text line = { 0 };

	fflush(stdout); /* a log that takes both streams has the text first */
	text_addf(&line, "prompt %lld %s, %s (%.1f tokens/s)", (long long)s->n_prompt,
		  plural(s->n_prompt, "token", "tokens"),
		  ui_format_time(s->prefill_ns, prefill, sizeof(prefill)),
		  per_second(s->n_prompt, s->prefill_ns));
	if (s->n_generated > 1)
		text_addf(&line, " · decode %lld %s, %s (%.1f tokens/s)",
			  (long long)s->n_generated - 1,
			  plural(s->n_generated - 1, "token", "tokens"),
			  ui_format_time(s->decode_ns, decode, sizeof(decode)),
			  per_second(s->n_generated - 1, s->decode_ns));
	text_addc(&line, '\n');
	ui_write_lines(&in->err, line.data, line.len);
	text_release(&line);
}

static int stream_text(const struct invocation *in, struct generation *g, struct err *err)
{
	struct stream s = { .in = in, .g = g };
	int r = echo_prompt(in, g, err);

	if (r)
		return r;
	while ((r = generation_advance(g, err)) == SESSION_TOKEN)
		if (stream_flush(&s, false, err))
			return err->code;
	if (r < 0) {
		putchar('\n'); /* what was made stays, on a line of its own */
		return r;
	}
	generation_finish(g);
	if (stream_flush(&s, true, err) || write_out("\n", 1, err))
		return err->code;
	return 0;
}

static int print_document(struct generation *g, struct err *err)
{
	const struct session *s = &g->session;
	struct text t = { 0 };
	int r;

	while ((r = generation_advance(g, err)) == SESSION_TOKEN)
		;
	if (r < 0)
		return r;
	generation_finish(g);
	text_adds(&t, "{\"text\": ");
	text_add_json(&t, g->text.data ? g->text.data : "", g->text.len);
	text_adds(&t, ", \"tokens\": [");
	for (int64_t i = s->n_prompt; i < s->n_tokens; i++)
		text_addf(&t, "%s%d", i > s->n_prompt ? ", " : "", (int)s->tokens[i]);
	text_addf(
		&t,
		"], \"n_prompt\": %lld, \"stop\": \"%s\", \"prefill_ns\": %lld, \"decode_ns\": %lld",
		(long long)s->n_prompt, generation_stop_reason(g), (long long)s->prefill_ns,
		(long long)s->decode_ns);
	if (s->opt.executor.fast) {
		text_adds(&t, ", \"fast\": ");
		program_add_fast_json(&t, &s->model->program, s->executor.opt.kernels);
	}
	text_adds(&t, "}\n");
	r = write_out(t.data, t.len, err);
	text_release(&t);
	return r;
}

static int open_generation(struct generation *g, struct invocation *in, struct err *err)
{
	struct generation_options o;
	int r = generate_open(in, true, err);

	if (r)
		return r;
	o = generate_options(in, 128);
	o.session.executor.ring = true;
	r = generation_init(g, &in->model, &o, err);
	generate_note(in, &g->session);
	return r;
}

/* The tokens that --edits forces are forced once the prompt is there. */
static int set_prompt(struct generation *g, struct invocation *in, const struct recipes *edits,
		      struct err *err)
{
	struct prompt prompt = { 0 };
	int r = generate_prompt(in, &prompt, err);

	if (r == 0)
		r = generation_set_prompt(g, &prompt, err);
	return r ? r : recipes_force(edits, &g->session, err);
}

int cmd_run(struct invocation *in, struct err *err)
{
	struct generation g = { 0 };
	struct recipes edits = { 0 };
	int r = open_generation(&g, in, err);

	if (r == 0)
		r = edits_zero(&g.session, "--zero", in->option[OPT_ZERO].list,
			       in->option[OPT_ZERO].n, err);
	if (r == 0)
		r = recipes_open(&edits, &g.session, in->option[OPT_EDITS].list,
				 in->option[OPT_EDITS].n, &recipe_plain_expressions, err);
	if (r == 0)
		r = set_prompt(&g, in, &edits, err);
	if (r == 0)
		generation_warn(&g);
	if (r == 0)
		r = option_on(in, OPT_JSON) ? print_document(&g, err) : stream_text(in, &g, err);
	if (r == 0)
		generation_warn_of_growth(&g);
	if (r == 0 && !option_on(in, OPT_QUIET))
		print_speed(in, &g);
	generation_release(&g);
	recipes_release(&edits);
	return r;
}
