/*
 * neon.h -- AVX2's eight lanes as two NEON registers of four.
 *
 * avx2*.c are written once, in Intel's words for its instructions.  On AArch64 this header says
 * what those of them that the files use mean there, in place of <immintrin.h>: the same arithmetic
 * on the same eight lanes, rounded alike, so a recording has the same bits on both machines.  A
 * pair of registers for each of AVX2's sixteen makes use of all 32.
 *
 * What is not the same: a NaN that an operation makes itself has its sign set on x86 and clear
 * here, and of two NaNs another one may be kept.  Which numbers are NaN is the same.
 *
 * Functions behave as Intel's Intrinsics Guide has them, of any argument unless a comment says
 * otherwise; where an argument chooses the operation, only the choices that are used have a name.
 */
#ifndef TORCHLESS_KERNELS_NEON_H
#define TORCHLESS_KERNELS_NEON_H

#include <arm_neon.h>
#include <stdint.h>

/* The names are the compiler's on another machine.  NOLINTBEGIN(bugprone-reserved-identifier) */

#define NEON static inline __attribute__((always_inline))

typedef float32x4_t __m128;
typedef float64x2_t __m128d;
typedef uint8x16_t __m128i; /* lanes of any width */

typedef struct {
	float32x4_t low, high;
} __m256;

typedef struct {
	float64x2_t low, high;
} __m256d;

typedef struct {
	int32x4_t low, high;
} __m256i;

/* The only rounding, comparison and cache that are asked for. */
enum { _MM_FROUND_TO_NEAREST_INT, _MM_FROUND_NO_EXC = 0 };
enum { _CMP_EQ_OQ };
#define _MM_HINT_T0 3

#define _mm_prefetch(at, hint) __builtin_prefetch((at), 0, (hint))

/* Both halves of what one instruction does to eight lanes. */
#define HALVES1(type, of, name, half)                                                              \
	NEON type name(of a)                                                                       \
	{                                                                                          \
		return (type){ half(a.low), half(a.high) };                                        \
	}
#define HALVES2(type, name, half)                                                                  \
	NEON type name(type a, type b)                                                             \
	{                                                                                          \
		return (type){ half(a.low, b.low), half(a.high, b.high) };                         \
	}
#define HALVES3(type, name, half)                                                                  \
	NEON type name(type a, type b, type c)                                                     \
	{                                                                                          \
		return (type){ half(a.low, b.low, c.low), half(a.high, b.high, c.high) };          \
	}

/* ---- floats --------------------------------------------------------------------------------- */

NEON float32x4_t fma4(float32x4_t a, float32x4_t b, float32x4_t c)
{
	return vfmaq_f32(c, a, b);
}

NEON float32x4_t fms4(float32x4_t a, float32x4_t b, float32x4_t c)
{
	return vfmaq_f32(vnegq_f32(c), a, b);
}

NEON float32x4_t fnma4(float32x4_t a, float32x4_t b, float32x4_t c)
{
	return vfmsq_f32(c, a, b);
}

/* The second one where either is NaN, and of two zeros; NEON's own minimum is another. */
NEON float32x4_t min4(float32x4_t a, float32x4_t b)
{
	return vbslq_f32(vcltq_f32(a, b), a, b);
}

NEON float32x4_t max4(float32x4_t a, float32x4_t b)
{
	return vbslq_f32(vcgtq_f32(a, b), a, b);
}

NEON float32x4_t and4(float32x4_t a, float32x4_t b)
{
	return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}

NEON float32x4_t or4(float32x4_t a, float32x4_t b)
{
	return vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}

/* b where a is not. */
NEON float32x4_t andnot4f(float32x4_t a, float32x4_t b)
{
	return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(b), vreinterpretq_u32_f32(a)));
}

NEON float32x4_t equal4(float32x4_t a, float32x4_t b)
{
	return vreinterpretq_f32_u32(vceqq_f32(a, b));
}

/* b where the sign of `mask` is set, else a. */
NEON float32x4_t blend4(float32x4_t a, float32x4_t b, float32x4_t mask)
{
	return vbslq_f32(vcltzq_s32(vreinterpretq_s32_f32(mask)), b, a);
}

