/* cube_paint.c -- the cube painted by all ranks, by the engine that was chosen.
 *
 * Directly, every rank paints its own stars into a whole cube, chunk by chunk (where there are
 * several, the cube's float32 is rounded once for each). By histogram every rank gathers its stars
 * on templates and velocities, the histograms of its chunks are added up, and the stars that no
 * histogram serves noted; with Combine cube it multiplies what it has into a whole cube, with
 * Combine histogram the histograms of all are added up first, and it multiplies the sum into the
 * channels that it owns.  The noted stars follow directly.  Sums of histograms are sums of
 * integers: neither ranks nor chunks change a bit. On the way the stars tell the audit what they
 * contribute to its voxels. */
#include "mpi/engine/cube_paint.h"

#include <stdlib.h>

#include "base/error.h"
#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/audit.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/survey.h"
#include "engine/template_ends.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/engine/histogram_sum.h"
#include "mpi/engine/outliers.h"
#include "mpi/particles/particles.h"
#include "physics/tables.h"
#include "spectra/templates.h"

/* What there is of it while the stars come in. */
struct gathered {
  int32_t *exponent;              /* [n_spaxel] scale of the histogram */
  struct cubix_histogram_stack stack;
  /* stars beyond the grid; stars some of whose templates end within the band */
  struct cubix_outliers outliers, leftover;
};

static void gathered_free(struct gathered *gathered)
{
  free(gathered->exponent);
  cubix_histogram_stack_free(&gathered->stack);
  cubix_mpi_outliers_free(&gathered->outliers);
  cubix_mpi_outliers_free(&gathered->leftover);
}

static int gathered_init(struct gathered *gathered, const struct cubix_survey *survey)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(gathered->exponent, survey->n_spaxel);
  cubix_histogram_scale(gathered->exponent, survey->count, survey->heaviest, survey->n_spaxel);
done:
  return status;
}

/* A chunk of stars. */
static int bring_in(struct gathered *gathered, struct cubix_audit *audit, const struct cubix_engine *engine,
                    const struct cubix_basis *basis, const struct cubix_tables *tables,
                    const struct cubix_placement *placement, struct cubix_device *dev)
{
  int status = CUBIX_OK;
  struct cubix_histogram *part = NULL;
  struct cubix_ends ends = { .basis = basis, .tables = tables };
  CUBIX_TRY(dev->ops->fill(dev, &part, &basis->nodes, gathered->exponent, placement, tables));
  CUBIX_TRY(cubix_histogram_stack_add(&gathered->stack, part));
  if (engine->n_beyond)
    CUBIX_TRY(cubix_mpi_outliers_add(&gathered->outliers, placement, cubix_placement_beyond, &engine->reach));
  if (basis->n_at_end) CUBIX_TRY(cubix_mpi_outliers_add(&gathered->leftover, placement, cubix_ends_test, &ends));
  CUBIX_TRY(cubix_audit_examine(audit, tables, placement));
done:
  return status;
}

/* What the histogram leaves out: templates that end within the band, where they do; and stars beyond the grid. */
static int paint_rest(struct cubix_cube *cube, const struct gathered *gathered, const struct cubix_engine *engine,
                      const struct cubix_basis *basis, const struct cubix_tables *tables, size_t n_spaxel,
                      struct cubix_device *dev)
{
  int status = CUBIX_OK, shared = engine->combine == CUBIX_COMBINE_HISTOGRAM;
  struct cubix_placement *leftover = NULL, *outliers = NULL;
  if (basis->n_at_end) {
    CUBIX_TRY(cubix_mpi_outliers_gather(&leftover, &gathered->leftover, n_spaxel, shared));
    CUBIX_TRY(cubix_mpi_agree(cubix_ends_paint(cube, basis, tables, leftover, dev)));
  }
  if (engine->n_beyond) {
    CUBIX_TRY(cubix_mpi_outliers_gather(&outliers, &gathered->outliers, n_spaxel, shared));
    CUBIX_TRY(cubix_mpi_agree(cubix_device_paint(dev, tables, outliers, cube)));
  }
done:
  cubix_placement_free(leftover);
  cubix_placement_free(outliers);
  return status;
}

static int paint_histogram(struct cubix_cube *cube, struct cubix_audit *audit, const struct cubix_engine *engine,
                           const struct cubix_basis *basis, const struct cubix_tables *tables,
                           struct cubix_particles *particles, struct cubix_device *dev)
{
  int status = CUBIX_OK;
  struct gathered gathered = { 0 };
  struct cubix_histogram *histogram = NULL;
  const struct cubix_placement *placement;
  CUBIX_TRY(cubix_mpi_agree(gathered_init(&gathered, particles->survey)));
  for (;;) {
    CUBIX_TRY(cubix_mpi_particles_next(&placement, particles));
    if (!placement) break;
    CUBIX_TRY(cubix_mpi_agree(bring_in(&gathered, audit, engine, basis, tables, placement, dev)));
  }
  CUBIX_TRY(cubix_mpi_agree(cubix_histogram_stack_take(&histogram, &gathered.stack)));
  if (engine->combine == CUBIX_COMBINE_HISTOGRAM) CUBIX_TRY(cubix_mpi_histogram_share(&histogram));
  CUBIX_TRY(cubix_mpi_agree(dev->ops->multiply(dev, cube, histogram, basis, tables->star_scale)));
  CUBIX_TRY(paint_rest(cube, &gathered, engine, basis, tables, particles->survey->n_spaxel, dev));
done:
  cubix_histogram_free(histogram);
  gathered_free(&gathered);
  return status;
}

static int paint_directly(struct cubix_cube *cube, struct cubix_audit *audit, const struct cubix_tables *tables,
                          struct cubix_particles *particles, struct cubix_device *dev)
{
  int status = CUBIX_OK;
  const struct cubix_placement *placement;
  for (;;) {
    CUBIX_TRY(cubix_mpi_particles_next(&placement, particles));
    if (!placement) break;
    status = cubix_device_paint(dev, tables, placement, cube);
    if (!status) status = cubix_audit_examine(audit, tables, placement);
    CUBIX_TRY(cubix_mpi_agree(status));
  }
done:
  return status;
}

int cubix_mpi_cube_paint(struct cubix_cube *cube, struct cubix_audit *audit, const struct cubix_engine *engine,
                         const struct cubix_basis *basis, const struct cubix_templates *templates,
                         struct cubix_particles *particles, struct cubix_device *dev)
{
  int status = CUBIX_OK, shared = engine->combine == CUBIX_COMBINE_HISTOGRAM;
  const int *owned = engine->lambda_first + cubix_mpi_rank();
  CUBIX_TRY(cubix_mpi_agree(shared ? cubix_cube_hold(cube, owned[0], owned[1] - owned[0])
                                   : cubix_cube_hold(cube, 0, templates->tables.n_lambda)));
  if (engine->method == CUBIX_HISTOGRAM)
    CUBIX_TRY(paint_histogram(cube, audit, engine, basis, &templates->tables, particles, dev));
  else CUBIX_TRY(paint_directly(cube, audit, &templates->tables, particles, dev));
done:
  return status;
}
