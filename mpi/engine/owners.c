/* owners.c -- spaxels and channels dealt to the ranks, and the cube's way from one to the other.
 *
 * Spaxels are dealt in contiguous ranges of about the same work, estimated from the number of stars
 * in each: filling the histogram, multiplying it, and moving the spectrum. All ranks know all
 * counts, so all know all ranges.
 *
 * Work is a cube's spaxels with all channels, the PSF wants all spaxels of a channel: in between the
 * cube is transposed, every rank sending to every other its spaxels' values in the other's channels.
 * That is 4 bytes per voxel of the painted cube in all, whatever the number of ranks.  A rank of many
 * spaxels with few stars would have a large part of the cube in memory: so spaxels are painted strip
 * by strip, none larger than an equal share, and most ranks have one or two strips. */
#include "mpi/engine/owners.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"

/* A voxel cleared, written, packed and sent takes as long as so many values multiplied into it. */
static const double voxel_values = 250;

int cubix_mpi_owners_wanted(const struct cubix_engine *engine)
{
  return engine->combine == CUBIX_COMBINE_HISTOGRAM && engine->n_rank > 1;
}

size_t cubix_mpi_strip_most(size_t n_spaxel, int n_rank) { return n_spaxel / (size_t)n_rank + 1; }

static double work_of(const struct cubix_engine *engine, double n_star, double n_lambda)
{
  const struct cubix_rates *rates = &engine->rates;
  const double values = cubix_engine_growth(engine->dust) * cubix_engine_values(n_star);
  return n_star * rates->fill + n_lambda * rates->multiply * (values + voxel_values);
}

/* Cut where the work of all ranks reaches r/n: before the spaxel whose middle lies beyond. */
void cubix_mpi_owners_cut(size_t *first, const struct cubix_engine *engine, const double *count, size_t n_spaxel)
{
  const int n_rank = engine->n_rank;
  const double n_lambda = engine->lambda_first[n_rank];
  double all = 0, before = 0;
  int r = 1;
  first[0] = 0;
  for (size_t s = 0; s < n_spaxel; s++) all += work_of(engine, count[s], n_lambda);
  for (size_t s = 0; s < n_spaxel; s++) {
    const double work = work_of(engine, count[s], n_lambda);
    for (; r < n_rank && before + work / 2 >= all * r / n_rank; r++) first[r] = s;
    before += work;
  }
  for (; r <= n_rank; r++) first[r] = n_spaxel;
}

int cubix_mpi_owners_init(struct cubix_owners *owners, const struct cubix_engine *engine,
                          const struct cubix_survey *survey)
{
  int status = CUBIX_OK, n_rank = engine->n_rank;
  *owners = (struct cubix_owners){ .n_rank = n_rank,
                                   .n_lambda = engine->lambda_first[n_rank],
                                   .lambda_first = engine->lambda_first,
                                   .most = cubix_mpi_strip_most(survey->n_spaxel, n_rank) };
  double *count = NULL;
  CUBIX_MPI_ALLOC(owners->spaxel_first, n_rank + 1);
  CUBIX_MPI_ALLOC(count, survey->n_spaxel);
  for (size_t s = 0; s < survey->n_spaxel; s++) count[s] = (double)survey->count[s];
  cubix_mpi_owners_cut(owners->spaxel_first, engine, count, survey->n_spaxel);
  MPI_Bcast(owners->spaxel_first, (int)sizeof(size_t) * (n_rank + 1), MPI_BYTE, 0, cubix_mpi_group()->comm);
  for (int r = 0; r < n_rank; r++) {
    size_t n = owners->spaxel_first[r + 1] - owners->spaxel_first[r];
    int round = (int)((n + owners->most - 1) / owners->most);
    if (round > owners->n_round) owners->n_round = round;
  }
done:
  free(count);
  return status;
}

void cubix_mpi_owners_free(struct cubix_owners *owners)
{
  free(owners->spaxel_first);
  *owners = (struct cubix_owners){ .n_rank = 0 };
}

