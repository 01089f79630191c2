/* psf_plan.c -- transforms of the painted image's size, and the kernels' transforms.
 *
 * The transform is at least as long as the painted image, so that what wraps around ends in the
 * margin.  A FWHM or beta that varies with wavelength is tabulated at nodes half a percent of FWHM and beta apart,
 * over all channels of the instrument; between them the kernels, and so their transforms, are
 * interpolated linearly: K_k = sum_n w_kn K_n.  So is a kernel's derivative, dK_k = sum_n w_kn
 * dK_n, with the kernel's own support: the number of nodes and the radius do not follow FWHM or
 * beta.  Where the FWHM is one number there is one node.
 * Rows are transformed by FFTW.  Columns are either transformed as well, or, where that takes longer, summed tap by
 * tap; which of the two depends on nothing but the sizes of field and kernel, and so never on rank or processor.
 * Transforms are made by FFTW with FFTW_ESTIMATE: the same bits in every run. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "observation/psf.h"
#include "observation/psf_parts.h"
#include "physics/constants.h"

enum { LANE = CUBIX_PSF_LANE };
static const double node_step = 0.005;      /* between nodes, of ln FWHM and ln beta */

/* How many products with real taps take the time of n log2 n of a column's transform, there and back: measured for
 * fields of 30 to 300 spaxels and kernels of 11 to 161 (doc/benchmarks/batch.md). */
static const double transform_cost = 11.;

/* The smallest 2^a 3^b 5^c 7^d that is at least n; even: there a step is a whole power of 2, which FFTW does best. */
static int good_size(int n)
{
  for (;; n++) {
    int rest = n;
    for (int p = 2; p <= 7; p++)
      while (rest % p == 0) rest /= p;
    if (rest == 1 && n % 2 == 0) return n;
  }
}

struct cubix_psf_shape cubix_psf_shape(const struct cubix_instrument *ins)
{
  const int n_x = ins->n_x + 2 * ins->margin, n_y = ins->n_y + 2 * ins->margin, n_tap = 2 * ins->margin + 1;
  const int even = ins->psf != CUBIX_PSF_FILE && !(ins->psf_axis_ratio > 0. && ins->psf_axis_ratio < 1.);
  struct cubix_psf_shape s = { .n_x = good_size(n_x), .n_y = good_size(n_y), .n_tap = n_tap, .even = even };
  const double taps = (even ? 1. : 2.) * ins->n_y * (n_tap + CUBIX_PSF_OUTS);
  const size_t longest = (size_t)(n_y > s.n_x ? n_y : s.n_x) + CUBIX_PSF_BEFORE + CUBIX_PSF_AFTER;
  if (taps <= transform_cost * s.n_y * log2(s.n_y)) s.n_y = 0;
  s.half = s.n_x / 2 + 1;
  s.n_row = s.n_y ? s.n_y : n_y + n_y % 2;
  s.node = (size_t)s.half * (size_t)(s.n_y ? s.n_y : n_tap);
  s.column = LANE * (size_t)(s.n_row + CUBIX_PSF_INS);
  s.spectrum = (size_t)s.half * s.column;
  s.line = LANE * (longest > (size_t)s.n_row ? longest : (size_t)s.n_row);
  s.strip = (size_t)n_y * (size_t)n_x * (CUBIX_PSF_STRIP * sizeof(cubix_real) / sizeof(cubix_psf_pair));
  return s;
}

/* Largest over smallest of a curve over the channels, as a logarithm. */
static double spread(const struct cubix_instrument *ins, const struct cubix_curve *curve)
{
  double least = HUGE_VAL, most = 0.;
  for (int k = 0; k < ins->n_lambda; k++) {
    double value = cubix_curve_at(curve, cubix_instrument_lambda(ins, k));
    least = fmin(least, value);
    most = fmax(most, value);
  }
  return log(most / least);
}

/* Nodes for the spread of FWHM and beta. */
static int count_nodes(const struct cubix_instrument *ins)
{
  if (ins->psf == CUBIX_PSF_FILE || ins->n_lambda == 1) return 1;
  const double beta = ins->psf == CUBIX_PSF_MOFFAT ? spread(ins, &ins->psf_beta) : 0.;
  return 1 + (int)ceil((spread(ins, &ins->psf_fwhm) + beta) / node_step);
}

