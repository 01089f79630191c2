/* leaves.h -- leaves: everything that a cube can be differentiated with respect to.  Their values,
 * tangents (dots) and cotangents (bars) have the same form. */
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

enum cubix_leaf_of { CUBIX_OF_STAR, CUBIX_OF_GLOBAL, CUBIX_OF_LIBRARY, CUBIX_OF_GAS };

struct cubix_leaf_info {
  enum cubix_leaf_of of;
  const char *name;               /* that of the parameter, if there is one of that meaning */
  int n;                          /* how many numbers: for a star or cell, in all, for a value of the library */
  const char *unit, *needs, *help;   /* needs: cubix_leaf_unmet */
};

/* Numbers for the leaves whose sets are not NULL. */
struct cubix_leaves {
  double *value[CUBIX_N_LEAF];    /* STAR, GAS [of this rank][n], GLOBAL [n], LIBRARY [n_z][n_age][n_lambda] */
};

/** A row of leaves.def.  Local, borrowed. */
const struct cubix_leaf_info *cubix_leaf_info(enum cubix_leaf leaf);
/** Whether the cube can change with a leaf, whatever its value, under the parameters in use.
 * Local.
 *  @return NULL if it can, otherwise what that needs, as cubix_params_unmet says it */
const char *cubix_leaf_unmet(const struct cubix_params *par, enum cubix_leaf leaf);
/** Parse a list of leaves, such as "mass,age,inclination".  Upper and lower case, blanks and
 * underscores make no difference.  Local.
 *  @param[out] wanted [CUBIX_N_LEAF] 1 for those named
 *  @param origin of the list, for messages
 *  Errors: CUBIX_EUSAGE names the unknown one and lists all. */
int cubix_leaves_parse(unsigned char wanted[CUBIX_N_LEAF], const char *list, const char *origin);
/** Free all sets.  Local. */
void cubix_leaves_free(struct cubix_leaves *leaves);

#ifdef __cplusplus
}
#endif
#endif
