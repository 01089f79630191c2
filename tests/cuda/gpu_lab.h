/* gpu_lab.h -- what tests of the GPU's code share: a GPU that opens, and an allocation that fails (the linker sends
 * every call of cubix_alloc here: --wrap in tests/Makefile.inc). */
#ifndef CUBIX_TESTS_GPU_LAB_H
#define CUBIX_TESTS_GPU_LAB_H

#include <stddef.h>

#include "engine/device.h"
#include "tests/cuda/on_cpu/control.h"

static long n_alloc, fail_alloc_at;              /* counted from 1; 0: none fails */

void *__real_cubix_alloc(unsigned long n, unsigned long size);
void *__wrap_cubix_alloc(unsigned long n, unsigned long size);

void *__wrap_cubix_alloc(unsigned long n, unsigned long size)
{
  long number;
#pragma omp atomic capture
  number = ++n_alloc;
  return number == fail_alloc_at ? NULL : __real_cubix_alloc(n, size);
}

/** The GPU that these parameters name; NULL where it does not open. */
static inline struct cubix_device *open_gpu(const struct cubix_params *params)
{
  struct cubix_device *dev = NULL;
  return cubix_device_open(&dev, params, 0, 1) ? NULL : dev;
}

#endif
