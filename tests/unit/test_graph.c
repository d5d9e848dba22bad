/*
 * test_graph.c -- graphs of programs: what is a node, what is folded, and that a name is a name.
 */
#include "torchless/graph.h"
#include "torchless/json.h"
#include "torchless/mem.h"
#include "torchless/model.h"
#include "torchless/point.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	struct model m;
	struct program *p;
	struct graph g;
	struct text dot, json;
	struct err err;
};

static void open_outline(struct fixture *f, int n_layers)
{
	struct text config = { 0 };

	memset(f, 0, sizeof(*f));
	text_addf(&config,
		  "{\"architectures\":[\"MistralForCausalLM\"],\"model_type\":\"mistral\","
		  "\"hidden_size\":64,\"intermediate_size\":96,\"num_hidden_layers\":%d,"
		  "\"num_attention_heads\":8,\"num_key_value_heads\":2,\"head_dim\":8,"
		  "\"vocab_size\":320,\"rms_norm_eps\":1e-5,\"rope_theta\":10000.0,"
		  "\"max_position_embeddings\":512,\"hidden_act\":\"silu\",\"sliding_window\":32,"
		  "\"tie_word_embeddings\":true,\"bos_token_id\":1,\"eos_token_id\":2}",
		  n_layers);
	cr_assert_eq(model_outline(&f->m, config.data, "test", &f->err), 0, "%s", f->err.message);
	f->p = &f->m.program;
	text_release(&config);
}

static void forget(struct fixture *f)
{
	graph_release(&f->g);
	text_release(&f->dot);
	text_release(&f->json);
}

static void close_outline(struct fixture *f)
{
	forget(f);
	model_close(&f->m);
}

static void build(struct fixture *f, struct graph_options o)
{
	forget(f);
	if (!o.title)
		o.title = "test";
	cr_assert_eq(graph_build(&f->g, f->p, &o, &f->err), 0, "%s", f->err.message);
	graph_add_dot(&f->dot, &f->g);
	graph_add_json(&f->json, &f->g);
}

#define BUILD(f, ...) build((f), (struct graph_options){ __VA_ARGS__ })

static const struct graph_node *node(const struct graph *g, const char *id)
{
	for (int i = 0; i < g->n_nodes; i++)
		if (!strcmp(g->nodes[i].id, id))
			return &g->nodes[i];
	return NULL;
}

static const struct graph_cluster *cluster(const struct graph *g, const char *id)
{
	for (int i = 0; i < g->n_clusters; i++)
		if (!strcmp(g->clusters[i].id, id))
			return &g->clusters[i];
	return NULL;
}

static bool has_edge(const struct graph *g, const char *from, const char *to)
{
	for (int i = 0; i < g->n_edges; i++)
		if (!strcmp(g->nodes[g->edges[i].from].id, from) &&
		    !strcmp(g->nodes[g->edges[i].to].id, to))
			return true;
	return false;
}

#define assert_node(g, id)   cr_assert(node((g), (id)) != NULL, "no node %s", (id))
#define assert_edge(g, a, b) cr_assert(has_edge((g), (a), (b)), "no edge %s -> %s", (a), (b))

/* "0-1 2 3-5": the runs of layers, as clusters and boxes. */
static const char *runs(const struct graph *g)
{
	static char buf[256];
	size_t at = 0;

	buf[0] = '\0';
	for (int i = 0; i < g->n_clusters; i++) {
		const struct graph_cluster *c = &g->clusters[i];

		if (c->layers.first < 0 || strncmp(c->name, "layer", 5) != 0)
			continue;
		at += (size_t)snprintf(buf + at, sizeof(buf) - at, "%s%d-%d", at ? " " : "",
				       c->layers.first, c->layers.last);
	}
	return buf;
}

#define assert_runs(f, expected) cr_assert_str_eq(runs(&(f)->g), (expected))

/* ---- levels --------------------------------------------------------------------------------- */

