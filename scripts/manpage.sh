#!/usr/bin/env bash
# manpage.sh VERSION PROGRAM [COMMAND ...] -- the manual page of a program, from what it says of itself.
#
# COMMAND --help (default: PROGRAM --help) is what the page is made of; for cubix the parameters come from --params=man, whole instead of in a line each.
# A program that cannot run here (no Python) gets a page that says where to look.
version=$1 program=$2
shift 2
[ $# -gt 0 ] || set -- "./$program"
export COLUMNS=98 LINES=60 NO_COLOR=1 PYTHONDONTWRITEBYTECODE=1

help=$("$@" --help 2> /dev/null) || help="$program: a program of CUBIX

Run $program --help."
if [ "$program" = cubix ]; then
  parameters=$("$@" --params=man) || exit 1
  help=$(sed '/^Files$/,$d' <<< "$help")
fi

awk -v program="$program" -v version="$version" '
  function plain(s) { gsub(/\\/, "\\e", s); gsub(/-/, "\\-", s); if (s ~ /^[.'"'"']/) s = "\\&" s; return s }
  function trim(s) { sub(/^ +/, "", s); sub(/ +$/, "", s); return s }
  { line[NR] = $0 }
  # the line that says what it is: after "NAME VERSION: ", or the first paragraph that is no usage
  !what && NR == 1 && index($0, program " " version ": ") == 1 { what = substr($0, length(program " " version ": ") + 1); line[NR] = ""; next }
  !what && NR == 1 && index($0, program ": ") == 1 { what = substr($0, length(program) + 3); line[NR] = ""; next }
  !what && /^[A-Z]/ && !/:$/ { what = $0; sub(/\.$/, "", what); line[NR] = ""; next }
  # the text as it stands, or filled by man
  function fill(on) { if (on != filled) print on ? ".fi" : ".nf"; filled = on }
  function head(title) { fill(1); print ".SH " toupper(title); section = title; item = 0; blank = 0 }
  END {
    print ".TH " toupper(program) " 1 \"\" \"CUBIX " version "\" \"CUBIX\""
    print ".SH NAME\n" plain(program) " \\- " plain(what)
    filled = 1
    for (i = 1; i <= NR; i++) {
      s = line[i]
      if (s ~ /^ *$/) { if (!(section == "synopsis" && !filled)) fill(1); else if (section == "synopsis") { fill(1); section = "told" } blank = 1; item = 0; continue }
      if (!section && (s ~ /^usage: / || s ~ "^  " program)) { head("synopsis"); fill(0) }
      if (section == "synopsis") { sub(/^usage: /, "", s); print plain(trim(s)); continue }
      if (s ~ /^[A-Z][A-Za-z ]+:?$/ || s ~ /^(positional arguments|options|optional arguments):$/) {          # a title
        sub(/:$/, "", s); head(plain(s)); continue
      }
      deep = match(s, /[^ ]/) - 1
      if (deep == 2 || (deep == 0 && section == "" )) {
        t = trim(s); n = match(t, /   *[^ ]/)
        if (deep == 2) {                                                     # an item and its text
          if (section == "told") head("options")
          fill(1); print ".TP\n.B " plain(n ? substr(t, 1, n - 1) : t)
          if (n) print plain(trim(substr(t, n)))
          item = 1; blank = 0; continue
        }
      }
      if (section == "told" || section == "") head("description")
      if (!item && (deep > 0 || s ~ /^[a-z]+ ?[A-Z]*:/)) { if (filled && !blank) print ".PP"; fill(0); print plain(s); blank = 0; continue }     # a table
      if (item && deep > 0 && deep < 10) { fill(0); print plain(s); continue }
      if (deep == 0) { if (item || blank || !filled) { fill(1); print ".PP" } item = 0 }
      print plain(trim(s)); blank = 0
    }
    fill(1)
  }' <<< "$help"

if [ "$program" = cubix ]; then
  printf '%s\n' "$parameters"
  cat << 'END'
.SH FILES
.TP
.I share/cubix/instruments, share/cubix/formats
beside the folder of the program: what
.B Instrument
and
.B SimulationFormat
name
.TP
.I STEM\-usedvalues, STEM\-timings.txt
beside the cube: a parameter file that makes it again, and how long each stage took
.SH ENVIRONMENT
.TP
.B CUBIX_DATA
the folder of instruments and formats, instead of that beside the program
.TP
.B OMP_NUM_THREADS
threads of each rank
.TP
.B CUDA_VISIBLE_DEVICES
the GPUs that may be used
END
fi
if [ "$program" = cubix ] || [ "$program" = cubix-batch ] || [ "$program" = cubix-extract ] || [ "$program" = cubix-mock ]; then
  cat << 'END'
.SH EXIT STATUS
0 done; 1 failure while computing; 2 the command line or a parameter; 3 an input file; 4 the output; 130 interrupted
END
fi
printf '.SH SEE ALSO\n'
for other in cubix cubix-batch cubix-extract cubix-from-rubix cubix-import cubix-lines cubix-mock cubix-plot cubix-ssp cubix-watch; do
  [ "$other" = "$program" ] || printf '.BR %s (1),\n' "${other//-/\\-}"
done | sed '$s/,$//'
