/*
 * recipe.c -- reading a recipe, and putting it in force.
 *
 * One table says of each kind which keys it needs and which it may have; a line is held against it
 * before anything is made of its values.  What a name means is asked of the program, so that a
 * recipe that does not fit a model is refused before anything is computed.
 */
#include "record_impl.h"
#include "torchless/base64.h"
#include "torchless/json.h"
#include "torchless/mem.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define MAX_FILE_BYTES ((size_t)1 << 30)

/* ---- kinds and their keys ------------------------------------------------------------------ */

enum key {
	KEY_POINT,
	KEY_SELECT,
	KEY_KIND,
	KEY_VALUE,
	KEY_FROM,
	KEY_DATA,
	KEY_NPY,
	KEY_PASSES,
	KEY_EXPR,
	KEY_POS,
	KEY_ID,
	KEY_SOURCE,
	KEYS
};

static const char *const key_names[KEYS] = { "point", "select", "kind", "value", "from", "data",
					     "npy",   "passes", "expr", "pos",   "id",   "source" };

#define BIT(key) (1u << (key))
#define OF_EDIT  (BIT(KEY_SELECT) | BIT(KEY_PASSES) | BIT(KEY_SOURCE))

static const struct kind {
	const char *name;
	enum recipe_fact fact;
	enum edit_kind edit;
	unsigned needs, takes; /* beside kind */
} kinds[] = {
	{ "zero", RECIPE_EDIT, EDIT_ZERO, BIT(KEY_POINT), OF_EDIT },
	{ "set", RECIPE_EDIT, EDIT_SET, BIT(KEY_POINT) | BIT(KEY_VALUE), OF_EDIT },
	{ "scale", RECIPE_EDIT, EDIT_SCALE, BIT(KEY_POINT) | BIT(KEY_VALUE), OF_EDIT },
	{ "add", RECIPE_EDIT, EDIT_ADD, BIT(KEY_POINT) | BIT(KEY_VALUE), OF_EDIT },
	{ "mean", RECIPE_EDIT, EDIT_MEAN, BIT(KEY_POINT), OF_EDIT },
	{ "copy", RECIPE_EDIT, EDIT_COPY, BIT(KEY_POINT) | BIT(KEY_FROM), OF_EDIT },
	{ "replace", RECIPE_EDIT, EDIT_REPLACE, BIT(KEY_POINT),
	  OF_EDIT | BIT(KEY_DATA) | BIT(KEY_NPY) },
	{ "expr", RECIPE_EDIT, EDIT_COMPUTE, BIT(KEY_POINT) | BIT(KEY_EXPR),
	  BIT(KEY_SELECT) | BIT(KEY_PASSES) },
	{ "force", RECIPE_FORCE, EDIT_ZERO, BIT(KEY_POS) | BIT(KEY_ID), 0 },
	{ "ban", RECIPE_BAN, EDIT_ZERO, BIT(KEY_ID), BIT(KEY_POS) },
};
enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* A line on its way: its values by key, NULL where there is none. */
struct line {
	struct recipe *recipe;
	const struct kind *kind;
	const cJSON *at[KEYS];
	int64_t number;
};

static int wrong(const cJSON *item, enum key key, const char *expected, struct err *err)
{
	char *found = cJSON_PrintUnformatted(item);

	err_set(err, ERR_FORMAT, "\"%s\" is to be %s, not %.60s", key_names[key], expected,
		found ? found : "this");
	cJSON_free(found);
	return err->code;
}

static int read_keys(struct line *l, const cJSON *object, struct err *err)
{
	const cJSON *item;

	if (!cJSON_IsObject(object))
		return err_set(err, ERR_FORMAT,
			       "a line is an object such as {\"point\": \"L0.attn.z\", \"kind\": "
			       "\"zero\"}");
	cJSON_ArrayForEach(item, object)
	{
		int k = 0;

		while (k < KEYS && strcmp(item->string, key_names[k]) != 0)
			k++;
		if (k == KEYS)
			return err_set(err, ERR_FORMAT, "there is no key \"%.60s\"", item->string);
		if (l->at[k])
			return err_set(err, ERR_FORMAT, "\"%s\" stands there twice", key_names[k]);
		l->at[k] = item;
	}
	return 0;
}