double cubix_psf_bytes(const struct cubix_instrument *ins, int n_lambda, int n_spectrum, int n_set, int n_thread)
{
  if (ins->psf == CUBIX_PSF_NONE || ins->n_lambda < 1 || n_lambda < 1) return 0;
  const struct cubix_psf_shape s = cubix_psf_shape(ins);
  const double node = fmin(1 + ceil((double)count_nodes(ins) * n_lambda / ins->n_lambda), count_nodes(ins));
  return (double)sizeof(cubix_psf_pair) *
         (n_thread * (n_spectrum * (double)(s.spectrum + s.strip) + CUBIX_PSF_N_LINE * (double)s.line) +
          n_set * node * (double)s.node);
}

/* Nodes on either side of channel k.  @return the weight of the upper one */
static double place_between(const struct cubix_psf_plan *plan, int k, int *below)
{
  const double at = k / plan->step;
  *below = plan->n_node > 1 ? (at < plan->n_node - 2 ? (int)at : plan->n_node - 2) : 0;
  return plan->n_node > 1 ? at - *below : 0.;
}

void cubix_psf_plan_lanes(struct cubix_psf_lanes *l, const struct cubix_psf_plan *plan, int k, int n)
{
  memset(l, 0, sizeof *l);
  for (int t = 0; t < n; t++) {
    int below;
    const double upper = place_between(plan, k + t, &below);
    for (int side = 0; side < (plan->n_node > 1 ? 2 : 1); side++) {
      int m = 0;
      while (m < l->n_node && l->node[m] != below + side) m++;
      if (m == l->n_node) l->node[l->n_node++] = below + side;
      l->weight[m][t] = side ? upper : 1. - upper;
    }
  }
}

/* A kernel's transform along both sides. */
static void transform(const struct cubix_psf_plan *plan, const double *kernel, int side, double *image,
                      cubix_psf_pair *node)
{
  const struct cubix_psf_shape *s = &plan->shape;
  const int radius = side / 2, row = 2 * s->half;
  const double scale = 0.5 / ((double)s->n_x * s->n_y);
  for (int j = 0; j < side; j++)
    for (int i = 0; i < side; i++)
      image[(size_t)((j - radius + s->n_y) % s->n_y) * (size_t)row + (size_t)((i - radius + s->n_x) % s->n_x)] +=
          scale * kernel[j * side + i];
  fftw_execute_dft_r2c(plan->kernel, image, (fftw_complex *)image);
  for (int f = 0; f < s->half; f++)
    for (int j = 0; j < s->n_y; j++)
      memcpy(node + (size_t)f * (size_t)s->n_y + j, image + (size_t)j * (size_t)row + 2 * f, sizeof *node);
}

/* Along x only: the taps of every column.  @param wave [n_x] exp(-2 pi i m / n_x) */
static void transform_rows(const struct cubix_psf_plan *plan, const double *kernel, int side,
                           const cubix_psf_pair *wave, cubix_psf_pair *node)
{
  const struct cubix_psf_shape *s = &plan->shape;
  const int radius = side / 2, n_x = s->n_x;
  const double scale = 0.5 / n_x;
  for (int f = 0; f < s->half; f++)
    for (int j = 0; j < side; j++) {
      cubix_psf_pair sum = { 0. };
      for (int i = 0; i < side; i++)
        sum += kernel[j * side + i] * wave[((long)f * (i - radius) % n_x + n_x) % n_x];
      if (s->even) sum[1] = 0.;
      node[(size_t)f * (size_t)side + (size_t)j] = scale * sum;
    }
}

