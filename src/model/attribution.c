/*
 * attribution.c -- what a logit is made of.
 *
 * logit = (x / rms * w) . u with u the row of the LM head, and x the sum of the embedding and of
 * what every layer added.  So with d = u * w / rms each addend c has the share d . c, exactly; an
 * attention's is the sum over its heads of (W_O^T d)[head] . z[head].
 */
#include "readout_impl.h"

#include "torchless/mem.h"
#include "torchless/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What differs by less, of the sum of all magnitudes, is rounding and no edit. */
#define ROUNDING 1e-4

struct attributing {
	const struct readout *r;
	const struct program *p;
	struct readout_end end;
	char at[48];       /* "[pos=5]" */
	double *direction; /* d [D] */
	struct attribution *out;
	size_t cap;
};

static void add_part(struct attributing *g, enum attribution_kind kind, value_id v, int head,
		     double logit)
{
	struct attribution *a = g->out;

	a->parts = mem_grow(a->parts, (size_t)a->n_parts, &g->cap, sizeof(*a->parts));
	a->parts[a->n_parts++] = (struct attribution_part){ .kind = kind,
							    .layer = g->p->values[v].layer,
							    .head = head,
							    .value = v,
							    .logit = logit };
}

/* ---- the direction ------------------------------------------------------------------------- */

static int add_row(struct attributing *g, int32_t token, double sign, struct err *err)
{
	struct array *row;
	char part[48];

	snprintf(part, sizeof(part), "[%d]", (int)token);
	row = readout_read(g->r, g->end.head->in[1], part, g->end.D, err);
	if (!row)
		return err->code;
	for (int64_t i = 0; i < g->end.D; i++)
		g->direction[i] += sign * (double)row->data[i];
	array_release(row);
	return 0;
}

/* What the norm divided by: as the pass has it, or computed from what the norm reads. */
static int find_rms(struct attributing *g, struct err *err)
{
	struct err ignored = { 0 };
	struct array *rms = readout_read(g->r, g->end.norm->out[0], g->at, 1, &ignored);
	double sum = 0;

	if (rms) {
		g->out->rms = (double)rms->data[0];
		array_release(rms);
		return 0;
	}
	rms = readout_read(g->r, g->end.stream, g->at, g->end.D, err);
	if (!rms)
		return err->code;
	for (int64_t i = 0; i < g->end.D; i++)
		sum += (double)rms->data[i] * (double)rms->data[i];
	g->out->rms = sqrt(sum / (double)g->end.D + (double)g->end.norm->eps);
	array_release(rms);
	return 0;
}

static int find_direction(struct attributing *g, int32_t a, int32_t b, struct err *err)
{
	struct array *w;

	g->direction = mem_calloc((size_t)g->end.D, sizeof(*g->direction));
	if (find_rms(g, err) || add_row(g, a, 1, err) || (b >= 0 && add_row(g, b, -1, err)))
		return err->code;
	w = readout_read(g->r, g->end.norm->in[1], "", g->end.D, err);
	if (!w)
		return err->code;
	for (int64_t i = 0; i < g->end.D; i++)
		g->direction[i] *= (double)w->data[i] / g->out->rms;
	array_release(w);
	return 0;
}

/* ---- shares -------------------------------------------------------------------------------- */

/* The share of a value at the position. */
static int share_of(struct attributing *g, value_id v, double *share, struct err *err)
{
	struct array *x = readout_read(g->r, v, g->at, g->end.D, err);

	*share = 0;
	if (!x)
		return err->code;
	for (int64_t i = 0; i < g->end.D; i++)
		*share += g->direction[i] * (double)x->data[i];
	array_release(x);
	return 0;
}

/* back[K] = W^T d, of W [D, K]. */
static int project_back(struct attributing *g, value_id weight, int64_t K, double *back,
			struct err *err)
{
	int64_t step = readout_chunk(K);
	char part[64];

	for (int64_t i = 0; i < g->end.D; i += step) {
		int64_t n = int64_min(step, g->end.D - i), end = i + n;
		struct array *w;

		snprintf(part, sizeof(part), "[%lld:%lld]", (long long)i, (long long)end);
		w = readout_read(g->r, weight, part, n * K, err);
		if (!w)
			return err->code;
		for (int64_t row = 0; row < n; row++)
			for (int64_t k = 0; k < K; k++)
				back[k] += g->direction[i + row] * (double)w->data[row * K + k];
		array_release(w);
	}
	return 0;
}

