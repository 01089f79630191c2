/* psf_columns.c -- the columns of images' transforms along x, multiplied with the kernels.
 *
 * A column is one frequency along x, in LANE channels.  Where the shape says so it is transformed along y, multiplied
 * with the kernel's transform and transformed back.  Otherwise, with K_d the transform along x of the kernel's row d,
 *   out_J = sum_p K_(J-p) in_p
 * is summed as it stands: for the fields of most instruments that takes fewer instructions, which all processors do
 * better, than two transforms which are longer than the field by the kernel's width twice, and makes no noise of its
 * own.  Kernels that are round have real K_d.
 * The product of an image a with D * b, D the derivative of a kernel, is a sum over frequencies of Re(conj(A) D B)
 * (Parseval), or over frequencies and rows d of D's Re(D_d sum_J conj(A_J) B_(J-d)): no image is transformed back for
 * it.  Only half the frequencies are held; but for f = 0 and f = n_x/2, each column stands for its mirror image too
 * and counts twice. */
#include <string.h>

#include "observation/psf_parts.h"

enum {
  LANE = CUBIX_PSF_LANE, WIDE = CUBIX_PSF_WIDE, INS = CUBIX_PSF_INS,
  BEFORE = CUBIX_PSF_BEFORE, AFTER = CUBIX_PSF_AFTER
};

typedef cubix_psf_pair pair;
/* Sums for every direction, node and channel. */
typedef pair products[CUBIX_PSF_SET - 1][2 * LANE][LANE];

static inline pair times_i(pair z) { return (pair){ z[1], z[0] } * (pair){ -1., 1. }; }

static double times_counted(const struct cubix_psf_plan *plan, int f)
{
  return f && 2 * f < plan->shape.n_x ? 2. : 1.;
}

/* The sums of all columns are the derivatives with FWHM and beta; images count double in their
 * spectra, each, and kernels half. */
static void take_gain(struct cubix_psf_bar *gain, const struct cubix_psf_plan *plan, const struct cubix_psf_lanes *l,
                      int n, products sum)
{
  for (int t = 0; t < n; t++) {
    for (int m = 0; m < l->n_node; m++) {
      const pair by_fwhm = 0.5 * l->weight[m][t] * sum[0][m][t], by_beta = 0.5 * l->weight[m][t] * sum[1][m][t];
      gain[t].fwhm += by_fwhm[0] + by_fwhm[1];
      gain[t].scale += (by_fwhm[0] + by_fwhm[1]) * plan->fwhm[l->node[m]];
      gain[t].beta += by_beta[0] + by_beta[1];
    }
  }
}

/* ---- columns that are transformed ------------------------------------------------------------ */

/* A column of the images times the kernels' transforms, or their conjugates (sign -1).
 * @param[in,out] sum of the squares of the products */
static void multiply_column(pair *z, const struct cubix_psf_plan *plan, const pair *set,
                            const struct cubix_psf_lanes *l, int f, double sign, pair sum[LANE])
{
  const size_t n_y = (size_t)plan->shape.n_y, node = plan->shape.node;
  const double twice = times_counted(plan, f);
  for (size_t j = 0; j < n_y; j++, z += LANE) {
    pair kernel[LANE] = { { 0. } };
    for (int m = 0; m < l->n_node; m++) {
      const pair at_node = set[(size_t)l->node[m] * node + (size_t)f * n_y + j] * (pair){ 1., sign };
      for (int t = 0; t < LANE; t++) kernel[t] += l->weight[m][t] * at_node;
    }
    for (int t = 0; t < LANE; t++) {
      z[t] = z[t] * kernel[t][0] + times_i(z[t]) * kernel[t][1];
      sum[t] += twice * z[t] * z[t];
    }
  }
}

/* Add a column's share of conj(z) D y to the sums of every node and direction. */
static void product_column(const pair *z, const pair *y, const struct cubix_psf_plan *plan,
                           const struct cubix_psf_lanes *l, int f, products sum)
{
  const size_t n_y = (size_t)plan->shape.n_y, node = plan->shape.node;
  const double twice = times_counted(plan, f);
  for (size_t j = 0; j < n_y; j++, z += LANE, y += LANE) {
    /* so that the product of the components with D's, added up, is the real part */
    pair product[LANE];
    for (int t = 0; t < LANE; t++) product[t] = twice * (y[t] * z[t][0] - times_i(y[t]) * z[t][1]) * (pair){ 1., -1. };
    for (int set = 1; set < plan->n_set; set++)
      for (int m = 0; m < l->n_node; m++) {
        const pair at_node = plan->node[set][(size_t)l->node[m] * node + (size_t)f * n_y + j];
        for (int t = 0; t < LANE; t++) sum[set - 1][m][t] += product[t] * at_node;
      }
  }
}

