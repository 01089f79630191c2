/* chain_vjp.c -- the reverse derivative: from cotangents of the cube to those of the leaves.
 *
 * It runs through the forward stages in reverse order.  The owners of the channels apply the adjoints
 * of fibres and PSF to the cotangents; the result R goes to the ranks that painted (chain_records.c), to the
 * owners of the spaxels strip by strip in all channels, or piece by piece of the channels to all
 * (chain_piece.c).  They take the products of R with the spectra of stars:
 *   histogram  G = R D^T on the blocks that the stars touch (cubix_multiply_vjp), at the end once
 *              star by star (cubix_histogram_fill_vjp);
 *   direct     star by star (cubix_device_paint_vjp); also for stars that the histogram leaves out.
 * What owners of spaxels find for a star travels back to the rank that has the star. Forward values
 * are recomputed from the stars, never kept.  Beside the forward run's memory there are G (8 bytes
 * for each value of the histogram), R or a piece of it, and the bars of the stars, or of some at a
 * time.  Only if the PSF's own parameters are asked for, the painted cube is kept from the forward
 * run.  If templates change (Luminosity, LsfFwhm, Redshift through the LSF), their bars are
 * collected on the rows' knots, added up over ranks, and taken back through the LSF and the splines
 * (cubix_templates_vjp).
 *
 * Globals.  FluxScale and the distance: F = <cube, cube_bar>.  Redshift: through the scales, D_L,
 * the LSF, and the Doppler factor, in which ln(1 + z) is a velocity over c.  Angles: through the
 * frame's rotation.  The disc's axes, and a centre and systemic velocity found from the stars, are
 * frozen. */
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
#include "mpi/pipeline/chain.h"
#include "mpi/pipeline/chain_parts.h"
#include "mpi/pipeline/pipeline.h"
#include "observation/fibres_vjp.h"
#include "observation/psf.h"
#include "physics/constants.h"
#include "spectra/templates.h"

struct back {
  struct cubix_chain_records records;
  /* [records] directly, or of owned spaxels; [CUBIX_CHAIN_PART, or a spaxel of more] by histogram */
  struct cubix_star_bar *star;
  struct cubix_star_bar *outliers, *leftover;     /* [records of rest.outliers, rest.leftover] */
  struct cubix_chain_total *total;          /* [stars] with a smooth deposit */
  double *value;                            /* [cover.n_value] */
  double *row, *row_rest;                   /* [n_row][n_knot + 1][2]; of leftover stars alone */
  float *tile;
  struct cubix_chain_screens screens;       /* where they are wanted */
  struct cubix_chain_lines lines;
  double *k_bar;                            /* [n_lambda] of the dust's law in every channel, where it is wanted */
  struct cubix_histogram *histogram;        /* where rows are wanted */
  struct cubix_cube seen_bar, bar, painted_bar, painted;
  struct cubix_cube whole;                  /* painted_bar of all channels that this rank owns */
  struct cubix_psf_bar psf;
  struct cubix_chain_rest rest;
  double flux;                              /* <cube, cube_bar> of the owned channels */
};

/* Pieces of cubes are done with before stars get their bars. */
static void pieces_free(struct back *b)
{
  struct cubix_cube *piece[] = { &b->seen_bar, &b->bar, &b->painted_bar, &b->painted, &b->whole };
  for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
    free(piece[i]->flux);
    piece[i]->flux = NULL;
  }
}

static void back_free(struct back *b)
{
  pieces_free(b);
  free(b->star);
  free(b->outliers);
  free(b->total);
  free(b->leftover);
  free(b->value);
  free(b->row);
  free(b->row_rest);
  free(b->tile);
  free(b->k_bar);
  cubix_chain_screens_free(&b->screens);
  cubix_chain_lines_free(&b->lines);
  cubix_histogram_free(b->histogram);
  cubix_chain_rest_free(&b->rest);
  cubix_chain_records_free(&b->records);
}

