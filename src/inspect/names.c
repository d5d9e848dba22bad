/*
 * names.c -- points of a recording by any of their names.
 *
 * The dictionary of a recording holds canonical names, aliases and what TransformerLens and ggml
 * say; short names (L3.attn.pattern) follow from the canonical ones as they do for a program.
 */
#include "inspect_impl.h"

#include "torchless/mem.h"
#include "torchless/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_name(struct inspect *in, const char *name, int64_t point_id, const char *axes)
{
	struct point_name *n;

	in->names = mem_grow(in->names, in->n_names, &in->cap_names, sizeof(*in->names));
	n = &in->names[in->n_names++];
	n->name = mem_strdup(name);
	n->axes = mem_strdup(axes);
	n->point_id = point_id;
}

/* A canonical name or alias, without ":out" too, and short. */
static void add_spellings(struct inspect *in, const char *name, int64_t id, const char *axes)
{
	char brief[160];
	size_t len = strlen(name);

	add_name(in, name, id, axes);
	if (len > 4 && len < sizeof(brief) && !strcmp(name + len - 4, ":out")) {
		snprintf(brief, sizeof(brief), "%.*s", (int)(len - 4), name);
		add_name(in, brief, id, axes);
	}
	add_name(in, point_shorten(name, brief, sizeof(brief)), id, axes);
}

static const char *column_text(sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return text ? text : "";
}

/* Beside its text a name is three spellings. */
#define NAME_BYTES 256

static int read_names(struct inspect *in, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int64_t kept = 0;
	int ret;

	if (inspect_prepare(
		    in,
		    "SELECT id, fqn, axes, 1 FROM point UNION ALL "
		    "SELECT a.point_id, a.alias, p.axes, 1 FROM point_alias a "
		    "JOIN point p ON p.id = a.point_id UNION ALL "
		    "SELECT id, tl_name, axes, 0 FROM point WHERE tl_name IS NOT NULL "
		    "UNION ALL SELECT id, ggml_name, axes, 0 FROM point WHERE ggml_name IS NOT NULL",
		    &s, err))
		return err->code;
	while ((ret = inspect_step(in, s, err)) > 0) {
		int64_t id = sqlite3_column_int64(s, 0);

		ret = inspect_keep(&kept, NAME_BYTES + 3 * (int64_t)sqlite3_column_bytes(s, 1),
				   err);
		if (ret)
			break;
		if (sqlite3_column_int(s, 3))
			add_spellings(in, column_text(s, 1), id, column_text(s, 2));
		else
			add_name(in, column_text(s, 1), id, column_text(s, 2));
	}
	sqlite3_finalize(s);
	return ret;
}

void names_release(struct inspect *in)
{
	for (size_t i = 0; i < in->n_names; i++) {
		free(in->names[i].name);
		free(in->names[i].axes);
	}
	free(in->names);
	in->names = NULL;
	in->n_names = in->cap_names = 0;
}

static const struct point_name *find(const struct inspect *in, const char *name)
{
	for (size_t i = 0; i < in->n_names; i++)
		if (!strcmp(in->names[i].name, name))
			return &in->names[i];
	return NULL;
}

static int unknown(const struct inspect *in, const char *name, struct err *err)
{
	struct text_nearest near = { .name = name, .distance = INT_MAX };

	for (size_t i = 0; i < in->n_names; i++)
		text_nearest_offer(&near, in->names[i].name);
	if (!near.best)
		return err_set(err, ERR_USAGE, "the recording has no points");
	return err_set(err, ERR_USAGE, "no point is called '%.80s'; the nearest is %s", name,
		       near.best);
}

const struct point_name *inspect_point(struct inspect *in, const char *name, struct err *err)
{
	const struct point_name *n = find(in, name);

	/* A recording that is being written may have got its dictionary meanwhile. */
	if (n)
		return n;
	names_release(in);
	if (read_names(in, err)) {
		names_release(in);
		return NULL;
	}
	n = find(in, name);
	if (!n)
		unknown(in, name, err);
	return n;
}
