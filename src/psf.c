/* psf.c -- every channel's image convolved with the point spread function, then cropped to the field.
 *
 * The convolution is a product of Fourier transforms (FFTW, double precision).  The painted image has a margin as wide as the kernel's radius; the
 * transform is at least as large as the painted image, so that what wraps around ends in the margin, which is cropped.  A FWHM that varies with
 * wavelength is tabulated at nodes half a percent of FWHM apart; between them the kernels, and so their transforms, are interpolated linearly.
 * Kernels sum to 1: light is only moved, some of it out of the field.  A transform leaves noise everywhere, of both signs: up to 3.4e-16 of the
 * brightest spaxel was measured (fields of 10 to 283 spaxels, points and discs).  What is below 3e-15 of the brightest spaxel is set to 0: no spaxel is
 * negative and none where no light can fall shines; a field of n spaxels loses at most n 3e-15 of its light.  (A kernel with negative values, from a
 * FITS image, may rightly give negative spaxels.)
 * A cube lies with wavelength fastest: 16 channels, a cache line of floats, are gathered, transformed and put back by one thread at a time, so that
 * beside the cube there are only 16 images per thread and the nodes' transforms.  FFTW_ESTIMATE plans give the same bits in every run.              */
#include "psf.h"

#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "log.h"

enum { TILE = 16 };
static const double fwhm_step = 0.005;      /* between nodes, of ln FWHM */
static const double noise_floor = 3e-15;    /* of the brightest spaxel   */

struct convolution {
  int n_x, n_y, row;                        /* transform; a row of a real image in place holds 2 (n_x/2 + 1) doubles */
  size_t image, n_frequency;                /* doubles of an image, complex numbers of its transform */
  fftw_plan forward, backward;
  int n_node;
  double first, step;                       /* of the nodes, in channels */
  fftw_complex *node;                       /* [n_node][n_frequency], over n_x n_y */
  double *work;                             /* [threads][TILE][image] */
};

/* The smallest 2^a 3^b 5^c 7^d that is at least n; even, so that rows of reals are short. */
static int good_size(int n)
{
  for (;; n++) {
    int rest = n;
    for (int p = 2; p <= 7; p++)
      while (rest % p == 0) rest /= p;
    if (rest == 1 && n % 2 == 0) return n;
  }
}

/* Nodes for the spread of FWHM over the channels. */
static int count_nodes(const struct cubix_instrument *ins)
{
  if (ins->psf == CUBIX_PSF_FILE || ins->n_lambda == 1) return 1;
  double least = HUGE_VAL, most = 0.;
  for (int k = 0; k < ins->n_lambda; k++) {
    double fwhm = cubix_curve_at(&ins->psf_fwhm, cubix_instrument_lambda(ins, k));
    least = fmin(least, fwhm);
    most = fmax(most, fwhm);
  }
  return 1 + (int)ceil(log(most / least) / fwhm_step);
}

static int build_nodes(struct convolution *c, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK, radius = ins->margin, side = 2 * radius + 1;
  double *kernel = NULL;
  CUBIX_ALLOC(kernel, (size_t)side * (size_t)side);
  c->n_node = count_nodes(ins);
  c->step = c->n_node > 1 ? (ins->n_lambda - 1.) / (c->n_node - 1.) : 1.;
  CUBIX_ALLOC(c->node, (size_t)c->n_node * c->n_frequency);
  for (int n = 0; n < c->n_node; n++) {
    double *image = (double *)(c->node + (size_t)n * c->n_frequency), scale = 1. / ((double)c->n_x * c->n_y);
    CUBIX_TRY(cubix_psf_kernel_build(kernel, ins, ins->lambda_min + n * c->step * ins->lambda_step, radius));
    for (int j = 0; j < side; j++)
      for (int i = 0; i < side; i++)
        image[(size_t)((j - radius + c->n_y) % c->n_y) * (size_t)c->row + (size_t)((i - radius + c->n_x) % c->n_x)] += scale * kernel[j * side + i];
    fftw_execute_dft_r2c(c->forward, image, (fftw_complex *)image);
  }
done:
  free(kernel);
  return status;
}

static int convolution_init(struct convolution *c, const struct cubix_instrument *ins, const struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  c->n_x = good_size(cube->n_x);
  c->n_y = good_size(cube->n_y);
  c->row = 2 * (c->n_x / 2 + 1);
  c->image = ((size_t)c->n_y * (size_t)c->row + 7) / 8 * 8;   /* every image aligned as the first */
  c->n_frequency = c->image / 2;
  CUBIX_ALLOC(c->work, (size_t)omp_get_max_threads() * TILE * c->image);
  c->forward = fftw_plan_dft_r2c_2d(c->n_y, c->n_x, c->work, (fftw_complex *)c->work, FFTW_ESTIMATE);
  c->backward = fftw_plan_dft_c2r_2d(c->n_y, c->n_x, (fftw_complex *)c->work, c->work, FFTW_ESTIMATE);
  CUBIX_CHECK(c->forward && c->backward, CUBIX_EFAIL, "FFTW cannot plan transforms of %d x %d", c->n_x, c->n_y);
  CUBIX_TRY(build_nodes(c, ins));
done:
  return status;
}

static void convolution_free(struct convolution *c)
{
  if (c->forward) fftw_destroy_plan(c->forward);
  if (c->backward) fftw_destroy_plan(c->backward);
  free(c->node);
  free(c->work);
}

