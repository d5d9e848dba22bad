/*
 * predictions.c -- the likeliest tokens of a row of logits, and how an edit moved them.
 */
#include "look.h"

#include "torchless/numbers.h"
#include "torchless/utf8.h"

#include <math.h>

/* ---- numbers ------------------------------------------------------------------------------- */

void softmax_f64(const float *x, int64_t n, double *p)
{
	double max = -INFINITY, sum = 0;

	for (int64_t i = 0; i < n; i++)
		max = (double)x[i] > max ? (double)x[i] : max;
	for (int64_t i = 0; i < n; i++) {
		p[i] = exp((double)x[i] - max);
		sum += p[i];
	}
	for (int64_t i = 0; i < n; i++)
		p[i] /= sum;
}

int64_t rank_of(const float *x, int64_t n, int64_t at)
{
	int64_t rank = 1;

	if (isnan(x[at]))
		return 0;
	for (int64_t i = 0; i < n; i++)
		rank += x[i] > x[at] || (x[i] == x[at] && i < at);
	return rank;
}

int largest(const float *x, int64_t n, int k, int64_t *at)
{
	int found = 0;

	for (int64_t i = 0; i < n; i++) {
		int place = found;

		if (isnan(x[i]) || (found == k && !(x[i] > x[at[k - 1]])))
			continue;
		while (place > 0 && x[i] > x[at[place - 1]])
			place--;
		found += found < k;
		for (int j = found - 1; j > place; j--)
			at[j] = at[j - 1];
		at[place] = i;
	}
	return found;
}

static int64_t count_nan(const float *x, int64_t n)
{
	int64_t found = 0;

	for (int64_t i = 0; i < n; i++)
		found += isnan(x[i]) != 0;
	return found;
}

/* ---- one row ------------------------------------------------------------------------------- */

#define TOKEN_COLUMNS 18

static void add_row(struct debugger *d, struct text *t, const float *logits, const double *p,
		    int64_t id, bool follows)
{
	char percent[16];
	int room = look_width(d) - 4 - 7 - 2 - TOKEN_COLUMNS - 10 - 8 - 2 - 10;

	text_addf(t, "%7lld  ", (long long)id);
	look_add_token(d, (int32_t)id, TOKEN_COLUMNS, t);
	text_addf(t, "%10.4g%8s  ", printed((double)logits[id]),
		  look_percent(p[id], percent, sizeof(percent)));
	ui_add_bar(t, d->opt.ui, p[id], room < 8 ? 8 : room > 40 ? 40 : room);
	if (follows)
		text_addf(t, " %s next", look_sign(d, "←", "<-"));
	text_addc(t, '\n');
}

void predictions_say(struct debugger *d, const float *logits, int64_t V, int K, int32_t after)
{
	double *p = mem_calloc((size_t)V, sizeof(*p)), rest = 1;
	int64_t *at = mem_calloc((size_t)K, sizeof(*at)), n_nan = count_nan(logits, V), rank;
	int n = largest(logits, V, K, at);
	struct text t = { 0 };
	bool shown = after < 0 || after >= V;
	char percent[16];

	softmax_f64(logits, V, p);
	say_styled(d, UI_DIM, "rank     id  %-*s%10s%8s", TOKEN_COLUMNS, "token", "logit", "prob");
	text_addc(&t, '\n');
	for (int i = 0; i < n; i++) {
		text_addf(&t, "%4d", i + 1);
		add_row(d, &t, logits, p, at[i], at[i] == after);
		rest -= p[at[i]];
		shown = shown || at[i] == after;
	}
	rank = shown ? 0 : rank_of(logits, V, after);
	if (rank > 0) {
		text_addf(&t, "%4lld", (long long)rank);
		add_row(d, &t, logits, p, after, true);
	}
	if (n_nan)
		text_addf(&t, "%lld of %lld logits are NaN\n", (long long)n_nan, (long long)V);
	else if (n < V)
		text_addf(&t, "%s %lld more %s %s\n", look_sign(d, "…", "..."), (long long)(V - n),
			  plural(V - n, "token has", "tokens share"),
			  look_percent(fmax(rest, 0), percent, sizeof(percent)));
	look_say(d, &t);
	free(p);
	free(at);
}

/* ---- two rows ------------------------------------------------------------------------------ */

