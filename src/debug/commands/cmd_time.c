/*
 * cmd_time.c -- time: back as forward, to a place, to where one was, names for moments.
 */
#include "../debug_impl.h"

#include <ctype.h>

/* ---- back ---------------------------------------------------------------------------------- */

typedef bool back_fn(const struct program *p, struct moment *m);

/* Where a step back lands: in the pass, or at the end of what came before it. */
static bool find_back(const struct debugger *d, back_fn *back, struct destination *to)
{
	*to = (struct destination){ .has_goal = true, .goal = d->target->now };
	return back(d->program, &to->goal) || target_back_pass(d->target, &to->goal);
}

static int no_more(struct debugger *d)
{
	say(d, "No more reverse-execution history.\n");
	place_say(d);
	return 0;
}

static int move_back(struct debugger *d, const char *args, back_fn *back, struct err *err)
{
	struct destination to;
	int64_t n;
	int r = parse_count(args, &n, err);

	for (int64_t i = 0; i < n && r == 0; i++) {
		if (!find_back(d, back, &to))
			return no_more(d);
		r = travel_back(d, &to, err);
		if (d->has_stopped)
			break;
	}
	return r;
}

int cmd_reverse_step(struct debugger *d, const char *args, struct err *err)
{
	return move_back(d, args, moment_back_step, err);
}

int cmd_reverse_next(struct debugger *d, const char *args, struct err *err)
{
	return move_back(d, args, moment_back_next, err);
}

int cmd_reverse_stepi(struct debugger *d, const char *args, struct err *err)
{
	return move_back(d, args, moment_back_stepi, err);
}

/* Before the call of the module one is in. */
int cmd_reverse_finish(struct debugger *d, const char *args, struct err *err)
{
	const struct moment *now = &d->target->now;
	const struct module *m = &d->program->modules[debugger_frame(d)];
	struct destination to = { .has_goal = true };

	if (*args)
		return err_set(err, ERR_USAGE, "reverse-finish takes nothing behind it");
	to.goal = (struct moment){ now->pass, m->op_first, 0, m->depth > 0 ? m->depth - 1 : 0 };
	if (now->pass < 0 || moment_compare(&to.goal, now) >= 0)
		return err_set(err, ERR_USAGE, "\"reverse-finish\" has nothing to leave here");
	return travel_back(d, &to, err);
}

int cmd_reverse_continue(struct debugger *d, const char *args, struct err *err)
{
	const struct destination nowhere = { 0 };
	int64_t n;
	int r = parse_count(args, &n, err);

	for (int64_t i = 0; i < n && r == 0; i++) {
		struct moment start = d->target->now;

		if (!target_back_pass(d->target, &start) && d->target->now.pass < 0 &&
		    d->target->now.step == 0)
			return no_more(d);
		r = travel_back(d, &nowhere, err);
		if (!d->has_stopped)
			break;
	}
	return r;
}

/* ---- forward to a place -------------------------------------------------------------------- */

static int forward_to(struct debugger *d, const char *args, bool within, struct err *err)
{
	struct destination to = { 0 };
	struct location l;
	int r = location_parse(d, args, &l, err);

	if (r)
		return r;
	if (l.note.len)
		say(d, "%s\n", l.note.data);
	to.location = &l;
	if (within && d->target->has_begun) {
		to.has_goal = true;
		to.goal = moment_finish(d->program, &d->target->now, debugger_frame(d));
	}
	r = travel_forward(d, &to, err);
	location_release(&l);
	return r;
}

int cmd_advance(struct debugger *d, const char *args, struct err *err)
{
	if (!*args)
		return err_set(err, ERR_USAGE, "advance wants a location: advance layers.3.mlp");
	return forward_to(d, args, false, err);
}

int cmd_until(struct debugger *d, const char *args, struct err *err)
{
	struct destination to = { .has_goal = true };

	if (*args)
		return forward_to(d, args, true, err);
	to.goal = moment_next(d->program, &d->target->now);
	return travel_forward(d, &to, err);
}

/* The pass that holds a position, -1 when none has begun that does. */
static int pass_of_position(const struct debugger *d, int64_t pos)
{
	struct pass_info info;

	for (int i = 0; d->target->class->pass(d->target, i, &info); i++)
		if (pos >= info.pos0 && pos < info.pos0 + info.T)
			return i;
	return -1;
}

static int go_to_pass(struct debugger *d, int pass, struct err *err)
{
	struct moment to = { pass, 0, 0, op_depth_max(d->program, 0) };

	return travel_to(d, &to, err);
}

/* Forward to the first op of a pass, inside the model. */
static int forward_to_pass(struct debugger *d, int pass, struct err *err)
{
	struct destination to = { .has_goal = true };

	to.goal = (struct moment){ pass, 0, 0, op_depth_max(d->program, 0) };
	return travel_forward(d, &to, err);
}

int cmd_token(struct debugger *d, const char *args, struct err *err)
{
	char text[64];
	char *end;
	long long n;
	int pass;

	if (!*args)
		return forward_to_pass(d, d->target->now.pass + 1, err);
	n = strtoll(args, &end, 10);
	if (*end || n < 0)
		return err_set(err, ERR_USAGE, "'%.60s' is no position: they count from 0", args);
	pass = pass_of_position(d, n);
	if (pass >= 0)
		return go_to_pass(d, pass, err);
	snprintf(text, sizeof(text), "token %lld", n);
	return forward_to(d, text, false, err);
}

/* The layer of the op that comes next, or of the last one that there was; -1 before all of them. */
static int current_layer(const struct debugger *d)
{
	const struct moment *now = &d->target->now;

	for (int op = now->pass < 0                 ? -1
		      : now->op < d->program->n_ops ? now->op
						    : now->op - 1;
	     op >= 0; op--)
		if (d->program->modules[d->program->ops[op].module].layer >= 0)
			return d->program->modules[d->program->ops[op].module].layer;
	return -1;
}