static int read_kind(struct line *l, struct err *err)
{
	const cJSON *item = l->at[KEY_KIND];
	struct text_nearest near = { .distance = INT_MAX };

	if (!item)
		return err_set(err, ERR_FORMAT, "\"kind\" is missing: zero, set, scale, …");
	if (!cJSON_IsString(item))
		return wrong(item, KEY_KIND, "text", err);
	near.name = item->valuestring;
	for (int i = 0; i < N_KINDS; i++) {
		if (strcmp(kinds[i].name, item->valuestring) == 0)
			l->kind = &kinds[i];
		text_nearest_offer(&near, kinds[i].name);
	}
	return l->kind ? 0
		       : err_set(err, ERR_FORMAT, "there is no kind \"%.60s\"; the nearest is %s",
				 item->valuestring, near.best);
}

static int check_keys(const struct line *l, struct err *err)
{
	unsigned takes;

	assert(l->kind); /* read_kind() has found it */
	takes = l->kind->needs | l->kind->takes | BIT(KEY_KIND);

	for (int k = 0; k < KEYS; k++) {
		if (l->at[k] && !(takes & BIT(k)))
			return err_set(err, ERR_FORMAT, "\"%s\" has no meaning for kind \"%s\"",
				       key_names[k], l->kind->name);
		if (!l->at[k] && (l->kind->needs & BIT(k)))
			return err_set(err, ERR_FORMAT, "kind \"%s\" needs \"%s\"", l->kind->name,
				       key_names[k]);
	}
	if (l->kind->edit == EDIT_REPLACE && !l->at[KEY_DATA] == !l->at[KEY_NPY])
		return err_set(err, ERR_FORMAT,
			       "kind \"replace\" needs one of \"data\" and \"npy\"");
	return 0;
}

/* ---- values -------------------------------------------------------------------------------- */

/* "" where there is none. */
static int get_text(const struct line *l, enum key key, const char **out, struct err *err)
{
	*out = "";
	if (!l->at[key])
		return 0;
	if (!cJSON_IsString(l->at[key]))
		return wrong(l->at[key], key, "text", err);
	*out = l->at[key]->valuestring;
	return 0;
}

static int get_whole(const cJSON *item, enum key key, int64_t min, int64_t max, int64_t *out,
		     struct err *err)
{
	char expected[80];

	if (cJSON_IsNumber(item) && item->valuedouble == floor(item->valuedouble) &&
	    item->valuedouble >= (double)min && item->valuedouble <= (double)max) {
		*out = (int64_t)item->valuedouble;
		return 0;
	}
	snprintf(expected, sizeof(expected), "a whole number from %lld to %lld", (long long)min,
		 (long long)max);
	return wrong(item, key, expected, err);
}

static int get_number(const struct line *l, float *out, struct err *err)
{
	static const struct {
		const char *name;
		float value;
	} names[] = { { "inf", INFINITY }, { "-inf", -INFINITY }, { "nan", NAN } };
	const cJSON *item = l->at[KEY_VALUE];

	for (size_t i = 0; cJSON_IsString(item) && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(item->valuestring, names[i].name) == 0) {
			*out = names[i].value;
			return 0;
		}
	if (!cJSON_IsNumber(item) || isinf((float)item->valuedouble))
		return wrong(item, KEY_VALUE,
			     "a number that an f32 holds, or \"inf\", \"-inf\" or \"nan\"", err);
	*out = (float)item->valuedouble;
	return 0;
}

/* [from, to], or [from, null]. */
static int get_passes(const struct line *l, struct edit *e, struct err *err)
{
	const cJSON *item = l->at[KEY_PASSES], *last;
	int64_t from = 0, to = -1;

	e->pass_to = -1;
	if (!item)
		return 0;
	if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != 2)
		return wrong(item, KEY_PASSES, "[FIRST, LAST] or [FIRST, null]", err);
	last = item->child->next;
	if (get_whole(item->child, KEY_PASSES, 0, INT_MAX, &from, err) ||
	    (!cJSON_IsNull(last) && get_whole(last, KEY_PASSES, from, INT_MAX, &to, err)))
		return err->code;
	e->pass_from = (int)from;
	e->pass_to = (int)to;
	return 0;
}

/* ---- numbers ------------------------------------------------------------------------------- */

