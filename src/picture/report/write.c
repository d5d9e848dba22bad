/*
 * write.c -- a recording's cells as JSON, within bounds.
 */
#include "report_impl.h"

#include "torchless/json.h"
#include "torchless/utf8.h"

#include <math.h>
#include <stdarg.h>

#define MAX_TEXT   (256 << 10)    /* of a prompt or a setting */
#define MAX_PIECE  512            /* of a token */
#define COMPUTE_NS 300000000000ll /* weights of 14 GB are read for their hash */

/* ---- cells --------------------------------------------------------------------------------- */

int64_t cell_int(const struct cell *c, int64_t otherwise)
{
	return c->type == CELL_INT ? c->i : otherwise;
}

double cell_real(const struct cell *c)
{
	return c->type == CELL_REAL ? c->d : c->type == CELL_INT ? (double)c->i : NAN;
}

bool cell_in(const struct cell *c, int64_t min, int64_t max)
{
	return c->type == CELL_INT && c->i >= min && c->i <= max;
}

bool cell_is(const struct cell *c, const char *text)
{
	return c->type == CELL_TEXT && c->s.len == strlen(text) &&
	       !memcmp(c->s.data, text, c->s.len);
}

static bool is_text(const struct cell *c)
{
	return c->type == CELL_TEXT || c->type == CELL_BLOB;
}

static bool is_utf8(const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = (size_t)utf8_decode(s + i, len - i, NULL);
		if (!n)
			return false;
	}
	return true;
}

/* How much of the text is shown: not half a character. */
static size_t cut(struct report_writer *w, const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	w->n_cut++;
	return utf8_complete(s, max);
}

void report_add_text(struct report_writer *w, const char *key, const void *data, size_t len,
		     size_t max)
{
	size_t n = cut(w, data, len, max);
	struct text shown = { 0 };

	text_add(&shown, data, n);
	text_adds(&shown, n < len ? "…" : "");
	json_add_key(w->out, key);
	text_add_json(w->out, shown.data, shown.len);
	text_release(&shown);
}

/* Bytes as text; where they are none their hex digits stand beside it. */
static void add_bytes(struct report_writer *w, const char *key, const struct cell *c)
{
	struct text name = { 0 };

	report_add_text(w, key, c->s.data, c->s.len, strcmp(key, "piece") ? MAX_TEXT : MAX_PIECE);
	if (is_utf8(c->s.data, c->s.len))
		return;
	text_addf(&name, "%s%s", strcmp(key, "piece") ? key : "bytes",
		  strcmp(key, "piece") ? "_bytes" : "");
	json_add_key(w->out, name.data);
	text_addc(w->out, '"');
	for (size_t i = 0; i < c->s.len && i < MAX_PIECE; i++)
		text_addf(w->out, "%02x", (unsigned char)c->s.data[i]);
	text_addc(w->out, '"');
	text_release(&name);
}

void report_add_cell(struct report_writer *w, const char *key, char kind, const struct cell *c)
{
	if (kind == 'b' && is_text(c)) {
		add_bytes(w, key, c);
	} else if (kind == 's' && is_text(c)) {
		report_add_text(w, key, c->s.data, c->s.len, MAX_TEXT);
	} else if ((kind == 'i' || kind == 'r') && c->type == CELL_INT) {
		json_add_int(w->out, key, c->i);
	} else if (kind == 'r') {
		json_add_real(w->out, key, cell_real(c));
	} else {
		json_add_key(w->out, key);
		if (kind == 'j' && is_text(c) && c->s.len <= MAX_TEXT)
			json_add_value(w->out, c->s.data, c->s.len);
		else if (kind == 'f' && c->type == CELL_INT)
			text_adds(w->out, c->i ? "true" : "false");
		else
			text_adds(w->out, "null");
	}
}

void report_add_object(struct report_writer *w, const char *columns, const struct cell *cells)
{
	char key[32];

	json_add_key(w->out, NULL);
	text_addc(w->out, '{');
	for (int i = 0; *columns; i++) {
		size_t len = strcspn(columns, ":");

		snprintf(key, sizeof(key), "%.*s", (int)len, columns);
		report_add_cell(w, key, columns[len + 1], &cells[i]);
		columns += len + 2;
		columns += *columns == ' ';
	}
	text_addc(w->out, '}');
}

/* ---- what is left out ---------------------------------------------------------------------- */

#define MAX_LEFT_OUT 40

void report_leave_out(struct report_writer *w, const char *fmt, ...)
{
	char sentence[1200];
	va_list args;

	if (w->n_left_out++ >= MAX_LEFT_OUT)
		return;
	va_start(args, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	json_add_key(&w->left_out, NULL);
	text_add_json(&w->left_out, sentence, strlen(sentence));
}

/* ---- asking -------------------------------------------------------------------------------- */

static int ask(struct report_writer *w, const char *sql, report_row_fn *row, void *ctx,
	       bool computes, struct err *err)
{
	struct query q = { .row = row, .ctx = ctx, .interrupted = w->o->interrupted };
	struct text text = { 0 };
	const char *from = sql, *at;
	int r;

	for (; (at = strstr(from, "%lld")); from = at + 4) {
		text_add(&text, from, (size_t)(at - from));
		text_addf(&text, "%lld", (long long)w->run);
	}
	text_adds(&text, from);
	if (computes)
		q.max_ns = COMPUTE_NS;
	r = computes ? recording_query(w->of->rec, text.data, &q, err)
		     : recording_ask(w->of->rec, text.data, &q, err);
	text_release(&text);
	return r;
}

int report_ask(struct report_writer *w, const char *sql, report_row_fn *row, void *ctx,
	       struct err *err)
{
	return ask(w, sql, row, ctx, false, err);
}

int report_compute(struct report_writer *w, const char *sql, report_row_fn *row, void *ctx,
		   struct err *err)
{
	return ask(w, sql, row, ctx, true, err);
}

struct list {
	struct report_writer *w;
	const char *columns;
	int64_t n, max;
};

static int take_object(void *ctx, const struct rows *rows, const struct cell *cells)
{
	struct list *l = ctx;

	(void)rows;
	if (l->n++ == l->max)
		return 1;
	report_add_object(l->w, l->columns, cells);
	return 0;
}

int report_add_list(struct report_writer *w, const char *sql, const char *columns, int64_t max,
		    const char *what, struct err *err)
{
	struct list l = { w, columns, 0, max };
	int r;

	text_addc(w->out, '[');
	r = report_ask(w, sql, take_object, &l, err);
	text_addc(w->out, ']');
	if (!r && l.n > max)
		report_leave_out(w, "only the first %lld %s are here", (long long)max, what);
	return r;
}

/* ---- progress ------------------------------------------------------------------------------ */

void report_progress(struct report_writer *w, double share)
{
	if (w->o->progress)
		w->o->progress(w->o->ctx, w->part,
			       w->part_from + (w->part_to - w->part_from) * share);
}

bool report_interrupted(const struct report_writer *w, struct err *err)
{
	if (!w->o->interrupted || !*w->o->interrupted)
		return false;
	err_set(err, ERR_INTERRUPTED, "interrupted");
	return true;
}
