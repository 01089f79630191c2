#!/usr/bin/env bash
# Every reverse derivative that a header declares has a row in tests/derivatives/vjp_rows.txt that names the test that proves it, and every row is true:
# the function is declared, the test is one of `make check`, and it (or what it is made of, tests/*_lab.h) calls the function, itself or through
# the one that the row says.
cd "${CUBIX_SOURCE:-$(dirname "$0")/..}" || exit 1
bad=0 checked=0
complain() { echo "$*"; bad=$((bad + 1)); }

declared=$(sed 's,/\*.*\*/,,; s,//.*,,; /^[[:space:]]*\*/d; /^\/\*/d' $(find src mpi cuda -name '*.h') | grep -oE '\bcubix_[a-z0-9_]+_vjp[[:space:]]*\(' | tr -d ' (' | sort -u)
declare -A seen
while read -r name test through rest; do
  case $name in '' | '#'*) continue ;; esac
  [ -z "$rest" ] || complain "tests/derivatives/vjp_rows.txt: $name: more than three words"
  [ -z "${seen[$name]}" ] || complain "tests/derivatives/vjp_rows.txt: $name: two rows"
  seen[$name]=$test
  grep -qxF "$name" <<< "$declared" || complain "tests/derivatives/vjp_rows.txt: $name: no header declares it"
  if [ ! -e "$test.c" ] && [ -e "$test.py" ]; then
    grep -qE "\b${through:-$name}[[:space:]]*\(" "$test.py" || complain "tests/derivatives/vjp_rows.txt: $name: $test.py does not call ${through:-$name}"
    grep -qE "\b$name\b" python/cubix/*.py || complain "tests/derivatives/vjp_rows.txt: $name: the package does not call it"
    continue
  fi
  [ -e "$test.c" ] || { complain "tests/derivatives/vjp_rows.txt: $name: there is no $test.c"; continue; }
  grep -qE "^[[:space:]]*$test( |\$)" tests/Makefile.inc || complain "tests/derivatives/vjp_rows.txt: $name: $test is not in tests/Makefile.inc"
  of_test="$test.c $(sed -nE 's,^#include "(tests/[a-z_]*_lab\.h)".*,\1,p' "$test.c")"
  grep -qE "\b${through:-$name}[[:space:]]*\(" $of_test || complain "tests/derivatives/vjp_rows.txt: $name: $test.c does not call ${through:-$name}"
  [ -z "$through" ] || grep -qE "\b$name\(" -r --include='*.c' --include='*.h' src mpi cuda || complain "tests/derivatives/vjp_rows.txt: $name: nothing calls it"
done < tests/derivatives/vjp_rows.txt
for name in $declared; do
  checked=$((checked + 1))
  [ -n "${seen[$name]}" ] || complain "$name: a derivative without a test: add a row to tests/derivatives/vjp_rows.txt"
done
echo "vjp_rows.sh: $checked reverse derivatives looked at, $bad complaint(s)"
[ "$bad" = 0 ] && [ "$checked" -gt 0 ]
