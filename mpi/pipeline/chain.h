/* chain.h -- the whole pipeline as one differentiable function from stars and parameters to the
 * cube, with reverse and forward derivatives.
 *
 * A chain is opened once, on a simulation file or on arrays of the caller, and serves any number of
 * iterations: put new values, run forward, ask for products with the Jacobian at these values.  All
 * ranks call the same functions in the same order; each has its own stars.  Every rank holds the
 * channels of the cube that it owns (cube->lambda_first, cube->n_lambda). */
#ifndef CUBIX_MPI_CHAIN_H
#define CUBIX_MPI_CHAIN_H

#include <mpi.h>
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

/** Open a chain.  Collective.
 *  @param active [CUBIX_N_LEAF] 1: derivatives with respect to this leaf will be asked for; what it
 *    needs is kept from the start
 *  @param stars NULL: the stars of InputFile; otherwise those of this rank, which are copied, with
 *    snapshot filled in as a file would have it
 *  @param gas NULL: the gas of InputFile, where Dust or Lines ask for it; otherwise that of this rank, which
 *    is copied (mpi/particles/gas.h)
 *  @param dry_run 1: no forward run follows; log at INFO what memory one would take
 *  @param[out] chain owned by the caller; borrows par
 *  Errors: CUBIX_EUSAGE for a leaf on which the cube does not depend in this configuration
 *    (Inclination without Orientation inclined, PsfFwhm without Psf gaussian or moffat, ...). */
int cubix_mpi_chain_open(struct cubix_chain **chain, const struct cubix_params *par, const struct cubix_slab *stars,
                         const struct cubix_slab *gas, const unsigned char active[CUBIX_N_LEAF], int dry_run);
/** The same for the ranks of a communicator of a host program (cubix_mpi_pipeline_open_on).  Collective
 * over comm, as are then all calls with this chain. */
int cubix_mpi_chain_open_on(struct cubix_chain **chain, MPI_Comm comm, const struct cubix_params *par,
                            const struct cubix_slab *stars, const struct cubix_slab *gas,
                            const unsigned char active[CUBIX_N_LEAF], int dry_run);
/** From now on forward gives the spectra of the fibres, as a cube of [1][n_spectrum] spaxels, instead of the cube that
 * is rebuilt from them, which is made all the same; and derivatives are those of the spectra.  Local, on every rank.
 *  Errors: CUBIX_EUSAGE without Sampling fibres. */
int cubix_mpi_chain_of_fibres(struct cubix_chain *chain);
/** How many numbers a leaf has on this rank.  Local. */
size_t cubix_mpi_chain_size(const struct cubix_chain *chain, enum cubix_leaf leaf);
/** Get the values in use; put new ones for the next forward run.  Collective.
 *  @param value [cubix_mpi_chain_size]; GLOBAL and LIBRARY values are the same on every rank; a
 *    position in a periodic box stands for its image nearest to the centre
 *  Errors: CUBIX_EUSAGE for a value that is not allowed (as in files), stars further apart than the
 *    side of a periodic box, a leaf on which the cube does not depend in this configuration, and
 *    Redshift, LsfFwhm or Luminosity if none of these three is active; the values in use then
 *    stay. */
int cubix_mpi_chain_get(const struct cubix_chain *chain, enum cubix_leaf leaf, double *value);
int cubix_mpi_chain_put(struct cubix_chain *chain, enum cubix_leaf leaf, const double *value);
/** Allocate zeroed sets for the active leaves.  Local.
 *  @param[out] leaves owned by the caller: cubix_leaves_free */
int cubix_mpi_chain_leaves_init(struct cubix_leaves *leaves, const struct cubix_chain *chain);
/** Make the cube of the values in use, noise-free and after the PSF.  Collective.
 *  @param[out] cube borrowed until the next call: the channels that this rank owns */
int cubix_mpi_chain_forward(struct cubix_chain *chain, const struct cubix_cube **cube);
/** Reverse derivative: add J^T cube_bar to all sets that bar has, which must be active.
 * Collective, after a forward run with the values in use.
 *  @param cube_bar shape as the cube of forward (only flux, sizes and lambda_first are used)
 *  @param[in,out] bar GLOBAL and LIBRARY sets are complete, and the same, on every rank */
int cubix_mpi_chain_vjp(struct cubix_chain *chain, const struct cubix_cube *cube_bar, struct cubix_leaves *bar);
/** Forward derivative: J dot.  Collective, after forward.
 *  @param dot absent sets count as zero
 *  @param[out] cube_dot borrowed until the next jvp or gnvp */
int cubix_mpi_chain_jvp(struct cubix_chain *chain, const struct cubix_leaves *dot, const struct cubix_cube **cube_dot);
/** Gauss-Newton product: add J^T W J dot to bar.  Collective, after forward.
 *  @param weight the diagonal of W, as a cube like that of forward */
int cubix_mpi_chain_gnvp(struct cubix_chain *chain, const struct cubix_cube *weight, const struct cubix_leaves *dot,
                         struct cubix_leaves *bar);
/** Light of each star of this rank in the band [10^FluxUnit erg/s/cm2] that the last forward run
 * painted; 0 for stars outside.  Local.
 *  @param[out] light [stars] */
void cubix_mpi_chain_light(const struct cubix_chain *chain, double *light);
/** Everything that an output states about the forward run except the noise; all borrowed.
 * Local. */
void cubix_mpi_chain_result(struct cubix_result *result, const struct cubix_chain *chain);
void cubix_mpi_chain_close(struct cubix_chain *chain);

#ifdef __cplusplus
}
#endif
#endif
