/*
 * trail.c -- where one has been, as a browser remembers pages; and names for moments.
 */
#include "../debug_impl.h"

#define TRAIL_MAX 10000

struct mark {
	char *name;
	struct moment at;
};

struct trail {
	struct moment *stops;
	size_t n, cap, at; /* one stands at stops[at] when n > 0 */
	struct mark *marks;
	size_t n_marks, cap_marks;
};

struct trail *trail_new(void)
{
	return mem_calloc(1, sizeof(struct trail));
}

void trail_free(struct trail *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_marks; i++)
		free(t->marks[i].name);
	free(t->marks);
	free(t->stops);
	free(t);
}

void trail_add(struct trail *t, const struct moment *m)
{
	if (t->n > 0 && moment_compare(&t->stops[t->at], m) == 0)
		return;
	t->n = t->n > 0 ? t->at + 1 : 0;
	if (t->n == TRAIL_MAX) {
		memmove(t->stops, t->stops + 1, (--t->n) * sizeof(*t->stops));
	}
	t->stops = mem_grow(t->stops, t->n, &t->cap, sizeof(*t->stops));
	t->stops[t->n] = *m;
	t->at = t->n++;
}

bool trail_move(struct trail *t, int by, struct moment *m)
{
	if (t->n == 0 || (by < 0 && t->at == 0) || (by > 0 && t->at + 1 >= t->n))
		return false;
	t->at = by < 0 ? t->at - 1 : t->at + 1;
	*m = t->stops[t->at];
	return true;
}

static struct mark *find(const struct trail *t, const char *name)
{
	for (size_t i = 0; i < t->n_marks; i++)
		if (!strcmp(t->marks[i].name, name))
			return &t->marks[i];
	return NULL;
}

void trail_mark(struct trail *t, const char *name, const struct moment *m)
{
	struct mark *k = find(t, name);

	if (!m && k) {
		free(k->name);
		*k = t->marks[--t->n_marks];
	} else if (k) {
		k->at = *m;
	} else if (m) {
		t->marks = mem_grow(t->marks, t->n_marks, &t->cap_marks, sizeof(*t->marks));
		t->marks[t->n_marks++] = (struct mark){ mem_strdup(name), *m };
	}
}

const struct moment *trail_find(const struct trail *t, const char *name)
{
	const struct mark *k = find(t, name);

	return k ? &k->at : NULL;
}

const char *trail_name(const struct trail *t, int i, const struct moment **m)
{
	if ((size_t)i >= t->n_marks)
		return NULL;
	*m = &t->marks[i].at;
	return t->marks[i].name;
}
