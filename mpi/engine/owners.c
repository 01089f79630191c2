/* owners.c -- spaxels and channels dealt to the ranks, and the cube's way from one to the other.
 *
 * Spaxels are dealt in contiguous ranges of about the same work, estimated from the number of stars
 * in each: filling the histogram, multiplying it, and moving the spectrum. All ranks know all
 * counts, so all know all ranges.
 *
 * Work is a cube's spaxels with all channels, the PSF wants all spaxels of a channel: in between the
 * cube is transposed, every rank sending to every other its spaxels' values in the other's channels.
 * That is 4 bytes per voxel of the painted cube in all, whatever the number of ranks.
 *
 * What is painted for others needs memory, and new memory takes as long to have as it takes to fill:
 * so the owners of the channels are divided into groups, and a strip has the channels of one.  In the
 * first round ranks paint the channels of their own group, in place where they are the whole group, then
 * those of the next.  A rank of many spaxels with few stars has
 * several strips for a group, none larger than an equal share of the cube. */
#include "mpi/engine/owners.h"

#include <mpi.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "physics/node.h"

/* A voxel cleared, written, packed and sent takes as long as so many values multiplied into it. */
static const double voxel_values = 250;

int cubix_mpi_owners_wanted(const struct cubix_engine *engine)
{
  return engine->combine == CUBIX_COMBINE_HISTOGRAM && engine->n_rank > 1;
}

/* Two, if templates can be multiplied for each by itself. */
int cubix_mpi_owners_groups(const struct cubix_engine *engine)
{
  const int half = engine->n_rank / 2;
  return half && engine->lambda_first[half] % CUBIX_TILE == 0 ? 2 : 1;
}

size_t cubix_mpi_strip_most(size_t n_spaxel, int n_rank, int n_group)
{
  return n_spaxel * (size_t)n_group / (size_t)n_rank + 1;
}

/* Groups are ranks that follow each other, as many in each as in any other or one fewer. */
static int group_start(const struct cubix_owners *owners, int group)
{
  return (int)((int64_t)group * owners->n_rank / owners->n_group);
}

static int group_of(const struct cubix_owners *owners, int rank)
{
  return (int)(((int64_t)(rank + 1) * owners->n_group - 1) / owners->n_rank);
}

/* The group for which a rank paints in a round. */
static int group_for(const struct cubix_owners *owners, int rank, int round)
{
  return (group_of(owners, rank) + round) % owners->n_group;
}

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
                          const struct cubix_survey *survey, int n_group)
{
  int status = CUBIX_OK, n_rank = engine->n_rank, n_part = 0;
  *owners = (struct cubix_owners){ .n_rank = n_rank,
                                   .n_lambda = engine->lambda_first[n_rank],
                                   .lambda_first = engine->lambda_first,
                                   .n_group = n_group,
                                   .most = cubix_mpi_strip_most(survey->n_spaxel, n_rank, n_group) };
  double *count = NULL;
  CUBIX_MPI_ALLOC(owners->spaxel_first, n_rank + 1);
  CUBIX_MPI_ALLOC(count, survey->n_spaxel);
  for (size_t s = 0; s < survey->n_spaxel; s++) count[s] = (double)survey->count[s];
  cubix_mpi_owners_cut(owners->spaxel_first, engine, count, survey->n_spaxel);
  MPI_Bcast(owners->spaxel_first, (int)sizeof(size_t) * (n_rank + 1), MPI_BYTE, 0, cubix_mpi_group()->comm);
  for (int r = 0; r < n_rank; r++) {
    size_t n = owners->spaxel_first[r + 1] - owners->spaxel_first[r];
    int part = (int)((n + owners->most - 1) / owners->most);
    if (part > n_part) n_part = part;
  }
  owners->n_round = n_part * n_group;
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
  const size_t end = owners->spaxel_first[rank + 1],
               first = owners->spaxel_first[rank] + (size_t)(round / owners->n_group) * owners->most;
  const int group = group_for(owners, rank, round), lambda_first = owners->lambda_first[group_start(owners, group)];
  struct cubix_strip strip = { end, 0, lambda_first,
                               owners->lambda_first[group_start(owners, group + 1)] - lambda_first };
  if (first >= end) return strip;
  strip.first = first;
  strip.n = end - first < owners->most ? end - first : owners->most;
  return strip;
}

static size_t channels(const struct cubix_owners *owners, int rank)
{
  return (size_t)(owners->lambda_first[rank + 1] - owners->lambda_first[rank]);
}

/* A cube of a strip's spaxels and channels, without values. */
static struct cubix_cube frame(const struct cubix_strip *strip)
{
  return (struct cubix_cube){
    .n_x = (int)strip->n, .n_y = 1, .lambda_first = strip->lambda_first, .n_lambda = strip->n_lambda
  };
}

