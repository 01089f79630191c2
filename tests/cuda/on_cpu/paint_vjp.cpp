/* paint_vjp.cpp -- the kernels of cuda/paint_vjp.cu, unchanged, for the stand-in runtime of this folder. */
#include "cuda/paint_vjp.cu"