struct cubix_strip cubix_mpi_owners_strip(const struct cubix_owners *owners, int rank, int round)
{
  size_t first = owners->spaxel_first[rank] + (size_t)round * owners->most, end = owners->spaxel_first[rank + 1];
  if (first >= end) return (struct cubix_strip){ end, 0 };
  return (struct cubix_strip){ first, end - first < owners->most ? end - first : owners->most };
}

int cubix_mpi_strip_hold(struct cubix_cube *cube, const struct cubix_owners *owners, int round)
{
  cube->margin = 0;
  cube->n_x = (int)cubix_mpi_owners_strip(owners, cubix_mpi_rank(), round).n;
  cube->n_y = 1;
  return cubix_cube_hold(cube, 0, owners->n_lambda);
}

static size_t channels(const struct cubix_owners *owners, int rank)
{
  return (size_t)(owners->lambda_first[rank + 1] - owners->lambda_first[rank]);
}

/* Room for this rank's strip in the channels of whoever has most. */
static int room(cubix_real **values, const struct cubix_cube *strip, const struct cubix_owners *owners)
{
  int status = CUBIX_OK;
  size_t most = 0;
  for (int r = 0; r < owners->n_rank; r++)
    if (r != cubix_mpi_rank() && channels(owners, r) > most) most = channels(owners, r);
  *values = cubix_reserve(most * (size_t)strip->n_x + 1, sizeof **values);
  CUBIX_MPI_CHECK(*values, CUBIX_ENOMEM, "cannot allocate %d spaxels of %zu channels to be sent", strip->n_x, most);
done:
  return status;
}

/* A strip's values in the channels of a rank, side by side; with `back` from there. */
static void pack(cubix_real *values, cubix_real *flux, size_t n_spaxel, const struct cubix_owners *owners, int rank,
                 int back)
{
  const size_t n = channels(owners, rank), stride = (size_t)owners->n_lambda;
  flux += owners->lambda_first[rank];
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < n_spaxel; s++)
    if (back) memcpy(flux + s * stride, values + s * n, n * sizeof *flux);
    else memcpy(values + s * n, flux + s * stride, n * sizeof *flux);
}

/* Values of this rank's strip in all channels, and of all ranks' strips in its channels: from one to the other, or
 * back. */
static int travel(const struct cubix_cube *cube, const struct cubix_cube *strip, const struct cubix_owners *owners,
                  int round, int back)
{
  int status = CUBIX_OK, n_rank = owners->n_rank, me = cubix_mpi_rank();
  const size_t mine = (size_t)cube->n_lambda, n_own = (size_t)strip->n_x;
  cubix_real *values = NULL;
  CUBIX_TRY(room(&values, strip, owners));
  for (int k = 0; k < n_rank; k++) {
    const int up = (me + k) % n_rank, down = (me - k + n_rank) % n_rank;
    const int to = back ? down : up, from = back ? up : down;    /* of the forward way */
    const struct cubix_strip come = cubix_mpi_owners_strip(owners, from, round);
    cubix_real *here = cube->flux + come.first * mine;
    const size_t n_leave = n_own * channels(owners, to) * sizeof *values, n_come = come.n * mine * sizeof *here;
    if (!back) pack(k ? values : here, strip->flux, n_own, owners, to, 0);
    if (k && back) cubix_mpi_swap(here, n_come, from, values, n_leave, to);
    if (k && !back) cubix_mpi_swap(values, n_leave, to, here, n_come, from);
    if (back) pack(k ? values : here, strip->flux, n_own, owners, to, 1);
  }
done:
  free(values);
  return status;
}

int cubix_mpi_strip_give(struct cubix_cube *cube, const struct cubix_cube *strip, const struct cubix_owners *owners,
                         int round)
{
  return travel(cube, strip, owners, round, 0);
}

int cubix_mpi_strip_take(struct cubix_cube *strip, const struct cubix_cube *cube, const struct cubix_owners *owners,
                         int round)
{
  return travel(cube, strip, owners, round, 1);
}
