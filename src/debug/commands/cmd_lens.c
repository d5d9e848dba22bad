/*
 * cmd_lens.c -- what the model would answer: after each layer (lens), and in the end (logits).
 */
#include "../look/look.h"

#include "torchless/numbers.h"

#include <assert.h>
#include <math.h>

/* ---- the streams --------------------------------------------------------------------------- */

/* A state of the residual stream at one position, and what the head makes of it. */
struct state {
	value_id value;
	int64_t row; /* of the logits; -1: it is not there */
	struct text why;
};

struct lens {
	struct debugger *d;
	struct look_reader reader;
	struct readout_lens *fitted; /* NULL: the plain lens */
	int64_t pos;
	struct state *states;
	int n, n_asked;       /* what was not asked for stands behind: the last one */
	struct array *logits; /* [rows, V] */
};

static void release(struct lens *l)
{
	for (int i = 0; i < l->n; i++)
		text_release(&l->states[i].why);
	free(l->states);
	array_release(l->logits);
	readout_lens_close(l->fitted);
}

static bool is_mid(const struct lens *l, value_id v)
{
	const struct point_info *point = l->d->program->values[v].point;

	return point && !strcmp(point->role, "resid_mid");
}

/* The states that are asked for: of one layer (-2: of all of them), those of the middle too. */
static int choose_states(struct lens *l, int layer, bool mid, struct err *err)
{
	const struct program *p = l->d->program;
	int n = readout_streams(p, NULL, 0, err), used = 0;
	value_id *streams;

	if (n < 0)
		return n;
	streams = mem_calloc((size_t)n, sizeof(*streams));
	readout_streams(p, streams, n, err);
	l->states = mem_calloc((size_t)n, sizeof(*l->states));
	for (int i = 0; i < n; i++) {
		bool is_wanted = layer == -2 || p->values[streams[i]].layer == layer;

		/* The last state is always there: it is the answer that others are compared with.
		 */
		if ((is_wanted && (mid || !is_mid(l, streams[i]))) || i == n - 1)
			l->states[used++] = (struct state){ .value = streams[i], .row = -1 };
		l->n_asked += is_wanted && (mid || !is_mid(l, streams[i]));
	}
	l->n = used;
	free(streams);
	return 0;
}

static int read_states(struct lens *l, struct array *x, struct err *err)
{
	char part[48];
	int64_t rows = 0;

	snprintf(part, sizeof(part), "[pos=%lld]", (long long)l->pos);
	for (int i = 0; i < l->n; i++) {
		struct state *s = &l->states[i];
		struct array *a;

		if (!look_is_computed(l->d, s->value)) {
			text_adds(&s->why, "not computed yet");
			continue;
		}
		a = look_read(l->d, s->value, part, err);
		if (!a && err->code != ERR_USAGE)
			return err->code;
		if (!a || a->numel != x->shape[1]) {
			text_adds(&s->why, a ? "of another width" : err->message);
			array_release(a);
			continue;
		}
		memcpy(x->data + rows * x->shape[1], a->data, (size_t)a->numel * sizeof(float));
		readout_lens_apply(l->fitted, s->value, x->data + rows * x->shape[1]);
		s->row = rows++;
		array_release(a);
	}
	x->shape[0] = rows;
	x->numel = rows * x->shape[1];
	return 0;
}

static int compute(struct lens *l, struct err *err)
{
	const struct program *p = l->d->program;
	int64_t D = p->values[l->states[0].value].t.shape[1];
	struct array *x = array_new(2, (int64_t[]){ l->n, D }, err);
	int ret;

	if (!x)
		return ERR_MEMORY;
	ret = read_states(l, x, err);
	if (!ret && x->shape[0] > 0) {
		l->logits = readout_logits(&l->reader.r, x, err);
		ret = l->logits ? 0 : err->code;
	}
	array_release(x);
	return ret;
}

/* ---- the table ----------------------------------------------------------------------------- */

#define NAME_COLUMNS  9
#define TOKEN_COLUMNS 12

static const float *row_of(const struct lens *l, int i)
{
	assert(l->logits && l->states[i].row >= 0);
	return l->logits->data + l->states[i].row * l->logits->shape[1];
}

