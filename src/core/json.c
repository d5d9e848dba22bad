/*
 * json.c -- cJSON with the checks that untrusted files need.
 *
 * A key that stands twice counts as its last value, as in Python's json module.
 */
#include "torchless/json.h"
#include "torchless/mem.h"
#include "torchless/utf8.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* cJSON calls itself for each level; a thousand would not fit into a small stack. */
#define MAX_DEPTH 200

/* Where the first bracket stands that is nested deeper than MAX_DEPTH; NULL when none is. */
static const char *too_deep(const char *data, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (const char *p = data, *end = data + len; p < end; p++) {
		if (*p == '"')
			in_string = !in_string;
		else if (in_string)
			p += *p == '\\';
		else if (*p == '[' || *p == '{')
			depth++;
		else if (*p == ']' || *p == '}')
			depth--;
		if (depth > MAX_DEPTH)
			return p;
	}
	return NULL;
}

/* Parse all of data[0..len); NULL with *at where that failed, or NULL when memory is short. */
static cJSON *parse_all(const char *data, size_t len, const char **at)
{
	static const char blanks[] = { ' ', '\t', '\r', '\n' };
	const char *end = len ? memchr(data, '\0', len) : NULL, *stop = data + len;
	cJSON *value;

	/* Of a text that is wrong and of memory that is short cJSON says the same; malloc does not.
	 */
	errno = 0;
	/* cJSON would end a string at a NUL, and drop what follows. */
	value = end ? NULL : cJSON_ParseWithLengthOpts(data, len, &end, 0);
	*at = end ? end : data;
	if (!value && errno == ENOMEM)
		*at = NULL;
	if (!value)
		return NULL;
	assert(end);
	while (end < stop && memchr(blanks, *end, sizeof(blanks)))
		end++;
	if (end == stop)
		return value;
	*at = end;
	cJSON_Delete(value);
	return NULL;
}

static void say_failure(const char *data, const char *at, size_t len, const char *what,
			struct err *err)
{
	if (!at)
		err_set(err, ERR_MEMORY, "out of memory: %s takes more as JSON", what);
	else
		err_set(err, ERR_FORMAT, "%s is not valid JSON at byte %zu of %zu", what,
			(size_t)(at - data), len);
}

static bool check_depth(const char *data, size_t len, const char *what, struct err *err)
{
	const char *deep = too_deep(data, len);

	if (deep)
		err_set(err, ERR_FORMAT, "%s is nested deeper than %d levels at byte %zu", what,
			MAX_DEPTH, (size_t)(deep - data));
	return !deep;
}

cJSON *json_parse(const char *data, size_t len, const char *what, struct err *err)
{
	const char *at;
	cJSON *value;

	if (!check_depth(data, len, what, err))
		return NULL;
	value = parse_all(data, len, &at);
	if (!value)
		say_failure(data, at, len, what, err);
	return value;
}