static void transform_columns(const struct cubix_psf_plan *plan, const struct cubix_psf_job *job,
                              const struct cubix_psf_workspace *b, const struct cubix_psf_lanes *l, const int lit[2],
                              products product, pair power[LANE])
{
  pair by_power[LANE] = { { 0. } }, *to[2] = { b->line[0], b->line[1] };
  for (int f = 0; f < plan->shape.half; f++) {
    fftw_complex *column[2] = { (fftw_complex *)(b->spectrum[0] + (size_t)f * plan->shape.column),
                                (fftw_complex *)(b->spectrum[1] + (size_t)f * plan->shape.column) };
    pair *z = to[lit[0] ? 0 : 1];
    for (int i = 0; i < 2; i++)
      if (lit[i]) fftw_execute_dft(plan->column_forward, column[i], (fftw_complex *)to[i]);
    if (lit[1] && job->adjoint) product_column(to[0], to[1], plan, l, f, product);
    if (!job->out) continue;
    if (lit[0]) multiply_column(to[0], plan, plan->node[0], l, f, job->adjoint ? -1. : 1., power);
    if (lit[1] && !job->adjoint) {
      multiply_column(to[1], plan, plan->node[1], l, f, 1., by_power);
      for (size_t p = 0; lit[0] && p < (size_t)plan->shape.n_y * LANE; p++) z[p] += to[1][p];
    }
    fftw_execute_dft(plan->column_backward, (fftw_complex *)z, column[0]);
  }
}

/* ---- columns that are summed ----------------------------------------------------------------- */

/* Real and imaginary part change places. */
static void swap(double *to, const double *from, int n)
{
  for (size_t i = 0; i < (size_t)n * WIDE; i += 2) {
    to[i] = from[i + 1];
    to[i + 1] = from[i];
  }
}

/* Zeros before and behind n elements.  @return the first of these */
static double *pad(double *line, int n)
{
  memset(line, 0, BEFORE * WIDE * sizeof *line);
  memset(line + (size_t)(BEFORE + n) * WIDE, 0, AFTER * WIDE * sizeof *line);
  return line + BEFORE * WIDE;
}

/* The taps of a column's kernels.
 * @param part 0: what multiplies both parts of an element; 1: what multiplies them swapped
 * @param adjoint 1: of the mirrored kernel */
static void weigh_taps(double *tap, const struct cubix_psf_plan *plan, const pair *set, const struct cubix_psf_lanes *l,
                       int f, int part, int adjoint)
{
  const struct cubix_psf_shape *s = &plan->shape;
  const double *value[2 * LANE];
  double weight[2 * LANE][WIDE] __attribute__((aligned(64)));
  for (int m = 0; m < l->n_node; m++) {
    value[m] = (const double *)(set + (size_t)l->node[m] * s->node + (size_t)f * (size_t)s->n_tap) + part;
    for (int t = 0; t < WIDE; t++)
      weight[m][t] = part && t % 2 == adjoint ? -l->weight[m][t / 2] : l->weight[m][t / 2];
  }
  plan->loops->weigh(tap, value, weight[0], l->n_node, s->n_tap, adjoint ? -1 : 1);
}

/* Add an image's column times a set of kernels to out. */
static void sum_column(double *out, const struct cubix_psf_plan *plan, const struct cubix_psf_job *job,
                       const struct cubix_psf_workspace *b, const struct cubix_psf_lanes *l, int i, int f)
{
  const struct cubix_psf_shape *s = &plan->shape;
  const int n_field = job->ins->n_y, n_painted = n_field + s->n_tap - 1;
  const struct cubix_psf_reach reach = { job->adjoint ? n_painted : n_field, job->adjoint ? n_field : n_painted,
                                         s->n_tap, job->adjoint ? 0 : s->n_tap - 1 };
  const double *in = (const double *)(b->spectrum[i] + (size_t)f * s->column);
  double *swapped = (double *)b->line[1], *tap = pad((double *)b->line[2], s->n_tap);
  weigh_taps(tap, plan, plan->node[i], l, f, 0, job->adjoint);
  plan->loops->sum(out, in, tap, &reach);
  if (s->even) return;
  swap(swapped, in, reach.n_in + INS - 1);
  weigh_taps(tap, plan, plan->node[i], l, f, 1, job->adjoint);
  plan->loops->sum(out, swapped, tap, &reach);
}

/* Add a column's share of the products of `in` with D * by: sum_J conj(A_J) B_(J-d) has for its taps the rows of B, for
 * its inputs those of A in reverse. */
