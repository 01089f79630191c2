/* ssp.c -- reading a canonical library of simple stellar populations (doc/formats.md) and refusing
 * one that is not.
 *
 * A library is trusted only after its units, shapes, order and values have been seen: a wrong age
 * axis makes a galaxy 193 times too bright without any other sign.  Only the wavelengths that are
 * asked for are read, with 64 points to spare on each side, where the influence of a spline's end
 * has died away (a factor 0.27 per point). */
#include "spectra/ssp.h"

#include <float.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5data.h"
#include "base/h5read.h"
#include "base/units.h"

enum { MARGIN = 64, FILE_VERSION = 1 };
static const double oldest = 100.;           /* Gyr: above it a library's ages are Myr or years */

/* Text of a string attribute, "" without it. */
static int text_read(hid_t file, const char *object, const char *name, char *text, size_t size, int *found)
{
  struct cubix_names names = { .n = 1 };
  snprintf(names.name[0], sizeof names.name[0], "%s", name);
  return cubix_h5_text(file, object, &names, text, size, found);
}

/* Another version may mean something else by the same names; a file that does not say is of this one. */
static int version_check(hid_t file, const char *path)
{
  const struct cubix_names name = { 1, { "Version" } };
  int status = CUBIX_OK, found;
  double version = FILE_VERSION;
  CUBIX_TRY(cubix_h5_number(file, "/", &name, &version, &found));
  CUBIX_CHECK(
      version == FILE_VERSION, CUBIX_EINPUT,
      "SspFile %s is of version %g, this program reads version %d: convert the library with this program's cubix-ssp",
      path, version, FILE_VERSION);
done:
  return status;
}

/* What only describes the library is no reason to refuse it: of another type it counts as absent. */
static int note_read(hid_t file, const char *name, char *text, size_t size)
{
  int found;
  return cubix_h5_forgive(text_read(file, "/", name, text, size, &found));
}

/* Likewise: 1 where the library says of itself that it is for trying out. */
static int demo_read(int *is, hid_t file)
{
  const struct cubix_names name = { 1, { "Demo" } };
  double demo = 0.;
  int found, status = cubix_h5_forgive(cubix_h5_numbers(file, "/", &name, &demo, 1, &found));
  *is = demo != 0.;
  return status;
}

/* One dataset opened, its unit and rank verified. */
struct table { hid_t set, space; int n_dim; hsize_t dim[3]; };

static int table_open(struct table *t, hid_t file, const char *path, const char *name, int n_dim, const char *unit)
{
  int status = CUBIX_OK, found;
  char have[128];

  CUBIX_TRY(cubix_h5_dataset(&t->set, NULL, file, name + 1));
  CUBIX_CHECK(t->set >= 0, CUBIX_EINPUT,
              "%s has no dataset %s: not a canonical SSP file; `cubix-ssp convert` or `cubix-ssp demo` makes one", path,
              name);
  t->space = H5Dget_space(t->set);
  t->n_dim = H5Sget_simple_extent_ndims(t->space);
  CUBIX_CHECK(t->n_dim == n_dim, CUBIX_EINPUT, "%s: %s has %d dimensions, must have %d", path, name, t->n_dim, n_dim);
  H5Sget_simple_extent_dims(t->space, t->dim, NULL);
  hid_t type = H5Dget_type(t->set);
  H5T_class_t class = H5Tget_class(type);
  H5Tclose(type);
  CUBIX_CHECK(class == H5T_FLOAT || class == H5T_INTEGER, CUBIX_EINPUT, "%s: %s holds no numbers", path, name);
  CUBIX_TRY(text_read(file, name, "unit", have, sizeof have, &found));
  CUBIX_CHECK(found, CUBIX_EINPUT, "%s: %s has no attribute `unit`; must be \"%s\"", path, name, unit);
  CUBIX_CHECK(cubix_unit_same(have, unit), CUBIX_EINPUT,
              "%s: %s has unit \"%s\", must be \"%s\": convert the values and the attribute (cubix-ssp does)", path,
              name, have, unit);
done:
  return status;
}

