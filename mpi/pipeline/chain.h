/* chain.h -- the whole pipeline as one differentiable function, from stars and parameters to the
 * cube: forward, reverse and forward derivatives.
 *
 * A chain is opened once, on a simulation file or on arrays of the caller's, and serves any number
 * of iterations: put new values, run forward, ask for products with the Jacobian at these values.
 * All ranks call the same functions in the same order; each has its own stars.  Of the cube every
 * rank holds the channels that it owns (cube->lambda_first, cube->n_lambda). */
#ifndef CUBIX_MPI_CHAIN_H
#define CUBIX_MPI_CHAIN_H

#include <stddef.h>

#include "cube/cube.h"
#include "fit/leaves.h"
#include "output/output.h"
#include "params/params.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_chain;

/** Open.  Collective.
 *  @param active [CUBIX_N_LEAF] 1: derivatives with respect to it will be asked for; what a leaf
 *  needs is kept from the start @param stars  NULL: those of InputFile; otherwise this rank's,
 *  which are copied, with snapshot filled in as a file would have it @param[out] chain owned by the
 *  caller; borrows par Errors: CUBIX_EUSAGE for a leaf that has no say in this configuration
 *  (Inclination without Orientation inclined, PsfFwhm without Psf gaussian or moffat, ...). */
int cubix_mpi_chain_open(struct cubix_chain **chain, const struct cubix_params *par, const struct cubix_slab *stars,
                         const unsigned char active[CUBIX_N_LEAF]);
/** cubix_mpi_memory_check for a chain with the derivatives that it was opened for; it was looked at
 * when it was opened.  Collective. */
int cubix_mpi_chain_memory(const struct cubix_chain *chain, int say);
/** Numbers in a leaf on this rank.  Local. */
size_t cubix_mpi_chain_size(const struct cubix_chain *chain, enum cubix_leaf leaf);
/** Values in use, and new ones, for the next forward run.  Collective.  @param value
 * [cubix_mpi_chain_size]; GLOBAL and LIBRARY the same on every rank;
 *  positions in a periodic box count as those of the image that is nearest to the centre Errors:
 *  CUBIX_EUSAGE for a value that is none (as in files), stars further apart than the side of a
 *  periodic box, a leaf that has no say in this configuration, and for Redshift, LsfFwhm or
 *  Luminosity where none of the three is active; the values in use then stay. */
int cubix_mpi_chain_get(const struct cubix_chain *chain, enum cubix_leaf leaf, double *value);
int cubix_mpi_chain_put(struct cubix_chain *chain, enum cubix_leaf leaf, const double *value);
/** Sets, all zero, for the leaves that are active.  Local.  @param[out] leaves owned by the caller:
 * cubix_leaves_free */
int cubix_mpi_chain_leaves_init(struct cubix_leaves *leaves, const struct cubix_chain *chain);
/** Make the cube of the values in use, noise-free, after the PSF.  Collective.  @param[out] cube
 * borrowed until the next call: the channels that this rank owns */
int cubix_mpi_chain_forward(struct cubix_chain *chain, const struct cubix_cube **cube);
/** Cotangents: J^T cube_bar, added to all sets of bar that are there (which must be active).
 * Collective, after a forward run with the values in use.
 *  @param cube_bar  shape as forward's cube (only flux, sizes and lambda_first are looked at)
 *  @param[in,out] bar  GLOBAL and LIBRARY: complete, and the same, on every rank */
int cubix_mpi_chain_vjp(struct cubix_chain *chain, const struct cubix_cube *cube_bar, struct cubix_leaves *bar);
/** Tangents: J dot.  Collective, after forward.  @param dot  absent sets count as zero  @param[out]
 * cube_dot borrowed until the next jvp or gnvp */
int cubix_mpi_chain_jvp(struct cubix_chain *chain, const struct cubix_leaves *dot, const struct cubix_cube **cube_dot);
/** Gauss-Newton product J^T W J dot, added to bar.  Collective, after forward.  @param weight  W's
 * diagonal: a cube like forward's */
int cubix_mpi_chain_gnvp(struct cubix_chain *chain, const struct cubix_cube *weight, const struct cubix_leaves *dot,
                         struct cubix_leaves *bar);
/** Light of each star of this rank in the band [10^FluxUnit erg/s/cm2], as far as it was painted by
 * the last forward run: 0 of what lies outside.  Local.
 *  @param[out] light [stars] */
void cubix_mpi_chain_light(const struct cubix_chain *chain, double *light);
/** What an output tells of the forward run, its noise left out; all borrowed.  Local. */
void cubix_mpi_chain_result(struct cubix_result *result, const struct cubix_chain *chain);
void cubix_mpi_chain_close(struct cubix_chain *chain);

#ifdef __cplusplus
}
#endif
#endif
