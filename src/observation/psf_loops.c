/* psf_loops.c -- the inner loops of the PSF's convolution.
 *
 * In a sum along a column OUTS outputs are kept in registers while the inputs that reach any of them pass by, INS at a
 * time: there are more than two multiplications for every number that is read.  Products with zeros beyond the ends of
 * a kernel make all loops equally long. */
#include "observation/psf_loops.h"

#include <stdint.h>

#include "base/cpu.h"

#if defined(__clang__) || __GNUC__ >= 12
#define SWAPPED(x, integers, ...) __builtin_shufflevector(x, x, __VA_ARGS__)
#else
#define SWAPPED(x, integers, ...) __builtin_shuffle(x, (integers){ __VA_ARGS__ })
#endif

enum { LANE = CUBIX_PSF_LANE, WIDE = CUBIX_PSF_WIDE, OUTS = CUBIX_PSF_OUTS, INS = CUBIX_PSF_INS };

#define LOOPS        baseline
#define LOOPS_TARGET
#define LOOPS_WIDTH  2
#define LOOPS_SWAP   1, 0
#include "observation/psf_loops_kernel.h"

#ifdef CUBIX_CPU_X86
#define LOOPS        avx2
#define LOOPS_TARGET CUBIX_AVX2
#define LOOPS_WIDTH  4
#define LOOPS_SWAP   1, 0, 3, 2
#include "observation/psf_loops_kernel.h"

#define LOOPS        avx512
#define LOOPS_TARGET CUBIX_AVX512
#define LOOPS_WIDTH  8
#define LOOPS_SWAP   1, 0, 3, 2, 5, 4, 7, 6
#include "observation/psf_loops_kernel.h"
#endif

const struct cubix_psf_loops *cubix_psf_loops(void)
{
#ifdef CUBIX_CPU_X86
  const enum cubix_cpu cpu = cubix_cpu_best();
  return cpu == CUBIX_CPU_AVX512 ? &loops_avx512 : cpu == CUBIX_CPU_AVX2 ? &loops_avx2 : &loops_baseline;
#else
  return &loops_baseline;
#endif
}
