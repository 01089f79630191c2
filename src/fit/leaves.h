/* leaves.h -- everything that a cube can be differentiated with respect to: values, tangents (dots)
 * and cotangents (bars) of it alike. */
#ifndef CUBIX_LEAVES_H
#define CUBIX_LEAVES_H

#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

enum cubix_leaf {
#define CUBIX_LEAF(of, name, n, unit, needs, help) CUBIX_LEAF_##name,
#include "fit/leaves.def"
#undef CUBIX_LEAF
  CUBIX_N_LEAF
};

enum cubix_leaf_of { CUBIX_OF_STAR, CUBIX_OF_GLOBAL, CUBIX_OF_LIBRARY };

struct cubix_leaf_info {
  enum cubix_leaf_of of;
  const char *name;               /* the parameter's, where there is one of that meaning */
  int n;                          /* numbers: of a star, altogether, of a value of the library */
  const char *unit, *needs, *help;   /* needs: cubix_leaf_unmet */
};

/* A number for everything in the sets that are not NULL. */
struct cubix_leaves {
  double *value[CUBIX_N_LEAF];    /* STAR [stars of this rank][n], GLOBAL [n], LIBRARY [n_z][n_age][n_lambda] */
};

/** Row of leaves.def.  Local, borrowed. */
const struct cubix_leaf_info *cubix_leaf_info(enum cubix_leaf leaf);
/** Whether the cube can change with a leaf, whatever its value, under the parameters in use.  Local.
 *  @return NULL where it can, otherwise what that needs, as cubix_params_unmet says it */
const char *cubix_leaf_unmet(const struct cubix_params *par, enum cubix_leaf leaf);
/** Leaves by name, as in "mass,age,inclination" (upper or lower case, blanks and underscores alike).
 * Local.
 *  @param[out] wanted [CUBIX_N_LEAF] 1 where named  @param origin of the list, for messages
 *  Errors: CUBIX_EUSAGE names the unknown one and all there are. */
int cubix_leaves_parse(unsigned char wanted[CUBIX_N_LEAF], const char *list, const char *origin);
/** Give up all sets.  Local. */
void cubix_leaves_free(struct cubix_leaves *leaves);

#ifdef __cplusplus
}
#endif
#endif
