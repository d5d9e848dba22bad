/*
 * blocks.h -- GGUF's packed types of weights, 32 elements at a time.
 *
 * A block is 32 or 256 consecutive elements of a row that share scales.  What is decoded at once is
 * a GROUP of 32: a block, or an eighth of one.  The layouts are those of ggml-quants.c, and a value
 * has the bits that gguf.quants.dequantize() of the Python package gives: products and differences
 * in f32, in the order written here.  A scale that is NaN or infinite stays visible.
 *
 * The functions are plain loops in a header, so that each tier compiles them with its own flags:
 * the same bits, for every operation is rounded once, only in wider registers.  Bytes may have any
 * alignment.  Included by files of this folder only.
 */
#ifndef TORCHLESS_KERNELS_BLOCKS_H
#define TORCHLESS_KERNELS_BLOCKS_H

#include "torchless/kernels.h"

#include <string.h>

#define GROUP 32

/*
 * What a group's bytes say: element i is d q[i] + m, or d q[i] for types without minima, whose d
 * and m are the first of two for elements 0 to 15 and the second for the others.
 */
struct group {
	int8_t q[GROUP];
	float d[2], m[2];
};

/* Read the group-th group of a block; types of 32 have group 0 only. */
typedef void (*group_reader)(struct group *restrict out, const unsigned char *block, int64_t group);

/*
 * Elements [from, from + n) of a row of blocks as f32, `from` a multiple of GROUP; by the portable
 * functions.
 */
void blocks_decode(float *dst, const void *row, enum dtype dtype, int64_t from, int64_t n);

static inline float block_f16(const unsigned char *at)
{
	uint16_t h;

	memcpy(&h, at, sizeof(h));
	return f16_to_f32(h);
}

static inline void set_both(float both[2], float x)
{
	both[0] = both[1] = x;
}

/* Whether elements are d q + m, and whether each half of a group has a d and an m of its own. */
static inline bool type_has_minima(enum dtype t)
{
	return t == DTYPE_Q4_1 || t == DTYPE_Q5_1 || t == DTYPE_Q2_K || t == DTYPE_Q4_K ||
	       t == DTYPE_Q5_K;
}

static inline bool type_scales_sixteens(enum dtype t)
{
	return t == DTYPE_Q2_K || t == DTYPE_Q3_K || t == DTYPE_Q6_K;
}

/* 16 bytes: the first half of the elements in the low nibbles, the second in the high ones. */
static inline void split_nibbles(int8_t q[GROUP], const unsigned char *qs, int offset)
{
	for (int i = 0; i < 16; i++) {
		q[i] = (int8_t)((qs[i] & 15) - offset);
		q[i + 16] = (int8_t)((qs[i] >> 4) - offset);
	}
}

/* The same with a fifth bit for each element, little-endian in 4 bytes. */
static inline void split_fives(int8_t q[GROUP], const unsigned char *qs, const unsigned char *high,
			       int offset)
{
	uint32_t bits = high[0] | (uint32_t)high[1] << 8 | (uint32_t)high[2] << 16 |
			(uint32_t)high[3] << 24;

	for (int i = 0; i < 16; i++) {
		q[i] = (int8_t)(((qs[i] & 15) | (int)(bits >> i & 1) << 4) - offset);
		q[i + 16] = (int8_t)(((qs[i] >> 4) | (int)(bits >> (i + 16) & 1) << 4) - offset);
	}
}

/* f16 d; i8 q[32] */
static inline void read_q8_0(struct group *restrict out, const unsigned char *b, int64_t group)
{
	(void)group;
	memcpy(out->q, b + 2, GROUP);
	set_both(out->d, block_f16(b));
}

/* f16 d; nibbles[16] */
static inline void read_q4_0(struct group *restrict out, const unsigned char *b, int64_t group)
{
	(void)group;
	split_nibbles(out->q, b + 2, 8);
	set_both(out->d, block_f16(b));
}

/* f16 d, m; nibbles[16] */
static inline void read_q4_1(struct group *restrict out, const unsigned char *b, int64_t group)
{
	(void)group;
	split_nibbles(out->q, b + 4, 0);
	set_both(out->d, block_f16(b));
	set_both(out->m, block_f16(b + 2));
}

