/* template_ends.c -- stars whose templates end within the band, painted directly where the ends are
 * seen.
 *
 * A spectrum that ends is no smooth function of velocity in the channels that its end wanders
 * through: no grid of velocities follows it.  Libraries whose hot templates stop before the others
 * do (E-MILES at 8953 AA), and libraries that end within the band, have some dozens of such
 * channels.  The basis leaves these rows out there (basis_fit.c), and here the direct method adds
 * them: the very rows, with all others dark, in those channels only. What it takes is that share of
 * the direct method's time. */
#include "engine/template_ends.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"

int cubix_ends_test(const void *host, const struct cubix_star *star)
{
  const struct cubix_ends *ends = host;
  struct cubix_mix mix;
  int any = 0;
  if (!(fabs(star->velocity) <= ends->basis->nodes.reach)) return 0;     /* painted directly with all its rows */
  cubix_mix_of(ends->tables, star, &mix);
  for (int c = 0; c < mix.n; c++) any |= (mix.weight[c] != 0 || ends->corners) && ends->basis->ending[mix.row[c]];
  return any;
}

int cubix_ends_rows(cubix_real **out, struct cubix_tables *ending, const struct cubix_basis *basis,
                    const struct cubix_tables *tables)
{
  int status = CUBIX_OK;
  size_t stride = (size_t)tables->row_stride;
  uint64_t hash[2];
  cubix_real *row = NULL;
  CUBIX_ALLOC(row, (size_t)tables->n_row * stride);
  for (int r = 0; r < tables->n_row; r++)
    if (basis->ending[r]) memcpy(row + (size_t)r * stride, tables->row + (size_t)r * stride, stride * sizeof *row);
  cubix_hash(basis->ending, (size_t)tables->n_row, hash);
  *ending = cubix_tables_rows(tables, row, tables->edition ? tables->edition ^ hash[0] : 0);
  *out = row;
done:
  return status;
}

int cubix_ends_run(const struct cubix_basis *basis, int *first, int last)
{
  int n = 0;
  while (*first < last && !basis->at_end[*first]) ++*first;
  while (*first + n < last && basis->at_end[*first + n]) n++;
  return n;
}

/* Channels first .. first + n - 1, all at an end. */
static int paint_run(struct cubix_cube *cube, int first, int n, const struct cubix_tables *ending,
                     const struct cubix_placement *stars, struct cubix_device *dev)
{
  int status = CUBIX_OK;
  struct cubix_cube run = { .n_x = cube->n_x, .n_y = cube->n_y, .margin = cube->margin };
  CUBIX_TRY(cubix_cube_hold(&run, first, n));
  CUBIX_TRY(cubix_device_paint(dev, ending, stars, &run));
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < stars->n_spaxel; s++) {
    cubix_real *flux = cube->flux + s * (size_t)cube->n_lambda + (size_t)(first - cube->lambda_first);
    for (int k = 0; k < n && stars->start[s + 1] > stars->start[s]; k++) flux[k] += run.flux[s * (size_t)n + (size_t)k];
  }
done:
  free(run.flux);
  return status;
}

int cubix_ends_paint(struct cubix_cube *cube, const struct cubix_basis *basis, const struct cubix_tables *tables,
                     const struct cubix_placement *stars, struct cubix_device *dev)
{
  int status = CUBIX_OK, last = cube->lambda_first + cube->n_lambda;
  struct cubix_tables ending;
  cubix_real *row = NULL;
  if (!stars->start[stars->n_spaxel]) goto done;
  CUBIX_TRY(cubix_ends_rows(&row, &ending, basis, tables));
  for (int k = cube->lambda_first, n; (n = cubix_ends_run(basis, &k, last)); k += n)
    CUBIX_TRY(paint_run(cube, k, n, &ending, stars, dev));
done:
  free(row);
  return status;
}
