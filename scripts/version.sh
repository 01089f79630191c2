#!/bin/sh
# version.sh SOURCE VERSION HEADER -- write HEADER with version and commit, but only if it would change.
# version.sh --commit SOURCE       -- print the commit: from git, else from the tarball's .commit, else "unknown".
# A commit with changes on top is marked with a plus sign.
commit()
{
  if [ -e "$1/.git" ] && id=$(git -C "$1" -c safe.directory='*' rev-parse --short=10 HEAD 2>/dev/null); then
    git -C "$1" -c safe.directory='*' diff --quiet HEAD -- 2>/dev/null || id="$id+"
    echo "$id"
  elif [ -f "$1/.commit" ]; then
    cat "$1/.commit"
  else
    echo unknown
  fi
}

if [ "$1" = --commit ]; then
  commit "$2"
  exit 0
fi
{
  echo "/* version.h -- written by scripts/version.sh at every make. */"
  echo "#define CUBIX_VERSION \"$2\""
  echo "#define CUBIX_COMMIT \"$(commit "$1")\""
} > "$3.new"
if cmp -s "$3.new" "$3"; then rm -f "$3.new"; else mv "$3.new" "$3"; fi
