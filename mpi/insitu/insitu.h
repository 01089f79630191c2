/* insitu.h -- CUBIX inside a running simulation: cubes of the particles in its memory, while it runs.
 *
 *   struct cubix_insitu *cubix;
 *   cubix_insitu_open(&cubix, comm, "muse.param", NULL);
 *   at each output:
 *     cubix_insitu_put(cubix, "Header/Redshift", &z, 1);
 *     cubix_insitu_put(cubix, "Stars/Position", x, n);  ... Velocity, InitialMass, Age, Metallicity
 *     cubix_insitu_forward(cubix);
 *     cubix_insitu_write(cubix, "cube_042.fits");
 *   cubix_insitu_close(cubix);
 *
 * All ranks of the communicator make the same calls in the same order, each with its own particles, perhaps none.
 * Every call returns 0 on all of them, or on all of them the same error, whose message is cubix_error_message().
 * Nothing is printed, and MPI, OpenMP, GSL and the environment are after every call as they were before
 * (doc/insitu.md).  Between outputs the instrument, the library and what was made of them stay in memory. */
#ifndef CUBIX_INSITU_H
#define CUBIX_INSITU_H

#include <mpi.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_insitu;

/** Open.  Starts MPI if the host has not.  Collective over comm, as all that follows.
 *  @param[out] cubix owned by the caller
 *  @param comm is duplicated
 *  @param path  of a parameter file, which rank 0 reads; NULL: there is none
 *  @param text  more of the same, "Name value" lines, NULL: nothing more.  InputFile and OutputFile may be absent */
int cubix_insitu_open(struct cubix_insitu **cubix, MPI_Comm comm, const char *path, const char *text);
/** The same for a communicator as Fortran has it. */
int cubix_insitu_open_f(struct cubix_insitu **cubix, MPI_Fint comm, const char *path, const char *text);
/** Set a parameter, as a line of the parameter file would.  What was made with its old value is made again by the
 * next forward. */
int cubix_insitu_set(struct cubix_insitu *cubix, const char *name, const char *value);
/** Say what one of the host's units is for the columns that are put; 1, 1, 1 until then.
 *  @param length_kpc physical kpc  @param velocity_kms km/s, peculiar  @param mass_msun Msun */
int cubix_insitu_units(struct cubix_insitu *cubix, double length_kpc, double velocity_kms, double mass_msun);
/** Put a column for the next forward, by the name that it has in a canonical particle file (doc/formats.md):
 * Stars/Position and Velocity [n][3], InitialMass, Metallicity [n], Age in Gyr or FormationFactor, the scale factor at
 * which the star formed [n]; Stars/Mass (else InitialMass), Potential and SmoothingLength where there are any;
 * Gas/Position, Velocity [n][3], Mass, and Density or SmoothingLength, Metallicity, Temperature, StarFormationRate,
 * DustMass [n].  And of the simulation, the same on all ranks, kept until it is put again: Header/Redshift,
 * OmegaMatter, OmegaLambda, HubbleParam, BoxSize (n 1), Centre, CentreVelocity (n 3).
 *  @param value borrowed until forward has returned; may be NULL if n is 0
 *  Errors: CUBIX_EUSAGE for another name, or another n than that of the columns beside it. */
int cubix_insitu_put(struct cubix_insitu *cubix, const char *name, const double *value, size_t n);
/** Make the cube of the columns that were put, which are forgotten then.
 *  Errors: as `cubix` with a file of them; a number that cannot be is told with its rank. */
int cubix_insitu_forward(struct cubix_insitu *cubix);
/** Get the sizes of the whole cube: n_lambda, n_y, n_x.  Local. */
int cubix_insitu_shape(struct cubix_insitu *cubix, int shape[3]);
/** Get the centres of the channels [AA], in the instrument's medium.  Local.  @param[out] lambda [n_lambda] */
int cubix_insitu_wavelengths(struct cubix_insitu *cubix, double *lambda);
/** Get an array of the last forward by the name that it has in a file: DATA, with noise, STAT or NOISEFREE
 * [n_lambda][n_y][n_x], or a truth map [n_y][n_x] (doc/cube.md).
 *  @param[out] value  on rank 0 of comm, n numbers; NULL and 0 on the others */
