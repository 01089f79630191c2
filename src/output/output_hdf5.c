/* output_hdf5.c -- a result as an HDF5 file (serial HDF5: rank 0 alone writes).
 *
 * HDF5 makes the file with room for the planes and tells where that is; cubix_planes_write lays the
 * voxels there, from all threads and in any order.
 *
 * The same arrays as in FITS, in the layout `plain`: /DATA, /STAT, /DQ [n_lambda][n_y][n_x], the maps
 * [n_y][n_x], /NOISEFREE on request, and the group /LSF with a dataset per column.  Every dataset
 * has the attributes `unit` and `description`, images also `axes` ("lambda y x", the last running
 * fastest) and the world coordinates as attributes with the names of the FITS keywords (pixel
 * numbers start at 1, as there). /Parameters holds a text dataset per parameter, its value as in a
 * parameter file, with `unit` and `origin`; /Provenance a scalar per fact, with `unit` and
 * `description`.
 * Datasets are contiguous, neither chunked nor compressed: a plane can be read or memory-mapped at
 * the speed of the disk. */
#define _POSIX_C_SOURCE 200809L
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5read.h"
#include "cube/truth_maps.h"
#include "output/hdf5_attributes.h"
#include "output/hdf5_sink.h"
#include "output/output_covariance.h"
#include "output/output_parts.h"
#include "output/provenance.h"

#define REAL_TYPE (sizeof(cubix_real) == 8 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT)

struct plan { int n; struct cubix_plane_place place[CUBIX_N_PLANE]; };

/* A scalar dataset with its two attributes; note is the name of the second ("description", "origin"). */
static int scalar_write(hid_t group, const char *shown, const char *name, hid_t type, const void *value,
                        const char *unit, const char *note, const char *text)
{
  int status = CUBIX_OK;
  hid_t space = H5Screate(H5S_SCALAR), creation = H5Pcreate(H5P_DATASET_CREATE), dataset = -1;
  CUBIX_TRY_H5(H5Pset_obj_track_times(creation, 0));
  CUBIX_TRY_H5(dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  CUBIX_TRY_H5(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value));
  CUBIX_TRY(cubix_hdf5_text_attribute(dataset, shown, "unit", unit));
  CUBIX_TRY(cubix_hdf5_text_attribute(dataset, shown, note, text));
done:
  if (dataset >= 0) H5Dclose(dataset);
  H5Pclose(creation);
  H5Sclose(space);
  return status;
}

/* ---- arrays ---------------------------------------------------------------------------------- */
/* [n_lambda][n_y][n_x] (n_axis 3), a map (2), or a column of the table LSF (1); with n_v > 0 velocities in place of
 * wavelengths. */
struct array { hid_t type; int n_axis, n_v; const char *name, *unit, *description; };

