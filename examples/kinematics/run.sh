#!/usr/bin/env bash
# run.sh -- from a cutout to MaNGA and MUSE cubes, and a pPXF fit of each: the commands of doc/tutorial.md.
#
#   examples/kinematics/run.sh
#
# Works in the folder it is called in; a cutout.hdf5 or ssp.hdf5 that is there is used.  CUBIX_BIN: folder of cubix;
# CUBIX_PYTHON: a python3 with numpy, scipy, h5py, astropy and ppxf (defaults: those on the PATH).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=${CUBIX_BIN:+$CUBIX_BIN:}$here/../../scripts:$PATH
[ -z "${CUBIX_PYTHON:-}" ] || PATH=$(dirname "$CUBIX_PYTHON"):$PATH
[ "$here" = "$PWD" ] || cp "$here/kinematics.param" "$here/fit.py" .
if [ ! -e cutout.hdf5 ]; then
  cubix-mock --stars 200000 --gas 0 --seed 1 cutout.hdf5
fi
if [ ! -e ssp.hdf5 ]; then
  cubix-ssp demo ssp.hdf5
fi
cubix -n kinematics.param Instrument=MaNGA-N19-LOG OutputFile=manga.fits
cubix kinematics.param Instrument=MaNGA-N19-LOG OutputFile=manga.fits
cubix kinematics.param Instrument=MUSE FieldOfView=12 OutputFile=muse.fits
cubix-ssp export ppxf --z-sun 0.02 --range 4300 7000 ssp.hdf5 vacuum.npz
cubix-ssp export ppxf --z-sun 0.02 --range 4300 7000 --medium air ssp.hdf5 air.npz
python3 fit.py manga.fits vacuum.npz
python3 fit.py muse.fits air.npz
