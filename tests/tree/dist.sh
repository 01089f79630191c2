#!/usr/bin/env bash
# A release's tarball holds every file of the repository but those that only a checkout needs, and beside them what autogen.sh makes and
# nothing else.
unset MAKEFLAGS MAKELEVEL MFLAGS
export LC_ALL=C
only_checkout='.clang-format .gitignore'
files() { git -C "$CUBIX_SOURCE" -c safe.directory='*' ls-files "$@"; }
files --error-unmatch Makefile.am > /dev/null 2>&1 || { echo "dist.sh: $CUBIX_SOURCE is no checkout of git: nothing to compare with"; exit 77; }
scratch=$(mktemp -d) || exit 1
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
make -s -C "$CUBIX_BUILD" distdir distdir="$scratch/dist" > "$scratch/log" 2>&1 || { tail -20 "$scratch/log"; exit 1; }

# new files count, those that were removed do not
comm -23 <(files --cached --others --exclude-standard | sort) <({ files --deleted; tr ' ' '\n' <<< "$only_checkout"; } | sort) > "$scratch/wanted"
(cd "$scratch/dist" && find . ! -type d) | sed 's,^\./,,' | sort > "$scratch/there"
bad=0
while read -r file; do
  echo "$file: not in the tarball: name it in Makefile.am (EXTRA_DIST) or a Makefile.inc, or in only_checkout of tests/tree/dist.sh"
  bad=$((bad + 1))
done < <(comm -23 "$scratch/wanted" "$scratch/there")
while read -r file; do
  case $file in configure | aclocal.m4 | Makefile.in | aux/* | .commit) continue ;; esac
  echo "$file: in the tarball, and not in the repository: what a build leaves goes in dist-hook (Makefile.am)"
  bad=$((bad + 1))
done < <(comm -13 "$scratch/wanted" "$scratch/there")
while read -r file; do
  cmp -s "$CUBIX_SOURCE/$file" "$scratch/dist/$file" || { echo "$file: another one in the tarball"; bad=$((bad + 1)); }
done < <(comm -12 "$scratch/wanted" "$scratch/there")
checked=$(wc -l < "$scratch/wanted")
echo "dist.sh: $checked files looked for, $bad wrong"
[ "$bad" = 0 ] && [ "$checked" -gt 100 ]
