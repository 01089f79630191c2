/* report.c -- the log's lines about the run.  Every number here is also in the provenance of the
 * output. */
#define _XOPEN_SOURCE 700           /* getcwd */
#include "program/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "geometry/scene.h"
#include "instrument/instrument.h"
#include "output/output.h"
#include "spectra/imf.h"

/* A path from the root on, since a log is read elsewhere. */
enum { WHOLE = 8200 };
static const char *whole(char path[WHOLE], const char *given)
{
  char here[WHOLE / 2];
  const int relative = given[0] != '/' && getcwd(here, sizeof here);
  snprintf(path, WHOLE, "%s%s%.4000s", relative ? here : "", relative ? "/" : "", given);
  return path;
}

void cubix_report_files(const struct cubix_params *par)
{
  char input[WHOLE], ssp[WHOLE], output[WHOLE], first[CUBIX_OUTPUT_PATH];
  if (cubix_output_first(first, par)) return;
  cubix_log(CUBIX_LOG_INFO, "from %s, with the library %s, to %s", whole(input, par->InputFile),
            whole(ssp, par->SspFile), whole(output, first));
}

static void warn_of_imf(const char *library, const struct cubix_snapshot *snap)
{
  const double factor = cubix_imf_factor(library, snap->imf);
  if (factor != 1)
    cubix_log(CUBIX_LOG_WARNING,
              "the library's initial mass function is \"%s\", but the stars formed with that of %s (%s): for the mass "
              "formed the cube is too %s by a "
              "factor of about 1.6; take a library with the IMF of the stars",
              library, snap->imf, snap->format, factor > 1 ? "faint" : "bright");
  else if (snap->imf[0] && !(cubix_imf_is_known(library) && cubix_imf_is_known(snap->imf)))
    cubix_log(CUBIX_LOG_INFO,
              "the library's initial mass function is \"%s\", the stars' is that of %s: whether they give the same "
              "mass for the same light is not known here",
              library, snap->imf);
}

void cubix_report_scene(const struct cubix_result *r)
{
  const struct cubix_snapshot *snap = &r->slab->snapshot;
  const struct cubix_frame *f = r->frame;
  const struct cubix_instrument *ins = r->ins;
  cubix_log(CUBIX_LOG_INFO, "%s, %s: %lld stars%s at z = %.4f; %lld wind cells dropped, %lld beyond SelectRadius",
            snap->format, snap->simulation[0] ? snap->simulation : "no name", (long long)r->slab->n_total,
            snap->n_file > 1 ? " in several files" : "", snap->redshift, (long long)r->slab->n_wind,
            (long long)r->slab->n_outside_radius);
  if (snap->n_gas > 0)
    cubix_log(CUBIX_LOG_INFO, "beside the stars %lld gas particles, of which this is known: %s", (long long)snap->n_gas,
              snap->gas);
  cubix_log(CUBIX_LOG_INFO, "centre (%.6g, %.6g, %.6g) kpc, systemic velocity (%.5g, %.5g, %.5g) km/s", f->centre[0],
            f->centre[1], f->centre[2], f->velocity[0], f->velocity[1], f->velocity[2]);
  if (f->align_radius > 0)
    cubix_log(CUBIX_LOG_INFO, "aligned with the stars within %.4g kpc", f->align_radius);
  if (f->has_shape) cubix_log(CUBIX_LOG_INFO, "their axis ratios are b/a = %.3f, c/a = %.3f", f->axis_p, f->axis_q);
  cubix_log(CUBIX_LOG_INFO, "observed at z = %.5g: luminosity distance %.5g Mpc, %.5g kpc per arcsec",
            r->scene->redshift, r->scene->d_l_mpc, r->scene->kpc_per_arcsec);
  if (cubix_scene_moved(r->scene, snap))
    cubix_log(CUBIX_LOG_INFO,
              "the snapshot's redshift is %.5g: its stars are observed at another, %.5g, with the ages that they have "
              "in the snapshot",
              snap->redshift, r->scene->redshift);
  cubix_log(CUBIX_LOG_INFO, "%s: %d x %d spaxels of %.3g x %.3g arcsec (+%d margin), %d channels %.2f..%.2f AA %s",
            ins->name, ins->n_x, ins->n_y, ins->pixel_x, ins->pixel_y, ins->margin, ins->n_lambda,
            cubix_instrument_lambda(ins, 0), cubix_instrument_lambda(ins, ins->n_lambda - 1),
            ins->medium == CUBIX_AIR ? "in air" : "in vacuum");
  cubix_log(CUBIX_LOG_INFO, "%s: %d metallicities x %d ages, %d wavelengths in use; %d rank(s), %s",
            r->templates->ssp->name, r->templates->ssp->n_z, r->templates->ssp->n_age, r->templates->tables.n_knot,
            r->n_rank, r->device);
  warn_of_imf(r->templates->ssp->imf, snap);
  /* the memory is told by cubix_mpi_memory_check */
  cubix_log(CUBIX_LOG_INFO, "every output file will have about %.3g GB", 1e-9 * cubix_output_file_bytes(r->par, ins));
}

