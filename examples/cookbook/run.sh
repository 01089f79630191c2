#!/usr/bin/env bash
# run.sh -- the recipes of doc/cookbook.md: the cubes of each, and its picture.
#
#   examples/cookbook/run.sh [disc] [survey] [distant] [blue] [losvd] [halo] [gradient] [inference]        (without: all)
#
# Works in the folder it is called in; a galaxy.hdf5, distant.hdf5 or ssp.hdf5 that is there is used.  CUBIX_BIN: folder of
# cubix; CUBIX_PYTHON: a python3 with numpy, h5py, astropy and matplotlib (defaults: those on the PATH); STARS, GAS: of the
# galaxies that are made.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=${CUBIX_BIN:+$CUBIX_BIN:}$here/../../scripts:$PATH
[ -z "${CUBIX_PYTHON:-}" ] || PATH=$(dirname "$CUBIX_PYTHON"):$PATH
export PYTHONPATH=$here/../../python${PYTHONPATH:+:$PYTHONPATH} PYTHONDONTWRITEBYTECODE=1
[ -z "${CUBIX_BIN:-}" ] || [ ! -e "$CUBIX_BIN/libcubix.so" ] || export CUBIX_LIBRARY=$CUBIX_BIN/libcubix.so
[ "$here" = "$PWD" ] || cp "$here"/*.param "$here"/*.py "$here/../inference/inference.py" .
[ -e ssp.hdf5 ] || cubix-ssp demo ssp.hdf5
[ -e galaxy.hdf5 ] || cubix-mock --stars "${STARS:-300000}" --gas "${GAS:-100000}" --seed 1 galaxy.hdf5

disc()
{
  cubix disc.param Inclination=0 OutputFile=disc-0.fits
  cubix disc.param Inclination=45 OutputFile=disc-45.fits
  cubix disc.param Inclination=90 OutputFile=disc-90.fits
  python3 pictures.py disc disc-0.fits disc-45.fits disc-90.fits
}
survey()
{
  cubix survey.param
  python3 pictures.py survey survey.fits
}
distant()
{
  [ -e distant.hdf5 ] || cubix-mock --redshift 3 --mass 3e10 --radius 2 --stars "${STARS:-300000}" --gas "${GAS:-100000}" distant.hdf5
  cubix distant.param
  python3 pictures.py distant distant.fits
}
blue()
{
  cubix blue.param
  python3 pictures.py blue blue.fits
}
losvd()
{
  cubix losvd.param
  python3 pictures.py losvd losvd.fits
}
halo()
{
  python3 snapshot.py galaxy.hdf5 output
  cubix halo.param
  python3 pictures.py halo halo_0.fits halo_1.fits
}
gradient()
{
  python3 gradient.py
}
inference()
{
  python3 inference.py --abc --ssp ssp.hdf5 --simulations 600 --stars 1500
}

[ $# -gt 0 ] || set -- disc survey distant blue losvd halo gradient inference
for recipe in "$@"; do
  [ "$(type -t "$recipe")" = function ] || { echo "run.sh: no recipe '$recipe'" >&2; exit 2; }
  "$recipe"
done
