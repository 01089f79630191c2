/* audit.c -- the audit of the summed cube (src/engine/audit.c) with the stars and channels of all
 * ranks.
 *
 * Every rank draws the same voxels from the counts of all, adds up its own stars while it paints
 * them, chunk by chunk, and says what its channels hold; rank 0's sum goes to all, so that all
 * judge alike.
 *
 * Where gas alone shines no star would lead there: a few voxels are drawn among those spaxels, in channels that lines
 * reach. */
#include "mpi/engine/audit.h"

#include <mpi.h>
#include <stdlib.h>

#include "base/error.h"
#include "cube/cube.h"
#include "engine/audit.h"
#include "engine/engine.h"
#include "engine/survey.h"
#include "histogram/basis.h"
#include "lines/line_profile.h"
#include "lines/lines.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "mpi/engine/cube_paint.h"
#include "params/params.h"
#include "spectra/templates.h"

/* Channels whose error has a bound. */
static int find_channels(unsigned char **channel, const struct cubix_templates *templates,
                         const struct cubix_basis *basis)
{
  int status = CUBIX_OK, n = templates->tables.n_lambda;
  CUBIX_ALLOC(*channel, n);
  for (int k = 0; k < n; k++) (*channel)[k] = templates->covered[k] && !(basis && basis->unbounded[k]);
done:
  return status;
}

/* Of these channels those that a line reaches at velocities up to v. */
static int lit_channels(unsigned char **lit, const unsigned char *channel, int n_lambda,
                        const struct cubix_lines *lines, double v)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(*lit, n_lambda);
  for (int l = 0; l < lines->n; l++) {
    int n_blue, n_red;
    const int blue = cubix_line_window(&lines->shape[l], -v, &n_blue),
              red = cubix_line_window(&lines->shape[l], v, &n_red);
    for (int k = blue > 0 ? blue : 0; k < red + n_red && k < n_lambda; k++) (*lit)[k] = channel[k];
  }
done:
  return status;
}

/* Voxels of spaxels without stars, behind those that there are. */
static int draw_gas(struct cubix_audit *audit, const struct cubix_params *par, const unsigned char *channel,
                    int n_lambda, const struct cubix_survey *survey, const struct cubix_line_light *light)
{
  int status = CUBIX_OK, n = 0;
  struct cubix_voxel voxel[CUBIX_AUDIT_MOST];
  unsigned char *lit = NULL;
  uint64_t *count = NULL;
  CUBIX_MPI_ALLOC(count, survey->n_spaxel);
  for (size_t s = 0; s < survey->n_spaxel; s++) count[s] = light->sources->start[s + 1] - light->sources->start[s];
  cubix_mpi_sum_counts(count, survey->n_spaxel);
  for (size_t s = 0; s < survey->n_spaxel; s++)
    if (survey->count[s]) count[s] = 0;
  CUBIX_TRY(cubix_mpi_agree(lit_channels(&lit, channel, n_lambda, light->lines, light->v_most)));
  CUBIX_TRY(cubix_audit_draw(voxel, &n, count, survey->n_spaxel, lit, n_lambda, par->Seed));
  for (int i = 0; i < n && i < CUBIX_AUDIT_GAS; i++) {
    voxel[i].n_star = 0;
    audit->voxel[audit->n++] = voxel[i];
  }
done:
  free(lit);
  free(count);
  return status;
}

int cubix_mpi_audit_draw(struct cubix_audit *audit, const struct cubix_params *par, const struct cubix_basis *basis,
                         const struct cubix_templates *templates, const struct cubix_survey *survey,
                         const struct cubix_line_light *light)
{
  int status = CUBIX_OK, n_lambda = templates->tables.n_lambda;
  unsigned char *channel = NULL;
  CUBIX_TRY(cubix_mpi_agree(find_channels(&channel, templates, basis)));
  CUBIX_TRY(cubix_mpi_agree(cubix_audit_draw(audit->voxel, &audit->n, survey->count, survey->n_spaxel, channel,
                                             n_lambda, par->Seed)));
  if (light) CUBIX_TRY(draw_gas(audit, par, channel, n_lambda, survey, light));
done:
  free(channel);
  return status;
}

int cubix_mpi_audit_judge(struct cubix_audit *audit, const struct cubix_engine *engine, const struct cubix_basis *basis,
                          const struct cubix_templates *templates, const struct cubix_cube *cube)
{
  int status = CUBIX_OK, root = cubix_mpi_rank() == 0;
  const int n_number = (CUBIX_AUDIT_MOST + CUBIX_AUDIT_GAS) * (int)(sizeof *audit->evidence / sizeof(double));
  cubix_audit_look(audit, cube);
  MPI_Reduce(root ? MPI_IN_PLACE : audit->evidence, audit->evidence, n_number, MPI_DOUBLE, MPI_SUM, 0,
             cubix_mpi_group()->comm);
  MPI_Bcast(audit->evidence, n_number, MPI_DOUBLE, 0, cubix_mpi_group()->comm);
  CUBIX_TRY(cubix_audit_judge(audit, templates, engine->tolerance, engine->method == CUBIX_DIRECT,
                              basis ? basis->cache : NULL));
done:
  return status;
}
