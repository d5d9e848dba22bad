/*
 * summary.c -- what `torchless trace` says at the end: tokens, predictions, the residual stream,
 * where the time went, and three commands to go on with.
 */
#include "torchless/mem.h"
#include "torchless/utf8.h"
#include "trace.h"

#include <math.h>
#include <string.h>

#define SUMMARY_EDITS 4

static void add_spaces(struct text *t, int n)
{
	while (n-- > 0)
		text_addc(t, ' ');
}

/* The columns behind a label, of `usual`, that a narrow screen has. */
static int columns_of(const struct ui *ui, int usual, int least)
{
	int room = ui->width > 0 ? ui->width - SUMMARY_LABEL : usual;

	return room < least ? least : room < usual ? room : usual;
}

static void token_bytes(const struct trace_command *c, int32_t id, struct text *out)
{
	text_clear(out);
	if (c->in->model.tokenizer)
		tokenizer_token_bytes(c->in->model.tokenizer, id, out);
	else
		text_addf(out, "%d", (int)id);
}

const char *summary_model_name(const struct trace_command *c)
{
	const struct model *m = &c->in->model;

	return m->config->name[0] ? m->config->name : m->checkpoint.path;
}

/* ---- for people --------------------------------------------------------------------------- */

void summary_add_model(struct text *t, const struct trace_command *c, const struct ui *ui)
{
	const struct checkpoint *ck = &c->in->model.checkpoint;
	int n = threads_count(c->in->pool);
	const char *dot = ui->utf8 ? "·" : "-";
	char params[40];

	ui_add_visible(t, ui, summary_model_name(c), strlen(summary_model_name(c)));
	text_addf(t, " %s %lld %s %s %s parameters, %s %s %s %s %d %s\n", dot,
		  (long long)ck->config.n_layers, plural(ck->config.n_layers, "layer", "layers"),
		  dot, ui_format_params(ck->n_params, params, sizeof(params)),
		  dtype_table[ck->weight_dtype].name, dot, c->in->kernels->isa, dot, n,
		  plural(n, "thread", "threads"));
	if (option_on(c->in, OPT_FAST)) {
		text_adds(t, "--fast: ");
		program_add_fast(t, &c->in->model.program, c->in->kernels);
		text_addc(t, '\n');
	}
	text_addc(t, '\n');
}

/* "The│ capital│ of": the last ones when they do not all fit. */
static void add_tokens(struct text *t, const struct trace_command *c, const struct ui *ui)
{
	const struct session *s = &c->recorder.generation.session;
	int room = (ui->width > 0 ? ui->width : 100) - SUMMARY_LABEL - 10, used = 0;
	struct text line = { 0 }, bytes = { 0 }, shown = { 0 };
	int64_t first = s->n_prompt;

	for (; first > 0; first--) {
		text_clear(&shown);
		token_bytes(c, s->tokens[first - 1], &bytes);
		ui_add_visible(&shown, ui, bytes.data ? bytes.data : "", bytes.len);
		used += utf8_width(shown.data ? shown.data : "", shown.len) + 1;
		if (used > room && first < s->n_prompt)
			break;
	}
	if (first > 0)
		text_adds(&line, ui->utf8 ? "… " : ".. ");
	for (int64_t i = first; i < s->n_prompt; i++) {
		token_bytes(c, s->tokens[i], &bytes);
		if (i > first)
			text_adds(&line, ui->utf8 ? "│" : "|");
		ui_add_clipped(&line, ui, bytes.data ? bytes.data : "", bytes.len, 40);
	}
	summary_add_label(t, ui, "tokens");
	text_add(t, line.data, line.len);
	add_spaces(t, columns_of(ui, 63, 8) - 8 - utf8_width(line.data, line.len));
	text_addf(t, "  %6lld\n", (long long)s->n_prompt);
	text_release(&line);
	text_release(&bytes);
	text_release(&shown);
}