static void table_close(struct table *t)
{
  if (t->space >= 0) H5Sclose(t->space);
  if (t->set >= 0) H5Dclose(t->set);
}

/* A whole axis; strictly increasing and finite, from `least` to `most`. */
static int axis_read(double **axis, int *n, hid_t file, const char *path, const char *name, const char *unit,
                     double least, double most)
{
  int status = CUBIX_OK;
  struct table t = { -1, -1, 0, { 0 } };
  CUBIX_TRY(table_open(&t, file, path, name, 1, unit));
  CUBIX_CHECK(t.dim[0] >= 1 && t.dim[0] < 1 << 26, CUBIX_EINPUT, "%s: %s has %llu values", path, name,
              (unsigned long long)t.dim[0]);
  *n = (int)t.dim[0];
  CUBIX_ALLOC(*axis, *n);
  CUBIX_CHECK(H5Dread(t.set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, *axis) >= 0, CUBIX_EINPUT,
              "%s: %s cannot be read: the file is damaged", path, name);
  for (int i = 0; i < *n; i++) {
    CUBIX_CHECK(isfinite((*axis)[i]) && (*axis)[i] >= least, CUBIX_EINPUT,
                "%s: %s[%d] = %g must be finite and >= %g %s", path, name, i, (*axis)[i], least, unit);
    CUBIX_CHECK((*axis)[i] <= most, CUBIX_EINPUT,
                "%s: %s[%d] = %g must be at most %g %s: are the values in another unit than its attribute says?", path,
                name, i, (*axis)[i], most, unit);
    CUBIX_CHECK(!i || (*axis)[i] > (*axis)[i - 1], CUBIX_EINPUT,
                "%s: %s must increase, but %s[%d] = %g follows %g: sort the axis and the spectra with it", path, name,
                name, i, (*axis)[i], (*axis)[i - 1]);
  }
done:
  table_close(&t);
  return status;
}

/* Points first .. first + n - 1 of the last axis of the table [n_z][n_age][all] or [all]. */
struct range { const char *name, *unit; int n_dim; hsize_t dim[3]; int first, n; };

static int range_read(double *out, hid_t file, const char *path, const struct range *range)
{
  int status = CUBIX_OK;
  struct table t = { -1, -1, 0, { 0 } };
  hid_t memory = -1;
  const char *name = range->name;
  const int n_dim = range->n_dim;
  const hsize_t *want = range->dim;
  hsize_t start[3] = { 0, 0, 0 }, count[3] = { want[0], want[1], want[2] };
  CUBIX_TRY(table_open(&t, file, path, name, n_dim, range->unit));
  for (int d = 0; d < n_dim; d++)
    CUBIX_CHECK(t.dim[d] == want[d], CUBIX_EINPUT, "%s: dimension %d of %s is %llu, must be %llu as the axes say", path,
                d, name, (unsigned long long)t.dim[d], (unsigned long long)want[d]);
  start[n_dim - 1] = (hsize_t)range->first;
  count[n_dim - 1] = (hsize_t)range->n;
  H5Sselect_hyperslab(t.space, H5S_SELECT_SET, start, NULL, count, NULL);
  memory = H5Screate_simple(n_dim, count, NULL);
  CUBIX_CHECK(H5Dread(t.set, H5T_NATIVE_DOUBLE, memory, t.space, H5P_DEFAULT, out) >= 0, CUBIX_EINPUT,
              "%s: %s cannot be read: the file is damaged", path, name);
  size_t total = 1;
  for (int d = 0; d < n_dim; d++) total *= (size_t)count[d];
  size_t n_bad = 0;
#pragma omp parallel for schedule(static) reduction(+ : n_bad)
  for (size_t i = 0; i < total; i++) n_bad += !(out[i] >= 0 && out[i] <= DBL_MAX);
  for (size_t i = 0; i < total && n_bad; i++)
    CUBIX_CHECK(isfinite(out[i]) && out[i] >= 0, CUBIX_EINPUT,
                "%s: %s holds %g at wavelength point %zu; must be finite and not negative", path, name, out[i],
                (size_t)range->first + i % (size_t)range->n);
done:
  if (memory >= 0) H5Sclose(memory);
  table_close(&t);
  return status;
}

