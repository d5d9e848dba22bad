/*
 * page.c -- the page around the data: page/report.html, in which a line that is a name in double
 * braces is replaced by the file of that name, or by what is made here.
 */
#include "report_impl.h"

#include <xxhash.h>

/* The files that the page is made of, as the build embeds them. */
#define FILES                                                                                      \
	FILE(report_css, "report.css")                                                             \
	FILE(print_css, "print.css")                                                               \
	FILE(base_js, "base.js")                                                                   \
	FILE(state_js, "state.js")                                                                 \
	FILE(moment_js, "moment.js")                                                               \
	FILE(tokens_js, "tokens.js")                                                               \
	FILE(lens_js, "lens.js")                                                                   \
	FILE(attention_js, "attention.js")                                                         \
	FILE(layers_js, "layers.js")                                                               \
	FILE(time_js, "time.js")                                                                   \
	FILE(graph_js, "graph.js")                                                                 \
	FILE(values_js, "values.js")                                                               \
	FILE(settings_js, "settings.js")                                                           \
	FILE(difference_js, "difference.js")                                                       \
	FILE(page_js, "page.js")

#define FILE(symbol, name) extern const char page_##symbol[];
FILES
#undef FILE
extern const char page_report_html[];

static const struct page_file {
	const char *name, *text;
} files[] = {
#define FILE(symbol, name) { name, page_##symbol },
	FILES
#undef FILE
};

static void add_html(struct text *html, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"'", *text))
			text_addf(html, "&#%d;", *text);
		else
			text_addc(html, *text);
	}
}

/*
 * The one script that may run is that which knows a number that nobody can have written into the
 * data: it is made of all of it.  The same recording gives the same page.
 */
static void add_nonce(struct text *html, const struct text *json)
{
	XXH128_hash_t hash = XXH3_128bits(json->data, json->len);

	text_addf(html, "%016llx%016llx", (unsigned long long)hash.high64,
		  (unsigned long long)hash.low64);
}

static bool add_named(struct text *html, const char *name, size_t len, const char *title,
		      const struct text *json)
{
	if (len == 4 && !memcmp(name, "data", len))
		text_add(html, json->data, json->len);
	else if (len == 5 && !memcmp(name, "nonce", len))
		add_nonce(html, json);
	else if (len == 5 && !memcmp(name, "title", len))
		add_html(html, title);
	else
		for (size_t i = 0;; i++) {
			if (i == sizeof(files) / sizeof(files[0]))
				return false;
			if (strlen(files[i].name) == len && !memcmp(files[i].name, name, len)) {
				text_adds(html, files[i].text);
				break;
			}
		}
	return true;
}

void report_add_page(struct text *html, const char *title, const struct text *json)
{
	const char *from = page_report_html, *at, *end;

	for (; (at = strstr(from, "{{")) && (end = strstr(at, "}}")); from = end + 2) {
		text_add(html, from, (size_t)(at - from));
		if (!add_named(html, at + 2, (size_t)(end - at - 2), title, json))
			text_add(html, at, (size_t)(end + 2 - at));
	}
	text_adds(html, from);
}
