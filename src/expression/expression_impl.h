/*
 * expression_impl.h -- what the files of src/expression share; private to it.
 *
 * From the ground up: scan.c (words, numbers, texts), sign.c (operators as they are written),
 * code.c (the list of instructions), value.c, operators.c, part.c, call.c (what instructions do),
 * path.c (which tensor a text means), function.c (which function), parse.c (text to
 * instructions), evaluate.c (instructions to a value), caret.c, expression.c.
 *
 * An expression is a list of instructions for a stack, as SQLite compiles a statement: no tree is
 * walked, so that a long text costs no stack of the machine.
 */
#ifndef EXPRESSION_IMPL_H
#define EXPRESSION_IMPL_H

#include "torchless/expression.h"

/* ---- text ---------------------------------------------------------------------------------- */

struct scan {
	const char *text;
	size_t at;
	int depth;     /* of brackets and signs around `at` */
	bool in_index; /* `:` parts a range and does not belong to a path */
};

bool scan_is_letter(char c); /* of a name: A-Z a-z _ */
bool scan_is_digit(char c);
void scan_space(struct scan *s);

/* The bytes of the name that stands at `at`, 0: none does. */
size_t scan_word(const struct scan *s, size_t at);

/* Past `token` if it stands here, after spaces. */
bool scan_take(struct scan *s, const char *token);

/* Whether a name stands here, and after spaces one of the characters in `ends`; its bytes in *len.
 */
bool scan_word_before(struct scan *s, const char *ends, size_t *len);

/* "head=": past it and true; "head==" is something else. */
bool scan_key(struct scan *s, char *key, size_t size);

/* A number into *v; ERR_USAGE when letters follow it. */
int scan_number(struct scan *s, struct array_value *v, struct err *err);

/* A text in quotes; ERR_USAGE. */
int scan_text(struct scan *s, struct text *out, struct err *err);

/* Whether a whole text in quotes stands here, and behind it one of the characters in `ends`. */
bool scan_is_text_before(const struct scan *s, const char *ends);

/* ERR_USAGE: `what` was expected, and what is here instead. */
int scan_unexpected(struct scan *s, const char *what, struct err *err);

/* ---- instructions -------------------------------------------------------------------------- */

enum operator_id {
	OP_OR,
	OP_AND,
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_MATMUL,
	OP_NEGATE,
	OP_NOT
};

/* An operator between two operands. */
struct sign {
	const char *sign;
	enum operator_id op;
	int level; /* what binds tighter is higher */
};

#define SIGN_COMPARISON 3 /* the level of == and its kin, which do not chain */
#define SIGN_HIGHEST    6 /* above all of them: where the unary ones stand */

/* The operator that stands here, of that level or a higher one; past it.  NULL: there is none. */
const struct sign *sign_take(struct scan *s, int level);

/* ERR_USAGE about what stands here and is no operator but looks like one; 0: nothing does. */
int sign_refuse(struct scan *s, struct err *err);

enum step_kind {
	STEP_NUMBER,   /* push `number` */
	STEP_TEXT,     /* push the word */
	STEP_VARIABLE, /* push what the word means */
	STEP_READ,     /* pop the operands of n items, push the part of the tensor of that path */
	STEP_PART,     /* the same of the tensor below the operands */
	STEP_CALL,     /* pop n arguments, push the result */
	STEP_UNARY,    /* pop one, push one */
	STEP_BINARY,   /* pop two, push one */
	STEP_DECIDE    /* where a number on top decides && or ||: make it 0 or 1, go to `n` */
};

struct step {
	enum step_kind kind;
	enum operator_id op;
	int n, first;      /* items[first..first + n); DECIDE: n is where to go */
	int word;          /* of words[] */
	size_t start, end; /* the text that it means */
	size_t at;         /* what is wrong when it fails: a name, the right side */
	bool head_only;    /* READ: nobody looks at elements */
	double real;
	int64_t whole;
	enum array_kind number; /* ARRAY_WHOLE or ARRAY_REAL */
	const struct array_function *array;
	const struct expression_function *own;
};

/* An index between commas, or an argument (of which only `at` counts). */
struct item {
	size_t at;
	char axis[32]; /* "" by place */
	bool all;      /* "..." */
	bool single;   /* an index: one operand; else a range, of which are there: */
	bool has[3];   /* start, stop, step */
};

struct word {
	char *text;
	enum step_kind kind; /* TEXT, VARIABLE or READ */
};

struct expression {
	char *text;
	struct step *steps;
	struct item *items;
	struct word *words; /* each once */
	size_t n_steps, cap_steps, n_items, cap_items, n_words, cap_words;
	int height, max_height; /* of the stack */
};

struct expression *code_new(const char *text);
void code_free(struct expression *e);

/* The word of that kind: the one that is there, or a new one. */
int code_word(struct expression *e, enum step_kind kind, const char *text, size_t len);

/* Room for n consecutive items; the index of the first.  They move when others are made. */
int code_items(struct expression *e, int n);

