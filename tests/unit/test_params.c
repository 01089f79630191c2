/* test_params.c -- the parameter file: what is read, what is refused and in which words. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include "base/error.h"
#include "base/units.h"
#include "params/params_table.h"
#include "tests/params_lab.h"

#include <stdint.h>

static int refuses_override(const char *const *overrides, int n, const char *message)
{
  int status = parse_with(REQUIRED, n, overrides), same = !strcmp(cubix_error_message(), message);
  if (!same) printf("said:   %s\nwanted: %s\n", cubix_error_message(), message);
  return status == CUBIX_EUSAGE && same;
}

/* ---- what is read ---------------------------------------------------------------------------- */

static void test_defaults(void)
{
  struct cubix_param_info info;
  int n_required = 0;

  CHECK(takes(""));
  CHECK_TEXT(par->SimulationFormat, "auto");
  CHECK_TEXT(par->PsfFile, "");
  CHECK_IS(par->Orientation, ==, CUBIX_Orientation_none);
  CHECK_IS(par->Overwrite, ==, 1);
  CHECK_IS(par->KeepNoiseFree, ==, 0);
  CHECK_IS(par->Seed, ==, 1);
  CHECK_IS(par->FluxUnit, ==, 0);
  CHECK_IS(par->Redshift, ==, 0.01);
  CHECK_IS(par->PixelScale.x, ==, 0.);
  CHECK_IS(par->PixelScale.y, ==, 0.);
  REQUIRE(par->Centre.word);
  CHECK_TEXT(par->Centre.word, "auto");
  CHECK_TEXT(cubix_params_origin(par, "Seed"), "default");
  CHECK_TEXT(cubix_params_origin(par, "InputFile"), "t.param:1");
  for (int i = 0; i < cubix_params_count(); i++) {   /* each row of the table is documented and has its place */
    cubix_params_info(par, i, &info);
    n_required += !info.dflt;
    CHECK_IS(strlen(info.help), >, 10);
    CHECK_IS(info.help[strlen(info.help) - 1], ==, '.');
    CHECK(*info.section);
    CHECK(*info.value);
    CHECK(info.dflt || !strncmp(info.origin, "t.param:", 8));
    CHECK_IS(cubix_param_find(info.name), >=, 0);
  }
  CHECK_IS(n_required, ==, 3);
  for (const struct cubix_param_rename *r = cubix_param_renames; r->other; r++) {
    CHECK_IS(cubix_param_find(r->other), <, 0);
    CHECK_IS(cubix_param_find(r->name), >=, 0);
  }
  cubix_params_info(NULL, 0, &info);
  CHECK_TEXT(info.name, "InputFile");
  CHECK_TEXT(info.section, "Files");
  CHECK(!*info.value);
}