HALVES2(__m256, _mm256_add_ps, vaddq_f32)
HALVES2(__m256, _mm256_sub_ps, vsubq_f32)
HALVES2(__m256, _mm256_mul_ps, vmulq_f32)
HALVES2(__m256, _mm256_div_ps, vdivq_f32)
HALVES2(__m256, _mm256_min_ps, min4)
HALVES2(__m256, _mm256_max_ps, max4)
HALVES2(__m256, _mm256_and_ps, and4)
HALVES2(__m256, _mm256_or_ps, or4)
HALVES2(__m256, _mm256_andnot_ps, andnot4f)
HALVES2(__m256, _mm256_hadd_ps, vpaddq_f32)
HALVES2(__m256, _mm256_unpacklo_ps, vzip1q_f32)
HALVES2(__m256, _mm256_unpackhi_ps, vzip2q_f32)
HALVES3(__m256, _mm256_fmadd_ps, fma4)
HALVES3(__m256, _mm256_fmsub_ps, fms4)
HALVES3(__m256, _mm256_fnmadd_ps, fnma4)
HALVES3(__m256, _mm256_blendv_ps, blend4)

NEON __m256 _mm256_set1_ps(float x)
{
	return (__m256){ vdupq_n_f32(x), vdupq_n_f32(x) };
}

NEON __m256 _mm256_setzero_ps(void)
{
	return _mm256_set1_ps(0);
}

NEON __m256 _mm256_broadcast_ss(const float *at)
{
	return (__m256){ vld1q_dup_f32(at), vld1q_dup_f32(at) };
}

NEON __m256 _mm256_broadcastss_ps(__m128 a)
{
	return (__m256){ vdupq_laneq_f32(a, 0), vdupq_laneq_f32(a, 0) };
}

NEON __m256 _mm256_loadu_ps(const float *at)
{
	return (__m256){ vld1q_f32(at), vld1q_f32(at + 4) };
}

NEON __m256 _mm256_load_ps(const float *at)
{
	return _mm256_loadu_ps(at);
}

NEON void _mm256_storeu_ps(float *at, __m256 a)
{
	vst1q_f32(at, a.low);
	vst1q_f32(at + 4, a.high);
}

NEON void _mm256_store_ps(float *at, __m256 a)
{
	_mm256_storeu_ps(at, a);
}

/* The sign of a mask's lane says whether that float is there; what is not is not touched. */
NEON __m256 _mm256_maskload_ps(const float *at, __m256i mask)
{
	int32_t there[8];
	float lanes[8] = { 0 };

	vst1q_s32(there, mask.low);
	vst1q_s32(there + 4, mask.high);
	for (int i = 0; i < 8; i++)
		if (there[i] < 0)
			lanes[i] = at[i];
	return _mm256_loadu_ps(lanes);
}

NEON void _mm256_maskstore_ps(float *at, __m256i mask, __m256 a)
{
	int32_t there[8];
	float lanes[8];

	vst1q_s32(there, mask.low);
	vst1q_s32(there + 4, mask.high);
	_mm256_storeu_ps(lanes, a);
	for (int i = 0; i < 8; i++)
		if (there[i] < 0)
			at[i] = lanes[i];
}

NEON __m256 _mm256_round_ps(__m256 a, int to)
{
	(void)to;
	return (__m256){ vrndnq_f32(a.low), vrndnq_f32(a.high) };
}

NEON __m256 _mm256_cmp_ps(__m256 a, __m256 b, int how)
{
	(void)how;
	return (__m256){ equal4(a.low, b.low), equal4(a.high, b.high) };
}

/* Elements two of a and two of b, two bits each. */
NEON float32x4_t shuffle4(float32x4_t a, float32x4_t b, int which)
{
	return (float32x4_t){ a[which & 3], a[which >> 2 & 3], b[which >> 4 & 3],
			      b[which >> 6 & 3] };
}

NEON __m256 _mm256_shuffle_ps(__m256 a, __m256 b, int which)
{
	return (__m256){ shuffle4(a.low, b.low, which), shuffle4(a.high, b.high, which) };
}

/* Halves of the four in a and b; none of them is to be zero. */
NEON float32x4_t half_of(__m256 a, __m256 b, int which)
{
	return which == 0 ? a.low : which == 1 ? a.high : which == 2 ? b.low : b.high;
}

NEON __m256 _mm256_permute2f128_ps(__m256 a, __m256 b, int which)
{
	return (__m256){ half_of(a, b, which & 3), half_of(a, b, which >> 4 & 3) };
}

NEON __m128 _mm256_castps256_ps128(__m256 a)
{
	return a.low;
}

NEON __m128 _mm256_extractf128_ps(__m256 a, int which)
{
	return which ? a.high : a.low;
}

