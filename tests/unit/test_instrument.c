/* test_instrument.c -- instruments: the shipped files, spaxels, channels and apertures. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/datafile.h"
#include "base/error.h"
#include "instrument/instrument_file.h"
#include "tests/instrument_lab.h"

/* Every shipped instrument, by its name and by every alias, without and with noise. */
static void test_shipped(void)
{
  char **names = NULL, path[1024];
  int n = 0, code, n_alias = 0;
  CHECK_IS(cubix_datafile_list(&names, &n, "instruments"), ==, 0);
  CHECK_IS(n, >=, 100);
  for (int i = 0; i < n; i++) {
    struct cubix_instrument *ins = instrument(&code, "Instrument", names[i], "Noise", "exposure", NULL);
    struct cubix_instrument_file file;
    if (code) printf("%s: %s\n", names[i], cubix_error_message());
    CHECK(ins);
    if (!ins) continue;
    CHECK_TEXT(ins->name, names[i]);
    CHECK_IS(strlen(ins->reference), >, 20);
    CHECK_IS(ins->n_x, >=, 8);
    CHECK_IS(ins->n_y, >=, 8);
    CHECK_IS(ins->n_lambda, >, 200);
    CHECK_IS(ins->area_cm2, >, 1e4);
    int rising = 1, sane = 1;
    for (int k = 0; k < ins->n_lambda; k++) {
      double lambda = cubix_instrument_lambda(ins, k), fwhm = cubix_curve_at(&ins->lsf_fwhm, lambda),
             width = cubix_instrument_width(ins, k), sky = cubix_curve_at(&ins->sky, lambda);
      rising &= ins->edge[k + 1] > ins->edge[k];
      sane &= fwhm > 1.2 * width && fwhm < 12. * width && lambda > 28. * fwhm && lambda < 25000. * fwhm &&
              sky > 1e-21 && sky < 1e-13 && cubix_curve_at(&ins->throughput, lambda) > 0.01;
    }
    CHECK(rising);
    CHECK(sane);
    if (!sane) printf("%s is not sane\n", names[i]);
    CHECK_IS(cubix_instrument_file_read(&file, names[i], 1), ==, 0);
    CHECK(file.instrument_what && strlen(file.instrument_what) > 10);
    CHECK(file.instrument_confidence);
    for (int j = 0; file.instrument_aliases && j < config_setting_length(file.instrument_aliases); j++) {
      struct cubix_instrument *same =
          instrument(&code, "Instrument", config_setting_get_string_elem(file.instrument_aliases, j), NULL);
      REQUIRE(same);
      CHECK_TEXT(same->name, ins->name);   /* no two instruments claim one alias */
      n_alias++;
      cubix_instrument_free(same);
    }
    CHECK_IS(cubix_datafile_find(path, sizeof path, "instruments", names[i]), ==, 0);
    CHECK_TEXT(path, ins->file);
    cubix_instrument_file_free(&file);
    cubix_instrument_free(ins);
  }
  CHECK_IS(n_alias, >=, 10);
  cubix_datafile_list_free(names, n);
  static const char *const manga[] = { "MaNGA", "manga", "MaNGA127", "MaNGA_127", "MaNGA-N127", "MaNGA_32" };
  for (int i = 0; i < 6; i++) {
    struct cubix_instrument *ins = instrument(&code, "Instrument", manga[i], NULL);
    REQUIRE(ins);
    CHECK_TEXT(ins->name, "MaNGA-N127");
    cubix_instrument_free(ins);
  }
  CHECK(!instrument(&code, "Instrument", "MUSSE", NULL));
  CHECK_IS(code, ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "MUSE");
}

