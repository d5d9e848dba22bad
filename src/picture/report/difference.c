/*
 * difference.c -- two recordings, the first of which is the reference: tokens, values, time and
 * settings that differ.
 *
 * Values are compared by trace_diff(), which is asked of the second recording: by the hash of all
 * elements, by dumps where both have them; where neither tells, statistics do.
 */
#include "report_impl.h"

#include "torchless/array.h"
#include "torchless/json.h"

#include <limits.h>
#include <math.h>

/* As graph_compare() has it: rounding stays below, the weakest real fault does not. */
#define CLOSE_RELATIVE 1.5e-5

/* ---- tokens -------------------------------------------------------------------------------- */

static int64_t equal_tokens(const struct report_writer *a, const struct report_writer *b)
{
	size_t n = 0;

	while (n < a->n_tokens && n < b->n_tokens && a->tokens[n].id == b->tokens[n].id &&
	       a->tokens[n].pos == b->tokens[n].pos)
		n++;
	return (int64_t)n;
}

/* ---- values -------------------------------------------------------------------------------- */

enum { D_FQN, D_PASS, D_VERDICT, D_NMSE, D_MAX, D_A, D_B, D_L2A, D_L2B, D_ABSMAX, D_MEAN, D_NUMEL };

struct statistics {
	int64_t id;
	double absmax, mean;
};

struct values {
	struct report_writer *w; /* of the second recording, whose out is written */
	struct statistics *a;    /* of the first one's values, by id */
	size_t n_a, cap_a;
	int64_t n, first; /* -1: nothing differs */
};

static int take_statistics(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct values *v = ctx;

	(void)rows;
	if (cells[0].type != CELL_INT || (v->n_a && v->a[v->n_a - 1].id >= cells[0].i))
		return 0;
	v->a = mem_grow(v->a, v->n_a, &v->cap_a, sizeof(*v->a));
	v->a[v->n_a++] =
		(struct statistics){ cells[0].i, cell_real(&cells[1]), cell_real(&cells[2]) };
	return 0;
}

static int compare_statistics(const void *a, const void *b)
{
	int64_t x = ((const struct statistics *)a)->id, y = ((const struct statistics *)b)->id;

	return x < y ? -1 : x > y;
}

static struct statistics of_a(const struct values *v, const struct cell *id)
{
	const struct statistics key = { .id = id->i }, none = { 0, NAN, NAN };
	const struct statistics *found =
		id->type == CELL_INT && v->n_a
			? bsearch(&key, v->a, v->n_a, sizeof(key), compare_statistics)
			: NULL;

	return found ? *found : none;
}

static double relative(double a, double b, double scale)
{
	return a == b ? 0 : fabs(a - b) / scale;
}

static const char *by_statistics(const struct statistics *a, const struct cell *cells)
{
	double l2_a = cell_real(&cells[D_L2A]), l2_b = cell_real(&cells[D_L2B]);
	double absmax = cell_real(&cells[D_ABSMAX]), mean = cell_real(&cells[D_MEAN]);
	double rms = l2_a / sqrt(fmax(1, cell_real(&cells[D_NUMEL])));
	bool is_close = relative(l2_a, l2_b, fmax(l2_a, l2_b)) <= CLOSE_RELATIVE &&
			relative(a->absmax, absmax, fmax(a->absmax, absmax)) <= CLOSE_RELATIVE &&
			relative(a->mean, mean, rms) <= CLOSE_RELATIVE;

	return is_close ? "close" : "differs";
}

static const char *verdict_of(const struct statistics *a, const struct cell *cells)
{
	if (cells[D_A].type != CELL_INT)
		return "only_b";
	if (cells[D_B].type != CELL_INT)
		return "only_a";
	if (cell_is(&cells[D_VERDICT], "equal"))
		return "equal";
	if (cell_is(&cells[D_VERDICT], "shape"))
		return "differs";
	if (isfinite(cell_real(&cells[D_NMSE])))
		return cell_real(&cells[D_NMSE]) <= tolerances[TOLERANCE_NMSE] ? "close"
									       : "differs";
	return by_statistics(a, cells);
}