/* The channel's image, convolved in place.  @return the largest value, of any sign */
static double convolve(const struct convolution *c, double *image, int k)
{
  fftw_complex *f = (fftw_complex *)image;
  const double at = k / c->step;
  const int below = c->n_node > 1 ? (at < c->n_node - 2 ? (int)at : c->n_node - 2) : 0;
  const double upper = c->n_node > 1 ? at - below : 0., lower = 1. - upper;
  fftw_complex *p = c->node + (size_t)below * c->n_frequency, *q = c->n_node > 1 ? p + c->n_frequency : p;
  double largest = 0.;
  fftw_execute_dft_r2c(c->forward, image, f);
  for (size_t i = 0; i < c->n_frequency; i++) {
    double kr = lower * p[i][0] + upper * q[i][0], ki = lower * p[i][1] + upper * q[i][1], re = f[i][0], im = f[i][1];
    f[i][0] = re * kr - im * ki;
    f[i][1] = re * ki + im * kr;
  }
  fftw_execute_dft_c2r(c->backward, f, image);
  for (int j = 0; j < c->n_y; j++) {
    for (int i = 0; i < c->n_x; i++) {
      double value = fabs(image[j * c->row + i]);
      largest = value > largest ? value : largest;
    }
  }
  return largest;
}

/* Channels k .. k + n - 1 from the cube, convolved, back into the cube. */
static void convolve_tile(const struct convolution *c, struct cubix_cube *cube, double *work, int k, int n)
{
  int lit[TILE] = { 0 };
  double floor_of[TILE] = { 0. };
  memset(work, 0, (size_t)n * c->image * sizeof *work);
  for (int j = 0; j < cube->n_y; j++) {
    for (int i = 0; i < cube->n_x; i++) {
      const cubix_real *spectrum = cube->flux + ((size_t)j * (size_t)cube->n_x + (size_t)i) * (size_t)cube->n_lambda + k;
      for (int t = 0; t < n; t++) {
        work[(size_t)t * c->image + (size_t)(j * c->row + i)] = (double)spectrum[t];
        lit[t] |= spectrum[t] != 0;
      }
    }
  }
  for (int t = 0; t < n; t++)
    if (lit[t]) floor_of[t] = noise_floor * convolve(c, work + (size_t)t * c->image, k + t);
  for (int j = cube->margin; j < cube->n_y - cube->margin; j++) {
    for (int i = cube->margin; i < cube->n_x - cube->margin; i++) {
      cubix_real *spectrum = cube->flux + ((size_t)j * (size_t)cube->n_x + (size_t)i) * (size_t)cube->n_lambda + k;
      for (int t = 0; t < n; t++) {
        double value = work[(size_t)t * c->image + (size_t)(j * c->row + i)];
        spectrum[t] = (cubix_real)(fabs(value) < floor_of[t] ? 0. : value);
      }
    }
  }
}

/* Rows move towards the start, in order: none is overwritten before it was moved. */
static void crop(const struct cubix_instrument *ins, struct cubix_cube *cube)
{
  const size_t n_lambda = (size_t)cube->n_lambda, row = (size_t)ins->n_x * n_lambda;
  cubix_real *smaller;
  if (cube->margin > 0) {
    for (int j = 0; j < ins->n_y; j++)
      memmove(cube->flux + (size_t)j * row,
              cube->flux + ((size_t)(j + cube->margin) * (size_t)cube->n_x + (size_t)cube->margin) * n_lambda, row * sizeof *cube->flux);
    smaller = realloc(cube->flux, (size_t)ins->n_y * row * sizeof *cube->flux);
    if (smaller) cube->flux = smaller;
  }
  cube->n_x = ins->n_x;
  cube->n_y = ins->n_y;
  cube->margin = 0;
  for (int j = 0; j < ins->n_y; j++)
    for (int i = 0; i < ins->n_x; i++)
      if (!cubix_instrument_inside(ins, i, j)) memset(cube->flux + (size_t)j * row + (size_t)i * n_lambda, 0, n_lambda * sizeof *cube->flux);
}

int cubix_psf_apply(const struct cubix_instrument *ins, struct cubix_cube *cube)
{
  int status = CUBIX_OK, done = 0, n_tile = (cube->n_lambda + TILE - 1) / TILE;
  struct convolution c = { 0 };

  CUBIX_CHECK(cube->n_x == ins->n_x + 2 * cube->margin && cube->n_y == ins->n_y + 2 * cube->margin && cube->margin == ins->margin
              && cube->n_lambda == ins->n_lambda, CUBIX_EFAIL,
              "a cube of %d x %d spaxels with a margin of %d is not one of this instrument (%d x %d, margin %d)",
              cube->n_x, cube->n_y, cube->margin, ins->n_x, ins->n_y, ins->margin);
  if (ins->psf != CUBIX_PSF_NONE) {
    CUBIX_TRY(convolution_init(&c, ins, cube));
#pragma omp parallel for schedule(dynamic)
    for (int tile = 0; tile < n_tile; tile++) {
      int k = tile * TILE, n = cube->n_lambda - k < TILE ? cube->n_lambda - k : TILE, so_far;
      convolve_tile(&c, cube, c.work + (size_t)omp_get_thread_num() * TILE * c.image, k, n);
#pragma omp atomic capture
      so_far = ++done;
      if (omp_get_thread_num() == 0) cubix_log_progress("PSF", (double)so_far / n_tile);
    }
  }
  crop(ins, cube);
done:
  convolution_free(&c);
  return status;
}
