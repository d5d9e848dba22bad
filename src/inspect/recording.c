/*
 * recording.c -- a recording that the program opened, under its limits: SQL functions on it, and
 * its tensors without SQL.
 */
#include "inspect_impl.h"

#include "torchless/database.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

static bool is_over(void *ctx)
{
	return recording_is_over(ctx);
}

static void share(void *ctx, sqlite3 *other)
{
	recording_share_limits(ctx, other);
}

/*
 * The runs of a recording that read the same prompt, each against the one before it, where this
 * program can compare them (trace_diff() of src/inspect); what is in `cmp` stays.  In the file the
 * view is of tables alone, as any client needs it.
 */
static const char first_divergence[] =
	"CREATE TEMP VIEW IF NOT EXISTS v_first_divergence AS "
	"SELECT cmp_id, run_a, run_b, ord, fqn, verdict, nmse, cosine, max_abs, max_at, floor "
	"FROM main.v_first_divergence UNION ALL SELECT * FROM ("
	"WITH prompts AS MATERIALIZED (SELECT r.id, (SELECT group_concat(t.token_id) FROM (SELECT "
	"token_id FROM main.token WHERE run_id = r.id AND source IN ('bos', 'prompt') ORDER BY pos) "
	"t) ids FROM main.run r) "
	"SELECT NULL, p.a, p.b, d.ord, d.fqn, iif(d.verdict = 'shape', 'shape', 'fail'), d.nmse, "
	"d.cosine, d.max_abs, d.max_at, NULL FROM ("
	"SELECT b.id b, (SELECT max(a.id) FROM prompts a WHERE a.id < b.id AND a.ids = b.ids) a "
	"FROM prompts b) p JOIN trace_diff d ON d.a = p.a AND d.b = p.b "
	"AND d.ord = (SELECT x.ord FROM trace_diff x WHERE x.a = p.a AND x.b = p.b "
	"AND x.within = 0 AND x.gate IS NULL LIMIT 1) WHERE p.a NOT NULL)";

int recording_add_functions(struct recording *rec, const struct inspect_options *o, struct err *err)
{
	const struct inspect_host host = { rec, is_over, share, recording_path(rec) };

	if (inspect_register(recording_handle(rec), o, &host, err))
		return err->code;
	return recording_add_views(rec, first_divergence, err);
}

/* ---- tensors without SQL -------------------------------------------------------------------- */

struct recording_tensors {
	struct inspect *in;
	struct recording *rec;
	struct run_words {
		int64_t run;
		struct words *words;
		struct run_words *next;
	} * words; /* of the runs that were asked for */
};

#define LOOKUP_NS 10000000000ll

/* What is asked for: a head, or an array. */
struct look {
	struct recording_tensors *t;
	const char *text;
	struct array *head;
	struct array *read;
	bool relations; /* of attention over a whole run */
};

/* "weight:lm_head.weight[0:4]": the name, and the selection behind it. */
static bool split_weight(const char *text, struct text *name, const char **sel)
{
	size_t prefix = sizeof(WEIGHT_PREFIX) - 1, len;

	if (strncmp(text, WEIGHT_PREFIX, prefix) != 0)
		return false;
	len = strcspn(text + prefix, "[");
	text_adds(name, "");
	text_add(name, text + prefix, len);
	*sel = text + prefix + len;
	return true;
}

static struct array *read_weight(struct inspect *in, const char *name, const char *sel,
				 struct err *err)
{
	struct array *whole = inspect_weight(in, name, err), *part;

	if (!whole || !*sel)
		return whole;
	part = array_select(whole, sel, err);
	array_release(whole);
	return part;
}

static int find_weight(struct inspect *in, const char *name, const char *sel, struct array *head,
		       struct err *err)
{
	struct array_part part;
	struct array whole;
	int has = inspect_weight_head(in, name, &whole, err);

	if (has)
		return has;
	has = array_find_part(&whole, sel, &part, err);
	if (has > 0)
		array_describe_part(&whole, &part, head);
	return has == 0 ? array_no_part(&whole, sel, err) : has < 0 ? has : 0;
}