NEON int _mm256_movemask_ps(__m256 a)
{
	const uint32x4_t low = { 1, 2, 4, 8 }, high = { 16, 32, 64, 128 };
	uint32x4_t l = vcltzq_s32(vreinterpretq_s32_f32(a.low));
	uint32x4_t h = vcltzq_s32(vreinterpretq_s32_f32(a.high));

	return (int)vaddvq_u32(vorrq_u32(vandq_u32(l, low), vandq_u32(h, high)));
}

NEON __m128 _mm_set1_ps(float x)
{
	return vdupq_n_f32(x);
}

NEON __m128 _mm_add_ps(__m128 a, __m128 b)
{
	return vaddq_f32(a, b);
}

NEON __m128 _mm_mul_ps(__m128 a, __m128 b)
{
	return vmulq_f32(a, b);
}

NEON __m128 _mm_xor_ps(__m128 a, __m128 b)
{
	return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}

NEON float _mm_cvtss_f32(__m128 a)
{
	return vgetq_lane_f32(a, 0);
}

NEON void _mm_storeu_ps(float *at, __m128 a)
{
	vst1q_f32(at, a);
}

NEON void _mm_store_ps(float *at, __m128 a)
{
	vst1q_f32(at, a);
}

NEON void _mm_store_ss(float *at, __m128 a)
{
	vst1q_lane_f32(at, a, 0);
}

/* ---- doubles -------------------------------------------------------------------------------- */

NEON float64x2_t fma2(float64x2_t a, float64x2_t b, float64x2_t c)
{
	return vfmaq_f64(c, a, b);
}

HALVES2(__m256d, _mm256_add_pd, vaddq_f64)
HALVES3(__m256d, _mm256_fmadd_pd, fma2)

NEON __m256d _mm256_cvtps_pd(__m128 a)
{
	return (__m256d){ vcvt_f64_f32(vget_low_f32(a)), vcvt_high_f64_f32(a) };
}

NEON __m128d _mm256_castpd256_pd128(__m256d a)
{
	return a.low;
}

NEON __m128d _mm256_extractf128_pd(__m256d a, int which)
{
	return which ? a.high : a.low;
}

NEON __m128d _mm_add_pd(__m128d a, __m128d b)
{
	return vaddq_f64(a, b);
}

NEON __m128d _mm_unpackhi_pd(__m128d a, __m128d b)
{
	return vzip2q_f64(a, b);
}

NEON double _mm_cvtsd_f64(__m128d a)
{
	return vgetq_lane_f64(a, 0);
}

/* ---- integers of 32 bits -------------------------------------------------------------------- */

NEON int32x4_t andnot4(int32x4_t a, int32x4_t b)
{
	return vbicq_s32(b, a);
}

NEON int32x4_t equal4i(int32x4_t a, int32x4_t b)
{
	return vreinterpretq_s32_u32(vceqq_s32(a, b));
}

NEON int32x4_t greater4i(int32x4_t a, int32x4_t b)
{
	return vreinterpretq_s32_u32(vcgtq_s32(a, b));
}

/* Bytes of b where the sign of the mask's byte is set, else of a. */
NEON int32x4_t blend4i(int32x4_t a, int32x4_t b, int32x4_t mask)
{
	uint8x16_t of_b = vcltzq_s8(vreinterpretq_s8_s32(mask));

	return vreinterpretq_s32_u8(
		vbslq_u8(of_b, vreinterpretq_u8_s32(b), vreinterpretq_u8_s32(a)));
}

HALVES1(__m256, __m256i, _mm256_castsi256_ps, vreinterpretq_f32_s32)
HALVES1(__m256i, __m256, _mm256_castps_si256, vreinterpretq_s32_f32)
HALVES1(__m256, __m256i, _mm256_cvtepi32_ps, vcvtq_f32_s32)
/* Of floats that fit; what does not is the nearest that does, or 0 for NaN. */
HALVES1(__m256i, __m256, _mm256_cvtps_epi32, vcvtnq_s32_f32)
HALVES2(__m256i, _mm256_add_epi32, vaddq_s32)
HALVES2(__m256i, _mm256_sub_epi32, vsubq_s32)
HALVES2(__m256i, _mm256_min_epi32, vminq_s32)
HALVES2(__m256i, _mm256_max_epi32, vmaxq_s32)
HALVES2(__m256i, _mm256_and_si256, vandq_s32)
HALVES2(__m256i, _mm256_or_si256, vorrq_s32)
HALVES2(__m256i, _mm256_xor_si256, veorq_s32)
HALVES2(__m256i, _mm256_andnot_si256, andnot4)
HALVES2(__m256i, _mm256_cmpeq_epi32, equal4i)
HALVES2(__m256i, _mm256_cmpgt_epi32, greater4i)
HALVES3(__m256i, _mm256_blendv_epi8, blend4i)