static size_t n_record(const struct cubix_placement *p) { return p ? p->start[p->n_spaxel] : 0; }
static size_t n_row_bar(const struct cubix_chain *chain)
{
  return (size_t)chain->pipe->templates->tables.n_row * ((size_t)chain->pipe->templates->tables.n_knot + 1) * 2;
}

int cubix_chain_needs_rows(const struct cubix_chain *chain, const struct cubix_leaves *leaves)
{
  return leaves->value[CUBIX_LEAF_Luminosity] || leaves->value[CUBIX_LEAF_LsfFwhm] ||
         leaves->value[CUBIX_LEAF_BirthCloudTau] || (leaves->value[CUBIX_LEAF_Redshift] && !chain->pipe->ins->lsf_none);
}

/* One after the last spaxel of a part that begins with `first`. */
static size_t part_end(const struct cubix_placement *p, size_t first)
{
  size_t last = first + 1;
  while (last < p->n_spaxel && p->start[last + 1] - p->start[first] <= CUBIX_CHAIN_PART) last++;
  return last;
}

static int back_init(struct back *b, struct cubix_chain *chain, const struct cubix_leaves *bar)
{
  int status = CUBIX_OK;
  const struct cubix_placement *p = b->records.placement;
  const int whole = !chain->pipe->basis || b->records.owned;
  size_t most = whole ? n_record(p) : 0;
  for (size_t first = 0, last; !whole && first < p->n_spaxel; first = last) {
    last = part_end(p, first);
    most = p->start[last] - p->start[first] > most ? p->start[last] - p->start[first] : most;
  }
  if (cubix_chain_needs_law(chain, bar)) CUBIX_ALLOC(b->k_bar, chain->pipe->ins->n_lambda);
  CUBIX_TRY(cubix_chain_screens_init(&b->screens, chain, bar));
  CUBIX_ALLOC(b->star, most);
  CUBIX_TRY(cubix_chain_rest_init(&b->rest, chain, &b->records));
  CUBIX_ALLOC(b->outliers, n_record(b->rest.outliers));
  CUBIX_ALLOC(b->leftover, n_record(b->rest.leftover));
  if (chain->pipe->basis && !chain->cover)
    CUBIX_TRY(cubix_histogram_cover(&chain->cover, &chain->pipe->basis->nodes, p, &chain->pipe->templates->tables));
  if (chain->pipe->basis) CUBIX_ALLOC(b->value, chain->cover->n_value);
  if (b->k_bar && chain->pipe->basis && chain->pipe->basis->nodes.axis.n)
    CUBIX_TRY(cubix_chain_histogram(&b->histogram, chain, &b->records));
  if (!cubix_chain_needs_rows(chain, bar)) goto done;
  CUBIX_ALLOC(b->row, n_row_bar(chain));
  if (b->rest.leftover) CUBIX_ALLOC(b->row_rest, n_row_bar(chain));
  if (!chain->pipe->basis) goto done;
  CUBIX_ALLOC(b->tile, cubix_basis_tile_size(chain->pipe->basis));
  if (!b->histogram) CUBIX_TRY(cubix_chain_histogram(&b->histogram, chain, &b->records));
done:
  return status;
}

/* Cotangents back through the PSF, a screen of dust and the channels' widths.
 * @param painted NULL: the PSF itself is not asked for */
static int reverse(struct back *b, const struct cubix_chain *chain, const struct cubix_cube *painted,
                   const struct cubix_cube *bar, struct cubix_cube *painted_bar)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_psf_apply_vjp(chain->pipe->ins, painted, bar, painted_bar, painted ? &b->psf : NULL,
                                &chain->pipe->psf));
  cubix_cube_dim(painted_bar, &chain->pipe->templates->tables);
  cubix_cube_rescale(painted_bar, chain->pipe->ins);
done:
  return status;
}

/* Back through the fibres. */
static int unsample(const struct cubix_chain *chain, const struct cubix_cube *seen_bar, struct cubix_cube *bar)
{
  return (chain->of_fibres ? cubix_fibres_sample_vjp : cubix_fibres_apply_vjp)(chain->pipe->fibres, seen_bar, bar);
}