int cubix_insitu_get(struct cubix_insitu *cubix, const char *name, float *value, size_t n);
/** Write the cube of the last forward, with noise if the parameters ask for it.
 *  @param files  as OutputFile: "a.fits", or several kinds separated by commas */
int cubix_insitu_write(struct cubix_insitu *cubix, const char *files);
/** Close.  Until then the library keeps what it made.  @param cubix may be NULL on all ranks */
void cubix_insitu_close(struct cubix_insitu *cubix);

/* Functions of the host that are called in the middle of forward or write, on every rank, with what that rank has.
 * They may change it.  What they return other than 0 ends the call with an error on all ranks. */

/** Stars, on the sky: x east, y north, z away from the observer.
 *  @param position [n][3] kpc, velocity [n][3] km/s, age [n] Gyr, metallicity [n] mass fraction
 *  @param[in,out] mass [n] Msun formed: what a star's light and all sums are weighted with */
typedef int cubix_insitu_star_function(void *host, size_t n, const double *position, const double *velocity,
                                       const double *age, const double *metallicity, double *mass);
/** The channels first .. first + n_lambda - 1 of the cube, perhaps none.
 *  @param margin  spaxels on every side beyond the field, whose light the PSF brings in
 *  @param[in,out] flux [n_y][n_x][n_lambda] 10^FluxUnit erg/s/cm2/AA, margin included */
typedef int cubix_insitu_cube_function(void *host, int n_y, int n_x, int margin, int first, int n_lambda, float *flux);
/** Dust of the host's own in front of stars, beside what Dust gas finds, by the law of the parameters (DustLaw): with
 * Dust screen or gas.
 *  @param position [n][3] kpc, on the sky
 *  @param[in,out] a_v [n] mag, A(V) in front of each star: to be added to */
typedef int cubix_insitu_dust_function(void *host, size_t n, const double *position, double *a_v);
/** Light of the host's own from star i (of those that this rank has put), which is spread over spaxels as that of the
 * star is, and goes through DustScreen, PSF and noise.  It is called for stars in or about the field, for one range of
 * channels after another.
 *  @param[in,out] flux [n_lambda] 10^FluxUnit erg/s/cm2/AA in the channels from first on, as observed; 0 at first */
typedef int cubix_insitu_light_function(void *host, size_t i, int first, int n_lambda, double *flux);
enum cubix_insitu_when { CUBIX_INSITU_PAINTED, CUBIX_INSITU_OBSERVED, CUBIX_INSITU_WRITING };

/** From now on call these, on all ranks or on none; NULL: none.  Local. */
int cubix_insitu_on_stars(struct cubix_insitu *cubix, cubix_insitu_star_function *function, void *host);
int cubix_insitu_on_dust(struct cubix_insitu *cubix, cubix_insitu_dust_function *function, void *host);
int cubix_insitu_on_light(struct cubix_insitu *cubix, cubix_insitu_light_function *function, void *host);
/** @param when  after painting; after the PSF; once before the first get or write of a cube */
int cubix_insitu_on_cube(struct cubix_insitu *cubix, enum cubix_insitu_when when, cubix_insitu_cube_function *function,
                         void *host);

/** From a simulation's units, as Gadget's family has them, to those of cubix_insitu_units.  Local.
 *  @param cgs [3] unit of length [cm], velocity [cm/s], mass [g], without factors of a and h
 *  @param a scale factor of lengths; 1: they are physical
 *  @param h 1: lengths and masses have no 1/h
 *  @param root_a 1: velocities are sqrt(a) times peculiar ones, divided by a, as in Gadget's snapshots (u = v/sqrt(a))
 *  @param[out] unit [3] kpc, km/s, Msun */
int cubix_insitu_unit_of(double unit[3], const double cgs[3], double a, double h, int root_a);
/** What went wrong last in this thread.  Local. */
const char *cubix_error_message(void);

#ifdef __cplusplus
}
#endif
#endif
