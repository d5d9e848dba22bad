/*
 * page.c -- the page around the data.
 */
#include "report_impl.h"

void report_add_page(struct text *html, const struct text *json)
{
	text_adds(
		html,
		"<!doctype html><meta charset=utf-8><script type=\"application/json\" id=\"data\">");
	text_add(html, json->data, json->len);
	text_adds(html, "</script>\n");
}
