#!/usr/bin/env bash
# format.sh -- the little that a machine can say about style: blanks, line and file lengths.  `make check` runs it.
cd "${CUBIX_SOURCE:-$(dirname "$0")/..}" || exit 1
longest_line=120    # columns; tables (*.def) may be wider
longest_file=500    # lines: beyond it, a noun is hiding in there
bad=0 checked=0
for file in $(find src mpi cuda tests python examples -name '*.[ch]' -o -name '*.cpp' -o -name '*.def' -o -name '*.cu' -o -name '*.py' -o -name '*.sh') \
            scripts/* scripts/*/*.py m4/*.m4 configure.ac parameterfiles/*/*.cfg; do
  [ -f "$file" ] || continue
  checked=$((checked + 1))
  awk -v file="$file" -v wide="$longest_line" -v tall="$longest_file" '
    /\r$/                                          { print file ":" FNR ": ends in a carriage return"; bad = 1 }
    /[ \t]$/                                       { print file ":" FNR ": blank at the end of the line"; bad = 1 }
    /\t/ && file !~ /Makefile/                     { print file ":" FNR ": a tab; use blanks"; bad = 1 }
    length($0) > wide && file ~ /\.(c|h|cu|cpp)$/ { print file ":" FNR ": " length($0) " columns, at most " wide; bad = 1 }
    END {
      if (FNR > tall && file ~ /\.(c|h|cu)$/) { print file ": " FNR " lines, at most " tall ": which noun is hiding in it?"; bad = 1 }
      exit bad
    }' "$file" || bad=$((bad + 1))
done
# A comparison that passes over NaN hides what it should show: check_worst (tests/check.h), within and assert_close (tests/harness.py), cubix_worst (src/base/worst.h).
compared=$(find tests -name '*.[ch]' -o -name 'test_*.py' -o -path 'tests/oracle/*.py')
if grep -nE '\b([a-zA-Z_]+(\[[a-z]+\])?) = fmax\(\1, |np\.(nanmax|nanmin|allclose|isclose)\(|np\.testing\.assert_(allclose|almost)' $compared; then
  echo "these comparisons pass over NaN"
  bad=$((bad + 1))
fi
# Whatever is written goes through src/base/atomic_file.c (shared_memory.c opens memory, no file; a batch adds lines to its journal and cubes to its stack); HDF5 lays its files out through output/hdf5_sink.c, on a descriptor of that.
if grep -nE '\b(fopen|freopen|fdopen)\([^)]*"[wa]|\bO_(WRONLY|RDWR|CREAT)\b|\b(rename|mkstemp|creat|fits_create_file|MPI_File_open)\(' \
        $(find src mpi cuda -name '*.[ch]' -o -name '*.cu' | grep -vE '^src/(base/atomic_file|base/shared_memory|batch/journal|batch/stack_rows).c$') ||
   grep -n 'H5Fcreate(' $(grep -rL 'cubix_h5sink_open' src mpi cuda); then
  echo "these files are not written through src/base/atomic_file.c"
  bad=$((bad + 1))
fi
echo "format.sh: $checked files looked at, $bad to mend"
[ "$bad" = 0 ] && [ "$checked" -gt 0 ]
