#!/usr/bin/env bash
# The histogram is integers, the same on every processor: its code must hold no fused multiply-add even where the machine has them, as on aarch64
# or with -march=native.  Files are compiled as the build compiles them, for a newer x86-64, and the assembler is looked at.
[ "$(uname -m)" = x86_64 ] || { echo "fused.sh: not an x86-64 machine"; exit 77; }
unset MAKEFLAGS MAKELEVEL MFLAGS
cd "$CUBIX_BUILD" || exit 1
srcdir=$(sed -n 's/^srcdir = //p' Makefile)
folder=$(mktemp -d "${TMPDIR:-/tmp}/cubix-fused.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
bad=0 checked=0

# How many fused multiply-adds there are in an object of the build, were it made with these CFLAGS.
fused()
{
  local line
  line=$(make -n -W "$srcdir/${1%.o}.c" V=1 CFLAGS="-O3 -march=x86-64-v3" "$1" 2>/dev/null | grep -e "-o $1 " | tail -1)
  line=$(printf '%s' "$line" | sed -e 's/^.*;\s*\(.*\) -MT /\1 -MT /; s/ -MT [^ ]* -MD -MP -MF [^ ]*//; s/&&.*//; s/\\$//' -e "s| -c -o $1 | -S -o $folder/code.s |")
  bash -c "$line" >&2 || { echo broken; return; }
  grep -cE '\bvf(n?madd|n?msub|maddsub|msubadd)' "$folder/code.s"
}

for file in histogram/histogram histogram/histogram_merge histogram/histogram_vjp cube/placement cube/placement_nearest cube/placement_smooth engine/survey; do
  [ -e "src/$file.o" ] || continue
  n=$(fused "src/$file.o") checked=$((checked + 1))
  [ "$n" = 0 ] || { echo "src/$file.c: $n fused multiply-adds: its bits would depend on the processor"; bad=$((bad + 1)); }
done
n=$(fused src/histogram/multiply.o)
[ "$n" -gt 0 ] 2>/dev/null || { echo "src/histogram/multiply.c: $n fused multiply-adds: this test sees none, or the kernels are slow"; bad=$((bad + 1)); }
echo "fused.sh: $checked files compiled, $bad to mend"
[ "$bad" = 0 ] && [ "$checked" -gt 3 ]
