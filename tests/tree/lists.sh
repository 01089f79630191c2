#!/usr/bin/env bash
# Every source, header, test and parameter file of the tree is named in a makefile fragment: nothing lies about unbuilt or untested.
cd "$CUBIX_SOURCE" || exit 1
bad=0 checked=0
for file in $(find src mpi cuda -name '*.[ch]' -o -name '*.def' -o -name '*.cu') tests/*/*.c parameterfiles/*.param parameterfiles/*/*.* scripts/cubix-* scripts/cubix_*/*.py; do
  [ -e "$file" ] || continue
  [ "$file" = src/version.h ] && continue
  checked=$((checked + 1))
  name=$file
  case $file in tests/faults/*) ;; tests/*.c) name=${file%.c} ;; esac
  grep -qE "(^|[[:space:]/])${name//./\\.}([[:space:]]|\$)" ./*/Makefile.inc || {
    echo "$file: not named in ${file%%/*}/Makefile.inc"
    bad=$((bad + 1))
  }
done
echo "lists.sh: $checked files looked for, $bad not found"
[ "$bad" = 0 ] && [ "$checked" -gt 0 ]
