/* test_instrument_file.c -- instruments: what a file may say, keys and units, the parameters over it, and the page
 * that documents it. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/datafile.h"
#include "base/error.h"
#include "instrument/instrument_file.h"
#include "tests/instrument_lab.h"

static char folder[] = "/tmp/cubix-test-XXXXXX";

static const char *write_file(const char *name, const char *text)
{
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "w");
  REQUIRE(f);
  CHECK_IS(fputs(text, f), >=, 0);
  if (f) fclose(f);
  return path;
}

#define HEAD "instrument = { name = \"T\"; reference = \"a test\"; };\n"
#define FIELD "field = { shape = \"square\"; size = ( 6.0, 4.0, \"arcsec\" ); pixel = ( 0.5, \"arcsec\" ); };\n"
#define SPECTRUM \
  "spectrum = { medium = \"vacuum\"; first = ( 5000.0, \"AA\" ); last = ( 5100.0, \"AA\" ); step = ( 1.0, \"AA\" ); " \
  "};\n"
#define GRID(step) \
  "spectrum = { medium = \"vacuum\"; first = ( 5000.0, \"AA\" ); last = ( 5100.0, \"AA\" ); " step " };\n"
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
    { HEAD FIELD SPECTRUM PSF LSF "pfs = { };\n", "none", CUBIX_EINPUT, { "t.cfg:6", "unknown section 'pfs'", "psf" } },
    { HEAD FIELD SPECTRUM PSF LSF NOISE "sky = { medium = \"air\"; continuum = 0; };\n",
      "snr",
      CUBIX_EINPUT,
      { "sky.continuum needs its unit" } },
    { HEAD FIELD SPECTRUM PSF LSF NOISE "sky = { medium = \"air\"; continuum = ( 0, \"erg/s/cm2/AA/arcsec2\" ); };\n",
      "snr",
      CUBIX_EINPUT,
      { "exactly one of 'noise.sky' and 'sky.continuum'" } },
    { HEAD FIELD SPECTRUM PSF LSF "sky = { continuum = ( 0, \"erg/s/cm2/AA/arcsec2\" ); };\n",
      "none",
      CUBIX_EINPUT,
      { "'sky.continuum' and 'sky.medium' need each other" } },
    { HEAD FIELD SPECTRUM PSF LSF "sky = { medium = \"air\"; continuum = ( 0, \"erg/s/cm2/AA/arcsec2\" ); "
      "lines = ( 1e-17, \"erg/s/cm2/arcsec2\" ); };\n",
      "none",
      CUBIX_EINPUT,
      { "'sky.lines' must be a table" } },
    { HEAD FIELD GRID("step = ( 1.0, \"AA\" ); flux_unit = -17.5;") PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "'spectrum.flux_unit' must be a whole number" } },

    { HEAD FIELD PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "'spectrum.first' is missing", "'spectrum.medium'", "exactly one of 'spectrum.step'" } },
    { HEAD FIELD GRID("log_step = 1e-4; step = ( 1.0, \"AA\" );") PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "exactly one of 'spectrum.step', 'spectrum.log_step' and 'spectrum.lambda'" } },
    { HEAD FIELD GRID("lambda = ( 5000.0, 5001.0, \"AA\" );") PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "'spectrum.lambda' and 'spectrum.first' exclude" } },
    { HEAD FIELD GRID("step = { polynomial = ( 4050.0, -1.0, \"AA\" ); };") PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "spectrum.step of", "must be positive in 5000 .. 5100 AA" } },
    { HEAD FIELD GRID("step = { polynomial = ( 5050.0, -1.0, \"AA\" ); };") PSF LSF,   /* never gets beyond 5050 AA */
      "none",
      CUBIX_EINPUT,
      { "spectrum.step (", "1000001 channels; at most 1e+06" } },
    { "instrument = { name = \"T\"; layout = \"manga\"; reference = \"a test\"; };\n" FIELD GRID(
          "step = ( 1.0, \"AA\" ); flux_unit = -20;") PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "'spectrum.flux_unit' of layout manga must be -17" } },
    /* contradictions within the file are the file's */
    { HEAD FIELD "spectrum = { medium = \"air\"; first = ( 6000.0, \"AA\" ); last = ( 5000.0, \"AA\" ); step = ( 1.0, "
                 "\"AA\" ); };\n" PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "spectrum.last = 5000", "is below spectrum.first = 6000" } },
    { HEAD FIELD GRID("step = ( 6000.0, \"AA\" );") PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "must be more than spectrum.step" } },
    { HEAD FIELD GRID("step = ( 1e-6, \"AA\" );") PSF LSF, "none", CUBIX_EINPUT, { "channels; at most" } },
    { HEAD FIELD GRID("step = ( 1.0, \"AA\" ); gaps = ( 4900, 5200, \"AA\" );") PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "lie in gaps" } },
    { HEAD "field = { shape = \"square\"; size = ( 1, \"arcsec\" ); pixel = ( 3, \"arcsec\" ); };\n" SPECTRUM PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "0 spaxels" } },
    { HEAD "field = { shape = \"square\"; size = ( 1e5, \"arcsec\" ); pixel = ( 0.2, \"arcsec\" ); };\n" SPECTRUM PSF
          LSF,
      "none",
      CUBIX_EINPUT,
      { "500000 x 500000 spaxels" } },
    { "instrument = { name = \"\"; aliases = [ \"a\", \" \" ]; reference = \"none\"; };\n" FIELD SPECTRUM PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "t.cfg:1: instrument.name is empty", "instrument.aliases is empty" } },
    { "instrument = { name = \"A\\nB\"; what = \"a\\tb\"; reference = \"x\\ry\"; };\n" FIELD SPECTRUM PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "instrument.name holds a line break", "instrument.what holds", "instrument.reference holds" } },
    { HEAD FIELD SPECTRUM "psf = { profile = \"moffat\"; fwhm = ( 1, \"arcsec\" ); beta = { polynomial = ( 5.0, -8e-4, "
                          "\"-\" ); }; };\n" LSF,
      "none",
      CUBIX_EINPUT,
      { "psf.beta of", "is 1 - at 5000 AA" } },
    { HEAD FIELD SPECTRUM "psf = { profile = \"gaussian\"; fwhm = ( 1, \"arcsec\" ); axis_ratio = 1.2; };\n" LSF,
      "none",
      CUBIX_EINPUT,
      { "psf.axis_ratio = 1.2", "0.1 .. 1" } },
    { HEAD FIELD GRID("log_step = 2.0;") PSF LSF, "none", CUBIX_EINPUT, { "t.cfg:3", "spectrum.log_step = 2" } },
    { HEAD FIELD GRID("step = ( 1.0, \"AA\" ); gaps = ( 5010, 5020, 5030, \"AA\" );") PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "t.cfg:3", "spectrum.gaps holds 3 numbers", "pairs" } },
    { HEAD FIELD GRID("step = ( 1.0, \"AA\" ); gaps = ( 5020, 5010, \"AA\" );") PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "spectrum.gaps must increase: 5020 AA" } },
    { HEAD FIELD "spectrum = { medium = \"air\"; lambda = ( 5000.0, \"AA\" ); };\n" PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "spectrum.lambda holds 1 numbers", "two or more" } },
    { HEAD FIELD "spectrum = { medium = \"air\"; lambda = ( 10.0, 100.0, \"AA\" ); };\n" PSF LSF,
      "none",
      CUBIX_EINPUT,
      { "reaches below 0" } },
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
    CHECK_IS(code, ==, row[i].code);
    CHECK_IS(!ins, ==, !!code);
    CHECK(found || !code);
    if (code != row[i].code || (code && !found)) printf("row %zu: %d %s\n", i, code, cubix_error_message());
    if (ins) {
      CHECK_IS(ins->n_x, ==, 12);
      CHECK_IS(ins->n_y, ==, 8);
      CHECK_IS(ins->n_lambda, ==, 101);
      CHECK(ins->lsf_pixel_included);
    }
    if (ins && ins->noise) {
      CHECK_IS(ins->exposure, ==, 1800.);
      CHECK_IS(ins->area_cm2, ==, 1e5);
    }
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
  REQUIRE(ins);
  CHECK_IS(ins->n_x, ==, 12);
  CHECK_IS(ins->pixel_y, ==, 0.5);
  CHECK_IS(ins->n_lambda, ==, 101);
  CHECK_IS(ins->lambda_min, ==, 5000.);
  CHECK(!ins->lsf_pixel_included);
  if (ins) CHECK_CLOSE(cubix_curve_at(&ins->lsf_fwhm, 5050.), 2.5, 1e-12);
  REQUIRE(ins);
  CHECK(cubix_instrument_inside(ins, 0, 5));
  CHECK(!cubix_instrument_inside(ins, 0, 1));
  cubix_instrument_free(ins);
}

