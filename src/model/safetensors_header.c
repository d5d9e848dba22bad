/*
 * safetensors_header.c -- the JSON header of a safetensors file, read strictly.
 *
 *	{"__metadata__": {"key": "text", ...},
 *	 "name": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}, ...}
 *
 * Why no general JSON reader: offsets must be exact beyond 2^53, where doubles skip integers, the
 * header may be 100 MB, of which a tree of nodes would be gigabytes, and two readers that accept
 * different things let a file show one face to a scanner and another to us.  One pass, no
 * recursion but for skipped values, whose depth is bounded.
 *
 * Not taken over from the library: a tensor written as a list without field names, and a dtype
 * written as {"F32": null}.  Its JSON reader happens to allow both; no program writes them.
 */
#include "safetensors_header.h"
#include "torchless/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* serde_json refuses deeper values. */
#define MAX_DEPTH 127

static const struct safetensors_dtype dtypes[] = {
	{ "F32", 32, DTYPE_F32, true },
	{ "F16", 16, DTYPE_F16, true },
	{ "BF16", 16, DTYPE_BF16, true },
	{ "F64", 64, DTYPE_F64, false },
	{ "I64", 64, DTYPE_I64, false },
	{ "I32", 32, DTYPE_I32, false },
	{ "U8", 8, DTYPE_U8, false },
	{ "BOOL", 8, DTYPE_COUNT, false },
	{ "I8", 8, DTYPE_COUNT, false },
	{ "I16", 16, DTYPE_COUNT, false },
	{ "U16", 16, DTYPE_COUNT, false },
	{ "U32", 32, DTYPE_COUNT, false },
	{ "U64", 64, DTYPE_COUNT, false },
	{ "C64", 64, DTYPE_COUNT, false },
	{ "F8_E4M3", 8, DTYPE_COUNT, false },
	{ "F8_E5M2", 8, DTYPE_COUNT, false },
	{ "F8_E8M0", 8, DTYPE_COUNT, false },
	{ "F8_E4M3FNUZ", 8, DTYPE_COUNT, false },
	{ "F8_E5M2FNUZ", 8, DTYPE_COUNT, false },
	{ "F6_E2M3", 6, DTYPE_COUNT, false },
	{ "F6_E3M2", 6, DTYPE_COUNT, false },
	{ "F4", 4, DTYPE_COUNT, false },
};

struct scan {
	const char *start, *at, *end;
	struct text key, value; /* the strings being read, kept to save allocations */
	const char *path;
	struct err *err;
};

static int malformed(struct scan *s, const char *why)
{
	return err_set(s->err, ERR_FORMAT, "%s: its header is malformed at byte %zu, where %s",
		       s->path, (size_t)(s->at - s->start), why);
}

static void skip_space(struct scan *s)
{
	while (s->at < s->end &&
	       (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
		s->at++;
}

/* The next character that is no white space, '\0' at the end. */
static char peek(struct scan *s)
{
	skip_space(s);
	return s->at < s->end ? *s->at : '\0';
}

static bool take(struct scan *s, char c)
{
	if (s->at == s->end || peek(s) != c)
		return false;
	s->at++;
	return true;
}

/* Whether the literal [p, end) escapes half of a surrogate pair, which is no character. */
static bool has_lone_surrogate(const char *p, const char *end)
{
	bool after_high = false;

	while (end - p >= 2) {
		if (*p != '\\') {
			if (after_high)
				return true;
			p++;
			continue;
		}
		bool is_surrogate = end - p >= 4 && p[1] == 'u' && (p[2] == 'd' || p[2] == 'D') &&
				    strchr("89abcdefABCDEF", p[3]);
		bool is_low = is_surrogate && strchr("cdefCDEF", p[3]);

		if (after_high != is_low)
			return true;
		after_high = is_surrogate && !is_low;
		p += p[1] == 'u' ? 6 : 2;
	}
	return after_high;
}

static int scan_string(struct scan *s, struct text *out)
{
	struct err inner;

	if (peek(s) != '"')
		return malformed(s, "a string is expected");
	const char *p = s->at + 1;
	while (p < s->end && *p != '"')
		p += *p == '\\' ? 2 : 1;
	if (p >= s->end)
		return malformed(s, "a string begins that does not end");
	text_clear(out);
	if (json_decode_string(s->at, (size_t)(p + 1 - s->at), out, &inner) ||
	    has_lone_surrogate(s->at, p + 1))
		return malformed(s, "a string is not valid");
	s->at = p + 1;
	return 0;
}

static int scan_u64(struct scan *s, uint64_t *out)
{
	uint64_t value = 0;
	const char *first;

	(void)peek(s);
	first = s->at;
	for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*s->at - '0'), &value))
			return malformed(s, "a number exceeds 64 bits");
	}
	if (s->at == first || (*first == '0' && s->at - first > 1) ||
	    (s->at < s->end && (*s->at == '.' || *s->at == 'e' || *s->at == 'E')))
		return malformed(s, "a whole number, not negative, is expected");
	*out = value;
	return 0;
}

