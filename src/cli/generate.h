/*
 * generate.h -- what `run` and `trace` share: a generation told by the command line.
 */
#ifndef GENERATE_H
#define GENERATE_H

#include "torchless/cli.h"
#include "torchless/generation.h"

/*
 * Open kernels and model.  A tokenizer that is not needed is still opened where there is one: it
 * can show what ids mean.
 */
int generate_open(struct invocation *in, bool needs_tokenizer, struct err *err);

/*
 * What the options ask for, once generate_open() was there; n tokens are generated without -n.
 * Warnings go to stderr.
 */
struct generation_options generate_options(struct invocation *in, int64_t n);

/* Who hears warnings and Ctrl-C. */
struct caller generate_caller(struct invocation *in);

/* With --verbose: what was opened. */
void generate_note(const struct invocation *in, const struct session *s);

/*
 * Read the command's argument: text, or ids with --prompt-ids.  p->ids belong to the caller, the
 * text to the invocation.
 */
int generate_prompt(struct invocation *in, struct prompt *p, struct err *err);

#endif
