/*
 * show.c -- how a value looks: print, output, display.
 *
 * A letter behind a slash says how: those of gdb where tensors have them, and three pictures.
 */
#include "../debug_impl.h"

#include "torchless/expression.h"
#include "torchless/ui_tensor.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>

/* ---- formats ------------------------------------------------------------------------------- */

static const struct {
	char letter, element; /* how an element is printed */
	const char *means;
} letters[] = {
	{ 'g', 'g', "short" },           { 'f', 'f', "fixed point" },
	{ 'e', 'e', "powers of ten" },   { 'd', 'd', "whole numbers" },
	{ 'u', 'd', "whole numbers" },   { 'i', 'd', "whole numbers" },
	{ 'x', 'x', "raw bits in hex" }, { 'z', 'x', "raw bits in hex" },
	{ 't', 'b', "raw bits" },        { 'b', 'b', "raw bits" },
	{ 'c', 'c', "token" },           { 's', 's', "statistics" },
	{ 'h', 'h', "heat map" },        { 'k', 'k', "largest elements" },
};
#define N_LETTERS (sizeof(letters) / sizeof(letters[0]))

static int set_letter(struct print_format *f, char c, struct err *err)
{
	for (size_t i = 0; i < N_LETTERS; i++)
		if (letters[i].letter == c) {
			f->letter = letters[i].element;
			return 0;
		}
	return err_set(
		err, ERR_USAGE,
		"'/%c' is no format: g f e numbers, d whole, x t bits, c tokens, s statistics, "
		"h heat map, k largest",
		isprint((unsigned char)c) ? c : '?');
}

int print_format_parse(const char **args, bool with_units, struct print_format *f, struct err *err)
{
	const char *s = *args;

	*f = (struct print_format){ 0 };
	if (*s != '/')
		return 0;
	for (s++; isdigit((unsigned char)*s); s++) {
		f->count = f->count * 10 + (*s - '0');
		if (f->count > 1000000)
			return err_set(err, ERR_USAGE, "a count is at most 1000000");
	}
	for (; *s && !isspace((unsigned char)*s); s++) {
		/* gdb's sizes: an element has its own. */
		if (with_units && (strchr("bhw", *s) || (*s == 'g' && f->letter)))
			continue;
		if (f->letter && !(with_units && f->letter == 'g'))
			return err_set(err, ERR_USAGE, "one letter says how, and '%.20s' has more",
				       *args);
		if (set_letter(f, *s, err))
			return err->code;
	}
	*args = s + strspn(s, " \t");
	return 0;
}

/* ---- one number ---------------------------------------------------------------------------- */

/* The bits as they lie: those of the type that an element has. */
static int bits_of(float x, enum dtype dtype, uint32_t *bits)
{
	if (dtype == DTYPE_BF16)
		*bits = f32_to_bf16(x);
	else if (dtype == DTYPE_F16)
		*bits = f32_to_f16(x);
	else if (dtype == DTYPE_I32 || dtype == DTYPE_I64 || dtype == DTYPE_U8)
		*bits = (uint32_t)(int64_t)x;
	else
		memcpy(bits, &x, sizeof(*bits));
	return dtype == DTYPE_BF16 || dtype == DTYPE_F16 ? 16 : dtype == DTYPE_U8 ? 8 : 32;
}

static void add_bits(struct text *out, uint64_t bits, int n)
{
	for (int i = n - 1; i >= 0; i--)
		text_addc(out, (bits >> i) & 1 ? '1' : '0');
}

void show_number(const struct debugger *d, double x, enum dtype dtype, char letter,
		 struct text *out)
{
	bool is_id = x >= 0 && x <= INT32_MAX && x == floor(x);
	uint32_t bits;
	int n;

	switch (letter) {
	case 'x':
		n = bits_of((float)x, dtype, &bits);
		text_addf(out, "0x%0*" PRIx32, n / 4, bits);
		return;
	case 'b':
		n = bits_of((float)x, dtype, &bits);
		add_bits(out, bits, n);
		return;
	case 'd':
		text_addf(out, "%.0f", printed(trunc(x)));
		return;
	case 'f':
	case 'e':
		text_addf(out, letter == 'f' ? "%f" : "%e", printed(x));
		return;
	case 'c':
		text_addf(out, "%.8g", printed(x));
		if (is_id) {
			text_addc(out, ' ');
			place_add_token(d, (int32_t)x, out);
		}
		return;
	default:
		text_addf(out, "%.8g", printed(x));
	}
}

