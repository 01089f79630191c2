/* chain_values.c -- the values of the leaves: where they are kept, and what a new one changes.
 *
 * Stars are kept in the sky frame, x' = R (x - c), v' = R (v - v0): the rotation in use takes
 * values there and back.  GLOBAL values that are parameters are kept in the chain's own struct
 * cubix_params. */
#include <math.h>
#include <omp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fit/leaves.h"
#include "geometry/frame.h"
#include "geometry/scene.h"
#include "instrument/instrument.h"
#include "instrument/psf_kernel.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/particles/gas.h"
#include "mpi/particles/star_check.h"
#include "mpi/pipeline/chain.h"
#include "mpi/pipeline/chain_parts.h"
#include "mpi/pipeline/pipeline.h"
#include "observation/psf.h"
#include "observation/psf_sums.h"
#include "params/params_table.h"
#include "physics/constants.h"
#include "simulation/simformat.h"
#include "spectra/templates.h"

static const double least_scale = 1e-100;   /* of masses or flux: what is scaled must not vanish for good */

/* The parameter that a leaf is, NULL where it is none. */
static double *parameter(struct cubix_params *par, enum cubix_leaf leaf)
{
  switch (leaf) {
    case CUBIX_LEAF_Alpha: return &par->Alpha;
    case CUBIX_LEAF_Beta: return &par->Beta;
    case CUBIX_LEAF_Gamma: return &par->Gamma;
    case CUBIX_LEAF_Inclination: return &par->Inclination;
    case CUBIX_LEAF_PositionAngle: return &par->PositionAngle;
    case CUBIX_LEAF_PointingX: return &par->PointingX;
    case CUBIX_LEAF_PointingY: return &par->PointingY;
    case CUBIX_LEAF_Roll: return &par->Roll;
    case CUBIX_LEAF_DepositLength: return &par->SmoothingLength.x;
    case CUBIX_LEAF_Redshift: return &par->Redshift;
    case CUBIX_LEAF_Distance: return &par->Distance;
    case CUBIX_LEAF_PsfFwhm: return &par->PsfFwhm;
    case CUBIX_LEAF_PsfBeta: return &par->PsfBeta;
    case CUBIX_LEAF_LsfFwhm: return &par->LsfFwhm;
    case CUBIX_LEAF_DustScreen: return &par->DustScreen;
    case CUBIX_LEAF_DustRv: return &par->DustRv;
    case CUBIX_LEAF_DustSlope: return &par->DustSlope;
    case CUBIX_LEAF_BirthCloudTau: return &par->BirthCloudTau;
    case CUBIX_LEAF_DustToMetal: return &par->DustToMetal;
    case CUBIX_LEAF_LineLogU: return &par->LineLogU;
    case CUBIX_LEAF_LineTurbulence: return &par->LineTurbulence;
    case CUBIX_LEAF_LineEscape: return &par->LineEscape;
    case CUBIX_LEAF_LineDust: return &par->LineDust;
    default: return NULL;
  }
}

/* The stars or the cells that a leaf is of; NULL: neither, or there is no gas. */
static struct cubix_slab *slab_of(const struct cubix_chain *chain, enum cubix_leaf leaf)
{
  const enum cubix_leaf_of of = cubix_leaf_info(leaf)->of;
  return of == CUBIX_OF_STAR ? chain->pipe->particles->slab : of == CUBIX_OF_GAS ? chain->pipe->gas : NULL;
}

/* A column that holds a leaf as it is; NULL where it needs more than a copy. */
static double *column(const struct cubix_chain *chain, enum cubix_leaf leaf)
{
  const struct cubix_slab *slab = slab_of(chain, leaf);
  switch (leaf) {
    case CUBIX_LEAF_Age: return slab->age;
    case CUBIX_LEAF_Metallicity: return slab->metallicity;
    case CUBIX_LEAF_SmoothingLength: return slab->smoothing_length;
    case CUBIX_LEAF_GasMass: return slab ? slab->mass_now : NULL;
    case CUBIX_LEAF_GasMetallicity: return slab ? slab->metallicity : NULL;
    case CUBIX_LEAF_GasSfr: return slab ? slab->sfr : NULL;
    default: return NULL;
  }
}

static size_t n_library(const struct cubix_chain *chain)
{
  const struct cubix_ssp *ssp = chain->pipe->templates->ssp;
  return (size_t)ssp->n_z * (size_t)ssp->n_age * (size_t)ssp->n_lambda;
}

