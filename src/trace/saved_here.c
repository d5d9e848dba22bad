/*
 * saved_here.c -- what the program asks in place of a saved query, where it can tell more.
 *
 * The SQL of a recording is for any client of SQLite, so `differ` compares runs of one file and
 * `units` has what statistics know: the loudest of each layer.  Here the functions of src/inspect
 * are at hand.  The columns are those of the query in the file.
 */
#include "torchless/saved_query.h"

#include "torchless/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The runs that a and b mean; 0 is the newest of this recording. */
#define TWO_SIDES                                                                                  \
	"WITH pair AS MATERIALIZED (SELECT iif(:a = 0, n, :a) a, iif(:b = 0, n, :b) b "            \
	"FROM (SELECT max(id) n FROM run)) "

static const char differ[] =
	TWO_SIDES "SELECT d.pass, d.fqn, d.shape_a, d.shape_b, d.l2_a, d.l2_b, d.mean_a, d.mean_b "
		  "FROM pair JOIN trace_diff d ON d.a = pair.a AND d.b = pair.b "
		  "WHERE d.verdict IN ('differs', 'shape') LIMIT :n";

static const char same[] = TWO_SIDES
	"SELECT d.role, count(*) \"values\", sum(d.verdict = 'equal') equal, "
	"sum(d.verdict IN ('differs', 'shape')) different, min(d.layer) FILTER (WHERE "
	"d.verdict IN ('differs', 'shape')) first_layer_that_differs "
	"FROM pair JOIN trace_diff d ON d.a = pair.a AND d.b = pair.b "
	"WHERE d.value_a NOT NULL AND d.value_b NOT NULL GROUP BY d.role ORDER BY min(d.ord)";

/* Of a pass that was dumped every unit of a layer counts, at the position where it is loudest. */
static const char units[] =
	"WITH v AS MATERIALIZED (SELECT id, layer, pos0, run_id, std, vmax, absmax, absmax_at, "
	"tensor_id NOT NULL AND (SELECT dump_from FROM value WHERE id = v_value.id) IS NULL is_whole "
	"FROM v_value WHERE role = 'mlp_post' AND :phase IN ('all', phase) "
	"AND run_id = iif(:run, :run, (SELECT max(id) FROM run))), "
	"top AS (SELECT v.id, v.layer, v.pos0, v.run_id, v.std, u.value ->> 'i' unit, "
	"max(u.value ->> 'value') size FROM v, json_each(t_topk(t_absmax(v.id, 'pos'), :n)) u "
	"WHERE v.is_whole GROUP BY v.layer, unit ORDER BY size DESC LIMIT :n), "
	"line AS MATERIALIZED (SELECT *, t_slice(id, '[:,' || unit || ']') x FROM top), "
	/* The largest that is finite, as its size is. */
	"dumped AS (SELECT layer, unit, run_id, id, size, std, pos0 + iif(t_inf(x), (SELECT i0 FROM "
	"tensor_each(x) WHERE abs(value) < 9e999 ORDER BY abs(value) DESC LIMIT 1), "
	"t_argmax(t_abs(x))) pos FROM line), "
	"known AS (SELECT v.layer, v.pos0 + v.absmax_at / m.d_ff pos, v.absmax_at % m.d_ff unit, "
	"v.run_id, max(v.absmax) size, iif(v.vmax = v.absmax, v.absmax, -v.absmax) activation, v.std "
	"FROM v JOIN run r ON r.id = v.run_id JOIN model m ON m.id = r.model_id "
	"WHERE NOT v.is_whole "
	"GROUP BY v.layer HAVING max(v.absmax) NOT NULL) "
	"SELECT f.layer, f.unit, f.pos, CAST(t.piece AS TEXT) token, round(f.activation, 3) activation, "
	"round(f.size / nullif(f.std, 0), 1) in_std, f.but FROM (SELECT *, max(size) FROM ("
	"SELECT layer, unit, pos, run_id, size, std, t_at(id, pos, unit) activation, NULL but "
	"FROM dumped UNION ALL SELECT layer, unit, pos, run_id, size, std, activation, "
	"'the loudest of its layer alone: --capture units keeps all' FROM known) GROUP BY layer, unit) f "
	"LEFT JOIN v_token t ON t.run_id = f.run_id AND t.pos = f.pos ORDER BY f.size DESC LIMIT :n";

static const struct here {
	const char *name, *params; /* as the file has them: a query of one's own is left alone */
	const char *sql;
	bool of_files; /* only where a or b names a file */
} heres[] = {
	{ "differ", "{\"a\": 0, \"b\": 0, \"n\": 10}", differ, true },
	{ "same", "{\"a\": 0, \"b\": 0}", same, true },
	{ "units", "{\"n\": 10, \"phase\": \"prefill\", \"run\": 0}", units, false },
};

/* The path of FILE or FILE[run=2], to be freed. */
static char *path_of(const char *value)
{
	const char *bracket = strstr(value, "[run=");
	size_t digits = bracket ? strspn(bracket + 5, "0123456789") : 0;
	char *path = mem_strdup(value);

	if (digits && !strcmp(bracket + 5 + digits, "]"))
		path[bracket - value] = '\0';
	return path;
}

const char *const query_file_keys[] = { "a", "b", "reference", NULL };

bool query_takes_file(const char *param)
{
	size_t len = strcspn(param, "=");

	for (const char *const *key = query_file_keys; *key; key++)
		if (strlen(*key) == len && !memcmp(*key, param, len))
			return true;
	return false;
}

bool query_param_is_file(const char *param)
{
	const char *value = strchr(param, '=') + 1;
	struct stat st;
	char *path;
	bool is;

	/* trace_diff() opens the reference itself. */
	if (!query_takes_file(param) || param[1] != '=')
		return false;
	/* A number is a run; ./2 is a file. */
	if (!value[strspn(value, "0123456789")])
		return false;
	path = path_of(value);
	is = !stat(path, &st) && S_ISREG(st.st_mode);
	free(path);
	return is;
}

void query_param_no_file(struct text *t, const char *param)
{
	const char *value = strchr(param, '=') + 1;
	struct stat st;
	char *path;

	if (strspn(value, "+-.0123456789") == strlen(value) && strcmp(value, ".") != 0)
		return;
	path = path_of(value);
	if (stat(path, &st))
		text_addf(t, " (%s: %s)", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		text_addf(t, " (%s is no regular file)", path);
	free(path);
}

void query_params_adapt(struct query_params *p, const char *name, const char *defaults,
			struct text *sql)
{
	bool has_file = false;

	for (int i = 0; i < p->n; i++)
		has_file = has_file || query_param_is_file(p->list[i]);
	for (size_t i = 0; i < sizeof(heres) / sizeof(*heres); i++) {
		const struct here *h = &heres[i];

		if (strcmp(h->name, name) != 0 || strcmp(h->params, defaults) != 0 ||
		    (h->of_files && !has_file))
			continue;
		text_clear(sql);
		text_adds(sql, h->sql);
		p->takes_files = h->of_files;
	}
}
