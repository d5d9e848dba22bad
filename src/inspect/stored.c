/*
 * stored.c -- a point by name with a selection, as a tensor; and parts of tensors.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"
#include "torchless/point.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- axes ---------------------------------------------------------------------------------- */

const char *tensor_axes(const struct sql_tensor *t)
{
	static const char *const numbered[] = { "", "i0", "i0,i1", "i0,i1,i2", "i0,i1,i2,i3" };

	return t->axes[0] ? t->axes : numbered[t->n_dims];
}

const char *tensor_index(const struct sql_tensor *t, int64_t at, char *buf, size_t size)
{
	int64_t rest = t->numel, index;
	size_t len = 0;

	buf[0] = '\0';
	for (int i = 0; i < t->n_dims && at >= 0 && len < size; i++) {
		rest /= t->shape[i];
		index = t->base[i] + at / rest;
		len += (size_t)snprintf(buf + len, size - len, "%s%lld", i ? "," : "",
					(long long)index);
		at %= rest;
	}
	return buf;
}

int axis_argument(const struct sql_tensor *t, sqlite3_value *arg, int *axis, struct err *err)
{
	const char *axes = tensor_axes(t), *at = axes, *text;
	int64_t n = sqlite3_value_int64(arg);

	*axis = -1;
	if (sqlite3_value_type(arg) == SQLITE_INTEGER && n >= -t->n_dims && n < t->n_dims)
		*axis = (int)(n < 0 ? n + t->n_dims : n);
	text = (const char *)sqlite3_value_text(arg);
	for (int i = 0; i < t->n_dims && text && *axis < 0; i++) {
		size_t len = strcspn(at, ",");

		if (strlen(text) == len && !memcmp(at, text, len))
			*axis = i;
		at += len + (at[len] == ',');
	}
	if (*axis >= 0)
		return 0;
	return err_set(err, ERR_USAGE, "'%.40s' is no axis of %s, which has [%s]",
		       text ? text : "NULL", t->name, axes);
}

/* Count from `base` what counts from 0; negative ones count from the end.  False: before it. */
static bool rebase(struct axis_range *r, int64_t base)
{
	if (r->whole || base == 0)
		return true;
	if (r->single && r->start >= 0 && r->start < base)
		return false;
	if (r->start >= 0)
		r->start = r->start > base ? r->start - base : 0;
	if (r->stop >= 0 && r->stop <= base)
		return false;
	if (r->stop >= 0 && r->stop != INT64_MAX)
		r->stop -= base;
	return true;
}

/* ---- parts --------------------------------------------------------------------------------- */

struct box {
	int64_t start[TENSOR_MAX_DIMS], stop[TENSOR_MAX_DIMS];
	bool drop[TENSOR_MAX_DIMS]; /* the axis goes */
};

/*
 * The rows of t that a selection means: 1, 0 when they are not there, ERR_USAGE when the text is
 * no selection.  The elements of t are not looked at.
 */
static int find_box(const struct sql_tensor *t, const char *text, struct box *b, struct err *err)
{
	struct selection sel;

	if (selection_parse(&sel, text, tensor_axes(t), err))
		return err->code;
	for (int i = 0; i < t->n_dims; i++) {
		b->drop[i] = i < sel.n_axes && sel.axis[i].single;
		if (i < sel.n_axes && !rebase(&sel.axis[i], t->base[i]))
			return 0;
	}
	return selection_resolve(&sel, "", t->shape, t->n_dims, 0, b->start, b->stop);
}

/* Copy the box axis by axis; innermost rows are contiguous.  Returns where the next goes. */
static float *copy_box(float *out, const struct sql_tensor *t, const struct box *b, int axis,
		       int64_t row)
{
	int64_t width = b->stop[axis] - b->start[axis];

	if (axis + 1 >= t->n_dims || axis + 1 == TENSOR_MAX_DIMS) {
		memcpy(out, t->data + row * t->shape[axis] + b->start[axis],
		       (size_t)width * sizeof(*out));
		return out + width;
	}
	for (int64_t i = b->start[axis]; i < b->stop[axis]; i++)
		out = copy_box(out, t, b, axis + 1, row * t->shape[axis] + i);
	return out;
}

