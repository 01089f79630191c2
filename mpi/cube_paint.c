/* cube_paint.c -- the cube painted by all ranks, by the engine that was chosen.
 *
 * Directly, every rank paints its own stars into a whole cube.  By histogram every rank gathers its stars on templates and velocities; with
 * Combine cube it multiplies what it has into a whole cube, with Combine histogram the histograms are added up first, and it multiplies the sum into
 * the channels that it owns.  Stars beyond the velocity grid follow directly.                                                        */
#include <stdlib.h>

#include "cubix-mpi.h"
#include "error.h"
#include "patch.h"

/* My stars, or all ranks', as the combination wants them, on the velocity grid. */
static int gather(struct cubix_histogram **histogram, const struct cubix_engine *engine, const struct cubix_basis *basis, const struct cubix_view *view,
                  const struct cubix_placement *placement, struct cubix_device *dev)
{
  int status = CUBIX_OK;
  int32_t *exponent = NULL;
  CUBIX_TRY(cubix_mpi_histogram_scale(&exponent, placement));
  CUBIX_TRY(cubix_mpi_agree(dev->ops->deposit(dev, histogram, &basis->nodes, exponent, placement, view)));
  if (engine->combine == CUBIX_COMBINE_HISTOGRAM) CUBIX_TRY(cubix_mpi_histogram_share(histogram));
done:
  free(exponent);
  return status;
}

/* What the histogram leaves out: templates that end within the band, where they do. */
static int patch(struct cubix_cube *cube, const struct cubix_engine *engine, const struct cubix_basis *basis, const struct cubix_view *view,
                 const struct cubix_placement *placement, struct cubix_device *dev)
{
  int status = CUBIX_OK;
  struct cubix_placement *mine = NULL, *all = NULL;
  if (!basis->n_patched) goto done;
  CUBIX_TRY(cubix_mpi_agree(cubix_patch_stars(&mine, basis, view, placement)));
  CUBIX_TRY(cubix_mpi_far_gather(&all, mine, -1, engine->combine == CUBIX_COMBINE_HISTOGRAM));
  CUBIX_TRY(cubix_mpi_agree(cubix_patch_paint(cube, basis, view, all, dev)));
done:
  cubix_placement_free(mine);
  cubix_placement_free(all);
  return status;
}

static int paint_histogram(struct cubix_cube *cube, const struct cubix_engine *engine, const struct cubix_basis *basis, const struct cubix_view *view,
                           const struct cubix_placement *placement, struct cubix_device *dev)
{
  int status = CUBIX_OK;
  struct cubix_histogram *histogram = NULL;
  struct cubix_placement *far = NULL;
  CUBIX_TRY(gather(&histogram, engine, basis, view, placement, dev));
  CUBIX_TRY(cubix_mpi_agree(dev->ops->multiply(dev, cube, histogram, basis, view->star_scale)));
  CUBIX_TRY(patch(cube, engine, basis, view, placement, dev));
  if (engine->n_beyond) {
    CUBIX_TRY(cubix_mpi_far_gather(&far, placement, engine->reach, engine->combine == CUBIX_COMBINE_HISTOGRAM));
    CUBIX_TRY(cubix_mpi_agree(cubix_device_paint(dev, view, far, cube)));
  }
done:
  cubix_histogram_free(histogram);
  cubix_placement_free(far);
  return status;
}

int cubix_mpi_cube_paint(struct cubix_cube *cube, const struct cubix_engine *engine, const struct cubix_basis *basis, const struct cubix_model *mod,
                         const struct cubix_placement *placement, struct cubix_device *dev)
{
  int status = CUBIX_OK, shared = engine->combine == CUBIX_COMBINE_HISTOGRAM;
  const int *owned = engine->lambda_first + cubix_mpi_rank();
  CUBIX_TRY(cubix_mpi_agree(shared ? cubix_cube_hold(cube, owned[0], owned[1] - owned[0]) : cubix_cube_hold(cube, 0, mod->view.n_lambda)));
  if (engine->method == CUBIX_HISTOGRAM) CUBIX_TRY(paint_histogram(cube, engine, basis, &mod->view, placement, dev));
  else CUBIX_TRY(cubix_device_paint(dev, &mod->view, placement, cube));
done:
  return status;
}
