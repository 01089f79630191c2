/* instrument_build.c -- the figures of an instrument file with the user's parameters laid over them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "instrument/channels.h"
#include "instrument/instrument.h"
#include "instrument/instrument_file.h"
#include "instrument/psf_kernel.h"
#include "instrument/refraction.h"
#include "instrument/sky.h"
#include "params/params.h"
#include "physics/constants.h"

enum { usual_unit = -20 };

/* "PixelScale = 0.3 (muse.param:14)", or "field.pixel = 0.2 (MUSE.cfg)": whose value it is. */
static const char *whose(char text[512], const struct cubix_params *par, const char *name, double value,
                         double instrument_value, const struct cubix_instrument_file *file, const char *key)
{
  if (value > 0.) snprintf(text, 512, "%s = %.10g (%s)", name, value, cubix_params_origin(par, name));
  else snprintf(text, 512, "%s = %.10g (%s)", key, instrument_value, file->path);
  return text;
}

static double either(double parameter, double instrument) { return parameter > 0. ? parameter : instrument; }

/* The field of the cube that is rebuilt from fibres: an even number of spaxels where they reach. */
static void fibres_field(double size[2], const struct cubix_instrument_file *file, const struct cubix_bundle *bundle,
                         const double scale[2])
{
  double reach[2];
  cubix_bundle_reach(bundle, &reach[0], &reach[1]);
  for (int i = 0; i < 2; i++) size[i] = 2 * scale[i] * ceil(reach[i] / scale[i] - 1e-9);
  if (!file->given[CUBIX_KEY_fibres_field]) return;
  size[0] = file->fibres_field.x;
  size[1] = file->fibres_field.y;
}

static int lay_field(struct cubix_instrument *ins, const struct cubix_instrument_file *file,
                     const struct cubix_params *par)
{
  int status = CUBIX_OK;
  char field[512], pixel[512];
  double n[2];
  const int by_user = par->FieldOfView.x > 0. || par->PixelScale.x > 0.;
  const char *key = "field.size";
  double own[2] = { file->field_size.x, file->field_size.y };
  const double scale[2] = { either(par->PixelScale.x, file->field_pixel.x),
                            either(par->PixelScale.y, file->field_pixel.y) };
  CUBIX_CHECK(!par->PixelScale.x == !par->PixelScale.y, CUBIX_EUSAGE,
              "PixelScale = %g %g (%s): give both, or one for both; decimals bear a point, not a comma",
              par->PixelScale.x, par->PixelScale.y, cubix_params_origin(par, "PixelScale"));
  CUBIX_CHECK(!par->FieldOfView.x == !par->FieldOfView.y, CUBIX_EUSAGE,
              "FieldOfView = %g %g (%s): give both, or one for both; decimals bear a point, not a comma",
              par->FieldOfView.x, par->FieldOfView.y, cubix_params_origin(par, "FieldOfView"));
  if (ins->bundle) {
    fibres_field(own, file, ins->bundle, scale);
    key = "fibres.field";
  }
  const double size[2] = { either(par->FieldOfView.x, own[0]), either(par->FieldOfView.y, own[1]) };
  for (int i = 0; i < 2; i++) {
    n[i] = floor(size[i] / scale[i] + 0.5 + 1e-9);
    whose(field, par, "FieldOfView", i ? par->FieldOfView.y : par->FieldOfView.x, size[i], file, key);
    whose(pixel, par, "PixelScale", i ? par->PixelScale.y : par->PixelScale.x, scale[i], file, "field.pixel");
    CUBIX_CHECK(n[i] >= 1. && n[i] <= 1e6, by_user ? CUBIX_EUSAGE : CUBIX_EINPUT,
                "%s arcsec and %s arcsec give %g spaxels in %c; there must be 1 to 1e6", field, pixel, n[i], "xy"[i]);
  }
  ins->n_x = (int)n[0];
  ins->n_y = (int)n[1];
  ins->pixel_x = scale[0];
  ins->pixel_y = scale[1];
  ins->aperture = (enum cubix_aperture)file->field_shape;
done:
  return status;
}

