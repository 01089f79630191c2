/* test_instrument.c -- instruments: the shipped files, the keys and units, the parameters over
 * them, spaxels, channels and apertures. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/datafile.h"
#include "base/error.h"
#include "instrument/instrument.h"
#include "instrument/instrument_file.h"

static char folder[] = "/tmp/cubix-test-XXXXXX";

/* The instrument with parameters "Name", "value", ..., NULL over it; NULL where it is refused (status in *code). */
static struct cubix_instrument *instrument(int *code, ...)
{
  struct cubix_params *par = NULL;
  struct cubix_instrument *ins = NULL;
  va_list ap;
  const char *name;
  *code = cubix_params_init(&par);
  va_start(ap, code);
  while (!*code && (name = va_arg(ap, const char *))) *code = cubix_params_set(par, name, va_arg(ap, const char *));
  va_end(ap);
  if (!*code) *code = cubix_instrument_read(&ins, par);
  cubix_params_free(par);
  return ins;
}

static const char *write_file(const char *name, const char *text)
{
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "w");
  CHECK(f && fputs(text, f) >= 0);
  if (f) fclose(f);
  return path;
}

/* Every shipped instrument, by its name and by every alias, without and with noise. */
static void test_shipped(void)
{
  char **names = NULL, path[1024];
  int n = 0, code, n_alias = 0;
  CHECK(cubix_datafile_list(&names, &n, "instruments") == 0 && n >= 7);
  for (int i = 0; i < n; i++) {
    struct cubix_instrument *ins = instrument(&code, "Instrument", names[i], "Noise", "exposure", NULL);
    struct cubix_instrument_file file;
    if (code) printf("%s: %s\n", names[i], cubix_error_message());
    CHECK(ins);
    if (!ins) continue;
    CHECK(strcmp(ins->name, names[i]) == 0);
    CHECK(strlen(ins->reference) > 20);
    CHECK(ins->n_x > 10 && ins->n_y > 10 && ins->n_lambda > 1000 && ins->area_cm2 > 1e4);
    int rising = 1, sane = 1;
    for (int k = 0; k < ins->n_lambda; k++) {
      double lambda = cubix_instrument_lambda(ins, k), fwhm = cubix_curve_at(&ins->lsf_fwhm, lambda),
             sky = cubix_curve_at(&ins->sky, lambda);
      rising &= ins->edge[k + 1] > ins->edge[k];
      sane &= fwhm > ins->lambda_step && fwhm < 20. && sky > 1e-18 && sky < 1e-16 &&
              cubix_curve_at(&ins->throughput, lambda) > 0.01;
    }
    CHECK(rising && sane);
    CHECK(cubix_instrument_file_read(&file, names[i], 1) == 0);
    for (int j = 0; file.instrument_aliases && j < config_setting_length(file.instrument_aliases); j++) {
      struct cubix_instrument *same =
          instrument(&code, "Instrument", config_setting_get_string_elem(file.instrument_aliases, j), NULL);
      CHECK(same && strcmp(same->name, ins->name) == 0);   /* no two instruments claim one alias */
      n_alias++;
      cubix_instrument_free(same);
    }
    CHECK(cubix_datafile_find(path, sizeof path, "instruments", names[i]) == 0 && strcmp(path, ins->file) == 0);
    cubix_instrument_file_free(&file);
    cubix_instrument_free(ins);
  }
  CHECK(n_alias >= 10);
  cubix_datafile_list_free(names, n);
  static const char *const manga[] = { "MaNGA", "manga", "MaNGA127", "MaNGA_127", "MaNGA-N127", "MaNGA_32" };
  for (int i = 0; i < 6; i++) {
    struct cubix_instrument *ins = instrument(&code, "Instrument", manga[i], NULL);
    CHECK(ins && strcmp(ins->name, "MaNGA-N127") == 0);
    cubix_instrument_free(ins);
  }
  CHECK(!instrument(&code, "Instrument", "MUSSE", NULL) && code == CUBIX_EUSAGE &&
        strstr(cubix_error_message(), "MUSE"));
}

