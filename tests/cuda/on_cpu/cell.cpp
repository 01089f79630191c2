/* cell.cpp -- the kernels of cuda/deposit.cu, unchanged, for the stand-in runtime of this folder. */
#include "cuda/deposit.cu"
