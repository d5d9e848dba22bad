/* tui_search.c -- rows that hold a text. */
#include "tui.h"

#include <string.h>

static bool contains(const char *line, size_t len, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i + n <= len; i++) {
		size_t k = 0;

		while (k < n && (line[i + k] | 0x20) == (text[k] | 0x20))
			k++;
		if (k == n)
			return true;
	}
	return false;
}

static bool row_contains(struct tui *t, int i)
{
	const char *s = debugger_view_source(t->view);

	if (!t->shows_source) {
		debugger_view_row(t->view, i, &t->row);
		return contains(t->row.location.data, t->row.location.len, t->search.data) ||
		       contains(t->row.name.data, t->row.name.len, t->search.data) ||
		       contains(t->row.what.data, t->row.what.len, t->search.data);
	}
	for (; i > 0 && *s; i--) {
		s += strcspn(s, "\n");
		s += *s == '\n';
	}
	return contains(s, strcspn(s, "\n"), t->search.data);
}

/* In the output upward, from the row at the top; a line counts as one row. */
static bool search_output(struct tui *t)
{
	for (int i = t->said.n - 1 - t->back - 1; i >= 0; i--)
		if (contains(t->said.lines[i], strlen(t->said.lines[i]), t->search.data)) {
			t->back = t->said.n - 1 - i;
			return true;
		}
	return false;
}

bool tui_search(struct tui *t)
{
	struct tui_list *l = tui_list_of(t);
	int n = tui_list_rows(t);

	if (!t->search.len)
		return false;
	if (t->focus == PANE_OUTPUT)
		return search_output(t);
	for (int k = 1; k <= n; k++)
		if (row_contains(t, (l->cursor + k) % n)) {
			l->cursor = (l->cursor + k) % n;
			return true;
		}
	return false;
}