static void test_muse(void)
{
  int code;
  struct cubix_instrument *ins = instrument(&code, "Instrument", "MUSE", "Noise", "snr", NULL);
  static const double lsf[][2] = { { 4800, 2.98 }, { 6563, 2.54 }, { 7500, 2.45 }, { 9300, 2.57 } };
  CHECK(ins);
  if (!ins) return;
  CHECK(ins->n_x == 300 && ins->n_y == 300 && ins->n_lambda == 3681 && ins->medium == CUBIX_AIR &&
        ins->aperture == CUBIX_SQUARE);
  CHECK(ins->psf == CUBIX_PSF_MOFFAT && ins->psf_beta == 2.8 && ins->noise == CUBIX_Noise_snr);
  for (int i = 0; i < 4; i++) CHECK_CLOSE(cubix_curve_at(&ins->lsf_fwhm, lsf[i][0]), lsf[i][1], 0.005);
  CHECK_CLOSE(cubix_curve_at(&ins->psf_fwhm, 7000.), 0.65, 1e-12);
  CHECK_CLOSE(cubix_curve_at(&ins->psf_fwhm, 7001.) - cubix_curve_at(&ins->psf_fwhm, 6999.), 2 * 0.65 * -0.2 / 7000.,
              1e-15);
  CHECK_CLOSE(cubix_curve_at(&ins->throughput, 7500.), 0.35, 1e-12);
  CHECK_CLOSE(cubix_curve_at(&ins->throughput, 4750.), 0.14, 1e-12);      /* constant beyond the table */
  CHECK_CLOSE(cubix_curve_at(&ins->throughput, 6150.), 0.245, 1e-12);     /* half way between 0.14 and 0.35 */
  CHECK_CLOSE(ins->area_cm2, 48.5e4, 1e-6);
  CHECK_CLOSE(ins->dark, 3. / 3600., 1e-18);
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
  CHECK(cubix_params_init(&par) == 0);
  CHECK(cubix_params_set(par, "Instrument", "IFU") == 0 && cubix_params_set(par, "LambdaMax", "3800") == 0 &&
        cubix_params_set(par, "Psf", "none") == 0);
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
  CHECK(wrong == 0);
  CHECK(wrong_range > 100);   /* the trap is there */
  cubix_params_free(par);
  struct cubix_instrument *ins =
      instrument(&code, "Instrument", "IFU", "FieldOfView", "5.1", "PixelScale", "0.2", NULL);
  CHECK(ins && ins->n_x == 26);   /* 25.5: half way is rounded up, whatever the last bit */
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
    CHECK(ins && ins->n_lambda == row[i].n);
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
  CHECK(worst < 1e-4 || (printf("round trip: %g AA\n", worst), 0));
  CHECK(cubix_air_to_vacuum(1500.) == 1500. && cubix_vacuum_to_air(1500.) == 1500.);
}

/* RUBIX B7: apertures are really used.  The hexagon against its six corners, the circle against its radius. */
static void test_B7(void)
{
  int code, wrong = 0, n = 0;
  const double pi = acos(-1.);
  struct cubix_instrument *ins = instrument(&code, "Instrument", "MaNGA-N61", NULL);
  CHECK(ins && ins->n_x == 45 && ins->n_y == 45 && ins->aperture == CUBIX_HEXAGON);
  if (!ins) return;
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
  CHECK(wrong == 0);
  CHECK_CLOSE(n * 0.25, 1.5 * sqrt(3.) * 11.25 * 11.25, 6.);   /* the hexagon's area */
  CHECK(!cubix_instrument_inside(ins, 0, 0) && cubix_instrument_inside(ins, 22, 22) &&
        cubix_instrument_inside(ins, 1, 22));
  cubix_instrument_free(ins);
  struct cubix_instrument_file file;
  CHECK(cubix_instrument_file_read(&file, "MaNGA", 0) == 0 && file.field_size.x == 32.5);
  cubix_instrument_file_free(&file);
}

static void test_resolving_power(void)
{
  int code;
  struct cubix_instrument *ins = instrument(&code, "Instrument", "MaNGA", NULL);
  CHECK(ins && ins->n_lambda == 6732 && ins->medium == CUBIX_VACUUM);
  double worst = 0.;
  for (int k = 0; ins && k < ins->n_lambda; k++) {
    double x = cubix_instrument_lambda(ins, k), power = 1400. + 800. * (x - 3622.) / (10353. - 3622.);
    worst = check_worst(worst, fabs(cubix_curve_at(&ins->lsf_fwhm, x) * power / x - 1.));
  }
  CHECK(worst < 2e-5);
  /* the survey's sigma [km/s] */
  CHECK(ins && fabs(299792.458 / 2.3548200450309493 / (6563. / cubix_curve_at(&ins->lsf_fwhm, 6563.)) - 72.) < 2.);
  cubix_instrument_free(ins);
}

