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

struct query_settings shell_settings(const struct shell *s)
{
	struct query_settings set = s->set;
	bool is_box = set.form == QUERY_BOX || set.form == QUERY_RECORDS;

	bool is_shown = is_box && s->in->out.is_terminal;

	set.footer = is_shown && !option_on(s->in, OPT_QUIET);
	set.more = ".limit 0";
	set.standing = (const char *const *)s->values.list;
	set.n_standing = s->values.n;
	set.max_rows = s->limit >= 0 ? s->limit : is_shown ? UI_TABLE_ROWS : 0;
	return set;
}

void shell_use(struct shell *s, struct recording *rec, const char *path)
{
	char *copy = mem_strdup(path);

	/* Whoever watches the one that goes looks away first. */
	query_watch_free(s->watch);
	recording_close(s->opened);
	free(s->opened_path);
	sql_names_release(&s->names);
	s->rec = s->opened = rec;
	s->path = s->opened_path = copy;
	s->watch = s->is_watched ? query_watch_new(rec) : NULL;
	recording_names_saved(rec, ".saved");
	s->is_new = true;
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