/* The bounds of instrument.def, at every channel. */
static int check_curve(const struct cubix_instrument *ins, const struct cubix_curve *curve, int key)
{
  int status = CUBIX_OK;
  double min, max;
  const char *unit, *help, *name = cubix_instrument_key(key, &min, &max, &unit, &help);
  for (int k = 0; k < ins->n_lambda; k++) {
    double lambda = cubix_instrument_lambda(ins, k), value = cubix_curve_at(curve, lambda);
    CUBIX_CHECK(value >= min && value <= max, CUBIX_EINPUT,
                "%s of %s is %g %s at %g AA; it must be in %g .. %g: correct it, or change LambdaMin and LambdaMax",
                name, ins->file, value, unit, lambda, min, max);
  }
done:
  return status;
}

/* The table changes its owner. */
static void take_curve(struct cubix_curve *to, struct cubix_curve *from)
{
  *to = *from;
  memset(from, 0, sizeof *from);
}

static void constant_curve(struct cubix_curve *curve, double value)
{
  curve->n_coef = 1;
  curve->coef[0] = value;
}

static int lay_psf(struct cubix_instrument *ins, struct cubix_instrument_file *file, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  char path[2048];
  const char *slash = strrchr(file->path, '/');
  if (par->Psf == CUBIX_Psf_instrument && ins->bundle) {
    CUBIX_CHECK(file->given[CUBIX_KEY_fibres_seeing], CUBIX_EUSAGE,
                "%s: 'fibres.seeing' is missing; give it, or set Psf gaussian and PsfFwhm: Sampling fibres (%s) needs "
                "the PSF in front of the fibres",
                file->path, cubix_params_origin(par, "Sampling"));
    ins->psf = file->given[CUBIX_KEY_fibres_seeing_beta] ? CUBIX_PSF_MOFFAT : CUBIX_PSF_GAUSSIAN;
    take_curve(&ins->psf_fwhm, &file->fibres_seeing);
    constant_curve(&ins->psf_beta, file->fibres_seeing_beta);
    CUBIX_TRY(check_curve(ins, &ins->psf_fwhm, CUBIX_KEY_fibres_seeing));
  } else if (par->Psf == CUBIX_Psf_instrument) {
    ins->psf = (enum cubix_psf_kind)file->psf_profile;
    take_curve(&ins->psf_fwhm, &file->psf_fwhm);
    take_curve(&ins->psf_beta, &file->psf_beta);
    ins->psf_axis_ratio = file->psf_axis_ratio;
    ins->psf_angle = file->psf_position_angle * CUBIX_PI / 180.;
    if (ins->psf == CUBIX_PSF_FILE) {
      snprintf(path, sizeof path, "%.*s%s", slash && file->psf_file[0] != '/' ? (int)(slash - file->path) + 1 : 0,
               file->path, file->psf_file);
      CUBIX_TRY(cubix_psf_kernel_read(&ins->psf_kernel, &ins->psf_n, path));
    } else if (ins->psf != CUBIX_PSF_NONE) {
      CUBIX_TRY(check_curve(ins, &ins->psf_fwhm, CUBIX_KEY_psf_fwhm));
      if (ins->psf == CUBIX_PSF_MOFFAT) CUBIX_TRY(check_curve(ins, &ins->psf_beta, CUBIX_KEY_psf_beta));
    }
  } else if (par->Psf == CUBIX_Psf_file) {
    CUBIX_CHECK(par->PsfFile[0], CUBIX_EUSAGE, "Psf file (%s) needs PsfFile, a FITS image",
                cubix_params_origin(par, "Psf"));
    ins->psf = CUBIX_PSF_FILE;
    CUBIX_TRY(cubix_psf_kernel_read(&ins->psf_kernel, &ins->psf_n, par->PsfFile));
  } else if (par->Psf != CUBIX_Psf_none) {
    CUBIX_CHECK(par->PsfFwhm > 0., CUBIX_EUSAGE, "Psf %s (%s) needs PsfFwhm > 0 arcsec", cubix_Psf_word[par->Psf],
                cubix_params_origin(par, "Psf"));
    ins->psf = par->Psf == CUBIX_Psf_moffat ? CUBIX_PSF_MOFFAT : CUBIX_PSF_GAUSSIAN;
    ins->psf_axis_ratio = par->PsfAxisRatio;
    ins->psf_angle = par->PsfPositionAngle * CUBIX_PI / 180.;
    constant_curve(&ins->psf_beta, par->PsfBeta);
    constant_curve(&ins->psf_fwhm, par->PsfFwhm);
  }
done:
  return status;
}

