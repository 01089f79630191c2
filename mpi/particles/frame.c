/* frame.c -- the galaxy's centre, systemic velocity and axes, from all ranks' stars.  Formulas:
 * doc/math.md section 3.
 *
 * Every sum goes through cubix_mpi_sum_exact and every median through integer counts, so that the
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
#include "mpi/comm/reduce_exact.h"
#include "mpi/particles/frame_parts.h"
#include "params/params.h"
#include "simulation/slab.h"

/* The star deepest in the potential; the first of equals. */
static void deepest(double centre[3], const struct cubix_slab *slab)
{
  struct { double value; int rank; } best = { INFINITY, cubix_mpi_rank() };
  size_t at = 0;
  for (size_t i = 0; i < slab->n; i++)
    if (slab->potential[i] < best.value) {
      best.value = slab->potential[i];
      at = i;
    }
  if (slab->n) memcpy(centre, slab->position + 3 * at, 3 * sizeof *centre);
  MPI_Allreduce(MPI_IN_PLACE, &best, 1, MPI_DOUBLE_INT, MPI_MINLOC, cubix_mpi_group()->comm);
  MPI_Bcast(centre, 3, MPI_DOUBLE, best.rank, cubix_mpi_group()->comm);
}

int cubix_mpi_frame_stated(double centre[3], const struct cubix_params *par, const struct cubix_snapshot *snapshot)
{
  const char *word = par->Centre.word;
  if (word && (strcmp(word, "auto") != 0 || !snapshot->has_centre)) return 0;
  memcpy(centre, word ? snapshot->centre : par->Centre.x, 3 * sizeof *centre);
  return 1;
}

static int find_centre(double centre[3], const struct cubix_params *par, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  const char *word = par->Centre.word;
  if (cubix_mpi_frame_stated(centre, par, &slab->snapshot)) goto done;
  if (!strcmp(word, "median")) CUBIX_TRY(cubix_mpi_median(centre, slab->position, NULL, slab->n, 3));
  else if (!strcmp(word, "potential")) deepest(centre, slab);
  else CUBIX_TRY(cubix_mpi_frame_sphere(centre, slab));
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

static int find_velocity(double velocity[3], const struct cubix_params *par, const struct cubix_slab *slab,
                         const double centre[3])
{
  int status = CUBIX_OK;
  unsigned char *use = NULL;
  int64_t inside = 0;
  const char *word = par->SystemicVelocity.word;
  if (!word) memcpy(velocity, par->SystemicVelocity.x, 3 * sizeof *velocity);
  if (word && !strcmp(word, "stated")) {
    CUBIX_CHECK(slab->snapshot.has_velocity, CUBIX_EUSAGE,
                "SystemicVelocity = stated (%s), but neither a GroupCatalogue nor %s states a velocity",
                cubix_params_origin(par, "SystemicVelocity"),
                slab->snapshot.n_file ? slab->snapshot.file[0] : "the host");
    memcpy(velocity, slab->snapshot.velocity, 3 * sizeof *velocity);
  }
  if (!word || strcmp(word, "auto") != 0) goto done;
  CUBIX_MPI_CHECK((use = cubix_reserve(slab->n, 1)), CUBIX_ENOMEM, "cannot allocate %zu bytes", slab->n);
#pragma omp parallel for schedule(static) reduction(+ : inside)
  for (size_t i = 0; i < slab->n; i++) {
    double r[3];
    inside += use[i] = cubix_relative(r, slab, centre, i) <= par->CentreRadius;
  }
  inside = cubix_mpi_sum_int(inside);
  if (!inside)
    cubix_log(CUBIX_LOG_WARNING,
              "no star within CentreRadius = %g kpc of the centre: the systemic velocity is the median of all stars",
              par->CentreRadius);
  CUBIX_TRY(cubix_mpi_median(velocity, slab->velocity, inside ? use : NULL, slab->n, 3));
done:
  free(use);
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

int cubix_mpi_frame_find(struct cubix_frame *frame, const struct cubix_params *par, struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  memset(frame, 0, sizeof *frame);
  for (int i = 0; i < 3; i++) frame->body[i][i] = 1;
  frame->axis_p = frame->axis_q = 1;
  CUBIX_TRY(find_centre(frame->centre, par, slab));
  if (slab->position) {
    CUBIX_TRY(cubix_mpi_agree(cubix_frame_select(frame->centre, par->SelectRadius, slab)));
    CUBIX_TRY(cubix_mpi_frame_count(slab, par, frame->centre, (int64_t)slab->n));
  }
  CUBIX_TRY(find_velocity(frame->velocity, par, slab, frame->centre));
  if (cubix_frame_has_disc(par)) CUBIX_TRY(cubix_mpi_frame_body(frame->body, frame, par, slab));
  cubix_frame_turn(frame, par);
done:
  return status;
}
