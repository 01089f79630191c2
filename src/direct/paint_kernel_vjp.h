/* paint_kernel_vjp.h -- derivatives of the vectorised direct method of the CPU. */
#ifndef CUBIX_PAINT_KERNEL_VJP_H
#define CUBIX_PAINT_KERNEL_VJP_H

#include "direct/paint_kernel.h"

struct cubix_fast_vjp {           /* a thread's scratch */
  struct cubix_fast_scratch edges;
  /* [n_knot + 8][4] the functional on every interval: of {T, T''/6} at its two ends; interval i is part[i + 1] */
  float *part;
  double *slope;                  /* [n_lambda + 1] x T(x) at the edges */
};

int cubix_fast_vjp_init(struct cubix_fast_vjp *scratch, const struct cubix_tables *tables);
/** Reverse of cubix_fast_paint.  Local.  Adds.
 *  @param spectrum_bar [n_lambda]
 *  @param[in,out] weight_bar [blend->n]
 *  @param[in,out] velocity_bar [1/(km/s)] */
void cubix_fast_paint_vjp(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                          struct cubix_fast_vjp *scratch, const float *spectrum_bar, double *weight_bar,
                          double *velocity_bar);
/** Forward derivative with respect to velocity alone: the change of a star's channels as its
 * velocity changes by velocity_dot [km/s].  Local.  Adds.
 *  @param spectrum_dot [n_lambda] */
void cubix_fast_velocity_jvp(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                             struct cubix_fast_vjp *scratch, double velocity_dot, double *spectrum_dot);
void cubix_fast_vjp_free(struct cubix_fast_vjp *scratch);

#endif
