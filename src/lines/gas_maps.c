/* gas_maps.c -- from sums per spaxel to the flux of each line and the motion of the gas.
 *
 *   LINE_Ha ...  flux of the line, after its own dust, over the whole line
 *   SFR          star formation rate; of Lines stars the mass of the young stars over 10 Myr
 *   VEL_GAS      mean velocity, weighted with the flux of one line, Ha if the band has it
 *   SIG_GAS      dispersion, likewise; the velocities within a source (thermal, turbulent) are in it
 * Means through the PSF come from sums through the PSF, as those of the stars do. */
#include "lines/gas_maps.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lines/line_paint.h"

static const double young_years = 1e9 * CUBIX_IONISING_AGE;

/* Lines that the tables name only by ion and wavelength have none. */
static int is_mapped(const struct cubix_lines *s, int l) { return !strchr(s->table->line[s->of[l]].name, '_'); }

int cubix_gas_n_map(const struct cubix_lines *s)
{
  int n = 0;
  for (int l = 0; s && l < s->n; l++) n += is_mapped(s, l);
  return s ? n + 3 : 0;
}

/* Of map `number`; the number of lines: the first that is no line. */
static int line_of(const struct cubix_lines *s, int number)
{
  int l = 0;
  for (; l < s->n; l++)
    if (is_mapped(s, l) && number-- == 0) break;
  return l;
}

static double value_of(const struct cubix_lines *s, const struct cubix_sums *sums, int l, int kind, size_t at)
{
  const size_t n = cubix_sums_size(sums);
  const double *moment = sums->gas + (size_t)s->n * n + at;
  const double weight = moment[CUBIX_GAS_WEIGHT * n], own = s->shape[s->reference].sigma;
  if (l < s->n) return sums->gas[(size_t)l * n + at];
  if (kind == 0) return moment[CUBIX_GAS_SFR * n] / (s->mode == CUBIX_Lines_stars ? young_years : 1);
  if (!(weight > 0)) return NAN;
  const double mean = moment[CUBIX_GAS_V * n] / weight, square = moment[CUBIX_GAS_V2 * n] / weight;
  return kind == 1 ? mean : sqrt(fmax(square - mean * mean, 0) + own * own);
}

void cubix_gas_map(struct cubix_gas_title *title, double *map, const struct cubix_lines *s,
                   const struct cubix_sums *sums, int number, int seen, int flux_unit)
{
  static const char *const name[] = { "SFR", "VEL_GAS", "SIG_GAS" }, *const unit[] = { "solMass/yr", "km/s", "km/s" };
  const int l = line_of(s, number), kind = number - (cubix_gas_n_map(s) - 3);
  const struct cubix_line *line = l < s->n ? &s->table->line[s->of[l]] : &s->table->line[s->of[s->reference]];
  const char *psf = seen ? "; seen through the PSF" : "";
  snprintf(title->name, sizeof title->name, "%s%s%s", l < s->n ? "LINE_" : "", l < s->n ? line->name : name[kind],
           seen ? "_OBS" : "");
  if (l < s->n) snprintf(title->unit, sizeof title->unit, "10**(%d)*erg/s/cm**2", flux_unit);
  else snprintf(title->unit, sizeof title->unit, "%s", unit[kind]);
  if (l < s->n)
    snprintf(title->description, sizeof title->description, "flux of the line at %.3f AA, after its dust%s",
             line->lambda, psf);
  else if (!kind)
    snprintf(title->description, sizeof title->description, "star formation rate%s", psf);
  else
    snprintf(title->description, sizeof title->description, "%s of the gas, weighted with %s%s",
             kind == 1 ? "mean velocity" : "velocity dispersion", line->name, psf);
  for (int j = 0; j < sums->n_y; j++)
    for (int i = 0; i < sums->n_x; i++, map++) *map = value_of(s, sums, l, kind, cubix_sums_at(sums, i, j));
}