/* Cotangents of a piece of the field, back through the fibres where there are any. */
static int cut_field(struct back *b, const struct cubix_chain *chain, const struct cubix_cube *cube_bar,
                    const struct cubix_chain_piece *piece)
{
  int status = CUBIX_OK;
  struct cubix_cube *cut = chain->pipe->fibres ? &b->seen_bar : &b->bar;
  CUBIX_TRY(cubix_chain_hold(chain, &b->bar, piece, 0));
  if (chain->pipe->fibres) CUBIX_TRY(cubix_chain_hold_seen(chain, cut, piece));
  cubix_chain_cut(cut, cube_bar);
  if (chain->pipe->fibres) CUBIX_TRY(unsample(chain, cut, &b->bar));
done:
  return status;
}

/* The owner's cotangents of a piece. */
static int unblur(struct back *b, struct cubix_chain *chain, const struct cubix_cube *cube_bar,
                  const struct cubix_chain_piece *piece, int psf)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cut_field(b, chain, cube_bar, piece));
  if (psf) {
    CUBIX_TRY(cubix_chain_hold(chain, &b->painted, piece, chain->pipe->ins->margin));
    cubix_chain_cut(&b->painted, chain->pipe->painted);
  }
  CUBIX_TRY(reverse(b, chain, psf ? &b->painted : NULL, &b->bar, &b->painted_bar));
done:
  return status;
}

/* The cotangents of all channels that this rank owns. */
static int unblur_all(struct back *b, struct cubix_chain *chain, const struct cubix_cube *cube_bar, int psf)
{
  int status = CUBIX_OK;
  const struct cubix_chain_piece mine = { cubix_mpi_rank(), cube_bar->lambda_first, cube_bar->n_lambda };
  struct cubix_cube bar = *cube_bar;
  bar.margin = 0;
  if (chain->pipe->fibres) {
    CUBIX_TRY(cubix_chain_hold(chain, &b->bar, &mine, 0));
    CUBIX_TRY(unsample(chain, cube_bar, &b->bar));
    bar = b->bar;
  }
  CUBIX_TRY(cubix_chain_hold(chain, &b->whole, &mine, chain->pipe->ins->margin));
  CUBIX_TRY(reverse(b, chain, psf ? chain->pipe->painted : NULL, &bar, &b->whole));
done:
  return status;
}

/* Whether the law of the dust in front of stars is asked for. */
static int behind_dust(const struct back *b, const struct cubix_chain *chain)
{
  return b->k_bar && chain->pipe->particles->survey->dustiest > 0;
}

/* Stars that the histogram leaves out in some channels: in these. */
static int leftover_back(struct back *b, const struct cubix_chain *chain, const struct cubix_placement *stars,
                         struct cubix_star_bar *star_bar)
{
  int status = CUBIX_OK, last = b->painted_bar.lambda_first + b->painted_bar.n_lambda;
  struct cubix_cube run = { .n_x = b->painted_bar.n_x, .n_y = b->painted_bar.n_y, .margin = b->painted_bar.margin };
  for (int k = b->painted_bar.lambda_first, n; (n = cubix_ends_run(chain->pipe->basis, &k, last)); k += n) {
    CUBIX_TRY(cubix_cube_hold(&run, k, n));
    cubix_chain_cut(&run, &b->painted_bar);
    CUBIX_TRY(cubix_device_paint_vjp(chain->pipe->dev, &b->rest.ending, stars, &run, star_bar, b->row_rest));
    if (behind_dust(b, chain)) CUBIX_TRY(cubix_paint_screen_vjp(&b->rest.ending, stars, &run, b->k_bar));
  }
done:
  free(run.flux);
  return status;
}

