/* cubix_mock.c -- cubix-mock: a galaxy in the IllustrisTNG layout.
 *
 * Every option is a row of the table below: reading, bounds and --help come from there.  All that
 * is wrong is reported at once. Rank 0 prints; standard error bears messages, standard output the
 * one line that says what was written. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"
#include "mock/mock.h"
#include "mock/mock_galaxy.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/cores.h"
#include "mpi/comm/group.h"
#include "mpi/mock/mock_write.h"
#include "program/console.h"
#include "version.h"

enum kind { COUNT, NUMBER, FLAG };

static const struct option {
  const char *name;
  enum kind kind;
  size_t offset;                  /* in struct cubix_mock_options: int64_t, double or int */
  double fallback, min, max;
  const char *unit, *help;
} table[] = {
#define AT(member) offsetof(struct cubix_mock_options, member)
  { "stars", COUNT, AT(n_star), 1e5, 1, 1e11, "", "star particles" },
  { "gas", COUNT, AT(n_gas), 1e4, 0, 1e11, "", "gas cells" },
  { "winds", COUNT, AT(n_wind), 0, 0, 1e7, "", "wind cells among the stars (negative formation time)" },
  { "seed", COUNT, AT(seed), 1, 0, 9007199254740992., "", "of every random number" },
  { "files", COUNT, AT(n_file), 1, 1, 10000, "", "pieces of the snapshot: STEM.0.hdf5, STEM.1.hdf5 ..." },
  { "h5-chunk", COUNT, AT(chunk), 0, 0, 1e7, "rows", "of an HDF5 chunk; 0: contiguous datasets" },
  { "redshift", NUMBER, AT(redshift), 0, 0, 10, "", "of the snapshot" },
  { "mass", NUMBER, AT(mass), 6e10, 1e5, 1e14, "Msun", "formed by all stars" },
  { "radius", NUMBER, AT(radius), 3, 1e-3, 100, "kpc", "exponential scale length of the disc" },
  { "thickness", NUMBER, AT(thickness), 0, 0, 100, "kpc",
    "scale height of the oldest disc stars; 0: a tenth of the radius" },
  { "bulge", NUMBER, AT(bulge), 0.2, 0, 1, "", "fraction of the mass in the bulge" },
  { "arms", COUNT, AT(arms), 2, 0, 12, "", "spiral arms; 0: none" },
  { "speed", NUMBER, AT(speed), 0, 0, 3000, "km/s", "of rotation, far out; 0: from the mass" },
  { "inclination", NUMBER, AT(inclination), 0, -360, 360, "deg", "tilt of the spin from +z, about the x axis" },
  { "box", NUMBER, AT(box), 35000, 1, 1e9, "kpc/h", "comoving side of the periodic box" },
  { "wrap", FLAG, AT(wrap), 0, 0, 1, "", "the galaxy lies across faces of the box" },
  { "minimal", FLAG, AT(minimal), 0, 0, 1, "", "only the fields that readers need (a third of the size)" },
};
enum { N_OPTION = sizeof table / sizeof *table };

static void set(struct cubix_mock_options *o, const struct option *row, double x)
{
  char *at = (char *)o + row->offset;
  if (row->kind == COUNT) *(int64_t *)at = (int64_t)x;
  else if (row->kind == NUMBER) *(double *)at = x;
  else *(int *)at = x != 0.;
}

static void help(void)
{
  printf("usage: cubix-mock [options] OUT.hdf5\n\nA spiral galaxy in the layout of an IllustrisTNG snapshot; alone or "
         "under mpirun.\n"
         "Options are written --name value or --name=value.\n\n");
  for (int i = 0; i < N_OPTION; i++) {
    char left[64];
    snprintf(left, sizeof left, "--%s %s", table[i].name,
             table[i].kind == COUNT    ? "N"
             : table[i].kind == NUMBER ? "X"
                                       : "");
    printf("  %-16s %s", left, table[i].help);
    if (table[i].kind != FLAG) printf(" [%g%s%s]", table[i].fallback, *table[i].unit ? " " : "", table[i].unit);
    printf("\n");
  }
  printf("  %-16s %s\n  %-16s %s\n\nThe model is described in doc/mock.md and src/mock/mock.c.\n",
         "--help", "this text", "--version", "version and commit");
}

/* One more complaint. */
static void complain(char *wrong, size_t size, const char *fmt, ...) CUBIX_PRINTF(3, 4);
static void complain(char *wrong, size_t size, const char *fmt, ...)
{
  size_t used = strlen(wrong);
  va_list ap;
  va_start(ap, fmt);
  if (used) used += (size_t)snprintf(wrong + used, size - used, "\n  ");
  if (used < size) vsnprintf(wrong + used, size - used, fmt, ap);
  va_end(ap);
}

