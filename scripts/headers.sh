#!/bin/sh
# headers.sh TREE SOURCE HEADER... -- lay out the installed headers: src/base/log.h as TREE/cubix/base/log.h, with the includes of our
# own headers as <cubix/base/log.h>, so that none of a host's or the system's is hidden; those that programs include stand above the
# rooms.  What does not change is left alone.
tree=$1/cubix source=$2
shift 2
for header; do
  to=${header#src/}
  case $to in */cubix-mpi.h | */insitu.h) to=${to##*/} ;; esac
  mkdir -p "$(dirname "$tree/$to")" || exit 1
  sed 's,^\([[:space:]]*#[[:space:]]*include[[:space:]]*\)"\([^"]*\)",\1<cubix/\2>,' "$source/$header" > "$tree/$to.new" || exit 1
  if cmp -s "$tree/$to.new" "$tree/$to"; then rm -f "$tree/$to.new"; else mv "$tree/$to.new" "$tree/$to"; fi
done
