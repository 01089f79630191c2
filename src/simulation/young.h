/* young.h -- recent star formation as many particles of a small mass (doc/math.md section 2): what they are
 * made of, stars or cells of gas, and the particles themselves, as many at a time as are wanted. */
#ifndef CUBIX_YOUNG_H
#define CUBIX_YOUNG_H

#include <stddef.h>
#include <stdint.h>

#include "params/params.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CUBIX_YOUNG_GYR 0.1       /* stars younger than this are young [Gyr] */
#define CUBIX_YOUNG_MOST 1e10     /* particles that may be made, on all ranks together */

struct cubix_young {
  int from_gas;                   /* 1: parents are cells of gas that form stars; 0: young stars */
  double mass;                    /* of a particle, about [Msun] */
  uint32_t seed;
  struct cubix_slab *parent;      /* of this rank; what their particles inherit, and mass_formed in 100 Myr */
  uint64_t first;                 /* parents of the ranks before this one */
  size_t *start;                  /* [parent->n + 1] particles before those of each; NULL: not counted yet */
  size_t n_largest;               /* particles of the rank that has most */
  int64_t n_removed;              /* young stars of this rank, */
  double mass_removed;            /* and the mass that formed in them */
};

/** Allocate one without parents.  Local.
 *  @param has_length  1: particles have smoothing lengths  @param[out] young owned by the caller */
int cubix_young_init(struct cubix_young **young, const struct cubix_params *par, int has_length);
/** Take the young stars out of the slab; they become parents, unless these are gas, or have been counted.
 * Local. */
int cubix_young_take(struct cubix_young *young, struct cubix_slab *slab);
/** Make parents of those cells of gas that form stars: of 100 Myr of each.  Local. */
int cubix_young_add_gas(struct cubix_young *young, const struct cubix_slab *gas);
/** How many particles the parents make.  Local. */
double cubix_young_number(const struct cubix_young *young);
/** Count them, which ends the taking of parents.  Local. */
int cubix_young_count(struct cubix_young *young);
/** Particles from .. from + n - 1 of this rank into the slab's rows from `at` on.  Local. */
void cubix_young_make(struct cubix_slab *slab, size_t at, const struct cubix_young *young, size_t from, size_t n);
/** Bytes of so many parents.  Local. */
double cubix_young_bytes(const struct cubix_young *young);
void cubix_young_free(struct cubix_young *young);

#ifdef __cplusplus
}
#endif
#endif