static void test_values(void)
{
  CHECK(takes("Seed 7\nRedshift\t1.5e-1\nPixelScale 0.2\nFieldOfView 60 30\nCentre 1 -2 .5\nPsf moffat\nTruthMaps "
              "no\nPsfFile a%b#c.fits"));
  CHECK_IS(par->Seed, ==, 7);
  CHECK_IS(par->Redshift, ==, 0.15);
  CHECK_IS(par->PixelScale.x, ==, 0.2);
  CHECK_IS(par->PixelScale.y, ==, 0.2);
  CHECK_IS(par->FieldOfView.x, ==, 60.);
  CHECK_IS(par->FieldOfView.y, ==, 30.);
  CHECK(!par->Centre.word);
  CHECK_IS(par->Centre.x[0], ==, 1.);
  CHECK_IS(par->Centre.x[1], ==, -2.);
  CHECK_IS(par->Centre.x[2], ==, 0.5);
  CHECK_IS(par->Centre.comoving, ==, 0);
  CHECK_IS(par->Psf, ==, CUBIX_Psf_moffat);
  CHECK_IS(par->TruthMaps, ==, 0);
  CHECK_TEXT(par->PsfFile, "a%b#c.fits");
  CHECK_TEXT(cubix_params_origin(par, "Redshift"), "t.param:5");
  CHECK(cubix_number_is(&par->SmoothingLength, "file"));
  CHECK_IS(par->SmoothingLength.x, ==, 0.);
  CHECK(takes("SmoothingLength 1500 pc"));
  CHECK(!par->SmoothingLength.word);
  CHECK_IS(par->SmoothingLength.x, ==, 1.5);
  CHECK(takes("SmoothingLength file"));
  CHECK(cubix_number_is(&par->SmoothingLength, "file"));
  CHECK(takes("Centre 1, 2 , 3 kpc\nFieldOfView 60, 30"));
  CHECK_IS(par->Centre.x[2], ==, 3.);
  CHECK_IS(par->FieldOfView.y, ==, 30.);
  const char *const yes[] = { "yes", "1", "true", "on", "Yes", "TRUE" }, *const no[] = { "no",  "0",  "false",
                                                                                         "off", "No", "OFF" };
  for (int i = 0; i < N_OF(yes); i++) {
    char line[64];
    snprintf(line, sizeof line, "KeepNoiseFree %s", yes[i]);
    CHECK(takes(line));
    CHECK_IS(par->KeepNoiseFree, ==, 1);
    snprintf(line, sizeof line, "Overwrite %s", no[i]);
    CHECK(takes(line));
    CHECK_IS(par->Overwrite, ==, 0);
  }
  CHECK(takes("Seed 2147483647\nFluxUnit -40\nInclination 180\nCentreRadius 1e-6"));   /* bounds belong to the range */
}

/* In ckpc/h a place is kept as it is written; only a snapshot knows how much that is. */
static void test_comoving(void)
{
  char text[80];
  CHECK(takes("Centre 1 -2 .5 cMpc/h"));
  CHECK_IS(par->Centre.comoving, ==, 1);
  CHECK_IS(par->Centre.x[1], ==, -2000.);
  cubix_param_text(par, cubix_param_find("Centre"), text, sizeof text);
  CHECK_TEXT(text, "1000 -2000 500 ckpc/h");
  CHECK(takes("Centre 1 -2 .5 Mpc"));
  CHECK_IS(par->Centre.comoving, ==, 0);
  CHECK_IS(par->Centre.x[1], ==, -2000.);
}

static void test_text(void)
{
  CHECK(takes("% a comment\n# another\n\n   \t \nSeed 3 % why\nMinStars 4 # why not"));
  CHECK_IS(par->Seed, ==, 3);
  CHECK_IS(par->MinStars, ==, 4);
  CHECK(takes("PsfFile \"my psf.fits\"   % in quotes"));
  CHECK_TEXT(par->PsfFile, "my psf.fits");
  CHECK(takes("PsfFile \"a \"\"b\"\" # c\""));
  CHECK_TEXT(par->PsfFile, "a \"b\" # c");
  CHECK(takes("PsfFile \"\""));
  CHECK(!*par->PsfFile);
  /* BOM, CRLF, CR, no last end */
  CHECK_IS(parse("\xef\xbb\xbfInputFile a\r\nSspFile b\r\n\r\nOutputFile c.fits\rSeed 9"), ==, CUBIX_OK);
  REQUIRE(par);
  CHECK_TEXT(par->InputFile, "a");
  CHECK_TEXT(par->OutputFile, "c.fits");
  CHECK_IS(par->Seed, ==, 9);
  CHECK_TEXT(cubix_params_origin(par, "OutputFile"), "t.param:4");
  CHECK_TEXT(cubix_params_origin(par, "Seed"), "t.param:5");

  size_t n = 300000;   /* a path of that length is nobody's, but it must not break anything */
  char *text = malloc(n + 200);
  int used = sprintf(text, "SspFile s\nOutputFile o.fits\nInputFile ");
  memset(text + used, 'x', n);
  strcpy(text + used + n, "   % comment\nSeed 5");
  CHECK_IS(parse(text), ==, CUBIX_OK);
  CHECK_IS(strlen(par->InputFile), ==, n);
  CHECK_IS(par->Seed, ==, 5);
  memcpy(text, "PspFile", 7);   /* and a mistake in such a file still has a short message */
  CHECK_IS(parse(text), ==, CUBIX_EUSAGE);
  CHECK_IS(strlen(cubix_error_message()), <, 300);
  free(text);
}

