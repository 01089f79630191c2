#!/usr/bin/env bash
# The CPU build: conda's CUDA packages need a recipe of their own.
set -eu
scripts/autogen.sh
mkdir -p build/conda
cd build/conda
../../configure --prefix="$PREFIX" --with-cuda=no CC=mpicc CXX=mpicxx
make -j"${CPU_COUNT:-2}"
make install
