/* unknowns.c -- how what is fitted follows from scaled unknowns, and the derivatives of that.
 *
 * Every unknown is 0 at the start, of order one where it matters, and bounded; b is the start's value.
 *
 *   FitModel stars: each star by itself
 *     Mass, SmoothingLength  b exp(x), within 1e-4 .. 1e4 of b; a star without mass stays without
 *     Age, Metallicity       b exp(x), within the library, b brought there first
 *     Velocity, Position     b + 100 km/s x, b + 1 kpc x; a velocity stays within 1000 km/s of b
 *   FitModel bins: stars together, by a bin of their age or by a shell of their distance from the
 *   centre, at the start
 *     Mass                   b exp(x_bin)
 *     Metallicity            b 10^x_bin, within 3 dex
 *     Velocity               s + (b - s) (1 + x_shell), factor -10 .. 10; s the systemic velocity at the start
 *   either way, what is one for the whole
 *     angles                 b + 10 deg x      Centre    b + 1 kpc x
 *     SystemicVelocity       b + 100 km/s x    pointing  b + 1 arcsec x
 *     DustScreen             b + 1 mag x       DustRv, DustSlope, BirthCloudTau     b + x
 *     Redshift               b + 0.001 x       Distance, PsfFwhm, PsfBeta, LsfFwhm, MassScale, FluxScale     b exp(x)
 *     within the bounds of the parameter of that name (DustRv: of its law); scales within 1e-6 .. 1e6 of b, PsfFwhm, on
 *     which the painted field's size depends, within 1/5 .. 5
 *
 * A value that starts at 0 and follows from a factor cannot move: its unknown is frozen, and so is
 * that of a bin without stars.  An unknown of age or metallicity ends a hair (1e-9) inside the
 * library, since at its very end no light changes with them outwards, and derivatives there are
 * those of the outside. */
#include "fit/unknowns_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dust/extinction.h"
#include "params/params_table.h"

static const double hair = 1e-9;

/* Form and scale of a leaf's unknowns, how far they go from the start (as a factor (LN) or in the
 * leaf's unit; 0: to the bounds alone), and whether the objective may have several minima along
 * them. */
