/*
 * look.c -- what the commands that look at something share: arguments, tokens, positions, lines.
 */
#include "look.h"

#include "torchless/numbers.h"
#include "torchless/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

/* ---- arguments ----------------------------------------------------------------------------- */

/* Behind the quotes or the brackets that begin at s, or the one byte that stands there. */
static const char *skip_group(const char *s)
{
	char quote = *s;
	int depth = 0;

	if (quote == '\'' || quote == '"') {
		for (s++; *s && *s != quote; s++)
			s += *s == '\\' && s[1];
		return *s ? s + 1 : s;
	}
	if (!strchr("[(", quote))
		return s + 1;
	do {
		depth += *s == '[' || *s == '(';
		depth -= *s == ']' || *s == ')';
		s = *s == '\'' || *s == '"' ? skip_group(s) : s + 1;
	} while (*s && depth > 0);
	return s;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

bool look_word(const char **s, struct text *word)
{
	const char *from;

	text_clear(word);
	while (is_space(**s))
		(*s)++;
	from = *s;
	while (**s && !is_space(**s))
		*s = skip_group(*s);
	text_add(word, from, (size_t)(*s - from));
	return *s > from;
}

static struct look_option *find_option(struct look_option *options, const char *word)
{
	for (; options->name; options++)
		if (!strcmp(options->name, word))
			return options;
	return NULL;
}

/* A dash and a letter: a minus before a name has a space between them, or none before it. */
static bool is_option(const char *s)
{
	return s[0] == '-' &&
	       (isalpha((unsigned char)s[1]) || (s[1] == '-' && isalpha((unsigned char)s[2])));
}

static int no_option(const struct look_option *options, const char *word, struct err *err)
{
	struct text names = { 0 };

	for (int i = 0; options[i].name; i++)
		text_addf(&names, "%s%s%s%s", i ? ", " : "", options[i].name,
			  options[i].takes ? " " : "", options[i].takes ? options[i].takes : "");
	err_set(err, ERR_USAGE, "'%.40s' is no option here%s%s", word, names.len ? ": " : "",
		names.len ? names.data : "");
	text_release(&names);
	return err->code;
}

int look_options(const char *args, struct look_option *options, struct text *rest, struct err *err)
{
	struct text word = { 0 };
	const char *s = args;
	int ret = 0;

	text_adds(rest, "");
	while (!ret && *s) {
		const char *from = s;
		struct look_option *o;

		if (!look_word(&s, &word))
			break;
		o = find_option(options, word.data);
		if (!o && is_option(word.data)) {
			ret = no_option(options, word.data, err);
		} else if (!o) {
			text_add(rest, from, (size_t)(s - from));
		} else {
			o->given = true;
			if (o->takes && !look_word(&s, &o->word))
				ret = err_set(err, ERR_USAGE, "%s takes %s behind it", o->name,
					      o->takes);
		}
	}
	text_release(&word);
	while (rest->len && is_space(rest->data[0]))
		memmove(rest->data, rest->data + 1, rest->len--);
	return ret;
}

void look_options_release(struct look_option *options)
{
	for (; options->name; options++)
		text_release(&options->word);
}

/* Where the last word of t begins, when a space at no depth stands before it; 0 otherwise. */
static size_t last_word(const struct text *t)
{
	const char *s = t->data ? t->data : "";
	size_t at = 0;

	for (const char *p = s; *p;) {
		if (is_space(*p) && p[1] && !is_space(p[1]))
			at = (size_t)(p + 1 - s);
		p = skip_group(p);
	}
	return at;
}

static void cut(struct text *t, size_t at)
{
	while (at > 0 && is_space(t->data[at - 1]))
		at--;
	t->len = at;
	t->data[at] = '\0';
}

bool look_cut_number(struct text *t, int64_t *n)
{
	size_t at = last_word(t), before = at;
	char *end;

	while (before > 0 && is_space(t->data[before - 1]))
		before--;
	if (before == 0 || !isdigit((unsigned char)t->data[at]) ||
	    strchr("+-*/%@<>=!&|,(", t->data[before - 1]))
		return false;
	errno = 0;
	*n = strtoll(t->data + at, &end, 10);
	if (*end || errno)
		return false;
	cut(t, at);
	return true;
}

static bool read_range(const char *s, double *lo, double *hi)
{
	char *end;

	*lo = strtod(s, &end);
	if (end == s || *end != ':')
		return false;
	s = end + 1;
	*hi = strtod(s, &end);
	return end != s && !*end && isfinite(*lo) && isfinite(*hi) && *lo < *hi;
}

bool look_cut_range(struct text *t, double *lo, double *hi)
{
	size_t at = last_word(t);

	if (at == 0 || !read_range(t->data + at, lo, hi))
		return false;
	cut(t, at);
	return true;
}

int look_range(const char *text, double *lo, double *hi, struct err *err)
{
	if (read_range(text, lo, hi))
		return 0;
	return err_set(err, ERR_USAGE, "'%.40s' is no range: -1:1 would be one", text);
}

int look_number(const char *text, const char *what, int64_t lo, int64_t hi, int64_t *n,
		struct err *err)
{
	char *end;

	errno = 0;
	*n = strtoll(text, &end, 10);
	if (errno || end == text || *end || *n < lo || *n > hi)
		return err_set(err, ERR_USAGE, "'%.40s' is no %s: it is a number from %lld to %lld",
			       text, what, (long long)lo, (long long)hi);
	return 0;
}

/* ---- tokens and positions ------------------------------------------------------------------ */

int look_pass(const struct debugger *d, struct pass_info *info, struct err *err)
{
	const struct target *t = d->target;

	if (t->has_begun && t->class->pass(t, t->now.pass, info))
		return 0;
	return err_set(err, ERR_USAGE, "no pass has begun yet: `token 0` goes to the first one");
}

int look_position(const struct debugger *d, const char *text, int64_t *pos, struct err *err)
{
	struct pass_info info = { 0 };
	int64_t last;

	if (look_pass(d, &info, err))
		return err->code;
	last = info.pos0 + info.T - 1;
	*pos = last;
	if (!text)
		return 0;
	if (look_number(text, "position", -info.T, INT32_MAX, pos, err))
		return err->code;
	if (*pos < 0)
		*pos += last + 1;
	if (*pos >= info.pos0 && *pos <= last)
		return 0;
	if (look_token_at(d, *pos) < 0)
		return err_set(err, ERR_USAGE,
			       "there is no token at position %lld: this pass holds %lld to %lld",
			       (long long)*pos, (long long)info.pos0, (long long)last);
	return err_set(err, ERR_USAGE,
		       "position %lld is not in this pass, which holds %lld to %lld: `token %lld` "
		       "goes to it",
		       (long long)*pos, (long long)info.pos0, (long long)last, (long long)*pos);
}

/* The bytes that stand between quotes: \n \t \r \\ \' \" and \xNN. */
static void add_unquoted(const char *s, struct text *out)
{
	static const char from[] = "ntr", to[] = "\n\t\r";
	char quote = *s++;

	for (; *s && *s != quote; s++) {
		const char *named = s[0] == '\\' && s[1] ? strchr(from, s[1]) : NULL;
		unsigned byte;

		if (*s != '\\' || !s[1]) {
			text_addc(out, *s);
		} else if (named) {
			text_addc(out, to[named - from]);
			s++;
		} else if (s[1] == 'x' && isxdigit((unsigned char)s[2]) &&
			   isxdigit((unsigned char)s[3]) && sscanf(s + 2, "%2x", &byte) == 1) {
			text_addc(out, (char)byte);
			s += 3;
		} else {
			text_addc(out, *++s);
		}
	}
	text_adds(out, "");
}

static int64_t vocabulary(const struct debugger *d)
{
	return d->program->values[d->program->logits].t.shape[1];
}

static int token_of_bytes(const struct debugger *d, const char *word, int32_t *id, struct err *err)
{
	struct text bytes = { 0 };

	if (*word == '\'' || *word == '"') {
		add_unquoted(word, &bytes);
		*id = target_token_id(d->target, bytes.data, bytes.len);
	} else {
		text_addf(&bytes, " %s", word);
		*id = target_token_id(d->target, bytes.data, bytes.len);
		if (*id < 0)
			*id = target_token_id(d->target, word, strlen(word));
	}
	text_release(&bytes);
	if (*id >= 0)
		return 0;
	return err_set(err, ERR_USAGE,
		       "%.60s is no token alone: an id, ' the' in quotes or a word would be one",
		       word);
}

int look_token(const struct debugger *d, const char *word, int32_t *id, struct err *err)
{
	char *end;
	long n;

	if (!*word)
		return err_set(err, ERR_USAGE, "which token?  An id, ' the' in quotes or a word");
	if (!isdigit((unsigned char)*word))
		return token_of_bytes(d, word, id, err);
	errno = 0;
	n = strtol(word, &end, 10);
	if (*end)
		return token_of_bytes(d, word, id, err);
	if (errno || n >= vocabulary(d))
		return err_set(err, ERR_USAGE, "%.20s is no token: the vocabulary has %lld", word,
			       (long long)vocabulary(d));
	*id = (int32_t)n;
	return 0;
}

void look_add_column(const struct debugger *d, const char *s, int width, struct text *out)
{
	size_t from = out->len;
	int used;

	text_adds(out, "");
	ui_add_clipped(out, d->opt.ui, s, strlen(s), width);
	used = utf8_width(out->data + from, out->len - from);
	text_addf(out, "%*s", width > used ? width - used : 0, "");
}

void look_add_token(const struct debugger *d, int32_t id, int width, struct text *out)
{
	struct text t = { 0 };

	place_add_token(d, id, &t);
	look_add_column(d, t.data, width, out);
	text_release(&t);
}

int32_t look_token_at(const struct debugger *d, int64_t pos)
{
	const int32_t *ids;
	int64_t n_prompt, n = d->target->class->tokens(d->target, &ids, &n_prompt);

	return pos >= 0 && pos < n ? ids[pos] : -1;
}

void look_labels_init(struct look_labels *l, const struct debugger *d, const struct array *a)
{
	l->tokens = place_labels(d, a, true);
	l->labels = ui_token_labels(&l->tokens);
}

void look_labels_release(struct look_labels *l)
{
	ui_token_labels_release(&l->tokens);
}

/* ---- saying -------------------------------------------------------------------------------- */

int look_width(const struct debugger *d)
{
	int width = d->opt.ui->width;

	return width <= 0 ? 80 : width < 40 ? 40 : width;
}

const char *look_sign(const struct debugger *d, const char *utf8, const char *ascii)
{
	return d->opt.ui->utf8 ? utf8 : ascii;
}

const char *look_percent(double p, char *buf, size_t size)
{
	if (isnan(p))
		snprintf(buf, size, "nan");
	else if (p > 0 && p < 0.0005)
		snprintf(buf, size, "<0.1%%");
	else
		snprintf(buf, size, "%.1f%%", 100 * p);
	return buf;
}

/* What columns are filled up with does not stand at the end of a line. */
void look_say(struct debugger *d, struct text *t)
{
	const char *s = t->data ? t->data : "", *end = s + t->len;

	while (s < end) {
		const char *next = memchr(s, '\n', (size_t)(end - s));
		size_t len = (size_t)((next ? next : end) - s);

		next = next ? next + 1 : end;
		while (len > 0 && s[len - 1] == ' ')
			len--;
		text_add(&d->out, s, len);
		text_adds(&d->out, next[-1] == '\n' ? "\n" : "");
		s = next;
	}
	text_release(t);
}

int look_interrupted(const struct debugger *d, struct err *err)
{
	if (d->opt.interrupted && *d->opt.interrupted)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	return 0;
}

static bool is_over(void *ctx)
{
	const struct debugger *d = ctx;

	return d->opt.interrupted && *d->opt.interrupted;
}

void look_reader_init(struct look_reader *l, struct debugger *d)
{
	const struct executor_options *o = &d->opt.record.generation.session.executor;

	l->watch = (struct array_watch){ is_over, d };
	l->r = (struct readout){ .program = d->program,
				 .source = d->target->source,
				 .kernels = o->kernels ? o->kernels : kernels_select(NULL),
				 .pool = o->pool,
				 .watch = &l->watch };
}

bool look_is_computed(const struct debugger *d, value_id v)
{
	struct pass_info info;
	struct err ignored;

	return !look_pass(d, &info, &ignored) && d->program->values[v].op < d->target->now.op;
}

struct array *look_read(struct debugger *d, value_id v, const char *selection, struct err *err)
{
	const struct array_source *source = &d->target->source;
	struct text text = { 0 };
	struct array *a;

	text_addf(&text, "%s%s", d->program->values[v].name, selection);
	a = source->read(source->ctx, text.data, err);
	text_release(&text);
	return a;
}
