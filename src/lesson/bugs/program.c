/*
 * program.c -- bugs of the program: the ops that a model is made of, changed before they run.
 */
#include "bugs_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void set_frequencies(struct model *m, double theta, double step)
{
	int64_t E = m->config->head_dim;

	for (int64_t i = 0; i < E / 2; i++)
		m->inv_freq[i] = (float)pow(theta, -step * (double)i / (double)E);
}

void bug_rope_exponent(struct model *m)
{
	set_frequencies(m, m->config->rope_theta, 1);
}

void bug_rope_theta(struct model *m)
{
	set_frequencies(m, 1e6, 2);
}

/* ---- numbers that an op carries ------------------------------------------------------------- */

static void set_scale(struct model *m, double scale)
{
	for (int i = 0; i < m->program.n_ops; i++)
		if (m->program.ops[i].code == OP_SCORES)
			m->program.ops[i].scale = (float)scale;
}

void bug_scale_none(struct model *m)
{
	set_scale(m, 1);
}

void bug_scale_head_dim(struct model *m)
{
	set_scale(m, 1 / (double)m->config->head_dim);
}

void bug_scale_d_model(struct model *m)
{
	set_scale(m, 1 / sqrt((double)m->config->d_model));
}

static void set_eps(struct model *m, double eps)
{
	for (int i = 0; i < m->program.n_ops; i++)
		if (m->program.ops[i].code == OP_RMSNORM)
			m->program.ops[i].eps = (float)eps;
}

void bug_eps_none(struct model *m)
{
	set_eps(m, 0);
}

void bug_eps_1e6(struct model *m)
{
	set_eps(m, 1e-6);
}

/* A model without a window keeps none. */
static void add_window(struct model *m, int64_t n)
{
	for (int i = 0; i < m->program.n_ops; i++) {
		struct op *op = &m->program.ops[i];

		if (op->code == OP_MASK && op->window > 0)
			op->window = n ? op->window + n : 0;
	}
}

void bug_window_plus1(struct model *m)
{
	add_window(m, 1);
}

void bug_window_minus1(struct model *m)
{
	add_window(m, -1);
}

void bug_window_off(struct model *m)
{
	add_window(m, 0);
}

/* ---- what an op reads ----------------------------------------------------------------------- */

/* The op that makes the value of this name in a layer. */
static struct op *op_of(struct model *m, int64_t layer, const char *name)
{
	char path[128];
	value_id v;

	snprintf(path, sizeof(path), "model.layers.%lld%s", (long long)layer, name);
	v = program_find(&m->program, path);
	return v < 0 ? NULL : &m->program.ops[m->program.values[v].op];
}

void bug_mlp_swapped(struct model *m)
{
	for (int64_t l = 0; l < m->config->n_layers; l++) {
		struct op *gate = op_of(m, l, ".mlp.gate_proj:out");
		struct op *up = op_of(m, l, ".mlp.up_proj:out");
		value_id w = gate->in[1];

		gate->in[1] = up->in[1];
		up->in[1] = w;
	}
}

/* The norm is read later than it was planned to be: its buffer has to last. */
void bug_resid_norm(struct model *m)
{
	for (int64_t l = 0; l < m->config->n_layers; l++) {
		struct op *norm = op_of(m, l, ".input_layernorm:out");
		struct op *add = op_of(m, l, ":resid_mid");
		value_id v = norm->out[norm->n_out - 1];
		add->in[0] = v;
		m->program.values[v].last_op = (int)(add - m->program.ops);
	}
}