static const struct rule { enum cubix_unknown_form form; double scale, range; int several;
} rules[CUBIX_N_LEAF] = {
  [CUBIX_LEAF_Mass] = { CUBIX_FORM_LN, 1, 1e4, 0 },
  [CUBIX_LEAF_Age] = { CUBIX_FORM_LN, 1, 0, 1 },
  [CUBIX_LEAF_Metallicity] = { CUBIX_FORM_LN, 1, 0, 1 },
  [CUBIX_LEAF_Velocity] = { CUBIX_FORM_LINEAR, 100, 1000, 0 },
  [CUBIX_LEAF_Position] = { CUBIX_FORM_LINEAR, 1, 0, 0 },
  [CUBIX_LEAF_SmoothingLength] = { CUBIX_FORM_LN, 1, 1e4, 0 },
  [CUBIX_LEAF_Centre] = { CUBIX_FORM_LINEAR, 1, 0, 0 },
  [CUBIX_LEAF_SystemicVelocity] = { CUBIX_FORM_LINEAR, 100, 0, 0 },
  [CUBIX_LEAF_Alpha] = { CUBIX_FORM_LINEAR, 10, 0, 0 },
  [CUBIX_LEAF_Beta] = { CUBIX_FORM_LINEAR, 10, 0, 0 },
  [CUBIX_LEAF_Gamma] = { CUBIX_FORM_LINEAR, 10, 0, 0 },
  [CUBIX_LEAF_Inclination] = { CUBIX_FORM_LINEAR, 10, 0, 0 },
  [CUBIX_LEAF_PositionAngle] = { CUBIX_FORM_LINEAR, 10, 0, 0 },
  [CUBIX_LEAF_PointingX] = { CUBIX_FORM_LINEAR, 1, 0, 0 },
  [CUBIX_LEAF_PointingY] = { CUBIX_FORM_LINEAR, 1, 0, 0 },
  [CUBIX_LEAF_Roll] = { CUBIX_FORM_LINEAR, 10, 0, 0 },
  [CUBIX_LEAF_Redshift] = { CUBIX_FORM_LINEAR, 1e-3, 0, 0 },
  [CUBIX_LEAF_Distance] = { CUBIX_FORM_LN, 1, 1e6, 0 },
  [CUBIX_LEAF_PsfFwhm] = { CUBIX_FORM_LN, 1, 5, 0 },
  [CUBIX_LEAF_PsfBeta] = { CUBIX_FORM_LN, 1, 1e6, 0 },
  [CUBIX_LEAF_LsfFwhm] = { CUBIX_FORM_LN, 1, 1e6, 0 },
  [CUBIX_LEAF_DustScreen] = { CUBIX_FORM_LINEAR, 1, 0, 0 },
  [CUBIX_LEAF_DustRv] = { CUBIX_FORM_LINEAR, 1, 0, 0 },
  [CUBIX_LEAF_DustSlope] = { CUBIX_FORM_LINEAR, 1, 0, 0 },
  [CUBIX_LEAF_BirthCloudTau] = { CUBIX_FORM_LINEAR, 1, 0, 0 },
  [CUBIX_LEAF_LineLogU] = { CUBIX_FORM_LINEAR, 0.3, 0, 0 },
  [CUBIX_LEAF_LineTurbulence] = { CUBIX_FORM_LINEAR, 10, 0, 0 },
  [CUBIX_LEAF_LineEscape] = { CUBIX_FORM_LINEAR, 0.1, 0, 0 },
  [CUBIX_LEAF_LineDust] = { CUBIX_FORM_LINEAR, 0.1, 0, 0 },
  [CUBIX_LEAF_MassScale] = { CUBIX_FORM_LN, 1, 1e6, 0 },
  [CUBIX_LEAF_FluxScale] = { CUBIX_FORM_LN, 1, 1e6, 0 },
};

static const struct rule factor = { CUBIX_FORM_LN, 1, 1e6, 0 };      /* of a leaf that has none: a positive number */

double cubix_unknowns_range(enum cubix_leaf leaf) { return rules[leaf].range; }

static int in_bins(const struct cubix_params *par) { return par->FitModel == CUBIX_FitModel_bins; }

void cubix_unknowns_need(unsigned char need[CUBIX_N_LEAF], const struct cubix_params *par,
                         const unsigned char varied[CUBIX_N_LEAF])
{
  memcpy(need, varied, CUBIX_N_LEAF);
  if (!in_bins(par)) return;
  if (varied[CUBIX_LEAF_Mass] || varied[CUBIX_LEAF_Metallicity]) need[CUBIX_LEAF_Age] = 1;
  if (varied[CUBIX_LEAF_Velocity])
    need[CUBIX_LEAF_Position] = need[CUBIX_LEAF_Centre] = need[CUBIX_LEAF_SystemicVelocity] = 1;
}

/* ---- the map --------------------------------------------------------------------------------- */
/* Index, among the unknowns, of number c of star i (EACH, BIN), or of a GLOBAL leaf. */
static size_t index_of(const struct cubix_unknowns *u, const struct cubix_unknown_block *k, size_t i, size_t c)
{
  if (k->of == CUBIX_OF_EACH) return i * (size_t)u->n_star_unknown + k->first + c;
  return u->n - u->n_shared + k->first + (k->of == CUBIX_OF_BIN ? k->bin[i] : c);
}