#define HEAD "instrument = { name = \"T\"; reference = \"a test\"; };\n"
#define FIELD "field = { shape = \"square\"; size = ( 6.0, 4.0, \"arcsec\" ); pixel = ( 0.5, \"arcsec\" ); };\n"
#define SPECTRUM \
  "spectrum = { medium = \"vacuum\"; first = ( 5000.0, \"AA\" ); last = ( 5100.0, \"AA\" ); step = ( 1.0, \"AA\" ); " \
  "};\n"
#define PSF "psf = { profile = \"none\"; };\n"
#define LSF "lsf = { fwhm = ( 2.5, \"AA\" ); };\n"
#define NOISE \
  "noise = { area = ( 10, \"m2\" ); throughput = 0.3; sky = ( 1e-17, \"erg/s/cm2/AA/arcsec2\" ); dark = ( 0.0, " \
  "\"electron/s\" );" \
  " read_noise = ( 3, \"electron\" ); pixels = 1; exposure = ( 0.5, \"h\" ); };\n"

/* Files with something wrong: status, and words the message must hold (among them the line). */
static void test_wrong_files(void)
{
  static const struct { const char *text, *noise; int code; const char *words[3];
  } row[] = {
    { HEAD FIELD SPECTRUM PSF LSF, "none", 0, { "" } },
    { HEAD FIELD SPECTRUM PSF LSF, "snr", CUBIX_EINPUT, { "noise.area", "noise.throughput", "Noise none" } },
    { HEAD FIELD SPECTRUM PSF LSF NOISE, "snr", 0, { "" } },
    { HEAD FIELD SPECTRUM PSF "lsf = { fhwm = ( 2.5, \"AA\" ); };\n",
      "none",
      CUBIX_EINPUT,
      { "t.cfg:5", "lsf.fhwm", "'lsf.fwhm'" } },
    { HEAD FIELD SPECTRUM PSF LSF "sky = { };\n", "none", CUBIX_EINPUT, { "t.cfg:6", "unknown section 'sky'", "psf" } },
    { HEAD FIELD PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "'spectrum.first' is missing", "'spectrum.medium'", "'spectrum.step'" } },
    { HEAD FIELD SPECTRUM PSF, "none", CUBIX_EINPUT, { "lsf.fwhm", "lsf.resolving_power" } },
    { HEAD FIELD SPECTRUM PSF "lsf = { fwhm = \"2.5\"; };\n",
      "none",
      CUBIX_EINPUT,
      { "t.cfg:5", "lsf.fwhm", "numbers" } },
    { HEAD FIELD SPECTRUM PSF "lsf = { fwhm = 2.5; };\n",
      "none",
      CUBIX_EINPUT,
      { "t.cfg:5", "unit", "( 2.5, \"AA\" )" } },
    { HEAD FIELD SPECTRUM PSF "lsf = { fwhm = ( 2.5, \"arcsec\" ); };\n",
      "none",
      CUBIX_EINPUT,
      { "t.cfg:5", "'arcsec'", "nm" } },
    { HEAD FIELD SPECTRUM PSF "lsf = { fwhm = ( -2.5, \"AA\" ); };\n",
      "none",
      CUBIX_EINPUT,
      { "t.cfg:5", "-2.5", "1e-06 .. 100000" } },
    { HEAD FIELD SPECTRUM PSF "lsf = { fwhm = { polynomial = ( 50.5, -0.01, \"AA\" ); }; };\n",
      "none",
      CUBIX_EINPUT,
      { "lsf.fwhm", "5050 AA", "LambdaMin" } },
    { HEAD FIELD SPECTRUM PSF "lsf = { fwhm = { lambda = ( 1, 2, \"AA\" ); value = ( 1, \"AA\" ); }; };\n",
      "none",
      CUBIX_EINPUT,
      { "1 values at 2" } },
    { HEAD FIELD SPECTRUM PSF "lsf = { fwhm = { lambda = ( 2, 2, \"AA\" ); value = ( 1, 1, \"AA\" ); }; };\n",
      "none",
      CUBIX_EINPUT,
      { "must increase" } },
    { HEAD FIELD SPECTRUM PSF "lsf = { fwhm = { table = 3; }; };\n",
      "none",
      CUBIX_EINPUT,
      { "t.cfg:5", "polynomial" } },
    { HEAD FIELD SPECTRUM "psf = { profile = \"gauss\"; };\n" LSF,
      "none",
      CUBIX_EINPUT,
      { "t.cfg:4", "gauss", "gaussian" } },
    { HEAD FIELD SPECTRUM "psf = { profile = \"moffat\"; fwhm = ( 1, \"arcsec\" ); };\n" LSF,
      "none",
      CUBIX_EINPUT,
      { "psf.beta" } },
    { HEAD FIELD SPECTRUM "psf = { profile = \"file\"; file = \"no.fits\"; };\n" LSF,
      "none",
      CUBIX_EINPUT,
      { "/no.fits" } },
    { HEAD FIELD SPECTRUM PSF LSF "lsf = { };\n", "none", CUBIX_EINPUT, { "t.cfg:6", "uplicate" } },
    { HEAD FIELD "spectrum = {", "none", CUBIX_EINPUT, { "t.cfg:3" } },
    { HEAD
      "field = { shape = \"square\"; size = ( 1, 2, 3, \"arcsec\" ); pixel = ( 1e999, \"arcsec\" ); };\n" SPECTRUM PSF
          LSF,
      "none",
      CUBIX_EINPUT,
      { "field.size", "field.pixel", "t.cfg:2" } },
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    int code;
    struct cubix_instrument *ins =
        instrument(&code, "Instrument", write_file("t.cfg", row[i].text), "Noise", row[i].noise, NULL);
    int found = 1;
    for (int w = 0; w < 3 && row[i].words[w]; w++) found &= strstr(cubix_error_message(), row[i].words[w]) != NULL;
    CHECK(code == row[i].code && !ins == !!code);
    CHECK(found || !code);
    if (code != row[i].code || (code && !found)) printf("row %zu: %d %s\n", i, code, cubix_error_message());
    if (ins) CHECK(ins->n_x == 12 && ins->n_y == 8 && ins->n_lambda == 101 && ins->lsf_pixel_included);
    if (ins && ins->noise) CHECK(ins->exposure == 1800. && ins->area_cm2 == 1e5);
    cubix_instrument_free(ins);
  }
}

