/* audit.h -- a few voxels of the cube against a float64 sum over their stars. */
#ifndef CUBIX_AUDIT_H
#define CUBIX_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "cube/cube.h"
#include "cube/placement.h"
#include "spectra/templates.h"

enum { CUBIX_AUDIT_LEAST = 3, CUBIX_AUDIT_MOST = 64 };

struct cubix_voxel {
  size_t spaxel;                  /* painted */
  int channel;
  uint64_t n_star;                /* of all ranks */
};

/* What is known of a voxel: sums over ranks, or one rank's part of them. */
struct cubix_evidence {
  double exact;                   /* [unit of the cube] float64 sum over the stars */
  double level;                   /* [unit of the cube] the same stars' mean over the channels */
  double held, n_held;            /* the cube's value, and by how many ranks it is held (1) */
};

struct cubix_audit {
  int n;                          /* voxels drawn */
  struct cubix_voxel voxel[CUBIX_AUDIT_MOST];
  struct cubix_evidence evidence[CUBIX_AUDIT_MOST];
  /* what was found */
  int n_voxel;                    /* voxels compared; 0: there was nothing to compare */
  double worst;                   /* largest relative difference */
};

/** Voxels to look at: occupied spaxels and the channels of a mask drawn at random, the same for the
 * same seed and counts.  Local.
 *  @param[out] voxel [CUBIX_AUDIT_MOST]  @param[out] n  0: no spaxel is occupied or no channel in
 *  the mask @param count [n_spaxel] stars of all ranks  @param mask [n_lambda] 1: a channel whose
 *  error has a bound */
int cubix_audit_draw(struct cubix_voxel *voxel, int *n, const uint64_t *count, size_t n_spaxel,
                     const unsigned char *mask, int n_lambda, int seed);
/** Add what placed stars contribute to the voxels.  Local. */
int cubix_audit_examine(struct cubix_audit *audit, const struct cubix_tables *tables,
                        const struct cubix_placement *placement);
/** Note what the cube holds in the voxels, as far as it holds their channels.  Local. */
void cubix_audit_look(struct cubix_audit *audit, const struct cubix_cube *cube);
/** Compare, and log the worst.  Local.  Errors: CUBIX_EFAIL where a voxel is off by more than the
 * tolerance.
 *  @param direct 1: the cube was painted by the direct method */
int cubix_audit_judge(struct cubix_audit *audit, const struct cubix_templates *templates, double tolerance, int direct,
                      const char *cache);

#endif