/* Templates of the histogram, tile by tile. */
static int tiles_back(struct back *b, const struct cubix_chain *chain, size_t first_spaxel, size_t last_spaxel)
{
  int status = CUBIX_OK, first = b->painted_bar.lambda_first / CUBIX_TILE,
      last = (b->painted_bar.lambda_first + b->painted_bar.n_lambda + CUBIX_TILE - 1) / CUBIX_TILE;
  const struct cubix_histogram part = cubix_histogram_part(b->histogram, first_spaxel, last_spaxel);
  for (int i = first; i < last; i++) {
    memset(b->tile, 0, cubix_basis_tile_size(chain->pipe->basis) * sizeof *b->tile);
    CUBIX_TRY(cubix_multiply_basis_vjp(&b->painted_bar, &part, chain->pipe->basis,
                                       chain->pipe->templates->tables.star_scale, i, b->tile));
    CUBIX_TRY(cubix_basis_vjp(chain->pipe->basis, i, b->tile, b->row));
  }
done:
  return status;
}

/* Cotangents of spaxels first .. last - 1 of the records, in some channels or all, to the stars. */
static int stars_back(struct back *b, const struct cubix_chain *chain, size_t first, size_t last)
{
  int status = CUBIX_OK;
  const struct cubix_tables *tables = &chain->pipe->templates->tables;
  struct cubix_device *dev = chain->pipe->dev;
  CUBIX_TRY(cubix_chain_lines_vjp(&b->lines, chain, &b->painted_bar, first, last, b->records.start));
  if (!chain->pipe->basis) {
    CUBIX_TRY(cubix_device_paint_vjp(dev, tables, b->records.placement, &b->painted_bar, b->star, b->row));
    if (behind_dust(b, chain))
      CUBIX_TRY(cubix_paint_screen_vjp(tables, b->records.placement, &b->painted_bar, b->k_bar));
    goto done;
  }
  const struct cubix_histogram cover = cubix_histogram_part(chain->cover, first, last);
  CUBIX_TRY(dev->ops->multiply_vjp(dev, &b->painted_bar, &cover, chain->pipe->basis, tables->star_scale, b->value));
  if (b->row) CUBIX_TRY(tiles_back(b, chain, first, last));
  if (b->k_bar && b->histogram) {
    const struct cubix_histogram histogram = cubix_histogram_part(b->histogram, first, last);
    CUBIX_TRY(cubix_multiply_screen_vjp(&b->painted_bar, &histogram, chain->pipe->basis, tables->star_scale, b->k_bar));
  }
  if (b->rest.outliers) {
    const struct cubix_placement stars = cubix_placement_part(b->rest.outliers, first, last, b->records.start);
    CUBIX_TRY(cubix_device_paint_vjp(dev, tables, &stars, &b->painted_bar, b->outliers + b->rest.outliers->start[first],
                                     b->row));
    if (behind_dust(b, chain)) CUBIX_TRY(cubix_paint_screen_vjp(tables, &stars, &b->painted_bar, b->k_bar));
  }
  if (b->rest.leftover) {
    const struct cubix_placement stars = cubix_placement_part(b->rest.leftover, first, last, b->records.start);
    CUBIX_TRY(leftover_back(b, chain, &stars, b->leftover + b->rest.leftover->start[first]));
  }
done:
  return status;
}

/* Bars of picked stars, from number *next on, to those of the records first .. last - 1. */
static void add_picked(struct cubix_star_bar *to, size_t first, size_t last, const struct cubix_star_bar *from,
                       const struct cubix_placement *picked, size_t *next)
{
  for (; *next < n_record(picked) && picked->source[*next] < last; ++*next) {
    struct cubix_star_bar *t = &to[picked->source[*next] - first];
    t->mass_formed += from[*next].mass_formed;
    t->velocity += from[*next].velocity;
    t->f_z += from[*next].f_z;
    t->f_age += from[*next].f_age;
    t->screen += from[*next].screen;
  }
}

