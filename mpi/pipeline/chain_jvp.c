/* chain_jvp.c -- the forward derivative, from tangents of the leaves to those of the cube; and the
 * Gauss-Newton product of both derivatives.
 *
 * Tangents of the globals become those of rotation, sky, Doppler factor and scales; with the
 * tangents of the stars' leaves they give those of the placed stars.  These are filled into a
 * histogram with signs (cubix_histogram_fill_jvp) and multiplied, or painted
 * (cubix_device_paint_jvp).  If templates change, their tangents are painted in place of the rows:
 * through a basis fitted to them, or directly.  Tangents of stars travel to the owners of their
 * spaxels, who paint them in all channels, and strip by strip the result goes to the owners of the
 * channels; or, piece by piece of the channels, the ranks' parts are added up on the owner
 * (chain_records.c).  Owners of channels apply the PSF and its tangent, and fibres. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/cube.h"
#include "direct/paint_screen.h"
#include "engine/device.h"
#include "engine/template_ends.h"
#include "geometry/frame.h"
#include "geometry/scene.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"
#include "histogram/multiply.h"
#include "instrument/psf_kernel.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/engine/basis_keep.h"
#include "mpi/pipeline/chain.h"
#include "mpi/pipeline/chain_parts.h"
#include "mpi/pipeline/pipeline.h"
#include "observation/fibres_vjp.h"
#include "observation/psf.h"
#include "physics/constants.h"
#include "physics/tables.h"
#include "spectra/templates.h"

struct forth {
  struct cubix_chain_records records;
  /* tangents of placed stars, and of those that the histogram leaves out */
  struct cubix_star_bar *star, *outliers, *leftover;
  struct cubix_histogram *dot;                   /* of their deposits */
  struct cubix_histogram *histogram;             /* where templates change: the forward one */
  cubix_real *row, *ending_row;                  /* tangents of the templates; of those that end alone */
  struct cubix_basis *basis;                     /* fitted to row */
  struct cubix_cube painted_dot, painted, field, seen;
  struct cubix_cube strip;
  struct cubix_psf_bar psf;
  struct cubix_chain_rest rest;
  struct cubix_chain_screens screens;            /* of A(V), where it changes */
  struct cubix_chain_lines lines;
  double *rate;                                  /* [n_lambda] d ln of all flux, in every channel */
  double *k_dot;                                 /* [n_lambda] of the dust's law; NULL: it stays */
};

static void forth_free(struct forth *f)
{
  free(f->star);
  free(f->outliers);
  free(f->leftover);
  free(f->row);
  free(f->ending_row);
  free(f->rate);
  free(f->k_dot);
  free(f->painted_dot.flux);
  free(f->painted.flux);
  free(f->field.flux);
  free(f->seen.flux);
  free(f->strip.flux);
  cubix_histogram_free(f->dot);
  cubix_histogram_free(f->histogram);
  cubix_basis_free(f->basis);
  cubix_chain_screens_free(&f->screens);
  cubix_chain_lines_free(&f->lines);
  cubix_chain_rest_free(&f->rest);
  cubix_chain_records_free(&f->records);
}

static void vector_of(double to[3], const struct cubix_leaves *dot, enum cubix_leaf leaf)
{
  for (int c = 0; c < 3; c++) to[c] = dot->value[leaf] ? dot->value[leaf][c] : 0;
}

