/* line_demo.c -- a table of emission lines in closed form, so that lines work without a file.  Not
 * for science.
 *
 * Recombination, case B at 10^4 K: H alpha 1.37e-12 erg per ionising photon, and Ha : Hb : Hg : Hd =
 * 2.86 : 1 : 0.468 : 0.259 (Osterbrock & Ferland 2006, table 4.4).  With SFR 1.359e53 photons/s per
 * Msun/yr that is L(Ha) = SFR/5.37e-42 (Kennicutt & Evans 2012).
 *
 * Collisional lines: the empirical means of x = log10 (O/H)/(O/H)_sun, 12 + log(O/H)_sun = 8.69,
 *   log [OIII]5008/Hb, log [OII]3727+3730/Hb, log [NII]6585/Ha   Curti et al. 2017, table 2,
 *   log [SII]6718+6733/Ha                                        Curti et al. 2020, table 2,
 * held where they end (x = -1.09, 0.16).  They are taken to hold at log U = -3; about it a line goes
 * as U^s, s the slope of Byler et al. 2017 at solar metallicity and log U = -3.5 .. -2.5: 0.69, -0.39,
 * -0.46, -0.61.  Doublets: 5008/4960 = 2.98, 6585/6550 = 2.95; at low density 3730/3727 = 1.4,
 * 6718/6733 = 1.4. */
#include "lines/line_demo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

static const double solar = 0.0142, lowest = -1.09, highest = 0.16, alpha = 1.37e-12, decrement = 2.86;

/* What a line follows: hydrogen, or log of a sum of lines over Hb or Ha. */
struct relation { int n; double c[5], slope, over; };
static const struct relation hydrogen = { 0, { 0 }, 0, 1 },
                             oiii = { 4, { -0.277, -3.549, -3.593, -0.981 }, 0.69, 1 },
                             oii = { 4, { 0.418, -0.961, -3.505, -1.949 }, -0.39, 1 },
                             nii = { 5, { -0.489, 1.513, -2.554, -5.293, -2.867 }, -0.46, 2.86 },
                             sii = { 5, { -0.442, -0.360, -6.271, -8.339, -3.559 }, -0.61, 2.86 };

static const struct {
  struct cubix_line line;
  const struct relation *relation;
  double part;                    /* of the relation's sum */
} demo[] = {
  { { "OII3727",  3727.092, 15.999 }, &oii,      1 / 2.4 },
  { { "OII3730",  3729.875, 15.999 }, &oii,      1.4 / 2.4 },
  { { "Hd",       4102.892, 1.008 },  &hydrogen, 0.259 },
  { { "Hg",       4341.684, 1.008 },  &hydrogen, 0.468 },
  { { "Hb",       4862.683, 1.008 },  &hydrogen, 1 },
  { { "OIII4960", 4960.295, 15.999 }, &oiii,     1 / 2.98 },
  { { "OIII5008", 5008.240, 15.999 }, &oiii,     1 },
  { { "NII6550",  6549.86,  14.007 }, &nii,      1 / 2.95 },
  { { "Ha",       6564.608, 1.008 },  &hydrogen, 2.86 },
  { { "NII6585",  6585.27,  14.007 }, &nii,      1 },
  { { "SII6718",  6718.295, 32.06 },  &sii,      1.4 / 2.4 },
  { { "SII6733",  6732.674, 32.06 },  &sii,      1 / 2.4 },
};
enum { N = sizeof demo / sizeof *demo, N_Z = 26, N_U = 2 };

static double sum_over_beta(const struct relation *r, double x, double log_u)
{
  double log_ratio = 0;
  x = fmin(fmax(x, lowest), highest);
  for (int i = r->n - 1; i >= 0; i--) log_ratio = log_ratio * x + r->c[i];
  return r->over * pow(10, log_ratio + r->slope * (log_u + 3));
}

int cubix_line_table_demo(struct cubix_line_table **out)
{
  int status = CUBIX_OK;
  struct cubix_line_table *t = NULL;
  CUBIX_ALLOC(t, 1);
  *t = (struct cubix_line_table){ .n_line = N, .n_z = N_Z, .n_u = N_U, .n_age = 1, .solar_z = solar,
                                  .solar_oh = pow(10, 8.69 - 12), .demo = 1 };
  snprintf(t->file, sizeof t->file, "demo");
  snprintf(t->name, sizeof t->name, "demo: closed form, not for science");
  snprintf(t->reference, sizeof t->reference,
           "Osterbrock & Ferland 2006; Curti et al. 2017, MNRAS 465, 1384; Curti et al. 2020, MNRAS 491, 944; "
           "Byler et al. 2017, ApJ 840, 44");
  snprintf(t->licence, sizeof t->licence, "as CUBIX");
  CUBIX_TRY(cubix_line_table_room(t));
  t->age[0] = 0.003;
  for (int u = 0; u < N_U; u++) t->log_u[u] = -4 + 3 * u;
  for (int z = 0; z < N_Z; z++) {
    const double x = lowest + (highest - lowest) * z / (N_Z - 1);
    t->metallicity[z] = solar * pow(10, x);
    for (int i = 0; i < N_U * N; i++)
      t->luminosity[z * N_U * N + i] =
          alpha / decrement * demo[i % N].part * sum_over_beta(demo[i % N].relation, x, t->log_u[i / N]);
  }
  for (int l = 0; l < N; l++) t->line[l] = demo[l].line;
  *out = t;
  t = NULL;
done:
  cubix_line_table_free(t);
  return status;
}