Test(graph, a_module_is_a_node_and_what_it_computes_itself_is_grouped)
{
	struct fixture f;
	const struct graph_node *n;

	open_outline(&f, 5);
	BUILD(&f, .level = GRAPH_MODULE);
	cr_assert_leq(f.g.n_nodes, 40);
	assert_runs(&f, "0-4");
	n = node(&f.g, "model.layers.[0-4].self_attn.q_proj:out");
	cr_assert(n && n->kind == GRAPH_LINEAR && !strcmp(n->name, "q_proj") &&
		  !strcmp(n->type, "Linear") && !strcmp(n->shape, "f32[T, 8, 8]") &&
		  !strcmp(n->weight, "weight bf16[64, 64]"));
	cr_assert_str_eq(f.g.clusters[n->cluster].id, "model.layers.[0-4].self_attn");
	n = node(&f.g, "model.layers.[0-4].self_attn:z");
	cr_assert(n && n->kind == GRAPH_ATTENTION && n->n_ops == 4 &&
		  !strcmp(n->name, "attention") && !strcmp(n->note, "window 32"));
	n = node(&f.g, "model.layers.[0-4].self_attn:k_rot");
	cr_assert(n && n->kind == GRAPH_ROTARY && n->n_ops == 2 && !strcmp(n->name, "rotary"));
	n = node(&f.g, "model.layers.[0-4].self_attn:k_cache");
	cr_assert(n && n->kind == GRAPH_CACHE);
	n = node(&f.g, "lm_head:out");
	cr_assert(n && n->n_ops == 2 &&
		  !strcmp(n->weight, "embed_tokens.weight, tied\nbf16[320, 64]"));
	assert_node(&f.g, "input_ids");
	assert_node(&f.g, "lm_head:out@output");
	cr_assert_str_eq(cluster(&f.g, "model.layers.[0-4]")->note, "×5 · same shape, own weights");
	close_outline(&f);
}

Test(graph, at_model_level_equal_layers_are_a_box)
{
	struct fixture f;
	const struct graph_node *n;

	open_outline(&f, 5);
	BUILD(&f, .level = GRAPH_MODEL);
	n = node(&f.g, "model.layers.[0-4]:out");
	cr_assert(n && n->kind == GRAPH_LAYERS && n->n_ops == 21 && n->layers.stride == 21 &&
		  n->is_spine && !strcmp(n->name, "layers 0–4"));
	cr_assert_str_eq(n->note, "×5 · same shape, own weights\nwindow 32");
	cr_assert_eq(f.g.n_nodes, 8);
	assert_edge(&f.g, "model.embed_tokens:out", "model.layers.[0-4]:out");
	assert_edge(&f.g, "model.layers.[0-4]:out", "model.norm:out");
	cr_assert_eq(f.g.n_clusters, 1);
	close_outline(&f);
}

Test(graph, at_op_level_every_op_is_a_node_with_its_formula_and_weights_are_nodes)
{
	struct fixture f;
	struct graph_layers all = { 0, 2, 0 };
	int n_ops = 0, n_weights = 0;

	open_outline(&f, 3);
	BUILD(&f, .level = GRAPH_OP, .expand = &all, .n_expand = 1);
	for (int i = 0; i < f.g.n_nodes; i++) {
		const struct graph_node *n = &f.g.nodes[i];

		n_ops += n->n_ops;
		n_weights += n->kind == GRAPH_WEIGHT;
		cr_assert_leq(n->n_ops, 1);
		if (n->n_ops)
			cr_assert_str_eq(n->formula, op_table[f.p->ops[n->ops[0]].code].formula);
	}
	cr_assert_eq(n_ops, f.p->n_ops);
	cr_assert_eq(n_weights, 1 + 3 * 9 + 1 + 1);
	assert_edge(&f.g, "model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.up_proj:out");
	assert_edge(&f.g, "model.embed_tokens.weight@lm_head", "lm_head:out");
	assert_edge(&f.g, ":last", "lm_head:out");
	close_outline(&f);
}