size_t cubix_mpi_chain_size(const struct cubix_chain *chain, enum cubix_leaf leaf)
{
  const struct cubix_leaf_info *info = cubix_leaf_info(leaf);
  const struct cubix_slab *slab = slab_of(chain, leaf);
  return info->of == CUBIX_OF_GLOBAL    ? (size_t)info->n
         : info->of == CUBIX_OF_LIBRARY ? n_library(chain)
         : slab                         ? (size_t)info->n * slab->n
                                        : 0;
}

int cubix_mpi_chain_leaves_init(struct cubix_leaves *leaves, const struct cubix_chain *chain)
{
  int status = CUBIX_OK;
  *leaves = (struct cubix_leaves){ { NULL } };
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    /* zeros that take no memory until they are changed, when the pieces of cubes are gone */
    if (chain->active[leaf]) {
      size_t n = cubix_mpi_chain_size(chain, (enum cubix_leaf)leaf);
      CUBIX_CHECK((leaves->value[leaf] = calloc(n + 1, sizeof **leaves->value)), CUBIX_ENOMEM,
                  "cannot allocate %zu derivatives", n);
    }
done:
  if (status) cubix_leaves_free(leaves);
  return status;
}

int cubix_chain_check(const struct cubix_chain *chain, const struct cubix_leaves *leaves, const struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  const struct cubix_cube *own = cubix_chain_seen(chain);
  CUBIX_CHECK(chain->fresh, CUBIX_EFAIL,
              "derivatives are taken at the values of the last forward run, and none was made with those in use: run "
              "forward first");
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    CUBIX_CHECK(!leaves->value[leaf] || chain->active[leaf], CUBIX_EUSAGE,
                "the chain was opened without %s: name it among the active leaves",
                cubix_leaf_info((enum cubix_leaf)leaf)->name);
  CUBIX_CHECK(!cube || (cube->n_x == own->n_x && cube->n_y == own->n_y && cube->lambda_first == own->lambda_first &&
                        cube->n_lambda == own->n_lambda),
              CUBIX_EFAIL,
              "a cube of %d x %d spaxels and %d channels from %d on; the forward run's has %d x %d and %d from %d on",
              cube->n_x, cube->n_y, cube->n_lambda, cube->lambda_first, own->n_x, own->n_y, own->n_lambda,
              own->lambda_first);
done:
  return status;
}

/* Vectors [n][3] from the sky or to it; offset: centre or systemic velocity. */
static void from_sky(double *to, const struct cubix_chain *chain, const double *sky, size_t n, const double offset[3])
{
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) {
    cubix_rotate_back(to + 3 * i, &chain->pipe->frame, sky + 3 * i);
    for (size_t c = 0; c < 3; c++) to[3 * i + c] += offset[c];
  }
}

/* @param box  side of a periodic box in which the nearest image counts; 0: none */
static void to_sky(double *sky, const struct cubix_chain *chain, const double *from, size_t n, const double offset[3],
                   double box)
{
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) {
    double x[3];
    for (size_t c = 0; c < 3; c++) {
      x[c] = from[3 * i + c] - offset[c];
      if (box > 0 && fabs(x[c]) > 0.5 * box) x[c] -= box * rint(x[c] / box);
    }
    cubix_rotate(sky + 3 * i, &chain->pipe->frame, x);
  }
}

/* Another centre or systemic velocity, for stars and gas. */
static void shift(struct cubix_chain *chain, double offset[3], const double now[3], int places)
{
  const struct cubix_slab *all[] = { chain->pipe->particles->slab, chain->pipe->gas };
  double by[3], turned[3];
  for (int c = 0; c < 3; c++) {
    by[c] = offset[c] - now[c];
    offset[c] = now[c];
  }
  cubix_rotate(turned, &chain->pipe->frame, by);
  for (int k = 0; k < 2 && all[k]; k++) {
    double *const sky = places ? all[k]->position : all[k]->velocity;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < all[k]->n; i++)
      for (size_t c = 0; c < 3; c++) sky[3 * i + c] += turned[c];
  }
}