static int look(void *ctx, struct err *err)
{
	struct look *l = ctx;
	struct inspect *in = l->t->in;
	struct array_source stored = l->relations ? inspect_relations(in) : inspect_stored(in);
	struct text name = { 0 };
	const char *sel = "";
	bool is_weight = split_weight(l->text, &name, &sel);
	int ret = 0;

	inspect_refresh(in);
	if (l->head)
		ret = is_weight ? find_weight(in, name.data, sel, l->head, err)
				: stored.find(stored.ctx, l->text, l->head, err);
	else
		l->read = is_weight ? read_weight(in, name.data, sel, err)
				    : stored.read(stored.ctx, l->text, err);
	text_release(&name);
	return l->head ? ret : l->read ? 0 : err->code;
}

static int find_tensor(void *ctx, const char *text, struct array *head, struct err *err)
{
	struct recording_tensors *t = ctx;
	struct look l = { .t = t, .text = text, .head = head };

	return recording_within(t->rec, LOOKUP_NS, look, &l, err);
}

static struct array *read_tensor(void *ctx, const char *text, struct err *err)
{
	struct recording_tensors *t = ctx;
	struct look l = { .t = t, .text = text };

	recording_within(t->rec, LOOKUP_NS, look, &l, err);
	return l.read;
}

struct recording_tensors *recording_tensors_new(struct recording *rec,
						const struct inspect_options *o)
{
	struct recording_tensors *t = mem_calloc(1, sizeof(*t));

	t->rec = rec;
	t->in = inspect_new(recording_handle(rec), o);
	t->in->host = (struct inspect_host){ rec, is_over, share, recording_path(rec) };
	return t;
}

void recording_tensors_free(struct recording_tensors *t)
{
	if (!t)
		return;
	while (t->words) {
		struct run_words *w = t->words;

		t->words = w->next;
		words_release(w->words);
		free(w);
	}
	inspect_unref(t->in);
	free(t);
}

struct array_source recording_tensors_source(struct recording_tensors *t)
{
	return (struct array_source){ find_tensor, read_tensor, t };
}

/* ---- attention over a whole run ------------------------------------------------------------- */

static int find_relation(void *ctx, const char *text, struct array *head, struct err *err)
{
	struct recording_tensors *t = ctx;
	struct look l = { .t = t, .text = text, .head = head, .relations = true };

	return recording_within(t->rec, LOOKUP_NS, look, &l, err);
}

static struct array *read_relation(void *ctx, const char *text, struct err *err)
{
	struct recording_tensors *t = ctx;
	struct look l = { .t = t, .text = text, .relations = true };

	recording_within(t->rec, LOOKUP_NS, look, &l, err);
	return l.read;
}

struct array_source recording_attention_source(struct recording_tensors *t)
{
	return (struct array_source){ find_relation, read_relation, t };
}

/* ---- tokens --------------------------------------------------------------------------------- */

struct look_words {
	struct recording_tensors *t;
	int64_t run;
	struct words *words;
};

static int look_up_words(void *ctx, struct err *err)
{
	struct look_words *l = ctx;

	l->words = inspect_words(l->t->in, l->run, err);
	return l->words ? 0 : err->code;
}

/* The words of a run, which stay for the next time. */
static int words_of_run(struct recording_tensors *t, int64_t run, const struct words **words,
			struct err *err)
{
	struct look_words l = { .t = t, .run = run };
	struct run_words *known = t->words;
	int ret;

	while (known && known->run != run)
		known = known->next;
	if (known) {
		*words = known->words;
		return 0;
	}
	ret = recording_within(t->rec, LOOKUP_NS, look_up_words, &l, err);
	if (ret) {
		words_release(l.words);
		return ret;
	}
	known = mem_calloc(1, sizeof(*known));
	*known = (struct run_words){ .run = run, .words = l.words, .next = t->words };
	t->words = known;
	*words = l.words;
	return 0;
}

int recording_token(struct recording_tensors *t, int64_t run, int64_t id, struct text *out,
		    struct err *err)
{
	const struct words *words;
	struct err why = { 0 };
	struct bytes b;
	int ret = words_of_run(t, run, &words, &why);

	if (ret == ERR_USAGE)
		return 0;
	if (ret) {
		*err = why;
		return ret;
	}
	if (!words_get(words, id, &b))
		return 0;
	text_add(out, b.data, b.len);
	return 1;
}
