/*
 * point.c -- the names of points, and globs over them.
 *
 * A point has a handful of spellings: canonical, short (L3.attn.pattern), TransformerLens's,
 * ggml's, and those of its aliases.  each_name() produces them one by one; matching and
 * suggesting are loops over it, so a new spelling is added in one place.
 */
#include "torchless/point.h"

#include "torchless/mem.h"
#include "torchless/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE   160
#define MAX_PATTERN 1024 /* bytes; what is longer takes time to compare and matches nothing */

/* ---- spellings ----------------------------------------------------------------------------- */

const char *point_format_name(const char *fmt, int layer, char *buf, size_t size)
{
	const char *at;

	if (!fmt)
		return NULL;
	at = strstr(fmt, "%d");
	if (!at)
		snprintf(buf, size, "%s", fmt);
	else
		snprintf(buf, size, "%.*s%d%s", (int)(at - fmt), fmt, layer, at + 2);
	return buf;
}

/* Write fmt[0..len) with each letter of an index as a number: "[i+1]" of layer 3 is "[4]". */
static void fill_index(const char *fmt, size_t len, int layer, int n_layers, char *buf, size_t size)
{
	static const char next[] = "[i+1]", all[] = "[n]";
	const char *at = strstr(fmt, next), *end = at ? at + strlen(next) : NULL;
	int index = layer + 1;

	if (!at && (at = strstr(fmt, all))) {
		end = at + strlen(all);
		index = n_layers;
	}
	if (!at || at >= fmt + len)
		snprintf(buf, size, "%.*s", (int)len, fmt);
	else
		snprintf(buf, size, "%.*s[%d]%.*s", (int)(at - fmt), fmt, index,
			 (int)(fmt + len - end), end);
}

const char *point_hf_source(const struct program *p, const struct value *v, char *buf, size_t size)
{
	const char *fmt = v->point ? v->point->hf_source : NULL,
		   *bar = fmt ? strchr(fmt, '|') : NULL;
	int last = -1;

	if (!fmt)
		return NULL;
	for (int i = 0; i < p->n_values; i++)
		last = p->values[i].layer > last ? p->values[i].layer : last;
	if (bar && v->layer == last)
		fmt = bar + 1;
	fill_index(fmt, bar > fmt ? (size_t)(bar - fmt) : strlen(fmt), v->layer, last + 1, buf,
		   size);
	return buf;
}

/* Parts of a path that have a shorter spelling; the first one found is used. */
static const struct {
	const char *path, *brief;
} brief_parts[] = {
	{ "self_attn", "attn" },
	{ "input_layernorm", "ln1" },
	{ "post_attention_layernorm", "ln2" },
};

/* "model.layers.3.self_attn:pattern" -> "L3.attn.pattern"; ":out" is left out. */
const char *point_shorten(const char *name, char *buf, size_t size)
{
	const char *rest = name;
	size_t at = 0;
	char *colon;

	if (strncmp(rest, "model.", 6) == 0)
		rest += 6;
	if (strncmp(rest, "layers.", 7) == 0) {
		rest += 7;
		at = (size_t)snprintf(buf, size, "L");
		while (isdigit((unsigned char)*rest) && at + 1 < size)
			buf[at++] = *rest++;
		if (*rest == '.' && at + 1 < size)
			buf[at++] = *rest++;
	}
	for (size_t i = 0; i < sizeof(brief_parts) / sizeof(brief_parts[0]) && at < size; i++) {
		size_t len = strlen(brief_parts[i].path);

		if (strncmp(rest, brief_parts[i].path, len) == 0) {
			at += (size_t)snprintf(buf + at, size - at, "%s", brief_parts[i].brief);
			rest += len;
			break;
		}
	}
	if (at < size)
		snprintf(buf + at, size - at, "%s", rest);
	colon = strchr(buf, ':');
	if (colon && strcmp(colon, ":out") == 0)
		*colon = '\0';
	else if (colon)
		*colon = '.';
	return buf;
}

const char *point_short_name(const struct value *v, char *buf, size_t size)
{
	return point_shorten(v->name, buf, size);
}

typedef bool name_fn(void *ctx, const char *name, value_id v);

enum { OWN = 1, FOREIGN = 2 };