/* Other angles, for stars and gas: x'' = R' R^T x'. */
static void turn(struct cubix_chain *chain)
{
  static const double nowhere[3];
  const struct cubix_slab *all[] = { chain->pipe->particles->slab, chain->pipe->gas };
  for (int k = 0; k < 2 && all[k]; k++) {
    from_sky(all[k]->position, chain, all[k]->position, all[k]->n, nowhere);
    from_sky(all[k]->velocity, chain, all[k]->velocity, all[k]->n, nowhere);
  }
  cubix_frame_turn(&chain->pipe->frame, &chain->pipe->par);
  for (int k = 0; k < 2 && all[k]; k++) {
    to_sky(all[k]->position, chain, all[k]->position, all[k]->n, nowhere, 0);
    to_sky(all[k]->velocity, chain, all[k]->velocity, all[k]->n, nowhere, 0);
  }
}

static void scale_masses(struct cubix_chain *chain, double scale)
{
  for (size_t i = 0; i < chain->pipe->particles->slab->n; i++)
    chain->pipe->particles->slab->mass_formed[i] *= scale / chain->mass_scale;
  chain->mass_scale = scale;
}

int cubix_mpi_chain_get(const struct cubix_chain *chain, enum cubix_leaf leaf, double *value)
{
  const struct cubix_slab *slab = chain->pipe->particles->slab;
  struct cubix_params par = chain->pipe->par;
  const struct cubix_slab *gas = chain->pipe->gas;
  const double *here = parameter(&par, leaf) ? parameter(&par, leaf) : column(chain, leaf);
  int status = CUBIX_OK;
  const struct cubix_settings before = cubix_mpi_pipeline_enter(chain->pipe);
  CUBIX_CHECK(leaf != CUBIX_LEAF_SmoothingLength || here, CUBIX_EUSAGE,
              "the stars have no SmoothingLength: it belongs to %s", cubix_leaf_info(leaf)->needs);
  CUBIX_CHECK(leaf != CUBIX_LEAF_Luminosity || chain->pipe->templates->ssp->luminosity, CUBIX_EUSAGE,
              "the chain was opened without Luminosity: name it among the active leaves");
  if (leaf == CUBIX_LEAF_Luminosity) here = chain->pipe->templates->ssp->luminosity;
  if (here) memcpy(value, here, cubix_mpi_chain_size(chain, leaf) * sizeof *value);
  else if (leaf == CUBIX_LEAF_Mass)
    for (size_t i = 0; i < slab->n; i++) value[i] = slab->mass_formed[i] / chain->mass_scale;
  else if (leaf == CUBIX_LEAF_Position) from_sky(value, chain, slab->position, slab->n, chain->pipe->frame.centre);
  else if (leaf == CUBIX_LEAF_Velocity) from_sky(value, chain, slab->velocity, slab->n, chain->pipe->frame.velocity);
  else if (leaf == CUBIX_LEAF_GasPosition && gas)
    from_sky(value, chain, gas->position, gas->n, chain->pipe->frame.centre);
  else if (leaf == CUBIX_LEAF_GasVelocity && gas)
    from_sky(value, chain, gas->velocity, gas->n, chain->pipe->frame.velocity);
  else if (leaf == CUBIX_LEAF_Centre) memcpy(value, chain->pipe->frame.centre, 3 * sizeof *value);
  else if (leaf == CUBIX_LEAF_SystemicVelocity) memcpy(value, chain->pipe->frame.velocity, 3 * sizeof *value);
  else if (leaf == CUBIX_LEAF_MassScale) *value = chain->mass_scale;
  else if (leaf == CUBIX_LEAF_FluxScale) *value = chain->pipe->flux_scale;
done:
  status = cubix_mpi_agree(status);
  cubix_mpi_pipeline_leave(chain->pipe, &before);
  return status;
}

/* What a leaf of stars or gas is in a file; CUBIX_N_FIELD for others. */
static enum cubix_field field_of(enum cubix_leaf leaf)
{
  switch (leaf) {
    case CUBIX_LEAF_Mass: return CUBIX_FIELD_MASS_FORMED;
    case CUBIX_LEAF_Age: return CUBIX_FIELD_AGE;
    case CUBIX_LEAF_Metallicity: return CUBIX_FIELD_METALLICITY;
    case CUBIX_LEAF_Velocity: return CUBIX_FIELD_VELOCITY;
    case CUBIX_LEAF_Position: return CUBIX_FIELD_POSITION;
    case CUBIX_LEAF_SmoothingLength: return CUBIX_FIELD_LENGTH;
    case CUBIX_LEAF_GasMass: return CUBIX_FIELD_MASS_NOW;
    case CUBIX_LEAF_GasMetallicity: return CUBIX_FIELD_METALLICITY;
    case CUBIX_LEAF_GasPosition: return CUBIX_FIELD_POSITION;
    case CUBIX_LEAF_GasVelocity: return CUBIX_FIELD_VELOCITY;
    case CUBIX_LEAF_GasSfr: return CUBIX_FIELD_SFR;
    default: return CUBIX_N_FIELD;
  }
}

