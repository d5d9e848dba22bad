/*
 * fast_weights.h -- integers and scales of several rows of blocks side by side, as the bytes of a
 * file have them: the part of fast_body.h that knows types.
 */
#ifndef TORCHLESS_KERNELS_FAST_WEIGHTS_H
#define TORCHLESS_KERNELS_FAST_WEIGHTS_H

/* ---- integers ------------------------------------------------------------------------------- */

static void find_rows(struct rows *r, const struct tensor *w, int64_t n0, int64_t at)
{
	r->stride = w->stride[0];
	r->three = 3 * r->stride;
	for (int64_t i = 0; i < LANES; i++)
		r->row[i] =
			(const unsigned char *)tensor_row(w, int64_min(n0 + i, w->shape[0] - 1)) +
			at;
	for (int64_t k = 0; k < LANES / 4; k++)
		r->fourth[k] = r->row[4 * k];
}

/* `whole`: all rows exist. */
ALWAYS_INLINE const unsigned char *row_at(const struct rows *r, int64_t i, bool whole)
{
	if (!whole)
		return r->row[i];
	return r->fourth[i / 4] + (i % 4 == 3 ? r->three : i % 4 * r->stride);
}

/* The next `bytes` bytes; a compiler that knew how the addresses belong together kept them all. */
ALWAYS_INLINE void go_on(struct rows *r, int64_t bytes, bool whole)
{
	for (int64_t k = 0; whole && k < LANES / 4; k++) {
		r->fourth[k] += bytes;
		__asm__("" : "+r"(r->fourth[k]));
	}
	for (int64_t i = 0; !whole && i < LANES; i++)
		r->row[i] += bytes;
}

/* 16 bytes of each row of a set. */
ALWAYS_INLINE ivec take(const struct rows *r, int64_t set, int64_t at, bool whole)
{
	__m128i part[LANES / 4];

	for (int64_t k = 0; k < LANES / 4; k++)
		part[k] = load_bytes16(row_at(r, 4 * k + set, whole) + at);
	return ivec_of(part);
}

/* What no wide instruction does: the integers of each row by themselves. */
ALWAYS_INLINE ivec take_integers(const struct rows *r, int64_t set, int64_t h, enum dtype t,
				 bool whole)
{
	__m128i part[LANES / 4];

	for (int64_t k = 0; k < LANES / 4; k++)
		part[k] = sixteen_of(row_at(r, 4 * k + set, whole), 0, h, t);
	return ivec_add8(ivec_of(part), ivec_set8(offset_of(t)));
}

ALWAYS_INLINE ivec nibbles(ivec v, bool high)
{
	return ivec_and(high ? ivec_srl16(v, 4) : v, ivec_set8(15));
}

