/*
 * filters_wrap.c -- the filter `wordwrap`: lines of at most so many characters.
 *
 * A line is cut into chunks, blanks and words and the parts of words at their hyphens, by the
 * expression of Python's textwrap; chunks are put on lines as long as they fit.
 */
#include "impl.h"
#include "torchless/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#define WS   "[\\t\\n\\x0b\\x0c\\r ]"
#define NWS  "[^\\t\\n\\x0b\\x0c\\r ]"
#define PUNC "[\\w!\"'&.,?]"
#define LETT "[^\\d\\W]"

static const char at_hyphens[] =
	WS "+|(?<=" PUNC ")-{2,}(?=\\w)|" NWS "+?(?:-(?:(?<=" LETT LETT "-)|(?<=" LETT "-" LETT
	   "-))(?=" LETT "-?" LETT ")|(?=" WS "|\\z)|(?<=" PUNC ")(?=-{2,}\\w))";
static const char at_blanks[] = WS "+|" NWS "+";

struct chunk_list {
	struct bytes *at;
	int64_t *chars; /* of each */
	size_t n, next;
};

/*
 * The places where chunks end, at most s.len of them; no call in here ends the evaluation.  The
 * text is UTF-8: a call that had to see to that would read all of it for each chunk.
 */
static int find_ends(struct bytes s, const char *pattern, size_t *ends, size_t *n)
{
	PCRE2_SIZE where;
	int error, found = 1;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
					 PCRE2_UTF | PCRE2_UCP, &error, &where, NULL);
	pcre2_match_data *data = code ? pcre2_match_data_create(1, NULL) : NULL;

	for (size_t at = 0; data && at < s.len && found > 0; at = ends[(*n)++]) {
		found = pcre2_match(code, (PCRE2_SPTR)s.data, s.len, at,
				    PCRE2_ANCHORED | PCRE2_NOTEMPTY | PCRE2_NO_UTF_CHECK, data,
				    NULL);
		ends[*n] = found > 0 ? pcre2_get_ovector_pointer(data)[1] : s.len;
	}
	if (!data)
		found = PCRE2_ERROR_NOMEMORY;
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return found;
}

static bool is_utf8(struct bytes s)
{
	for (size_t i = 0, n; i < s.len; i += n) {
		n = (size_t)utf8_decode(s.data + i, s.len - i, NULL);
		if (n == 0)
			return false;
	}
	return true;
}

static struct chunk_list chunks_of(struct jinja *j, struct bytes s, bool hyphens)
{
	size_t *ends = jinja_alloc(j, s.len + 1, sizeof(*ends)), n = 0, from = 0;
	struct chunk_list list = { .at = jinja_alloc(j, s.len + 1, sizeof(*list.at)) };
	int found;

	if (!is_utf8(s))
		jinja_fail(j, "'wordwrap' of a text that is no UTF-8 is not supported");
	jinja_work(j, s.len * 4);
	found = find_ends(s, hyphens ? at_hyphens : at_blanks, ends, &n);
	if (found == PCRE2_ERROR_NOMEMORY)
		jinja_fail_memory(j);
	if (s.len && found <= 0)
		jinja_fail(j, "'wordwrap' of such a text is not supported");
	list.chars = jinja_alloc(j, n + 1, sizeof(*list.chars));
	for (size_t i = 0; i < n; i++) {
		struct bytes chunk = { s.data + from, ends[i] - from };

		list.chars[list.n] = (int64_t)count_chars(j, chunk);
		list.at[list.n++] = chunk;
		from = ends[i];
	}
	return list;
}

static bool is_blank(struct bytes s)
{
	return text_strip(s, NO_BYTES, true, true).len == 0;
}

/* How much of a word that fits on no line goes on this one, in characters. */
static size_t part_that_fits(struct bytes word, int64_t room, bool hyphens)
{
	size_t end = char_offset(word, (size_t)(room > 0 ? room : 0));
	bool other = false;

	for (size_t i = end; hyphens && end < word.len && i-- > 1;) {
		if (word.data[i] != '-')
			continue;
		for (size_t k = 0; k < i; k++)
			other = other || word.data[k] != '-';
		return other ? i + 1 : end;
	}
	return end;
}

struct wrapping {
	int64_t width;
	bool breaks, hyphens;
};

/* The chunks of the next line, which are appended to `line`: where they begin and end. */
static void fill_line(struct jinja *j, struct chunk_list *c, const struct wrapping *w,
		      struct bytes *line, size_t *n)
{
	int64_t used = 0, len = 0;

	while (c->next < c->n) {
		len = c->chars[c->next];
		if (used + len > w->width)
			break;
		line[(*n)++] = c->at[c->next++];
		used += len;
	}
	if (c->next < c->n && len > w->width) {
		struct bytes *word = &c->at[c->next];

		if (w->breaks) {
			size_t end = part_that_fits(*word, w->width - used, w->hyphens);

			line[(*n)++] = (struct bytes){ word->data, end };
			c->chars[c->next] -= (int64_t)count_chars(j, line[*n - 1]);
			*word = (struct bytes){ word->data + end, word->len - end };
		} else if (!*n) {
			line[(*n)++] = c->at[c->next++];
		}
	}
	if (*n && is_blank(line[*n - 1]))
		--*n;
}

static void wrap_line(struct jinja *j, struct buffer *b, struct bytes s, const struct wrapping *w,
		      struct bytes end)
{
	struct chunk_list c = chunks_of(j, s, w->hyphens);
	struct bytes *line = jinja_alloc(j, c.n + 1, sizeof(*line));
	bool any = false;

	while (c.next < c.n) {
		size_t n = 0;

		jinja_work(j, 1);
		if (any && is_blank(c.at[c.next]))
			c.next++;
		fill_line(j, &c, w, line, &n);
		if (n && any)
			buffer_add(j, b, end.data, end.len);
		any = any || n;
		for (size_t i = 0; i < n; i++)
			buffer_add(j, b, line[i].data, line[i].len);
	}
}

struct value filter_wordwrap(struct jinja *j, struct value v, const struct value *arg,
			     const struct args *args)
{
	struct wrapping w = { arg_int(j, "wordwrap", arg[0], 79), arg_bool(arg[1], true),
			      arg_bool(arg[3], true) };
	struct bytes end = arg[2].kind == V_MISSING || arg[2].kind == V_NONE
				   ? bytes_of("\n")
				   : arg_text(j, "wordwrap", arg[2]);
	struct value lines;
	struct buffer b = { 0 };

	(void)args;
	if (w.width <= 0)
		jinja_fail(j, "invalid width %lld (must be > 0)", (long long)w.width);
	if (is_string(v) && v.markup)
		jinja_fail(j, "'wordwrap' of a string that 'escape' or 'safe' has marked is not "
			      "supported");
	lines = text_split_lines(j, arg_text(j, "wordwrap", v));
	for (size_t i = 0; i < lines.seq->n; i++) {
		if (i)
			buffer_add(j, &b, end.data, end.len);
		wrap_line(j, &b, lines.seq->at[i].s, &w, end);
	}
	return v_buffer(&b);
}
