/* Breakpoints: where they lie, when they stop, and that the way back stops as the way forward. */
#include "debug/stops/break_impl.h"
#include "support/stopped.h"

static struct stopped s;

static void setup(void)
{
	stopped_open(&s);
}

static void teardown(void)
{
	stopped_close(&s);
}

TestSuite(debug_break, .init = setup, .fini = teardown);

static void says(const char *line, const char *what)
{
	const char *said = stopped_do(&s, line);

	cr_assert(strstr(said, what), "'%.60s' says\n%s\nwhich lacks\n%s", line, said, what);
}

static void lacks(const char *line, const char *what)
{
	const char *said = stopped_do(&s, line);

	cr_assert(!strstr(said, what), "'%.60s' says\n%s\nwhich has\n%s", line, said, what);
}

static void refuses(const char *line, const char *what)
{
	const char *sentence = stopped_fail(&s, line);

	cr_assert(strstr(sentence, what), "'%.60s' fails with\n%s\nwhich lacks\n%s", line, sentence,
		  what);
}

/* ---- locations ----------------------------------------------------------------------------- */

static struct location parse(const char *text)
{
	struct location l;

	cr_assert_eq(location_parse(s.d, text, &l, &s.err), 0, "%s: %s", text, s.err.message);
	return l;
}

Test(debug_break, one_module_has_many_spellings)
{
	static const char *const same[] = {
		"model.layers.1.self_attn",
		"layers.1.self_attn",
		"layers[1].self_attn",
		"L1.attn",
		"L1.self_attn",
		"layers.[1-1].self_attn",
		"self_attn",
		".",
	};

	stopped_do(&s, "advance layers.1.self_attn");
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct location l = parse(same[i]);

		cr_assert_eq(l.n_spots, 1, "%s: %d", same[i], l.n_spots);
		cr_assert_str_eq(l.text.data, "model.layers.1.self_attn", "%s", same[i]);
		location_release(&l);
	}
}

Test(debug_break, locations_name_so_many_places)
{
	static const struct {
		const char *text;
		int n;
	} places[] = {
		{ "layers.*.mlp", 2 },
		{ "layers.*", 2 },
		{ "L*.mlp", 2 },
		{ "L[0-1].mlp", 2 },
		{ "*.mlp", 2 },
		{ "layers[*].self_attn", 2 },
		{ "/mlp$/", 2 },
		{ "L1.attn.pattern", 1 },
		{ "*.self_attn:pattern", 2 },
		{ "blocks.*.attn.hook_z", 2 },
		{ "norm", 1 },
		{ "op 3", 1 },
		{ "mistral.c:110", 2 },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct location l = parse(places[i].text);

		cr_assert_eq(l.n_spots, places[i].n, "%s: %d", places[i].text, l.n_spots);
		location_release(&l);
	}
}

Test(debug_break, locations_that_are_none_say_what_is_near)
{
	char *many = mem_calloc(10 << 20, 1);

	refuses("break layers.99.mlp", "the layers are 0 to 1");
	refuses("break layers.1.mpl", "layers.1.mlp");
	refuses("break mlp", "layers.*.mlp");
	refuses("break op 9999", "is the end of a pass");
	refuses("break /(/", "no regular expression");
	refuses("break /x", "between slashes");
	refuses("break foo.c:3", "mistral.c");
	refuses("break :99999", "the last is at line");
	refuses("break token x", "no position");
	refuses("break", "nothing has begun");
	memset(many, 'a', (10 << 20) - 1);
	memcpy(many, "break ", 6);
	refuses(many, "longer than any name");
	many[6] = '/';
	many[(10 << 20) - 2] = '/';
	refuses(many, "1 to 1024 bytes");
	free(many);
}

Test(debug_break, a_line_without_an_op_slides_on_and_says_so)
{
	says("break :1", "has no op: line");
}

/* ---- stops --------------------------------------------------------------------------------- */

Test(debug_break, several_at_one_op_are_one_stop)
{
	stopped_do(&s, "break layers.1.mlp");
	stopped_do(&s, "break layers.*.mlp");
	stopped_do(&s, "disable 2");
	stopped_do(&s, "break L1.mlp");
	says("run", "Breakpoint 1, 3\n");
	says("info breakpoints", "breakpoint already hit 1 time\n");
}

