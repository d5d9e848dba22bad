/*
 * reference.c -- tensors of other recordings and of .npy files, beside those of this moment.
 *
 * A recording that was asked once stays open.  What it holds is somebody else's word, so it is
 * found by the names and within the limits that hold for every recording.
 */
#include "../debug_impl.h"

#include "torchless/expression.h"
#include "torchless/inspect.h"

#define MAX_REFERENCES 8

struct reference {
	char *path;
	struct recording *rec;
	struct recording_tensors *tensors;
};

struct references {
	struct reference list[MAX_REFERENCES];
	int n; /* opened in all, modulo the places */
};

static void release(struct reference *r)
{
	recording_tensors_free(r->tensors);
	recording_close(r->rec);
	free(r->path);
	*r = (struct reference){ 0 };
}

void references_free(struct references *r)
{
	for (int i = 0; r && i < MAX_REFERENCES; i++)
		release(&r->list[i]);
	free(r);
}

/* The recording in a file, in the place of the one that was opened first of all. */
static struct reference *open_reference(struct debugger *d, const char *path, struct err *err)
{
	const struct recording_limits limits = { .interrupted = d->opt.interrupted,
						 .warn = d->opt.warn };
	const struct inspect_options o = { .model = NULL };
	struct reference *r;

	if (!d->references)
		d->references = mem_calloc(1, sizeof(*d->references));
	for (int i = 0; i < MAX_REFERENCES; i++)
		if (d->references->list[i].path && !strcmp(d->references->list[i].path, path))
			return &d->references->list[i];
	r = &d->references->list[d->references->n % MAX_REFERENCES];
	release(r);
	r->rec = recording_open_within(path, &limits, err);
	if (!r->rec)
		return NULL;
	r->path = mem_strdup(path);
	r->tensors = recording_tensors_new(r->rec, &o);
	d->references->n++;
	return r;
}

struct recording *reference_recording(struct debugger *d, const char *path, struct err *err)
{
	struct reference *r = open_reference(d, path, err);

	return r ? r->rec : NULL;
}

/* The name as that recording is asked: its pass, where one is said, in front of the selection. */
static void add_name(struct text *name, const char *point, int64_t pass)
{
	size_t len = strcspn(point, "[");

	text_add(name, point, len);
	if (pass >= 0)
		text_addf(name, "[pass=%lld%s%s", (long long)pass, point[len] ? ", " : "]",
			  point[len] ? point + len + 1 : "");
	else
		text_adds(name, point + len);
}

struct array *reference_tensor(struct debugger *d, const char *path, const char *point,
			       int64_t pass, struct err *err)
{
	struct reference *r = open_reference(d, path, err);
	struct array_source source;
	struct text name = { 0 };
	struct array *a;

	if (!r)
		return NULL;
	add_name(&name, point, pass);
	source = recording_tensors_source(r->tensors);
	a = source.read(source.ctx, name.data, err);
	text_release(&name);
	if (!a)
		err_wrap(err, "%s", path);
	return a;
}

/* ---- functions of expressions --------------------------------------------------------------- */

static const char *text_of(const struct array_value *v)
{
	return array_value_text(v);
}

int fn_recording(void *ctx, struct array_value *args, int n, struct array_value *result,
		 struct err *err)
{
	int64_t pass = n > 2 ? args[2].whole : -1;

	if (n > 2 && pass < 0)
		return err_set(err, ERR_USAGE, "passes count from 0");
	result->array = reference_tensor(ctx, text_of(&args[0]), text_of(&args[1]), pass, err);
	if (!result->array)
		return err->code;
	result->kind = ARRAY_TENSOR;
	return 0;
}

int fn_npy(void *ctx, struct array_value *args, int n, struct array_value *result, struct err *err)
{
	(void)ctx;
	(void)n;
	result->array = array_of_npy(text_of(&args[0]), err);
	if (!result->array)
		return err->code;
	result->kind = ARRAY_TENSOR;
	return 0;
}