static int get_shape(const cJSON *item, int64_t *shape, int *n_dims, struct err *err)
{
	const cJSON *dim;

	*n_dims = 0;
	if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) < 1 ||
	    cJSON_GetArraySize(item) > TENSOR_MAX_DIMS)
		return err_set(err, ERR_FORMAT,
			       "\"data\" has no \"shape\" of 1 to %d whole numbers",
			       TENSOR_MAX_DIMS);
	cJSON_ArrayForEach(dim, item)
	{
		if (get_whole(dim, KEY_DATA, 0, INT32_MAX, &shape[*n_dims], err))
			return err_set(err, ERR_FORMAT,
				       "\"data\": a size in its \"shape\" is no whole number");
		++*n_dims;
	}
	return 0;
}

static struct array *array_of_bytes(int n_dims, const int64_t *shape, const cJSON *text,
				    struct err *err)
{
	struct text bytes = { 0 };
	struct array *a = NULL;
	int64_t numel;

	if (array_numel(n_dims, shape, &numel, err))
		return NULL;
	if (!base64_decode(&bytes, text->valuestring, strlen(text->valuestring)))
		err_set(err, ERR_FORMAT, "\"data\": \"f32\" is no base64");
	else if (bytes.len % sizeof(float) || (int64_t)(bytes.len / sizeof(float)) != numel)
		err_set(err, ERR_FORMAT,
			"\"data\": \"f32\" holds %zu bytes, and its \"shape\" wants %lld numbers",
			bytes.len, (long long)numel);
	else
		a = array_new(n_dims, shape, err);
	if (a && numel > 0)
		memcpy(a->data, bytes.data, bytes.len);
	text_release(&bytes);
	return a;
}

static struct array *get_data(const struct line *l, struct err *err)
{
	const cJSON *data = l->at[KEY_DATA], *shape = json_get(data, "shape");
	const cJSON *text = json_get(data, "f32");
	int64_t sizes[TENSOR_MAX_DIMS];
	int n_dims;

	if (!cJSON_IsString(text) || !shape || cJSON_GetArraySize(data) != 2) {
		err_set(err, ERR_FORMAT,
			"\"data\" is to be {\"shape\": [SIZE, …], \"f32\": BASE64}");
		return NULL;
	}
	return get_shape(shape, sizes, &n_dims, err) ? NULL
						     : array_of_bytes(n_dims, sizes, text, err);
}

/* A recipe comes from anybody: what it reads lies in its folder. */
static bool is_beside(const char *name)
{
	size_t n;

	if (!*name || *name == '/')
		return false;
	for (; *name; name += n + (name[n] == '/')) {
		n = strcspn(name, "/");
		if (n == 2 && memcmp(name, "..", 2) == 0)
			return false;
	}
	return true;
}

static struct array *get_npy(const struct line *l, struct err *err)
{
	const char *name, *slash = strrchr(l->recipe->file, '/');
	struct text path = { 0 };
	struct array *a = NULL;

	if (get_text(l, KEY_NPY, &name, err))
		return NULL;
	if (!is_beside(name)) {
		err_set(err, ERR_FORMAT,
			"\"npy\" is to be a file in the recipe's folder or below, not %.60s", name);
		return NULL;
	}
	text_add(&path, l->recipe->file, slash ? (size_t)(slash + 1 - l->recipe->file) : 0);
	text_adds(&path, name);
	a = numbers_of_npy(path.data, err);
	text_release(&path);
	return a;
}

static int get_numbers(const struct line *l, struct array **a, struct err *err)
{
	*a = l->at[KEY_DATA] ? get_data(l, err) : get_npy(l, err);
	if (!*a)
		return err->code;
	l->recipe->hash = XXH3_64bits_withSeed((*a)->data, (size_t)(*a)->numel * sizeof(float),
					       l->recipe->hash);
	return 0;
}

/* ---- lines --------------------------------------------------------------------------------- */

static void add_item(struct line *l, const struct recipe_item *item)
{
	struct recipe *r = l->recipe;

	r->items = mem_grow(r->items, (size_t)r->n, &r->cap, sizeof(*r->items));
	r->items[r->n] = *item;
	r->items[r->n++].line = l->number;
}

