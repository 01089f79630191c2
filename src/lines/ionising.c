/* ionising.c -- ionising photons of young stars.
 *
 * A library that states them (IonizingPhotons, doc/formats.md) is believed.  Without, the rate is
 *   Q(t) = Q_0/(1 + (t/3.5 Myr)^4),   t < 10 Myr,
 * which falls as that of Starburst99 does (Leitherer et al. 1999): to 0.6 at 3, 0.2 at 5, 0.015 at
 * 10 Myr.  Q_0 is such that 1 Msun/yr, constant, gives CUBIX_IONISING_SFR: 3.7e46 /s per Msun. */
#include "lines/ionising.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "physics/population.h"
#include "spectra/ssp.h"

static const double fading = 0.0035, youngest = 0.005;   /* Gyr; a library's first age must be below the second */

static double shape(double age) { return 1 / (1 + pow(age / fading, 4)); }

/* As the templates' axes are. */
static double axis(double x, double instead) { return log10(x > 0 ? x : instead); }

int cubix_ionising_read(struct cubix_ionising *q, const char *file)
{
  int status = CUBIX_OK, there;
  double most = 0;
  *q = (struct cubix_ionising){ 0 };
  CUBIX_TRY(cubix_ssp_ionising(file, &there, &q->n_z, &q->n_age, &q->log_z, &q->log_age, &q->rate));
  for (int i = 0; there && i < q->n_z * q->n_age; i++) most = fmax(most, q->rate[i]);
  if (!there || q->log_age[0] > youngest || !(most > 0)) {
    cubix_log(CUBIX_LOG_WARNING,
              "SspFile %s %s: lines take %.3g photons/s for 1 Msun/yr (Kennicutt & Evans 2012), at every metallicity",
              file, there ? "has no stars that ionise" : "does not state ionising photons", CUBIX_IONISING_SFR);
    cubix_ionising_free(q);
    double sum = 0;
    for (int i = 0; i < CUBIX_IONISING_STEPS; i++) sum += shape(cubix_ionising_step(i));
    q->peak = CUBIX_IONISING_SFR / (sum * 1e9 * CUBIX_IONISING_AGE / CUBIX_IONISING_STEPS);
    goto done;
  }
  for (int i = 0; i < q->n_z; i++) q->log_z[i] = axis(q->log_z[i], 1e-10);
  for (int i = 0; i < q->n_age; i++) q->log_age[i] = axis(q->log_age[i], 1e-4);
done:
  if (status) cubix_ionising_free(q);
  return status;
}

double cubix_ionising_rate(const struct cubix_ionising *q, double metallicity, double age)
{
  int iz, ia;
  double fz, fa;
  if (!(age <= CUBIX_IONISING_AGE)) return 0;
  if (!q->n_z) return q->peak * shape(age);
  cubix_bracket(q->log_z, q->n_z, axis(metallicity, 1e-300), &iz, &fz);
  cubix_bracket(q->log_age, q->n_age, axis(age, 1e-300), &ia, &fa);
  const double *low = q->rate + (size_t)iz * (size_t)q->n_age + ia, *high = low + (q->n_z > 1 ? q->n_age : 0);
  const int next = q->n_age > 1;
  return (1 - fz) * ((1 - fa) * low[0] + fa * low[next]) + fz * ((1 - fa) * high[0] + fa * high[next]);
}

void cubix_ionising_free(struct cubix_ionising *q)
{
  free(q->log_z);
  free(q->log_age);
  free(q->rate);
  *q = (struct cubix_ionising){ 0 };
}
