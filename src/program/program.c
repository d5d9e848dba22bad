/*
 * program.c -- builds the list of ops and checks every shape while doing so.
 *
 * The signatures of ops.def are parsed here and nowhere else: unify_input() binds letters to the
 * sizes of an operand, infer_output() reads them back.  S and R stand for the symbols of
 * a pass from the start; T becomes the symbol of its operand (T, or R behind a tail), never a
 * number.
 */
#include "torchless/program.h"

#include "torchless/mem.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct op_info op_table[OP_COUNT] = {
#define OP(NAME, name, storage, shapes, formula)                                                   \
	[OP_##NAME] = { #name, STORAGE_##storage, shapes, formula },
#include "torchless/ops.def"
#undef OP
};

const struct point_info point_table[] = {
#define POINT(module, name, axes, role, tl, ggml, hf, doc)                                         \
	{ module, name, axes, role, tl, ggml, hf, doc, false },
#define ALIAS(module, name, role, tl, ggml, doc)                                                   \
	{ module, name, NULL, role, tl, ggml, NULL, doc, true },
#include "torchless/points.def"
#undef POINT
#undef ALIAS
};
const int point_table_len = (int)(sizeof(point_table) / sizeof(point_table[0]));

/* ---- modules ------------------------------------------------------------------------------ */

/* The number after "layers." in a path, -1 if there is none. */
static int layer_of(const char *path)
{
	const char *at = strstr(path, "layers.");

	return at && isdigit((unsigned char)at[7]) ? atoi(at + 7) : -1;
}

static int add_module(struct program *p, const char *type, const char *name)
{
	struct module m = { .type = type, .parent = p->scope, .op_first = p->n_ops };
	const char *parent = p->scope >= 0 ? p->modules[p->scope].path : "";
	size_t size = strlen(parent) + strlen(name) + 2;

	m.path = mem_calloc(size, 1);
	snprintf(m.path, size, "%s%s%s", parent, *parent ? "." : "", name);
	m.depth = p->scope >= 0 ? p->modules[p->scope].depth + 1 : 0;
	m.layer = layer_of(m.path);
	m.op_end = p->n_ops;
	p->modules = mem_grow(p->modules, (size_t)p->n_modules, &p->cap_modules, sizeof(m));
	p->modules[p->n_modules] = m;
	return p->n_modules++;
}

void program_init(struct program *p, const char *root_type)
{
	*p = (struct program){ .scope = -1, .ids = -1, .positions = -1, .logits = -1 };
	p->scope = add_module(p, root_type, "");
}

void program_release(struct program *p)
{
	for (int i = 0; i < p->n_values; i++)
		free(p->values[i].name);
	for (int i = 0; i < p->n_modules; i++)
		free(p->modules[i].path);
	for (int i = 0; i < p->n_aliases; i++)
		free(p->aliases[i].name);
	free(p->values);
	free(p->ops);
	free(p->modules);
	free(p->aliases);
	*p = (struct program){ .scope = -1, .ids = -1, .positions = -1, .logits = -1 };
}