/* The value of an option, checked; complaints into `wrong`. */
static void read_value(struct cubix_mock_options *o, const struct option *row, const char *value, char *wrong,
                       size_t size)
{
  char *end;
  double x = strtod(value, &end);
  if (end == value || *end || !isfinite(x))
    complain(wrong, size, "--%s '%s': not a number", row->name, value);
  else if (row->kind == COUNT && x != floor(x))
    complain(wrong, size, "--%s %s: must be a whole number", row->name, value);
  else if (x < row->min || x > row->max)
    complain(wrong, size, "--%s %s: must be from %g to %g%s%s", row->name, value, row->min, row->max,
             *row->unit ? " " : "", row->unit);
  else
    set(o, row, x);
}

/* @param[out] path the output, borrowed from argv; word: 'h' or 'v' where help or version is all that is asked for */
static int read_options(struct cubix_mock_options *o, int argc, char **argv, const char **path, int *word)
{
  int status = CUBIX_OK;
  char wrong[3500] = "";
  for (int i = 0; i < N_OPTION; i++) set(o, &table[i], table[i].fallback);
  *path = NULL;
  for (int i = 1; i < argc; i++) {
    const char *arg = argv[i], *equal = strchr(arg, '=');
    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) { *word = 'h'; return CUBIX_OK; }
    if (strcmp(arg, "--version") == 0) { *word = 'v'; return CUBIX_OK; }
    if (arg[0] != '-') {
      if (*path) complain(wrong, sizeof wrong, "'%s': there can be only one output, and that is %s", arg, *path);
      else *path = arg;
      continue;
    }
    size_t n = arg[1] == '-' ? (equal ? (size_t)(equal - arg) : strlen(arg)) - 2 : 0;
    const struct option *row = NULL;
    for (int k = 0; k < N_OPTION; k++)
      if (n == strlen(table[k].name) && strncmp(arg + 2, table[k].name, n) == 0) row = &table[k];
    if (!row) complain(wrong, sizeof wrong, "'%s': no such option (cubix-mock --help lists them)", arg);
    else if (row->kind == FLAG && equal) complain(wrong, sizeof wrong, "--%s takes no value", row->name);
    else if (row->kind == FLAG) set(o, row, 1.);
    else if (!equal && i + 1 == argc) complain(wrong, sizeof wrong, "--%s: its value is missing", row->name);
    else read_value(o, row, equal ? equal + 1 : argv[++i], wrong, sizeof wrong);
  }
  if (!*path || !**path) complain(wrong, sizeof wrong, "no output named: cubix-mock [options] OUT.hdf5");
  CUBIX_CHECK(!*wrong, CUBIX_EUSAGE, "%s", wrong);
done:
  return status;
}

/* All options in one line, as they would be typed. */
static void options_text(const struct cubix_mock_options *o, char *text, size_t size)
{
  text[0] = '\0';
  for (int i = 0; i < N_OPTION; i++) {
    const char *at = (const char *)o + table[i].offset;
    size_t used = strlen(text);
    if (table[i].kind == COUNT)
      snprintf(text + used, size - used, "--%s %lld ", table[i].name, (long long)*(const int64_t *)at);
    else if (table[i].kind == NUMBER)
      snprintf(text + used, size - used, "--%s %.17g ", table[i].name, *(const double *)at);
    else if (*(const int *)at) snprintf(text + used, size - used, "--%s ", table[i].name);
  }
  text[strlen(text) - 1] = '\0';
}

int main(int argc, char **argv)
{
  struct cubix_mock_options options;
  struct cubix_mock *mock = NULL;
  const char *path = NULL;
  char text[1024];
  int status = CUBIX_OK, word = 0, root;
  int64_t bytes = 0;
  double start = cubix_log_clock();

  CUBIX_TRY(cubix_mpi_start(&argc, &argv));
  root = cubix_mpi_rank() == 0;
  cubix_console_open("cubix-mock", root, 1, 0);
  cubix_console_catch_signals("cubix-mock", root, cubix_atomic_file_abandon);
  CUBIX_TRY(read_options(&options, argc, argv, &path, &word));
  if (word && root) {
    if (word == 'h') help(); else printf("cubix-mock %s (%s)\n", CUBIX_VERSION, CUBIX_COMMIT);
  }
  if (word) goto done;
  cubix_mpi_cores_warn();
  options_text(&options, text, sizeof text);
  CUBIX_TRY(cubix_mpi_agree(cubix_mock_init(&mock, &options)));
  CUBIX_TRY(cubix_mpi_mock_write(mock, path, text, &bytes));
  if (root)
    printf("%s: %lld stars, %lld gas cells, %lld wind cells in %lld file(s), %.1f MB, %.2f s\n", path,
           (long long)options.n_star, (long long)options.n_gas, (long long)options.n_wind, (long long)options.n_file,
           1e-6 * (double)bytes, cubix_log_clock() - start);
done:
  if (status) cubix_console_error("cubix-mock", 0);
  cubix_mock_free(mock);
  return cubix_mpi_finish(status);
}