static void test_units(void)
{
  char list[200];
  CHECK(takes(
      "PixelScale 200 mas\nFieldOfView 1 2 arcmin\nLambdaMin 480 nm\nLambdaMax 0.93 um\nLambdaStep 1.25 Angstrom\n"
      "ExposureTime 2 h\nDistance 44595 kpc\nSystemicVelocity 1000 0 -250 m/s\nRoll 1 rad\nCentre 0.001 0 1 Mpc"));
  CHECK_IS(par->PixelScale.x, ==, 0.2);
  CHECK_IS(par->FieldOfView.x, ==, 60.);
  CHECK_IS(par->FieldOfView.y, ==, 120.);
  CHECK_IS(par->LambdaMin, ==, 4800.);
  CHECK_IS(par->LambdaMax, ==, 9300.);
  CHECK_IS(par->LambdaStep, ==, 1.25);
  CHECK_IS(par->ExposureTime, ==, 7200.);
  CHECK_IS(par->Distance, ==, 44.595);
  CHECK_IS(par->SystemicVelocity.x[0], ==, 1.);
  CHECK_IS(par->SystemicVelocity.x[2], ==, -0.25);
  CHECK_CLOSE(par->Roll, 57.29577951308232, 1e-13);
  CHECK_IS(par->Centre.x[0], ==, 1.);
  CHECK_IS(par->Centre.x[2], ==, 1000.);
  double x = 0.1;
  int same = 0;
  for (int i = 1; i <= 1000; i++) {   /* its own unit leaves a number as it is, bit by bit */
    double y = i / 997.;
    same += cubix_unit_convert("deg", "deg", 1, &y) == 0 && y == i / 997.;
  }
  CHECK_IS(same, ==, 1000);
  CHECK_IS(cubix_unit_convert("parsec", "kpc", 1, &x), ==, -1);
  CHECK_IS(cubix_unit_convert("nm", "kpc", 1, &x), ==, -2);
  CHECK_IS(x, ==, 0.1);
  CHECK_IS(cubix_unit_convert("nm", "bananas", 1, &x), ==, -2);
  CHECK_IS(x, ==, 0.1);
  cubix_unit_list("km/s", list, sizeof list);
  CHECK_TEXT(list, "km/s (or m/s)");
  char little[12];
  cubix_unit_list("arcsec", little, sizeof little);
  CHECK_TEXT(little, "arcsec (or ");
}

/* A list is a text of many words, and none of them gets lost. */
static void test_lists(void)
{
  char line[1024] = "GadgetBlocks";
  CHECK(takes("GadgetBlocks U RHO NE NH HSML SFR AGE Z POT  ACCE # all"));
  CHECK_TEXT(par->GadgetBlocks, "U RHO NE NH HSML SFR AGE Z POT ACCE");
  for (int i = 0; i < 129; i++) strcat(line, " U");
  CHECK(refuses(line, "t.param:4: GadgetBlocks: there are more than 128 words"));
  line[strlen(line) - 2] = '\0';
  CHECK(takes(line));
}

/* ---- what is refused, and in which words ----------------------------------------------------- */

