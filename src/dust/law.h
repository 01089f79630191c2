/* law.h -- the extinction law of a run, in every channel.
 *
 * The dust is at rest in the galaxy: k is the law at the observed wavelength over 1 + z.  Attenuation
 * acts on channels: A(V) magnitudes take the factor exp(-0.4 ln 10 A k) off a channel's light. In a
 * channel wider than 1 % of its wavelength k is the mean over the channel.
 *
 * Where light that gas scatters is not all lost (DustEffect absorption, mixed) k is multiplied by the part of the
 * extinction that dims, over that part in V, as dust scatters more in one colour than in another. A screen (DustScreen)
 * is so far in front that what it scatters is lost: its law is that of extinction, whatever DustEffect says. */
#ifndef CUBIX_LAW_H
#define CUBIX_LAW_H

#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_law {
  int n;                          /* channels; 0: no dust, and the arrays are NULL */
  double *k;                      /* [n] A(lambda)/A(V) */
  double *by_shape;               /* [n] its derivative by DustRv or DustSlope; 0 where the law has neither */
  double *by_one_plus_z;          /* [n] by 1 + z */
  double *screen, *screen_by_shape, *screen_by_one_plus_z;    /* [n] the same of a screen */
};

/** Check that the law was made for these channels.  Local.
 *  Errors: CUBIX_EUSAGE for channels or a DustRv beyond those that it was made for, and for Calzetti with Dust gas. */
int cubix_law_check(const struct cubix_params *par, const double *edge, int n, double one_plus_z);
/** The law for these channels; empty with Dust none.  Local.
 *  @param law {0}, or one of before: with as many channels its arrays stay where they are and hold the new
 *    numbers; cubix_law_free frees it
 *  @param edge [n + 1] observed, vacuum AA
 *  Errors: as cubix_law_check; the law is unchanged then. */
int cubix_law_init(struct cubix_law *law, const struct cubix_params *par, const double *edge, int n,
                   double one_plus_z);
/** From the bars of k, of dust around stars, to those of the law's shape and of 1 + z, added.  Local.
 *  @param k_bar [n] */
void cubix_law_vjp(const struct cubix_law *law, const double *k_bar, double *shape_bar, double *one_plus_z_bar);
/** Tangent of k in channel i; of that of a screen.  Local. */
double cubix_law_jvp(const struct cubix_law *law, int i, double shape_dot, double one_plus_z_dot);
double cubix_law_screen_jvp(const struct cubix_law *law, int i, double shape_dot, double one_plus_z_dot);
void cubix_law_free(struct cubix_law *law);

#ifdef __cplusplus
}
#endif
#endif
