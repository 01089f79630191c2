/* star_check.h -- inside mpi/: whether numbers can be stars.  The same rules hold for files, for
 * the arrays that open a chain, and for values that are put. */
#ifndef CUBIX_MPI_STAR_CHECK_H
#define CUBIX_MPI_STAR_CHECK_H

#include <math.h>
#include <stddef.h>

#include "params/params.h"
#include "simulation/simformat.h"
#include "simulation/slab.h"

/* [km/s] */
static inline double cubix_star_speed(const double v[3]) { return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

/** Check the numbers of one quantity, in internal units: within its bounds, and no velocity faster
 * than light.  Local.
 *  @param name for messages
 *  @param x [n_star][n_c]
 *  @param code status of a refusal */
int cubix_star_check(const char *name, enum cubix_field field, const double *x, size_t n_star, int code);
/** Check that the stars of all ranks are no further apart than the side of a periodic box, which
 * would fold them.  Collective.
 *  @param low, high [3] this rank's range; INFINITY and -INFINITY without stars
 *  @param box [kpc] 0: there is none
 *  @param code status of a refusal */
int cubix_mpi_star_extent_check(const double low[3], const double high[3], double box, int code);
/** The same for positions [n_star][3], anywhere in the box.  Collective. */
int cubix_mpi_star_box_check(const double *position, size_t n_star, double box, int code);
/** What a file's header would say, from a caller.  Local.
 *  @param snapshot redshift, OmegaMatter, OmegaLambda, HubbleParam (0: not known), side of the box [kpc] (0: none)
 *  Errors: CUBIX_EINPUT. */
int cubix_snapshot_given_check(const double snapshot[5]);
/** Whether parameters suit stars that the caller has, with their columns.  Local.
 *  Errors: CUBIX_EUSAGE for parameters that apply to files only, or need a column. */
int cubix_stars_given_check(const struct cubix_params *par, const struct cubix_slab *stars);

#endif
