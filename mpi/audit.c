/* audit.c -- the audit of the summed cube (src/audit.c) with the stars and channels of all ranks.
 *
 * Every rank draws the same voxels from the counts of all, adds up its own stars, and says what its channels hold; rank 0's sum goes to all, so
 * that all judge alike. */
#include <mpi.h>
#include <stdlib.h>

#include "audit.h"
#include "cubix-mpi.h"
#include "error.h"
#include "exchange.h"

/* Stars of all ranks in every spaxel. */
static int count_stars(uint64_t **out, const struct cubix_placement *placement)
{
  int status = CUBIX_OK;
  uint64_t *count = NULL;
  CUBIX_ALLOC(count, placement->n_spaxel);
  for (size_t s = 0; s < placement->n_spaxel; s++) count[s] = placement->start[s + 1] - placement->start[s];
done:
  status = cubix_mpi_agree(status);
  if (!status) {
    cubix_mpi_sum_counts(count, placement->n_spaxel);
    *out = count;
    count = NULL;
  }
  free(count);
  return status;
}

/* Channels whose error has a bound. */
static int find_channels(unsigned char **channel, const struct cubix_model *mod, const struct cubix_basis *basis)
{
  int status = CUBIX_OK, n = mod->view.n_lambda;
  CUBIX_ALLOC(*channel, n);
  for (int k = 0; k < n; k++) (*channel)[k] = mod->covered[k] && !(basis && basis->unbounded[k]);
done:
  return status;
}

int cubix_mpi_audit(struct cubix_audit *audit, const struct cubix_params *par, const struct cubix_engine *engine, const struct cubix_basis *basis,
                    const struct cubix_model *mod, const struct cubix_placement *placement, const struct cubix_cube *cube)
{
  int status = CUBIX_OK, n = 0, direct = engine->method == CUBIX_DIRECT;
  struct cubix_voxel voxel[CUBIX_AUDIT_MOST];
  struct cubix_evidence evidence[CUBIX_AUDIT_MOST] = { { 0, 0, 0, 0 } }, all[CUBIX_AUDIT_MOST];
  const int n_number = CUBIX_AUDIT_MOST * (int)(sizeof *evidence / sizeof(double));
  uint64_t *count = NULL;
  unsigned char *channel = NULL;
  CUBIX_TRY(count_stars(&count, placement));
  status = find_channels(&channel, mod, direct ? NULL : basis);
  if (!status) status = cubix_audit_draw(voxel, &n, count, placement->n_spaxel, channel, mod->view.n_lambda, par->Seed);
  if (!status) status = cubix_audit_examine(evidence, voxel, n, &mod->view, placement, cube);
  CUBIX_TRY(cubix_mpi_agree(status));
  MPI_Reduce(evidence, all, n_number, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  MPI_Bcast(all, n_number, MPI_DOUBLE, 0, MPI_COMM_WORLD);
  CUBIX_TRY(cubix_audit_judge(audit, voxel, all, n, mod, engine->tolerance, direct));
done:
  free(count);
  free(channel);
  return status;
}
