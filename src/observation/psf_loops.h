/* psf_loops.h -- the inner loops of the PSF's convolution, for the instruction set of this machine.
 *
 * All work on elements of LANE complex numbers side by side, one for each of LANE channels, whose results do not depend
 * on each other. */
#ifndef CUBIX_PSF_LOOPS_H
#define CUBIX_PSF_LOOPS_H

#include <stddef.h>

#include "physics/hd.h"

enum {
  CUBIX_PSF_LANE = 8,             /* channels side by side */
  CUBIX_PSF_WIDE = 2 * CUBIX_PSF_LANE,      /* doubles of an element */
  CUBIX_PSF_OUTS = 8, CUBIX_PSF_INS = 4,    /* outputs, and inputs, of a sum that are in registers together */
  /* zeros that there must be before the first tap, and after the last */
  CUBIX_PSF_BEFORE = CUBIX_PSF_OUTS + CUBIX_PSF_INS - 2, CUBIX_PSF_AFTER = CUBIX_PSF_OUTS - 1
};

/* Elements of a sum, and which tap brings input 0 to output 0. */
struct cubix_psf_reach { int n_out, n_in, n_tap, shift; };

struct cubix_psf_loops {
  /** Two rows of an image as real and imaginary parts.
   *  @param a, b first spaxels of the rows, `step` and `step_b` apart; @param[out] to [n][WIDE] */
  void (*join)(double *to, const cubix_real *a, const cubix_real *b, size_t step, size_t step_b, int n);
  /** The transform of two rows that were real and imaginary part, taken apart, each twice.
   *  @param z [n_x][WIDE]  @param[out] to n_x/2 + 1 pairs of elements, `column` doubles apart */
  void (*split)(double *to, size_t column, const double *z, int n_x);
  /** And put together again. */
  void (*merge)(double *z, const double *from, size_t column, int n_x);
  /** Taps of every channel: to_t = sum_m weight_m value_m(t).
   *  @param value [n_node], [2 n] doubles of which every second counts  @param weight [n_node][WIDE]
   *  @param step 1, or -1: in reverse  @param[out] to [n][WIDE] */
  void (*weigh)(double *to, const double *const *value, const double *weight, int n_node, int n, int step);
  /** out_o += sum_i tap_(o - i + shift) in_i.
   *  @param out [n_out, rounded up to OUTS][WIDE]
   *  @param in [n_in + INS - 1][WIDE], the last INS - 1 zero
   *  @param tap [n_tap][WIDE], with BEFORE zeros before it and AFTER behind */
  void (*sum)(double *out, const double *in, const double *tap, const struct cubix_psf_reach *reach);
};

/** The loops for this machine.  Local. */
const struct cubix_psf_loops *cubix_psf_loops(void);

#endif
