/*
 * policy.c -- the capture rules: PATTERN[@SEL][=f32|f16|bf16|stats|hash], the last match wins.
 *
 * SEL picks positions as Python slices do: `@3` one, `@3:7` four, `@-2:` the last two of each pass,
 * `@last` the last of each pass.  Numbers that are not negative are absolute positions.
 */
#include "policy.h"

#include "torchless/mem.h"
#include "torchless/point.h"
#include "torchless/selection.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum capture_kind kind;
	enum dtype dtype;
} kinds[] = {
	{ "f32", CAPTURE_DUMP, DTYPE_F32 },    { "f16", CAPTURE_DUMP, DTYPE_F16 },
	{ "bf16", CAPTURE_DUMP, DTYPE_BF16 },  { "stats", CAPTURE_STATS, DTYPE_COUNT },
	{ "hash", CAPTURE_HASH, DTYPE_COUNT },
};

static int parse_kind(struct capture_rule *r, const char *name, const char *text, struct err *err)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(kinds[i].name, name)) {
			r->kind = kinds[i].kind;
			r->dtype = kinds[i].dtype;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE,
		       "--capture %.200s: \"%s\" is none of f32, f16, bf16, stats and hash", text,
		       name);
}

/* A position as a whole decimal number in s[0..len); false for anything else. */
static bool parse_number(const char *s, size_t len, int64_t *out)
{
	char buf[24], *end;

	if (!len || len >= sizeof(buf) || (s[0] != '-' && (s[0] < '0' || s[0] > '9')))
		return false;
	memcpy(buf, s, len);
	buf[len] = '\0';
	*out = strtoll(buf, &end, 10);
	return !*end && end > buf && s[len - 1] != '-' && selection_is_index(*out);
}

/* "a:b", either of them absent, is what Python's x[a:b] is; the stored range is inclusive. */
static bool parse_slice(struct capture_rule *r, const char *sel)
{
	const char *colon = strchr(sel, ':');
	int64_t stop = 0;

	r->first = 0;
	if (colon != sel && !parse_number(sel, (size_t)(colon - sel), &r->first))
		return false;
	if (colon[1] && !parse_number(colon + 1, strlen(colon + 1), &stop))
		return false;
	if (colon[1] && stop == 0)
		return false;
	r->last = stop - 1;
	return (r->first < 0) != (r->last < 0) || r->first <= r->last;
}

static int parse_selection(struct capture_rule *r, const char *sel, const char *text,
			   struct err *err)
{
	bool ok;

	r->whole = false;
	if (!strcmp(sel, "last")) {
		r->first = r->last = -1;
		return 0;
	}
	ok = strchr(sel, ':') ? parse_slice(r, sel) : parse_number(sel, strlen(sel), &r->first);
	if (!ok)
		return err_set(
			err, ERR_USAGE,
			"--capture %.200s: \"@%s\" selects no positions; use @last, @3 or @3:7",
			text, sel);
	if (!strchr(sel, ':'))
		r->last = r->first;
	return 0;
}

static int parse_rule(struct capture_rule *r, char *pattern, const char *text, struct err *err)
{
	char *equals = strrchr(pattern, '='), *at;
	int ret;

	*r = (struct capture_rule){ .pattern = pattern,
				    .kind = CAPTURE_DUMP,
				    .dtype = DTYPE_COUNT,
				    .last = -1,
				    .whole = true };
	if (equals) {
		*equals = '\0';
		ret = parse_kind(r, equals + 1, text, err);
		if (ret)
			return ret;
	}
	at = strrchr(pattern, '@');
	if (at) {
		*at = '\0';
		ret = parse_selection(r, at + 1, text, err);
		if (ret)
			return ret;
	}
	if (!*pattern)
		return err_set(err, ERR_USAGE, "--capture %.200s: names no point", text);
	if (at && r->kind != CAPTURE_DUMP)
		return err_set(err, ERR_USAGE,
			       "--capture %.200s: @%s selects what to dump, but =%s dumps nothing",
			       text, at + 1, equals + 1);
	return 0;
}

int capture_policy_add(struct capture_policy *c, const char *text, struct err *err)
{
	struct capture_rule rule;
	char *pattern;
	int ret;

	if (!strcmp(text, "none")) {
		c->no_defaults = true;
		return 0;
	}
	pattern = mem_strdup(text);
	ret = parse_rule(&rule, pattern, text, err);
	if (ret) {
		free(pattern);
		return ret;
	}
	c->rules = mem_grow(c->rules, (size_t)c->n_rules, &c->cap, sizeof(rule));
	c->rules[c->n_rules++] = rule;
	return 0;
}

void capture_policy_release(struct capture_policy *c)
{
	int i;

	for (i = 0; i < c->n_rules; i++)
		free(c->rules[i].pattern);
	free(c->rules);
	*c = (struct capture_policy){ 0 };
}

static void apply_rule(const struct capture_rule *r, struct capture *c)
{
	c->named = true;
	c->stats = r->kind != CAPTURE_HASH;
	c->dump = r->kind == CAPTURE_DUMP;
	c->whole = r->whole;
	c->dtype = r->dtype == DTYPE_COUNT ? DTYPE_F32 : r->dtype;
	c->first = r->first;
	c->last = r->last;
}

static const struct capture_rule last_row = {
	.kind = CAPTURE_DUMP, .dtype = DTYPE_F32, .first = -1, .last = -1
};
static const struct capture_rule whole_value = {
	.kind = CAPTURE_DUMP, .dtype = DTYPE_F32, .last = -1, .whole = true
};

