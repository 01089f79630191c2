/* test_params.c -- the parameter file: what is read, what is refused and in which words, what is
 * written and reads back. */
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

/* What a writer writes, to be freed. */
static char *written(int (*write)(const struct cubix_params *, FILE *))
{
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  CHECK(write(par, out) == CUBIX_OK);
  fclose(out);
  return text;
}

static char *doc_of(const char *form)
{
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  CHECK(cubix_params_write_doc(out, form) == CUBIX_OK);
  fclose(out);
  return text;
}

static char *help_of(const char *name, int *status)
{
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  *status = cubix_params_write_help(out, name);
  fclose(out);
  return text;
}

/* ---- what is read ---------------------------------------------------------------------------- */

static void test_defaults(void)
{
  struct cubix_param_info info;
  int n_required = 0;

  CHECK(takes(""));
  CHECK(!strcmp(par->SimulationFormat, "auto") && !strcmp(par->PsfFile, "") &&
        par->Orientation == CUBIX_Orientation_none);
  CHECK(par->Overwrite == 1 && par->KeepNoiseFree == 0 && par->Seed == 1 && par->FluxUnit == -20);
  CHECK(par->Redshift == 0.01 && par->PixelScale.x == 0. && par->PixelScale.y == 0.);
  CHECK(par->Centre.word && !strcmp(par->Centre.word, "auto"));
  CHECK(!strcmp(cubix_params_origin(par, "Seed"), "default") &&
        !strcmp(cubix_params_origin(par, "InputFile"), "t.param:1"));
  for (int i = 0; i < cubix_params_count(); i++) {   /* each row of the table is documented and has its place */
    cubix_params_info(par, i, &info);
    n_required += !info.dflt;
    CHECK(strlen(info.help) > 10 && info.help[strlen(info.help) - 1] == '.' && *info.section && *info.value);
    CHECK(info.dflt || !strncmp(info.origin, "t.param:", 8));
    CHECK(cubix_param_find(info.name) >= 0);
  }
  CHECK(n_required == 3);
  for (const struct cubix_param_rename *r = cubix_param_renames; r->other; r++)
    CHECK(cubix_param_find(r->other) < 0 && cubix_param_find(r->name) >= 0);
  cubix_params_info(NULL, 0, &info);
  CHECK(!strcmp(info.name, "InputFile") && !strcmp(info.section, "Files") && !*info.value);
}

static void test_values(void)
{
  CHECK(takes("Seed 7\nRedshift\t1.5e-1\nPixelScale 0.2\nFieldOfView 60 30\nCentre 1 -2 .5\nPsf moffat\nTruthMaps "
              "no\nPsfFile a%b#c.fits"));
  CHECK(par->Seed == 7 && par->Redshift == 0.15 && par->PixelScale.x == 0.2 && par->PixelScale.y == 0.2);
  CHECK(par->FieldOfView.x == 60. && par->FieldOfView.y == 30.);
  CHECK(!par->Centre.word && par->Centre.x[0] == 1. && par->Centre.x[1] == -2. && par->Centre.x[2] == 0.5);
  CHECK(par->Psf == CUBIX_Psf_moffat && par->TruthMaps == 0 && !strcmp(par->PsfFile, "a%b#c.fits"));
  CHECK(!strcmp(cubix_params_origin(par, "Redshift"), "t.param:5"));
  CHECK(takes("Centre 1, 2 , 3 kpc\nFieldOfView 60, 30") && par->Centre.x[2] == 3. && par->FieldOfView.y == 30.);
  const char *const yes[] = { "yes", "1", "true", "on", "Yes", "TRUE" }, *const no[] = { "no",  "0",  "false",
                                                                                         "off", "No", "OFF" };
  for (int i = 0; i < N_OF(yes); i++) {
    char line[64];
    snprintf(line, sizeof line, "KeepNoiseFree %s", yes[i]);
    CHECK(takes(line) && par->KeepNoiseFree == 1);
    snprintf(line, sizeof line, "Overwrite %s", no[i]);
    CHECK(takes(line) && par->Overwrite == 0);
  }
  CHECK(takes("Seed 2147483647\nFluxUnit -40\nInclination 180\nCentreRadius 1e-6"));   /* bounds belong to the range */
}