static void test_units(void)
{
  int code;
  struct cubix_instrument *ins = instrument(
      &code, "Instrument",
      write_file("u.cfg",
                 HEAD "field = { shape = \"circle\"; size = ( 0.1, \"arcmin\" ); pixel = ( 500, \"mas\" ); };\n"
                      "spectrum = { medium = \"vacuum\"; first = ( 500.0, \"nm\" ); last = ( 0.51, \"um\" ); step = ( "
                      "1, \"AA\" ); };\n" PSF "lsf = { fwhm = { lambda = ( 500.0, 510.0, \"nm\" ); value = ( 0.2, 0.3, "
                                              "\"nm\" ); }; pixel = \"excluded\"; };\n"),
      NULL);
  CHECK(ins && ins->n_x == 12 && ins->pixel_y == 0.5 && ins->n_lambda == 101 && ins->lambda_min == 5000. &&
        !ins->lsf_pixel_included);
  if (ins) CHECK_CLOSE(cubix_curve_at(&ins->lsf_fwhm, 5050.), 2.5, 1e-12);
  CHECK(ins && cubix_instrument_inside(ins, 0, 5) && !cubix_instrument_inside(ins, 0, 1));
  cubix_instrument_free(ins);
}

static void test_parameters(void)
{
  static const struct { const char *name[3], *value[3]; int code; const char *words[3];
  } row[] = {
    { { "LambdaMin", "LambdaMax" }, { "5000", "4000" }, CUBIX_EUSAGE, { "LambdaMax = 4000", "LambdaMin = 5000" } },
    { { "LambdaMax" }, { "4000" }, CUBIX_EUSAGE, { "LambdaMax = 4000", "spectrum.first = 4750", "MUSE.cfg" } },
    { { "PixelScale" }, { "200" }, CUBIX_EUSAGE, { "PixelScale = 200", "0 spaxels", "field.size = 60" } },
    { { "PixelScale" }, { "1e-5" }, CUBIX_EUSAGE, { "spaxels" } },
    { { "PixelScale", "Psf" },
      { "1e-4", "none" },
      CUBIX_EUSAGE,
      { "600000 x 600000", "3681 channels", "FieldOfView" } },
    { { "LambdaStep" }, { "1e-7" }, CUBIX_EUSAGE, { "LambdaStep = 1e-07", "channels" } },
    { { "Psf" }, { "gaussian" }, CUBIX_EUSAGE, { "PsfFwhm > 0" } },
    { { "Psf" }, { "file" }, CUBIX_EUSAGE, { "PsfFile" } },
    { { "Psf", "PsfFile" }, { "file", "/nowhere.fits" }, CUBIX_EINPUT, { "/nowhere.fits" } },
    { { "Lsf" }, { "gaussian" }, CUBIX_EUSAGE, { "LsfFwhm > 0" } },
    { { "Psf", "PsfFwhm", "FieldOfView" }, { "gaussian", "5000", "1" }, CUBIX_EUSAGE, { "margin" } },
  };
  int code;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    const char *const *n = row[i].name, *const *v = row[i].value;
    struct cubix_instrument *ins = instrument(&code, n[0], v[0], n[1] ? n[1] : "Seed", n[1] ? v[1] : "1",
                                              n[2] ? n[2] : "Seed", n[2] ? v[2] : "1", NULL);
    int found = 1;
    for (int w = 0; w < 3 && row[i].words[w]; w++) found &= strstr(cubix_error_message(), row[i].words[w]) != NULL;
    CHECK(!ins && code == row[i].code && found);
    if (code != row[i].code || !found) printf("row %zu: %d %s\n", i, code, cubix_error_message());
    cubix_instrument_free(ins);
  }
  struct cubix_instrument *ins =
      instrument(&code, "FieldOfView", "10 20", "PixelScale", "0.2 0.4", "Roll", "90", "PointingX", "3", "PointingY",
                 "-2", "Psf", "moffat", "PsfFwhm", "0.8", "PsfBeta", "3", "Lsf", "gaussian", "LsfFwhm", "2.2", NULL);
  CHECK(ins && ins->n_x == 50 && ins->n_y == 50 && ins->pixel_y == 0.4 && ins->pointing_x == 3. &&
        ins->pointing_y == -2.);
  CHECK(ins && ins->psf == CUBIX_PSF_MOFFAT && ins->psf_beta == 3. && cubix_curve_at(&ins->psf_fwhm, 1e4) == 0.8 &&
        ins->margin > 0);
  CHECK(ins && !ins->lsf_none && cubix_curve_at(&ins->lsf_fwhm, 1e4) == 2.2 && fabs(ins->roll - asin(1.)) < 1e-15);
  cubix_instrument_free(ins);
  ins = instrument(&code, "Psf", "none", "Lsf", "none", NULL);
  CHECK(ins && ins->psf == CUBIX_PSF_NONE && ins->margin == 0 && ins->lsf_none);
  cubix_instrument_free(ins);
}

