#!/usr/bin/env bash
# What `make install` puts down is complete: every header compiles alone, and a stranger's program builds with nothing but
# pkg-config's flags, finds the installed parameter files, and runs; every program has its manual page and its completion; and
# `make uninstall` takes all of it away.
unset MAKEFLAGS MAKELEVEL MFLAGS
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
bad=0 checked=0
check() { checked=$((checked + 1)); "$@" > "$scratch/log" 2>&1 || { bad=$((bad + 1)); echo "failed: $*"; head -20 "$scratch/log"; }; }

configured() { sed -n "s/^$1 = //p" "$CUBIX_BUILD/Makefile"; }
make -s -C "$CUBIX_BUILD" install DESTDIR="$scratch/root" > "$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
include=$(dirname "$(find "$scratch/root" -name cubix-mpi.h)")
prefix=${include%/include/cubix}
export PKG_CONFIG_PATH=$(dirname "$(find "$scratch/root" -name cubix-mpi.pc)")
cc=$(configured CC) cxx=$(configured CXX) sanitizers=$(configured SAN_CFLAGS) pkg_config=$(configured PKG_CONFIG)

for file in "$prefix"/bin/*; do
  program=${file##*/}
  check test -x "$file"
  page=$prefix/share/man/man1/$program.1
  check grep -q "^$program .* [a-zA-Z]" <(sed 's/\\//g' "$page")        # NAME \- what it is
  check grep -q '^\.SH SYNOPSIS' "$page"
  check test -e "$prefix/share/bash-completion/completions/$program"
  if command -v groff > /dev/null; then
    checked=$((checked + 1))
    said=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
    [ -z "$said" ] || { bad=$((bad + 1)); echo "$page: $said"; }
  fi
done
for program in cubix cubix-batch cubix-extract cubix-mock cubix-ssp cubix-plot cubix-import cubix-lines cubix-from-rubix cubix-watch; do
  check test -x "$prefix/bin/$program"
done
for word in Redshift PsfBeta 'STEM.*usedvalues' CUBIX_DATA; do check grep -q "$word" "$prefix/share/man/man1/cubix.1"; done

