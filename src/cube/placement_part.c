/* placement_part.c -- some spaxels of a placement. */
#include "cube/placement.h"

struct cubix_placement cubix_placement_part(const struct cubix_placement *p, size_t first, size_t last, size_t *start)
{
  for (size_t s = first; s <= last; s++) start[s - first] = p->start[s] - p->start[first];
  return (struct cubix_placement){ .n_spaxel = last - first,
                                   .start = start,
                                   .star = p->star + p->start[first],
                                   .source = p->source ? p->source + p->start[first] : NULL };
}