/* doc/instruments.md speaks of every key and every shipped instrument. */
static void test_documented(void)
{
  const char *source = getenv("CUBIX_SOURCE"), *unit, *help;
  char path[1024], **names = NULL, *text = calloc(1, 100000);
  double min, max;
  int n = 0;
  snprintf(path, sizeof path, "%s/doc/instruments.md", source ? source : CUBIX_SOURCEDIR);
  FILE *f = fopen(path, "r");
  CHECK(f && text && fread(text, 1, 99999, f) > 1000);
  if (f) fclose(f);
  for (int k = 0; k < CUBIX_N_KEY; k++) {
    const char *name = cubix_instrument_key(k, &min, &max, &unit, &help);
    CHECK(strstr(text, name) || (printf("%s is not in doc/instruments.md\n", name), 0));
  }
  CHECK(cubix_datafile_list(&names, &n, "instruments") == 0);
  for (int i = 0; i < n; i++)
    CHECK(strstr(text, names[i]) || (printf("%s is not in doc/instruments.md\n", names[i]), 0));
  cubix_datafile_list_free(names, n);
  free(text);
}

int main(void)
{
  CHECK(mkdtemp(folder));
  test_shipped();
  test_muse();
  test_B8();
  test_channels();
  test_air();
  test_B7();
  test_resolving_power();
  test_wrong_files();
  test_units();
  test_parameters();
  test_documented();
  unlink(write_file("t.cfg", ""));
  unlink(write_file("u.cfg", ""));
  rmdir(folder);
  return check_done();
}
