# completion.bash -- bash completion of the programs of CUBIX: options, parameters, their words, instruments and formats.
#
# What there is comes from the programs themselves (cubix --params=json, --instruments; --help of the others), so that it is always
# true of the one that is run.  Installed where bash-completion looks; without it:  . share/bash-completion/completions/cubix

# The cubix that belongs to the program that is completed: itself, or the one beside it.
_cubix_program()
{
  case $1 in
    */*) printf '%s/cubix' "${1%/*}" ;;
    *) printf cubix ;;
  esac
}

# The folder of instruments and formats.
_cubix_data()
{
  local at
  [ -n "${CUBIX_DATA:-}" ] && { printf '%s' "$CUBIX_DATA"; return; }
  at=$(command -v -- "$1") && at=$(readlink -f -- "$at") && printf '%s' "${at%/bin/*}/share/cubix"
}

# What may follow Name= ; nothing: a file.
_cubix_values()
{
  local cubix=$1 name=$2
  case $name in
    Instrument) "$cubix" --instruments 2> /dev/null | sed 's/ .*//' ;;
    SimulationFormat) echo auto; (cd "$(_cubix_data "$cubix")/formats" 2> /dev/null && printf '%s\n' *.cfg | sed 's/\.cfg$//') ;;
    *)
      "$cubix" --params=json 2> /dev/null | grep "{\"name\": \"$name\"," |
        sed -n 's/.*"type": "BOOL".*/yes\nno/p; s/.*"words": "\([^"]*\)".*/\1/p' | tr '|' '\n'
      ;;
  esac
}

_cubix_files() { compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$1"); }

_cubix()
{
  local program=$1 line=${COMP_LINE:0:COMP_POINT} word before cubix name
  word=${line##*[[:space:]]}                    # the whole word: bash cuts it at =
  before=${line%"$word"}
  cubix=$(_cubix_program "$program")
  COMPREPLY=()
  case $word in
    --params=*) mapfile -t COMPREPLY < <(compgen -W 'template markdown json' -- "${word#*=}"); return ;;
    --instruments=*) mapfile -t COMPREPLY < <(compgen -W 'list markdown' -- "${word#*=}"); return ;;
    [A-Z]*=*)
      name=${word%%=*} word=${word#*=}
      mapfile -t COMPREPLY < <(compgen -W "$(_cubix_values "$cubix" "$name")" -- "$word")
      [ ${#COMPREPLY[@]} -gt 0 ] || _cubix_files "$word"
      return
      ;;
    -*)
      case ${program##*/} in
        cubix) mapfile -t COMPREPLY < <(compgen -W '-n --dry-run -q -v --help --params= --instruments --version' -- "$word") ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2> /dev/null | grep -oE -- '--[a-z][a-z0-9-]*' | sort -u)" -- "$word") ;;
      esac
      [[ ${COMPREPLY[0]:-} == *= ]] && compopt -o nospace 2> /dev/null
      return
      ;;
  esac
  case ${program##*/} in
    cubix | cubix-batch | cubix-extract)
      if [[ $before =~ --help[[:space:]]+$ ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$cubix" --params=json 2> /dev/null | sed -n 's/.*{"name": "\([^"]*\)".*/\1/p')" -- "$word")
      elif [[ $before =~ [[:space:]][^-[:space:]][^[:space:]]*[[:space:]]+$ ]]; then        # the parameter file stands there
        mapfile -t COMPREPLY < <(compgen -S = -W "$("$cubix" --params=json 2> /dev/null | sed -n 's/.*{"name": "\([^"]*\)".*/\1/p')" -- "$word")
        compopt -o nospace 2> /dev/null
      else
        _cubix_files "$word"
      fi
      ;;
    cubix-ssp | cubix-lines)
      if [[ $before =~ ^[[:space:]]*[^[:space:]]+[[:space:]]+$ ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2> /dev/null | sed -n '1s/.*\[-h\] \([a-z|]*\).*/\1/p' | tr '|' ' ')" -- "$word")
      elif [[ $before =~ [[:space:]]convert[[:space:]]+$ ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2> /dev/null | awk '/^get /{exit} /^convert FORMAT:/{print $3; next} /^                [a-z]/ && !/^                 /{print $1}')" -- "$word")
      else
        _cubix_files "$word"
      fi
      ;;
    *) _cubix_files "$word" ;;
  esac
}
complete -F _cubix cubix cubix-batch cubix-extract cubix-mock cubix-ssp cubix-plot cubix-import cubix-lines cubix-from-rubix cubix-watch
