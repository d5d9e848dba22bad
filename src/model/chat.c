/*
 * chat.c -- one user message in the model's chat template.
 *
 * Chat templates are Jinja programs.  This is no Jinja: it recognises ChatML, Mistral's and
 * Llama 2's [INST], and Llama 3, and reads from the template what differs between them: the
 * expression that prints a user's message (a sum of strings), the default system message, the
 * expression behind add_generation_prompt, and whether BOS is printed.  A template in which it
 * cannot find these, or that prints text outside of its expressions, is refused.
 *
 * Source: transformers' apply_chat_template(tokenize=False, add_generation_prompt=True).
 */
#include "torchless/mem.h"
#include "torchless/session.h"
#include "torchless/text.h"
#include "torchless/utf8.h"

#include "tokenizer/impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What stands between {{ }} or {% %}, without the dashes; comments are no tags. */
struct tag {
	bool prints; /* {{ }} */
	const char *s;
	size_t len;
};
struct tags {
	struct tag *at;
	size_t n, cap;
};

/* Values while an expression is evaluated. */
struct chat {
	struct bytes message;
	const char *bos;
	bool used_message, used_role, used_bos;
};

/* ---- templates to tags ---- */

static bool is_blank(const char *s, const char *end)
{
	while (s < end && isspace((unsigned char)*s))
		s++;
	return s == end;
}

/* What surrounds the text between two tags. */
struct gap {
	bool dash;             /* on either side: all white space goes */
	bool line_start;       /* nothing is before it */
	bool after_statement;  /* {% %}: one newline behind it goes (trim_blocks) */
	bool before_statement; /* the blanks before it on its line go (lstrip_blocks) */
};

static bool prints_nothing(const char *s, const char *end, struct gap g)
{
	if (g.dash)
		return is_blank(s, end);
	if (g.after_statement && s < end && *s == '\n') {
		g.line_start = true;
		s++;
	}
	while (g.before_statement && g.line_start && s < end && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return s == end;
}

/* The end of the tag of a kind that begins at s, NULL if it has none; quotes may hold anything. */
static const char *tag_end(const char *s, char kind)
{
	const char close[] = { kind == '{' ? '}' : kind, '}', '\0' };
	char quote = 0;

	if (kind == '#')
		return strstr(s, close);

	for (; *s; s++) {
		if (quote && *s == '\\' && s[1])
			s++;
		else if (quote)
			quote = *s == quote ? 0 : quote;
		else if (*s == '\'' || *s == '"')
			quote = *s;
		else if (strncmp(s, close, 2) == 0)
			return s;
	}
	return NULL;
}

static const char *next_tag(const char *s)
{
	while (*s && !(s[0] == '{' && s[1] && strchr("{%#", s[1])))
		s++;
	return s;
}

/* False when the template is damaged or prints text outside of its tags. */
static bool scan_tags(const char *template, struct tags *tags)
{
	bool dash = false, statement = false;
	const char *s = template;

	for (;;) {
		const char *open = next_tag(s), *end;
		bool at_end = !*open, opens_dash = !at_end && open[2] == '-';
		struct tag tag = { !at_end && open[1] == '{', NULL, 0 };

		/* One newline at the very end goes, too. */
		if (!prints_nothing(s, open,
				    (struct gap){ dash || opens_dash, s == template,
						  statement || at_end, !at_end && !tag.prints }))
			return false;
		if (at_end)
			return true;
		tag.s = open + 2 + opens_dash;
		end = tag_end(tag.s, open[1]);
		if (!end)
			return false;
		dash = end > tag.s && end[-1] == '-';
		tag.len = (size_t)(end - tag.s) - dash;
		statement = !tag.prints;
		s = end + 2;
		if (open[1] == '#')
			continue;
		tags->at = mem_grow(tags->at, tags->n, &tags->cap, sizeof(*tags->at));
		tags->at[tags->n++] = tag;
	}
}

static bool tag_has(const struct tag *t, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= t->len; i++)
		if (memcmp(t->s + i, word, n) == 0)
			return true;
	return false;
}

/* ---- expressions: sums of strings ---- */

static void skip_blanks(struct bytes *e)
{
	while (e->len && isspace((unsigned char)*e->data)) {
		e->data++;
		e->len--;
	}
}