/* Leaves that have no say, and values that no cube can be made from. */
static int check_values(const struct cubix_chain *chain, enum cubix_leaf leaf, const double *value)
{
  int row = cubix_param_find(cubix_leaf_info(leaf)->name),
      bounded = row >= 0 && cubix_param_is_real(&cubix_param_table[row]);
  const char *unmet = cubix_leaf_unmet(&chain->pipe->par, leaf), *name = cubix_leaf_info(leaf)->name;
  int status = CUBIX_OK,
      rows = leaf == CUBIX_LEAF_Luminosity || leaf == CUBIX_LEAF_LsfFwhm || leaf == CUBIX_LEAF_Redshift ||
             leaf == CUBIX_LEAF_BirthCloudTau;
  const enum cubix_field field = field_of(leaf);
  int scale = leaf == CUBIX_LEAF_MassScale || leaf == CUBIX_LEAF_FluxScale,
      positive = leaf == CUBIX_LEAF_Distance || leaf == CUBIX_LEAF_DepositLength;
  CUBIX_CHECK(!unmet, CUBIX_EUSAGE, "a new value of %s changes nothing: it belongs to %s", name, unmet);
  CUBIX_TRY(cubix_chain_weight_check(chain, leaf));
  CUBIX_CHECK(leaf != CUBIX_LEAF_Roll || !chain->pipe->ins->bundle || !chain->pipe->ins->bundle->first, CUBIX_EUSAGE,
              "a new value of Roll turns the zenith, too, and a chain's fibres do not follow the air's refraction: "
              "make another chain, or set Airmass 1");
  CUBIX_CHECK(!rows || chain->pipe->templates->ssp->luminosity, CUBIX_EUSAGE,
              "a new value of %s needs the library's templates, which were not kept: name it among the active leaves",
              name);
  if (field < CUBIX_N_FIELD) {
    const size_t n = cubix_mpi_chain_size(chain, leaf) / (size_t)cubix_leaf_info(leaf)->n;
    CUBIX_TRY(cubix_star_check(name, field, value, n, CUBIX_EUSAGE));
    goto done;
  }
  for (size_t i = 0; i < cubix_mpi_chain_size(chain, leaf); i++) {
    CUBIX_CHECK(isfinite(value[i]), CUBIX_EUSAGE, "%s: value %zu is %g: it must be finite", name, i, value[i]);
    CUBIX_CHECK(!positive || value[i] > 0, CUBIX_EUSAGE, "%s: value %zu is %g %s: it must be > 0", name, i, value[i],
                cubix_leaf_info(leaf)->unit);
    CUBIX_CHECK(!bounded || (value[i] >= cubix_param_table[row].min && value[i] <= cubix_param_table[row].max),
                CUBIX_EUSAGE, "%s is %g %s: it must be %s", name, value[i], cubix_leaf_info(leaf)->unit,
                cubix_param_table[row].range);
    CUBIX_CHECK(!scale || (value[i] >= least_scale && value[i] <= 1 / least_scale), CUBIX_EUSAGE,
                "%s is %g: it must be in %g .. %g", name, value[i], least_scale, 1 / least_scale);
  }
done:
  return status;
}

/* Scene, sky and, where the LSF or the library changed, the rows of the templates; where these need
 * more of the library, the next forward run reads it. */
static int remake(struct cubix_chain *chain, const double *luminosity, int rows)
{
  int status = CUBIX_OK;
  struct cubix_instrument *ins = chain->pipe->ins;
  struct cubix_templates *templates = chain->pipe->templates;
  struct cubix_scene scene;
  const double birth_tau = templates->birth.tau;
  CUBIX_TRY(cubix_scene_init(&scene, &chain->pipe->par, &chain->pipe->particles->slab->snapshot,
                             chain->pipe->ins->flux_unit));
  cubix_instrument_point(ins, &chain->pipe->par);
  CUBIX_TRY(cubix_templates_dust(templates, &chain->pipe->par, ins, &scene));
  if (rows) templates->birth.tau = chain->pipe->par.BirthCloudTau;
  int unread = rows && !chain->active[CUBIX_LEAF_Luminosity] &&
               !cubix_templates_reaches(templates, ins, &scene, templates->v_max);
  if (!rows) cubix_templates_place(templates, &chain->pipe->par, ins, &scene);
  else if (!unread) CUBIX_TRY(cubix_templates_remake(templates, ins, &scene, luminosity));
  chain->pipe->scene = scene;
  chain->pipe->rows_changed |= rows;
  if (rows) chain->pipe->unread = unread;
done:
  if (status) {
    templates->birth.tau = birth_tau;
    (void)cubix_templates_dust(templates, &chain->pipe->par, ins, &chain->pipe->scene);
  }
  return status;
}

