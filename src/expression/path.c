/*
 * path.c -- where a path ends, and whether a word is a variable.
 *
 * "layers[3].mlp" goes on behind its bracket, so the bracket is a number of a module.  Where a text
 * ends in a number in brackets only whoever knows the tensors can tell "in[0]" and "layers[3]" from
 * "out[0]": the longest that is a tensor is the path.
 */
#include "expression_impl.h"

#include <stdio.h>
#include <string.h>

/* A path as it stands in the text. */
struct spelling {
	char text[200];
	char number[24];         /* "3" of a last "[3]" that may belong to it; "" for none */
	size_t end, end_bracket; /* in the text, without and with it */
	int n_words;
	bool too_long;
};

static void add(struct spelling *p, const char *bytes, size_t len)
{
	size_t used = strlen(p->text);

	if (used + len >= sizeof(p->text)) {
		p->too_long = true;
		return;
	}
	memcpy(p->text + used, bytes, len);
	p->text[used + len] = '\0';
}

/* The name or, behind a point, the number at `at`. */
static size_t component(const struct scan *s, size_t at)
{
	size_t len = scan_word(s, at);

	return len ? len : strspn(s->text + at, "0123456789");
}

/* "[ 3 ]": its bytes, and the digits; 0 when it is anything else. */
static size_t bracket(const char *text, const char **digits, size_t *n_digits)
{
	size_t at = 1, n;

	if (text[0] != '[')
		return 0;
	at += strspn(text + at, " ");
	n = strspn(text + at, "0123456789");
	*digits = text + at;
	*n_digits = n;
	at += n + strspn(text + at + n, " ");
	return n > 0 && n < 10 && text[at] == ']' ? at + 1 : 0;
}

/* Whether a path goes on at `at` with a point or, outside of an index, a colon and a name. */
static size_t joint(const struct scan *s, size_t at)
{
	if (s->text[at] == '.')
		return component(s, at + 1);
	return s->text[at] == ':' && !s->in_index ? scan_word(s, at + 1) : 0;
}

static void spell(const struct scan *s, struct spelling *p)
{
	size_t at = s->at, len, n_digits = 0;
	const char *digits = NULL;

	*p = (struct spelling){ 0 };
	if (s->text[at] == '.' || s->text[at] == ':')
		add(p, s->text + at++, 1);
	len = scan_word(s, at);
	p->n_words = p->text[0] ? 2 : 1; /* with what stands for "here" */
	while (len > 0) {
		add(p, s->text + at, len);
		at += len;
		p->end = at;
		p->number[0] = '\0';
		len = bracket(s->text + at, &digits, &n_digits);
		if (len && joint(s, at + len)) {
			add(p, ".", 1);
			add(p, digits, n_digits);
			at += len;
		} else if (len) {
			snprintf(p->number, sizeof(p->number), "%.*s", (int)n_digits, digits);
			p->end_bracket = at + len;
			return;
		}
		len = joint(s, at);
		if (len) {
			add(p, s->text + at++, 1);
			p->n_words++;
		}
	}
	p->end = at;
}

/* ---- what else belongs to a path ------------------------------------------------------------ */

bool path_take_key(struct scan *s, const struct expression_names *names, size_t *from)
{
	const char *const *keys = names ? names->keys : NULL;
	struct scan at = *s;
	char key[32];
	size_t n;

	if (!keys || !scan_key(&at, key, sizeof(key)))
		return false;
	while (*keys && strcmp(*keys, key) != 0)
		keys++;
	scan_space(&at);
	n = strspn(s->text + at.at, "0123456789");
	if (!*keys || n == 0 || n > 9)
		return false;
	scan_space(s);
	*from = s->at;
	s->at = at.at + n;
	return true;
}

/* Where the item of an index at `at` ends: at its comma or the bracket. */
static size_t item_end(const char *text, size_t at)
{
	int depth = 0;

	for (; text[at]; at++) {
		if (depth == 0 && (text[at] == ',' || text[at] == ']'))
			break;
		depth += text[at] == '[' || text[at] == '(';
		depth -= text[at] == ']' || text[at] == ')';
	}
	return at;
}

/* "x[pass=1, head=2]": "[pass=1]" goes to the path, and the brackets stay where they are. */
static void add_keys(const struct scan *s, const struct expression_names *names, struct path *path)
{
	struct scan in = *s;
	size_t used = strlen(path->text), from;
	char open = '[';

	scan_space(&in);
	if (in.text[in.at] != '[')
		return;
	while (in.text[in.at] && in.text[in.at] != ']') {
		in.at++;
		if (path_take_key(&in, names, &from) &&
		    used + in.at - from + 3 < sizeof(path->text)) {
			used += (size_t)snprintf(path->text + used, sizeof(path->text) - used,
						 "%c%.*s]", open, (int)(in.at - from),
						 in.text + from) -
				1;
			open = ',';
		}
		in.at = item_end(in.text, in.at);
	}
}

