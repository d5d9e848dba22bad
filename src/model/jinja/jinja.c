/*
 * jinja.c -- the public face of the template evaluator: values in, text out.
 */
#include "impl.h"

#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

struct jinja *jinja_new(void)
{
	struct jinja *j = mem_calloc(1, sizeof(*j));

	j->limit = SIZE_MAX / 2;
	j->steps = INT64_MAX;
	j->root = frame_new(j, NULL);
	return j;
}

void jinja_free(struct jinja *j)
{
	if (!j)
		return;
	unicode_release(j);
	jinja_release_memory(j);
	free(j);
}

/* ---- values ---- */

static struct jinja_value *boxed(struct jinja *j, struct value v)
{
	struct jinja_value *box = jinja_alloc(j, 1, sizeof(*box));

	box->v = v;
	return box;
}

static struct bytes copied(struct jinja *j, const char *data, size_t len)
{
	char *copy = jinja_alloc(j, len + 4, 1);

	if (len)
		memcpy(copy, data, len);
	j->given += len;
	return (struct bytes){ copy, len };
}

struct jinja_value *jinja_none(struct jinja *j)
{
	return boxed(j, v_none());
}

struct jinja_value *jinja_bool(struct jinja *j, bool b)
{
	return boxed(j, v_bool(b));
}

struct jinja_value *jinja_int(struct jinja *j, int64_t i)
{
	return boxed(j, v_int(i));
}

struct jinja_value *jinja_float(struct jinja *j, double d)
{
	return boxed(j, v_float(d));
}

struct jinja_value *jinja_string(struct jinja *j, const char *data, size_t len)
{
	return boxed(j, v_bytes(copied(j, data, len)));
}

struct jinja_value *jinja_list(struct jinja *j)
{
	return boxed(j, v_seq(V_LIST, seq_new(j, 0)));
}

struct jinja_value *jinja_dict(struct jinja *j)
{
	return boxed(j, v_dict(dict_new(j)));
}

void jinja_append(struct jinja *j, struct jinja_value *list, const struct jinja_value *item)
{
	seq_add(j, list->v.seq, item->v);
}

void jinja_put(struct jinja *j, struct jinja_value *dict, const char *key,
	       const struct jinja_value *value)
{
	dict_put(j, dict->v.dict, v_bytes(copied(j, key, strlen(key))), value->v);
}

void jinja_set(struct jinja *j, const char *name, const struct jinja_value *value)
{
	frame_set(j, j->root, copied(j, name, strlen(name)), value->v);
}

/* ---- rendering ---- */

/* One kind of newline, and none at the very end. */
static void normalise(struct jinja *j, const char *template, size_t len)
{
	char *to = jinja_alloc(j, len + 4, 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		to[n++] = template[i] == '\r' ? '\n' : template[i];
		if (template[i] == '\r' && i + 1 < len && template[i + 1] == '\n')
			i++;
	}
	if (n && to[n - 1] == '\n')
		to[--n] = '\0';
	j->source = to;
	j->source_len = n;
}

static void render(struct jinja *j, const char *template, size_t len, struct buffer *out)
{
	struct nodes body;

	jinja_bound(j, j->given + len);
	if (len > JINJA_MAX_TEMPLATE)
		jinja_fail(j, "a template of %zu bytes is not supported, at most %zu", len,
			   JINJA_MAX_TEMPLATE);
	normalise(j, template, len);
	body = parse_template(j);
	j->out = out;
	j->call_block = call_block;
	j->context = frame_new(j, j->root);
	exec_body(j, j->context, &body);
}

int jinja_render(struct jinja *j, const char *template, size_t len, const char *where,
		 struct text *out, struct err *err)
{
	struct buffer b = { 0 };
	jmp_buf end;

	j->where = where;
	j->err = err;
	j->end = &end;
	j->source = "";
	j->source_len = 0;
	j->at = 0;
	j->depth = j->nesting = 0;
	j->in_namespace = false;
	if (setjmp(end)) {
		j->end = NULL;
		j->limit = SIZE_MAX / 2;
		j->steps = INT64_MAX;
		return err->code;
	}
	render(j, template, len, &b);
	text_add(out, b.data ? b.data : "", b.len);
	j->end = NULL;
	j->limit = SIZE_MAX / 2;
	j->steps = INT64_MAX;
	return 0;
}