/* A new dataset, with unit, description and, for images, axes and WCS. */
static int array_begin(hid_t *out, hid_t file, const char *shown, const struct cubix_result *result,
                       const struct array *array)
{
  static const char *const axes[2][3] = { { "lambda", "y x", "lambda y x" }, { "velocity", "", "velocity y x" } };
  int status = CUBIX_OK, n_axis = array->n_axis;
  const struct cubix_instrument *ins = result->ins;
  hsize_t side[3] = { (hsize_t)(array->n_v ? array->n_v : ins->n_lambda), (hsize_t)ins->n_y, (hsize_t)ins->n_x };
  hid_t space = n_axis == 1 ? H5Screate_simple(1, side, NULL) : H5Screate_simple(n_axis, side + 3 - n_axis, NULL);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  struct cubix_facts *wcs = NULL;
  CUBIX_TRY_H5(H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY));   /* it has a place in the file from now on */
  CUBIX_TRY_H5(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER));
  /* DATE tells it once; the same run gives the same bytes */
  CUBIX_TRY_H5(H5Pset_obj_track_times(creation, 0));
  CUBIX_TRY_H5(*out = H5Dcreate2(file, array->name, array->type, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  CUBIX_TRY(cubix_hdf5_text_attribute(*out, shown, "unit", array->unit));
  CUBIX_TRY(cubix_hdf5_text_attribute(*out, shown, "description", array->description));
  CUBIX_TRY(cubix_hdf5_text_attribute(*out, shown, "axes", axes[array->n_v > 0][n_axis - 1]));
  if (n_axis > 1) {
    CUBIX_TRY(cubix_wcs_init(&wcs, ins, array->n_v ? 2 : n_axis, NULL));
    CUBIX_TRY(cubix_hdf5_fact_attributes(*out, shown, wcs));
  }
done:
  cubix_facts_free(wcs);
  H5Pclose(creation);
  H5Sclose(space);
  return status;
}

/* Make room for a plane; where it is, its voxels will be written when HDF5 has closed the file. */
static int plane_begin(hid_t file, const char *shown, const struct cubix_result *result, const struct cubix_part *part,
                       struct plan *plan)
{
  const enum cubix_plane plane = (enum cubix_plane)part->which;
  const struct cubix_layout *layout = cubix_layout_plain();
  int status = CUBIX_OK, is_dq = plane == CUBIX_PLANE_DQ;
  struct cubix_facts *facts = NULL;
  hid_t dataset = -1;
  haddr_t address;
  char unit[80];
  cubix_layout_unit(unit, layout, plane, result->ins);
  const struct array array = { is_dq ? H5T_NATIVE_INT32 : REAL_TYPE, 3, 0, part->name, is_dq ? "1" : unit,
                               part->description };
  CUBIX_TRY(array_begin(&dataset, file, shown, result, &array));
  if (plane == CUBIX_PLANE_DATA) {
    CUBIX_TRY(cubix_data_facts_init(&facts, result));
    CUBIX_TRY(cubix_hdf5_fact_attributes(dataset, shown, facts));
  }
  for (int i = 0; is_dq && i < CUBIX_N_DQ_BIT; i++)
    CUBIX_TRY(cubix_hdf5_text_attribute(dataset, shown, layout->bit[i].name, layout->bit[i].meaning));
  address = H5Dget_offset(dataset);
  CUBIX_CHECK(address != HADDR_UNDEF, CUBIX_EOUTPUT, "cannot write %s: HDF5 does not say where %s lies", shown,
              part->name);
  plan->place[plan->n++] = (struct cubix_plane_place){ plane, (int64_t)address, 0 };
done:
  cubix_facts_free(facts);
  if (dataset >= 0) H5Dclose(dataset);
  return status;
}

/* A map or a column, with more to say of it (NULL: nothing). */
static int values_write(hid_t file, const char *shown, const struct cubix_result *result, const struct array *array,
                        const double *value, const struct cubix_facts *facts)
{
  int status = CUBIX_OK;
  hid_t dataset = -1;
  CUBIX_TRY(array_begin(&dataset, file, shown, result, array));
  if (facts) CUBIX_TRY(cubix_hdf5_fact_attributes(dataset, shown, facts));
  CUBIX_TRY_H5(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value));
done:
  if (dataset >= 0) H5Dclose(dataset);
  return status;
}

/* The light by velocity, one bin after the other.  @param value room for a map */
static int losvd_planes(hid_t file, const char *shown, const struct cubix_result *result, int seen, double *value)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = result->ins;
  const int n_v = result->seen->n_v;
  hid_t dataset = -1, space = -1, plane = -1;
  struct cubix_facts *facts = NULL;
  struct cubix_output_map map;
  hsize_t at[3] = { 0, 0, 0 }, side[3] = { 1, (hsize_t)ins->n_y, (hsize_t)ins->n_x };
  cubix_output_losvd(&map, result, seen);
  const struct array array = { H5T_NATIVE_DOUBLE, 3, n_v, map.name, map.unit, map.description };
  CUBIX_TRY(array_begin(&dataset, file, shown, result, &array));
  CUBIX_TRY(cubix_map_facts_init(&facts, ins, map.of_light, map.seen));
  CUBIX_TRY(cubix_hdf5_fact_attributes(dataset, shown, facts));
  CUBIX_TRY_H5(space = H5Dget_space(dataset));
  CUBIX_TRY_H5(plane = H5Screate_simple(3, side, NULL));
  for (int k = 0; k < n_v; k++) {
    cubix_output_losvd_bin(value, result, seen, k, 0);
    at[0] = (hsize_t)k;
    CUBIX_TRY_H5(H5Sselect_hyperslab(space, H5S_SELECT_SET, at, NULL, side, NULL));
    CUBIX_TRY_H5(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, plane, space, H5P_DEFAULT, value));
  }
