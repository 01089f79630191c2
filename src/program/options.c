/* options.c -- the command line: a few switches, one parameter file, and Name=value, which override
 * the file. */
#include "program/options.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "instrument/instrument_doc.h"
#include "params/params.h"
#include "version.h"

static const char usage[] =
    "cubix " CUBIX_VERSION ": datacubes of integral-field spectrographs from particle simulations of galaxies\n"
    "\n"
    "  cubix [-n|--dry-run] [-q|-v] PARAMFILE [Name=value ...]    alone or under mpirun; - is stdin\n"
    "  cubix --help [WORD]                        this page, a parameter, or all that has to do with WORD\n"
    "  cubix --params=template|markdown|json|man  a complete parameter file, or its documentation\n"
    "  cubix --instruments[=list|markdown]        all instruments\n"
    "  cubix --version\n"
    "\n"
    "  -n  read and check everything, say what memory it will take; paint and write nothing\n"
    "  -q  only warnings and errors, none of them twice\n"
    "  -v  details, and where an error came from\n"
    "\n"
    "Example\n"
    "  cubix --params=template > my.param             then set InputFile, SspFile and OutputFile in it\n"
    "  cubix my.param Instrument=MUSE Redshift=0.05   one process, all cores\n"
    "  mpirun -np 4 --bind-to none cubix my.param     four processes (ranks); OMP_NUM_THREADS is per rank\n";

static int answer_help(const char *word)
{
  if (!word) fputs(usage, stdout);
  int status = cubix_params_write_help(stdout, word);
  if (!cubix_instruments_name(stdout, word) || status != CUBIX_EUSAGE) return status;
  cubix_error_clear();
  return CUBIX_OK;
}

int cubix_options_read(struct cubix_options *o, int *answered, int argc, char **argv)
{
  int status = CUBIX_OK;
  memset(o, 0, sizeof *o);
  *answered = 0;
  for (int i = 1; i < argc && !o->file; i++) {
    const char *a = argv[i];
    if (!strcmp(a, "--help") || !strcmp(a, "-h")) {
      *answered = 1;
      CUBIX_TRY(answer_help(i + 1 < argc ? argv[i + 1] : NULL));
      goto done;
    }
    if (!strcmp(a, "--version")) {
      *answered = 1;
      printf("cubix %s (%s)\n", CUBIX_VERSION, CUBIX_COMMIT);
      goto done;
    }
    if (!strncmp(a, "--params=", 9)) {
      *answered = 1;
      CUBIX_TRY(cubix_params_write_doc(stdout, a + 9));
      goto done;
    }
    if (!strcmp(a, "--instruments") || !strncmp(a, "--instruments=", 14)) {
      *answered = 1;
      CUBIX_TRY(cubix_instruments_write(stdout, a[13] ? a + 14 : "list"));
      goto done;
    }
    if (!strcmp(a, "-n") || !strcmp(a, "--dry-run")) o->dry_run = 1;
    else if (!strcmp(a, "-q")) o->quiet = 1;
    else if (!strcmp(a, "-v")) o->verbose = 1;
    else {
      CUBIX_CHECK(a[0] != '-' || !a[1], CUBIX_EUSAGE, "unknown option %s; cubix --help lists all", a);
      CUBIX_CHECK(!strchr(a, '='), CUBIX_EUSAGE, "%s comes before the parameter file; write cubix PARAMFILE %s", a, a);
      o->file = a;
      o->override = argv + i + 1;
      o->n_override = argc - i - 1;
    }
  }
  CUBIX_CHECK(o->file, CUBIX_EUSAGE,
              "no parameter file given; cubix --help shows how, cubix --params=template makes one");
  for (int i = 0; i < o->n_override; i++)
    CUBIX_CHECK(strchr(o->override[i], '='), CUBIX_EUSAGE,
                "%s after the parameter file must read Name=value; options come first", o->override[i]);
done:
  return status;
}