/* f16 d; fifth bits[4]; nibbles[16] */
static inline void read_q5_0(struct group *restrict out, const unsigned char *b, int64_t group)
{
	(void)group;
	split_fives(out->q, b + 6, b + 2, 16);
	set_both(out->d, block_f16(b));
}

/* f16 d, m; fifth bits[4]; nibbles[16] */
static inline void read_q5_1(struct group *restrict out, const unsigned char *b, int64_t group)
{
	(void)group;
	split_fives(out->q, b + 8, b + 4, 0);
	set_both(out->d, block_f16(b));
	set_both(out->m, block_f16(b + 2));
}

/* Two bits of each of 32 elements: 32 bytes hold those of four groups. */
static inline void split_twos(int8_t q[GROUP], const unsigned char *qs, int64_t group)
{
	const unsigned char *at = qs + group / 4 * 32;
	int shift = (int)(group % 4) * 2;

	for (int i = 0; i < GROUP; i++)
		q[i] = (int8_t)(at[i] >> shift & 3);
}

/* (4-bit scale, 4-bit minimum)[16], one for 16 elements; two bits[64]; f16 d, dmin */
static inline void read_q2_k(struct group *restrict out, const unsigned char *b, int64_t group)
{
	const unsigned char *scale = b + 2 * group;
	float d = block_f16(b + 80), dmin = block_f16(b + 82);

	split_twos(out->q, b + 16, group);
	for (int h = 0; h < 2; h++) {
		out->d[h] = d * (float)(scale[h] & 15);
		out->m[h] = -(dmin * (float)(scale[h] >> 4));
	}
}

/* Of the sixteen 6-bit scales of q3_k the i-th, whose low nibbles lie before the high bits. */
static inline int q3_k_scale(const unsigned char *s, int64_t i)
{
	int low = s[i % 8] >> (i / 8 * 4) & 15, high = s[8 + i % 4] >> (i / 4 * 2) & 3;

	return (low | high << 4) - 32;
}

/* third bits[32], which take 4 away where they are 0; two bits[64]; scales[12]; f16 d */
static inline void read_q3_k(struct group *restrict out, const unsigned char *b, int64_t group)
{
	float d = block_f16(b + 108);

	split_twos(out->q, b + 32, group);
	for (int i = 0; i < GROUP; i++)
		out->q[i] = (int8_t)(out->q[i] - 4 * (1 - (b[i] >> group & 1)));
	for (int h = 0; h < 2; h++)
		out->d[h] = d * (float)q3_k_scale(b + 96, 2 * group + h);
}

/* The 6-bit scale and minimum of a group of q4_k and q5_k, packed in 12 bytes. */
static inline void q4_k_scale(const unsigned char *s, int64_t group, int *scale, int *min)
{
	if (group < 4) {
		*scale = s[group] & 63;
		*min = s[group + 4] & 63;
	} else {
		*scale = (s[group + 4] & 15) | (s[group - 4] >> 6) << 4;
		*min = (s[group + 4] >> 4) | (s[group] >> 6) << 4;
	}
}

/* 32 bytes hold the nibbles of two groups, the first in the low ones. */
static inline void take_nibbles(int8_t q[GROUP], const unsigned char *qs, int64_t group)
{
	const unsigned char *at = qs + group / 2 * 32;
	int shift = (int)(group % 2) * 4;

	for (int i = 0; i < GROUP; i++)
		q[i] = (int8_t)(at[i] >> shift & 15);
}

static inline void set_q4_k_scales(struct group *out, const unsigned char *b, int64_t group)
{
	int scale, min;

	q4_k_scale(b + 4, group, &scale, &min);
	set_both(out->d, block_f16(b) * (float)scale);
	set_both(out->m, -(block_f16(b + 2) * (float)min));
}

/* f16 d, dmin; scales and minima[12]; nibbles[128] */
static inline void read_q4_k(struct group *restrict out, const unsigned char *b, int64_t group)
{
	take_nibbles(out->q, b + 16, group);
	set_q4_k_scales(out, b, group);
}

