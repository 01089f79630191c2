/* cube.c -- the cube's memory. */
#include "cube/cube.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/collective.h"
#include "base/error.h"
#include "instrument/instrument.h"
#include "params/params.h"
#include "physics/screen.h"
#include "physics/tables.h"

int cubix_cube_init(struct cubix_cube **out, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  struct cubix_cube *cube = NULL;
  CUBIX_ALLOC(cube, 1);
  cube->margin = ins->margin;
  cube->n_x = ins->n_x + 2 * ins->margin;
  cube->n_y = ins->n_y + 2 * ins->margin;
  CUBIX_TRY(cubix_sums_init(&cube->sums, ins->n_x, ins->n_y, ins->margin));
  *out = cube;
  cube = NULL;
done:
  cubix_cube_free(cube);
  return status;
}

int cubix_sums_init(struct cubix_sums *sums, int n_x, int n_y, int margin)
{
  int status = CUBIX_OK;
  const int plain = !sums->n_v && !sums->n_gas && !sums->map[CUBIX_MAP_M_AV] && sums->map[CUBIX_N_MAP_CLEAR - 1];
  if (plain && sums->n_x == n_x && sums->n_y == n_y && sums->margin == margin) {
    for (int m = 0; m < CUBIX_N_MAP_CLEAR; m++) memset(sums->map[m], 0, cubix_sums_size(sums) * sizeof *sums->map[m]);
    return CUBIX_OK;
  }
  cubix_sums_free(sums);
  *sums = (struct cubix_sums){ .n_x = n_x, .n_y = n_y, .margin = margin };
  for (int m = 0; m < CUBIX_N_MAP_CLEAR; m++) CUBIX_ALLOC(sums->map[m], cubix_sums_size(sums));
done:
  return status;
}

void cubix_sums_free(struct cubix_sums *sums)
{
  for (int m = 0; m < CUBIX_N_MAP; m++) free(sums->map[m]);
  free(sums->losvd);
  free(sums->gas);
  *sums = (struct cubix_sums){ 0 };
}

int cubix_sums_losvd(struct cubix_sums *sums, int n_v, double v_step)
{
  int status = CUBIX_OK;
  sums->n_v = n_v;
  sums->v_step = v_step;
  CUBIX_ALLOC(sums->losvd, (size_t)n_v * cubix_sums_size(sums));
done:
  return status;
}

int cubix_sums_dust(struct cubix_sums *sums)
{
  int status = CUBIX_OK;
  for (int m = CUBIX_N_MAP_CLEAR; m < CUBIX_N_MAP; m++) CUBIX_ALLOC(sums->map[m], cubix_sums_size(sums));
done:
  return status;
}

int cubix_sums_add_gas(struct cubix_sums *sums, int n_gas)
{
  int status = CUBIX_OK;
  sums->n_gas = n_gas;
  CUBIX_ALLOC(sums->gas, (size_t)n_gas * cubix_sums_size(sums));
done:
  return status;
}

int cubix_sums_like(struct cubix_sums *sums, const struct cubix_sums *other)
{
  int status = CUBIX_OK;
  if (other->map[CUBIX_MAP_M_AV]) CUBIX_TRY(cubix_sums_dust(sums));
  if (other->n_v) CUBIX_TRY(cubix_sums_losvd(sums, other->n_v, other->v_step));
  if (other->n_gas) CUBIX_TRY(cubix_sums_add_gas(sums, other->n_gas));
done:
  return status;
}

double *cubix_sums_image(const struct cubix_sums *sums, int i)
{
  const int n_map = cubix_sums_n(sums) - sums->n_v - sums->n_gas;
  if (i < n_map) return sums->map[i];
  i -= n_map;
  return i < sums->n_v ? sums->losvd + (size_t)i * cubix_sums_size(sums)
                       : sums->gas + (size_t)(i - sums->n_v) * cubix_sums_size(sums);
}

double cubix_losvd_bins(const struct cubix_params *par)
{
  return par->TruthMaps && par->Losvd > 0 ? 2. * ceil(par->LosvdMax / par->Losvd) + 1. : 0.;
}

double cubix_sums_bytes(const struct cubix_instrument *ins, const struct cubix_params *par, int margin)
{
  const int maps = par->Dust == CUBIX_Dust_none ? CUBIX_N_MAP_CLEAR : CUBIX_N_MAP;
  return (maps + cubix_losvd_bins(par)) * sizeof(double) * (ins->n_x + 2. * margin) * (ins->n_y + 2. * margin);
}

