/*
 * test_debug_walk.c -- random walks by the debugger's own commands.
 *
 * A walk is a list of lines that a person could type: forward, back, finish, until, goto, edits,
 * reverts, forced tokens, branches, breakpoints, another run.  Where it ends is compared with a
 * debugger that has the edits and the forced tokens from the beginning and runs straight there:
 * the place, every bit of every value and of the cache, the tokens, the random state, and every row
 * of the recordings.
 *
 * DEBUG_WALKS=N walks N; WALK_SEED=S DEBUG_WALKS=1 one of them again, with its lines.
 */
#include "debug/change/change.h"
#include "support/walk.h"

#include <criterion/criterion.h>

enum { WALKS = 200, LINES = 24 };

static char folder[64];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/torchless-debug-walk-XXXXXX");
	cr_assert(mkdtemp(folder) != NULL);
}

static void remove_folder(void)
{
	rmdir(folder);
}

TestSuite(debug_walk, .init = make_folder, .fini = remove_folder, .timeout = 3000);

static long number(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value ? atol(value) : otherwise;
}

/* ---- a debugger to walk with ----------------------------------------------------------------- */

struct walk_model {
	struct model *model;
	const char *text; /* NULL: ids */
	uint64_t options; /* picks chunk, sampler, tokens */
};

static const struct ui plain = { .width = 0 };

static struct debugger *open_debugger(const struct walk_model *m, int32_t *ids, struct err *err)
{
	static const int64_t chunks[] = { 3, 512 };
	uint64_t state = m->options;
	struct debugger_options o = { .ui = &plain };
	int64_t n = 4 + walk_random(&state) % 5;

