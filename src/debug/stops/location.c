/*
 * location.c -- "layers.*.mlp", "token 5", "mistral.c:104": where a breakpoint lies.
 *
 * Each way of saying it is a function that either knows the text is its own or leaves it to the
 * next.  What names ops is kept as spots; what the same op is named by twice is one place in time,
 * where one stands as deep as the deepest of them.
 */
#include "../debug_impl.h"
#include "regex.h"

#include <ctype.h>
#include <errno.h>

/* ---- ops ------------------------------------------------------------------------------------- */

static int compare_spots(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;

	return x->op != y->op ? x->op - y->op : x->depth - y->depth;
}

static void index_spots(const struct program *p, struct location *l)
{
	l->kind = LOCATION_OPS;
	l->depth = mem_calloc((size_t)p->n_ops + 1, sizeof(*l->depth));
	for (int i = 0; i <= p->n_ops; i++)
		l->depth[i] = -1;
	if (l->n_spots > 0)
		qsort(l->spots, (size_t)l->n_spots, sizeof(*l->spots), compare_spots);
	for (int i = 0; i < l->n_spots; i++)
		l->depth[l->spots[i].op] = l->spots[i].depth;
}

/* What a lone spot is called wherever one stands. */
static void name_spot(const struct program *p, const struct spot *s, struct text *out)
{
	const char *name;

	if (s->module >= 0)
		name = *p->modules[s->module].path ? p->modules[s->module].path
						   : p->modules[s->module].type;
	else
		name = p->values[s->out].name;
	text_adds(out, name);
}

/* ---- the ways to say it: 1 it is this, 0 it is not, ERR_* ------------------------------------ */

/* A number that is all of s, or -1; what is too large is the largest. */
static int64_t whole_number(const char *s)
{
	char *end;
	long long n;

	if (!isdigit((unsigned char)*s))
		return -1;
	n = strtoll(s, &end, 10);
	return *end ? -1 : n;
}

/* What stands behind a word and spaces; NULL: the text does not begin with it. */
static const char *behind_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(text, word, n) != 0 || !strchr(" \t", text[n]) || !text[n])
		return NULL;
	return text + n + strspn(text + n, " \t");
}

static int read_now(struct debugger *d, const char *text, struct location *l, struct err *err)
{
	const struct moment *now = &d->target->now;
	char buf[32];

	if (*text)
		return 0;
	if (!d->target->has_begun)
		return err_set(err, ERR_USAGE, "nothing has begun: say where");
	if (now->pass < 0 || now->op == d->program->n_ops) {
		l->kind = now->pass < 0 ? LOCATION_TOKENIZER : LOCATION_SAMPLER;
		text_adds(&l->text, now->pass < 0 ? "tokenizer" : "sampler");
		return 1;
	}
	location_add_op(l, d->program, now->op);
	l->spots[0].depth = now->depth;
	snprintf(buf, sizeof(buf), "op %d", now->op);
	text_adds(&l->text, buf);
	return 1;
}

static int read_stage(struct debugger *d, const char *text, struct location *l, struct err *err)
{
	bool is_tokenizer = !strcmp(text, "tokenizer");

	(void)d;
	(void)err;
	if (!is_tokenizer && strcmp(text, "sampler") != 0)
		return 0;
	l->kind = is_tokenizer ? LOCATION_TOKENIZER : LOCATION_SAMPLER;
	text_adds(&l->text, text);
	return 1;
}

static int read_token(struct debugger *d, const char *text, struct location *l, struct err *err)
{
	const char *n = behind_word(text, "token");

	(void)d;
	if (!n)
		return 0;
	l->kind = LOCATION_TOKEN;
	l->token = whole_number(n);
	if (l->token < 0)
		return err_set(err, ERR_USAGE, "'%.60s' is no position of a token: 0, 1, ...", n);
	text_addf(&l->text, "token %lld", (long long)l->token);
	return 1;
}

static int read_op(struct debugger *d, const char *text, struct location *l, struct err *err)
{
	const char *s = behind_word(text, "op");
	const struct program *p = d->program;
	int64_t n;

	if (!s)
		return 0;
	n = whole_number(s);
	if (n < 0 || n > p->n_ops)
		return err_set(
			err, ERR_USAGE,
			"there is no op %.60s: they are 0 to %d, and %d is the end of a pass", s,
			p->n_ops - 1, p->n_ops);
	if (n < p->n_ops) {
		location_add_op(l, p, (int)n);
	} else {
		index_spots(p, l);
		l->depth[n] = 0;
	}
	text_addf(&l->text, "op %d", (int)n);
	return 1;
}

static int read_moment(struct debugger *d, const char *text, struct location *l, struct err *err)
{
	char buf[48];

	if (!moment_parse(d->program, text, &l->moment))
		return 0;
	if (l->moment.op > d->program->n_ops)
		return err_set(err, ERR_USAGE,
			       "there is no op %d: they are 0 to %d, and %d is the end of a pass",
			       l->moment.op, d->program->n_ops - 1, d->program->n_ops);
	l->kind = LOCATION_MOMENT;
	text_adds(&l->text, moment_format(&l->moment, buf, sizeof(buf)));
	return 1;
}

/* ---- lines of the modeling file -------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_file(const char *path, const char *name, size_t len)
{
	const char *base = base_name(path);

	return len == 0 || (strlen(base) == len && !strncmp(base, name, len)) ||
	       (strlen(path) == len && !strncmp(path, name, len));
}

/* The first line of the file at or behind `line` that has an op; 0: none, and *last is the last. */
static int line_with_op(const struct program *p, const char *file, size_t len, int64_t line,
			int *last, const char **path)
{
	int best = 0;

	*last = 0;
	for (int i = 0; i < p->n_ops; i++) {
		if (!is_file(p->ops[i].file, file, len))
			continue;
		*path = p->ops[i].file;
		*last = p->ops[i].line > *last ? p->ops[i].line : *last;
		if (p->ops[i].line >= line && (!best || p->ops[i].line < best))
			best = p->ops[i].line;
	}
	return best;
}

