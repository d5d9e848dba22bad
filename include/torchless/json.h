/*
 * json.h -- cJSON with the checks that untrusted files need.
 *
 * cJSON keeps numbers as doubles, bounds nesting, and ends strings at \u0000.  The getters below
 * turn "absent", "null", "wrong type" and "out of range" into one sentence with the key's name.
 */
#ifndef TORCHLESS_JSON_H
#define TORCHLESS_JSON_H

#include "torchless/err.h"
#include "torchless/text.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Parse len bytes, all of them (white space after the value is fine).  `what` names the file in
 * the error, which tells the byte offset.  Free with cJSON_Delete().  NULL and ERR_FORMAT when it
 * is no JSON or nested deeper than 200 levels, ERR_MEMORY when there is not enough for it.
 */
cJSON *json_parse(const char *data, size_t len, const char *what, struct err *err);

/*
 * The same, but NaN, Infinity and -Infinity are numbers, as Python's json module writes and reads
 * them; a getter that is asked for one refuses it.  What that module refuses and cJSON does not is
 * refused: a byte order mark, a control character in a string, a number that begins with 0.
 */
cJSON *json_parse_python(const char *data, size_t len, const char *what, struct err *err);

/* The file at `path`, of at most max_bytes. */
cJSON *json_parse_file(const char *path, size_t max_bytes, struct err *err);

/*
 * Read obj[key] into *out.  Returns 1 when it was there, 0 when it is absent or null (then *out is
 * untouched), ERR_FORMAT with `what` and the key when it has another type or is out of range
 * (an integer must be integral and in [min, max]).
 */
int json_get_int(const cJSON *obj, const char *key, int64_t min, int64_t max, int64_t *out,
		 const char *what, struct err *err);
int json_get_double(const cJSON *obj, const char *key, double *out, const char *what,
		    struct err *err);
int json_get_bool(const cJSON *obj, const char *key, bool *out, const char *what, struct err *err);
int json_get_string(const cJSON *obj, const char *key, const char **out, const char *what,
		    struct err *err);

/* obj[key], case-sensitive, or NULL when obj is no object or the value is absent or null. */
const cJSON *json_get(const cJSON *obj, const char *key);

/* The same, and null where it says null. */
const cJSON *json_member(const cJSON *obj, const char *key);

/*
 * Append a JSON value that somebody else wrote, on one line and with the characters escaped that
 * text_add_json() escapes; what is no JSON becomes a string, nothing at all null.  Ends as mem.h
 * does without memory.
 */
void json_add_value(struct text *out, const char *json, size_t len);

/*
 * Writing: each appends a member of an object, or, where key is NULL, an element of an array, with
 * a comma where one belongs.  Strings are escaped as text_add_json() does, NULL is null, and so is
 * a number that is not finite.  Brackets are the caller's, by text_addc().
 */
void json_add_key(struct text *out, const char *key);
void json_add_string(struct text *out, const char *key, const char *value);
void json_add_int(struct text *out, const char *key, int64_t x);
void json_add_real(struct text *out, const char *key, double x);
void json_add_bool(struct text *out, const char *key, bool x);

/*
 * Decode the JSON string literal s[0..len) (with its quotes), \u0000 included, and append its
 * UTF-8 to `out`; a lone surrogate escape becomes U+FFFD.  ERR_FORMAT with the byte offset.
 */
int json_decode_string(const char *s, size_t len, struct text *out, struct err *err);

#endif