/* What has been collected on the histogram's blocks, to the records of spaxels first .. last - 1. */
static int records_back(struct back *b, const struct cubix_chain *chain, size_t first, size_t last,
                        const struct cubix_placement *part, struct cubix_star_bar *star, size_t next[2])
{
  int status = CUBIX_OK;
  const size_t *start = b->records.placement->start;
  const struct cubix_histogram cover = cubix_histogram_part(chain->cover, first, last);
  memset(star, 0, n_record(part) * sizeof *star);
  CUBIX_TRY(chain->pipe->dev->ops->fill_vjp(chain->pipe->dev, &cover, b->value, part, &chain->pipe->templates->tables,
                                            star));
  add_picked(star, start[first], start[last], b->outliers, b->rest.outliers, &next[0]);
  add_picked(star, start[first], start[last], b->leftover, b->rest.leftover, &next[1]);
done:
  return status;
}

/* To the records of the spaxels that this rank owns, and from there to the ranks that have the stars.  Collective. */
static int owned_back(struct back *b, const struct cubix_chain *chain)
{
  int status = CUBIX_OK;
  const struct cubix_placement *p = b->records.placement;
  size_t next[2] = { 0, 0 };
  for (size_t first = 0, last; first < p->n_spaxel && !status; first = last) {
    last = part_end(p, first);
    const struct cubix_placement part = cubix_placement_part(p, first, last, b->records.start);
    status = records_back(b, chain, first, last, &part, b->star + p->start[first], next);
  }
  CUBIX_TRY(cubix_mpi_agree(status));
  CUBIX_TRY(cubix_mpi_route_back((void **)&b->star, sizeof *b->star, &b->records.route));
done:
  return status;
}

/* To the stars, part by part. */
static int deposits_back(struct back *b, const struct cubix_chain *chain, struct cubix_leaves *bar,
                         struct cubix_chain_sums *sums)
{
  int status = CUBIX_OK;
  const struct cubix_placement *p = chain->pipe->particles->placement;
  const struct cubix_chain_who who = cubix_chain_stars(chain);
  size_t next[2] = { 0, 0 };
  for (size_t first = 0, last; first < p->n_spaxel; first = last) {
    last = part_end(p, first);
    const struct cubix_placement part = cubix_placement_part(p, first, last, b->records.start);
    struct cubix_star_bar *star = b->records.owned ? b->star + p->start[first] : b->star;
    if (!b->records.owned) CUBIX_TRY(records_back(b, chain, first, last, &part, star, next));
    CUBIX_TRY(cubix_chain_stars_vjp(&who, &part, first, star, b->total, b->screens.star, bar, sums));
  }
done:
  return status;
}

static int collect(struct back *b, const struct cubix_chain *chain, struct cubix_leaves *bar,
                   struct cubix_chain_sums *sums)
{
  int status = CUBIX_OK;
  const struct cubix_chain_who who = cubix_chain_stars(chain);
  size_t n_row = (size_t)chain->pipe->templates->tables.n_row, stride = n_row_bar(chain) / n_row;
  for (size_t r = 0; r < n_row && b->row_rest; r++)
    if (chain->pipe->basis->ending[r])
      for (size_t i = r * stride; i < (r + 1) * stride; i++) b->row[i] += b->row_rest[i];
  if (chain->pipe->templates->tables.deposit != CUBIX_DEPOSIT_NEAREST)
    CUBIX_ALLOC(b->total, chain->pipe->particles->slab->n);
  if (chain->pipe->basis) CUBIX_TRY(deposits_back(b, chain, bar, sums));
  else
    CUBIX_TRY(cubix_chain_stars_vjp(&who, who.placement, 0, b->star, b->total, b->screens.star, bar, sums));
  if (b->total) CUBIX_TRY(cubix_chain_totals_vjp(&who, b->total, b->screens.star, bar, sums));
done:
  return status;
}

static double inner(const struct cubix_cube *a, const struct cubix_cube *b)
{
  double sum = 0;
  size_t n_lambda = (size_t)a->n_lambda, n_spaxel = n_lambda ? (size_t)a->n_x * (size_t)a->n_y : 0;
  for (size_t s = 0; s < n_spaxel; s++) {
    double row = 0;
    for (size_t k = s * n_lambda; k < (s + 1) * n_lambda; k++) row += (double)a->flux[k] * (double)b->flux[k];
    sum += row;
  }
  return sum;
}