/* A number's value at x, and its derivative there. */
static double value_of(const struct cubix_unknowns_map *map, const struct cubix_unknown_block *k, double base, size_t c,
                       double x, double *slope)
{
  double value;
  if (k->of == CUBIX_OF_BIN && k->leaf == CUBIX_LEAF_Velocity) {
    *slope = base - map->systemic[c];
    return base + *slope * x;
  }
  if (k->form == CUBIX_FORM_LN) {
    value = x == 0 ? base : base * exp(k->scale * x);
    *slope = k->scale * value;
  } else {
    value = base + k->scale * x;
    *slope = k->scale;
  }
  /* rounding alone: the bounds of x are those of the value */
  return value < k->low ? k->low : value > k->high ? k->high : value;
}

static size_t rows_of(const struct cubix_unknowns *u, const struct cubix_unknown_block *k)
{
  return k->of == CUBIX_OF_ALL ? 1 : u->n_star;
}

void cubix_unknowns_apply(const struct cubix_unknowns *u, const double *x, struct cubix_leaves *value)
{
  for (int b = 0; b < u->map->n_block; b++) {
    const struct cubix_unknown_block *k = &u->map->block[b];
    const size_t n_c = (size_t)k->n_c, rows = rows_of(u, k);
    double *to = value->value[k->leaf];
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows; i++)
      for (size_t c = 0; c < n_c; c++) {
        double slope;
        to[i * n_c + c] = value_of(u->map, k, k->base[i * n_c + c], c, x[index_of(u, k, i, c)], &slope);
      }
  }
}

void cubix_unknowns_apply_vjp(const struct cubix_unknowns *u, const double *x, const struct cubix_leaves *value_bar,
                              double *x_bar)
{
  for (int b = 0; b < u->map->n_block; b++) {
    const struct cubix_unknown_block *k = &u->map->block[b];
    const size_t n_c = (size_t)k->n_c, rows = rows_of(u, k);
    const double *bar = value_bar->value[k->leaf];
    double sum[CUBIX_UNKNOWN_MOST_BINS] = { 0 }, slope;
    for (size_t i = 0; i < rows; i++)              /* one by one: sums in this order alone */
      for (size_t c = 0; c < n_c; c++) {
        size_t at = index_of(u, k, i, c);
        value_of(u->map, k, k->base[i * n_c + c], c, x[at], &slope);
        if (k->of == CUBIX_OF_BIN) sum[k->bin[i]] += slope * bar[i * n_c + c];
        else x_bar[at] += slope * bar[i * n_c + c];
      }
    if (k->of == CUBIX_OF_BIN) u->map->collective->sum(sum, (size_t)k->n);
    for (int s = 0; k->of == CUBIX_OF_BIN && s < k->n; s++) x_bar[u->n - u->n_shared + k->first + (size_t)s] += sum[s];
  }
}

void cubix_unknowns_apply_jvp(const struct cubix_unknowns *u, const double *x, const double *x_dot,
                              struct cubix_leaves *value_dot)
{
  for (int b = 0; b < u->map->n_block; b++) {
    const struct cubix_unknown_block *k = &u->map->block[b];
    const size_t n_c = (size_t)k->n_c, rows = rows_of(u, k);
    double *dot = value_dot->value[k->leaf];
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows; i++)
      for (size_t c = 0; c < n_c; c++) {
        size_t at = index_of(u, k, i, c);
        double slope;
        value_of(u->map, k, k->base[i * n_c + c], c, x[at], &slope);
        dot[i * n_c + c] = slope * x_dot[at];
      }
  }
}

/* ---- bounds ---------------------------------------------------------------------------------- */
static const double least_redshift = 1e-6;       /* where it is all that tells the distance */

