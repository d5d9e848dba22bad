/*
 * jinja.h -- evaluates the Jinja templates that models come with, as jinja2 does.
 *
 * What a template prints is what transformers' apply_chat_template() prints: jinja2's sandbox with
 * trim_blocks and lstrip_blocks.  It is strict: what it does not know is refused with the construct
 * and its place, so that what is printed can be trusted (docs/decisions/0025).
 *
 * Values are made in the memory of one `struct jinja` and live as long as it; strings may hold any
 * bytes, and bytes that are no UTF-8 count as a character each.
 */
#ifndef TORCHLESS_JINJA_H
#define TORCHLESS_JINJA_H

#include "torchless/err.h"
#include "torchless/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one evaluation is given and makes; not shared between threads. */
struct jinja;

/* A value of it: none, a bool, an int, a float, a string, a list, a dict. */
struct jinja_value;

struct jinja *jinja_new(void);
void jinja_free(struct jinja *j);

/* Values; bytes are copied.  A list or a dict grows until jinja_render() is called. */
struct jinja_value *jinja_none(struct jinja *j);
struct jinja_value *jinja_bool(struct jinja *j, bool b);
struct jinja_value *jinja_int(struct jinja *j, int64_t i);
struct jinja_value *jinja_float(struct jinja *j, double d);
struct jinja_value *jinja_string(struct jinja *j, const char *data, size_t len);
struct jinja_value *jinja_list(struct jinja *j);
struct jinja_value *jinja_dict(struct jinja *j);
void jinja_append(struct jinja *j, struct jinja_value *list, const struct jinja_value *item);
void jinja_put(struct jinja *j, struct jinja_value *dict, const char *key,
	       const struct jinja_value *value);

/* Make a variable of the template; the last of a name counts. */
void jinja_set(struct jinja *j, const char *name, const struct jinja_value *value);

/*
 * Append to `out` what the template prints.  `where` names its file in errors, which say line and
 * column as well: ERR_FORMAT for what cannot be read, is not supported, or fails while it runs
 * (raise_exception(), an operation on what is undefined), ERR_MEMORY; then nothing was appended.
 *
 * Bounds: a template of 4 MB, blocks and expressions nested 40 deep, values and calls too; memory
 * and steps in proportion to what was given.  A stack of 64 kB is enough.
 */
int jinja_render(struct jinja *j, const char *template, size_t len, const char *where,
		 struct text *out, struct err *err);

#endif
