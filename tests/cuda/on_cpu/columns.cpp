/* columns.cpp -- the kernels of cuda/columns.cu, unchanged, for the stand-in runtime of this folder. */
#include "cuda/columns.cu"