static void product_sums(const struct cubix_psf_plan *plan, const struct cubix_psf_job *job,
                         const struct cubix_psf_workspace *b, const struct cubix_psf_lanes *l, int f, products sum)
{
  const struct cubix_psf_shape *s = &plan->shape;
  const int n_field = job->ins->n_y, n_painted = n_field + s->n_tap - 1;
  const struct cubix_psf_reach reach = { s->n_tap, n_field, n_painted, n_field - 1 };
  const double twice = times_counted(plan, f);
  const double *column = (const double *)(b->spectrum[0] + (size_t)f * s->column);
  double *in = (double *)b->line[1], *swapped = (double *)b->line[2], *tap = pad((double *)b->line[3], n_painted),
         *straight = (double *)b->line[4], *crossed = (double *)b->line[5];
  for (int j = 0; j < n_field; j++)
    memcpy(in + (size_t)(n_field - 1 - j) * WIDE, column + (size_t)j * WIDE, WIDE * sizeof *in);
  memset(in + (size_t)n_field * WIDE, 0, (INS - 1) * WIDE * sizeof *in);
  memcpy(tap, b->spectrum[1] + (size_t)f * s->column, (size_t)n_painted * WIDE * sizeof *tap);
  memset(straight, 0, s->line * sizeof(pair));
  plan->loops->sum(straight, in, tap, &reach);
  if (!s->even) {
    swap(swapped, in, n_field + INS - 1);
    memset(crossed, 0, s->line * sizeof(pair));
    plan->loops->sum(crossed, swapped, tap, &reach);
  }
  for (int o = 0; o < s->n_tap; o++, straight += WIDE, crossed += WIDE) {
    const size_t at = (size_t)f * (size_t)s->n_tap + (size_t)(s->n_tap - 1 - o);
    for (int set = 1; set < plan->n_set; set++)
      for (int m = 0; m < l->n_node; m++) {
        const pair tap_of = twice * plan->node[set][(size_t)l->node[m] * s->node + at];
        for (int t = 0; t < LANE; t++) {
          sum[set - 1][m][t][0] += tap_of[0] * (straight[2 * t] + straight[2 * t + 1]);
          if (!s->even) sum[set - 1][m][t][1] -= tap_of[1] * (crossed[2 * t + 1] - crossed[2 * t]);
        }
      }
  }
}

static void sum_columns(const struct cubix_psf_plan *plan, const struct cubix_psf_job *job,
                        const struct cubix_psf_workspace *b, const struct cubix_psf_lanes *l, const int lit[2],
                        products product, pair power[LANE])
{
  const struct cubix_psf_shape *s = &plan->shape;
  const int n = job->adjoint ? job->ins->n_y + s->n_tap - 1 : job->ins->n_y;
  for (int f = 0; f < s->half; f++) {
    const double twice = times_counted(plan, f);
    pair *out = b->line[0], *column = b->spectrum[0] + (size_t)f * s->column;
    if (lit[1] && job->adjoint) product_sums(plan, job, b, l, f, product);
    if (!job->out) continue;
    memset(out, 0, s->line * sizeof *out);
    if (lit[0]) sum_column((double *)out, plan, job, b, l, 0, f);
    for (int j = 0; j < n && !job->add; j++)
      for (int t = 0; t < LANE; t++) power[t] += twice * out[j * LANE + t] * out[j * LANE + t];
    if (lit[1] && !job->adjoint) sum_column((double *)out, plan, job, b, l, 1, f);
    memset(out + (size_t)n * LANE, 0, LANE * sizeof *out);   /* beside the last of an odd number of rows */
    memcpy(column, out, (size_t)(n + n % 2) * LANE * sizeof *out);
  }
}

void cubix_psf_columns(const struct cubix_psf_plan *plan, const struct cubix_psf_job *job,
                       const struct cubix_psf_workspace *work, const int lit[2], int k, int n, double power[])
{
  products product = { { { { 0. } } } };
  pair sum[LANE] = { { 0. } };
  struct cubix_psf_lanes l;
  cubix_psf_plan_lanes(&l, plan, job->lambda_first + k, n);
  if (plan->shape.n_y) transform_columns(plan, job, work, &l, lit, product, sum);
  else sum_columns(plan, job, work, &l, lit, product, sum);
  if (lit[1] && job->adjoint) take_gain(job->gain + k, plan, &l, n, product);
  for (int t = 0; t < LANE; t++)
    power[t] = (sum[t][0] + sum[t][1]) * plan->shape.n_x * (plan->shape.n_y ? plan->shape.n_y : 1);
}