static void test_refused(void)
{
  static const struct { const char *line, *message;
  } table[] = {
    { "PixelScale -0.2", "PixelScale = -0.2 must be 0..1000 arcsec" },
    { "PixelScale 1 deg", "PixelScale = 1 deg must be 0..1000 arcsec and is 3600 arcsec" },
    { "FieldOfView 9 -1", "FieldOfView = 9 -1 must be 0..1e5 arcsec" },
    { "FieldOfView 1 2 3", "FieldOfView = 1 2 3 must be one or two numbers, 0..1e5 arcsec" },
    { "Redshift 20.1", "Redshift = 20.1 must be -0.01..20 or snapshot" },
    { "Redshift 0.1 kpc", "Redshift = 0.1 kpc must be a number without unit" },
    { "Redshift nan", "Redshift = nan must be a number, -0.01..20 or snapshot" },
    { "Redshift inf", "Redshift = inf must be a number, -0.01..20 or snapshot" },
    { "Redshift 0x1", "Redshift = 0x1 must be a number, -0.01..20 or snapshot" },
    { "Redshift 1e999", "Redshift = 1e999 must be a number, -0.01..20 or snapshot" },
    { "Redshift 1.5.2", "Redshift = 1.5.2 must be a number, -0.01..20 or snapshot" },
    { "Redshift 0.1%", "Redshift = 0.1% must be a number, -0.01..20 or snapshot; a blank must come before a comment" },
    { "Redshift", "Redshift has no value" },
    { "Redshift % 0.1", "Redshift has no value" },
    { "Roll 1 2", "Roll = 1 2 must be a number, -360..360 deg" },
    { "Seed 1.0", "Seed = 1.0 must be a whole number, 0..2147483647" },
    { "Seed 2147483648", "Seed = 2147483648 must be 0..2147483647" },
    { "Seed 1e3", "Seed = 1e3 must be a whole number, 0..2147483647" },
    { "Seed -1", "Seed = -1 must be 0..2147483647" },
    { "MinStars 99999999999999999999", "MinStars = 99999999999999999999 must be 0..1000000000" },
    { "CentreRadius 1 arcsec", "CentreRadius = 1 arcsec must be in kpc (or pc, Mpc)" },
    { "CentreRadius 1 parsec", "CentreRadius = 1 parsec must be in kpc (or pc, Mpc); the unit is unknown" },
    { "SmoothingLength 0", "SmoothingLength = 0 must be file, knn or a number above 0, up to 1e6 kpc" },
    { "SmoothingLength knnn", "SmoothingLength = knnn must be file, knn or a number above 0, up to 1e6 kpc" },
    { "SmoothingLength -1 pc",
      "SmoothingLength = -1 pc must be file, knn or a number above 0, up to 1e6 kpc and is -0.001 kpc" },
    { "SmoothingLength File", "SmoothingLength = File must be file, knn or a number above 0, up to 1e6 kpc" },
    { "SmoothingLength 1 2", "SmoothingLength = 1 2 must be file, knn or a number above 0, up to 1e6 kpc" },
    { "SmoothingLength file kpc", "SmoothingLength = file kpc must be file, knn or a number above 0, up to 1e6 kpc" },
    { "SmoothingLength 2 arcsec", "SmoothingLength = 2 arcsec must be in kpc (or pc, Mpc)" },
    { "DepositLength 0", "parameter DepositLength is called SmoothingLength here" },
    { "Centre 1 2", "Centre = 1 2 must be auto, median, shrinking-sphere, potential or three numbers in kpc" },
    { "Centre auto kpc",
      "Centre = auto kpc must be auto, median, shrinking-sphere, potential or three numbers in kpc" },
    { "Centre 1 2 1e308 Mpc",
      "Centre = 1 2 1e308 Mpc must be auto, median, shrinking-sphere, potential or three numbers in kpc" },
    { "Psf Moffat", "Psf = Moffat must be instrument, none, gaussian, moffat or file" },
    { "Psf none none", "Psf = none none must be instrument, none, gaussian, moffat or file" },
    { "Overwrite perhaps", "Overwrite = perhaps must be yes or no" },
    { "PsfFile a b", "PsfFile = a b must be one text; put \"quotes\" about a value with blanks" },
    { "PsfFile \"a\tb\"", "PsfFile = a?b must not hold tabs, line ends or other control characters" },
    { "PsfFile \"a", "PsfFile: the closing quote is missing" },
    { "PsfFile \"a\"b", "PsfFile: a blank must follow the closing quote (a quote within quotes is written \"\")" },
    { "Pixelscale 1", "unknown parameter Pixelscale; did you mean PixelScale?" },
    { "Redhsift 1", "unknown parameter Redhsift; did you mean Redshift?" },
    { "PIXELSCLE 1", "unknown parameter PIXELSCLE; did you mean PixelScale?" },
    { "Pixel 1", "unknown parameter Pixel; did you mean PixelScale?" },
    { "Xyzzy 1", "unknown parameter Xyzzy; cubix --help lists all" },
    { "Omega0 0.3", "parameter Omega0 is called OmegaMatter here" },
    { "Seed = 3", "Seed: write the name, a blank and the value; = belongs to the command line" },
    { "Seed=3", "Seed=3: write the name, a blank and the value; = belongs to the command line" },
    { "SspFile b", "SspFile is given twice, first in line 2" },
  };
  for (int i = 0; i < N_OF(table); i++) {
    char message[512];
    snprintf(message, sizeof message, "t.param:4: %s", table[i].message);
    CHECK(refuses(table[i].line, message));
  }
  CHECK_IS(parse("InputFile \"\"\nOutputFile o.fits\nSeed 2"), ==, CUBIX_EUSAGE);
  CHECK_TEXT(cubix_error_message(), "t.param:1: InputFile = \"\" must not be empty\n"
                                    "t.param: SspFile is missing: Library of simple stellar populations in "
                                    "CUBIX's HDF5 format; cubix-ssp makes one.");
}

