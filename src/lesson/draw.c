/*
 * draw.c -- numbers that a seed draws: splitmix64 (Steele, Lea and Flood, 2014).
 */
#include "draw.h"

uint64_t draw_bits(uint64_t *random)
{
	uint64_t z = *random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

float draw_unit(uint64_t *random)
{
	return (float)(draw_bits(random) >> 40) * 0x1p-24f;
}

int draw_below(uint64_t *random, int n)
{
	return (int)(draw_bits(random) % (uint64_t)n);
}