void program_enter(struct program *p, const char *type, const char *fmt, ...)
{
	char name[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	p->scope = add_module(p, type, name);
}

void program_leave(struct program *p)
{
	assert(p->scope > 0 && "left more modules than were entered");
	p->scope = p->modules[p->scope].parent;
}

bool program_module_inside(const struct program *p, int m, int ancestor)
{
	while (m >= 0 && m != ancestor)
		m = p->modules[m].parent;
	return m >= 0;
}

int program_find_module(const struct program *p, const char *path)
{
	for (int i = 0; i < p->n_modules; i++)
		if (strcmp(p->modules[i].path, path) == 0)
			return i;
	return -1;
}

/* ---- values ------------------------------------------------------------------------------- */

/* "model.layers.3.mlp" matches the pattern "model.layers.*.mlp": `*` is one run of digits. */
static bool module_matches(const char *pattern, const char *path)
{
	for (; *pattern; pattern++) {
		if (*pattern != '*') {
			if (*pattern != *path++)
				return false;
			continue;
		}
		if (!isdigit((unsigned char)*path))
			return false;
		while (isdigit((unsigned char)*path))
			path++;
	}
	return *path == '\0';
}

static const struct point_info *find_point_info(const char *module, const char *name, bool alias)
{
	for (int i = 0; i < point_table_len; i++)
		if (point_table[i].is_alias == alias && strcmp(point_table[i].name, name) == 0 &&
		    module_matches(point_table[i].module, module))
			return &point_table[i];
	return NULL;
}

static value_id add_value(struct program *p, struct value v)
{
	v.op = v.last_op = -1;
	v.tied_to = -1;
	v.layer = -1;
	p->values = mem_grow(p->values, (size_t)p->n_values, &p->cap_values, sizeof(v));
	p->values[p->n_values] = v;
	return p->n_values++;
}

/* Of a program without weights only the names can tell. */
static bool is_same_weight(const struct value *v, const char *name, const struct tensor *t)
{
	if (!t->data)
		return !strcmp(v->name, name);
	return v->t.data == t->data && tensor_numel(&v->t) > 0;
}

value_id program_weight(struct program *p, const char *name, struct tensor t)
{
	struct value v = { .name = mem_strdup(name), .storage = STORAGE_WEIGHT, .t = t };
	value_id tied = -1;
	value_id id;

	for (int i = 0; i < p->n_values && tied < 0; i++)
		if (p->values[i].storage == STORAGE_WEIGHT &&
		    is_same_weight(&p->values[i], name, &t))
			tied = i;
	id = add_value(p, v);
	p->values[id].tied_to = tied;
	p->values[id].layer = layer_of(name);
	return id;
}

value_id program_outline(struct program *p, const char *name, enum dtype dtype, int64_t rows,
			 int64_t cols)
{
	const int64_t shape[] = { rows, cols };

	return program_weight(p, name, tensor_make(dtype, cols ? 2 : 1, shape, NULL));
}

value_id program_input(struct program *p, const char *name, struct tensor t)
{
	return add_value(
		p, (struct value){ .name = mem_strdup(name), .storage = STORAGE_INPUT, .t = t });
}

int64_t program_row(const struct program *p, value_id v)
{
	int64_t n = 1;

	for (int i = 1; v >= 0 && i < p->values[v].t.n_dims; i++)
		n *= p->values[v].t.shape[i];
	return n;
}

static char *join_name(const char *module, const char *point)
{
	size_t size = strlen(module) + strlen(point) + 2;
	char *name = mem_calloc(size, 1);

	snprintf(name, size, "%s:%s", module, point);
	return name;
}

void program_alias(struct program *p, const char *name, value_id value)
{
	const struct module *m = &p->modules[p->scope];
	struct alias a = { .value = value, .layer = m->layer };

	if (value < 0)
		return; /* an earlier emit failed */
	a.name = join_name(m->path, name);
	a.point = find_point_info(m->path, name, true);
	p->aliases = mem_grow(p->aliases, (size_t)p->n_aliases, &p->cap_aliases, sizeof(a));
	p->aliases[p->n_aliases++] = a;
}

value_id program_find(const struct program *p, const char *name)
{
	for (int i = 0; i < p->n_values; i++)
		if (strcmp(p->values[i].name, name) == 0)
			return i;
	for (int i = 0; i < p->n_aliases; i++)
		if (strcmp(p->aliases[i].name, name) == 0)
			return p->aliases[i].value;
	return -1;
}

int program_count_points(const struct program *p)
{
	int n = 0;

	for (int i = 0; i < p->n_values; i++)
		n += p->values[i].point != NULL;
	return n;
}

static void format_dim(int64_t dim, char *buf, size_t size)
{
	static const char symbols[] = "?TSR";

	if (dim < 0)
		snprintf(buf, size, "%c", symbols[-dim]);
	else
		snprintf(buf, size, "%lld", (long long)dim);
}

const char *program_format_shape(const struct value *v, char *buf, size_t size)
{
	char dim[24];
	size_t at = (size_t)snprintf(buf, size, "%s[", dtype_table[v->t.dtype].name);

	for (int i = 0; i < v->t.n_dims && at < size; i++) {
		format_dim(v->t.shape[i], dim, sizeof(dim));
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? ", " : "", dim);
	}
	if (at < size)
		snprintf(buf + at, size - at, "]");
	return buf;
}

/* ---- signatures --------------------------------------------------------------------------- */

/* What a letter stands for while one op is emitted; 0: nothing yet. */
struct letters {
	int64_t size[128];
};

static void letters_init(struct letters *l)
{
	memset(l, 0, sizeof(*l));
	l->size['S'] = DIM_S;
	l->size['R'] = DIM_R;
}

/* One dimension of a signature: "T", "2F" or "K*". */
struct sig_dim {
	int times;
	char letter;
	bool rest;
};

