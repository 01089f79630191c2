/* lines.c -- which lines, and how bright.
 *
 * The table is log-linear in every axis.  LogU is one number of the run, so that axis is gone once the lines are
 * open.  Lines sfr takes a constant star formation rate over 10 Myr, in steps of 10 kyr: at every metallicity of the
 * table the photons Q(t) of each step times the luminosity per photon at its age, added up.  So a source has two
 * nodes in metallicity, and Lines stars four in metallicity and age (of a table with one age in steps of 0.5 Myr);
 * between them everything, the number of photons too, is log-linear.  Beyond the table its end counts. */
#include "lines/lines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "dust/law.h"
#include "lines/line_demo.h"
#include "physics/constants.h"
#include "physics/doppler.h"
#include "physics/screen.h"

static const double temperature = 1e4;      /* K, of HII regions */
static const double boltzmann = 8.31446261815324e-3; /* k/u [km2/s2/K], CODATA 2018 */
static const double dark = 1e-8;            /* of the most photons: what stands for none, in logarithms */
static const double many = 0.1;             /* of all light beyond the table: to be warned of */
enum { OWN_AGES = 20 };                     /* of Lines stars, where the table has one age */

/* ---- light of a source ----------------------------------------------------------------------- */

/* @param[out] slope with LogU; 0 beyond the table */
static double at_u(const struct cubix_lines *s, const struct cubix_params *par, int iz, int ia, int line,
                   double *slope)
{
  const struct cubix_line_table *t = s->table;
  int iu;
  double f;
  const int beyond = cubix_bracket(t->log_u, t->n_u, par->LineLogU, &iu, &f);
  const size_t step = (size_t)t->n_age * (size_t)t->n_line;
  const double *low = t->luminosity + ((size_t)(iz * t->n_u + iu) * (size_t)t->n_age + (size_t)ia) * (size_t)t->n_line;
  const double end[2] = { log(low[line]), log(low[line + (int)(t->n_u > 1 ? step : 0)]) };
  *slope = beyond || t->n_u < 2 ? 0 : (end[1] - end[0]) / (t->log_u[iu + 1] - t->log_u[iu]);
  return (1 - f) * end[0] + f * end[1];
}

/* Of node ia of the ages [Gyr].  A table with one age for all says nothing of the photons, which fade. */
static double node_age(const struct cubix_lines *s, int ia)
{
  return s->table->n_age > 1 ? s->table->age[ia] : CUBIX_IONISING_AGE * (ia + 1) / OWN_AGES;
}

/* At an age [Gyr], on row [n_age] of logarithms. */
static double at_age(const struct cubix_line_table *t, const double *row, double age)
{
  int i = 0;
  double f = 0, log_age[2];
  while (i < t->n_age - 2 && age > t->age[i + 1]) i++;
  if (t->n_age < 2) return row[0];
  for (int k = 0; k < 2; k++) log_age[k] = log(t->age[i + k]);
  f = (log(age) - log_age[0]) / (log_age[1] - log_age[0]);
  f = fmin(fmax(f, 0), 1);
  return (1 - f) * row[i] + f * row[i + 1];
}

/* Line l at the nodes of metallicity iz: erg/s per mass_formed. */
static void fill_line(struct cubix_lines *s, const struct cubix_params *par, int iz, int l, double *row)
{
  double *const slope = row + s->table->n_age;
  const struct cubix_line_table *t = s->table;
  const double z = t->metallicity[iz], dt = 1e9 * CUBIX_IONISING_AGE / CUBIX_IONISING_STEPS;
  const size_t first = (size_t)iz * (size_t)s->n_age * (size_t)s->n + (size_t)l;
  double *to = s->log_light + first, *by = s->by_log_u + first, sum = 0, sum_slope = 0;
  for (int ia = 0; ia < t->n_age; ia++) row[ia] = at_u(s, par, iz, ia, s->of[l], &slope[ia]);
  for (int ia = 0; ia < s->n_age && s->mode == CUBIX_Lines_stars; ia++) {
    const double age = node_age(s, ia);
    by[ia * s->n] = at_age(t, slope, age);
    to[ia * s->n] = at_age(t, row, age) + log(fmax(cubix_ionising_rate(&s->ionising, z, age), dark * s->most));
  }
  if (s->mode == CUBIX_Lines_stars) return;
  for (int i = 0; i < CUBIX_IONISING_STEPS; i++) {
    const double age = cubix_ionising_step(i);
    const double light = cubix_ionising_rate(&s->ionising, z, age) * exp(at_age(t, row, age)) * dt;
    sum += light;
    sum_slope += light * at_age(t, slope, age);
  }
  to[0] = log(sum);
  by[0] = sum > 0 ? sum_slope / sum : 0;
}