/* Walks "[a, b]" and "{...}": 1 when an element follows, 0 after `close`; *n counts elements. */
static int next_element(struct scan *s, char close, size_t *n)
{
	if (take(s, close))
		return 0;
	if ((*n)++ && !take(s, ','))
		return malformed(s, "a comma or the end of a list or object is expected");
	return 1;
}

static int next_member(struct scan *s, size_t *n)
{
	int more = next_element(s, '}', n);

	if (more <= 0)
		return more;
	if (scan_string(s, &s->key))
		return ERR_FORMAT;
	return take(s, ':') ? 1 : malformed(s, "a colon is expected");
}

static size_t skip_digits(struct scan *s)
{
	const char *first = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return (size_t)(s->at - first);
}

static int skip_number(struct scan *s)
{
	const char *first = s->at, *digits;
	bool good;

	s->at += *s->at == '-';
	digits = s->at;
	good = skip_digits(s) == 1 || (s->at > digits && *digits != '0');
	if (good && s->at < s->end && *s->at == '.') {
		s->at++;
		good = skip_digits(s) > 0;
	}
	if (good && s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		s->at += s->at < s->end && (*s->at == '+' || *s->at == '-');
		good = skip_digits(s) > 0;
	}
	text_clear(&s->value);
	text_add(&s->value, first, (size_t)(s->at - first));
	if (!good || !isfinite(strtod(s->value.data, NULL)))
		return malformed(s, "a number is malformed or too large");
	return 0;
}

static int skip_value(struct scan *s, int depth)
{
	static const char *const words[] = { "null", "true", "false" };
	size_t n = 0;
	int more;
	char c = peek(s);

	if (c == '"')
		return scan_string(s, &s->value);
	if (c == '-' || (c >= '0' && c <= '9'))
		return skip_number(s);
	for (int i = 0; i < 3; i++) {
		size_t len = strlen(words[i]);
		if ((size_t)(s->end - s->at) >= len && !memcmp(s->at, words[i], len)) {
			s->at += len;
			return 0;
		}
	}
	if (c != '[' && c != '{')
		return malformed(s, "a value is expected");
	if (depth > MAX_DEPTH)
		return malformed(s, "values are nested too deeply");
	s->at++;
	while ((more = c == '[' ? next_element(s, ']', &n) : next_member(s, &n)) > 0) {
		if (skip_value(s, depth + 1))
			return ERR_FORMAT;
	}
	return more;
}

static int scan_dtype(struct scan *s, struct header_tensor *t)
{
	if (scan_string(s, &s->value))
		return ERR_FORMAT;
	for (size_t i = 0; i < sizeof(dtypes) / sizeof(*dtypes); i++) {
		if (strlen(dtypes[i].name) == s->value.len &&
		    !memcmp(dtypes[i].name, s->value.data, s->value.len))
			t->dtype = &dtypes[i];
	}
	if (!t->dtype)
		return err_set(s->err, ERR_FORMAT,
			       "%s: %.200s has dtype \"%.40s\", which safetensors does not know",
			       s->path, t->name, s->value.data);
	return 0;
}

static int scan_shape(struct scan *s, struct header_tensor *t)
{
	size_t n = 0;
	uint64_t dim = 0;
	int more;

	if (!take(s, '['))
		return malformed(s, "a list of dimensions is expected");
	t->numel = 1;
	while ((more = next_element(s, ']', &n)) > 0) {
		if (scan_u64(s, &dim))
			return ERR_FORMAT;
		if (n <= TENSOR_MAX_DIMS)
			t->shape[n - 1] = dim;
		/* In the library's order: [0, 2^40, 2^40] is empty, [2^40, 2^40, 0] overflows. */
		t->overflows |= __builtin_mul_overflow(t->numel, dim, &t->numel);
	}
	t->rank = (int)n; /* a header holds at most 50 million */
	return more;
}