/* Tangents of what all stars have in common. */
static void globals_forth(struct cubix_chain_sums *dots, struct forth *f, const struct cubix_chain *chain,
                          const struct cubix_leaves *dot)
{
  const struct cubix_scene *scene = &chain->pipe->scene;
  struct cubix_scene scene_dot;
  struct cubix_turn_bar turn = { cubix_leaf_of(dot, CUBIX_LEAF_Alpha), cubix_leaf_of(dot, CUBIX_LEAF_Beta),
                                 cubix_leaf_of(dot, CUBIX_LEAF_Gamma), cubix_leaf_of(dot, CUBIX_LEAF_Inclination),
                                 cubix_leaf_of(dot, CUBIX_LEAF_PositionAngle) };
  *dots = (struct cubix_chain_sums){ .receding = 0 };
  cubix_frame_turn_jvp(dots->rotation, &chain->pipe->frame, &chain->pipe->par, &turn);
  cubix_scene_jvp(&scene_dot, scene, &chain->pipe->par, cubix_leaf_of(dot, CUBIX_LEAF_Redshift),
                  cubix_leaf_of(dot, CUBIX_LEAF_Distance));
  vector_of(dots->centre, dot, CUBIX_LEAF_Centre);
  vector_of(dots->velocity, dot, CUBIX_LEAF_SystemicVelocity);
  dots->sky =
      (struct cubix_sky_bar){ -scene_dot.kpc_per_arcsec / (scene->kpc_per_arcsec * scene->kpc_per_arcsec),
                              cubix_leaf_of(dot, CUBIX_LEAF_PointingX), cubix_leaf_of(dot, CUBIX_LEAF_PointingY),
                              cubix_leaf_of(dot, CUBIX_LEAF_Roll) * CUBIX_PI / 180 };
  dots->receding = CUBIX_C_KMS * scene_dot.redshift / (1 + scene->redshift);
  dots->mass_scale = cubix_leaf_of(dot, CUBIX_LEAF_MassScale) / chain->mass_scale;
  dots->length = cubix_leaf_of(dot, CUBIX_LEAF_DepositLength);
  const double relative =
      scene_dot.flux_scale / scene->flux_scale + cubix_leaf_of(dot, CUBIX_LEAF_FluxScale) / chain->pipe->flux_scale;
  for (int k = 0; k < chain->pipe->ins->n_lambda; k++) f->rate[k] = relative;
  cubix_chain_dust_jvp(f->rate, f->k_dot, chain, dot);
  f->psf.fwhm = cubix_leaf_of(dot, CUBIX_LEAF_PsfFwhm);
  f->psf.beta = cubix_leaf_of(dot, CUBIX_LEAF_PsfBeta);
}

static size_t n_record(const struct cubix_placement *p) { return p ? p->start[p->n_spaxel] : 0; }

static int pick(struct cubix_star_bar **picked, const struct cubix_star_bar *all, const struct cubix_placement *which)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(*picked, n_record(which));
  for (size_t i = 0; i < n_record(which); i++) (*picked)[i] = all[which->source[i]];
done:
  return status;
}

/* Templates that change. */
static int rows_forth(struct forth *f, const struct cubix_chain *chain, const struct cubix_leaves *dot)
{
  int status = CUBIX_OK;
  const struct cubix_tables *v = &chain->pipe->templates->tables;
  size_t stride = (size_t)v->row_stride;
  if (f->k_dot && chain->pipe->basis && chain->pipe->basis->nodes.axis.n)
    CUBIX_TRY(cubix_chain_histogram(&f->histogram, chain, &f->records));
  if (!cubix_chain_needs_rows(chain, dot)) goto done;
  CUBIX_ALLOC(f->row, (size_t)v->n_row * stride);
  CUBIX_TRY(cubix_templates_jvp(chain->pipe->templates, chain->pipe->ins, dot->value[CUBIX_LEAF_Luminosity],
                                cubix_leaf_of(dot, CUBIX_LEAF_LsfFwhm), cubix_leaf_of(dot, CUBIX_LEAF_Redshift),
                                cubix_leaf_of(dot, CUBIX_LEAF_BirthCloudTau), f->row));
  if (!chain->pipe->basis) goto done;
  CUBIX_TRY(cubix_basis_jvp(&f->basis, chain->pipe->basis, chain->pipe->templates, f->row));
  if (!f->histogram) CUBIX_TRY(cubix_chain_histogram(&f->histogram, chain, &f->records));
  if (!f->rest.leftover) goto done;
  CUBIX_ALLOC(f->ending_row, (size_t)v->n_row * stride);
  for (size_t r = 0; r < (size_t)v->n_row; r++)
    if (chain->pipe->basis->ending[r]) memcpy(f->ending_row + r * stride, f->row + r * stride, stride * sizeof *f->row);
done:
  return status;
}

/* Of what all have in common. */
static int shared_forth(struct forth *f, struct cubix_chain_sums *dots, struct cubix_chain *chain,
                        const struct cubix_leaves *dot)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(f->rate, chain->pipe->ins->n_lambda);
  if (cubix_chain_needs_law(chain, dot)) CUBIX_ALLOC(f->k_dot, chain->pipe->ins->n_lambda);
  CUBIX_TRY(cubix_chain_screens_init(&f->screens, chain, dot));
  globals_forth(dots, f, chain, dot);
  CUBIX_ALLOC(f->star, n_record(chain->pipe->particles->placement));
