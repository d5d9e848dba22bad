/*
 * screen.c -- sending a picture to a terminal.
 *
 * These bytes go past ui_write(), which lets no such sequence through: they are base64, or numbers
 * and characters of sixel.c, and nothing of a stranger's.
 */
#include "sixel.h"

#include "torchless/base64.h"
#include "torchless/layout.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define CHUNK        4096 /* characters of base64 */
#define COLUMN_WIDTH 8    /* pixels, where the terminal does not say */
#define MAX_HEIGHT   9600 /* pixels; kitty takes no more than 10,000 */

struct screen {
	int columns, pixels; /* across */
};

static struct screen screen_of(const struct ui *ui)
{
	struct winsize size = { 0 };
	struct screen s = { .columns = ui->width > 0 ? ui->width : 80 };

	if (!ioctl(fileno(ui->out), TIOCGWINSZ, &size) && size.ws_col > 0)
		s.columns = size.ws_col;
	s.pixels = size.ws_xpixel > 0 ? size.ws_xpixel : s.columns * COLUMN_WIDTH;
	return s;
}

void terminal_size(const struct ui *ui, int *width, int *height)
{
	*width = screen_of(ui).pixels;
	*height = MAX_HEIGHT;
}

/* Of a PNG's head; 0: it is none. */
static uint32_t png_width(const unsigned char *png, size_t len)
{
	static const char head[] = "\x89PNG\r\n\x1a\n";

	if (len < 24 || memcmp(png, head, sizeof(head) - 1) != 0)
		return 0;
	return (uint32_t)png[16] << 24 | (uint32_t)png[17] << 16 | (uint32_t)png[18] << 8 | png[19];
}

/* https://sw.kovidgoyal.net/kitty/graphics-protocol/: shown at once (a=T), no answers (q=2). */
static int add_kitty(struct text *t, const struct screen *s, const void *png, size_t len,
		     struct err *err)
{
	uint32_t width = png_width(png, len);
	struct text coded = { 0 };

	if (!width)
		return err_set(err, ERR_FORMAT, "a picture is no PNG");
	base64_encode(&coded, png, len);
	for (size_t at = 0, n; at < coded.len; at += n) {
		n = coded.len - at < CHUNK ? coded.len - at : CHUNK;
		text_adds(t, "\033_G");
		if (at == 0)
			text_adds(t, "a=T,f=100,q=2,");
		if (at == 0 && width > (uint32_t)s->pixels)
			text_addf(t, "c=%d,", s->columns);
		text_addf(t, "m=%d;", at + n < coded.len);
		text_add(t, coded.data + at, n);
		text_adds(t, "\033\\");
	}
	text_release(&coded);
	return 0;
}

static int add_sixel(struct text *t, const struct screen *s, const void *png, size_t len,
		     struct err *err)
{
	struct paint_pixels pixels;
	int rc = paint_read_png(png, len, s->pixels, &pixels, err);

	if (rc)
		return rc;
	sixel_add(t, &pixels);
	paint_pixels_release(&pixels);
	return 0;
}

int terminal_show_png(const struct ui *ui, enum terminal_pictures how, const void *png, size_t len,
		      struct err *err)
{
	struct screen s = screen_of(ui);
	struct text t = { 0 };
	int rc = how == TERMINAL_KITTY ? add_kitty(&t, &s, png, len, err)
				       : add_sixel(&t, &s, png, len, err);

	assert(how != TERMINAL_NONE);
	if (!rc) {
		text_addc(&t, '\n');
		if (fwrite(t.data, 1, t.len, ui->out) != t.len || fflush(ui->out))
			rc = err_set(err, ERR_IO, "cannot write to the terminal: %s",
				     strerror(errno));
	}
	text_release(&t);
	return rc;
}
