#!/usr/bin/env bash
# layers.sh -- who may include whom.  `make check` runs it; it needs nothing but grep.
#
#   main -> mpi/ -> src/                                   mpi.h only in mpi/; mpi/ never sees cuda/, but a processor's operations
#   cuda/ -> device, model, physics                        cuda_runtime.h only in cuda/; cuda/ never sees mpi/
#   src/ in levels: a file includes its own level or lower ones
#   physics/ -> constants.h, <math.h>, <stdint.h>          nothing else: it is compiled for devices as well
cd "${CUBIX_SOURCE:-$(dirname "$0")/..}" || exit 1
bad=0 checked=0

complain() { echo "$1: must not include $2: $3"; bad=$((bad + 1)); }

# Level of a noun of src/.  A new noun is a new word here: think about where it stands.
level()
{
  case $1 in
    main | *_main | derive | options | console | report) echo 9 ;;
    atomic_file | constants | cpu | disk | error | hash | log | name | units | version | worst | owners | memory | physics) echo 0 ;;
    leaves | unknowns | unknowns_* | optimise | optimise_* | lbfgs | adam | newton | quadratic | params | params_* | pchip | spline | cosmology | imf | datafile | h5read) echo 1 ;;
    slab | curve | ssp | ssp_* | instrument | instrument_* | simformat | simformat_* | simfile | simfile_* | lsf) echo 2 ;;
    scene | frame | frame_* | cube | placement | placement_* | mock | mock_*) echo 3 ;;
    model | model_* | histogram | histogram_* | engine | survey | occupancy | sounding) echo 4 ;;
    device | device_* | paint | paint_* | psf | psf_* | noise | noise_* | maps | basis | basis_* | multiply | multiply_* | audit | patch | observed | observed_* | objective) echo 5 ;;
    output | output_* | provenance | cubix) echo 6 ;;
    configfile | h5data | h5search | h5source | infile) echo 1 ;;
    *) echo "?" ;;
  esac
}

includes() { sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*\([<"][^>"]*[>"]\).*/\1/p' "$1"; }

for file in src/physics/*.h; do
  [ -e "$file" ] || continue
  while read -r inc; do
    checked=$((checked + 1))
    case $inc in
      '<math.h>' | '<stdint.h>' | '"../constants.h"' | '"constants.h"') ;;
      '"'*) [ -e "src/physics/$(echo "$inc" | tr -d '"' | sed 's,^physics/,,')" ] || complain "$file" "$inc" "physics/ stands alone" ;;
      *) complain "$file" "$inc" "physics/ includes constants.h, <math.h> and <stdint.h> only" ;;
    esac
  done < <(includes "$file")
done

for file in src/*.c src/*.h src/*.def mpi/*.c mpi/*.h cuda/*.c cuda/*.h cuda/*.cu; do
  [ -e "$file" ] || continue
  folder=${file%%/*} noun=$(basename "$file") noun=${noun%.*} own=
  if [ "$folder" = src ]; then
    own=$(level "$noun")
    [ "$own" != '?' ] || { echo "$file: '$noun' has no level yet: give it one in scripts/layers.sh"; bad=$((bad + 1)); continue; }
  fi
  while read -r inc; do
    checked=$((checked + 1))
    name=$(echo "$inc" | tr -d '<>"')
    case $name in
      mpi.h) [ "$folder" = mpi ] || complain "$file" "$inc" "MPI is known in mpi/ only"; continue ;;
      cuda*.h | cub/* | nvtx*) [ "$folder" = cuda ] || complain "$file" "$inc" "CUDA is known in cuda/ only"; continue ;;
      cubix-mpi.h | chain.h | fit.h | gradient_write.h | stage.h | mock_write.h) [ "$folder" = mpi ] || [ "$own" = 9 ] || complain "$file" "$inc" "only mpi/ and the mains are parallel"; continue ;;
    esac
    case $inc in '<'*) continue ;; esac
    case $name in physics/* | ../physics/*) continue ;; esac
    name=${name##*/}
    [ -e "$folder/$name" ] && [ "$folder" != src ] && continue
    if [ "$name" = version.h ]; then target=0; elif [ -e "src/$name" ]; then target=$(level "${name%.*}"); else
      complain "$file" "$inc" "there is no such file in src/ or $folder/"; continue; fi
    case $folder in
      src) [ "$target" -le "$own" ] || complain "$file" "$inc" "level $own must not know level $target" ;;
      mpi) [ "$target" -le 6 ] || complain "$file" "$inc" "mpi/ knows all of src/ but the mains" ;;
      cuda) [ "$target" -le 5 ] || complain "$file" "$inc" "cuda/ knows devices, the model and physics" ;;
    esac
  done < <(includes "$file")
done
echo "layers.sh: $checked includes looked at, $bad in the wrong direction"
[ "$bad" = 0 ] && [ "$checked" -gt 0 ]