/* Hours, minutes or seconds, as one would say it. */
static const char *duration(char text[32], double seconds)
{
  const double unit = seconds >= 3600 ? 3600 : seconds >= 120 ? 60 : 1;
  snprintf(text, 32, "%.3g %s", seconds / unit, unit > 60 ? "h" : unit > 1 ? "min" : "s");
  return text;
}

static const double long_time = 100 * 3600.;  /* s: beyond it nobody is given telescope time */

void cubix_report_noise(const struct cubix_params *par, const struct cubix_noise *noise)
{
  char time[32];
  if (noise->kind == CUBIX_Noise_none) return;
  duration(time, noise->exposure_time);
  const double one = noise->exposure_time / noise->n_exposure;
  if (noise->kind == CUBIX_Noise_snr)
    cubix_log(CUBIX_LOG_INFO, "noise: S/N %g needs %s, %d x %.4g s (per sqrt(AA), median within %g arcsec)",
              par->SignalToNoise, time, noise->n_exposure, one, par->SnrAperture);
  else
    cubix_log(CUBIX_LOG_INFO, "noise: %s, %d x %.4g s, give S/N %.3g (per sqrt(AA), median within %g arcsec)", time,
              noise->n_exposure, one, noise->achieved_snr, par->SnrAperture);
  if (noise->exposure_time > long_time)
    cubix_log(CUBIX_LOG_WARNING,
              noise->kind == CUBIX_Noise_snr
                  ? "SignalToNoise = %g (%s) needs an exposure of %s, which no observation has: the galaxy is faint in "
                    "each spaxel; ask for less, bring it nearer (Redshift), or make spaxels larger (PixelScale)"
                  : "ExposureTime = %g s (%s) is %s, which no observation has",
              noise->kind == CUBIX_Noise_snr ? par->SignalToNoise : par->ExposureTime,
              cubix_params_origin(par, noise->kind == CUBIX_Noise_snr ? "SignalToNoise" : "ExposureTime"), time);
}

/* Of the channels held here; NaN without memory. */
static double cube_light(const struct cubix_cube *cube, const struct cubix_instrument *ins)
{
  double sum = 0, *width = cubix_alloc((unsigned long)cube->n_lambda, sizeof *width);
  size_t n_spaxel = cube->n_lambda ? (size_t)cube->n_x * (size_t)cube->n_y : 0;
  if (!width) return NAN;
  for (int k = 0; k < cube->n_lambda; k++)
    width[k] = cubix_instrument_width(ins, cube->lambda_first + k) / ins->lambda_step;
#pragma omp parallel for schedule(static) reduction(+ : sum)
  for (size_t s = 0; s < n_spaxel; s++) {
    const cubix_real *flux = cube->flux + s * (size_t)cube->n_lambda;
    double row = 0;
    for (int k = 0; k < cube->n_lambda; k++) row += width[k] * (double)flux[k];
    sum += row;
  }
  free(width);
  return sum * ins->lambda_step;
}

static const double told = 0.01;       /* part of the light from which on it is worth a warning */
static const double told_mass = 0.2;   /* and of the mass: a snapshot seen somewhat farther away is usual */

