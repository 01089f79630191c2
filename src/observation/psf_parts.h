/* psf_parts.h -- inside the PSF: transforms, and the kernels' transforms (psf_plan.c); the work on
 * a few channels at a time, along rows (psf_convolve.c) and columns (psf_columns.c). */
#ifndef CUBIX_PSF_PARTS_H
#define CUBIX_PSF_PARTS_H

#include <fftw3.h>
#include <stdint.h>

#include "cube/cube.h"
#include "instrument/instrument.h"
#include "instrument/psf_kernel.h"
#include "observation/psf.h"
#include "observation/psf_loops.h"

enum {
  CUBIX_PSF_STRIP = 4 * CUBIX_PSF_LANE,     /* channels whose images are fetched together */
  /* transforms of kernels: the kernel, and its derivatives in up to two directions */
  CUBIX_PSF_SET  = 3
};

typedef double cubix_psf_pair __attribute__((vector_size(16)));   /* a complex number */

/* How images of an instrument's field and margin are convolved. */
struct cubix_psf_shape {
  int n_x, half;                            /* the transforms of rows: their length; n_x/2 + 1 columns */
  int n_y;                                  /* of columns; 0: columns are summed, tap by tap */
  int n_row;                                /* of an image's transform */
  int n_tap, even;                          /* of the kernel along y; 1: its transform along x is real */
  /* complex numbers in a kernel's transform; in a column of an image's, in all of it; in a line of a thread's memory,
   * and in a strip of its images */
  size_t node, column, spectrum, line, strip;
};
enum { CUBIX_PSF_N_LINE = 6 };

struct cubix_psf_plan {
  uint64_t key[2];                          /* a hash of all that kernels depend on */
  struct cubix_psf_shape shape;
  int n_spectrum;                           /* images that are in work at a time: 1, or 2 */
  size_t n_work;                            /* complex numbers in a thread's memory */
  fftw_plan row_forward, row_backward, column_forward, column_backward, kernel;
  const struct cubix_psf_loops *loops;
  int n_node, n_set;
  double step;                              /* of the nodes, in channels */
  double *fwhm;                             /* [n_node] arcsec; 0: of a file */
  unsigned char *made;                      /* [n_node] 1: there is the kernel itself */
  /* each [n_node][half][n_y] over 2 n_x n_y, or, where columns are summed, [n_node][half][n_tap] over 2 n_x */
  cubix_psf_pair *node[CUBIX_PSF_SET];
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

/** The shape for an instrument.  Local. */
struct cubix_psf_shape cubix_psf_shape(const struct cubix_instrument *ins);
/** Plan for the instrument, and its kernels' transforms for channels first .. first + n - 1 (n > 0), of which those
 * that are in an earlier plan for the same PSF are taken.  Local.
 *  @param[in,out] plan NULL, or an earlier one, which is taken; owned by the caller
 *  @param n_spectrum 2 where a job has both `in` and `by`
 *  @param slope [n_slope] directions of sets 1 and 2 */
int cubix_psf_plan_open(struct cubix_psf_plan **plan, const struct cubix_instrument *ins, int first, int n,
                        int n_spectrum, int n_slope, const struct cubix_psf_bar *slope);
/** Leave of a plan what is of use for the next job. */
void cubix_psf_plan_rest(struct cubix_psf_plan *plan);
/** Nodes and weights of the instrument's channels k .. k + n - 1, at most CUBIX_PSF_LANE. */
void cubix_psf_plan_lanes(struct cubix_psf_lanes *lanes, const struct cubix_psf_plan *plan, int k, int n);
/** A thread's memory. */
struct cubix_psf_workspace {
  cubix_real *strip[2];                     /* [painted n_y][painted n_x][STRIP] of `in`; of `by` */
  cubix_psf_pair *spectrum[2];              /* [half][n_row and a few][LANE] of `in` or of the result; of `by` */
  cubix_psf_pair *line[CUBIX_PSF_N_LINE];
};
/** Columns of the images' transforms, multiplied with the kernels.
 *  @param lit which of `in` and `by` there are
 *  @param[out] power [LANE] the sum of the squares of an image that is made, in its rows that are */
void cubix_psf_columns(const struct cubix_psf_plan *plan, const struct cubix_psf_job *job,
                       const struct cubix_psf_workspace *work, const int lit[2], int k, int n, double power[]);
/** Do the job for channels k .. k + n - 1 of those held, at most STRIP.
 *  @param work [plan->n_work] of this thread */
void cubix_psf_convolve(const struct cubix_psf_plan *plan, const struct cubix_psf_job *job, cubix_psf_pair *work, int k,
                        int n);

#endif
