/* h5driver.c -- what file drivers of HDF5 that stand on a descriptor have in common.
 *
 * A driver is a table of functions that HDF5 calls instead of those of the system.  CUBIX has two:
 * one for what it reads (h5source.c), which opens ordinary files only, and one for what it writes
 * (output/hdf5_sink.c), which keeps a full disk from HDF5.  HDF5 copies the table when it is
 * registered, and asks a driver where the allocated and the real end of a file are. */
#define _POSIX_C_SOURCE 200809L
#include "base/h5driver.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static haddr_t get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
  (void)type;
  return ((const struct cubix_h5file *)file)->eoa;
}

static herr_t set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t address)
{
  (void)type;
  ((struct cubix_h5file *)file)->eoa = address;
  return 0;
}

static haddr_t get_eof(const H5FD_t *file, H5FD_mem_t type)
{
  (void)type;
  return ((const struct cubix_h5file *)file)->eof;
}

herr_t cubix_h5driver_query(const H5FD_t *file, unsigned long *flags)
{
  (void)file;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

int cubix_h5driver_read(const struct cubix_h5file *file, haddr_t address, size_t size, void *buffer)
{
  char *to = buffer;
  int failed = 0;
  while (size) {
    ssize_t n = pread(file->file, to, size, (off_t)address);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) failed = errno ? errno : EIO;
    if (n <= 0) break;
    to += n;
    address += (haddr_t)n;
    size -= (size_t)n;
  }
  memset(to, 0, size);
  return failed;
}

H5FD_class_t cubix_h5driver_class(const char *name, int value)
{
  (void)value;
  return (H5FD_class_t){
#if H5_VERSION_GE(1, 14, 0)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)value,
#endif
    .name = name,
    .maxaddr = ((haddr_t)1 << 62) - 1,
    .fc_degree = H5F_CLOSE_WEAK,
    .query = cubix_h5driver_query,
    .get_eoa = get_eoa,
    .set_eoa = set_eoa,
    .get_eof = get_eof,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
  };
}

int cubix_h5driver_use(hid_t access_list, hid_t *driver, const H5FD_class_t *class, const void *info)
{
  /* it stays: a file that is closed lets go of its driver, and calls it once more after that */
  if (H5Iget_type(*driver) != H5I_VFL) *driver = H5FDregister(class);
  return *driver < 0 || H5Pset_driver(access_list, *driver, info) < 0 ? -1 : 0;
}
