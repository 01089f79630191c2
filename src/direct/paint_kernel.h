/* paint_kernel.h -- the vectorised direct method of the CPU. */
#ifndef CUBIX_PAINT_KERNEL_H
#define CUBIX_PAINT_KERNEL_H

#include "physics/paint.h"

struct cubix_fast_knot { double at; float per_h, h; };   /* [AA], 1/width and width of the interval that begins here */

struct cubix_fast {
  const struct cubix_tables *tables;
  struct cubix_fast_knot *knot;   /* [n_knot] */
  int span;                       /* knots that a block of channels reaches over */
  /* [n_knot] 1/AA where the knots that a block of channels reaches over from here are evenly spaced to 2 %, else 0 */
  double *per_spacing;
  unsigned char *exact;           /* [n_knot] 1 where it is even to 1e-6 */
  float (*whole)[4];              /* [n_knot] what the interval's integral takes of {T, T''/6} at its two knots */
  float *channel;                 /* [n_lambda] widths of the channels, observed vacuum AA */
};

struct cubix_fast_scratch {       /* one per thread */
  float *pair;                    /* [n_knot + 1][2] the star's own template: {T, T''/6} */
  int *index;                     /* [n_lambda + 1] the interval of an edge */
  float *left, *right;            /* [n_lambda + 1] integrals from the ends of that interval to the edge */
  float *to_blue, *to_red;        /* [n_lambda + 1] distances to them [AA] */
  float *f0, *m0, *f1, *m1;       /* [n_lambda + 1] the template at them */
};

/** Plan for a model.  Local.  Borrows the tables. */
int cubix_fast_init(struct cubix_fast *fast, const struct cubix_tables *tables);
int cubix_fast_scratch_init(struct cubix_fast_scratch *scratch, const struct cubix_tables *tables);
/** Add a star to spectrum [n_lambda].  Local.  Equals cubix_star_channel to float32 rounding. */
void cubix_fast_paint(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                      struct cubix_fast_scratch *scratch, float *spectrum);
/** The same without the spectrum: only fill the scratch for the edges.  Local.
 *  @return 0, and nothing, if no channel sees the library */
int cubix_fast_edges(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler,
                     struct cubix_fast_scratch *scratch);
/** The instructions in use: "AVX-512", "AVX2" or "baseline".  Local. */
const char *cubix_fast_name(void);
void cubix_fast_scratch_free(struct cubix_fast_scratch *scratch);
void cubix_fast_free(struct cubix_fast *fast);

#endif