static void add_global(struct cubix_leaves *bar, enum cubix_leaf leaf, double x)
{
  if (bar->value[leaf]) bar->value[leaf][0] += x;
}

/* Rows of templates to library, LSF and redshift. */
static int rows_back(const struct back *b, const struct cubix_chain *chain, struct cubix_leaves *bar,
                     double *one_plus_z_bar)
{
  if (!b->row) return CUBIX_OK;
  cubix_mpi_collective.sum(b->row, n_row_bar(chain));
  return cubix_templates_vjp(chain->pipe->templates, chain->pipe->ins, b->row, bar->value[CUBIX_LEAF_Luminosity],
                             bar->value[CUBIX_LEAF_LsfFwhm], one_plus_z_bar, bar->value[CUBIX_LEAF_BirthCloudTau]);
}

/* Sums over all ranks to the globals. */
static void globals_back(const struct back *b, const struct cubix_chain *chain, const struct cubix_chain_sums *sums,
                         double one_plus_z_bar, struct cubix_leaves *bar)
{
  const struct cubix_scene *scene = &chain->pipe->scene;
  struct cubix_turn_bar turn = { .alpha = 0 };
  double redshift_bar = 0, distance_bar = 0, z1 = 1 + scene->redshift;
  struct cubix_scene scene_bar = { .redshift = sums->receding * CUBIX_C_KMS / z1 + one_plus_z_bar,
                                   .flux_scale = b->flux / scene->flux_scale,
                                   .kpc_per_arcsec =
                                       -sums->sky.arcsec_per_kpc / (scene->kpc_per_arcsec * scene->kpc_per_arcsec) };
  cubix_scene_vjp(scene, &chain->pipe->par, &scene_bar, &redshift_bar, &distance_bar);
  cubix_frame_turn_vjp(&chain->pipe->frame, &chain->pipe->par, sums->rotation, &turn);
  add_global(bar, CUBIX_LEAF_Alpha, turn.alpha);
  add_global(bar, CUBIX_LEAF_Beta, turn.beta);
  add_global(bar, CUBIX_LEAF_Gamma, turn.gamma);
  add_global(bar, CUBIX_LEAF_Inclination, turn.inclination);
  add_global(bar, CUBIX_LEAF_PositionAngle, turn.position_angle);
  add_global(bar, CUBIX_LEAF_PointingX, sums->sky.pointing_x);
  add_global(bar, CUBIX_LEAF_PointingY, sums->sky.pointing_y);
  add_global(bar, CUBIX_LEAF_Roll, sums->sky.roll * CUBIX_PI / 180);
  add_global(bar, CUBIX_LEAF_DepositLength, sums->length);
  add_global(bar, CUBIX_LEAF_Redshift, redshift_bar);
  add_global(bar, CUBIX_LEAF_Distance, distance_bar);
  add_global(bar, CUBIX_LEAF_PsfFwhm, b->psf.fwhm);
  add_global(bar, CUBIX_LEAF_PsfBeta, b->psf.beta);
  add_global(bar, CUBIX_LEAF_MassScale, sums->mass_scale / chain->mass_scale);
  add_global(bar, CUBIX_LEAF_DustToMetal, sums->to_metal);
  add_global(bar, CUBIX_LEAF_FluxScale, b->flux / chain->pipe->flux_scale);
  for (int c = 0; c < 3; c++) {
    if (bar->value[CUBIX_LEAF_Centre]) bar->value[CUBIX_LEAF_Centre][c] += sums->centre[c];
    if (bar->value[CUBIX_LEAF_SystemicVelocity]) bar->value[CUBIX_LEAF_SystemicVelocity][c] += sums->velocity[c];
  }
}

