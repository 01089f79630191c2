/* outliers.c -- the stars that no histogram serves, or not in all channels: to be painted one by one.
 *
 * They are noted chunk by chunk, 48 bytes each, and sorted by spaxel in the end, in the order in which
 * they were noted. */
#include "engine/outliers.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/placement.h"
#include "physics/population.h"

struct cubix_outlier {
  struct cubix_star star;
  uint64_t spaxel;
};

int cubix_outliers_add(struct cubix_outliers *outliers, const struct cubix_placement *placement, cubix_star_test *test,
                       const void *host)
{
  int status = CUBIX_OK;
  struct cubix_placement *picked = NULL;
  CUBIX_TRY(cubix_placement_pick(&picked, placement, test, host));
  size_t n = picked->start[picked->n_spaxel];
  if (outliers->n + n > outliers->room) {
    size_t room = 2 * outliers->room + n;
    struct cubix_outlier *more = realloc(outliers->star, room * sizeof *more);
    CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate %zu x %zu bytes for stars that are painted one by one", room,
                sizeof *more);
    outliers->star = more;
    outliers->room = room;
  }
  for (size_t s = 0; s < picked->n_spaxel; s++)
    for (size_t i = picked->start[s]; i < picked->start[s + 1]; i++)
      outliers->star[outliers->n++] = (struct cubix_outlier){ picked->star[i], s };
done:
  cubix_placement_free(picked);
  return status;
}

void cubix_outliers_free(struct cubix_outliers *outliers)
{
  free(outliers->star);
  *outliers = (struct cubix_outliers){ 0 };
}

/* A stable counting sort. */
int cubix_outliers_place(struct cubix_placement **out, const struct cubix_outliers *outliers, size_t n_spaxel)
{
  int status = CUBIX_OK;
  struct cubix_placement *p = NULL;
  CUBIX_TRY(cubix_placement_init(&p, n_spaxel, outliers->n));
  for (size_t i = 0; i < outliers->n; i++) p->start[outliers->star[i].spaxel + 1]++;
  for (size_t s = 0; s < n_spaxel; s++) p->start[s + 1] += p->start[s];
  for (size_t i = 0; i < outliers->n; i++) p->star[p->start[outliers->star[i].spaxel]++] = outliers->star[i].star;
  /* each had moved to the beginning of the next */
  for (size_t s = n_spaxel; s > 0; s--) p->start[s] = p->start[s - 1];
  p->start[0] = 0;
  *out = p;
done:
  return status;
}