/* Whether the box is one run of elements: single rows, then a range, then whole axes. */
static bool is_one_run(const struct sql_tensor *t, const struct box *b)
{
	int i = 0;

	while (i < t->n_dims && b->stop[i] - b->start[i] == 1)
		i++;
	for (i++; i < t->n_dims; i++)
		if (b->stop[i] - b->start[i] != t->shape[i])
			return false;
	return true;
}

/* Indices of a part go on counting positions; on other axes they begin with 0, as in numpy. */
static void describe_part(struct sql_tensor *part, const struct sql_tensor *t, const struct box *b)
{
	struct text axes = { 0 };
	const char *at = t->axes;
	int n = 0;

	for (int i = 0; i < t->n_dims; i++) {
		size_t len = strcspn(at, ",");

		if (!b->drop[i]) {
			bool positions =
				axis_counts_positions(t->axes, i) || (len == 1 && at[0] == 'k');

			part->base[n++] = positions ? t->base[i] + b->start[i] : 0;
			text_addf(&axes, "%s%.*s", axes.len ? "," : "", (int)len, at);
		}
		at += len + (at[len] == ',');
	}
	snprintf(part->axes, sizeof(part->axes), "%s", axes.data ? axes.data : "");
	snprintf(part->name, sizeof(part->name), "a part of %.170s", t->name);
	text_release(&axes);
	part->dtype = t->dtype;
	part->dump_from = t->dump_from;
}

/* A part that shares the elements of t where they are one run, and copies them where not. */
static struct sql_tensor *take_box(const struct box *b, struct sql_tensor *t, struct err *err)
{
	int64_t shape[TENSOR_MAX_DIMS], none = 0, offset = 0;
	bool shared = is_one_run(t, b);
	struct sql_tensor *part;
	int n = 0;

	for (int i = 0; i < t->n_dims; i++) {
		offset = offset * t->shape[i] + b->start[i];
		if (!b->drop[i])
			shape[n++] = b->stop[i] - b->start[i];
	}
	part = shared ? tensor_new(1, &none, err) : tensor_new(n, shape, err);
	if (!part)
		return NULL;
	describe_part(part, t, b);
	if (!shared) {
		copy_box(part->data, t, b, 0, 0);
		return part;
	}
	free(part->data);
	part->data = t->data + offset;
	part->n_dims = n;
	part->numel = 1;
	for (int i = 0; i < n; i++) {
		part->shape[i] = shape[i];
		part->numel *= shape[i];
	}
	part->whole = t;
	t->refs++;
	return part;
}

/* ERR_USAGE: what there is instead. */
static int outside(const struct sql_tensor *t, const char *text, struct err *err)
{
	struct tensor shape = tensor_make(DTYPE_F32, t->n_dims, t->shape, NULL);
	const char *axes = tensor_axes(t);
	char buf[96];

	tensor_format(&shape, buf, sizeof(buf));
	for (int i = 0; i < t->n_dims; i++)
		if (axis_counts_positions(t->axes, i))
			return err_set(
				err, ERR_USAGE,
				"%s is outside of what is recorded of %s: %s of [%s], positions from %lld",
				text, t->name, buf, axes, (long long)t->base[i]);
	return err_set(err, ERR_USAGE, "%s is outside of %s: %s of [%s]", text, t->name, buf, axes);
}

struct sql_tensor *tensor_select(struct inspect *in, struct sql_tensor *t, const char *text,
				 struct err *err)
{
	struct sql_tensor *part = NULL;
	struct box b = { 0 };
	int has = find_box(t, text, &b, err);

	if (has > 0)
		part = take_box(&b, t, err);
	else if (has == 0)
		outside(t, text, err);
	tensor_release(in, t);
	return part;
}

/* ---- names --------------------------------------------------------------------------------- */

/* A name and what stands in its brackets. */
struct named {
	char point[160];
	int64_t run, pass; /* -1: not said */
	struct text sel;   /* "[head=2,q=-1]" or "" */
};

