/* psf_plan.c -- transforms of the painted image's size, and the kernels' transforms.
 *
 * The transform is at least as large as the painted image, so that what wraps around ends in the
 * margin.  A FWHM or beta that varies with wavelength is tabulated at nodes half a percent of FWHM and beta apart,
 * over all channels of the instrument; between them the kernels, and so their transforms, are
 * interpolated linearly: K_k = sum_n w_kn K_n.  So is a kernel's derivative, dK_k = sum_n w_kn
 * dK_n, with the kernel's own support: the number of nodes and the radius do not follow FWHM or
 * beta.  Where the FWHM is one number there is one node.
 * Transforms are made by FFTW with FFTW_ESTIMATE: the same bits in every run. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "observation/psf.h"
#include "observation/psf_parts.h"

enum { LANE = CUBIX_PSF_LANE };
static const double node_step = 0.005;      /* between nodes, of ln FWHM and ln beta */

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
  const double n_x = good_size(ins->n_x + 2 * ins->margin), n_y = good_size(ins->n_y + 2 * ins->margin),
               half = floor(n_x / 2) + 1;
  const double pair = sizeof(cubix_psf_pair), line = LANE * fmax(n_x, n_y),
               node = fmin(1 + ceil((double)count_nodes(ins) * n_lambda / ins->n_lambda), count_nodes(ins));
  return pair * (n_thread * (n_spectrum * (half * n_y * LANE + line) + line) + n_set * node * half * n_y);
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

/* @param slope NULL: the kernel itself */
static int node_build(const struct cubix_psf_plan *plan, const struct cubix_instrument *ins,
                      const struct cubix_psf_bar *slope, cubix_psf_pair *node, int n)
{
  int status = CUBIX_OK, radius = ins->margin, side = 2 * radius + 1, row = 2 * plan->half;
  const double scale = 0.5 / ((double)plan->n_x * plan->n_y),
               lambda = cubix_instrument_lambda_at(ins, n * plan->step);
  double *kernel = NULL, *image = NULL;
  CUBIX_ALLOC(kernel, (size_t)side * (size_t)side);
  CUBIX_ALLOC(image, (size_t)row * (size_t)plan->n_y);
  CUBIX_TRY(slope ? cubix_psf_kernel_build_jvp(kernel, ins, lambda, radius, slope)
                  : cubix_psf_kernel_build(kernel, ins, lambda, radius));
  for (int j = 0; j < side; j++)
    for (int i = 0; i < side; i++)
      image[(size_t)((j - radius + plan->n_y) % plan->n_y) * (size_t)row +
            (size_t)((i - radius + plan->n_x) % plan->n_x)] += scale * kernel[j * side + i];
  fftw_execute_dft_r2c(plan->kernel, image, (fftw_complex *)image);
  for (int f = 0; f < plan->half; f++)
    for (int j = 0; j < plan->n_y; j++)
      memcpy(node + ((size_t)n * (size_t)plan->half + (size_t)f) * (size_t)plan->n_y + j,
             image + (size_t)j * (size_t)row + 2 * f, sizeof *node);
done:
  free(image);
  free(kernel);
  return status;
}