static const char *parse_dim(const char *sig, struct sig_dim *d)
{
	*d = (struct sig_dim){ .times = 1 };
	if (isdigit((unsigned char)*sig))
		d->times = *sig++ - '0';
	assert(isupper((unsigned char)*sig) && "ops.def: a dimension is a capital letter");
	d->letter = *sig++;
	if (*sig == '*') {
		d->rest = true;
		sig++;
	}
	return *sig == ',' ? sig + 1 : sig;
}

/* The product of dims [from, n), none of which may be a symbol. */
static int64_t product(const struct tensor *t, int from)
{
	int64_t n = 1;

	for (int i = from; i < t->n_dims; i++)
		if (t->shape[i] < 0 || !mem_mul(n, t->shape[i], &n))
			return -1;
	return n;
}

/*
 * Bind the letters of one operand, "x[T,K*]", to a shape.  *bad becomes the letter that does not
 * fit, '#' for a wrong number of dimensions.  Returns the rest of the signature.
 */
static const char *unify_input(const char *sig, struct letters *l, const struct tensor *t,
			       char *bad)
{
	int i = 0;

	sig = strchr(sig, '[');
	assert(sig && "ops.def: an operand without a shape");
	for (sig++; *sig != ']';) {
		struct sig_dim d;
		int64_t *size, actual;

		sig = parse_dim(sig, &d);
		size = &l->size[(unsigned char)d.letter];
		actual = i >= t->n_dims ? 0 : d.rest ? product(t, i) : t->shape[i];
		i = d.rest ? t->n_dims : i + 1;
		if (*bad)
			continue;
		if (i > t->n_dims || actual == 0 || (d.letter == 'T' && actual > 0))
			*bad = '#';
		else if (*size && *size * d.times != actual)
			*bad = d.letter;
		else
			*size = actual / d.times;
	}
	if (!*bad && i != t->n_dims)
		*bad = '#';
	return sig + 1;
}

/* Read one output, "rms[T]": its name and shape.  Returns the rest, NULL after the last. */
static const char *infer_output(const char *sig, const struct letters *l, char *name, size_t size,
				struct tensor *t)
{
	int64_t shape[TENSOR_MAX_DIMS];
	int n = 0;
	size_t len = strcspn(sig, "[");

	snprintf(name, size, "%.*s", (int)len, sig);
	for (sig += len + 1; *sig != ']';) {
		struct sig_dim d;

		assert(n < TENSOR_MAX_DIMS);
		sig = parse_dim(sig, &d);
		shape[n++] = l->size[(unsigned char)d.letter] * d.times;
	}
	*t = tensor_make(DTYPE_F32, n, shape, NULL);
	sig += strspn(sig, "] ");
	return *sig ? sig : NULL;
}

/* ---- emitting ------------------------------------------------------------------------------ */

static int shape_error(const struct program *p, const struct op *op, int operand, char letter,
		       const struct letters *l, struct err *err)
{
	const struct value *v = &p->values[op->in[operand]];
	char shape[96], size[24];

	program_format_shape(v, shape, sizeof(shape));
	if (letter == '#')
		return err_set(err, ERR_SHAPE, "%s is %s but %s of %s wants %s", v->name, shape,
			       op_table[op->code].name, p->modules[op->module].path,
			       op_table[op->code].shapes);
	format_dim(l->size[(unsigned char)letter], size, sizeof(size));
	return err_set(err, ERR_SHAPE, "%s is %s but %s of %s wants %s with %c = %s", v->name,
		       shape, op_table[op->code].name, p->modules[op->module].path,
		       op_table[op->code].shapes, letter, size);
}

/* Conditions that a signature cannot say. */
static int check_attributes(const struct op *op, const struct letters *l, const struct program *p,
			    struct err *err)
{
	int64_t heads = l->size['H'], groups = l->size['G'];

	if (heads > 0 && groups > 0 && heads % groups != 0)
		return err_set(err, ERR_SHAPE,
			       "%s: %lld query heads cannot share %lld key/value heads evenly",
			       p->modules[op->module].path, (long long)heads, (long long)groups);
	return 0;
}

