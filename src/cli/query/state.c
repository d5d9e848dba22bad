/*
 * state.c -- what the shell remembers between lines: how rows are shown, the values of parameters.
 *
 * The dot commands change it and the reader of lines uses it; neither is known here.
 */
#include "shell.h"
#include "sql_lex.h"
#include "torchless/mem.h"

#include <stdlib.h>
#include <string.h>

#define PERSON_ROWS    40 /* of a box, unless .limit or --limit say otherwise */
#define PERSON_RECORDS 3  /* of rows too wide for a box, each a line a column */

struct query_settings shell_settings(const struct shell *s)
{
	struct query_settings set = s->set;
	bool is_box = set.form == QUERY_BOX || set.form == QUERY_RECORDS;

	set.footer = is_box && s->in->out.is_terminal && !option_on(s->in, OPT_QUIET);
	/* Who asked for more rows wants to read them all; the usual few only scroll. */
	set.pages = s->limit >= 0 || !set.footer;
	set.more = ".limit 0";
	set.max_rows = s->limit >= 0 ? s->limit : set.footer ? PERSON_ROWS : 0;
	set.max_records = s->limit < 0 && set.footer ? PERSON_RECORDS : 0;
	return set;
}

struct words words_split(const char *line)
{
	struct words w = { 0 };
	struct text word = { 0 };

	for (line += strspn(line, " \t"); *line; line += strspn(line, " \t")) {
		text_clear(&word);
		text_adds(&word, "");
		while (*line && *line != ' ' && *line != '\t') {
			size_t len = strcspn(line, *line == '\'' || *line == '"' ? "" : " \t'\"");

			if (*line == '\'' || *line == '"') {
				len = strcspn(line + 1, (char[]){ *line, '\0' });
				text_add(&word, line + 1, len);
				w.is_open = !line[len + 1];
				line += len + 1 + !w.is_open;
			} else {
				text_add(&word, line, len);
				line += len;
			}
		}
		name_list_add(&w.list, word.data, word.len);
	}
	text_release(&word);
	return w;
}

void shell_set(struct shell *s, const char *param)
{
	size_t key = strcspn(param, "=") + 1;

	for (int i = 0; i < s->values.n; i++) {
		if (strncmp(s->values.list[i], param, key) != 0)
			continue;
		free(s->values.list[i]);
		s->values.list[i] = mem_strdup(param);
		return;
	}
	name_list_add(&s->values, param, strlen(param));
}

struct query_params shell_params(const struct shell *s, const char *sql)
{
	struct query_params p = { 0 };
	struct sql_token t, key;

	for (int i = 0; i < s->values.n; i++) {
		size_t len = strcspn(s->values.list[i], "=");

		for (t = sql_lex(sql); t.type != SQL_END; t = sql_lex(t.s + t.len)) {
			key = sql_lex(t.s + t.len);
			if (t.type == SQL_OTHER && strchr(":@$", *t.s) && key.type == SQL_WORD &&
			    key.len == len && !strncmp(key.s, s->values.list[i], len))
				break;
		}
		if (t.type == SQL_END)
			continue;
		p.list = mem_realloc(p.list, (size_t)p.n + 1, sizeof(*p.list));
		p.list[p.n++] = mem_strdup(s->values.list[i]);
	}
	return p;
}
