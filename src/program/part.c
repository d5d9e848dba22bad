/* part.c -- see part.h. */
#include "torchless/part.h"

#include "torchless/text.h"

const struct model_part_info model_parts[PART_COUNT] = {
#define PART(id, name, modules, doc) [PART_##id] = { name, modules, doc },
#include "torchless/parts.def"
#undef PART
};

enum model_part model_part_of(const char *path)
{
	int i = 0;

	while (i < PART_OTHER && !text_glob(model_parts[i].modules, path))
		i++;
	return (enum model_part)i;
}
