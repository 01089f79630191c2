/* sanity.c -- the gate behind the reader.
 *
 * Bounds are those of galaxies that are simulated today, from dwarfs to clusters: half of the stellar
 * mass within 0.05 to 100 kpc, particles of 1 to 1e10 Msun, speeds below 5000 km/s, metallicities below
 * 0.2, ages below that of the universe.  What is beyond them is said; what is beyond the wider ones is
 * the work of a wrong unit.  Where every column names its unit there is none, and made-up stars may be
 * anything: that is only said.  A whole box has no size of its own, and a large one is only said where it
 * may be such: stars that fill a good part of a stated box, several files, or a radius that the user
 * chose.  Else half of the mass lies within a megaparsec, or kiloparsecs were taken for megaparsecs. */
#include "mpi/particles/sanity.h"

#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "math/cosmology.h"
#include "mpi/comm/group.h"

enum { FEW = 20, SAMPLE = 1 << 17, BITS = 4 }; /* stars: fewer have no size that could be judged */

static uint64_t bits_of(double x)
{
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Exponent and leading bits of the mantissa, from 2^-108 on. */
static const int64_t first_bin = (int64_t)(1023 - CUBIX_SANITY_BIN / 32) << BITS;

static size_t bin_of(double x)
{
  const int64_t at = (int64_t)(bits_of(x) >> (52 - BITS)) - first_bin;
  return !(x > 0) || at < 0 ? 0 : at < CUBIX_SANITY_BIN ? (size_t)at : CUBIX_SANITY_BIN - 1;
}

static double value_of(int bin)
{
  const double mantissa = 1 + ((bin % (1 << BITS)) + 0.5) / (1 << BITS);
  return ldexp(mantissa, (int)((bin + first_bin) >> BITS) - 1023);
}

/* One star in 2^k, whatever rank holds it: the place decides. */
static int is_sampled(double x, uint64_t mask) { return !((bits_of(x) * 0x9e3779b97f4a7c15u >> 40) & mask); }

static double square(const double v[3]) { return v[0] * v[0] + v[1] * v[1] + v[2] * v[2]; }

/* Of places, ages and masses exactly 0 is what no unit makes: one place for all stars, the age 0 of all. */
static void count(double bin[CUBIX_SANITY_BIN], double x, double weight)
{
  if (x != 0) bin[bin_of(x)] += weight;
}

void cubix_sanity_add(struct cubix_sanity *s, const struct cubix_slab *slab, const double about[3], unsigned parts)
{
  static const double origin[3] = { 0 };
  const double *const o = about ? about : origin;
  const int motion = (parts & CUBIX_SLAB_MOTION) != 0, population = (parts & CUBIX_SLAB_POPULATION) && slab->age;
  uint64_t mask = 0;
  while (slab->n_file_total / (int64_t)(mask + 1) > SAMPLE) mask = 2 * mask + 1;
  for (size_t i = 0; i < slab->n; i++) {
    if (!is_sampled(slab->position[3 * i], mask)) continue;
    if (motion) {
      const double *x = slab->position + 3 * i, r[3] = { x[0] - o[0], x[1] - o[1], x[2] - o[2] };
      count(s->mass_within, square(r), slab->mass_now[i]);
      count(s->mass, slab->mass_now[i], 1);
      s->speed[bin_of(square(slab->velocity + 3 * i))]++;
    }
    if (population) {
      count(s->formed, slab->mass_formed[i], 1);
      count(s->age, slab->age[i], 1);
      s->metallicity[bin_of(slab->metallicity[i])]++;
    }
  }
}

static double total(const double count[CUBIX_SANITY_BIN])
{
  double sum = 0;
  for (int i = 0; i < CUBIX_SANITY_BIN; i++) sum += count[i];
  return sum;
}

/* This part of what was counted lies below. */
static double quantile(const double count[CUBIX_SANITY_BIN], double part)
{
  const double below = part * total(count);
  double sum = 0;
  int i = 0;
  while (i < CUBIX_SANITY_BIN - 1 && (sum += count[i]) < below) i++;
  return value_of(i);
}

static double median(const double count[CUBIX_SANITY_BIN]) { return quantile(count, 0.5); }

/* What is judged: a number, what is usual, what is possible, and what a number beyond tells of. */
struct verdict {
  const char *what, *unit;
  double value, low, high, least, most;
  const char *small, *large;
};

static int judge(const struct verdict *v, const struct cubix_params *par, const struct cubix_snapshot *snapshot)
{
  int status = CUBIX_OK;
  const char *cause = v->value < v->low ? v->small : v->large;
  const int possible = v->value >= v->least && v->value <= v->most;
  if (snapshot->units_named ? possible : v->value >= v->low && v->value <= v->high) goto done;
  CUBIX_CHECK(possible || snapshot->units_named || par->SanityCheck == CUBIX_SanityCheck_warn, CUBIX_EINPUT,
              "%s: %s is %.3g %s, which no galaxy has (%g to %g is usual): %s?  It was read as %s.  SanityCheck warn "
              "goes on all the same",
              snapshot->file[0], v->what, v->value, v->unit, v->low, v->high, cause, snapshot->format);
  cubix_log(CUBIX_LOG_WARNING, "%s is %.3g %s, where %g to %g is usual: %s?", v->what, v->value, v->unit, v->low,
            v->high, cause);
done:
  return status;
}

/* The largest radius of half of the mass [kpc] that is possible. */
static double largest_size(double size, const struct cubix_params *par, const struct cubix_snapshot *snapshot)
{
  /* a galaxy of a catalogue is none of these, or the catalogue is another snapshot's */
  const int whole = !strcmp(par->GroupCatalogue, "none"),
            box = whole && snapshot->box > 0 && size > 0.05 * snapshot->box, several = whole && snapshot->n_file > 1;
  return box || several || par->SelectRadius > 0 ? 1e7 : 1e3;
}

int cubix_mpi_sanity_judge(struct cubix_sanity *s, const struct cubix_params *par,
                           const struct cubix_snapshot *snapshot, const char *where)
{
  int status = CUBIX_OK;
  char radius[80];
  const double z = snapshot->redshift,
               oldest = snapshot->omega_m > 0 && snapshot->h > 0
                            ? cubix_cosmology_age(snapshot->omega_m, snapshot->omega_l, snapshot->h, 1 / (1 + z))
                            : INFINITY;
  MPI_Allreduce(MPI_IN_PLACE, s, (int)(sizeof *s / sizeof(double)), MPI_DOUBLE, MPI_SUM, cubix_mpi_group()->comm);
  const double size = sqrt(median(s->mass_within));
  snprintf(radius, sizeof radius, "the radius that holds half of the stellar mass%s", where);
  const struct verdict verdicts[] = {
    { radius, "kpc", size, 0.05, 100, 0.02,
      largest_size(size, par, snapshot),
      "are its lengths in Mpc and taken for kpc, or does a factor of h or of the scale factor lack",
      "is it a whole box (SelectRadius takes a galaxy out of it), or are its lengths in kpc and taken for Mpc" },
    { "the median mass of a star particle", "Msun", median(s->mass), 1, 1e10, 0.05, 1e12,
      "are the masses in 1e10 Msun and taken for Msun", "are the masses in Msun and taken for 1e10 Msun" },
    { "the median mass at birth of a star particle", "Msun", median(s->formed), 1, 1e10, 0.05, 1e12,
      "are the masses at birth in 1e10 Msun and taken for Msun",
      "are the masses at birth in Msun and taken for 1e10 Msun" },
    { "the median speed of the stars", "km/s", sqrt(median(s->speed)), 0, 5000, 0, 3e4, "",
      "are the velocities in m/s or cm/s and taken for km/s" },
    { "the age below which nine stars in ten are", "Gyr", quantile(s->age, 0.9), 1e-4, 1.06 * oldest, 1e-6,
      1.06 * oldest, "are times of formation, or the time of the snapshot, in another unit than was taken",
      "are they older than the universe because times of formation are of another kind (scale factors, times, "
      "conformal or proper times), or in Myr or years" },
    { "the metallicity below which nine stars in ten are", "(mass fraction)", quantile(s->metallicity, 0.9), 0, 0.2, 0,
      0.2, "", "are the metallicities in solar units (a star of solar metallicity has 0.0134)" },
  };
  const double *const bins[] = { s->mass_within, s->mass, s->formed, s->speed, s->age, s->metallicity };
  for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
    if (!(total(bins[i]) > 0) || (i == 0 && total(s->mass) < FEW)) continue;
    CUBIX_TRY(judge(&verdicts[i], par, snapshot));
  }
  if (total(s->mass) > 0)
    cubix_log(CUBIX_LOG_INFO,
              "half of the stellar mass within %.3g kpc%s; star particles of %.3g Msun; median speed %.3g km/s", size,
              where, median(s->mass), verdicts[3].value);
done:
  memset(s, 0, sizeof *s);
  return status;
}
