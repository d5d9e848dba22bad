/*
 * lines.c -- lines that wait to be run, and who takes them instead.
 *
 * What is queued is a stack of texts: a file that is sourced runs before the rest of the one that
 * sources it.  A text is dropped with its last line, so that breakpoints whose commands end in
 * `continue` go on for ever without growing it.
 */
#include "debug_impl.h"

#define MAX_DEPTH 1000 /* of texts */

struct lines {
	char *data, *next; /* next NULL: the last one was handed out */
	char *origin;
	int n; /* the line handed out last, from 1 */
};

struct line_queue {
	struct lines *stack;
	int n;
	size_t cap;
	char *origin; /* of the line handed out last, whose text may be gone */
	int line;
	take_fn *take;
	void *take_ctx;
};

struct line_queue *lines_new(void)
{
	return mem_calloc(1, sizeof(struct line_queue));
}

static void pop(struct line_queue *q)
{
	struct lines *l = &q->stack[--q->n];

	free(l->data);
	free(l->origin);
}

void lines_free(struct line_queue *q)
{
	if (!q)
		return;
	while (q->n > 0)
		pop(q);
	free(q->stack);
	free(q->origin);
	free(q);
}

void queue_lines(struct debugger *d, const char *lines, const char *origin)
{
	struct line_queue *q = d->queue;

	q->stack = mem_grow(q->stack, (size_t)q->n, &q->cap, sizeof(*q->stack));
	q->stack[q->n] = (struct lines){ .data = mem_strdup(lines) };
	q->stack[q->n].next = q->stack[q->n].data;
	if (origin)
		q->stack[q->n].origin = mem_strdup(origin);
	q->n++;
}

int lines_depth(const struct line_queue *q)
{
	int n = 0;

	for (int i = 0; i < q->n; i++)
		n += q->stack[i].origin != NULL;
	return n;
}

const char *lines_next(struct line_queue *q)
{
	char *line, *end;
	struct lines *l;

	while (q->n > 0 && (!q->stack[q->n - 1].next || !*q->stack[q->n - 1].next))
		pop(q);
	if (q->n == 0 || q->n > MAX_DEPTH)
		return NULL;
	l = &q->stack[q->n - 1];
	line = l->next;
	end = line + strcspn(line, "\n");
	l->next = *end ? end + 1 : NULL;
	*end = '\0';
	l->n++;
	free(q->origin);
	q->origin = l->origin ? mem_strdup(l->origin) : NULL;
	q->line = l->n;
	return line;
}

bool lines_left(const struct line_queue *q)
{
	return q->n > 0;
}

void lines_wrap(const struct line_queue *q, struct err *err)
{
	if (q->origin)
		err_wrap(err, "%s:%d", q->origin, q->line);
}

/* ---- who takes them ------------------------------------------------------------------------ */

void take_lines(struct debugger *d, take_fn *take, void *ctx)
{
	d->queue->take = take;
	d->queue->take_ctx = ctx;
}

bool lines_taken(const struct line_queue *q)
{
	return q->take != NULL;
}

int lines_take(struct debugger *d, const char *line, struct err *err)
{
	struct line_queue *q = d->queue;
	take_fn *take = q->take;
	int r = take(d, q->take_ctx, line, err);

	/* It may have asked for another who takes them. */
	if (r != 0 && q->take == take)
		q->take = NULL;
	return r < 0 ? r : 0;
}

void lines_forget(struct debugger *d)
{
	struct line_queue *q = d->queue;
	take_fn *take = q->take;
	struct err ignored = { 0 };

	while (q->n > 0)
		pop(q);
	q->take = NULL;
	if (take)
		take(d, q->take_ctx, NULL, &ignored);
}
