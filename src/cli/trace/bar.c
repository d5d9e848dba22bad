/*
 * bar.c -- the progress of a recording on one line of the terminal, which it leaves empty.
 */
#include "torchless/clock.h"
#include "trace.h"

#define COLUMNS    31
#define LEAST      6
#define BESIDE     38        /* what stands left and right of the bar */
#define REDRAW_NS  100000000 /* between two pictures of many runs */
#define SETTLED_NS 500000000 /* before the time that is left is guessed */

static void begin(struct text *t, const struct bar *bar, const char *label, double share)
{
	int room = bar->ui->width > 0 ? bar->ui->width - BESIDE : COLUMNS;

	text_addf(t, "\r%-11s", label);
	ui_add_bar(t, bar->ui, share, room < LEAST ? LEAST : room < COLUMNS ? room : COLUMNS);
}

/* Takes over the text. */
static void show(struct bar *bar, struct text *t)
{
	struct text ascii = { 0 };

	text_adds(t, "\033[K");
	if (!bar->ui->utf8)
		ui_add_ascii(&ascii, t->data, t->len);
	fwrite(ascii.data ? ascii.data : t->data, 1, ascii.data ? ascii.len : t->len, bar->ui->out);
	text_release(&ascii);
	fflush(bar->ui->out);
	text_release(t);
	bar->is_shown = true;
}

void bar_draw_layers(void *ctx, const struct record_progress *p)
{
	struct bar *bar = ctx;
	struct text t = { 0 };

	begin(&t, bar, p->in_prompt ? "prefill" : "decode", p->share);
	if (p->in_prompt)
		text_addf(&t, " %d/%d %s", p->layer + 1, p->n_layers,
			  plural(p->n_layers, "layer", "layers"));
	else
		text_addf(&t, " %lld/%lld %s", (long long)p->n_generated, (long long)p->n_generate,
			  plural(p->n_generate, "token", "tokens"));
	show(bar, &t);
}

/* Prompts that are few are checked before anybody could read that they are. */
static void draw_checking(struct bar *bar, const struct record_progress *p, int64_t now)
{
	char done[32], all[32];
	struct text t = { 0 };

	if (p->n_runs_done == p->n_runs) {
		bar_clear(bar);
		return;
	}
	if (!bar->shown_ns)
		bar->shown_ns = now;
	if (now - bar->shown_ns < REDRAW_NS)
		return;
	bar->shown_ns = now;
	begin(&t, bar, "checking", (double)p->n_runs_done / (double)p->n_runs);
	text_addf(&t, " %s/%s prompts", ui_format_count(p->n_runs_done, done, sizeof(done)),
		  ui_format_count(p->n_runs, all, sizeof(all)));
	show(bar, &t);
}

void bar_draw_runs(void *ctx, const struct record_progress *p)
{
	struct bar *bar = ctx;
	int64_t now = clock_ns(), spent = now - p->started_ns;
	char done[32], all[32], left[32];
	struct text t = { 0 };

	if (p->checking) {
		draw_checking(bar, p, now);
		return;
	}
	if (bar->is_shown && now - bar->shown_ns < REDRAW_NS)
		return;
	bar->shown_ns = now;
	begin(&t, bar, "runs", p->work > 0 ? (double)p->work_done / (double)p->work : 0);
	text_addf(&t, " %s/%s", ui_format_count(p->n_runs_done, done, sizeof(done)),
		  ui_format_count(p->n_runs, all, sizeof(all)));
	if (p->work_done > 0 && spent > SETTLED_NS)
		text_addf(&t, "   %s left",
			  ui_format_time((int64_t)((double)spent / (double)p->work_done *
						   (double)(p->work - p->work_done)),
					 left, sizeof(left)));
	show(bar, &t);
}

void bar_clear(struct bar *bar)
{
	if (bar->is_shown)
		fputs("\r\033[K", bar->ui->out);
	bar->is_shown = false;
}
