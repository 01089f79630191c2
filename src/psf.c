/* psf.c -- every channel's image convolved with the point spread function, then cropped to the field.
 *
 * The convolution is a product of Fourier transforms (FFTW, double precision: what a float32 transform leaves everywhere is 1e-7 of the brightest
 * spaxel, more than the light of a galaxy's outskirts).  The painted image has a margin as wide as the kernel's radius; the transform is at least as
 * large as the painted image, so that what wraps around ends in the margin, which is cropped.  A FWHM that varies with wavelength is tabulated at
 * nodes half a percent of FWHM apart, over all channels of the instrument; between them the kernels, and so their transforms, are interpolated
 * linearly.  Kernels sum to 1: light is only moved, some of it out of the field.
 * A cube lies with wavelength fastest, so LANE channels are transformed side by side: nothing is transposed, and a vector holds the same number of
 * neighbouring channels.  Two rows of a channel make one complex row, x_j + i x_j+1, whose transform Z is taken apart by
 *   2 X_j(f) = Z(f) + conj Z(-f),   2i X_j+1(f) = Z(f) - conj Z(-f);
 * then each of the n_x/2 + 1 columns is transformed, multiplied with the kernel and transformed back while it is in the cache, and the rows that
 * belong to the field, and only these, are put together and transformed back.  The results go straight to their places in the cropped cube: the voxel
 * of spaxel s in channel k there is that of painted spaxel s in channel k, which has been read when it is written.
 * A channel's result depends neither on its neighbours nor on which other channels this rank holds; FFTW_ESTIMATE plans give the same bits in
 * every run.  A transform leaves noise everywhere, of both signs: up to 4.9e-16 of the brightest spaxel was measured (fields of 10
 * to 283 spaxels, points and discs).  What is below 1e-15 of the image's norm, the root of the sum of its squares, which the columns give and which no
 * spaxel exceeds, is set to 0: no spaxel is negative and none where no light can fall shines; a field of n spaxels loses at most n 1e-15 of its light.
 * (A kernel with negative values, from a FITS image, may rightly give negative spaxels.)                                                             */
#include "psf.h"

#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "log.h"

enum { LANE = 4, AHEAD = 8 };               /* channels side by side; spaxels fetched ahead: every one is a page of its own */
static const double fwhm_step = 0.005;      /* between nodes, of ln FWHM */
static const double noise_floor = 1e-15;    /* of the image's norm   */

typedef double pair __attribute__((vector_size(16)));   /* a complex number */

struct convolution {
  int n_x, n_y, half;                       /* the transform's size; n_x/2 + 1 columns */
  size_t n_work;                            /* complex numbers per thread */
  fftw_plan row_forward, row_backward, column_forward, column_backward, kernel;
  int n_node;
  double step;                              /* of the nodes, in channels */
  pair *node;                               /* [n_node][half][n_y], over 2 n_x n_y */
  pair *work;                               /* [threads][n_work] */
};

/* One thread's share of the memory: LANE complex numbers for each place. */
struct bench {
  pair *spectrum;                           /* [n_y][half][LANE] */
  pair *from, *to;                          /* [longer side][LANE] */
};

/* The channels under work: their nodes, and the weight of each in each channel. */
struct lanes { int n_node, node[2 * LANE]; double weight[2 * LANE][LANE]; };

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

/* Nodes on either side of channel k.  @return the weight of the upper one */
static double place_between(const struct convolution *c, int k, int *below)
{
  const double at = k / c->step;
  *below = c->n_node > 1 ? (at < c->n_node - 2 ? (int)at : c->n_node - 2) : 0;
  return c->n_node > 1 ? at - *below : 0.;
}

/* Channels k .. k + n - 1 of the instrument's. */
static void lanes_init(struct lanes *l, const struct convolution *c, int k, int n)
{
  memset(l, 0, sizeof *l);
  for (int t = 0; t < n; t++) {
    int below;
    const double upper = place_between(c, k + t, &below);
    for (int side = 0; side < (c->n_node > 1 ? 2 : 1); side++) {
      int m = 0;
      while (m < l->n_node && l->node[m] != below + side) m++;
      if (m == l->n_node) l->node[l->n_node++] = below + side;
      l->weight[m][t] = side ? upper : 1. - upper;
    }
  }
}

