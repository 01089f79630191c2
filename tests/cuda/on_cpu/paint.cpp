/* paint.cpp -- the kernels of cuda/paint.cu, unchanged, for the stand-in runtime of this folder. */
#include "cuda/paint.cu"