/* The cotangents to the ranks that painted: piece by piece of the channels to all. */
static int pieces_back(struct back *b, struct cubix_chain *chain, const struct cubix_cube *cube_bar, int psf)
{
  int status = CUBIX_OK;
  struct cubix_chain_piece piece = { 0, 0, 0 };
  while (cubix_chain_next(chain, &piece)) {
    status = cubix_chain_hold(chain, &b->painted_bar, &piece, chain->pipe->ins->margin);
    if (!status && piece.owner == cubix_mpi_rank()) status = unblur(b, chain, cube_bar, &piece, psf);
    CUBIX_TRY(cubix_mpi_agree(status));
    cubix_chain_spread(&b->painted_bar, piece.owner);
    CUBIX_TRY(cubix_mpi_agree(stars_back(b, chain, 0, b->records.placement->n_spaxel)));
  }
done:
  return status;
}

/* Strip by strip to the owners of the spaxels. */
static int strips_back(struct back *b, struct cubix_chain *chain, const struct cubix_cube *cube_bar, int psf)
{
  int status = CUBIX_OK;
  const struct cubix_owners *owners = &b->records.owners;
  CUBIX_TRY(cubix_mpi_agree(unblur_all(b, chain, cube_bar, psf)));
  for (int round = 0; round < owners->n_round; round++) {
    const struct cubix_strip strip = cubix_chain_records_strip(&b->records, round);
    CUBIX_TRY(cubix_mpi_agree(cubix_mpi_strip_hold(&b->painted_bar, owners, round)));
    CUBIX_TRY(cubix_mpi_strip_take(&b->painted_bar, &b->whole, owners, round));
    CUBIX_TRY(cubix_mpi_agree(stars_back(b, chain, strip.first, strip.first + strip.n)));
  }
done:
  return status;
}

int cubix_mpi_chain_vjp(struct cubix_chain *chain, const struct cubix_cube *cube_bar, struct cubix_leaves *bar)
{
  int status = CUBIX_OK, psf = bar->value[CUBIX_LEAF_PsfFwhm] || bar->value[CUBIX_LEAF_PsfBeta];
  struct cubix_chain_sums sums = { .receding = 0 };
  struct back b = { 0 };
  const struct cubix_settings before = cubix_mpi_pipeline_enter(chain->pipe);
  double one_plus_z_bar = 0;
  CUBIX_TRY(cubix_mpi_agree(cubix_chain_check(chain, bar, cube_bar)));
  CUBIX_TRY(cubix_chain_records_init(&b.records, chain));
  CUBIX_TRY(cubix_chain_lines_init(&b.lines, chain, &b.records));
  CUBIX_TRY(cubix_mpi_agree(back_init(&b, chain, bar)));
  CUBIX_TRY((b.records.owned ? strips_back : pieces_back)(&b, chain, cube_bar, psf));
  pieces_free(&b);
  if (b.records.owned) CUBIX_TRY(owned_back(&b, chain));
  CUBIX_TRY(cubix_mpi_agree(collect(&b, chain, bar, &sums)));
  CUBIX_TRY(cubix_chain_sources_vjp(&b.lines, chain, &b.screens, bar, &sums));
  CUBIX_TRY(cubix_chain_columns_vjp(chain, &b.screens, bar, &sums));
  b.flux = inner(cubix_chain_seen(chain), cube_bar);
  double total[] = { b.flux, b.psf.fwhm, b.psf.beta };
  cubix_mpi_collective.sum(total, sizeof total / sizeof *total);
  b.flux = total[0];
  b.psf.fwhm = total[1];
  b.psf.beta = total[2];
  cubix_mpi_collective.sum((double *)&sums, sizeof sums / sizeof(double));
  cubix_chain_dust_vjp(chain, cube_bar, b.k_bar, bar, &one_plus_z_bar);
  CUBIX_TRY(cubix_mpi_agree(rows_back(&b, chain, bar, &one_plus_z_bar)));
  globals_back(&b, chain, &sums, one_plus_z_bar, bar);
done:
  back_free(&b);
  cubix_mpi_pipeline_leave(chain->pipe, &before);
  return status;
}
