/* The timeline of a recording: spans that nest whatever they say, and what is written as it is
 * read. */
#include "picture/timeline/timeline_impl.h"
#include "support/recorded.h"

#include <cJSON.h>

/* ---- nesting ------------------------------------------------------------------------------ */

#define N_PASSES 6

static int64_t random_time(unsigned *state)
{
	static const int64_t odd[] = { 0, 1, TIME_MAX, TIME_MAX - 1, 500 };
	float x = tiny_random(state);

	if (x > 0.8f)
		return odd[(unsigned)(x * 1e6f) % 5];
	return (int64_t)((x + 1) * 500);
}

static void make_passes(struct pass *passes, unsigned *state)
{
	for (int i = 0; i < N_PASSES; i++)
		passes[i] = (struct pass){
			.id = i + 1,
			.track = i % 3 == 0   ? TRACK_PREFILL
				 : i % 3 == 1 ? TRACK_SAMPLER
					      : TRACK_DECODE,
			.ts = random_time(state),
			.dur = tiny_random(state) > 0.5f ? -1 : random_time(state),
		};
}

static size_t make_spans(struct span *spans, unsigned *state)
{
	size_t n = 0;

	for (size_t p = 0; p < N_PASSES; p++) {
		int k = p % 3 == 1 ? 0 : (int)((tiny_random(state) + 1) * 20);

		for (int i = 0; i < k; i++, n++) {
			float parent = tiny_random(state);

			spans[n] = (struct span){
				.id = (int64_t)n + 1,
				.pass = p,
				.parent_id = parent < -0.8f
						     ? -1
						     : (int64_t)((float)n * fabsf(parent)) + 1,
				.ts = random_time(state),
				.dur = tiny_random(state) > 0.6f ? -1 : random_time(state),
			};
		}
	}
	return n;
}

/* Each lies in the one around it, behind what ended there before. */
static void expect_nested(const struct loaded *l, const struct span *spans, size_t n)
{
	int64_t ends[DEPTH_MAX + 1] = { 0 }, last = 0;
	size_t pass = NO_PASS;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		const struct span *s = &spans[i];
		const struct pass *p = &l->passes[s->pass];

		if (s->pass != pass) {
			pass = s->pass;
			last = p->begin;
			ends[0] = p->end;
		}
		cr_assert(s->depth >= 1 && s->depth <= DEPTH_MAX && s->depth <= depth + 1);
		depth = s->depth;
		cr_assert(0 <= s->begin && s->begin <= s->end);
		cr_assert(s->begin >= last && s->end <= ends[depth - 1],
			  "%zu: [%lld, %lld] behind %lld, in %lld", i, (long long)s->begin,
			  (long long)s->end, (long long)last, (long long)ends[depth - 1]);
		ends[depth] = s->end;
		last = s->begin;
	}
}

static void nest_in_pieces(struct loaded *l, struct span *spans, size_t n, size_t piece)
{
	struct nest *nest = mem_calloc(1, sizeof(*nest));

	nest->loaded = l;
	for (size_t at = 0; at < n; at += piece) {
		size_t end = at + piece < n ? at + piece : n;

		nest_spans(nest, spans + at, end - at,
			   end < n && spans[end].pass == spans[end - 1].pass);
	}
	nest_finish(nest);
	free(nest);
}

Test(timeline, whatever_spans_say_they_nest)
{
	struct pass passes[N_PASSES];
	struct run run;
	struct loaded l = { .runs = &run, .n_runs = 1, .passes = passes, .n_passes = N_PASSES };
	struct span spans[N_PASSES * 41];
	unsigned state = 7;

	for (int i = 0; i < 2000; i++) {
		size_t n;

		run = (struct run){ .offset = i % 2 ? 1000 : 0, .last_pass = 5, .stopped = 700 };
		make_passes(passes, &state);
		n = make_spans(spans, &state);
		nest_in_pieces(&l, spans, n, i % 3 ? n + 1 : 1 + (size_t)i % 17);
		expect_nested(&l, spans, i % 3 ? n : 0);
		for (int p = 0; p < N_PASSES; p++) {
			cr_assert(0 <= passes[p].begin && passes[p].begin <= passes[p].end);
			cr_assert(passes[p].end <= run.end || passes[p].track == TRACK_SAMPLER);
		}
	}
}

