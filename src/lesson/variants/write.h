/*
 * write.h -- a checkpoint as a folder: config.json and one model.safetensors.
 */
#ifndef LESSON_WRITE_H
#define LESSON_WRITE_H

#include "torchless/err.h"
#include "torchless/tensor.h"

/* A weight to write, [rows, cols], or [cols] when it is a vector. */
struct weight_plan {
	char *name;
	bool is_vector;
	int64_t rows, cols;
	enum dtype dtype; /* f32, f16, bf16 */
};

/* The weights; fill makes x[rows * cols] of weight i. */
struct weights_plan {
	struct weight_plan *items;
	int n;
	size_t cap;
	int (*fill)(void *ctx, int i, float *x, struct err *err);
	void *ctx;
};

struct weight_plan *weights_plan_add(struct weights_plan *p, const char *name);
void weights_plan_release(struct weights_plan *p);
int64_t weights_plan_bytes(const struct weights_plan *p);

/* Write the file: ERR_IO, ERR_MEMORY, or what fill says. */
int weights_write(const struct weights_plan *p, const char *path, struct err *err);

#endif
