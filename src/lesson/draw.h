/*
 * draw.h -- what a seed draws: the same on every machine and with every C library.
 */
#ifndef LESSON_DRAW_H
#define LESSON_DRAW_H

#include <stdint.h>

/* The next 64 bits of a stream; *random, at first any seed, goes on. */
uint64_t draw_bits(uint64_t *random);

/* A number in [0, 1). */
float draw_unit(uint64_t *random);

/* One of 0 .. n - 1, n > 0. */
int draw_below(uint64_t *random, int n);

#endif
