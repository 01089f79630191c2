/* survival.h -- how much of the mass that formed is left in stars: what a simulation that writes no masses
 * at birth needs of the library. */
#ifndef CUBIX_SURVIVAL_H
#define CUBIX_SURVIVAL_H

struct cubix_survival {
  int n_z, n_age;
  double *log_z, *log_age;        /* [n_z], [n_age] log10 of mass fraction and Gyr, rising */
  double *fraction;               /* [n_z][n_age] mass now per mass formed */
};

/** The table SurvivingMass of a canonical SSP file.  Local.  @param[out] survival owned by the caller
 *  Errors: CUBIX_EINPUT: the library has none, or it is damaged. */
int cubix_survival_read(struct cubix_survival **survival, const char *file);
/** Linear in log10 of metallicity and age, as the spectra are; what is beyond the grid has the value at
 * its end.  Local. */
double cubix_survival_at(const struct cubix_survival *survival, double metallicity, double age);
/** NULL is allowed.  Local. */
void cubix_survival_free(struct cubix_survival *survival);

#endif
