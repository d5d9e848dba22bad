/*
 * program.h -- the forward pass as data.
 *
 * A program is a flat list of ops over numbered values, in the order they run.  Modeling code
 * (src/model/mistral.c) builds it once from the config; after that it is read-only.  Running,
 * tracing, debugging, drawing and diffing a model are different readers of this one list.
 *
 * Every op remembers the Hugging Face module that computes it and the file and line of the
 * modeling code that emitted it, which is what a debugger shows as source.  Modules are entered
 * and left in order, so the ops of a module are a range [op_first, op_end).
 *
 * Dimensions are constants or symbols (negative numbers): T tokens of this pass, S keys visible,
 * R rows of logits.  They are bound when a pass begins; nothing is rebuilt for a pass.
 */
#ifndef TORCHLESS_PROGRAM_H
#define TORCHLESS_PROGRAM_H

#include "torchless/err.h"
#include "torchless/tensor.h"

#include <stdbool.h>

enum opcode {
#define OP(NAME, name, storage, shapes, formula) OP_##NAME,
#include "torchless/ops.def"
#undef OP
	OP_COUNT
};

enum storage {
	STORAGE_OWN,   /* a buffer of the pass */
	STORAGE_VIEW,  /* memory of the op's first input */
	STORAGE_CACHE, /* lives across passes */
	STORAGE_LAZY,  /* computed a row of axis 0 at a time, never kept whole */
	STORAGE_WEIGHT,
	STORAGE_INPUT, /* bound by executor_begin() */
};

struct op_info {
	const char *name;
	enum storage storage;
	const char *shapes;
	const char *formula;
};
extern const struct op_info op_table[OP_COUNT];

#define OP_MAX_INPUTS  3
#define OP_MAX_OUTPUTS 3

/* Symbolic dimensions, as they stand in the shape of a value. */
enum dim_symbol { DIM_T = -1, DIM_S = -2, DIM_R = -3 };

/* What a point is called here and elsewhere: a line of points.def. */
struct point_info {
	const char *module; /* "model.layers.*.self_attn" */
	const char *name;   /* "pattern" */
	const char *axes;   /* "head,q,k"; NULL for an alias */
	const char *role;
	const char *tl_name;   /* "blocks.%d.attn.hook_pattern" or NULL */
	const char *ggml_name; /* "kq_soft_max-%d" or NULL */
	const char *hf_source;
	const char *doc;
	bool is_alias;
};
extern const struct point_info point_table[];
extern const int point_table_len;

typedef int value_id; /* index into program.values; negative means "none" */

struct value {
	char *name; /* "model.layers.3.self_attn:q_rot"; a weight's is its tensor name */
	enum storage storage;
	struct tensor t;  /* symbolic dims are negative; data is set for weights only */
	int op;           /* the op that writes it, -1 for weights and inputs */
	int last_op;      /* the last op that reads it, or `op` when nothing does */
	value_id tied_to; /* a weight with two names: the first one, else -1 */
	const struct point_info *point; /* NULL: not a point (weights, inputs, views) */
	int layer;                      /* -1 outside the layers */
};

/* Another name of a value: `model.layers.3:in` is `model.layers.2:out`. */
struct alias {
	char *name;
	value_id value;
	const struct point_info *point;
	int layer;
};

struct module {
	char *path;       /* "model.layers.3.self_attn"; the root is "" */
	const char *type; /* Hugging Face class name, static storage */
	int parent;       /* index into program.modules, -1 for the root */
	int depth;        /* the root is 0 */
	int layer;
	int op_first, op_end;
	int64_t n_params, weight_bytes; /* of its own weights, not of its children's */
};

struct op {
	enum opcode code;
	value_id in[OP_MAX_INPUTS];
	value_id out[OP_MAX_OUTPUTS];
	int n_in, n_out;
	float eps;      /* RMSNORM */
	float scale;    /* SCORES */
	float factor;   /* ROTARY: multiplies cos and sin (attention_scaling) */
	int64_t window; /* MASK: 0 = none */
	int module;     /* index into program.modules */
	const char *file;
	int line;
};

struct program {
	struct value *values;
	int n_values;
	struct op *ops;
	int n_ops;
	struct module *modules;
	int n_modules;
	struct alias *aliases;
	int n_aliases;
	value_id ids;       /* input: i32[T], token ids */
	value_id positions; /* input: i32[T], absolute positions */
	value_id logits;    /* output: f32[R, V] */
	int n_layers;
	int scope; /* module being built */
	size_t cap_values, cap_ops, cap_modules, cap_aliases;
};

/* An empty program with the root module of Hugging Face class `root_type`. */
void program_init(struct program *p, const char *root_type);
void program_release(struct program *p);

/* Enter the submodule `name` ("layers.3") of class `type` and leave it again. */
void program_enter(struct program *p, const char *type, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void program_leave(struct program *p);

/* Declare a weight (t.data set) or an input; weights that share data are tied. */
value_id program_weight(struct program *p, const char *name, struct tensor t);

/*
 * Declare a weight [rows, cols], or [rows] when cols is 0, without data: the program is there to be
 * read and cannot run.  Weights of one name are tied.
 */
value_id program_outline(struct program *p, const char *name, enum dtype dtype, int64_t rows,
			 int64_t cols);
value_id program_input(struct program *p, const char *name, struct tensor t);

/*
 * One op to append.  `module` names a child module of the current scope that this op is the whole
 * of ("gate_proj", class `type`), or is NULL when the current module itself computes it.
 * `point` renames a lone output; NULL keeps the signature's names.  `heads` > 0 views the output
 * [T, N] as [T, heads, N / heads].
 */
struct emit {
	enum opcode code;
	value_id in[OP_MAX_INPUTS];
	const char *module, *type, *point;
	int64_t heads, window;
	float eps, scale, factor;
};

/*
 * Append an op and return its last output (the only one but for ROTARY, whose cos is the value
 * before its sin).  A negative input passes through, so modeling code checks once at the end.
 * ERR_SHAPE names the operand, its shape, the signature and the size that its letter has already.
 */
#define program_emit(p, err, ...)                                                                  \
	program_emit_at((p), (struct emit){ __VA_ARGS__ }, __FILE__, __LINE__, (err))
value_id program_emit_at(struct program *p, struct emit e, const char *file, int line,
			 struct err *err);

/* Give `value` the further name <current module>:<name>. */
void program_alias(struct program *p, const char *name, value_id value);

/* The value called `name` (canonical, or an alias), -1 if there is none. */
value_id program_find(const struct program *p, const char *name);

/* The module with this path, -1 if there is none. */
int program_find_module(const struct program *p, const char *path);

/* Whether module m is `ancestor` or inside it. */
bool program_module_inside(const struct program *p, int m, int ancestor);

/* "f32[T, 9, 64]": like tensor_format() but knows the symbols. */
const char *program_format_shape(const struct value *v, char *buf, size_t size);

/* Elements of a row of axis 0; 1 for a negative id. */
int64_t program_row(const struct program *p, value_id v);

/* Number of points (values with `point` set). */
int program_count_points(const struct program *p);

/* How many keys a query sees of a relation of queries and keys: 0 is all before it. */
int64_t value_window(const struct program *p, value_id relation);

#endif
