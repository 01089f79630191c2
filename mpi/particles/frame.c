/* frame.c -- the galaxy's centre, systemic velocity and axes, from all ranks' stars.  Formulas:
 * doc/math.md section 3.
 *
 * Every sum is of integers (reduce_exact.c) and every median through integer counts, so that the
 * frame is bit for bit the same on any number of ranks: a star at a spaxel's edge stays where it
 * is.  The rotation is proper by construction, e2 = e3 x e1, and the spin decides which way is up:
 * no mirrored galaxies, no discs that turn the wrong way. */
#include "mpi/particles/frame.h"

#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "geometry/frame.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/order.h"
#include "mpi/particles/frame_parts.h"
#include "mpi/particles/stream.h"
#include "params/params.h"
#include "simulation/slab.h"

struct deepest { double value, position[3]; };

static void see_deepest(void *host, const struct cubix_slab *some)
{
  struct deepest *best = host;
  for (size_t i = 0; i < some->n; i++)
    if (some->potential[i] < best->value) {
      best->value = some->potential[i];
      memcpy(best->position, some->position + 3 * i, sizeof best->position);
    }
}

/* The star deepest in the potential; the first of equals. */
static int find_deepest(double centre[3], struct cubix_stream *stars)
{
  int status = CUBIX_OK;
  struct deepest mine = { .value = INFINITY };
  struct { double value; int rank; } best;
  CUBIX_TRY(cubix_mpi_stream_pass(stars, CUBIX_SLAB_PLACE | CUBIX_SLAB_POTENTIAL, see_deepest, &mine));
  best.value = mine.value;
  best.rank = cubix_mpi_rank();
  MPI_Allreduce(MPI_IN_PLACE, &best, 1, MPI_DOUBLE_INT, MPI_MINLOC, cubix_mpi_group()->comm);
  memcpy(centre, mine.position, sizeof mine.position);
  MPI_Bcast(centre, 3, MPI_DOUBLE, best.rank, cubix_mpi_group()->comm);
done:
  return status;
}

/* A column of three, of those stars that are within a radius, or of all. */
struct column {
  struct cubix_stream *stars;
  int of_velocity;
  const double *centre;
  double radius;                  /* INFINITY: all */
  unsigned char *use;             /* [rows]; NULL: all */
  int64_t n_kept, n_inside;
  cubix_take *take;
  void *state;
};

static void hand_over(void *host, const struct cubix_slab *some)
{
  struct column *h = host;
  if (h->use) {
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < some->n; i++) {
      double r[3];
      h->use[i] = cubix_relative(r, some, h->centre, i) <= h->radius;
    }
  }
  const double *x = h->of_velocity ? some->velocity : some->position;
  h->take(h->state, &(struct cubix_values){ .n = some->n, .n_c = 3, .x = x, .use = h->use });
}

static int pass_column(void *host, cubix_take *take, void *state)
{
  struct column *h = host;
  h->take = take;
  h->state = state;
  return cubix_mpi_stream_pass(h->stars, h->of_velocity ? CUBIX_SLAB_MOTION : CUBIX_SLAB_PLACE, hand_over, h);
}

static int find_median(double median[3], struct column *column)
{
  const struct cubix_rows rows = { .n_c = 3, .room = column->stars->room, .pass = pass_column, .host = column };
  return cubix_mpi_median(median, &rows);
}

int cubix_mpi_frame_stated(double centre[3], const struct cubix_params *par, const struct cubix_snapshot *snapshot)
{
  const char *word = par->Centre.word;
  if (word && (strcmp(word, "auto") != 0 || !snapshot->has_centre)) return 0;
  if (word) memcpy(centre, snapshot->centre, 3 * sizeof *centre);
  else cubix_centre_given(centre, par, snapshot);
  return 1;
}

int cubix_mpi_frame_centre(double centre[3], const struct cubix_params *par, struct cubix_stream *stars)
{
  int status = CUBIX_OK;
  const char *word = par->Centre.word;
  struct column position = { .stars = stars };
  if (cubix_mpi_frame_stated(centre, par, &stars->slab->snapshot)) goto done;
  if (!strcmp(word, "median")) CUBIX_TRY(find_median(centre, &position));
  else if (!strcmp(word, "potential")) CUBIX_TRY(find_deepest(centre, stars));
  else CUBIX_TRY(cubix_mpi_frame_sphere(centre, stars));
done:
  return status;
}

int cubix_mpi_frame_count(struct cubix_slab *slab, const struct cubix_params *par, const double centre[3], int64_t kept)
{
  int status = CUBIX_OK;
  int64_t before = slab->n_total + slab->n_far;
  slab->n_total = cubix_mpi_sum_int(kept);
  slab->n_outside_radius = before - slab->n_total;
  CUBIX_CHECK(slab->n_total > 0, CUBIX_EUSAGE,
              "SelectRadius = %g kpc (%s) keeps none of %lld stars about (%g, %g, %g) kpc; check Centre",
              par->SelectRadius, cubix_params_origin(par, "SelectRadius"), (long long)before, centre[0], centre[1],
              centre[2]);
done:
  return status;
}

