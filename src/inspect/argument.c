/*
 * argument.c -- an SQL argument as an array.
 *
 * A text is asked of the executor first, where there is one, then of the recording.  Arguments that
 * are blobs are read where they stand.
 */
#include "inspect_impl.h"

#include <string.h>

/* What stands behind "weight:"; NULL when the text is something else. */
static const char *weight_name(const char *text)
{
	size_t len = sizeof(WEIGHT_PREFIX) - 1;

	return strncmp(text, WEIGHT_PREFIX, len) ? NULL : text + len;
}

/* The text alone must not open a checkpoint: a view in somebody's file may hold it. */
static int check_weight(const struct inspect *in, const char *name, struct err *err)
{
	if (in->may_open)
		return 0;
	return err_set(err, ERR_USAGE,
		       "'" WEIGHT_PREFIX "%.80s' opens no checkpoint: call weight('%.80s')", name,
		       name);
}

/* Who is asked for a name, in this order; returns how many. */
static int list_sources(struct inspect *in, struct array_source list[2])
{
	int n = 0;

	if (in->opt.live)
		list[n++] = *in->opt.live;
	if (!n || !in->opt.live_only)
		list[n++] = inspect_stored(in);
	return n;
}

static struct array *named(struct inspect *in, const char *text, struct err *err)
{
	struct array_source sources[2];

	if (!weight_name(text))
		return array_sources_read(sources, list_sources(in, sources), text, err);
	if (check_weight(in, weight_name(text), err))
		return NULL;
	return inspect_weight(in, weight_name(text), err);
}

static int named_head(struct inspect *in, const char *text, struct array *head, struct err *err)
{
	struct array_source sources[2];

	if (!weight_name(text))
		return array_sources_find(sources, list_sources(in, sources), text, head, err);
	if (check_weight(in, weight_name(text), err))
		return err->code;
	return inspect_weight_head(in, weight_name(text), head, err);
}

struct array *inspect_array(struct inspect *in, sqlite3_value *arg, struct err *err)
{
	switch (sqlite3_value_type(arg)) {
	case SQLITE_INTEGER:
		return inspect_value(in, sqlite3_value_int64(arg), err);
	case SQLITE_TEXT:
		return named(in, (const char *)sqlite3_value_text(arg), err);
	case SQLITE_BLOB:
		return array_of_blob(sqlite3_value_blob(arg), (size_t)sqlite3_value_bytes(arg),
				     err);
	default:
		err_set(err, ERR_USAGE,
			"expected a tensor: an id of v_value, the name of a point, or a blob");
		return NULL;
	}
}

int inspect_array_head(struct inspect *in, sqlite3_value *arg, struct array *head, struct err *err)
{
	struct array *a;

	if (sqlite3_value_type(arg) == SQLITE_INTEGER)
		return inspect_head(in, sqlite3_value_int64(arg), head, err);
	if (sqlite3_value_type(arg) == SQLITE_TEXT)
		return named_head(in, (const char *)sqlite3_value_text(arg), head, err);
	a = inspect_array(in, arg, err);
	if (!a)
		return err->code;
	*head = *a;
	head->data = NULL;
	head->whole = NULL;
	array_release(a);
	return 0;
}