ALWAYS_INLINE ivec integers_of_iq4_nl(ivec v)
{
	__m128i table[LANES / 4];

	table[0] = sixteen_of_iq4_nl(
		_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
	for (int64_t k = 1; k < LANES / 4; k++)
		table[k] = table[0];
	return ivec_add8(ivec_shuffle8(ivec_of(table), v), ivec_set8(offset_of(DTYPE_IQ4_NL)));
}

ALWAYS_INLINE ivec integers_of_q6_k(ivec low, ivec high, int64_t j)
{
	high = j == 0   ? ivec_sll16(high, 4)
	       : j == 1 ? ivec_sll16(high, 2)
	       : j == 2 ? high
			: ivec_srl16(high, 2);
	return ivec_or(nibbles(low, j >= 2), ivec_and(high, ivec_set8(0x30)));
}

ALWAYS_INLINE ivec twos(ivec v, int64_t j)
{
	return ivec_and(j == 0 ? v : ivec_srl16(v, 2 * (int)j), ivec_set8(3));
}

/*
 * Elements [16 h, 16 h + 16) of group 4 quad + j of a block, as unsigned bytes: with
 * offset_of() the type added.  Types of 32 elements have group 0 only.
 */
ALWAYS_INLINE ivec integers(const struct rows *r, int64_t set, int64_t quad, int64_t j, int64_t h,
			    enum dtype t, bool whole)
{
	int64_t two_groups = quad * 64 + j / 2 * 32 + h * 16;
	int64_t four_groups = quad * 32 + h * 16, bit = 4 * quad + j;

	if (t == DTYPE_Q8_0)
		return ivec_xor(take(r, set, 2 + 16 * h, whole), ivec_set8(offset_of(t)));
	if (t == DTYPE_Q4_0)
		return nibbles(take(r, set, 2, whole), h);
	if (t == DTYPE_Q4_1)
		return nibbles(take(r, set, 4, whole), h);
	if (t == DTYPE_IQ4_NL)
		return integers_of_iq4_nl(nibbles(take(r, set, 2, whole), h));
	if (t == DTYPE_Q2_K)
		return twos(take(r, set, four_groups + 16, whole), j);
	if (t == DTYPE_Q3_K)
		return ivec_or(twos(take(r, set, four_groups + 32, whole), j),
			       ivec_where_bit(take(r, set, h * 16, whole), (int)bit, 4));
	if (t == DTYPE_Q4_K)
		return nibbles(take(r, set, two_groups + 16, whole), j % 2);
	if (t == DTYPE_Q5_K)
		return ivec_or(nibbles(take(r, set, two_groups + 48, whole), j % 2),
			       ivec_where_bit(take(r, set, 16 + h * 16, whole), (int)bit, 16));
	if (t == DTYPE_Q6_K)
		return integers_of_q6_k(take(r, set, quad * 64 + j % 2 * 32 + h * 16, whole),
					take(r, set, four_groups + 128, whole), j);
	return take_integers(r, set, h, t, whole);
}

/* ---- scales --------------------------------------------------------------------------------- */

/* d[g step + r], m[…] of `some` blocks of 32. */
ALWAYS_INLINE void scales_of_32(float *d, float *m, int64_t step, const struct rows *r,
				int64_t some, enum dtype t, bool whole)
{
	_Alignas(64) uint16_t h[2][PARTS][LANES];
	int64_t bytes = bytes_of(t);

	for (int64_t i = 0; i < LANES; i++) {
		const unsigned char *from = row_at(r, i, whole);

		for (int64_t g = 0; g < some; g++) {
			memcpy(&h[0][g][i], from + g * bytes, 2);
			if (type_has_minima(t))
				memcpy(&h[1][g][i], from + g * bytes + 2, 2);
		}
	}
	for (int64_t g = 0; g < some; g++) {
		vec_store(d + g * step, vec_of_f16(h[0][g]));
		if (type_has_minima(t))
			vec_store(m + g * step, vec_of_f16(h[1][g]));
	}
}

/* dst[p step + r] = src[r][p] of eight rows, for the first eight p or all sixteen. */
ALWAYS_INLINE void turn(float *dst, int64_t step, const float *src, int64_t src_step, int64_t parts)
{
	for (int64_t p0 = 0; p0 < parts; p0 += 8) {
		__m256 v[8];

		for (int64_t i = 0; i < 8; i++)
			v[i] = _mm256_load_ps(src + i * src_step + p0);
		transpose8(v);
		for (int64_t i = 0; i < 8; i++)
			_mm256_storeu_ps(dst + (p0 + i) * step, v[i]);
	}
}

/* Of one block of 256. */
ALWAYS_INLINE void scales_of_256(float *d, float *m, int64_t step, const struct rows *r,
				 enum dtype t, bool whole)
{
	int64_t parts = type_scales_sixteens(t) ? 16 : 8, size = sizeof(struct scales) / 4;

	for (int64_t i = 0; i < LANES; i += 8) {
		struct scales s[8];

		for (int64_t j = 0; j < 8; j++)
			scales_of(&s[j], row_at(r, i + j, whole), 1, t);
		turn(d + i, step, s[0].d, size, parts);
		if (type_has_minima(t))
			turn(m + i, step, s[0].m, size, parts);
	}
}

ALWAYS_INLINE void find_scales(float *d, float *m, int64_t step, const struct rows *r, int64_t some,
			       enum dtype t, bool whole)
{
	if (is_super(t))
		scales_of_256(d, m, step, r, t, whole);
	else if (some == PARTS) /* a constant */
		scales_of_32(d, m, step, r, PARTS, t, whole);
	else
		scales_of_32(d, m, step, r, some, t, whole);
}

/* y = fma(sum, d dx, y), and the minimum's share. */
ALWAYS_INLINE vec add_part(vec y, ivec sum, const float *d, const float *m, float dx, float sum_x,
			   enum dtype t)
{
	vec scale = vec_set1(dx);

	y = vec_fma(ivec_to_f32(sum), vec_mul(vec_load(d), scale), y);
	if (type_has_minima(t))
		y = vec_fma(vec_set1(sum_x), vec_mul(vec_load(m), scale), y);
	return y;
}

#endif
