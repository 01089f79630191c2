/* gas.h -- the gas of the simulation's files: what dims the stars, and what shines in lines. */
#ifndef CUBIX_MPI_GAS_H
#define CUBIX_MPI_GAS_H

#include "dust/dust_weight.h"
#include "geometry/frame.h"
#include "params/params.h"
#include "simulation/slab.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_particles;

/** This rank's share of the gas that InputFile holds, in physical units and the file's frame.  Collective.
 *  @param about  a periodic box is unwrapped about this point [kpc], the galaxy's centre; NULL: Centre, what
 *  the file states, or the first particle
 *  @param[out] gas owned by the caller; columns that the files do not have, and that nothing there gives,
 *  are NULL
 *  Errors: CUBIX_EINPUT: no gas; anything wrong with the files. */
int cubix_mpi_gas_read(struct cubix_slab **gas, const struct cubix_params *par, const double *about);

/** Does a run need gas?  Local.  @return 1: Dust gas, or Lines sfr */
int cubix_mpi_gas_wanted(const struct cubix_params *par);
/** This rank's share of the gas that dims or shines, on the sky: in the frame of the stars, with position,
 *  velocity, mass_now, metallicity, smoothing_length (the radius of the kernel, of every cell; NULL where
 *  neither dust nor Deposit uses it), sfr, dusty and dust (both 0 without Dust gas).  Cells that have no dust and
 *  form no stars are left out.
 *
 *  With a GroupCatalogue it is the gas of the same groups.  SelectRadius chooses what shines: beyond it sfr is
 *  0, but dust counts wherever it is.  Collective.
 *  @param frame  of the stars, which have been placed in it
 *  @param[out] gas owned by the caller; NULL: no gas is needed
 *  Errors: CUBIX_EINPUT: no gas, or columns that lack, or numbers that make no sense. */
int cubix_mpi_gas_open(struct cubix_slab **gas, const struct cubix_params *par,
                       const struct cubix_particles *particles, const struct cubix_frame *frame);
/** The same of gas that the caller has, which is copied: all cells, in their order, and nothing is left out.
 *  Columns: position, velocity, mass_now, and, where they are needed, smoothing_length or density, metallicity,
 *  temperature, sfr, dust_mass.  Collective.
 *  @param given  of this rank, in the frame that the stars came in
 *  Errors: CUBIX_EINPUT as above. */
int cubix_mpi_gas_hold(struct cubix_slab **gas, const struct cubix_params *par, const struct cubix_slab *given,
                       const struct cubix_particles *particles, const struct cubix_frame *frame);
/** Say what was found, and warn of what cannot be right.  Collective.
 *  @param gas NULL: nothing is said  @param field  smaller side of the field [kpc] */
void cubix_mpi_gas_report(const struct cubix_slab *gas, const struct cubix_params *par, double field);
/** The columns that dust follows from.  Local. */
struct cubix_dust_cells cubix_gas_cells(const struct cubix_slab *gas);
/** Dust of every cell from its mass and metallicity, once one of them, or DustToMetal, has changed.  Local. */
void cubix_gas_weigh(struct cubix_slab *gas, const struct cubix_params *par);

#ifdef __cplusplus
}
#endif
#endif
