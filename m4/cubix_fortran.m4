# cubix_fortran.m4 -- is there a Fortran compiler behind MPI's wrapper?  The module cubix is then compiled and tested; who uses it compiles
# its source with his own program, since modules of one compiler mean nothing to another.
AC_DEFUN([CUBIX_FORTRAN], [
  have_fortran=no
  FORTRAN_FOUND="none (mpifort): the module for Fortran is installed, but not compiled and tested here"
  AC_PATH_PROGS([FC], [mpifort mpif90])
  AS_IF([test -n "$FC"], [
    AC_MSG_CHECKING([whether $FC takes Fortran 2008 and knows MPI])
    printf '%s\n' 'program t' 'use, intrinsic :: iso_c_binding' 'use mpi' 'implicit none' 'integer :: e' 'real(c_double) :: x(2)' \
      'x = 0' 'if (.not. is_contiguous(x)) call MPI_Abort(MPI_COMM_WORLD, 1, e)' 'end program t' > conftest.f90
    AS_IF(["$FC" conftest.f90 -o conftest$EXEEXT >&AS_MESSAGE_LOG_FD 2>&1], [have_fortran=yes; FORTRAN_FOUND=$FC])
    rm -f conftest*
    AC_MSG_RESULT([$have_fortran])])])
