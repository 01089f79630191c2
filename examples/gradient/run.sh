#!/usr/bin/env bash
# run.sh -- three fits by gradients: 1000 stars, a disc, two stars.  See README.md.
#
#   examples/gradient/run.sh [--small] [stars] [disc] [pair]
#
# Works in the folder it is called in (stars/, disc/, pair/ there).  CUBIX_BIN: folder of cubix (default: that of the cubix on the PATH);
# CUBIX_PYTHON: a Python with numpy, h5py, astropy and matplotlib (default: python3).  --small: fewer stars, as the tests run it.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
here=$source/examples/gradient
cubix=${CUBIX_BIN:+$CUBIX_BIN/}cubix
command -v "$cubix" > /dev/null || { echo "run.sh: no $cubix: set CUBIX_BIN to the folder of the build" >&2; exit 1; }
python=${CUBIX_PYTHON:-python3}
export MPLBACKEND=Agg OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
small='' which=''
for word in "$@"; do
  case $word in
    --small) small=--small ;;
    stars | disc | pair) which="$which $word" ;;
    *) echo "usage: run.sh [--small] [stars] [disc] [pair]" >&2; exit 2 ;;
  esac
done

helper() { "$python" "$here/gradient.py" "$@" $small; }
# Run quietly; on failure show all that was said.
make_cube() { "$cubix" "$@" > log 2>&1 || { cat log >&2; exit 1; }; }

stars()
{
  local field=FieldOfView=16
  [ -z "$small" ] || field=FieldOfView=6
  make_cube "$here/stars.param" $field
  make_cube "$here/stars.param" $field Noise=none InputFile=start.hdf5 OutputFile=fit.fits Mode=fit ObservedFile=observed.fits Parameters=Mass,Age,Metallicity,Velocity \
    MaxIterations=1000 FitPairs=30 ValueTolerance=1e-6
  "$python" "$source/scripts/cubix-plot" --convergence fit-convergence.txt -o convergence.png
}

disc()
{
  make_cube "$here/disc.param"
  make_cube "$here/disc.param" Noise=none OutputFile=gradient.fits Mode=gradient ObservedFile=observed.fits Parameters=Inclination,PsfFwhm Inclination=40 PsfFwhm=1.95
  make_cube "$here/disc.param" Noise=none OutputFile=fit.fits Mode=fit ObservedFile=observed.fits Parameters=Inclination,PsfFwhm Inclination=40 PsfFwhm=1.95
  "$python" "$source/scripts/cubix-plot" --convergence fit-convergence.txt -o convergence.png
}

pair()
{
  make_cube "$here/pair.param"
  make_cube "$here/pair.param" Noise=none InputFile=first.hdf5 OutputFile=first.fits FieldOfView="20 0.5"
  make_cube "$here/pair.param" Noise=none InputFile=second.hdf5 OutputFile=second.fits FieldOfView="20 0.5"
  local fit="Noise=none Mode=fit ObservedFile=observed.fits FitRestart=1000" steps="0 2 4 7 10 15 20 30 40 60 80 120" step resume name
  [ -z "$small" ] || steps="0 4 10 30 120"
  # the way down, a few steps of Adam at a time: each run continues the one before
  for what in Age Age,Metallicity; do
    resume=no name=${what//,/-}
    for step in $steps; do
      make_cube "$here/pair.param" $fit InputFile=$name.hdf5 OutputFile=$name.fits Parameters=$what Optimiser=adam LearningRate=0.1 MaxIterations=$step FitResume=$resume
      cp $name-stars.hdf5 $name-$step.hdf5
      resume=yes
    done
    make_cube "$here/pair.param" $fit InputFile=$name-120.hdf5 OutputFile=$name.fits Parameters=$what      # to the very bottom
  done
}

for example in ${which:-stars disc pair}; do
  started=$SECONDS
  mkdir -p $example
  cd $example
  [ -s demo-ssp.hdf5 ] || "$python" "$source/scripts/cubix-ssp" demo demo-ssp.hdf5 > log 2>&1 || { cat log >&2; exit 1; }
  helper make $example
  $example
  helper show $example
  echo "$PWD/$example.png  ($((SECONDS - started)) s)"
  cd ..
done
