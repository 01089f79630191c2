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
#include <unistd.h>

#include "base/h5driver.h"

struct sink_file {
  struct cubix_h5file plain;      /* first */
  struct cubix_h5sink *sink;
};

static void failed(struct sink_file *f, int error)
{
  if (!f->sink->error) f->sink->error = error ? error : EIO;
}

static H5FD_t *sink_open(const char *name, unsigned flags, hid_t access_list, haddr_t max_address)
{
  struct cubix_h5sink *const *sink = H5Pget_driver_info(access_list);
  struct sink_file *f = calloc(1, sizeof *f);
  (void)name;
  (void)max_address;
  if (!sink || !f) goto failed;
  f->sink = *sink;
  f->plain.file = f->sink->file;
  if (!(flags & H5F_ACC_TRUNC) || !ftruncate(f->plain.file, 0)) return &f->plain.pub;
failed:
  free(f);
  return NULL;
}

static herr_t sink_close(H5FD_t *file)
{
  free(file);
  return 0;
}

static herr_t sink_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *buffer)
{
  struct sink_file *f = (struct sink_file *)file;
  int error = cubix_h5driver_read(&f->plain, address, size, buffer);
  (void)type;
  (void)transfer;
  if (error) failed(f, error);
  return 0;
}

static herr_t sink_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                         const void *buffer)
{
  struct sink_file *f = (struct sink_file *)file;
  const char *from = buffer;
  (void)type;
  (void)transfer;
  if (address + size > f->plain.eof) f->plain.eof = address + size;
  while (size && !f->sink->error) {
    ssize_t n;
    errno = 0;
    n = pwrite(f->plain.file, from, size, (off_t)address);
    if (n > 0) {
      from += n;
      address += (haddr_t)n;
      size -= (size_t)n;
    } else if (errno != EINTR) {
      failed(f, errno);
    }
  }
  return 0;
}

static herr_t sink_truncate(H5FD_t *file, hid_t transfer, hbool_t closing)
{
  struct sink_file *f = (struct sink_file *)file;
  (void)transfer;
  (void)closing;
  if (f->plain.eoa != f->plain.eof && !f->sink->error && ftruncate(f->plain.file, (off_t)f->plain.eoa))
    failed(f, errno);
  f->plain.eof = f->plain.eoa;
  return 0;
}

int cubix_h5sink_open(struct cubix_h5sink *sink, int file)
{
  static hid_t driver = H5I_INVALID_HID;
  H5FD_class_t class = cubix_h5driver_class("cubix_h5sink", 600);
  class.fapl_size = sizeof sink;
  class.open = sink_open;
  class.close = sink_close;
  class.read = sink_read;
  class.write = sink_write;
  class.truncate = sink_truncate;
  sink->file = file;
  sink->error = 0;
  sink->access_list = H5Pcreate(H5P_FILE_ACCESS);
  return sink->access_list < 0 ? -1 : cubix_h5driver_use(sink->access_list, &driver, &class, &sink);
}

void cubix_h5sink_close(struct cubix_h5sink *sink)
{
  if (sink->access_list > 0) H5Pclose(sink->access_list);
}