static void test_muse(void)
{
  int code;
  struct cubix_instrument *ins = instrument(&code, "Instrument", "MUSE", "Noise", "snr", NULL);
  static const double lsf[][2] = { { 4800, 2.98 }, { 6563, 2.54 }, { 7500, 2.45 }, { 9300, 2.57 } };
  CHECK(ins);
  if (!ins) return;
  CHECK_IS(ins->n_x, ==, 300);
  CHECK_IS(ins->n_y, ==, 300);
  CHECK_IS(ins->n_lambda, ==, 3681);
  CHECK_IS(ins->medium, ==, CUBIX_AIR);
  CHECK_IS(ins->aperture, ==, CUBIX_SQUARE);
  CHECK_IS(ins->psf, ==, CUBIX_PSF_MOFFAT);
  CHECK_IS(cubix_curve_at(&ins->psf_beta, 5000.), ==, 2.8);
  CHECK_IS(ins->noise, ==, CUBIX_Noise_snr);
  for (int i = 0; i < 4; i++) CHECK_CLOSE(cubix_curve_at(&ins->lsf_fwhm, lsf[i][0]), lsf[i][1], 0.005);
  CHECK_CLOSE(cubix_curve_at(&ins->psf_fwhm, 7000.), 0.65, 1e-12);
  CHECK_CLOSE(cubix_curve_at(&ins->psf_fwhm, 7001.) - cubix_curve_at(&ins->psf_fwhm, 6999.), 2 * 0.65 * -0.2 / 7000.,
              1e-15);
  CHECK_CLOSE(cubix_curve_at(&ins->throughput, 7500.), 0.287, 1e-12);
  CHECK_CLOSE(cubix_curve_at(&ins->throughput, 9350.), 0.119, 1e-12);     /* constant beyond the table */
  CHECK_CLOSE(cubix_curve_at(&ins->throughput, 6125.), 0.2715, 1e-12);    /* half way between 0.265 and 0.278 */
  CHECK_CLOSE(ins->area_cm2, 48.5e4, 1e-6);
  CHECK_CLOSE(cubix_curve_at(&ins->dark, 7000.), 3. / 3600., 1e-18);
  CHECK_CLOSE(cubix_instrument_lambda(ins, 3680), 9350., 1e-9);
  CHECK_CLOSE(ins->edge[0], cubix_air_to_vacuum(4750. - 0.625), 1e-12);
  CHECK_CLOSE(ins->edge[3681], cubix_air_to_vacuum(9350. + 0.625), 1e-12);
  cubix_instrument_free(ins);
}

/* RUBIX B8: edges counted along a floating-point range give one spaxel too many for one field in five. */
static void test_B8(void)
{
  static const char *const pixels[] = { "0.025", "0.04", "0.1", "0.13", "0.2", "0.3", "0.5", "0.7", "1.1", "1.3" };
  int code, wrong = 0, wrong_range = 0;
  struct cubix_params *par = NULL;
  CHECK_IS(cubix_params_init(&par), ==, 0);
  CHECK_IS(cubix_params_set(par, "Instrument", "IFU"), ==, 0);
  CHECK_IS(cubix_params_set(par, "LambdaMax", "3800"), ==, 0);
  CHECK_IS(cubix_params_set(par, "Psf", "none"), ==, 0);
  for (int p = 0; p < 10; p++) {
    for (int n = 1; n <= 120; n++) {
      struct cubix_instrument *ins = NULL;
      char field[64];
      double pixel = atof(pixels[p]);
      snprintf(field, sizeof field, "%.10g %.10g", n * pixel, (n + 7) * pixel);
      code = cubix_params_set(par, "PixelScale", pixels[p]) || cubix_params_set(par, "FieldOfView", field) ||
             cubix_instrument_read(&ins, par);
      wrong += code || ins->n_x != n || ins->n_y != n + 7;
      int edges = 0;
      for (float x = -0.5f * (float)(n * pixel); x < 0.5f * (float)(n * pixel) + (float)pixel; x += (float)pixel)
        edges++;
      wrong_range += edges != n + 1;
      cubix_instrument_free(ins);
    }
  }
  CHECK_IS(wrong, ==, 0);
  CHECK_IS(wrong_range, >, 100);   /* the trap is there */
  cubix_params_free(par);
  struct cubix_instrument *ins =
      instrument(&code, "Instrument", "IFU", "FieldOfView", "5.1", "PixelScale", "0.2", NULL);
  REQUIRE(ins);
  CHECK_IS(ins->n_x, ==, 26);   /* 25.5: half way is rounded up, whatever the last bit */
  cubix_instrument_free(ins);
}

/* RUBIX B14 (and its kin): the number of channels follows from first, last and step alone. */
static void test_channels(void)
{
  static const struct { const char *min, *max, *step; int n;
  } row[] = {
    { "3720", "5910", "1.6", 1369 }, { "3700", "4750", "2.7", 389 }, { "4700.15", "9351.4", "1.25", 3722 },
    { "4000", "4000", "1", 1 },      { "4000", "4000.9", "1", 1 },   { "4000", "4001", "0.1", 11 },
    { "4000", "4000.3", "0.1", 4 },
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    int code;
    struct cubix_instrument *ins = instrument(&code, "Instrument", "IFU", "LambdaMin", row[i].min, "LambdaMax",
                                              row[i].max, "LambdaStep", row[i].step, NULL);
    REQUIRE(ins);
    CHECK_IS(ins->n_lambda, ==, row[i].n);
    /* vacuum */
    if (ins) CHECK_CLOSE(ins->edge[ins->n_lambda] - ins->edge[0], ins->n_lambda * ins->lambda_step, 1e-8);
    cubix_instrument_free(ins);
  }
}