done:
  return status;
}

/* Of the records that this rank paints. */
static int records_forth(struct forth *f, struct cubix_chain *chain, const struct cubix_leaves *dot)
{
  int status = CUBIX_OK;
  const struct cubix_placement *p = f->records.placement;
  CUBIX_TRY(cubix_chain_rest_init(&f->rest, chain, &f->records));
  CUBIX_TRY(pick(&f->outliers, f->star, f->rest.outliers));
  CUBIX_TRY(pick(&f->leftover, f->star, f->rest.leftover));
  if (chain->pipe->basis)
    CUBIX_TRY(chain->pipe->dev->ops->fill_jvp(chain->pipe->dev, &f->dot, &chain->pipe->basis->nodes, p, f->star,
                                              &chain->pipe->templates->tables));
  CUBIX_TRY(rows_forth(f, chain, dot));
done:
  return status;
}

static int forth_init(struct forth *f, struct cubix_chain *chain, const struct cubix_leaves *dot)
{
  int status = CUBIX_OK;
  const struct cubix_chain_who who = cubix_chain_stars(chain);
  struct cubix_chain_sums dots;
  CUBIX_TRY(cubix_mpi_agree(shared_forth(f, &dots, chain, dot)));
  CUBIX_TRY(cubix_chain_columns_jvp(&f->screens, chain, dot, &dots));
  cubix_chain_stars_jvp(f->star, &who, f->screens.star, dot, &dots);
  CUBIX_TRY(cubix_chain_records_init(&f->records, chain));
  CUBIX_TRY(cubix_chain_lines_init(&f->lines, chain, &f->records));
  CUBIX_TRY(cubix_chain_sources_jvp(&f->lines, chain, &f->screens, dot, &dots));
  if (f->records.owned) CUBIX_TRY(cubix_mpi_route_forth((void **)&f->star, sizeof *f->star, &f->records.route));
  CUBIX_TRY(cubix_mpi_agree(records_forth(f, chain, dot)));
  if (f->basis) CUBIX_TRY(cubix_mpi_basis_keep_jvp(f->basis, chain->pipe->basis));
done:
  return status;
}

/* Stars, templates, and the law of the dust in front of stars, that change: directly, into the channels that the
 * cube holds. */
static int paint(struct cubix_cube *cube_dot, const struct forth *f, const struct cubix_chain *chain,
                 const struct cubix_placement *p, const struct cubix_star_bar *dot, const struct cubix_tables *tables,
                 const cubix_real *row)
{
  int status = CUBIX_OK;
  struct cubix_tables changed = cubix_tables_rows(tables, row, 0);
  CUBIX_TRY(cubix_device_paint_jvp(chain->pipe->dev, tables, p, dot, cube_dot));
  if (f->k_dot && chain->pipe->particles->survey->dustiest > 0)
    CUBIX_TRY(cubix_paint_screen_jvp(tables, p, f->k_dot, cube_dot));
  if (!row) goto done;
  CUBIX_TRY(cubix_device_paint(chain->pipe->dev, &changed, p, cube_dot));
done:
  return status;
}

static int paint_leftover(struct cubix_cube *cube_dot, const struct forth *f, const struct cubix_chain *chain,
                          const struct cubix_placement *stars, const struct cubix_star_bar *dot)
{
  int status = CUBIX_OK, last = cube_dot->lambda_first + cube_dot->n_lambda;
  struct cubix_cube run = { .n_x = cube_dot->n_x, .n_y = cube_dot->n_y, .margin = cube_dot->margin };
  for (int k = cube_dot->lambda_first, n; (n = cubix_ends_run(chain->pipe->basis, &k, last)); k += n) {
    CUBIX_TRY(cubix_cube_hold(&run, k, n));
    cubix_chain_cut(&run, cube_dot);
    CUBIX_TRY(paint(&run, f, chain, stars, dot, &f->rest.ending, f->ending_row));
    cubix_chain_join(cube_dot, &run);
  }
done:
  free(run.flux);
  return status;
}

