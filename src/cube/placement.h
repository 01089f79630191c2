/* placement.h -- which stars fall into which spaxel: the stars of a slab as they are painted, in
 * the order of their spaxels.
 *
 * With a smooth deposit (physics/deposit.h) a star has one record in every painted spaxel of its
 * footprint, with the part of its mass that its weight there gives.  Records of weight 0 are kept,
 * because their derivatives need not be 0. */
#ifndef CUBIX_PLACEMENT_H
#define CUBIX_PLACEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "cube/cube.h"
#include "physics/population.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_placement {
  size_t n_spaxel;                /* painted, margin included */
  /* [n_spaxel + 1]: the records of spaxel s are star[start[s]] .. star[start[s + 1] - 1] */
  size_t *start;
  struct cubix_star *star;        /* [start[n_spaxel]] within a spaxel in the slab's order */
  uint32_t *source;               /* [start[n_spaxel]] NULL, or which star of the slab it is */
};

/** Sort the painted stars (slab in the sky frame) by spaxel, keeping their order within a spaxel;
 * stars that shed no light into field and margin are left out.  All stars are added to the cube's
 * maps, budget and v_max (doc/math.md section 8); the sums do not depend on the number of threads.
 * Local.
 *  @param cube NULL: these stars have been added before
 *  @param with_source 1: fill `source`
 *  @param[out] placement owned by the caller */
int cubix_placement_build(struct cubix_placement **placement, struct cubix_cube *cube,
                          const struct cubix_tables *tables, const struct cubix_slab *slab, int with_source);
/** Bytes of a placement with so many records in so many spaxels, and bytes that sorting n_star
 * stars takes beside it.  Local.
 *  @param smooth 0: Deposit nearest */
double cubix_placement_bytes(double n_record, double n_spaxel, int with_source);
double cubix_placement_work_bytes(double n_star, double n_record, double n_spaxel, int smooth, int n_thread);
/* Whether a star belongs to a choice. */
typedef int cubix_star_test(const void *host, const struct cubix_star *star);
/** A test: |v| above *(const double *)host [km/s]. */
int cubix_placement_beyond(const void *host, const struct cubix_star *star);
/** The stars of a placement that pass a test; `source` gives their places in it.  Local.
 *  @param[out] picked owned by the caller */
int cubix_placement_pick(struct cubix_placement **picked, const struct cubix_placement *placement,
                         cubix_star_test *test, const void *host);
/** An empty placement for n stars in n_spaxel spaxels.  Local. */
int cubix_placement_init(struct cubix_placement **placement, size_t n_spaxel, size_t n_star);
/** Allocate the sources of its n stars, not filled.  Local. */
int cubix_placement_trace(struct cubix_placement *placement, size_t n);
/** Spaxels first .. last - 1 of a placement, which lends its stars.  Local.
 *  @param start [last - first + 1] room */
struct cubix_placement cubix_placement_part(const struct cubix_placement *placement, size_t first, size_t last,
                                            size_t *start);
void cubix_placement_free(struct cubix_placement *placement);

#ifdef __cplusplus
}
#endif
#endif