/* "run=3" gives 3; -1 when the item is about something else, -2 when it is no number. */
static int64_t item_number(const char *item, size_t len, const char *key)
{
	size_t n = strlen(key);
	int64_t number;
	char *end;

	if (len <= n || memcmp(item, key, n) != 0 || item[n] != '=')
		return -1;
	number = strtoll(item + n + 1, &end, 10);
	return end == item + len && len > n + 1 && number >= 0 ? number : -2;
}

static int add_item(struct named *out, const char *item, size_t len, const char *text,
		    struct err *err)
{
	int64_t run = item_number(item, len, "run"), pass = item_number(item, len, "pass");

	if (run == -2 || pass == -2)
		return err_set(err, ERR_USAGE, "'%.*s' in '%.80s' is no number of a %s", (int)len,
			       item, text, run == -2 ? "run" : "pass");
	if (run >= 0)
		out->run = run;
	else if (pass >= 0)
		out->pass = pass;
	else
		text_addf(&out->sel, "%s%.*s", out->sel.len ? "," : "[", (int)len, item);
	return 0;
}

static int read_brackets(struct named *out, const char *rest, const char *text, struct err *err)
{
	const char *at = rest + 1;

	while (*at && *at != ']') {
		size_t whole, len;

		at += strspn(at, " ");
		whole = len = strcspn(at, ",]");
		while (len > 0 && isspace((unsigned char)at[len - 1]))
			len--;
		if (add_item(out, at, len, text, err))
			return err->code;
		at += whole + (at[whole] == ',');
	}
	if (out->sel.len)
		text_addc(&out->sel, ']');
	return 0;
}

/* Whether what is stored of a value has the part: 1, 0, or an error. */
static int value_has(struct inspect *in, int64_t id, const char *sel, struct err *err)
{
	struct sql_tensor head;
	struct box b;

	if (!sel || !*sel)
		return 1;
	if (inspect_head(in, id, &head, err))
		return err->code;
	return find_box(&head, sel, &b, err);
}

/* What was met on the way to a value that has the part. */
struct search {
	int64_t found, any, stored; /* ids; 0: none */
};

static int search(struct inspect *in, int64_t point, const struct named *n, struct search *s,
		  struct err *err)
{
	sqlite3_stmt *q = NULL;
	int has;

	if (inspect_prepare(in,
			    "SELECT v.id, v.tensor_id IS NOT NULL FROM pass p "
			    "CROSS JOIN value v ON v.pass_id = p.id AND v.point_id = ?1 "
			    "WHERE p.run_id = ?2 AND (?3 < 0 OR p.idx = ?3) ORDER BY p.id, v.id",
			    &q, err))
		return err->code;
	sqlite3_bind_int64(q, 1, point);
	sqlite3_bind_int64(q, 2, n->run);
	sqlite3_bind_int64(q, 3, n->pass);
	while (!s->found && sqlite3_step(q) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(q, 0);

		s->any = s->any ? s->any : id;
		if (!sqlite3_column_int(q, 1))
			continue;
		s->stored = s->stored ? s->stored : id;
		has = value_has(in, id, n->sel.data, err);
		if (has < 0) {
			sqlite3_finalize(q);
			return has;
		}
		s->found = has ? id : 0;
	}
	sqlite3_finalize(q);
	return 0;
}

/* Nothing was found: it was not run, not dumped, or has no such part. */
static int explain(struct inspect *in, const struct named *n, const struct search *s,
		   struct err *err)
{
	char pass[40] = "";
	struct sql_tensor head;

	if (s->stored || s->any) {
		if (inspect_head(in, s->stored ? s->stored : s->any, &head, err))
			return err->code;
		return outside(&head, n->sel.data, err);
	}
	if (n->pass >= 0)
		snprintf(pass, sizeof(pass), "pass %lld of ", (long long)n->pass);
	return err_set(err, ERR_USAGE, "%s is not recorded in %srun %lld", n->point, pass,
		       (long long)n->run);
}

