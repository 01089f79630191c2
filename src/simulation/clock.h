/* clock.h -- from when a star formed to its age at the snapshot. */
#ifndef CUBIX_CLOCK_H
#define CUBIX_CLOCK_H

#include <stddef.h>

#include "math/cosmology.h"
#include "simulation/field.h"

/* Conformal time tau, dt = a^2 dtau/H0, against the age of the universe, from a = 1e-4 to the snapshot. */
enum { CUBIX_N_CONFORMAL = 4096 };
struct cubix_conformal_table { double tau[CUBIX_N_CONFORMAL], age[CUBIX_N_CONFORMAL], slope[CUBIX_N_CONFORMAL]; };

struct cubix_clock {
  enum cubix_field birth;         /* what the file holds */
  double now;                     /* time of the snapshot [Gyr] */
  struct cubix_age_table *ages;   /* of scale factors, else NULL */
  struct cubix_conformal_table *conformal;
};

/** Set a clock.  Local.  @param birth  scale factor, time or conformal time
 *  @param now  of the snapshot [Gyr]; the rest: of the universe, and the snapshot's scale factor
 *  @param[out] clock owned by the caller */
int cubix_clock_init(struct cubix_clock **clock, enum cubix_field birth, double now, double omega_m, double omega_l,
                     double h, double a);
/** Does a star have a time of formation?  Scale factors and times of 0 and below mark what has none, and
 * the conformal time 0.  Local. */
static inline int cubix_clock_is_born(enum cubix_field birth, double x)
{
  return birth == CUBIX_FIELD_CONFORMAL_TIME ? x != 0. : !(x <= 0.);      /* NaN is no answer */
}
/** Ages [Gyr] in place of times of formation; round-off below 0 is 0.  Local. */
void cubix_clock_ages(double *x, size_t n, const struct cubix_clock *clock);
/** The latest time that makes sense, as the file counts: the snapshot's own, and a little for rounding.  Local. */
double cubix_clock_latest(const struct cubix_clock *clock, double a);
/** NULL is allowed.  Local. */
void cubix_clock_free(struct cubix_clock *clock);

#endif