static void test_air(void)
{
  /* Air and vacuum wavelengths of H alpha, H beta, [OIII], Na D2 and Ca II (NIST, laboratory). */
  static const double line[][2] = {
    { 6562.79, 6564.60 }, { 4861.35, 4862.71 }, { 5006.843, 5008.240 }, { 5889.951, 5891.583 }, { 8542.09, 8544.44 }
  };
  double worst = 0.;
  for (int i = 0; i < 5; i++) {
    CHECK_CLOSE(cubix_air_to_vacuum(line[i][0]), line[i][1], 0.01);
    CHECK_CLOSE(cubix_vacuum_to_air(line[i][1]), line[i][0], 0.01);
  }
  for (double x = 2001.; x < 3e5; x *= 1.0003) {
    worst = check_worst(worst, fabs(cubix_vacuum_to_air(cubix_air_to_vacuum(x)) - x));
    worst = check_worst(worst, fabs(cubix_air_to_vacuum(cubix_vacuum_to_air(x + 1.)) - x - 1.));
  }
  CHECK_IS(worst, <, 1e-4);
  CHECK_IS(cubix_air_to_vacuum(1500.), ==, 1500.);
  CHECK_IS(cubix_vacuum_to_air(1500.), ==, 1500.);
}

/* RUBIX B7: apertures are really used.  The hexagon against its six corners, the circle against its radius. */
static void test_B7(void)
{
  int code, wrong = 0, n = 0;
  const double pi = acos(-1.);
  struct cubix_instrument *ins = instrument(&code, "Instrument", "MaNGA-N61", NULL);
  REQUIRE(ins);
  CHECK_IS(ins->n_x, ==, 45);
  CHECK_IS(ins->n_y, ==, 45);
  CHECK_IS(ins->aperture, ==, CUBIX_HEXAGON);
  for (int j = 0; j < ins->n_y; j++) {
    for (int i = 0; i < ins->n_x; i++) {
      double x = (i - 22) * 0.5, y = (j - 22) * 0.5;
      int inside = 1;
      for (int c = 0; c < 6; c++) {   /* left of every side, counter-clockwise */
        double x0 = 11.25 * cos(c * pi / 3), y0 = 11.25 * sin(c * pi / 3), x1 = 11.25 * cos((c + 1) * pi / 3),
               y1 = 11.25 * sin((c + 1) * pi / 3);
        inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > -1e-9;
      }
      wrong += inside != cubix_instrument_inside(ins, i, j);
      n += inside;
    }
  }
  CHECK_IS(wrong, ==, 0);
  CHECK_CLOSE(n * 0.25, 1.5 * sqrt(3.) * 11.25 * 11.25, 6.);   /* the hexagon's area */
  CHECK(!cubix_instrument_inside(ins, 0, 0));
  CHECK(cubix_instrument_inside(ins, 22, 22));
  CHECK(cubix_instrument_inside(ins, 1, 22));
  cubix_instrument_free(ins);
  struct cubix_instrument_file file;
  REQUIRE(cubix_instrument_file_read(&file, "MaNGA", 0) == 0);
  CHECK_IS(file.field_size.x, ==, 32.5);
  cubix_instrument_file_free(&file);
}

static void test_resolving_power(void)
{
  int code;
  struct cubix_instrument *ins = instrument(&code, "Instrument", "MaNGA", NULL);
  REQUIRE(ins);
  CHECK_IS(ins->n_lambda, ==, 6732);
  CHECK_IS(ins->medium, ==, CUBIX_VACUUM);
  double worst = 0.;
  struct cubix_instrument_file file;
  REQUIRE(cubix_instrument_file_read(&file, "MaNGA", 0) == 0);
  for (int k = 0; ins && k < ins->n_lambda; k++) {
    double x = cubix_instrument_lambda(ins, k), power = cubix_curve_at(&file.lsf_resolving_power, x);
    worst = check_worst(worst, fabs(cubix_curve_at(&ins->lsf_fwhm, x) * power / x - 1.));
  }
  cubix_instrument_file_free(&file);
  CHECK_IS(worst, <, 2e-5);
  /* the survey's sigma [km/s]: 72 in the median of Law et al. 2016, 67 in these cubes' SRES */
  REQUIRE(ins);
  CHECK_IS(fabs(299792.458 / 2.3548200450309493 / (6563. / cubix_curve_at(&ins->lsf_fwhm, 6563.)) - 70.), <, 3.);
  cubix_instrument_free(ins);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_shipped());
  CASE(test_muse());
  CASE(test_B8());
  CASE(test_channels());
  CASE(test_air());
  CASE(test_B7());
  CASE(test_resolving_power());
  return check_done();
}
