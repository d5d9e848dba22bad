/*
 * cmd_tokenize.c -- `torchless tokenize`: ids, pieces and bytes, the steps, and back.
 */
#include "torchless/cli.h"
#include "torchless/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned encode_flags(const struct invocation *in)
{
	bool special = !option_on(in, OPT_NO_BOS) && !option_on(in, OPT_CHAT);

	return (special ? ENCODE_SPECIAL : 0) | (option_on(in, OPT_STEPS) ? ENCODE_STEPS : 0);
}

static void print_ids(const struct encoding *enc)
{
	for (int64_t i = 0; i < enc->n && !interrupted; i++)
		printf("%s%d", i ? " " : "", (int)enc->tokens[i].id);
	putchar('\n');
}

static int print_json(const struct tokenizer *tok, const struct encoding *enc, struct err *err)
{
	struct text t = { 0 };
	int r;

	text_addc(&t, '[');
	for (int64_t i = 0; i < enc->n && !interrupted; i++) {
		const struct token *token = &enc->tokens[i];
		struct bytes piece = tokenizer_piece(tok, token->id);

		text_addf(&t, "%s{\"id\":%d,\"piece\":", i ? "," : "", (int)token->id);
		text_add_json(&t, piece.data, piece.len);
		text_addf(&t, ",\"start\":%lld,\"end\":%lld}", (long long)token->start,
			  (long long)token->end);
	}
	text_adds(&t, "]\n");
	r = interrupted ? 0 : write_out(t.data, t.len, err);
	text_release(&t);
	return r;
}

/* What a token covers of the text: its bytes, in quotes so that spaces are seen. */
static void add_covered(struct ui_table *table, struct bytes text, const struct token *token)
{
	struct text quoted = { 0 };

	if (token->end > token->start) {
		text_addc(&quoted, '\'');
		text_add(&quoted, text.data + token->start, (size_t)(token->end - token->start));
		text_addc(&quoted, '\'');
	}
	ui_table_cell(table, quoted.data ? quoted.data : "", quoted.len);
	text_release(&quoted);
}

static void print_table(const struct invocation *in, struct bytes text, const struct encoding *enc)
{
	struct ui_table table;

	ui_table_init(&table, ">id,piece,bytes");
	table.interrupted = &interrupted;
	for (int64_t i = 0; i < enc->n && !interrupted; i++) {
		struct bytes piece = tokenizer_piece(in->model.tokenizer, enc->tokens[i].id);

		ui_table_cellf(&table, "%d", (int)enc->tokens[i].id);
		ui_table_cell(&table, piece.data, piece.len);
		add_covered(&table, text, &enc->tokens[i]);
	}
	ui_table_print(&table, &in->out, ui_table_style_for(&in->out));
	ui_table_release(&table);
}

static void add_number(struct ui_table *table, int64_t x)
{
	if (x >= 0)
		ui_table_cellf(table, "%lld", (long long)x);
	else
		ui_table_cell(table, "", 0);
}

static void print_steps(const struct invocation *in, const struct encoding *enc)
{
	struct ui_table table;

	ui_table_init(&table, ">step,rule,left,right,result,>rank,>at byte,>id");
	ui_table_drops(&table, "at byte,step,rank");
	table.interrupted = &interrupted;
	for (int64_t i = 0; i < enc->n_steps && !interrupted; i++) {
		const struct stage_step *s = &enc->steps[i];

		ui_table_cellf(&table, "%lld", (long long)i);
		ui_table_cell(&table, s->rule, strlen(s->rule));
		ui_table_cell(&table, s->left.data, s->left.len);
		ui_table_cell(&table, s->right.data, s->right.len);
		ui_table_cell(&table, s->merged.data, s->merged.len);
		add_number(&table, s->rank);
		add_number(&table, s->at_byte);
		add_number(&table, s->token_id);
	}
	ui_table_print(&table, &in->out, ui_table_style_for(&in->out));
	ui_table_release(&table);
}

