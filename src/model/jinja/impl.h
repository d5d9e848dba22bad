/*
 * impl.h -- what the files of the template evaluator share, from the ground up.
 *
 *	arena.c      memory, the bounds, and how an evaluation ends early
 *	value.c      values: what they are, lists and dicts
 *	unicode.c    characters of strings, as Python sees them; cases.c: their cases
 *	number.c     integers and floats: arithmetic, reading, printing
 *	show.c       str() and repr(); json.c: tojson
 *	compare.c    ==, <, in; iterate.c: what a loop goes through
 *	format.c     "%s" % x and "{}".format(x)
 *	args.c       arguments to parameters
 *	methods_split.c, methods_case.c, methods_text.c  what strings can be asked: a table
 *	methods.c    what lists and dicts can be asked
 *	lookup.c     x.name, x[i], x[a:b]
 *	globals.c    range(), namespace(), raise_exception() ...: a table
 *	tests.c      what stands behind `is`: a table
 *	filters.c    what stands behind `|`: a table; filters_text.c,
 *	filters_wrap.c, filters_list.c, filters_find.c
 *	lexer.c      a template to tokens
 *	parse_expression.c, parse.c  tokens to a tree
 *	operators.c  + - * ~
 *	expression.c, execute.c      walking the tree
 *	jinja.c      the public face
 *
 * An evaluation that cannot go on calls jinja_fail(), which does not return: jinja_render() does,
 * with the sentence.  That is safe because all memory is the arena's.
 */
#ifndef TORCHLESS_JINJA_IMPL_H
#define TORCHLESS_JINJA_IMPL_H

#include "torchless/jinja.h"

#include <setjmp.h>

/* ---- arena.c ---- */

#define JINJA_MAX_TEMPLATE ((size_t)4 << 20)
#define JINJA_MAX_NESTING  40 /* blocks and expressions of a template */
#define JINJA_MAX_DEPTH                                                                            \
	160                /* of walking the tree: expressions, blocks, macros that call macros    \
			    */
#define JINJA_MAX_VALUE 40 /* lists in lists */

struct chunk;
struct nodes;
struct scope;
struct value;
struct callable;
struct args;

enum char_class {
	CHAR_PRINTABLE,
	CHAR_LETTER,
	CHAR_DIGIT,
	CHAR_WORD,
	CHAR_UPPER,
	CHAR_LOWER,
	CHAR_TITLE,
	CHAR_CASED,
	CHAR_CASE_IGNORABLE,
	CHAR_NUMBER,
	CHAR_NAME_START,
	CHAR_NAME,
	CHAR_CLASSES
};

struct jinja {
	struct chunk *chunks;
	size_t used, limit; /* bytes */
	int64_t steps;      /* that are left */
	size_t given;       /* bytes of variables and template: the bounds follow them */
	const char *where;  /* the template's name */
	const char *source; /* its text, newlines normalised */
	size_t source_len;
	uint32_t at; /* the offset of what is being done */
	int depth, nesting;
	bool in_namespace; /* show.c is inside of one */
	struct scope *root;
	struct scope *context; /* what a block sees that is not scoped */
	struct nodes *blocks;  /* of the template, by their names */
	/* self.NAME(), whose node is c->data */
	struct value (*call_block)(struct jinja *j, const struct callable *c,
				   const struct args *args);
	struct buffer *out;          /* where a block prints */
	void *locale;                /* cases.c */
	void *classes[CHAR_CLASSES]; /* unicode.c */
	struct err *err;
	jmp_buf *end;
};