/* What the values of a leaf may be. */
static void limit(struct cubix_unknown_block *k, const struct cubix_params *par,
                  const struct cubix_unknowns_start *start)
{
  const int row = cubix_param_find(cubix_leaf_info(k->leaf)->name);
  k->low = k->form == CUBIX_FORM_LN ? 0 : -INFINITY;
  k->high = INFINITY;
  if (k->of == CUBIX_OF_ALL && row >= 0 && cubix_param_is_real(&cubix_param_table[row])) {
    k->low = cubix_param_table[row].min;
    k->high = cubix_param_table[row].max;
  }
  if (k->leaf == CUBIX_LEAF_DustRv) cubix_extinction_shape(par->DustLaw, &k->low, &k->high);
  if (k->leaf == CUBIX_LEAF_Redshift && !(par->Distance > 0)) k->low = least_redshift;
  if (k->of != CUBIX_OF_EACH) return;
  const double *range = k->leaf == CUBIX_LEAF_Age           ? start->age
                        : k->leaf == CUBIX_LEAF_Metallicity ? start->metallicity
                                                            : NULL;
  if (range) {
    k->low = range[0] * (1 + hair);
    k->high = range[1] * (1 - hair);
  }
}

/* Bounds of an unknown whose value starts at b. */
static void bound(const struct cubix_unknown_block *k, double b, double *lower, double *upper)
{
  const double range = k->range;
  *lower = -INFINITY;
  *upper = INFINITY;
  if (k->form == CUBIX_FORM_LN) {
    if (b <= 0) *lower = *upper = 0;
    else {
      *lower = fmax(log(k->low / b), range > 0 ? -log(range) : -INFINITY);
      *upper = fmin(log(k->high / b), range > 0 ? log(range) : INFINITY);
    }
  } else {
    *lower = fmax((k->low - b) / k->scale, range > 0 ? -range / k->scale : -INFINITY);
    *upper = fmin((k->high - b) / k->scale, range > 0 ? range / k->scale : INFINITY);
  }
  *lower = fmin(*lower, 0);
  *upper = fmax(*upper, 0);
}

/* A bin without stars that shed light is no unknown.  @param light [n_star], NULL: all do */
static void bound_bins(struct cubix_unknowns *u, const struct cubix_unknown_block *k, const double *light)
{
  double *lower = u->lower + (u->n - u->n_shared) + k->first, *upper = u->upper + (u->n - u->n_shared) + k->first;
  uint64_t count[CUBIX_UNKNOWN_MOST_BINS] = { 0 };
  for (size_t i = 0; i < u->n_star; i++) count[k->bin[i]] += !light || light[i] > 0;
  u->map->collective->add(count, k->n);
  for (int j = 0; j < k->n; j++) {
    double most = k->leaf == CUBIX_LEAF_Mass ? log(1e4) : 3;
    lower[j] = count[j] == 0 ? 0 : k->leaf == CUBIX_LEAF_Velocity ? -11 : -most;
    upper[j] = count[j] == 0 ? 0 : k->leaf == CUBIX_LEAF_Velocity ? 9 : most;
  }
}

/* By how many dex each bin's stars, on average of their light, get to the library's ends. */
static void find_shifts(struct cubix_unknowns *u, const struct cubix_unknown_block *k,
                        const struct cubix_unknowns_start *start)
{
  double sum[2 * CUBIX_UNKNOWN_MOST_BINS] = { 0 };
  for (size_t i = 0; i < u->n_star; i++) {
    const double light = k->base[i] > 0 ? start->light ? start->light[i] : 1 : 0;
    if (!(light > 0)) continue;
    sum[2 * k->bin[i]] += light * log10(fmin(fmax(k->base[i], start->metallicity[0]), start->metallicity[1]));
    sum[2 * k->bin[i] + 1] += light;
  }
  u->map->collective->sum(sum, 2 * (size_t)k->n);
  for (int j = 0; j < k->n; j++)
    for (int end = 0; end < 2; end++)
      u->map->shift[j][end] = sum[2 * j + 1] > 0 ? log10(start->metallicity[end]) - sum[2 * j] / sum[2 * j + 1] : 0;
}

