/* audit.c -- the audit of the summed cube (src/engine/audit.c) with the stars and channels of all
 * ranks.
 *
 * Every rank draws the same voxels from the counts of all, adds up its own stars while it paints
 * them, chunk by chunk, and says what its channels hold; rank 0's sum goes to all, so that all
 * judge alike. */
#include "mpi/engine/audit.h"

#include <mpi.h>
#include <stdlib.h>

#include "base/error.h"
#include "cube/cube.h"
#include "engine/audit.h"
#include "engine/engine.h"
#include "engine/survey.h"
#include "histogram/basis.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
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

int cubix_mpi_audit_draw(struct cubix_audit *audit, const struct cubix_params *par, const struct cubix_basis *basis,
                         const struct cubix_templates *templates, const struct cubix_survey *survey)
{
  int status = CUBIX_OK;
  unsigned char *channel = NULL;
  CUBIX_TRY(find_channels(&channel, templates, basis));
  CUBIX_TRY(cubix_audit_draw(audit->voxel, &audit->n, survey->count, survey->n_spaxel, channel,
                             templates->tables.n_lambda, par->Seed));
done:
  free(channel);
  return status;
}

int cubix_mpi_audit_judge(struct cubix_audit *audit, const struct cubix_engine *engine, const struct cubix_basis *basis,
                          const struct cubix_templates *templates, const struct cubix_cube *cube)
{
  int status = CUBIX_OK, root = cubix_mpi_rank() == 0;
  const int n_number = CUBIX_AUDIT_MOST * (int)(sizeof *audit->evidence / sizeof(double));
  cubix_audit_look(audit, cube);
  MPI_Reduce(root ? MPI_IN_PLACE : audit->evidence, audit->evidence, n_number, MPI_DOUBLE, MPI_SUM, 0,
             cubix_mpi_group()->comm);
  MPI_Bcast(audit->evidence, n_number, MPI_DOUBLE, 0, cubix_mpi_group()->comm);
  CUBIX_TRY(cubix_audit_judge(audit, templates, engine->tolerance, engine->method == CUBIX_DIRECT,
                              basis ? basis->cache : NULL));
done:
  return status;
}
