/*
 * chrome.c -- events in Chrome's JSON: the Trace Event Format, an object with "traceEvents".
 *
 * A span is one complete event ("X").  Times are microseconds there and nanoseconds here: they are
 * written with three decimals, as integers are, so that nothing is rounded and what nests in the
 * recording nests in the file.
 */
#include "timeline_impl.h"

#include <inttypes.h>
#include <string.h>

static void add_string(struct text *t, const char *s)
{
	text_add_json(t, s, strlen(s));
}

/* The next event begins; its fields follow, each after a comma. */
static struct text *add_event(struct sink *s, char phase, int64_t pid, int64_t tid)
{
	text_addf(&s->out, "%s\n{\"ph\":\"%c\",\"pid\":%" PRId64 ",\"tid\":%" PRId64,
		  s->is_begun ? "," : "", phase, pid, tid);
	s->is_begun = true;
	return &s->out;
}

static void add_time(struct text *t, const char *key, int64_t ns)
{
	text_addf(t, ",\"%s\":%" PRId64 ".%03d", key, ns / 1000, (int)(ns % 1000));
}

static void add_name(struct text *t, const char *name)
{
	text_adds(t, ",\"name\":");
	add_string(t, name);
}

static void add_args(struct text *t, const struct event *e)
{
	text_adds(t, ",\"args\":{");
	for (int i = 0; i < e->n_args; i++) {
		const struct arg *a = &e->args[i];

		text_addf(t, "%s\"%s\":", i ? "," : "", arg_name[a->id]);
		switch (a->kind) {
		case ARG_INT:
			text_addf(t, "%" PRId64, a->i);
			break;
		case ARG_REAL:
			text_add_json_number(t, a->d);
			break;
		case ARG_BOOL:
			text_adds(t, a->i ? "true" : "false");
			break;
		case ARG_TEXT:
			add_string(t, a->s);
			break;
		}
	}
	text_adds(t, "}}");
}

static void add_meta(struct sink *s, int64_t pid, int64_t tid, const char *what, const char *name)
{
	struct text *t = add_event(s, 'M', pid, tid);

	text_addf(t, ",\"name\":\"%s\",\"args\":{\"name\":", what);
	add_string(t, name);
	text_adds(t, "}}");
}

static void add_order(struct sink *s, int64_t pid, int64_t tid, const char *what, int64_t order)
{
	text_addf(add_event(s, 'M', pid, tid),
		  ",\"name\":\"%s\",\"args\":{\"sort_index\":%" PRId64 "}}", what, order);
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

	text_addf(t, ",\"cat\":\"%s\"", category_name[e->category]);
	add_name(t, e->name);
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

	text_adds(t, ",\"s\":\"t\"");
	add_args(t, e);
}

static void count(struct sink *s, int run, enum counter counter, int64_t ts, double x)
{
	struct text *t = add_event(s, 'C', process_number(run), process_number(run));

	add_name(t, counter_name[counter]);
	add_time(t, "ts", ts);
	text_adds(t, ",\"args\":{\"value\":");
	text_add_json_number(t, x);
	text_adds(t, "}}");
}

static void tail(struct sink *s)
{
	text_adds(&s->out, "\n]}\n");
}

const struct sink_format sink_chrome = { head, process, begin, end, instant, count, tail };