static void test_text(void)
{
  CHECK(takes("% a comment\n# another\n\n   \t \nSeed 3 % why\nMinStars 4 # why not"));
  CHECK(par->Seed == 3 && par->MinStars == 4);
  CHECK(takes("PsfFile \"my psf.fits\"   % in quotes") && !strcmp(par->PsfFile, "my psf.fits"));
  CHECK(takes("PsfFile \"a \"\"b\"\" # c\"") && !strcmp(par->PsfFile, "a \"b\" # c") && takes("PsfFile \"\"") &&
        !*par->PsfFile);
  /* BOM, CRLF, CR, no last end */
  CHECK(parse("\xef\xbb\xbfInputFile a\r\nSspFile b\r\n\r\nOutputFile c.fits\rSeed 9") == CUBIX_OK);
  CHECK(par && !strcmp(par->InputFile, "a") && !strcmp(par->OutputFile, "c.fits") && par->Seed == 9);
  CHECK(!strcmp(cubix_params_origin(par, "OutputFile"), "t.param:4") &&
        !strcmp(cubix_params_origin(par, "Seed"), "t.param:5"));

  size_t n = 300000;   /* a path of that length is nobody's, but it must not break anything */
  char *text = malloc(n + 200);
  int used = sprintf(text, "SspFile s\nOutputFile o.fits\nInputFile ");
  memset(text + used, 'x', n);
  strcpy(text + used + n, "   % comment\nSeed 5");
  CHECK(parse(text) == CUBIX_OK && strlen(par->InputFile) == n && par->Seed == 5);
  memcpy(text, "PspFile", 7);   /* and a mistake in such a file still has a short message */
  CHECK(parse(text) == CUBIX_EUSAGE && strlen(cubix_error_message()) < 300);
  free(text);
}

static void test_units(void)
{
  char list[200];
  CHECK(takes(
      "PixelScale 200 mas\nFieldOfView 1 2 arcmin\nLambdaMin 480 nm\nLambdaMax 0.93 um\nLambdaStep 1.25 Angstrom\n"
      "ExposureTime 2 h\nDistance 44595 kpc\nSystemicVelocity 1000 0 -250 m/s\nRoll 1 rad\nCentre 0.001 0 1 Mpc"));
  CHECK(par->PixelScale.x == 0.2 && par->FieldOfView.x == 60. && par->FieldOfView.y == 120.);
  CHECK(par->LambdaMin == 4800. && par->LambdaMax == 9300. && par->LambdaStep == 1.25);
  CHECK(par->ExposureTime == 7200. && par->Distance == 44.595 && par->SystemicVelocity.x[0] == 1. &&
        par->SystemicVelocity.x[2] == -0.25);
  CHECK_CLOSE(par->Roll, 57.29577951308232, 1e-13);
  CHECK(par->Centre.x[0] == 1. && par->Centre.x[2] == 1000.);
  double x = 0.1;
  int same = 0;
  for (int i = 1; i <= 1000; i++) {   /* its own unit leaves a number as it is, bit by bit */
    double y = i / 997.;
    same += cubix_unit_convert("deg", "deg", 1, &y) == 0 && y == i / 997.;
  }
  CHECK(same == 1000);
  CHECK(cubix_unit_convert("parsec", "kpc", 1, &x) == -1 && cubix_unit_convert("nm", "kpc", 1, &x) == -2 && x == 0.1);
  CHECK(cubix_unit_convert("nm", "bananas", 1, &x) == -2 && x == 0.1);
  cubix_unit_list("km/s", list, sizeof list);
  CHECK(!strcmp(list, "km/s (or m/s)"));
  char little[12];
  cubix_unit_list("arcsec", little, sizeof little);
  CHECK(!strcmp(little, "arcsec (or "));
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
    { "Redshift 20.1", "Redshift = 20.1 must be -0.01..20" },
    { "Redshift 0.1 kpc", "Redshift = 0.1 kpc must be a number without unit" },
    { "Redshift nan", "Redshift = nan must be a number, -0.01..20" },
    { "Redshift inf", "Redshift = inf must be a number, -0.01..20" },
    { "Redshift 0x1", "Redshift = 0x1 must be a number, -0.01..20" },
    { "Redshift 1e999", "Redshift = 1e999 must be a number, -0.01..20" },
    { "Redshift 1.5.2", "Redshift = 1.5.2 must be a number, -0.01..20" },
    { "Redshift 0.1%", "Redshift = 0.1% must be a number, -0.01..20; a blank must come before a comment" },
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
  CHECK(parse("InputFile \"\"\nOutputFile o.fits\nSeed 2") == CUBIX_EUSAGE);
  CHECK(!strcmp(cubix_error_message(), "t.param:1: InputFile = \"\" must not be empty\n"
                                       "t.param: SspFile is missing: Library of simple stellar populations in "
                                       "CUBIX's HDF5 format; cubix-ssp makes one."));
}