static void add_prefill(struct text *t, const struct trace_command *c, const struct ui *ui)
{
	const struct session *s = &c->recorder.generation.session;
	int n = c->in->model.program.n_layers;
	char time[32];

	summary_add_label(t, ui, "prefill");
	ui_add_bar(t, ui, 1, columns_of(ui, 65, 45) - 40);
	text_addf(t, " %d/%d %s %10s with recording\n", n, n, plural(n, "layer", "layers"),
		  ui_format_time(s->prefill_ns, time, sizeof(time)));
}

/* How likely prediction number i was drawn as the first token; NaN when none was. */
static double drawn_of(const struct trace_command *c, int64_t i)
{
	const struct scores *s = &c->recorder.scores;

	return drawn_probability(&s->drawn, s->next[i].logit, i);
}

/* "' Paris' 60.81 %", and what it was drawn with where that is another. */
static void add_predictions(struct text *t, const struct trace_command *c, const struct ui *ui)
{
	struct text bytes = { 0 };
	char percent[32];

	if (c->recorder.scores.n_next == 0)
		return;
	summary_add_label(t, ui, "next");
	for (int64_t i = 0; i < c->recorder.scores.n_next && i < 4; i++) {
		double p = exp((double)c->recorder.scores.next[i].logprob);

		token_bytes(c, c->recorder.scores.next[i].id, &bytes);
		text_adds(t, i ? "   '" : "'");
		ui_add_clipped(t, ui, bytes.data ? bytes.data : "", bytes.len, 24);
		text_addf(t, "' %s", ui_format_percent(p, percent, sizeof(percent)));
		if (c->recorder.scores.drawn.mass > 0)
			text_addf(t, ", drawn %s",
				  ui_format_percent(drawn_of(c, i), percent, sizeof(percent)));
	}
	text_addc(t, '\n');
	text_release(&bytes);
}

/* "' box' from layer 3 on, ' ball' before". */
static void add_settling(struct text *t, const struct trace_command *c, const struct ui *ui,
			 const struct settling *s)
{
	struct text bytes = { 0 };

	if (s->is_too_long) {
		summary_add_label(t, ui, "settles");
		text_adds(t, "not looked for, it takes as long as the prompt: -v does\n");
	}
	if (!s->leads)
		return;
	token_bytes(c, s->leads[s->layer], &bytes);
	summary_add_label(t, ui, "settles");
	text_addc(t, '\'');
	ui_add_clipped(t, ui, bytes.data ? bytes.data : "", bytes.len, 24);
	text_addf(t, "' from layer %d on", s->layer);
	if (s->layer > 0) {
		token_bytes(c, s->leads[s->layer - 1], &bytes);
		text_adds(t, ", '");
		ui_add_clipped(t, ui, bytes.data ? bytes.data : "", bytes.len, 24);
		text_adds(t, "' before");
	}
	text_addc(t, '\n');
	text_release(&bytes);
}

static const char *edit_label(const struct edit *e)
{
	return e->kind == EDIT_ZERO ? "zeroed" : "edited";
}

/* "zeroed  model.layers.0.self_attn:z[head=1]": what is edited in every run. */
void summary_add_edits(struct text *t, const struct trace_command *c, const struct ui *ui)
{
	const struct executor *ex = &c->recorder.generation.session.executor;
	int n = c->recorder.n_standing_edits;

	for (int i = 0; i < n && i < SUMMARY_EDITS; i++) {
		const struct edit *e = &ex->edits[i];
		const struct value *v = &ex->program->values[e->value];
		bool is_other = i == 0 || edit_label(e) != edit_label(e - 1);

		summary_add_label(t, ui, is_other ? edit_label(e) : "");
		text_adds(t, v->name);
		selection_format(&e->sel, value_axes(v), t);
		text_addf(t, "%s%s\n", e->kind == EDIT_ZERO ? "" : "  ",
			  e->kind == EDIT_ZERO ? "" : edit_kind_names[e->kind]);
	}
	if (n > SUMMARY_EDITS) {
		summary_add_label(t, ui, "");
		text_addf(t, "and %d more, in the table edit of the recording\n",
			  n - SUMMARY_EDITS);
	}
}

