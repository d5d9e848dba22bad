/*
 * this_cpu.h -- where a thread runs, and away from there: private to src/kernels.
 */
#ifndef TORCHLESS_KERNELS_THIS_CPU_H
#define TORCHLESS_KERNELS_THIS_CPU_H

#include <stdbool.h>

/* The number of the CPU that runs this thread; -1 where nobody says. */
int this_cpu(void);

/*
 * If this thread runs on `cpu`, have it run on another one that it may use, where it stays until
 * the system moves it; false when it does not run there or may run nowhere else.
 */
bool leave_cpu(int cpu);

#endif