void cubix_unknowns_scan(const struct cubix_unknowns *u, size_t i, double range[2])
{
  const size_t own = u->n - u->n_shared, at = i < own ? i % (size_t)u->n_star_unknown : i - own;
  const struct cubix_unknown_block *k = u->map->block;
  while ((k->of == CUBIX_OF_EACH) != (i < own) || at < k->first || at >= k->first + (size_t)k->n) k++;
  range[0] = range[1] = 0;
  if (!k->several || !(u->lower[i] < u->upper[i])) return;
  range[0] = k->of == CUBIX_OF_BIN ? fmax(u->map->shift[at - k->first][0], u->lower[i]) : u->lower[i];
  range[1] = k->of == CUBIX_OF_BIN ? fmin(u->map->shift[at - k->first][1], u->upper[i]) : u->upper[i];
}

static void find_bounds(struct cubix_unknowns *u, const double *light)
{
  for (int b = 0; b < u->map->n_block; b++) {
    const struct cubix_unknown_block *k = &u->map->block[b];
    if (k->of == CUBIX_OF_BIN) bound_bins(u, k, light);
    else
      for (size_t i = 0; i < rows_of(u, k); i++)
        for (size_t c = 0; c < (size_t)k->n_c; c++)
          bound(k, k->base[i * (size_t)k->n_c + c], &u->lower[index_of(u, k, i, c)], &u->upper[index_of(u, k, i, c)]);
  }
}

/* ---- what there is --------------------------------------------------------------------------- */
static int block_add(struct cubix_unknowns *u, const struct cubix_params *par, enum cubix_leaf leaf,
                     const struct cubix_unknowns_start *start)
{
  int status = CUBIX_OK;
  struct cubix_unknowns_map *map = u->map;
  struct cubix_unknown_block *k = &map->block[map->n_block++];
  const struct cubix_leaf_info *info = cubix_leaf_info(leaf);
  const struct rule *rule = rules[leaf].scale > 0 ? &rules[leaf] : &factor;
  const int shells = leaf == CUBIX_LEAF_Velocity;
  CUBIX_CHECK(info->of != CUBIX_OF_LIBRARY && info->of != CUBIX_OF_GAS, CUBIX_EUSAGE,
              "Parameters = %s (%s): a fit cannot vary %s; Mode gradient gives its gradient", par->Parameters,
              cubix_params_origin(par, "Parameters"), info->name);
  *k = (struct cubix_unknown_block){ leaf,
                                     info->of == CUBIX_OF_GLOBAL ? CUBIX_OF_ALL
                                     : in_bins(par)              ? CUBIX_OF_BIN
                                                                 : CUBIX_OF_EACH,
                                     rule->form,
                                     rule->scale,
                                     0,
                                     0,
                                     info->n,
                                     info->n,
                                     0,
                                     NULL,
                                     NULL,
                                     NULL,
                                     rule->several,
                                     rule->range };
  if (k->of == CUBIX_OF_BIN) {
    CUBIX_CHECK(shells || leaf == CUBIX_LEAF_Mass || leaf == CUBIX_LEAF_Metallicity, CUBIX_EUSAGE,
                "Parameters = %s (%s): FitModel bins varies Mass, Metallicity and Velocity of stars, not %s; choose "
                "FitModel stars",
                par->Parameters, cubix_params_origin(par, "Parameters"), info->name);
    k->n = shells ? par->FitRadiusBins : map->n_age;
    k->bin = shells ? map->shell : map->age_bin;
    k->edge = shells ? map->shell_edge : map->age_edge;
    if (leaf == CUBIX_LEAF_Metallicity) k->scale = log(10);
    if (shells) memcpy(map->systemic, start->value->value[CUBIX_LEAF_SystemicVelocity], sizeof map->systemic);
  }
  limit(k, par, start);
  const size_t n = rows_of(u, k) * (size_t)k->n_c;
  CUBIX_ALLOC(k->base, n);
  for (size_t i = 0; i < n; i++) {
    double b = start->value->value[leaf][i];
    k->base[i] = k->of == CUBIX_OF_EACH && (leaf == CUBIX_LEAF_Age || leaf == CUBIX_LEAF_Metallicity)
                     ? fmin(fmax(b, k->low), k->high)
                     : b;
  }
  if (k->of == CUBIX_OF_EACH) {
    k->first = (size_t)u->n_star_unknown;
    u->n_star_unknown += k->n;
  } else {
    k->first = u->n_shared;
    u->n_shared += (size_t)k->n;
  }
done:
  return status;
}

