/*
 * source.c -- the modeling code, as text.
 *
 * The program carries it along, so that an installed one shows it too, and shows the text that it
 * was made of.
 */
#include "debug_impl.h"

extern const char mistral_source[];

static const struct {
	const char *name, *text;
} sources[] = {
	{ "mistral.c", mistral_source },
};

const char *source_name(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

const char *source_text(const char *file)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (!strcmp(source_name(file), sources[i].name))
			return sources[i].text;
	return NULL;
}

const char *source_line(const char *text, int n, size_t *len)
{
	for (; n > 1 && *text; n--) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	*len = strcspn(text, "\n");
	return n == 1 && *text ? text : NULL;
}

int source_n_lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* A definition begins in the first column and is no declaration. */
int source_function(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (int line = 1; n > 0 && *text; line++) {
		size_t len = strcspn(text, "\n");

		if (*text != '\t' && *text != ' ' && *text != '#' && len > 0 &&
		    text[len - 1] != ';')
			for (size_t i = 1; i + n < len; i++)
				if (!strncmp(text + i, name, n) && text[i + n] == '(' &&
				    (text[i - 1] == ' ' || text[i - 1] == '*'))
					return line;
		text += len + (text[len] == '\n');
	}
	return 0;
}
