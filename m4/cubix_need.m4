# cubix_need.m4 -- find the required libraries; gather what is missing; report all of it at once.
#
# A library counts as found when a program that uses it compiles and links.  Flags come from NAME_CFLAGS and NAME_LIBS if the
# user gave them, else from the first pkg-config module that works, else from a wrapper compiler (h5pcc), else plain -l flags.

# CUBIX_TRY_FLAGS(NAME, how it is called, cflags, libs, program): sets NAME_CFLAGS, NAME_LIBS and NAME_FOUND if the program links
AC_DEFUN([CUBIX_TRY_FLAGS], [
  AS_IF([test -z "$cubix_ok"], [
    cubix_save_CPPFLAGS=$CPPFLAGS; cubix_save_LIBS=$LIBS
    CPPFLAGS="$CPPFLAGS $3"; LIBS="$4 $LIBS"
    AC_LINK_IFELSE([$5], [cubix_ok=yes; $1_CFLAGS="$3"; $1_LIBS="$4"; $1_FOUND="$2"])
    CPPFLAGS=$cubix_save_CPPFLAGS; LIBS=$cubix_save_LIBS])])

# CUBIX_MISSING(NAME, packages): remember one missing thing; packages are "apt | dnf | conda | spack"
AC_DEFUN([CUBIX_MISSING], [
  cubix_missing="$cubix_missing
  $1: @$2"])

# CUBIX_NEED(NAME, pkg-config modules, fallback: h5pcc or libraries, macro that expands to the test program, packages)
AC_DEFUN([CUBIX_NEED], [
  AC_ARG_VAR([$1_CFLAGS], [C compiler flags for $1, overriding what configure finds])
  AC_ARG_VAR([$1_LIBS], [linker flags for $1, overriding what configure finds])
  AC_MSG_CHECKING([for $1])
  cubix_ok=
  AS_IF([test -n "$$1_CFLAGS$$1_LIBS"],
    [CUBIX_TRY_FLAGS([$1], [as given], [$$1_CFLAGS], [$$1_LIBS], [$4])],
    [for cubix_module in $2; do
       AS_IF([test -z "$cubix_ok" && test -n "$PKG_CONFIG" && $PKG_CONFIG --exists $cubix_module], [
         cubix_cflags=$($PKG_CONFIG --cflags $cubix_module); cubix_libs=$($PKG_CONFIG --libs $cubix_module)
         cubix_name="$cubix_module $($PKG_CONFIG --modversion $cubix_module)"
         CUBIX_TRY_FLAGS([$1], [$cubix_name], [$cubix_cflags], [$cubix_libs], [$4])])
     done
     cubix_fallback="$3"
     cubix_cflags=; cubix_libs=$cubix_fallback
     AS_IF([test "$cubix_fallback" = h5pcc], [
       cubix_show=$(h5pcc -show 2>/dev/null)
       cubix_cflags=$(for word in $cubix_show; do case $word in -I*|-D*) printf '%s ' "$word";; esac; done)
       cubix_libs=$(for word in $cubix_show; do case $word in -L*|-l*|-Wl,*|/*.a|/*.so) printf '%s ' "$word";; esac; done)])
     AS_IF([test -z "$cubix_ok"], [
       cubix_name="${cubix_fallback:-by the compiler}"
       CUBIX_TRY_FLAGS([$1], [$cubix_name], [$cubix_cflags], [$cubix_libs], [$4])])])
  AS_IF([test -n "$cubix_ok"], [AC_MSG_RESULT([$$1_FOUND])], [AC_MSG_RESULT([no]); CUBIX_MISSING([$1], [$5])])])

AC_DEFUN([CUBIX_NEED_OPENMP], [
  AC_OPENMP
  cubix_ok=
  CUBIX_TRY_FLAGS([OPENMP], [yes], [$OPENMP_CFLAGS], [], [AC_LANG_PROGRAM([[#include <omp.h>]], [[return omp_get_max_threads() < 1;]])])
  AS_IF([test -z "$cubix_ok"], [CUBIX_MISSING([OpenMP], [gcc libgomp1 | gcc libgomp | compilers | gcc])])])

# FFTW's threads bear their own library names and no pkg-config module
AC_DEFUN([CUBIX_NEED_FFTW_THREADS], [
  AC_MSG_CHECKING([for FFTW with threads])
  cubix_ok=
  for cubix_kind in omp threads; do
    CUBIX_TRY_FLAGS([FFTW_THREADS], [$cubix_kind], [$FFTW_CFLAGS $FFTWF_CFLAGS $OPENMP_CFLAGS],
      [-lfftw3_$cubix_kind -lfftw3f_$cubix_kind $FFTW_LIBS $FFTWF_LIBS], [CUBIX_USE_FFTW_THREADS])
  done
  AS_IF([test -n "$cubix_ok"],
    [FFTW_THREADS_LIBS="-lfftw3_$FFTW_THREADS_FOUND -lfftw3f_$FFTW_THREADS_FOUND"; AC_MSG_RESULT([$FFTW_THREADS_FOUND])],
    [AC_MSG_RESULT([no])
     CUBIX_MISSING([FFTW threads (double and single)], [libfftw3-dev | fftw-devel | fftw | fftw precision=double,float +openmp])])])

# libdeflate is welcome, and not needed: src/base/inflate.c
AC_DEFUN([CUBIX_LIBDEFLATE], [
  LIBDEFLATE_CFLAGS=; LIBDEFLATE_LIBS=; LIBDEFLATE_FOUND="no libdeflate"
  AS_IF([test "$with_libdeflate" != no], [
    AC_MSG_CHECKING([for libdeflate])
    cubix_ok=
    CUBIX_TRY_FLAGS([LIBDEFLATE], [libdeflate], [], [-ldeflate], [CUBIX_USE_LIBDEFLATE])
    AS_IF([test -n "$cubix_ok"], [LIBDEFLATE_CFLAGS=-DHAVE_LIBDEFLATE; AC_MSG_RESULT([yes])],
      [AC_MSG_RESULT([no])
       AS_IF([test "$with_libdeflate" != auto], [AC_MSG_ERROR([--with-libdeflate: it does not link (config.log tells why)])])])])])

# All that is missing, by the name that each packager gives it
AC_DEFUN([CUBIX_REPORT_MISSING], [
  AS_IF([test -n "$cubix_missing"], [
    cubix_column() { printf '%s\n' "$cubix_missing" | awk -F@ 'NF > 1 { print $[]2 }' | awk -F'|' -v i="$[]1" '{ gsub(/^ +| +$/, "", $i); print $i }' | awk '!seen@<:@$[]0@:>@++' | tr '\n' ' '; }
    cubix_names=$(printf '%s\n' "$cubix_missing" | sed -n 's/: @.*//p')
    AC_MSG_ERROR([missing or unusable:
$cubix_names

  Debian, Ubuntu    apt-get install $(cubix_column 1)
  Fedora, RHEL      dnf install $(cubix_column 2)
  conda             conda install -c conda-forge $(cubix_column 3)
  spack             spack install $(cubix_column 4)

A library in an unusual place: give NAME_CFLAGS and NAME_LIBS (HDF5_CFLAGS=-I... HDF5_LIBS="-L... -lhdf5"), or PKG_CONFIG_PATH.
HDF5 must be the parallel one, built for the MPI that $CC belongs to.  config.log tells why each of them failed.])])])

# ---- the programs that decide ----------------------------------------------------------------------------------------
AC_DEFUN([CUBIX_USE_MPI], [AC_LANG_PROGRAM([[#include <mpi.h>
#if MPI_VERSION < 3
#error MPI 3 or newer is needed
#endif]], [[return MPI_Init(0, 0);]])])
AC_DEFUN([CUBIX_USE_HDF5], [AC_LANG_PROGRAM([[#include <hdf5.h>
#ifndef H5_HAVE_PARALLEL
#error this HDF5 is not the parallel one
#endif]], [[return H5Pset_fapl_mpio(0, MPI_COMM_WORLD, MPI_INFO_NULL) < 0;]])])
AC_DEFUN([CUBIX_USE_FFTW], [AC_LANG_PROGRAM([[#include <fftw3.h>]], [[fftw_cleanup();]])])
AC_DEFUN([CUBIX_USE_FFTWF], [AC_LANG_PROGRAM([[#include <fftw3.h>]], [[fftwf_cleanup();]])])
AC_DEFUN([CUBIX_USE_FFTW_THREADS], [AC_LANG_PROGRAM([[#include <fftw3.h>]], [[return !fftw_init_threads() || !fftwf_init_threads();]])])
AC_DEFUN([CUBIX_USE_GSL], [AC_LANG_PROGRAM([[#include <gsl/gsl_integration.h>]], [[gsl_integration_workspace_free(gsl_integration_workspace_alloc(8));]])])
AC_DEFUN([CUBIX_USE_LIBCONFIG], [AC_LANG_PROGRAM([[#include <libconfig.h>]], [[config_t c; config_init(&c); config_destroy(&c);]])])
AC_DEFUN([CUBIX_USE_CFITSIO], [AC_LANG_PROGRAM([[#include <fitsio.h>]], [[float v; ffvers(&v); return v < 3.4f;]])])
AC_DEFUN([CUBIX_USE_LIBDEFLATE], [AC_LANG_PROGRAM([[#include <libdeflate.h>]], [[libdeflate_free_decompressor(libdeflate_alloc_decompressor());]])])
AC_DEFUN([CUBIX_USE_ZLIB], [AC_LANG_PROGRAM([[#include <zlib.h>]], [[z_stream stream = { 0 }; return inflateInit(&stream);]])])

# CUBIX_FLAGS(flags): the C compiler must understand them
AC_DEFUN([CUBIX_FLAGS], [
  AC_MSG_CHECKING([whether $CC takes $1])
  cubix_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS $1"
  AC_LINK_IFELSE([AC_LANG_SOURCE([[int main(void) { _Static_assert(__STDC_VERSION__ >= 201710L, "C17"); return 0; }]])],
    [AC_MSG_RESULT([yes])], [AC_MSG_RESULT([no]); AC_MSG_ERROR([$CC must be a C17 compiler that takes $1 (GCC 8 or Clang 7, or newer)])])
  CFLAGS=$cubix_save_CFLAGS])

# A C++ compiler for tests/cuda/on_cpu; without one that test is skipped
AC_DEFUN([CUBIX_CXX], [
  have_cxx=no
  AC_LANG_PUSH([C++])
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <vector>]], [[std::vector<int> v(3); return v.size() != 3;]])], [have_cxx=yes])
  # how the compiler is made to tell of every access to memory, volatile ones apart, to functions of our own
  have_cxx_accesses=no
  for cubix_try in "--param=tsan-distinguish-volatile=1" "-mllvm -tsan-distinguish-volatile=1"; do
    AS_IF([test $have_cxx = yes && test $have_cxx_accesses = no], [
      cubix_save_CXXFLAGS=$CXXFLAGS
      CXXFLAGS="$CXXFLAGS -fsanitize=thread $cubix_try"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [have_cxx_accesses=yes; CXX_ACCESSES="-fsanitize=thread $cubix_try"])
      CXXFLAGS=$cubix_save_CXXFLAGS])
  done
  AC_SUBST([CXX_ACCESSES])
  AC_LANG_POP([C++])
  AS_IF([test $have_cxx = yes], [CXX_FOUND=$CXX], [CXX_FOUND="none: the CUDA kernels are not tested on the CPU"])])
