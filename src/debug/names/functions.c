/*
 * functions.c -- functions of expressions that know the model and its tokens.
 *
 * What only knows tensors is a line of array_functions.def.
 */
#include "../debug_impl.h"

#include "torchless/expression.h"
#include "torchless/model.h"

#include <math.h>

static int fn_tok(void *ctx, struct array_value *args, int n, struct array_value *result,
		  struct err *err)
{
	struct debugger *d = ctx;

	(void)n;
	if (args[0].whole < 0 || args[0].whole > INT32_MAX)
		return err_set(err, ERR_USAGE, "there is no token %lld", (long long)args[0].whole);
	result->kind = ARRAY_TEXT;
	result->whole = 1; /* see show_value() */
	text_adds(&result->text, "");
	d->target->class->piece(d->target, (int32_t)args[0].whole, &result->text);
	return 0;
}

static int fn_tok_id(void *ctx, struct array_value *args, int n, struct array_value *result,
		     struct err *err)
{
	struct debugger *d = ctx;
	const struct text *t = &args[0].text;

	(void)n;
	result->whole = target_token_id(d->target, t->data ? t->data : "", t->len);
	result->kind = ARRAY_WHOLE;
	if (result->whole < 0)
		return err_set(err, ERR_USAGE,
			       "'%.60s' is not one token: spaces count, as in ' the'",
			       t->data ? t->data : "");
	return 0;
}

static int fn_text(void *ctx, struct array_value *args, int n, struct array_value *result,
		   struct err *err)
{
	struct debugger *d = ctx;
	const struct array *a = args[0].array;

	(void)n;
	result->kind = ARRAY_TEXT;
	result->whole = 1; /* see show_value() */
	text_adds(&result->text, "");
	for (int64_t i = 0; i < a->numel; i++) {
		double id = (double)a->data[i];

		if (!(id >= 0 && id <= INT32_MAX) || id != floor(id)) {
			text_release(&result->text);
			return err_set(err, ERR_USAGE, "%g is no token", id);
		}
		d->target->class->piece(d->target, (int32_t)id, &result->text);
	}
	return 0;
}

static int fn_weight(void *ctx, struct array_value *args, int n, struct array_value *result,
		     struct err *err)
{
	struct debugger *d = ctx;
	const char *name = array_value_text(&args[0]);
	value_id v;

	(void)n;
	if (name_resolve(d, name, &v, err))
		return err->code;
	if (d->program->values[v].storage != STORAGE_WEIGHT)
		return err_set(err, ERR_USAGE, "%s is no weight", d->program->values[v].name);
	result->array =
		d->target->source.read(d->target->source.ctx, d->program->values[v].name, err);
	result->kind = result->array ? ARRAY_TENSOR : ARRAY_NULL;
	return result->array ? 0 : err->code;
}

/* ---- the logit lens ------------------------------------------------------------------------ */

/* The residual stream after the layer, of the last position. */
static struct array *last_residual(struct debugger *d, int64_t layer, struct err *err)
{
	const struct program *p = d->program;
	char name[64];
	value_id v;

	layer += layer < 0 ? p->n_layers : 0;
	if (layer < 0 || layer >= p->n_layers) {
		err_set(err, ERR_USAGE, "there is no such layer: there are %d, 0 to %d",
			p->n_layers, p->n_layers - 1);
		return NULL;
	}
	snprintf(name, sizeof(name), "model.layers.%d:out", (int)layer);
	v = program_find(p, name);
	if (v < 0) {
		err_set(err, ERR_FORMAT, "the model has no %s, which the lens reads", name);
		return NULL;
	}
	if (target_is_live(d->target) && !d->target->has(d->target, v)) {
		name_missing(d, v, err);
		return NULL;
	}
	snprintf(name, sizeof(name), "model.layers.%d:out[-1]", (int)layer);
	return d->target->source.read(d->target->source.ctx, name, err);
}

static int fn_lens(void *ctx, struct array_value *args, int n, struct array_value *result,
		   struct err *err)
{
	struct debugger *d = ctx;
	const struct session *s;
	struct array *x, *logits;
	int64_t vocab;

	(void)n;
	if (!target_is_live(d->target))
		return err_set(err, ERR_USAGE, "lens() wants a model: this is a recording");
	s = &live_recorder(d->target)->generation.session;
	x = last_residual(d, args[0].whole, err);
	if (!x)
		return err->code;
	vocab = s->model->config->n_vocab;
	logits = array_new(1, &vocab, err);
	if (logits && model_lens(s->model, s->executor.opt.kernels, s->executor.opt.pool, x->data,
				 1, logits->data, err)) {
		array_release(logits);
		logits = NULL;
	}
	array_release(x);
	if (!logits)
		return err->code;
	snprintf(logits->axes, sizeof(logits->axes), "vocab");
	snprintf(logits->name, sizeof(logits->name), "lens(%lld)", (long long)args[0].whole);
	result->array = logits;
	result->kind = ARRAY_TENSOR;
	return 0;
}

static const struct expression_function functions[] = {
	{ "tok", "(id)", 1, "i", fn_tok, "The text of a token.", "print tok(5)" },
	{ "tok_id", "(text)", 1, "s", fn_tok_id, "The token of a text.", "print tok_id(' the')" },
	{ "text", "(ids)", 1, "t", fn_text, "The text of tokens.", "print text(tokens)" },
	{ "weight", "(name)", 1, "w", fn_weight, "A weight by the name of its tensor.",
	  "print shape(weight('lm_head.weight'))" },
	{ "lens", "(layer)", 1, "i", fn_lens,
	  "The logits that the end of the model makes of the last position after a layer.",
	  "advance layers.1\nprint tok(argmax(lens(0)))" },
	{ "recording", "(file, point[, pass])", 2, "ssi", fn_recording,
	  "A point of another recording's newest run.",
	  "record on example.db\nfinish\nrecord off\n"
	  "print shape(recording('example.db', 'model.layers.0'))" },
	{ "npy", "(file)", 1, "s", fn_npy, "The array in a .npy.", "print npy('missing.npy')" },
	{ 0 },
};

const struct expression_function *debugger_functions(void)
{
	return functions;
}
