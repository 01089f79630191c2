#!/usr/bin/env bash
# benchmark.sh -- CUBIX beside RUBIX, GalCraft and Synthesizer on the same stars: times, memory, accuracy, scaling.  doc/benchmarks.md says what is compared.
#
#   scripts/benchmark.sh --build BUILD [--quick] [--skip-peers] [--library emiles=emiles.hdf5] ...      (--help lists all)
#
# Finds a Python with numpy, scipy, h5py, astropy and matplotlib (CUBIX_PYTHON, python3, or a virtual environment made in the work folder) and
# runs scripts/benchmark/main.py with it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${CUBIX_PYTHON:-python3}
work=${XDG_CACHE_HOME:-$HOME/.cache}/cubix-benchmark
previous=
for word in "$@"; do
  [ "$previous" = --work ] && work=$word
  case $word in --work=*) work=${word#--work=} ;; esac
  previous=$word
done

if ! "$python" -c 'import numpy, scipy, h5py, astropy, matplotlib' 2> /dev/null; then
  venv=$work/venv-benchmark
  if [ ! -e "$venv/complete" ]; then
    echo "benchmark.sh: $python lacks a module of numpy, scipy, h5py, astropy, matplotlib: making $venv" >&2
    mkdir -p "$work"
    "$python" -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check numpy scipy h5py astropy matplotlib
    touch "$venv/complete"
  fi
  python=$venv/bin/python
fi
exec env PYTHONDONTWRITEBYTECODE=1 MPLBACKEND=Agg "$python" "$here/benchmark/main.py" "$@"
