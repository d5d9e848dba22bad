/*
 * cmd_info.c -- `torchless info`: what a model is, before anything runs.
 */
#include "torchless/called.h"
#include "torchless/cli.h"
#include "torchless/mem.h"
#include "torchless/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- --config ----------------------------------------------------------------------------- */

static const char *const rope_names[] = { "none", "linear", "llama3" };

static void eos_field(struct listing *l, const struct config *c)
{
	struct text ids = { 0 };

	for (int i = 0; i < c->n_eos; i++)
		text_addf(&ids, "%s%lld", i ? " " : "", (long long)c->eos_ids[i]);
	listing_key(l, "eos_token_ids");
	listing_text(l, ids.data ? ids.data : "", ids.len);
	text_release(&ids);
}

/* Keys are those of config.json. */
static int info_config(struct invocation *in, struct err *err)
{
	const struct config *c = &in->model.checkpoint.config;
	const struct {
		const char *key;
		int64_t value, none; /* the value that stands for null */
	} sizes[] = {
		{ "num_hidden_layers", c->n_layers, -1 },
		{ "hidden_size", c->d_model, -1 },
		{ "num_attention_heads", c->n_heads, -1 },
		{ "num_key_value_heads", c->n_kv_heads, -1 },
		{ "head_dim", c->head_dim, -1 },
		{ "intermediate_size", c->d_ff, -1 },
		{ "vocab_size", c->n_vocab, -1 },
		{ "max_position_embeddings", c->max_positions, -1 },
		{ "sliding_window", c->window, 0 },
		{ "bos_token_id", c->bos_id, -1 },
	};
	struct listing l;

	listing_init_record(&l, in);
	listing_key(&l, "architecture");
	listing_string(&l, c->arch);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		listing_key(&l, sizes[i].key);
		if (sizes[i].value == sizes[i].none)
			listing_string(&l, NULL);
		else
			listing_int(&l, sizes[i].value);
	}
	eos_field(&l, c);
	listing_key(&l, "rms_norm_eps");
	listing_real(&l, c->rms_norm_eps);
	listing_key(&l, "rope_theta");
	listing_real(&l, c->rope_theta);
	listing_key(&l, "rope_scaling");
	listing_string(&l, rope_names[c->rope_scaling]);
	if (c->rope_scaling != ROPE_NONE) {
		listing_key(&l, "rope_factor");
		listing_real(&l, c->rope_factor);
	}
	listing_key(&l, "tie_word_embeddings");
	listing_bool(&l, c->tied_embeddings);
	return listing_print(&l, err);
}

/* ---- --tensors ---------------------------------------------------------------------------- */

#define BLOCK ((int64_t)1 << 16)

struct stats_job {
	const struct kernels *kernels;
	const struct tensor *t;
	int64_t numel;
	struct stats_sum *sums; /* one a block */
};

static void sum_block(void *ctx, int64_t i, int worker)
{
	struct stats_job *job = ctx;
	int64_t from = i * BLOCK, n = job->numel - from < BLOCK ? job->numel - from : BLOCK;
	float *x = mem_calloc((size_t)n, sizeof(*x));

	(void)worker;
	job->kernels->convert(x, (const char *)job->t->data + dtype_row_bytes(job->t->dtype, from),
			      job->t->dtype, n);
	stats_sum_init(&job->sums[i]);
	stats_sum_add(&job->sums[i], x, n, from);
	free(x);
}

static struct stats tensor_statistics(const struct invocation *in, const struct tensor *t)
{
	struct stats_job job = { in->kernels, t, tensor_numel(t), NULL };
	int64_t n_blocks = (job.numel + BLOCK - 1) / BLOCK;
	struct stats_sum all;

	job.sums = mem_calloc((size_t)n_blocks + 1, sizeof(*job.sums));
	threads_for(in->pool, n_blocks, sum_block, &job);
	stats_sum_init(&all);
	for (int64_t i = 0; i < n_blocks; i++)
		stats_sum_merge(&all, &job.sums[i]);
	free(job.sums);
	return stats_finish(&all);
}

static bool has_statistics(const struct file_tensor *s)
{
	return !s->unsupported && kernels_read(s->t.dtype);
}

static void statistics_cells(struct listing *l, const struct file_tensor *s)
{
	struct stats st = { NAN, NAN, NAN, NAN, NAN, NAN, -1, 0, 0, 0, 0, 0, 0 };

	if (has_statistics(s))
		st = tensor_statistics(l->in, &s->t);
	listing_real(l, st.mean);
	listing_real(l, st.std);
	listing_real(l, st.min);
	listing_real(l, st.max);
	listing_real(l, st.l2);
	listing_int(l, st.n_zero);
	listing_int(l, st.n_nan);
	listing_int(l, st.n_pinf + st.n_ninf);
}