int cmd_layer(struct debugger *d, const char *args, struct err *err)
{
	char text[64], *end;
	long n = current_layer(d) + 1;

	if (*args)
		n = strtol(args, &end, 10);
	if (*args && (*end || n < 0 || n >= d->program->n_layers))
		return err_set(err, ERR_USAGE, "'%.60s' is no layer: they count from 0 to %d", args,
			       d->program->n_layers - 1);
	snprintf(text, sizeof(text), "model.layers.%ld", n % d->program->n_layers);
	return forward_to(d, text, false, err);
}

/* ---- straight there ------------------------------------------------------------------------ */

/* The first op of a location in the pass where one is. */
static int find_in_pass(const struct debugger *d, const struct location *l, struct moment *to,
			struct err *err)
{
	int pass = d->target->now.pass > 0 ? d->target->now.pass : 0;

	for (int op = 0; op <= d->program->n_ops; op++) {
		*to = (struct moment){ pass, op, 0, op_depth_max(d->program, op) };
		if (location_has(d, l, to))
			return 0;
	}
	return err_set(err, ERR_USAGE, "%s is nowhere in pass %d", l->text.data, pass);
}

/* The sampler of this pass, or of the first one behind it that picks a token. */
static int find_sampler(const struct debugger *d, struct moment *to, struct err *err)
{
	struct pass_info info;
	int pass = d->target->now.pass > 0 ? d->target->now.pass : 0;

	for (; d->target->class->pass(d->target, pass, &info); pass++)
		if (info.picks) {
			*to = (struct moment){ pass, d->program->n_ops, 0, 0 };
			return 0;
		}
	return err_set(err, ERR_USAGE,
		       "no token was picked from here on yet: `advance sampler` runs there");
}

static int find_place(struct debugger *d, const char *text, struct moment *to, struct err *err)
{
	const struct moment *mark = trail_find(d->trail, text);
	struct location l;
	int r;

	if (mark) {
		*to = *mark;
		return 0;
	}
	if (location_parse(d, text, &l, err))
		return err->code;
	r = 0;
	if (l.note.len)
		say(d, "%s\n", l.note.data);
	if (l.kind == LOCATION_MOMENT) {
		*to = l.moment;
	} else if (l.kind == LOCATION_TOKEN) {
		*to = (struct moment){ pass_of_position(d, l.token), 0, 0,
				       op_depth_max(d->program, 0) };
		if (to->pass < 0)
			r = err_set(err, ERR_USAGE,
				    "position %lld was not read yet: `token %lld` runs there",
				    (long long)l.token, (long long)l.token);
	} else if (l.kind == LOCATION_TOKENIZER) {
		*to = (struct moment){ -1, 0, 0, 0 };
	} else if (l.kind == LOCATION_SAMPLER) {
		r = find_sampler(d, to, err);
	} else {
		r = find_in_pass(d, &l, to, err);
	}
	location_release(&l);
	return r;
}

int cmd_goto(struct debugger *d, const char *args, struct err *err)
{
	struct moment to;

	if (!*args)
		return err_set(err, ERR_USAGE,
			       "goto wants a place: 0.131, a bookmark or a location");
	return find_place(d, args, &to, err) ? err->code : travel_to(d, &to, err);
}

/* ---- where one was ------------------------------------------------------------------------- */

static int move_on_trail(struct debugger *d, const char *args, int by, struct err *err)
{
	struct moment to;
	int64_t n;

	if (parse_count(args, &n, err))
		return err->code;
	for (int64_t i = 0; i < n; i++)
		if (!trail_move(d->trail, by, &to)) {
			if (i > 0)
				break;
			return err_set(err, ERR_USAGE, "there is no stop %s this one",
				       by < 0 ? "before" : "behind");
		}
	return travel_to(d, &to, err);
}

int cmd_back(struct debugger *d, const char *args, struct err *err)
{
	return move_on_trail(d, args, -1, err);
}

int cmd_forward(struct debugger *d, const char *args, struct err *err)
{
	return move_on_trail(d, args, 1, err);
}

/* A name that is no place already. */
static bool is_name(const char *s)
{
	if (!isalpha((unsigned char)*s) || strlen(s) > 60)
		return false;
	while (isalnum((unsigned char)*s) || *s == '_' || *s == '-')
		s++;
	return !*s;
}

int cmd_bookmark(struct debugger *d, const char *args, struct err *err)
{
	char buf[48];

	if (!is_name(args))
		return err_set(
			err, ERR_USAGE,
			"a bookmark wants a name of letters, digits, - and _: bookmark before");
	trail_mark(d->trail, args, &d->target->now);
	say(d, "%s is %s.\n", args, moment_format(&d->target->now, buf, sizeof(buf)));
	return 0;
}

int cmd_delete_bookmark(struct debugger *d, const char *args, struct err *err)
{
	if (!trail_find(d->trail, args))
		return err_set(err, ERR_USAGE, "there is no bookmark '%.60s'", args);
	trail_mark(d->trail, args, NULL);
	return 0;
}

int cmd_info_bookmarks(struct debugger *d, const char *args, struct err *err)
{
	const struct moment *m;
	const char *name;
	char buf[48];

	(void)err;
	(void)args;
	if (!trail_name(d->trail, 0, &m))
		say(d, "No bookmarks.\n");
	for (int i = 0; (name = trail_name(d->trail, i, &m)); i++)
		say(d, "%-20s %s\n", name, moment_format(m, buf, sizeof(buf)));
	return 0;
}
