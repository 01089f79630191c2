/* audit.h -- a few voxels of the cube compared with a float64 sum over their stars. */
#ifndef CUBIX_AUDIT_H
#define CUBIX_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "cube/cube.h"
#include "cube/placement.h"
#include "spectra/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Voxels of spaxels with stars, at least and at most; of those with gas alone that shines. */
enum { CUBIX_AUDIT_LEAST = 3, CUBIX_AUDIT_MOST = 64, CUBIX_AUDIT_GAS = 16 };

struct cubix_voxel {
  size_t spaxel;                  /* painted */
  int channel;
  uint64_t n_star;                /* of all ranks */
};

/* Evidence for a voxel: sums over ranks, or one rank's part of them. */
struct cubix_evidence {
  double exact;                   /* [unit of the cube] float64 sum over the stars */
  double level;                   /* [unit of the cube] the same stars' mean over the channels */
  double peak;                    /* [unit of the cube] of emission lines that reach it, in their peak channels */
  double held, n_held;            /* the cube's value, and the number of ranks that hold it (1) */
};

struct cubix_audit {
  int n;                          /* voxels drawn */
  struct cubix_voxel voxel[CUBIX_AUDIT_MOST + CUBIX_AUDIT_GAS];
  struct cubix_evidence evidence[CUBIX_AUDIT_MOST + CUBIX_AUDIT_GAS];
  /* the result */
  int n_voxel;                    /* voxels compared; 0: there was nothing to compare */
  double worst;                   /* largest relative difference */
};

/** Draw voxels at random from the occupied spaxels and the channels of a mask; the same for the
 * same seed and counts.  Local.
 *  @param[out] voxel [CUBIX_AUDIT_MOST]
 *  @param[out] n number drawn; 0: no spaxel is occupied or no channel in the mask
 *  @param count [n_spaxel] stars of all ranks
 *  @param mask [n_lambda] 1: a channel whose error has a bound */
int cubix_audit_draw(struct cubix_voxel *voxel, int *n, const uint64_t *count, size_t n_spaxel,
                     const unsigned char *mask, int n_lambda, int seed);
/** Add the contributions of placed stars to the evidence for the voxels.  Local. */
int cubix_audit_examine(struct cubix_audit *audit, const struct cubix_tables *tables,
                        const struct cubix_placement *placement);
/** Note the values of the cube in the voxels whose channels it holds.  Local. */
void cubix_audit_look(struct cubix_audit *audit, const struct cubix_cube *cube);
/** Compare, and log the worst voxel.  Local.
 *  @param direct 1: the cube was painted by the direct method
 *  Errors: CUBIX_EFAIL if a voxel is off by more than the tolerance. */
int cubix_audit_judge(struct cubix_audit *audit, const struct cubix_templates *templates, double tolerance, int direct,
                      const char *cache);

#ifdef __cplusplus
}
#endif
#endif
