/*
 * exercise: fast-linear
 * key: transposed
 * says: This reads the matrix as [n_in][n_out]. Weights lie as torch.nn.Linear has
 *   them: w[n_out][n_in], a row for each output.
 * seen: huggingface/transformers, whose GPT-2 keeps its matrices as [n_in][n_out] (Conv1D)
 */
#include "torchless/lesson_kernels.h"

void tl_linear_fast(float *y, const float *x, const float *w, int n_in, int n_out)
{
	for (int o = 0; o < n_out; o++)
		y[o] = 0;
	for (int i = 0; i < n_in; i++)
		for (int o = 0; o < n_out; o++)
			y[o] += w[(size_t)i * (size_t)n_out + (size_t)o] * x[i];
}