/* The logit lens reads the stream, attn() the others. */
static const struct capture_rule *default_rule(const struct value *v, bool keeps_attention)
{
	if (!v->point)
		return NULL;
	if (!strcmp(v->point->role, "resid_post"))
		return &last_row;
	return keeps_attention && capture_is_attention(v) ? &whole_value : NULL;
}

bool capture_is_attention(const struct value *v)
{
	return v->point && (!strcmp(v->point->role, "q_rot") || !strcmp(v->point->role, "k_rot"));
}

static void apply_defaults(const struct capture_policy *policy, bool keeps_attention,
			   const struct program *p, struct capture *captures)
{
	int v;

	for (v = 0; v < p->n_values; v++) {
		const struct capture_rule *rule = default_rule(&p->values[v], keeps_attention);

		captures[v] = (struct capture){ .stats = p->values[v].point != NULL, .rule = -1 };
		if (rule && !(policy && policy->no_defaults))
			apply_rule(rule, &captures[v]);
	}
}

/* ---- what the rules name -------------------------------------------------------------------- */

static const struct capture_set *find_set(const char *name)
{
	int i;

	for (i = 0; i < capture_sets_len; i++) {
		if (!strcmp(capture_sets[i].name, name))
			return &capture_sets[i];
	}
	return NULL;
}

/* "atention" is nearer to the set than to any point. */
static int no_match(const char *pattern, struct err *err)
{
	struct text_nearest near = { .name = pattern, .distance = 3 };

	for (int i = 0; i < capture_sets_len; i++)
		text_nearest_offer(&near, capture_sets[i].name);
	if (near.best)
		return err_set(err, ERR_USAGE,
			       "--capture %.200s: names no point and no set; did you mean '%s'?",
			       pattern, near.best);
	return err_wrap(err, "--capture %.200s", pattern);
}

int capture_rule_match(const struct capture_rule *r, const struct program *p, bool *wanted,
		       struct err *err)
{
	const struct capture_set *set = find_set(r->pattern);
	int i, n = 0, ret;

	if (!set) {
		ret = points_match(p, r->pattern, wanted, err);
		return ret < 0 ? no_match(r->pattern, err) : ret;
	}
	for (i = 0; i < CAPTURE_SET_MAX && set->patterns[i]; i++) {
		ret = points_match(p, set->patterns[i], wanted, err);
		if (ret < 0)
			return ret;
		n += ret;
	}
	return n;
}

int capture_policy_apply(const struct capture_policy *policy, bool keeps_attention,
			 const struct program *p, struct capture *captures, struct err *err)
{
	bool *wanted = mem_calloc((size_t)p->n_values + 1, sizeof(*wanted));
	int i, v, ret = 0;

	apply_defaults(policy, keeps_attention, p, captures);
	for (i = 0; policy && i < policy->n_rules && ret >= 0; i++) {
		memset(wanted, 0, (size_t)p->n_values * sizeof(*wanted));
		ret = capture_rule_match(&policy->rules[i], p, wanted, err);
		for (v = 0; v < p->n_values && ret >= 0; v++) {
			if (!wanted[v])
				continue;
			apply_rule(&policy->rules[i], &captures[v]);
			captures[v].rule = i;
		}
	}
	free(wanted);
	return ret < 0 ? ret : 0;
}

static const char *kind_name(const struct capture_rule *r)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].kind == r->kind && kinds[i].dtype == r->dtype)
			return kinds[i].name;
	}
	return dtype_table[DTYPE_F32].name; /* as computed */
}

void capture_rule_positions(const struct capture_rule *r, struct text *t)
{
	if (r->whole)
		return;
	if (r->first == r->last && r->first == -1) {
		text_adds(t, "@last");
		return;
	}
	text_addf(t, "@%lld", (long long)r->first);
	if (r->first == r->last)
		return;
	text_addc(t, ':');
	if (r->last != -1)
		text_addf(t, "%lld", (long long)r->last + 1);
}

int capture_policy_describe(const struct capture_policy *c, const struct program *p,
			    struct text *json, struct err *err)
{
	bool *wanted = mem_calloc((size_t)p->n_values + 1, sizeof(*wanted));
	int i, ret = 0;

	text_addc(json, '[');
	for (i = 0; i < c->n_rules && ret >= 0; i++) {
		memset(wanted, 0, (size_t)p->n_values * sizeof(*wanted));
		ret = capture_rule_match(&c->rules[i], p, wanted, err);
		text_adds(json, i ? ", {\"points\": [\"" : "{\"points\": [\"");
		points_format(p, wanted, "\", \"", json);
		text_adds(json, "\"], \"positions\": \"");
		capture_rule_positions(&c->rules[i], json);
		text_addf(json, "\", \"keep\": \"%s\"}", kind_name(&c->rules[i]));
	}
	text_addc(json, ']');
	free(wanted);
	return ret < 0 ? ret : 0;
}

bool capture_rows(const struct capture *c, int64_t pos0, int64_t n, int64_t *begin, int64_t *end)
{
	int64_t first = c->first < 0 ? c->first + n : c->first - pos0;
	int64_t last = c->last < 0 ? c->last + n : c->last - pos0;

	*begin = first < 0 ? 0 : first;
	*end = last >= n ? n : last + 1;
	return *begin < *end;
}
