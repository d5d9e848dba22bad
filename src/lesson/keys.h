/*
 * keys.h -- which keys a section of checks.conf may have: see keys.c.  Private to the room.
 */
#ifndef TORCHLESS_LESSON_KEYS_H
#define TORCHLESS_LESSON_KEYS_H

#include "torchless/course.h"

/* Ended by NULL; "wrong." stands for all that begin so. */
extern const char *const keys_of_course[], *const keys_of_lesson[], *const keys_of_trace[];
const char *const *keys_of_exercise(enum exercise_kind kind);

bool key_is_allowed(const char *key, const char *const *allowed);

#endif