/* A forced token or a ban. */
static int add_token(struct line *l, struct err *err)
{
	const struct program *p = l->recipe->program;
	int64_t n_vocab = p->values[p->logits].t.shape[1], id = 0;
	struct recipe_item item = { .fact = l->kind->fact, .pos = -1 };

	if (get_whole(l->at[KEY_ID], KEY_ID, 0, INT32_MAX, &id, err) ||
	    (l->at[KEY_POS] && get_whole(l->at[KEY_POS], KEY_POS, 1, INT32_MAX, &item.pos, err)))
		return err->code;
	if (id >= n_vocab)
		return err_set(err, ERR_USAGE, "token id %lld is outside the vocabulary of %lld",
			       (long long)id, (long long)n_vocab);
	item.id = (int32_t)id;
	add_item(l, &item);
	return 0;
}

/* What the line says, of one of the values that its point names. */
static int add_edit(struct line *l, value_id v, struct recipe_item item, struct array *numbers,
		    struct err *err)
{
	const struct value *value = &l->recipe->program->values[v];
	struct edit *e = &item.edit;
	const char *select, *from;

	e->value = v;
	if (get_text(l, KEY_SELECT, &select, err) || get_text(l, KEY_FROM, &from, err) ||
	    selection_parse(&e->sel, select, value_axes(value), err) ||
	    selection_check(&e->sel, value, err) ||
	    selection_parse(&e->from, from, value_axes(value), err) ||
	    selection_check(&e->from, value, err))
		return err->code;
	if (value->storage == STORAGE_WEIGHT && (e->pass_from > 0 || e->pass_to >= 0))
		return err_set(err, ERR_USAGE, "%s is a weight: it changes for all passes or none",
			       value->name);
	if (numbers && numbers_replace(e, value, NULL, numbers, err))
		return err->code;
	item.numbers = numbers ? array_ref(numbers) : NULL;
	item.expr = l->at[KEY_EXPR] ? mem_strdup(l->at[KEY_EXPR]->valuestring) : NULL;
	item.source = l->at[KEY_SOURCE] ? mem_strdup(l->at[KEY_SOURCE]->valuestring) : NULL;
	e->source = item.expr ? item.expr : item.source;
	add_item(l, &item);
	return 0;
}

static int match_values(const struct program *p, const char *point, bool *wanted, struct err *err)
{
	value_id v = program_find(p, point);

	if (v < 0 || p->values[v].storage != STORAGE_WEIGHT)
		return points_match(p, point, wanted, err) < 0 ? err->code : 0;
	wanted[v] = true;
	return 0;
}

static int add_edits(struct line *l, struct err *err)
{
	const struct program *p = l->recipe->program;
	struct recipe_item item = { .fact = RECIPE_EDIT, .edit.kind = l->kind->edit, .pos = -1 };
	bool *wanted = mem_calloc((size_t)p->n_values, sizeof(*wanted));
	struct array *numbers = NULL;
	const char *point, *text;
	int r = get_text(l, KEY_POINT, &point, err);

	if (r == 0 && !(r = get_text(l, KEY_EXPR, &text, err)) &&
	    !(r = get_text(l, KEY_SOURCE, &text, err)) && !(r = get_passes(l, &item.edit, err)) &&
	    l->at[KEY_VALUE])
		r = get_number(l, &item.edit.arg, err);
	if (r == 0 && l->kind->edit == EDIT_REPLACE)
		r = get_numbers(l, &numbers, err);
	if (r == 0)
		r = match_values(p, point, wanted, err);
	for (int v = 0; v < p->n_values && r == 0; v++)
		if (wanted[v])
			r = add_edit(l, v, item, numbers, err);
	array_release(numbers);
	free(wanted);
	return r;
}

static int add_facts(struct line *l, struct err *err)
{
	assert(l->kind);
	return l->kind->fact == RECIPE_EDIT ? add_edits(l, err) : add_token(l, err);
}

static int read_line(struct line *l, const char *text, size_t len, const char *what,
		     struct err *err)
{
	cJSON *object = json_parse(text, len, what, err);
	int r = object ? 0 : err->code;

	if (r)
		return r; /* which says where */
	for (size_t i = 0; i + 6 <= len && r == 0; i++)
		if (memcmp(text + i, "\\u0000", 6) == 0)
			r = err_set(err, ERR_FORMAT, "a line with \\u0000 cannot be read");
	if (r == 0 && !(r = read_keys(l, object, err)) && !(r = read_kind(l, err)) &&
	    !(r = check_keys(l, err)))
		r = add_facts(l, err);
	cJSON_Delete(object);
	return r ? err_wrap(err, "%s", what) : 0;
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool is_blank(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr(" \t\r", s[i]) || !s[i])
			return false;
	return true;
}

