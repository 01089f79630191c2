/* test_params_written.c -- what is written of parameters: the used values, which read back, and the
 * documents. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include "base/error.h"
#include "base/units.h"
#include "params/params_table.h"
#include "tests/params_lab.h"

#include <stdint.h>

/* What a writer writes, to be freed. */
static char *written(int (*write)(const struct cubix_params *, FILE *))
{
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  CHECK_IS(write(par, out), ==, CUBIX_OK);
  fclose(out);
  return text;
}

static char *doc_of(const char *form)
{
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  CHECK_IS(cubix_params_write_doc(out, form), ==, CUBIX_OK);
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
  for (int i = 0; i < N_OF(table); i++) CHECK_TEXT(cubix_param_number(table[i].x, text), table[i].text);
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
  CHECK_IS(same, ==, 20000);
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
  CHECK_IS(parse_with(REQUIRED "SnrAperture 123.456 mas\nCentre 1 2 0.30000000000000004 Mpc\nRoll -0\nSeed 5", 4,
           overrides), ==, CUBIX_OK);
  struct cubix_params before = *par, *old = par;
  par->PsfBeta = 4. / 3.;   /* a host code may set members by hand: they are what is written */
  char *text = written(cubix_params_write_used);
  CHECK(says(text, "Redshift", "0.12345678901234568", "command line"));
  CHECK(says(text, "Seed", "5", "t.param:7"));
  CHECK(says(text, "SnrAperture", "0.123456 arcsec", "t.param:4"));
  CHECK(says(text, "Centre", "1000 2000 300.00000000000006 kpc", "t.param:5"));
  CHECK(says(text, "MinStars", "0", "default"));
  CHECK(says(text, "PsfFile", "\"a \"\"b\"\" % c\"", "command line"));
  CHECK(!strncmp(text, "% CUBIX ", 8));

  par = NULL;
  CHECK_IS(parse(text), ==, CUBIX_OK);
  CHECK(!memcmp(&par->Redshift, &before.Redshift, sizeof(double)));
  CHECK(!memcmp(&par->Roll, &before.Roll, sizeof(double)));
  CHECK(!memcmp(&par->PixelScale, &before.PixelScale, sizeof before.PixelScale));
  CHECK_IS(par->PsfBeta, ==, 4. / 3.);
  CHECK_IS(par->SnrAperture, ==, before.SnrAperture);
  CHECK(!memcmp(&par->FieldOfView, &before.FieldOfView, sizeof before.FieldOfView));
  CHECK_IS(par->FieldOfView.y, >, 61.);
  CHECK(!memcmp(par->Centre.x, before.Centre.x, sizeof before.Centre.x));
  CHECK(!par->Centre.word);
  CHECK_IS(par->Seed, ==, 5);
  CHECK_TEXT(par->PsfFile, "a \"b\" % c");
  CHECK_TEXT(par->InputFile, "in.hdf5");
  for (int i = 0; i < cubix_params_count(); i++) {
    struct cubix_param_info a, b;
    cubix_params_info(old, i, &a);
    cubix_params_info(par, i, &b);
    CHECK_TEXT(a.value, b.value);
  }
  cubix_params_free(old);
  free(text);
}

static void test_docs(void)
{
  char *template = doc_of("template"), *markdown = doc_of("markdown"), *json = doc_of("json"), line[256];
  const char *const required[] = { "InputFile=a", "SspFile=b", "OutputFile=c.fits" };
  CHECK_IS(parse(template), ==, CUBIX_EUSAGE);   /* as it stands, it lacks just what is required */
  CHECK(!strncmp(cubix_error_message(), "t.param: InputFile is missing", 29));
  CHECK_IS(parse_with(template, 3, required), ==, CUBIX_OK);
  struct cubix_params *from_template = par;
  par = NULL;
  CHECK_IS(parse_with("", 3, required), ==, CUBIX_OK);
  /* the template says the defaults, and everything is in every document */
  for (int i = 0; i < cubix_params_count(); i++) {
    struct cubix_param_info a, b;
    int status;
    cubix_params_info(from_template, i, &a);
    cubix_params_info(par, i, &b);
    CHECK_TEXT(a.value, b.value);
    snprintf(line, sizeof line, "\n%s%s ", b.dflt ? "" : "%", b.name);
    CHECK_SAYS(template, line);
    snprintf(line, sizeof line, "| `%s` | ", b.name);
    CHECK_SAYS(markdown, line);
    CHECK_SAYS(markdown, b.help);
    CHECK_SAYS(markdown, b.section);
    snprintf(line, sizeof line, "{\"name\": \"%s\", \"type\": \"%s\"", b.name, b.type);
    CHECK_SAYS(json, line);
    char *list = help_of(NULL, &status), *one = help_of(b.name, &status);
    snprintf(line, sizeof line, "\n  %s ", b.name);
    CHECK_IS(status, ==, CUBIX_OK);
    CHECK_SAYS(list, line);
    CHECK(!strncmp(one, b.name, strlen(b.name)));
    free(list);
    free(one);
  }
  cubix_params_free(from_template);
  free(template);
  free(markdown);
  free(json);

  int status;
  char *help = help_of("PixelScale", &status);
  CHECK_IS(status, ==, CUBIX_OK);
  CHECK_SAYS(help, "Unit      arcsec (or mas, arcmin, deg, rad)");
  CHECK_SAYS(help, "one or two numbers, 0..1000 arcsec");
  free(help);
  help = help_of("pixel-scale", &status);
  CHECK(!strncmp(help, "PixelScale   (", 14));
  free(help);
  help = help_of("dust", &status);                   /* a parameter, and a subject */
  CHECK_IS(status, ==, CUBIX_OK);
  CHECK(!strncmp(help, "Dust   (", 8));
  CHECK_SAYS(help, "\n  DustToMetal ");
  CHECK_SAYS(help, "\n  BirthCloudTau ");
  free(help);
  help = help_of("Dust", &status);
  CHECK(!strstr(help, "DustToMetal "));
  free(help);
  free(help_of("PixlScale", &status));
  CHECK_IS(cubix_error_exit_status(status), ==, 2);
  CHECK_TEXT(cubix_error_message(), "unknown parameter PixlScale; did you mean PixelScale?");
  help = help_of("moffat", &status);                 /* a search: in names and help */
  CHECK_IS(status, ==, CUBIX_OK);
  CHECK_SAYS(help, "\n  PsfBeta ");
  CHECK(!strstr(help, "\n  Redshift "));
  free(help);
  help = help_of(NULL, &status);
  for (const char *begin = help; *begin; begin += strcspn(begin, "\n") + 1)
    CHECK_IS((int)strcspn(begin, "\n"), <=, 100);
  free(help);
  CHECK_IS(cubix_params_write_doc(stdout, "latex"), ==, CUBIX_EUSAGE);
  CHECK_SAYS(cubix_error_message(), "template, markdown, json or man");
  FILE *full = fopen("/dev/full", "w");
  if (full) {
    CHECK_IS(cubix_params_write_used(par, full), ==, CUBIX_EOUTPUT);
    fclose(full);
  }
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_numbers());
  CASE(test_used_values());
  CASE(test_docs());
  cubix_params_free(par);
  return check_done();
}
