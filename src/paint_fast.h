/* paint_fast.h -- the vectorised direct method of the CPU. */
#ifndef CUBIX_PAINT_FAST_H
#define CUBIX_PAINT_FAST_H

#include "physics/paint.h"

struct cubix_fast {
  const struct cubix_view *view;
  int span;                       /* knots that a block of channels reaches over */
  float *simpson;                 /* [n_knot][2] weights of f0 + f1 and m0 + m1 in the integral over a whole interval */
  unsigned char *uniform;         /* [n_knot] 1: the next `span` intervals are equal to 1e-6 of their width */
};

struct cubix_fast_scratch {       /* one per thread */
  float *pair;                    /* [n_knot + 1][2] the star's own template */
  float *full;                    /* [n_knot + 1][2] its integrals over whole intervals, in two parts */
  float *left, *right;            /* [n_lambda + 1 + padding] integrals from an edge's interval's ends to the edge */
  int *index;                     /* [n_lambda + 1 + padding] the interval of an edge */
};

/** Plan for a model.  Local.  Borrows the view. */
int cubix_fast_init(struct cubix_fast *fast, const struct cubix_view *view);
int cubix_fast_scratch_init(struct cubix_fast_scratch *scratch, const struct cubix_view *view);
/** Add a star to spectrum [n_lambda].  Local.  Equals cubix_star_channel to float32 rounding. */
void cubix_fast_paint(const struct cubix_fast *fast, const struct cubix_blend *blend, double doppler, struct cubix_fast_scratch *scratch, float *spectrum);
/** The instructions in use: "AVX-512", "AVX2" or "baseline".  Local. */
const char *cubix_fast_name(void);
void cubix_fast_scratch_free(struct cubix_fast_scratch *scratch);
void cubix_fast_free(struct cubix_fast *fast);

#endif