int recipe_parse(struct recipe *r, const struct program *p, const char *file, const char *text,
		 size_t len, struct err *err)
{
	const char *at = text, *end = text + len;
	int result = 0;

	*r = (struct recipe){ .program = p, .file = mem_strdup(file) };
	r->hash = XXH3_64bits(text, len);
	for (int64_t number = 1; at < end && result == 0; number++) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((feed ? feed : end) - at);
		struct line l = { .recipe = r, .number = number };
		struct text what = { 0 };

		text_addf(&what, "%s:%lld", file, (long long)number);
		if (!is_blank(at, n))
			result = read_line(&l, at, n, what.data, err);
		text_release(&what);
		at = feed ? feed + 1 : end;
	}
	if (result == 0 && r->n == 0)
		result = err_set(err, ERR_FORMAT, "%s holds no edit", file);
	return result;
}

int recipe_read(struct recipe *r, const struct program *p, const char *path, struct err *err)
{
	struct text t = { 0 };
	int result = text_read_file(&t, path, MAX_FILE_BYTES, err);

	*r = (struct recipe){ 0 };
	if (result == 0)
		result = recipe_parse(r, p, path, t.data ? t.data : "", t.len, err);
	text_release(&t);
	return result;
}

void recipe_release(struct recipe *r)
{
	for (int i = 0; i < r->n; i++) {
		array_release(r->items[i].numbers);
		free(r->items[i].expr);
		free(r->items[i].source);
	}
	free(r->items);
	free(r->file);
	*r = (struct recipe){ 0 };
}

/* ---- in force ------------------------------------------------------------------------------ */

static int at_line(const struct recipe *r, const struct recipe_item *item, struct err *err)
{
	return err_wrap(err, "%s:%lld", r->file, (long long)item->line);
}

/* The id of the edit, or ERR_*. */
static int apply_edit(const struct recipe_item *item, struct session *s,
		      const struct recipe_expressions *expressions, struct err *err)
{
	struct edit e = item->edit;
	int id;

	if (item->fact == RECIPE_BAN)
		return item->pos < 0 ? session_ban(s, item->id, true, err)
				     : session_ban_at(s, item->pos, item->id, true, err);
	if (item->expr && !expressions)
		return err_set(err, ERR_USAGE, "an edit of kind \"expr\" cannot be made here");
	if (item->expr && expressions->bind(expressions->ctx, s, item->expr, &e, err))
		return err->code;
	id = session_add_edit(s, &e, err);
	if (id < 0 && item->expr && e.release)
		e.release(e.ctx);
	return id;
}

int recipe_apply_edits(const struct recipe *r, struct session *s,
		       const struct recipe_expressions *expressions, int *ids, struct err *err)
{
	for (int i = 0; i < r->n; i++) {
		int id = r->items[i].fact == RECIPE_FORCE
				 ? 0
				 : apply_edit(&r->items[i], s, expressions, err);

		if (id < 0)
			return at_line(r, &r->items[i], err);
		if (ids)
			ids[i] = id;
	}
	return 0;
}

int recipe_apply_forced(const struct recipe *r, struct session *s, struct err *err)
{
	for (int i = 0; i < r->n; i++)
		if (r->items[i].fact == RECIPE_FORCE &&
		    session_force_at(s, r->items[i].pos, r->items[i].id, err))
			return at_line(r, &r->items[i], err);
	return 0;
}

/* ---- several ------------------------------------------------------------------------------- */

int recipes_open(struct recipes *r, struct session *s, const char *const *files, int n,
		 const struct recipe_expressions *expressions, struct err *err)
{
	*r = (struct recipes){ .items = mem_calloc((size_t)n + 1, sizeof(*r->items)) };
	for (int i = 0; i < n; i++) {
		struct recipe *one = &r->items[r->n++];

		if (recipe_read(one, &s->model->program, files[i], err) ||
		    recipe_apply_edits(one, s, expressions, NULL, err))
			return err->code;
	}
	return 0;
}

int recipes_force(const struct recipes *r, struct session *s, struct err *err)
{
	for (int i = 0; i < r->n; i++)
		if (recipe_apply_forced(&r->items[i], s, err))
			return err->code;
	return 0;
}

void recipes_release(struct recipes *r)
{
	for (int i = 0; i < r->n; i++)
		recipe_release(&r->items[i]);
	free(r->items);
	*r = (struct recipes){ 0 };
}
