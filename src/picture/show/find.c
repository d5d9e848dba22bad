/*
 * find.c -- what a text of `show` means, as something to be shown.
 *
 * A name with a plain selection is read as it is, so that the first pass that has the part is
 * found, as SQL finds it; anything else is an expression.
 */
#include "show_impl.h"

#include "torchless/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct show_source *show_source_new(const struct show_source_options *o)
{
	struct show_source *s = source_new(o);

	names_init(s);
	return s;
}

/* ---- labels --------------------------------------------------------------------------------- */

static int64_t token_at(void *ctx, int64_t pos)
{
	const struct run_tokens *t = ctx;

	return t && pos >= 0 && pos < (int64_t)t->n ? t->tokens[pos].id : -1;
}

static void add_piece(void *ctx, int64_t id, struct text *out)
{
	struct run_tokens *t = ctx;
	struct err ignored = { 0 };

	for (size_t i = 0; t && i < t->n; i++)
		if (t->tokens[i].id == id && t->tokens[i].bytes.len) {
			text_add(out, t->tokens[i].bytes.data, t->tokens[i].bytes.len);
			return;
		}
	/* Read before, where it could be: load_words(). */
	if (t && t->source->tensors)
		recording_token(t->source->tensors, t->run, id, out, &ignored);
}

/* What labels ask the vocabulary for is there when they are asked: they have nowhere to fail. */
static int load_words(const struct array *a, struct run_tokens *t, struct err *err)
{
	struct text piece = { 0 };
	bool asks = strstr(a->axes, "vocab") != NULL;
	int r = 0;

	for (size_t i = 0; i < t->n && !asks; i++)
		asks = t->tokens[i].id >= 0 && !t->tokens[i].bytes.len;
	if (asks && t->source->tensors)
		r = recording_token(t->source->tensors, t->run, 0, &piece, err);
	text_release(&piece);
	return r < 0 ? r : 0;
}

/* ---- what is shown ----------------------------------------------------------------------------
 */

static bool are_probabilities(const struct array *a)
{
	for (int64_t i = 0; i < a->numel; i++)
		if (isfinite(a->data[i]) && !(a->data[i] >= 0 && a->data[i] <= 1))
			return false;
	return true;
}

/* The newest run needs no saying where it is the only one. */
static char *make_title(const struct show_source *s, const char *text, bool is_plain)
{
	struct text t = { 0 };
	const char *sel = strchr(text, '[');
	struct array_name n = ARRAY_NAME;
	struct err ignored = { 0 };

	text_adds(&t, "");
	if (is_plain && s->name[0]) {
		text_add_visible(&t, s->name, strlen(s->name));
		if (sel && !array_name_parse(text, &n, &ignored) && n.sel.len)
			text_add_visible(&t, n.sel.data, n.sel.len);
		text_release(&n.sel);
	} else {
		text_add_visible(&t, text, strlen(text));
	}
	if (s->seen_run >= 0 && !s->is_mixed) {
		text_adds(&t, s->when);
		if (s->n_runs > 1)
			text_addf(&t, ", run %lld", (long long)s->seen_run);
	}
	return t.data;
}

void shown_release(struct shown *s)
{
	array_release(s->array);
	if (s->tokens)
		ui_token_labels_release(s->tokens);
	free(s->tokens);
	free(s->title);
	text_release(&s->text);
	*s = (struct shown){ 0 };
}

static int present(struct show_source *s, const char *text, bool is_plain, struct shown *out,
		   struct err *err)
{
	const struct array *a = out->array;
	struct run_tokens *tokens = NULL;
	int r = 0;

	if (a && s->seen_run >= 0)
		r = source_tokens(s, s->seen_run, &tokens, err);
	if (tokens && !r)
		r = load_words(a, tokens, err);
	if (r) {
		shown_release(out);
		return r;
	}
	out->title = make_title(s, text, is_plain);
	if (!a)
		return 0;
	out->is_relation = ui_is_relation(a);
	out->is_pattern = out->is_relation && a->n_dims <= 3 && are_probabilities(a);
	out->window = s->window;
	out->tokens = mem_calloc(1, sizeof(*out->tokens));
	*out->tokens = (struct ui_token_labels){
		.array = a, .token = token_at, .piece = add_piece, .ctx = tokens, .quoted = true
	};
	out->labels = ui_token_labels(out->tokens);
	return 0;
}

/* ---- by name -----------------------------------------------------------------------------------
 */

/* A name, and brackets that a selection may have: no steps, nothing computed. */
static bool is_plain_name(const char *text)
{
	size_t name = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_.:"),
	       len = strlen(text);

	if (name == len)
		return strcmp(text, "tokens") != 0;
	if (!name || strstr(text, "::") || strstr(text, ".."))
		return false;
	/* "layers[3].mlp" is a path that expressions read. */
	return text[name] == '[' && strchr(text, ']') == text + len - 1 &&
	       strspn(text + name + 1, "abcdefghijklmnopqrstuvwxyz_=0123456789-:, ") + name + 2 ==
		       len;
}