NEON __m256i _mm256_set1_epi32(int32_t x)
{
	return (__m256i){ vdupq_n_s32(x), vdupq_n_s32(x) };
}

NEON __m256i _mm256_setzero_si256(void)
{
	return _mm256_set1_epi32(0);
}

NEON __m256i _mm256_loadu_si256(const __m256i *at)
{
	const int32_t *lanes = (const int32_t *)(const void *)at;

	return (__m256i){ vld1q_s32(lanes), vld1q_s32(lanes + 4) };
}

/* Shifts by less than the width of a lane. */
NEON __m256i _mm256_slli_epi32(__m256i a, int by)
{
	const int32x4_t left = vdupq_n_s32(by);

	return (__m256i){ vshlq_s32(a.low, left), vshlq_s32(a.high, left) };
}

NEON __m256i _mm256_srai_epi32(__m256i a, int by)
{
	const int32x4_t left = vdupq_n_s32(-by);

	return (__m256i){ vshlq_s32(a.low, left), vshlq_s32(a.high, left) };
}

NEON __m128i _mm256_castsi256_si128(__m256i a)
{
	return vreinterpretq_u8_s32(a.low);
}

NEON __m128i _mm256_extracti128_si256(__m256i a, int which)
{
	return vreinterpretq_u8_s32(which ? a.high : a.low);
}

/* ---- sixteen bytes -------------------------------------------------------------------------- */

