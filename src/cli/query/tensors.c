/*
 * tensors.c -- parameters that are tensors of one's own: KEY=@FILE.npy.
 *
 * The file goes to SQL as it is, a blob that every function over tensors reads where it stands;
 * what is no .npy that they read is refused here, by the name of the file.
 */
#include "query.h"
#include "torchless/array.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)256 << 20) /* of one, and SQL has room for a result as large */

/* The path in KEY=@FILE.npy, NULL for any other value. */
static const char *path_of(const char *param)
{
	const char *value = strchr(param, '=');
	size_t len = value ? strlen(++value) : 0;

	if (len < 6 || *value != '@' || strcmp(value + len - 4, ".npy") != 0)
		return NULL;
	return value + 1;
}

static int read_one(struct text *t, const char *path, struct err *err)
{
	struct tensor head;

	if (text_read_file(t, path, MAX_FILE, err))
		return err->code;
	if (!npy_is(t->data, t->len))
		return err_set(err, ERR_FORMAT, "%.200s is no .npy", path);
	if (npy_view(t->data, t->len, &head, err))
		return err_wrap(err, "%.200s", path);
	return 0;
}

int query_tensors_read(struct query_tensors *q, const char *const *params, int n, struct err *err)
{
	int ret = 0;

	*q = (struct query_tensors){ .n = n };
	q->texts = mem_calloc((size_t)n + 1, sizeof(*q->texts));
	q->blobs = mem_calloc((size_t)n + 1, sizeof(*q->blobs));
	for (int i = 0; i < n && !ret; i++) {
		if (!path_of(params[i]))
			continue;
		ret = read_one(&q->texts[i], path_of(params[i]), err);
		q->blobs[i] = (struct bytes){ q->texts[i].data, q->texts[i].len };
	}
	return ret;
}

void query_tensors_release(struct query_tensors *q)
{
	for (int i = 0; i < q->n; i++)
		text_release(&q->texts[i]);
	free(q->texts);
	free(q->blobs);
	*q = (struct query_tensors){ 0 };
}

int query_tensors_check(const char *const *params, int n, struct err *err)
{
	struct query_tensors q;
	int ret = query_tensors_read(&q, params, n, err);

	query_tensors_release(&q);
	return ret;
}
