/*
 * test_graph_measure.c -- what a picture says of a recording is what SQL says of it; what disagrees
 * between two is marked; a damaged recording is a sentence or a gap, never more.
 */
#include "picture/measure/measure_impl.h"
#include "support/recorded.h"
#include "support/words.h"
#include "torchless/record.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const int32_t ids[] = { 1, 17, 42, 9, 33, 5, 8 };

struct fixture {
	struct recorded at;
	struct recording *rec;
	struct recording_run run;
	struct model outline;
	struct graph_record *r;
	struct graph g;
	struct err err;
};

/* A file of edits that puts a NaN, or anything else, where it is said; NULL: none. */
static void write_recording(struct fixture *f, const struct tiny *tiny, const char *const *zero,
			    const char *const *capture)
{
	struct model model;
	struct record_options opt;
	struct recorder r;
	struct record_prompt prompt = { .prompt = { .ids = ids, .n_ids = 7, .n = -1 } };

	memset(f, 0, sizeof(*f));
	tiny_write(tiny, f->at.model, sizeof(f->at.model));
	snprintf(f->at.folder, sizeof(f->at.folder), "/tmp/torchless-graph-XXXXXX");
	cr_assert(mkdtemp(f->at.folder) != NULL);
	snprintf(f->at.path, sizeof(f->at.path), "%s/t.db", f->at.folder);
	cr_assert_eq(
		model_open(&model, f->at.model, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &f->err), 0,
		"%s", f->err.message);
	model.tokenizer = tokenizer_new(words_tokenizer_json, strlen(words_tokenizer_json), NULL,
					"test", &f->err);
	opt = (struct record_options){
		.generation.session = { .executor = { .kernels = &kernels_ref, .chunk = 4 },
					.sampler.top_p = 1,
					.n = 3,
					.all_logits = true,
					.ignore_eos = true },
		.path = f->at.path,
		.engine = "test 1",
		.zero = zero,
		.n_zero = zero ? 1 : 0,
		.capture = capture,
		.n_capture = capture ? 1 : 0,
	};
	cr_assert_eq(recorder_open(&r, &model, &opt, &f->err), 0, "%s", f->err.message);
	recorder_listen(&r);
	cr_assert_eq(generation_set_prompt(&r.generation, &prompt.prompt, &f->err), 0, "%s",
		     f->err.message);
	recorder_expect(&r);
	cr_assert_eq(recorder_create(&r, &f->err), 0, "%s", f->err.message);
	cr_assert_eq(recorder_run(&r, &prompt, &f->err), 0, "%s", f->err.message);
	cr_assert_eq(recorder_close(&r, 0, &f->err), 0, "%s", f->err.message);
	recorder_release(&r);
	model_close(&model);
}

static int read_pass(struct fixture *f, int pass)
{
	struct graph_record_options o = { .path = "t.db", .run = &f->run, .pass = pass };

	graph_record_free(f->r);
	f->r = graph_record_new(f->rec, &f->outline.program, &o, &f->err);
	return f->r ? 0 : f->err.code;
}

static int read_recording(struct fixture *f)
{
	f->rec = recording_open(f->at.path, &f->err);
	cr_assert(f->rec != NULL, "%s", f->err.message);
	if (recording_find_run(f->rec, "t.db", 0, &f->run, &f->err) ||
	    recording_outline("t.db", &f->run, &f->outline, &f->err))
		return f->err.code;
	return read_pass(f, -1);
}

static void close_recording(struct fixture *f)
{
	graph_record_free(f->r);
	model_close(&f->outline);
	recording_close(f->rec);
	f->r = NULL;
	f->rec = NULL;
}

static void remove_recording(struct fixture *f)
{
	close_recording(f);
	recorded_remove(&f->at);
}