static void count_inside(void *host, const struct cubix_slab *some)
{
  struct column *h = host;
  int64_t inside = 0;
#pragma omp parallel for schedule(static) reduction(+ : inside)
  for (size_t i = 0; i < some->n; i++) {
    double r[3];
    inside += cubix_relative(r, some, h->centre, i) <= h->radius;
  }
  h->n_inside += inside;
  h->n_kept += (int64_t)some->n;
}

/* SelectRadius, from now on.  @param[out] inside how many stars are within CentreRadius */
static int select_stars(int64_t *inside, const struct cubix_params *par, struct cubix_stream *stars,
                        const double centre[3])
{
  int status = CUBIX_OK;
  struct column h = { .stars = stars, .centre = centre, .radius = par->CentreRadius };
  const char *velocity = par->SystemicVelocity.word;
  const int more = cubix_frame_has_disc(par) || (velocity && !strcmp(velocity, "auto"));
  CUBIX_TRY(cubix_mpi_stream_select(stars, centre, par->SelectRadius, more, count_inside, &h));
  CUBIX_TRY(cubix_mpi_frame_count(stars->slab, par, centre, h.n_kept));
  *inside = cubix_mpi_sum_int(h.n_inside);
done:
  return status;
}

/* The median of the stars near the centre. */
static int find_bulk(double velocity[3], const struct cubix_params *par, struct cubix_stream *stars,
                     const double centre[3], int64_t inside)
{
  int status = CUBIX_OK;
  struct column h = { .stars = stars, .of_velocity = 1, .centre = centre, .radius = par->CentreRadius };
  const size_t n = cubix_mpi_stream_rows(stars);
  if (inside) CUBIX_MPI_CHECK((h.use = cubix_reserve(n, 1)), CUBIX_ENOMEM, "cannot allocate %zu bytes", n);
  else
    cubix_log(CUBIX_LOG_WARNING,
              "no star within CentreRadius = %g kpc of the centre: the systemic velocity is the median of all stars",
              par->CentreRadius);
  CUBIX_TRY(find_median(velocity, &h));
done:
  free(h.use);
  return status;
}

static int find_velocity(double velocity[3], const struct cubix_params *par, struct cubix_stream *stars,
                         const double centre[3], int64_t inside)
{
  int status = CUBIX_OK;
  const struct cubix_snapshot *snapshot = &stars->slab->snapshot;
  const char *word = par->SystemicVelocity.word;
  if (!word) memcpy(velocity, par->SystemicVelocity.x, 3 * sizeof *velocity);
  if (word && !strcmp(word, "stated")) {
    CUBIX_CHECK(snapshot->has_velocity, CUBIX_EUSAGE,
                "SystemicVelocity = stated (%s), but neither a GroupCatalogue nor %s states a velocity",
                cubix_params_origin(par, "SystemicVelocity"), snapshot->n_file ? snapshot->file[0] : "the host");
    memcpy(velocity, snapshot->velocity, 3 * sizeof *velocity);
  }
  if (word && !strcmp(word, "auto")) CUBIX_TRY(find_bulk(velocity, par, stars, centre, inside));
done:
  return status;
}

int cubix_mpi_frame_needs_stars(const struct cubix_params *par, const struct cubix_snapshot *snapshot)
{
  const char *velocity = par->SystemicVelocity.word;
  double centre[3];
  if (!cubix_mpi_frame_stated(centre, par, snapshot)) return 1;
  if (velocity && !strcmp(velocity, "auto")) return 1;
  return cubix_frame_has_disc(par);
}

int cubix_mpi_frame_find(struct cubix_frame *frame, const struct cubix_params *par, struct cubix_stream *stars)
{
  int status = CUBIX_OK;
  int64_t inside = 0;
  memset(frame, 0, sizeof *frame);
  for (int i = 0; i < 3; i++) frame->body[i][i] = 1;
  frame->axis_p = frame->axis_q = 1;
  CUBIX_TRY(cubix_mpi_frame_centre(frame->centre, par, stars));
  if (cubix_mpi_stream_has(stars)) CUBIX_TRY(select_stars(&inside, par, stars, frame->centre));
  CUBIX_TRY(find_velocity(frame->velocity, par, stars, frame->centre, inside));
  if (cubix_frame_has_disc(par)) CUBIX_TRY(cubix_mpi_frame_body(frame->body, frame, par, stars));
  cubix_frame_turn(frame, par);
done:
  return status;
}