/* f16 d, dmin; scales and minima[12]; fifth bits[32], a bit a group; nibbles[128] */
static inline void read_q5_k(struct group *restrict out, const unsigned char *b, int64_t group)
{
	take_nibbles(out->q, b + 48, group);
	for (int i = 0; i < GROUP; i++)
		out->q[i] = (int8_t)(out->q[i] | (b[16 + i] >> group & 1) << 4);
	set_q4_k_scales(out, b, group);
}

/*
 * low nibbles[128]: 64 bytes hold four groups, 0 and 1 in the low halves; high bits[64]: 32 bytes
 * hold four groups; i8 scales[16], one for 16 elements; f16 d
 */
static inline void read_q6_k(struct group *restrict out, const unsigned char *b, int64_t group)
{
	const unsigned char *low = b + group / 4 * 64 + group % 2 * 32;
	const unsigned char *high = b + 128 + group / 4 * 32;
	int low_shift = (int)(group % 4) / 2 * 4, high_shift = (int)(group % 4) * 2;
	float d = block_f16(b + 208);
	int8_t scale[2];

	memcpy(scale, b + 192 + 2 * group, 2);
	for (int i = 0; i < GROUP; i++)
		out->q[i] =
			(int8_t)(((low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4) -
				 32);
	for (int h = 0; h < 2; h++)
		out->d[h] = d * (float)scale[h];
}

/* f16 d; nibbles[16], which number these values: as uneven as weights are */
static inline void read_iq4_nl(struct group *restrict out, const unsigned char *b, int64_t group)
{
	static const int8_t values[16] = { -127, -104, -83, -65, -49, -35, -22, -10,
					   1,    13,   25,  38,  53,  69,  89,  113 };

	(void)group;
	for (int i = 0; i < 16; i++) {
		out->q[i] = values[b[2 + i] & 15];
		out->q[i + 16] = values[b[2 + i] >> 4];
	}
	set_both(out->d, block_f16(b));
}

/* The reader of a type of blocks, compiled as the file that asks. */
static inline group_reader reader_of(enum dtype dtype)
{
	switch (dtype) {
	case DTYPE_Q8_0:
		return read_q8_0;
	case DTYPE_Q4_0:
		return read_q4_0;
	case DTYPE_Q4_1:
		return read_q4_1;
	case DTYPE_Q5_0:
		return read_q5_0;
	case DTYPE_Q5_1:
		return read_q5_1;
	case DTYPE_Q2_K:
		return read_q2_k;
	case DTYPE_Q3_K:
		return read_q3_k;
	case DTYPE_Q4_K:
		return read_q4_k;
	case DTYPE_Q5_K:
		return read_q5_k;
	case DTYPE_Q6_K:
		return read_q6_k;
	case DTYPE_IQ4_NL:
		return read_iq4_nl;
	case DTYPE_F32:
	case DTYPE_F16:
	case DTYPE_BF16:
	case DTYPE_F64:
	case DTYPE_I32:
	case DTYPE_U8:
	case DTYPE_I64:
	case DTYPE_COUNT:
		break;
	}
	kernels_refuse();
}

/* The first n <= GROUP elements as f32. */
static inline void group_values(float *restrict dst, const struct group *g, int64_t n, bool adds)
{
	for (int64_t i = 0; i < n; i++) {
		float value = g->d[i / 16] * (float)g->q[i];

		dst[i] = adds ? value + g->m[i / 16] : value;
	}
}

static inline void decode_range(float *dst, const void *row, enum dtype dtype, int64_t from,
				int64_t n)
{
	group_reader read = reader_of(dtype);
	int64_t groups = dtype_table[dtype].block_elements / GROUP;
	int64_t bytes = dtype_table[dtype].block_bytes;

	for (int64_t i = 0; i < n; i += GROUP) {
		int64_t at = (from + i) / GROUP;
		struct group group;

		read(&group, (const unsigned char *)row + at / groups * bytes, at % groups);
		group_values(dst + i, &group, n - i < GROUP ? n - i : GROUP,
			     type_has_minima(dtype));
	}
}

#endif
