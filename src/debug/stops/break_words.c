/*
 * break_words.c -- breakpoints as a table, and as lines that set them again.
 */
#include "break_impl.h"

/* Rows of a breakpoint of many places that are shown. */
#define SHOWN_PLACES 5

/* "op 24", "<MULTIPLE>", "token 5". */
static void add_address(const struct breakpoint *b, struct text *out)
{
	if (b->location.n_spots > 1 || (!b->location.text.len && b->n_questions > 1))
		text_adds(out, "<MULTIPLE>");
	else if (b->location.n_spots == 1)
		text_addf(out, "op %d", b->location.spots[0].op);
	else if (b->location.text.len)
		text_add(out, b->location.text.data, b->location.text.len);
}

static void say_places(struct debugger *d, const struct breakpoint *b)
{
	const struct program *p = d->program;
	struct text line = { 0 };
	int n = b->location.n_spots;

	for (int i = 0; n > 1 && i < n && i < SHOWN_PLACES; i++) {
		const struct spot *s = &b->location.spots[i];
		char number[24], op[24];

		text_clear(&line);
		snprintf(number, sizeof(number), "%d.%d", b->number, i + 1);
		snprintf(op, sizeof(op), "op %d", s->op);
		text_addf(&line, "%-23s  %c   %-10s %s", number, b->enabled ? 'y' : 'n', op,
			  s->module >= 0 ? p->modules[s->module].path : p->values[s->out].name);
		say_clipped(d, &line);
	}
	if (n > SHOWN_PLACES)
		say(d, "        ... %d more\n", n - SHOWN_PLACES);
	text_release(&line);
}

static void say_more(struct debugger *d, const struct breakpoint *b)
{
	int hits = breakpoint_hits(d, b);
	long long ignores = (long long)breakpoint_ignores(d, b);
	struct text line = { 0 };

	if (b->condition) {
		text_addf(&line, "        stop only if %s", b->condition->text);
		say_clipped(d, &line);
	}
	if (hits > 0)
		say(d, "        breakpoint already hit %d %s\n", hits,
		    plural(hits, "time", "times"));
	if (ignores > 0)
		say(d, "        ignore next %lld %s\n", ignores, plural(ignores, "hit", "hits"));
	for (const char *s = b->commands.len ? b->commands.data : ""; *s;) {
		size_t len = strcspn(s, "\n");

		text_clear(&line);
		text_addf(&line, "        %.*s", (int)len, s);
		say_clipped(d, &line);
		s += len + (s[len] == '\n');
	}
	text_release(&line);
}

void breakpoint_say(struct debugger *d, const struct breakpoint *b)
{
	static const char *const dispositions[] = { "keep", "del", "dis" };
	struct text line = { 0 }, address = { 0 };

	text_adds(&address, "");
	add_address(b, &address);
	text_addf(&line, "%-4d %-13s %-4s %c   %-10s ", b->number, b->class->type,
		  dispositions[b->disposition], b->enabled ? 'y' : 'n', address.data);
	b->class->what(d, b, &line);
	say_clipped(d, &line);
	say_places(d, b);
	say_more(d, b);
	text_release(&line);
	text_release(&address);
}

void breakpoint_say_heading(struct debugger *d)
{
	say(d, "Num  Type          Disp Enb Address    What\n");
}

void breakpoint_add_lines(const struct breakpoint *b, struct text *out)
{
	b->class->line(b, out);
	text_addc(out, '\n');
	if (b->condition && b->class->is_silent)
		text_addf(out, "condition $bpnum %s\n", b->condition->text);
	if (b->ignore > 0)
		text_addf(out, "ignore $bpnum %lld\n", (long long)b->ignore);
	if (b->disposition == DISABLE_WHEN_HIT)
		text_adds(out, "enable once $bpnum\n");
	if (!b->enabled)
		text_adds(out, "disable $bpnum\n");
	if (b->commands.len)
		text_addf(out, "commands\n%send\n", b->commands.data);
}
