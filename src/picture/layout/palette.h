/*
 * palette.h -- a picture in the colours that a terminal has room for.
 */
#ifndef LAYOUT_PALETTE_H
#define LAYOUT_PALETTE_H

#include "torchless/paint.h"

#define PALETTE_COLORS 256

struct palette {
	int n;
	uint32_t rgb[PALETTE_COLORS];
	uint32_t *shades;  /* [n_shades] every colour of the picture, ascending */
	uint8_t *of_shade; /* [n_shades] which of `rgb` stands for it */
	int64_t n_shades;
};

/*
 * The colours of a picture: each by itself while they are few, else what median cut makes of them
 * (Heckbert, Color image quantization for frame buffer display, 1982).
 */
void palette_of(struct palette *out, const struct paint_pixels *p);
void palette_release(struct palette *p);

/* Which of its colours stands for one that is in the picture. */
int palette_find(const struct palette *p, uint32_t rgb);

#endif
