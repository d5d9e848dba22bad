/*
 * test_graph_measure.c -- what a picture says of a recording is what SQL says of it; what disagrees
 * between two is marked; a damaged recording is a sentence or a gap, never more.
 */
#include "picture/measure/measure_impl.h"
#include "support/recorded.h"
#include "support/words.h"
#include "torchless/record.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const int32_t ids[] = { 1, 17, 42, 9, 33, 5, 8 };

struct fixture {
	struct recorded at;
	struct recording *rec;
	struct recording_run run;
	struct model outline;
	struct graph_record *r;
	struct graph g;
	struct err err;
};

/* What is otherwise than in a plain recording. */
struct wish {
	const char *zero, *capture;
	const char *edit; /* a line of a file of edits */
	bool stops;       /* at a NaN */
	int n_ids;        /* of the prompt; 0: all */
};

static void write_edits(const struct fixture *f, const char *line, char *path, size_t size)
{
	FILE *file;

	snprintf(path, size, "%s/edits.jsonl", f->at.folder);
	file = fopen(path, "w");
	cr_assert(file != NULL);
	fprintf(file, "%s\n", line);
	fclose(file);
}

static void write_recording(struct fixture *f, const struct tiny *tiny, struct wish wish)
{
	char edits[256];
	const char *files[] = { edits };
	struct model model;
	struct record_options opt;
	struct recorder r;
	int ret;
	struct record_prompt prompt = {
		.prompt = { .ids = ids, .n_ids = wish.n_ids ? wish.n_ids : 7, .n = -1 }
	};

	memset(f, 0, sizeof(*f));
	tiny_write(tiny, f->at.model, sizeof(f->at.model));
	snprintf(f->at.folder, sizeof(f->at.folder), "/tmp/torchless-graph-XXXXXX");
	cr_assert(mkdtemp(f->at.folder) != NULL);
	snprintf(f->at.path, sizeof(f->at.path), "%s/t.db", f->at.folder);
	cr_assert_eq(
		model_open(&model, f->at.model, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &f->err), 0,
		"%s", f->err.message);
	model.tokenizer = tokenizer_new(words_tokenizer_json, strlen(words_tokenizer_json), NULL,
					"test", &f->err);
	opt = (struct record_options){
		.generation.session = { .executor = { .kernels = &kernels_ref, .chunk = 4 },
					.sampler.top_p = 1,
					.n = 3,
					.all_logits = true,
					.ignore_eos = true },
		.path = f->at.path,
		.engine = "test 1",
		.zero = &wish.zero,
		.n_zero = wish.zero ? 1 : 0,
		.capture = &wish.capture,
		.n_capture = wish.capture ? 1 : 0,
		.edits = files,
		.n_edits = wish.edit ? 1 : 0,
		.stop_on_nan = wish.stops,
	};
	if (wish.edit)
		write_edits(f, wish.edit, edits, sizeof(edits));
	cr_assert_eq(recorder_open(&r, &model, &opt, &f->err), 0, "%s", f->err.message);
	recorder_listen(&r);
	cr_assert_eq(generation_set_prompt(&r.generation, &prompt.prompt, &f->err), 0, "%s",
		     f->err.message);
	recorder_expect(&r);
	cr_assert_eq(recorder_create(&r, &f->err), 0, "%s", f->err.message);
	ret = recorder_run(&r, &prompt, &f->err);
	cr_assert_eq(ret, wish.stops ? ERR_NO : 0, "%s", f->err.message);
	f->err = (struct err){ 0 };
	cr_assert_eq(recorder_close(&r, wish.stops ? ERR_NO : 0, &f->err), wish.stops ? ERR_NO : 0,
		     "%s", f->err.message);
	recorder_release(&r);
	model_close(&model);
}

static int read_pass(struct fixture *f, int pass)
{
	struct graph_record_options o = { .path = "t.db", .run = &f->run, .pass = pass };

	graph_record_free(f->r);
	f->r = graph_record_new(f->rec, &f->outline.program, &o, &f->err);
	return f->r ? 0 : f->err.code;
}