Test(graph, the_residual_stream_is_the_spine)
{
	struct fixture f;
	static const char *const spine[] = { "model.embed_tokens:out", "model.layers.[0-2]:in",
					     "model.layers.[0-2]:resid_mid",
					     "model.layers.[0-2]:out" };

	open_outline(&f, 3);
	for (int level = GRAPH_MODULE; level <= GRAPH_OP; level++) {
		BUILD(&f, .level = (enum graph_level)level);
		for (int i = 0; i < 4; i++) {
			cr_assert(node(&f.g, spine[i])->is_spine, "%s", spine[i]);
			if (i)
				assert_edge(&f.g, spine[i - 1], spine[i]);
		}
		assert_edge(&f.g, "model.layers.[0-2]:in",
			    "model.layers.[0-2].input_layernorm:out");
		assert_edge(&f.g, "model.layers.[0-2].self_attn.o_proj:out", spine[2]);
		cr_assert(!node(&f.g, "model.norm:out")->is_spine &&
			  node(&f.g, "model.norm:out")->is_axis);
		cr_assert(strstr(f.dot.data, "group=residual") != NULL);
	}
	close_outline(&f);
}

Test(graph, a_hub_is_drawn_in_each_cluster_that_reads_it)
{
	struct fixture f;
	struct graph_layers all = { 0, 2, 0 };
	const struct graph_node *n;

	open_outline(&f, 3);
	BUILD(&f, .level = GRAPH_OP, .expand = &all, .n_expand = 1);
	n = node(&f.g, "model.rotary_emb:sin@model.layers.1.self_attn");
	cr_assert(n && n->kind == GRAPH_HUB && !strcmp(n->name, "cos, sin") && n->n_ops == 0);
	assert_edge(&f.g, n->id, "model.layers.1.self_attn:q_rot");
	for (int i = 0; i < f.g.n_edges; i++)
		if (f.g.edges[i].is_hub)
			cr_assert_eq(f.g.nodes[f.g.edges[i].from].cluster,
				     f.g.nodes[f.g.edges[i].to].cluster);
	close_outline(&f);
}

/* ---- folding -------------------------------------------------------------------------------- */

static int op_of(const struct program *p, const char *value)
{
	value_id v = program_find(p, value);

	cr_assert_geq(v, 0, "%s", value);
	return p->values[v].op;
}

