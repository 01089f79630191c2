#!/usr/bin/env bash
# parameterfiles/cubix.param, doc/parameters.md and the tables of doc/instruments.md are what the built cubix writes, and the example files beside them can be read:
# their names, values and units are right as far as the table knows.
#   CUBIX  the program; default: cubix in the build folder
set -u
source_dir=${CUBIX_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
cubix=${CUBIX:-${CUBIX_BUILD:-$source_dir}/cubix}
[ -x "$cubix" ] || { echo "params_docs.sh: there is no program $cubix; build it first"; exit 1; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
bad=0 checked=0

same() { # form file
  checked=$((checked + 1))
  "$cubix" "--params=$1" > "$scratch/new" && [ -s "$scratch/new" ] && diff -u "$source_dir/$2" "$scratch/new" > "$scratch/diff" && return
  head -n 40 "$scratch/diff"
  echo "$2 is not what cubix --params=$1 writes; make docs renews it"
  bad=$((bad + 1))
}
same template parameterfiles/cubix.param
same markdown doc/parameters.md

# The tables of the instruments, at the end of their page.
checked=$((checked + 1))
sed '1,/^<!-- Made by/d' "$source_dir/doc/instruments.md" > "$scratch/old"
CUBIX_DATA="$source_dir/parameterfiles" "$cubix" --instruments=markdown > "$scratch/new"
[ -s "$scratch/new" ] && diff -u "$scratch/old" "$scratch/new" > "$scratch/diff" || {
  head -n 40 "$scratch/diff"
  echo "doc/instruments.md does not end with what cubix --instruments=markdown writes; make docs renews it"
  bad=$((bad + 1))
}

# The template as it stands: its own values and empty lines are read, and nothing is said of them.
checked=$((checked + 1))
"$cubix" -n "$source_dir/parameterfiles/cubix.param" InputFile="$scratch/none" SspFile="$scratch/none" OutputFile="$scratch/c.fits" > "$scratch/said" 2>&1
if grep -q 'cubix.param\|has no effect\|warning' "$scratch/said" || ! grep -q "$scratch/none" "$scratch/said"; then
  cat "$scratch/said"
  echo "cubix complains of the template's own lines"
  bad=$((bad + 1))
fi

# The help: within 100 columns, with an example and the instruments; and a word is looked for in all of it.
checked=$((checked + 1))
"$cubix" --help > "$scratch/help"
for word in '^Example' '^  mpirun ' '^Instruments' 'MaNGA-N127'; do
  grep -q -- "$word" "$scratch/help" || { echo "cubix --help has no line '$word'"; bad=$((bad + 1)); }
done
awk 'length > 100 { print "cubix --help: more than 100 columns: " $0; bad = 1 } END { exit bad }' "$scratch/help" || bad=$((bad + 1))
"$cubix" --help kcwi | grep -q 'KCWI-BL-M' || { echo "cubix --help kcwi finds no instrument"; bad=$((bad + 1)); }
"$cubix" --help MOFFAT | grep -q '^  PsfBeta' || { echo "cubix --help MOFFAT finds no PsfBeta"; bad=$((bad + 1)); }

# The names that a parameter file uses are all in the table (values are the reader's business, and tested with it).
"$cubix" --params=json > "$scratch/json" || bad=$((bad + 1))
for file in "$source_dir"/parameterfiles/*.param "$source_dir"/examples/*/*.param; do
  [ -e "$file" ] || continue
  for name in $(sed 's/^%\([A-Z][A-Za-z]*  \)/\1/' "$file" | awk '/^[[:space:]]*[^%#[:space:]]/ { sub(/\r$/, ""); print $1 }'); do
    checked=$((checked + 1))
    grep -q "{\"name\": \"$name\"," "$scratch/json" && continue
    echo "${file#"$source_dir"/}: there is no parameter $name"
    bad=$((bad + 1))
  done
done

echo "params_docs.sh: $checked checked, $bad wrong"
[ "$bad" = 0 ] && [ "$checked" -gt 10 ]