/* With --chat the text becomes what the model's template makes of it, in `prompt`. */
static int wrap_text(const struct invocation *in, struct bytes *text, struct text *prompt,
		     struct err *err)
{
	const char *system = option_text(in, OPT_SYSTEM, NULL);
	struct chat_request chat = { .message = *text, .has_system = system != NULL };

	if (!option_on(in, OPT_CHAT))
		return 0;
	if (system)
		chat.system = (struct bytes){ system, strlen(system) };
	if (chat_format(in->model.tokenizer, &chat, prompt, err))
		return err->code;
	*text = (struct bytes){ prompt->data ? prompt->data : "", prompt->len };
	return 0;
}

static int encode_text(struct invocation *in, struct bytes text, struct err *err)
{
	struct encoding enc = { .interrupted = &interrupted };
	int r = tokenizer_encode(in->model.tokenizer, text.data, text.len, encode_flags(in), &enc,
				 err);

	if (r == 0) {
		warn_dropped(in, text, &enc);
		if (option_on(in, OPT_IDS))
			print_ids(&enc);
		else if (option_on(in, OPT_JSON))
			r = print_json(in->model.tokenizer, &enc, err);
		else if (option_on(in, OPT_STEPS))
			print_steps(in, &enc);
		else
			print_table(in, text, &enc);
	}
	if (r == 0 && interrupted)
		r = err_set(err, ERR_INTERRUPTED, "interrupted");
	encoding_release(&enc);
	return r;
}

static int tokenize_text(struct invocation *in, struct err *err)
{
	struct text prompt = { 0 };
	struct bytes text;
	int r = invocation_text(in, 0, &text, err);

	if (r == 0)
		r = wrap_text(in, &text, &prompt, err);
	if (r == 0)
		r = option_on(in, OPT_TEXT) ? write_out(text.data, text.len, err)
					    : encode_text(in, text, err);
	text_release(&prompt);
	return r;
}

/* ---- --jsonl ------------------------------------------------------------------------------ */

static int tokenize_line(struct invocation *in, const char *line, size_t len, struct text *text,
			 struct text *out, struct err *err)
{
	struct encoding enc = { .interrupted = &interrupted };
	int r;

	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	for (; len > 0 && isspace((unsigned char)*line); len--)
		line++;
	text_clear(text);
	text_clear(out);
	r = json_decode_string(line, len, text, err);
	if (r == 0)
		r = tokenizer_encode(in->model.tokenizer, text->data ? text->data : "", text->len,
				     encode_flags(in), &enc, err);
	if (r == 0) {
		text_addc(out, '[');
		for (int64_t i = 0; i < enc.n; i++)
			text_addf(out, "%s%d", i ? "," : "", (int)enc.tokens[i].id);
		text_adds(out, "]\n");
		r = write_out(out->data, out->len, err);
	}
	encoding_release(&enc);
	return r;
}

static int tokenize_jsonl(struct invocation *in, struct err *err)
{
	struct text text = { 0 }, out = { 0 };
	char *line = NULL;
	size_t cap = 0;
	int64_t number = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = getline(&line, &cap, stdin)) >= 0) {
		number++;
		r = tokenize_line(in, line, (size_t)n, &text, &out, err);
		if (r == ERR_FORMAT)
			r = err_wrap(err, "standard input, line %lld", (long long)number);
		if (r == 0 && interrupted)
			r = err_set(err, ERR_INTERRUPTED, "interrupted at line %lld",
				    (long long)number);
	}
	if (r == 0 && interrupted)
		r = err_set(err, ERR_INTERRUPTED, "interrupted");
	if (r == 0 && ferror(stdin))
		r = err_set(err, ERR_IO, "cannot read standard input: %s", strerror(errno));
	free(line);
	text_release(&text);
	text_release(&out);
	return r;
}

/* ---- --decode ----------------------------------------------------------------------------- */

