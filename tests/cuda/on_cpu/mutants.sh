#!/usr/bin/env bash
# mutants.sh -- do the tests notice what is wrong with the GPU's code?  `make mutants` runs it; MUTANTS="M03 M10" takes some.
#
# A line of mutants.txt is done to a copy of cuda/, that file alone is compiled anew and linked with the objects of the test, which then must fail: on kernels
# as the stand-in runs them (seeds 1 and 2), or on kernels that tell of their accesses.  Commands and objects come from the Makefile.
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
export CUDA_ON_CPU_BRIEF=1
missed=0 noticed=0
cd "$CUBIX_BUILD" || exit 1

# build KERNELS TEST FILE: the test with the file's mutant; KERNELS, TELLING and REST are objects
build()
{
  local test=$2 file=$3 noun=${3%.*} objects="tests/cuda/test_cuda_$2-test_cuda_$2.o" object more=
  for object in $1 $REST; do
    case $object in *_a-"$noun".o) ;; *) objects+=" $object" ;; esac
  done
  [ "$1" = "$TELLING" ] && more=$CXX_ACCESSES
  case $file in
    *.cu) echo "#include \"$scratch/cuda/$file\"" > "$scratch/$noun.cpp"
          eval "$CXXCOMPILE $more -w -I$scratch/cuda -c $scratch/$noun.cpp -o $scratch/$noun.o" ;;
    *)    eval "$COMPILE -w -I$scratch/cuda -c $scratch/cuda/$file -o $scratch/$noun.o" ;;
  esac && eval "$LINK -o $scratch/test $objects $scratch/$noun.o $LIBS"
}

# try NAME=VALUE: whether the test notices, and by what
try()
{
  said=$(cd "$scratch" && env "$1" timeout 600 ./test 2>&1)
  case $? in
    0) return 1 ;;
    124) said="it did not come to an end" ;;
    *) said=$(grep -aE 'cuda_on_cpu:|failed:' <<< "$said" | head -1 | cut -c1-110) ;;
  esac
}

while IFS='|' read -r name test file expression; do
  case $name in '#'* | '') continue ;; esac
  [ -z "$MUTANTS" ] || case " $MUTANTS " in *" ${name%% *} "*) ;; *) continue ;; esac
  rm -rf "$scratch/cuda"
  cp -r "$CUBIX_SOURCE/cuda" "$scratch/cuda"
  perl -0pi -e "$expression" "$scratch/cuda/$file"
  if cmp -s "$scratch/cuda/$file" "$CUBIX_SOURCE/cuda/$file"; then
    how="NOT DONE: the expression changes nothing in cuda/$file"
  elif ! build "$KERNELS" "$test" "$file" > "$scratch/log" 2>&1; then
    how="NOT BUILT: $(grep -m1 error "$scratch/log")"
  elif try CUDA_ON_CPU_SEEDS="1 2"; then
    how="numbers: $said"
  elif [ -n "$CXX_ACCESSES" ] && build "$TELLING" "$test" "$file" > "$scratch/log" 2>&1 && try CUDA_ON_CPU_RACES=1; then
    how="races: $said"
  else
    how=MISSED
  fi
  case $how in numbers* | races*) noticed=$((noticed + 1)) ;; *) missed=$((missed + 1)) ;; esac
  echo "$name -> $how"
done < "$CUBIX_SOURCE/tests/cuda/on_cpu/mutants.txt"
echo "mutants: $noticed noticed, $missed missed"
[ "$missed" = 0 ] && [ "$noticed" -gt 0 ]
