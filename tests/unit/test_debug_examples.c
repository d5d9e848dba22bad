/* Every command's example runs on the teaching model, as help shows it. */
#include "debug/debug_impl.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <unistd.h>

static void swallow(void *ctx, const char *data, size_t len)
{
	struct text *all = ctx;

	text_add(all, data, len);
}

static void run_lines(struct debugger *d, const struct debug_command *c)
{
	const char *s = c->example;

	while (*s) {
		size_t n = strcspn(s, "\n");
		char *line = mem_memdup(s, n);
		struct err err = { 0 };
		int r = debugger_line(d, line, LINE_SCRIPT, &err);

		cr_expect(ge(int, r, 0), "%s: %s: %s", c->name, line, err.message);
		free(line);
		s += n + (s[n] == '\n');
	}
	cr_expect(eq(int, debugger_end_lines(d, &(struct err){ 0 }), 0), "%s", c->name);
}

/* The files that examples write are left in a directory that goes away. */
Test(debug, every_example_runs)
{
	char dir[] = "/tmp/torchless-examples-XXXXXX", at[4096], command[64];
	struct model m = { 0 };
	struct err err = { 0 };
	struct text said = { 0 };
	struct ui ui = { .out = stdout };
	struct debugger_options o = { .ui = &ui, .write = swallow, .ctx = &said };

	cr_assert(eq(int, model_open(&m, "lessons/model", CHECKPOINT_ALL, &err), 0), "%s",
		  err.message);
	cr_assert(mkdtemp(dir) && getcwd(at, sizeof(at)) && chdir(dir) == 0);
	o.record.generation.session.n = 4;
	o.record.generation.session.all_logits = true;
	o.record.generation.session.sampler.top_p = 1;
	o.record.path = "trace.db";
	o.prompt = (struct prompt){ .text = { "Once upon a time", 16 }, .n = -1 };
	for (int i = 0; i < debug_commands_len; i++) {
		struct debugger *d = debugger_new(&m, &o, &err);

		cr_assert(ne(ptr, d, NULL), "%s", err.message);
		run_lines(d, &debug_commands[i]);
		debugger_free(d);
		text_clear(&said);
	}
	text_release(&said);
	model_close(&m);
	cr_assert(chdir(at) == 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert(eq(int, system(command), 0));
}