/* Keep only the wavelengths that are needed; *first: where they begin in the file. */
static int crop(struct cubix_ssp *ssp, double lambda_lo, double lambda_hi, int *first)
{
  int status = CUBIX_OK, lo = 0, hi = ssp->n_lambda;
  CUBIX_CHECK(ssp->n_lambda >= 2, CUBIX_EINPUT, "%s: /Wavelength has %d point, needs at least 2", ssp->file,
              ssp->n_lambda);
  ssp->lambda_first = ssp->lambda[0];
  ssp->lambda_last = ssp->lambda[ssp->n_lambda - 1];
  CUBIX_CHECK(ssp->lambda_first < lambda_hi && ssp->lambda_last > lambda_lo, CUBIX_EINPUT,
              "%s covers %.1f..%.1f AA, the channels need %.1f..%.1f AA (vacuum, rest frame): choose another SspFile, "
              "LambdaMin/LambdaMax or Redshift",
              ssp->file, ssp->lambda_first, ssp->lambda_last, lambda_lo, lambda_hi);
  while (lo + 1 < hi && ssp->lambda[lo + 1] < lambda_lo) lo++;
  while (hi - 2 > lo && ssp->lambda[hi - 2] > lambda_hi) hi--;
  lo = lo > MARGIN ? lo - MARGIN : 0;
  hi = hi + MARGIN < ssp->n_lambda ? hi + MARGIN : ssp->n_lambda;
  memmove(ssp->lambda, ssp->lambda + lo, sizeof *ssp->lambda * (size_t)(hi - lo));
  *first = lo;
  ssp->n_lambda = hi - lo;
done:
  return status;
}

/* Open a library: canonical, and of a version that is known. */
static int library_open(hid_t *file, const char *path)
{
  int found, status = cubix_h5_open(file, path);
  char kind[32];
  if (status) cubix_error_about("SspFile (cubix-ssp makes one)");
  CUBIX_TRY(status);
  status = text_read(*file, "/", "CubixFile", kind, sizeof kind, &found);
  if (status == CUBIX_ENOMEM) CUBIX_TRY(status);
  CUBIX_CHECK(!status && !strcmp(kind, "ssp"), CUBIX_EINPUT,
              "SspFile %s has CubixFile = \"%s\", must be \"ssp\": `cubix-ssp convert` makes a canonical file of other "
              "libraries",
              path, kind);
  CUBIX_TRY(version_check(*file, path));
done:
  return status;
}

static int axes_read(double **age, int *n_age, double **metallicity, int *n_z, hid_t file, const char *path)
{
  int status = CUBIX_OK;
  CUBIX_TRY(axis_read(age, n_age, file, path, "/Age", "Gyr", 0, oldest));
  CUBIX_TRY(axis_read(metallicity, n_z, file, path, "/Metallicity", "mass fraction", 0, 1));
done:
  return status;
}