Test(graph, an_unequal_layer_splits_the_run)
{
	static const struct {
		const char *what, *expected;
	} cases[] = {
		{ "window", "0-2 3-3 4-5" },
		{ "eps", "0-2 3-3 4-5" },
		{ "scale", "0-2 3-3 4-5" },
		{ "dtype of a weight", "0-2 3-3 4-5" },
		{ "shape of a weight", "0-2 3-3 4-5" },
		{ "dtype of a value", "0-2 3-3 4-5" },
		{ "wire", "0-2 3-3 4-5" },
		{ "tied weight", "0-2 3-3 4-5" },
		{ "first differs", "0-0 1-5" },
		{ "last differs", "0-4 5-5" },
		{ "read from afar", "0-3 4-5" },
		{ "nothing", "0-5" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		const char *what = cases[i].what;
		value_id w;

		open_outline(&f, 6);
		w = program_find(f.p, "model.layers.3.mlp.up_proj.weight");
		cr_assert_geq(w, 0);
		if (!strcmp(what, "window"))
			f.p->ops[op_of(f.p, "model.layers.3.self_attn:scores_masked")].window = 8;
		else if (!strcmp(what, "eps"))
			f.p->ops[op_of(f.p, "model.layers.3.input_layernorm:out")].eps = 1e-6f;
		else if (!strcmp(what, "scale"))
			f.p->ops[op_of(f.p, "model.layers.3.self_attn:scores")].scale = 1;
		else if (!strcmp(what, "dtype of a weight"))
			f.p->values[w].t.dtype = DTYPE_F32;
		else if (!strcmp(what, "shape of a weight"))
			f.p->values[w].t.shape[0] = 95;
		else if (!strcmp(what, "dtype of a value"))
			f.p->values[program_find(f.p, "model.layers.3.mlp:act_mul")].t.dtype =
				DTYPE_BF16;
		else if (!strcmp(what, "wire"))
			f.p->ops[op_of(f.p, "model.layers.3.mlp.up_proj:out")].in[0] =
				program_find(f.p, "model.layers.3:resid_mid");
		else if (!strcmp(what, "tied weight"))
			f.p->values[w].tied_to =
				program_find(f.p, "model.layers.3.mlp.gate_proj.weight");
		else if (!strcmp(what, "first differs"))
			f.p->ops[op_of(f.p, "model.layers.0.self_attn:scores_masked")].window = 8;
		else if (!strcmp(what, "last differs"))
			f.p->ops[op_of(f.p, "model.layers.5.self_attn:scores_masked")].window = 8;
		else if (!strcmp(what, "read from afar"))
			f.p->ops[op_of(f.p, "model.norm:out")].in[0] =
				program_find(f.p, "model.layers.3.mlp.down_proj:out");
		BUILD(&f, .level = GRAPH_MODULE);
		cr_assert_str_eq(runs(&f.g), cases[i].expected, "%s: %s", what, runs(&f.g));
		close_outline(&f);
	}
}

Test(graph, layers_that_are_asked_for_stand_by_themselves_and_the_rest_are_boxes)
{
	struct fixture f;
	struct graph_layers asked[] = { { 3, 3, 0 }, { 6, 7, 0 } };

	open_outline(&f, 10);
	for (int level = GRAPH_MODEL; level <= GRAPH_OP; level++) {
		BUILD(&f, .level = (enum graph_level)level, .expand = asked, .n_expand = 2);
		assert_runs(&f, "3-3 6-6 7-7");
		cr_assert_eq(node(&f.g, "model.layers.[0-2]:out")->kind, GRAPH_LAYERS);
		cr_assert_eq(node(&f.g, "model.layers.[4-5]:out")->kind, GRAPH_LAYERS);
		cr_assert_eq(node(&f.g, "model.layers.[8-9]:out")->kind, GRAPH_LAYERS);
		assert_edge(&f.g, "model.layers.[0-2]:out", "model.layers.3:in");
		assert_edge(&f.g, "model.layers.6:out", "model.layers.7:in");
		assert_edge(&f.g, "model.layers.7:out", "model.layers.[8-9]:out");
	}
	close_outline(&f);
}

Test(graph, modules_are_collapsed_by_globs)
{
	struct fixture f;
	static const char *const each[] = { "*.mlp" }, *const brief[] = { "L2.mlp" },
				 *const range[] = { "model.layers.[0-5].mlp" },
				 *const part[] = { "layers.[1-2].self_attn" },
				 *const model[] = { "model" }, *const none[] = { "*.mpl" };
	struct graph_options o = { .level = GRAPH_MODULE, .collapse = none, .n_collapse = 1 };

	open_outline(&f, 6);
	BUILD(&f, .level = GRAPH_MODULE, .collapse = each, .n_collapse = 1);
	assert_runs(&f, "0-5");
	cr_assert_eq(node(&f.g, "model.layers.[0-5].mlp.down_proj:out")->kind, GRAPH_LAYERS);
	cr_assert_eq(node(&f.g, "model.layers.[0-5].mlp.down_proj:out")->n_ops, 5);
	cr_assert(!node(&f.g, "model.layers.[0-5].mlp.up_proj:out"));
	BUILD(&f, .level = GRAPH_OP, .collapse = range, .n_collapse = 1);
	assert_runs(&f, "0-5");
	BUILD(&f, .level = GRAPH_MODULE, .collapse = brief, .n_collapse = 1);
	assert_runs(&f, "0-1 2-2 3-5");
	BUILD(&f, .level = GRAPH_MODULE, .collapse = part, .n_collapse = 1);
	assert_runs(&f, "0-0 1-2 3-5");
	BUILD(&f, .level = GRAPH_MODULE, .collapse = model, .n_collapse = 1);
	cr_assert_eq(f.g.nodes[2].n_ops, 2 + 6 * 21 + 1);
	cr_assert_eq(f.g.n_clusters, 0);
	forget(&f);
	cr_assert_eq(graph_build(&f.g, f.p, &o, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "'*.mpl'") && strstr(f.err.message, ".mlp"), "%s",
		  f.err.message);
	close_outline(&f);
}

Test(graph, a_module_alone_goes_down_to_its_ops_and_ends_in_stubs)
{
	struct fixture f;
	static const char *const spellings[] = { "model.layers.3.self_attn", "layers.3.self_attn",
						 "L3.attn" };
	struct graph_options o = { .module = "model.layers.3.self_atn" };

	open_outline(&f, 5);
	for (int i = 0; i < 3; i++) {
		BUILD(&f, .level = GRAPH_MODULE, .module = spellings[i]);
		assert_edge(&f.g, "model.layers.3.input_layernorm:out@stub",
			    "model.layers.3.self_attn.q_proj:out");
		assert_edge(&f.g, "model.layers.3.self_attn.o_proj:out",
			    "model.layers.3:resid_mid@stub");
		assert_edge(&f.g, "model.rotary_emb:sin@stub", "model.layers.3.self_attn:q_rot");
		cr_assert_str_eq(node(&f.g, "model.layers.3.self_attn:scores")->formula,
				 op_table[OP_SCORES].formula);
		cr_assert_eq(f.g.n_clusters, 1);
	}
	BUILD(&f, .module = "model.layers.2");
	assert_edge(&f.g, "model.layers.1:out@stub", "model.layers.2:in");
	assert_edge(&f.g, "model.layers.2:out", "model.layers.3.input_layernorm:out@stub");
	assert_edge(&f.g, "model.layers.2:out", "model.layers.3:resid_mid@stub");
	BUILD(&f, .module = "lm_head");
	assert_edge(&f.g, "lm_head:out", "lm_head:out@output");
	BUILD(&f, .level = GRAPH_MODULE, .module = "model");
	assert_runs(&f, "0-4");
	forget(&f);
	cr_assert_eq(graph_build(&f.g, f.p, &o, &f.err), ERR_USAGE);
	cr_assert(strstr(f.err.message, "nearest is model.layers.3.self_attn"), "%s",
		  f.err.message);
	close_outline(&f);
}

Test(graph, layers_are_read_as_numbers_and_ranges)
{
	static const struct {
		const char *text;
		int first, last; /* -1: refused */
	} cases[] = {
		{ "3", 3, 3 },   { "3-7", 3, 7 },   { "all", 0, 9 },
		{ "0-9", 0, 9 }, { "10", -1, 0 },   { "7-3", -1, 0 },
		{ "-1", -1, 0 }, { "3-", -1, 0 },   { "", -1, 0 },
		{ "x", -1, 0 },  { "3-10", -1, 0 }, { "3 ", -1, 0 },
		{ " 3", -1, 0 }, { "+3", -1, 0 },   { "3-+4", -1, 0 },
		{ "3x", -1, 0 }, { "3--4", -1, 0 }, { "99999999999999999999", -1, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct graph_layers l = { -1, -1, 0 };
		struct err err = { 0 };
		int r = graph_layers_parse(cases[i].text, 10, &l, &err);

		cr_assert_eq(r, cases[i].first < 0 ? ERR_USAGE : 0, "'%s'", cases[i].text);
		if (!r)
			cr_assert(l.first == cases[i].first && l.last == cases[i].last);
	}
}

Test(graph, what_did_not_run_is_not_drawn)
{
	struct fixture f;
	int stop;

	open_outline(&f, 5);
	stop = op_of(f.p, "model.layers.3.self_attn:z");
	BUILD(&f, .level = GRAPH_MODULE, .until = stop + 1);
	assert_runs(&f, "0-2 3-3");
	assert_node(&f.g, "model.layers.3.self_attn:z");
	cr_assert(!node(&f.g, "model.layers.3.self_attn.o_proj:out"));
	cr_assert(!node(&f.g, "lm_head:out@output"));
	close_outline(&f);
}

Test(graph, too_many_nodes_fold_themselves_and_say_so)
{
	struct fixture f;
	struct graph_layers all = { 0, 39, 0 };
	int before = 1 << 30;

	open_outline(&f, 40);
	for (int most = 2000; most > 4; most /= 3) {
		BUILD(&f, .level = GRAPH_OP, .expand = &all, .n_expand = 1, .max_nodes = most);
		cr_assert((f.g.folded != NULL) == (most < 1200), "%d", most);
		cr_assert_leq(f.g.n_nodes, before);
		before = f.g.n_nodes;
	}
	cr_assert_lt(f.g.n_nodes, 10);
	cr_assert(strstr(f.g.folded, "nodes are more than"));
	close_outline(&f);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static int count_lines(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

/* Every line that only one of the two has names the layer. */
static void assert_lines_name(const char *a, const char *b, const char *layer, int *changed)
{
	while (*a && *b) {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");

		if (n != m || memcmp(a, b, n) != 0) {
			char *line = mem_memdup(a, n), *other = mem_memdup(b, m);

			cr_assert(strstr(line, layer) && strstr(other, layer), "%s\n%s", line,
				  other);
			++*changed;
			free(line);
			free(other);
		}
		a += n + (a[n] == '\n');
		b += m + (b[m] == '\n');
	}
	cr_assert(!*a && !*b);
}

Test(graph, dot_is_stable_and_a_changed_layer_changes_its_own_lines)
{
	struct fixture f;
	struct graph_layers all = { 0, 4, 0 };

	for (int level = GRAPH_MODULE; level <= GRAPH_OP; level++)
		for (int what = 0; what < 3; what++) {
			char *first, *second;
			int changed = 0;

			open_outline(&f, 5);
			BUILD(&f, .level = (enum graph_level)level, .expand = &all, .n_expand = 1);
			first = mem_strdup(f.dot.data);
			BUILD(&f, .level = (enum graph_level)level, .expand = &all, .n_expand = 1);
			cr_assert_str_eq(first, f.dot.data);
			if (what == 0)
				f.p->ops[op_of(f.p, "model.layers.3.self_attn:scores_masked")]
					.window = 7;
			else if (what == 1)
				f.p->values[program_find(f.p, "model.layers.3.mlp.up_proj.weight")]
					.t.dtype = DTYPE_F32;
			else
				f.p->values[program_find(f.p, "model.layers.3.mlp:act_mul")]
					.t.shape[1] = 97;
			BUILD(&f, .level = (enum graph_level)level, .expand = &all, .n_expand = 1);
			second = f.dot.data;
			cr_assert_eq(count_lines(first), count_lines(second));
			assert_lines_name(first, second, "layers.3", &changed);
			cr_assert(changed >= 1 && changed <= 4, "%d", changed);
			free(first);
			close_outline(&f);
		}
}

/* ---- ids ------------------------------------------------------------------------------------ */

/* What stands before "@", with the first layer for a range of them. */
static char *first_of(const char *id)
{
	struct text t = { 0 };
	size_t n = strcspn(id, "@");
	const char *range = memchr(id, '[', n);

	if (range) {
		text_add(&t, id, (size_t)(range - id));
		text_addf(&t, "%d", atoi(range + 1));
		range = strchr(range, ']') + 1;
		text_add(&t, range, n - (size_t)(range - id));
	} else {
		text_add(&t, id, n);
	}
	return t.data;
}

static void assert_ids_are_names(const struct fixture *f)
{
	bool *wanted = mem_calloc((size_t)f->p->n_values, sizeof(*wanted));

	for (int i = 0; i < f->g.n_nodes; i++) {
		const struct graph_node *n = &f->g.nodes[i];
		char *name = first_of(n->id);

		cr_assert_geq(program_find(f->p, name), 0, "%s is no value", name);
		if (n->layers.first < n->layers.last && n->kind != GRAPH_WEIGHT)
			cr_assert_gt(points_match(f->p, n->id, wanted, NULL), 0, "%s", n->id);
		free(name);
	}
	for (int i = 0; i < f->g.n_clusters; i++) {
		char *name = first_of(f->g.clusters[i].id);

		cr_assert_geq(program_find_module(f->p, name), 0, "%s is no module", name);
		free(name);
	}
	free(wanted);
}

static void put(const char *path, const struct text *t)
{
	struct err err = { 0 };

	cr_assert_eq(text_write_file(path, t->data, t->len, &err), 0, "%s", err.message);
}

/* graph_svg.py holds dot, SVG and JSON against each other; without Graphviz, the JSON is parsed. */
static void assert_agrees(const struct fixture *f)
{
	char folder[] = "/tmp/torchless-graph-XXXXXX", dot[64], json[64], command[256];
	struct err err = { 0 };
	cJSON *doc = json_parse(f->json.data, f->json.len, "graph", &err);

	cr_assert(doc != NULL, "%s", err.message);
	cJSON_Delete(doc);
	cr_assert(mkdtemp(folder) != NULL);
	snprintf(dot, sizeof(dot), "%s/g.dot", folder);
	snprintf(json, sizeof(json), "%s/g.json", folder);
	put(dot, &f->dot);
	put(json, &f->json);
	snprintf(command, sizeof(command), "python3 tests/support/graph_svg.py %s %s >&2", dot,
		 json);
	if (system("(dot -V && python3 -V) >/dev/null 2>&1") == 0)
		cr_assert_eq(system(command), 0);
	unlink(dot);
	unlink(json);
	rmdir(folder);
}

Test(graph, ids_are_names_and_the_same_in_dot_svg_and_json)
{
	struct fixture f;
	struct graph_layers one = { 2, 2, 0 };
	static const char *const mlp[] = { "*.mlp" };
	const struct graph_options all[] = {
		{ .level = GRAPH_MODEL },
		{ .level = GRAPH_MODULE },
		{ .level = GRAPH_OP },
		{ .level = GRAPH_MODEL, .expand = &one, .n_expand = 1 },
		{ .level = GRAPH_MODULE, .collapse = mlp, .n_collapse = 1 },
		{ .level = GRAPH_OP, .expand = &one, .n_expand = 1 },
		{ .module = "model.layers.2" },
		{ .module = "model.layers.2.mlp" },
		{ .module = "model" },
	};

	open_outline(&f, 5);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		build(&f, all[i]);
		assert_ids_are_names(&f);
		assert_agrees(&f);
	}
	close_outline(&f);
}

/* ---- strangers' names ----------------------------------------------------------------------- */

static const char *const hostile[] = {
	"\"",
	"a\"b",
	"back\\",
	"\\N\\G\\E\\T\\H\\l",
	"<b>bold</b>",
	"</TABLE>>",
	"]]>",
	"a&amp;b",
	"&bogus;",
	"&#60;&#x3c;",
	"line\nfeed",
	"\033[31mred",
	"\x01\x02\x7f",
	"bad \xff\xfe utf",
	"javascript:alert(1)",
	"' onload='x",
	"--><script>",
	"\xef\xbf\xbf\xef\xbf\xbe",
	"\xe2\x80\xae rtl",
	" ",
	"",
	"{a|b}",
	"a->b",
	"%s%n",
	"x@stub",
	"[0-9]",
	"caf\xc3\xa9 \xf0\x9f\xa6\x99",
	"\\\"",
	"\\\\",
	"a;b",
	"/*",
	"#",
	"<!--",
	"cluster_a",
	"a_name_of_sixty_columns_that_is_cut_in_the_middle_of_a_box_01",
};

#define N_HOSTILE ((int)(sizeof(hostile) / sizeof(hostile[0])))

/* A layer a name: of its weight, its modules and classes, and what it computes. */
static value_id add_hostile(struct program *p, value_id x, int i, struct err *err)
{
	static float data[64 * (N_HOSTILE + 1)];
	const int64_t shape[] = { 8, 8 };
	struct text weight = { 0 };
	value_id w, y;

	text_addf(&weight, "%s%s", hostile[i], *hostile[i] ? ".weight" : "");
	program_enter(p, hostile[i], "layers.%d%s", i, hostile[i]);
	w = program_weight(p, weight.data ? weight.data : "",
			   tensor_make(DTYPE_F32, 2, shape, data + (ptrdiff_t)i * 64));
	y = program_emit(p, err, .code = OP_LINEAR, .module = hostile[i], .type = hostile[i],
			 .in = { x, w });
	x = program_emit(p, err, .code = OP_ADD, .point = hostile[i], .in = { x, y });
	program_leave(p);
	text_release(&weight);
	return x;
}

static void build_hostile(struct program *p, struct err *err)
{
	static float data[64];
	const int64_t T = DIM_T, shape[] = { 8, 8 };
	value_id x;

	program_init(p, "Root");
	p->ids = program_input(p, "input_ids", tensor_make(DTYPE_I32, 1, &T, NULL));
	x = program_emit(
		p, err, .code = OP_EMBEDDING, .module = "embed", .type = "Embedding",
		.in = { program_weight(p, "w", tensor_make(DTYPE_F32, 2, shape, data)), p->ids });
	for (int i = 0; i < N_HOSTILE; i++)
		x = add_hostile(p, x, i, err);
	p->logits = x;
}

Test(graph, nothing_in_a_name_leaves_a_label)
{
	struct fixture f = { 0 };
	struct graph_layers all = { 0, N_HOSTILE - 1, 0 };
	struct program p;
	struct text title = { 0 };

	for (int i = 0; i < N_HOSTILE; i++)
		text_adds(&title, hostile[i]);
	build_hostile(&p, &f.err);
	cr_assert_geq(p.logits, 0, "%s", f.err.message);
	f.p = &p;
	for (int level = GRAPH_MODEL; level <= GRAPH_OP; level++) {
		BUILD(&f, .level = (enum graph_level)level, .title = title.data, .expand = &all,
		      .n_expand = level != GRAPH_MODEL);
		f.g.subtitle = mem_strdup(title.data);
		f.g.folded = mem_strdup(title.data);
		for (int i = 0; i < f.g.n_nodes && i < N_HOSTILE; i++) {
			f.g.nodes[i].difference = mem_strdup(hostile[i]);
			f.g.nodes[i].verdict = GRAPH_DIFFERS;
		}
		text_clear(&f.dot);
		text_clear(&f.json);
		graph_add_dot(&f.dot, &f.g);
		graph_add_json(&f.json, &f.g);
		assert_agrees(&f);
		cr_assert(level == GRAPH_MODEL ||
			  strstr(f.dot.data, "<B>a_name_of_sixty_colu…_middle_of_a_box_01</B>"));
	}
	forget(&f);
	program_release(&p);
	text_release(&title);
}

/* ---- what was measured ---------------------------------------------------------------------- */

Test(graph, what_was_measured_is_drawn)
{
	struct fixture f;
	struct graph_node *n;

	open_outline(&f, 40);
	BUILD(&f, .level = GRAPH_MODULE);
	n = (struct graph_node *)node(&f.g, "model.layers.[0-39].mlp.down_proj:out");
	n->measures.is_known = true;
	n->measures.share = 0.25;
	n->measures.l2 = 12;
	n->measures.n_nan = 3;
	n->measures.series = mem_calloc(40, sizeof(double));
	for (int i = 0; i < 40; i++)
		n->measures.series[i] = i;
	n->measures.lo = 0;
	n->measures.hi = 39;
	n->measures.worst = 39;
	n->measures.heat = 1;
	f.g.heat_lo = 0;
	f.g.heat_hi = 1;
	f.g.heat_name = mem_strdup("share of the time");
	text_clear(&f.dot);
	text_clear(&f.json);
	graph_add_dot(&f.dot, &f.g);
	graph_add_json(&f.json, &f.g);
	assert_agrees(&f);
	cr_assert(strstr(f.dot.data, "25 % of time · l2 12"));
	cr_assert(strstr(f.dot.data, "3 NaN"));
	cr_assert(strstr(f.dot.data, "█"));
	cr_assert(strstr(f.dot.data, "0 … 39, layer 39"));
	cr_assert(strstr(f.dot.data, "share of the time"));
	cr_assert(strstr(f.dot.data, "#004981"), "the end of the scale");
	close_outline(&f);
}
