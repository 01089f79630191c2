/* hdf5_attributes.h -- attributes of HDF5 files that are written, and what HDF5 says when it fails. */
#ifndef CUBIX_HDF5_ATTRIBUTES_H
#define CUBIX_HDF5_ATTRIBUTES_H

#include <hdf5.h>

#include "output/provenance.h"

/* One HDF5 call that must give a handle or a status >= 0; `shown` is the file's name. */
#define CUBIX_TRY_H5(call) \
  do { \
    if ((call) < 0) { \
      status = cubix_hdf5_failed(shown, __func__, __LINE__); \
      goto done; \
    } \
  } while (0)

/** Set the error that HDF5, or the system, gives for a file.  Local.  @return CUBIX_EOUTPUT */
int cubix_hdf5_failed(const char *shown, const char *func, int line);
int cubix_hdf5_disk_failed(const char *shown, int system, const char *func, int line);
/** Type of a text, which is a pointer to char in memory; type and value of a fact.  Local.  The caller closes types. */
hid_t cubix_hdf5_text_type(void);
hid_t cubix_hdf5_fact_type(const struct cubix_fact *fact);
const void *cubix_hdf5_fact_value(const struct cubix_fact *fact);
/** Add an attribute to an object.  Local.  @param shown  the file's name  Errors: CUBIX_EOUTPUT. */
int cubix_hdf5_attribute(hid_t object, const char *shown, const char *name, hid_t type, const void *value);
int cubix_hdf5_text_attribute(hid_t object, const char *shown, const char *name, const char *value);
int cubix_hdf5_fact_attributes(hid_t object, const char *shown, const struct cubix_facts *facts);

#endif
