/*
 * chrome.c -- events in Chrome's JSON: the Trace Event Format, an object with "traceEvents".
 *
 * A span is one complete event ("X").  Times are microseconds there and nanoseconds here: they are
 * written with three decimals, as integers are, so that nothing is rounded and what nests in the
 * recording nests in the file.
 */
#include "timeline_impl.h"

#include "torchless/json.h"

#include <inttypes.h>

/* The next event begins; its fields follow. */
static struct text *add_event(struct sink *s, char phase, int64_t pid, int64_t tid)
{
	const char ph[] = { phase, '\0' };

	text_adds(&s->out, s->is_begun ? ",\n{" : "\n{");
	json_add_string(&s->out, "ph", ph);
	json_add_int(&s->out, "pid", pid);
	json_add_int(&s->out, "tid", tid);
	s->is_begun = true;
	return &s->out;
}

static void add_time(struct text *t, const char *key, int64_t ns)
{
	json_add_key(t, key);
	text_addf(t, "%" PRId64 ".%03d", ns / 1000, (int)(ns % 1000));
}

/* "args" begins; the braces of the event and its own are closed by end_args(). */
static void begin_args(struct text *t)
{
	json_add_key(t, "args");
	text_addc(t, '{');
}

static void end_args(struct text *t)
{
	text_adds(t, "}}");
}

static void add_args(struct text *t, const struct event *e)
{
	begin_args(t);
	for (int i = 0; i < e->n_args; i++) {
		const struct arg *a = &e->args[i];
		const char *key = arg_name[a->id];

		switch (a->kind) {
		case ARG_INT:
			json_add_int(t, key, a->i);
			break;
		case ARG_REAL:
			json_add_real(t, key, a->d);
			break;
		case ARG_BOOL:
			json_add_bool(t, key, a->i != 0);
			break;
		case ARG_TEXT:
			json_add_string(t, key, a->s);
			break;
		}
	}
	end_args(t);
}

static void add_meta(struct sink *s, int64_t pid, int64_t tid, const char *what, const char *name)
{
	struct text *t = add_event(s, 'M', pid, tid);

	json_add_string(t, "name", what);
	begin_args(t);
	json_add_string(t, "name", name);
	end_args(t);
}

static void add_order(struct sink *s, int64_t pid, int64_t tid, const char *what, int64_t order)
{
	struct text *t = add_event(s, 'M', pid, tid);

	json_add_string(t, "name", what);
	begin_args(t);
	json_add_int(t, "sort_index", order);
	end_args(t);
}

static void head(struct sink *s, int64_t started_ns)
{
	(void)started_ns;
	text_adds(&s->out, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
}

static void process(struct sink *s, int run, const char *clean)
{
	int64_t pid = process_number(run);

	add_meta(s, pid, pid, "process_name", clean);
	add_order(s, pid, pid, "process_sort_index", run);
	for (int i = 0; i < TRACK_COUNT; i++) {
		int64_t tid = thread_number(run, i);

		add_meta(s, pid, tid, "thread_name", track_name[i]);
		add_order(s, pid, tid, "thread_sort_index", i);
	}
}

static struct text *add_on_track(struct sink *s, char phase, const struct event *e)
{
	struct text *t =
		add_event(s, phase, process_number(e->run), thread_number(e->run, e->track));

	json_add_string(t, "cat", category_name[e->category]);
	json_add_string(t, "name", e->name);
	add_time(t, "ts", e->begin);
	return t;
}

static void begin(struct sink *s, const struct event *e)
{
	struct text *t = add_on_track(s, 'X', e);

	add_time(t, "dur", e->end - e->begin);
	add_args(t, e);
}

static void end(struct sink *s, int run, enum track track, int64_t ts)
{
	(void)s;
	(void)run;
	(void)track;
	(void)ts;
}

static void instant(struct sink *s, const struct event *e)
{
	struct text *t = add_on_track(s, 'i', e);

	json_add_string(t, "s", "t");
	add_args(t, e);
}

static void count(struct sink *s, int run, enum counter counter, int64_t ts, double x)
{
	struct text *t = add_event(s, 'C', process_number(run), process_number(run));

	json_add_string(t, "name", counter_name[counter]);
	add_time(t, "ts", ts);
	begin_args(t);
	json_add_real(t, "value", x);
	end_args(t);
}

static void tail(struct sink *s)
{
	text_adds(&s->out, "\n]}\n");
}

const struct sink_format sink_chrome = { head, process, begin, end, instant, count, tail };
