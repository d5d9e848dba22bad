/* assert.h -- Criterion's conditions with types, as far as our tests have them: see criterion.h. */
#ifndef PLAIN_CRITERION_NEW_ASSERT_H
#define PLAIN_CRITERION_NEW_ASSERT_H

#include <string.h>

#define eq(type, a, b)             plain_eq_##type(a, b)
#define ne(type, a, b)             ((a) != (b))
#define lt(type, a, b)             ((a) < (b))
#define gt(type, a, b)             ((a) > (b))
#define ge(type, a, b)             ((a) >= (b))
#define epsilon_eq(type, a, b, by) PLAIN_NEAR(a, b, by)
#define not(x) (!(x))
#define plain_eq_str(a, b) (strcmp(a, b) == 0)
#define plain_eq_int(a, b) ((a) == (b))
#define plain_eq_i64(a, b) ((a) == (b))
#define plain_eq_u16(a, b) ((a) == (b))
#define plain_eq_flt(a, b) ((a) == (b))
#define plain_eq_u64(a, b) ((a) == (b))
#define plain_eq_u32(a, b) ((a) == (b))
#define plain_eq_u8(a, b)  ((a) == (b))
#define plain_eq_i32(a, b) ((a) == (b))
#define plain_eq_sz(a, b)  ((a) == (b))
#define plain_eq_dbl(a, b) ((a) == (b))
#define plain_eq_ptr(a, b) ((a) == (b))

#endif
