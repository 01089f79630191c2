/* stack_rows.c -- a stack that exists: where its arrays are, and rows written to there. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/h5read.h"
#include "batch/stack.h"
#include "batch/stack_parts.h"
#include "output/hdf5_attributes.h"
#include "output/output_parts.h"

/* ---- where things are ------------------------------------------------------------------------ */

/* A whole dataset of /Rows.  @param[out] offset NULL, or where it lies */
static int read_rows(hid_t file, const char *shown, const char *name, hid_t type, void *value, int64_t *offset)
{
  int status = CUBIX_OK;
  hid_t made = -1;
  CUBIX_TRY_H5(made = H5Dopen2(file, name, H5P_DEFAULT));
  CUBIX_TRY_H5(H5Dread(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value));
  if (offset) *offset = (int64_t)H5Dget_offset(made);
done:
  if (made >= 0) H5Dclose(made);
  return status;
}

static int count_rows(size_t *n, hid_t file, const char *shown)
{
  int status = CUBIX_OK;
  hid_t made = -1, space = -1;
  CUBIX_TRY_H5(made = H5Dopen2(file, "Rows/done", H5P_DEFAULT));
  CUBIX_TRY_H5(space = H5Dget_space(made));
  *n = (size_t)H5Sget_simple_extent_npoints(space);
done:
  if (space >= 0) H5Sclose(space);
  if (made >= 0) H5Dclose(made);
  return status;
}

/* An array of a group: how many bytes a row has of it. */
static int look_at(struct cubix_stacked *array, hid_t group, const char *shown, const char *name, size_t n)
{
  int status = CUBIX_OK;
  hid_t made = -1;
  CUBIX_TRY_H5(made = H5Dopen2(group, name, H5P_DEFAULT));
  snprintf(array->name, sizeof array->name, "%s", name);
  array->offset = (int64_t)H5Dget_offset(made);
  array->bytes = (size_t)H5Dget_storage_size(made) / (n ? n : 1);
done:
  if (made >= 0) H5Dclose(made);
  return status;
}

static int look_at_group(struct cubix_stack *s, hid_t file, const char *name)
{
  int status = CUBIX_OK, g = -1;
  const char *shown = s->path;
  struct cubix_stack_group found = { .n = 0 };
  hid_t group = -1, attribute = -1;
  H5G_info_t info;
  CUBIX_TRY_H5(group = H5Gopen2(file, name, H5P_DEFAULT));
  if (H5Aexists(group, "Group") <= 0) goto done;
  CUBIX_TRY_H5(attribute = H5Aopen(group, "Group", H5P_DEFAULT));
  CUBIX_TRY_H5(H5Aread(attribute, H5T_NATIVE_INT, &g));
  snprintf(found.name, sizeof found.name, "%s", name);
  for (size_t i = 0; i < s->n_row; i++) found.n += s->of[i] == g;
  CUBIX_TRY_H5(H5Gget_info(group, &info));
  for (hsize_t i = 0; i < info.nlinks && found.n_array < CUBIX_MOST_STACKED; i++) {
    char array[40];
    CUBIX_TRY_H5(H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, array, sizeof array, H5P_DEFAULT));
    if (strcmp(array, "row") && strcmp(array, "wavelength"))
      CUBIX_TRY(look_at(&found.array[found.n_array++], group, shown, array, found.n));
  }
  CUBIX_CHECK(g >= 0 && g < s->n_group, CUBIX_EOUTPUT, "%s: group %s has the number %d of %d", shown, name, g,
              s->n_group);
  s->group[g] = found;
done:
  if (attribute >= 0) H5Aclose(attribute);
  if (group >= 0) H5Gclose(group);
  return status;
}

static int look(struct cubix_stack *s, hid_t file)
{
  int status = CUBIX_OK;
  const char *shown = s->path;
  H5G_info_t info;
  CUBIX_TRY(count_rows(&s->n_row, file, shown));
  CUBIX_ALLOC(s->of, s->n_row);
  CUBIX_ALLOC(s->place, s->n_row);
  CUBIX_ALLOC(s->done, s->n_row);
  CUBIX_ALLOC(s->key, 2 * s->n_row);
  CUBIX_TRY(read_rows(file, shown, "Rows/done", H5T_NATIVE_UINT8, s->done, &s->done_offset));
  CUBIX_TRY(read_rows(file, shown, "Rows/key", H5T_NATIVE_UINT64, s->key, NULL));
  CUBIX_TRY(read_rows(file, shown, "Rows/group", H5T_NATIVE_INT32, s->of, NULL));
  CUBIX_TRY(read_rows(file, shown, "Rows/place", H5T_NATIVE_INT64, s->place, NULL));
  for (size_t i = 0; i < s->n_row; i++)
    if (s->of[i] >= s->n_group) s->n_group = s->of[i] + 1;
  CUBIX_ALLOC(s->group, s->n_group);
  CUBIX_TRY_H5(H5Gget_info(file, &info));
  for (hsize_t i = 0; i < info.nlinks; i++) {
    char name[100];
    CUBIX_TRY_H5(H5Lget_name_by_idx(file, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT));
    CUBIX_TRY(look_at_group(s, file, name));
  }
done:
  return status;
}

