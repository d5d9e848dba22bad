/*
 * part.h -- the parts that the time of a pass is split into: parts.def, which is said there once.
 */
#ifndef TORCHLESS_PART_H
#define TORCHLESS_PART_H

/* In the order of the forward pass, and that of parts.def: the first that matches counts. */
enum model_part {
#define PART(id, name, modules, doc) PART_##id,
#include "torchless/parts.def"
#undef PART
	PART_COUNT
};

struct model_part_info {
	const char *name, *modules, *doc;
};
extern const struct model_part_info model_parts[PART_COUNT];

/* The part of the module with this path; every module has one. */
enum model_part model_part_of(const char *path);

#endif