/* Spaxels first .. last - 1 of the records, into the channels that the cube holds. */
static int stars_forth(struct cubix_cube *cube_dot, const struct forth *f, const struct cubix_chain *chain,
                       size_t first, size_t last)
{
  int status = CUBIX_OK;
  const struct cubix_tables *tables = &chain->pipe->templates->tables;
  struct cubix_device *dev = chain->pipe->dev;
  CUBIX_TRY(cubix_chain_lines_jvp(cube_dot, &f->lines, chain, first, last, f->records.start));
  if (!chain->pipe->basis) {
    CUBIX_TRY(paint(cube_dot, f, chain, f->records.placement, f->star, tables, f->row));
    goto done;
  }
  const struct cubix_histogram dot = cubix_histogram_part(f->dot, first, last);
  CUBIX_TRY(dev->ops->multiply(dev, cube_dot, &dot, chain->pipe->basis, tables->star_scale));
  if (f->k_dot && f->histogram) {
    const struct cubix_histogram histogram = cubix_histogram_part(f->histogram, first, last);
    CUBIX_TRY(
        cubix_multiply_screen_jvp(cube_dot, &histogram, chain->pipe->basis, tables->star_scale, f->k_dot));
  }
  if (f->basis) {
    const struct cubix_histogram histogram = cubix_histogram_part(f->histogram, first, last);
    CUBIX_TRY(cubix_multiply(cube_dot, &histogram, f->basis, tables->star_scale));
  }
  if (f->rest.outliers) {
    const struct cubix_placement stars = cubix_placement_part(f->rest.outliers, first, last, f->records.start);
    CUBIX_TRY(paint(cube_dot, f, chain, &stars, f->outliers + f->rest.outliers->start[first], tables, f->row));
  }
  if (f->rest.leftover) {
    const struct cubix_placement stars = cubix_placement_part(f->rest.leftover, first, last, f->records.start);
    CUBIX_TRY(paint_leftover(cube_dot, f, chain, &stars, f->leftover + f->rest.leftover->start[first]));
  }
done:
  return status;
}

/* The owner's: over the channels' widths, through a screen of dust, through the PSF and fibres, and what scales
 * all flux. */
static int blur(struct forth *f, struct cubix_chain *chain, const struct cubix_chain_piece *piece, int psf)
{
  int status = CUBIX_OK;
  const struct cubix_cube *seen = cubix_chain_seen(chain);
  const size_t n_lambda = (size_t)seen->n_lambda, at = (size_t)(piece->first - seen->lambda_first),
               n = (size_t)piece->n;
  const double *rate = f->rate + piece->first;
  struct cubix_cube *dot = chain->pipe->fibres ? &f->seen : &f->field;
  CUBIX_TRY(cubix_chain_hold(chain, &f->field, piece, 0));
  if (psf) {
    CUBIX_TRY(cubix_chain_hold(chain, &f->painted, piece, chain->pipe->ins->margin));
    cubix_chain_cut(&f->painted, chain->pipe->painted);
  }
  cubix_cube_rescale(&f->painted_dot, chain->pipe->ins);
  cubix_cube_dim(&f->painted_dot, &chain->pipe->templates->tables);
  CUBIX_TRY(cubix_psf_apply_jvp(chain->pipe->ins, psf ? &f->painted : NULL, &f->painted_dot, psf ? &f->psf : NULL,
                                &f->field, &chain->pipe->psf));
  if (chain->pipe->fibres) {
    CUBIX_TRY(cubix_chain_hold_seen(chain, &f->seen, piece));
    CUBIX_TRY((chain->of_fibres ? cubix_fibres_sample_jvp : cubix_fibres_apply_jvp)(chain->pipe->fibres, &f->field,
                                                                                   &f->seen));
  }
  for (size_t s = 0; s < (size_t)dot->n_x * (size_t)dot->n_y; s++)
    for (size_t k = 0; k < n; k++)
      dot->flux[s * n + k] += (cubix_real)(rate[k] * (double)seen->flux[s * n_lambda + at + k]);
  cubix_chain_join(chain->cube_dot, dot);
done:
  return status;
}