/* ---- fibres ---------------------------------------------------------------------------------- */

/* Painted spaxels across one of the cube's.  Of smooth light in a fibre 2e-4 go astray with spaxels of 0.31 sqrt(V),
 * V the variance of PSF and core, once their blur is taken out (observation/fibres.c), and 2e-3 with twice that.
 * Without a PSF nothing is taken out, and spaxels are a tenth of a core. */
static int subsample(const struct cubix_instrument *ins)
{
  const double core = ins->bundle->core, side = fmax(ins->pixel_x, ins->pixel_y);
  double finest = 0.1 * core;
  if (ins->psf != CUBIX_PSF_NONE) {
    double fwhm = HUGE_VAL;
    for (int k = 0; k < ins->n_lambda; k++)
      fwhm = fmin(fwhm, cubix_curve_at(&ins->psf_fwhm, cubix_instrument_lambda(ins, k)));
    const double sigma = fwhm / CUBIX_FWHM_SIGMA;
    finest = fmin(0.45 * sqrt(sigma * sigma + core * core / 16), sigma);
  }
  return (int)fmin(ceil(side / finest - 1e-9), 64);
}

/* How much finer and wider the grid is that is painted for the bundle. */
static int lay_fibres(struct cubix_instrument *ins, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  ins->sub = 1;
  if (!ins->bundle) goto done;
  CUBIX_CHECK(ins->psf != CUBIX_PSF_FILE || par->FibreSubsample, CUBIX_EUSAGE,
              "Psf file (%s) with Sampling fibres is an image on the grid that is painted: state it by FibreSubsample, "
              "spaxels of the image across one of the cube",
              cubix_params_origin(par, "Psf"));
  ins->sub = par->FibreSubsample ? par->FibreSubsample : subsample(ins);
  double far_x = 0, far_y = 0;
  for (int g = CUBIX_AT_REFERENCE; g < ins->bundle->n_group; g++)
    for (int i = 0; i < cubix_bundle_spectra(ins->bundle); i++) {
      double x, y;
      cubix_bundle_place(ins->bundle, g, i, &x, &y);
      far_x = fmax(far_x, fabs(x) + 0.5 * ins->bundle->core);
      far_y = fmax(far_y, fabs(y) + 0.5 * ins->bundle->core);
    }
  const double x = far_x / ins->pixel_x - 0.5 * ins->n_x, y = far_y / ins->pixel_y - 0.5 * ins->n_y;
  ins->apron = (int)fmax(0, ceil(fmax(x, y) + 1. / ins->sub));
done:
  return status;
}