static void shape_cell(struct listing *l, const struct tensor *t)
{
	struct text shape = { 0 };

	for (int i = 0; i < t->n_dims; i++)
		text_addf(&shape, "%s%lld", i ? "," : "", (long long)t->shape[i]);
	listing_text(l, shape.data ? shape.data : "", shape.len);
	text_release(&shape);
}

static int info_tensors(struct invocation *in, struct err *err)
{
	const struct checkpoint *ck = &in->model.checkpoint;
	bool with_stats = option_on(in, OPT_STATS);
	struct listing l;

	listing_init(&l, in,
		     with_stats ? "name,dtype,shape,>bytes,>mean,>std,>min,>max,>l2,>zero,>nan,>inf"
				: "name,dtype,shape,>bytes,>offset,file");
	listing_drops(&l, with_stats ? "bytes,inf,nan,zero,l2,mean,min,max" : "file,offset");
	for (int f = 0; f < ck->n_files; f++)
		for (int i = 0; i < ck->files[f].n_tensors; i++) {
			const struct file_tensor *s = &ck->files[f].tensors[i];

			if (interrupted) {
				listing_print(&l, err);
				return err_set(err, ERR_INTERRUPTED, "interrupted");
			}
			listing_string(&l, s->name);
			listing_string(&l, s->dtype);
			shape_cell(&l, &s->t);
			listing_int(&l, s->bytes);
			if (with_stats) {
				statistics_cells(&l, s);
				continue;
			}
			listing_int(&l, s->offset);
			listing_string(&l, ck->files[f].path);
		}
	return listing_print(&l, err);
}

/* ---- --points ----------------------------------------------------------------------------- */

static char symbol_letter(int64_t dim)
{
	return dim == DIM_T ? 'T' : dim == DIM_S ? 'S' : 'R';
}

/* "T,9,64", and the bytes as "2304*T": sizes depend on the pass. */
static void point_size_cells(struct listing *l, const struct tensor *t)
{
	int64_t constant = dtype_table[t->dtype].block_bytes;
	struct text shape = { 0 }, symbols = { 0 }, bytes = { 0 };

	for (int i = 0; i < t->n_dims; i++) {
		text_adds(&shape, i ? "," : "");
		if (t->shape[i] >= 0) {
			text_addf(&shape, "%lld", (long long)t->shape[i]);
			constant *= t->shape[i];
		} else {
			text_addc(&shape, symbol_letter(t->shape[i]));
			text_addf(&symbols, "*%c", symbol_letter(t->shape[i]));
		}
	}
	text_addf(&bytes, "%lld%s", (long long)constant, symbols.data ? symbols.data : "");
	listing_text(l, shape.data ? shape.data : "", shape.len);
	listing_text(l, bytes.data, bytes.len);
	text_release(&shape);
	text_release(&symbols);
	text_release(&bytes);
}

/* Bytes when n positions, the first ones, go through the model at once. */
static int64_t point_bytes(const struct tensor *t, int64_t n)
{
	int64_t bytes = dtype_table[t->dtype].block_bytes;

	for (int i = 0; i < t->n_dims; i++)
		bytes *= t->shape[i] >= 0 ? t->shape[i] : n;
	return bytes;
}

static int info_points(struct invocation *in, struct err *err)
{
	int64_t chunk = option_int(in, OPT_CHUNK, 512);
	const struct program *p = &in->model.program;
	struct listing l;
	char buf[256];

	listing_init(
		&l, in,
		"name,short,axes,shape,>bytes,>position_bytes,>chunk_bytes,role,transformer_lens,ggml,hugging_face,doc");
	listing_drops(
		&l,
		"doc,hugging_face,ggml,transformer_lens,role,bytes,position_bytes,short,chunk_bytes,shape");
	for (int i = 0; i < p->n_values; i++) {
		const struct value *v = &p->values[i];
		const struct point_info *pt = v->point;

		if (!pt)
			continue;
		listing_string(&l, v->name);
		listing_string(&l, point_short_name(v, buf, sizeof(buf)));
		listing_string(&l, pt->axes);
		point_size_cells(&l, &v->t);
		listing_int(&l, point_bytes(&v->t, 1));
		listing_shown(&l, point_bytes(&v->t, chunk),
			      mem_format_bytes(point_bytes(&v->t, chunk), buf, sizeof(buf)));
		listing_string(&l, pt->role);
		listing_string(&l, point_format_name(pt->tl_name, v->layer, buf, sizeof(buf)));
		listing_string(&l, point_format_name(pt->ggml_name, v->layer, buf, sizeof(buf)));
		listing_string(&l, point_hf_source(p, v, buf, sizeof(buf)));
		listing_string(&l, pt->doc);
	}
	return listing_print(&l, err);
}