/* @param slope NULL: the kernel itself */
static int node_build(const struct cubix_psf_plan *plan, const struct cubix_instrument *ins,
                      const struct cubix_psf_bar *slope, cubix_psf_pair *node, int n)
{
  int status = CUBIX_OK, radius = ins->margin, side = 2 * radius + 1;
  const struct cubix_psf_shape *s = &plan->shape;
  const double lambda = cubix_instrument_lambda_at(ins, n * plan->step);
  double *kernel = NULL, *image = NULL;
  cubix_psf_pair *wave = NULL;
  CUBIX_ALLOC(kernel, (size_t)side * (size_t)side);
  CUBIX_TRY(slope ? cubix_psf_kernel_build_jvp(kernel, ins, lambda, radius, slope)
                  : cubix_psf_kernel_build(kernel, ins, lambda, radius));
  if (s->n_y) {
    CUBIX_ALLOC(image, 2 * (size_t)s->half * (size_t)s->n_y);
    transform(plan, kernel, side, image, node + (size_t)n * s->node);
  } else {
    CUBIX_ALLOC(wave, s->n_x);
    for (int m = 0; m < s->n_x; m++)
      wave[m] = (cubix_psf_pair){ cos(2. * CUBIX_PI * m / s->n_x), -sin(2. * CUBIX_PI * m / s->n_x) };
    transform_rows(plan, kernel, side, wave, node + (size_t)n * s->node);
  }
done:
  free(wave);
  free(image);
  free(kernel);
  return status;
}

/* The nodes that channels k .. k + n - 1 lie between, where they are not there. */
static int build_nodes(struct cubix_psf_plan *plan, const struct cubix_instrument *ins, int k, int n,
                       const struct cubix_psf_bar *slope)
{
  int status = CUBIX_OK, first, last;
  place_between(plan, k, &first);
  place_between(plan, k + n - 1, &last);
  last += plan->n_node > 1;
  for (int set = 0; set < plan->n_set; set++) {
    if (!plan->node[set]) CUBIX_ALLOC(plan->node[set], (size_t)plan->n_node * plan->shape.node);
#pragma omp parallel for schedule(dynamic)
    for (int m = first; m <= last; m++) {
      if (!set && plan->made[m]) continue;
      int failed = node_build(plan, ins, set ? slope + set - 1 : NULL, plan->node[set], m);
      if (!set) plan->made[m] = !failed;
#pragma omp critical(cubix_psf_node)
      if (failed) status = failed;
    }
  }
  CUBIX_CHECK(!status, status, "no memory for the transforms of %d kernels of %d x %d", last - first + 1,
              plan->shape.n_x, plan->shape.n_row);
done:
  return status;
}

/* A hash of all that the kernels of all channels depend on. */
static int find_key(uint64_t key[2], const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)ins->n_lambda, n_kernel = (size_t)ins->psf_n * (size_t)ins->psf_n;
  double *all = NULL, *at;
  const double sizes[] = { ins->psf, ins->n_x, ins->n_y, ins->margin, ins->n_lambda, ins->psf_n,
                           ins->pixel_x, ins->pixel_y, ins->psf_axis_ratio, ins->psf_angle };
  CUBIX_ALLOC(all, sizeof sizes / sizeof *sizes + 2 * n + n_kernel);
  memcpy(all, sizes, sizeof sizes);
  at = all + sizeof sizes / sizeof *sizes;
  for (size_t k = 0; k < n && ins->psf != CUBIX_PSF_FILE; k++) {
    const double lambda = cubix_instrument_lambda(ins, (int)k);
    *at++ = cubix_curve_at(&ins->psf_fwhm, lambda);
    *at++ = cubix_curve_at(&ins->psf_beta, lambda);
  }
  if (n_kernel) memcpy(at, ins->psf_kernel, n_kernel * sizeof *at);
  cubix_hash(all, (size_t)(at - all + (ptrdiff_t)n_kernel) * sizeof *all, key);
done:
  free(all);
  return status;
}

