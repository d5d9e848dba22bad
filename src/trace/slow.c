/*
 * slow.c -- see slow.h.
 *
 * Each answers as SQLite's own does (tests/unit/test_query.c compares them).  Searching is linear;
 * where only a product is known, one beyond what a second computes is refused.
 */
/* memmem() NOLINTNEXTLINE(bugprone-reserved-identifier) */
#define _GNU_SOURCE

#include "slow.h"

#include "limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define MAX_WORK  500000000ll /* steps of a few nanoseconds */
#define JSON_TYPE 74          /* the subtype by which SQLite's functions know JSON */

/* ---- shared -------------------------------------------------------------------------------- */

static bool any_null(int n, sqlite3_value **args)
{
	for (int i = 0; i < n; i++)
		if (sqlite3_value_type(args[i]) == SQLITE_NULL)
			return true;
	return false;
}

/* Whether n * m steps are too many; then the error is the function's result. */
static bool refuses(sqlite3_context *ctx, const char *name, int64_t n, int64_t m)
{
	char *message;

	if (!n || m <= MAX_WORK / n)
		return false;
	message = sqlite3_mprintf("%s of %lld by %lld bytes takes too long", name, n, m);
	sqlite3_result_error(ctx, message ? message : name, -1);
	sqlite3_free(message);
	return true;
}

/* A step of straight code: SQLite asks only where its machine jumps. */
static bool is_over(sqlite3_context *ctx)
{
	if (!limits_reached(sqlite3_user_data(ctx)))
		return false;
	sqlite3_result_error(ctx, "interrupted", -1);
	sqlite3_result_error_code(ctx, SQLITE_INTERRUPT);
	return true;
}

struct piece {
	const unsigned char *data;
	int64_t len;
};

/* As text; of a blob, its bytes. data is NULL when there is no memory. */
static struct piece text_of(sqlite3_value *v)
{
	struct piece p = { sqlite3_value_text(v), 0 };

	p.len = sqlite3_value_bytes(v);
	return p;
}

