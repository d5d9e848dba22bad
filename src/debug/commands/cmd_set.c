/*
 * cmd_set.c -- settings: set NAME VALUE and show NAME.
 */
#include "../debug_impl.h"

#include <errno.h>
#include <limits.h>

/* "on", "off", "1", "0", "yes", "no"; nothing is on, as in gdb. */
static int set_switch(bool *to, const char *args, struct err *err)
{
	static const char *const words[] = { "off", "on", "0", "1", "no", "yes" };

	if (!*args) {
		*to = true;
		return 0;
	}
	for (int i = 0; i < 6; i++)
		if (!strcmp(args, words[i])) {
			*to = i % 2;
			return 0;
		}
	return err_set(err, ERR_USAGE, "\"on\" or \"off\" expected, not \"%.60s\"", args);
}

int cmd_set_confirm(struct debugger *d, const char *args, struct err *err)
{
	return set_switch(&d->settings.confirm, args, err);
}

int cmd_set_pagination(struct debugger *d, const char *args, struct err *err)
{
	return set_switch(&d->settings.pagination, args, err);
}

int cmd_set_history(struct debugger *d, const char *args, struct err *err)
{
	return set_switch(&d->settings.history, args, err);
}

int cmd_tui(struct debugger *d, const char *args, struct err *err)
{
	bool disable = !strcmp(args, "disable");

	if (*args && !disable && strcmp(args, "enable") != 0)
		return err_set(err, ERR_USAGE, "\"enable\" or \"disable\" expected, not \"%.60s\"",
			       args);
	d->settings.full_screen = !disable;
	return 0;
}

/* A number from `least` on; 0 and "unlimited" are 0. */
static int set_number(int *to, const char *args, int least, struct err *err)
{
	char *end;
	long n;

	if (!strcmp(args, "unlimited") || !strcmp(args, "0")) {
		*to = 0;
		return 0;
	}
	errno = 0;
	n = strtol(args, &end, 10);
	if (!*args || errno || *end || n < least || n > 10000)
		return err_set(err, ERR_USAGE, "a number from %d to 10000 expected, not \"%.60s\"",
			       least, args);
	*to = (int)n;
	return 0;
}

int cmd_set_width(struct debugger *d, const char *args, struct err *err)
{
	if (!strcmp(args, "auto")) {
		d->kept.width = -1;
		return 0;
	}
	return set_number(&d->kept.width, args, 20, err);
}

int cmd_set_listsize(struct debugger *d, const char *args, struct err *err)
{
	return set_number(&d->list_size, args, 1, err);
}

static const char *const colors[] = { "auto", "on", "off", "auto", "always", "never" };

int cmd_set_color(struct debugger *d, const char *args, struct err *err)
{
	for (int i = 0; i < 6; i++)
		if (!strcmp(args, colors[i])) {
			d->kept.color = (enum ui_color)(i % 3);
			return 0;
		}
	return err_set(err, ERR_USAGE, "\"on\", \"off\" or \"auto\" expected, not \"%.60s\"", args);
}

/* ---- show ---------------------------------------------------------------------------------- */

static void add_switch(bool on, struct text *out)
{
	text_adds(out, on ? "on" : "off");
}

static void show_confirm(const struct debugger *d, struct text *out)
{
	add_switch(d->settings.confirm, out);
}

static void show_pagination(const struct debugger *d, struct text *out)
{
	add_switch(d->settings.pagination, out);
}

static void show_history(const struct debugger *d, struct text *out)
{
	add_switch(d->settings.history, out);
}

static void show_width(const struct debugger *d, struct text *out)
{
	int width = d->kept.width >= 0 ? d->kept.width : d->kept.ui.width;

	if (width > 0)
		text_addf(out, "%d", width);
	else
		text_adds(out, "unlimited");
	if (d->kept.width < 0)
		text_adds(out, " (auto)");
}

static void show_listsize(const struct debugger *d, struct text *out)
{
	if (d->list_size > 0)
		text_addf(out, "%d", d->list_size);
	else
		text_adds(out, "unlimited");
}

static void show_color(const struct debugger *d, struct text *out)
{
	text_adds(out, colors[d->kept.color]);
}

static void show_args(const struct debugger *d, struct text *out)
{
	const struct prompt *p = target_is_live(d->target) ? live_prompt(d->target) : NULL;

	if (p && p->text.data)
		text_add_visible(out, p->text.data, p->text.len);
	else if (p && p->ids)
		text_addf(out, "%lld token ids", (long long)p->n_ids);
}

static const struct {
	const char *name, *is;
	void (*show)(const struct debugger *d, struct text *out);
} shown[] = {
	{ "args", "The prompt of the next run is", show_args },
	{ "color", "Colour is", show_color },
	{ "confirm", "Whether to ask before what cannot be taken back is", show_confirm },
	{ "history", "Whether what is typed is kept is", show_history },
	{ "listsize", "Lines that list shows are", show_listsize },
	{ "pagination", "Whether output stops when the screen is full is", show_pagination },
	{ "width", "Columns of a line are", show_width },
};

int cmd_show_setting(struct debugger *d, const char *args, struct err *err)
{
	struct text_nearest near = { .name = args, .distance = text_too_far(args) };
	int n = 0;

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		struct text value = { 0 };

		if (strncmp(shown[i].name, args, strlen(args)) != 0) {
			text_nearest_offer(&near, shown[i].name);
			continue;
		}
		text_adds(&value, "");
		shown[i].show(d, &value);
		say(d, "%s:  %s \"%s\".\n", shown[i].name, shown[i].is, value.data);
		text_release(&value);
		n++;
	}
	if (n == 0 && near.best)
		return err_set(err, ERR_USAGE,
			       "there is no setting \"%.60s\"; did you mean \"%s\"?", args,
			       near.best);
	if (n == 0)
		return err_set(err, ERR_USAGE, "there is no setting \"%.60s\"; \"show\" lists them",
			       args);
	return 0;
}

/* ---- the prompt ---------------------------------------------------------------------------- */

/* Quotes around the whole of it are not part of it. */
int debugger_set_prompt(struct debugger *d, const char *args, struct err *err)
{
	size_t len = strlen(args);

	if (!target_is_live(d->target))
		return err_set(err, ERR_USAGE, "this is a recording: its prompt is what it is");
	if (len >= 2 && (args[0] == '"' || args[0] == '\'') && args[len - 1] == args[0]) {
		args++;
		len -= 2;
	}
	live_set_prompt(d->target, args, len);
	return 0;
}

int cmd_set_args(struct debugger *d, const char *args, struct err *err)
{
	return debugger_set_prompt(d, args, err);
}
