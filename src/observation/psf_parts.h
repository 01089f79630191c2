/* psf_parts.h -- inside the PSF: transforms, and the kernels' transforms (psf_plan.c); the work on
 * a few channels at a time (psf_convolve.c). */
#ifndef CUBIX_PSF_PARTS_H
#define CUBIX_PSF_PARTS_H

#include <fftw3.h>

#include "cube/cube.h"
#include "instrument/instrument.h"
#include "instrument/psf_kernel.h"

enum {
  CUBIX_PSF_LANE = 4,                       /* channels side by side */
  /* transforms of kernels: the kernel, and its derivatives in up to two directions */
  CUBIX_PSF_SET  = 3
};

typedef double cubix_psf_pair __attribute__((vector_size(16)));   /* a complex number */

struct cubix_psf_plan {
  int n_x, n_y, half;                       /* the transform's size; n_x/2 + 1 columns */
  int n_spectrum;                           /* images that are in work at a time: 1, or 2 */
  /* complex numbers in an image's transform, in a row or column, in a thread's memory */
  size_t spectrum, line, n_work;
  fftw_plan row_forward, row_backward, column_forward, column_backward, kernel;
  int n_node, n_set;
  double step;                              /* of the nodes, in channels */
  double *fwhm;                             /* [n_node] arcsec; 0: of a file */
  cubix_psf_pair *node[CUBIX_PSF_SET];      /* each [n_node][half][n_y], over 2 n_x n_y */
  cubix_psf_pair *work;                     /* [threads][n_work] */
};

/* The channels under work: their nodes, and the weight of each in each channel. */
struct cubix_psf_lanes { int n_node, node[2 * CUBIX_PSF_LANE]; double weight[2 * CUBIX_PSF_LANE][CUBIX_PSF_LANE]; };

/* A request for all channels: with kernel K, its mirror image K' and D, its derivative in
 * the direction of set 1,
 *   forward: out = K * in + D * by,   adjoint: out = K' * in, and the products of in with D * by for every direction.
 * Any of in, by, out may be NULL.  Painted images are by, forward in, adjoint out; the others have
 * the field's size. */
struct cubix_psf_job {
  const struct cubix_instrument *ins;
  const unsigned char *inside;              /* [field n_y][field n_x] 0: out of the aperture; NULL: all inside */
  int lambda_first, n_lambda;
  int adjoint, add;                         /* add to out, or overwrite it and clear it of the transforms' noise */
  const cubix_real *in, *by;
  cubix_real *out;                          /* forward it may be in */
  /* [n_lambda] adjoint: products with the derivatives, set 1 along FWHM, set 2 along beta */
  struct cubix_psf_bar *gain;
};

/** Plan for images of the instrument's field and margin, and the kernels' transforms for channels
 * first .. first + n - 1 (n > 0).  Local.
 *  @param n_spectrum 2 where a job has both `in` and `by`
 *  @param slope [n_slope] directions of sets 1 and 2 */
int cubix_psf_plan_init(struct cubix_psf_plan *plan, const struct cubix_instrument *ins, int first, int n,
                        int n_spectrum, int n_slope, const struct cubix_psf_bar *slope);
void cubix_psf_plan_free(struct cubix_psf_plan *plan);
/** Nodes and weights of the instrument's channels k .. k + n - 1, at most CUBIX_PSF_LANE. */
void cubix_psf_plan_lanes(struct cubix_psf_lanes *lanes, const struct cubix_psf_plan *plan, int k, int n);
/** Do the job for channels k .. k + n - 1 of those held.
 *  @param work [plan->n_work] of this thread */
void cubix_psf_convolve(const struct cubix_psf_plan *plan, const struct cubix_psf_job *job, cubix_psf_pair *work, int k,
                        int n);

#endif
