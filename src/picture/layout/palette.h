/*
 * palette.h -- a picture in the colours that a terminal has room for.
 */
#ifndef LAYOUT_PALETTE_H
#define LAYOUT_PALETTE_H

#include "torchless/paint.h"

#define PALETTE_COLORS 256
#define PALETTE_BINS   (1 << 15) /* colours to five bits a channel */

struct palette {
	int n;
	uint32_t rgb[PALETTE_COLORS];
	uint8_t of_bin[PALETTE_BINS]; /* of the bins that the picture has */
};

/* Which bin a colour 0xrrggbb is in. */
int palette_bin(uint32_t rgb);

/*
 * The colours of a picture: each by itself while they are few, else what median cut makes of them
 * (Heckbert, Color image quantization for frame buffer display, 1982).
 */
void palette_of(struct palette *out, const struct paint_pixels *p);

#endif