static int check_inputs(struct program *p, const struct op *op, struct letters *l,
			const char **outputs, struct err *err)
{
	const char *sig = op_table[op->code].shapes;

	letters_init(l);
	for (int i = 0; i < op->n_in; i++) {
		char bad = 0;

		sig = unify_input(sig, l, &p->values[op->in[i]].t, &bad);
		if (bad)
			return shape_error(p, op, i, bad, l, err);
	}
	*outputs = strstr(sig, "-> ");
	assert(*outputs && !strchr(sig, '[') == !strchr(*outputs, '[') && "too few operands");
	*outputs += 3;
	return check_attributes(op, l, p, err);
}

/* View y[T, N] as [T, heads, N / heads]; heads 0 leaves it. */
static int view_heads(struct tensor *t, int64_t heads, const char *module, struct err *err)
{
	if (heads == 0)
		return 0;
	if (t->n_dims != 2 || t->shape[1] % heads != 0)
		return err_set(err, ERR_SHAPE, "%s: %lld outputs are not a multiple of %lld heads",
			       module, (long long)t->shape[1], (long long)heads);
	*t = tensor_make(t->dtype, 3, (int64_t[]){ t->shape[0], heads, t->shape[1] / heads }, NULL);
	return 0;
}

static int add_outputs(struct program *p, struct op *op, const struct emit *e, const char *sig,
		       const struct letters *l, struct err *err)
{
	const struct module *m = &p->modules[op->module];

	while (sig) {
		struct value v = { .storage = op_table[op->code].storage };
		char name[32];
		const char *point = name;
		value_id id;

		sig = infer_output(sig, l, name, sizeof(name), &v.t);
		if (strcmp(name, "y") == 0)
			point = e->point ? e->point : "out";
		if (view_heads(&v.t, e->heads, m->path, err))
			return err->code;
		v.name = join_name(m->path, point);
		id = add_value(p, v);
		p->values[id].op = p->values[id].last_op = p->n_ops;
		p->values[id].layer = m->layer;
		p->values[id].point = find_point_info(m->path, point, false);
		op->out[op->n_out++] = id;
	}
	return 0;
}

/* Weights count for the module that reads them; a tied one counts where it was first read. */
static void count_weights(struct program *p, const struct op *op)
{
	for (int i = 0; i < op->n_in; i++) {
		const struct value *v = &p->values[op->in[i]];

		if (v->storage != STORAGE_WEIGHT || v->tied_to >= 0)
			continue;
		p->modules[op->module].n_params += tensor_numel(&v->t);
		p->modules[op->module].weight_bytes += tensor_bytes(&v->t);
	}
}

static void append_op(struct program *p, const struct op *op)
{
	p->ops = mem_grow(p->ops, (size_t)p->n_ops, &p->cap_ops, sizeof(*op));
	p->ops[p->n_ops++] = *op;
	for (int i = 0; i < op->n_in; i++) {
		struct value *v = &p->values[op->in[i]];

		v->last_op = p->n_ops - 1;
	}
	for (int m = op->module; m >= 0; m = p->modules[m].parent)
		p->modules[m].op_end = p->n_ops;
	if (p->modules[op->module].layer >= p->n_layers)
		p->n_layers = p->modules[op->module].layer + 1;
}

static int count_operands(const char *sig)
{
	const char *end = strstr(sig, "->");
	int n = 0;

	for (const char *at = sig; at < end; at++)
		n += *at == '[';
	return n;
}

value_id program_emit_at(struct program *p, struct emit e, const char *file, int line,
			 struct err *err)
{
	struct op op = { .code = e.code,
			 .n_in = count_operands(op_table[e.code].shapes),
			 .eps = e.eps,
			 .scale = e.scale,
			 .factor = e.factor,
			 .window = e.window,
			 .file = file,
			 .line = line };
	struct letters letters;
	const char *outputs = NULL;

	for (int i = 0; i < op.n_in; i++) {
		if (e.in[i] < 0)
			return e.in[i]; /* an earlier emit failed and said why */
		op.in[i] = e.in[i];
	}
	op.module = e.module ? add_module(p, e.type, e.module) : p->scope;
	if (check_inputs(p, &op, &letters, &outputs, err) ||
	    add_outputs(p, &op, &e, outputs, &letters, err))
		return err->code;
	count_weights(p, &op);
	append_op(p, &op);
	return op.out[op.n_out - 1];
}

int64_t value_window(const struct program *p, value_id relation)
{
	const struct op *op = &p->ops[p->values[relation].op];

	if (op->code != OP_MASK && op->n_in > 0 && p->values[op->in[0]].op >= 0)
		op = &p->ops[p->values[op->in[0]].op];
	return op->code == OP_MASK ? op->window : 0;
}