Test(debug_break, tbreak_is_deleted_when_hit_and_once_is_disabled)
{
	stopped_do(&s, "tbreak layers.0.mlp");
	stopped_do(&s, "break layers.1.mlp");
	stopped_do(&s, "enable once 2");
	says("run", "Temporary breakpoint 1\n");
	refuses("condition 1 1", "no breakpoint 1");
	says("continue", "Breakpoint 2\n");
	says("info breakpoints", "dis  n");
}

Test(debug_break, out_is_asked_behind)
{
	stopped_do(&s, "break layers.1.mlp if absmax(out) >= 0");
	stopped_do(&s, "run");
	cr_assert_eq(s.d->left_module, program_find_module(s.d->program, "model.layers.1.mlp"));
	cr_assert_eq(s.d->target->now.op, s.d->program->modules[s.d->left_module].op_end);
}

Test(debug_break, conditions_are_checked_when_they_are_set)
{
	refuses("break L1.mlp if nope > 1", "nothing here is called 'nope'");
	refuses("break L1.mlp if 1 +", "expected a value");
	refuses("break L1.mlp if", "wants a condition");
	refuses("break L0.ln1 if max(L0.mlp) > 0", "not computed yet");
	refuses("break tokenizer if max(L0.mlp) > 0", "no tensors in the tokenizer");
	refuses("break L1.mlp if max(in.7) > 0", "in[7]");
	says("info breakpoints", "No breakpoints");
}

Test(debug_break, one_that_fails_stops_once)
{
	stopped_do(&s, "break layers.*.mlp if in[0]");
	says("run", "Breakpoint 1 failed at 0.");
	says("info breakpoints", "keep n");
	says("continue", "the end of the generation");
}

Test(debug_break, one_that_fails_fails_in_a_script)
{
	stopped_do(&s, "break layers.*.mlp if in[0]");
	cr_assert_eq(debugger_line(s.d, "run", LINE_SCRIPT, &s.err), ERR_USAGE);
	cr_assert(strstr(s.err.message, "Breakpoint 1 failed at 0."), "%s", s.err.message);
}

Test(debug_break, a_step_that_arrives_does_not_ask_the_condition)
{
	stopped_do(&s, "start");
	stopped_do(&s, "break op 2 if 0 > 1");
	stopped_do(&s, "stepi 2");
	cr_assert_eq(s.d->target->now.op, 2);
}

Test(debug_break, dprintf_prints_forward_only)
{
	stopped_do(&s, "dprintf layers.*.mlp,\"<%d %s>\\n\",layer,\"a\"");
	says("run", "<0 a>\n<1 a>\n<0 a>\n");
	lacks("reverse-continue", "<0 a>");
	refuses("dprintf L1,\"%d\"", "wants 1 expression");
	refuses("dprintf L1,\"%n\",1", "no conversion");
	refuses("dprintf L1,\"%d", "no closing quote");
	refuses("dprintf L1", "a comma is due");
}

Test(debug_break, dprintf_shows_the_past)
{
	stopped_do(&s, "goto 1.0");
	says("dprintf layers.*.mlp,\"<%d>\\n\",layer", "<0>\n<1>\n");
	cr_assert_eq(s.d->target->now.pass, 1);
	cr_assert_eq(s.d->target->now.op, 0);
}

Test(debug_break, commands_run_and_silent_is)
{
	stopped_do(&s, "break layers.0.mlp");
	stopped_do(&s, "commands");
	stopped_do(&s, "silent");
	stopped_do(&s, "info breakpoints");
	stopped_do(&s, "end");
	says("run", "Num");
	lacks("run", "Breakpoint 1\n");
	refuses("commands 7", "no breakpoint 7");
}

