/*
 * show.c -- the page of a lesson on a terminal: its text, and what stands around it.
 *
 * Where the terminal shows pictures, those that the learner's folder holds stand in the text, which
 * then does not go through a pager: pagers know no pictures.
 */
#include "show.h"

#include "torchless/layout.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_PICTURE (32u << 20)

/* Where a page is printed that has pictures. */
struct screen {
	enum terminal_pictures how;
	const char *folder;
};

/* The picture's file as PNG in the learner's folder: what was made as .svg may lie beside as .png.
 */
static bool picture_path(const char *folder, const char *target, struct text *path)
{
	const char *slash = strrchr(target, '/'), *dot = strrchr(target, '.');

	target = slash ? slash + 1 : target;
	text_addf(path, "%s/%.*s.png", folder, dot ? (int)(dot - target) : (int)strlen(target),
		  target);
	return access(path->data, R_OK) == 0;
}

/* What was shown so far is printed, and the picture below it. */
static bool show_picture(struct show *s, const struct lesson_run *r, const struct lesson_step *step)
{
	struct screen *screen = s->ctx;
	struct text path = { 0 }, png = { 0 };
	struct err ignored;
	bool shown = false;

	(void)step;
	if (picture_path(screen->folder, r->target, &path) &&
	    !text_read_file(&png, path.data, MAX_PICTURE, &ignored)) {
		ui_write(s->ui, s->out.data ? s->out.data : "", s->out.len);
		fflush(s->ui->out);
		text_clear(&s->out);
		shown = !terminal_show_png(s->ui, screen->how, png.data, png.len, &ignored);
	}
	text_release(&path);
	text_release(&png);
	return shown;
}

/* Whether one of the lesson's pictures lies in the learner's folder. */
static bool has_picture(const char *folder, const struct lesson *l)
{
	struct lesson_text t;
	struct text path = { 0 };
	bool found = false;

	lesson_text_read(&t, l->text->data, l->text->size);
	for (int i = 0; i < t.n_runs && !found; i++) {
		text_clear(&path);
		found = (t.runs[i].style & RUN_IMAGE) &&
			picture_path(folder, t.runs[i].target, &path);
	}
	text_release(&path);
	lesson_text_release(&t);
	return found;
}

static int prose_width(const struct ui *ui)
{
	return ui->width <= 0 || ui->width > SHOW_WIDTH ? SHOW_WIDTH : ui->width;
}

int lesson_show(struct invocation *in, const struct course *c, const struct lesson *l,
		const struct exercise *to, const char *folder, struct err *err)
{
	struct screen screen = { TERMINAL_NONE, folder };
	struct show s = { .course = c, .lesson = l, .to = to };
	struct ui_pager pager = { 0 };
	bool written;

	if (in->out.is_terminal && folder && has_picture(folder, l))
		screen.how = terminal_pictures(&in->out);
	if (screen.how == TERMINAL_NONE) {
		ui_pager_open(&pager, &in->out);
		s.ui = &pager.ui;
	} else {
		s.ui = &in->out;
		s.picture = show_picture;
		s.ctx = &screen;
	}
	s.width = prose_width(s.ui);
	show_text(&s, l->text->data, l->text->size);
	written = ui_write(s.ui, s.out.data ? s.out.data : "", s.out.len);
	if (screen.how == TERMINAL_NONE)
		ui_pager_close(&pager);
	show_release(&s);
	if (!written)
		return err_set(err, err_of_errno(errno), "the lesson cannot be shown: %s",
			       strerror(errno));
	return flush_out(err);
}

void lesson_show_markdown(struct text *out, const struct ui *ui, const struct lesson *l,
			  const char *markdown, int indent)
{
	struct show s = { .ui = ui, .lesson = l, .width = prose_width(ui) - indent };
	const char *line;

	show_text(&s, markdown, strlen(markdown));
	for (line = s.out.data ? s.out.data : ""; *line;) {
		size_t n = strcspn(line, "\n");

		text_addf(out, "%*s%.*s\n", n ? indent : 0, "", (int)n, line);
		line += n + (line[n] == '\n');
	}
	show_release(&s);
}
