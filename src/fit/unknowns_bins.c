/* unknowns_bins.c -- by which ages and which distances from the centre the stars of a fit are taken
 * together.
 *
 * Ages: the edges of FitAgeEdges; without them those between which equal shares of the light lie,
 * of the stars that are there and in the instrument's band.  A factor on a bin's masses is
 * determined about as well as its share of the light is large, so that equal shares are known about
 * equally well; even steps in ln age from end to end of a library would make bins without a star,
 * and one that holds nearly all.  The light is counted in cells of ln age between the youngest and
 * the oldest star that shines, as whole numbers (a 2^-31st of the brightest star's): the same edges
 * on any number of ranks.  Where one age holds more than a share, the others have equal shares of
 * what is left.
 *
 * Distances: shells with equal numbers of stars. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fit/unknowns_parts.h"

int cubix_unknowns_edges(double edge[CUBIX_UNKNOWN_MOST_BINS + 1], int *n, const struct cubix_params *par)
{
  int status = CUBIX_OK, count = 0;
  const char *at = par->FitAgeEdges, *where = cubix_params_origin(par, "FitAgeEdges");
  *n = 0;
  for (;;) {
    at += strspn(at, " \t,");
    if (!*at) break;
    char *end = NULL;
    const double age = strtod(at, &end);
    CUBIX_CHECK(end != at && (!*end || strchr(" \t,", *end)), CUBIX_EUSAGE,
                "FitAgeEdges = %s (%s): \"%.20s\" is no number; give ages in Gyr, as in FitAgeEdges 0.01,0.1,1,14",
                par->FitAgeEdges, where, at);
    CUBIX_CHECK(count <= CUBIX_UNKNOWN_MOST_BINS, CUBIX_EUSAGE, "FitAgeEdges = %s (%s): there may be %d edges",
                par->FitAgeEdges, where, CUBIX_UNKNOWN_MOST_BINS + 1);
    CUBIX_CHECK(isfinite(age) && age >= 0 && (count == 0 || age > edge[count - 1]), CUBIX_EUSAGE,
                "FitAgeEdges = %s (%s): %g follows %g: edges are ages in Gyr, each larger than the one before",
                par->FitAgeEdges, where, age, count ? edge[count - 1] : 0);
    edge[count++] = age;
    at = end;
  }
  CUBIX_CHECK(count != 1, CUBIX_EUSAGE, "FitAgeEdges = %s (%s): one edge makes no bin; give at least two",
              par->FitAgeEdges, where);
  *n = count > 0 ? count - 1 : 0;
done:
  return status;
}

static double light_of(const struct cubix_unknowns_start *start, size_t i)
{
  return start->light ? start->light[i] : 1;
}

/* Edges between equal shares of light, at most n of them. */
static void share_light(struct cubix_unknowns *u, const struct cubix_unknowns_start *start, int n)
{
  enum { N_CELL = 4096 };
  struct cubix_unknowns_map *map = u->map;
  const double *age = start->value->value[CUBIX_LEAF_Age], *range = start->age;
  double youngest = INFINITY, oldest = 0, brightest = 0;
  uint64_t cell[N_CELL] = { 0 }, left = 0, inside = 0;
  for (size_t i = 0; i < u->n_star; i++) {
    const double ours = fmin(fmax(age[i], range[0]), range[1]);
    if (!(light_of(start, i) > 0)) continue;
    youngest = fmin(youngest, ours);
    oldest = fmax(oldest, ours);
    brightest = fmax(brightest, light_of(start, i));
  }
  youngest = -map->collective->largest(-youngest);
  oldest = map->collective->largest(oldest);
  brightest = map->collective->largest(brightest);
  map->n_age = 1;
  map->age_edge[0] = brightest > 0 ? youngest : range[0];
  map->age_edge[1] = brightest > 0 ? oldest : range[1];
  if (!(oldest > youngest)) return;
  const double lo = log(youngest), step = (log(oldest) - lo) / N_CELL;
  for (size_t i = 0; i < u->n_star; i++) {
    const double place = (log(fmin(fmax(age[i], range[0]), range[1])) - lo) / step;
    if (!(light_of(start, i) > 0)) continue;
    cell[(int)fmin(fmax(place, 0), N_CELL - 1)] += (uint64_t)(light_of(start, i) / brightest * 0x1p31);
  }
  map->collective->add(cell, N_CELL);
  for (int c = 0; c < N_CELL; c++) left += cell[c];
  map->n_age = 0;
  for (int c = 0; c < N_CELL && map->n_age < n - 1; c++) {           /* an edge where a share of what is left is full */
    inside += cell[c];
    if (inside == left || (double)inside * (n - map->n_age) < (double)left) continue;
    map->age_edge[++map->n_age] = exp(lo + step * (c + 1));
    left -= inside;
    inside = 0;
  }
  map->age_edge[++map->n_age] = oldest;
}

/* Younger and older stars belong to the first and the last bin. */
static void find_ages(struct cubix_unknowns *u, const struct cubix_unknowns_start *start, int n)
{
  struct cubix_unknowns_map *map = u->map;
  if (!map->n_age) share_light(u, start, n);
  for (size_t i = 0; i < u->n_star; i++) {
    const double age = start->value->value[CUBIX_LEAF_Age][i];
    int j = 0;
    while (j + 1 < map->n_age && age >= map->age_edge[j + 1]) j++;
    map->age_bin[i] = (unsigned char)j;
  }
}

static double radius(const struct cubix_unknowns_start *start, size_t i)
{
  const double *p = start->value->value[CUBIX_LEAF_Position] + 3 * i, *centre = start->value->value[CUBIX_LEAF_Centre];
  return sqrt(pow(p[0] - centre[0], 2) + pow(p[1] - centre[1], 2) + pow(p[2] - centre[2], 2));
}

/* Shells with equal numbers of stars, to a cell in ln r: 100 a decade over the six below the largest r. */
static void find_shells(struct cubix_unknowns *u, const struct cubix_unknowns_start *start, int n)
{
  enum { N_CELL = 600 };
  struct cubix_unknowns_map *map = u->map;
  double far = 0;
  uint64_t count[N_CELL] = { 0 }, all = 0, inside = 0;
  for (size_t i = 0; i < u->n_star; i++) far = fmax(far, radius(start, i));
  far = map->collective->largest(far);
  for (size_t i = 0; i < u->n_star; i++) {
    double r = radius(start, i);
    count[r > 0 ? (int)fmin(fmax(ceil(N_CELL + 100 * log10(r / far)) - 1, 0), N_CELL - 1) : 0]++;
  }
  map->collective->add(count, N_CELL);
  for (int c = 0; c < N_CELL; c++) all += count[c];
  for (int j = 0, c = 0; j <= n; j++) {
    map->shell_edge[j] = j == 0 ? 0 : j == n ? far : far * pow(10, 0.01 * (c - N_CELL));
    for (; c < N_CELL && (double)inside < (double)all * (j + 1) / n; c++) inside += count[c];
  }
  for (size_t i = 0; i < u->n_star; i++) {
    const double r = radius(start, i);
    int j = 0;
    while (j + 1 < n && r > map->shell_edge[j + 1]) j++;
    map->shell[i] = (unsigned char)j;
  }
}

void cubix_unknowns_find_bins(struct cubix_unknowns *u, const struct cubix_params *par,
                              const struct cubix_unknowns_start *start)
{
  if (u->map->age_bin) find_ages(u, start, par->FitAgeBins);
  if (u->map->shell) find_shells(u, start, par->FitRadiusBins);
}
