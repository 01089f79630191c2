#!/usr/bin/env bash
# run.sh -- a galaxy by spaxels, by fibres, and rebuilt from the fibres, and their picture.
#
#   examples/fibres/run.sh
#
# Works in the folder it is called in; a galaxy.hdf5 or ssp.hdf5 that is there is used.  CUBIX_BIN: folder of cubix;
# CUBIX_PYTHON: a python3 with numpy, h5py, astropy and matplotlib (defaults: those on the PATH).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=${CUBIX_BIN:+$CUBIX_BIN:}$here/../../scripts:$PATH
[ -z "${CUBIX_PYTHON:-}" ] || PATH=$(dirname "$CUBIX_PYTHON"):$PATH
[ "$here" = "$PWD" ] || cp "$here/fibres.param" .
if [ ! -e galaxy.hdf5 ]; then
  cubix-mock --stars "${STARS:-300000}" --seed 1 galaxy.hdf5
fi
if [ ! -e ssp.hdf5 ]; then
  cubix-ssp demo ssp.hdf5
fi
cubix fibres.param Sampling=spaxels OutputFile=spaxels.fits "$@"
cubix fibres.param Sampling=fibres "$@"
python3 "$here/picture.py" spaxels.fits fibres.fits fibres-rss.fits -o fibres.png
