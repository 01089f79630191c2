/* hdf5_sink.c -- a file driver of HDF5 that never tells HDF5 about a full disk.
 *
 * HDF5 keeps what it could not write and tries again when the file is closed and when the process
 * exits; a process in which that fails crashes in its exit handlers (seen with 1.10.8), so that the
 * user gets a segmentation fault instead of an exit status and a message, and a program that holds
 * the library loses all its work.  So this driver, otherwise the plain one of POSIX files, keeps
 * the first failure for its owner, who looks at it and ends the job, and from then on drops what
 * HDF5 writes: the file is lost anyway.
 * It writes to a descriptor, whatever the name that HDF5 is given: nothing is opened by name a
 * second time.  For new files only: it is no driver for reading. */
#define _POSIX_C_SOURCE 200809L
#include "output/hdf5_sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if H5_VERSION_GE(1, 14, 0)
#include <H5FDdevelop.h>
#endif

struct sink_file {
  H5FD_t pub;                     /* HDF5's own part, first */
  int file;
  haddr_t eoa, eof;               /* ends of what HDF5 has allocated and of what lies in the file */
  struct cubix_h5sink *sink;
};

static void failed(struct sink_file *f)
{
  if (!f->sink->error) f->sink->error = errno ? errno : EIO;
}

static H5FD_t *sink_open(const char *name, unsigned flags, hid_t access_list, haddr_t max_address)
{
  struct cubix_h5sink *const *sink = H5Pget_driver_info(access_list);
  struct sink_file *f = calloc(1, sizeof *f);
  (void)name;
  (void)max_address;
  if (!sink || !f) goto failed;
  f->sink = *sink;
  f->file = f->sink->file;
  if (!(flags & H5F_ACC_TRUNC) || !ftruncate(f->file, 0)) return &f->pub;
failed:
  free(f);
  return NULL;
}

static herr_t sink_close(H5FD_t *file)
{
  free(file);
  return 0;
}

static herr_t sink_query(const H5FD_t *file, unsigned long *flags)
{
  (void)file;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

static haddr_t sink_get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
  (void)type;
  return ((const struct sink_file *)file)->eoa;
}

static herr_t sink_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t address)
{
  (void)type;
  ((struct sink_file *)file)->eoa = address;
  return 0;
}

static haddr_t sink_get_eof(const H5FD_t *file, H5FD_mem_t type)
{
  (void)type;
  return ((const struct sink_file *)file)->eof;
}

static herr_t sink_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *buffer)
{
  struct sink_file *f = (struct sink_file *)file;
  char *to = buffer;
  (void)type;
  (void)transfer;
  while (size) {
    ssize_t n = pread(f->file, to, size, (off_t)address);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) failed(f);
    if (n <= 0) break;
    to += n;
    address += (haddr_t)n;
    size -= (size_t)n;
  }
  memset(to, 0, size);            /* beyond the end lie zeros */
  return 0;
}

static herr_t sink_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                         const void *buffer)
{
  struct sink_file *f = (struct sink_file *)file;
  const char *from = buffer;
  (void)type;
  (void)transfer;
  if (address + size > f->eof) f->eof = address + size;
  while (size && !f->sink->error) {
    ssize_t n;
    errno = 0;
    n = pwrite(f->file, from, size, (off_t)address);
    if (n > 0) {
      from += n;
      address += (haddr_t)n;
      size -= (size_t)n;
    } else if (errno != EINTR) {
      failed(f);
    }
  }
  return 0;
}

static herr_t sink_truncate(H5FD_t *file, hid_t transfer, hbool_t closing)
{
  struct sink_file *f = (struct sink_file *)file;
  (void)transfer;
  (void)closing;
  if (f->eoa != f->eof && !f->sink->error && ftruncate(f->file, (off_t)f->eoa)) failed(f);
  f->eof = f->eoa;
  return 0;
}

static const H5FD_class_t sink_class = {
#if H5_VERSION_GE(1, 14, 0)
  .version = H5FD_CLASS_VERSION,
  .value = 600,                   /* any from 512 on that nobody registered */
#endif
  .name = "cubix_h5sink",
  .maxaddr = ((haddr_t)1 << 62) - 1,
  .fc_degree = H5F_CLOSE_WEAK,
  .fapl_size = sizeof(struct cubix_h5sink *),
  .open = sink_open,
  .close = sink_close,
  .query = sink_query,
  .get_eoa = sink_get_eoa,
  .set_eoa = sink_set_eoa,
  .get_eof = sink_get_eof,
  .read = sink_read,
  .write = sink_write,
  .truncate = sink_truncate,
  .fl_map = H5FD_FLMAP_DICHOTOMY,
};

int cubix_h5sink_open(struct cubix_h5sink *sink, int file)
{
  sink->file = file;
  sink->error = 0;
  sink->access_list = H5Pcreate(H5P_FILE_ACCESS);
  sink->driver = H5FDregister(&sink_class);
  if (sink->access_list < 0 || sink->driver < 0) return -1;
  return H5Pset_driver(sink->access_list, sink->driver, &sink);
}

void cubix_h5sink_close(struct cubix_h5sink *sink)
{
  if (sink->access_list > 0) H5Pclose(sink->access_list);
  if (sink->driver > 0) H5FDunregister(sink->driver);
}
