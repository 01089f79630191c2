#!/usr/bin/env bash
# The Python tests (tests/*/test_*.py), one line of `make check`; PYTEST names some of them (program/test_mock.py).  Closes with
# `N passed, N failed, N skipped`; skipped as a whole where there is no Python with pytest (CUBIX_PYTHON names the interpreter;
# scripts/check.sh makes one that has all of tests/requirements.txt).
python=${CUBIX_PYTHON:-python3}
"$python" -c 'import pytest, numpy, scipy, astropy, h5py' || {
  echo "run_pytest.sh: $python lacks pytest, numpy, scipy, astropy or h5py: pip install -r tests/requirements.txt, or run scripts/check.sh"
  exit 77
}
# Tests wait for programs to start, and for the disk, as long as they compute: three at a time on two cores, where pytest-xdist is
# there.  (nproc would take the threads of a program for the cores.)
workers=
cores=$(env -u OMP_NUM_THREADS nproc)
"$python" -c 'import xdist' 2> /dev/null && workers="-n $((cores + cores / 2 < 16 ? cores + cores / 2 : 16))"
report=$CUBIX_BUILD/tests/pytest.xml
rm -f "$report"
mkdir -p "$CUBIX_BUILD/tests"
cd "$CUBIX_SOURCE/tests" || exit 1
# under --enable-sanitizers: Open MPI's plug-ins leave memory behind and are gone when leaks are looked for; the compiled tests look for ours
ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS} MPLBACKEND=Agg PYTHONDONTWRITEBYTECODE=1 "$python" -m pytest -p no:cacheprovider --durations=10 -q -rs $workers --junitxml="$report" \
  --rootdir "$CUBIX_SOURCE/tests" "$@" ${PYTEST:-.}
status=$?
"$python" - "$report" << 'END'
import sys, xml.etree.ElementTree as xml
suites = list(xml.parse(sys.argv[1]).getroot().iter("testsuite"))
total, bad, skipped = (sum(int(s.get(key, 0)) for s in suites for key in keys.split()) for keys in ("tests", "failures errors", "skipped"))
print(f"{total - bad - skipped} passed, {bad} failed, {skipped} skipped")
END
exit $status
