#!/usr/bin/env bash
# nvcc's own kernels give the CPU's numbers: the tests that compare numbers, on the PTX that nvcc makes of cuda/, interpreted (tests/cuda/on_cpu/ptx_run.cpp).
# Every kernel must have run.
# in a folder of its own: beside it the same tests run on the plain kernels, and write the same files
scratch=$(mktemp -d) && cd "$scratch" || exit 1
trap 'rm -rf "$scratch"' EXIT
for file in columns fill fill_vjp multiply multiply_vjp paint paint_vjp; do ptx=$ptx:$CUBIX_BUILD/cuda/$file.ptx; done
export CUDA_ON_CPU_PTX="${ptx#:}" CUDA_ON_CPU_BRIEF=1 CUDA_ON_CPU_SEEDS="${CUDA_ON_CPU_SEEDS:-1}" CUDA_ON_CPU_TELL=1
bad=0 all=
for which in columns histogram on_cpu paint_vjp vjp; do
  said=$("$CUBIX_BUILD/tests/cuda/test_cuda_$which" 2>&1) || bad=$((bad + 1))
  echo "$which: $said"
  all+=$said$'\n'
done
idle=$(printf %s "$all" | awk '$2 == "ptx" { n[$3] += $4 } END { for (name in n) { n_name++; if (!n[name]) print name } if (!n_name) print "no kernel at all" }')
[ -z "$idle" ] || echo "never run: $idle"
[ "$bad" = 0 ] && [ -z "$idle" ]
