/* patch.c -- stars whose templates end within the band, painted directly where the ends are seen.
 *
 * A spectrum that ends is no smooth function of velocity in the channels that its end wanders through: no grid of velocities follows it.  Libraries
 * whose hot templates stop before the others do (E-MILES at 8953 AA), and libraries that end within the band, have some dozens of such channels.  The
 * basis leaves these rows out there (basis_fit.c), and here the direct method adds them: the very rows, with all others dark, in those channels only.
 * What it takes is that share of the direct method's time.                                                                          */
#include "patch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static int is_patched(const struct cubix_basis *basis, const struct cubix_view *view, const struct cubix_star *star)
{
  struct cubix_mix mix;
  int ends = 0;
  if (!(fabs(star->velocity) <= basis->nodes.reach)) return 0;     /* painted directly with all its rows */
  cubix_mix_of(view, star, &mix);
  for (int c = 0; c < mix.n; c++) ends |= mix.weight[c] != 0 && basis->ending[mix.row[c]];
  return ends;
}

int cubix_patch_stars(struct cubix_placement **out, const struct cubix_basis *basis, const struct cubix_view *view, const struct cubix_placement *placement)
{
  int status = CUBIX_OK;
  struct cubix_placement *p = NULL;
  int64_t n_spaxel = (int64_t)placement->n_spaxel;
  size_t *count = NULL;
  CUBIX_ALLOC(count, n_spaxel + 1);
#pragma omp parallel for schedule(dynamic, 64)
  for (int64_t s = 0; s < n_spaxel; s++)
    for (size_t i = placement->start[s]; i < placement->start[s + 1]; i++) count[s + 1] += (size_t)is_patched(basis, view, &placement->star[i]);
  for (int64_t s = 0; s < n_spaxel; s++) count[s + 1] += count[s];
  CUBIX_TRY(cubix_placement_init(&p, placement->n_spaxel, count[n_spaxel]));
  memcpy(p->start, count, sizeof *count * (size_t)(n_spaxel + 1));
#pragma omp parallel for schedule(dynamic, 64)
  for (int64_t s = 0; s < n_spaxel; s++) {
    size_t at = p->start[s];
    for (size_t i = placement->start[s]; i < placement->start[s + 1] && at < p->start[s + 1]; i++)
      if (is_patched(basis, view, &placement->star[i])) p->star[at++] = placement->star[i];
  }
  *out = p;
done:
  free(count);
  return status;
}

/* The templates with all rows dark but those that end. */
static int ending_rows(cubix_real **out, const struct cubix_basis *basis, const struct cubix_view *view)
{
  int status = CUBIX_OK;
  size_t stride = (size_t)view->row_stride;
  cubix_real *row = NULL;
  CUBIX_ALLOC(row, (size_t)view->n_row * stride);
  for (int r = 0; r < view->n_row; r++)
    if (basis->ending[r]) memcpy(row + (size_t)r * stride, view->row + (size_t)r * stride, stride * sizeof *row);
  *out = row;
done:
  return status;
}

/* Channels first .. first + n - 1, all patched. */
static int paint_run(struct cubix_cube *cube, int first, int n, const struct cubix_view *ending, const struct cubix_placement *stars, struct cubix_device *dev)
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

int cubix_patch_paint(struct cubix_cube *cube, const struct cubix_basis *basis, const struct cubix_view *view, const struct cubix_placement *stars, struct cubix_device *dev)
{
  int status = CUBIX_OK, last = cube->lambda_first + cube->n_lambda;
  struct cubix_view ending = *view;
  cubix_real *row = NULL;
  if (!stars->start[stars->n_spaxel]) goto done;
  CUBIX_TRY(ending_rows(&row, basis, view));
  ending.row = row;
  for (int k = cube->lambda_first, n; k < last; k += n) {
    for (n = 1; k + n < last && basis->patched[k + n] == basis->patched[k]; n++) {}
    if (basis->patched[k]) CUBIX_TRY(paint_run(cube, k, n, &ending, stars, dev));
  }
done:
  free(row);
  return status;
}