/* ---- --program ---------------------------------------------------------------------------- */

/* For people the path below the parent, indented by depth; for programs the whole path. */
static void module_cell(struct listing *l, const struct program *p, int module)
{
	const struct module *m = &p->modules[module];
	const char *parent = m->parent >= 0 ? p->modules[m->parent].path : "";
	size_t skip = strlen(parent) ? strlen(parent) + 1 : 0;
	struct text cell = { 0 };

	if (!l->for_people || l->is_json) {
		listing_string(l, m->path);
		return;
	}
	for (int i = 1; i < m->depth; i++)
		text_adds(&cell, "  ");
	text_adds(&cell, m->path + (skip <= strlen(m->path) ? skip : 0));
	listing_text(l, cell.data, cell.len);
	text_release(&cell);
}

static void output_cell(struct listing *l, const struct program *p, const struct op *op)
{
	struct text cell = { 0 };
	char shape[96];

	for (int i = 0; i < op->n_out; i++) {
		const struct value *v = &p->values[op->out[i]];
		const char *colon = v->name ? strrchr(v->name, ':') : NULL;

		text_addf(&cell, "%s%s %s", i ? ", " : "", colon ? colon + 1 : "y",
			  program_format_shape(v, shape, sizeof(shape)));
	}
	listing_text(l, cell.data ? cell.data : "", cell.len);
	text_release(&cell);
}

static int info_program(struct invocation *in, struct err *err)
{
	const struct program *p = &in->model.program;
	struct listing l;
	char source[512];

	listing_init(&l, in, ">op,module,name,output,formula,source");
	listing_drops(&l, "source,formula");
	/* Read, piped to a pager or a file too: rows for programs are asked for. */
	l.for_people = !option_on(in, OPT_TSV);
	for (int i = 0; i < p->n_ops; i++) {
		const struct op *op = &p->ops[i];
		const char *slash = l.for_people ? strrchr(op->file, '/') : NULL;

		snprintf(source, sizeof(source), "%s:%d", slash ? slash + 1 : op->file, op->line);
		listing_int(&l, i);
		module_cell(&l, p, op->module);
		listing_string(&l, op_table[op->code].name);
		output_cell(&l, p, op);
		listing_string(&l, op_table[op->code].formula);
		listing_string(&l, source);
	}
	return listing_print(&l, err);
}

/* ---- the overview ------------------------------------------------------------------------- */

static void count_field(struct listing *l, const char *key, int64_t n)
{
	char buf[40];

	listing_key(l, key);
	listing_shown(l, n, ui_format_count(n, buf, sizeof(buf)));
}

static void bytes_field(struct listing *l, const char *key, int64_t n)
{
	char buf[40];

	listing_key(l, key);
	listing_shown(l, n, mem_format_bytes(n, buf, sizeof(buf)));
}

static void sizes_fields(struct listing *l, const struct config *c)
{
	char buf[40];

	count_field(l, "layers", c->n_layers);
	count_field(l, "d_model", c->d_model);
	count_field(l, "heads", c->n_heads);
	count_field(l, "kv_heads", c->n_kv_heads);
	count_field(l, "head_dim", c->head_dim);
	count_field(l, "d_ff", c->d_ff);
	count_field(l, "vocabulary", c->n_vocab);
	count_field(l, "context", c->max_positions);
	listing_key(l, "sliding_window");
	if (c->window == 0)
		listing_string(l, NULL);
	else
		listing_shown(l, c->window, ui_format_count(c->window, buf, sizeof(buf)));
}

