/*
 * pixels.c -- a PNG as pixels, for who sends them to a terminal, and for tests.
 */
#include "library.h"

#include "torchless/mem.h"
#include "torchless/paint.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SIDE   32767 /* of an image of cairo's */
#define MAX_PIXELS (INT64_C(100) << 20)

struct reader {
	const unsigned char *data;
	size_t len, at;
};

static cairo_status_t read_bytes(void *ctx, unsigned char *to, unsigned int n)
{
	struct reader *r = ctx;

	if (n > r->len - r->at)
		return CAIRO_STATUS_READ_ERROR;
	memcpy(to, r->data + r->at, n);
	r->at += n;
	return CAIRO_STATUS_SUCCESS;
}

static int64_t big_endian(const unsigned char *b)
{
	return (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

/* The size as the head of a PNG says it, before memory is taken for it. */
static int check_head(const unsigned char *data, size_t len, struct err *err)
{
	static const unsigned char head[16] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
	int64_t width, height;

	if (len < 24 || memcmp(data, head, sizeof(head)) != 0)
		return err_set(err, ERR_FORMAT, "a picture is no PNG");
	width = big_endian(data + 16);
	height = big_endian(data + 20);
	if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE ||
	    width * height > MAX_PIXELS)
		return err_set(err, ERR_FORMAT,
			       "a PNG of %lld x %lld pixels, of which at most %d x %d and %lld in "
			       "all can be shown",
			       (long long)width, (long long)height, MAX_SIDE, MAX_SIDE,
			       (long long)MAX_PIXELS);
	return 0;
}

static int at_least_one(double x)
{
	return x < 1 ? 1 : (int)x;
}

/* The picture on white, `width` x `height`: what is transparent has no meaning elsewhere. */
static cairo_surface_t *on_white(const struct cairo *c, cairo_surface_t *from, int width,
				 int height)
{
	cairo_surface_t *to = c->image_surface_create(CAIRO_FORMAT_RGB24, width, height);
	cairo_t *cr = c->create(to);

	c->set_source_rgb(cr, 1, 1, 1);
	c->paint(cr);
	c->scale(cr, (double)width / c->image_surface_get_width(from),
		 (double)height / c->image_surface_get_height(from));
	c->set_source_surface(cr, from, 0, 0);
	c->pattern_set_filter(c->get_source(cr), CAIRO_FILTER_GOOD);
	c->pattern_set_extend(c->get_source(cr), CAIRO_EXTEND_PAD);
	c->paint(cr);
	c->destroy(cr);
	c->surface_flush(to);
	return to;
}

static int take_pixels(const struct cairo *c, cairo_surface_t *from, struct paint_pixels *p,
		       struct err *err)
{
	const unsigned char *data = c->image_surface_get_data(from);
	int stride = c->image_surface_get_stride(from);
	int width = c->image_surface_get_width(from), height = c->image_surface_get_height(from);
	uint32_t *rgb = malloc((size_t)width * (size_t)height * sizeof(*rgb));

	if (!rgb)
		return err_set(err, ERR_MEMORY, "no memory for %d x %d pixels", width, height);
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++) {
			uint32_t pixel;

			memcpy(&pixel, data + (ptrdiff_t)y * stride + 4 * (ptrdiff_t)x, 4);
			rgb[(size_t)y * (size_t)width + (size_t)x] = pixel & 0xffffff;
		}
	*p = (struct paint_pixels){ width, height, rgb };
	return 0;
}

int paint_read_png(const void *png, size_t len, int max_width, struct paint_pixels *p,
		   struct err *err)
{
	const struct cairo *c = cairo_library(err);
	struct reader r = { png, len, 0 };
	cairo_surface_t *from, *to;
	int width, height, rc;

	if (!c || check_head(png, len, err))
		return err->code;
	from = c->image_surface_create_from_png_stream(read_bytes, &r);
	if (c->surface_status(from)) {
		rc = c->surface_status(from) == CAIRO_STATUS_NO_MEMORY ? ERR_MEMORY : ERR_FORMAT;
		err_set(err, rc, "a PNG cannot be read: %s",
			c->status_to_string(c->surface_status(from)));
		c->surface_destroy(from);
		return rc;
	}
	width = c->image_surface_get_width(from);
	height = c->image_surface_get_height(from);
	if (max_width > 0 && width > max_width) {
		height = at_least_one((double)height * max_width / width + 0.5);
		width = max_width;
	}
	to = on_white(c, from, width, height);
	rc = cairo_failed(c, c->surface_status(to), "reading a PNG", err);
	if (!rc)
		rc = take_pixels(c, to, p, err);
	c->surface_destroy(to);
	c->surface_destroy(from);
	return rc;
}

void paint_pixels_release(struct paint_pixels *p)
{
	free(p->rgb);
	*p = (struct paint_pixels){ 0 };
}
