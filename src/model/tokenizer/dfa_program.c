/*
 * dfa_program.c -- an expression of PCRE2's dialect, as regex_same.c writes it, to a program.
 *
 * It knows that grammar and nothing beyond; possessive quantifiers, anchors, and looking ahead at
 * more than a character are left to PCRE2.
 */
#include "dfa.h"

#include "torchless/utf8.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DIALECT 4096

struct parser {
	struct dfa_program *g;
	const char *s;
	bool failed;
};

static int node_new(struct parser *p, struct dfa_node node)
{
	if (p->g->n_nodes == DFA_NODES) {
		p->failed = true;
		return 0;
	}
	p->g->nodes[p->g->n_nodes] = node;
	return p->g->n_nodes++;
}

/* ---- where things end ---- */

static size_t escape_end(const char *s, size_t at, size_t to)
{
	const char *close = NULL;

	if (to - at >= 3 && s[at + 2] == '{')
		close = memchr(s + at, '}', to - at);
	if (close)
		return (size_t)(close - s) + 1;
	return to - at >= 2 ? at + 2 : to;
}

static size_t set_end(const char *s, size_t at, size_t to)
{
	while (at < to && s[at] != ']')
		at = s[at] == '\\' ? escape_end(s, at, to) : at + 1;
	return at < to ? at + 1 : to;
}

static size_t group_end(const char *s, size_t at, size_t to)
{
	int depth = 0;

	while (at < to) {
		char c = s[at];

		if (c == '\\' || c == '[') {
			at = c == '[' ? set_end(s, at, to) : escape_end(s, at, to);
			continue;
		}
		depth += (c == '(') - (c == ')');
		at++;
		if (!depth)
			break;
	}
	return at;
}

/* The end of the character, set or group at s[at]. */
static size_t atom_end(const char *s, size_t at, size_t to)
{
	int n;

	if (s[at] == '[')
		return set_end(s, at, to);
	if (s[at] == '\\')
		return escape_end(s, at, to);
	if (s[at] == '(')
		return group_end(s, at, to);
	n = utf8_decode(s + at, to - at, NULL);
	return at + (n ? (size_t)n : 1);
}

/* The first '|' outside of groups, or the end. */
static size_t alternative_end(const char *s, size_t at, size_t to)
{
	while (at < to && s[at] != '|')
		at = atom_end(s, at, to);
	return at < to ? at : to;
}

/* ---- nodes ---- */

static void emit_alternatives(struct parser *p, size_t from, size_t to, bool caseless);

/* The number of the set that s[from..to) is. */
static int set_of(struct parser *p, size_t from, size_t to, bool caseless)
{
	struct dfa_program *g = p->g;
	struct text t = { 0 };

	text_addf(&t, "(?%s:%.*s)", caseless ? "i" : "", (int)(to - from), p->s + from);
	for (int i = 0; i < g->n_sets; i++) {
		if (strcmp(g->sets[i].data, t.data) == 0) {
			text_release(&t);
			return i;
		}
	}
	if (g->n_sets == DFA_SETS) {
		text_release(&t);
		p->failed = true;
		return 0;
	}
	g->sets[g->n_sets] = t;
	return g->n_sets++;
}

static bool starts(const struct parser *p, size_t from, size_t to, const char *with)
{
	return to - from >= strlen(with) && memcmp(p->s + from, with, strlen(with)) == 0;
}

static void emit_group(struct parser *p, size_t from, size_t to)
{
	bool ahead = starts(p, from, to, "(?="), not_ahead = starts(p, from, to, "(?!");
	bool caseless = starts(p, from, to, "(?i:");
	size_t open = caseless ? 4 : ahead || not_ahead || starts(p, from, to, "(?:") ? 3 : 1;

	if (to - from < open + 1) {
		p->failed = true;
		return;
	}
	from += open;
	to--;
	if (!ahead && !not_ahead) {
		emit_alternatives(p, from, to, caseless);
		return;
	}
	if (from == to || strchr("(^$|", p->s[from]) || atom_end(p->s, from, to) != to) {
		p->failed = true;
		return;
	}
	node_new(p, (struct dfa_node){ ahead ? NODE_AHEAD : NODE_NOT_AHEAD,
				       set_of(p, from, to, false),
				       { p->g->n_nodes + 1, 0 } });
}