/* "mistral.c:104", ":104". */
static int read_line(struct debugger *d, const char *text, struct location *l, struct err *err)
{
	const struct program *p = d->program;
	const char *colon = strrchr(text, ':'), *path = p->ops[0].file;
	int64_t asked = whole_number(colon ? colon + 1 : text);
	size_t len = colon ? (size_t)(colon - text) : strlen(path);
	int line, last;

	if (asked < 0)
		return 0;
	/* A number alone is a line of the file that there is. */
	text = colon ? text : path;
	line = line_with_op(p, text, len, asked, &last, &path);
	if (!last)
		return err_set(err, ERR_USAGE, "no op comes from '%.*s': the modeling file is %s",
			       (int)(len < 60 ? len : 60), text, base_name(path));
	if (!line)
		return err_set(
			err, ERR_USAGE,
			"no op stands at line %lld of %s or behind it: the last is at line %d",
			(long long)asked, base_name(path), last);
	if (line != asked)
		text_addf(&l->note, "Line %lld of %s has no op: line %d is the next that has.",
			  (long long)asked, base_name(path), line);
	for (int i = 0; i < p->n_ops; i++)
		if (p->ops[i].line == line && is_file(p->ops[i].file, text, len))
			location_add_op(l, p, i);
	text_addf(&l->text, "%s:%d", base_name(path), line);
	return 1;
}

/* ---- regular expressions --------------------------------------------------------------------- */

static int match_regex(const struct program *p, const struct regex *r, struct location *l,
		       struct err *err)
{
	int has = 0;

	for (int m = 1; m < p->n_modules && has >= 0; m++) {
		has = regex_has(r, p->modules[m].path, err);
		if (has > 0)
			location_add_module(l, p, m);
	}
	for (int v = 0; v < p->n_values && has >= 0; v++) {
		if (p->values[v].op < 0)
			continue;
		has = regex_has(r, p->values[v].name, err);
		if (has > 0)
			location_add_op(l, p, p->values[v].op);
	}
	return has < 0 ? has : 0;
}

static int read_regex(struct debugger *d, const char *text, struct location *l, struct err *err)
{
	size_t len = strlen(text);
	struct regex r;
	int ret;

	if (text[0] != '/')
		return 0;
	if (len < 2 || text[len - 1] != '/')
		return err_set(err, ERR_USAGE,
			       "a regular expression stands between slashes: /%.60s/", text + 1);
	ret = regex_open(&r, text + 1, len - 2, err);
	if (ret == 0)
		ret = match_regex(d->program, &r, l, err);
	regex_release(&r);
	if (ret)
		return ret;
	if (l->n_spots == 0)
		return err_set(err, ERR_USAGE, "no module and no point is called like %.80s", text);
	text_adds(&l->text, text);
	return 1;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int read_path(struct debugger *d, const char *text, struct location *l, struct err *err)
{
	if (paths_find(d, text, l, err))
		return err->code;
	if (l->n_spots == 1)
		text_clear(&l->text);
	if (l->n_spots == 1)
		name_spot(d->program, &l->spots[0], &l->text);
	else if (!l->text.len)
		text_adds(&l->text, text);
	return 1;
}

typedef int read_fn(struct debugger *d, const char *text, struct location *l, struct err *err);

int location_parse(struct debugger *d, const char *text, struct location *l, struct err *err)
{
	static read_fn *const ways[] = { read_now,    read_stage, read_token, read_op,
					 read_moment, read_line,  read_regex, read_path };
	int r = 0;

	*l = (struct location){ .token = -1 };
	text += *text == '*' && isdigit((unsigned char)text[1]); /* gdb's *ADDRESS */
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && r == 0; i++)
		r = ways[i](d, text, l, err);
	if (r < 0) {
		location_release(l);
		return r;
	}
	if (l->kind == LOCATION_OPS && !l->depth)
		index_spots(d->program, l);
	return 0;
}

void location_release(struct location *l)
{
	free(l->depth);
	free(l->spots);
	text_release(&l->text);
	text_release(&l->note);
	*l = (struct location){ 0 };
}

/* ---- asking ---------------------------------------------------------------------------------- */

bool location_has(const struct debugger *d, const struct location *l, struct moment *at)
{
	struct pass_info info;
	bool is_first = at->step == 0;

	switch (l->kind) {
	case LOCATION_OPS:
		if (at->pass < 0 || !is_first || l->depth[at->op] < 0)
			return false;
		at->depth = l->depth[at->op];
		return true;
	case LOCATION_TOKENIZER:
		return at->pass < 0 && is_first;
	case LOCATION_SAMPLER:
		return at->pass >= 0 && at->op == d->program->n_ops && is_first &&
		       d->target->class->pass(d->target, at->pass, &info) && info.picks;
	case LOCATION_TOKEN:
		if (at->pass < 0 || at->op != 0 || !is_first ||
		    !d->target->class->pass(d->target, at->pass, &info) || l->token < info.pos0 ||
		    l->token >= info.pos0 + info.T)
			return false;
		at->depth = op_depth_max(d->program, 0);
		return true;
	default:
		if (at->pass != l->moment.pass || at->op != l->moment.op ||
		    at->step != l->moment.step)
			return false;
		at->depth = l->moment.depth;
		return true;
	}
}