/* Channels of every kind, and the parameters over them. */
static void test_channels(void)
{
  static const struct { const char *grid, *min, *max, *step; int n; double first, last, width;
  } row[] = {
    { "log_step = 1e-3;", "0", "0", "0", 9, 5000., 5092.9569403, 11.7269693 }, /* 5000 10^0.008, ln 10 1e-3 of it */
    { "log_step = 1e-3;", "6000", "6050", "0", 4, 6000., 6041.5900131, 13.9112782 },
    { "log_step = 1e-3;", "0", "0", "10", 11, 5000., 5100., 10. },
    /* 5000 exp(1e-3 k); 2 sinh(5e-4) of it */
    { "step = { polynomial = ( 0.0, 1e-3, \"AA\" ); };", "0", "0", "0", 20, 5000., 5095.9082431, 5.0959085 },
    { "step = { lambda = ( 5000, 5100, \"AA\" ); value = ( 2, 4, \"AA\" ); };", "0", "0", "0", 35, 5000., 5097.3877732,
      3.9478213 }, /* 5000 + 100 (exp(0.02 k) - 1), 200 sinh(0.01) exp(0.02 k) */
  };
  int code;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    char text[2000];
    snprintf(text, sizeof text, HEAD FIELD GRID("%s") PSF LSF, row[i].grid);
    struct cubix_instrument *ins = instrument(&code, "Instrument", write_file("g.cfg", text), "LambdaMin", row[i].min,
                                              "LambdaMax", row[i].max, "LambdaStep", row[i].step, NULL);
    REQUIRE(ins);
    CHECK_IS(ins->n_lambda, ==, row[i].n);
    CHECK_CLOSE(cubix_instrument_lambda(ins, 0), row[i].first, 1e-9);
    CHECK_CLOSE(cubix_instrument_lambda(ins, row[i].n - 1), row[i].last, 1e-6);
    CHECK_CLOSE(cubix_instrument_width(ins, row[i].n - 1), row[i].width, 1e-6);
    CHECK_CLOSE(cubix_instrument_width_at(ins, row[i].last), row[i].width, 1e-6);
    CHECK_CLOSE(ins->edge[row[i].n] - ins->edge[0], row[i].n * ins->lambda_step, 1e-8);
    cubix_instrument_free(ins);
  }
  struct cubix_instrument *ins = instrument(
      &code, "Instrument",
      write_file("g.cfg", HEAD FIELD "spectrum = { medium = \"vacuum\"; lambda = ( 500.0, 501.0, 503.0, 507.0, 508.0, "
                                     "\"nm\" ); gaps = ( 5025, 5035, 5080, 5090, \"AA\" ); };\n" PSF LSF),
      "LambdaMin", "5010", NULL);
  static const double border[] = { 5005., 5020., 5050., 5075., 5085. };
  REQUIRE(ins);
  CHECK_IS(ins->n_lambda, ==, 4);
  for (int k = 0; k <= 4; k++) CHECK_CLOSE(ins->edge[k], border[k], 1e-9);
  for (int k = 0; k < 4; k++) CHECK_IS(cubix_instrument_gap(ins, k), ==, k == 1 || k == 3);
  CHECK_CLOSE(cubix_instrument_lambda_at(ins, 0.25), 5015., 1e-9);
  CHECK_CLOSE(cubix_instrument_width_at(ins, 5020.), 22.5, 1e-9);              /* between 15 at 5010 and 30 at 5030 */
  CHECK_CLOSE(cubix_instrument_width_slope(ins, 5020.), 0.75, 1e-9);
  CHECK_CLOSE(cubix_instrument_width_at(ins, 4000.), 15., 1e-9);
  CHECK_IS(cubix_instrument_width_slope(ins, 4000.), ==, 0);
  cubix_instrument_free(ins);
  CHECK(!instrument(&code, "Instrument", write_file("g.cfg", HEAD FIELD "spectrum = { medium = \"vacuum\"; lambda = ( "
                                                             "5000, 5010, \"AA\" ); };\n" PSF LSF),
                    "LambdaMin", "6000", NULL));
  CHECK_IS(code, ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "LambdaMin = 6000");
  unlink(write_file("g.cfg", ""));
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
    CHECK(!ins);
    CHECK_IS(code, ==, row[i].code);
    CHECK(found);
    if (code != row[i].code || !found) printf("row %zu: %d %s\n", i, code, cubix_error_message());
    cubix_instrument_free(ins);
  }
  struct cubix_instrument *ins =
      instrument(&code, "FieldOfView", "10 20", "PixelScale", "0.2 0.4", "Roll", "90", "PointingX", "3", "PointingY",
                 "-2", "Psf", "moffat", "PsfFwhm", "0.8", "PsfBeta", "3", "Lsf", "gaussian", "LsfFwhm", "2.2", NULL);
  REQUIRE(ins);
  CHECK_IS(ins->n_x, ==, 50);
  CHECK_IS(ins->n_y, ==, 50);
  CHECK_IS(ins->pixel_y, ==, 0.4);
  CHECK_IS(ins->pointing_x, ==, 3.);
  CHECK_IS(ins->pointing_y, ==, -2.);
  REQUIRE(ins);
  CHECK_IS(ins->psf, ==, CUBIX_PSF_MOFFAT);
  CHECK_IS(cubix_curve_at(&ins->psf_beta, 1e4), ==, 3.);
  CHECK_IS(cubix_curve_at(&ins->psf_fwhm, 1e4), ==, 0.8);
  CHECK_IS(ins->margin, >, 0);
  REQUIRE(ins);
  CHECK(!ins->lsf_none);
  CHECK_IS(cubix_curve_at(&ins->lsf_fwhm, 1e4), ==, 2.2);
  CHECK_IS(fabs(ins->roll - asin(1.)), <, 1e-15);
  cubix_instrument_free(ins);
  ins = instrument(&code, "Psf", "none", "Lsf", "none", NULL);
  REQUIRE(ins);
  CHECK_IS(ins->psf, ==, CUBIX_PSF_NONE);
  CHECK_IS(ins->margin, ==, 0);
  CHECK(ins->lsf_none);
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
  REQUIRE(f);
  REQUIRE(text);
  CHECK_IS(fread(text, 1, 99999, f), >, 1000);
  if (f) fclose(f);
  for (int k = 0; k < CUBIX_N_KEY; k++) {
    const char *name = cubix_instrument_key(k, &min, &max, &unit, &help);
    CHECK_SAYS(text, name);
  }
  CHECK_IS(cubix_datafile_list(&names, &n, "instruments"), ==, 0);
  for (int i = 0; i < n; i++)
    CHECK_SAYS(text, names[i]);
  cubix_datafile_list_free(names, n);
  free(text);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  REQUIRE(mkdtemp(folder));
  CASE(test_wrong_files());
  CASE(test_units());
  CASE(test_channels());
  CASE(test_parameters());
  CASE(test_documented());
  unlink(write_file("t.cfg", ""));
  unlink(write_file("u.cfg", ""));
  rmdir(folder);
  return check_done();
}