/* Lengths, transforms, places of the nodes. */
static int plan_init(struct cubix_psf_plan *plan, const struct cubix_instrument *ins, const uint64_t key[2])
{
  int status = CUBIX_OK;
  fftw_complex *from = NULL, *to;
  struct cubix_psf_shape *s = &plan->shape;
  *s = cubix_psf_shape(ins);
  memcpy(plan->key, key, sizeof plan->key);
  plan->loops = cubix_psf_loops();
  CUBIX_ALLOC(from, s->line + s->spectrum);
  to = from + s->line;
  plan->row_forward =
      fftw_plan_many_dft(1, &s->n_x, LANE, from, NULL, LANE, 1, to, NULL, LANE, 1, FFTW_FORWARD, FFTW_ESTIMATE);
  plan->row_backward =
      fftw_plan_many_dft(1, &s->n_x, LANE, from, NULL, LANE, 1, to, NULL, LANE, 1, FFTW_BACKWARD, FFTW_ESTIMATE);
  CUBIX_CHECK(plan->row_forward && plan->row_backward, CUBIX_EFAIL, "FFTW cannot plan transforms of %d", s->n_x);
  if (s->n_y) {
    plan->column_forward = fftw_plan_many_dft(1, &s->n_y, LANE, to, NULL, LANE, 1, from, NULL, LANE, 1,
                                              FFTW_FORWARD, FFTW_ESTIMATE);
    plan->column_backward = fftw_plan_many_dft(1, &s->n_y, LANE, from, NULL, LANE, 1, to, NULL, LANE, 1,
                                               FFTW_BACKWARD, FFTW_ESTIMATE);
    plan->kernel = fftw_plan_dft_r2c_2d(s->n_y, s->n_x, (double *)to, to, FFTW_ESTIMATE);
    CUBIX_CHECK(plan->column_forward && plan->column_backward && plan->kernel, CUBIX_EFAIL,
                "FFTW cannot plan transforms of %d x %d", s->n_x, s->n_y);
  }
  plan->n_node = count_nodes(ins);
  plan->step = plan->n_node > 1 ? (ins->n_lambda - 1.) / (plan->n_node - 1.) : 1.;
  CUBIX_ALLOC(plan->fwhm, plan->n_node);
  CUBIX_ALLOC(plan->made, plan->n_node);
  for (int m = 0; m < plan->n_node && ins->psf != CUBIX_PSF_FILE; m++)
    plan->fwhm[m] = cubix_curve_at(&ins->psf_fwhm, cubix_instrument_lambda_at(ins, m * plan->step));
done:
  free(from);
  return status;
}

int cubix_psf_plan_open(struct cubix_psf_plan **out, const struct cubix_instrument *ins, int first, int n,
                        int n_spectrum, int n_slope, const struct cubix_psf_bar *slope)
{
  int status = CUBIX_OK;
  struct cubix_psf_plan *plan = *out;
  uint64_t key[2];
  *out = NULL;
  CUBIX_TRY(find_key(key, ins));
  if (plan && memcmp(plan->key, key, sizeof key)) {
    cubix_psf_plan_free(plan);
    plan = NULL;
  }
  if (!plan) {
    CUBIX_ALLOC(plan, 1);
    CUBIX_TRY(plan_init(plan, ins, key));
  }
  plan->n_spectrum = n_spectrum;
  plan->n_set = 1 + n_slope;
  plan->n_work = (size_t)n_spectrum * (plan->shape.spectrum + plan->shape.strip) +
                 CUBIX_PSF_N_LINE * plan->shape.line;
  CUBIX_ALLOC(plan->work, (size_t)omp_get_max_threads() * plan->n_work);
  CUBIX_TRY(build_nodes(plan, ins, first, n, slope));
  *out = plan;
  plan = NULL;
done:
  cubix_psf_plan_free(plan);
  return status;
}

void cubix_psf_plan_rest(struct cubix_psf_plan *plan)
{
  for (int set = 1; set < CUBIX_PSF_SET; set++) {
    free(plan->node[set]);
    plan->node[set] = NULL;
  }
  free(plan->work);
  plan->work = NULL;
}

void cubix_psf_plan_free(struct cubix_psf_plan *plan)
{
  if (!plan) return;
  fftw_plan used[] = { plan->row_forward, plan->row_backward, plan->column_forward, plan->column_backward,
                       plan->kernel };
  for (size_t i = 0; i < sizeof used / sizeof *used; i++)
    if (used[i]) fftw_destroy_plan(used[i]);
  cubix_psf_plan_rest(plan);
  free(plan->node[0]);
  free(plan->made);
  free(plan->fwhm);
  free(plan);
}
