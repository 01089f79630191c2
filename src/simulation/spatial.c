/* spatial.c -- what all indices share: they are checked, and say which rows are near.
 *
 * An index that turns out wrong is not used, with a warning: everything is read, and cut as always. */
#include "simulation/spatial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "simulation/spatial_parts.h"

/* How far a point is from a place; 0 within it. */
static double distance(const struct cubix_place *place, const double point[3], double box)
{
  double sum = 0;
  for (int c = 0; c < 3; c++) {
    double d = point[c] - 0.5 * (place->low[c] + place->high[c]);
    if (box > 0) d = remainder(d, box);
    const double beyond = fabs(d) - 0.5 * (place->high[c] - place->low[c]);
    if (beyond > 0) sum += beyond * beyond;
  }
  return sqrt(sum);
}

static int by_row(const void *a, const void *b)
{
  const struct cubix_place *x = a, *y = b;
  if (x->part != y->part) return x->part < y->part ? -1 : 1;
  return x->rows.from < y->rows.from ? -1 : x->rows.from > y->rows.from;
}

/* Places in the order of rows must be all rows of all parts. */
static int check_places(struct cubix_spatial *s, const struct cubix_simfile *sim)
{
  int status = CUBIX_OK;
  size_t at = 0;
  qsort(s->place, s->n, sizeof *s->place, by_row);
  for (int i = 0; i < sim->n_part; i++) {
    int64_t row = 0;
    for (; at < s->n && s->place[at].part == i; row = s->place[at++].rows.to)
      CUBIX_CHECK(s->place[at].rows.from == row, CUBIX_EINPUT,
                  "they count row %lld of /%s in %s %s", (long long)(s->place[at].rows.from < row
                  ? s->place[at].rows.from : row), sim->group[sim->part[i].type],
                  sim->snapshot.file[sim->part[i].member], s->place[at].rows.from < row ? "twice" : "nowhere");
    CUBIX_CHECK(row == sim->part[i].n_row, CUBIX_EINPUT, "they count %lld rows of /%s in %s, which has %lld",
                (long long)row, sim->group[sim->part[i].type], sim->snapshot.file[sim->part[i].member],
                (long long)sim->part[i].n_row);
  }
done:
  return status;
}

/* Is the first particle of a place where the place is? */
static int check_first(const struct cubix_place *place, const struct cubix_simfile *sim)
{
  int status = CUBIX_OK;
  const struct cubix_simpart *part = &sim->part[place->part];
  struct cubix_source *source = NULL;
  struct cubix_column *column = NULL;
  char path[256];
  double x[3];
  CUBIX_TRY(cubix_source_open(&source, sim->snapshot.file[part->member], &sim->options));
  cubix_simfile_path(path, sizeof path, sim, part, CUBIX_FIELD_POSITION);
  CUBIX_TRY(cubix_column_open(&column, source, path, sim->field[CUBIX_FIELD_POSITION].pick, 0));
  CUBIX_TRY(cubix_column_read(column, place->rows.from, place->rows.from + 1, x));
  if (column->single) cubix_spatial_widen(x, 3);
  for (int c = 0; c < 3; c++) x[c] *= sim->field[CUBIX_FIELD_POSITION].factor;
  CUBIX_CHECK(distance(place, x, sim->snapshot.box) == 0, CUBIX_EINPUT,
              "row %lld of /%s in %s is at (%.6g, %.6g, %.6g) kpc, and not where they say", (long long)place->rows.from,
              path, source->path, x[0], x[1], x[2]);
done:
  cubix_column_close(column);
  cubix_source_close(source);
  return status;
}

/* The rows that are near. */
static int find_near(struct cubix_choice *choice, struct cubix_spatial *s, const struct cubix_simfile *sim)
{
  enum { SAMPLE = 8 };
  int status = CUBIX_OK;
  size_t near = 0, seen = 0;
  int64_t n = 0;
  const double reach = s->radius * (1 + 1e-6);
  for (size_t i = 0; i < s->n; i++)
    near += s->place[i].far = s->place[i].far || distance(&s->place[i], s->centre, sim->snapshot.box) > reach;
  near = s->n - near;
  for (size_t i = 0; i < s->n; i++) {
    const struct cubix_place *place = &s->place[i];
    if (place->far) continue;
    if (seen++ % (near / SAMPLE + 1) == 0) CUBIX_TRY(check_first(place, sim));
    CUBIX_TRY(cubix_choice_add(choice, place->part, place->rows.from, place->rows.to));
    n += place->rows.to - place->rows.from;
  }
  cubix_log(CUBIX_LOG_INFO, "SelectRadius = %g kpc: by %s it is enough to read %lld of %lld rows", s->radius, s->name,
            (long long)n, (long long)sim->n_total);
done:
  return status;
}

int cubix_spatial_near(struct cubix_choice *near, int *used, const struct cubix_simfile *sim, const double centre[3],
                       double radius)
{
  static int (*const find[])(struct cubix_spatial *, const struct cubix_simfile *) = { cubix_spatial_cells,
                                                                                       cubix_spatial_hash };
  int status = CUBIX_OK;
  struct cubix_spatial s = { .centre = { centre[0], centre[1], centre[2] }, .radius = radius };
  for (size_t i = 0; i < sizeof find / sizeof *find && !s.place && !status; i++) status = find[i](&s, sim);
  if (!status && s.place) status = check_places(&s, sim);
  if (!status && s.place) status = find_near(near, &s, sim);
  *used = !status && s.place;
  if (status == CUBIX_EINPUT) {
    cubix_log(CUBIX_LOG_WARNING, "%s: %s are not used, and all is read, for %s", sim->snapshot.file[0], s.name,
              cubix_error_message());
    cubix_error_clear();
    status = CUBIX_OK;
  }
  free(s.place);
  return status;
}

int cubix_spatial_choose(struct cubix_simfile *sim, const struct cubix_params *par)
{
  int status = CUBIX_OK, used = 0;
  struct cubix_choice near = { 0 };
  const int64_t before = sim->n_total;
  const int given = !par->Centre.word, stated = !given && !strcmp(par->Centre.word, "auto") && sim->snapshot.has_centre;
  double centre[3];
  memcpy(centre, sim->snapshot.centre, sizeof centre);
  if (given) cubix_centre_given(centre, par, &sim->snapshot);
  if (par->SelectRadius > 0 && (given || stated))
    CUBIX_TRY(cubix_spatial_near(&near, &used, sim, centre, par->SelectRadius));
  if (!used) goto done;
  CUBIX_CHECK(near.n || sim->population == CUBIX_GAS, CUBIX_EUSAGE,
              "SelectRadius = %g kpc (%s) keeps none of %lld stars about (%g, %g, %g) kpc; check Centre",
              par->SelectRadius, cubix_params_origin(par, "SelectRadius"), (long long)before, centre[0], centre[1],
              centre[2]);
  CUBIX_TRY(cubix_simfile_choose(sim, &near, "SelectRadius"));
  sim->n_far = before - sim->n_total;
done:
  cubix_choice_free(&near);
  return status;
}