int cubix_stack_open(struct cubix_stack **out, const char *path)
{
  int status = CUBIX_OK;
  struct cubix_stack *s = NULL;
  struct cubix_h5_quiet quiet;
  hid_t file = -1;
  cubix_h5_quiet_begin(&quiet);
  CUBIX_ALLOC(s, 1);
  s->file = -1;
  snprintf(s->path, sizeof s->path, "%s", path);
  CUBIX_TRY(cubix_h5_open(&file, path));
  CUBIX_CHECK(cubix_h5_exists(file, "Rows/done"), CUBIX_EOUTPUT, "%s is no stack of cubes; name another file", path);
  CUBIX_TRY(look(s, file));
  s->file = open(path, O_RDWR | O_CLOEXEC);
  CUBIX_CHECK(s->file >= 0, CUBIX_EOUTPUT, "cannot write to %s: %s", path, strerror(errno));
  *out = s;
  s = NULL;
done:
  if (file >= 0) H5Fclose(file);
  cubix_h5_quiet_end(&quiet);
  cubix_stack_close(s);
  return status;
}

void cubix_stack_close(struct cubix_stack *s)
{
  if (!s) return;
  if (s->file >= 0) close(s->file);
  free(s->group);
  free(s->of);
  free(s->place);
  free(s->done);
  free(s->key);
  free(s);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Where a row's part of an array goes. */
static int find(int64_t *offset, const struct cubix_stack_job *job, const char *name, size_t bytes)
{
  int status = CUBIX_OK;
  const struct cubix_stack *s = job->stack;
  const struct cubix_stack_group *g = &s->group[s->of[job->row]];
  int i = 0;
  while (i < g->n_array && strcmp(g->array[i].name, name)) i++;
  CUBIX_CHECK(i < g->n_array && g->array[i].bytes == bytes, CUBIX_EFAIL,
              "%s has no room for %s of %zu bytes in its group %s: was the file made for other parameters?", s->path,
              name, bytes, g->name);
  *offset = g->array[i].offset + (int64_t)bytes * s->place[job->row];
done:
  return status;
}

static int put(const struct cubix_stack_job *job, const char *name, const void *from, size_t bytes)
{
  int status = CUBIX_OK;
  int64_t offset;
  const struct cubix_atomic_file file = { .path = (char *)(uintptr_t)job->stack->path, .file = job->stack->file };
  CUBIX_TRY(find(&offset, job, name, bytes));
  CUBIX_TRY(cubix_atomic_file_write(&file, from, bytes, offset));
done:
  return status;
}

static int put_map(void *to, const struct cubix_output_map *map, const struct cubix_facts *facts, const double *value)
{
  int status = CUBIX_OK;
  const struct cubix_stack_job *job = to;
  const size_t n = (size_t)job->result.ins->n_x * (size_t)job->result.ins->n_y;
  cubix_real *real = NULL;
  (void)facts;
  CUBIX_ALLOC(real, n);
  for (size_t i = 0; i < n; i++) real[i] = (cubix_real)value[i];
  CUBIX_TRY(put(job, map->name, real, n * sizeof *real));
done:
  free(real);
  return status;
}

static int put_planes(const struct cubix_stack_job *job, struct cubix_blocks *blocks)
{
  int status = CUBIX_OK, n_place = 0;
  const struct cubix_instrument *ins = job->result.ins;
  const size_t bytes = (size_t)ins->n_lambda * (size_t)ins->n_x * (size_t)ins->n_y * sizeof(cubix_real);
  const struct cubix_atomic_file file = { .path = (char *)(uintptr_t)job->stack->path, .file = job->stack->file };
  struct cubix_part part[CUBIX_MOST_PART];
  struct cubix_plane_place place[CUBIX_N_PLANE];
  const int n_part = cubix_layout_parts(part, cubix_layout_plain(), job->result.par);
  for (int i = 0; i < n_part; i++) {
    if (part[i].kind != CUBIX_PART_PLANE || part[i].which == CUBIX_PLANE_DQ) continue;
    place[n_place] = (struct cubix_plane_place){ (enum cubix_plane)part[i].which, 0, 0 };
    CUBIX_TRY(find(&place[n_place++].offset, job, part[i].name, bytes));
  }
  CUBIX_TRY(cubix_planes_write(&job->result, cubix_layout_plain(), blocks, place, n_place, &file));
done:
  return status;
}

int cubix_stack_write(const void *host, struct cubix_blocks *blocks)
{
  int status = CUBIX_OK;
  const unsigned char yes = 1;
  struct cubix_stack_job job = *(const struct cubix_stack_job *)host;
  const struct cubix_atomic_file file = { .path = (char *)(uintptr_t)job.stack->path, .file = job.stack->file };
  struct cubix_output_sums sums = { .fit = NULL };
  double value[CUBIX_STACK_NUMBERS];
  cubix_stack_numbers(value, &job.result);
  for (int i = 0; i < CUBIX_STACK_NUMBERS; i++)
    CUBIX_TRY(put(&job, cubix_stack_number[i].name, &value[i], sizeof *value));
  CUBIX_TRY(cubix_output_maps_begin(&job.result, &sums, job.result.par->TruthMaps));
  CUBIX_TRY(put_planes(&job, blocks));
  if (job.result.par->TruthMaps) CUBIX_TRY(cubix_output_maps(&job.result, &job, put_map));
  CUBIX_TRY(cubix_atomic_file_write(&file, &yes, 1, job.stack->done_offset + (int64_t)job.row));
done:
  cubix_output_maps_end(&sums);
  return status;
}
