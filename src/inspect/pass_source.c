/*
 * pass_source.c -- the values of a recorded pass by the names that its program has.
 */
#include "torchless/outline.h"
#include "torchless/point.h"

#include <string.h>

void recording_pass_name(struct text *out, const struct value *v, int64_t run, int64_t pass,
			 const char *sel)
{
	if (v->storage == STORAGE_WEIGHT) {
		text_addf(out, "weight:%s%s", v->name, sel);
		return;
	}
	text_addf(out, "%s[run=%lld, pass=%lld", v->name, (long long)run, (long long)pass);
	text_addf(out, "%s%s", *sel ? ", " : "]", *sel ? sel + 1 : "");
}

/* The name as the recording's source reads it. */
static int name_of(const struct recording_pass *p, const char *text, struct text *out,
		   struct err *err)
{
	struct array_name name = ARRAY_NAME;
	value_id v = -1;
	int r = array_name_parse(text, &name, err);

	if (!r && (v = points_find(p->program, name.point, err)) < 0)
		r = err->code;
	if (!r && p->program->values[v].storage == STORAGE_INPUT)
		r = err_set(err, ERR_USAGE, "%s is an input, of which nothing is recorded",
			    p->program->values[v].name);
	if (!r)
		recording_pass_name(out, &p->program->values[v], name.run >= 0 ? name.run : p->run,
				    name.pass >= 0 ? name.pass : p->pass,
				    name.sel.len ? name.sel.data : "");
	text_release(&name.sel);
	return r;
}

static struct array *read_value(void *ctx, const char *text, struct err *err)
{
	const struct recording_pass *p = ctx;
	struct array_source stored = recording_tensors_source(p->tensors);
	struct text name = { 0 };
	struct array *a = NULL;

	if (!name_of(p, text, &name, err))
		a = stored.read(stored.ctx, name.data, err);
	text_release(&name);
	return a;
}

static int find_value(void *ctx, const char *text, struct array *head, struct err *err)
{
	const struct recording_pass *p = ctx;
	struct array_source stored = recording_tensors_source(p->tensors);
	struct text name = { 0 };
	int r = name_of(p, text, &name, err);

	if (!r)
		r = stored.find(stored.ctx, name.data, head, err);
	text_release(&name);
	return r;
}

struct array_source recording_pass_source(struct recording_pass *p)
{
	return (struct array_source){ find_value, read_value, p };
}
