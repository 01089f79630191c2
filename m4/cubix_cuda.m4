# cubix_cuda.m4 -- nvcc, the architectures it knows of those we want, and the CUDA run-time library.
#
# --with-cuda=auto takes a toolkit that works and says so if one is there but does not; a DIR that does not work is an error.
# Code is compiled in for each generation that nvcc knows of those from sm_80 on (a GPU runs code of its own generation, 8.6 that of 8.0), and PTX of the first
# and the last of them, which the driver compiles for GPUs in between and later ones.
AC_DEFUN([CUBIX_CUDA], [
  have_cuda=no
  CUDA_FOUND="not wanted"
  AS_IF([test "$with_cuda" != no], [
    AS_CASE([$with_cuda],
      [auto|yes], [cubix_path="$CUDA_HOME/bin:$CUDA_PATH/bin:$PATH:/usr/local/cuda/bin"],
      [cubix_path="$with_cuda/bin"])
    AC_PATH_PROG([NVCC], [nvcc], [], [$cubix_path])
    cubix_why=
    AS_IF([test -z "$NVCC"], [cubix_why="no nvcc in $cubix_path"], [CUBIX_CUDA_TRY])
    AS_IF([test -z "$cubix_why"], [have_cuda=yes],
      [AS_IF([test "$with_cuda" != auto], [AC_MSG_ERROR([--with-cuda=$with_cuda: $cubix_why; --with-cuda=no builds without])])
       AS_IF([test -z "$NVCC"], [CUDA_FOUND="no: no nvcc found"], [AC_MSG_WARN([CUDA is not used: $cubix_why]); CUDA_FOUND="no: $cubix_why"])])])
  AC_SUBST([NVCC])
  AC_SUBST([NVCC_FLAGS])
  AC_SUBST([CUDA_CFLAGS])
  AC_SUBST([CUDA_LIBS])])

AC_DEFUN([CUBIX_CUDA_TRY], [
  AC_MSG_CHECKING([what $NVCC compiles for])
  cubix_known=$($NVCC --list-gpu-arch 2>/dev/null | tr '\n' ' ')
  NVCC_FLAGS=; cubix_oldest=; cubix_newest=; cubix_archs=
  for cubix_arch in 80 89 90 100 120; do
    AS_CASE([" $cubix_known "], [*" compute_$cubix_arch "*], [
      NVCC_FLAGS="$NVCC_FLAGS -gencode arch=compute_$cubix_arch,code=sm_$cubix_arch"
      cubix_archs="$cubix_archs sm_$cubix_arch"; cubix_newest=$cubix_arch
      : ${cubix_oldest:=$cubix_arch}])
  done
  AS_IF([test -z "$cubix_newest"], [cubix_why="$NVCC knows none of compute_80, 89, 90, 100, 120 (CUDA 11 or newer is needed)"; AC_MSG_RESULT([nothing we want])], [
    cubix_ptx=$cubix_oldest
    AS_IF([test "$cubix_newest" != "$cubix_oldest"], [cubix_ptx="$cubix_oldest $cubix_newest"])
    for cubix_arch in $cubix_ptx; do
      NVCC_FLAGS="$NVCC_FLAGS -gencode arch=compute_$cubix_arch,code=compute_$cubix_arch"
    done
    AC_MSG_RESULT([$cubix_archs, PTX $cubix_ptx])
    # nvcc itself knows its toolkit's folders: ask it
    cubix_dry=$(echo > conftest.cu; $NVCC --dryrun conftest.cu 2>&1; rm -f conftest.cu)
    cubix_top=$(printf '%s\n' "$cubix_dry" | sed -n 's/^#\$ TOP=//p' | tail -1)
    cubix_dirs=$(printf '%s\n' "$cubix_dry" | sed -n 's/^#\$ LIBRARIES=//p' | tr -d '"' | sed "s|\$(TOP)|$cubix_top|g")
    CUDA_CFLAGS=$(printf '%s\n' "$cubix_dry" | sed -n 's/^#\$ INCLUDES=//p' | tr -d '"' | sed "s|\$(TOP)|$cubix_top|g; s|-I *|-isystem |g")
    CUDA_VERSION_TEXT=$($NVCC --version | sed -n 's/.*release \(@<:@0-9.@:>@*\).*/\1/p')
    AC_MSG_CHECKING([whether a CUDA program compiles and links])
    cubix_rest="-lstdc++ -lpthread -ldl -lrt"
    cat > conftest.cu <<_CU
__global__ void nothing(int *x) { *x = 0; }
extern "C" int launch(int *x) { nothing<<<1, 1>>>(x); return (int)cudaGetLastError(); }
_CU
    cubix_ok=
    AS_IF([$NVCC $NVCC_FLAGS -c conftest.cu -o conftest_cu.o >&AS_MESSAGE_LOG_FD 2>&1], [
      for cubix_rt in -lcudart_static -lcudart; do
        CUBIX_TRY_FLAGS([CUDART], [$cubix_rt], [$CUDA_CFLAGS], [conftest_cu.o $cubix_dirs $cubix_rt $cubix_rest],
          [AC_LANG_PROGRAM([[#include <cuda_runtime.h>
int launch(int *);]], [[int n; return cudaGetDeviceCount(&n) || launch(0);]])])
      done
      AS_IF([test -n "$cubix_ok"],
        [CUDA_LIBS="$cubix_dirs $CUDART_FOUND $cubix_rest"
         CUDA_FOUND="$CUDA_VERSION_TEXT ($NVCC):$cubix_archs, PTX $cubix_ptx, $CUDART_FOUND"],
        [cubix_why="nvcc compiles but the program does not link with libcudart (config.log tells more)"])],
      [cubix_why="nvcc does not compile a small program (config.log tells more; its host compiler may be too new: NVCC_PREPEND_FLAGS=-ccbin=g++-12)"])
    rm -f conftest.cu conftest_cu.o
    AS_IF([test -n "$cubix_why"], [AC_MSG_RESULT([no])], [AC_MSG_RESULT([yes])])])])