/* ---- Python's numbers ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool stands_alone(const char *s, const char *end)
{
	return s == end || is_blank(*s) || *s == ',' || *s == ']' || *s == '}';
}

/* The length of a word of Python's for a number at s, and the JSON that becomes infinite. */
static size_t python_number(const char *s, const char *end, const char **json)
{
	static const struct {
		const char *word, *json;
	} words[] = { { "NaN", "1e999" }, { "Infinity", "1e999" }, { "-Infinity", "-1e999" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t n = strlen(words[i].word);

		if ((size_t)(end - s) < n || memcmp(s, words[i].word, n) != 0 ||
		    !stands_alone(s + n, end))
			continue;
		*json = words[i].json;
		return n;
	}
	return 0;
}

/*
 * Append data with those words spelled as JSON, until `out` has `limit` bytes; where in
 * data that was.
 */
static size_t spell_numbers(struct text *out, const char *data, size_t len, size_t limit)
{
	const char *end = data + len, *run = data, *s = data;
	bool in_string = false, value_begins = true;

	for (; s < end && out->len + (size_t)(s - run) < limit; s++) {
		const char *json;
		size_t n;

		if (in_string && *s == '\\' && s + 1 < end) {
			s++;
			continue;
		}
		if (*s == '"')
			in_string = !in_string;
		n = !in_string && value_begins && strchr("NI-", *s) && *s
			    ? python_number(s, end, &json)
			    : 0;
		if (!is_blank(*s))
			value_begins = *s == ':' || *s == ',' || *s == '[';
		if (!n)
			continue;
		text_add(out, run, (size_t)(s - run));
		text_adds(out, json);
		s += n - 1;
		run = s + 1;
	}
	text_add(out, run, (size_t)(s - run));
	return (size_t)(s - data);
}

/* ---- what cJSON passes and JSON has not ---- */

/* Behind the number at s; at most where it stops to be one. */
static const char *skip_number(const char *s, const char *end, bool *good)
{
	const char *digits = s += *s == '-';

	while (s < end && isdigit((unsigned char)*s))
		s++;
	*good = s > digits && (*digits != '0' || s == digits + 1);
	if (*good && s < end && *s == '.') {
		digits = ++s;
		while (s < end && isdigit((unsigned char)*s))
			s++;
		*good = s > digits;
	}
	if (*good && s < end && (*s == 'e' || *s == 'E')) {
		s += s + 1 < end && (s[1] == '+' || s[1] == '-') ? 2 : 1;
		digits = s;
		while (s < end && isdigit((unsigned char)*s))
			s++;
		*good = s > digits;
	}
	return s;
}

/* The first byte of what cJSON has read that is no JSON; NULL when all is. */
static const char *find_lax(const char *data, size_t len)
{
	const char *end = data + len, *s = data;
	bool in_string = false, good = true;

	while (s < end) {
		const char *at = s++;

		if ((unsigned char)*at < 0x20 && (in_string || !is_blank(*at)))
			return at;
		if (*at == '"')
			in_string = !in_string;
		else if (in_string)
			s += *at == '\\' && s < end;
		else if (*at == '-' || isdigit((unsigned char)*at))
			s = skip_number(at, end, &good);
		if (!good)
			return at;
	}
	return NULL;
}

static cJSON *parse_strictly(const char *data, size_t len, const char **at)
{
	cJSON *value = parse_all(data, len, at);
	const char *lax = value ? find_lax(data, len) : NULL;

	if (!lax)
		return value;
	*at = lax;
	cJSON_Delete(value);
	return NULL;
}

/* Python refuses what begins with a byte order mark, and cJSON skips it. */
static bool check_begin(const char *data, size_t len, const char *what, struct err *err)
{
	bool marked = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;

	if (marked)
		err_set(err, ERR_FORMAT,
			"%s begins with a byte order mark, which JSON has not: save it as UTF-8 "
			"without one",
			what);
	return !marked;
}

cJSON *json_parse_python(const char *data, size_t len, const char *what, struct err *err)
{
	struct text spelled = { 0 }, before = { 0 };
	const char *at;
	cJSON *value;

	if (!check_begin(data, len, what, err) || !check_depth(data, len, what, err))
		return NULL;
	value = parse_strictly(data, len, &at);
	/* A word of Python's is where cJSON stops, or behind that. */
	if (!value && at) {
		spell_numbers(&spelled, data, len, SIZE_MAX);
		value = parse_strictly(spelled.data ? spelled.data : "", spelled.len, &at);
		if (!value && at)
			at = data + spell_numbers(&before, data, len, (size_t)(at - spelled.data));
	}
	if (!value)
		say_failure(data, at, len, what, err);
	text_release(&spelled);
	text_release(&before);
	return value;
}

/* One character; outside of strings a control character can only be a blank. */
static void add_value_character(struct text *out, const char *s, int len, uint32_t cp, bool inside)
{
	if (len == 0)
		text_adds(out, "\xef\xbf\xbd");
	else if (cp < 0x20 && !inside)
		text_addc(out, ' ');
	else if (utf8_is_control(cp) || utf8_is_directing(cp))
		text_addf(out, "\\u%04x", (unsigned)cp);
	else
		text_add(out, s, (size_t)len);
}

void json_add_value(struct text *out, const char *json, size_t len)
{
	bool inside = false;
	struct err why = { 0 };
	cJSON *value = json_parse(json, len, "", &why);

	/* JSON all the same, and no string. */
	if (!value && why.code == ERR_MEMORY)
		mem_out_of_memory(len);
	if (!value && len == 0)
		text_adds(out, "null");
	else if (!value)
		text_add_json(out, json, len);
	for (size_t i = 0; value && i < len;) {
		uint32_t cp = 0;
		int n = utf8_decode(json + i, len - i, &cp);

		/* A backslash in a string takes the next character with it. */
		if (inside && cp == '\\' && i + 1 < len) {
			text_add(out, json + i++, 1);
			n = utf8_decode(json + i, len - i, &cp);
		} else if (cp == '"') {
			inside = !inside;
		}
		add_value_character(out, json + i, n, cp, inside);
		i += n ? (size_t)n : 1;
	}
	cJSON_Delete(value);
}

cJSON *json_parse_file(const char *path, size_t max_bytes, struct err *err)
{
	struct text text = { 0 };
	cJSON *value = NULL;

	if (!text_read_file(&text, path, max_bytes, err))
		value = json_parse(text.data, text.len, path, err);
	text_release(&text);
	return value;
}

const cJSON *json_member(const cJSON *obj, const char *key)
{
	const cJSON *found = NULL, *item;

	if (!cJSON_IsObject(obj))
		return NULL;
	cJSON_ArrayForEach(item, obj)
	{
		if (strcmp(item->string, key) == 0)
			found = item;
	}
	return found;
}

const cJSON *json_get(const cJSON *obj, const char *key)
{
	const cJSON *found = json_member(obj, key);

	return found && !cJSON_IsNull(found) ? found : NULL;
}

static int wrong_type(const cJSON *item, const char *what, const char *key, const char *wanted,
		      struct err *err)
{
	bool infinite = cJSON_IsNumber(item) && !isfinite(item->valuedouble);
	char *found = infinite ? NULL : cJSON_PrintUnformatted(item);
	int rc = err_set(err, ERR_FORMAT, "%s: %s is %.60s but %s is expected", what, key,
			 found      ? found
			 : infinite ? "infinite or NaN"
				    : "unreadable",
			 wanted);

	cJSON_free(found);
	return rc;
}

int json_get_int(const cJSON *obj, const char *key, int64_t min, int64_t max, int64_t *out,
		 const char *what, struct err *err)
{
	const double exact = 9007199254740992.0; /* 2^53: beyond, doubles skip integers */
	const cJSON *item = json_get(obj, key);

	if (!item)
		return 0;
	double d = item->valuedouble;
	if (!cJSON_IsNumber(item) || d != floor(d) || !(fabs(d) <= exact))
		return wrong_type(item, what, key, "an integer", err);
	if ((int64_t)d < min || (int64_t)d > max)
		return err_set(err, ERR_FORMAT, "%s: %s is %lld, outside of %lld to %lld", what,
			       key, (long long)d, (long long)min, (long long)max);
	*out = (int64_t)d;
	return 1;
}

int json_get_double(const cJSON *obj, const char *key, double *out, const char *what,
		    struct err *err)
{
	const cJSON *item = json_get(obj, key);

	if (!item)
		return 0;
	if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble))
		return wrong_type(item, what, key, "a finite number", err);
	*out = item->valuedouble;
	return 1;
}