static void test_all_at_once(void)
{
  CHECK(refuses("Seed 1\nSeed 2\nFoobar 1\nRedshift -1\n\nPsf x", "t.param:5: Seed is given twice, first in line 4\n"
    "t.param:6: unknown parameter Foobar; cubix --help lists all\n"
    "t.param:7: Redshift = -1 must be -0.01..20\n"
    "t.param:9: Psf = x must be instrument, none, gaussian, moffat or file"));

  char text[20000] = REQUIRED;   /* more than a message holds: what does not fit is counted */
  for (int i = 0; i < 400; i++) sprintf(text + strlen(text), "NoSuchThing%d 1\n", i);
  CHECK(parse(text) == CUBIX_EUSAGE);
  const char *message = cubix_error_message(), *more = strstr(message, "\n... and ");
  int lines = 0;
  for (const char *c = message; (c = strchr(c, '\n')); c++) lines++;
  CHECK(strlen(message) < 4095 && more && lines + atoi(more + 9) == 400);
}

static void test_overrides(void)
{
  const char *const good[] = { "Seed=11", "PixelScale=200 mas", "OutputFile=my cube.fits", " Centre = 1, 2, 3 kpc" + 1,
                               "PsfFile=" };
  CHECK(parse_with(REQUIRED "Seed 4\nPsfFile p.fits", N_OF(good), good) == CUBIX_OK);
  CHECK(par->Seed == 11 && par->PixelScale.y == 0.2 && !strcmp(par->OutputFile, "my cube.fits") &&
        par->Centre.x[1] == 2. && !*par->PsfFile);
  CHECK(!strcmp(cubix_params_origin(par, "Seed"), "command line") &&
        !strcmp(cubix_params_origin(par, "InputFile"), "t.param:1"));
  const char *const all[] = { "InputFile=a", "SspFile=\"b c\"", "OutputFile=c.fits" };
  /* no file is needed for what is required */
  CHECK(parse_with("", N_OF(all), all) == CUBIX_OK && !strcmp(par->SspFile, "b c"));
  const char *const wrong[] = { "Seed=1",      "Seed=2", "Seed",       "=1",        "seed=1",
                                "Redshift=25", "Psf=",   "InputFile=", "Omega0=0.3" };
  CHECK(refuses_override(wrong, N_OF(wrong), "command line: Seed is given twice\n"
    "command line: Seed must be Name=value\n"
    "command line: =1 must be Name=value\n"
    "command line: unknown parameter seed; did you mean Seed?\n"
    "command line: Redshift = 25 must be -0.01..20\n"
    "command line: Psf has no value\n"
    "command line: InputFile = \"\" must not be empty\n"
    "command line: parameter Omega0 is called OmegaMatter here"));
  const char *const fine[] = { "Redshift=0.2" };   /* the file's own mistake is told all the same */
  CHECK(parse_with(REQUIRED "Redshift -1", 1, fine) == CUBIX_EUSAGE &&
        strstr(cubix_error_message(), "t.param:4: Redshift = -1"));
}

static void test_set(void)
{
  CHECK(takes(""));
  CHECK(cubix_params_set(par, "PixelScale", "0.5 0.25 arcsec") == CUBIX_OK && par->PixelScale.y == 0.25);
  CHECK(!strcmp(cubix_params_origin(par, "PixelScale"), "set by the program"));
  CHECK(cubix_params_set(par, "OutputFile", "two words.fits") == CUBIX_OK &&
        !strcmp(par->OutputFile, "two words.fits"));
  /* the old value stays */
  CHECK(cubix_params_set(par, "Orientation", "sideways") == CUBIX_EUSAGE && par->Orientation == CUBIX_Orientation_none);
  CHECK(!strcmp(cubix_error_message(), "Orientation = sideways must be none, angles, faceon, edgeon or inclined"));
  CHECK(cubix_params_set(par, "Orientatoin", "none") == CUBIX_EUSAGE &&
        strstr(cubix_error_message(), "did you mean Orientation?"));
  cubix_params_free(NULL);
}