static int node_build(const struct convolution *c, const struct cubix_instrument *ins, int n)
{
  int status = CUBIX_OK, radius = ins->margin, side = 2 * radius + 1, row = 2 * c->half;
  const double scale = 0.5 / ((double)c->n_x * c->n_y);
  double *kernel = NULL, *image = NULL;
  CUBIX_ALLOC(kernel, (size_t)side * (size_t)side);
  CUBIX_ALLOC(image, (size_t)row * (size_t)c->n_y);
  CUBIX_TRY(cubix_psf_kernel_build(kernel, ins, ins->lambda_min + n * c->step * ins->lambda_step, radius));
  for (int j = 0; j < side; j++)
    for (int i = 0; i < side; i++)
      image[(size_t)((j - radius + c->n_y) % c->n_y) * (size_t)row + (size_t)((i - radius + c->n_x) % c->n_x)] += scale * kernel[j * side + i];
  fftw_execute_dft_r2c(c->kernel, image, (fftw_complex *)image);
  for (int f = 0; f < c->half; f++)
    for (int j = 0; j < c->n_y; j++)
      memcpy(c->node + ((size_t)n * (size_t)c->half + (size_t)f) * (size_t)c->n_y + j, image + (size_t)j * (size_t)row + 2 * f, sizeof *c->node);
done:
  free(image);
  free(kernel);
  return status;
}

/* The nodes that the channels held lie between. */
static int build_nodes(struct convolution *c, const struct cubix_instrument *ins, const struct cubix_cube *cube)
{
  int status = CUBIX_OK, first, last;
  c->n_node = count_nodes(ins);
  c->step = c->n_node > 1 ? (ins->n_lambda - 1.) / (c->n_node - 1.) : 1.;
  place_between(c, cube->lambda_first, &first);
  place_between(c, cube->lambda_first + cube->n_lambda - 1, &last);
  last += c->n_node > 1;
  CUBIX_ALLOC(c->node, (size_t)c->n_node * (size_t)c->half * (size_t)c->n_y);
#pragma omp parallel for schedule(dynamic)
  for (int n = first; n <= last; n++) {
    int failed = node_build(c, ins, n);
#pragma omp critical(cubix_psf_node)
    if (failed) status = failed;
  }
  CUBIX_CHECK(!status, status, "no memory for the transforms of %d kernels of %d x %d", last - first + 1, c->n_x, c->n_y);
done:
  return status;
}

static int convolution_init(struct convolution *c, const struct cubix_instrument *ins, const struct cubix_cube *cube)
{
  int status = CUBIX_OK, stride;
  size_t longer;
  c->n_x = good_size(cube->n_x);
  c->n_y = good_size(cube->n_y);
  c->half = c->n_x / 2 + 1;
  stride = c->half * LANE;
  longer = (size_t)(c->n_x > c->n_y ? c->n_x : c->n_y);
  c->n_work = LANE * ((size_t)c->n_y * (size_t)c->half + 2 * longer);
  CUBIX_ALLOC(c->work, (size_t)omp_get_max_threads() * c->n_work);
  fftw_complex *spectrum = (fftw_complex *)c->work, *from = spectrum + (size_t)c->n_y * (size_t)stride, *to = from + LANE * longer;
  c->row_forward = fftw_plan_many_dft(1, &c->n_x, LANE, from, NULL, LANE, 1, to, NULL, LANE, 1, FFTW_FORWARD, FFTW_ESTIMATE);
  c->row_backward = fftw_plan_many_dft(1, &c->n_x, LANE, from, NULL, LANE, 1, to, NULL, LANE, 1, FFTW_BACKWARD, FFTW_ESTIMATE);
  c->column_forward = fftw_plan_many_dft(1, &c->n_y, LANE, spectrum, NULL, stride, 1, to, NULL, LANE, 1, FFTW_FORWARD, FFTW_ESTIMATE);
  c->column_backward = fftw_plan_many_dft(1, &c->n_y, LANE, to, NULL, LANE, 1, spectrum, NULL, stride, 1, FFTW_BACKWARD, FFTW_ESTIMATE);
  c->kernel = fftw_plan_dft_r2c_2d(c->n_y, c->n_x, (double *)spectrum, spectrum, FFTW_ESTIMATE);
  CUBIX_CHECK(c->row_forward && c->row_backward && c->column_forward && c->column_backward && c->kernel, CUBIX_EFAIL,
              "FFTW cannot plan transforms of %d x %d", c->n_x, c->n_y);
  CUBIX_TRY(build_nodes(c, ins, cube));
done:
  return status;
}

static void convolution_free(struct convolution *c)
{
  fftw_plan plan[] = { c->row_forward, c->row_backward, c->column_forward, c->column_backward, c->kernel };
  for (size_t i = 0; i < sizeof plan / sizeof *plan; i++)
    if (plan[i]) fftw_destroy_plan(plan[i]);
  free(c->node);
  free(c->work);
}

/* ---- LANE channels ---------------------------------------------------------------------------------------------------------- */
static inline pair conjugate(pair z) { return z * (pair){ 1., -1. }; }
static inline pair times_i(pair z) { return (pair){ z[1], z[0] } * (pair){ -1., 1. }; }