/* Which spaxels of the cube the bundle reaches at all wavelengths. */
static int lay_covered(struct cubix_instrument *ins, const struct cubix_params *par)
{
  int status = CUBIX_OK, any = 0;
  const int n = cubix_bundle_spectra(ins->bundle), n_group = ins->bundle->n_group;
  const size_t n_spaxel = (size_t)ins->n_x * (size_t)ins->n_y;
  int *last = NULL;                                        /* the last group that reached a spaxel, counted from 1 */
  CUBIX_ALLOC(ins->covered, n_spaxel);
  CUBIX_ALLOC(last, n_spaxel);
  for (int g = 0; g < n_group; g++)
    for (int i = 0; i < n; i++) {
      const struct cubix_window w = cubix_instrument_near(ins, g, i);
      for (int iy = w.y0; iy < w.y1; iy++)
        for (int ix = w.x0; ix < w.x1; ix++) {
          int *of = &last[(size_t)iy * (size_t)ins->n_x + (size_t)ix];
          if (*of == g && cubix_bundle_weight(ins->bundle, g, i, cubix_instrument_x(ins, ix),
                                              cubix_instrument_y(ins, iy), ins->pixel_x, ins->pixel_y) > 0)
            *of = g + 1;
        }
    }
  for (size_t p = 0; p < n_spaxel; p++) any |= ins->covered[p] = last[p] == n_group;
  const char *name = par->AirmassFile[0] ? "AirmassFile" : "Airmass";
  CUBIX_CHECK(any || !ins->bundle->first, CUBIX_EUSAGE,
              "the air's refraction moves the fibres so far that they reach no spaxel at all wavelengths (%s, %s): "
              "make the airmass smaller, choose fewer channels by LambdaMin and LambdaMax, or set ReferenceWavelength "
              "to one of theirs",
              name, cubix_params_origin(par, name));
  CUBIX_CHECK(any, CUBIX_EUSAGE,
              "the fibres reach no spaxel of the cube, which is %g x %g arcsec: move them nearer to its centre by "
              "FibreFile or DitherFile, or make FieldOfView larger",
              ins->n_x * ins->pixel_x, ins->n_y * ins->pixel_y);
done:
  free(last);
  return status;
}

/* The grid that is painted instead of the cube's. */
static void take_painted(struct cubix_instrument *ins)
{
  ins->n_x = (ins->n_x + 2 * ins->apron) * ins->sub;
  ins->n_y = (ins->n_y + 2 * ins->apron) * ins->sub;
  ins->pixel_x /= ins->sub;
  ins->pixel_y /= ins->sub;
  ins->aperture = CUBIX_SQUARE;
}

/* FWHM = lambda/R; R runs straight between its points, so that the FWHM needs some points between. */
static int power_to_fwhm(struct cubix_curve *fwhm, const struct cubix_curve *power, double first, double last)
{
  int status = CUBIX_OK, n_sub = 128, n = power->n_table;
  CUBIX_ALLOC(fwhm->lambda, (n + 1) * n_sub + 2);
  CUBIX_ALLOC(fwhm->value, (n + 1) * n_sub + 2);
  for (int i = -1; i < n; i++) {
    double from = i < 0 ? first : power->lambda[i], to = i + 1 < n ? power->lambda[i + 1] : last;
    for (int j = 0; j <= n_sub; j++) {
      double lambda = from + (to - from) * j / n_sub;
      if (to <= from || (fwhm->n_table && lambda <= fwhm->lambda[fwhm->n_table - 1])) continue;
      fwhm->lambda[fwhm->n_table] = lambda;
      fwhm->value[fwhm->n_table++] = lambda / cubix_curve_at(power, lambda);
    }
  }
done:
  return status;
}

static int lay_lsf(struct cubix_instrument *ins, struct cubix_instrument_file *file, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  ins->lsf_none = par->Lsf == CUBIX_Lsf_none;
  ins->lsf_pixel_included = file->lsf_pixel == 0;
  if (par->Lsf == CUBIX_Lsf_gaussian) {
    CUBIX_CHECK(par->LsfFwhm > 0., CUBIX_EUSAGE, "Lsf gaussian (%s) needs LsfFwhm > 0 AA",
                cubix_params_origin(par, "Lsf"));
    constant_curve(&ins->lsf_fwhm, par->LsfFwhm);
    goto done;
  }
  ins->lsf_shape = (enum cubix_lsf_shape)file->lsf_shape;
  if (file->given[CUBIX_KEY_lsf_fwhm]) {
    take_curve(&ins->lsf_fwhm, &file->lsf_fwhm);
  } else {
    const double blue = cubix_instrument_lambda_at(ins, -1), red = cubix_instrument_lambda_at(ins, ins->n_lambda);
    CUBIX_TRY(check_curve(ins, &file->lsf_resolving_power, CUBIX_KEY_lsf_resolving_power));
    CUBIX_TRY(power_to_fwhm(&ins->lsf_fwhm, &file->lsf_resolving_power, blue, red));
  }
  if (!ins->lsf_none) CUBIX_TRY(check_curve(ins, &ins->lsf_fwhm, CUBIX_KEY_lsf_fwhm));
done:
  return status;
}