/* "embed", "L3", "L3.mid". */
static void add_name(const struct lens *l, int i, struct text *t)
{
	const struct value *v = &l->d->program->values[l->states[i].value];
	char name[32];

	if (v->layer < 0)
		snprintf(name, sizeof(name), "embed");
	else
		snprintf(name, sizeof(name), "L%d%s", v->layer,
			 is_mid(l, l->states[i].value) ? ".mid" : "");
	text_addf(t, "%-*s", NAME_COLUMNS, name);
}

/* The last state that is there: what is closest to the final answer. */
static int find_last(const struct lens *l)
{
	int last = -1;

	for (int i = 0; i < l->n; i++)
		if (l->states[i].row >= 0)
			last = i;
	return last;
}

static void add_state(struct lens *l, int i, int K, int64_t answer, struct text *t)
{
	int64_t V = l->logits->shape[1], *at = mem_calloc((size_t)K, sizeof(*at));
	double *p = mem_calloc((size_t)V, sizeof(*p));
	int n = largest(row_of(l, i), V, K, at);
	char percent[16];

	softmax_f64(row_of(l, i), V, p);
	add_name(l, i, t);
	for (int k = 0; k < n; k++) {
		look_add_token(l->d, (int32_t)at[k], TOKEN_COLUMNS, t);
		text_addf(t, "%6s  ", look_percent(p[at[k]], percent, sizeof(percent)));
	}
	if (n == 0)
		text_adds(t, "every logit is NaN");
	else
		text_addf(t, "%7lld", (long long)rank_of(row_of(l, i), V, answer));
	text_addc(t, '\n');
	free(at);
	free(p);
}

/* States that are not there for one reason, in one line; the index of the last of them. */
static int add_absent(struct lens *l, int i, struct text *t)
{
	int last = i;

	while (last + 1 < l->n && l->states[last + 1].row < 0 &&
	       !strcmp(l->states[last + 1].why.data, l->states[i].why.data))
		last++;
	add_name(l, i, t);
	if (last > i) {
		text_adds(t, look_sign(l->d, "… ", ".. "));
		add_name(l, last, t);
	}
	ui_add_clipped(t, l->d->opt.ui, l->states[i].why.data, l->states[i].why.len,
		       look_width(l->d) - 2 * NAME_COLUMNS - 2);
	text_addc(t, '\n');
	return last;
}

static void say_states(struct lens *l, int K)
{
	int last = find_last(l), most = (look_width(l->d) - NAME_COLUMNS - 7) / (TOKEN_COLUMNS + 8);
	const char *of = last == l->n - 1 ? "answer" : "latest answer";
	struct text t = { 0 };
	int64_t answer = -1;

	if (K > most)
		say(l->d, "%d of %d columns fit: `lens LAYER %d` lists them below one another\n",
		    most, K, K);
	K = K > most ? most : K;
	if (last >= 0 && largest(row_of(l, last), l->logits->shape[1], 1, &answer) == 1) {
		say(l->d, "position %lld ", (long long)l->pos);
		if (look_token_at(l->d, l->pos) >= 0)
			place_add_token(l->d, look_token_at(l->d, l->pos), &l->d->out);
		say(l->d, ", %s ", of);
		place_add_token(l->d, (int32_t)answer, &l->d->out);
		say(l->d, "%s\n", l->fitted ? ", by a fitted lens" : "");
	}
	say_styled(l->d, UI_DIM, "%-*s%-*s%7s", NAME_COLUMNS, "layer", K * (TOKEN_COLUMNS + 8),
		   "likeliest next tokens", "rank");
	say(l->d, "\n");
	for (int i = 0; i < l->n; i++)
		if (l->states[i].row >= 0)
			add_state(l, i, K, answer < 0 ? 0 : answer, &t);
		else
			i = add_absent(l, i, &t);
	look_say(l->d, &t);
}

/* ---- one layer ----------------------------------------------------------------------------- */