/* Room for the bins, and the edges that the user gives; on this rank alone. */
static int init_bins(struct cubix_unknowns **out, const struct cubix_params *par,
                     const unsigned char varied[CUBIX_N_LEAF], const struct cubix_unknowns_start *start)
{
  int status = CUBIX_OK;
  struct cubix_unknowns *u = NULL;
  CUBIX_ALLOC(u, 1);
  *out = u;
  CUBIX_ALLOC(u->map, 1);
  u->n_star = start->n_star;
  if (!in_bins(par)) goto done;
  if (varied[CUBIX_LEAF_Mass] || varied[CUBIX_LEAF_Metallicity]) CUBIX_ALLOC(u->map->age_bin, u->n_star);
  if (varied[CUBIX_LEAF_Velocity]) CUBIX_ALLOC(u->map->shell, u->n_star);
  CUBIX_TRY(cubix_unknowns_edges(u->map->age_edge, &u->map->n_age, par));
done:
  return status;
}

/* The unknowns themselves, on this rank alone. */
static int init_blocks(struct cubix_unknowns *u, const struct cubix_params *par,
                       const unsigned char varied[CUBIX_N_LEAF], const struct cubix_unknowns_start *start)
{
  int status = CUBIX_OK;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    if (varied[leaf]) CUBIX_TRY(block_add(u, par, (enum cubix_leaf)leaf, start));
  CUBIX_CHECK(u->map->n_block, CUBIX_EUSAGE,
              "Parameters (%s) is empty: name what Mode fit is to vary, such as Parameters Mass,Age",
              cubix_params_origin(par, "Parameters"));
  u->n = u->n_star * (size_t)u->n_star_unknown + u->n_shared;
  CUBIX_ALLOC(u->lower, u->n);
  CUBIX_ALLOC(u->upper, u->n);
done:
  return status;
}

/* A failure of one rank is everybody's. */
static int together(int status, const struct cubix_collective *collective)
{
  if (collective->largest(status) > 0 && !status)
    status = cubix_error_set(CUBIX_EFAIL, __func__, __FILE__, __LINE__, "another rank cannot set up its unknowns");
  return status;
}

int cubix_unknowns_init(struct cubix_unknowns **out, const struct cubix_params *par,
                        const unsigned char varied[CUBIX_N_LEAF], const struct cubix_unknowns_start *start,
                        const struct cubix_collective *collective)
{
  int status = CUBIX_OK;
  struct cubix_unknowns *u = NULL;
  CUBIX_TRY(together(init_bins(&u, par, varied, start), collective));
  u->map->collective = collective;
  cubix_unknowns_find_bins(u, par, start);
  CUBIX_TRY(together(init_blocks(u, par, varied, start), collective));
  find_bounds(u, start->light);
  for (int b = 0; b < u->map->n_block; b++)
    if (u->map->block[b].of == CUBIX_OF_BIN && u->map->block[b].several) find_shifts(u, &u->map->block[b], start);
  *out = u;
  u = NULL;
done:
  cubix_unknowns_free(u);
  return status;
}

void cubix_unknowns_free(struct cubix_unknowns *u)
{
  if (!u) return;
  for (int b = 0; u->map && b < u->map->n_block; b++) free(u->map->block[b].base);
  if (u->map) {
    free(u->map->age_bin);
    free(u->map->shell);
  }
  free(u->map);
  free(u->lower);
  free(u->upper);
  free(u);
}
