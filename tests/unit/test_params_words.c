/* test_params_words.c -- how the words of a value are told apart: quotes, commas, units, and
 * letters that only look like numbers. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include "tests/params_lab.h"

static void test_quotes_and_commas(void)
{
  static const char *const vectors[] = {
    "\"1 -2 3\"", "\"1 -2 3\" kpc", "\"1 -2 3 kpc\"",     "\" 1, -2,\t3 \"", "1, -2, 3",
    "1,-2,3 kpc", "\"1,-2,3\" kpc", "\"1\" \"-2\" \"3\"", "1 , -2 ,3",       "\"1000 -2000 3000\" pc"
  };
  for (int i = 0; i < 2 * N_OF(vectors); i++) {
    char line[200];
    const char *const one[] = { line };
    snprintf(line, sizeof line, "Centre%c%s", " ="[i % 2], vectors[i / 2]);
    CHECK(i % 2 ? parse_with(REQUIRED, 1, one) == CUBIX_OK : takes(line));
    CHECK(!par->Centre.word);
    CHECK_IS(par->Centre.x[0], ==, 1.);
    CHECK_IS(par->Centre.x[1], ==, -2.);
    CHECK_IS(par->Centre.x[2], ==, 3.);
  }
  CHECK(takes("Centre \"median\"\nFieldOfView \"60 30\" arcsec\nPixelScale \"200 mas\"\nSeed \"7\"\nPsf "
              "\"moffat\"\nTruthMaps \"no\""));
  CHECK_TEXT(par->Centre.word, "median");
  CHECK_IS(par->FieldOfView.y, ==, 30.);
  CHECK_IS(par->PixelScale.x, ==, 0.2);
  CHECK_IS(par->Seed, ==, 7);
  CHECK_IS(par->Psf, ==, CUBIX_Psf_moffat);
  CHECK_IS(cubix_params_set(par, "Centre", "\"0 0 0\""), ==, CUBIX_OK);
  CHECK(!par->Centre.word);
}

static void test_refused(void)
{
  static const struct { const char *line, *message;
  } table[] = {
    { "FieldOfView 12,5", "FieldOfView = 12,5: a decimal comma? write 12.5; two numbers? write 12 5" },
    { "FieldOfView 12.5,5", "FieldOfView = 12.5,5: two numbers? write 12.5 5" },
    { "Redshift 0,01", "Redshift = 0,01: a decimal comma? write 0.01" },
    { "Redshift ,01", "Redshift = ,01 must have something on both sides of a comma" },
    { "Distance 1.234,5", "Distance = 1.234,5: write one number without a comma" },
    { "Seed 1,000", "Seed = 1,000: write a whole number without a comma" },
    { "Centre 1, 2,5, 3", "Centre = 1, 2,5, 3: a decimal comma? write 2.5; two numbers? write 2 5" },
    { "Centre 1,2,3,4", "Centre = 1,2,3,4 must be auto, median, shrinking-sphere, potential or three numbers in kpc" },
    { "Centre 1, 2, 3,", "Centre = 1, 2, 3, must have something on both sides of a comma" },
    { "Centre \"\"", "Centre has no value" },
    { "Centre \"1 2 3\"kpc", "Centre: a blank must follow the closing quote (a quote within quotes is written \"\")" },
    { "CentreRadius 5kpc",
      "CentreRadius = 5kpc must be a number, 1e-6..1e6 kpc; a blank must come before the unit: "
      "5 kpc" },
    { "PixelScale 1arcmin 30arcsec", "PixelScale = 1arcmin 30arcsec must be one or two numbers, 0..1000 arcsec; a "
                                     "blank must come before the unit: 1 arcmin" },
    { "FieldOfView 60mm",
      "FieldOfView = 60mm must be one or two numbers, 0..1e5 arcsec; a blank must come before a unit" },
    { "Redshift 60arcsec", "Redshift = 60arcsec must be a number, -0.01..20 or snapshot; it has no unit" },
    { "LambdaMin 4750\u00c5",
      "LambdaMin = 4750\u00c5 must be a number, 0..1e8 AA; write AA for Angstrom, after a blank" },
    { "Psf 0,65", "Psf = 0,65 must be instrument, none, gaussian, moffat or file" },
    { "PointingX \u22125", "PointingX = \u22125 must be a number, -1e5..1e5 arcsec; a letter in it is not ASCII: a "
                           "minus sign, blank or quote of a word processor?" },
    { "LambdaMin 4750 \u00c5", "LambdaMin = 4750 \u00c5 must be in AA (or Angstrom, nm, um): write AA" },
    { "FieldOfView 12,5 arcmin", "FieldOfView = 12,5 arcmin: a decimal comma? write 12.5; two numbers? write 12 5" },
    { "FieldOfView \"12,5\"", "FieldOfView = 12,5: a decimal comma? write 12.5; two numbers? write 12 5" },
    { "Centre 0,5 1 2", "Centre = 0,5 1 2: a decimal comma? write 0.5; two numbers? write 0 5" },
    { "Centre 1,,2,3", "Centre = 1,,2,3 must have something on both sides of a comma" },
    { "Redshift 1,234,567", "Redshift = 1,234,567 must be a number, -0.01..20 or snapshot" },
  };
  for (int i = 0; i < N_OF(table); i++) {
    char message[512];
    snprintf(message, sizeof message, "t.param:4: %s", table[i].message);
    CHECK(refuses(table[i].line, message));
  }
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_quotes_and_commas());
  CASE(test_refused());
  cubix_params_free(par);
  return check_done();
}
