#!/usr/bin/env bash
# configure names everything that is missing at once, with the packages that bring it, and refuses a CUDA folder without nvcc.
unset MAKEFLAGS MAKELEVEL MFLAGS
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
bad=0 checked=0
complain() { bad=$((bad + 1)); echo "$*"; tail -25 log; }

checked=$((checked + 1))
"$CUBIX_SOURCE/configure" --with-cuda=no HDF5_LIBS=-lno1 FFTW_LIBS=-lno2 GSL_LIBS=-lno3 LIBCONFIG_LIBS=-lno4 CFITSIO_LIBS=-lno5 > log 2>&1 &&
  complain "configure is content without libraries"
for word in 'apt-get install libhdf5-openmpi-dev libfftw3-dev libgsl-dev libconfig-dev libcfitsio-dev' 'hdf5-openmpi-devel fftw-devel gsl-devel libconfig-devel' \
            'hdf5=\*=mpi_openmpi\* fftw gsl libconfig cfitsio' 'hdf5+mpi'; do
  checked=$((checked + 1))
  grep -q "$word" log || complain "configure does not say '$word':"
done

checked=$((checked + 1))
"$CUBIX_SOURCE/configure" --with-cuda="$scratch" > log 2>&1 && complain "configure is content with a CUDA folder without nvcc"
checked=$((checked + 1))
grep -q -- "--with-cuda=$scratch: no nvcc" log || complain "configure does not say that there is no nvcc:"
echo "configure.sh: $checked things looked at, $bad wrong"
[ "$bad" = 0 ]