/* Two painted rows in channels k .. k + n - 1 of those held, as real and imaginary parts.  @return 0: no light at all */
static int read_rows(pair *to, const struct cubix_cube *cube, int j, int k, int n)
{
  static const cubix_real dark[LANE];
  const size_t n_lambda = (size_t)cube->n_lambda, row = (size_t)cube->n_x * n_lambda;
  const int two = j + 1 < cube->n_y;
  const cubix_real *a = cube->flux + (size_t)j * row + (size_t)k, *b = two ? a + row : dark;
  uint64_t any = 0;
  for (int i = 0; i < cube->n_x; i++, a += n_lambda, b += two ? n_lambda : 0, to += LANE) {
    cubix_real x[LANE] = { 0 }, y[LANE] = { 0 };
    uint64_t bits[2 * sizeof x / sizeof(uint64_t)];
    if (i + AHEAD < cube->n_x) {
      __builtin_prefetch(a + AHEAD * n_lambda);
      __builtin_prefetch(b + (two ? AHEAD * n_lambda : 0));
    }
    if (n == LANE) {
      memcpy(x, a, sizeof x);
      memcpy(y, b, sizeof y);
    } else {
      memcpy(x, a, (size_t)n * sizeof *x);
      memcpy(y, b, (size_t)n * sizeof *y);
    }
    memcpy(bits, x, sizeof x);
    memcpy(bits + sizeof bits / sizeof *bits / 2, y, sizeof y);
    for (size_t w = 0; w < sizeof bits / sizeof *bits; w++) any |= bits[w];
    for (int t = 0; t < LANE; t++) to[t] = (pair){ (double)x[t], (double)y[t] };
  }
  return any != 0;
}

/* Painted rows to the transforms of rows.  @return 0: no light at all */
static int transform_rows(const struct convolution *c, const struct cubix_cube *cube, const struct bench *b, int k, int n)
{
  const size_t line = LANE * (size_t)c->half;
  pair *x = b->spectrum;
  int lit = 0;
  memset(b->from, 0, LANE * (size_t)c->n_x * sizeof *b->from);
  for (int j = 0; j < cube->n_y; j += 2, x += line) {
    lit |= read_rows(b->from, cube, j, k, n);
    fftw_execute_dft(c->row_forward, (fftw_complex *)b->from, (fftw_complex *)b->to);
    for (int f = 0; f < c->half; f++) {
      const pair *p = b->to + LANE * f, *q = b->to + LANE * (f ? c->n_x - f : 0);
      for (int t = 0; t < LANE; t++, x++) {
        const pair mirror = conjugate(q[t]), apart = p[t] - mirror;
        x[0] = p[t] + mirror;
        x[line] = -times_i(apart);
      }
    }
  }
  return lit;
}

/* Columns: transform, multiply, transform back.  @param[out] power [LANE] sum of the squares of the convolved image's transform */
static void convolve_columns(const struct convolution *c, const struct bench *b, const struct lanes *l, double power[LANE])
{
  const size_t n_y = (size_t)c->n_y, node = (size_t)c->half * n_y;
  pair sum[LANE] = { { 0. } };
  for (int f = 0; f < c->half; f++) {
    const double twice = f && 2 * f < c->n_x ? 2. : 1.;
    fftw_complex *column = (fftw_complex *)(b->spectrum + (size_t)f * LANE), *transform = (fftw_complex *)b->to;
    pair *z = b->to;
    fftw_execute_dft(c->column_forward, column, transform);
    for (size_t j = 0; j < n_y; j++, z += LANE) {
      pair kernel[LANE] = { { 0. } };
      for (int m = 0; m < l->n_node; m++) {
        const pair at_node = c->node[(size_t)l->node[m] * node + (size_t)f * n_y + j];
        for (int t = 0; t < LANE; t++) kernel[t] += l->weight[m][t] * at_node;
      }
      for (int t = 0; t < LANE; t++) {
        z[t] = z[t] * kernel[t][0] + times_i(z[t]) * kernel[t][1];
        sum[t] += twice * z[t] * z[t];
      }
    }
    fftw_execute_dft(c->column_backward, transform, column);
  }
  for (int t = 0; t < LANE; t++) power[t] = sum[t][0] + sum[t][1];
}

