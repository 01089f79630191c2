#!/usr/bin/env bash
# quickstart.sh -- from a bare Debian 12/13 or Ubuntu 22.04/24.04 to a mock MUSE cube and its picture.
#
#   scripts/quickstart.sh [--no-install]
#
# Installs what is missing, builds in build/quickstart, makes an example galaxy and a demonstration library of stellar populations,
# and runs cubix under mpirun on the cores there are (at most 8).  Safe to run again: what is there is used.
# CUBIX_BUILD_ROOT: where to build instead of build/.
set -eu
cd "$(dirname "$0")/.."
source=$PWD
. scripts/packages.sh
build=${CUBIX_BUILD_ROOT:-$source/build}/quickstart
cores=$(nproc)
ranks=$((cores < 8 ? cores : 8))
started=$SECONDS

if [ "${1:-}" != --no-install ]; then
  need_packages $build_packages python3 python3-numpy python3-astropy python3-h5py python3-matplotlib
fi

# Run quietly; on failure show all that was said.
quietly()
{
  local log=$1
  shift
  "$@" > "$log" 2>&1 || { cat "$log" >&2; echo "quickstart.sh: failed: $*" >&2; exit 1; }
}

say "Building in $build"
mkdir -p "$build"
cd "$build"
[ -x "$source/configure" ] && [ "$source/configure" -nt "$source/configure.ac" ] || quietly autogen.log "$source/scripts/autogen.sh"
[ -f Makefile ] || quietly configure.log "$source/configure"
quietly make.log make -j"$ranks"

mkdir -p run
cd run
mpi_environment
export MPLBACKEND=Agg OMP_NUM_THREADS=1
# the distribution's Python, for which the packages above were installed, unless another one is asked for
python=${CUBIX_PYTHON:-$([ -x /usr/bin/python3 ] && [ "${1:-}" != --no-install ] && echo /usr/bin/python3 || echo python3)}

say "An example galaxy and a demonstration library"
[ -s galaxy.hdf5 ] || { ../cubix-mock --stars 100000 --seed 1 new-galaxy.hdf5 && mv new-galaxy.hdf5 galaxy.hdf5; }
[ -s demo-ssp.hdf5 ] || { "$python" "$source/scripts/cubix-ssp" demo new-ssp.hdf5 && mv new-ssp.hdf5 demo-ssp.hdf5; }

say "mpirun -np $ranks cubix examples/quickstart/muse.param"
mpirun -np "$ranks" ../cubix "$source/examples/quickstart/muse.param"

say "The quick look"
"$python" "$source/scripts/cubix-plot" muse.fits -o muse.png

say "Done in $((SECONDS - started)) s.  Next: change a value in examples/quickstart/muse.param, or take a real library (README.md)."
echo "$PWD/muse.fits"
echo "$PWD/muse.png"
