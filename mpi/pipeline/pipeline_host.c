/* pipeline_host.c -- what a host adds to stars: dust in front of them, and light of their own.
 *
 * Stars are the ranks', channels the owners'.  So a piece of the cube at a time, some channels of one owner, every rank
 * asks its host for the light of its stars, spreads it over spaxels with the weights that the stars have, and the
 * pieces are added up on the owner.  By then the stars are gone: where they are is noted before they are placed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/cube.h"
#include "mpi/comm/comm.h"
#include "mpi/pipeline/chain_parts.h"
#include "mpi/pipeline/pipeline_parts.h"
#include "physics/deposit.h"

static const double most_dust = 1e3;          /* mag */

int cubix_mpi_pipeline_hook_check(int returned, const char *when)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(!returned, CUBIX_EFAIL, "the host's function for %s returned %d", when, returned);
done:
  return status;
}

int cubix_pipeline_host_dust(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  const struct cubix_hooks *hooks = &pipe->hooks;
  struct cubix_slab *slab = pipe->particles->slab;
  CUBIX_CHECK(pipe->par.Dust != CUBIX_Dust_none, CUBIX_EUSAGE,
              "Dust = none (%s), and the host puts dust in front of stars, whose law is not said: set Dust screen (its "
              "DustScreen may be 0), or Dust gas, and DustLaw",
              cubix_params_origin(&pipe->par, "Dust"));
  if (!slab->screen) CUBIX_ALLOC(slab->screen, slab->n + 1);
  CUBIX_TRY(cubix_mpi_pipeline_hook_check(hooks->dust(hooks->host, slab), "the dust in front of stars"));
  for (size_t i = 0; i < slab->n; i++)
    CUBIX_CHECK(slab->screen[i] >= 0 && slab->screen[i] <= most_dust, CUBIX_EINPUT,
                "the host's function puts %g mag of dust in front of star %zu (of 0 to %zu); it must be finite and in "
                "0..%g",
                slab->screen[i], i, slab->n - 1, most_dust);
done:
  return status;
}

int cubix_pipeline_host_note(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  const struct cubix_slab *slab = pipe->particles->slab;
  const struct cubix_tables *tables = &pipe->templates->tables;
  free(pipe->place);
  pipe->place = NULL;
  pipe->n_place = slab->n;
  CUBIX_ALLOC(pipe->place, slab->n + 1);
  for (size_t i = 0; i < slab->n; i++) {
    memcpy(pipe->place[i], slab->position + 3 * i, 3 * sizeof(double));
    pipe->place[i][3] = cubix_deposit_length(tables, slab->smoothing_length, (int64_t)i);
  }
done:
  return status;
}

/* The light of this rank's stars in the piece's channels.  @param flux [channels] room */
static int light_of(struct cubix_cube *part, const struct cubix_pipeline *pipe, double *flux)
{
  int status = CUBIX_OK;
  const struct cubix_hooks *hooks = &pipe->hooks;
  const struct cubix_tables *tables = &pipe->templates->tables;
  const size_t n = (size_t)part->n_lambda;
  for (size_t i = 0; i < pipe->n_place; i++) {
    struct cubix_foot foot;
    if (!cubix_foot_of(tables, pipe->place[i], pipe->place[i][3], &foot)) continue;
    memset(flux, 0, n * sizeof *flux);
    CUBIX_TRY(cubix_mpi_pipeline_hook_check(hooks->light(hooks->host, i, part->lambda_first, part->n_lambda, flux),
                                            "the light of stars"));
    for (size_t k = 0; k < n; k++)
      CUBIX_CHECK(isfinite(flux[k]), CUBIX_EINPUT, "the host's function gives star %zu a flux of %g in channel %d; it "
                  "must be finite", i, flux[k], part->lambda_first + (int)k);
    for (int y = 0; y < foot.n[1]; y++)
      for (int x = 0; x < foot.n[0]; x++) {
        const double weight = cubix_deposit_weight(&foot, x, y, NULL);
        const size_t s = (size_t)(foot.first[1] + y) * (size_t)part->n_x + (size_t)(foot.first[0] + x);
        cubix_real *row = part->flux + s * n;
        for (size_t k = 0; k < n; k++) row[k] += (cubix_real)(weight * flux[k]);
      }
  }
done:
  return status;
}

int cubix_pipeline_host_light(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  const struct cubix_chain whole = { .pipe = pipe };        /* for its pieces */
  struct cubix_chain_piece piece = { 0 };
  struct cubix_cube part = { 0 };
  double *flux = NULL;
  CUBIX_MPI_ALLOC(flux, pipe->ins->n_lambda);
  while (cubix_chain_next(&whole, &piece)) {
    CUBIX_TRY(cubix_mpi_agree(cubix_chain_hold(&whole, &part, &piece, pipe->ins->margin)));
    CUBIX_TRY(cubix_mpi_agree(light_of(&part, pipe, flux)));
    cubix_chain_gather(&part, piece.owner);
    if (cubix_mpi_rank() == piece.owner) cubix_chain_add(pipe->cube, &part);
  }
done:
  free(flux);
  free(part.flux);
  return status;
}
