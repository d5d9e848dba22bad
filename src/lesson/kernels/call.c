/*
 * call.c -- calling each kernel: arrays in the order that the battery gives them, then numbers.
 */
#include "kernel.h"
#include "reference.h"

#include <string.h>

#define A(k) (c->arrays[k].data)
#define I(k) (c->i[k])
#define F(k) (c->f[k])

/* Any function, as the type that it has. */
#define AS(name)                                                                                   \
	__typeof__(&reference_##name) f;                                                           \
                                                                                                   \
	memcpy(&f, &fn, sizeof(f))

void call_embed(sandbox_fn *fn, struct kernel_call *c)
{
	AS(embed);
	f(A(0), A(1), A(2), I(0), I(1));
}

void call_rmsnorm(sandbox_fn *fn, struct kernel_call *c)
{
	AS(rmsnorm);
	f(A(0), A(1), A(2), I(0), F(0));
}

void call_linear_bf16(sandbox_fn *fn, struct kernel_call *c)
{
	AS(linear_bf16);
	f(A(0), A(1), A(2), I(0), I(1));
}

void call_linear_q8(sandbox_fn *fn, struct kernel_call *c)
{
	AS(linear_q8);
	f(A(0), A(1), A(2), A(3), I(0), I(1));
}

void call_rope(sandbox_fn *fn, struct kernel_call *c)
{
	AS(rope);
	f(A(0), I(0), I(1), I(2), F(0));
}

void call_attn_scores(sandbox_fn *fn, struct kernel_call *c)
{
	AS(attn_scores);
	f(A(0), A(1), A(2), I(0), I(1), I(2), I(3), I(4));
}

void call_softmax(sandbox_fn *fn, struct kernel_call *c)
{
	AS(softmax);
	f(A(0), I(0));
}

void call_window(sandbox_fn *fn, struct kernel_call *c)
{
	AS(window);
	f(A(0), I(0), I(1), I(2));
}

void call_swiglu(sandbox_fn *fn, struct kernel_call *c)
{
	AS(swiglu);
	f(A(0), A(1), A(2), I(0));
}

void call_top_p(sandbox_fn *fn, struct kernel_call *c)
{
	AS(top_p);
	c->picked = f(A(0), I(0), F(0), F(1), F(2));
}

void call_linear_fast(sandbox_fn *fn, struct kernel_call *c)
{
	AS(linear_fast);
	f(A(0), A(1), A(2), I(0), I(1));
}
