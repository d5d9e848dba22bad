/*
 * fitted_lens.c -- an affine map for each state of the residual stream, from a safetensors file.
 */
#include "readout_impl.h"

#include "torchless/mem.h"
#include "torchless/point.h"

#include <stdlib.h>
#include <string.h>

struct readout_lens {
	struct tensor_file file;
	int64_t D;
	int n;
	struct fitted {
		value_id stream;
		bool residual; /* x + M x + b */
		const struct file_tensor *matrix, *bias;
	} * maps;
	size_t cap;
};

static struct fitted *find_map(const struct readout_lens *l, value_id stream)
{
	for (int i = 0; i < l->n; i++)
		if (l->maps[i].stream == stream)
			return &l->maps[i];
	return NULL;
}

static struct fitted *need_map(struct readout_lens *l, value_id stream, bool residual)
{
	struct fitted *m = find_map(l, stream);

	if (m)
		return m;
	l->maps = mem_grow(l->maps, (size_t)l->n, &l->cap, sizeof(*l->maps));
	m = &l->maps[l->n++];
	*m = (struct fitted){ .stream = stream, .residual = residual };
	return m;
}

/* The stream that layer n reads: the state before its two sums. */
static value_id read_by_layer(const struct program *p, const value_id *streams, int n_streams,
			      long layer)
{
	for (int i = 0; i + 1 < n_streams; i++)
		if (p->values[streams[i + 1]].layer == layer && p->values[streams[i]].layer < layer)
			return streams[i];
	return -1;
}

/* What the name without its ending means; -1: no stream of this program. */
static value_id stream_of_name(const struct program *p, const value_id *streams, int n_streams,
			       const char *name, bool *residual)
{
	char *end;
	long layer = strtol(name, &end, 10);
	bool *wanted;
	value_id found = -1;

	*residual = *name >= '0' && *name <= '9' && !*end;
	if (*residual)
		return read_by_layer(p, streams, n_streams, layer);
	wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	if (points_match(p, name, wanted, NULL) == 1)
		for (int i = 0; i < n_streams; i++)
			if (wanted[streams[i]])
				found = streams[i];
	free(wanted);
	return found;
}

static int add_tensor(struct readout_lens *l, const struct program *p, const value_id *streams,
		      int n_streams, const struct file_tensor *t, struct err *err)
{
	size_t len = strlen(t->name);
	bool is_bias = len > 5 && !strcmp(t->name + len - 5, ".bias");
	bool is_weight = len > 7 && !strcmp(t->name + len - 7, ".weight");
	char *name = mem_memdup(t->name, len - (is_bias ? 5 : is_weight ? 7 : 0));
	bool residual, fits;
	value_id stream = stream_of_name(p, streams, n_streams, name, &residual);
	struct fitted *m;

	free(name);
	if (stream < 0)
		return err_set(err, ERR_USAGE,
			       "%s: '%.80s' names no state of the residual stream: "
			       "L3.resid_post.weight or 3.weight would",
			       l->file.path, t->name);
	if (tensor_file_usable(&l->file, t, err))
		return err->code;
	fits = is_bias ? t->rank == 1 && t->t.shape[0] == l->D
		       : t->rank == 2 && t->t.shape[0] == l->D && t->t.shape[1] == l->D;
	if (!fits)
		return err_set(err, ERR_SHAPE, "%s: '%.80s' is not [%lld%s%.0lld]", l->file.path,
			       t->name, (long long)l->D, is_bias ? "" : ", ",
			       is_bias ? 0LL : (long long)l->D);
	m = need_map(l, stream, residual);
	if (is_bias)
		m->bias = t;
	else
		m->matrix = t;
	return 0;
}

struct readout_lens *readout_lens_open(const struct program *p, const char *path, struct err *err)
{
	struct readout_lens *l = mem_calloc(1, sizeof(*l));
	struct readout_end e;
	value_id *streams = NULL;
	int n = readout_streams(p, NULL, 0, err), ret = n < 0 ? n : 0;

	if (!ret)
		ret = safetensors_open(&l->file, path, err);
	if (ret) {
		free(l);
		return NULL;
	}
	readout_find_end(p, &e, err);
	l->D = e.D;
	streams = mem_calloc((size_t)n, sizeof(*streams));
	readout_streams(p, streams, n, err);
	for (int i = 0; i < l->file.n_tensors && !ret; i++)
		ret = add_tensor(l, p, streams, n, &l->file.tensors[i], err);
	free(streams);
	if (ret) {
		readout_lens_close(l);
		return NULL;
	}
	return l;
}

void readout_lens_close(struct readout_lens *l)
{
	if (!l)
		return;
	tensor_file_close(&l->file);
	free(l->maps);
	free(l);
}

bool readout_lens_has(const struct readout_lens *l, value_id stream)
{
	return l && find_map(l, stream);
}

void readout_lens_apply(const struct readout_lens *l, value_id stream, float *x)
{
	const struct fitted *m = l ? find_map(l, stream) : NULL;
	float *y;

	if (!m)
		return;
	y = mem_calloc((size_t)l->D, sizeof(*y));
	for (int64_t i = 0; i < l->D; i++) {
		double sum = m->bias ? tensor_get(&m->bias->t, i) : 0;

		if (m->residual || !m->matrix)
			sum += (double)x[i];
		for (int64_t k = 0; k < l->D && m->matrix; k++)
			sum += tensor_get(&m->matrix->t, i * l->D + k) * (double)x[k];
		y[i] = (float)sum;
	}
	memcpy(x, y, (size_t)l->D * sizeof(*x));
	free(y);
}