#define BYTES2(name, lanes, operation)                                                             \
	NEON __m128i name(__m128i a, __m128i b)                                                    \
	{                                                                                          \
		return vreinterpretq_u8_##lanes(                                                   \
			operation(vreinterpretq_##lanes##_u8(a), vreinterpretq_##lanes##_u8(b)));  \
	}

BYTES2(_mm_add_epi32, s32, vaddq_s32)
BYTES2(_mm_min_epi32, s32, vminq_s32)
BYTES2(_mm_max_epi32, s32, vmaxq_s32)
BYTES2(_mm_unpacklo_epi64, u64, vzip1q_u64)
BYTES2(_mm_unpackhi_epi64, u64, vzip2q_u64)

NEON __m128i _mm_and_si128(__m128i a, __m128i b)
{
	return vandq_u8(a, b);
}

NEON __m128i _mm_or_si128(__m128i a, __m128i b)
{
	return vorrq_u8(a, b);
}

NEON __m128i _mm_sub_epi8(__m128i a, __m128i b)
{
	return vsubq_u8(a, b);
}

NEON __m128i _mm_cmpeq_epi8(__m128i a, __m128i b)
{
	return vceqq_u8(a, b);
}

NEON __m128i _mm_set1_epi8(char x)
{
	return vdupq_n_u8((uint8_t)x);
}

NEON __m128i _mm_set1_epi64x(long long x)
{
	return vreinterpretq_u8_s64(vdupq_n_s64(x));
}

NEON __m128i _mm_set_epi64x(long long high, long long low)
{
	return vreinterpretq_u8_s64((int64x2_t){ low, high });
}

#define _mm_setr_epi8(...) vreinterpretq_u8_s8((int8x16_t){ __VA_ARGS__ })

NEON __m128i _mm_loadu_si128(const __m128i *at)
{
	return vld1q_u8((const uint8_t *)at);
}

NEON __m128i _mm_load_si128(const __m128i *at)
{
	return vld1q_u8((const uint8_t *)at);
}

NEON __m128i _mm_cvtsi32_si128(int32_t x)
{
	return vreinterpretq_u8_s32(vsetq_lane_s32(x, vdupq_n_s32(0), 0));
}

NEON __m128i _mm_cvtsi64_si128(long long x)
{
	return vreinterpretq_u8_s64(vsetq_lane_s64(x, vdupq_n_s64(0), 0));
}

NEON int32_t _mm_cvtsi128_si32(__m128i a)
{
	return vgetq_lane_s32(vreinterpretq_s32_u8(a), 0);
}

/* Shifts by less than the width of a lane. */
NEON __m128i _mm_slli_epi16(__m128i a, int by)
{
	return vreinterpretq_u8_u16(vshlq_u16(vreinterpretq_u16_u8(a), vdupq_n_s16((int16_t)by)));
}

NEON __m128i _mm_srli_epi16(__m128i a, int by)
{
	return vreinterpretq_u8_u16(vshlq_u16(vreinterpretq_u16_u8(a), vdupq_n_s16((int16_t)-by)));
}

NEON __m128i _mm_shuffle_epi32(__m128i a, int which)
{
	int32x4_t v = vreinterpretq_s32_u8(a);
	int32x4_t w = { v[which & 3], v[which >> 2 & 3], v[which >> 4 & 3], v[which >> 6 & 3] };

	return vreinterpretq_u8_s32(w);
}

/* a[which & 15], or 0 where the sign of `which` is set. */
NEON __m128i _mm_shuffle_epi8(__m128i a, __m128i which)
{
	return vqtbl1q_u8(a, vandq_u8(which, vdupq_n_u8(0x8f)));
}

/* ---- 32 bytes, as bytes and as integers of 16 bits ------------------------------------------- */

#define AS(lanes, v)   vreinterpretq_##lanes##_s32(v)
#define FROM(lanes, v) vreinterpretq_s32_##lanes(v)
#define LANES2(name, lanes, result, operation)                                                     \
	NEON __m256i name(__m256i a, __m256i b)                                                    \
	{                                                                                          \
		return (__m256i){ FROM(result, operation(AS(lanes, a.low), AS(lanes, b.low))),     \
				  FROM(result, operation(AS(lanes, a.high), AS(lanes, b.high))) }; \
	}

/* a where b is above 0, -a where it is below. */
NEON int8x16_t sign16(int8x16_t a, int8x16_t b)
{
	int8x16_t v = vbslq_s8(vcltzq_s8(b), vnegq_s8(a), a);

	return vbicq_s8(v, vreinterpretq_s8_u8(vceqzq_s8(b)));
}

/* Two products of a byte without and one with a sign, added in 16 bits that saturate. */
NEON int16x8_t pairs_of_bytes(uint8x16_t a, uint8x16_t b)
{
	int8x16_t c = vreinterpretq_s8_u8(b);
	int16x8_t low = vmulq_s16(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(a))),
				  vmovl_s8(vget_low_s8(c)));
	int16x8_t high = vmulq_s16(vreinterpretq_s16_u16(vmovl_high_u8(a)), vmovl_high_s8(c));

	return vqaddq_s16(vuzp1q_s16(low, high), vuzp2q_s16(low, high));
}

NEON int32x4_t pairs_of_words(int16x8_t a, int16x8_t b)
{
	return vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b));
}

NEON int8x16_t pack16(int16x8_t a, int16x8_t b)
{
	return vqmovn_high_s16(vqmovn_s16(a), b);
}

NEON int16x8_t pack32(int32x4_t a, int32x4_t b)
{
	return vqmovn_high_s32(vqmovn_s32(a), b);
}

LANES2(_mm256_add_epi8, s8, s8, vaddq_s8)
LANES2(_mm256_cmpeq_epi8, s8, u8, vceqq_s8)
LANES2(_mm256_sign_epi8, s8, s8, sign16)
LANES2(_mm256_shuffle_epi8, u8, u8, _mm_shuffle_epi8)
LANES2(_mm256_add_epi16, s16, s16, vaddq_s16)
LANES2(_mm256_maddubs_epi16, u8, s16, pairs_of_bytes)
LANES2(_mm256_packs_epi16, s16, s8, pack16)
HALVES2(__m256i, _mm256_unpacklo_epi32, vzip1q_s32)
HALVES2(__m256i, _mm256_unpackhi_epi32, vzip2q_s32)
LANES2(_mm256_unpacklo_epi64, s64, s64, vzip1q_s64)
LANES2(_mm256_unpackhi_epi64, s64, s64, vzip2q_s64)

NEON __m256i _mm256_madd_epi16(__m256i a, __m256i b)
{
	return (__m256i){ pairs_of_words(AS(s16, a.low), AS(s16, b.low)),
			  pairs_of_words(AS(s16, a.high), AS(s16, b.high)) };
}

NEON __m256i _mm256_packs_epi32(__m256i a, __m256i b)
{
	return (__m256i){ FROM(s16, pack32(a.low, b.low)), FROM(s16, pack32(a.high, b.high)) };
}