Test(timeline, what_is_sound_stays)
{
	struct pass pass = { .id = 1, .track = TRACK_PREFILL, .ts = 10, .dur = 100 };
	struct run run = { .offset = 5, .last_pass = 0 };
	struct loaded l = { .runs = &run, .n_runs = 1, .passes = &pass, .n_passes = 1 };
	struct span spans[] = {
		{ .id = 1, .parent_id = -1, .ts = 10, .dur = 100 },
		{ .id = 2, .parent_id = 1, .ts = 10, .dur = 40 },
		{ .id = 3, .parent_id = 2, .ts = 10, .dur = 0 },
		{ .id = 4, .parent_id = 2, .ts = 10, .dur = 40 },
		{ .id = 5, .parent_id = 1, .ts = 50, .dur = 60 },
	};
	struct nest n = { .loaded = &l };

	nest_spans(&n, spans, 5, false);
	cr_assert(eq(i64, n.n_moved, 0));
	for (int i = 0; i < 5; i++) {
		cr_assert(eq(i64, spans[i].begin, spans[i].ts + 5));
		cr_assert(eq(i64, spans[i].end, spans[i].ts + 5 + spans[i].dur));
	}
	cr_assert(spans[3].depth == 3 && spans[4].depth == 2 && spans[4].parent == 0);
	cr_assert(pass.begin == 15 && pass.end == 115 && run.end == 115);
}

Test(timeline, a_chain_is_cut_where_viewers_stop)
{
	static struct span spans[1000];
	struct pass pass = { .id = 1, .track = TRACK_DECODE, .dur = 5000 };
	struct run run = { .last_pass = 0 };
	struct loaded l = { .runs = &run, .n_runs = 1, .passes = &pass, .n_passes = 1 };
	struct nest n = { .loaded = &l };

	for (int i = 0; i < 1000; i++)
		spans[i] =
			(struct span){ .id = i + 1, .parent_id = i ? i : -1, .ts = i, .dur = 2000 };
	nest_spans(&n, spans, 1000, false);
	expect_nested(&l, spans, 1000);
	cr_assert(n.n_moved > 800 && spans[999].depth == DEPTH_MAX - 1);
}

/* ---- writing ------------------------------------------------------------------------------ */

struct written {
	struct text text;
	size_t most; /* bytes, then it fails */
};

static int take(void *ctx, const void *data, size_t len, struct err *err)
{
	struct written *w = ctx;

	text_add(&w->text, data, len);
	return w->text.len > w->most ? err_set(err, ERR_IO, "no more room") : 0;
}

static struct recorded recorded_once;

static void make(void)
{
	static const char *const captures[] = { "*", NULL };

	record(&recorded_once, &tiny_default, captures, NULL);
}

static void clean(void)
{
	recorded_remove(&recorded_once);
}

static int write_once(enum timeline_format format, struct written *w, struct timeline_counts *n,
		      struct err *err)
{
	const struct timeline_target to = { .write = take, .ctx = w };
	struct recording *rec = recording_open(recorded_once.path, err);
	int r;

	cr_assert(rec != NULL, "%s", err->message);
	r = timeline_write(rec, "t.db", format, &to, n, err);
	recording_close(rec);
	return r;
}

Test(timeline, chrome_is_json, .init = make, .fini = clean)
{
	struct written w = { .most = SIZE_MAX };
	struct timeline_counts n;
	struct err err = { 0 };
	cJSON *json, *event;
	int spans = 0;

	cr_assert(write_once(TIMELINE_CHROME, &w, &n, &err) == 0, "%s", err.message);
	json = cJSON_Parse(w.text.data);
	cr_assert(json != NULL);
	cJSON_ArrayForEach(event, cJSON_GetObjectItem(json, "traceEvents"))
	{
		const char *category = cJSON_GetStringValue(cJSON_GetObjectItem(event, "cat"));

		spans += category && !strcmp(category, "module");
	}
	cJSON_Delete(json);
	text_release(&w.text);
	cr_assert(eq(i64, n.n_spans, spans));
	cr_assert(n.n_runs == 1 && n.n_passes == 5 && n.n_moved == 0 && n.n_left == 0);
}

Test(timeline, a_target_that_fails_ends_it, .init = make, .fini = clean)
{
	struct written whole = { .most = SIZE_MAX };
	struct err err = { 0 };

	cr_assert(write_once(TIMELINE_PERFETTO, &whole, NULL, &err) == 0);
	for (size_t most = 0; most < whole.text.len; most += 1 + whole.text.len / 7) {
		struct written w = { .most = most };

		err = (struct err){ 0 };
		cr_assert(write_once(TIMELINE_PERFETTO, &w, NULL, &err) == ERR_IO);
		cr_assert(eq(str, err.message, "no more room"));
		text_release(&w.text);
	}
	text_release(&whole.text);
}

Test(timeline, names_are_cut_between_characters)
{
	struct text t = { 0 };

	name_add(&t, "a\xc3\xa9\xc3\xa9", 5, 4);
	cr_assert(eq(str, t.data, "a\xc3\xa9\xe2\x80\xa6"));
	text_clear(&t);
	name_add(&t, "\xff\n\x1b", 3, 80);
	cr_assert(eq(str, t.data, "\\xFF\\n\\x1B"));
	text_release(&t);
}
