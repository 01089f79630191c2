/* stage.c -- what each stage of the pipeline took: mean and slowest rank, peak memory; and what the
 * ranks sent each other (exchange.h).
 *
 * A stage ends with cubix_mpi_agree, so that no rank runs ahead into a collective call after
 * another has failed. */
#include "mpi/comm/stage.h"

#include <mpi.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"

/* What the log calls a stage; STEM-timings.txt keeps the short names, for programs. */
static const struct { const char *name, *words; } said[] = {
  { "parameters", "reading parameters" },
  { "files",      "checking the outputs' names" },
  { "disk",       "room on the disk" },
  { "read",       "reading particles" },
  { "frame",      "finding centre and orientation" },
  { "gas",        "reading gas" },
  { "speeds",     "speeds of the stars" },
  { "templates",  "broadening the library" },
  { "memory",     "estimating memory" },
  { "columns",    "dust in front of the stars" },
  { "lines",      "emission lines" },
  { "place",      "putting stars into spaxels" },
  { "basis",      "templates at all velocities" },
  { "paint",      "painting the spectra" },
  { "sum",        "adding up the ranks" },
  { "audit",      "recomputing some voxels" },
  { "psf",        "convolving with the PSF" },
  { "light",      "maps of light" },
  { "foresee",    "foreseeing the noise" },
  { "write",      "writing" },
};

static const char *words_of(const char *name)
{
  for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
    if (!strcmp(said[i].name, name)) return said[i].words;
  return name;
}

/* Whether a stage took so long that everybody may want to know: a share of all so far, and not a blink. */
static int is_long(const struct cubix_stages *stages, double seconds)
{
  double all = 0;
  for (int i = 0; i < stages->n; i++) all += stages->stage[i].slowest;
  return seconds > 0.05 && seconds > 0.01 * all;
}

static double peak_mib(void) { return cubix_memory_most() / 1048576; }

void cubix_mpi_stage_begin(struct cubix_stages *stages, const char *name)
{
  if (!stages) return;
  if (!stages->n) stages->sent_before = cubix_mpi_volume();
  if (stages->n < CUBIX_MAX_STAGE) stages->stage[stages->n].name = name;
  stages->started = cubix_log_clock();
}

int cubix_mpi_stage_end(struct cubix_stages *stages, int status)
{
  struct { double seconds; int rank; } slowest = { 0, cubix_mpi_rank() };
  double sum;
  if (!stages) return cubix_mpi_agree(status);
  slowest.seconds = sum = cubix_log_clock() - stages->started;
  cubix_mpi_wait();
  status = cubix_mpi_agree(status);
  if (status || stages->n == CUBIX_MAX_STAGE) return status;
  MPI_Allreduce(MPI_IN_PLACE, &slowest, 1, MPI_DOUBLE_INT, MPI_MAXLOC, cubix_mpi_group()->comm);
  MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, cubix_mpi_group()->comm);
  const int i = stages->n++;
  stages->stage[i].mean = sum / cubix_mpi_size();
  stages->stage[i].slowest = slowest.seconds;
  stages->stage[i].slowest_rank = slowest.rank;
  stages->stage[i].peak_mib = cubix_mpi_max(peak_mib());
  sum = (cubix_mpi_volume() - stages->sent_before) / 1048576.;
  stages->sent_largest = cubix_mpi_max(sum);
  MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, cubix_mpi_group()->comm);
  stages->sent_mean = sum / cubix_mpi_size();
  cubix_log(is_long(stages, slowest.seconds) ? CUBIX_LOG_INFO : CUBIX_LOG_DEBUG,
            "%-30s %8.3f s  (rank %d; mean %.3f s; peak memory of a rank %.0f MiB)", words_of(stages->stage[i].name),
            slowest.seconds, slowest.rank, stages->stage[i].mean, stages->stage[i].peak_mib);
  return CUBIX_OK;
}

int cubix_mpi_stages_print(FILE *out, const void *host)
{
  const struct cubix_stages *stages = host;
  fprintf(out, "# %d rank(s)\n# %-10s %10s %10s %6s %10s\n", cubix_mpi_size(), "stage", "slowest_s", "mean_s", "rank",
          "peak_MiB");
  for (int i = 0; i < stages->n; i++)
    fprintf(out, "%-12s %10.4f %10.4f %6d %10.1f\n", stages->stage[i].name, stages->stage[i].slowest,
            stages->stage[i].mean, stages->stage[i].slowest_rank, stages->stage[i].peak_mib);
  fprintf(out, "# %-10s %10s %10s\n%-12s %10.3f %10.3f\n", "sent", "most_MiB", "mean_MiB", "communication",
          stages->sent_largest, stages->sent_mean);
  return CUBIX_OK;
}

void cubix_mpi_stages_summary(const struct cubix_stages *stages)
{
  double total = 0;
  for (int i = 0; i < stages->n; i++) total += stages->stage[i].slowest;
  double largest = cubix_mpi_max(peak_mib()), smallest = cubix_mpi_min(peak_mib());
  cubix_log(CUBIX_LOG_INFO, "%-30s %8.3f s  (peak memory per rank %.0f..%.0f MiB)", "total", total, smallest, largest);
}
