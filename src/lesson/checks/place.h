/*
 * place.h -- places of a model as people name them, against where something differs.
 */
#ifndef LESSON_PLACE_H
#define LESSON_PLACE_H

#include "torchless/model.h"

enum place_match {
	PLACE_RIGHT,
	PLACE_MODULE, /* the right module, another of its points */
	PLACE_EARLIER,
	PLACE_LATER,
	PLACE_WIDE, /* it holds the right one and too much besides */
};

/*
 * Hold a name against the point `fqn`: a point under any of its names, or the module that computes
 * it, or self_attn or mlp around that; a selection behind it is passed over.  ERR_USAGE when it
 * names nothing.
 */
int place_match(const struct program *p, const char *typed, const char *fqn,
		enum place_match *match, struct err *err);

#endif