static void emit_atom(struct parser *p, size_t from, size_t to, bool caseless)
{
	if (p->s[from] == '(')
		emit_group(p, from, to);
	else if (strchr("^$)]{}*+?", p->s[from]))
		p->failed = true;
	else
		node_new(p, (struct dfa_node){ NODE_SET,
					       set_of(p, from, to, caseless),
					       { p->g->n_nodes + 1, 0 } });
}

/* *, or ? when it is taken once. */
static void emit_optional(struct parser *p, size_t from, size_t to, bool caseless, bool again)
{
	int split = node_new(p, (struct dfa_node){ NODE_SPLIT, 0, { p->g->n_nodes + 1, 0 } });

	emit_atom(p, from, to, caseless);
	if (again)
		node_new(p, (struct dfa_node){ NODE_JUMP, 0, { split, 0 } });
	p->g->nodes[split].to[1] = p->g->n_nodes;
}

#define WITHOUT_END (-1)

/* The quantifier at *at, as how often; {1, 1} when there is none. */
static void read_quantifier(struct parser *p, size_t *at, size_t to, int *least, int *most)
{
	char c = *at < to ? p->s[*at] : '\0';
	char *end;

	*least = c == '*' || c == '?' ? 0 : 1;
	*most = c == '*' || c == '+' ? WITHOUT_END : 1;
	if (c == '{') {
		*least = *most = (int)strtol(p->s + *at + 1, &end, 10);
		if (*end == ',')
			*most = end[1] == '}' ? WITHOUT_END : (int)strtol(end + 1, &end, 10);
		while (*at < to && p->s[*at] != '}')
			++*at;
	}
	if (c && strchr("*+?{", c))
		++*at;
	if (*at < to && strchr("*+?{", p->s[*at]))
		p->failed = true;
}

static void emit_item(struct parser *p, size_t from, size_t *at, size_t to, bool caseless)
{
	size_t end = *at;
	int least, most;

	read_quantifier(p, at, to, &least, &most);
	for (int i = 0; i < least && !p->failed; i++)
		emit_atom(p, from, end, caseless);
	if (most == WITHOUT_END)
		emit_optional(p, from, end, caseless, true);
	for (int i = least; i < most && !p->failed; i++)
		emit_optional(p, from, end, caseless, false);
}

static void emit_alternatives(struct parser *p, size_t from, size_t to, bool caseless)
{
	size_t end = alternative_end(p->s, from, to);
	int split = -1, jump;

	if (p->failed)
		return;
	if (end < to)
		split = node_new(p, (struct dfa_node){ NODE_SPLIT, 0, { p->g->n_nodes + 1, 0 } });
	for (size_t at = from; at < end && !p->failed;) {
		size_t item = at;

		at = atom_end(p->s, at, end);
		emit_item(p, item, &at, end, caseless);
	}
	if (split < 0)
		return;
	jump = node_new(p, (struct dfa_node){ NODE_JUMP, 0, { 0, 0 } });
	p->g->nodes[split].to[1] = p->g->n_nodes;
	emit_alternatives(p, end + 1, to, caseless);
	p->g->nodes[jump].to[0] = p->g->n_nodes;
}

bool dfa_program_parse(struct dfa_program *g, const char *dialect, size_t len)
{
	struct text copy = { 0 };
	struct parser p = { .g = g };

	if (len > MAX_DIALECT || memchr(dialect, '\0', len))
		return false;
	text_add(&copy, dialect, len);
	p.s = copy.data;
	emit_alternatives(&p, 0, len, false);
	node_new(&p, (struct dfa_node){ NODE_MATCH, 0, { 0, 0 } });
	text_release(&copy);
	return !p.failed;
}

void dfa_program_release(struct dfa_program *g)
{
	for (int i = 0; i < g->n_sets; i++)
		text_release(&g->sets[i]);
}