int cubix_instrument_set_lsf(struct cubix_instrument *ins, double fwhm)
{
  int status = CUBIX_OK;
  double min, max;
  const char *unit, *help;
  cubix_instrument_key(CUBIX_KEY_lsf_fwhm, &min, &max, &unit, &help);
  CUBIX_CHECK(!ins->lsf_none && !ins->lsf_fwhm.n_table && ins->lsf_fwhm.n_coef == 1, CUBIX_EUSAGE,
              "LsfFwhm = %g needs a line spread function that is the same at all wavelengths, and %s has %s here: say "
              "Lsf gaussian",
              fwhm, ins->name, ins->lsf_none ? "none" : "another");
  CUBIX_CHECK(fwhm > 0 && fwhm >= min && fwhm <= max, CUBIX_EUSAGE,
              "LsfFwhm = %g AA must be above 0 and in %g .. %g AA", fwhm, min, max);
  constant_curve(&ins->lsf_fwhm, fwhm);
done:
  return status;
}

static void scale_curve(struct cubix_curve *curve, double factor)
{
  for (int i = 0; i < curve->n_coef; i++) curve->coef[i] *= factor;
  for (int i = 0; i < curve->n_table; i++) curve->value[i] *= factor;
}

static int lay_noise(struct cubix_instrument *ins, struct cubix_instrument_file *file, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  if (ins->noise == CUBIX_Noise_none) goto done;
  const struct { struct cubix_curve *to, *from; int key; } taken[] = {
    { &ins->throughput, &file->noise_throughput, CUBIX_KEY_noise_throughput },
    { &ins->dark, &file->noise_dark, CUBIX_KEY_noise_dark },
    { &ins->read_noise, &file->noise_read_noise, CUBIX_KEY_noise_read_noise },
    { &ins->n_pixel, &file->noise_pixels, CUBIX_KEY_noise_pixels },
  };
  ins->area_cm2 = file->noise_area;
  ins->exposure = file->noise_exposure;
  ins->n_sky = file->noise_sky_spaxels;
  for (int i = 0; i < 4; i++) {
    take_curve(taken[i].to, taken[i].from);
    CUBIX_TRY(check_curve(ins, taken[i].to, taken[i].key));
  }
  /* a core covers as many pixels as the spaxels of its area do */
  if (ins->bundle)
    scale_curve(&ins->n_pixel, cubix_bundle_area(ins->bundle) / (file->field_pixel.x * file->field_pixel.y));
  if (par->SkyFile[0]) CUBIX_TRY(cubix_sky_read(ins, par->SkyFile));
  else if (file->given[CUBIX_KEY_sky_continuum]) CUBIX_TRY(cubix_sky_lay(ins, file));
  else take_curve(&ins->sky, &file->noise_sky);
  CUBIX_TRY(check_curve(ins, &ins->sky, CUBIX_KEY_noise_sky));
done:
  return status;
}

/* Whose fault it is if the cube is too large. */
static int sized_by(const struct cubix_params *par)
{
  const int user = par->FieldOfView.x > 0. || par->PixelScale.x > 0. || par->LambdaMin > 0. || par->LambdaMax > 0. ||
                   par->LambdaStep > 0. || par->Psf != CUBIX_Psf_instrument;
  return user ? CUBIX_EUSAGE : CUBIX_EINPUT;
}

static void lay_unit(struct cubix_instrument *ins, const struct cubix_instrument_file *file,
                     const struct cubix_params *par)
{
  const int manga = CUBIX_Layout_manga - CUBIX_Layout_plain,
            is_manga = par->Layout == CUBIX_Layout_manga || (par->Layout == CUBIX_Layout_auto && ins->layout == manga);
  ins->flux_unit = is_manga                                    ? CUBIX_MANGA_UNIT
                   : file->given[CUBIX_KEY_spectrum_flux_unit] ? (int)file->spectrum_flux_unit
                                                               : usual_unit;
  if (!par->FluxUnit) return;
  ins->flux_unit = par->FluxUnit;
  if (is_manga && par->FluxUnit != CUBIX_MANGA_UNIT)
    cubix_log(CUBIX_LOG_WARNING,
              "FluxUnit = %d (%s): specutils, jdaviz and marvin take the light of Layout manga to be in units of 1e%d, "
              "whatever its BUNIT says",
              par->FluxUnit, cubix_params_origin(par, "FluxUnit"), CUBIX_MANGA_UNIT);
}