static bool continues(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Where `what` begins in `in`, or NULL.  A sanitizer reads all that memmem() may, at every call. */
static const unsigned char *find(struct piece in, struct piece what)
{
	if (what.len == 1)
		return memchr(in.data, *what.data, (size_t)in.len);
	return memmem(in.data, (size_t)in.len, what.data, (size_t)what.len);
}

/* ---- instr --------------------------------------------------------------------------------- */

/* In bytes, or in characters: 1 for the first; 0: not there. */
static int64_t place(struct piece in, struct piece what, bool is_text)
{
	const unsigned char *at;
	int64_t n = 1;

	if (!what.len)
		return 1;
	if (what.len > in.len)
		return 0;
	/* A match begins where a character does, or at the very front. */
	if (is_text && continues(*what.data))
		return !memcmp(in.data, what.data, (size_t)what.len);
	at = find(in, what);
	if (!at || !is_text)
		return at ? at - in.data + 1 : 0;
	for (const unsigned char *c = in.data + 1; c <= at; c++)
		n += !continues(*c);
	return n;
}

static void instr(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	bool blobs = sqlite3_value_type(args[0]) == SQLITE_BLOB &&
		     sqlite3_value_type(args[1]) == SQLITE_BLOB;
	struct piece in, what;

	if (any_null(n, args) || is_over(ctx))
		return;
	if (blobs) {
		in = (struct piece){ sqlite3_value_blob(args[0]), sqlite3_value_bytes(args[0]) };
		what = (struct piece){ sqlite3_value_blob(args[1]), sqlite3_value_bytes(args[1]) };
	} else {
		in = text_of(args[0]);
		what = text_of(args[1]);
	}
	if ((in.len && !in.data) || (what.len && !what.data))
		sqlite3_result_error_nomem(ctx);
	else
		sqlite3_result_int64(ctx, place(in, what, !blobs));
}

/* ---- replace ------------------------------------------------------------------------------- */

static int64_t count(struct piece in, struct piece what)
{
	const unsigned char *at, *end = in.data + in.len;
	int64_t n = 0;

	for (; (at = find(in, what)); in.len = end - in.data, n++)
		in.data = at + what.len;
	return n;
}

static unsigned char *append(unsigned char *to, const unsigned char *data, int64_t len)
{
	memcpy(to, data, (size_t)len);
	return to + len;
}

static void fill(unsigned char *to, struct piece in, struct piece what, struct piece by)
{
	const unsigned char *at, *end = in.data + in.len;

	for (; (at = find(in, what)); in.len = end - in.data) {
		to = append(to, in.data, at - in.data);
		to = append(to, by.data, by.len);
		in.data = at + what.len;
	}
	*append(to, in.data, in.len) = '\0';
}

/* Counted before, so that what is too long is refused without being made. */
static void replace_all(sqlite3_context *ctx, struct piece in, struct piece what, struct piece by)
{
	int64_t len = in.len + count(in, what) * (by.len - what.len);
	unsigned char *text;

	if (len > sqlite3_limit(sqlite3_context_db_handle(ctx), SQLITE_LIMIT_LENGTH, -1)) {
		sqlite3_result_error_toobig(ctx);
		return;
	}
	text = sqlite3_malloc64((sqlite3_uint64)len + 1);
	if (!text) {
		sqlite3_result_error_nomem(ctx);
		return;
	}
	fill(text, in, what, by);
	sqlite3_result_text(ctx, (char *)text, (int)len, sqlite3_free);
}

static void replace(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	struct piece in, what, by;

	if (any_null(n - 1, args) || is_over(ctx))
		return;
	in = text_of(args[0]);
	what = text_of(args[1]);
	if (what.data && !*what.data) {
		sqlite3_result_value(ctx, args[0]);
		return;
	}
	if (any_null(n, args))
		return;
	by = text_of(args[2]);
	if (!in.data || !what.data || !by.data)
		sqlite3_result_error_nomem(ctx);
	else
		replace_all(ctx, in, what, by);
}

/* ---- trim ---------------------------------------------------------------------------------- */

/* The characters to take away: ASCII as a table, with the others one behind the other. */
struct trim_set {
	bool ascii[128];
	struct piece all;
	int64_t n; /* characters in it */
};

static int64_t char_len(struct piece p)
{
	int64_t n = 1;

	while (*p.data >= 0xc0 && n < p.len && continues(p.data[n]))
		n++;
	return n;
}

static struct trim_set trim_set_of(struct piece p)
{
	struct trim_set set = { .all = p };

	for (int64_t n; p.len > 0; p.data += n, p.len -= n) {
		n = char_len(p);
		set.n++;
		if (*p.data < 0x80)
			set.ascii[*p.data] = true;
	}
	return set;
}

/*
 * The bytes at one end of `in` that are a character of the set; 0: none.  Of what is no UTF-8
 * several may fit, and SQLite takes the first.
 */
static int64_t trim_one(const struct trim_set *set, struct piece in, bool front)
{
	unsigned char byte = front ? in.data[0] : in.data[in.len - 1];

	/* No longer character begins or ends in one. */
	if (byte < 0x80)
		return set->ascii[byte];
	for (struct piece p = set->all; p.len > 0;) {
		int64_t n = char_len(p);

		if (n <= in.len &&
		    !memcmp(front ? in.data : in.data + in.len - n, p.data, (size_t)n))
			return n;
		p.data += n;
		p.len -= n;
	}
	return 0;
}

enum { TRIM_FRONT = 1, TRIM_BACK = 2 };

static void trim_ends(sqlite3_context *ctx, int n, sqlite3_value **args, int ends)
{
	struct piece in, chars = { (const unsigned char *)" ", 1 };
	struct trim_set set;
	int64_t len;

	if (any_null(n, args) || is_over(ctx))
		return;
	in = text_of(args[0]);
	if (n > 1)
		chars = text_of(args[1]);
	if (!in.data || !chars.data) {
		sqlite3_result_error_nomem(ctx);
		return;
	}
	/* SQLite takes the set as a string of C, which a NUL ends. */
	chars.len = (int64_t)strlen((const char *)chars.data);
	set = trim_set_of(chars);
	if (refuses(ctx, "trim", in.len, set.n > 128 ? set.n : 1))
		return;
	while (ends & TRIM_FRONT && in.len > 0 && (len = trim_one(&set, in, true)) > 0) {
		in.data += len;
		in.len -= len;
	}
	while (ends & TRIM_BACK && in.len > 0 && (len = trim_one(&set, in, false)) > 0)
		in.len -= len;
	sqlite3_result_text(ctx, (const char *)in.data, (int)in.len, SQLITE_TRANSIENT);
}

static void trim(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	trim_ends(ctx, n, args, TRIM_FRONT | TRIM_BACK);
}

static void ltrim(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	trim_ends(ctx, n, args, TRIM_FRONT);
}

static void rtrim(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	trim_ends(ctx, n, args, TRIM_BACK);
}

/* ---- json_patch ---------------------------------------------------------------------------- */

/* A connection to nothing, whose functions are SQLite's own. */
struct scratch {
	sqlite3 *db;
	sqlite3_stmt *patch;
};

static sqlite3_stmt *patch_statement(struct limits *l)
{
	struct scratch *s = l->scratch;

	if (!s) {
		s = l->scratch = sqlite3_malloc(sizeof(*s));
		if (!s)
			return NULL;
		*s = (struct scratch){ 0 };
	}
	if (!s->db)
		sqlite3_open_v2(":memory:", &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY,
				NULL);
	if (!s->patch)
		sqlite3_prepare_v2(s->db, "SELECT json_patch(?1, ?2)", -1, &s->patch, NULL);
	return s->patch;
}

/* Every key of one is looked for among all of the other; a key and its value take six bytes. */
static void json_patch(sqlite3_context *ctx, int n, sqlite3_value **args)
{
	struct limits *l = sqlite3_user_data(ctx);
	sqlite3_stmt *s;
	int code;

	(void)n;
	if (is_over(ctx) || refuses(ctx, "json_patch", sqlite3_value_bytes(args[0]) / 6,
				    sqlite3_value_bytes(args[1]) / 6))
		return;
	s = patch_statement(l);
	if (!s) {
		sqlite3_result_error_nomem(ctx);
		return;
	}
	sqlite3_bind_value(s, 1, args[0]);
	sqlite3_bind_value(s, 2, args[1]);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW) {
		sqlite3_result_value(ctx, sqlite3_column_value(s, 0));
		sqlite3_result_subtype(ctx, JSON_TYPE);
	} else if (code == SQLITE_NOMEM) {
		sqlite3_result_error_nomem(ctx);
	} else {
		sqlite3_result_error(ctx, sqlite3_errmsg(l->scratch->db), -1);
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

void slow_release(struct limits *l)
{
	if (l->scratch) {
		sqlite3_finalize(l->scratch->patch);
		sqlite3_close(l->scratch->db);
	}
	sqlite3_free(l->scratch);
	l->scratch = NULL;
}

/* ---- the table ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int n_args;
	void (*run)(sqlite3_context *ctx, int n, sqlite3_value **args);
} functions[] = {
	{ "instr", 2, instr }, { "replace", 3, replace }, { "trim", 1, trim },
	{ "trim", 2, trim },   { "ltrim", 1, ltrim },     { "ltrim", 2, ltrim },
	{ "rtrim", 1, rtrim }, { "rtrim", 2, rtrim },     { "json_patch", 2, json_patch },
};

void slow_replace(struct limits *l, sqlite3 *handle)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		sqlite3_create_function_v2(handle, functions[i].name, functions[i].n_args, flags, l,
					   functions[i].run, NULL, NULL, NULL);
}
