/*
 * show.h -- Markdown on a terminal: a lesson, a question, a hint.
 *
 * From the ground up: flow.c puts words into lines; page.c finds the words of a
 * block and what stands before its lines; blocks.c shows a text block by block; show.c is
 * the page of a lesson around it.
 */
#ifndef CLI_LESSON_SHOW_H
#define CLI_LESSON_SHOW_H

#include "torchless/cli.h"
#include "torchless/lesson_text.h"

/* Prose is no wider, however wide the screen is. */
#define SHOW_WIDTH 92

/* ---- flow.c --------------------------------------------------------------------------------- */

/* Words under way, each with a style; a word that is `glued` follows without a space. */
struct flow_word {
	size_t from, len; /* of `words` */
	int columns;
	enum ui_style style;
	bool glued, ends_line; /* the next begins a line */
};
struct flow {
	struct text words;
	struct flow_word *word;
	int n;
	size_t cap;
	bool space; /* one stands before the next word */
};

/* Text at whose spaces a line may end, or which stays in one line. */
void flow_add(struct flow *f, enum ui_style style, const char *s, size_t len);
void flow_add_whole(struct flow *f, enum ui_style style, const char *s, size_t len);
void flow_end_line(struct flow *f);

/* Of all its words in one line. */
int flow_columns(const struct flow *f);

/*
 * Append line after line, each at most `width` columns wide (0: any) and with a line feed; `begin`
 * writes what stands before a line, which is not counted.  Then the flow is empty.
 */
void flow_write(struct flow *f, struct text *out, const struct ui *ui, int width,
		void (*begin)(void *ctx, bool first), void *ctx);
void flow_release(struct flow *f);

/* ---- blocks.c ------------------------------------------------------------------------------- */

/* A page under way. */
struct show {
	const struct ui *ui;
	const struct course *course; /* NULL: of what is shown nothing is known */
	const struct lesson *lesson; /* the same */
	const struct exercise *to;   /* only what leads to it from the one before; NULL: all */
	int width;                   /* of prose; 0: any */
	struct text out;
	struct text links; /* what the numbers in brackets stand for, a line each */
	int n_links;
	/* Called where a picture stands, its step (NULL: none) told; false: it is told in words. */
	bool (*picture)(struct show *s, const struct lesson_run *r, const struct lesson_step *step);
	void *ctx;
};

/* Append the text as the stream shows it, with a list of its links below. */
void show_text(struct show *s, const char *markdown, size_t len);
void show_release(struct show *s);

/* Append "sick-a=KEY sick-b=KEY", how several patients are answered; false: there are not several.
 */
bool show_add_patients(const struct exercise *e, struct text *out);

/* Whether an answer says in which place a patient is ill. */
bool show_has_place(const struct exercise *e);

/* ---- show.c --------------------------------------------------------------------------------- */

/*
 * Print a lesson, or with `to` only what leads to that exercise from the one before, through a
 * pager where it is longer than the screen.  ERR_IO.
 */
int lesson_show(struct invocation *in, const struct course *c, const struct lesson *l,
		const struct exercise *to, const char *folder, struct err *err);

/* Append Markdown of a question, a hint or a reason, `indent` columns in. */
void lesson_show_markdown(struct text *out, const struct ui *ui, const struct lesson *l,
			  const char *markdown, int indent);

#endif