/* The heads of an attention whose output projection is `linear`; *sum is what they add up to. */
static int add_heads(struct attributing *g, const struct op *linear, double *sum, struct err *err)
{
	struct array *z = readout_read(g->r, linear->in[0], g->at, -1, err);
	int64_t K = g->p->values[linear->in[1]].t.shape[1], E;
	double *back;
	int ret;

	if (!z)
		return err->code;
	if (z->n_dims != 2 || z->numel != K) {
		array_release(z);
		return err_set(err, ERR_SHAPE, "%s is not [heads, %lld in all]",
			       g->p->values[linear->in[0]].name, (long long)K);
	}
	E = z->shape[1];
	back = mem_calloc((size_t)K, sizeof(*back));
	ret = project_back(g, linear->in[1], K, back, err);
	*sum = 0;
	for (int64_t h = 0; h < z->shape[0] && !ret; h++) {
		double share = 0;

		for (int64_t e = 0; e < E; e++)
			share += back[h * E + e] * (double)z->data[h * E + e];
		add_part(g, ATTRIBUTION_HEAD, linear->out[0], (int)h, share);
		*sum += share;
	}
	free(back);
	array_release(z);
	return ret;
}

/* What one sum put on the stream, in *share; before and after are the shares of the stream. */
static int add_term(struct attributing *g, const struct op *add, double before, double after,
		    struct err *err)
{
	const struct op *made = readout_producer(g->p, add->in[1]);
	const struct op *from = made ? readout_producer(g->p, made->in[0]) : NULL;
	double share, heads = 0;

	if (share_of(g, add->in[1], &share, err))
		return err->code;
	if (made && made->code == OP_LINEAR && from && from->code == OP_MIX) {
		if (add_heads(g, made, &heads, err))
			return err->code;
		add_part(g, ATTRIBUTION_EDIT, add->in[1], -1, share - heads);
	} else {
		add_part(g, ATTRIBUTION_MODULE, add->in[1], -1, share);
	}
	add_part(g, ATTRIBUTION_EDIT, add->out[0], -1, after - before - share);
	return 0;
}

static int add_terms(struct attributing *g, const value_id *streams, int n, struct err *err)
{
	double before, after = 0;

	if (share_of(g, streams[0], &before, err))
		return err->code;
	add_part(g, ATTRIBUTION_EMBEDDING, streams[0], -1, before);
	for (int i = 1; i < n; i++) {
		if (share_of(g, streams[i], &after, err) ||
		    add_term(g, readout_producer(g->p, streams[i]), before, after, err))
			return err->code;
		before = after;
	}
	g->out->logit = before;
	return 0;
}

/* ---- the sum ------------------------------------------------------------------------------- */

/* The logit of the pass, where it is there. */
static void find_logit(struct attributing *g, int32_t a, int32_t b)
{
	struct err ignored = { 0 };
	struct array *row = readout_read(g->r, g->p->logits, g->at, g->end.V, &ignored);

	if (!row)
		return;
	g->out->has_logit = true;
	g->out->logit = (double)row->data[a] - (b >= 0 ? (double)row->data[b] : 0);
	array_release(row);
}

/* Leave out the edits that are none: what is so small goes with the rest. */
static void settle(struct attribution *a)
{
	double all = 0, sum = 0;
	int n = 0;

	for (int i = 0; i < a->n_parts; i++)
		all += fabs(a->parts[i].logit);
	for (int i = 0; i < a->n_parts; i++) {
		const struct attribution_part *part = &a->parts[i];

		if (part->kind == ATTRIBUTION_EDIT && !(fabs(part->logit) > ROUNDING * all))
			continue;
		sum += part->logit;
		a->parts[n++] = *part;
	}
	a->n_parts = n;
	a->rest = a->logit - sum;
}

static int check_token(const struct attributing *g, int32_t token, struct err *err)
{
	if (token >= 0 && token < g->end.V)
		return 0;
	return err_set(err, ERR_USAGE, "%d is no token: the vocabulary has %lld", (int)token,
		       (long long)g->end.V);
}

int readout_attribute(const struct readout *r, int32_t a, int32_t b, int64_t pos,
		      struct attribution *out, struct err *err)
{
	struct attributing g = { .r = r, .p = r->program, .out = out };
	value_id *streams = NULL;
	int n, ret;

	*out = (struct attribution){ 0 };
	ret = readout_find_end(g.p, &g.end, err);
	if (!ret)
		ret = check_token(&g, a, err);
	if (!ret && b >= 0)
		ret = check_token(&g, b, err);
	if (ret)
		return ret;
	snprintf(g.at, sizeof(g.at), "[pos=%lld]", (long long)pos);
	n = readout_streams(g.p, NULL, 0, err);
	streams = mem_calloc((size_t)n, sizeof(*streams));
	readout_streams(g.p, streams, n, err);
	ret = find_direction(&g, a, b, err);
	if (!ret)
		ret = add_terms(&g, streams, n, err);
	if (!ret) {
		find_logit(&g, a, b);
		settle(out);
	} else {
		attribution_release(out);
	}
	free(streams);
	free(g.direction);
	return ret;
}

void attribution_release(struct attribution *a)
{
	free(a->parts);
	*a = (struct attribution){ 0 };
}