int cubix_mpi_strip_hold(struct cubix_cube *cube, const struct cubix_owners *owners, int round)
{
  int status = CUBIX_OK;
  const struct cubix_strip strip = cubix_mpi_owners_strip(owners, cubix_mpi_rank(), round);
  cubix_real *flux = cube->flux;
  size_t most = 0;
  for (int k = 0; k < owners->n_round && !flux; k++) {
    const struct cubix_strip s = cubix_mpi_owners_strip(owners, cubix_mpi_rank(), k);
    if (s.n * (size_t)s.n_lambda > most) most = s.n * (size_t)s.n_lambda;
  }
  if (!flux) CUBIX_ALLOC(flux, most);
  else {
#pragma omp parallel for schedule(static)
    for (size_t s = 0; s < strip.n; s++)
      memset(flux + s * (size_t)strip.n_lambda, 0, (size_t)strip.n_lambda * sizeof *flux);
  }
  *cube = frame(&strip);
done:
  cube->flux = flux;
  return status;
}

struct cubix_cube cubix_mpi_strip_place(const struct cubix_cube *cube, const struct cubix_owners *owners, int round)
{
  const int me = cubix_mpi_rank(), group = group_for(owners, me, round);
  const struct cubix_strip strip = cubix_mpi_owners_strip(owners, me, round);
  struct cubix_cube place = frame(&strip);
  if (group_start(owners, group) == me && group_start(owners, group + 1) == me + 1)
    place.flux = cube->flux + strip.first * (size_t)cube->n_lambda;
  return place;
}

/* Room for this rank's strip in the channels of whoever has most; none where every strip is for one owner. */
static int room(cubix_real **values, const struct cubix_cube *strip, const struct cubix_owners *owners, int group)
{
  int status = CUBIX_OK;
  const int first = group_start(owners, group), end = group_start(owners, group + 1);
  size_t most = 0;
  if (owners->n_group == owners->n_rank) goto done;
  for (int r = first; r < end; r++)
    if (r != cubix_mpi_rank() && channels(owners, r) > most) most = channels(owners, r);
  *values = cubix_reserve(most * (size_t)strip->n_x + 1, sizeof **values);
  CUBIX_MPI_CHECK(*values, CUBIX_ENOMEM, "cannot allocate %d spaxels of %zu channels to be sent", strip->n_x, most);
done:
  return status;
}

/* A strip's values in the channels of a rank, side by side; with `back` from there. */
static void pack(cubix_real *values, const struct cubix_cube *strip, const struct cubix_owners *owners, int rank,
                 int back)
{
  const size_t n = channels(owners, rank), stride = (size_t)strip->n_lambda, n_spaxel = (size_t)strip->n_x;
  cubix_real *flux = strip->flux + owners->lambda_first[rank] - strip->lambda_first;
  if (flux == values) return;
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < n_spaxel; s++)
    if (back) memcpy(flux + s * stride, values + s * n, n * sizeof *flux);
    else memcpy(values + s * n, flux + s * stride, n * sizeof *flux);
}

/* Values of this rank's strip in all channels that it is for, and of all ranks' strips in its channels: from one to
 * the other, or back. */
static int travel(const struct cubix_cube *cube, const struct cubix_cube *strip, const struct cubix_owners *owners,
                  int round, int back)
{
  int status = CUBIX_OK, n_rank = owners->n_rank, me = cubix_mpi_rank();
  const int group = group_for(owners, me, round), mine = group_of(owners, me);
  cubix_real *values = NULL;
  CUBIX_TRY(room(&values, strip, owners, group));
  for (int k = 0; k < n_rank; k++) {
    const int up = (me + k) % n_rank, down = (me - k + n_rank) % n_rank;
    const int to = back ? down : up, from = back ? up : down;    /* of the forward way */
    const int leaves = group_of(owners, to) == group, comes = group_for(owners, from, round) == mine;
    const struct cubix_strip come = cubix_mpi_owners_strip(owners, from, round);
    cubix_real *here = cube->flux + come.first * (size_t)cube->n_lambda;
    cubix_real *on_way = k ? values ? values : strip->flux : here;
    const size_t n_leave = leaves ? (size_t)strip->n_x * channels(owners, to) * sizeof *on_way : 0;
    const size_t n_come = comes ? come.n * (size_t)cube->n_lambda * sizeof *here : 0;
    if (leaves && !back) pack(on_way, strip, owners, to, 0);
    if (k && back) cubix_mpi_swap(here, n_come, from, on_way, n_leave, to);
    if (k && !back) cubix_mpi_swap(on_way, n_leave, to, here, n_come, from);
    if (leaves && back) pack(on_way, strip, owners, to, 1);
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