/* What other tools call it. */
static bool foreign_spellings(const struct point_info *point, int layer, value_id v, name_fn *fn,
			      void *ctx)
{
	char buf[NAME_SIZE];

	if (!point)
		return false;
	if (point_format_name(point->tl_name, layer, buf, sizeof(buf)) && fn(ctx, buf, v))
		return true;
	return point_format_name(point->ggml_name, layer, buf, sizeof(buf)) && fn(ctx, buf, v);
}

/* What we call it, of one canonical or alias name. */
static bool own_spellings(const char *name, value_id v, name_fn *fn, void *ctx)
{
	size_t len = strlen(name);
	char buf[NAME_SIZE];

	if (fn(ctx, name, v))
		return true;
	if (len > 4 && strcmp(name + len - 4, ":out") == 0) {
		snprintf(buf, sizeof(buf), "%.*s", (int)(len - 4), name);
		if (fn(ctx, buf, v))
			return true;
	}
	point_shorten(name, buf, sizeof(buf));
	return fn(ctx, buf, v);
}

static bool spellings(const char *name, const struct point_info *point, int layer, value_id v,
		      int whose, name_fn *fn, void *ctx)
{
	if ((whose & OWN) && own_spellings(name, v, fn, ctx))
		return true;
	return (whose & FOREIGN) && foreign_spellings(point, layer, v, fn, ctx);
}

/* Every spelling of every point, ours or others' or both, until fn returns true. */
static void each_name(const struct program *p, int whose, name_fn *fn, void *ctx)
{
	for (int i = 0; i < p->n_values; i++) {
		const struct value *v = &p->values[i];

		if (v->point && spellings(v->name, v->point, v->layer, i, whose, fn, ctx))
			return;
	}
	for (int i = 0; i < p->n_aliases; i++) {
		const struct alias *a = &p->aliases[i];

		if (p->values[a->value].point &&
		    spellings(a->name, a->point, a->layer, a->value, whose, fn, ctx))
			return;
	}
}

/* ---- matching ------------------------------------------------------------------------------ */

struct match {
	const char *pattern;
	bool *wanted;
	int n;
};

static bool match_name(void *ctx, const char *name, value_id v)
{
	struct match *m = ctx;

	if (!m->wanted[v] && text_glob(m->pattern, name)) {
		m->wanted[v] = true;
		m->n++;
	}
	return false;
}

/* Find "[4-7]" or "[4]" after '.' or 'L': a range of layers.  Returns its start or NULL. */
static const char *find_range(const char *pattern, long *first, long *last, const char **end)
{
	for (const char *at = strchr(pattern, '['); at; at = strchr(at + 1, '[')) {
		char *stop;

		if (at == pattern || (at[-1] != '.' && at[-1] != 'L') ||
		    !isdigit((unsigned char)at[1]))
			continue;
		if (at[1] == '0' && isdigit((unsigned char)at[2]))
			continue; /* no number: [02] is a class, layers 0 and 2 */
		*first = *last = strtol(at + 1, &stop, 10);
		if (*stop == '-' && isdigit((unsigned char)stop[1]))
			*last = strtol(stop + 1, &stop, 10);
		if (*stop != ']')
			continue;
		*end = stop + 1;
		return at;
	}
	return NULL;
}

/* A name is one tensor: ours comes before what others call something else ("norm" of ggml). */
static void match_names(const struct program *p, struct match *m)
{
	if (strpbrk(m->pattern, "*?[")) {
		each_name(p, OWN | FOREIGN, match_name, m);
		return;
	}
	each_name(p, OWN, match_name, m);
	if (!m->n)
		each_name(p, FOREIGN, match_name, m);
}

/* Mark what m->pattern names, a layer of its range after the other. */
static void match_pattern(const struct program *p, struct match *m)
{
	const char *pattern = m->pattern;
	long first, last;
	const char *end, *range = find_range(pattern, &first, &last, &end);

	if (!range) {
		match_names(p, m);
		return;
	}
	if (last >= p->n_layers)
		last = p->n_layers - 1;
	for (long layer = first; layer <= last; layer++) {
		char one[NAME_SIZE];
		struct match of_layer = { .pattern = one, .wanted = m->wanted };

		snprintf(one, sizeof(one), "%.*s%ld%s", (int)(range - pattern), pattern, layer,
			 end);
		match_names(p, &of_layer);
		m->n += of_layer.n;
	}
}

struct nearest {
	const struct program *program;
	struct text_near near; /* one suggestion a kind of point */
	bool of_all_layers;    /* names without a layer are patterns of all */
};

