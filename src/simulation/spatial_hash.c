/* spatial_hash.c -- the table of EAGLE: particles stand in the file in the order of a curve of Peano and Hilbert
 * through 2^HashBits cells a side.
 *
 * HashTable/PartTypeN/FirstKeyInFile and LastKeyInFile say which keys of the curve each file has, and
 * NumParticleInCell how many particles there are of each of its own.  The curve is that of Gadget-2 (Springel 2005,
 * MNRAS 364, 1105): in each cube it visits the eight octants in an order that one of 24 rotations of it gives,
 * forwards or backwards (spatial_key.c). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "simulation/spatial_key.h"
#include "simulation/spatial_parts.h"

enum { MOST_BITS = 10, MOST_CELLS = 1 << 22 };

/* A cell near the centre. */
struct cell { int64_t key; int at[3]; };

struct table {
  int bits;
  double side;                    /* of a cell [kpc] */
  size_t n;
  struct cell *cell;              /* [n] those near, by their keys */
};

static int by_key(const void *a, const void *b)
{
  const struct cell *x = a, *y = b;
  return x->key < y->key ? -1 : x->key > y->key;
}

/* Cells that a sphere may touch. */
static int find_cells(struct table *table, const struct cubix_spatial *s)
{
  int status = CUBIX_OK;
  const int all = 1 << table->bits;
  int first[3], n[3], i[3];
  for (int c = 0; c < 3; c++) {
    const double low = floor((s->centre[c] - s->radius) / table->side - 1e-3),
                 high = floor((s->centre[c] + s->radius) / table->side + 1e-3);
    n[c] = high - low + 1 < all ? (int)(high - low) + 1 : all;
    first[c] = (int)(low - floor(low / all) * all);
  }
  table->n = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
  CUBIX_CHECK(table->n <= MOST_CELLS, CUBIX_EINPUT, "%zu of their cells are near", table->n);
  CUBIX_ALLOC(table->cell, table->n);
  struct cell *cell = table->cell;
  for (i[0] = 0; i[0] < n[0]; i[0]++)
    for (i[1] = 0; i[1] < n[1]; i[1]++)
      for (i[2] = 0; i[2] < n[2]; i[2]++, cell++) {
        for (int c = 0; c < 3; c++) cell->at[c] = (first[c] + i[c]) % all;
        cell->key = cubix_spatial_key(cell->at, table->bits);
      }
  qsort(table->cell, table->n, sizeof *table->cell, by_key);
done:
  return status;
}

/* The rows of keys first .. first + n - 1, of which a place each for those near, and one for all others between. */
static int add_file(struct cubix_spatial *s, const struct table *table, int part, int64_t first, const int64_t *count,
                    int64_t n)
{
  int status = CUBIX_OK;
  size_t at = 0;
  struct cubix_place far = { part, 1, { 0, 0 }, { 0 }, { 0 } };
  while (at < table->n && table->cell[at].key < first) at++;
  for (int64_t k = 0; k < n; k++) {
    const int near = at < table->n && table->cell[at].key == first + k;
    const int64_t from = far.rows.to, to = from + count[k];
    CUBIX_CHECK(count[k] >= 0, CUBIX_EINPUT, "they count %lld particles in the cell of the key %lld",
                (long long)count[k], (long long)(first + k));
    far.rows.to = to;
    if (near && to > from) {
      struct cubix_place place = { part, 0, { from, to }, { 0 }, { 0 } };
      for (int c = 0; c < 3; c++) {
        place.low[c] = (table->cell[at].at[c] - 1e-3) * table->side;
        place.high[c] = (table->cell[at].at[c] + 1 + 1e-3) * table->side;
      }
      far.rows.to = from;
      if (far.rows.from < from) CUBIX_TRY(cubix_spatial_add(s, &far));
      CUBIX_TRY(cubix_spatial_add(s, &place));
      far.rows.from = far.rows.to = to;
    }
    at += (size_t)near;
  }
  if (far.rows.from < far.rows.to) CUBIX_TRY(cubix_spatial_add(s, &far));
done:
  return status;
}

/* One part: the keys of its file, and their particles. */
static int add_part(struct cubix_spatial *s, const struct table *table, const struct cubix_simfile *sim, int i)
{
  int status = CUBIX_OK;
  const struct cubix_simpart *part = &sim->part[i];
  struct cubix_source *source = NULL;
  int64_t n[3] = { 0 }, *column[3] = { NULL };
  static const char *const names[] = { "FirstKeyInFile", "LastKeyInFile", "NumParticleInCell" };
  char path[160];
  CUBIX_TRY(cubix_source_open(&source, sim->snapshot.file[part->member], &sim->options));
  for (int k = 0; k < 3; k++) {
    snprintf(path, sizeof path, "HashTable/%s/%s", sim->group[part->type], names[k]);
    CUBIX_TRY(cubix_spatial_integers(&column[k], &n[k], source, path));
    CUBIX_CHECK(k == 2 || n[k] > part->member, CUBIX_EINPUT, "/%s of %s has %lld rows for %d files", path, source->path,
                (long long)n[k], sim->snapshot.n_file);
  }
  const int64_t first = column[0][part->member], last = column[1][part->member];
  CUBIX_CHECK(n[2] == last - first + 1 && first >= 0, CUBIX_EINPUT,
              "/%s of %s has %lld rows for the keys %lld to %lld", path, source->path, (long long)n[2],
              (long long)first, (long long)last);
  CUBIX_TRY(add_file(s, table, i, first, column[2], n[2]));
done:
  for (int k = 0; k < 3; k++) free(column[k]);
  cubix_source_close(source);
  return status;
}

int cubix_spatial_hash(struct cubix_spatial *s, const struct cubix_simfile *sim)
{
  static const struct cubix_names hash_bits = { 1, { "HashBits" } };
  int status = CUBIX_OK, there, found;
  struct cubix_source *source = NULL;
  struct table table = { 0 };
  double bits = 0;
  CUBIX_TRY(cubix_source_open(&source, sim->snapshot.file[0], &sim->options));
  CUBIX_TRY(cubix_source_has(&there, source, "HashTable"));
  if (!there) goto done;
  s->name = "EAGLE's hash tables";
  CUBIX_TRY(cubix_source_number(source, "HashTable", &hash_bits, &bits, &found));
  CUBIX_CHECK(found && bits >= 1 && bits <= MOST_BITS && bits == floor(bits) && sim->snapshot.box > 0, CUBIX_EINPUT,
              "HashBits of /HashTable is %g, and BoxSize %g kpc", bits, sim->snapshot.box);
  table.bits = (int)bits;
  table.side = ldexp(sim->snapshot.box, -table.bits);
  CUBIX_TRY(find_cells(&table, s));
  for (int i = 0; i < sim->n_part; i++) CUBIX_TRY(add_part(s, &table, sim, i));
done:
  free(table.cell);
  cubix_source_close(source);
  return status;
}