int cubix_ssp_read(struct cubix_ssp **out, const char *path, double lambda_lo, double lambda_hi)
{
  int status = CUBIX_OK, n_all = 0, first = 0;
  struct cubix_h5_quiet quiet;
  hid_t file = -1;
  struct cubix_ssp *ssp = NULL;
  cubix_h5_quiet_begin(&quiet);
  CUBIX_ALLOC(ssp, 1);
  snprintf(ssp->file, sizeof ssp->file, "%s", path);
  CUBIX_TRY(library_open(&file, path));
  CUBIX_TRY(note_read(file, "Name", ssp->name, sizeof ssp->name));
  CUBIX_TRY(note_read(file, "IMF", ssp->imf, sizeof ssp->imf));
  CUBIX_TRY(note_read(file, "Reference", ssp->reference, sizeof ssp->reference));
  CUBIX_TRY(note_read(file, "Licence", ssp->licence, sizeof ssp->licence));
  CUBIX_TRY(demo_read(&ssp->demo, file));
  CUBIX_TRY(axes_read(&ssp->age, &ssp->n_age, &ssp->metallicity, &ssp->n_z, file, path));
  CUBIX_TRY(axis_read(&ssp->lambda, &ssp->n_lambda, file, path, "/Wavelength", "AA", 1e-3, DBL_MAX));
  n_all = ssp->n_lambda;
  CUBIX_TRY(crop(ssp, lambda_lo, lambda_hi, &first));
  const hsize_t n_z = (hsize_t)ssp->n_z, n_age = (hsize_t)ssp->n_age, all = (hsize_t)n_all;
  const struct range widths = { "/LsfFwhm", "AA", 1, { all }, first, ssp->n_lambda },
                     spectra = { "/Luminosity", "erg/s/AA/Msun", 3, { n_z, n_age, all }, first, ssp->n_lambda };
  CUBIX_ALLOC(ssp->lsf_fwhm, ssp->n_lambda);
  ssp->luminosity =
      cubix_reserve((size_t)ssp->n_z * (size_t)ssp->n_age * (size_t)ssp->n_lambda, sizeof *ssp->luminosity);
  CUBIX_CHECK(ssp->luminosity, CUBIX_ENOMEM, "no memory for the %d x %d spectra of %s", ssp->n_z, ssp->n_age, path);
  CUBIX_TRY(range_read(ssp->lsf_fwhm, file, path, &widths));
  CUBIX_TRY(range_read(ssp->luminosity, file, path, &spectra));
  *out = ssp;
  ssp = NULL;
done:
  if (file >= 0) H5Fclose(file);
  cubix_h5_quiet_end(&quiet);
  cubix_ssp_free(ssp);
  return status;
}

/* The library's axes, and a table [n_z][n_age].  @param[out] there  0: it has none, and *values is NULL */
static int table_read(const char *path, const char *name, const char *unit, int *there, int *n_z, int *n_age,
                      double *column[3])
{
  int status = CUBIX_OK;
  struct cubix_h5_quiet quiet;
  hid_t file = -1;
  cubix_h5_quiet_begin(&quiet);
  column[0] = column[1] = column[2] = NULL;
  CUBIX_TRY(library_open(&file, path));
  CUBIX_TRY(axes_read(&column[1], n_age, &column[0], n_z, file, path));
  CUBIX_TRY(cubix_h5_look(there, file, name + 1));
  if (!*there) goto done;
  CUBIX_ALLOC(column[2], (size_t)*n_z * (size_t)*n_age);
  const struct range whole = { name, unit, 2, { (hsize_t)*n_z, (hsize_t)*n_age, 0 }, 0, *n_age };
  CUBIX_TRY(range_read(column[2], file, path, &whole));
done:
  if (file >= 0) H5Fclose(file);
  cubix_h5_quiet_end(&quiet);
  return status;
}

int cubix_ssp_surviving_mass(const char *path, int *n_z, int *n_age, double **metallicity, double **age,
                             double **surviving)
{
  int status = CUBIX_OK, there = 0;
  double *column[3] = { NULL };
  CUBIX_TRY(table_read(path, "/SurvivingMass", "1", &there, n_z, n_age, column));
  CUBIX_CHECK(there, CUBIX_EINPUT,
              "SspFile %s has no SurvivingMass, which the masses at birth are "
              "to follow from, as the simulation does not "
              "write them: use another library, or StarInitialMass current",
              path);
done:
  *metallicity = column[0];
  *age = column[1];
  *surviving = column[2];
  return status;
}

int cubix_ssp_ionising(const char *path, int *there, int *n_z, int *n_age, double **metallicity, double **age,
                       double **rate)
{
  double *column[3] = { NULL };
  const int status = table_read(path, "/IonizingPhotons", "1/s/Msun", there, n_z, n_age, column);
  *metallicity = column[0];
  *age = column[1];
  *rate = column[2];
  return status;
}

void cubix_ssp_free(struct cubix_ssp *ssp)
{
  if (!ssp) return;
  free(ssp->metallicity);
  free(ssp->age);
  free(ssp->lambda);
  free(ssp->lsf_fwhm);
  free(ssp->luminosity);
  free(ssp);
}