/* What is needed besides the weights: for a prompt of a chunk, and for the whole context. */
static void memory_fields(struct listing *l, struct invocation *in)
{
	struct executor_options o = { .kernels = in->kernels,
				      .pool = in->pool,
				      .plan = PLAN_RUN,
				      .ring = true,
				      .chunk = option_int(in, OPT_CHUNK, 512) };
	const struct program *p = &in->model.program;
	struct executor_need chunk = executor_estimate(p, &o, o.chunk, false);
	struct executor_need all = executor_estimate(p, &o, in->model.config->max_positions, false);

	bytes_field(l, "activations", chunk.scratch_bytes);
	bytes_field(l, "kv_cache_chunk", chunk.kv_bytes);
	bytes_field(l, "kv_cache_context", all.kv_bytes);
	bytes_field(l, "memory_available", mem_available_bytes());
}

static void tokenizer_fields(struct listing *l, const struct tokenizer *tok)
{
	struct bytes bos;

	if (!tok)
		return;
	count_field(l, "tokens", tokenizer_vocab_size(tok));
	listing_key(l, "bos");
	if (tokenizer_bos(tok) < 0) {
		listing_string(l, NULL);
	} else {
		bos = tokenizer_piece(tok, tokenizer_bos(tok));
		listing_text(l, bos.data, bos.len);
	}
	listing_key(l, "chat_template");
	listing_bool(l, tokenizer_chat_template(tok) != NULL);
}

#define PROSE 78 /* columns of running text, where there are so many */

#define LABEL 11 /* columns before what is to be tried */

static void add_try(struct text *t, const struct ui *ui, const char *label, const char *command)
{
	struct text line = { 0 };

	text_addf(&line, "%s %s", called_name(), command);
	text_addf(t, "%-*s", LABEL, label);
	ui_add_command(t, line.data, line.len, ui->width, LABEL + 2, LABEL);
	text_addc(t, '\n');
	text_release(&line);
}

