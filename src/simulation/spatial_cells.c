/* spatial_cells.c -- the top-level cells of SWIFT: of each type the rows of a cell stand together.
 *
 * Cells/Counts, Cells/OffsetsInFile (once Cells/Offsets) and Cells/Files say where.  In a virtual file, which stands
 * for several, offsets are still those in each of them.  Particles drift out of their cell before they are sorted
 * anew: where Cells/MinPositions and MaxPositions do not say how far, 0.2 of a cell is taken.  All of it is in the
 * unit of the positions, before they are led back into the box. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "simulation/spatial_parts.h"

/* Columns of the cells, of one type. */
struct cells {
  const struct cubix_source *source;
  int64_t n, *count, *offset, *file, *base; /* base: rows in the files before each, in a virtual one */
  double *centre, *low, *high;
  double side[3];                 /* of a cell */
};

static void free_cells(struct cells *k)
{
  free(k->count);
  free(k->offset);
  free(k->file);
  free(k->base);
  free(k->centre);
  free(k->low);
  free(k->high);
}

static int check_length(const struct cells *k, int64_t n, const char *path)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(n == k->n, CUBIX_EINPUT, "/%s has %lld rows, and /Cells/Centres %lld", path, (long long)n,
              (long long)k->n);
done:
  return status;
}

/* Of a column that must be there, or (needed 0) may. */
static int read_integers(int64_t **x, int64_t *n, const struct cells *k, const char *column, const char *group,
                         int needed)
{
  int status = CUBIX_OK;
  char path[160];
  snprintf(path, sizeof path, "Cells/%s/%s", column, group);
  CUBIX_TRY(cubix_spatial_integers(x, n, k->source, path));
  if (needed || *n) CUBIX_TRY(check_length(k, *n, path));
done:
  return status;
}

static int read_vectors(double **x, int64_t *n, const struct cells *k, const char *column, const char *group)
{
  int status = CUBIX_OK;
  char path[160];
  snprintf(path, sizeof path, "Cells/%s/%s", column, group);
  CUBIX_TRY(cubix_spatial_vectors(x, n, k->source, path));
  if (*n) CUBIX_TRY(check_length(k, *n, path));
done:
  return status;
}

/* Cells are boxes of one size, but in simulations that zoom in. */
static int find_side(struct cells *k)
{
  static const struct cubix_names size = { 1, { "size" } }, zoom = { 1, { "nr_zoomcells" } };
  int status = CUBIX_OK, there, found = 0, zooms = 0;
  double n_zoom = 0;
  CUBIX_TRY(cubix_source_has(&there, k->source, "Cells/Meta-data"));
  if (there) CUBIX_TRY(cubix_source_numbers(k->source, "Cells/Meta-data", &size, k->side, 3, &found));
  if (there) CUBIX_TRY(cubix_source_number(k->source, "Cells/Meta-data", &zoom, &n_zoom, &zooms));
  CUBIX_CHECK(found == 3 && k->side[0] > 0 && k->side[1] > 0 && k->side[2] > 0, CUBIX_EINPUT,
              "/Cells/Meta-data does not state the size of a cell");
  CUBIX_CHECK(!zooms || k->low, CUBIX_EINPUT, "there are cells of several sizes, and no /Cells/MinPositions");
done:
  return status;
}

/* In a virtual file the rows of file f follow those of the files before it. */
static int find_bases(struct cells *k, int n_file)
{
  int status = CUBIX_OK;
  int64_t most = 0;
  for (int64_t i = 0; k->file && i < k->n; i++) {
    CUBIX_CHECK(k->file[i] >= 0 && k->file[i] < 1 << 20, CUBIX_EINPUT, "they are in a file of the number %lld",
                (long long)k->file[i]);
    if (k->file[i] > most) most = k->file[i];
  }
  CUBIX_CHECK(n_file == 1 || most < n_file, CUBIX_EINPUT, "they are in files up to number %lld of %d", (long long)most,
              n_file);
  CUBIX_ALLOC(k->base, most + 2);
  for (int64_t i = 0; n_file == 1 && k->file && i < k->n; i++) k->base[k->file[i] + 1] += k->count[i];
  for (int64_t f = 0; f <= most; f++) k->base[f + 1] += k->base[f];
done:
  return status;
}

