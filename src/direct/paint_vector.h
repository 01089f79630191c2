/* paint_vector.h -- vectors of 16 and 32 bytes for the tuned kernels of the direct method (GCC and
 * Clang vector extensions).
 *
 * A kernel is an INLINE body that is compiled into one function per instruction set of cpu.h: no
 * vector crosses a call. */
#ifndef CUBIX_PAINT_VECTOR_H
#define CUBIX_PAINT_VECTOR_H

#include <stdint.h>

#include "base/cpu.h"

#pragma GCC diagnostic ignored "-Wpsabi"

typedef float v8f __attribute__((vector_size(32)));
typedef float v4f __attribute__((vector_size(16)));
typedef double v4d __attribute__((vector_size(32)));
typedef double v2d __attribute__((vector_size(16)));
typedef int32_t v4i __attribute__((vector_size(16)));
typedef int32_t v8i __attribute__((vector_size(32)));
typedef int64_t v4l __attribute__((vector_size(32)));

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define JOIN(x, lo, hi) ((x) = __builtin_shufflevector(lo, hi, 0, 1, 2, 3, 4, 5, 6, 7))
#define JOIN_D(x, lo, hi) ((x) = __builtin_shufflevector(lo, hi, 0, 1, 2, 3))
#define SHUFFLE_D(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define SHUFFLE_4(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (v8i){ __VA_ARGS__ })
#define JOIN(x, lo, hi) (memcpy(&(x), &(lo), 16), memcpy((char *)&(x) + 16, &(hi), 16))
#define JOIN_D(x, lo, hi) JOIN(x, lo, hi)
#define SHUFFLE_D(a, b, ...) __builtin_shuffle(a, b, (v4l){ __VA_ARGS__ })
#define SHUFFLE_4(a, b, ...) __builtin_shuffle(a, b, (v4i){ __VA_ARGS__ })
#endif

#endif