static int say_state(struct lens *l, int i, int K, int64_t answer, struct err *err)
{
	int64_t V = l->logits ? l->logits->shape[1] : 0;
	struct text name = { 0 };

	add_name(l, i, &name);
	name.data[strcspn(name.data, " ")] = '\0';
	if (l->states[i].row < 0) {
		err_set(err, ERR_USAGE, "%s at position %lld: %s", name.data, (long long)l->pos,
			l->states[i].why.data);
		text_release(&name);
		return err->code;
	}
	say(l->d, "%s, position %lld", name.data, (long long)l->pos);
	text_release(&name);
	if (answer >= 0) {
		say(l->d, ", where the final answer ");
		place_add_token(l->d, (int32_t)answer, &l->d->out);
		say(l->d, " has rank %lld", (long long)rank_of(row_of(l, i), V, answer));
	}
	say(l->d, "\n");
	predictions_say(l->d, row_of(l, i), V, (int)int64_min(K, V),
			look_token_at(l->d, l->pos + 1));
	return 0;
}

static int say_layer(struct lens *l, int K, struct err *err)
{
	int last = l->n - 1, ret = 0;
	int64_t answer = -1;

	if (l->n_asked < l->n && l->states[last].row >= 0)
		largest(row_of(l, last), l->logits->shape[1], 1, &answer);
	for (int i = 0; i < l->n_asked && !ret; i++)
		ret = say_state(l, i, K, answer, err);
	return ret;
}

/* ---- the command --------------------------------------------------------------------------- */

struct lens_arguments {
	int layer; /* -1: the embedding, -2: all */
	int64_t K; /* 0: not said */
	struct text pos;
	bool mid;
};

static int read_layer(const struct debugger *d, const char *word, int *layer, struct err *err)
{
	int64_t n;

	if (!strcmp(word, "all")) {
		*layer = -2;
		return 0;
	}
	if (!strcmp(word, "embed")) {
		*layer = -1;
		return 0;
	}
	if (look_number(word + (*word == 'L'), "layer", 0, d->program->n_layers - 1, &n, err))
		return err->code;
	*layer = (int)n;
	return 0;
}

static int read_arguments(const struct debugger *d, const char *s, struct lens_arguments *a,
			  struct err *err)
{
	struct text word = { 0 };
	int n = 0, ret = 0;

	a->layer = -2;
	while (!ret && look_word(&s, &word)) {
		if (!strcmp(word.data, "mid"))
			a->mid = true;
		else if (!strcmp(word.data, "pos"))
			ret = look_word(&s, &a->pos)
				      ? 0
				      : err_set(err, ERR_USAGE, "pos takes a position behind it");
		else if (n == 0 && ++n)
			ret = read_layer(d, word.data, &a->layer, err);
		else if (n == 1 && ++n)
			ret = look_number(word.data, "count", 1, 1000, &a->K, err);
		else
			ret = err_set(
				err, ERR_USAGE,
				"'%.40s' is one word too many: lens [LAYER|all] [K] [pos P] [mid]",
				word.data);
	}
	text_release(&word);
	return ret;
}

static int run_lens(struct lens *l, const struct lens_arguments *a, const char *matrix,
		    struct err *err)
{
	if (look_position(l->d, a->pos.len ? a->pos.data : NULL, &l->pos, err))
		return err->code;
	if (matrix) {
		l->fitted = readout_lens_open(l->d->program, matrix, err);
		if (!l->fitted)
			return err->code;
	}
	if (choose_states(l, a->layer, a->mid, err) || compute(l, err))
		return err->code;
	if (a->layer != -2)
		return say_layer(l, a->K ? (int)a->K : 10, err);
	say_states(l, a->K ? (int)a->K : 3);
	return 0;
}

int cmd_lens(struct debugger *d, const char *args, struct err *err)
{
	struct look_option options[] = { { .name = "--matrix", .takes = "a file" },
					 { .name = "--mid" },
					 { 0 } };
	struct lens_arguments a = { 0 };
	struct lens l = { .d = d };
	struct text rest = { 0 };
	int ret = look_options(args, options, &rest, err);

	look_reader_init(&l.reader, d);
	if (!ret)
		ret = read_arguments(d, rest.data, &a, err);
	a.mid = a.mid || options[1].given;
	if (!ret)
		ret = run_lens(&l, &a, options[0].given ? options[0].word.data : NULL, err);
	release(&l);
	text_release(&rest);
	text_release(&a.pos);
	look_options_release(options);
	return ret;
}

/* ---- logits -------------------------------------------------------------------------------- */

/* The row of logits at a position: as the pass has it, or by the head of the last state. */
struct array *look_logits(struct debugger *d, int64_t pos, struct err *err)
{
	struct lens l = { .d = d, .pos = pos };
	struct err first = { 0 };
	struct array *row;
	char part[48];

