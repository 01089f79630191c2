#!/usr/bin/env bash
# check.sh -- everything from a bare machine to the last test, in one command.
#
#   scripts/check.sh [--no-install] [CONFIGURE OPTION ...]
#
# Installs what is missing (Debian, Ubuntu), makes a Python environment with what the tests need, builds in build/check, runs `make check`,
# prints the log of every failure, and ends with `N passed, N failed, N skipped`.  Compiler warnings are no errors here, since a newer
# compiler than ours may know more of them; for CUBIX's own continuous integration .ci/run adds --enable-werror.
# CUBIX_BUILD_ROOT: where to build instead of build/; CUBIX_VENV: a Python environment to use and, where incomplete, to fill.
set -u
cd "$(dirname "$0")/.." || exit 1
source=$PWD
. scripts/packages.sh
build=${CUBIX_BUILD_ROOT:-$source/build}/check
venv=${CUBIX_VENV:-${CUBIX_BUILD_ROOT:-$source/build}/venv}
cores=$(nproc)
started=$SECONDS

stop() { echo "check.sh: $*" >&2; echo "0 passed, 1 failed, 0 skipped"; exit 1; }

if [ "${1:-}" = --no-install ]; then shift; else (need_packages $build_packages git ca-certificates python3 python3-venv python3-dev doxygen) || stop "packages are missing"; fi

say "Python environment in $venv"
if ! cat tests/requirements.txt tests/readers.txt | cmp -s - "$venv/requirements.txt"; then
  if [ ! -x "$venv/bin/python" ]; then
    for python in python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.10; do
      "$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' 2> /dev/null && break
    done
    "$python" -m venv "$venv" || stop "no Python 3.10 or newer with venv was found"
  fi
  "$venv/bin/python" -m pip install -q -r tests/requirements.txt || stop "the Python environment cannot be filled"
  complete=yes
  for reader in $(sed '/^#/d' tests/readers.txt); do
    "$venv/bin/python" -m pip install -q -c tests/requirements.txt "$reader" > "$venv/reader.log" 2>&1 && continue
    complete=no
    echo "$reader cannot be had here ($(grep -i error "$venv/reader.log" | tail -1)): its tests are skipped"
  done
  # what could not be had is tried again next time
  [ $complete = no ] || cat tests/requirements.txt tests/readers.txt > "$venv/requirements.txt"
fi

say "Building in $build"
mkdir -p "$build"
scripts/autogen.sh > "$build/autogen.log" 2>&1 || { cat "$build/autogen.log"; stop "autogen.sh failed"; }
cd "$build" || exit 1
"$source/configure" PYTHON="$venv/bin/python" "$@" > configure.log 2>&1 || { cat configure.log; stop "configure failed"; }
sed -n '/^  CUBIX /,$p' configure.log
make -k -j"$cores" all > make.log 2>&1 || { cat make.log; stop "the build failed"; }
make -k -j"$cores" check TESTS= > make-check.log 2>&1 || { cat make-check.log; stop "the build of the tests failed"; }
say "Built after $((SECONDS - started)) s; testing"

# One after the other: tests start their own ranks and threads.  A log that an earlier run left must not be counted.
find . -name '*.trs' -exec sh -c 'rm -f "$1" "${1%.trs}.log"' _ {} \;
mpi_environment
export CUBIX_PYTHON="$venv/bin/python"
make check 2>&1 | sed -n '/^\(PASS\|FAIL\|SKIP\|XPASS\|ERROR\|XFAIL\):/p; /\*\*\*.*Error/p'

# A test that counts for itself closes with `N passed, N failed[, N skipped]`; any other counts as one.
passed=0 failed=0 skipped=0 n_test=0
while read -r trs; do
  log=${trs%.trs}.log
  n_test=$((n_test + 1))
  result=$(sed -n 's/^:global-test-result: //p' "$trs")
  if [ "$result" = FAIL ] || [ "$result" = ERROR ] || [ "$result" = XPASS ]; then
    printf '\n--- %s ---\n' "${log#./}"
    cat "$log"
  fi
  counts=$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 0\4/p' "$log" | tail -1)
  if [ -n "$counts" ]; then
    read -r p f s <<< "$counts"
    if [ "$result" != PASS ] && [ "$f" = 0 ]; then f=1; fi
  else
    case $result in PASS) p=1 f=0 s=0 ;; SKIP) p=0 f=0 s=1 ;; *) p=0 f=1 s=0 ;; esac
  fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + 10#$s))
done < <(find . -name '*.trs' | sort)
expected=$(make -s --no-print-directory -f Makefile -f - print-tests <<< 'print-tests: ; @echo $(words $(TESTS))')
if [ "$n_test" != "$expected" ]; then
  echo "check.sh: $expected tests are listed, but $n_test left a result"
  failed=$((failed + 1))
fi

say "$n_test test programs in $((SECONDS - started)) s"
grep -hs '^SKIPPED' tests/run_pytest.log
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
