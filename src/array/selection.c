/*
 * selection.c -- "[head=2, q=-1]" as ranges of indices.
 *
 * A selection is read against the names of axes before anybody knows how long they are, so that one
 * text serves every pass; it is resolved when a tensor with its shape and first position is there.
 */
#include "torchless/selection.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool axis_name(const char *axes, int i, char *name, size_t size)
{
	size_t len;

	for (; axes && i > 0; i--) {
		axes = strchr(axes, ',');
		axes = axes ? axes + 1 : NULL;
	}
	if (!axes || !*axes)
		return false;
	len = strcspn(axes, ",");
	snprintf(name, size, "%.*s", (int)len, axes);
	return true;
}

static int axis_index(const char *axes, const char *name, size_t len)
{
	char axis[32];

	for (int i = 0; axis_name(axes, i, axis, sizeof(axis)); i++)
		if (strlen(axis) == len && memcmp(axis, name, len) == 0)
			return i;
	return -1;
}

static int count_axes(const char *axes)
{
	char axis[32];
	int n = 0;

	while (n < TENSOR_MAX_DIMS && axis_name(axes, n, axis, sizeof(axis)))
		n++;
	return n;
}

bool selection_is_index(int64_t n)
{
	return n >= -INT32_MAX && n <= INT32_MAX;
}

/* Parse "3", "-1", "0:4", ":", "2:" into one axis; returns false when it is none of these. */
static bool parse_range(const char *s, size_t len, struct axis_range *r)
{
	char text[48], *at = text;

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	*r = (struct axis_range){ .whole = strcmp(text, ":") == 0, .stop = INT64_MAX };
	if (*at != ':') {
		r->start = strtoll(text, &at, 10);
		if (at == text || isspace((unsigned char)text[0]) || !selection_is_index(r->start))
			return false;
	}
	if (*at == '\0') {
		r->single = true;
		r->stop = r->start == -1 ? INT64_MAX : r->start + 1;
		return true;
	}
	if (*at++ != ':')
		return false;
	if (*at) {
		char *end;

		r->stop = strtoll(at, &end, 10);
		return end != at && *end == '\0' && selection_is_index(r->stop);
	}
	return true;
}

static const char *skip_space(const char *s, const char *end)
{
	while (s < end && isspace((unsigned char)*s))
		s++;
	return s;
}

/* One item of a selection: "head=2" or "0:4", which is then axis number `i`. */
static int parse_item(struct selection *sel, const char *s, size_t len, const char *axes, int i,
		      struct err *err)
{
	const char *equals = memchr(s, '=', len);
	int axis = equals ? axis_index(axes, s, (size_t)(equals - s)) : i;
	const char *range = equals ? equals + 1 : s;
	size_t range_len = len - (size_t)(range - s);

	if (axis < 0 || axis >= sel->n_axes)
		return err_set(err, ERR_USAGE, "'%.*s' names no axis of [%s]", (int)len, s,
			       axes ? axes : "");
	if (!parse_range(range, range_len, &sel->axis[axis]))
		return err_set(
			err, ERR_USAGE,
			"'%.*s' is no index of axis %d of [%s]: expected a number, START:STOP or :",
			(int)len, s, axis, axes ? axes : "");
	return 0;
}

int selection_parse(struct selection *sel, const char *text, const char *axes, struct err *err)
{
	const char *at, *end;
	int i = 0;

	*sel = (struct selection){ .n_axes = count_axes(axes) };
	for (int k = 0; k < TENSOR_MAX_DIMS; k++)
		sel->axis[k] = (struct axis_range){ .whole = true, .stop = INT64_MAX };
	if (!text || !*text)
		return 0;
	end = text + strlen(text) - 1;
	if (*text != '[' || end <= text || *end != ']')
		return err_set(err, ERR_USAGE, "'%s' is no selection: expected [...]", text);
	for (at = text + 1; at < end; i++) {
		const char *comma = at + strcspn(at, ",]"), *stop = comma;

		at = skip_space(at, stop);
		while (stop > at && isspace((unsigned char)stop[-1]))
			stop--;
		if (parse_item(sel, at, (size_t)(stop - at), axes, i, err))
			return err->code;
		at = comma + 1;
	}
	return 0;
}

static void add_range(const struct axis_range *r, struct text *out)
{
	text_addf(out, "%lld", (long long)r->start);
	if (r->single)
		return;
	text_addc(out, ':');
	if (r->stop != INT64_MAX)
		text_addf(out, "%lld", (long long)r->stop);
}

void selection_format(const struct selection *sel, const char *axes, struct text *out)
{
	const char *separator = "[";
	char axis[32];

	for (int i = 0; i < sel->n_axes; i++) {
		if (sel->axis[i].whole || !axis_name(axes, i, axis, sizeof(axis)))
			continue;
		text_addf(out, "%s%s=", separator, axis);
		add_range(&sel->axis[i], out);
		separator = ", ";
	}
	if (separator[0] == ',')
		text_addc(out, ']');
}

int selection_split(const char *text, char *name, size_t size, const char **rest, struct err *err)
{
	size_t len = strlen(text);
	const char *open = len > 0 && text[len - 1] == ']' ? strrchr(text, '[') : NULL;

	if (open && open > text && (open[-1] == '.' || open[-1] == 'L'))
		open = NULL;
	if (!open && strchr(text, '=') && strchr(text, '['))
		return err_set(err, ERR_USAGE, "'%s': the bracket is not closed", text);
	*rest = open ? open : text + len;
	len = (size_t)(*rest - text);
	if (len == 0 || len >= size)
		return err_set(err, ERR_USAGE, "'%.60s' is no name of a point", text);
	memcpy(name, text, len);
	name[len] = '\0';
	return 0;
}

bool axis_counts_positions(const char *axes, int i)
{
	char axis[32];

	return axis_name(axes, i, axis, sizeof(axis)) &&
	       (strcmp(axis, "pos") == 0 || strcmp(axis, "q") == 0 || strcmp(axis, "kv_pos") == 0);
}

bool selection_resolve(const struct selection *sel, const char *axes, const int64_t *shape,
		       int n_dims, int64_t pos0, int64_t start[TENSOR_MAX_DIMS],
		       int64_t stop[TENSOR_MAX_DIMS])
{
	for (int i = 0; i < n_dims; i++) {
		int64_t base = axis_counts_positions(axes, i) ? pos0 : 0;
		int64_t a = sel->axis[i].start, b = sel->axis[i].stop;

		start[i] = 0;
		stop[i] = shape[i];
		if (i >= sel->n_axes || sel->axis[i].whole)
			continue;
		a = a < 0 ? shape[i] + a : a - base;
		b = b == INT64_MAX ? shape[i] : b < 0 ? shape[i] + b : b - base;
		start[i] = a < 0 ? 0 : a;
		stop[i] = b > shape[i] ? shape[i] : b;
		if (start[i] >= stop[i])
			return false;
	}
	return true;
}
