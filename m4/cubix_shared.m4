# cubix_shared.m4 -- can libcubix.so be made here?  One object with both halves, for languages that load libraries while they run.
#
# All objects are position-independent, so that the archives' serve the shared library too.  -fno-semantic-interposition and -Bsymbolic-functions:
# a function of ours that calls another of ours calls that one, and may inline it, as in a program.  --exclude-libs: what comes out of other
# people's archives (the CUDA run-time library) stays inside.
AC_DEFUN([CUBIX_SHARED], [
  have_shared=no
  PIC_CFLAGS=
  SHARED_LDFLAGS="-shared -Wl,-Bsymbolic-functions -Wl,--exclude-libs,ALL -Wl,-z,defs"
  AS_IF([test "$enable_shared" = no], [SHARED_FOUND="not wanted"], [
    AC_MSG_CHECKING([whether a shared library of all this links])
    cubix_save_CFLAGS=$CFLAGS; cubix_save_LDFLAGS=$LDFLAGS; cubix_save_LIBS=$LIBS
    CFLAGS="$CFLAGS -fPIC -fno-semantic-interposition $OPENMP_CFLAGS $SAN_CFLAGS"
    AS_IF([test -n "$SAN_CFLAGS"], [SHARED_LDFLAGS="-shared -Wl,-Bsymbolic-functions -Wl,--exclude-libs,ALL"])
    LDFLAGS="$LDFLAGS $SHARED_LDFLAGS"; LIBS="$CUBIX_LIBS $CUDA_LIBS $LIBS"
    AC_LINK_IFELSE([AC_LANG_SOURCE([[#include <mpi.h>
int cubix_here(void); int cubix_here(void) { int here = 0; return MPI_Initialized(&here); }]])],
      [have_shared=yes; PIC_CFLAGS="-fPIC -fno-semantic-interposition"; SHARED_FOUND=yes],
      [SHARED_FOUND="no: the libraries do not link into one, and the Python package will not work (config.log tells more)"])
    CFLAGS=$cubix_save_CFLAGS; LDFLAGS=$cubix_save_LDFLAGS; LIBS=$cubix_save_LIBS
    AC_MSG_RESULT([$have_shared])
    AS_IF([test "$enable_shared$have_shared" = yesno], [AC_MSG_ERROR([--enable-shared: $SHARED_FOUND])])])
  AC_SUBST([PIC_CFLAGS])
  AC_SUBST([SHARED_LDFLAGS])
  SHARED_FILE=
  AS_IF([test "$have_shared" = yes], [SHARED_FILE='${libdir}/libcubix.so'])
  AC_SUBST([SHARED_FILE])
  # the part of the version that a change of the interface changes: 0.1 of 0.1.0, 1 of 1.2.0
  AS_CASE([$PACKAGE_VERSION], [0.*], [SHARED_ABI=${PACKAGE_VERSION%.*}], [SHARED_ABI=${PACKAGE_VERSION%%.*}])
  AC_SUBST([SHARED_ABI])])