/* The nodes that channels k .. k + n - 1 lie between. */
static int build_nodes(struct cubix_psf_plan *plan, const struct cubix_instrument *ins, int k, int n,
                       const struct cubix_psf_bar *slope)
{
  int status = CUBIX_OK, first, last;
  plan->n_node = count_nodes(ins);
  plan->step = plan->n_node > 1 ? (ins->n_lambda - 1.) / (plan->n_node - 1.) : 1.;
  CUBIX_ALLOC(plan->fwhm, plan->n_node);
  for (int m = 0; m < plan->n_node && ins->psf != CUBIX_PSF_FILE; m++)
    plan->fwhm[m] = cubix_curve_at(&ins->psf_fwhm, cubix_instrument_lambda_at(ins, m * plan->step));
  place_between(plan, k, &first);
  place_between(plan, k + n - 1, &last);
  last += plan->n_node > 1;
  for (int set = 0; set < plan->n_set; set++) {
    CUBIX_ALLOC(plan->node[set], (size_t)plan->n_node * (size_t)plan->half * (size_t)plan->n_y);
#pragma omp parallel for schedule(dynamic)
    for (int m = first; m <= last; m++) {
      int failed = node_build(plan, ins, set ? slope + set - 1 : NULL, plan->node[set], m);
#pragma omp critical(cubix_psf_node)
      if (failed) status = failed;
    }
  }
  CUBIX_CHECK(!status, status, "no memory for the transforms of %d kernels of %d x %d", last - first + 1, plan->n_x,
              plan->n_y);
done:
  return status;
}

int cubix_psf_plan_init(struct cubix_psf_plan *plan, const struct cubix_instrument *ins, int first, int n,
                        int n_spectrum, int n_slope, const struct cubix_psf_bar *slope)
{
  int status = CUBIX_OK, stride;
  plan->n_x = good_size(ins->n_x + 2 * ins->margin);
  plan->n_y = good_size(ins->n_y + 2 * ins->margin);
  plan->half = plan->n_x / 2 + 1;
  plan->n_spectrum = n_spectrum;
  plan->n_set = 1 + n_slope;
  stride = plan->half * LANE;
  plan->spectrum = (size_t)plan->n_y * (size_t)stride;
  plan->line = LANE * (size_t)(plan->n_x > plan->n_y ? plan->n_x : plan->n_y);
  plan->n_work = (size_t)n_spectrum * (plan->spectrum + plan->line) + plan->line;
  CUBIX_ALLOC(plan->work, (size_t)omp_get_max_threads() * plan->n_work);
  fftw_complex *spectrum = (fftw_complex *)plan->work, *from = spectrum + (size_t)n_spectrum * plan->spectrum,
               *to = from + plan->line;
  plan->row_forward =
      fftw_plan_many_dft(1, &plan->n_x, LANE, from, NULL, LANE, 1, to, NULL, LANE, 1, FFTW_FORWARD, FFTW_ESTIMATE);
  plan->row_backward =
      fftw_plan_many_dft(1, &plan->n_x, LANE, from, NULL, LANE, 1, to, NULL, LANE, 1, FFTW_BACKWARD, FFTW_ESTIMATE);
  plan->column_forward = fftw_plan_many_dft(1, &plan->n_y, LANE, spectrum, NULL, stride, 1, to, NULL, LANE, 1,
                                            FFTW_FORWARD, FFTW_ESTIMATE);
  plan->column_backward = fftw_plan_many_dft(1, &plan->n_y, LANE, to, NULL, LANE, 1, spectrum, NULL, stride, 1,
                                             FFTW_BACKWARD, FFTW_ESTIMATE);
  plan->kernel = fftw_plan_dft_r2c_2d(plan->n_y, plan->n_x, (double *)spectrum, spectrum, FFTW_ESTIMATE);
  CUBIX_CHECK(plan->row_forward && plan->row_backward && plan->column_forward && plan->column_backward && plan->kernel,
              CUBIX_EFAIL, "FFTW cannot plan transforms of %d x %d", plan->n_x, plan->n_y);
  CUBIX_TRY(build_nodes(plan, ins, first, n, slope));
done:
  return status;
}

void cubix_psf_plan_free(struct cubix_psf_plan *plan)
{
  fftw_plan used[] = { plan->row_forward, plan->row_backward, plan->column_forward, plan->column_backward,
                       plan->kernel };
  for (size_t i = 0; i < sizeof used / sizeof *used; i++)
    if (used[i]) fftw_destroy_plan(used[i]);
  for (int set = 0; set < CUBIX_PSF_SET; set++) free(plan->node[set]);
  free(plan->fwhm);
  free(plan->work);
}
