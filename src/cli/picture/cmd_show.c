/*
 * cmd_show.c -- `torchless show`: options, what is looked for, and where it goes.
 *
 * Everything is made before anything is written, so that a failure leaves every file as it was.
 */
#include "torchless/cli.h"
#include "torchless/show.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What `show` has open. */
struct showing {
	struct invocation *in;
	struct show_source *source, *other;
	struct shown a, b;
	bool has_b;
	struct show_options how;
};

static int check_options(const struct invocation *in, struct err *err)
{
	static const enum option_id files[] = { OPT_PNG, OPT_NPY, OPT_CSV_FILE };
	int n_stdout = option_on(in, OPT_JSON);

	if (options_exclusive(in, err, OPT_HEAT, OPT_HIST, OPT_TOPK, OPT_PRINT, OPT_SPARK,
			      OPT_JSON))
		return err->code;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (check_target(option_text(in, files[i], NULL), err))
			return err->code;
		if (strcmp(option_text(in, files[i], ""), "-") != 0)
			continue;
		n_stdout++;
		if (files[i] != OPT_CSV_FILE && in->out.is_terminal)
			return err_set(
				err, ERR_USAGE,
				"--%s - writes bytes that no terminal shows: name a file, or "
				"send them through a pipe",
				option_table[files[i]].name);
	}
	if (n_stdout > 1)
		return err_set(err, ERR_USAGE, "standard output takes one of them only");
	return 0;
}

static struct show_options read_how(const struct invocation *in)
{
	static const struct {
		enum option_id option;
		enum show_how how;
	} hows[] = { { OPT_HEAT, SHOW_HEAT },
		     { OPT_HIST, SHOW_HIST },
		     { OPT_TOPK, SHOW_TOPK },
		     { OPT_PRINT, SHOW_PRINT },
		     { OPT_SPARK, SHOW_SPARK } };
	struct show_options o = { .k = (int)option_int(in, OPT_TOPK, 0),
				  .interrupted = &interrupted };

	for (size_t i = 0; i < sizeof(hows) / sizeof(*hows); i++)
		if (option_on(in, hows[i].option))
			o.how = hows[i].how;
	return o;
}

/*
 * Weights are those that the recording was made with.  Where there is none, or a model was named
 * and no recording, they are that model's.
 */
static int open_sources(struct showing *s, struct err *err)
{
	struct invocation *in = s->in;
	const char *path = option_text(in, OPT_TRACE, "trace.db");
	/* One that cannot be looked at is there: opening it says why it cannot be read. */
	bool has_recording = option_on(in, OPT_TRACE) || !access(path, F_OK) ||
			     (errno != ENOENT && errno != ENOTDIR);
	bool wants_model = option_on(in, OPT_MODEL) && !option_on(in, OPT_TRACE);
	struct show_source_options o = { .recording = has_recording ? path : NULL,
					 .model = option_text(in, OPT_MODEL, NULL),
					 .interrupted = &interrupted,
					 .warn = warn_sentence };
	struct err why = { 0 };
	int r = wants_model || !has_recording
			? invocation_open_model(in, CHECKPOINT_CONFIG | CHECKPOINT_WEIGHTS, &why)
			: ERR_USAGE;

	/* Nobody named one, and a file needs none. */
	if (r && (wants_model || r == ERR_MEMORY || r == ERR_IO)) {
		*err = why;
		return r;
	}
	if (!r)
		o.weights = &in->model;
	if (has_recording)
		recorded_tell(in, path, 0);
	s->source = show_source_new(&o);
	o.recording = NULL;
	o.weights = NULL;
	s->other = show_source_new(&o);
	return 0;
}

static int find(struct showing *s, struct err *err)
{
	const char *text = s->in->args[0], *vs = option_text(s->in, OPT_VS, NULL);

	if (show_find(s->source, text, &s->a, err))
		return err->code;
	s->has_b = vs != NULL;
	return vs ? show_find_beside(s->source, s->other, text, vs, &s->b, err) : 0;
}

/* ---- what is written --------------------------------------------------------------------------
 */

static int make_file(const struct showing *s, enum option_id id, struct text *t, struct err *err)
{
	const struct shown *b = s->has_b ? &s->b : NULL;

	switch (id) {
	case OPT_NPY:
		return show_add_npy(t, &s->a, b, err);
	case OPT_CSV_FILE:
		return show_add_csv(t, &s->a, b, err);
	default:
		return show_add_png(t, &s->a, b, &s->how, err);
	}
}

/* As text on the screen or for programs. */
static int make_text(const struct showing *s, struct text *t, struct err *err)
{
	const struct ui *ui = &s->in->out;

	if (option_on(s->in, OPT_JSON))
		return show_add_json(t, &s->a, s->has_b ? &s->b : NULL, err);
	return s->has_b ? show_add_pair(t, ui, &s->a, &s->b, &s->how, err)
			: show_add(t, ui, &s->a, &s->how, err);
}

/* Numbers and texts that are piped are exact; pictures are for people wherever they go. */
static bool is_picture(const struct showing *s)
{
	return !option_on(s->in, OPT_JSON) && s->how.how != SHOW_AUTO;
}

static int write_to(const char *path, const struct text *t, struct err *err)
{
	return strcmp(path, "-") ? text_write_file(path, t->data, t->len, err)
				 : write_out(t->data, t->len, err);
}

static int show(const struct showing *s, struct err *err)
{
	static const enum option_id files[] = { OPT_PNG, OPT_NPY, OPT_CSV_FILE };
	struct text made[3] = { 0 }, text = { 0 };
	bool any = false;
	int r = interrupted ? err_set(err, ERR_INTERRUPTED, "interrupted") : 0;

	for (int i = 0; i < 3 && !r; i++)
		if (option_on(s->in, files[i])) {
			any = true;
			r = make_file(s, files[i], &made[i], err);
		}
	if (!r && (!any || option_on(s->in, OPT_JSON)))
		r = make_text(s, &text, err);
	for (int i = 0; i < 3 && !r; i++)
		if (made[i].len)
			r = write_to(option_text(s->in, files[i], NULL), &made[i], err);
	if (!r && text.len)
		r = is_picture(s) ? write_shown(text.data, text.len, err)
				  : write_out(text.data, text.len, err);
	for (int i = 0; i < 3; i++)
		text_release(&made[i]);
	text_release(&text);
	return r;
}

int cmd_show(struct invocation *in, struct err *err)
{
	struct showing s = { .in = in, .how = read_how(in) };
	int r = check_options(in, err);

	if (!r)
		r = open_sources(&s, err);
	if (!r)
		r = find(&s, err);
	if (!r)
		r = show(&s, err);
	shown_release(&s.a);
	shown_release(&s.b);
	show_source_free(s.source);
	show_source_free(s.other);
	return r;
}