static void test_all_at_once(void)
{
  CHECK(refuses("Seed 1\nSeed 2\nFoobar 1\nRedshift -1\n\nPsf x", "t.param:5: Seed is given twice, first in line 4\n"
    "t.param:6: unknown parameter Foobar; cubix --help lists all\n"
    "t.param:7: Redshift = -1 must be -0.01..20 or snapshot\n"
    "t.param:9: Psf = x must be instrument, none, gaussian, moffat or file"));

  char text[20000] = REQUIRED;   /* more than a message holds: what does not fit is counted */
  for (int i = 0; i < 400; i++) sprintf(text + strlen(text), "NoSuchThing%d 1\n", i);
  CHECK_IS(parse(text), ==, CUBIX_EUSAGE);
  const char *message = cubix_error_message(), *more = strstr(message, "\n... and ");
  int lines = 0;
  for (const char *c = message; (c = strchr(c, '\n')); c++) lines++;
  CHECK_IS(strlen(message), <, 4095);
  CHECK(more);
  CHECK_IS(lines + atoi(more + 9), ==, 400);
}

static void test_overrides(void)
{
  const char *const good[] = { "Seed=11", "PixelScale=200 mas", "OutputFile=my cube.fits", " Centre = 1, 2, 3 kpc" + 1,
                               "PsfFile=" };
  CHECK_IS(parse_with(REQUIRED "Seed 4\nPsfFile p.fits", N_OF(good), good), ==, CUBIX_OK);
  CHECK_IS(par->Seed, ==, 11);
  CHECK_IS(par->PixelScale.y, ==, 0.2);
  CHECK_TEXT(par->OutputFile, "my cube.fits");
  CHECK_IS(par->Centre.x[1], ==, 2.);
  CHECK(!*par->PsfFile);
  CHECK_TEXT(cubix_params_origin(par, "Seed"), "command line");
  CHECK_TEXT(cubix_params_origin(par, "InputFile"), "t.param:1");
  const char *const all[] = { "InputFile=a", "SspFile=\"b c\"", "OutputFile=c.fits" };
  /* no file is needed for what is required */
  CHECK_IS(parse_with("", N_OF(all), all), ==, CUBIX_OK);
  CHECK_TEXT(par->SspFile, "b c");
  const char *const wrong[] = { "Seed=1",      "Seed=2", "Seed",       "=1",        "seed=1",
                                "Redshift=25", "Psf=",   "InputFile=", "Omega0=0.3" };
  CHECK(refuses_override(wrong, N_OF(wrong), "command line: Seed is given twice\n"
    "command line: Seed must be Name=value\n"
    "command line: =1 must be Name=value\n"
    "command line: unknown parameter seed; did you mean Seed?\n"
    "command line: Redshift = 25 must be -0.01..20 or snapshot\n"
    "command line: Psf has no value\n"
    "command line: InputFile = \"\" must not be empty\n"
    "command line: parameter Omega0 is called OmegaMatter here"));
  const char *const fine[] = { "Redshift=0.2" };   /* the file's own mistake is told all the same */
  CHECK_IS(parse_with(REQUIRED "Redshift -1", 1, fine), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "t.param:4: Redshift = -1");
}

