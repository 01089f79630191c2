/* hdf5_attributes.c -- attributes of HDF5 files that are written, and what HDF5 says when it fails. */
#include "output/hdf5_attributes.h"

#include <string.h>

#include "base/error.h"
#include "base/h5read.h"

int cubix_hdf5_disk_failed(const char *shown, int system, const char *func, int line)
{
  return cubix_error_set(CUBIX_EOUTPUT, func, __FILE__, line, "cannot write %s: %s", shown, strerror(system));
}

int cubix_hdf5_failed(const char *shown, const char *func, int line)
{
  char reason[512];
  return cubix_error_set(CUBIX_EOUTPUT, func, __FILE__, line, "cannot write %s: HDF5 says: %s", shown,
                         cubix_h5_reason(reason, sizeof reason));
}

/* Type of a text (as a pointer to char in memory), and of a fact.  The caller closes it. */
hid_t cubix_hdf5_text_type(void)
{
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

int cubix_hdf5_attribute(hid_t object, const char *shown, const char *name, hid_t type, const void *value)
{
  int status = CUBIX_OK;
  hid_t space = H5Screate(H5S_SCALAR), attribute = -1;
  CUBIX_TRY_H5(attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
  CUBIX_TRY_H5(H5Awrite(attribute, type, value));
done:
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  return status;
}

int cubix_hdf5_text_attribute(hid_t object, const char *shown, const char *name, const char *value)
{
  hid_t type = cubix_hdf5_text_type();
  int status = cubix_hdf5_attribute(object, shown, name, type, &value);
  H5Tclose(type);
  return status;
}

hid_t cubix_hdf5_fact_type(const struct cubix_fact *fact)
{
  if (fact->type == CUBIX_FACT_TEXT) return cubix_hdf5_text_type();
  return H5Tcopy(fact->type == CUBIX_FACT_REAL ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64);
}

const void *cubix_hdf5_fact_value(const struct cubix_fact *fact)
{
  return fact->type == CUBIX_FACT_TEXT   ? (const void *)&fact->text
         : fact->type == CUBIX_FACT_REAL ? (const void *)&fact->real
                                         : &fact->integer;
}

int cubix_hdf5_fact_attributes(hid_t object, const char *shown, const struct cubix_facts *facts)
{
  int status = CUBIX_OK;
  for (int i = 0; i < facts->n; i++) {
    hid_t type = cubix_hdf5_fact_type(&facts->fact[i]);
    status = cubix_hdf5_attribute(object, shown, facts->fact[i].name, type, cubix_hdf5_fact_value(&facts->fact[i]));
    H5Tclose(type);
    CUBIX_TRY(status);
  }
done:
  return status;
}

