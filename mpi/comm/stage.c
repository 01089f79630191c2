/* stage.c -- what each stage of the program took: mean and slowest rank, peak memory; and what the ranks sent each other (exchange.h).
 *
 * A stage ends with cubix_mpi_agree, so that no rank runs ahead into a collective call after another has failed.                  */

#include "mpi/comm/stage.h"

#include <mpi.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"

enum { MAX_STAGE = 32 };

static struct { const char *name; double mean, slowest; int slowest_rank; double peak_mib; } stage[MAX_STAGE];
static int n_stage;
static double started;
static struct { double largest, mean; } volume;   /* MiB that a rank has sent up to the last stage */

void cubix_mpi_stage_begin(const char *name)
{
  if (n_stage < MAX_STAGE) stage[n_stage].name = name;
  started = cubix_log_clock();
}

static double peak_mib(void) { return cubix_memory_most() / 1048576; }

int cubix_mpi_stage_end(int status)
{
  struct { double seconds; int rank; } slowest = { cubix_log_clock() - started, cubix_mpi_rank() };
  double sum = slowest.seconds;
  cubix_mpi_wait();
  status = cubix_mpi_agree(status);
  if (status || n_stage == MAX_STAGE) return status;
  MPI_Allreduce(MPI_IN_PLACE, &slowest, 1, MPI_DOUBLE_INT, MPI_MAXLOC, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  stage[n_stage].mean = sum / cubix_mpi_size();
  stage[n_stage].slowest = slowest.seconds;
  stage[n_stage].slowest_rank = slowest.rank;
  stage[n_stage].peak_mib = cubix_mpi_max(peak_mib());
  sum = cubix_mpi_volume() / 1048576.;
  volume.largest = cubix_mpi_max(sum);
  MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  volume.mean = sum / cubix_mpi_size();
  cubix_log(CUBIX_LOG_INFO, "%-12s %8.3f s  (rank %d; mean %.3f s; peak memory of a rank %.0f MiB)", stage[n_stage].name, slowest.seconds, slowest.rank,
            stage[n_stage].mean, stage[n_stage].peak_mib);
  n_stage++;
  return CUBIX_OK;
}

void cubix_mpi_stage_print(FILE *out)
{
  fprintf(out, "# %d rank(s)\n# %-10s %10s %10s %6s %10s\n", cubix_mpi_size(), "stage", "slowest_s", "mean_s", "rank", "peak_MiB");
  for (int i = 0; i < n_stage; i++)
    fprintf(out, "%-12s %10.4f %10.4f %6d %10.1f\n", stage[i].name, stage[i].slowest, stage[i].mean, stage[i].slowest_rank, stage[i].peak_mib);
  fprintf(out, "# %-10s %10s %10s\n%-12s %10.3f %10.3f\n", "sent", "most_MiB", "mean_MiB", "communication", volume.largest, volume.mean);
}

void cubix_mpi_stage_summary(void)
{
  double total = 0;
  for (int i = 0; i < n_stage; i++) total += stage[i].slowest;
  double largest = cubix_mpi_max(peak_mib()), smallest = cubix_mpi_min(peak_mib());
  cubix_log(CUBIX_LOG_INFO, "%-12s %8.3f s  (peak memory per rank %.0f..%.0f MiB)", "total", total, smallest, largest);
}