static int read_recording(struct fixture *f)
{
	f->rec = recording_open(f->at.path, &f->err);
	cr_assert(f->rec != NULL, "%s", f->err.message);
	if (recording_find_run(f->rec, "t.db", 0, &f->run, &f->err) ||
	    recording_outline("t.db", &f->run, &f->outline, &f->err))
		return f->err.code;
	return read_pass(f, -1);
}

static void close_recording(struct fixture *f)
{
	graph_release(&f->g);
	graph_record_free(f->r);
	model_close(&f->outline);
	recording_close(f->rec);
	free(f->run.config);
	f->run.config = NULL;
	f->r = NULL;
	f->rec = NULL;
}

static void remove_recording(struct fixture *f)
{
	close_recording(f);
	recorded_remove(&f->at);
}

static double number(const struct fixture *f, const char *fmt, const char *name)
{
	struct text sql = { 0 };
	double x;

	text_addf(&sql, fmt, name);
	x = strtod(ask(&f->at, sql.data), NULL);
	text_release(&sql);
	return x;
}

static bool is_near(double a, double b)
{
	return fabs(a - b) <= 1e-5 * fmax(fabs(a), fabs(b));
}

/* ---- a run ---------------------------------------------------------------------------------- */

Test(graph_measure, values_are_those_of_the_newest_pass)
{
	struct fixture f;
	const struct program *p;

	write_recording(&f, &tiny_default, (struct wish){ 0 });
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	p = &f.outline.program;
	cr_assert_eq(f.r->n_passes, 4);
	for (int v = 0; v < p->n_values; v++) {
		if (!p->values[v].point)
			continue;
		cr_assert(f.r->values[v].id > 0, "%s", p->values[v].name);
		cr_expect_eq(f.r->values[v].pass, 3);
		cr_expect(is_near(f.r->values[v].l2,
				  number(&f, "SELECT l2 FROM v_value WHERE pass = 3 AND fqn = '%s'",
					 p->values[v].name)),
			  "%s", p->values[v].name);
	}
	remove_recording(&f);
}

/* What a module's calls took without their children's. */
#define OWN(what)                                                                                  \
	"SELECT sum(s." what " - coalesce((SELECT sum(c." what ") FROM v_span c, span x "          \
	"WHERE x.id = c.id AND x.parent_id = s.id), 0)) FROM v_span s WHERE s.module = '%s'"

Test(graph_measure, time_and_bytes_add_up)
{
	struct fixture f;
	const struct program *p;
	double all = 0;

	write_recording(&f, &tiny_default, (struct wish){ 0 });
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	p = &f.outline.program;
	for (int m = 0; m < p->n_modules; m++) {
		double ns = 0, bytes = 0;

		for (int i = 0; i < p->n_ops; i++)
			if (p->ops[i].module == m) {
				ns += f.r->ops[i].ns;
				bytes += f.r->ops[i].bytes;
			}
		all += ns;
		cr_expect(is_near(ns, number(&f, OWN("dur"), p->modules[m].path)), "ns of '%s'",
			  p->modules[m].path);
		cr_expect(is_near(4 * bytes, number(&f, OWN("bytes"), p->modules[m].path)),
			  "bytes of '%s'", p->modules[m].path);
	}
	cr_expect(is_near(all, f.r->ns));
	cr_expect(is_near(all, number(&f, "SELECT sum(dur) FROM pass%s", "")));
	remove_recording(&f);
}

static bool reads_weight(const struct program *p, int op)
{
	for (int i = 0; i < p->ops[op].n_in; i++)
		if (p->values[p->ops[op].in[i]].storage == STORAGE_WEIGHT)
			return true;
	return false;
}

