#!/bin/sh
# exports.sh TREE MAP COMPILER... -- write a linker's list of what libcubix.so offers: the names in the installed headers of TREE, and no others.
tree=$1 map=$2
shift 2
(cd "$tree" && find cubix -name '*.h' | sed 's/.*/#include <&>/') > "$map.c" || exit 1
"$@" -I"$tree" -E -P "$map.c" > "$map.i" || exit 1
{
  echo '{ global:'
  grep -o '\bcubix_[A-Za-z0-9_]*' "$map.i" | sort -u | sed 's/$/;/'
  echo 'local: *; };'
} > "$map.new" || exit 1
rm -f "$map.c" "$map.i"
mv "$map.new" "$map"