/* The tangents to the owners of the channels: piece by piece of them, added up there. */
static int pieces_forth(struct forth *f, struct cubix_chain *chain, int psf)
{
  int status = CUBIX_OK;
  struct cubix_chain_piece piece = { 0, 0, 0 };
  while (cubix_chain_next(chain, &piece)) {
    status = cubix_chain_hold(chain, &f->painted_dot, &piece, chain->pipe->ins->margin);
    if (!status) status = stars_forth(&f->painted_dot, f, chain, 0, f->records.placement->n_spaxel);
    CUBIX_TRY(cubix_mpi_agree(status));
    cubix_chain_gather(&f->painted_dot, piece.owner);
    CUBIX_TRY(cubix_mpi_agree(piece.owner == cubix_mpi_rank() ? blur(f, chain, &piece, psf) : CUBIX_OK));
  }
done:
  return status;
}

/* Strip by strip of the spaxels. */
static int strips_forth(struct forth *f, struct cubix_chain *chain, int psf)
{
  int status = CUBIX_OK;
  const struct cubix_owners *owners = &f->records.owners;
  const struct cubix_chain_piece mine = { cubix_mpi_rank(), chain->cube_dot->lambda_first, chain->cube_dot->n_lambda };
  CUBIX_TRY(cubix_mpi_agree(cubix_chain_hold(chain, &f->painted_dot, &mine, chain->pipe->ins->margin)));
  for (int round = 0; round < owners->n_round; round++) {
    const struct cubix_strip strip = cubix_chain_records_strip(&f->records, round);
    status = cubix_mpi_strip_hold(&f->strip, owners, round);
    if (!status) status = stars_forth(&f->strip, f, chain, strip.first, strip.first + strip.n);
    CUBIX_TRY(cubix_mpi_agree(status));
    CUBIX_TRY(cubix_mpi_strip_give(&f->painted_dot, &f->strip, owners, round));
  }
  CUBIX_TRY(cubix_mpi_agree(blur(f, chain, &mine, psf)));
done:
  return status;
}

/* The tangent, for the channels that this rank owns. */
static int hold(struct cubix_chain *chain)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube = cubix_chain_seen(chain);
  const struct cubix_chain_piece mine = { cubix_mpi_rank(), cube->lambda_first, cube->n_lambda };
  if (!chain->cube_dot) CUBIX_ALLOC(chain->cube_dot, 1);
  CUBIX_TRY(cubix_chain_hold_seen(chain, chain->cube_dot, &mine));
done:
  return status;
}

int cubix_mpi_chain_jvp(struct cubix_chain *chain, const struct cubix_leaves *dot, const struct cubix_cube **cube_dot)
{
  int status = CUBIX_OK, psf = dot->value[CUBIX_LEAF_PsfFwhm] || dot->value[CUBIX_LEAF_PsfBeta];
  struct forth f = { .star = NULL };
  const struct cubix_settings before = cubix_mpi_pipeline_enter(chain->pipe);
  CUBIX_TRY(cubix_mpi_agree(cubix_chain_check(chain, dot, NULL)));
  CUBIX_TRY(cubix_mpi_agree(hold(chain)));
  CUBIX_TRY(forth_init(&f, chain, dot));
  CUBIX_TRY((f.records.owned ? strips_forth : pieces_forth)(&f, chain, psf));
  *cube_dot = chain->cube_dot;
done:
  forth_free(&f);
  cubix_mpi_pipeline_leave(chain->pipe, &before);
  return status;
}

int cubix_mpi_chain_gnvp(struct cubix_chain *chain, const struct cubix_cube *weight, const struct cubix_leaves *dot,
                         struct cubix_leaves *bar)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube_dot;
  const struct cubix_settings before = cubix_mpi_pipeline_enter(chain->pipe);
  CUBIX_TRY(cubix_mpi_agree(cubix_chain_check(chain, bar, weight)));
  CUBIX_TRY(cubix_mpi_chain_jvp(chain, dot, &cube_dot));
  size_t n = (size_t)cube_dot->n_x * (size_t)cube_dot->n_y * (size_t)cube_dot->n_lambda;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) chain->cube_dot->flux[i] *= weight->flux[i];
  CUBIX_TRY(cubix_mpi_chain_vjp(chain, cube_dot, bar));
done:
  cubix_mpi_pipeline_leave(chain->pipe, &before);
  return status;
}
