/* kernel_end.h -- inside the histogram: what the inner loops (*_kernel.h) end with, for the next instruction set. */
#undef MULTIPLY_VECTOR
#undef MULTIPLY_JOIN
#undef MULTIPLY_JOIN_
#undef MULTIPLY_N
#undef MULTIPLY_NAME
#undef MULTIPLY_TARGET
#undef MULTIPLY_WIDTH
#undef MULTIPLY_CHAIN
#undef MULTIPLY_SPLIT
