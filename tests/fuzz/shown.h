/*
 * shown.h -- what a terminal is shown, behind the gate that all of it passes.
 */
#ifndef TESTS_FUZZ_SHOWN_H
#define TESTS_FUZZ_SHOWN_H

#include "fuzz.h"
#include "ui/sgr.h"

/* As a terminal's ui of so many columns. */
static inline struct ui a_terminal(enum ui_color color, int width)
{
	struct ui ui;

	ui_init(&ui, stdout, color);
	ui.is_terminal = ui.utf8 = true;
	ui.width = width;
	return ui;
}

/* Lines, tabs and styles, and no other control bytes, whatever is written to a terminal. */
static inline void require_gated(const struct ui *ui, const char *s, size_t len)
{
	struct ui gate = *ui;
	char *shown = NULL;
	size_t n = 0, from = 0;

	gate.out = open_memstream(&shown, &n);
	if (!gate.out)
		abort();
	require(ui_write(&gate, s, len), "it is written");
	fclose(gate.out);
	for (size_t i = 0; i <= n;) {
		size_t style = i < n && shown[i] == '\033' ? ui_sequence(shown + i, n - i) : 0;

		if (i < n && !style && shown[i] != '\n' && shown[i] != '\t') {
			i++;
			continue;
		}
		require_shown(shown + from, i - from);
		i += style ? style : 1;
		from = i;
	}
	free(shown);
}

/* The same of a text of lines, NULL: none. */
static inline void require_lines(const char *s)
{
	const struct ui ui = a_terminal(UI_COLOR_NEVER, 80);

	if (s)
		require_gated(&ui, s, strlen(s));
}

#endif