static int fill(struct cubix_lines *s, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const size_t n_node = (size_t)s->n_z * (size_t)s->n_age, n = (size_t)s->n;
  double *row = NULL;
  CUBIX_ALLOC(row, 2 * s->table->n_age);
  for (int iz = 0; iz < s->n_z; iz++)
    for (int l = 0; l < s->n; l++) fill_line(s, par, iz, l, row);
  for (size_t l = 0; l < n; l++) {
    double most = -INFINITY;
    for (size_t i = 0; i < n_node; i++) most = fmax(most, s->log_light[i * n + l]);
    CUBIX_CHECK(isfinite(most), CUBIX_EINPUT, "line %s has no light at LineLogU = %g",
                s->table->line[s->of[l]].name, par->LineLogU);
    for (size_t i = 0; i < n_node; i++) s->log_light[i * n + l] -= most;
    s->peak[l] = exp(most);
  }
done:
  free(row);
  return status;
}

/* ---- axes and lines -------------------------------------------------------------------------- */

static int axes(struct cubix_lines *s)
{
  int status = CUBIX_OK;
  const struct cubix_line_table *t = s->table;
  s->n_z = t->n_z;
  s->n_age = 1;
  if (s->mode == CUBIX_Lines_stars) {
    for (s->n_age = 0; s->n_age < t->n_age && t->age[s->n_age] <= CUBIX_IONISING_AGE * (1 + 1e-9);) s->n_age++;
    CUBIX_CHECK(s->n_age > 0, CUBIX_EINPUT, "LineFile %s begins at %g Myr, when stars ionise no more", t->file,
                1e3 * t->age[0]);
    if (t->n_age == 1) s->n_age = OWN_AGES;
  }
  CUBIX_ALLOC(s->log_z, s->n_z);
  CUBIX_ALLOC(s->log_age, s->n_age);
  CUBIX_ALLOC(s->rate, s->n_z * s->n_age);
  for (int i = 0; i < s->n_z; i++) s->log_z[i] = log10(t->metallicity[i]);
  for (int i = 0; i < s->n_age; i++) s->log_age[i] = log10(node_age(s, i));
  for (int i = 0; i < s->n_z * s->n_age; i++) {
    const double z = t->metallicity[i / s->n_age];
    if (s->mode == CUBIX_Lines_stars) s->rate[i] = cubix_ionising_rate(&s->ionising, z, node_age(s, i % s->n_age));
    else
      for (int k = 0; k < CUBIX_IONISING_STEPS; k++)
        s->rate[i] += 1e9 * CUBIX_IONISING_AGE / CUBIX_IONISING_STEPS *
                      cubix_ionising_rate(&s->ionising, z, cubix_ionising_step(k));
    s->most = fmax(s->most, s->rate[i]);
  }
done:
  return status;
}

static int is_in_band(const struct cubix_line_shape *shape, double reach)
{
  const double blue = cubix_doppler(shape->lambda, -reach), red = cubix_doppler(shape->lambda, reach);
  return red + cubix_line_reach(shape, reach) > shape->ins->edge[0] &&
         blue - cubix_line_reach(shape, -reach) < shape->ins->edge[shape->ins->n_lambda];
}

/* What dust takes from line l, at rest at lambda: of a magnitude, and for good. */
static int dim(struct cubix_lines *s, int l, const struct cubix_params *par, double lambda,
               const struct cubix_scene *scene)
{
  int status = CUBIX_OK;
  const double at = lambda * (1 + scene->redshift), edge[2] = { at * (1 - 1e-9), at * (1 + 1e-9) };
  struct cubix_law law = { 0 };
  s->dim[l] = s->dim_by_shape[l] = 0;
  s->behind[l] = 1;
  s->cloud[l] = pow(lambda / 5500, -par->BirthCloudSlope);
  s->bare[l] = par->BirthCloudTau > 0 ? exp(-par->BirthCloudTau * s->cloud[l]) : 1;
  s->factor[l] = (1 - par->LineEscape) * (1 - par->LineDust) * s->bare[l];
  CUBIX_TRY(cubix_law_init(&law, par, edge, 1, 1 + scene->redshift));
  if (!law.n) goto done;
  s->dim[l] = CUBIX_SCREEN_T * law.k[0];
  s->dim_by_shape[l] = CUBIX_SCREEN_T * law.by_shape[0];
  s->behind[l] = cubix_screen_through(par->DustScreen, law.screen[0]);
done:
  cubix_law_free(&law);
  return status;
}

