/* placement.c -- a placement as it is kept: memory for it, and choices of its stars.  How it is made:
 * placement_nearest.c and placement_smooth.c. */
#include "cube/placement.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

int cubix_placement_init(struct cubix_placement **out, size_t n_spaxel, size_t n_star)
{
  int status = CUBIX_OK;
  struct cubix_placement *p = NULL;
  CUBIX_ALLOC(p, 1);
  p->n_spaxel = n_spaxel;
  CUBIX_ALLOC(p->start, n_spaxel + 1);
  CUBIX_CHECK((p->star = cubix_reserve(n_star, sizeof *p->star)), CUBIX_ENOMEM,
              "cannot allocate %zu sorted stars of %zu bytes: use more ranks", n_star, sizeof *p->star);
  cubix_memory_touch(p->star, n_star * sizeof *p->star);
  *out = p;
  p = NULL;
done:
  cubix_placement_free(p);
  return status;
}

int cubix_placement_trace(struct cubix_placement *p, size_t n)
{
  int status = CUBIX_OK;
  CUBIX_CHECK((p->source = cubix_reserve(n, sizeof *p->source)), CUBIX_ENOMEM,
              "cannot allocate the sources of %zu sorted stars: use more ranks", n);
done:
  return status;
}

int cubix_placement_beyond(const void *host, const struct cubix_star *star)
{
  return !(fabs(star->velocity) <= *(const double *)host);
}

int cubix_placement_pick(struct cubix_placement **out, const struct cubix_placement *placement, cubix_star_test *test,
                         const void *host)
{
  int status = CUBIX_OK;
  struct cubix_placement *p = NULL;
  int64_t n_spaxel = (int64_t)placement->n_spaxel;
  size_t *count = NULL;
  CUBIX_ALLOC(count, n_spaxel + 1);
#pragma omp parallel for schedule(dynamic, 64)
  for (int64_t s = 0; s < n_spaxel; s++)
    for (size_t i = placement->start[s]; i < placement->start[s + 1]; i++)
      count[s + 1] += test(host, &placement->star[i]) != 0;
  for (int64_t s = 0; s < n_spaxel; s++) count[s + 1] += count[s];
  CUBIX_CHECK(!count[n_spaxel] || placement->start[n_spaxel] <= UINT32_MAX, CUBIX_EFAIL,
              "%zu parts of stars on one rank; of at most %u some can be picked: use more ranks",
              placement->start[n_spaxel], UINT32_MAX);
  CUBIX_TRY(cubix_placement_init(&p, placement->n_spaxel, count[n_spaxel]));
  memcpy(p->start, count, sizeof *count * (size_t)(n_spaxel + 1));
  CUBIX_ALLOC(p->source, count[n_spaxel]);
#pragma omp parallel for schedule(dynamic, 64)
  for (int64_t s = 0; s < n_spaxel; s++) {
    size_t at = p->start[s];
    for (size_t i = placement->start[s]; i < placement->start[s + 1] && at < p->start[s + 1]; i++) {
      if (!test(host, &placement->star[i])) continue;
      p->source[at] = (uint32_t)i;
      p->star[at++] = placement->star[i];
    }
  }
  *out = p;
  p = NULL;
done:
  free(count);
  cubix_placement_free(p);
  return status;
}

void cubix_placement_free(struct cubix_placement *placement)
{
  if (!placement) return;
  free(placement->start);
  free(placement->star);
  free(placement->source);
  free(placement);
}
