/* cube_paint.c -- the cube painted by all ranks, by the engine that was chosen.
 *
 * Directly, every rank paints its own stars into a whole cube, chunk by chunk (where there are
 * several, the cube's float32 is rounded once for each).  By histogram stars are counted on templates
 * and velocities, and the histograms of the chunks added up; these are sums of integers, so neither
 * ranks nor chunks change a bit.  Who counts which stars:
 *   Combine histogram  the owner of their spaxel, to whom they travel (route.h).  It multiplies its
 *                      spaxels, and the cube goes to the owners of the channels (owners.h).
 *   Combine cube       the rank that has read them, which multiplies them into a whole cube.
 * The stars that no histogram serves are noted on the way, and painted directly in the end. Before
 * they travel the stars tell the audit what they contribute to its voxels.
 *
 * Sources of emission lines come last, all at once, at whoever paints their spaxels. */
#include "mpi/engine/cube_paint.h"

#include <stdlib.h>

#include "base/error.h"
#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/audit.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/line_audit.h"
#include "engine/outliers.h"
#include "engine/survey.h"
#include "engine/template_ends.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"
#include "lines/line_paint.h"
#include "lines/lines.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/engine/owners.h"
#include "mpi/engine/route.h"
#include "mpi/particles/particles.h"
#include "physics/tables.h"
#include "spectra/templates.h"

/* Painting by histogram: with what, and what there is of the stars while they come in. */
struct painting {
  const struct cubix_engine *engine;
  const struct cubix_basis *basis;
  const struct cubix_tables *tables;
  struct cubix_device *dev;
  const struct cubix_line_light *light; /* NULL: no emission lines */
  struct cubix_sums *maps;
  struct cubix_owners owners;     /* n_rank 0: this rank's stars stay here */
  int32_t *exponent;              /* [painted spaxels] scale of the histogram */
  struct cubix_histogram_stack stack;
  /* stars beyond the grid; stars some of whose templates end within the band */
  struct cubix_outliers outliers, leftover;
  /* of the spaxels that this rank paints */
  struct cubix_histogram *histogram;
  struct cubix_placement *outlier_stars, *leftover_stars, *sources;
  size_t *start;                  /* [their number + 1] scratch */
};

static void painting_free(struct painting *p)
{
  cubix_mpi_owners_free(&p->owners);
  free(p->exponent);
  free(p->start);
  cubix_histogram_stack_free(&p->stack);
  cubix_outliers_free(&p->outliers);
  cubix_outliers_free(&p->leftover);
  cubix_histogram_free(p->histogram);
  cubix_placement_free(p->outlier_stars);
  cubix_placement_free(p->leftover_stars);
  cubix_placement_free(p->sources);
}

/* The first painted spaxel of this rank. */
static size_t first_spaxel(const struct painting *p)
{
  return p->owners.n_rank ? p->owners.spaxel_first[cubix_mpi_rank()] : 0;
}

static int painting_init(struct painting *p, const struct cubix_survey *survey)
{
  int status = CUBIX_OK;
  CUBIX_MPI_ALLOC(p->exponent, survey->n_spaxel);
  CUBIX_MPI_ALLOC(p->start, survey->n_spaxel + 1);
  cubix_histogram_scale(p->exponent, survey->count, survey->heaviest, survey->n_spaxel);
  /* the profiles of lines are made in all channels at once */
  if (cubix_mpi_owners_wanted(p->engine))
    CUBIX_TRY(cubix_mpi_owners_init(&p->owners, p->engine, survey,
                                    p->light ? 1 : cubix_mpi_owners_groups(p->engine)));
done:
  return status;
}

/* What this rank's own stars say before they leave. */
static int note(struct painting *p, struct cubix_audit *audit, const struct cubix_placement *placement)
{
  int status = CUBIX_OK;
  struct cubix_ends ends = { .basis = p->basis, .tables = p->tables };
  if (p->engine->n_beyond)
    CUBIX_TRY(cubix_outliers_add(&p->outliers, placement, cubix_placement_beyond, &p->engine->reach));
  if (p->basis->n_at_end) CUBIX_TRY(cubix_outliers_add(&p->leftover, placement, cubix_ends_test, &ends));
  CUBIX_TRY(cubix_audit_examine(audit, p->tables, placement));
done:
  return status;
}

/* All ranks' stars in the spaxels of this rank. */
static int bring(struct cubix_placement **arrived, const struct painting *p, const struct cubix_placement *placement)
{
  int status = CUBIX_OK;
  struct cubix_route route;
  CUBIX_TRY(cubix_mpi_route_init(&route, &p->owners, placement));
  status = cubix_mpi_route_stars(arrived, &route, placement);
done:
  cubix_mpi_route_free(&route);
  return status;
}

static int count(struct painting *p, const struct cubix_placement *placement)
{
  int status = CUBIX_OK;
  struct cubix_histogram *part = NULL;
  CUBIX_TRY(p->dev->ops->fill(p->dev, &part, &p->basis->nodes, p->exponent + first_spaxel(p), placement, p->tables));
  CUBIX_TRY(cubix_histogram_stack_add(&p->stack, part));
done:
  return status;
}

/* The stars, chunk by chunk, into the histogram. */
static int count_all(struct painting *p, struct cubix_audit *audit, struct cubix_particles *particles)
{
  int status = CUBIX_OK;
  const struct cubix_placement *placement;
  struct cubix_placement *arrived = NULL;
  for (;;) {
    CUBIX_TRY(cubix_mpi_particles_next(&placement, particles));
    if (!placement) break;
    CUBIX_TRY(cubix_mpi_agree(note(p, audit, placement)));
    if (p->owners.n_rank) {
      CUBIX_TRY(bring(&arrived, p, placement));
      cubix_mpi_particles_drop(particles);
      placement = arrived;
    }
    CUBIX_TRY(cubix_mpi_agree(count(p, placement)));
    cubix_placement_free(arrived);
    arrived = NULL;
  }
  CUBIX_TRY(cubix_mpi_agree(cubix_histogram_stack_take(&p->histogram, &p->stack)));
done:
  cubix_placement_free(arrived);
  return status;
}

