/* cubix-extract -- the particles of any simulation, or of galaxies in it, as canonical particle files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
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
    "  cubix-extract [-q|-v] PARAMFILE [Name=value ...]    alone or under mpirun\n"
    "  cubix-extract --version\n"
    "\n"
    "Of the parameters of cubix (cubix --help) it takes those about the simulation and about which particles:\n"
    "InputFile, SimulationFormat, StarType ..., GroupCatalogue, GroupType, GroupIndex, SelectRadius, Centre,\n"
    "SlabMemory.  OutputFile is one HDF5 file.  With %d in its name there is one for each group of GroupIndex,\n"
    "say galaxy_%d.hdf5; with Overwrite no those that exist are left as they are, and the rest is done.\n";

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

int main(int argc, char **argv)
{
  struct cubix_options opt;
  struct cubix_params *par = NULL;
  struct cubix_extracted extracted;
  int status, started, answered, root;
  const double start = cubix_log_clock();

  if (answer(argc, argv)) return 0;
  status = cubix_options_read(&opt, &answered, argc, argv);
  started = cubix_mpi_start(&argc, &argv);
  if (!status) status = started;
  root = cubix_mpi_rank() == 0;
  cubix_console_open("cubix-extract", root, opt.quiet, opt.verbose);
  cubix_console_catch_signals("cubix-extract", root, cubix_atomic_file_abandon);
  if (status) goto done;
  cubix_mpi_cores_warn();
  CUBIX_TRY(cubix_mpi_params_read(&par, opt.file, opt.n_override, opt.override, "SspFile"));
  CUBIX_TRY(cubix_mpi_agree(root ? cubix_output_side_check(par, "", par->OutputFile) : CUBIX_OK));
  CUBIX_TRY(cubix_mpi_extract(&extracted, par, par->OutputFile));
  cubix_log(CUBIX_LOG_INFO, "%s: %lld stars, %lld gas, %.4g MB in %.2f s", par->OutputFile,
            (long long)extracted.n_star, (long long)extracted.n_gas, 1e-6 * extracted.bytes,
            cubix_log_clock() - start);
done:
  if (status) cubix_console_error("cubix-extract", opt.verbose);
  cubix_params_free(par);
  return cubix_mpi_finish(status);
}
