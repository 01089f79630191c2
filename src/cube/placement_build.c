/* placement_build.c -- the stars sorted by painted spaxel, in the way that Deposit asks for. */
#include "cube/placement.h"

#include "cube/placement_parts.h"

double cubix_placement_bytes(double n_record, double n_spaxel, int with_source)
{
  return (n_spaxel + 1) * sizeof(size_t) +
         n_record * (double)(sizeof(struct cubix_star) + (with_source ? sizeof(uint32_t) : 0));
}

double cubix_placement_work_bytes(double n_star, double n_record, double n_spaxel, int smooth, int n_thread)
{
  return smooth ? cubix_placement_spread_bytes(n_star, n_record, n_spaxel, n_thread)
                : cubix_placement_nearest_bytes(n_star, n_spaxel, n_thread);
}

int cubix_placement_build(struct cubix_placement **out, struct cubix_cube *cube, const struct cubix_tables *tables,
                          const struct cubix_slab *slab, int with_source)
{
  return (tables->deposit == CUBIX_DEPOSIT_NEAREST ? cubix_placement_nearest
                                                   : cubix_placement_spread)(out, cube, tables, slab, with_source);
}
