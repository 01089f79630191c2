/* output_planes.c -- the cube turned from spectra into images, with the instrument's noise, a few channels at a time.
 *
 * In memory a spaxel's channels lie side by side, since that is how stars are painted and spectra are made; files hold an image per channel.
 * The turn is made for blocks of channels of some megabytes, so that no second cube ever exists.  Sixteen floats of a spaxel are one cache
 * line: 16 channels of 64 spaxels are read line by line and written in runs of 256 bytes.
 *
 * What the planes hold, F being the noise-free flux of the cube in memory:
 *   DATA       F + noise drawn for this voxel (F itself with Noise none)
 *   STAT       the variance that the noise was drawn from (0 with Noise none)
 *   DQ         bits of the spaxel (outside the aperture, too few stars) and of the channel (library does not cover, template too broad)
 *   NOISEFREE  F
 * Outside the aperture flux and variance are 0.  The noise of a voxel depends on Seed and its place (k n_y + j) n_x + i alone, so that
 * threads, block sizes and kinds of file all see the same numbers.  A value that is not finite is an error, never written.           */
#include "output_parts.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "log.h"

enum { TILE = 16, STRIP = 64, BLOCK_BYTES = 8 << 20 };

const struct cubix_dq_bit cubix_dq_bits[4] = {
  { CUBIX_DQ_OUTSIDE,   "DQBIT1", "1: outside the aperture" },
  { CUBIX_DQ_UNCOVERED, "DQBIT2", "2: library does not cover the channel" },
  { CUBIX_DQ_BROAD,     "DQBIT4", "4: template broader than the LSF" },
  { CUBIX_DQ_FEW,       "DQBIT8", "8: fewer than MinStars stars" },
};

const struct cubix_lsf_column cubix_lsf_columns[CUBIX_N_LSF_COLUMN] = {
  { "WAVELENGTH",      "centre of the channel, in the medium of the cube" },
  { "FWHM_INSTRUMENT", "line spread function of the instrument" },
  { "FWHM_TEMPLATE",   "line spread function of the library, observed frame" },
  { "FWHM_CUBE",       "width of a narrow line in the cube" },
};

static const struct { const char *name, *description; } table[CUBIX_N_PLANE] = {
  { "DATA",      "flux density" },
  { "STAT",      "variance of DATA" },
  { "DQ",        "data quality, a sum of bits; 0: good" },
  { "NOISEFREE", "flux density before noise" },
};

const char *cubix_plane_name(enum cubix_plane plane) { return table[plane].name; }
const char *cubix_plane_description(enum cubix_plane plane) { return table[plane].description; }

void cubix_plane_unit(char unit[80], enum cubix_plane plane, const struct cubix_result *result)
{
  const char *form = plane == CUBIX_PLANE_DQ ? "" : plane == CUBIX_PLANE_STAT ? "(10**(%d)*erg/s/cm**2/Angstrom)**2" : "10**(%d)*erg/s/cm**2/Angstrom";
  snprintf(unit, 80, form, result->par->FluxUnit);
}

void cubix_lsf_values(const struct cubix_result *result, int column, double *value)
{
  for (int k = 0; k < result->ins->n_lambda; k++) {
    double lambda = cubix_instrument_lambda(result->ins, k);
    value[k] = column == 0 ? lambda : column == 1 ? (result->ins->lsf_none ? 0. : cubix_curve_at(&result->ins->lsf_fwhm, lambda))
             : column == 2 ? result->mod->fwhm_template[k] : result->mod->fwhm_cube[k];
  }
}

/* ---- a value of a plane ------------------------------------------------------------------------------------------------ */
static int32_t spaxel_bits(const struct cubix_result *result, int i, int j)
{
  const struct cubix_instrument *ins = result->ins;
  double n_star = result->cube->map[CUBIX_MAP_NSTAR][(size_t)j * (size_t)ins->n_x + (size_t)i];
  return (cubix_instrument_inside(ins, i, j) ? 0 : CUBIX_DQ_OUTSIDE) | (n_star < result->par->MinStars ? CUBIX_DQ_FEW : 0);
}

static int32_t channel_bits(const struct cubix_result *result, int k)
{
  return (result->mod->covered[k] ? 0 : CUBIX_DQ_UNCOVERED) | (cubix_model_too_broad(result->mod, result->ins, k) ? CUBIX_DQ_BROAD : 0);
}