# Completion: what TAB offers after a line.
offers()
{
  PATH=$prefix/bin:$PATH bash -c '
    . "$1/share/bash-completion/completions/cubix"
    COMP_LINE=$2 COMP_POINT=${#2}
    cd "$3" && { _cubix "${2%% *}"; printf "%s\n" "${COMPREPLY[@]}"; }' _ "$prefix" "$1" "$scratch" 2> "$scratch/complaints"
}
offered() { checked=$((checked + 1)); offers "$1" | grep -qxF -- "$2" || { bad=$((bad + 1)); echo "'$1' TAB does not offer $2"; offers "$1" | head -5; cat "$scratch/complaints"; }; }
: > "$scratch/galaxy.param"
export ASAN_OPTIONS=detect_leaks=0
offered 'cubix --vers' --version
offered 'cubix gal' galaxy.param
offered 'cubix galaxy.param Reds' Redshift=
offered 'cubix galaxy.param Psf=mof' moffat
offered 'cubix galaxy.param Redshift=0.1 Instrument=MaNGA-N1' MaNGA-N127
offered 'cubix galaxy.param SimulationFormat=Ill' IllustrisTNG
offered 'cubix galaxy.param InputFile=gal' galaxy.param
offered 'cubix --help Inclin' Inclination
offered 'cubix-mock --inc' --inclination
offered 'cubix-extract galaxy.param GroupTy' GroupType=
offered 'cubix-batch rows.csv muse.param GroupTy' GroupType=
if "$(configured PYTHON)" -c '' 2> /dev/null; then
  sed -i "1s|.*|#!$(command -v "$(configured PYTHON)")|" "$prefix/bin/cubix-ssp" "$prefix/bin/cubix-import"
  offered 'cubix-ssp conv' convert
  offered 'cubix-ssp convert pp' ppxf
  offered 'cubix-import --fam' --families
fi
for file in "$CUBIX_SOURCE"/parameterfiles/*/*.*; do
  check cmp "$file" "$prefix/share/cubix/${file#"$CUBIX_SOURCE"/parameterfiles/}"
done
# Whose parameter files a program reads: what was built those of its source tree, what was installed its own, also after a move; CUBIX_DATA wins.
: > "$scratch/empty.param"
data_of()
{
  ASAN_OPTIONS=detect_leaks=0 "$1" "$scratch/empty.param" InputFile=a SspFile=b OutputFile=c.fits Instrument=nosuch 2>&1 |
    sed -n "s/.*'nosuch' is not in \(.*\)\/instruments and not.*/\1/p"
}
source_data=$(realpath "$CUBIX_SOURCE/parameterfiles")
check test "$(realpath "$(unset CUBIX_DATA; data_of "$CUBIX_BUILD/cubix")")" = "$source_data"
check test "$(unset CUBIX_DATA; data_of "$prefix/bin/cubix")" = "$prefix/share/cubix"
mv "$scratch/root" "$scratch/moved"
check test "$(unset CUBIX_DATA; data_of "$scratch/moved${prefix#"$scratch/root"}/bin/cubix")" = "$scratch/moved${prefix#"$scratch/root"}/share/cubix"
mv "$scratch/moved" "$scratch/root"
mkdir -p "$scratch/own/instruments"
for program in "$CUBIX_BUILD/cubix" "$prefix/bin/cubix"; do
  check test "$(export CUBIX_DATA=$scratch/own; data_of "$program")" = "$scratch/own"
done
# Every header alone, in C and C++; none of ours stands in for one of the system's, such as <error.h>.
cxx="$cxx -std=c++17 -Wall -Wextra -pedantic -Werror -DOMPI_SKIP_MPICXX -DMPICH_SKIP_MPICXX"
has_cxx=$(configured have_cxx)
for header in $(find "$include" -name '*.h'); do
  printf '#include <cubix/%s>\nint some_declaration;\n' "${header#"$include"/}" > "$scratch/alone.c"
  cp "$scratch/alone.c" "$scratch/alone.cpp"
  check $cc -std=c17 -Wall -Wextra -pedantic -Werror -I"$prefix/include" -c "$scratch/alone.c" -o "$scratch/alone.o"
  [ "$has_cxx" != yes ] || check $cxx -I"$prefix/include" -c "$scratch/alone.cpp" -o "$scratch/alone.o"
done
check test -z "$(grep -rhE '#[[:space:]]*include[[:space:]]*"' "$include")"

cat > "$scratch/stranger.c" << 'END'
#define _GNU_SOURCE
#include <error.h>
#include <cubix/cubix-mpi.h>
#include <cubix/cubix.h>
#include <string.h>
#if CUBIX_VERSION_NUMBER < 100
#error "an older version"
#endif
int main(int argc, char **argv)
{
  struct cubix_params *par = NULL;
  struct cubix_instrument *ins = NULL;
  char version[32];
  int status = cubix_mpi_start(&argc, &argv);
  if (!status) status = cubix_params_init(&par);
  if (!status) status = cubix_params_set(par, "Instrument", "MUSE");
  if (!status) status = cubix_params_set(par, "FieldOfView", "10 arcsec");
  if (!status) status = cubix_instrument_read(&ins, par);
  if (status) error(0, 0, "%s", cubix_error_message());
  else printf("%d x %d spaxels\n", ins->n_x, ins->n_y);
  cubix_instrument_free(ins);
  cubix_params_free(par);
  snprintf(version, sizeof version, "%d.%d.%d", CUBIX_VERSION_MAJOR, CUBIX_VERSION_MINOR, CUBIX_VERSION_PATCH);
  if (strcmp(version, cubix_version())) puts("headers of another version");
  return cubix_mpi_finish(status);
}
END
sed '/define _GNU_SOURCE/d' "$scratch/stranger.c" > "$scratch/stranger.cpp"
if [ -n "$pkg_config" ]; then
  flags() { "$pkg_config" --define-variable=prefix="$prefix" "$@"; }
  says()        # a program says what the stranger's must
  {
    checked=$((checked + 1))
    said=$(ASAN_OPTIONS=detect_leaks=0 LD_LIBRARY_PATH=$library CUBIX_DATA=$prefix/share/cubix "$1" 2> "$scratch/complaints")     # MPI may grumble there about the machine
    [ "$said" = "50 x 50 spaxels" ] || { bad=$((bad + 1)); echo "$1 says: $said"; cat "$scratch/complaints"; }
  }
  library=$(dirname "$(find "$scratch/root" -name libcubix.a)")
  check $cc -std=c17 $sanitizers $(flags --cflags cubix) "$scratch/stranger.c" $(flags --libs cubix) -o "$scratch/stranger"
  says "$scratch/stranger"
  # without the shared library, as --disable-shared installs: with what it stands on
  mkdir "$scratch/archive" && ln -s "$library/libcubix.a" "$scratch/archive"
  check $cc -std=c17 $sanitizers $(flags --cflags cubix) "$scratch/stranger.c" -L"$scratch/archive" $(flags --static --libs cubix) -o "$scratch/static"
  says "$scratch/static"
  if [ "$has_cxx" = yes ]; then
    check $cxx $sanitizers $(flags --cflags cubix) "$scratch/stranger.cpp" $(flags --libs cubix) -o "$scratch/strangerxx"
    says "$scratch/strangerxx"
  fi
  check $cc -std=c17 -Wall -Wextra -pedantic -Werror $sanitizers $(flags --cflags cubix) "$CUBIX_SOURCE/examples/gradient/chi2.c" $(flags --libs cubix) -o "$scratch/chi2"
  check test "$(flags --modversion cubix)" = "$(configured PACKAGE_VERSION)"
  check test "$(flags --libs cubix-mpi)" = "$(flags --libs cubix)"
  [ ! -e "$CUBIX_BUILD/libcubix.so" ] || check test "$(echo $(flags --libs cubix))" = "-L$library -lcubix"
fi
# the shared library, where configure could make one: its name, what it needs, and that a stranger finds it and calls both halves
if [ -e "$CUBIX_BUILD/libcubix.so" ]; then
  version=$(configured PACKAGE_VERSION) shared=$(find "$scratch/root" -name libcubix.so)
  check test -n "$shared"
  check test "$(readlink "$shared")" = "libcubix.so.$(configured SHARED_ABI)"
  check test "$(readlink -f "$shared")" = "$(dirname "$(readlink -f "$shared")")/libcubix.so.$version"
  [ -z "$pkg_config" ] || check test "$("$pkg_config" --define-variable=prefix="$prefix" --variable=sharedlib cubix)" = "$shared"
  cat > "$scratch/loader.c" << 'END'
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
  if (argc != 3) return 1;
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  int (*start)(int *, char ***) = 0, (*finish)(int) = 0, (*count)(void) = 0, (*find)(char *, size_t, const char *, const char *) = 0;
  char path[4096];
  if (library) *(void **)&start = dlsym(library, "cubix_mpi_start"), *(void **)&finish = dlsym(library, "cubix_mpi_finish"), *(void **)&count = dlsym(library, "cubix_params_count"),
    *(void **)&find = dlsym(library, "cubix_datafile_find");
  if (!start || !finish || !count || !find) return puts(dlerror()), 1;
  if (start(0, 0)) return puts("not started"), 1;
  if (find(path, sizeof path, "instruments", "MUSE") || strcmp(path, argv[2])) return puts(path), 1;
  return count() > 50 ? finish(0) : 1;
}
END
  check $cc $sanitizers "$scratch/loader.c" -ldl -o "$scratch/loader"
  ASAN_OPTIONS=detect_leaks=0 check env -u CUBIX_DATA "$scratch/loader" "$shared" "$prefix/share/cubix/instruments/MUSE.cfg"
fi
# and away again
checked=$((checked + 1))
make -s -C "$CUBIX_BUILD" uninstall DESTDIR="$scratch/root" > "$scratch/log" 2>&1
left=$(find "$scratch/root" ! -type d)
[ -z "$left" ] || { bad=$((bad + 1)); echo "make uninstall leaves:"; head -5 <<< "$left"; }
echo "install.sh: $checked things looked at, $bad wrong"
[ "$bad" = 0 ] && [ "$checked" -gt 30 ]