static struct array *evaluate(struct show_source *s, const char *text, struct text *words,
			      struct err *err)
{
	struct expression *e = expression_parse(text, &s->names, err);
	struct array_value v = { 0 };
	struct array *a = NULL;
	double number;

	if (!e || expression_evaluate(e, &s->names, &s->watch, &v, err)) {
		expression_free(e);
		return NULL;
	}
	if (v.kind == ARRAY_TENSOR) {
		a = array_ref(v.array);
	} else if (v.kind == ARRAY_TEXT) {
		text_adds(words, "");
		text_add(words, v.text.data ? v.text.data : "", v.text.len);
	} else if (v.kind == ARRAY_NULL) {
		err_set(err, ERR_USAGE, "%.200s has no value", text);
	} else {
		number = v.kind == ARRAY_WHOLE ? (double)v.whole : v.real;
		a = array_new(0, (const int64_t[]){ 0 }, err);
		if (a)
			a->data[0] = (float)number;
	}
	array_value_release(&v);
	expression_free(e);
	return a;
}

/* "x.npy", "x.npy[0:4]": the file, and the selection behind it. */
static bool split_npy(const char *text, struct text *file, const char **sel)
{
	const char *end = strstr(text, ".npy");

	while (end && end[4] && end[4] != '[')
		end = strstr(end + 1, ".npy");
	if (!end || strchr(text, '(') || (end[4] && text[strlen(text) - 1] != ']'))
		return false;
	text_add(file, text, (size_t)(end + 4 - text));
	*sel = end + 4;
	return true;
}

static struct array *read_file(const char *file, const char *sel, struct err *err)
{
	struct array *whole = array_of_npy(file, err), *part;

	if (!whole || !*sel)
		return whole;
	part = array_select(whole, sel, err);
	array_release(whole);
	return part;
}

int show_find(struct show_source *s, const char *text, struct shown *out, struct err *err)
{
	struct text file = { 0 };
	bool is_plain = is_plain_name(text);
	const char *sel = "";

	*out = (struct shown){ 0 };
	s->seen_run = -1;
	s->when[0] = s->name[0] = '\0';
	s->is_mixed = false;
	s->window = 0;
	if (split_npy(text, &file, &sel)) {
		is_plain = false;
		out->array = read_file(file.data, sel, err);
	} else if (is_plain) {
		out->array = names_read(s, text, err);
	} else {
		out->array = evaluate(s, text, &out->text, err);
	}
	text_release(&file);
	if (!out->array && !out->text.data)
		return err->code;
	return present(s, text, is_plain, out, err);
}

/* ---- beside another ------------------------------------------------------------------------- */

/* Whether it is one: 1 or 0; ERR_IO where nobody can tell. */
static int is_npy_file(const char *path, struct err *err)
{
	char magic[6] = "";
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(magic, 1, sizeof(magic), f) : 0;
	bool failed = !f || (ferror(f) && errno != EISDIR);

	if (failed)
		err_set(err, err_of_errno(errno), "%s cannot be read: %s", path, strerror(errno));
	if (f)
		fclose(f);
	return failed ? err->code
		      : n == sizeof(magic) && !memcmp(magic, "\x93NUMPY", sizeof(magic));
}

static bool looks_like_file(const char *vs)
{
	size_t len = strlen(vs);

	return (len > 3 && !strcmp(vs + len - 3, ".db")) || vs[0] == '/' || !strncmp(vs, "./", 2) ||
	       !strncmp(vs, "../", 3);
}

/* A name that is an expression most likely is too long for a file, too. */
static bool is_absence(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG;
}

int show_find_beside(struct show_source *s, struct show_source *other, const char *text,
		     const char *vs, struct shown *out, struct err *err)
{
	struct text title = { 0 };
	int is_npy = 0, r;

	if (access(vs, F_OK)) {
		if (!is_absence(errno))
			return err_set(err, err_of_errno(errno), "%s cannot be read: %s", vs,
				       strerror(errno));
		if (!looks_like_file(vs))
			return show_find(s, vs, out, err);
	} else {
		is_npy = is_npy_file(vs, err);
	}
	if (is_npy < 0)
		return is_npy;
	if (is_npy) {
		*out = (struct shown){ .array = array_of_npy(vs, err) };
		s->seen_run = -1;
		return out->array ? present(s, vs, false, out, err) : err->code;
	}
	source_take(other, vs);
	r = show_find(other, text, out, err);
	if (r)
		return r == ERR_USAGE || r == ERR_FORMAT ? err_wrap(err, "%s", vs) : r;
	text_addf(&title, "%s of ", out->title);
	text_add_visible(&title, vs, strlen(vs));
	free(out->title);
	out->title = title.data;
	return 0;
}
