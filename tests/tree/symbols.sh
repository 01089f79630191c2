#!/usr/bin/env bash
# Every symbol that the libraries export bears cubix_: they are linked into other people's programs.  The shared one exports what its
# installed headers name, and has that number in its name which a change of them changes.
bad=0 checked=0
shared=$CUBIX_BUILD/libcubix.so
[ -e "$shared" ] || shared=
for library in "$CUBIX_BUILD"/libcubix.a "$CUBIX_BUILD"/libcubix_mpi.a $shared; do
  while read -r symbol; do
    checked=$((checked + 1))
    case $symbol in
      cubix_* | __odr_asan.cubix_* | .gomp_critical_user_cubix_*) ;;
      __bss_start | _edata | _end | __bss_start__ | _bss_end__ | __bss_end__ | __end__) ;;                         # what ld makes of any shared object
      _Z*cubix_* | __device_stub__*cubix_* | __fatbinwrap_* | __cudaRegister* | _Z*_GLOBAL__*) ;;   # what nvcc makes of a kernel
      *) echo "$(basename "$library"): exports '$symbol': make it static or call it cubix_..."; bad=$((bad + 1)) ;;
    esac
  done < <(case $library in *.so) nm -D --defined-only "$library" ;; *) nm -g --defined-only "$library" ;; esac 2>/dev/null | awk 'NF == 3 && $2 ~ /[TDBRC]/ { print $3 }')
done
if [ -n "$shared" ]; then
  while read -r symbol; do        # but those that macros make of the tables of parameters and devices
    grep -rqw "$symbol" "$CUBIX_BUILD/include/cubix" || case $symbol in cubix_*_word | cubix_device_*_ops) ;; *) echo "libcubix.so: exports $symbol, which no installed header names"; bad=$((bad + 1)) ;; esac
  done < <(nm -D --defined-only "$shared" | awk 'NF == 3 { print $3 }')
  for hidden in cubix_h5_open cubix_spline_init; do
    ! nm -D --defined-only "$shared" | grep -qw "$hidden" || { echo "libcubix.so: exports $hidden"; bad=$((bad + 1)); }
  done
  abi=$(sed -n 's/^SHARED_ABI = //p' "$CUBIX_BUILD/Makefile")
  readelf -d "$shared" | grep -qF "soname: [libcubix.so.$abi]" || { echo "libcubix.so: its soname is not libcubix.so.$abi"; bad=$((bad + 1)); }
fi
echo "symbols.sh: $checked symbols looked at, $bad with a wrong name"
[ "$bad" = 0 ] && [ "$checked" -gt 0 ]