/* Room for all lines of the table. */
static int room(struct cubix_lines *s)
{
  int status = CUBIX_OK;
  const size_t n_line = (size_t)s->table->n_line, n_node = (size_t)s->n_z * (size_t)s->n_age;
  double **const of_line[] = { &s->dim, &s->dim_by_shape, &s->cloud, &s->bare, &s->factor, &s->behind, &s->peak };
  for (size_t i = 0; i < sizeof of_line / sizeof *of_line; i++) CUBIX_ALLOC(*of_line[i], n_line);
  CUBIX_ALLOC(s->of, n_line);
  CUBIX_ALLOC(s->shape, n_line);
  CUBIX_ALLOC(s->log_light, n_node * n_line);
  CUBIX_ALLOC(s->by_log_u, n_node * n_line);
  CUBIX_ALLOC(s->none, n_node);
done:
  return status;
}

static int choose(struct cubix_lines *s, const struct cubix_params *par, const struct cubix_instrument *ins,
                  const struct cubix_scene *scene, double reach)
{
  int status = CUBIX_OK;
  const struct cubix_line_table *t = s->table;
  s->n = 0;
  for (int l = 0; l < t->n_line; l++) {
    const struct cubix_line *line = &t->line[l];
    const double thermal = boltzmann * temperature / line->mass, turbulent = par->LineTurbulence;
    const struct cubix_line_shape shape = { ins, line->lambda * (1 + scene->redshift),
                                            sqrt(thermal + turbulent * turbulent) };
    if (!is_in_band(&shape, reach)) continue;
    s->of[s->n] = l;
    s->shape[s->n] = shape;
    CUBIX_TRY(dim(s, s->n, par, line->lambda, scene));
    s->n++;
  }
  CUBIX_CHECK(s->n, CUBIX_EUSAGE,
              "none of the %d lines of LineFile %s (%.0f to %.0f AA at rest) falls into the channels, %.1f to %.1f AA "
              "at redshift %g: set Lines none, or take another instrument",
              t->n_line, par->LineFile, t->line[0].lambda, t->line[t->n_line - 1].lambda, ins->edge[0],
              ins->edge[ins->n_lambda], scene->redshift);
done:
  return status;
}

/* Ha, or the line that is brightest at the middle metallicity. */
static int reference(const struct cubix_lines *s)
{
  int best = 0;
  const double *light = s->log_light + (size_t)(s->n_z / 2) * (size_t)s->n_age * (size_t)s->n;
  for (int l = 0; l < s->n; l++) {
    if (!strcmp(s->table->line[s->of[l]].name, "Ha")) return l;
    if (s->peak[l] * exp(light[l]) > s->peak[best] * exp(light[best])) best = l;
  }
  return best;
}

int cubix_lines_renew(struct cubix_lines *s, const struct cubix_params *par, const struct cubix_instrument *ins,
                      const struct cubix_scene *scene, double reach)
{
  int status = CUBIX_OK;
  s->turbulence = par->LineTurbulence;
  s->escape = par->LineEscape;
  s->dust = par->LineDust;
  s->scale = scene->flux_scale;
  CUBIX_TRY(choose(s, par, ins, scene, reach));
  CUBIX_TRY(fill(s, par));
  s->reference = reference(s);
done:
  return status;
}

int cubix_lines_open(struct cubix_lines **out, const struct cubix_params *par, const struct cubix_instrument *ins,
                     const struct cubix_scene *scene, double reach)
{
  int status = CUBIX_OK;
  struct cubix_lines *s = NULL;
  CUBIX_ALLOC(s, 1);
  s->mode = par->Lines;
  CUBIX_TRY(strcmp(par->LineFile, "demo") ? cubix_line_table_read(&s->table, par->LineFile)
                                            : cubix_line_table_demo(&s->table));
  CUBIX_TRY(cubix_ionising_read(&s->ionising, par->SspFile));
  CUBIX_TRY(axes(s));
  CUBIX_TRY(room(s));
  CUBIX_TRY(cubix_lines_renew(s, par, ins, scene, reach));
  const struct cubix_line_table *t = s->table;
  if (par->LineLogU < t->log_u[0] || par->LineLogU > t->log_u[t->n_u - 1])
    cubix_log(CUBIX_LOG_WARNING, "LineLogU = %g lies outside LineFile %s, which goes from %g to %g: its end is taken",
              par->LineLogU, par->LineFile, t->log_u[0], t->log_u[t->n_u - 1]);
  *out = s;
  s = NULL;
done:
  cubix_lines_free(s);
  return status;
}

int cubix_lines_prepare(struct cubix_lines *s, double reach, double tolerance, int slopes)
{
  const int before = s->basis ? s->basis->nodes.n : 0;
  cubix_line_basis_free(s->basis);
  s->basis = NULL;
  const int status = cubix_line_basis_make(&s->basis, s->shape, s->n, reach, 0.5 * tolerance, slopes);
  if (!status && s->basis->nodes.n != before)
    cubix_log(CUBIX_LOG_INFO,
              "emission lines: %d at %d velocities of %.3g km/s to +-%.0f, certified to %.2e of the peak channel", s->n,
              s->basis->nodes.n, s->basis->nodes.step, s->basis->nodes.reach, s->basis->certified);
  return status;
}

