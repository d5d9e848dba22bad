/*
 * exercise: rope
 * says: Nothing is turned. A model without RoPE still says that the capital of France
 *   is Paris, but not where Lily put the ball.
 * seen: commonly believed
 */
#include "torchless/lesson_kernels.h"

void tl_rope(float *x, int n_heads, int head_dim, int pos, float theta)
{
	(void)x;
	(void)n_heads;
	(void)head_dim;
	(void)pos;
	(void)theta;
}
