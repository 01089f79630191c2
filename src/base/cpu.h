/* cpu.h -- vector instruction sets: those for which code may be compiled beside the baseline, and
 * which of them this machine has. */
#ifndef CUBIX_CPU_H
#define CUBIX_CPU_H

enum cubix_cpu { CUBIX_CPU_BASELINE, CUBIX_CPU_AVX2, CUBIX_CPU_AVX512 };  /* each has all that those before it have */

#if defined(__x86_64__) && defined(__GNUC__)
#define CUBIX_CPU_X86
#define CUBIX_AVX2 __attribute__((target("avx2,fma")))
#define CUBIX_AVX512 __attribute__((target("avx2,fma,avx512f,avx512vl,avx512dq,avx512bw")))
#endif

/** The best set of this machine.  Local. */
static inline enum cubix_cpu cubix_cpu_best(void)
{
#ifdef CUBIX_CPU_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw"))
    return CUBIX_CPU_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CUBIX_CPU_AVX2;
#endif
  return CUBIX_CPU_BASELINE;
}

#endif