static int add_cell(struct cubix_spatial *s, const struct cells *k, const struct cubix_simfile *sim, int t, int64_t i)
{
  int status = CUBIX_OK;
  const int n_file = sim->snapshot.n_file;
  const int64_t file = k->file ? k->file[i] : 0, from = k->base[file] + k->offset[i];
  const double factor = sim->field[CUBIX_FIELD_POSITION].factor;
  struct cubix_place place = { cubix_spatial_part(sim, n_file == 1 ? 0 : (int)file, t), 0, { from, from + k->count[i] },
                               { 0 }, { 0 } };
  CUBIX_CHECK(place.part >= 0, CUBIX_EINPUT, "they count rows of /%s in the file number %lld, which has none",
              sim->group[t], (long long)file);
  for (int c = 0; c < 3; c++) {
    const double pad = (k->low ? 0.01 : 0.2) * k->side[c], half = 0.5 * k->side[c], centre = k->centre[3 * i + c];
    place.low[c] = ((k->low ? k->low[3 * i + c] : centre - half) - pad) * factor;
    place.high[c] = ((k->high ? k->high[3 * i + c] : centre + half) + pad) * factor;
  }
  CUBIX_TRY(cubix_spatial_add(s, &place));
done:
  return status;
}

static int add_type(struct cubix_spatial *s, const struct cubix_source *source, const struct cubix_simfile *sim, int t)
{
  int status = CUBIX_OK;
  struct cells k = { .source = source };
  int64_t n;
  const char *group = sim->group[t];
  CUBIX_TRY(cubix_spatial_vectors(&k.centre, &k.n, source, "Cells/Centres"));
  CUBIX_TRY(read_integers(&k.count, &n, &k, "Counts", group, 1));
  CUBIX_TRY(read_integers(&k.offset, &n, &k, "OffsetsInFile", group, 0));
  if (!k.offset) CUBIX_TRY(read_integers(&k.offset, &n, &k, "Offsets", group, 1));
  CUBIX_TRY(read_integers(&k.file, &n, &k, "Files", group, 0));
  CUBIX_TRY(read_vectors(&k.low, &n, &k, "MinPositions", group));
  if (k.low) CUBIX_TRY(read_vectors(&k.high, &n, &k, "MaxPositions", group));
  CUBIX_CHECK(!k.low || k.high, CUBIX_EINPUT, "there are /Cells/MinPositions and no MaxPositions");
  CUBIX_TRY(find_side(&k));
  CUBIX_TRY(find_bases(&k, sim->snapshot.n_file));
  for (int64_t i = 0; i < k.n; i++)
    if (k.count[i] > 0) CUBIX_TRY(add_cell(s, &k, sim, t, i));
done:
  free_cells(&k);
  return status;
}

static int has_rows(const struct cubix_simfile *sim, int t)
{
  for (int i = 0; i < sim->n_part; i++)
    if (sim->part[i].type == t) return 1;
  return 0;
}

int cubix_spatial_cells(struct cubix_spatial *s, const struct cubix_simfile *sim)
{
  int status = CUBIX_OK, there;
  struct cubix_source *source = NULL;
  CUBIX_TRY(cubix_source_open(&source, sim->snapshot.file[0], &sim->options));
  CUBIX_TRY(cubix_source_has(&there, source, "Cells/Centres"));
  if (!there) goto done;
  s->name = "SWIFT's cells";
  for (int t = 0; t < sim->n_type; t++)
    if (has_rows(sim, t)) CUBIX_TRY(add_type(s, source, sim, t));
done:
  cubix_source_close(source);
  return status;
}
