/* stack.c -- HDF5 lays the file out, with all arrays allocated; after that rows are written to where they belong,
 * without HDF5, so that no rank waits for another. */
#include "batch/stack.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/h5read.h"
#include "batch/stack_parts.h"
#include "output/hdf5_attributes.h"
#include "output/hdf5_sink.h"
#include "output/output_parts.h"

const struct cubix_stack_number cubix_stack_number[] = {
  { "REDSHIFT", "1", "redshift at which the galaxy is observed" },
  { "KPC_PER_ARCSEC", "kpc/arcsec", "scale on the sky" },
  { "STARS_IN_FIELD", "1", "stars in the field" },
  { "MASS_IN_FIELD", "Msun", "mass formed of the stars in the field" },
};

void cubix_stack_numbers(double value[CUBIX_STACK_NUMBERS], const struct cubix_result *r)
{
  const struct cubix_budget *field = &r->cube->budget[CUBIX_IN_FIELD];
  value[0] = r->scene->redshift;
  value[1] = r->scene->kpc_per_arcsec;
  value[2] = field->number;
  value[3] = field->mass;
}

/* ---- the draft ------------------------------------------------------------------------------- */

struct cubix_stack_draft {
  struct cubix_atomic_file file;
  struct cubix_h5sink sink;
  struct cubix_h5_quiet quiet;
  hid_t h5;
  size_t n_row;
  const int32_t *of;
};

static hid_t real_type(void) { return sizeof(cubix_real) == 8 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT; }