/* What the model that comes with the program is and what to try with it: beside the result. */
static void print_about(const struct invocation *in)
{
	static const char about[] =
		"The model that comes with torchless, trained for it on small stories of one "
		"grammar. It tells such stories, finds what was put where, knows who gave what "
		"to whom, some capitals and opposites, adds to ten, and copies what it never "
		"saw. It was made for texts of %lld tokens and fewer";
	static const char *const commands[] = {
		"run --temp 0.7 \"Once upon a time\"",
		("trace \"Lily put the ball in the box. Tom asked where the ball was. Lily said it was in the\""),
		"tokenize --steps \"Lily put the ball in the box.\"",
		"info --program",
	};
	const struct ui *ui = in->out.is_terminal ? &in->out : &in->err;
	const struct config *c = in->model.config;
	struct text prose = { 0 }, shown = { 0 };

	if (!in->model_is_ours || option_on(in, OPT_QUIET) || option_on(in, OPT_JSON))
		return;
	text_addf(&prose, about, (long long)c->max_positions);
	if (c->window > 0)
		text_addf(&prose, "; a layer sees the last %lld", (long long)c->window);
	text_addc(&shown, '\n');
	ui_add_wrapped(&shown, prose.data, prose.len,
		       ui->width > 0 && ui->width < PROSE ? ui->width : PROSE, 0, 0);
	text_addf(&shown, ".\n\n%-11s", "card");
	ui_add_visible(&shown, ui, in->model.checkpoint.path, strlen(in->model.checkpoint.path));
	text_adds(&shown, "/README.md\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		add_try(&shown, ui, i ? "" : "try", commands[i]);
	ui_write(ui, shown.data, shown.len);
	text_release(&prose);
	text_release(&shown);
}

/* What TORCHLESS_KERNELS may be here. */
static void kernels_field(struct listing *l)
{
	struct text names = { 0 };

	kernels_add_names(&names, " ");
	listing_string(l, names.data);
	text_release(&names);
}

/* Elements of weights of each type. */
static void count_types(const struct checkpoint *ck, int64_t n[DTYPE_COUNT])
{
	for (int f = 0; f < ck->n_files; f++)
		for (int i = 0; i < ck->files[f].n_tensors; i++) {
			const struct file_tensor *t = &ck->files[f].tensors[i];

			/* Tensors may share their data, so the sum has no bound. */
			if (!t->unsupported && checkpoint_is_weight(ck, t) &&
			    !mem_add(n[t->t.dtype], t->numel, &n[t->t.dtype]))
				n[t->t.dtype] = INT64_MAX;
		}
}

/* "q4_1, q8_0, f32": the type of most elements first. */
static void types_field(struct listing *l, const struct checkpoint *ck)
{
	int64_t n[DTYPE_COUNT] = { 0 };
	struct text types = { 0 };
	int best = 0;

	count_types(ck, n);
	while (best >= 0) {
		best = -1;
		for (int d = 0; d < DTYPE_COUNT; d++)
			if (n[d] && (best < 0 || n[d] > n[best]))
				best = d;
		if (best < 0)
			break;
		text_addf(&types, "%s%s", types.len ? ", " : "", dtype_table[best].name);
		n[best] = 0;
	}
	listing_key(l, "weight_types");
	listing_text(l, types.data ? types.data : "", types.len);
	text_release(&types);
}

static void bits_fields(struct listing *l, const struct checkpoint *ck)
{
	double bits = ck->n_params ? 8 * (double)ck->weight_bytes / (double)ck->n_params : NAN;

	types_field(l, ck);
	listing_key(l, "bits_a_weight");
	listing_real(l, round(bits * 100) / 100);
	/* The rest lies where it is in the file. */
	if (ck->copied_bytes)
		bytes_field(l, "weights_copied", ck->copied_bytes);
}

static int info_overview(struct invocation *in, struct err *err)
{
	const struct checkpoint *ck = &in->model.checkpoint;
	const struct config *c = &ck->config;
	struct listing l;
	char buf[40];

	listing_init_record(&l, in);
	listing_key(&l, "model");
	listing_string(&l, c->name);
	listing_key(&l, "path");
	listing_string(&l, ck->path);
	listing_key(&l, "architecture");
	listing_string(&l, c->arch);
	sizes_fields(&l, c);
	listing_key(&l, "parameters");
	listing_shown(&l, ck->n_params, ui_format_params(ck->n_params, buf, sizeof(buf)));
	listing_key(&l, "weight_type");
	listing_string(&l, dtype_table[ck->weight_dtype].name);
	if (c->source_types[0]) {
		listing_key(&l, "dequantized_from");
		listing_string(&l, c->source_types);
	}
	bytes_field(&l, "weights", ck->weight_bytes);
	bits_fields(&l, ck);
	memory_fields(&l, in);
	tokenizer_fields(&l, in->model.tokenizer);
	count_field(&l, "ops", in->model.program.n_ops);
	count_field(&l, "points", program_count_points(&in->model.program));
	listing_key(&l, "kernels");
	listing_string(&l, in->kernels->isa);
	listing_key(&l, "kernels_available");
	kernels_field(&l);
	listing_key(&l, "threads");
	listing_int(&l, threads_count(in->pool));
	if (listing_print(&l, err))
		return err->code;
	print_about(in);
	return 0;
}

/* transformers says as much when it loads them. */
static void warn_unused(const struct invocation *in)
{
	struct text unused = { 0 };

	if (!option_on(in, OPT_QUIET))
		model_add_unused(&in->model, &unused);
	if (unused.len)
		warn("%s", unused.data);
	text_release(&unused);
}

/* A model whose tokenizer is none is still worth describing; that the system fails is told. */
static int open_for_overview(struct invocation *in, struct err *err)
{
	struct err first = { 0 };

	if (invocation_open_model(in, CHECKPOINT_ALL, &first) == 0)
		return 0;
	if (first.code == ERR_IO || first.code == ERR_MEMORY)
		return err_set(err, first.code, "%s", first.message);
	if (invocation_open_model(in, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, err))
		return err->code;
	warn("%s", first.message);
	return 0;
}

int cmd_info(struct invocation *in, struct err *err)
{
	static const struct {
		enum option_id id;
		unsigned parts;
		bool needs_kernels;
		int (*print)(struct invocation *in, struct err *err);
	} views[] = {
		{ OPT_CONFIG, CHECKPOINT_CONFIG, false, info_config },
		{ OPT_TENSORS, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, true, info_tensors },
		{ OPT_POINTS, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, false, info_points },
		{ OPT_PROGRAM, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, false, info_program },
	};

	if (options_exclusive(in, err, OPT_CONFIG, OPT_TENSORS, OPT_POINTS, OPT_PROGRAM))
		return err->code;
	if (options_exclusive(in, err, OPT_TSV, OPT_JSON))
		return err->code;
	if (option_on(in, OPT_STATS) && !option_on(in, OPT_TENSORS))
		return err_set(err, ERR_USAGE, "--stats belongs to --tensors");
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		if (!option_on(in, views[i].id))
			continue;
		if ((views[i].needs_kernels && invocation_open_kernels(in, err)) ||
		    invocation_open_model(in, views[i].parts, err))
			return err->code;
		return views[i].print(in, err);
	}
	if (invocation_open_kernels(in, err) || open_for_overview(in, err))
		return err->code;
	warn_unused(in);
	return info_overview(in, err);
}
