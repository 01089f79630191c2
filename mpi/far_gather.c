/* far_gather.c -- the stars that are too fast for the velocity grid, to be painted one by one.
 *
 * Where a rank paints its channels for the stars of all ranks, it needs all of these: they go round the ranks, 48 bytes each, and are sorted by spaxel.
 * Within a spaxel they stand in the order of the ranks, which is that of the file: sums over them have the same bits on any number of ranks. */
#include <math.h>
#include <mpi.h>
#include <stdlib.h>

#include "cubix-mpi.h"
#include "error.h"
#include "exchange.h"

struct traveller {
  struct cubix_star star;
  uint64_t spaxel;
};

static int is_far(const struct cubix_star *star, double reach) { return !(fabs(star->velocity) <= reach); }

/* The travellers of all ranks, rank r's at offset[r] .. offset[r + 1] - 1 [bytes]. */
struct crowd {
  size_t n;
  uint64_t *count;                /* [n_rank] */
  size_t *offset;                 /* [n_rank + 1] */
  struct traveller *traveller;    /* [n] */
};

static void crowd_free(struct crowd *crowd)
{
  free(crowd->count);
  free(crowd->offset);
  free(crowd->traveller);
}

/* How many there are, on every rank; without `all` this rank's alone. */
static int crowd_count(struct crowd *crowd, const struct cubix_placement *mine, double reach, int all)
{
  int status = CUBIX_OK, n_rank = cubix_mpi_size(), me = cubix_mpi_rank();
  uint64_t n = 0;
  CUBIX_ALLOC(crowd->count, n_rank);
  CUBIX_ALLOC(crowd->offset, n_rank + 1);
  for (size_t i = 0; i < mine->start[mine->n_spaxel]; i++) n += is_far(&mine->star[i], reach);
  crowd->count[me] = n;
done:
  status = cubix_mpi_agree(status);
  if (status) return status;
  if (all) MPI_Allgather(&n, 1, MPI_UINT64_T, crowd->count, 1, MPI_UINT64_T, MPI_COMM_WORLD);
  for (int r = 0; r < n_rank; r++) crowd->offset[r + 1] = crowd->offset[r] + sizeof *crowd->traveller * crowd->count[r];
  crowd->n = crowd->offset[n_rank] / sizeof *crowd->traveller;
  return CUBIX_OK;
}

static int crowd_fill(struct crowd *crowd, const struct cubix_placement *mine, double reach)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(crowd->traveller, crowd->n);
  size_t at = crowd->offset[cubix_mpi_rank()] / sizeof *crowd->traveller;
  for (size_t s = 0; s < mine->n_spaxel; s++)
    for (size_t i = mine->start[s]; i < mine->start[s + 1]; i++)
      if (is_far(&mine->star[i], reach)) crowd->traveller[at++] = (struct traveller){ mine->star[i], s };
done:
  return status;
}

/* Stable counting sort by spaxel. */
static int settle(struct cubix_placement **out, const struct crowd *crowd, size_t n_spaxel)
{
  int status = CUBIX_OK;
  struct cubix_placement *p = NULL;
  CUBIX_TRY(cubix_placement_init(&p, n_spaxel, crowd->n));
  for (size_t i = 0; i < crowd->n; i++) p->start[crowd->traveller[i].spaxel + 1]++;
  for (size_t s = 0; s < n_spaxel; s++) p->start[s + 1] += p->start[s];
  for (size_t i = 0; i < crowd->n; i++) p->star[p->start[crowd->traveller[i].spaxel]++] = crowd->traveller[i].star;
  for (size_t s = n_spaxel; s > 0; s--) p->start[s] = p->start[s - 1];    /* each had moved to the beginning of the next */
  p->start[0] = 0;
  *out = p;
done:
  return status;
}

int cubix_mpi_far_gather(struct cubix_placement **far, const struct cubix_placement *mine, double reach, int all)
{
  int status = CUBIX_OK;
  struct crowd crowd = { 0 };
  CUBIX_TRY(crowd_count(&crowd, mine, reach, all));
  CUBIX_TRY(cubix_mpi_agree(crowd_fill(&crowd, mine, reach)));
  if (all) cubix_mpi_ring(crowd.traveller, crowd.offset);
  CUBIX_TRY(cubix_mpi_agree(settle(far, &crowd, mine->n_spaxel)));
done:
  crowd_free(&crowd);
  return status;
}
