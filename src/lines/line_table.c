/* line_table.c -- reading a table of emission lines, and refusing one that is not.
 *
 * Luminosities are as small as 1e-20 erg per photon and are interpolated in their logarithms: they
 * are read as float64 and must be above 0 (cubix-lines puts 1e-8 of Hb where a model has nothing). */
#include "lines/line_table.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/h5data.h"
#include "base/h5read.h"
#include "base/units.h"

enum { FILE_VERSION = 1, MOST = 1024, NAMES = 16384 };
static const double brightest = 1e-6;       /* erg per ionising photon, which has some 3e-11 itself */

int cubix_line_table_room(struct cubix_line_table *t)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(t->line, t->n_line);
  CUBIX_ALLOC(t->metallicity, t->n_z);
  CUBIX_ALLOC(t->log_u, t->n_u);
  CUBIX_ALLOC(t->age, t->n_age);
  CUBIX_ALLOC(t->luminosity, t->n_z * t->n_u * t->n_age * t->n_line);
done:
  return status;
}

int cubix_line_table_find(const struct cubix_line_table *table, const char *name)
{
  for (int l = 0; l < table->n_line; l++)
    if (!strcmp(table->line[l].name, name)) return l;
  return -1;
}

void cubix_line_table_free(struct cubix_line_table *t)
{
  if (!t) return;
  free(t->line);
  free(t->metallicity);
  free(t->log_u);
  free(t->age);
  free(t->luminosity);
  free(t);
}

/* ---- the file -------------------------------------------------------------------------------- */
struct source { hid_t file; const char *path; };

static int text(const struct source *s, const char *object, const char *name, char *to, size_t size, int *found)
{
  struct cubix_names names = { .n = 1 };
  snprintf(names.name[0], sizeof names.name[0], "%s", name);
  return cubix_h5_text(s->file, object, &names, to, size, found);
}

static int number(const struct source *s, const char *name, double *x, int *found)
{
  struct cubix_names names = { .n = 1 };
  snprintf(names.name[0], sizeof names.name[0], "%s", name);
  return cubix_h5_number(s->file, "/", &names, x, found);
}

/* What the table says of itself, and that it is one. */
static int heading(struct cubix_line_table *t, const struct source *s)
{
  int status = CUBIX_OK, found;
  char kind[32] = "";
  double version = FILE_VERSION, demo = 0;
  CUBIX_TRY(text(s, "/", "CubixFile", kind, sizeof kind, &found));
  CUBIX_CHECK(!strcmp(kind, "lines"), CUBIX_EINPUT,
              "LineFile %s: CubixFile = \"%s\", must be \"lines\": not a table of emission lines; `cubix-lines "
              "convert` makes one, and LineFile demo needs none",
              s->path, kind);
  CUBIX_TRY(number(s, "Version", &version, &found));
  CUBIX_CHECK(version == FILE_VERSION, CUBIX_EINPUT,
              "LineFile %s is of version %g, this program reads version %d: convert it with this program's cubix-lines",
              s->path, version, FILE_VERSION);
  CUBIX_TRY(text(s, "/", "Name", t->name, sizeof t->name, &found));
  CUBIX_TRY(text(s, "/", "Reference", t->reference, sizeof t->reference, &found));
  CUBIX_TRY(text(s, "/", "Licence", t->licence, sizeof t->licence, &found));
  CUBIX_TRY(number(s, "Demo", &demo, &found));
  CUBIX_TRY(number(s, "SolarMetallicity", &t->solar_z, &found));
  CUBIX_TRY(number(s, "SolarOxygen", &t->solar_oh, &found));
  t->demo = demo != 0;
done:
  return status;
}

/* A dataset of numbers with the unit and the number of dimensions that it must have.
 *  @param[out] set owned by the caller */