done:
  cubix_facts_free(facts);
  if (plane >= 0) H5Sclose(plane);
  if (space >= 0) H5Sclose(space);
  if (dataset >= 0) H5Dclose(dataset);
  return status;
}

/* As it is and as it is seen, and the velocities. */
static int losvd_write(hid_t file, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK, n_v = result->seen->n_v;
  const struct array axis = { H5T_NATIVE_DOUBLE, 1, n_v, "LOSVD_VELOCITY", "km/s",
                              "middle of the bin, receding positive" };
  double *value = NULL, *v = NULL;
  CUBIX_ALLOC(value, (size_t)result->ins->n_x * (size_t)result->ins->n_y);
  for (int seen = 0; seen < 2; seen++) CUBIX_TRY(losvd_planes(file, shown, result, seen, value));
  CUBIX_ALLOC(v, n_v);
  for (int k = 0; k < n_v; k++) v[k] = (k - 0.5 * (n_v - 1)) * result->seen->v_step;
  CUBIX_TRY(values_write(file, shown, result, &axis, v, NULL));
done:
  free(v);
  free(value);
  return status;
}

struct map_place { hid_t file; const char *shown; const struct cubix_result *result; };

static int map_put(void *to, const struct cubix_output_map *map, const struct cubix_facts *facts, const double *value)
{
  const struct map_place *place = to;
  const struct array array = { H5T_NATIVE_DOUBLE, 2, 0, map->name, map->unit, map->description };
  return values_write(place->file, place->shown, place->result, &array, value, facts);
}

static int maps_write(hid_t file, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  struct map_place place = { file, shown, result };
  CUBIX_TRY(cubix_output_maps(result, &place, map_put));
  if (result->seen->n_v) CUBIX_TRY(losvd_write(file, shown, result));
done:
  return status;
}