Test(debug_break, deletions_are_echoed)
{
	for (int i = 0; i < 5; i++)
		stopped_do(&s, "break sampler");
	says("delete 1 3-4", "Deleted breakpoint 1, 3, 4.");
	refuses("delete 3", "no breakpoint 3");
	refuses("delete 5-2", "no list of numbers");
	says("delete", "Deleted breakpoint 2, 5.");
	refuses("delete 99999999999999999999", "no breakpoint");
}

Test(debug_break, what_is_saved_sets_the_same)
{
	char path[300], line[400], *before;

	snprintf(path, sizeof(path), "%s/breakpoints", s.dir);
	stopped_do(&s, "break layers.*.mlp if absmax(out) > 1");
	stopped_do(&s, "ignore 1 3");
	stopped_do(&s, "commands");
	stopped_do(&s, "info breakpoints");
	stopped_do(&s, "end");
	stopped_do(&s, "watch -i argmax(logits) if 1 > 0");
	stopped_do(&s, "dprintf L1.mlp,\"%g, \\\"x\\\"\\n\",max(in)");
	stopped_do(&s, "condition 3 1 > 0");
	stopped_do(&s, "tbreak token 6");
	stopped_do(&s, "catch absmax > 3 layers.1");
	stopped_do(&s, "disable 5");
	before = mem_strdup(stopped_do(&s, "info breakpoints"));
	snprintf(line, sizeof(line), "save breakpoints %s", path);
	stopped_do(&s, line);
	stopped_do(&s, "delete");
	s.d->breakpoints->last_number = 0;
	snprintf(line, sizeof(line), "source %s", path);
	stopped_do(&s, line);
	cr_assert_str_eq(stopped_do(&s, "info breakpoints"), before);
	free(before);
	refuses("save breakpoints /nowhere/at/all", "/nowhere/at/all");
}

Test(debug_break, hits_are_a_table_and_one_stays)
{
	stopped_do(&s, "goto 2.3");
	says("hits layers.*.mlp max(in), absmax(out)", "model.layers.1.mlp");
	cr_assert_eq(s.d->target->now.pass, 2);
	cr_assert_eq(s.d->target->now.op, 3);
	says("hits -a token 6 token", "token 6");
	refuses("hits nowhere", "is called 'nowhere'");
	refuses("hits layers.*.mlp nope", "nope");
	says("info breakpoints", "No breakpoints");
}

Test(debug_break, a_watch_refuses_what_cannot_change)
{
	refuses("watch L1.mlp[3:3]", "empty");
	refuses("watch 3", "cannot change");
	refuses("watch model.norm.weight", "cannot change");
	refuses("watch", "wants an expression");
}

/* ---- one way is the other backwards ---------------------------------------------------------- */

enum { MAX_STOPS = 4000 };

struct way {
	struct moment at[MAX_STOPS];
	char *why[MAX_STOPS];
	int n;
};

static void way_release(struct way *w)
{
	for (int i = 0; i < w->n; i++)
		free(w->why[i]);
	w->n = 0;
}

/* What is said of a stop before the line of the place. */
static char *why(const char *said)
{
	struct text t = { 0 };

	text_adds(&t, "");
	for (; *said; said += strcspn(said, "\n"), said += *said == '\n') {
		static const char *const kinds[] = { "Breakpoint", "Watch", "Access", "Read",
						     "Catch",      "Old",   "New",    "Value" };

		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (!strncmp(said, kinds[i], strlen(kinds[i])))
				text_addf(&t, "%.*s\n", (int)strcspn(said, "\n"), said);
	}
	return t.data;
}

static void go_on(struct way *w, const char *first, const char *then)
{
	w->n = 0;
	for (const char *line = first; w->n < MAX_STOPS; line = then) {
		const char *said = stopped_do(&s, line);

		if (!s.d->has_stopped)
			return;
		w->why[w->n] = why(said);
		w->at[w->n++] = s.d->target->now;
	}
}