static int open_set(hid_t *set, hsize_t dim[4], const struct source *s, const char *name, const char *unit, int n_dim)
{
  int status = CUBIX_OK, found;
  char have[128];
  hid_t space = -1;
  CUBIX_TRY(cubix_h5_dataset(set, NULL, s->file, name));
  CUBIX_CHECK(*set >= 0, CUBIX_EINPUT,
              "LineFile %s has no dataset /%s: not a table of emission lines; `cubix-lines convert` makes one", s->path,
              name);
  CUBIX_TRY(text(s, name, "unit", have, sizeof have, &found));
  CUBIX_CHECK(found && cubix_unit_same(have, unit), CUBIX_EINPUT, "LineFile %s: /%s has unit \"%s\", must be \"%s\"",
              s->path, name, found ? have : "", unit);
  space = H5Dget_space(*set);
  const int have_dim = H5Sget_simple_extent_ndims(space);
  CUBIX_CHECK(have_dim == n_dim, CUBIX_EINPUT, "LineFile %s: /%s has %d dimensions, must have %d", s->path, name,
              have_dim, n_dim);
  H5Sget_simple_extent_dims(space, dim, NULL);
done:
  if (space >= 0) H5Sclose(space);
  return status;
}

static int read_set(double *to, hid_t set, const struct source *s, const char *name)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0, CUBIX_EINPUT,
              "LineFile %s: /%s cannot be read: it holds no numbers, or the file is damaged", s->path, name);
done:
  return status;
}

struct axis { const char *name, *unit; double least, most; int rises; };

/* @param[out] values owned by the caller */
static int read_axis(double **values, int *n, const struct source *s, const struct axis *axis)
{
  int status = CUBIX_OK;
  hid_t set = -1;
  hsize_t dim[4] = { 0 };
  CUBIX_TRY(open_set(&set, dim, s, axis->name, axis->unit, 1));
  CUBIX_CHECK(dim[0] >= 1 && dim[0] <= MOST, CUBIX_EINPUT, "LineFile %s: /%s has %llu values, must have 1 to %d",
              s->path, axis->name, (unsigned long long)dim[0], MOST);
  *n = (int)dim[0];
  CUBIX_ALLOC(*values, *n);
  CUBIX_TRY(read_set(*values, set, s, axis->name));
  for (int i = 0; i < *n; i++) {
    const double x = (*values)[i];
    CUBIX_CHECK(x >= axis->least && x <= axis->most, CUBIX_EINPUT,
                "LineFile %s: /%s[%d] = %g, must be from %g to %g%s%s: is it in another unit?", s->path, axis->name,
                i, x, axis->least, axis->most, strcmp(axis->unit, "1") ? " " : "",
                strcmp(axis->unit, "1") ? axis->unit : "");
    CUBIX_CHECK(!axis->rises || !i || x > (*values)[i - 1], CUBIX_EINPUT,
                "LineFile %s: /%s must increase, but [%d] = %g follows %g", s->path, axis->name, i, x,
                (*values)[i - 1]);
  }
done:
  if (set >= 0) H5Dclose(set);
  return status;
}

/* Whether a line has a name that no line before it has, and that names a map in any format: FITS knows no lower case,
 * and in HDF5 `/` would be a group. */
static int check_name(const struct cubix_line_table *t, const struct source *s, int l)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.[]";
  int status = CUBIX_OK;
  const char *name = t->line[l].name;
  CUBIX_CHECK(!name[strspn(name, letters)], CUBIX_EINPUT,
              "LineFile %s: the attribute `lines` of /Wavelength names line %d \"%s\"; a name has letters, digits and "
              "_ + - . [ ] only",
              s->path, l, name);
  for (int k = 0; k < l; k++)
    CUBIX_CHECK(strcasecmp(name, t->line[k].name) != 0, CUBIX_EINPUT,
                "LineFile %s: the attribute `lines` of /Wavelength names lines %d and %d \"%s\", whatever their case: "
                "maps are called by these names, which must differ",
                s->path, k, l, name);
done:
  return status;
}

