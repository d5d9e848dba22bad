/*
 * form.c -- numbers with their units, texts, lists and sets of words, as people write them.
 */
#include "form.h"

#include "torchless/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define USUAL_TOLERANCE 1e-3

int form_find(const char *name, enum form *form, struct err *err)
{
	static const char *const names[] = { "number", "text", "ids", "set", "order" };

	*form = FORM_NUMBER;
	for (size_t i = 0; name && i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i])) {
			*form = (enum form)i;
			return 0;
		}
	return name ? err_set(err, ERR_FORMAT, "checks.conf: there is no form '%s'", name) : 0;
}

void said_release(struct said *s)
{
	text_release(&s->words);
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* "0,987": one comma between digits, and no point. */
static bool has_decimal_comma(const char *text)
{
	const char *comma = strchr(text, ',');

	return comma && comma > text && isdigit((unsigned char)comma[-1]) &&
	       isdigit((unsigned char)comma[1]) && !strchr(comma + 1, ',') && !strchr(text, '.');
}

static int no_number(const struct form_of *f, const char *text, struct err *err)
{
	const char *unit = f->unit ? f->unit : "";

	return err_set(
		err, ERR_USAGE,
		"the answer is a number%s%s, such as 12, 0.25, 1.5e3, 1,048,576, 3 MB or 12 %%, not '%.60s'%s",
		*unit ? " of " : "", unit, text,
		has_decimal_comma(text) ? "; write a point for the decimal comma" : "");
}

/* "1,048,576" and "1 048 576" and "1_048_576" without their separators. */
static bool strip_thousands(const char *text, char *out, size_t size)
{
	size_t n = 0;

	if (text[0] == '0' && text[1] == ',') /* the comma of a decimal fraction */
		return false;
	for (const char *s = text; *s && n + 1 < size; s++) {
		bool separates = (*s == ',' || *s == '_' || *s == ' ') && s > text &&
				 isdigit((unsigned char)s[-1]) && isdigit((unsigned char)s[1]);

		if (separates && !(isdigit((unsigned char)s[2]) && isdigit((unsigned char)s[3]) &&
				   !isdigit((unsigned char)s[4])))
			return false;
		if (!separates)
			out[n++] = *s;
	}
	out[n] = '\0';
	return true;
}

/* What a unit multiplies by, and what it may mean as well: "MB" of bytes. */
static bool read_unit(const struct form_of *f, const char *unit, double *factor, double *other)
{
	static const char letters[] = "KMGT";
	const char *letter;
	size_t n = strlen(unit);
	double power;

	*factor = 1;
	*other = NAN;
	if (!n || (f->unit && !strcasecmp(unit, f->unit)))
		return true;
	if (!strcmp(unit, "%")) {
		*factor = 0.01;
		return true;
	}
	if (!strcasecmp(unit, "b") || !strcasecmp(unit, "byte") || !strcasecmp(unit, "bytes"))
		return true;
	letter = strchr(letters, toupper((unsigned char)*unit));
	if (!letter)
		return false;
	power = (double)(letter - letters + 1);
	unit += 1;
	*factor = pow(1000, power);
	if (*unit == 'i') {
		*factor = pow(1024, power);
		unit++;
	} else if (f->unit && !strcmp(f->unit, "bytes")) {
		*other = pow(1024, power);
	}
	return !*unit || !strcasecmp(unit, "b") || (f->unit && !strcasecmp(unit, f->unit));
}

static int read_number(const struct form_of *f, const char *text, struct said *s, struct err *err)
{
	char digits[200], *end;
	double factor, other;

	while (isspace((unsigned char)*text))
		text++;
	if (strlen(text) >= sizeof(digits) || !strip_thousands(text, digits, sizeof(digits)))
		return no_number(f, text, err);
	s->value = strtod(digits, &end);
	if (end == digits || !strncasecmp(digits, "0x", 2))
		return no_number(f, text, err);
	if (*end == '/') {
		char *over = end + 1;
		double by = strtod(over, &end);

		if (end == over)
			return no_number(f, text, err);
		s->value /= by;
	}
	while (isspace((unsigned char)*end))
		end++;
	for (size_t n = strlen(end); n && isspace((unsigned char)end[n - 1]); n--)
		end[n - 1] = '\0';
	if (isnan(s->value) || !read_unit(f, end, &factor, &other))
		return no_number(f, text, err);
	s->other = s->value * other;
	s->value *= factor;
	return 0;
}

/* ---- words ---------------------------------------------------------------------------------- */

static bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

/* One text: without what stands around it, its spaces one each. */
static void add_text(const char *text, struct text *out)
{
	const char *end = text + strlen(text);

	while (text < end && (isspace((unsigned char)*text) || is_quote(*text)))
		text++;
	while (end > text && (isspace((unsigned char)end[-1]) || is_quote(end[-1])))
		end--;
	for (; text < end; text++) {
		bool is_space = isspace((unsigned char)*text);

		if (!is_space || out->data[out->len - 1] != ' ')
			text_addc(out, is_space ? ' ' : (char)tolower((unsigned char)*text));
	}
	text_addc(out, '\n');
}

static bool is_between(char c)
{
	return isspace((unsigned char)c) || strchr(",;[](){}", c) || is_quote(c);
}

static void add_words(const char *text, struct text *out)
{
	while (*text) {
		const char *from = text;

		while (*text && !is_between(*text))
			text_addc(out, (char)tolower((unsigned char)*text++));
		if (text > from)
			text_addc(out, '\n');
		while (*text && is_between(*text))
			text++;
	}
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sort the lines, and leave out those that are there already. */
static void make_set(struct text *t)
{
	char **lines, *copy = mem_strdup(t->data ? t->data : ""), *rest = copy, *line;
	size_t n = 0, cap = 0;

	lines = NULL;
	while ((line = strtok_r(rest, "\n", &rest))) {
		lines = mem_grow(lines, n, &cap, sizeof(*lines));
		lines[n++] = line;
	}
	if (n)
		qsort(lines, n, sizeof(*lines), compare_lines);
	text_clear(t);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0)
			text_addf(t, "%s\n", lines[i]);
	free(lines);
	free(copy);
}

static bool are_ids(const struct text *words)
{
	for (size_t i = 0; i < words->len; i++)
		if (!isdigit((unsigned char)words->data[i]) && words->data[i] != '\n')
			return false;
	return words->len > 0;
}

/* ---- orders --------------------------------------------------------------------------------- */

/* "bdeac" as "b d e a c": letters may be written as one word. */
static void spell_out(struct text *words)
{
	struct text letters = { 0 };

	if (memchr(words->data, '\n', words->len) != words->data + words->len - 1)
		return;
	for (size_t i = 0; i + 1 < words->len; i++)
		text_addf(&letters, "%c\n", words->data[i]);
	text_release(words);
	*words = letters;
}

/* Whether two lists have the same words. */
static bool are_alike(const struct text *a, const struct text *b)
{
	struct text x = { 0 }, y = { 0 };
	bool alike;

	text_adds(&x, a->data);
	text_adds(&y, b->data);
	make_set(&x);
	make_set(&y);
	alike = a->len == b->len && x.len == y.len && !memcmp(x.data, y.data, x.len);
	text_release(&x);
	text_release(&y);
	return alike;
}

static int read_order(const struct form_of *f, const char *text, struct said *s, struct err *err)
{
	struct text items = { 0 };
	bool has_all;

	add_words(f->items ? f->items : "", &items);
	add_words(text, &s->words);
	has_all = items.len && s->words.len && are_alike(&s->words, &items);
	if (!has_all && items.len && s->words.len) {
		spell_out(&s->words);
		has_all = are_alike(&s->words, &items);
	}
	text_release(&items);
	if (has_all)
		return 0;
	return err_set(err, ERR_USAGE,
		       "the answer is each of %s once, in an order of your own, not '%.60s'",
		       f->items ? f->items : "nothing", text);
}

int form_read(const struct form_of *f, const char *text, struct said *s, struct err *err)
{
	*s = (struct said){ .value = NAN, .other = NAN };
	switch (f->form) {
	case FORM_NUMBER:
		return read_number(f, text, s, err);
	case FORM_TEXT:
		add_text(text, &s->words);
		if (s->words.len <= 1)
			return err_set(err, ERR_USAGE, "the answer is a text, and this is none");
		return 0;
	case FORM_IDS:
		add_words(text, &s->words);
		if (!are_ids(&s->words))
			return err_set(
				err, ERR_USAGE,
				"the answer is a list of numbers, such as 1 300 685, not '%.60s'",
				text);
		return 0;
	case FORM_SET:
		add_words(text, &s->words);
		make_set(&s->words);
		return 0;
	case FORM_ORDER:
		return read_order(f, text, s, err);
	}
	return 0;
}

int form_read_sheet(const struct form_of *f, const struct sheet *sheet, struct said *s,
		    struct err *err)
{
	struct text all = { 0 };
	int result;

	*s = (struct said){ .value = NAN, .other = NAN };
	text_adds(&all, "");
	if (sheet->n_rows && f->form == FORM_NUMBER && sheet->cells->type != CELL_TEXT) {
		s->value = sheet->cells->type == CELL_NULL ? NAN : sheet->cells->d;
		text_release(&all);
		return 0;
	}
	for (int64_t r = 0; r < sheet->n_rows; r++) {
		const struct sheet_cell *cell = sheet_cell(sheet, r, 0);

		text_adds(&all, r ? " " : "");
		if (cell->type == CELL_TEXT)
			text_add(&all, cell->s, cell->len);
		else
			sheet_add_cell(&all, cell);
	}
	if (!sheet->n_rows && f->form != FORM_SET)
		result = err_set(err, ERR_FORMAT, "the query gave no row");
	else
		result = form_read(f, all.data, s, err);
	text_release(&all);
	return result;
}

/* ---- whether it is -------------------------------------------------------------------------- */

static bool is_near(double want, double got, double tolerance)
{
	if (isnan(want) || isnan(got))
		return false;
	if (want == got)
		return true;
	if (tolerance < 0)
		tolerance = want == rint(want) && fabs(want) < 1e15 ? 0 : USUAL_TOLERANCE;
	return fabs(want - got) <= tolerance * fmax(fabs(want), want == 0 ? 1e-3 : 0);
}

bool form_is(const struct form_of *f, const struct said *want, const struct said *got)
{
	if (f->form == FORM_NUMBER)
		return is_near(want->value, got->value, f->tolerance) ||
		       is_near(want->value, got->other, f->tolerance);
	return want->words.len == got->words.len &&
	       (!want->words.len || !memcmp(want->words.data, got->words.data, want->words.len));
}

int form_fits(const struct form_of *f, const struct said *want, const struct said *got,
	      const char *text, struct err *err)
{
	if (f->form != FORM_SET || !are_ids(&want->words) || are_ids(&got->words))
		return 0;
	return err_set(err, ERR_USAGE, "the answer is a set of numbers, such as 1 4, not '%.60s'",
		       text);
}

void form_add(const struct form_of *f, const struct said *s, struct text *out)
{
	if (f->form == FORM_NUMBER) {
		bool is_whole = s->value == rint(s->value) && fabs(s->value) < 1e15;

		text_addf(out, is_whole ? "%.0f" : "%.6g", printed(s->value));
		if (f->unit)
			text_addf(out, " %s", f->unit);
		return;
	}
	for (size_t i = 0; i + 1 < s->words.len; i++)
		text_addc(out, s->words.data[i] == '\n' ? ' ' : s->words.data[i]);
}