	snprintf(part, sizeof(part), "[pos=%lld]", (long long)pos);
	row = look_read(d, d->program->logits, part, &first);
	if (row)
		return row;
	look_reader_init(&l.reader, d);
	if (!choose_states(&l, -3, false, err) && !compute(&l, err) && l.logits)
		row = array_ref(l.logits);
	else if (!err->code)
		err_set(err, ERR_USAGE,
			"the logits of position %lld are not there yet: `lens` says what the "
			"layers so far would answer",
			(long long)pos);
	release(&l);
	return row;
}

value_id look_latest_value(const struct debugger *d)
{
	const struct program *p = d->program;
	struct err ignored = { 0 };
	int n = readout_streams(p, NULL, 0, &ignored);
	value_id *streams, latest = -1;

	if (d->target->has(d->target, p->logits))
		return p->logits;
	if (n <= 0)
		return -1;
	streams = mem_calloc((size_t)n, sizeof(*streams));
	readout_streams(p, streams, n, &ignored);
	for (int i = 0; i < n; i++)
		if (d->target->has(d->target, streams[i]))
			latest = streams[i];
	free(streams);
	return latest;
}

struct array *look_latest(struct debugger *d, int64_t pos, int *layer, struct err *err)
{
	value_id latest = look_latest_value(d);
	struct lens l = { .d = d, .pos = pos };
	struct array *row = NULL;

	*layer = latest >= 0 ? d->program->values[latest].layer : -1;
	if (latest == d->program->logits) {
		*layer = d->program->n_layers;
		return look_logits(d, pos, err);
	}
	if (latest < 0) {
		err_set(err, ERR_USAGE, "nothing of this pass is there yet");
		return NULL;
	}
	look_reader_init(&l.reader, d);
	l.states = mem_calloc(1, sizeof(*l.states));
	l.states[0] = (struct state){ .value = latest, .row = -1 };
	l.n = 1;
	if (!compute(&l, err) && l.logits)
		row = array_ref(l.logits);
	else if (!err->code)
		err_set(err, ERR_USAGE, "%s", l.states[0].why.data);
	release(&l);
	return row;
}

static int say_logits(struct debugger *d, int64_t K, int64_t pos, struct err *err)
{
	struct array *row = look_logits(d, pos, err);

	if (!row)
		return err->code;
	say(d, "position %lld ", (long long)pos);
	if (look_token_at(d, pos) >= 0)
		place_add_token(d, look_token_at(d, pos), &d->out);
	say(d, "\n");
	predictions_say(d, row->data, row->numel, (int)int64_min(K, row->numel),
			look_token_at(d, pos + 1));
	array_release(row);
	return 0;
}

static int say_difference(struct debugger *d, int64_t K, int64_t pos, struct err *err)
{
	struct array *after = look_logits(d, pos, err), *before = NULL;
	int ret;

	if (!after)
		return err->code;
	before = logits_before_edits(d, pos, err);
	ret = before ? logits_say_diff(d, before, after, (int)K, err) : err->code;
	array_release(before);
	array_release(after);
	return ret;
}

int cmd_logits(struct debugger *d, const char *args, struct err *err)
{
	struct look_option options[] = { { .name = "--diff" }, { 0 } };
	struct text rest = { 0 }, word = { 0 }, where = { 0 };
	int64_t K = 10, pos = 0;
	const char *s;
	int n = 0, ret = look_options(args, options, &rest, err);

	s = ret ? "" : rest.data;
	while (!ret && look_word(&s, &word)) {
		if (!strcmp(word.data, "pos"))
			n = 1;
		else if (n++ == 0)
			ret = look_number(word.data, "count", 1, 1000, &K, err);
		else if (n == 2)
			text_adds(&where, word.data);
		else
			ret = err_set(err, ERR_USAGE,
				      "'%.40s' is one word too many: logits [K] [POS] [--diff]",
				      word.data);
	}
	if (!ret)
		ret = look_position(d, where.len ? where.data : NULL, &pos, err);
	if (!ret)
		ret = options[0].given ? say_difference(d, K, pos, err)
				       : say_logits(d, K, pos, err);
	text_release(&rest);
	text_release(&word);
	text_release(&where);
	return ret;
}