struct move {
	int64_t id;
	double before, after;
};

static int compare_moves(const void *a, const void *b)
{
	const struct move *x = a, *y = b;
	double dx = fabs(x->after - x->before), dy = fabs(y->after - y->before);

	if (dx != dy && !isnan(dx) && !isnan(dy))
		return dx < dy ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* The K likeliest of both sides, each once. */
static int find_moves(const float *before, const float *after, int64_t V, int K, struct move *moves)
{
	const float *sides[] = { before, after };
	int64_t *at = mem_calloc((size_t)K, sizeof(*at));
	int n = 0;

	for (int side = 0; side < 2; side++) {
		int found = largest(sides[side], V, K, at);

		for (int i = 0; i < found; i++) {
			bool known = false;

			for (int j = 0; j < n && !known; j++)
				known = moves[j].id == at[i];
			if (!known)
				moves[n++] = (struct move){ .id = at[i] };
		}
	}
	free(at);
	return n;
}

static double divergence(const double *p, const double *q, int64_t n)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += p[i] > 0 ? p[i] * log(p[i] / q[i]) : isnan(p[i]) ? NAN : 0;
	return sum;
}

static void add_move(struct debugger *d, struct text *t, const struct move *m, int64_t rank_before,
		     int64_t rank_after)
{
	const char *arrow = look_sign(d, "→", "->");
	double by = 100 * (m->after - m->before);
	char a[16], b[16];

	text_addf(t, "%7lld  ", (long long)m->id);
	look_add_token(d, (int32_t)m->id, TOKEN_COLUMNS, t);
	text_addf(t, "%7s %s %-7s %+8.1f  %7lld %s %lld\n", look_percent(m->before, a, sizeof(a)),
		  arrow, look_percent(m->after, b, sizeof(b)), by, (long long)rank_before, arrow,
		  (long long)rank_after);
}

static void say_moves(struct debugger *d, const float *before, const float *after, int64_t V, int K,
		      const double *p, const double *q)
{
	struct move *moves = mem_calloc(2 * (size_t)K, sizeof(*moves));
	int n = find_moves(before, after, V, K, moves);
	double other_before = 1, other_after = 1;
	struct text t = { 0 };
	char a[16], b[16];

	for (int i = 0; i < n; i++) {
		moves[i].before = p[moves[i].id];
		moves[i].after = q[moves[i].id];
		other_before -= moves[i].before;
		other_after -= moves[i].after;
	}
	qsort(moves, (size_t)n, sizeof(*moves), compare_moves);
	say_styled(d, UI_DIM, "%7s  %-*s%7s   %-7s %8s  %7s", "id", TOKEN_COLUMNS, "token",
		   "before", "after", "points", "rank");
	text_addc(&t, '\n');
	for (int i = 0; i < n; i++)
		add_move(d, &t, &moves[i], rank_of(before, V, moves[i].id),
			 rank_of(after, V, moves[i].id));
	text_addf(&t, "%s %lld other tokens: %s %s %s; ", look_sign(d, "…", "..."),
		  (long long)(V - n), look_percent(fmax(other_before, 0), a, sizeof(a)),
		  look_sign(d, "→", "->"), look_percent(fmax(other_after, 0), b, sizeof(b)));
	text_addf(&t, "divergence %.4g nats\n", printed(divergence(p, q, V)));
	look_say(d, &t);
	free(moves);
}

int logits_say_diff(struct debugger *d, const struct array *before, const struct array *after,
		    int K, struct err *err)
{
	int64_t V = before->numel;
	double *p, *q;

	if (after->numel != V || V == 0)
		return err_set(err, ERR_SHAPE, "%lld logits before and %lld after", (long long)V,
			       (long long)after->numel);
	K = (int)int64_min(K, V);
	p = mem_calloc((size_t)V, sizeof(*p));
	q = mem_calloc((size_t)V, sizeof(*q));
	softmax_f64(before->data, V, p);
	softmax_f64(after->data, V, q);
	if (!memcmp(before->data, after->data, (size_t)V * sizeof(float)))
		say(d, "The logits are the same, bit for bit.\n");
	else
		say_moves(d, before->data, after->data, V, K, p, q);
	free(p);
	free(q);
	return 0;
}