/* ---- wildcards ------------------------------------------------------------------------------ */

static int check_wildcards(struct scan *s, const struct spelling *p, struct err *err)
{
	const char *rest = s->text + p->end;

	if (p->number[0] || (strncmp(rest, ".*", 2) != 0 && strncmp(rest, "[*", 2) != 0 &&
			     strncmp(rest, ".[", 2) != 0))
		return 0;
	s->at = p->end + 1;
	return err_set(
		err, ERR_USAGE,
		"an expression names one tensor: * and ranges of modules are for breakpoints");
}

/* ---- asking --------------------------------------------------------------------------------- */

static bool ends_in(const char *text, const char *word)
{
	size_t n = strlen(text), len = strlen(word);

	return n >= len && !strcmp(text + n - len, word) &&
	       (n == len || text[n - len - 1] == '.' || text[n - len - 1] == ':');
}

/* Whether the number behind such a text is that of a module. */
static bool counts_modules(const char *text)
{
	return ends_in(text, "layers") || ends_in(text, "blocks") || ends_in(text, "h");
}

/* Nobody to ask. */
static void guess(struct scan *s, const struct spelling *p, struct path *path)
{
	bool inputs = ends_in(p->text, "in");

	path->head.n_dims = -1;
	if (p->number[0] && (inputs || counts_modules(p->text))) {
		snprintf(path->text, sizeof(path->text), inputs ? "%s[%s]" : "%s.%s", p->text,
			 p->number);
		s->at = p->end_bracket;
		return;
	}
	snprintf(path->text, sizeof(path->text), "%s", p->text);
	s->at = p->end;
}

/* Ask for the longest first; the sentence that stands is about what was meant most likely. */
static int find(struct scan *s, const struct expression_names *names, const struct spelling *p,
		struct path *path, struct err *err)
{
	static const char *const forms[] = { "%s[%s]", "%s.%s" };
	struct err numbered = { 0 };
	int ret = ERR_USAGE;

	for (int i = 0; i < 2 && p->number[0] && ret == ERR_USAGE; i++) {
		struct err ours = { 0 };

		snprintf(path->text, sizeof(path->text), i ? forms[1] : forms[0], p->text,
			 p->number);
		ret = names->find(names->ctx, path->text, &path->head, &ours);
		if (ret < 0 && (i == 0 || !ends_in(p->text, "in")))
			numbered = ours;
	}
	if (p->number[0] && ret >= 0)
		s->at = p->end_bracket;
	if (p->number[0] && ret != ERR_USAGE) {
		if (ret < 0)
			*err = numbered;
		return ret < 0 ? ret : 0;
	}
	snprintf(path->text, sizeof(path->text), "%s", p->text);
	if (names->keys) {
		struct scan behind = *s;

		behind.at = p->end;
		add_keys(&behind, names, path);
	}
	ret = names->find(names->ctx, path->text, &path->head, err);
	if (ret == ERR_USAGE && p->number[0] && (counts_modules(p->text) || ends_in(p->text, "in")))
		*err = numbered;
	if (ret < 0)
		return ret;
	s->at = p->end;
	return 0;
}

/* Whether the one word is a variable: 1 and past it. */
static int variable(struct scan *s, const struct expression_names *names, const struct spelling *p,
		    struct path *path)
{
	struct array_value v = { 0 };
	struct err unused = { 0 };
	int ret;

	if (!names || !names->variable || p->n_words != 1)
		return 0;
	ret = names->variable(names->ctx, p->text, &v, &unused);
	array_value_release(&v);
	if (ret == 0)
		return 0;
	snprintf(path->text, sizeof(path->text), "%s", p->text);
	path->is_variable = true;
	s->at = p->end;
	return 1;
}

int path_scan(struct scan *s, const struct expression_names *names, struct path *path,
	      struct err *err)
{
	struct spelling p;

	*path = (struct path){ 0 };
	spell(s, &p);
	if (p.too_long)
		return err_set(err, ERR_USAGE, "no tensor has so long a name");
	if (check_wildcards(s, &p, err))
		return err->code;
	if (variable(s, names, &p, path))
		return 0;
	if (names && names->find)
		return find(s, names, &p, path, err);
	guess(s, &p, path);
	return 0;
}

int path_check(const struct expression_names *names, const char *path, struct err *err)
{
	struct array head;

	return names && names->find ? names->find(names->ctx, path, &head, err) : 0;
}