NEON __m256i _mm256_abs_epi8(__m256i a)
{
	return (__m256i){ FROM(s8, vabsq_s8(AS(s8, a.low))), FROM(s8, vabsq_s8(AS(s8, a.high))) };
}

/* Shifts by less than the width of a lane. */
NEON __m256i _mm256_slli_epi16(__m256i a, int by)
{
	return (__m256i){ FROM(u8, _mm_slli_epi16(AS(u8, a.low), by)),
			  FROM(u8, _mm_slli_epi16(AS(u8, a.high), by)) };
}

NEON __m256i _mm256_srli_epi16(__m256i a, int by)
{
	return (__m256i){ FROM(u8, _mm_srli_epi16(AS(u8, a.low), by)),
			  FROM(u8, _mm_srli_epi16(AS(u8, a.high), by)) };
}

NEON __m256i _mm256_set1_epi8(char x)
{
	return (__m256i){ FROM(u8, _mm_set1_epi8(x)), FROM(u8, _mm_set1_epi8(x)) };
}

NEON __m256i _mm256_set1_epi16(int16_t x)
{
	return (__m256i){ FROM(s16, vdupq_n_s16(x)), FROM(s16, vdupq_n_s16(x)) };
}

NEON __m256i _mm256_setr_epi32(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f,
			       int32_t g, int32_t h)
{
	return (__m256i){ { a, b, c, d }, { e, f, g, h } };
}

NEON __m256i _mm256_load_si256(const __m256i *at)
{
	return _mm256_loadu_si256(at);
}

NEON void _mm256_storeu_si256(__m256i *at, __m256i a)
{
	int32_t *lanes = (int32_t *)(void *)at;

	vst1q_s32(lanes, a.low);
	vst1q_s32(lanes + 4, a.high);
}

NEON void _mm256_store_si256(__m256i *at, __m256i a)
{
	_mm256_storeu_si256(at, a);
}

NEON __m256i _mm256_broadcastsi128_si256(__m128i a)
{
	return (__m256i){ FROM(u8, a), FROM(u8, a) };
}

/* What is in the upper half nobody may ask. */
NEON __m256i _mm256_castsi128_si256(__m128i a)
{
	return _mm256_broadcastsi128_si256(a);
}

NEON __m256i _mm256_inserti128_si256(__m256i a, __m128i b, int which)
{
	return which ? (__m256i){ a.low, FROM(u8, b) } : (__m256i){ FROM(u8, b), a.high };
}

/* Lane i is lane which[i] & 7 of a, from either half. */
NEON __m256i _mm256_permutevar8x32_epi32(__m256i a, __m256i which)
{
	const int32x4_t seven = vdupq_n_s32(7), first = vdupq_n_s32(0x03020100);
	const uint8x16x2_t bytes = { { AS(u8, a.low), AS(u8, a.high) } };
	int32x4_t low = vmlaq_n_s32(first, vandq_s32(which.low, seven), 0x04040404);
	int32x4_t high = vmlaq_n_s32(first, vandq_s32(which.high, seven), 0x04040404);

	return (__m256i){ FROM(u8, vqtbl2q_u8(bytes, AS(u8, low))),
			  FROM(u8, vqtbl2q_u8(bytes, AS(u8, high))) };
}

/* ---- narrow lanes made wide ----------------------------------------------------------------- */

NEON __m256i _mm256_cvtepi8_epi32(__m128i a)
{
	int16x8_t v = vmovl_s8(vget_low_s8(vreinterpretq_s8_u8(a)));

	return (__m256i){ vmovl_s16(vget_low_s16(v)), vmovl_high_s16(v) };
}

NEON __m256i _mm256_cvtepu16_epi32(__m128i a)
{
	uint16x8_t v = vreinterpretq_u16_u8(a);

	return (__m256i){ vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(v))),
			  vreinterpretq_s32_u32(vmovl_high_u16(v)) };
}

NEON __m256 _mm256_cvtph_ps(__m128i a)
{
	float16x8_t v = vreinterpretq_f16_u8(a);

	return (__m256){ vcvt_f32_f16(vget_low_f16(v)), vcvt_high_f32_f16(v) };
}

NEON __m128 _mm_cvtph_ps(__m128i a)
{
	return vcvt_f32_f16(vget_low_f16(vreinterpretq_f16_u8(a)));
}

/* NOLINTEND(bugprone-reserved-identifier) */

#endif