int cubix_cube_hold(struct cubix_cube *cube, int first, int n)
{
  int status = CUBIX_OK;
  free(cube->flux);
  cube->flux = NULL;
  cube->lambda_first = first;
  cube->n_lambda = n;
  CUBIX_ALLOC(cube->flux, (size_t)cube->n_y * (size_t)cube->n_x * (size_t)n);
done:
  return status;
}

void cubix_cube_rescale(struct cubix_cube *cube, const struct cubix_instrument *ins)
{
  const size_t n = (size_t)cube->n_lambda, n_spaxel = n ? (size_t)cube->n_x * (size_t)cube->n_y : 0;
  if (ins->grid == CUBIX_LINEAR) return;
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < n_spaxel; s++)
    for (size_t k = 0; k < n; k++) {
      const double width = cubix_instrument_width(ins, cube->lambda_first + (int)k);
      cube->flux[s * n + k] = (cubix_real)((double)cube->flux[s * n + k] * (ins->lambda_step / width));
    }
}

void cubix_cube_dim(struct cubix_cube *cube, const struct cubix_tables *tables)
{
  enum { BLOCK = 64 };
  const size_t n = (size_t)cube->n_lambda, n_spaxel = n ? (size_t)cube->n_x * (size_t)cube->n_y : 0;
  const double *k_of = tables->dust_screen_k;
  if (!k_of || tables->dust_screen == 0) return;
#pragma omp parallel for schedule(dynamic)
  for (size_t first = 0; first < n; first += BLOCK) {
    const size_t last = first + BLOCK < n ? first + BLOCK : n;
    double left[BLOCK];
    for (size_t k = first; k < last; k++)
      left[k - first] = cubix_screen_through(tables->dust_screen, k_of[(size_t)cube->lambda_first + k]);
    for (size_t s = 0; s < n_spaxel; s++)
      for (size_t k = first; k < last; k++)
        cube->flux[s * n + k] = (cubix_real)((double)cube->flux[s * n + k] * left[k - first]);
  }
}

int cubix_cube_check(const struct cubix_cube *cube, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const struct cubix_budget *b = cube->budget;
  CUBIX_CHECK(b[CUBIX_IN_FIELD].number + b[CUBIX_IN_MARGIN].number + b[CUBIX_SHED].number > 0, CUBIX_EUSAGE,
              "none of the %.0f stars falls into the field, or so near it that the PSF scatters its light in: "
              "PointingX = %g (%s), PointingY = %g (%s), "
              "FieldOfView = %g x %g arcsec (%s; 0: the instrument's), Redshift = %g (%s); "
              "point at the galaxy, widen the field, or check Centre",
              cube->budget[CUBIX_ALL].number, par->PointingX, cubix_params_origin(par, "PointingX"), par->PointingY,
              cubix_params_origin(par, "PointingY"), par->FieldOfView.x, par->FieldOfView.y,
              cubix_params_origin(par, "FieldOfView"), par->Redshift, cubix_params_origin(par, "Redshift"));
done:
  return status;
}

/* Looked for until it is found: in the first spaxels, as a rule. */
static int has_light(const struct cubix_cube *cube)
{
  const size_t n = (size_t)cube->n_x * (size_t)cube->n_y * (size_t)cube->n_lambda;
  for (size_t i = 0; i < n; i++)
    if (cube->flux[i] > 0) return 1;
  return 0;
}

int cubix_cube_shine(const struct cubix_cube *cube, const struct cubix_params *par,
                     const struct cubix_collective *collective)
{
  int status = CUBIX_OK;
  const struct cubix_budget *b = &cube->budget[CUBIX_IN_FIELD];
  char dust[200] = "";
  if (par->Dust == CUBIX_Dust_gas)
    snprintf(dust, sizeof dust, ", and whether anything shines through Dust gas (%s), of which the log says how many "
             "stars it hides", cubix_params_origin(par, "Dust"));
  else if (par->Dust == CUBIX_Dust_screen)
    snprintf(dust, sizeof dust, ", and whether anything shines through Dust screen with DustScreen = %g mag (%s)",
             par->DustScreen, cubix_params_origin(par, "DustScreen"));
  CUBIX_CHECK(collective->largest(has_light(cube)) > 0, CUBIX_EINPUT,
              "no light falls into the cube: the %.0f stars in the field formed with %g Msun and shine with %g; check "
              "InitialMass in %s, whether the stars lie outside the instrument's "
              "aperture, whether %s is dark in these channels%s",
              b->number, b->mass, b->light, par->InputFile, par->SspFile, dust);
done:
  return status;
}

void cubix_cube_free(struct cubix_cube *cube)
{
  if (!cube) return;
  cubix_sums_free(&cube->sums);
  free(cube->flux);
  free(cube);
}
