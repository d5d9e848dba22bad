/*
 * recorded_source.c -- the values of a recorded pass by name, as of a moment of it.
 *
 * A name means what it means of a live session: the value of the program, in the pass where one
 * stands, if its op has run by now.  Then the recording is asked for what it kept of it.
 */
#include "recorded.h"

#include "torchless/outline.h"
#include "torchless/point.h"

bool recorded_is_computed(const struct recorded *r, value_id v)
{
	const struct value *value = &r->model.program.values[v];

	if (value->storage == STORAGE_WEIGHT)
		return true;
	return r->at.pass >= 0 && value->op < r->at.op;
}

/* ---- what is not in the table of values ------------------------------------------------------ */

/* The ids, positions or frequencies of the pass, which every recording has the makings of. */
static struct array *input_array(struct recorded *r, value_id v, struct err *err)
{
	const struct program *p = &r->model.program;
	const struct value *value = &p->values[v];
	const struct recorded_pass *pass = &r->run.passes[r->at.pass];
	bool is_of_pass = v == p->ids || v == p->positions;
	int64_t n = is_of_pass ? pass->T : value->t.shape[0];
	struct array *a = array_new(1, &n, err);

	if (!a)
		return NULL;
	a->dtype = value->t.dtype;
	snprintf(a->axes, sizeof(a->axes), "%s", value_axes(value));
	snprintf(a->name, sizeof(a->name), "%s of this pass", value->name);
	if (axis_counts_positions(a->axes, 0))
		a->base[0] = pass->pos0;
	for (int64_t i = 0; i < n; i++)
		a->data[i] = v == p->ids         ? (float)r->run.ids[pass->pos0 + i]
			     : v == p->positions ? (float)(pass->pos0 + i)
						 : r->model.inv_freq[i];
	return a;
}

/* ---- names --------------------------------------------------------------------------------- */

/* What a text means: a value as of now, or what it names of the recording, in `stored`. */
struct meaning {
	struct array_name name;
	value_id value;
	struct text stored;
};

static int not_there(const struct recorded *r, value_id v, struct err *err)
{
	return err_set(err, ERR_USAGE, "%s is not there: %s", r->model.program.values[v].name,
		       r->at.pass < 0 ? "no pass has begun" : "it was not computed yet");
}

/* Whether it was computed by now: another run was before. */
static int check_time(const struct recorded *r, const struct meaning *m, struct err *err)
{
	int64_t pass = m->name.pass >= 0 ? m->name.pass : r->at.pass;

	if (m->name.run >= 0 && m->name.run != r->run.id)
		return 0;
	if (pass > r->at.pass)
		return err_set(err, ERR_USAGE, "pass %lld has not begun yet", (long long)pass);
	if (pass == r->at.pass && !recorded_is_computed(r, m->value))
		return not_there(r, m->value, err);
	return 0;
}

static int resolve(struct recorded *r, const char *text, struct meaning *m, struct err *err)
{
	const struct value *value;
	const char *sel;

	*m = (struct meaning){ .name = ARRAY_NAME };
	if (array_name_parse(text, &m->name, err))
		return err->code;
	m->value = points_find(&r->model.program, m->name.point, err);
	if (m->value < 0)
		return err->code;
	value = &r->model.program.values[m->value];
	sel = m->name.sel.len ? m->name.sel.data : "";
	if (value->storage != STORAGE_WEIGHT && check_time(r, m, err))
		return err->code;
	if (value->storage != STORAGE_INPUT)
		recording_pass_name(&m->stored, value, m->name.run >= 0 ? m->name.run : r->run.id,
				    m->name.pass >= 0 ? m->name.pass : r->at.pass, sel);
	return 0;
}

static void meaning_release(struct meaning *m)
{
	text_release(&m->name.sel);
	text_release(&m->stored);
}

/* ---- the source ---------------------------------------------------------------------------- */

static struct array *read_input(struct recorded *r, const struct meaning *m, struct err *err)
{
	struct array *whole = input_array(r, m->value, err), *part;

	if (!whole || !m->name.sel.len)
		return whole;
	part = array_select(whole, m->name.sel.data, err);
	array_release(whole);
	return part;
}

static struct array *read_recorded(void *ctx, const char *text, struct err *err)
{
	struct recorded *r = ctx;
	struct array_source stored = recording_tensors_source(r->tensors);
	struct array *a = NULL;
	struct meaning m;

	if (!resolve(r, text, &m, err))
		a = m.stored.len ? stored.read(stored.ctx, m.stored.data, err)
				 : read_input(r, &m, err);
	meaning_release(&m);
	return a;
}

static int find_recorded(void *ctx, const char *text, struct array *head, struct err *err)
{
	struct recorded *r = ctx;
	struct array_source stored = recording_tensors_source(r->tensors);
	struct array *a = NULL;
	struct meaning m;
	int ret = resolve(r, text, &m, err);

	if (!ret && m.stored.len) {
		ret = stored.find(stored.ctx, m.stored.data, head, err);
	} else if (!ret) {
		a = read_input(r, &m, err);
		ret = a ? 0 : err->code;
	}
	if (a) {
		*head = *a;
		head->data = NULL;
		head->whole = NULL;
		array_release(a);
	}
	meaning_release(&m);
	return ret;
}

struct array_source recorded_source(struct recorded *r)
{
	return (struct array_source){ find_recorded, read_recorded, r };
}