	o.record.path = "walk.db";
	o.record.generation.session = (struct session_options){
		.executor = { .kernels = kernels_select(NULL),
			      .plan = PLAN_DEBUG,
			      .chunk = chunks[walk_random(&state) % 2] },
		.sampler = { .temp = walk_random(&state) % 2 ? 0.9 : 0,
			     .top_k = 20,
			     .top_p = .95,
			     .min_p = .001,
			     .seed = walk_random(&state) },
		.n = 2 + walk_random(&state) % 4,
		.all_logits = true,
	};
	for (int64_t i = 0; i < n; i++)
		ids[i] = (int32_t)(walk_random(&state) % 90);
	if (m->text)
		o.prompt = (struct prompt){ .text = { m->text, strlen(m->text) }, .n = -1 };
	else
		o.prompt = (struct prompt){ .ids = ids, .n_ids = n, .n = -1 };
	return debugger_new(m->model, &o, err);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* %o an op, %p a pass, %n a small number, %l a layer, %h a head, %t a token id. */
static const char *const lines[] = {
	"step",
	"step %n",
	"next",
	"next %n",
	"stepi %n",
	"finish",
	"until",
	"until layers.%l.mlp",
	"continue",
	"continue",
	"advance op %o",
	"advance layers.%l",
	"token",
	"layer",
	"layer %l",
	"goto %p.%o",
	"goto %p.%o",
	"reverse-step",
	"reverse-step %n",
	"reverse-next",
	"reverse-next %n",
	"reverse-stepi %n",
	"reverse-finish",
	"reverse-continue",
	"back",
	"forward",
	"up",
	"goto tokenizer",
	"zero L%l.attn.z[head=%h]",
	"set L%l.mlp.act_mul = 0.25",
	"scale L%l.resid_post 0.5",
	"add L%l.attn.pattern[head=%h] 0.125",
	"mean L%l.mlp",
	"hook L%l.attn.z[head=%h] = 0",
	"hook L%l.attn.z[head=%h] = out * 0.5",
	"hook L%l.attn.k_rot = L%l.attn.k_rot * 1.5",
	"hook L%l.mlp = out * (pos > 0)",
	"set model.norm.weight = 0.5",
	"patch L%l.mlp.act_mul[pos=1] from L%l.mlp.act_mul[pos=0]",
	"revert",
	"revert %n",
	"revert all",
	"force %t",
	"force %t",
	"unforce",
	"ban %t",
	"run",
	"start",
	"break layers.%l.mlp",
	"break op %o",
	"tbreak layers.%l.self_attn",
	"ignore %n 2",
	"delete %n",
	"break layers.*.self_attn if pass > 0",
	"watch absmax(L%l.resid_post)",
	"fork",
	"switch main",
	"switch branch-1",
	"diff",
	"baseline save a",
	"bookmark m",
	"goto m",
	"print absmax(L%l.resid_mid)",
};
enum { N_LINES = sizeof(lines) / sizeof(lines[0]) };

static void make_line(const struct debugger *d, uint64_t *state, struct text *out)
{
	const char *s = lines[walk_random(state) % N_LINES];

	/* A branch is a run of its own in a recording, which a straight way has not. */
	if (live_is_recording(d->target) && (!strncmp(s, "fork", 4) || !strncmp(s, "switch", 6)))
		s = "tokens";

	text_clear(out);
	for (; *s; s++) {
		uint32_t x = walk_random(state);

		if (*s != '%') {
			text_addc(out, *s);
			continue;
		}
		s++;
		x %= *s == 'o'   ? (uint32_t)d->program->n_ops + 1
		     : *s == 'p' ? (uint32_t)d->target->n_passes + 1
		     : *s == 'l' ? (uint32_t)d->program->n_layers
		     : *s == 't' ? 90
				 : 4;
		text_addf(out, "%u", *s == 'n' ? x + 1 : x);
	}
}

/* The lines of a walk, as they were typed. */
struct typed {
	char *lines[LINES + 1];
	int n;
};

static void forget(struct typed *t)
{
	for (int i = 0; i < t->n; i++)
		free(t->lines[i]);
	t->n = 0;
}

/* A refusal is an answer; anything else is not. */
static bool runs(struct debugger *d, const char *line, struct text *log)
{
	struct err failed = { 0 };
	int r = debugger_line(d, line, LINE_SCRIPT, &failed);

	text_addf(log, "  %s%s%s\n", line, r < 0 ? "   -- " : "", r < 0 ? failed.message : "");
	return r >= 0 || failed.code == ERR_USAGE || failed.code == ERR_SHAPE;
}

/* Make up lines as one goes, or type those that are there. */
static bool walk_lines(struct debugger *d, uint64_t seed, struct typed *t, struct text *log)
{
	struct text line = { 0 };
	uint64_t state = seed;
	int n = t->n > 0 ? t->n : 4 + (int)(walk_random(&state) % (LINES - 3));
	bool makes = t->n == 0, good = true;

	for (int i = 0; i < n && good; i++) {
		if (makes) {
			make_line(d, &state, &line);
			t->lines[t->n++] = mem_strdup(line.data);
		}
		good = runs(d, t->lines[i], log);
	}
	text_release(&line);
	return good;
}

/* ---- straight -------------------------------------------------------------------------------- */

struct goal {
	const struct debugger *d;
	struct moment at;
};

static int at_goal(void *ctx, struct moment *at, struct err *err)
{
	const struct goal *g = ctx;

	(void)err;
	return at->pass == g->at.pass && at->op == g->at.op && at->step == g->at.step;
}

/* The facts of a walk, given before anything happens. */
static int give_facts(struct debugger *d, const struct debugger *from, struct err *err)
{
	const struct session *s = &live_recorder(from->target)->generation.session;
	struct session *to = &live_recorder(d->target)->generation.session;
	struct branch b;
	int r = 0;

	branch_take((struct debugger *)from, "facts", &b);
	for (int i = 0; i < b.n_edits && r == 0; i++) {
		struct edit e = b.edits[i];

		if (hooked_is_disabled(&e))
			continue;
		/* An expression is asked of the debugger that it was typed to. */
		if (e.kind == EDIT_COMPUTE && hooked_edit(d, e.source, &e, err))
			return err->code;
		r = session_add_edit(to, &e, err);
		r = r > 0 ? 0 : r;
	}
	for (int i = 0; i < s->n_forced && r == 0; i++)
		r = session_force_at(to, s->forced[i].pos, s->forced[i].id, err);
	branch_release(&b);
	return r;
}

static int run_straight(struct debugger *d, const struct debugger *from, struct err *err)
{
	struct goal goal = { d, from->target->now };
	struct stopper s = { .tokenizer = true, .sampler = true, .ask = at_goal, .ctx = &goal };
	int r = d->target->class->restart(d->target, err);

	if (r == 0)
		r = give_facts(d, from, err);
	s.ops = mem_calloc((size_t)d->program->n_ops + 1, 1);
	memset(s.ops, 1, (size_t)d->program->n_ops + 1);
	if (r == 0)
		r = d->target->class->run(d->target, &s, err);
	free(s.ops);
	return r < 0 ? r : 0;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool same_end(struct debugger *a, struct debugger *b, struct model *m, struct text *why)
{
	struct walk_setup setup = { .model = m };
	struct walker x = { .setup = &setup }, y = { .setup = &setup };
	char left[48], right[48];

	x.s = &live_recorder(a->target)->generation.session;
	y.s = &live_recorder(b->target)->generation.session;
	b->target->now.depth = a->target->now.depth;
	if (moment_compare(&a->target->now, &b->target->now) != 0)
		return walk_fail(why, "stands at %s and not at %s\n",
				 moment_format(&a->target->now, left, sizeof(left)),
				 moment_format(&b->target->now, right, sizeof(right)));
	return walk_same_session(&x, &y, why);
}

static bool holds(struct walk_model *m, uint64_t seed, bool records, struct typed *typed,
		  struct text *log)
{
	struct err err = { 0 };
	int32_t ids[2][16];
	struct debugger *a, *b;
	char path[2][128], line[300];
	bool good;

	m->options = seed * 977;
	a = open_debugger(m, ids[0], &err);
	b = open_debugger(m, ids[1], &err);
	cr_assert(a && b, "%s", err.message);
	for (int i = 0; i < 2; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%d.db", folder, i);
		snprintf(line, sizeof(line), "record on %s", path[i]);
		if (records)
			cr_assert(debugger_line(i ? b : a, line, LINE_SCRIPT, &err) >= 0, "%s",
				  err.message);
	}
	good = walk_lines(a, seed, typed, log);
	if (good && a->target->has_begun) {
		good = run_straight(b, a, &err) == 0;
		if (!good)
			text_addf(log, "  the straight way failed: %s\n", err.message);
		good = good && same_end(a, b, m->model, log);
	}
	debugger_free(a);
	debugger_free(b);
	if (good && records)
		good = walk_same_recording(path[0], path[1], false, log);
	for (int i = 0; i < 2 && records; i++)
		unlink(path[i]);
	return good;
}

/* Leave out what can be left out until every line that is left is needed. */
static void shrink(struct walk_model *m, uint64_t seed, bool records, struct typed *t)
{
	for (int i = t->n - 1; i >= 0; i--) {
		struct typed less = *t;
		struct text ignored = { 0 };

		memmove(&less.lines[i], &less.lines[i + 1],
			(size_t)(less.n - i - 1) * sizeof(less.lines[0]));
		less.n--;
		if (less.n > 0 && !holds(m, seed, records, &less, &ignored)) {
			free(t->lines[i]);
			*t = less;
		}
		text_release(&ignored);
	}
}

static void expect_walks(struct walk_model *m, uint64_t first, int n, bool records)
{
	uint64_t from = (uint64_t)number("WALK_SEED", (long)first);
	struct typed typed = { .n = 0 };
	struct text log = { 0 };
	bool good = true;

	for (uint64_t seed = from; seed < from + (uint64_t)n && good; seed++) {
		text_clear(&log);
		good = holds(m, seed, records, &typed, &log);
		if (!good) {
			text_addf(&log, "WALK_SEED=%llu; these lines are enough:\n",
				  (unsigned long long)seed);
			shrink(m, seed, records, &typed);
			holds(m, seed, records, &typed, &log);
		}
		forget(&typed);
	}
	cr_expect(good, "%s", log.data);
	text_release(&log);
}

Test(debug_walk, on_a_tiny_model)
{
	struct tiny t = tiny_default;
	struct err err = { 0 };
	struct model m;
	char dir[64];

	t.window = 0;
	tiny_write(&t, dir, sizeof(dir));
	cr_assert_eq(model_open(&m, dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &err), 0, "%s",
		     err.message);
	expect_walks(&(struct walk_model){ .model = &m }, 1, (int)number("DEBUG_WALKS", WALKS),
		     false);
	model_close(&m);
	tiny_remove(dir);
}

Test(debug_walk, recorded)
{
	struct tiny t = tiny_default;
	struct err err = { 0 };
	struct model m;
	char dir[64];

	t.window = 0;
	tiny_write(&t, dir, sizeof(dir));
	cr_assert_eq(model_open(&m, dir, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &err), 0, "%s",
		     err.message);
	expect_walks(&(struct walk_model){ .model = &m }, 10001,
		     (int)number("DEBUG_WALKS", WALKS) / 2, true);
	model_close(&m);
	tiny_remove(dir);
}

/* With steps of a tokenizer and of a sampler, and a model that says something. */
Test(debug_walk, on_the_teaching_model)
{
	struct err err = { 0 };
	struct model m;

	cr_assert_eq(model_open(&m, "lessons/model", CHECKPOINT_ALL, &err), 0, "%s", err.message);
	expect_walks(&(struct walk_model){ .model = &m, .text = "Lily put the ball in the box." },
		     20001, (int)number("DEBUG_WALKS", WALKS) / 10, false);
	model_close(&m);
}