/* Stars that were set aside, at those who paint them. */
static int collect(struct cubix_placement **stars, const struct painting *p, const struct cubix_outliers *outliers,
                   size_t n_spaxel)
{
  int status = CUBIX_OK;
  struct cubix_placement *mine = NULL;
  CUBIX_TRY(cubix_mpi_agree(cubix_outliers_place(&mine, outliers, n_spaxel)));
  if (p->owners.n_rank) CUBIX_TRY(bring(stars, p, mine));
  else {
    *stars = mine;
    mine = NULL;
  }
done:
  cubix_placement_free(mine);
  return status;
}

/* Spaxels first .. last - 1 of this rank into a cube of these alone: the product, and what the histogram leaves out. */
static int paint_part(struct cubix_cube *cube, const struct painting *p, size_t first, size_t last)
{
  int status = CUBIX_OK;
  const struct cubix_histogram part = cubix_histogram_part(p->histogram, first, last);
  CUBIX_TRY(p->dev->ops->multiply(p->dev, cube, &part, p->basis, p->tables->star_scale));
  if (p->leftover_stars) {
    const struct cubix_placement stars = cubix_placement_part(p->leftover_stars, first, last, p->start);
    CUBIX_TRY(cubix_ends_paint(cube, p->basis, p->tables, &stars, p->dev));
  }
  if (p->outlier_stars) {
    const struct cubix_placement stars = cubix_placement_part(p->outlier_stars, first, last, p->start);
    CUBIX_TRY(cubix_device_paint(p->dev, p->tables, &stars, cube));
  }
  if (p->light) {
    const struct cubix_placement *all = p->sources ? p->sources : p->light->sources,
                                 sources = cubix_placement_part(all, first, last, p->start);
    CUBIX_TRY(
        cubix_lines_paint(p->light->lines, &sources, cube, p->light->scale, p->maps, first_spaxel(p) + first));
  }
done:
  return status;
}

/* The spaxels that this rank owns, strip by strip, to the owners of the channels. */
static int paint_strips(struct cubix_cube *cube, const struct painting *p)
{
  int status = CUBIX_OK;
  struct cubix_cube held = { .flux = NULL };
  for (int round = 0; round < p->owners.n_round; round++) {
    const struct cubix_strip s = cubix_mpi_owners_strip(&p->owners, cubix_mpi_rank(), round);
    const size_t first = s.first - first_spaxel(p);
    struct cubix_cube place = cubix_mpi_strip_place(cube, &p->owners, round), *strip = place.flux ? &place : &held;
    if (!place.flux) status = cubix_mpi_strip_hold(strip, &p->owners, round);
    if (!status && s.n && s.n_lambda) status = paint_part(strip, p, first, first + s.n);
    CUBIX_TRY(cubix_mpi_agree(status));
    CUBIX_TRY(cubix_mpi_strip_give(cube, strip, &p->owners, round));
  }
done:
  free(held.flux);
  return status;
}

static int paint_histogram(struct cubix_cube *cube, struct cubix_audit *audit, struct painting *p,
                           struct cubix_particles *particles)
{
  int status = CUBIX_OK;
  const size_t n_spaxel = particles->survey->n_spaxel;
  CUBIX_TRY(painting_init(p, particles->survey));
  CUBIX_TRY(count_all(p, audit, particles));
  if (p->basis->n_at_end) CUBIX_TRY(collect(&p->leftover_stars, p, &p->leftover, n_spaxel));
  if (p->engine->n_beyond) CUBIX_TRY(collect(&p->outlier_stars, p, &p->outliers, n_spaxel));
  if (p->light && p->owners.n_rank) CUBIX_TRY(bring(&p->sources, p, p->light->sources));
  if (p->owners.n_rank) CUBIX_TRY(paint_strips(cube, p));
  else CUBIX_TRY(cubix_mpi_agree(paint_part(cube, p, 0, n_spaxel)));
done:
  painting_free(p);
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
                         struct cubix_particles *particles, const struct cubix_line_light *light,
                         struct cubix_device *dev)
{
  int status = CUBIX_OK, shared = engine->combine == CUBIX_COMBINE_HISTOGRAM;
  const int *owned = engine->lambda_first + cubix_mpi_rank();
  struct painting painting = {
    .engine = engine, .basis = basis, .tables = &templates->tables, .dev = dev, .light = light, .maps = &cube->sums
  };
  CUBIX_TRY(cubix_mpi_agree(shared ? cubix_cube_hold(cube, owned[0], owned[1] - owned[0])
                                   : cubix_cube_hold(cube, 0, templates->tables.n_lambda)));
  if (engine->method == CUBIX_HISTOGRAM)
    CUBIX_TRY(paint_histogram(cube, audit, &painting, particles));
  else {
    CUBIX_TRY(paint_directly(cube, audit, &templates->tables, particles, dev));
    if (light)
      CUBIX_TRY(cubix_mpi_agree(
          cubix_lines_paint(light->lines, light->sources, cube, light->scale, &cube->sums, 0)));
  }
  if (light) CUBIX_TRY(cubix_mpi_agree(cubix_line_audit(audit, light->lines, light->sources, light->scale)));
done:
  return status;
}