static void add_generated(struct text *t, const struct trace_command *c, const struct ui *ui)
{
	const struct session *s = &c->recorder.generation.session;
	char time[32];

	if (s->n_generated < 2)
		return;
	summary_add_label(t, ui, "decode");
	text_addf(t, "%lld %s, %s with recording", (long long)s->n_generated,
		  plural(s->n_generated, "token", "tokens"),
		  ui_format_time(s->decode_ns, time, sizeof(time)));
	if (c->recorder.generation.text.len) {
		text_adds(t, "   '");
		ui_add_clipped(t, ui, c->recorder.generation.text.data,
			       c->recorder.generation.text.len, 60);
		text_addc(t, '\'');
	}
	text_addc(t, '\n');
}

/* The number of every tenth layer, and of the last one, above the sparkline. */
static void add_layer_scale(struct text *t, const struct ui *ui, int n)
{
	int column = 0;

	summary_add_label(t, ui, "layer");
	for (int i = 0; i < n; i++) {
		char number[16];
		int len = snprintf(number, sizeof(number), "%d", i);

		if ((i % 10 != 0 || (i && i > n - 5)) && i != n - 1)
			continue;
		if (i > 0 && i <= column) /* no room for a space between */
			continue;
		add_spaces(t, i - column);
		text_adds(t, number);
		column = i + len;
	}
	text_addc(t, '\n');
}

static void add_residual(struct text *t, const struct trace_command *c, const struct ui *ui)
{
	const struct session *s = &c->recorder.generation.session;
	int n = c->in->model.program.n_layers;
	const double *x = c->recorder.profile.residual;
	struct text bytes = { 0 };
	char first[40], last[40];

	if (n == 0)
		return;
	add_layer_scale(t, ui, n);
	summary_add_label(t, ui, "residual");
	ui_add_spark(t, ui, x, n);
	token_bytes(c, s->tokens[s->n_prompt - 1], &bytes);
	text_adds(t, "      l2 at '");
	ui_add_clipped(t, ui, bytes.data ? bytes.data : "", bytes.len, 24);
	text_addf(t, "': %s %s %s\n", ui_format_number(x[0], first, sizeof(first)),
		  ui->utf8 ? "…" : "..", ui_format_number(x[n - 1], last, sizeof(last)));
	text_release(&bytes);
}

void summary_add_file(struct text *t, const struct trace_command *c, const struct ui *ui)
{
	char size[32], calls[32], values[32];
	const char *dot = ui->utf8 ? "·" : "-";

	ui_add_clipped(t, ui, c->recorder.opt.path, strlen(c->recorder.opt.path), 40);
	add_spaces(t,
		   SUMMARY_LABEL - utf8_width(c->recorder.opt.path, strlen(c->recorder.opt.path)));
	text_addf(t, "%s%s %s %s %s %s %s %s\n",
		  utf8_width(c->recorder.opt.path, strlen(c->recorder.opt.path)) >= SUMMARY_LABEL
			  ? "  "
			  : "",
		  mem_format_bytes(c->recorder.totals.file_bytes, size, sizeof(size)), dot,
		  ui_format_count(c->recorder.totals.n_calls, calls, sizeof(calls)),
		  plural(c->recorder.totals.n_calls, "call", "calls"), dot,
		  ui_format_count(c->recorder.totals.n_values, values, sizeof(values)),
		  plural(c->recorder.totals.n_values, "value", "values"));
	if (c->recorder.attention_bytes > 0 && !c->recorder.keeps_attention) {
		summary_add_label(t, ui, "attention");
		text_addf(t, "not kept, %s of queries and keys: --capture attention keeps it\n",
			  mem_format_bytes(c->recorder.attention_bytes, size, sizeof(size)));
	}
	if (!c->recorder.dropped_old)
		return;
	summary_add_label(t, ui, "kept");
	ui_add_clipped(t, ui, c->recorder.opt.path, strlen(c->recorder.opt.path), 40);
	text_adds(t, ".old, in place of what it was\n");
}