/* Rows of the field, back to light. */
static void write_rows(const struct convolution *c, const struct cubix_instrument *ins, struct cubix_cube *cube, const struct bench *b, int k, int n,
                       const double floor_of[LANE])
{
  const size_t line = LANE * (size_t)c->half, n_lambda = (size_t)cube->n_lambda, row = (size_t)ins->n_x * n_lambda;
  for (int j = 0; j < ins->n_y; j += 2) {
    const pair *x = b->spectrum + (size_t)(j + cube->margin) * line;
    for (int f = 0; f < c->half; f++) {
      pair *p = b->from + LANE * f, *q = b->from + LANE * (f ? c->n_x - f : 0);
      for (int t = 0; t < LANE; t++, x++) {
        const pair turned = times_i(x[line]);
        q[t] = conjugate(x[0] - turned);
        p[t] = x[0] + turned;
      }
    }
    fftw_execute_dft(c->row_backward, (fftw_complex *)b->from, (fftw_complex *)b->to);
    for (int i = 0; i < ins->n_x; i++) {
      const pair *value = b->to + LANE * (i + cube->margin);
      cubix_real *spaxel = cube->flux + (size_t)j * row + (size_t)i * n_lambda + (size_t)k;
      for (int t = 0; t < n; t++) spaxel[t] = (cubix_real)(fabs(value[t][0]) < floor_of[t] ? 0. : value[t][0]);
      if (j + 1 < ins->n_y) for (int t = 0; t < n; t++) spaxel[row + (size_t)t] = (cubix_real)(fabs(value[t][1]) < floor_of[t] ? 0. : value[t][1]);
    }
  }
}

/* Channels k .. k + n - 1 of those held, convolved and cropped. */
static void convolve(const struct convolution *c, const struct cubix_instrument *ins, struct cubix_cube *cube, pair *work, int k, int n)
{
  const size_t n_spectrum = (size_t)c->n_y * (size_t)c->half * LANE, n_used = (size_t)((cube->n_y + 1) / 2 * 2) * (size_t)c->half * LANE;
  const struct bench b = { work, work + n_spectrum, work + n_spectrum + (c->n_work - n_spectrum) / 2 };
  double power[LANE] = { 0. }, floor_of[LANE];
  struct lanes l;
  if (transform_rows(c, cube, &b, k, n)) {
    lanes_init(&l, c, cube->lambda_first + k, n);
    memset(b.spectrum + n_used, 0, (n_spectrum - n_used) * sizeof *b.spectrum);
    convolve_columns(c, &b, &l, power);
  } else {
    memset(b.spectrum, 0, n_spectrum * sizeof *b.spectrum);
  }
  for (int t = 0; t < LANE; t++) floor_of[t] = noise_floor * sqrt(power[t] * c->n_x * c->n_y);
  write_rows(c, ins, cube, &b, k, n, floor_of);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------- */
/* The cropped cube lies at the start of the painted one. */
static void crop(const struct cubix_instrument *ins, struct cubix_cube *cube)
{
  const size_t n_lambda = (size_t)cube->n_lambda, n = (size_t)ins->n_y * (size_t)ins->n_x * n_lambda;
  cubix_real *smaller = cube->margin > 0 && n > 0 ? realloc(cube->flux, n * sizeof *cube->flux) : NULL;
  if (smaller) cube->flux = smaller;
  cube->n_x = ins->n_x;
  cube->n_y = ins->n_y;
  cube->margin = 0;
  for (int j = 0; n > 0 && j < ins->n_y; j++)
    for (int i = 0; i < ins->n_x; i++)
      if (!cubix_instrument_inside(ins, i, j)) memset(cube->flux + ((size_t)j * (size_t)ins->n_x + (size_t)i) * n_lambda, 0, n_lambda * sizeof *cube->flux);
}

int cubix_psf_apply(const struct cubix_instrument *ins, struct cubix_cube *cube)
{
  int status = CUBIX_OK, done = 0, n_group = (cube->n_lambda + LANE - 1) / LANE;
  struct convolution c = { 0 };

  CUBIX_CHECK(cube->n_x == ins->n_x + 2 * cube->margin && cube->n_y == ins->n_y + 2 * cube->margin && cube->margin == ins->margin
              && cube->lambda_first >= 0 && cube->lambda_first + cube->n_lambda <= ins->n_lambda && (ins->psf != CUBIX_PSF_NONE || !ins->margin), CUBIX_EFAIL,
              "a cube of %d x %d spaxels with a margin of %d and channels %d to %d is not one of this instrument (%d x %d, margin %d, %d channels)",
              cube->n_x, cube->n_y, cube->margin, cube->lambda_first, cube->lambda_first + cube->n_lambda - 1, ins->n_x, ins->n_y, ins->margin, ins->n_lambda);
  if (ins->psf != CUBIX_PSF_NONE && cube->n_lambda > 0) {
    CUBIX_TRY(convolution_init(&c, ins, cube));
#pragma omp parallel for schedule(dynamic, 4)
    for (int group = 0; group < n_group; group++) {
      int k = group * LANE, n = cube->n_lambda - k < LANE ? cube->n_lambda - k : LANE, so_far;
      convolve(&c, ins, cube, c.work + (size_t)omp_get_thread_num() * c.n_work, k, n);
#pragma omp atomic capture
      so_far = ++done;
      if (omp_get_thread_num() == 0) cubix_log_progress("PSF", (double)so_far / n_group);
    }
  }
  crop(ins, cube);
done:
  convolution_free(&c);
  return status;
}