static void test_set(void)
{
  CHECK(takes(""));
  CHECK_IS(cubix_params_set(par, "PixelScale", "0.5 0.25 arcsec"), ==, CUBIX_OK);
  CHECK_IS(par->PixelScale.y, ==, 0.25);
  CHECK_TEXT(cubix_params_origin(par, "PixelScale"), "set by the program");
  CHECK_IS(cubix_params_set(par, "OutputFile", "two words.fits"), ==, CUBIX_OK);
  CHECK_TEXT(par->OutputFile, "two words.fits");
  /* the old value stays */
  CHECK_IS(cubix_params_set(par, "Orientation", "sideways"), ==, CUBIX_EUSAGE);
  CHECK_IS(par->Orientation, ==, CUBIX_Orientation_none);
  CHECK_TEXT(cubix_error_message(), "Orientation = sideways must be none, angles, faceon, edgeon or inclined");
  CHECK_IS(cubix_params_set(par, "Orientatoin", "none"), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "did you mean Orientation?");
  cubix_params_free(NULL);
}

/* Each word of each choice is the enumerator of its name, whoever sets it. */
static void test_choices(void)
{
  CHECK(takes(""));
  char words[256], text[64];
  int n_choice = 0;
  for (int i = 0; i < cubix_param_n_row; i++) {
    const struct cubix_param_row *row = &cubix_param_table[i];
    if (row->type != CUBIX_PARAM_CHOICE) continue;
    int value = 0, *member = (int *)((char *)par + row->offset);
    n_choice++;
    for (char *word = strtok(strcpy(words, row->words), "|"); word; word = strtok(NULL, "|"), value++) {
      CHECK_TEXT(row->word[value], word);
      CHECK(!cubix_params_set(par, row->name, word));
      CHECK_IS(*member, ==, value);
      *member = 0;
      cubix_param_text(par, i, text, sizeof text);
      CHECK_TEXT(text, row->word[0]);
      *member = value;
      cubix_param_text(par, i, text, sizeof text);
      CHECK_TEXT(text, word);
    }
    CHECK_IS(value, >=, 2);
  }
  CHECK_IS(n_choice, >=, 16);
  CHECK_TEXT(cubix_Orientation_word[CUBIX_Orientation_edgeon], "edgeon");
  CHECK_TEXT(cubix_Backend_word[CUBIX_Backend_cuda], "cuda");
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_defaults());
  CASE(test_values());
  CASE(test_comoving());
  CASE(test_text());
  CASE(test_lists());
  CASE(test_units());
  CASE(test_refused());
  CASE(test_all_at_once());
  CASE(test_overrides());
  CASE(test_set());
  CASE(test_choices());
  cubix_params_free(par);
  return check_done();
}