/* So that the parts of what a module moves itself are what each op moves. */
Test(graph_measure, bytes_are_counted_as_the_recorder_counts_them)
{
	struct tiny tiny = tiny_default;
	struct fixture f;

	for (tiny.window = 0; tiny.window <= 5; tiny.window += 5) {
		write_recording(&f, &tiny, (struct wish){ 0 });
		cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
		for (int m = 0; m < f.outline.program.n_modules; m++) {
			const struct program *p = &f.outline.program;
			const struct cost_passes passes = { f.r->passes, f.r->n_passes };
			double bytes = 0;

			for (int i = 0; i < p->n_ops; i++)
				if (p->ops[i].module == m && !reads_weight(p, i))
					bytes += cost_bytes(p, i, &passes);
			if (bytes > 0)
				cr_expect(is_near(bytes,
						  number(&f, OWN("bytes"), p->modules[m].path)),
					  "%s: %g, %g", p->modules[m].path, bytes,
					  number(&f, OWN("bytes"), p->modules[m].path));
		}
		remove_recording(&f);
	}
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static void draw(struct fixture *f, struct graph_options o, enum graph_color by)
{
	graph_release(&f->g);
	o.until = graph_record_ops(f->r);
	cr_assert_eq(graph_build(&f->g, &f->outline.program, &o, &f->err), 0, "%s", f->err.message);
	graph_measure(&f->g, &f->outline.program, f->r, by);
}

static const struct graph_node *node(const struct fixture *f, const char *id)
{
	for (int i = 0; i < f->g.n_nodes; i++)
		if (!strcmp(f->g.nodes[i].id, id))
			return &f->g.nodes[i];
	cr_assert(false, "no node %s", id);
	return NULL;
}

static bool is_point(const struct fixture *f, value_id v)
{
	return v >= 0 && f->outline.program.values[v].point;
}

static const struct graph_edge *edge(const struct fixture *f, const char *id)
{
	for (int i = 0; i < f->g.n_edges; i++)
		if (!strcmp(f->g.edges[i].id, id))
			return &f->g.edges[i];
	cr_assert(false, "no edge %s", id);
	return NULL;
}

static const struct tiny four = { .layers = 4,
				  .d_model = 24,
				  .heads = 4,
				  .kv_heads = 2,
				  .head_dim = 6,
				  .d_ff = 20,
				  .vocab = 50,
				  .window = 5,
				  .dtype = DTYPE_F16,
				  .seed = 7 };

Test(graph_measure, shares_add_up_to_one_at_every_level)
{
	struct fixture f;

	write_recording(&f, &four, (struct wish){ 0 });
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	for (int level = GRAPH_MODEL; level <= GRAPH_OP; level++)
		for (int by = GRAPH_BY_KIND; by <= GRAPH_BY_BYTES; by++) {
			double share = 0, bytes = 0;

			draw(&f, (struct graph_options){ .level = (enum graph_level)level },
			     (enum graph_color)by);
			for (int i = 0; i < f.g.n_nodes; i++) {
				const struct graph_measures *m = &f.g.nodes[i].measures;

				share += isnan(m->share) ? 0 : m->share;
				bytes += isnan(m->bytes) ? 0 : m->bytes;
				cr_expect(isnan(m->heat) || (m->heat >= 0 && m->heat <= 1));
				cr_expect(by || isnan(m->heat));
			}
			cr_expect(is_near(share, 1), "level %d: %g", level, share);
			cr_expect(is_near(4 * bytes,
					  number(&f,
						 "SELECT sum(bytes) FROM v_span WHERE depth = 0%s",
						 "")),
				  "level %d: %g", level, bytes);
		}
	remove_recording(&f);
}

Test(graph_measure, a_series_is_what_its_layers_had)
{
	static const char *const ids_of[] = { ".self_attn.q_proj:out", ".self_attn:z",
					      ".mlp.act_fn:out", ":out" };
	struct fixture f;

	write_recording(&f, &four, (struct wish){ 0 });
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	draw(&f, (struct graph_options){ .level = GRAPH_MODULE }, GRAPH_BY_L2);
	cr_expect_str_eq(f.g.heat_unit, "");
	cr_expect(strstr(f.g.subtitle, "run 1, 4 passes") != NULL, "%s", f.g.subtitle);
	for (size_t i = 0; i < sizeof(ids_of) / sizeof(*ids_of); i++) {
		char id[96];
		const struct graph_measures *m;
		double largest = 0;
		int worst = -1;

		snprintf(id, sizeof(id), "model.layers.[0-3]%s", ids_of[i]);
		m = &node(&f, id)->measures;
		cr_assert(m->series != NULL, "%s", id);
		for (int layer = 0; layer < 4; layer++) {
			double l2;

			snprintf(id, sizeof(id), "model.layers.%d%s", layer, ids_of[i]);
			l2 = number(&f, "SELECT l2 FROM v_value WHERE pass = 3 AND fqn = '%s'", id);
			cr_expect(is_near(m->series[layer], l2), "%s: %g, %g", id, m->series[layer],
				  l2);
			worst = l2 > largest ? layer : worst;
			largest = fmax(l2, largest);
		}
		cr_expect_eq(m->worst, worst);
		cr_expect(is_near(m->l2, largest));
		cr_expect(is_near(m->hi, largest));
		cr_expect_eq(m->pass, 3);
	}
	remove_recording(&f);
}

Test(graph_measure, what_a_module_computes_in_several_nodes_is_an_estimate)
{
	struct fixture f;

	write_recording(&f, &four, (struct wish){ 0 });
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	draw(&f, (struct graph_options){ .level = GRAPH_MODULE }, GRAPH_BY_TIME);
	cr_expect(node(&f, "model.layers.[0-3].self_attn:z")->measures.is_estimate);
	cr_expect_not(node(&f, "model.layers.[0-3].self_attn.o_proj:out")->measures.is_estimate);
	cr_expect_not(node(&f, "model.layers.[0-3].mlp:act_mul")->measures.is_estimate);
	cr_expect_not(node(&f, "model.norm:out")->measures.is_estimate);
	draw(&f, (struct graph_options){ .level = GRAPH_MODEL }, GRAPH_BY_TIME);
	cr_expect_not(node(&f, "model.layers.[0-3]:out")->measures.is_estimate);
	cr_expect(is_near(
		node(&f, "model.layers.[0-3]:out")->measures.share * f.r->ns,
		number(&f, "SELECT sum(dur) FROM v_span WHERE type = '%s'",
		       f.outline.program
			       .modules[program_find_module(&f.outline.program, "model.layers.0")]
			       .type)));
	remove_recording(&f);
}

Test(graph_measure, one_pass_alone)
{
	struct fixture f;

	write_recording(&f, &four, (struct wish){ 0 });
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	cr_assert_eq(read_pass(&f, 1), 0, "%s", f.err.message);
	draw(&f, (struct graph_options){ .level = GRAPH_OP }, GRAPH_BY_BYTES);
	cr_expect(is_near(node(&f, "model.norm:out")->measures.l2,
			  number(&f, "SELECT l2 FROM v_value WHERE pass = 1 AND fqn = '%s'",
				 "model.norm:out")));
	cr_expect(is_near(node(&f, "lm_head:out")->measures.bytes,
			  number(&f, "SELECT bytes FROM v_span WHERE pass = 1 AND module = '%s'",
				 "lm_head")));
	cr_expect_str_eq(node(&f, "model.norm:out")->measures.shape, "3,24");
	cr_expect_eq(read_pass(&f, 9), ERR_USAGE);
	cr_expect(strstr(f.err.message, "no pass 9: the last is 3") != NULL, "%s", f.err.message);
	remove_recording(&f);
}

/* ---- bad values ----------------------------------------------------------------------------- */

#define NAN_AT(point)                                                                              \
	"{\"point\": \"" point "\", \"select\": \"[pos=5]\", \"kind\": \"set\", \"value\": "       \
	"\"nan\"}"

Test(graph_measure, the_way_to_the_first_bad_value)
{
	const struct graph_layers second = { 2, 2, 0 };
	const struct graph_options o = { .level = GRAPH_MODULE, .expand = &second, .n_expand = 1 };
	struct fixture f;

	write_recording(&f, &four, (struct wish){ .edit = NAN_AT("L2.mlp.up_proj") });
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	cr_expect_eq(graph_record_ops(f.r), f.outline.program.n_ops);
	cr_expect_eq(graph_record_bad_layer(f.r), 2);
	draw(&f, o, GRAPH_BY_TIME);
	/* The prompt has two passes, and position 5 is in the second. */
	cr_expect(strstr(f.g.subtitle, "first NaN: model.layers.2.mlp.up_proj:out in pass 1") !=
			  NULL,
		  "%s", f.g.subtitle);
	cr_expect(node(&f, "model.layers.2.mlp.up_proj:out")->measures.is_first);
	cr_expect_not(node(&f, "model.layers.2.mlp:act_mul")->measures.is_first);
	cr_expect(node(&f, "model.layers.2.mlp:act_mul")->measures.holds_bad);
	cr_expect(node(&f, "model.layers.3:out")->measures.holds_bad);
	cr_expect_not(node(&f, "model.layers.2.mlp.gate_proj:out")->measures.is_bad);
	cr_expect_not(node(&f, "model.layers.2.self_attn:z")->measures.is_bad);
	cr_expect(node(&f, "model.layers.[0-1]:out")->measures.is_bad);
	cr_expect_not(node(&f, "model.layers.[0-1]:out")->measures.holds_bad);
	cr_expect(edge(&f, "model.layers.2.post_attention_layernorm:out->"
			   "model.layers.2.mlp.up_proj:out")
			  ->is_bad);
	cr_expect_not(edge(&f, "model.layers.2.post_attention_layernorm:out->"
			       "model.layers.2.mlp.gate_proj:out")
			      ->is_bad);
	cr_expect(edge(&f, "input_ids->model.embed_tokens:out")->is_bad);
	cr_expect(edge(&f, "model.layers.3:out->model.norm:out")->is_bad);
	/* Folded, the layer in which it is stands for all. */
	draw(&f, (struct graph_options){ .level = GRAPH_MODULE }, GRAPH_BY_L2);
	cr_expect_eq(node(&f, "model.layers.[0-3].mlp.up_proj:out")->measures.worst, 2);
	cr_expect(node(&f, "model.layers.[0-3].mlp.up_proj:out")->measures.is_first);
	/* The pass before it has none. */
	cr_assert_eq(read_pass(&f, 0), 0);
	cr_expect_eq(graph_record_bad_layer(f.r), -1);
	remove_recording(&f);
}

Test(graph_measure, a_run_that_stopped_is_drawn_up_to_it)
{
	struct fixture f;
	const struct program *p;
	value_id last;

	write_recording(&f, &four, (struct wish){ .edit = NAN_AT("L1.attn.k_rot"), .stops = true });
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	p = &f.outline.program;
	last = program_find(p, "model.layers.1.self_attn:k_rot");
	cr_expect_eq(graph_record_ops(f.r), p->values[last].op + 1);
	draw(&f, (struct graph_options){ .level = GRAPH_OP }, GRAPH_BY_TIME);
	cr_expect(strstr(f.g.subtitle, "stopped in pass 1 behind model.layers.1.self_attn:k_rot") !=
			  NULL,
		  "%s", f.g.subtitle);
	for (int i = 0; i < f.g.n_nodes; i++)
		cr_expect(strcmp(f.g.nodes[i].id, "model.layers.1.self_attn:k_cache") != 0);
	/* Of the pass before it everything is there. */
	cr_assert_eq(read_pass(&f, 0), 0);
	cr_expect_eq(graph_record_ops(f.r), p->n_ops);
	remove_recording(&f);
}

/* Masked scores hold infinities on purpose. */
Test(graph_measure, what_a_mask_puts_there_is_not_bad)
{
	struct fixture f;

	write_recording(&f, &four, (struct wish){ 0 });
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	cr_assert_gt(
		number(&f, "SELECT sum(n_inf) FROM v_value WHERE role = '%s'", "scores_masked"), 0);
	draw(&f, (struct graph_options){ .level = GRAPH_OP }, GRAPH_BY_L2);
	for (int i = 0; i < f.g.n_nodes; i++) {
		cr_expect_not(f.g.nodes[i].measures.is_bad, "%s", f.g.nodes[i].id);
		cr_expect_eq(f.g.nodes[i].measures.n_inf, 0);
	}
	remove_recording(&f);
}

/* ---- two ------------------------------------------------------------------------------------ */

static struct graph_comparison *compare_two(struct fixture *a, struct fixture *b)
{
	struct graph_comparison *c;

	cr_assert_eq(read_recording(a), 0, "%s", a->err.message);
	cr_assert_eq(read_recording(b), 0, "%s", b->err.message);
	cr_assert(graph_same_structure(&a->outline.program, &b->outline.program));
	c = graph_comparison_new(a->r, b->r, &a->err);
	cr_assert(c != NULL, "%s", a->err.message);
	return c;
}

Test(graph_measure, what_differs_is_found_where_it_begins)
{
	struct fixture a, b;
	struct graph_comparison *c;

	write_recording(&a, &four, (struct wish){ 0 });
	write_recording(&b, &four, (struct wish){ .zero = "L2.attn.z[head=1]" });
	c = compare_two(&a, &b);
	cr_expect_eq(graph_comparison_layer(c), 2);
	draw(&a, (struct graph_options){ .level = GRAPH_MODULE }, GRAPH_BY_KIND);
	graph_compare(&a.g, c);
	cr_expect(strstr(a.g.subtitle,
			 "first that differs: model.layers.2.self_attn:z in pass 0") != NULL,
		  "%s", a.g.subtitle);
	cr_expect_eq(node(&a, "input_ids")->verdict, GRAPH_DIFFERS); /* what was picked */
	cr_expect_eq(node(&a, "model.rotary_emb:sin")->verdict, GRAPH_EQUAL);
	cr_expect_eq(node(&a, "model.layers.[0-3].self_attn:z")->verdict, GRAPH_DIFFERS);
	cr_expect(node(&a, "model.layers.[0-3].self_attn:z")->measures.is_first);
	/* What both dumped is told apart by its elements. */
	cr_expect(strstr(node(&a, "model.layers.[0-3]:out")->difference, "nmse") != NULL, "%s",
		  node(&a, "model.layers.[0-3]:out")->difference);
	graph_comparison_free(c);
	remove_recording(&a);
	remove_recording(&b);
}

Test(graph_measure, a_run_equals_itself)
{
	struct fixture a, b;
	struct graph_comparison *c;

	write_recording(&a, &four, (struct wish){ 0 });
	write_recording(&b, &four, (struct wish){ .capture = "*" });
	c = compare_two(&a, &b);
	draw(&a, (struct graph_options){ .level = GRAPH_OP }, GRAPH_BY_KIND);
	graph_compare(&a.g, c);
	cr_expect_str_eq(a.g.subtitle, "4 passes compared · nothing differs");
	for (int i = 0; i < a.g.n_nodes; i++)
		if (a.g.nodes[i].n_ops && strcmp(a.g.nodes[i].id, "last") != 0)
			cr_expect(a.g.nodes[i].verdict == GRAPH_EQUAL ||
					  !is_point(&a, a.g.nodes[i].value),
				  "%s", a.g.nodes[i].id);
	graph_comparison_free(c);
	remove_recording(&a);
	remove_recording(&b);
}

/* Numbers of another machine, or of another implementation, have no hash of ours. */
Test(graph_measure, without_hashes_numbers_tell)
{
	struct fixture a, b;
	struct graph_comparison *c;

	write_recording(&a, &four, (struct wish){ .capture = "*" });
	write_recording(&b, &four, (struct wish){ .capture = "*" });
	recorded_change(&b.at, "UPDATE value SET hash = NULL;"
			       "UPDATE value SET l2 = l2 * 1.000001 WHERE id % 2;"
			       "UPDATE value SET l2 = l2 * 1.01, tensor_id = NULL WHERE point_id = "
			       "(SELECT id FROM point WHERE fqn = 'model.layers.1.mlp:act_mul')");
	c = compare_two(&a, &b);
	draw(&a,
	     (struct graph_options){ .level = GRAPH_OP,
				     .expand = &(struct graph_layers){ 1, 1, 0 },
				     .n_expand = 1 },
	     GRAPH_BY_KIND);
	graph_compare(&a.g, c);
	cr_expect_eq(graph_comparison_layer(c), 1);
	cr_expect_eq(node(&a, "model.layers.1.mlp:act_mul")->verdict, GRAPH_DIFFERS);
	cr_expect(strstr(node(&a, "model.layers.1.mlp:act_mul")->difference, "l2 ") != NULL);
	cr_expect_eq(node(&a, "model.layers.1.self_attn:z")->verdict, GRAPH_CLOSE);
	graph_comparison_free(c);
	remove_recording(&a);
	remove_recording(&b);
}

Test(graph_measure, another_prompt_has_other_shapes)
{
	struct fixture a, b;
	struct graph_comparison *c;

	write_recording(&a, &four, (struct wish){ 0 });
	write_recording(&b, &four, (struct wish){ .n_ids = 3 });
	c = compare_two(&a, &b);
	draw(&a, (struct graph_options){ .level = GRAPH_MODULE }, GRAPH_BY_KIND);
	graph_compare(&a.g, c);
	cr_expect(strstr(node(&a, "model.embed_tokens:out")->difference, "4,24 and 3,24") != NULL,
		  "%s", node(&a, "model.embed_tokens:out")->difference);
	cr_expect(strstr(a.g.subtitle, "what is read differs: token 3") != NULL, "%s",
		  a.g.subtitle);
	graph_comparison_free(c);
	remove_recording(&a);
	remove_recording(&b);
}

Test(graph_measure, two_structures_are_two_columns)
{
	const struct graph_options o = { .level = GRAPH_MODULE };
	struct graph first, second, g;
	struct tiny other = four;
	struct fixture a, b;
	struct text json = { 0 };
	int n[GRAPH_ONLY_HERE + 1] = { 0 }, expected;

	other.layers = 6;
	other.d_ff = 30;
	write_recording(&a, &four, (struct wish){ 0 });
	write_recording(&b, &other, (struct wish){ 0 });
	cr_assert_eq(read_recording(&a), 0, "%s", a.err.message);
	cr_assert_eq(read_recording(&b), 0, "%s", b.err.message);
	cr_assert_not(graph_same_structure(&a.outline.program, &b.outline.program));
	cr_assert_eq(graph_build(&first, &a.outline.program, &o, &a.err), 0);
	cr_assert_eq(graph_build(&second, &b.outline.program, &o, &b.err), 0);
	expected = first.n_nodes + second.n_nodes;
	graph_pair(&g, &first, &second);
	cr_expect_eq(g.n_nodes, expected);
	cr_expect_eq(first.n_nodes, 0);
	for (int i = 0; i < g.n_nodes; i++) {
		const struct graph_node *x = &g.nodes[i];

		n[x->verdict]++;
		if (strstr(x->id, "mlp.gate_proj"))
			cr_expect_eq(x->verdict, GRAPH_CLOSE, "%s", x->id);
		if (strstr(x->id, "self_attn.q_proj"))
			cr_expect_eq(x->verdict, GRAPH_EQUAL, "%s", x->id);
		cr_expect_eq(g.clusters[x->cluster].column,
			     strlen(x->id) > 2 && !strcmp(x->id + strlen(x->id) - 2, "@b"));
	}
	cr_expect_eq(n[GRAPH_ONLY_HERE], 0);
	graph_add_json(&json, &g);
	cr_expect(strstr(json.data, "\"model.layers.[0-5].mlp.gate_proj:out@b\"") != NULL);
	cr_expect(strstr(json.data, "f32[T, 30]") != NULL);
	text_release(&json);
	graph_release(&g);
	remove_recording(&a);
	remove_recording(&b);
}

/* ---- damage --------------------------------------------------------------------------------- */

/* Whatever is in the file, it is a sentence or a picture whose numbers are in range. */
Test(graph_measure, a_damaged_recording_is_a_sentence_or_a_gap)
{
	static const char *const damages[] = {
		"DELETE FROM value",
		"DELETE FROM span",
		"DELETE FROM point",
		"DELETE FROM module WHERE id % 2",
		"DELETE FROM module",
		"DELETE FROM pass",
		"DELETE FROM pass WHERE idx = 1",
		"DELETE FROM token",
		"DELETE FROM dtype",
		"UPDATE value SET point_id = -9223372036854775807",
		"UPDATE value SET point_id = point_id + 5",
		"UPDATE value SET pass_id = 9223372036854775807",
		"UPDATE value SET l2 = -1, absmax = 9e999, mean = -9e999",
		"UPDATE value SET l2 = 1e308, absmax = 1e-320",
		"UPDATE value SET n_nan = 9223372036854775807, n_pinf = 9223372036854775807",
		"UPDATE value SET n_nan = -5, n_pinf = -1",
		"UPDATE value SET d0 = -3, d1 = 9223372036854775807, d2 = 9223372036854775807, d3 = 9223372036854775807",
		"UPDATE value SET numel = 0, hash = NULL, tensor_id = 999",
		"UPDATE span SET dur = 9223372036854775807, bytes_w = 9223372036854775807",
		"UPDATE span SET dur = -5, bytes_w = -7",
		"UPDATE span SET parent_id = id",
		"UPDATE span SET parent_id = 1, module_id = 3",
		"UPDATE span SET dur = NULL",
		"UPDATE pass SET pos0 = 9223372036854775807",
		"UPDATE pass SET n_tok = 1099511627776, pos0 = 1099511627776 * coalesce(idx, 0)",
		"UPDATE pass SET n_tok = -1",
		"UPDATE pass SET idx = idx + 7 WHERE idx IS NOT NULL",
		"UPDATE run SET status = 'error'; UPDATE pass SET dur = NULL",
		"UPDATE run SET status = 'crashed'; UPDATE pass SET dur = NULL; DELETE FROM value",
		"UPDATE token SET token_id = 9223372036854775807",
		"UPDATE tensor SET shape = '9999999,9999999'",
		"UPDATE tensor_chunk SET data = zeroblob(3)",
		"UPDATE module SET path = 'x' || id",
		"UPDATE point SET fqn = 'model.norm:out'",
		"DROP TABLE span; CREATE TABLE span(id, last_id, pass_id, parent_id, module_id, op, depth, "
		"tid, ts, dur, flops, bytes_w, bytes_kv, bytes_act, cycles, instr, llc_miss, status); "
		"INSERT INTO span SELECT id, 'x', 'y', 'z', 1.5, x'00', 1, 1, 'a', 'b', 'c', 'd', 'e', "
		"'f', 1, 1, 1, 1 FROM value",
		"DROP TABLE span",
		"CREATE TABLE w(a); DROP TABLE value; CREATE VIEW value AS WITH RECURSIVE r(id) AS "
		"(SELECT 1 UNION ALL SELECT id + 1 FROM r) SELECT id, 2 pass_id, 1 span_id, 1 point_id, "
		"0 dtype, 1 d0, 1 d1, 1 d2, 1 d3, 1 numel, 1 l2, 1 absmax, 1 mean, 1 n_nan, 1 n_pinf, "
		"1 n_ninf, 1 hash, 1 tensor_id FROM r LIMIT 3000",
	};
	struct fixture good;
	struct text bytes = { 0 };

	write_recording(&good, &tiny_default, (struct wish){ .capture = "*" });
	cr_assert_eq(read_recording(&good), 0, "%s", good.err.message);
	cr_assert_eq(text_read_file(&bytes, good.at.path, 1 << 26, &good.err), 0);
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		struct fixture f;
		struct graph_comparison *c;
		struct text dot = { 0 };

		memset(&f, 0, sizeof(f));
		snprintf(f.at.path, sizeof(f.at.path), "%s/damaged.db", good.at.folder);
		cr_assert_eq(text_write_file(f.at.path, bytes.data, bytes.len, &f.err), 0);
		recorded_change(&f.at, damages[i]);
		if (read_recording(&f)) {
			cr_expect(f.err.message[0] != '\0', "%s", damages[i]);
			close_recording(&f);
			continue;
		}
		for (int by = GRAPH_BY_KIND; by <= GRAPH_BY_BYTES; by++) {
			draw(&f, (struct graph_options){ .level = GRAPH_MODULE },
			     (enum graph_color)by);
			for (int k = 0; k < f.g.n_nodes; k++) {
				const struct graph_measures *m = &f.g.nodes[k].measures;

				cr_expect(isnan(m->heat) || (m->heat >= 0 && m->heat <= 1), "%s",
					  damages[i]);
				cr_expect(isnan(m->share) || (m->share >= 0 && m->share <= 1.0001),
					  "%s", damages[i]);
				cr_expect_not(m->l2 < 0 || isinf(m->l2), "%s", damages[i]);
			}
		}
		c = graph_comparison_new(good.r, f.r, &f.err);
		if (c)
			graph_compare(&f.g, c);
		graph_add_dot(&dot, &f.g);
		graph_add_json(&dot, &f.g);
		cr_expect_gt(dot.len, 100);
		graph_comparison_free(c);
		text_release(&dot);
		close_recording(&f);
	}
	text_release(&bytes);
	remove_recording(&good);
}
