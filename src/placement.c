/* placement.c -- stable counting sort of the stars by painted spaxel.
 *
 * Two passes over the slab, the first counting, the second placing; the spaxel is computed twice rather than stored.  The order
 * within a spaxel is that of the slab, so that sums over a spaxel do not depend on threads.                                  */
#include "placement.h"

#include <stdlib.h>

#include "error.h"
#include "physics/project.h"

int cubix_placement_build(struct cubix_placement *placement, const struct cubix_view *view, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  size_t n_spaxel = (size_t)view->n_x * (size_t)view->n_y;
  size_t *start = NULL;
  uint32_t *order = NULL;
  CUBIX_CHECK(slab->n < UINT32_MAX, CUBIX_EFAIL, "%zu stars on one rank; at most %u fit: use more ranks", slab->n, UINT32_MAX);
  CUBIX_ALLOC(start, n_spaxel + 2);
  for (size_t i = 0; i < slab->n; i++) {
    int64_t s = cubix_project(view, slab->position + 3 * i);
    if (s >= 0) start[s + 2]++;
  }
  for (size_t s = 0; s < n_spaxel; s++) start[s + 2] += start[s + 1];
  CUBIX_ALLOC(order, start[n_spaxel + 1]);
  for (size_t i = 0; i < slab->n; i++) {
    int64_t s = cubix_project(view, slab->position + 3 * i);
    if (s >= 0) order[start[s + 1]++] = (uint32_t)i;
  }
  placement->n_spaxel = n_spaxel;
  placement->start = start;
  placement->order = order;
  start = NULL;
done:
  free(start);
  return status;
}

void cubix_placement_free(struct cubix_placement *placement)
{
  free(placement->start);
  free(placement->order);
  placement->start = NULL;
  placement->order = NULL;
}
