/*
 * questions.c -- SQL at a stop: which recording is asked, and conditions that are SQL.
 *
 * The functions are those of `torchless query`; names mean values as of now first, then what is
 * recorded.  Where nothing is recorded an empty recording answers, so that the same SQL works.
 */
#include "debug_impl.h"

#include "torchless/inspect.h"

struct questions {
	struct recording *own;   /* what was opened here; NULL: nothing, or a target's */
	struct recording *asked; /* with the functions added */
	bool is_empty;           /* it holds nothing: there is no recording */
};

#define CONDITION_NS 5000000000ll

void questions_close(struct debugger *d)
{
	if (!d->questions)
		return;
	recording_close(d->questions->own);
	*d->questions = (struct questions){ 0 };
}

void questions_free(struct debugger *d)
{
	questions_close(d);
	free(d->questions);
	d->questions = NULL;
}

/* The file that the session writes, with what it holds of the pass that has begun. */
static struct recording *open_file(struct debugger *d, const struct recording_limits *limits,
				   struct err *err)
{
	struct recorder *r = live_recorder(d->target);

	return trace_writer_flush(r->writer, err) ? NULL
						  : recording_open_within(r->opt.path, limits, err);
}

static int open_recording(struct debugger *d, struct questions *q, struct err *err)
{
	const struct recording_limits limits = { .interrupted = d->opt.interrupted };
	bool is_live = target_is_live(d->target);
	struct inspect_options o = { .model = d->opt.recording_model, .live = &d->target->source };

	if (is_live)
		o.pool = live_recorder(d->target)->generation.session.opt.executor.pool;
	if (!is_live)
		q->asked = recorded_recording(d->target);
	else if (live_recorder(d->target)->writer)
		q->own = q->asked = open_file(d, &limits, err);
	else
		q->own = q->asked = recording_open_empty(&limits, err);
	q->is_empty = is_live && !live_recorder(d->target)->writer;
	/* What a recorded target does not have by now has not happened. */
	o.live_only = !is_live || q->is_empty;
	return q->asked ? recording_add_functions(q->asked, &o, err) : err->code;
}

struct recording *questions_recording(struct debugger *d, struct err *err)
{
	struct recorder *r = target_is_live(d->target) ? live_recorder(d->target) : NULL;

	if (!d->questions)
		d->questions = mem_calloc(1, sizeof(*d->questions));
	if (d->questions->asked)
		return r && r->writer && trace_writer_flush(r->writer, err) ? NULL
									    : d->questions->asked;
	if (open_recording(d, d->questions, err)) {
		questions_close(d);
		return NULL;
	}
	return d->questions->asked;
}

bool questions_are_recorded(const struct debugger *d)
{
	return d->questions && d->questions->asked && !d->questions->is_empty;
}

/* ---- conditions ---------------------------------------------------------------------------- */

/* What SQL takes for true. */
static bool is_true(const struct cell *c)
{
	char text[64] = "";

	switch (c->type) {
	case CELL_INT:
		return c->i != 0;
	case CELL_REAL:
		return c->d < 0 || c->d > 0;
	case CELL_TEXT:
		memcpy(text, c->s.data, c->s.len < sizeof(text) ? c->s.len : sizeof(text) - 1);
		return strtod(text, NULL) != 0;
	default:
		return false;
	}
}

static int take_answer(void *ctx, const struct rows *rows, const struct cell *cells)
{
	(void)rows;
	*(bool *)ctx = is_true(&cells[0]);
	return 1;
}

static int ask(struct debugger *d, const char *sql, bool *answer, struct err *err)
{
	struct query q = { .row = take_answer,
			   .ctx = answer,
			   .interrupted = d->opt.interrupted,
			   .max_ns = CONDITION_NS };
	struct recording *rec = questions_recording(d, err);

	return rec ? recording_query(rec, sql, &q, err) : err->code;
}

int question_truth(struct debugger *d, const char *sql, bool *truth, struct err *err)
{
	*truth = false;
	return ask(d, sql, truth, err);
}

int question_check(struct debugger *d, const char *sql, struct err *err)
{
	struct text explain = { 0 };
	bool ignored;
	int r;

	text_addf(&explain, "EXPLAIN %s", sql);
	r = ask(d, explain.data, &ignored, err);
	text_release(&explain);
	return r < 0 ? r : 0;
}