/* A dataset with its unit and description; value NULL: room only.  @param[out] out NULL, or it stays open */
static int dataset(hid_t *out, hid_t at, const char *shown, const char *name, hid_t type, int n_axis,
                   const hsize_t *side, const void *value, const char *unit, const char *description)
{
  int status = CUBIX_OK;
  hid_t space = H5Screate_simple(n_axis, side, NULL), creation = H5Pcreate(H5P_DATASET_CREATE), made = -1;
  CUBIX_TRY_H5(H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY));
  if (!value) CUBIX_TRY_H5(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER));
  CUBIX_TRY_H5(H5Pset_obj_track_times(creation, 0));
  CUBIX_TRY_H5(made = H5Dcreate2(at, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  if (value) CUBIX_TRY_H5(H5Dwrite(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value));
  CUBIX_TRY(cubix_hdf5_text_attribute(made, shown, "unit", unit));
  CUBIX_TRY(cubix_hdf5_text_attribute(made, shown, "description", description));
  if (out) *out = made;
  if (out) made = -1;
done:
  if (made >= 0) H5Dclose(made);
  H5Pclose(creation);
  H5Sclose(space);
  return status;
}

/* A column of the table: numbers where all cells are, otherwise texts. */
static int column_write(hid_t at, const char *shown, const struct cubix_row_table *t, size_t c)
{
  int status = CUBIX_OK, numeric = 1;
  const hsize_t n = t->n_row;
  char **text = NULL;
  double *value = NULL;
  hid_t type = cubix_hdf5_text_type();
  CUBIX_ALLOC(text, n);
  CUBIX_ALLOC(value, n);
  for (size_t i = 0; i < n; i++) {
    char *end;
    text[i] = t->cell[i * t->n_column + c];
    value[i] = strtod(text[i], &end);
    numeric &= *text[i] && !*end;
  }
  CUBIX_TRY(dataset(NULL, at, shown, t->column[c], numeric ? H5T_NATIVE_DOUBLE : type, 1, &n,
                    numeric ? (const void *)value : (const void *)text, t->unit[c], "column of the table"));
done:
  H5Tclose(type);
  free(text);
  free(value);
  return status;
}

/* The place of each row in its group.  @param[out] place [n_row] */
static int find_places(int64_t *place, const int32_t *of, size_t n_row)
{
  int status = CUBIX_OK;
  int64_t *n = NULL;                                         /* of each group; there are no more groups than rows */
  CUBIX_ALLOC(n, n_row);
  for (size_t i = 0; i < n_row; i++) place[i] = n[of[i]]++;
done:
  free(n);
  return status;
}

static int rows_write(struct cubix_stack_draft *d, const struct cubix_row_table *t, const uint64_t *key)
{
  int status = CUBIX_OK;
  const char *shown = d->file.path;
  const hsize_t side[2] = { d->n_row, 2 };
  unsigned char *none = NULL;
  int64_t *place = NULL;
  hid_t rows = -1;
  CUBIX_ALLOC(none, d->n_row);
  CUBIX_ALLOC(place, d->n_row);
  CUBIX_TRY(find_places(place, d->of, d->n_row));
  CUBIX_TRY_H5(rows = H5Gcreate2(d->h5, "Rows", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  CUBIX_TRY(dataset(NULL, rows, shown, "done", H5T_NATIVE_UINT8, 1, side, none, "1", "1: the cube is there"));
  CUBIX_TRY(dataset(NULL, rows, shown, "key", H5T_NATIVE_UINT64, 2, side, key, "1", "hash of the row's parameters"));
  CUBIX_TRY(dataset(NULL, rows, shown, "group", H5T_NATIVE_INT32, 1, side, d->of, "1", "number of the row's group"));
  CUBIX_TRY(dataset(NULL, rows, shown, "place", H5T_NATIVE_INT64, 1, side, place, "1", "where in the group it is"));
  H5Gclose(rows);
  CUBIX_TRY_H5(rows = H5Gcreate2(d->h5, "Table", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  for (size_t c = 0; c < t->n_column; c++) CUBIX_TRY(column_write(rows, shown, t, c));
done:
  if (rows >= 0) H5Gclose(rows);
  free(none);
  free(place);
  return status;
}

int cubix_stack_begin(struct cubix_stack_draft **out, const char *path, const struct cubix_row_table *table,
                      const uint64_t *key, const int32_t *of, const char *parameters)
{
  int status = CUBIX_OK;
  const char *shown = path;
  struct cubix_stack_draft *d = NULL;
  CUBIX_ALLOC(d, 1);
  cubix_h5_quiet_begin(&d->quiet);
  d->h5 = -1;
  d->n_row = table->n_row;
  d->of = of;
  CUBIX_TRY(cubix_atomic_file_begin(&d->file, path));
  CUBIX_TRY_H5(cubix_h5sink_open(&d->sink, d->file.file));
  CUBIX_TRY_H5(d->h5 = H5Fcreate(shown, H5F_ACC_TRUNC, H5P_DEFAULT, d->sink.access_list));
  CUBIX_TRY(cubix_hdf5_text_attribute(d->h5, shown, "CubixFile", "stack"));
  CUBIX_TRY(cubix_hdf5_text_attribute(d->h5, shown, "Parameters", parameters));
  CUBIX_TRY(rows_write(d, table, key));
  *out = d;
  d = NULL;
done:
  return d ? cubix_stack_end(d, status) : status;
}

/* What is collected of an example's maps. */
struct maps { struct cubix_stack_draft *draft; hid_t group; hsize_t side[3]; };

static int map_room(void *to, const struct cubix_output_map *map, const struct cubix_facts *facts, const double *value)
{
  const struct maps *m = to;
  (void)facts;
  (void)value;
  return dataset(NULL, m->group, m->draft->file.path, map->name, real_type(), 3, m->side, NULL, map->unit,
                 map->description);
}

static int planes_room(struct cubix_stack_draft *d, hid_t group, hsize_t n, const struct cubix_result *example)
{
  int status = CUBIX_OK;
  const char *shown = d->file.path;
  const struct cubix_instrument *ins = example->ins;
  const hsize_t side[4] = { n, (hsize_t)ins->n_lambda, (hsize_t)ins->n_y, (hsize_t)ins->n_x };
  struct cubix_part part[CUBIX_MOST_PART];
  const int n_part = cubix_layout_parts(part, cubix_layout_plain(), example->par);
  struct cubix_facts *wcs = NULL;
  hid_t made = -1;
  CUBIX_TRY(cubix_wcs_init(&wcs, ins, 3, NULL));
  for (int i = 0; i < n_part; i++) {
    char unit[80];
    if (part[i].kind != CUBIX_PART_PLANE || part[i].which == CUBIX_PLANE_DQ) continue;
    cubix_layout_unit(unit, cubix_layout_plain(), (enum cubix_plane)part[i].which, ins);
    CUBIX_TRY(dataset(&made, group, shown, part[i].name, real_type(), 4, side, NULL, unit, part[i].description));
    CUBIX_TRY(cubix_hdf5_text_attribute(made, shown, "axes", "row lambda y x"));
    CUBIX_TRY(cubix_hdf5_fact_attributes(made, shown, wcs));
    H5Dclose(made);
    made = -1;
  }
done:
  if (made >= 0) H5Dclose(made);
  cubix_facts_free(wcs);
  return status;
}

/* Which rows the group has, its wavelengths, and room for numbers. */
static int columns_room(struct cubix_stack_draft *d, hid_t group, int g, hsize_t n, const struct cubix_result *example)
{
  int status = CUBIX_OK;
  const char *shown = d->file.path;
  const hsize_t n_lambda = (hsize_t)example->ins->n_lambda;
  int64_t *row = NULL;
  double *lambda = NULL;
  CUBIX_ALLOC(row, n);
  CUBIX_ALLOC(lambda, n_lambda);
  for (size_t i = 0, at = 0; i < d->n_row; i++)
    if (d->of[i] == g) row[at++] = (int64_t)i;
  for (hsize_t k = 0; k < n_lambda; k++) lambda[k] = cubix_instrument_lambda(example->ins, (int)k);
  CUBIX_TRY(dataset(NULL, group, shown, "row", H5T_NATIVE_INT64, 1, &n, row, "1", "row of the table, from 0 on"));
  CUBIX_TRY(dataset(NULL, group, shown, "wavelength", H5T_NATIVE_DOUBLE, 1, &n_lambda, lambda, "Angstrom",
                    example->ins->medium == CUBIX_AIR ? "centres of the channels, in air"
                                                      : "centres of the channels, in vacuum"));
  for (int i = 0; i < CUBIX_STACK_NUMBERS; i++)
    CUBIX_TRY(dataset(NULL, group, shown, cubix_stack_number[i].name, H5T_NATIVE_DOUBLE, 1, &n, NULL,
                      cubix_stack_number[i].unit, cubix_stack_number[i].description));
done:
  free(row);
  free(lambda);
  return status;
}

int cubix_stack_add(struct cubix_stack_draft *d, int g, const struct cubix_result *example)
{
  int status = CUBIX_OK;
  const char *shown = d->file.path;
  const struct cubix_instrument *ins = example->ins;
  struct cubix_result whole = *example;
  struct cubix_output_sums sums = { .fit = NULL };
  char name[100];
  hsize_t n = 0;
  hid_t group = -1;
  for (size_t i = 0; i < d->n_row; i++) n += d->of[i] == g;
  snprintf(name, sizeof name, "%s", ins->name);
  for (int twin = 2; H5Lexists(d->h5, name, H5P_DEFAULT) > 0; twin++)
    snprintf(name, sizeof name, "%s_%d", ins->name, twin);
  CUBIX_TRY_H5(group = H5Gcreate2(d->h5, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  CUBIX_TRY(cubix_hdf5_attribute(group, shown, "Group", H5T_NATIVE_INT, &g));
  CUBIX_TRY(cubix_hdf5_text_attribute(group, shown, "Instrument", ins->name));
  CUBIX_TRY(columns_room(d, group, g, n, example));
  CUBIX_TRY(planes_room(d, group, n, example));
  if (!example->par->TruthMaps) goto done;
  struct maps maps = { d, group, { n, (hsize_t)ins->n_y, (hsize_t)ins->n_x } };
  CUBIX_TRY(cubix_output_maps_begin(&whole, &sums, 1));
  CUBIX_TRY(cubix_output_maps(&whole, &maps, map_room));
done:
  cubix_output_maps_end(&sums);
  if (group >= 0) H5Gclose(group);
  return status;
}

int cubix_stack_end(struct cubix_stack_draft *d, int status)
{
  const char *shown = d->file.path;
  if (d->h5 >= 0 && H5Fclose(d->h5) < 0 && !status) status = cubix_hdf5_failed(shown, __func__, __LINE__);
  if (d->sink.error && !status) status = cubix_hdf5_disk_failed(shown, d->sink.error, __func__, __LINE__);
  cubix_h5sink_close(&d->sink);
  cubix_h5_quiet_end(&d->quiet);
  status = cubix_atomic_file_end(&d->file, status);
  free(d);
  return status;
}