struct cubix_tables cubix_lines_tables(const struct cubix_lines *s, const struct cubix_tables *tables)
{
  struct cubix_tables t = *tables;
  t.edition = 0;
  t.n_z = s->n_z;
  t.n_age = s->n_age;
  t.zero_z = t.zero_age = t.pchip = 0;
  t.log_z = s->log_z;
  t.log_age = s->log_age;
  t.n_row = s->n_z * s->n_age;
  t.row = NULL;
  t.light = s->none;
  return t;
}

void cubix_lines_light(const struct cubix_lines *s, const struct cubix_star *source, double *light)
{
  const size_t n = (size_t)s->n;
  const double fz = source->f_z, fa = source->f_age, screen = (double)source->screen;
  const double *low = s->log_light + ((size_t)source->iz * (size_t)s->n_age + (size_t)source->ia) * n,
               *high = low + (s->n_z > 1 ? (size_t)s->n_age * n : 0);
  const size_t older = s->n_age > 1 ? n : 0;
  if (!older)
    for (size_t l = 0; l < n; l++) light[l] = exp((1 - fz) * low[l] + fz * high[l] - screen * s->dim[l]);
  else
    for (size_t l = 0; l < n; l++)
      light[l] = exp((1 - fz) * ((1 - fa) * low[l] + fa * low[l + older]) +
                     fz * ((1 - fa) * high[l] + fa * high[l + older]) - screen * s->dim[l]);
}

void cubix_lines_slopes(const struct cubix_lines *s, const struct cubix_star *source, double *by_z, double *by_age)
{
  const size_t n = (size_t)s->n, older = s->n_age > 1 ? n : 0, richer = s->n_z > 1 ? (size_t)s->n_age * n : 0;
  const double fz = source->f_z, fa = source->f_age;
  const double *at = s->log_light + ((size_t)source->iz * (size_t)s->n_age + (size_t)source->ia) * n;
  for (size_t l = 0; l < n; l++, at++) {
    by_z[l] = (1 - fa) * (at[richer] - at[0]) + fa * (at[richer + older] - at[older]);
    by_age[l] = (1 - fz) * (at[older] - at[0]) + fz * (at[richer + older] - at[richer]);
  }
}

void cubix_lines_report(struct cubix_lines *s)
{
  const struct cubix_line_table *t = s->table;
  char names[400] = "";
  size_t used = 0;
  if (s->told) return;
  s->told = 1;
  for (int l = 0; l < s->n && used < sizeof names - 20; l++)
    used += (size_t)snprintf(names + used, sizeof names - used, " %s", t->line[s->of[l]].name);
  cubix_log(CUBIX_LOG_INFO, "emission lines: %d of %d in the band (%s%s), by %s", s->n, t->n_line, names + 1,
            used >= sizeof names - 20 ? " ..." : "", t->name);
  if (t->demo)
    cubix_log(CUBIX_LOG_WARNING, "LineFile %s is a table in closed form, not for science; cubix-lines makes others",
              t->file);
  cubix_log(CUBIX_LOG_INFO, "emission lines: %lld %s, %.4g %s", (long long)s->sources.n,
            s->mode == CUBIX_Lines_sfr ? "cells that form stars" : "stars younger than 10 Myr", s->sources.total,
            s->mode == CUBIX_Lines_sfr ? "Msun/yr" : "Msun");
  if (s->sources.n_clamped)
    cubix_log(s->sources.clamped > many * s->sources.total && !t->demo ? CUBIX_LOG_WARNING : CUBIX_LOG_INFO,
              "emission lines: %lld sources, %.3g %% of their %s, lie beyond the table's metallicities (%.2g to %.2g) "
              "and get its end",
              (long long)s->sources.n_clamped, 100 * s->sources.clamped / s->sources.total,
              s->mode == CUBIX_Lines_sfr ? "star formation" : "mass", t->metallicity[0], t->metallicity[t->n_z - 1]);
}

void cubix_lines_free(struct cubix_lines *s)
{
  if (!s) return;
  cubix_line_table_free(s->table);
  cubix_ionising_free(&s->ionising);
  cubix_line_basis_free(s->basis);
  free(s->log_z);
  free(s->log_age);
  free(s->rate);
  free(s->of);
  free(s->shape);
  free(s->dim);
  free(s->dim_by_shape);
  free(s->cloud);
  free(s->bare);
  free(s->factor);
  free(s->behind);
  free(s->log_light);
  free(s->by_log_u);
  free(s->peak);
  free(s->none);
  free(s);
}
