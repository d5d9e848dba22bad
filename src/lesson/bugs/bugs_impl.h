/*
 * bugs_impl.h -- the functions that bugs.def names.
 */
#ifndef LESSON_BUGS_IMPL_H
#define LESSON_BUGS_IMPL_H

#include "bugs.h"

#define BUG(name, kind, at, on, says) BUG_FUNCTION_##kind(name)
#define BUG_FUNCTION_KERNELS(name)    void bug_##name(struct kernels *k);
#define BUG_FUNCTION_PROGRAM(name)    void bug_##name(struct model *m);
#define BUG_FUNCTION_BEFORE(name)     bug_moment bug_##name;
#define BUG_FUNCTION_AFTER(name)      bug_moment bug_##name;
#define BUG_FUNCTION_RELATION(name)   edit_fn bug_##name;
#define BUG_FUNCTION_TOKENIZER(name)
#define BUG_FUNCTION_NONE(name)
#include "bugs.def"
#undef BUG

#endif