/* Things that make a cube something else than was meant. */
static void warn_of_loss(const struct cubix_result *r)
{
  const struct cubix_budget *b = r->cube->budget;
  const struct cubix_ssp *ssp = r->templates->ssp;
  double all = b[CUBIX_ALL].light;
  if (!(all > 0)) return;
  if (b[CUBIX_IN_FIELD].light < 0.1 * all)
    cubix_log(CUBIX_LOG_WARNING,
              "only %.2f %% of the light (%.0f of %.0f stars) lies in the field: check Centre, PointingX, PointingY, "
              "Redshift and FieldOfView",
              100 * b[CUBIX_IN_FIELD].light / all, b[CUBIX_IN_FIELD].number, b[CUBIX_ALL].number);
  if (b[CUBIX_CLAMPED_Z].light > told * all)
    cubix_log(CUBIX_LOG_WARNING,
              "%.3g %% of the light comes from %.0f stars beyond the library's metallicities (%g..%g), which count as "
              "its nearest",
              100 * b[CUBIX_CLAMPED_Z].light / all, b[CUBIX_CLAMPED_Z].number, ssp->metallicity[0],
              ssp->metallicity[ssp->n_z - 1]);
  if (b[CUBIX_CLAMPED_AGE].light > told * all)
    cubix_log(
        CUBIX_LOG_WARNING,
        "%.3g %% of the light comes from %.0f stars beyond the library's ages (%g..%g Gyr), which count as its nearest",
        100 * b[CUBIX_CLAMPED_AGE].light / all, b[CUBIX_CLAMPED_AGE].number, ssp->age[0], ssp->age[ssp->n_age - 1]);
  const double old_mass = b[CUBIX_TOO_OLD].mass / b[CUBIX_ALL].mass;   /* in the far ultraviolet they have no light */
  if (b[CUBIX_TOO_OLD].light > told * all || old_mass > told_mass)
    cubix_log(CUBIX_LOG_WARNING,
              "%.3g %% of the mass formed and %.3g %% of the light comes from %.0f stars older than the universe at "
              "Redshift = %g (%.4g Gyr): the snapshot's redshift is %g, and its ages are kept",
              100 * old_mass, 100 * b[CUBIX_TOO_OLD].light / all, b[CUBIX_TOO_OLD].number, r->scene->redshift,
              r->scene->age, r->slab->snapshot.redshift);
}

void cubix_report_light(const struct cubix_result *r)
{
  const struct cubix_budget *all = &r->cube->budget[CUBIX_ALL], *in = &r->cube->budget[CUBIX_IN_FIELD];
  cubix_log(CUBIX_LOG_INFO, "in the field will be %.0f of %.0f stars and %.3g %% of the light in the band", in->number,
            all->number, all->light > 0 ? 100 * in->light / all->light : 0.);
  warn_of_loss(r);
}

void cubix_report_budget(const struct cubix_result *r, const struct cubix_collective *collective)
{
  const struct cubix_budget *b = r->cube->budget;
  static const char *const name[] = { "all stars",      "in the field", "in the margin", "outside",
                                      "of it, shed in", "Z clamped",    "age clamped",   "too old" };
  double unit = pow(10, r->ins->flux_unit), held = collective->total(cube_light(r->cube, r->ins));
  for (int a = 0; a < CUBIX_N_ACCOUNT; a++)
    cubix_log(CUBIX_LOG_INFO, "%-14s %12.0f stars  %11.5e Msun formed  %11.5e erg/s/cm2 in the band (%.4f of all)",
              name[a], b[a].number, b[a].mass, b[a].light * unit,
              b[CUBIX_ALL].light > 0 ? b[a].light / b[CUBIX_ALL].light : 0.);
  warn_of_loss(r);
  cubix_log(CUBIX_LOG_INFO,
            "%-14s %12s        %11s              %11.5e erg/s/cm2 (%.4f of the stars' light in the field%s)",
            "the cube holds", "", "", held * unit, b[CUBIX_IN_FIELD].light > 0 ? held / b[CUBIX_IN_FIELD].light : 0.,
            r->lines ? "; emission lines are in it" : "");
}
