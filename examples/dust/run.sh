#!/usr/bin/env bash
# run.sh -- an inclined disc with a dust lane and H alpha, and its picture.
#
#   examples/dust/run.sh
#
# Works in the folder it is called in; a galaxy.hdf5 or ssp.hdf5 that is there is used.  CUBIX_BIN: folder of cubix;
# CUBIX_PYTHON: a python3 with numpy, h5py, astropy and matplotlib (defaults: those on the PATH).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=${CUBIX_BIN:+$CUBIX_BIN:}$here/../../scripts:$PATH
[ -z "${CUBIX_PYTHON:-}" ] || PATH=$(dirname "$CUBIX_PYTHON"):$PATH
[ "$here" = "$PWD" ] || cp "$here/dusty.param" .
if [ ! -e galaxy.hdf5 ]; then
  cubix-mock --stars "${STARS:-1000000}" --gas "${GAS:-300000}" --seed 1 galaxy.hdf5
fi
if [ ! -e ssp.hdf5 ]; then
  cubix-ssp demo ssp.hdf5
fi
cubix dusty.param "$@"
cubix-plot dusty.fits -o dusty.png
