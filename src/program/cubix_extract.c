/* cubix-extract -- the particles of any simulation, or of galaxies in it, as canonical particle files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/cores.h"
#include "mpi/comm/group.h"
#include "mpi/comm/text.h"
#include "mpi/extract/extract.h"
#include "output/output.h"
#include "program/console.h"
#include "program/options.h"
#include "version.h"

static const char usage[] =
    "cubix-extract " CUBIX_VERSION ": particles of any simulation as a canonical particle file\n"
    "\n"
    "  cubix-extract [--groups LIST] [-q|-v] PARAMFILE [Name=value ...]    alone or under mpirun\n"
    "  cubix-extract --version\n"
    "\n"
    "Of the parameters of cubix (cubix --help) it takes those about the simulation and about which particles:\n"
    "InputFile, SimulationFormat, StarType ..., GroupCatalogue, GroupType, GroupIndex, SelectRadius, Centre,\n"
    "SlabMemory.  OutputFile is one HDF5 file.\n"
    "\n"
    "  --groups LIST  a file for each of these groups of GroupCatalogue, like 3,7,12: of galaxy.hdf5 they are\n"
    "                 galaxy_3.hdf5 and so on, or galaxy%d.hdf5 says where their numbers stand.  With Overwrite no\n"
    "                 those that exist are left as they are, and the rest is done.\n";

static int answer(int argc, char **argv)
{
  for (int i = 1; i < argc; i++) {
    const int help = !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
    if (help) fputs(usage, stdout);
    else if (!strcmp(argv[i], "--version")) printf("cubix-extract %s (%s)\n", CUBIX_VERSION, CUBIX_COMMIT);
    else continue;
    return 1;
  }
  return 0;
}

/* Take --groups LIST out of the command line.  @return LIST; NULL without one */
static const char *take_groups(int *argc, char **argv)
{
  for (int i = 1; i < *argc; i++) {
    const int joined = !strncmp(argv[i], "--groups=", 9), words = joined ? 1 : 2;
    if (!joined && (strcmp(argv[i], "--groups") || i + 1 == *argc)) continue;
    const char *list = joined ? argv[i] + 9 : argv[i + 1];
    memmove(argv + i, argv + i + words, (size_t)(*argc - i - words + 1) * sizeof *argv);
    *argc -= words;
    return list;
  }
  return NULL;
}

/* A file for each of these groups. */
static int ask_for(struct cubix_params *par, const char *groups)
{
  int status = CUBIX_OK;
  char path[CUBIX_OUTPUT_PATH];
  const char *dot = strrchr(par->OutputFile, '.');
  CUBIX_TRY(cubix_params_set(par, "GroupIndex", groups));
  if (strstr(par->OutputFile, "%d") || !dot) goto done;
  snprintf(path, sizeof path, "%.*s_%%d%s", (int)(dot - par->OutputFile), par->OutputFile, dot);
  CUBIX_TRY(cubix_params_set(par, "OutputFile", path));
done:
  return status;
}

static int check_output(const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const size_t n = strlen(par->OutputFile);
  CUBIX_CHECK((n > 5 && !strcmp(par->OutputFile + n - 5, ".hdf5")) ||
                  (n > 3 && !strcmp(par->OutputFile + n - 3, ".h5")),
              CUBIX_EUSAGE, "OutputFile = %s (%s) must be one HDF5 file, NAME.hdf5", par->OutputFile,
              cubix_params_origin(par, "OutputFile"));
  if (!strstr(par->OutputFile, "%d")) CUBIX_TRY(cubix_output_side_check(par, "", par->OutputFile));
done:
  return status;
}

int main(int argc, char **argv)
{
  struct cubix_options opt;
  struct cubix_params *par = NULL;
  int status, started, answered, root;
  const char *const groups = take_groups(&argc, argv);

  if (answer(argc, argv)) return 0;
  status = cubix_options_read(&opt, &answered, argc, argv);
  started = cubix_mpi_start(&argc, &argv);
  if (!status) status = started;
  root = cubix_mpi_rank() == 0;
  cubix_console_open("cubix-extract", root, opt.quiet, opt.verbose);
  cubix_console_catch_signals("cubix-extract", root, cubix_atomic_file_abandon);
  if (status) goto done;
  cubix_mpi_cores_warn();
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_params_read(&par, opt.file, opt.n_override, opt.override, "SspFile")));
  if (groups) CUBIX_TRY(cubix_mpi_agree(ask_for(par, groups)));
  CUBIX_TRY(cubix_mpi_agree(root ? check_output(par) : CUBIX_OK));
  CUBIX_TRY(cubix_mpi_extract(par));
done:
  if (status) cubix_console_error("cubix-extract", opt.verbose);
  cubix_params_free(par);
  return cubix_mpi_finish(status);
}
