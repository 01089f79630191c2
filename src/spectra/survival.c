/* survival.c -- the table of surviving masses. */
#include "spectra/survival.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "physics/population.h"
#include "spectra/ssp.h"

/* As the templates' axes are (templates.c). */
static double axis(double x, double instead) { return log10(x > 0 ? x : instead); }

int cubix_survival_read(struct cubix_survival **out, const char *file)
{
  int status = CUBIX_OK;
  struct cubix_survival *s = NULL;
  CUBIX_ALLOC(s, 1);
  CUBIX_TRY(cubix_ssp_surviving_mass(file, &s->n_z, &s->n_age, &s->log_z, &s->log_age, &s->fraction));
  for (int i = 0; i < s->n_z; i++) s->log_z[i] = axis(s->log_z[i], 1e-10);
  for (int i = 0; i < s->n_age; i++) s->log_age[i] = axis(s->log_age[i], 1e-4);
  for (int i = 0; i < s->n_z * s->n_age; i++)
    CUBIX_CHECK(s->fraction[i] > 0 && s->fraction[i] <= 1.001, CUBIX_EINPUT,
                "SspFile %s: SurvivingMass holds %g; it must be above 0 and at most 1", file, s->fraction[i]);
  *out = s;
  s = NULL;
done:
  cubix_survival_free(s);
  return status;
}

double cubix_survival_at(const struct cubix_survival *s, double metallicity, double age)
{
  int iz, ia;
  double fz, fa;
  cubix_bracket(s->log_z, s->n_z, axis(metallicity, 1e-300), &iz, &fz);
  cubix_bracket(s->log_age, s->n_age, axis(age, 1e-300), &ia, &fa);
  const double *low = s->fraction + (size_t)iz * (size_t)s->n_age + ia, *high = low + (s->n_z > 1 ? s->n_age : 0);
  const int next = s->n_age > 1;
  return (1 - fz) * ((1 - fa) * low[0] + fa * low[next]) + fz * ((1 - fa) * high[0] + fa * high[next]);
}

void cubix_survival_free(struct cubix_survival *s)
{
  if (!s) return;
  free(s->log_z);
  free(s->log_age);
  free(s->fraction);
  free(s);
}