static int scan_offsets(struct scan *s, struct header_tensor *t)
{
	if (!take(s, '[') || scan_u64(s, &t->begin) || !take(s, ',') || scan_u64(s, &t->end) ||
	    !take(s, ']'))
		return malformed(s, "a pair of offsets is expected");
	return 0;
}

static int scan_tensor(struct scan *s, struct header_tensor *t)
{
	static const struct {
		const char *name;
		int (*scan)(struct scan *s, struct header_tensor *t);
	} fields[] = { { "dtype", scan_dtype },
		       { "shape", scan_shape },
		       { "data_offsets", scan_offsets } };
	unsigned seen = 0;
	size_t n = 0;
	int more;

	if (!take(s, '{'))
		return malformed(s, "the description of a tensor is expected");
	while ((more = next_member(s, &n)) > 0) {
		int i = 0;
		while (i < 3 && (s->key.len != strlen(fields[i].name) ||
				 memcmp(s->key.data, fields[i].name, s->key.len) != 0))
			i++;
		if (i < 3 && seen & 1u << i)
			return malformed(s, "a field of a tensor stands twice");
		if (i == 3 ? skip_value(s, 3) : fields[i].scan(s, t))
			return ERR_FORMAT;
		seen |= 1u << i;
	}
	if (more == 0 && (seen & 7) != 7)
		return err_set(s->err, ERR_FORMAT,
			       "%s: %.200s lacks dtype, shape or data_offsets in the header",
			       s->path, t->name);
	return more;
}

static int scan_metadata(struct scan *s, struct header *h, bool *seen)
{
	size_t n = 0;
	int more;

	if (*seen)
		return malformed(s, "__metadata__ stands for the second time");
	*seen = true;
	if (peek(s) == 'n')
		return skip_value(s, 2);
	if (!take(s, '{'))
		return malformed(s, "an object of strings is expected");
	h->metadata = cJSON_CreateObject();
	while ((more = next_member(s, &n)) > 0) {
		if (scan_string(s, &s->value))
			return ERR_FORMAT;
		cJSON *text = cJSON_CreateString(s->value.data);
		if (!text || !cJSON_AddItemToObject(h->metadata, s->key.data, text)) {
			cJSON_Delete(text);
			return err_set(s->err, ERR_MEMORY,
				       "out of memory: the metadata of %s takes more", s->path);
		}
	}
	return more;
}

/* The name as a C string, in which a NUL would hide what follows it. */
static char *copy_name(const struct text *key)
{
	struct text name = { 0 };

	for (size_t i = 0; i < key->len; i++)
		text_add(&name, key->data[i] ? &key->data[i] : "\xef\xbf\xbd",
			 key->data[i] ? 1 : 3);
	return name.data ? name.data : mem_strdup("");
}

static int scan_header(struct scan *s, struct header *h)
{
	bool metadata_seen = false;
	size_t n = 0;
	int more;

	if (!take(s, '{'))
		return malformed(s, "{ is expected");
	while ((more = next_member(s, &n)) > 0) {
		if (s->key.len == 12 && !memcmp(s->key.data, "__metadata__", 12)) {
			if (scan_metadata(s, h, &metadata_seen))
				return s->err->code;
			continue;
		}
		h->tensors = mem_grow(h->tensors, h->n_tensors, &h->cap, sizeof(*h->tensors));
		struct header_tensor *t = &h->tensors[h->n_tensors++];
		*t = (struct header_tensor){ .name = copy_name(&s->key),
					     .at = (size_t)(s->at - s->start) };
		if (scan_tensor(s, t))
			return ERR_FORMAT;
	}
	if (more == 0 && (peek(s), s->at < s->end))
		return malformed(s, "nothing is expected after the last }");
	return more;
}

int header_parse(struct header *h, const char *data, size_t len, const char *path, struct err *err)
{
	struct scan s = { .start = data, .at = data, .end = data + len, .path = path, .err = err };
	int rc;

	*h = (struct header){ 0 };
	rc = scan_header(&s, h);
	text_release(&s.key);
	text_release(&s.value);
	if (rc)
		header_release(h);
	return rc;
}

void header_release(struct header *h)
{
	for (size_t i = 0; i < h->n_tensors; i++)
		free(h->tensors[i].name);
	free(h->tensors);
	cJSON_Delete(h->metadata);
	*h = (struct header){ 0 };
}
