/*
 * changes.h -- the changes that variants.def names; each leaves weights of other names alone.
 */
#ifndef LESSON_CHANGES_H
#define LESSON_CHANGES_H

#include "variants.h"

variant_change round_int8_row, round_int8_tensor, round_int4_g32;
variant_change add_outlier, permute_pairs, shrink_embedding;

#endif