static int least(int a, int b, int c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

/* Edits that make `name` match: `*` and a range of layers take whatever they find for nothing. */
static int glob_distance(const char *pattern, const char *name)
{
	int row[NAME_SIZE], len = (int)strlen(name), diagonal, above;

	for (int j = 0; j <= len; j++)
		row[j] = j;
	for (; *pattern; pattern++) {
		bool is_free = *pattern == '*' || *pattern == '[';

		if (is_free && *pattern == '[' && strchr(pattern, ']'))
			pattern = strchr(pattern, ']');
		diagonal = row[0];
		row[0] += !is_free;
		for (int j = 1; j <= len; j++) {
			bool same = *pattern == '?' || *pattern == name[j - 1];

			above = row[j];
			row[j] = is_free ? least(above, row[j - 1], above)
					 : least(diagonal + !same, above + 1, row[j - 1] + 1);
			diagonal = above;
		}
	}
	return row[len];
}

/* "L3.attn.pattern" as the pattern of all layers, "*.attn.pattern"; false where none is named. */
static bool of_all_layers(const char *name, char *buf, size_t size)
{
	const char *layer = name[0] == 'L' ? name + 1 : name, *rest;

	while (*layer &&
	       !(isdigit((unsigned char)*layer) && (layer == name + 1 || strchr(".-", layer[-1]))))
		layer++;
	rest = layer + strspn(layer, "0123456789");
	if (rest == layer)
		return false;
	snprintf(buf, size, "%.*s*%s", layer == name + 1 ? 0 : (int)(layer - name), name, rest);
	return true;
}

static bool rank_name(void *ctx, const char *name, value_id v)
{
	struct nearest *n = ctx;
	const char *pattern = n->near.name, *star;
	int unlike = text_unlike(pattern, name), matched = glob_distance(pattern, name);
	char all[NAME_SIZE + 1];

	if (n->of_all_layers && of_all_layers(name, all, sizeof(all))) {
		star = strchr(all, '*');
		name = all;
		if (star == all && star[1] == '.')
			matched = least(matched, unlike, text_unlike(pattern, star + 2));
	}
	text_near_offer_at(&n->near, name, (int)(n->program->values[v].point - point_table),
			   matched < unlike ? matched : unlike);
	return false;
}

bool points_lack_layer(const struct program *p, const char *name)
{
	/* Of this program, TransformerLens and ggml. */
	static const char *const words[] = { "layers.", "blocks.", "blk." };
	const char *s = name[0] == 'L' ? name + 1 : NULL;
	long layer;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !s; i++)
		if ((s = strstr(name, words[i])))
			s += strlen(words[i]);
	if (!s || !isdigit((unsigned char)*s))
		return false;
	errno = 0;
	layer = strtol(s, NULL, 10);
	return errno || layer >= p->n_layers;
}

/* What `pattern` may have meant, a tensor or several; ERR_USAGE. */
static int no_point(const struct program *p, const char *pattern, bool is_one, struct err *err)
{
	struct nearest nearest = { .program = p, .near = { .name = pattern } };
	char names[TEXT_NEAR * NAME_SIZE + 16];

	if (points_lack_layer(p, pattern))
		return err_set(err, ERR_USAGE, "no point is called '%s': the layers are 0 to %d",
			       pattern, p->n_layers - 1);
	nearest.of_all_layers = !is_one && !strpbrk(pattern, "0123456789*?[");
	each_name(p, OWN | FOREIGN, rank_name, &nearest);
	text_near_drop_far(&nearest.near);
	text_near_format(&nearest.near, names, sizeof(names));
	return err_set(err, ERR_USAGE,
		       "no point is called '%s'%s%s (`torchless info --points` lists all)", pattern,
		       nearest.near.n
			       ? plural(nearest.near.n, "; the nearest is ", "; the nearest are ")
			       : "",
		       names);
}

/* What it names, or ERR_USAGE; `is_one` where one tensor is asked for. */
static int match_or_suggest(const struct program *p, const char *pattern, bool *wanted, bool is_one,
			    struct err *err)
{
	struct match m = { .pattern = pattern };