void resolved_forget(struct inspect *in)
{
	for (int i = 0; i < INSPECT_RESOLVED; i++) {
		free(in->resolved[i].text);
		text_release(&in->resolved[i].sel);
		in->resolved[i] = (struct resolved_name){ 0 };
	}
}

/* Read the text and look for its value in the recording; the caller frees n->sel. */
static int find_named(struct inspect *in, const char *text, struct named *n, struct search *s,
		      struct err *err)
{
	const struct point_name *point;
	const char *rest;
	int ret = selection_split(text, n->point, sizeof(n->point), &rest, err);

	if (!ret && *rest)
		ret = read_brackets(n, rest, text, err);
	if (ret)
		return ret;
	point = inspect_point(in, n->point, err);
	n->run = n->run < 0 ? inspect_newest_run(in) : n->run;
	return point ? search(in, point->point_id, n, s, err) : err->code;
}

/* Which value and part a text means, kept in the place of the oldest such answer. */
static const struct resolved_name *resolve(struct inspect *in, const char *text, struct err *err)
{
	struct named n = { .run = -1, .pass = -1 };
	struct search s = { 0 };
	struct resolved_name *r;
	int ret = find_named(in, text, &n, &s, err);

	if (!ret && !s.found)
		ret = explain(in, &n, &s, err);
	if (ret) {
		text_release(&n.sel);
		return NULL;
	}
	r = &in->resolved[in->n_resolved++ % INSPECT_RESOLVED];
	free(r->text);
	text_release(&r->sel);
	*r = (struct resolved_name){ mem_strdup(text), s.found, n.sel };
	return r;
}

struct sql_tensor *inspect_named(struct inspect *in, const char *text, struct err *err)
{
	const struct resolved_name *r = NULL;
	struct sql_tensor *t;

	for (int i = 0; i < INSPECT_RESOLVED && in->resolved[i].text && !r; i++)
		if (!strcmp(in->resolved[i].text, text))
			r = &in->resolved[i];
	if (!r)
		r = resolve(in, text, err);
	t = r ? inspect_value(in, r->value_id, err) : NULL;
	return t && r->sel.len ? tensor_select(in, t, r->sel.data, err) : t;
}

/* The first value that has elements, or statistics only where no part is asked for. */
static int find_value(struct inspect *in, const char *text, struct named *n, int64_t *id,
		      struct err *err)
{
	struct search s = { 0 };
	int ret = find_named(in, text, n, &s, err);

	*id = s.found ? s.found : s.any;
	if (!ret && !s.found && (n->sel.len || !s.any))
		ret = explain(in, n, &s, err);
	return ret;
}

int inspect_find(struct inspect *in, const char *text, int64_t *id, bool *part, struct err *err)
{
	struct named n = { .run = -1, .pass = -1 };
	int ret = find_value(in, text, &n, id, err);

	*part = n.sel.len > 0;
	text_release(&n.sel);
	return ret;
}

/* A pass or run that is said as an argument; *n stays -1 when it is not. */
static int number_argument(sqlite3_value *arg, const char *what, int64_t *n, struct err *err)
{
	if (sqlite3_value_numeric_type(arg) == SQLITE_INTEGER && sqlite3_value_int64(arg) >= 0) {
		*n = sqlite3_value_int64(arg);
		return 0;
	}
	return err_set(err, ERR_USAGE, "'%.40s' is no number of a %s",
		       (const char *)sqlite3_value_text(arg), what);
}

int scalar_value_id(struct inspect *in, sqlite3_context *ctx, int n_args, sqlite3_value **args,
		    struct err *err)
{
	const char *text = (const char *)sqlite3_value_text(args[0]);
	struct named n = { .run = -1, .pass = -1 };
	int64_t id = 0;
	int ret = 0;

	if (n_args > 1)
		ret = number_argument(args[1], "pass", &n.pass, err);
	if (!ret && n_args > 2)
		ret = number_argument(args[2], "run", &n.run, err);
	if (!ret)
		ret = find_value(in, text ? text : "", &n, &id, err);
	if (!ret)
		sqlite3_result_int64(ctx, id);
	text_release(&n.sel);
	return ret;
}