static void show_whole(const struct debugger *d, int64_t n, char letter, struct text *out)
{
	if (letter == 'x')
		text_addf(out, "0x%" PRIx64, (uint64_t)n);
	else if (letter == 'b')
		add_bits(out, (uint64_t)n, n >= 0 && n < 256 ? 8 : 64);
	else if (letter && strchr("fec", letter))
		show_number(d, (double)n, DTYPE_F32, letter, out);
	else
		text_addf(out, "%" PRId64, n);
}

/* ---- tensors ------------------------------------------------------------------------------- */

static bool is_pattern(const struct array *a)
{
	return strstr(a->name, ":pattern") && (a->n_dims == 2 || a->n_dims == 3) &&
	       strstr(a->axes, "q,k");
}

static void show_picture(const struct ui *ui, const struct array *a, const struct print_format *f,
			 const struct ui_labels *labels, struct text *out)
{
	int count = f->count > 1000 ? 1000 : (int)f->count;

	if (f->letter == 'h' && is_pattern(a))
		ui_add_pattern(out, ui, a, labels, 0);
	else if (f->letter == 'h')
		ui_add_heat(out, ui, a, &(struct ui_heat_options){ .labels = labels });
	else
		ui_add_topk(out, ui, a, &(struct ui_topk_options){ .labels = labels, .k = count });
}

/* Few ids, each with its text. */
static void show_ids(const struct debugger *d, const struct array *a, struct text *out)
{
	int64_t n = a->numel < 64 ? a->numel : 64;

	for (int64_t i = 0; i < n; i++) {
		text_adds(out, "  ");
		show_number(d, (double)a->data[i], a->dtype, 'c', out);
		text_addc(out, '\n');
	}
	if (n < a->numel)
		text_addf(out, "  … %lld more: take a part, [64:]\n", (long long)(a->numel - n));
}

/* Ids and positions: statistics of them say nothing. */
static void show_integers(const struct debugger *d, const struct array *a, struct text *out)
{
	text_addf(out, "%s[", dtype_table[a->dtype].name);
	for (int i = 0; i < a->n_dims; i++)
		text_addf(out, "%s%lld", i ? "," : "", (long long)a->shape[i]);
	text_adds(out, a->n_dims == 1 && a->numel <= 16 ? "] " : "]\n");
	ui_add_array(out, d->opt.ui, a,
		     &(struct ui_print_options){ .format = 'd', .max_rows = 24 });
}

static bool is_integer(enum dtype t)
{
	return t == DTYPE_I32 || t == DTYPE_I64 || t == DTYPE_U8;
}

static void show_tensor(const struct debugger *d, const struct array *a,
			const struct print_format *f, struct text *out)
{
	struct ui_token_labels tokens = place_labels(d, a, false);
	struct ui_labels labels = ui_token_labels(&tokens);
	const struct ui *ui = d->opt.ui;
	size_t before = out->len;

	if (!f->letter && is_integer(a->dtype) && a->numel > 0) {
		show_integers(d, a, out);
		return;
	}
	ui_add_array_line(out, ui, a);
	text_addc(out, '\n');
	if (f->letter == 's' || a->numel == 0)
		return;
	/* The line has all of them, if they are few. */
	if (!f->letter && !strstr(out->data + before, " mean "))
		return;
	if (f->letter == 'c')
		show_ids(d, a, out);
	else if (f->letter == 'h' || f->letter == 'k')
		show_picture(ui, a, f, &labels, out);
	else
		ui_add_array(out, ui, a,
			     &(struct ui_print_options){
				     .labels = &labels, .format = f->letter, .max_rows = 24 });
	ui_token_labels_release(&tokens);
}

/* ---- values -------------------------------------------------------------------------------- */

/* Texts of tokens are shown in quotes, which show their spaces; those of functions say something.
 */
static void show_text(const struct array_value *v, struct text *out)
{
	bool is_quoted = v->whole != 0;

	if (is_quoted)
		text_addc(out, '\'');
	text_add_visible(out, array_value_text(v), v->text.len);
	text_adds(out, is_quoted ? "'\n" : "\n");
}

void show_value(const struct debugger *d, const struct array_value *v, const struct print_format *f,
		struct text *out)
{
	switch (v->kind) {
	case ARRAY_NULL:
		text_adds(out, "void\n");
		return;
	case ARRAY_WHOLE:
		show_whole(d, v->whole, f->letter, out);
		break;
	case ARRAY_REAL:
		show_number(d, v->real, DTYPE_F32, f->letter, out);
		break;
	case ARRAY_TEXT:
		show_text(v, out);
		return;
	case ARRAY_TENSOR:
		show_tensor(d, v->array, f, out);
		return;
	}
	text_addc(out, '\n');
}