/* Each word of each choice is the enumerator of its name, whoever sets it. */
static void test_choices(void)
{
  char words[256], text[64];
  int n_choice = 0;
  for (int i = 0; i < cubix_param_n_row; i++) {
    const struct cubix_param_row *row = &cubix_param_table[i];
    if (row->type != CUBIX_PARAM_CHOICE) continue;
    int value = 0, *member = (int *)((char *)par + row->offset);
    n_choice++;
    for (char *word = strtok(strcpy(words, row->words), "|"); word; word = strtok(NULL, "|"), value++) {
      CHECK(!strcmp(row->word[value], word) && !cubix_params_set(par, row->name, word) && *member == value);
      *member = 0;
      cubix_param_text(par, i, text, sizeof text);
      CHECK(!strcmp(text, row->word[0]));
      *member = value;
      cubix_param_text(par, i, text, sizeof text);
      CHECK(!strcmp(text, word));
    }
    CHECK(value >= 2);
  }
  CHECK(n_choice >= 16 && !strcmp(cubix_Orientation_word[CUBIX_Orientation_edgeon], "edgeon") &&
        !strcmp(cubix_Backend_word[CUBIX_Backend_cuda], "cuda"));
}

/* ---- what is written ------------------------------------------------------------------------- */

static void test_numbers(void)
{
  static const struct { double x; const char *text;
  } table[] = {
    { 0., "0" },
    { -0., "-0" },
    { 0.2, "0.2" },
    { 1000., "1000" },
    { 1e6, "1e6" },
    { 1e-6, "1e-6" },
    { -250., "-250" },
    { 4750.5, "4750.5" },
    { 0.1 + 0.2, "0.30000000000000004" },
    { 1. / 3., "0.3333333333333333" },
    { 123456789., "123456789" },
    { 1.5e300, "1.5e300" },
  };
  char text[32];
  for (int i = 0; i < N_OF(table); i++) CHECK(!strcmp(cubix_param_number(table[i].x, text), table[i].text));
  uint64_t state = 1;
  int same = 0;
  for (int i = 0; i < 20000; i++) {   /* bit patterns at random, of every size there is */
    double x, back;
    state = state * 6364136223846793005u + 1442695040888963407u;
    uint64_t bits = (state ^ state >> 29) & ~(uint64_t)(UINT64_C(1) << 62);   /* no infinity, no NaN */
    memcpy(&x, &bits, sizeof x);
    back = strtod(cubix_param_number(x, text), NULL);
    same += !memcmp(&x, &back, sizeof x);
  }
  CHECK(same == 20000);
}

/* Whether a file of used values has the line `name value % origin`, however wide its columns. */
static int says(const char *text, const char *name, const char *value, const char *origin)
{
  for (const char *line = text; (line = strchr(line, '\n')) && *++line; ) {
    size_t n = strlen(name);
    if (strncmp(line, name, n)) continue;
    line += n + strspn(line + n, " ");
    if (strncmp(line, value, strlen(value))) return 0;
    line += strlen(value);
    line += strspn(line, " ");
    return line[0] == '%' && !strncmp(line + 2, origin, strlen(origin)) && line[2 + strlen(origin)] == '\n';
  }
  return 0;
}

