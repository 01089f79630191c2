#!/usr/bin/env bash
# Every source, header, test and parameter file of the tree is named in a makefile fragment: nothing lies about unbuilt or untested.
cd "$CUBIX_SOURCE" || exit 1
bad=0 checked=0
for file in $(find src mpi cuda -name '*.[ch]' -o -name '*.def' -o -name '*.cu') tests/*/*.c parameterfiles/*.param parameterfiles/*/*.* scripts/cubix-* scripts/cubix_*/*.py; do
  [ -e "$file" ] || continue
  [ "$file" = src/version.h ] && continue
  case $file in parameterfiles/instruments/*) continue ;; esac   # the whole folder is installed
  checked=$((checked + 1))
  name=$file
  case $file in tests/faults/*) ;; tests/*.c) name=${file%.c} ;; esac
  grep -qE "(^|[[:space:]/])${name//./\\.}([[:space:]]|\$)" ./*/Makefile.inc || {
    echo "$file: not named in ${file%%/*}/Makefile.inc"
    bad=$((bad + 1))
  }
done
# The rooms: folders of sources, the list in scripts/layers.sh, the picture in doc/design.md, and a page in each.
for room in $(find src mpi -mindepth 1 -type d | sort); do
  checked=$((checked + 1))
  [ -s "$room/README.md" ] || { echo "$room/: no README.md that says what the room is for"; bad=$((bad + 1)); }
  grep -qxF "$room" scripts/layers.sh || { echo "$room/: not in scripts/layers.sh"; bad=$((bad + 1)); }
  grep -qE "^ .* $room/ " doc/design.md || { echo "$room/: not in the picture of doc/design.md"; bad=$((bad + 1)); }
done
for room in $(sed -n 's,^.* \(\(src\|mpi\|cuda\)/[a-z]*\)/ .*,\1,p' doc/design.md | sort -u); do
  [ -d "$room" ] || { echo "doc/design.md: there is no $room/"; bad=$((bad + 1)); }
done
echo "lists.sh: $checked files looked for, $bad not found"
[ "$bad" = 0 ] && [ "$checked" -gt 0 ]