static double number(const struct fixture *f, const char *fmt, const char *name)
{
	struct text sql = { 0 };
	double x;

	text_addf(&sql, fmt, name);
	x = strtod(ask(&f->at, sql.data), NULL);
	text_release(&sql);
	return x;
}

static bool is_near(double a, double b)
{
	return fabs(a - b) <= 1e-5 * fmax(fabs(a), fabs(b));
}

/* ---- a run ---------------------------------------------------------------------------------- */

Test(graph_measure, values_are_those_of_the_newest_pass)
{
	struct fixture f;
	const struct program *p;

	write_recording(&f, &tiny_default, NULL, NULL);
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	p = &f.outline.program;
	cr_assert_eq(f.r->n_passes, 4);
	for (int v = 0; v < p->n_values; v++) {
		if (!p->values[v].point)
			continue;
		cr_assert(f.r->values[v].id > 0, "%s", p->values[v].name);
		cr_expect_eq(f.r->values[v].pass, 3);
		cr_expect(is_near(f.r->values[v].l2,
				  number(&f, "SELECT l2 FROM v_value WHERE pass = 3 AND fqn = '%s'",
					 p->values[v].name)),
			  "%s", p->values[v].name);
	}
	remove_recording(&f);
}

/* What a module's calls took without their children's. */
#define OWN(what)                                                                                  \
	"SELECT sum(s." what " - coalesce((SELECT sum(c." what ") FROM v_span c, span x "          \
	"WHERE x.id = c.id AND x.parent_id = s.id), 0)) FROM v_span s WHERE s.module = '%s'"

Test(graph_measure, time_and_bytes_add_up)
{
	struct fixture f;
	const struct program *p;
	double all = 0;

	write_recording(&f, &tiny_default, NULL, NULL);
	cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
	p = &f.outline.program;
	for (int m = 0; m < p->n_modules; m++) {
		double ns = 0, bytes = 0;

		for (int i = 0; i < p->n_ops; i++)
			if (p->ops[i].module == m) {
				ns += f.r->ops[i].ns;
				bytes += f.r->ops[i].bytes;
			}
		all += ns;
		cr_expect(is_near(ns, number(&f, OWN("dur"), p->modules[m].path)), "ns of '%s'",
			  p->modules[m].path);
		cr_expect(is_near(4 * bytes, number(&f, OWN("bytes"), p->modules[m].path)),
			  "bytes of '%s'", p->modules[m].path);
	}
	cr_expect(is_near(all, f.r->ns));
	cr_expect(is_near(all, number(&f, "SELECT sum(dur) FROM pass%s", "")));
	remove_recording(&f);
}

static bool reads_weight(const struct program *p, int op)
{
	for (int i = 0; i < p->ops[op].n_in; i++)
		if (p->values[p->ops[op].in[i]].storage == STORAGE_WEIGHT)
			return true;
	return false;
}

/* So that the parts of what a module moves itself are what each op moves. */
Test(graph_measure, bytes_are_counted_as_the_recorder_counts_them)
{
	struct tiny tiny = tiny_default;
	struct fixture f;

	for (tiny.window = 0; tiny.window <= 5; tiny.window += 5) {
		write_recording(&f, &tiny, NULL, NULL);
		cr_assert_eq(read_recording(&f), 0, "%s", f.err.message);
		for (int m = 0; m < f.outline.program.n_modules; m++) {
			const struct program *p = &f.outline.program;
			const struct cost_passes passes = { f.r->passes, f.r->n_passes };
			double bytes = 0;

			for (int i = 0; i < p->n_ops; i++)
				if (p->ops[i].module == m && !reads_weight(p, i))
					bytes += cost_bytes(p, i, &passes);
			if (bytes > 0)
				cr_expect(is_near(bytes,
						  number(&f, OWN("bytes"), p->modules[m].path)),
					  "%s: %g, %g", p->modules[m].path, bytes,
					  number(&f, OWN("bytes"), p->modules[m].path));
		}
		remove_recording(&f);
	}
}
