#!/usr/bin/env bash
# No two threads of a kernel meet at one place unordered: the tests that compare numbers, on kernels that tell of every access (tests/cuda/on_cpu/races.cpp).
# in a folder of its own: beside it the same tests run on the plain kernels, and write the same files
scratch=$(mktemp -d) && cd "$scratch" || exit 1
trap 'rm -rf "$scratch"' EXIT
export CUDA_ON_CPU_RACES=1 CUDA_ON_CPU_BRIEF=1 CUDA_ON_CPU_SEEDS="${CUDA_ON_CPU_SEEDS:-1}" CUDA_ON_CPU_TELL=1
bad=0 looked=0
for which in columns histogram on_cpu paint_vjp vjp; do
  said=$("$CUBIX_BUILD/tests/cuda/cuda_races_$which" 2>&1) || bad=$((bad + 1))
  echo "$which: $said"
  case $said in *"accesses looked at"*) looked=$((looked + 1)) ;; esac
done
[ "$bad" = 0 ] && [ "$looked" = 5 ]
