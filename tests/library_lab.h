/* library_lab.h -- writes a library of stellar populations that a test has made up. */
#ifndef CUBIX_TESTS_LIBRARY_LAB_H
#define CUBIX_TESTS_LIBRARY_LAB_H

#include <hdf5.h>
#include <string.h>

struct lab_library {
  int n_z, n_age, n_wave;
  const double *metallicity, *age, *wave, *width; /* mass fraction, Gyr, vacuum AA, FWHM in AA */
  const double *luminosity;                       /* [n_z][n_age][n_wave] erg/s/AA/Msun */
};

static inline void put_text(hid_t where, const char *name, const char *text)
{
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, strlen(text) + 1);
  hid_t attribute = H5Acreate(where, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, text);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

static inline void put_table(hid_t file, const char *name, const char *unit, int n_dim, const hsize_t *dim,
                             const double *x)
{
  hid_t space = H5Screate_simple(n_dim, dim, NULL);
  hid_t set = H5Dcreate(file, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
  put_text(set, "unit", unit);
  H5Dclose(set);
  H5Sclose(space);
}

static inline void lab_library_write(const char *path, const struct lab_library *lab)
{
  const hsize_t dim[3] = { (hsize_t)lab->n_z, (hsize_t)lab->n_age, (hsize_t)lab->n_wave };
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  put_text(file, "CubixFile", "ssp");
  put_text(file, "Name", "test");
  put_table(file, "/Metallicity", "mass fraction", 1, dim, lab->metallicity);
  put_table(file, "/Age", "Gyr", 1, dim + 1, lab->age);
  put_table(file, "/Wavelength", "AA", 1, dim + 2, lab->wave);
  put_table(file, "/LsfFwhm", "AA", 1, dim + 2, lab->width);
  put_table(file, "/Luminosity", "erg/s/AA/Msun", 3, dim, lab->luminosity);
  H5Fclose(file);
}

#endif