/* Append; `effect` is how much higher the stack is then.  Its index. */
size_t code_step(struct expression *e, const struct step *step, int effect);

/* The simple ones, made where the parser's frames, which are many, need no room for them. */
size_t code_operator(struct expression *e, enum step_kind kind, enum operator_id op, size_t start,
		     size_t at, size_t end);
void code_push(struct expression *e, enum step_kind kind, int word, size_t start, size_t end);
void code_number(struct expression *e, const struct array_value *v, size_t start, size_t end);

/* ---- what instructions do ------------------------------------------------------------------ */

/* Who may take how much, and who waits. */
struct budget {
	int64_t left; /* elements */
	const struct array_watch *watch;
};

/* Take n elements: ERR_USAGE when there are not so many, ERR_INTERRUPTED when nobody waits. */
int budget_take(struct budget *b, int64_t n, struct err *err);
int budget_look(const struct budget *b, struct err *err);

/* A tensor of no dimensions is a number; anything else stays. */
void value_settle(struct array_value *v);
bool value_is_number(const struct array_value *v); /* nothing counts as one: NaN */
double value_number(const struct array_value *v);
const char *value_kind(const struct array_value *v); /* "a number", "a text", "a tensor" */

/* The whole number that v is, whatever its kind; ERR_USAGE says that `what` is one. */
int value_whole(const struct array_value *v, const char *what, int64_t *n, struct err *err);

int operate_unary(enum operator_id op, const struct array_value *a, struct budget *b,
		  struct array_value *result, struct err *err);
int operate_binary(enum operator_id op, const struct array_value *a, const struct array_value *b,
		   struct budget *budget, struct array_value *result, struct err *err);

/* Rows of each axis: `count` from `start` on, `step` apart. */
struct part {
	int64_t start[TENSOR_MAX_DIMS], count[TENSOR_MAX_DIMS], step[TENSOR_MAX_DIMS];
	bool drop[TENSOR_MAX_DIMS];
	int64_t numel;
};

/* Which axis each item is about, on a tensor with such axes; ERR_USAGE, *at: whose item. */
int part_axes(const struct array *a, const struct item *items, int n, int axis_of[TENSOR_MAX_DIMS],
	      size_t *at, struct err *err);

/* The rows that items with these operands, one after the other, mean. */
int part_find(const struct array *a, const struct item *items, int n,
	      const struct array_value *operands, struct part *p, size_t *at, struct err *err);

int part_n_operands(const struct item *items, int n);

/* The part of `a`, which may be a head; shared with it where it can be. */
struct array *part_take(struct array *a, const struct part *p, struct err *err);

/* The smallest part without steps that holds `p`; as a selection, and *rest is `p` within it. */
void part_cover(const struct part *p, int n_dims, struct array_part *c);
void part_selection(const struct array *a, const struct part *p, struct text *selection,
		    struct part *rest);
bool part_has_steps(const struct part *p, int n_dims);

/* Call with n values, which are changed to what the function wants; *at: whose argument. */
int call_function(const struct step *s, const struct item *args, void *ctx,
		  struct array_value *values, struct budget *b, struct array_value *result,
		  size_t *at, struct err *err);

/* ---- the whole ----------------------------------------------------------------------------- */

/* A text as a path or a variable; what is pushed. */
struct path {
	char text[256];
	bool is_variable;
	struct array head; /* n_dims -1: not known */
};

/* Whether there is such a tensor: ERR_USAGE. */
int path_check(const struct expression_names *names, const char *path, struct err *err);

/*
 * "pass=1" where it stands in brackets and belongs to the path: past it and true, with the bytes
 * from *from on.
 */
bool path_take_key(struct scan *s, const struct expression_names *names, size_t *from);

/* What stands here, which begins as a path does; past it. */
int path_scan(struct scan *s, const struct expression_names *names, struct path *path,
	      struct err *err);

/* What a name with "(" behind it means. */
struct function {
	const struct array_function *array; /* or */
	const struct expression_function *own;
	const char *name, *args, *params;
	int min_args;
};

bool function_find(const struct expression_names *names, const char *name, struct function *f);

/* ERR_USAGE: there is no such function, with the nearest. */
int function_missing(const struct expression_names *names, const char *name, struct err *err);

/* ERR_USAGE: it takes other arguments, which are said. */
int function_refuse(const struct function *f, struct err *err);

/* The place of an argument in "(t[, bins[, lo]])", -1 where none is called so. */
int function_place(const struct function *f, const char *key);

/* The instructions of the text; scan->at is what is wrong. */
int parse(struct expression *e, const struct expression_names *names, struct scan *s,
	  struct err *err);

int code_run(const struct expression *e, const struct expression_names *names,
	     const struct array_watch *watch, struct array_value *result, size_t *at,
	     struct err *err);

/* The column of a byte, counted from 1 in what is shown. */
int caret_column(const char *text, size_t at);

#endif
