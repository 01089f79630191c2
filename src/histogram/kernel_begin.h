/* kernel_begin.h -- inside the histogram: what the inner loops (*_kernel.h) begin with, once for every instruction set.
 *
 * MULTIPLY_NAME and MULTIPLY_WIDTH are defined before it.  It gives MULTIPLY_VECTOR, a vector register of floats, and
 * MULTIPLY_JOIN for other names of their own. */
#define MULTIPLY_JOIN_(a, b) a##b
#define MULTIPLY_JOIN(a, b) MULTIPLY_JOIN_(a, b)
#define MULTIPLY_VECTOR MULTIPLY_JOIN(MULTIPLY_NAME, _vector)

typedef float MULTIPLY_VECTOR __attribute__((vector_size(4 * MULTIPLY_WIDTH)));
