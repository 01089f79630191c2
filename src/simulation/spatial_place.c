/* spatial_place.c -- the list of places, and tables of an index read as a whole. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "simulation/spatial_parts.h"

int cubix_spatial_add(struct cubix_spatial *s, const struct cubix_place *place)
{
  int status = CUBIX_OK;
  if (s->n == s->room) {
    struct cubix_place *more = realloc(s->place, (2 * s->room + 256) * sizeof *more);
    CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate memory for %zu places of an index", 2 * s->room + 256);
    s->place = more;
    s->room = 2 * s->room + 256;
  }
  s->place[s->n++] = *place;
done:
  return status;
}

int cubix_spatial_part(const struct cubix_simfile *sim, int member, int type)
{
  for (int i = 0; i < sim->n_part; i++)
    if (sim->part[i].member == member && sim->part[i].type == type) return i;
  return -1;
}

int cubix_spatial_integers(int64_t **x, int64_t *n, const struct cubix_source *source, const char *path)
{
  static const struct cubix_pick one = { 1, -1, -1 };
  int status = CUBIX_OK, there;
  struct cubix_column *column = NULL;
  *n = 0;
  CUBIX_TRY(cubix_source_has(&there, source, path));
  if (!there) goto done;
  CUBIX_TRY(cubix_column_open(&column, source, path, one, 1));
  CUBIX_ALLOC(*x, column->n_row);
  CUBIX_TRY(cubix_column_integers(column, 0, column->n_row, *x));
  *n = column->n_row;
done:
  cubix_column_close(column);
  return status;
}

/* The last first: they lie in each other's way. */
void cubix_spatial_widen(double *x, size_t n)
{
  for (size_t i = n; i-- > 0;) {
    float single;
    memcpy(&single, (const char *)x + i * sizeof single, sizeof single);
    x[i] = (double)single;
  }
}

int cubix_spatial_vectors(double **x, int64_t *n, const struct cubix_source *source, const char *path)
{
  static const struct cubix_pick three = { 3, -1, -1 };
  int status = CUBIX_OK, there;
  struct cubix_column *column = NULL;
  *n = 0;
  CUBIX_TRY(cubix_source_has(&there, source, path));
  if (!there) goto done;
  CUBIX_TRY(cubix_column_open(&column, source, path, three, 1));
  CUBIX_ALLOC(*x, 3 * column->n_row);
  CUBIX_TRY(cubix_column_read(column, 0, column->n_row, *x));
  if (column->single) cubix_spatial_widen(*x, 3 * (size_t)column->n_row);
  *n = column->n_row;
done:
  cubix_column_close(column);
  return status;
}