/* End the evaluation: "WHERE, line 3, column 7: " and the sentence. */
_Noreturn void jinja_fail(struct jinja *j, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
_Noreturn void jinja_fail_at(struct jinja *j, uint32_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void jinja_fail_memory(struct jinja *j); /* ERR_MEMORY */

/* Zeroed memory that lives as long as the evaluation. */
void *jinja_alloc(struct jinja *j, size_t n, size_t size);
/* mem_grow() in the arena. */
void *jinja_grow(struct jinja *j, void *array, size_t n, size_t *cap, size_t size);
/* Count the work of touching n things; ends what takes too many steps. */
void jinja_work(struct jinja *j, size_t n);
void jinja_enter(struct jinja *j);
void jinja_leave(struct jinja *j);
/* What the bounds follow from. */
void jinja_bound(struct jinja *j, size_t given);
void jinja_release_memory(struct jinja *j);

/* Text that grows. */
struct buffer {
	char *data;
	size_t len, cap;
};
void buffer_add(struct jinja *j, struct buffer *b, const char *data, size_t len);
void buffer_adds(struct jinja *j, struct buffer *b, const char *s);
void buffer_addc(struct jinja *j, struct buffer *b, char c);
void buffer_add_char(struct jinja *j, struct buffer *b, uint32_t cp);

/* ---- value.c ---- */

enum kind {
	V_MISSING, /* an argument that was not given */
	V_UNDEFINED,
	V_NONE,
	V_BOOL,
	V_INT,
	V_FLOAT,
	V_STRING,
	V_LIST,
	V_TUPLE,
	V_RANGE,  /* seq, its items made */
	V_VIEW,   /* dict.items() and the like: seq */
	V_STREAM, /* what can be gone through once: seq */
	V_DICT,
	V_NAMESPACE, /* dict that grows */
	V_CALLABLE,
	V_LOOP,
	V_CYCLER,
	V_SELF, /* the template's blocks */
};

struct seq;
struct dict;
struct callable;
struct node;
struct loop;
struct cycler;

struct value {
	enum kind kind;
	bool markup; /* a string that `escape` or `safe` has marked: + escapes what is added */
	union {
		bool b;
		int64_t i;
		double d;
		struct bytes s; /* V_STRING; V_UNDEFINED: why, as an error says it */
		struct seq *seq;
		struct dict *dict;
		struct callable *callable;
		struct loop *loop;
		struct cycler *cycler;
	};
};

struct jinja_value {
	struct value v;
};

struct seq {
	struct value *at;
	size_t n, cap, next; /* next: of a stream */
	int depth;
	const char *type;    /* how Python calls a view or a stream; the repr() of a range */
	struct bytes *names; /* of a named tuple: grouper, list */
};

struct pair {
	struct value key, value;
};
struct dict {
	struct pair *at;
	size_t n, cap;
	int depth;
};

struct named {
	struct bytes name;
	struct value value;
};
struct args {
	struct value *at;
	size_t n, cap;
	struct named *named;
	size_t n_named, cap_named;
};

/* Something that can be called: a method of `self`, a global, a macro with its `data`. */
struct callable {
	const char *name;
	struct value (*call)(struct jinja *j, const struct callable *c, const struct args *args);
	struct value self;
	const void *data;
	struct scope *scope; /* where a macro was made */
};

struct loop {
	const struct seq *items;
	size_t index0;
	bool is_stream;
	struct value changed; /* what was asked about last; V_MISSING: nothing */
	int depth0;
	/* Of a recursive loop: what loop(items) prints. */
	struct value (*again)(struct jinja *j, const struct loop *loop, struct value items);
	const struct node *node;
	struct scope *scope; /* around it */
};

struct cycler {
	const struct seq *items;
	size_t pos;
	bool joins; /* joiner(): nothing the first time */
};

struct value v_none(void);
struct value v_bool(bool b);
struct value v_int(int64_t i);
struct value v_float(double d);
struct value v_bytes(struct bytes s);                        /* not copied */
struct value v_part(struct bytes s, size_t from, size_t to); /* s[from..to) */
#define NO_BYTES ((struct bytes){ NULL, 0 })
struct value v_text(const char *s); /* not copied */
struct value v_buffer(const struct buffer *b);
struct value v_seq(enum kind kind, struct seq *seq);
struct value v_undefined(struct jinja *j, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
struct seq *seq_new(struct jinja *j, size_t room);
void seq_add(struct jinja *j, struct seq *s, struct value v);
struct value v_stream(struct seq *seq, const char *type);
struct value v_pair(struct jinja *j, struct value a, struct value b);
struct dict *dict_new(struct jinja *j);
struct value v_dict(struct dict *d);
int value_depth(struct value v);

bool is_string(struct value v);
bool is_number(struct value v);   /* bool, int or float */
bool is_integer(struct value v);  /* bool or int */
bool is_sequence(struct value v); /* list, tuple or range: what has len() and an order */
bool has_items(struct value v);   /* seq is set */
bool value_truth(struct value v);
int64_t integer_of(struct value v);
/* "str", "dict", as Python says it. */
const char *type_name(struct value v);
/* A NUL-terminated copy, cut where it is long: for a sentence. */
const char *short_name(struct jinja *j, struct bytes s);
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_are(struct bytes a, const char *b);
struct bytes bytes_of(const char *s);

/* ---- unicode.c ---- */

#define CHAR_NO_UTF8 0xdc00
/* The character at s[0..n): its bytes and code point; a byte that is no UTF-8 is one of its own,
 * whose code point is CHAR_NO_UTF8 + the byte, as Python's surrogateescape has it. */
size_t char_at(const char *s, size_t n, uint32_t *cp);
/* The same for the last character of s, which is not empty. */
size_t last_char(struct bytes s, uint32_t *cp);
bool is_no_utf8(uint32_t cp);
size_t count_chars(struct jinja *j, struct bytes s);
/* The byte offset of character i; s.len when there are fewer. */
size_t char_offset(struct bytes s, size_t i);
bool is_space(uint32_t cp); /* str.isspace() */
bool char_is(struct jinja *j, enum char_class class, uint32_t cp);
/* str.text_strip(chars); chars.data NULL: white space. */
struct bytes text_strip(struct bytes s, struct bytes chars, bool left, bool right);
/* Frees what looking at characters, here and in cases.c, has opened. */
void unicode_release(struct jinja *j);

/* ---- cases.c ---- */

enum char_case { CASE_UPPER, CASE_LOWER, CASE_TITLE, CASE_FOLD };
/* str.upper(), str.lower(), str.casefold(); str.title() of a first letter. */
void add_cased(struct jinja *j, struct buffer *b, struct bytes s, enum char_case to);
/* The same for s[from..to), whose neighbours in s count: a final sigma is another small letter. */
void add_part_cased(struct jinja *j, struct buffer *b, struct bytes s, size_t from, size_t to,
		    enum char_case wanted);
/* str.isupper(), str.islower(): some letter has that case, and none another. */
bool text_has_case(struct jinja *j, struct bytes s, enum char_case wanted);

/* ---- number.c ---- */

void add_int(struct jinja *j, struct buffer *b, int64_t i);
void add_float(struct jinja *j, struct buffer *b, double d); /* repr() */
double float_of(struct value v);
/* One of + - * / % f (//) p (**) of numbers. */
struct value number_operate(struct jinja *j, char op, struct value a, struct value b);
struct value negate(struct jinja *j, struct value a);
/* int(s, base), float(s): false when it is none. */
bool read_int(struct jinja *j, struct bytes s, int64_t base, int64_t *i);
bool read_float(struct jinja *j, struct bytes s, double *d);
bool float_to_int(struct jinja *j, double d, int64_t *i);
/* -1, 0, 1; 2 when there is a NaN. */
int compare_numbers(struct value a, struct value b);

/* ---- show.c, json.c ---- */

void add_str(struct jinja *j, struct buffer *b, struct value v);
void add_repr(struct jinja *j, struct buffer *b, struct value v);
struct bytes to_str(struct jinja *j, struct value v);
struct bytes to_repr(struct jinja *j, struct value v);
/* json.dumps(); arguments as the filter has them: ensure_ascii, indent, separators, sort_keys. */
struct bytes to_json(struct jinja *j, struct value v, const struct value *arg);

/* ---- compare.c, iterate.c ---- */

bool values_equal(struct jinja *j, struct value a, struct value b);
/* a < b and so on, op being one of "<", "<=", ">", ">="; ends for types that have no order. */
bool values_ordered(struct jinja *j, const char *op, struct value a, struct value b);
bool value_contains(struct jinja *j, struct value container, struct value item);
/* Whether it may be the key of a dict. */
bool is_hashable(struct value v);
struct value *dict_find(struct jinja *j, const struct dict *d, struct value key);
struct value *dict_find_text(struct jinja *j, const struct dict *d, struct bytes key);
void dict_put(struct jinja *j, struct dict *d, struct value key, struct value value);
bool is_iterable(struct value v);
/* What a loop goes through, not to be changed; a stream is empty afterwards. */
struct seq *value_items(struct jinja *j, struct value v);
/* len(); ends for what has none. */
int64_t value_length(struct jinja *j, struct value v);

/* ---- format.c ---- */

struct value format_percent(struct jinja *j, struct bytes format, struct value args);
struct value format_braces(struct jinja *j, struct bytes s, const struct args *args);

/* ---- args.c ---- */

#define JINJA_MAX_PARAMS 8

/*
 * Arguments to the parameters that `names` lists, separated by commas, of which `required` must be
 * there; those that are not are V_MISSING.  A name behind '/' takes no keyword.
 */
void args_bind(struct jinja *j, const char *what, const char *names, int required,
	       const struct args *args, struct value out[JINJA_MAX_PARAMS]);
void args_add(struct jinja *j, struct args *a, struct value v);
void args_add_named(struct jinja *j, struct args *a, struct bytes name, struct value v);
const struct value *args_named(const struct args *a, const char *name);
/* Optional arguments by type; ends for another. */
bool arg_bool(struct value v, bool otherwise);
int64_t arg_int(struct jinja *j, const char *what, struct value v, int64_t otherwise);
struct bytes arg_text(struct jinja *j, const char *what, struct value v);
/* The same; NO_BYTES where it is missing or none. */
struct bytes arg_optional_text(struct jinja *j, const char *what, struct value v);

/* ---- methods.c, methods_text.c, methods_split.c, methods_case.c ---- */

/* What is called: of `self`, with the arguments of its parameters, and all as they are. */
typedef struct value method_fn(struct jinja *j, struct value self, const struct value *arg,
			       const struct args *args);

/* A row of a table of methods: call NULL: Python has it, torchless not. */
struct method {
	const char *name;
	method_fn *call;
	const char *params; /* NULL: `args` are read as they are */
	int required;
};
extern const struct method text_methods[];
size_t text_search(struct jinja *j, struct bytes s, struct bytes what, size_t from, size_t to,
		   bool last);
method_fn str_join, str_partition, str_rpartition, str_rsplit, str_split, str_splitlines,
	str_capitalize, str_casefold, str_center, str_expandtabs, str_isalnum, str_isalpha,
	str_isascii, str_isdecimal, str_isdigit, str_isidentifier, str_islower, str_isnumeric,
	str_isprintable, str_isspace, str_istitle, str_isupper, str_ljust, str_lower, str_rjust,
	str_swapcase, str_title, str_upper, str_zfill;
/* The attribute of a value that Python's type has: V_MISSING when it has none. */
struct value method_find(struct jinja *j, struct value self, struct bytes name);
struct value text_split_lines(struct jinja *j, struct bytes s);
struct value text_replace(struct jinja *j, struct bytes s, struct bytes old, struct bytes new,
			  int64_t times);
struct value text_capitalize(struct jinja *j, struct bytes s);
struct value text_center(struct jinja *j, struct bytes s, int64_t width, struct bytes fill);

/* ---- lookup.c ---- */

struct value get_attribute(struct jinja *j, struct value v, struct bytes name);
struct value get_item(struct jinja *j, struct value v, struct value key);
struct value get_slice(struct jinja *j, struct value v, struct value from, struct value to,
		       struct value step);
/* "a.0.b" as the filters read it; `otherwise` V_MISSING: none. */
struct value get_path(struct jinja *j, struct value v, struct value path, struct value otherwise);

/* ---- globals.c, tests.c, filters.c ---- */

/* range(from, to, step); step is not 0. */
struct value v_range(struct jinja *j, int64_t from, int64_t to, int64_t step);
/* V_MISSING when there is none. */
struct value global_find(struct jinja *j, struct bytes name);

enum known { KNOWN, KNOWN_ELSEWHERE, UNKNOWN };
enum known test_known(struct bytes name);
bool test_run(struct jinja *j, struct bytes name, struct value v, const struct args *args);
enum known filter_known(struct bytes name);
struct value filter_run(struct jinja *j, struct bytes name, struct value v,
			const struct args *args);

struct filter {
	const char *name;
	struct value (*run)(struct jinja *j, struct value v, const struct value *arg,
			    const struct args *args);
	const char *params;
	int required;
};
extern const struct filter text_filters[], list_filters[];
/* The filter of the two tables, NULL when it is not there. */
const struct filter *filter_find(struct bytes name);
/* select, reject, selectattr, rejectattr: 0 to 3; -1 for any other. */
int filter_choosing(struct bytes name);
/* `wordwrap`, of filters_wrap.c. */
struct value filter_wordwrap(struct jinja *j, struct value v, const struct value *arg,
			     const struct args *args);
struct value text_escaped(struct jinja *j, struct value v);

/* ---- lexer.c ---- */

enum token_kind {
	T_END,
	T_DATA,
	T_PRINT_BEGIN,
	T_PRINT_END,
	T_BLOCK_BEGIN,
	T_BLOCK_END,
	T_NAME,
	T_STRING,
	T_INT,
	T_FLOAT,
	T_OPERATOR,
};
struct token {
	enum token_kind kind;
	uint32_t at;
	struct bytes text; /* the value of a string, else as it is written */
	union {
		int64_t i;
		double d;
	};
};
/* The tokens of j->source, the last of which is T_END. */
struct token *lex_template(struct jinja *j, size_t *n);

/* ---- the tree ---- */

enum node_kind {
	/* expressions */
	N_CONST,     /* value */
	N_NAME,      /* name */
	N_TUPLE,     /* list */
	N_LIST,      /* list */
	N_DICT,      /* list: key, value, key ... */
	N_NOT,       /* a */
	N_NEGATE,    /* a */
	N_PLUS,      /* a */
	N_AND,       /* list */
	N_OR,        /* list */
	N_CHAIN,     /* list, ops: a + b - c, or a * b % c */
	N_CONCAT,    /* list */
	N_COMPARE,   /* list, ops */
	N_IF_ELSE,   /* a if b else c; c NULL */
	N_ATTRIBUTE, /* a.name */
	N_ITEM,      /* a[b] */
	N_SLICE,     /* a[list[0]:list[1]:list[2]], each may be NULL */
	N_CALL,      /* a(list), named */
	N_FILTER,    /* a|name(list), named; a NULL: what the block printed */
	N_TEST,      /* a is name(list), named */
	/* statements */
	N_OUTPUT,       /* list */
	N_FOR,          /* for a in b if c: list, other */
	N_IF,           /* branches */
	N_SET,          /* a = b */
	N_SET_BLOCK,    /* a = list through b */
	N_NAMESPACE,    /* name.attribute, to set */
	N_MACRO,        /* name(params): list */
	N_CALL_BLOCK,   /* a: a call; list and params: the caller */
	N_FILTER_BLOCK, /* b, list */
	N_WITH,         /* params: list */
	N_SCOPE,        /* list */
	N_BLOCK,        /* name: list; scoped */
	N_ABSENT,       /* name: a statement that fails when it is met */
	N_BREAK,
	N_CONTINUE,
	N_NODE_KINDS,
};

struct node;
struct nodes {
	struct node **at;
	size_t n, cap;
};
/* name=value: of a call, a macro's parameter and its default (value NULL: none), of `with`. */
struct node_pair {
	struct bytes name;
	struct node *target; /* of `with` */
	struct node *value;
};
struct branch {
	struct node *test; /* NULL: else */
	struct nodes body;
};
struct node {
	enum node_kind kind;
	uint32_t at;
	struct bytes name;
	struct bytes attribute;
	struct value value;
	struct node *a, *b, *c, *rest, *mapping; /* rest, mapping: *args and **kwargs */
	struct nodes list, other;
	const char **ops;
	size_t cap_ops;
	struct node_pair *named;
	size_t n_named, cap_named;
	struct branch *branches;
	size_t n_branches, cap_branches;
	bool uses_caller, uses_varargs, uses_kwargs;
	bool recursive; /* of a loop */
	bool scoped;    /* of a block */
};

/* ---- parse_expression.c, parse.c ---- */

struct parser {
	struct jinja *j;
	const struct token *token; /* the next one */
	struct node *macro;        /* the macro whose body is read */
	int soft;                  /* inside of `if`: an unknown filter is told when it is met */
	int loops;                 /* that `break` could leave */
	int inside_for;            /* of how many, whatever lies between */
	struct nodes blocks;
};

struct node *node_new(struct parser *p, enum node_kind kind, uint32_t at);
void nodes_add(struct jinja *j, struct nodes *list, struct node *n);
void node_add_named(struct jinja *j, struct node *n, struct node_pair pair);
bool at_operator(const struct parser *p, const char *op);
bool at_name(const struct parser *p, const char *name);
bool skip_operator(struct parser *p, const char *op);
bool skip_name(struct parser *p, const char *name);
void expect_operator(struct parser *p, const char *op);
struct bytes expect_name(struct parser *p);
/* "'x'", "end of print statement": for a sentence. */
const char *token_words(struct parser *p, const struct token *t);
/* Deeper by one block or expression. */
void parse_enter(struct parser *p);
void parse_leave(struct parser *p);

struct node *parse_expression(struct parser *p, bool with_if);
/* a, b: a tuple unless there is no comma; `stop` is a name that ends it, NULL: none. */
struct node *parse_tuple(struct parser *p, bool with_if, const char *stop, bool parenthesised);
struct node *parse_target(struct parser *p, bool with_namespace, const char *stop);
struct node *parse_filters(struct parser *p, struct node *a, bool first);

/* The body; the blocks that are anywhere in it are j->blocks. */
struct nodes parse_template(struct jinja *j);

/* ---- operators.c, expression.c, execute.c ---- */

struct value add_values(struct jinja *j, struct value a, struct value b);
struct value operate(struct jinja *j, const char *op, struct value a, struct value b);

/*
 * Names and what they stand for; what is not here is looked for in the parent.
 *
 * jinja2 knows when it compiles which names a scope sets.  A block inside of it that reads such a
 * name before it is set finds it undefined, and not what the template was given.  Here a name is
 * known when it is set, so `read` keeps what was read through the scope: setting it is refused.
 */
struct scope {
	struct scope *parent;
	struct read {
		struct bytes name;
		bool own; /* the scope itself read it first: then jinja2 finds what was given */
	} * read;
	size_t n_read, cap_read;
	struct named *at;
	size_t n, cap;
};
struct scope *frame_new(struct jinja *j, struct scope *parent);
void frame_set(struct jinja *j, struct scope *s, struct bytes name, struct value v);
struct value frame_find(struct jinja *j, struct scope *from, struct bytes name);
struct value eval_node(struct jinja *j, struct scope *s, const struct node *n);
/* A filter node over what stands on its left. */
struct value eval_filter_over(struct jinja *j, struct scope *s, const struct node *n,
			      struct value v);
struct value eval_call_with(struct jinja *j, struct scope *s, const struct node *n,
			    const struct value *caller);

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };
enum flow exec_body(struct jinja *j, struct scope *s, const struct nodes *body);
/* What stands in jinja.call_block. */
struct value call_block(struct jinja *j, const struct callable *c, const struct args *args);

#endif