/* The last `back->n` stops of `forth` are those of `back`, backwards. */
static void are_reverse(const struct way *forth, const struct way *back, int n, unsigned seed)
{
	cr_assert_geq(forth->n, n, "seed %u: %d", seed, n);
	cr_assert_geq(back->n, n, "seed %u: %d of %d", seed, back->n, n);
	for (int i = 0; i < n; i++) {
		int k = forth->n - 1 - i;
		char a[48], b[48];

		cr_assert(!moment_compare(&forth->at[k], &back->at[i]),
			  "seed %u: stop %d of %d from the end is at %s forward (%s) and %s back "
			  "(%s)",
			  seed, i, n, moment_format(&forth->at[k], a, sizeof(a)), forth->why[k],
			  moment_format(&back->at[i], b, sizeof(b)), back->why[i]);
		cr_assert_str_eq(forth->why[k], back->why[i], "seed %u at %s", seed,
				 moment_format(&forth->at[k], a, sizeof(a)));
	}
}

static unsigned next_random(unsigned *state, unsigned n)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % n;
}

static void set_some(unsigned *r)
{
	static const char *const lines[] = {
		"break layers.*.mlp",
		"break layers.1",
		"break layers.1.self_attn.q_proj",
		"break L0.attn.pattern if max(out[q=-1]) > 0.3",
		"break /proj$/ if absmax(out) > 2.5",
		"break layers.* if mean(in[0]) > 0",
		"break op 7",
		"break sampler",
		"break tokenizer",
		"break token 6",
		"break 1.5",
		"break op 0 if token % 2 == 0",
		"watch argmax(logits)",
		"watch -i L1.mlp[pos=-1, 0]",
		"watch sum(L0.attn.z) > 0",
		"watch L0.resid_mid[-1, 3] > 0 if max(L0.resid_mid) > 0.5",
		"rwatch L1.resid_mid",
		"awatch -i layers.0.mlp.act_mul",
		"catch absmax > 2 layers.1",
		"catch absmax > 3",
		"rbreak . if absmax(out) > 3",
		"break model.norm if absmax(in) > 2",
	};
	unsigned n = 1 + next_random(r, 5);

	for (unsigned i = 0; i < n; i++)
		stopped_do(&s, lines[next_random(r, sizeof(lines) / sizeof(lines[0]))]);
	for (unsigned i = 1; i <= n; i++)
		if (next_random(r, 3) == 0) {
			char line[40];

			snprintf(line, sizeof(line), "ignore %u %u", i, next_random(r, 6));
			stopped_do(&s, line);
		}
}

static long n_stops;

static void walk(unsigned seed)
{
	static struct way forth, back, again;
	unsigned r = seed;
	char line[40];

	stopped_do(&s, "delete");
	s.d->breakpoints->last_number = 0;
	stopped_do(&s, "start");
	if (next_random(&r, 2)) {
		snprintf(line, sizeof(line), "goto %u.%u", next_random(&r, 3),
			 next_random(&r, (unsigned)s.d->program->n_ops));
		stopped_do(&s, line);
	}
	set_some(&r);
	if (next_random(&r, 3) == 0) { /* hits that are ignored are passed by unseen */
		snprintf(line, sizeof(line), "goto %u.%u", next_random(&r, 4),
			 next_random(&r, (unsigned)s.d->program->n_ops));
		stopped_do(&s, line);
	}
	go_on(&forth, "continue", "continue");
	cr_assert(s.d->target->has_ended, "seed %u", seed);
	if (next_random(&r, 3) == 0) { /* another past: what was seen of it is forgotten */
		stopped_do(&s, next_random(&r, 2) ? "zero layers.0.mlp" : "scale L1.attn.z 2");
		way_release(&forth);
		go_on(&forth, "continue", "continue");
		stopped_do(&s, "revert");
		way_release(&forth);
		go_on(&forth, "continue", "continue");
	}
	go_on(&back, "reverse-continue", "reverse-continue");
	are_reverse(&forth, &back, forth.n, seed);
	go_on(&again, "continue", "continue");
	are_reverse(&again, &back, again.n, seed);
	n_stops += forth.n + again.n;
	way_release(&forth);
	way_release(&back);
	way_release(&again);
}

Test(debug_break, the_way_back_stops_as_the_way_forward, .timeout = 300)
{
	for (unsigned seed = 1; seed <= 150; seed++)
		walk(seed);
	cr_assert_gt(n_stops, 1500, "%ld stops", n_stops);
}
