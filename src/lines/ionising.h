/* ionising.h -- how many hydrogen-ionising photons young stars emit. */
#ifndef CUBIX_IONISING_H
#define CUBIX_IONISING_H

/* Of the library; without its table (n_z 0) in closed form. */
struct cubix_ionising {
  int n_z, n_age;
  double *log_z, *log_age;        /* [n_z], [n_age] log10 of mass fraction and Gyr, rising */
  double *rate;                   /* [n_z][n_age] photons/s per Msun formed */
  double peak;                    /* of the closed form: Q_0, likewise */
};

/* Stars ionise gas up to this age [Gyr]. */
#define CUBIX_IONISING_AGE 0.01
/* Lines shed by a Msun/yr without a library: L(Ha) = SFR/5.37e-42 (Kennicutt & Evans 2012), 1.37e-12 erg a photon. */
#define CUBIX_IONISING_SFR (1 / (5.37e-42 * 1.37e-12))

/** From IonizingPhotons of a canonical SSP file; in closed form, with a word in the log, if it has none or
 * no stars so young.  Local.  @param[out] ionising owned by the caller
 *  Errors: CUBIX_EINPUT. */
int cubix_ionising_read(struct cubix_ionising *ionising, const char *file);
/** Photons/s per Msun formed, at an age [Gyr]; linear in the logarithms of metallicity and age, as spectra
 * are, and at their ends beyond the grid.  0 above CUBIX_IONISING_AGE.  Local. */
double cubix_ionising_rate(const struct cubix_ionising *ionising, double metallicity, double age);
/* Constant star formation in steps of 10 kyr: the middle of step i [Gyr]. */
enum { CUBIX_IONISING_STEPS = 1000 };
static inline double cubix_ionising_step(int i) { return CUBIX_IONISING_AGE * (i + 0.5) / CUBIX_IONISING_STEPS; }
void cubix_ionising_free(struct cubix_ionising *ionising);

#endif
