/* outliers.c -- the stars that no histogram serves, or not in all channels: to be painted one by one.
 *
 * They are noted chunk by chunk.  Where a rank paints its channels for the stars of all ranks, it
 * needs all of these: they go round the ranks, 48 bytes each, and are sorted by spaxel. Within a
 * spaxel they stand in the order of the ranks, which is that of the file: sums over them have the
 * same bits on any number of ranks. */
#include "mpi/engine/outliers.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/placement.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "physics/population.h"

struct cubix_outlier {
  struct cubix_star star;
  uint64_t spaxel;
};

/* How many there are on which rank, and where each rank's begin [bytes]. */
struct plan {
  uint64_t *count;                /* [n_rank] */
  size_t *offset;                 /* [n_rank + 1] */
};

int cubix_mpi_outliers_add(struct cubix_outliers *outliers, const struct cubix_placement *placement,
                           cubix_star_test *test, const void *host)
{
  int status = CUBIX_OK;
  struct cubix_placement *picked = NULL;
  CUBIX_TRY(cubix_placement_pick(&picked, placement, test, host));
  size_t n = picked->start[picked->n_spaxel];
  if (outliers->n + n > outliers->room) {
    size_t room = 2 * outliers->room + n;
    struct cubix_outlier *more = realloc(outliers->star, room * sizeof *more);
    CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate %zu x %zu bytes for stars that are painted one by one", room,
                sizeof *more);
    outliers->star = more;
    outliers->room = room;
  }
  for (size_t s = 0; s < picked->n_spaxel; s++)
    for (size_t i = picked->start[s]; i < picked->start[s + 1]; i++)
      outliers->star[outliers->n++] = (struct cubix_outlier){ picked->star[i], s };
done:
  cubix_placement_free(picked);
  return status;
}

void cubix_mpi_outliers_free(struct cubix_outliers *outliers)
{
  free(outliers->star);
  *outliers = (struct cubix_outliers){ 0 };
}

static int plan_init(struct plan *plan, const struct cubix_outliers *mine, int all)
{
  int status = CUBIX_OK, n_rank = cubix_mpi_size();
  uint64_t n = mine->n;
  CUBIX_ALLOC(plan->count, n_rank);
  CUBIX_ALLOC(plan->offset, n_rank + 1);
  plan->count[cubix_mpi_rank()] = n;
done:
  status = cubix_mpi_agree(status);
  if (status) return status;
  if (all) MPI_Allgather(&n, 1, MPI_UINT64_T, plan->count, 1, MPI_UINT64_T, cubix_mpi_group()->comm);
  for (int r = 0; r < n_rank; r++) plan->offset[r + 1] = plan->offset[r] + sizeof *mine->star * plan->count[r];
  return CUBIX_OK;
}

/* Room for all, with mine in their place. */
static int fill(struct cubix_outliers *sum, const struct plan *plan, const struct cubix_outliers *mine)
{
  int status = CUBIX_OK;
  sum->n = plan->offset[cubix_mpi_size()] / sizeof *sum->star;
  CUBIX_ALLOC(sum->star, sum->n);
  if (mine->n) memcpy((char *)sum->star + plan->offset[cubix_mpi_rank()], mine->star, mine->n * sizeof *mine->star);
done:
  return status;
}

/* Stable counting sort by spaxel. */
static int settle(struct cubix_placement **out, const struct cubix_outliers *outliers, size_t n_spaxel)
{
  int status = CUBIX_OK;
  struct cubix_placement *p = NULL;
  CUBIX_TRY(cubix_placement_init(&p, n_spaxel, outliers->n));
  for (size_t i = 0; i < outliers->n; i++) p->start[outliers->star[i].spaxel + 1]++;
  for (size_t s = 0; s < n_spaxel; s++) p->start[s + 1] += p->start[s];
  for (size_t i = 0; i < outliers->n; i++) p->star[p->start[outliers->star[i].spaxel]++] = outliers->star[i].star;
  /* each had moved to the beginning of the next */
  for (size_t s = n_spaxel; s > 0; s--) p->start[s] = p->start[s - 1];
  p->start[0] = 0;
  *out = p;
done:
  return status;
}

int cubix_mpi_outliers_gather(struct cubix_placement **placement, const struct cubix_outliers *outliers,
                              size_t n_spaxel, int all)
{
  int status = CUBIX_OK;
  struct plan plan = { 0 };
  struct cubix_outliers sum = { 0 };
  CUBIX_TRY(plan_init(&plan, outliers, all));
  CUBIX_TRY(cubix_mpi_agree(fill(&sum, &plan, outliers)));
  if (all) cubix_mpi_ring(sum.star, plan.offset);
  CUBIX_TRY(cubix_mpi_agree(settle(placement, &sum, n_spaxel)));
done:
  cubix_mpi_outliers_free(&sum);
  free(plan.count);
  free(plan.offset);
  return status;
}