	if (strlen(pattern) > MAX_PATTERN)
		return err ? err_set(err, ERR_USAGE, "'%.60s...' is longer than any name of points",
				     pattern)
			   : ERR_USAGE;
	m.wanted = mem_calloc((size_t)p->n_values, sizeof(*m.wanted));
	match_pattern(p, &m);
	for (int i = 0; i < p->n_values; i++)
		wanted[i] |= m.wanted[i];
	free(m.wanted);
	if (m.n > 0)
		return m.n;
	return err ? no_point(p, pattern, is_one, err) : ERR_USAGE;
}

int points_match(const struct program *p, const char *pattern, bool *wanted, struct err *err)
{
	return match_or_suggest(p, pattern, wanted, false, err);
}

value_id points_find(const struct program *p, const char *name, struct err *err)
{
	value_id v = program_find(p, name);
	bool *wanted;
	int n;

	if (v >= 0)
		return v;
	wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	n = match_or_suggest(p, name, wanted, true, err);
	for (v = 0; n > 0 && !wanted[v];)
		v++;
	free(wanted);
	if (n > 1)
		return err_set(err, ERR_USAGE, "'%.80s' names %d points: a tensor is one of them",
			       name, n);
	return n == 1 ? v : err->code;
}

/* ---- the other way: canonical patterns ------------------------------------------------------ */

/* The layers first..last of one kind of point, or the lone point of that kind. */
static void add_pattern(const struct value *v, int first, int last, const char *separator,
			struct text *out)
{
	const char *module = v->point->module, *star = strchr(module, '*');

	if (out->len)
		text_adds(out, separator);
	if (!star) {
		text_adds(out, v->name);
		return;
	}
	text_add(out, module, (size_t)(star - module));
	if (first == last)
		text_addf(out, "%d", first);
	else
		text_addf(out, "[%d-%d]", first, last);
	text_addf(out, "%s:%s", star + 1, v->point->name);
}

/* One kind of point: a pattern for each unbroken range of layers. */
static void add_kind(const struct program *p, const bool *wanted, const struct value *kind,
		     const char *separator, struct text *out)
{
	int first = -1, last = -1;

	if (kind->layer < 0) {
		add_pattern(kind, 0, 0, separator, out);
		return;
	}
	for (int i = 0; i < p->n_values; i++) {
		const struct value *v = &p->values[i];

		if (v->point != kind->point || !wanted[i])
			continue;
		if (first >= 0 && v->layer != last + 1) {
			add_pattern(kind, first, last, separator, out);
			first = -1;
		}
		last = v->layer;
		first = first < 0 ? last : first;
	}
	add_pattern(kind, first, last, separator, out);
}

void points_format(const struct program *p, const bool *wanted, const char *separator,
		   struct text *out)
{
	struct text patterns = { 0 };
	int n = 0;

	for (int i = 0; i < p->n_values; i++) {
		int j = 0;

		if (!p->values[i].point || !wanted[i])
			continue;
		n++;
		while (p->values[j].point != p->values[i].point || !wanted[j])
			j++;
		if (j == i)
			add_kind(p, wanted, &p->values[i], separator, &patterns);
	}
	if (n == program_count_points(p))
		text_adds(out, "*");
	else if (n > 0)
		text_add(out, patterns.data, patterns.len);
	text_release(&patterns);
}

/* ---- parts ---------------------------------------------------------------------------------- */

const char *value_axes(const struct value *v)
{
	static const char *const of_weight[] = { "", "col", "row,col" };

	if (v->point)
		return v->point->axes;
	return v->storage == STORAGE_WEIGHT && v->t.n_dims <= 2 ? of_weight[v->t.n_dims] : "";
}

int selection_check(const struct selection *sel, const struct value *v, struct err *err)
{
	const char *axes = value_axes(v);
	char axis[32];

	for (int i = 0; i < sel->n_axes && i < v->t.n_dims; i++) {
		int64_t dim = v->t.shape[i], start = sel->axis[i].start, stop = sel->axis[i].stop;

		if (sel->axis[i].whole || dim < 0)
			continue;
		start += start < 0 ? dim : 0;
		stop += stop < 0 ? dim : 0;
		if (start >= 0 && start < dim && stop > start && (stop <= dim || stop == INT64_MAX))
			continue;
		axis_name(axes, i, axis, sizeof(axis));
		return err_set(err, ERR_USAGE, "%s has %lld along its axis %s: %s%lld is outside",
			       v->name, (long long)dim, axis,
			       stop == start + 1 ? "" : "a range from ",
			       (long long)sel->axis[i].start);
	}
	return 0;
}