void summary_add_next(struct text *t, const struct trace_command *c, const struct ui *ui,
		      const struct next_command *commands, int n)
{
	struct text line = { 0 };

	for (int i = 0; i < n; i++) {
		summary_add_label(t, ui, i == 0 ? "try" : "");
		text_clear(&line);
		text_add_called_line(&line, commands[i].before, strlen(commands[i].before));
		if (!commands[i].is_option || strcmp(c->recorder.opt.path, "trace.db") != 0) {
			text_adds(&line, commands[i].is_option ? " -t " : "");
			text_add_shell_word(&line, c->recorder.opt.path);
		}
		text_adds(&line, commands[i].after);
		ui_add_command(t, line.data, line.len, ui->width, SUMMARY_LABEL + 2, SUMMARY_LABEL);
		text_addc(t, '\n');
	}
	text_release(&line);
}

/* Whether a question that wants the residual stream may find less of it than the defaults keep. */
static bool asked_for_less(const struct record_options *o)
{
	for (int i = 0; i < o->n_capture; i++)
		if (!strcmp(o->capture[i], "none") || strstr(o->capture[i], "=stats") ||
		    strstr(o->capture[i], "=hash"))
			return true;
	return false;
}

static void add_next_commands(struct text *t, const struct trace_command *c, const struct ui *ui)
{
	const bool knows = !asked_for_less(&c->recorder.opt);
	const struct next_command commands[] = {
		{ "torchless query", knows ? " layer-knows" : " residual", true },
		{ "torchless graph -t ", " -o graph.svg", false },
		{ "torchless report", "", true },
	};
	/* Where NaN came from is asked first, and then which way it went. */
	static const struct next_command of_bad[] = {
		{ "torchless query", " first-bad", true },
		{ "torchless query", " bad", true },
		{ "torchless graph -t ", " -o graph.svg", false },
	};
	const int n = (int)(sizeof(commands) / sizeof(commands[0]));

	summary_add_next(t, c, ui, c->recorder.totals.saw_bad ? of_bad : commands, n);
}

static void add_summary(struct text *t, const struct trace_command *c, const struct ui *ui,
			const struct settling *settling)
{
	summary_add_model(t, c, ui);
	add_tokens(t, c, ui);
	add_prefill(t, c, ui);
	summary_add_edits(t, c, ui);
	add_predictions(t, c, ui);
	add_settling(t, c, ui, settling);
	add_generated(t, c, ui);
	text_addc(t, '\n');
	add_residual(t, c, ui);
	summary_add_time(t, c, ui);
	summary_add_file(t, c, ui);
	summary_wrap(t, ui);
	add_next_commands(t, c, ui);
}

/* ---- for programs ------------------------------------------------------------------------- */

static void add_json_tokens(struct text *t, const struct trace_command *c, const int32_t *ids,
			    int64_t n)
{
	struct text bytes = { 0 };

	text_addc(t, '[');
	for (int64_t i = 0; i < n; i++) {
		text_addf(t, "%s{\"id\": %d, \"piece\": ", i ? ", " : "", (int)ids[i]);
		token_bytes(c, ids[i], &bytes);
		text_add_json(t, bytes.data ? bytes.data : "", bytes.len);
		text_addc(t, '}');
	}
	text_addc(t, ']');
	text_release(&bytes);
}

static void add_json_next(struct text *t, const struct trace_command *c)
{
	struct text bytes = { 0 };

	text_addc(t, '[');
	for (int64_t i = 0; i < c->recorder.scores.n_next; i++) {
		text_addf(t, "%s{\"id\": %d, \"piece\": ", i ? ", " : "",
			  (int)c->recorder.scores.next[i].id);
		token_bytes(c, c->recorder.scores.next[i].id, &bytes);
		text_add_json(t, bytes.data ? bytes.data : "", bytes.len);
		text_adds(t, ", \"logprob\": ");
		text_add_json_number(t, (double)c->recorder.scores.next[i].logprob);
		if (c->recorder.scores.drawn.mass > 0) {
			text_adds(t, ", \"drawn\": ");
			text_add_json_number(t, drawn_of(c, i));
		}
		text_addc(t, '}');
	}
	text_addc(t, ']');
	text_release(&bytes);
}