static int take_difference(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct values *v = ctx;
	struct report_writer *w = v->w;
	struct statistics a = of_a(v, &cells[D_A]);
	const char *verdict = verdict_of(&a, cells);

	(void)rows;
	if (v->n == REPORT_ROWS)
		return 1;
	if (v->first < 0 && strcmp(verdict, "equal") != 0 && strcmp(verdict, "close") != 0)
		v->first = v->n;
	v->n++;
	json_add_key(w->out, NULL);
	text_addc(w->out, '{');
	report_add_cell(w, "fqn", 's', &cells[D_FQN]);
	report_add_cell(w, "pass", 'i', &cells[D_PASS]);
	json_add_string(w->out, "verdict", verdict);
	report_add_cell(w, "l2_a", 'r', &cells[D_L2A]);
	report_add_cell(w, "l2_b", 'r', &cells[D_L2B]);
	json_add_real(w->out, "absmax_a", a.absmax);
	report_add_cell(w, "absmax_b", 'r', &cells[D_ABSMAX]);
	report_add_cell(w, "nmse", 'r', &cells[D_NMSE]);
	report_add_cell(w, "max_abs", 'r', &cells[D_MAX]);
	text_addc(w->out, '}');
	return 0;
}

/* 'it''s.db[run=2]' */
static int add_argument(struct text *sql, const struct report_writer *a, struct err *err)
{
	char path[PATH_MAX];
	struct text argument = { 0 };

	if (!realpath(a->of->path, path))
		return err_set(err, ERR_IO, "%s: it has gone", a->of->path);
	text_addf(&argument, "%s[run=%lld]", path, (long long)a->run);
	text_add_sql_string(sql, argument.data);
	text_release(&argument);
	return 0;
}

static int add_values(struct report_writer *a, struct values *v, struct err *err)
{
	struct text sql = { 0 };
	int r = report_ask(a,
			   "SELECT v.id, v.absmax, v.mean FROM pass p CROSS JOIN value v "
			   "ON v.pass_id = p.id WHERE p.run_id = %lld ORDER BY v.id LIMIT 100000",
			   take_statistics, v, err);

	if (!r) {
		text_adds(&sql, "SELECT d.fqn, d.pass, d.verdict, d.nmse, d.max_abs, d.value_a, "
				"d.value_b, d.l2_a, d.l2_b, b.absmax, b.mean, b.numel "
				"FROM trace_diff(");
		r = add_argument(&sql, a, err);
		text_adds(&sql, ", %lld) d LEFT JOIN value b ON b.id = d.value_b "
				"WHERE d.pass IS NOT NULL ORDER BY d.ord");
	}
	json_add_key(v->w->out, "values");
	text_addc(v->w->out, '[');
	if (!r)
		r = report_compute(v->w, sql.data, take_difference, v, err);
	text_addc(v->w->out, ']');
	if (!r && v->n == REPORT_ROWS)
		report_leave_out(v->w, "only the first %d values are compared", REPORT_ROWS);
	json_add_key(v->w->out, "first");
	text_addf(v->w->out, v->first < 0 ? "null" : "%lld", (long long)v->first);
	text_release(&sql);
	return r;
}

/* ---- time ---------------------------------------------------------------------------------- */

struct module_time {
	char *module;
	int64_t ns[2]; /* -1: it has none */
};

struct times {
	struct module_time *modules;
	size_t n, cap;
	int side;
};

static int take_time(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct times *t = ctx;
	char *module;
	size_t i = 0;

	(void)rows;
	if (cells[0].type != CELL_TEXT || cells[0].s.len > 512 || cells[1].type != CELL_INT)
		return 0;
	module = mem_memdup(cells[0].s.data, cells[0].s.len);
	while (i < t->n && strcmp(t->modules[i].module, module) != 0)
		i++;
	if (i == t->n) {
		t->modules = mem_grow(t->modules, t->n, &t->cap, sizeof(*t->modules));
		t->modules[t->n++] = (struct module_time){ module, { -1, -1 } };
	} else {
		free(module);
	}
	t->modules[i].ns[t->side] = cells[1].i;
	return 0;
}

static void add_ns(struct text *out, const char *key, int64_t ns)
{
	json_add_key(out, key);
	text_addf(out, ns < 0 ? "null" : "%lld", (long long)ns);
}

static int add_time(struct report_writer *w[2], struct text *out, struct err *err)
{
	struct times t = { 0 };
	int r = 0;

	for (t.side = 0; t.side < 2 && !r; t.side++)
		r = report_ask(w[t.side],
			       "SELECT m.path, sum(s.dur) FROM pass p CROSS JOIN span s "
			       "ON s.pass_id = p.id JOIN module m ON m.id = s.module_id "
			       "WHERE p.run_id = %lld GROUP BY m.id ORDER BY m.ord LIMIT 4000",
			       take_time, &t, err);
	json_add_key(out, "time");
	text_addc(out, '[');
	for (size_t i = 0; i < t.n; i++) {
		json_add_key(out, NULL);
		text_addc(out, '{');
		json_add_string(out, "module", t.modules[i].module);
		add_ns(out, "a_ns", t.modules[i].ns[0]);
		add_ns(out, "b_ns", t.modules[i].ns[1]);
		text_addc(out, '}');
		free(t.modules[i].module);
	}
	text_addc(out, ']');
	free(t.modules);
	return r;
}

