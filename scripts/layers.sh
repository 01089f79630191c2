#!/usr/bin/env bash
# layers.sh -- the rooms of the house, and who may know whom.  `make check` runs it; it needs sed, awk and nm.
#
# A room is a folder.  Below they stand from the ground up: a file may include what is in its own room and in those above it in this list, nothing further
# down.  In no room do two files need each other, neither by includes nor by calls (calls are looked at where the objects of a build are, CUBIX_BUILD).
rooms="
src/physics
src/base
src/params
src/math
src/simulation
src/catalogue
src/instrument
src/geometry
src/dust
src/spectra
src/cube
src/direct
src/histogram
src/lines
src/engine
src/observation
src/fit
src/output
src/batch
src/mock
mpi/comm
mpi/dust
mpi/particles
mpi/extract
mpi/lines
mpi/engine
mpi/pipeline
mpi/fit
mpi/mock
mpi/insitu
mpi/batch
mpi/binding
src/program
"
# Beside them: cuda/ stands on src/engine and what is below it; src/cubix.h and mpi/cubix-mpi.h are for programs of others, and only src/main.c is above all.
cd "${CUBIX_SOURCE:-$(dirname "$0")/..}" || exit 1
bad=0

files=$(find src mpi cuda -name '*.[ch]' -o -name '*.def' -o -name '*.cu' | sort)
includes=$(for file in $files; do sed -n "s,^[[:space:]]*#[[:space:]]*include[[:space:]]*\([<\"][^>\"]*[>\"]\).*,$file \1,p" "$file"; done)

# Each include, by the rules above: physics/ is compiled for devices as well and stands alone; MPI is known in mpi/ only, CUDA in cuda/ only.
echo "$includes" | awk -v rooms="$rooms" -v files="$files" '
  function room(f) { if (f ~ /^cuda\//) return "cuda"; if (f ~ /^src\/(main.c|cubix.h)$/ || f == "mpi/cubix-mpi.h") return "src/program"; sub(/\/[^\/]*$/, "", f); return f }
  function complain(why) { print $1 ": must not include " $2 ": " why; bad++ }
  BEGIN { n = split(rooms, r); for (i = 1; i <= n; i++) floor[r[i]] = i; floor["cuda"] = floor["src/engine"] + 0.5
          n = split(files, f); for (i = 1; i <= n; i++) { there[f[i]] = 1; if (!(room(f[i]) in floor)) { print f[i] ": no room of this name in scripts/layers.sh"; bad++ } } }
  { name = substr($2, 2, length($2) - 2); own = room($1); looked++ }
  $2 ~ /^</ {
    if (name ~ /^mpi/ && own !~ /^mpi/) complain("MPI is known in mpi/ only")
    else if (name ~ /^(cuda|cub\/|nvtx)/ && own != "cuda") complain("CUDA is known in cuda/ only")
    else if (own == "src/physics" && name !~ /^(math|stdint)\.h$/) complain("physics/ includes <math.h>, <stdint.h> and itself only")
    next
  }
  name == "version.h" { next }
  {
    to = (("src/" name) in there) ? "src/" name : name
    if (own == "cuda" && name ~ /^cuda_|^cub\//) next
    if (!(to in there)) { complain("there is no such file; paths start in src/ (\"base/log.h\") or at the top (\"mpi/comm/comm.h\")"); next }
    if (to ~ /cubix(-mpi)?\.h$/ && $1 !~ /cubix(-mpi)?\.h$/) complain("it is for programs of others; include what you use")
    else if (room(to) == "cuda" && own != "cuda" && own != "src/engine") complain("only a device in src/engine knows cuda/")
    else if (room(to) != "cuda" && floor[room(to)] > floor[own]) complain(own " must not know " room(to))
  }
  END { print "layers.sh: " looked + 0 " includes looked at, " bad + 0 " in the wrong direction"; exit bad > 0 || !looked }' || bad=1

# The edges of a graph that belong to a circle: those whose end leads back to their start.
circles()
{
  awk '
    $1 != $2 && !(($1, $2) in edge) { edge[$1, $2] = 1; from[++n] = $1; to[n] = $2; next_[$1] = next_[$1] " " $2 }
    function leads(node, goal,   list, m, i) {
      if (node == goal) return 1
      if (node in seen) return 0
      seen[node] = 1
      m = split(next_[node], list)
      for (i = 1; i <= m; i++) if (leads(list[i], goal)) return 1
      return 0
    }
    END {
      for (i = 1; i <= n; i++) { split("", seen); if (leads(to[i], from[i])) { print "  " from[i] " -> " to[i]; bad++ } }
      exit bad > 0
    }'
}
echo "$includes" | sed -n 's/"//gp' | while read -r file name; do if [ -e "src/$name" ]; then echo "$file src/$name"; else echo "$file $name"; fi; done |
  circles || { echo "layers.sh: these includes run in circles"; bad=1; }
# A header that is installed may include installed ones only.
{ sed -n '/^public_headers *+= *\\$/,/[^\\]$/p; /^physics_headers *= *\\$/,/[^\\]$/p' src/Makefile.inc mpi/Makefile.inc | grep -o '[a-z][^ ]*\.\(h\|def\)'
  echo "$includes"; } | awk '
    NF == 1 { installed[$1] = 1 }
    NF == 2 && ($1 in installed) && $2 ~ /^"/ {
      name = substr($2, 2, length($2) - 2)
      looked++
      if (!(name in installed) && !("src/" name in installed)) { print $1 " is installed and includes " name ", which is not: name it in public_headers"; bad++ }
    }
    END { exit bad > 0 || !looked }' || bad=1
if [ -n "${CUBIX_BUILD:-}" ]; then
  (cd "$CUBIX_BUILD" && find src mpi cuda -name '*.o' ! -name 'tests_*' | sort | xargs nm -A 2> /dev/null) | awk '
    { object = $1; sub(/:.*/, "", object); sub(/\.o$/, "", object); type = $(NF - 1); name = $NF }
    type ~ /^[TDBRVC]$/ { home[name] = object }
    type == "U" && name ~ /^cubix_/ { user[++n] = object; used[n] = name }
    END { for (i = 1; i <= n; i++) if (used[i] in home) print user[i], home[used[i]] }' |
    circles || { echo "layers.sh: these calls run in circles"; bad=1; }
fi
exit "$bad"