/* Whether there is memory for the margin of another PSF: the cube as it is painted, the pieces of
 * it that the way back through the PSF works on, and, before the first, a tangent and the weights
 * that it is for.  A fit takes a shorter step. */
static int check_margin(const struct cubix_chain *chain, int was)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = chain->pipe->ins;
  const int own = chain->pipe->engine && chain->pipe->engine->combine == CUBIX_COMBINE_HISTOGRAM;
  const int n_lambda = own ? chain->pipe->cube->n_lambda : ins->n_lambda;
  const double spaxel = n_lambda * (double)sizeof(cubix_real), field = (double)ins->n_x * ins->n_y;
  const double painted = (ins->n_x + 2. * ins->margin) * (ins->n_y + 2. * ins->margin);
  const double before = (ins->n_x + 2. * was) * (ins->n_y + 2. * was),
               piece = fmin(CUBIX_CHAIN_PIECE, painted * spaxel);
  const double later = chain->cube_dot ? 0 : 2 * field * spaxel;
  const double maps = cubix_sums_bytes(ins, &chain->pipe->par, ins->margin) +
                      cubix_psf_sums_bytes(ins, &chain->pipe->par);
  const double need = (painted - before) * spaxel + maps + piece * (2 + field / painted) + later +
                      cubix_psf_bytes(ins, n_lambda, 2, 3, omp_get_max_threads());
  const double there = fmin(cubix_memory_free() / cubix_mpi_local_size(), cubix_memory_own());
  CUBIX_CHECK(
      ins->margin <= was || need <= there, CUBIX_ENOMEM,
      "a margin of %d spaxels for a PSF of %g arcsec, instead of %d, takes %.3g GB, and %.3g GB are free for a rank",
      ins->margin, chain->pipe->par.PsfFwhm, was, 1e-9 * need, 1e-9 * there);
done:
  return status;
}

/* The cube's spaxels are pointed, blurred and spread as those that are painted, where they are others. */
static void follow(const struct cubix_chain *chain)
{
  const struct cubix_instrument *ins = chain->pipe->ins;
  struct cubix_instrument *seen = chain->pipe->seen;
  if (seen == ins) return;
  cubix_instrument_point(seen, &chain->pipe->par);
  memcpy(seen->psf_fwhm.coef, ins->psf_fwhm.coef, sizeof seen->psf_fwhm.coef);
  memcpy(seen->psf_beta.coef, ins->psf_beta.coef, sizeof seen->psf_beta.coef);
  memcpy(seen->lsf_fwhm.coef, ins->lsf_fwhm.coef, sizeof seen->lsf_fwhm.coef);
}