static int copy_text(char *to, size_t size, const char *from, const char *key, const char *path)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(strlen(from) < size, CUBIX_EINPUT, "%s of %s is longer than %zu characters", key, path, size - 1);
  memcpy(to, from, strlen(from) + 1);
done:
  return status;
}

void cubix_instrument_point(struct cubix_instrument *ins, const struct cubix_params *par)
{
  ins->pointing_x = par->PointingX;
  ins->pointing_y = par->PointingY;
  ins->roll = par->Roll * CUBIX_PI / 180.;
  ins->sky_ra = par->SkyRa;
  ins->sky_dec = par->SkyDec;
}

static int lay_bundle(struct cubix_instrument *ins, const struct cubix_instrument_file *file,
                      const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const int fibres = par->Sampling == CUBIX_Sampling_fibres ||
                     (par->Sampling == CUBIX_Sampling_instrument && file->field_sampling == 1);
  if (!fibres) goto done;
  status = cubix_bundle_read(&ins->bundle, file, par);
  if (status)
    cubix_error_about("Sampling = %s (%s)", cubix_Sampling_word[par->Sampling], cubix_params_origin(par, "Sampling"));
done:
  return status;
}

static int read(struct cubix_instrument **out, const struct cubix_params *par, int painted)
{
  int status = CUBIX_OK;
  struct cubix_instrument *ins = NULL;
  struct cubix_instrument_file file = { 0 };

  *out = NULL;
  status = cubix_instrument_file_read(&file, par->Instrument, par->Noise != CUBIX_Noise_none);
  if (status == CUBIX_EUSAGE)
    cubix_error_about("Instrument = %s (%s)", par->Instrument, cubix_params_origin(par, "Instrument"));
  CUBIX_TRY(status);
  CUBIX_ALLOC(ins, 1);
  CUBIX_TRY(copy_text(ins->name, sizeof ins->name, file.instrument_name, "instrument.name", file.path));
  CUBIX_TRY(copy_text(ins->file, sizeof ins->file, file.path, "the path", file.path));
  CUBIX_TRY(
      copy_text(ins->reference, sizeof ins->reference, file.instrument_reference, "instrument.reference", file.path));
  ins->noise = par->Noise;
  ins->layout = file.instrument_layout;
  lay_unit(ins, &file, par);
  cubix_instrument_point(ins, par);
  CUBIX_TRY(lay_bundle(ins, &file, par));
  CUBIX_TRY(lay_field(ins, &file, par));
  CUBIX_TRY(cubix_channels_lay(ins, &file, par));
  CUBIX_TRY(lay_psf(ins, &file, par));
  CUBIX_TRY(cubix_refraction_lay(ins, par));
  CUBIX_TRY(lay_fibres(ins, par));
  if (ins->bundle && painted) take_painted(ins);
  else if (ins->bundle) CUBIX_TRY(lay_covered(ins, par));
  ins->margin = painted || !ins->bundle ? cubix_psf_margin(ins) : 0;
  CUBIX_TRY(lay_lsf(ins, &file, par));
  CUBIX_TRY(lay_noise(ins, &file, par));
  CUBIX_TRY(cubix_instrument_check_size(ins, sized_by(par)));
  *out = ins;
  ins = NULL;
done:
  cubix_instrument_free(ins);
  cubix_instrument_file_free(&file);
  return status;
}

int cubix_instrument_read(struct cubix_instrument **out, const struct cubix_params *par) { return read(out, par, 0); }

int cubix_instrument_read_painted(struct cubix_instrument **out, const struct cubix_params *par)
{
  return read(out, par, 1);
}