/* ---- settings ------------------------------------------------------------------------------ */

static cJSON *parse_part(struct report_writer *w, int (*add)(struct report_writer *, struct err *),
			 struct err *err)
{
	struct text *out = w->out, json = { 0 };
	cJSON *parsed = NULL;

	w->out = &json;
	if (!add(w, err))
		parsed = json_parse(json.data ? json.data : "", json.len, "settings", err);
	w->out = out;
	text_release(&json);
	return parsed;
}

static void add_json(struct text *out, const cJSON *value)
{
	char *text = value ? cJSON_PrintUnformatted(value) : NULL;

	if (value && !text)
		mem_out_of_memory(sizeof(*value));

	json_add_key(out, NULL);
	if (text)
		json_add_value(out, text, strlen(text));
	else
		text_adds(out, "null");
	cJSON_free(text);
}

static void add_pair(struct text *out, const char *name, const cJSON *a, const cJSON *b)
{
	if (a == b || (a && b && cJSON_Compare(a, b, 1)))
		return;
	json_add_key(out, NULL);
	text_addc(out, '[');
	json_add_string(out, NULL, name);
	add_json(out, a);
	add_json(out, b);
	text_addc(out, ']');
}

/* The value of a name in [[name, value], …]. */
static const cJSON *setting(const cJSON *list, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		const cJSON *key = cJSON_GetArrayItem(item, 0);

		if (cJSON_IsString(key) && !strcmp(key->valuestring, name))
			return cJSON_GetArrayItem(item, 1);
	}
	return NULL;
}

/* The members of two models, and of their configs. */
static void add_members(struct text *out, const char *prefix, const cJSON *a, const cJSON *b)
{
	const cJSON *sides[2] = { a, b }, *item;

	for (int side = 0; side < 2; side++)
		cJSON_ArrayForEach(item, sides[side])
		{
			const cJSON *other = json_get(sides[!side], item->string);
			char name[128];

			snprintf(name, sizeof(name), "%s%.100s", prefix, item->string);
			if (!side && strcmp(item->string, "config") != 0)
				add_pair(out, name, item, other);
			else if (!other && !cJSON_IsNull(item) && side)
				add_pair(out, name, NULL, item);
		}
	if (json_get(a, "config") && json_get(b, "config"))
		add_members(out, "config.", json_get(a, "config"), json_get(b, "config"));
}

static void add_settings_of(struct text *out, const cJSON *a, const cJSON *b)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, a)
	{
		const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(item, 0));
		const cJSON *mine = cJSON_GetArrayItem(item, 1), *other;
		char prefix[32];

		if (!name)
			continue;
		other = setting(b, name);
		snprintf(prefix, sizeof(prefix), "%.20s.", name);
		if (cJSON_IsObject(mine) && cJSON_IsObject(other))
			add_members(out, prefix, mine, other);
		else
			add_pair(out, name, mine, other);
	}
	cJSON_ArrayForEach(item, b)
	{
		const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(item, 0));

		if (name && !setting(a, name))
			add_pair(out, name, NULL, cJSON_GetArrayItem(item, 1));
	}
}

static int add_settings(struct report_writer *w[2], struct text *out, struct err *err)
{
	static int (*const adds[])(struct report_writer *, struct err *) = { report_add_settings,
									     report_add_model,
									     report_add_edits };
	int r = 0;

	json_add_key(out, "settings");
	text_addc(out, '[');
	for (int i = 0; i < 3 && !r; i++) {
		cJSON *a = parse_part(w[0], adds[i], err);
		cJSON *b = a ? parse_part(w[1], adds[i], err) : NULL;

		if (!a || !b)
			r = err->code;
		else if (i == 0)
			add_settings_of(out, a, b);
		else if (i == 1)
			add_members(out, "model.", a, b);
		else
			add_pair(out, "edits", a, b);
		cJSON_Delete(a);
		cJSON_Delete(b);
	}
	text_addc(out, ']');
	return r;
}

/* ---- all ----------------------------------------------------------------------------------- */

int report_add_difference(struct report_writer *a, struct report_writer *b, struct err *err)
{
	struct report_writer *both[2] = { a, b };
	struct values v = { .w = b, .first = -1 };
	struct text *out = b->out;
	int r;

	text_addc(out, '{');
	json_add_int(out, "tokens_equal_until", equal_tokens(a, b));
	r = add_values(a, &v, err);
	if (!r)
		r = add_time(both, out, err);
	if (!r)
		r = add_settings(both, out, err);
	text_addc(out, '}');
	free(v.a);
	return r;
}
