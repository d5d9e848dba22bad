/*
 * version.c -- what the Makefile knows: version, commit, prefix, compiler.
 *
 * version.h changes with every commit; only this file is compiled again for it.
 */
#include "version.h"
#include "torchless/cli.h"

const char version_number[] = TORCHLESS_VERSION;
const char version_commit[] = TORCHLESS_COMMIT;
const char version_prefix[] = TORCHLESS_PREFIX;
#ifdef __clang__
const char version_compiler[] = "clang " __clang_version__;
#else
const char version_compiler[] = "gcc " __VERSION__;
#endif