static int parse_id(const char *s, int64_t limit, int32_t *id, struct err *err)
{
	char *end;
	long long x;

	errno = 0;
	x = strtoll(s, &end, 10);
	if (end == s || *end || errno)
		return err_set(err, ERR_USAGE, "--decode wants token ids, not '%s'", s);
	if (x < 0 || x >= limit)
		return err_set(err, ERR_USAGE, "there is no token %lld: ids go from 0 to %lld", x,
			       (long long)(limit - 1));
	*id = (int32_t)x;
	return 0;
}

/* The arguments may be one id each or several in one, separated by spaces. */
static int decode_argument(struct decode_stream *d, const char *arg, struct text *out,
			   struct err *err)
{
	int64_t limit = tokenizer_vocab_size(d->tok);
	char *copy = mem_strdup(arg), *save = NULL;
	int r = 0;

	for (char *word = strtok_r(copy, " \t\n,", &save); word && r == 0;
	     word = strtok_r(NULL, " \t\n,", &save)) {
		int32_t id = 0;

		r = parse_id(word, limit, &id, err);
		if (r == 0)
			decode_push(d, id, out);
	}
	free(copy);
	return r;
}

static int decode_ids(struct invocation *in, struct err *err)
{
	struct decode_stream d;
	struct text out = { 0 }, safe = { 0 };
	const struct text *shown = &out;
	int r = 0;

	decode_init(&d, in->model.tokenizer, false);
	for (int i = 0; i < in->n_args && r == 0; i++) {
		struct bytes ids;

		r = invocation_text(in, i, &ids, err);
		if (r == 0)
			r = decode_argument(&d, ids.data, &out, err);
	}
	decode_finish(&d, &out);
	if (in->out.is_terminal) {
		ui_add_running(&safe, out.data ? out.data : "", out.len);
		shown = &safe;
	}
	if (r == 0)
		r = write_out(shown->data ? shown->data : "", shown->len, err);
	if (r == 0)
		r = write_out("\n", 1, err);
	decode_release(&d);
	text_release(&out);
	text_release(&safe);
	return r;
}

static int check_arguments(const struct invocation *in, struct err *err)
{
	if (option_on(in, OPT_JSONL) && in->n_args > 0)
		return err_set(err, ERR_USAGE, "--jsonl reads stdin and takes no TEXT");
	if (option_on(in, OPT_JSONL) || (option_on(in, OPT_DECODE) && in->n_args > 0))
		return 0;
	if (in->n_args == 0)
		return err_set(err, ERR_USAGE, "tokenize wants %s; see `torchless tokenize --help`",
			       option_on(in, OPT_DECODE) ? "ids" : "TEXT");
	if (in->n_args > 1)
		return err_set(
			err, ERR_USAGE,
			"tokenize takes one TEXT but '%s' is one more: quote text that holds spaces",
			in->args[1]);
	return 0;
}

int cmd_tokenize(struct invocation *in, struct err *err)
{
	unsigned parts = CHECKPOINT_TOKENIZER | (option_on(in, OPT_RAW) ? CHECKPOINT_RAW : 0);

	if (options_exclusive(in, err, OPT_IDS, OPT_JSON, OPT_JSONL, OPT_STEPS, OPT_TEXT,
			      OPT_DECODE) ||
	    options_exclusive(in, err, OPT_CHAT, OPT_JSONL, OPT_DECODE) ||
	    options_exclusive(in, err, OPT_CHAT, OPT_RAW) ||
	    option_needs(in, OPT_SYSTEM, OPT_CHAT, err) ||
	    option_needs(in, OPT_TEXT, OPT_CHAT, err) || check_arguments(in, err) ||
	    invocation_open_model(in, parts, err))
		return err->code;
	if (option_on(in, OPT_JSONL))
		return tokenize_jsonl(in, err);
	if (option_on(in, OPT_DECODE))
		return decode_ids(in, err);
	return tokenize_text(in, err);
}