void summary_add_json_totals(struct text *t, const struct trace_command *c, int64_t prefill_ns,
			     int64_t decode_ns)
{
	if (option_on(c->in, OPT_FAST)) {
		text_adds(t, "\"fast\": ");
		program_add_fast_json(t, &c->in->model.program, c->in->kernels);
		text_adds(t, ", ");
	}
	summary_add_json_time(t, c);
	text_addf(t, "\"prefill_ns\": %lld, \"decode_ns\": %lld, \"time_ns\": {",
		  (long long)prefill_ns, (long long)decode_ns);
	for (int i = 0; i < PART_COUNT; i++)
		text_addf(t, "%s\"%s\": %lld", i ? ", " : "", model_parts[i].name,
			  (long long)c->recorder.profile.ns[i]);
	text_addf(
		t,
		"}, \"attention\": {\"kept\": %s, \"bytes\": %lld}, \"calls\": %lld, \"values\": %lld, \"dumps\": %lld, \"dump_bytes\": %lld, \"file_bytes\": %lld}\n",
		c->recorder.keeps_attention ? "true" : "false",
		(long long)c->recorder.attention_bytes, (long long)c->recorder.totals.n_calls,
		(long long)c->recorder.totals.n_values, (long long)c->recorder.totals.n_dumps,
		(long long)c->recorder.totals.dump_bytes, (long long)c->recorder.totals.file_bytes);
}

static void add_json(struct text *t, const struct trace_command *c, const struct settling *settling)
{
	const struct session *s = &c->recorder.generation.session;

	text_adds(t, "{\"file\": ");
	text_add_json(t, c->recorder.opt.path, strlen(c->recorder.opt.path));
	text_adds(t, ", \"model\": ");
	text_add_json(t, summary_model_name(c), strlen(summary_model_name(c)));
	text_adds(t, ", \"tokens\": ");
	add_json_tokens(t, c, s->tokens, s->n_prompt);
	text_adds(t, ", \"generated\": ");
	add_json_tokens(t, c, s->tokens + s->n_prompt, s->n_tokens - s->n_prompt);
	text_adds(t, ", \"next\": ");
	add_json_next(t, c);
	text_adds(t, ", \"settles\": ");
	if (settling->leads) {
		text_addf(t, "{\"layer\": %d, \"leads\": ", settling->layer);
		add_json_tokens(t, c, settling->leads, c->in->model.program.n_layers);
		text_addc(t, '}');
	} else {
		text_adds(t, "null");
	}
	text_adds(t, ", \"residual\": [");
	for (int i = 0; i < c->in->model.program.n_layers; i++) {
		text_adds(t, i ? ", " : "");
		text_add_json_number(t, c->recorder.profile.residual[i]);
	}
	text_adds(t, "], ");
	summary_add_json_totals(t, c, s->prefill_ns, s->decode_ns);
}

/* Where no summary says it: a recording is never lost without a word. */
void summary_warn_of_old(const struct trace_command *c)
{
	const char *path = c->recorder.opt.path;

	if (c->recorder.dropped_old && (option_on(c->in, OPT_JSON) || option_on(c->in, OPT_QUIET)))
		warn("%s was there and is %s.old now, in place of what that was", path, path);
}

int summary_print(const struct trace_command *c, struct err *err)
{
	const struct ui *ui = c->in->out.is_terminal ? &c->in->out : &c->in->err;
	struct ui people = *ui; /* for whom a summary is, in a log as well */
	struct settling settling = { 0 };
	struct text t = { 0 };
	int result = 0;

	summary_warn_of_old(c);
	if (option_on(c->in, OPT_JSON) || !option_on(c->in, OPT_QUIET))
		settling_find(&settling, &c->recorder, option_on(c->in, OPT_VERBOSE));
	if (option_on(c->in, OPT_JSON)) {
		add_json(&t, c, &settling);
		result = write_out(t.data, t.len, err);
	} else if (!option_on(c->in, OPT_QUIET)) {
		people.is_terminal = true;
		add_summary(&t, c, &people, &settling);
		ui_write(&people, t.data, t.len);
	}
	settling_release(&settling);
	text_release(&t);
	return result;
}