/* DATA or STAT with noise. */
static double voxel_value(const struct cubix_noise *noise, enum cubix_plane plane, int k, double flux, uint64_t voxel)
{
  return plane == CUBIX_PLANE_STAT ? cubix_noise_variance(noise, k, flux) : flux + cubix_noise_draw(noise, k, flux, voxel);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------------ */
static void block_bits(const struct cubix_result *result, const int32_t *bits, int k0, int n_k, int32_t *block)
{
  size_t n_xy = (size_t)result->cube->n_y * (size_t)result->cube->n_x;
#pragma omp parallel for schedule(static)
  for (int k = 0; k < n_k; k++) {
    int32_t channel = channel_bits(result, k0 + k);
    for (size_t s = 0; s < n_xy; s++) block[(size_t)k * n_xy + s] = bits[s] | channel;
  }
}

/* Up to STRIP spaxels in up to TILE channels: read along the cube's rows, written along the image's.  @return 0 where a value is not finite */
static int strip_fill(const struct cubix_result *result, enum cubix_plane plane, const int32_t *bits, int k0, int n_k, size_t s0, size_t n_s, cubix_real *out)
{
  const struct cubix_cube *cube = result->cube;
  const struct cubix_noise *noise = result->noise;
  size_t n_lambda = (size_t)cube->n_lambda, n_xy = (size_t)cube->n_y * (size_t)cube->n_x;
  int noisy = noise->kind != CUBIX_NOISE_NONE && plane != CUBIX_PLANE_NOISEFREE, empty = plane == CUBIX_PLANE_STAT && !noisy, finite = 1;
  cubix_real largest = sizeof(cubix_real) == sizeof(double) ? (cubix_real)DBL_MAX : (cubix_real)FLT_MAX;
  for (int k = 0; k < n_k; k++) {
    const cubix_real *flux = cube->flux + s0 * n_lambda + (size_t)(k0 + k);
    for (size_t s = 0; s < n_s; s++) {
      cubix_real value = empty || bits[s0 + s] & CUBIX_DQ_OUTSIDE ? 0 : flux[s * n_lambda];
      if (noisy && !(bits[s0 + s] & CUBIX_DQ_OUTSIDE)) value = (cubix_real)voxel_value(noise, plane, k0 + k, (double)value, (uint64_t)(k0 + k) * n_xy + s0 + s);
      finite &= value >= -largest && value <= largest;
      out[(size_t)k * n_xy + s0 + s] = value;
    }
  }
  return finite;
}

static int block_fill(const struct cubix_result *result, enum cubix_plane plane, const int32_t *bits, int k0, int n_k, cubix_real *block)
{
  int n_tile = (n_k + TILE - 1) / TILE, finite = 1;
  size_t n_xy = (size_t)result->cube->n_y * (size_t)result->cube->n_x, n_strip = (n_xy + STRIP - 1) / STRIP;
#pragma omp parallel for collapse(2) schedule(dynamic, 16) reduction(& : finite)
  for (int t = 0; t < n_tile; t++) {
    for (size_t strip = 0; strip < n_strip; strip++) {
      int n = n_k - t * TILE < TILE ? n_k - t * TILE : TILE;
      size_t s0 = strip * STRIP, n_s = n_xy - s0 < STRIP ? n_xy - s0 : STRIP;
      finite &= strip_fill(result, plane, bits, k0 + t * TILE, n, s0, n_s, block + (size_t)(t * TILE) * n_xy);
    }
  }
  return finite;
}

int cubix_plane_stream(const struct cubix_result *result, enum cubix_plane plane, cubix_block_put *put, void *file)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube = result->cube;
  size_t n_xy = (size_t)cube->n_y * (size_t)cube->n_x, fit = (size_t)BLOCK_BYTES / (n_xy * sizeof(cubix_real)) / TILE * TILE;
  int n_k = fit < TILE ? TILE : fit < (size_t)cube->n_lambda ? (int)fit : cube->n_lambda;
  char stage[32];
  int32_t *bits = NULL;
  double *block = NULL;           /* of 8 bytes, enough for cubix_real and int32_t */

  snprintf(stage, sizeof stage, "write %s", table[plane].name);
  CUBIX_ALLOC(bits, n_xy);
  CUBIX_ALLOC(block, (n_xy * (size_t)n_k * sizeof(cubix_real) + sizeof *block - 1) / sizeof *block);
  for (int j = 0; j < cube->n_y; j++) {
    for (int i = 0; i < cube->n_x; i++) bits[(size_t)j * (size_t)cube->n_x + (size_t)i] = spaxel_bits(result, i, j);
  }
  for (int k0 = 0; k0 < cube->n_lambda; k0 += n_k) {
    int n = cube->n_lambda - k0 < n_k ? cube->n_lambda - k0 : n_k;
    if (plane == CUBIX_PLANE_DQ) {
      block_bits(result, bits, k0, n, (int32_t *)block);
    } else {
      CUBIX_CHECK(block_fill(result, plane, bits, k0, n, (cubix_real *)block), CUBIX_EFAIL,
                  "%s has a value that is not finite in channels %d to %d; nothing was written.  Is FluxUnit = %d far from the galaxy's flux?",
                  table[plane].name, k0, k0 + n - 1, result->par->FluxUnit);
    }
    CUBIX_TRY(put(file, k0, n, block));
    cubix_log_progress(stage, (double)(k0 + n) / cube->n_lambda);
  }
done:
  free(block);
  free(bits);
  return status;
}