static void test_used_values(void)
{
  const char *const overrides[] = { "Redshift=0.1234567890123456789", "PsfFile=a \"b\" % c",
                                    "FieldOfView=61 61.000000000000014", "PixelScale=0 -0" };
  CHECK(parse_with(REQUIRED "SnrAperture 123.456 mas\nCentre 1 2 0.30000000000000004 Mpc\nRoll -0\nSeed 5", 4,
                   overrides) == CUBIX_OK);
  struct cubix_params before = *par, *old = par;
  par->PsfBeta = 4. / 3.;   /* a host code may set members by hand: they are what is written */
  char *text = written(cubix_params_write_used);
  CHECK(says(text, "Redshift", "0.12345678901234568", "command line") && says(text, "Seed", "5", "t.param:7"));
  CHECK(says(text, "SnrAperture", "0.123456 arcsec", "t.param:4") &&
        says(text, "Centre", "1000 2000 300.00000000000006 kpc", "t.param:5"));
  CHECK(says(text, "MinStars", "0", "default") && says(text, "PsfFile", "\"a \"\"b\"\" % c\"", "command line"));
  CHECK(!strncmp(text, "% CUBIX ", 8));

  par = NULL;
  CHECK(parse(text) == CUBIX_OK);
  CHECK(!memcmp(&par->Redshift, &before.Redshift, sizeof(double)) && !memcmp(&par->Roll, &before.Roll, sizeof(double)));
  CHECK(!memcmp(&par->PixelScale, &before.PixelScale, sizeof before.PixelScale) && par->PsfBeta == 4. / 3.);
  CHECK(par->SnrAperture == before.SnrAperture);
  CHECK(!memcmp(&par->FieldOfView, &before.FieldOfView, sizeof before.FieldOfView) && par->FieldOfView.y > 61.);
  CHECK(!memcmp(par->Centre.x, before.Centre.x, sizeof before.Centre.x) && !par->Centre.word && par->Seed == 5);
  CHECK(!strcmp(par->PsfFile, "a \"b\" % c") && !strcmp(par->InputFile, "in.hdf5"));
  for (int i = 0; i < cubix_params_count(); i++) {
    struct cubix_param_info a, b;
    cubix_params_info(old, i, &a);
    cubix_params_info(par, i, &b);
    CHECK(!strcmp(a.value, b.value));
  }
  cubix_params_free(old);
  free(text);
}

static void test_docs(void)
{
  char *template = doc_of("template"), *markdown = doc_of("markdown"), *json = doc_of("json"), line[256];
  const char *const required[] = { "InputFile=a", "SspFile=b", "OutputFile=c.fits" };
  CHECK(parse(template) == CUBIX_EUSAGE);   /* as it stands, it lacks just what is required */
  CHECK(!strncmp(cubix_error_message(), "t.param: InputFile is missing", 29));
  CHECK(parse_with(template, 3, required) == CUBIX_OK);
  struct cubix_params *from_template = par;
  par = NULL;
  CHECK(parse_with("", 3, required) == CUBIX_OK);
  /* the template says the defaults, and everything is in every document */
  for (int i = 0; i < cubix_params_count(); i++) {
    struct cubix_param_info a, b;
    int status;
    cubix_params_info(from_template, i, &a);
    cubix_params_info(par, i, &b);
    CHECK(!strcmp(a.value, b.value));
    snprintf(line, sizeof line, "\n%s%s ", b.dflt ? "" : "%", b.name);
    CHECK(strstr(template, line));
    snprintf(line, sizeof line, "| `%s` | ", b.name);
    CHECK(strstr(markdown, line) && strstr(markdown, b.help) && strstr(markdown, b.section));
    snprintf(line, sizeof line, "{\"name\": \"%s\", \"type\": \"%s\"", b.name, b.type);
    CHECK(strstr(json, line));
    char *list = help_of(NULL, &status), *one = help_of(b.name, &status);
    snprintf(line, sizeof line, "\n  %s ", b.name);
    CHECK(status == CUBIX_OK && strstr(list, line) && !strncmp(one, b.name, strlen(b.name)));
    free(list);
    free(one);
  }
  cubix_params_free(from_template);
  free(template);
  free(markdown);
  free(json);

  int status;
  char *help = help_of("PixelScale", &status);
  CHECK(status == CUBIX_OK && strstr(help, "Unit      arcsec (or mas, arcmin, deg, rad)") &&
        strstr(help, "one or two numbers, 0..1000 arcsec"));
  free(help);
  free(help_of("pixelscale", &status));
  CHECK(cubix_error_exit_status(status) == 2 &&
        !strcmp(cubix_error_message(), "unknown parameter pixelscale; did you mean PixelScale?"));
  CHECK(cubix_params_write_doc(stdout, "latex") == CUBIX_EUSAGE &&
        strstr(cubix_error_message(), "template, markdown or json"));
  FILE *full = fopen("/dev/full", "w");
  if (full) {
    CHECK(cubix_params_write_used(par, full) == CUBIX_EOUTPUT);
    fclose(full);
  }
}

int main(void)
{
  test_defaults();
  test_values();
  test_text();
  test_units();
  test_refused();
  test_all_at_once();
  test_overrides();
  test_set();
  test_choices();
  test_numbers();
  test_used_values();
  test_docs();
  cubix_params_free(par);
  return check_done();
}