static bool take(struct bytes *e, const char *word)
{
	size_t n = strlen(word);

	if (e->len < n || memcmp(e->data, word, n) != 0)
		return false;
	e->data += n;
	e->len -= n;
	return true;
}

/* A quoted string, its escapes resolved. */
static bool take_string(struct bytes *e, struct text *out)
{
	char quote = e->len ? *e->data : 0;

	if (quote != '\'' && quote != '"')
		return false;
	for (size_t i = 1; i < e->len; i++) {
		char c = e->data[i];

		if (c == quote) {
			e->data += i + 1;
			e->len -= i + 1;
			return true;
		}
		if (c == '\\' && i + 1 < e->len) {
			c = e->data[++i];
			if (!strchr("nrt\\'\"", c))
				return false;
			c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
		}
		text_addc(out, c);
	}
	return false;
}

/* Python's str.strip(): White_Space and the four separators of ASCII. */
static struct bytes stripped(struct bytes s)
{
	uint32_t cp;
	int n;

	while ((n = utf8_decode(s.data, s.len, &cp)) &&
	       (is_white_space(cp) || (cp >= 0x1c && cp <= 0x1f))) {
		s.data += n;
		s.len -= (size_t)n;
	}
	for (bool more = true; more && s.len;) {
		more = false;
		for (size_t k = 1; k <= 4 && k <= s.len && !more; k++)
			more = (size_t)utf8_decode(s.data + s.len - k, k, &cp) == k &&
			       (is_white_space(cp) || (cp >= 0x1c && cp <= 0x1f)) &&
			       (s.len -= k, true);
	}
	return s;
}

/* A name whose value is known. */
static bool take_name(struct bytes *e, struct chat *c, struct bytes *value)
{
	static const char *const content[] = { "message['content']", "message[\"content\"]",
					       "message.content", "content" };
	static const char *const role[] = { "message['role']", "message[\"role\"]",
					    "message.role" };

	for (size_t i = 0; i < sizeof(content) / sizeof(*content); i++) {
		if (take(e, content[i])) {
			*value = c->message;
			return c->used_message = true;
		}
	}
	for (size_t i = 0; i < sizeof(role) / sizeof(*role); i++) {
		if (take(e, role[i])) {
			*value = (struct bytes){ "user", 4 };
			return c->used_role = true;
		}
	}
	if (!take(e, "bos_token"))
		return false;
	*value = (struct bytes){ c->bos, strlen(c->bos) };
	return c->used_bos = true;
}

static bool take_term(struct bytes *e, struct chat *c, struct text *out)
{
	struct bytes value;
	bool filtered;

	skip_blanks(e);
	if (take_string(e, out))
		return true;
	if (!take_name(e, c, &value))
		return false;
	filtered = take(e, ".strip()");
	skip_blanks(e);
	if (take(e, "|")) {
		skip_blanks(e);
		if (filtered || !take(e, "trim"))
			return false;
		filtered = true;
	}
	if (filtered)
		value = stripped(value);
	text_add(out, value.data, value.len);
	return true;
}

/* term + term + ...; false when there is anything else in it. */
static bool evaluate(struct bytes e, struct chat *c, struct text *out)
{
	c->used_message = c->used_role = c->used_bos = false;
	text_clear(out);
	do {
		if (!take_term(&e, c, out))
			return false;
		skip_blanks(&e);
	} while (take(&e, "+"));
	return e.len == 0;
}

/* ---- the parts of a conversation ---- */

/* What a tag prints: {{ e }}, or the e of {% set content = e %}. */
static bool tag_expression(const struct tag *t, struct bytes *e)
{
	*e = (struct bytes){ t->s, t->len };
	skip_blanks(e);
	if (t->prints)
		return true;
	if (!take(e, "set"))
		return false;
	skip_blanks(e);
	if (!take(e, "content"))
		return false;
	skip_blanks(e);
	return take(e, "=");
}

/* The first expression that prints the user's message inside the family's marker. */
static bool add_user(const struct tags *tags, struct chat *c, const char *marker, struct text *out)
{
	for (size_t i = 0; i < tags->n; i++) {
		struct bytes e;

		if (!tag_has(&tags->at[i], marker) || !tag_expression(&tags->at[i], &e) ||
		    !evaluate(e, c, out) || !c->used_message)
			continue;
		if (c->used_role || *marker == '[' || strstr(out->data, "user"))
			return true;
	}
	return false;
}