static int put_global(struct cubix_chain *chain, enum cubix_leaf leaf, const double *value)
{
  int status = CUBIX_OK;
  double *at = parameter(&chain->pipe->par, leaf), was = at ? *at : 0;
  const int margin = chain->pipe->ins->margin;
  if (at) *at = *value;
  switch (leaf) {
    case CUBIX_LEAF_Centre:
      shift(chain, chain->pipe->frame.centre, value, 1);
      break;
    case CUBIX_LEAF_SystemicVelocity:
      shift(chain, chain->pipe->frame.velocity, value, 0);
      break;
    case CUBIX_LEAF_Alpha:
    case CUBIX_LEAF_Beta:
    case CUBIX_LEAF_Gamma:
    case CUBIX_LEAF_Inclination:
    case CUBIX_LEAF_PositionAngle: turn(chain); break;
    case CUBIX_LEAF_MassScale: scale_masses(chain, *value); break;
    case CUBIX_LEAF_FluxScale: chain->pipe->flux_scale = *value; break;
    case CUBIX_LEAF_PsfFwhm: case CUBIX_LEAF_PsfBeta:
      CUBIX_TRY(cubix_instrument_set_psf(chain->pipe->ins, chain->pipe->par.PsfFwhm, chain->pipe->par.PsfBeta));
      CUBIX_TRY(check_margin(chain, margin));
      CUBIX_TRY(remake(chain, NULL, 0));                     /* the margin follows */
      break;
    case CUBIX_LEAF_LsfFwhm:
      CUBIX_TRY(cubix_instrument_set_lsf(chain->pipe->ins, *value));
      CUBIX_TRY(remake(chain, NULL, 1));
      break;
    case CUBIX_LEAF_Redshift: case CUBIX_LEAF_BirthCloudTau: CUBIX_TRY(remake(chain, NULL, 1)); break;
    case CUBIX_LEAF_DustToMetal: cubix_gas_weigh(chain->pipe->gas, &chain->pipe->par); break;
    /* the next forward run takes them */
    case CUBIX_LEAF_LineLogU: case CUBIX_LEAF_LineTurbulence:
    case CUBIX_LEAF_LineEscape: case CUBIX_LEAF_LineDust: break;
    case CUBIX_LEAF_DustScreen: case CUBIX_LEAF_DustRv: case CUBIX_LEAF_DustSlope:
      CUBIX_TRY(cubix_templates_dust(chain->pipe->templates, &chain->pipe->par, chain->pipe->ins, &chain->pipe->scene));
      break;
    default: CUBIX_TRY(remake(chain, NULL, 0)); break;
  }
  follow(chain);
done:
  if (status && at) *at = was;
  if (status && (leaf == CUBIX_LEAF_PsfFwhm || leaf == CUBIX_LEAF_PsfBeta))
    (void)cubix_instrument_set_psf(chain->pipe->ins, chain->pipe->par.PsfFwhm, chain->pipe->par.PsfBeta);
  if (status && leaf == CUBIX_LEAF_LsfFwhm) (void)cubix_instrument_set_lsf(chain->pipe->ins, was);
  return status;
}

int cubix_mpi_chain_put(struct cubix_chain *chain, enum cubix_leaf leaf, const double *value)
{
  int status = CUBIX_OK;
  struct cubix_slab *slab = chain->pipe->particles->slab;
  struct cubix_slab *gas = chain->pipe->gas;
  double *here = column(chain, leaf);
  const struct cubix_settings before = cubix_mpi_pipeline_enter(chain->pipe);
  CUBIX_TRY(cubix_mpi_agree(check_values(chain, leaf, value)));
  if (leaf == CUBIX_LEAF_Position)
    CUBIX_TRY(cubix_mpi_star_box_check(value, slab->n, slab->snapshot.box, CUBIX_EUSAGE));
  chain->fresh = 0;
  chain->pipe->moved = 1;
  if (cubix_leaf_info(leaf)->of == CUBIX_OF_GLOBAL) CUBIX_TRY(cubix_mpi_agree(put_global(chain, leaf, value)));
  else if (leaf == CUBIX_LEAF_Luminosity) CUBIX_TRY(cubix_mpi_agree(remake(chain, value, 1)));
  else if (here) {
    const size_t n = cubix_mpi_chain_size(chain, leaf);
    memcpy(here, value, n * sizeof *here);
    cubix_field_settle(here, field_of(leaf), n);
    if (leaf == CUBIX_LEAF_GasMass || leaf == CUBIX_LEAF_GasMetallicity) cubix_gas_weigh(gas, &chain->pipe->par);
  } else if (leaf == CUBIX_LEAF_Mass)
    for (size_t i = 0; i < slab->n; i++) slab->mass_formed[i] = value[i] * chain->mass_scale;
  else if (leaf == CUBIX_LEAF_Position)
    to_sky(slab->position, chain, value, slab->n, chain->pipe->frame.centre, slab->snapshot.box);
  else if (leaf == CUBIX_LEAF_Velocity) to_sky(slab->velocity, chain, value, slab->n, chain->pipe->frame.velocity, 0);
  else if (leaf == CUBIX_LEAF_GasPosition && gas)
    to_sky(gas->position, chain, value, gas->n, chain->pipe->frame.centre, slab->snapshot.box);
  else if (leaf == CUBIX_LEAF_GasVelocity && gas)
    to_sky(gas->velocity, chain, value, gas->n, chain->pipe->frame.velocity, 0);
done:
  cubix_mpi_pipeline_leave(chain->pipe, &before);
  return status;
}
