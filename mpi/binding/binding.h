/* binding.h -- the chain for languages that load libcubix.so at run time: only numbers, texts and
 * arrays, and no struct whose layout they would have to know.
 *
 * A binding owns a chain (chain.h) with the parameters and the instrument that it was opened with.
 * Errors are reported as everywhere: by a status, and by cubix_error_message() in the same
 * thread. */
#ifndef CUBIX_MPI_BINDING_H
#define CUBIX_MPI_BINDING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_binding;
enum { CUBIX_N_BINDING_STAR = 7, CUBIX_N_BINDING_GAS = 9 };

/** Bytes of a number of the cube: 4, or 8 in the float64 twin of the tests.  Local. */
int cubix_mpi_binding_real(void);
/** A row of leaves.def.  Local.
 *  @param[out] text [3] name, unit, help; borrowed, static
 *  @param[out] number [2] enum cubix_leaf_of, and how many numbers
 *  @return 0, or 1 beyond the last row */
int cubix_mpi_binding_leaf(int leaf, const char *text[3], int number[2]);

struct cubix_ranks;
/** The ranks of a communicator of the host, as Fortran has it, which is duplicated.  Starts MPI unless the host has.
 * What is called between enter and leave, of which no two overlap, is for these ranks instead of all of the program;
 * leaving gives back what it found in the process (mpi/comm/settings.h).  Opening and closing are collective over it.
 *  @param[out] ranks owned by the caller, until what was opened for them is closed */
int cubix_mpi_ranks_open(struct cubix_ranks **ranks, int comm);
void cubix_mpi_ranks_enter(struct cubix_ranks *ranks);
void cubix_mpi_ranks_leave(struct cubix_ranks *ranks);
void cubix_mpi_ranks_close(struct cubix_ranks *ranks);

/** Open a binding.  Collective.
 *  @param[out] binding owned by the caller
 *  @param path  of a parameter file, which rank 0 reads; NULL: there is none, and text has its
 *    content.  OutputFile may be absent
 *  @param override [n_override] "Name=value"; they override the file
 *  @param active  names of leaves, separated by commas, with respect to which derivatives will be
 *    asked for
 *  @param n  [2] stars and cells of gas of this rank
 *  @param column  NULL: the stars and the gas of InputFile; else this rank's stars: position [n[0]][3] kpc,
 *    velocity [n[0]][3] km/s, mass formed, present mass (NULL: the mass formed) Msun, age Gyr,
 *    metallicity, smoothing length kpc (NULL: none), as in a particle file; and behind them its gas:
 *    position [n[1]][3] kpc (NULL, on all ranks: there is none), velocity [n[1]][3] km/s, mass Msun, density
 *    Msun/kpc^3, smoothing length (radius of the kernel) kpc, metallicity, temperature K, star formation rate
 *    Msun/yr, mass of dust Msun, each of these six NULL where it is not known.  Read before this returns, not kept
 *  @param snapshot [5] with column: redshift, OmegaMatter, OmegaLambda, HubbleParam of the simulation
 *    (0: not known), side of its periodic box [kpc] (0: none)
 *  Errors: those of cubix_mpi_chain_open; CUBIX_EINPUT for a star that is not possible (not finite,
 *    negative where that means nothing). */
int cubix_mpi_binding_open(struct cubix_binding **binding, const char *path, const char *text, int n_override,
                           char *const *override, const char *active, const size_t n[2],
                           const double *const column[CUBIX_N_BINDING_STAR + CUBIX_N_BINDING_GAS],
                           const double snapshot[5]);
/** The grid of the field.  Local.
 *  @param[out] shape [3] n_y, n_x, n_lambda of the whole cube
 *  @param[out] lambda [n_lambda] centres [AA, the instrument's medium], or NULL */
int cubix_mpi_binding_grid(const struct cubix_binding *binding, int shape[3], double *lambda);
/** What the values of the leaf Luminosity stand for: the part of the library that the band needs.  Local.
 *  @param[out] shape [3] n_z, n_age, n_lambda, in this order in the leaf
 *  @param[out] metallicity [n_z] mass fraction, age [n_age] Gyr, lambda [n_lambda] rest AA in vacuum, or NULL */
int cubix_mpi_binding_templates(const struct cubix_binding *binding, int shape[3], double *metallicity, double *age,
                                double *lambda);
/** As cubix_mpi_chain_size, _get, _put. */
size_t cubix_mpi_binding_size(const struct cubix_binding *binding, int leaf);
int cubix_mpi_binding_get(const struct cubix_binding *binding, int leaf, double *value);
int cubix_mpi_binding_put(struct cubix_binding *binding, int leaf, const double *value);
/** As cubix_mpi_chain_forward.  Collective.
 *  @param[out] flux  [n_y][n_x][n_lambda of this rank] 10^FluxUnit erg/s/cm2/AA, borrowed until the
 *    next call
 *  @param[out] shape [4] n_y, n_x, first channel, n_lambda */
int cubix_mpi_binding_forward(struct cubix_binding *binding, const void **flux, int shape[4]);
/** As cubix_mpi_chain_vjp, _jvp, _gnvp.  Collective, after forward.
 *  @param flux_bar, weight  as forward's flux
 *  @param dot, bar  [number of leaves] as struct cubix_leaves
 *  @param[out] flux_dot borrowed until the next jvp or gnvp */
int cubix_mpi_binding_vjp(struct cubix_binding *binding, const void *flux_bar, double *const *bar);
int cubix_mpi_binding_jvp(struct cubix_binding *binding, double *const *dot, const void **flux_dot);
int cubix_mpi_binding_gnvp(struct cubix_binding *binding, const void *weight, double *const *dot, double *const *bar);
/** As cubix_mpi_pipeline_write and _get, of the values that forward was run with.  Collective. */
int cubix_mpi_binding_write(struct cubix_binding *binding, const char *files);
int cubix_mpi_binding_plane(struct cubix_binding *binding, const char *name, void *value, size_t n);
/** As cubix_mpi_pipeline_draw.  Collective.
 *  @param number [4] first, n, n_channel, sum  @param channel [n_channel] */
int cubix_mpi_binding_draw(struct cubix_binding *binding, const int number[4], const int *channel, void *value);
void cubix_mpi_binding_close(struct cubix_binding *binding);

#ifdef __cplusplus
}
#endif
#endif