/* ChatML's default: a string that is a whole system message. */
static void add_default_system(const struct tags *tags, struct text *out)
{
	struct text s = { 0 };

	for (size_t i = 0; i < tags->n && !out->len; i++) {
		struct bytes e;

		text_clear(&s);
		if (!tags->at[i].prints || !tag_expression(&tags->at[i], &e) ||
		    !take_string(&e, &s))
			continue;
		skip_blanks(&e);
		if (!e.len && s.len && strncmp(s.data, "<|im_start|>system\n", 19) == 0 &&
		    strstr(s.data, "<|im_end|>"))
			text_add(out, s.data, s.len);
	}
	text_release(&s);
}

/* Llama 3.1 and later always print a system message, with the date that transformers knows. */
static void add_dated_system(const char *template, struct text *out)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t now = time(NULL);
	struct tm day;

	if (!strstr(template, "Cutting Knowledge Date: December 2023") ||
	    !strstr(template, "Today Date: "))
		return;
	text_adds(out, "<|start_header_id|>system<|end_header_id|>\n\n"
		       "Cutting Knowledge Date: December 2023\nToday Date: ");
	if (strstr(template, "strftime_now") && localtime_r(&now, &day))
		text_addf(out, "%02d %s %d", day.tm_mday, months[day.tm_mon], day.tm_year + 1900);
	else
		text_adds(out, "26 Jul 2024");
	text_adds(out, "\n\n<|eot_id|>");
}

/* The expression behind the last "if add_generation_prompt". */
static bool add_prompt(const struct tags *tags, struct chat *c, struct text *out)
{
	size_t at = 0;
	struct bytes e;
	bool used = c->used_bos;

	for (size_t i = 0; i < tags->n; i++)
		if (!tags->at[i].prints && tag_has(&tags->at[i], "add_generation_prompt"))
			at = i + 1;
	while (at && at < tags->n && !tags->at[at].prints)
		at++;
	if (!at || at == tags->n)
		return true;
	if (!tag_expression(&tags->at[at], &e) || !evaluate(e, c, out) || c->used_message)
		return false;
	c->used_bos = used;
	return true;
}

static const char *find_bos(const struct tokenizer *tok, const char *template)
{
	const char *bos = tokenizer_special_text(tok, "bos_token");

	if (strstr(template, "bos_token"))
		return bos ? bos : "";
	return strstr(template, "'<|begin_of_text|>' +") ? "<|begin_of_text|>" : "";
}

static bool format(const struct tokenizer *tok, const struct tags *tags, struct chat *c,
		   struct text *out)
{
	static const char *const markers[] = { "<|im_start|>", "<|start_header_id|>", "[INST]" };
	const char *template = tok->chat_template;
	struct text user = { 0 }, system = { 0 }, prompt = { 0 };
	size_t kind = 0;
	bool ok;

	while (kind < 3 && !strstr(template, markers[kind]))
		kind++;
	if (kind == 3)
		return false;
	c->bos = find_bos(tok, template);
	ok = add_user(tags, c, markers[kind], &user) && add_prompt(tags, c, &prompt);
	if (kind == 0)
		add_default_system(tags, &system);
	else if (kind == 1)
		add_dated_system(template, &system);
	if (ok) {
		text_adds(out, c->used_bos ? "" : c->bos);
		text_add(out, system.data, system.len);
		text_add(out, user.data, user.len);
		text_add(out, prompt.data, prompt.len);
	}
	text_release(&user);
	text_release(&system);
	text_release(&prompt);
	return ok;
}

int chat_format(const struct tokenizer *tok, const char *message, size_t len, struct text *out,
		bool *special, struct err *err)
{
	struct chat c = { .message = { message, len } };
	struct tags tags = { 0 };
	bool ok;

	if (tokenizer_need_chat_template(tok, err))
		return err->code;
	ok = scan_tags(tok->chat_template, &tags) && format(tok, &tags, &c, out);
	free(tags.at);
	if (!ok)
		return err_set(
			err, ERR_USAGE,
			"the model's chat template is not understood (ChatML, Mistral [INST] and "
			"Llama 3 are); it begins '%.80s'",
			tok->chat_template);
	*special = false;
	return 0;
}