/* The lines: wavelengths and masses, and their names, an attribute with blanks between them. */
static int read_lines(struct cubix_line_table *t, const struct source *s)
{
  static const struct axis wave = { "Wavelength", "AA", 10, 1e7, 1 }, mass = { "IonMass", "u", 1, 300, 0 };
  int status = CUBIX_OK, found, n = 0;
  double *lambda = NULL, *ion = NULL;
  char *names = NULL, *rest = NULL;
  CUBIX_TRY(read_axis(&lambda, &t->n_line, s, &wave));
  CUBIX_TRY(read_axis(&ion, &n, s, &mass));
  CUBIX_CHECK(n == t->n_line, CUBIX_EINPUT, "LineFile %s: /IonMass has %d values, must have %d as /Wavelength has",
              s->path, n, t->n_line);
  CUBIX_ALLOC(names, NAMES);
  CUBIX_ALLOC(t->line, t->n_line);
  CUBIX_TRY(text(s, "Wavelength", "lines", names, NAMES, &found));
  char *word = strtok_r(names, " ", &rest);
  for (int l = 0; l < t->n_line; l++, word = strtok_r(NULL, " ", &rest)) {
    CUBIX_CHECK(word && strlen(word) < sizeof t->line[l].name, CUBIX_EINPUT,
                "LineFile %s: the attribute `lines` of /Wavelength must name %d lines in at most %zu characters each",
                s->path, t->n_line, sizeof t->line[l].name - 1);
    snprintf(t->line[l].name, sizeof t->line[l].name, "%s", word);
    CUBIX_TRY(check_name(t, s, l));
    t->line[l].lambda = lambda[l];
    t->line[l].mass = ion[l];
  }
  CUBIX_CHECK(!word, CUBIX_EINPUT,
              "LineFile %s: the attribute `lines` of /Wavelength names more than its %d lines, \"%s\" first", s->path,
              t->n_line, word);
done:
  free(lambda);
  free(ion);
  free(names);
  return status;
}

static int read_luminosity(struct cubix_line_table *t, const struct source *s)
{
  int status = CUBIX_OK;
  hid_t set = -1;
  hsize_t dim[4] = { 0 };
  const int want[4] = { t->n_z, t->n_u, t->n_age, t->n_line };
  static const char *const axis[4] = { "Metallicity", "LogU", "Age", "Wavelength" };
  size_t n = 1;
  CUBIX_TRY(open_set(&set, dim, s, "Luminosity", "erg", 4));
  for (int d = 0; d < 4; d++) {
    CUBIX_CHECK(dim[d] == (hsize_t)want[d], CUBIX_EINPUT,
                "LineFile %s: dimension %d of /Luminosity is %llu, must be %d as /%s says", s->path, d,
                (unsigned long long)dim[d], want[d], axis[d]);
    n *= (size_t)want[d];
  }
  CUBIX_ALLOC(t->luminosity, n);
  CUBIX_TRY(read_set(t->luminosity, set, s, "Luminosity"));
  for (size_t i = 0; i < n; i++)
    CUBIX_CHECK(t->luminosity[i] > 0 && t->luminosity[i] <= brightest, CUBIX_EINPUT,
                "LineFile %s: /Luminosity holds %g for %s; it must be finite, above 0, since logarithms are "
                "interpolated, and at most %g erg per ionising photon (Ha has 1.4e-12)",
                s->path, t->luminosity[i], t->line[i % (size_t)t->n_line].name, brightest);
done:
  if (set >= 0) H5Dclose(set);
  return status;
}

int cubix_line_table_read(struct cubix_line_table **out, const char *path)
{
  static const struct axis z = { "Metallicity", "mass fraction", 1e-12, 1, 1 }, u = { "LogU", "1", -12, 3, 1 },
                           age = { "Age", "Gyr", 1e-6, 0.2, 1 };
  int status = CUBIX_OK;
  struct cubix_h5_quiet quiet;
  struct source s = { -1, path };
  struct cubix_line_table *t = NULL;
  cubix_h5_quiet_begin(&quiet);
  CUBIX_ALLOC(t, 1);
  snprintf(t->file, sizeof t->file, "%s", path);
  status = cubix_h5_open(&s.file, path);
  if (status) cubix_error_about("LineFile (cubix-lines makes one, and demo needs none)");
  CUBIX_TRY(status);
  CUBIX_TRY(heading(t, &s));
  CUBIX_TRY(read_axis(&t->metallicity, &t->n_z, &s, &z));
  CUBIX_TRY(read_axis(&t->log_u, &t->n_u, &s, &u));
  CUBIX_TRY(read_axis(&t->age, &t->n_age, &s, &age));
  CUBIX_TRY(read_lines(t, &s));
  CUBIX_TRY(read_luminosity(t, &s));
  *out = t;
  t = NULL;
done:
  if (s.file >= 0) H5Fclose(s.file);
  cubix_h5_quiet_end(&quiet);
  cubix_line_table_free(t);
  return status;
}