int json_get_bool(const cJSON *obj, const char *key, bool *out, const char *what, struct err *err)
{
	const cJSON *item = json_get(obj, key);

	if (!item)
		return 0;
	if (!cJSON_IsBool(item))
		return wrong_type(item, what, key, "true or false", err);
	*out = cJSON_IsTrue(item);
	return 1;
}

int json_get_string(const cJSON *obj, const char *key, const char **out, const char *what,
		    struct err *err)
{
	const cJSON *item = json_get(obj, key);

	if (!item)
		return 0;
	if (!cJSON_IsString(item))
		return wrong_type(item, what, key, "a string", err);
	*out = item->valuestring;
	return 1;
}

/* Four hexadecimal digits at s, or -1. */
static int32_t hex4(const char *s, const char *end)
{
	int32_t value = 0;

	if (end - s < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = s[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* Decode \uXXXX (or a pair of surrogates) whose digits begin at s; returns what follows, or NULL.
 */
static const char *decode_unicode(const char *s, const char *end, struct text *out)
{
	char utf8[4];
	int32_t cp = hex4(s, end);

	if (cp < 0)
		return NULL;
	s += 4;
	if (cp >= 0xd800 && cp < 0xdc00 && end - s >= 6 && s[0] == '\\' && s[1] == 'u') {
		int32_t low = hex4(s + 2, end);
		if (low >= 0xdc00 && low < 0xe000) {
			cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
			s += 6;
		}
	}
	if (cp >= 0xd800 && cp < 0xe000)
		cp = 0xfffd;
	text_add(out, utf8, (size_t)utf8_encode((uint32_t)cp, utf8));
	return s;
}

/* Decode the escape whose backslash is at s; returns what follows it, NULL when it is none. */
static const char *decode_escape(const char *s, const char *end, struct text *out)
{
	static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *p;

	if (end - s < 2)
		return NULL;
	if (s[1] == 'u')
		return decode_unicode(s + 2, end, out);
	p = s[1] ? strchr(letters, s[1]) : NULL;
	if (!p)
		return NULL;
	text_addc(out, values[p - letters]);
	return s + 2;
}

/* The end of the plain characters that begin at p; most text is ASCII, which needs no decoding. */
static const char *skip_plain(const char *p, const char *end)
{
	for (;;) {
		while (p < end && (signed char)*p >= 0x20 && *p != '\\' && *p != '"')
			p++;
		int n = p < end && (signed char)*p < 0 ? utf8_decode(p, (size_t)(end - p), NULL)
						       : 0;
		if (n == 0)
			return p;
		p += n;
	}
}

int json_decode_string(const char *s, size_t len, struct text *out, struct err *err)
{
	const char *p = s + 1, *end = s + len - 1;

	if (len < 2 || s[0] != '"' || *end != '"')
		return err_set(err, ERR_FORMAT, "a JSON string lacks its quotes");
	text_add(out, "", 0);
	while (p < end) {
		const char *run = p, *next;

		p = skip_plain(p, end);
		text_add(out, run, (size_t)(p - run));
		if (p == end)
			break;
		next = *p == '\\' ? decode_escape(p, end, out) : NULL;
		if (!next)
			return err_set(err, ERR_FORMAT,
				       "a JSON string is malformed at its byte %zu",
				       (size_t)(p - s));
		p = next;
	}
	return 0;
}