static int lsf_write(hid_t file, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  hid_t group = -1;
  double *value = NULL;
  CUBIX_ALLOC(value, result->ins->n_lambda);
  CUBIX_TRY_H5(group = H5Gcreate2(file, "LSF", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  for (int c = 0; c < CUBIX_N_LSF_COLUMN; c++) {
    const struct array array = { H5T_NATIVE_DOUBLE, 1, 0, cubix_lsf_columns[c].name, "Angstrom",
                                 cubix_lsf_columns[c].description };
    cubix_lsf_values(result, c, value);
    CUBIX_TRY(values_write(group, shown, result, &array, value, NULL));
  }
done:
  if (group >= 0) H5Gclose(group);
  free(value);
  return status;
}

/* Centres of the channels where the world coordinates refer to a table. */
static int grid_write(hid_t file, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  hid_t group = -1;
  double *value = NULL;
  const struct array array = { H5T_NATIVE_DOUBLE, 1, 0, CUBIX_GRID_COLUMN, "Angstrom",
                               cubix_lsf_columns[0].description };
  CUBIX_ALLOC(value, result->ins->n_lambda);
  cubix_lsf_values(result, 0, value);
  CUBIX_TRY_H5(group = H5Gcreate2(file, CUBIX_GRID_TABLE, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  CUBIX_TRY(values_write(group, shown, result, &array, value, NULL));
done:
  if (group >= 0) H5Gclose(group);
  free(value);
  return status;
}

/* ---- the two groups of texts and numbers ----------------------------------------------------- */
static int parameters_write(hid_t file, const char *shown, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct cubix_param_info info;
  hid_t group = -1;
  CUBIX_TRY_H5(group = H5Gcreate2(file, "Parameters", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  for (int i = 0; i < cubix_params_count(); i++) {
    hid_t type = cubix_hdf5_text_type();
    const char *value = info.value;
    cubix_params_info(par, i, &info);
    status = scalar_write(group, shown, info.name, type, &value, info.unit, "origin", info.origin);
    H5Tclose(type);
    CUBIX_TRY(status);
  }
done:
  if (group >= 0) H5Gclose(group);
  return status;
}

static int provenance_write(hid_t file, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  struct cubix_facts *facts = NULL;
  hid_t group = -1;
  CUBIX_TRY(cubix_provenance_init(&facts, result));
  CUBIX_TRY_H5(group = H5Gcreate2(file, "Provenance", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  for (int i = 0; i < facts->n; i++) {
    const struct cubix_fact *fact = &facts->fact[i];
    hid_t type = cubix_hdf5_fact_type(fact);
    status = scalar_write(group, shown, fact->name, type, cubix_hdf5_fact_value(fact), fact->unit, "description",
                          fact->comment);
    H5Tclose(type);
    CUBIX_TRY(status);
  }
done:
  if (group >= 0) H5Gclose(group);
  cubix_facts_free(facts);
  return status;
}

static int part_write(hid_t file, const char *shown, const struct cubix_result *result, const struct cubix_part *part,
                      struct plan *plan)
{
  return part->kind == CUBIX_PART_PLANE ? plane_begin(file, shown, result, part, plan)
         : part->kind == CUBIX_PART_LSF ? lsf_write(file, shown, result)
                                        : maps_write(file, shown, result);
}

/* All but the planes' voxels. */
static int draft_write(const struct cubix_result *result, const struct cubix_atomic_file *out, struct plan *plan)
{
  int status = CUBIX_OK;
  const char *shown = out->path;
  struct cubix_part part[CUBIX_MOST_PART];
  const int n = cubix_layout_parts(part, cubix_layout_plain(), result->par);
  struct cubix_h5_quiet quiet;
  struct cubix_h5sink h5 = { 0 };
  hid_t file = -1;
  cubix_h5_quiet_begin(&quiet);
  CUBIX_TRY_H5(cubix_h5sink_open(&h5, out->file));
  CUBIX_TRY_H5(file = H5Fcreate(shown, H5F_ACC_TRUNC, H5P_DEFAULT, h5.access_list));
  CUBIX_TRY(cubix_hdf5_text_attribute(file, shown, "CubixFile", "cube"));
  CUBIX_TRY(parameters_write(file, shown, result->par));
  CUBIX_TRY(provenance_write(file, shown, result));
  for (int i = 0; i < n; i++) CUBIX_TRY(part_write(file, shown, result, &part[i], plan));
  CUBIX_TRY(cubix_covariance_hdf5(file, shown, result));
  if (result->ins->grid == CUBIX_TABLE) CUBIX_TRY(grid_write(file, shown, result));
done:
  if (file >= 0 && H5Fclose(file) < 0 && !status) status = cubix_hdf5_failed(shown, __func__, __LINE__);
  if (h5.error && (!status || status == CUBIX_EOUTPUT))
    status = cubix_hdf5_disk_failed(shown, h5.error, __func__, __LINE__);
  cubix_h5sink_close(&h5);
  cubix_h5_quiet_end(&quiet);
  return status;
}

int cubix_hdf5_write(const struct cubix_result *result, struct cubix_blocks *blocks,
                     const struct cubix_atomic_file *file)
{
  int status = CUBIX_OK;
  struct plan plan = { 0 };
  CUBIX_TRY(draft_write(result, file, &plan));
  CUBIX_TRY(cubix_planes_write(result, cubix_layout_plain(), blocks, plan.place, plan.n, file));
done:
  return status;
}
