/* h5source.c -- a file driver of HDF5 for reading: what it opens are ordinary files, and closing
 * one cannot fail.
 *
 * HDF5's own driver opens a FIFO and waits for a writer, as a link or a virtual dataset may ask for
 * one; and where close() fails, as it may on a network file system, HDF5 keeps half a file, which
 * it closes once more when the process exits, and crashes there (seen with 1.10.8).  The files
 * behind external links and the sources of virtual datasets are opened by the driver of the file
 * that names them: by this one, which remembers what it opened. */
#define _POSIX_C_SOURCE 200809L
#include "base/h5source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/h5driver.h"
#include "base/infile.h"

struct source_file {
  struct cubix_h5file plain;      /* first */
  dev_t device;
  ino_t inode;
};

/* All that was opened, so that no output replaces it: who writes knows only what the parameters name. */
static struct seen { dev_t device; ino_t inode; } *seen;
static size_t n_seen, room_seen;

static int64_t n_failed;           /* reads */

int64_t cubix_h5source_failures(void) { return n_failed; }

static int is_seen(const struct stat *s, size_t from)
{
  for (size_t i = n_seen; i-- > from;)
    if (seen[i].inode == s->st_ino && seen[i].device == s->st_dev) return 1;
  return 0;
}

static int remember(const struct stat *s)
{
  enum { LATELY = 16 };            /* files are opened several times, mostly in a row */
  if (is_seen(s, n_seen > LATELY ? n_seen - LATELY : 0)) return 0;
  if (n_seen == room_seen) {
    struct seen *more = realloc(seen, (2 * room_seen + LATELY) * sizeof *seen);
    if (!more) return -1;
    seen = more;
    room_seen = 2 * room_seen + LATELY;
  }
  seen[n_seen++] = (struct seen){ s->st_dev, s->st_ino };
  return 0;
}

int cubix_h5source_note(const char *path)
{
  struct stat s;
  return stat(path, &s) ? -1 : remember(&s);
}

int cubix_h5source_has_read(const char *path)
{
  struct stat s;
  return stat(path, &s) == 0 && is_seen(&s, 0);
}

static H5FD_t *source_open(const char *name, unsigned flags, hid_t access_list, haddr_t max_address)
{
  struct source_file *f = calloc(1, sizeof *f);
  struct stat s;
  (void)access_list;
  (void)max_address;
  if (!f) return NULL;
  int file = f->plain.file = flags & H5F_ACC_RDWR ? -1 : open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0 || fstat(file, &s) || !S_ISREG(s.st_mode) || remember(&s)) goto failed;
  f->device = s.st_dev;
  f->inode = s.st_ino;
  f->plain.eof = (haddr_t)s.st_size;
  return &f->plain.pub;
failed:
  if (file >= 0) close(file);
  free(f);
  return NULL;
}

static herr_t source_close(H5FD_t *file)
{
  close(((struct cubix_h5file *)file)->file);    /* what was read is there, whatever this says */
  free(file);
  return 0;
}

static int source_compare(const H5FD_t *one, const H5FD_t *other)
{
  const struct source_file *a = (const struct source_file *)one, *b = (const struct source_file *)other;
  if (a->device != b->device) return a->device < b->device ? -1 : 1;
  return a->inode == b->inode ? 0 : a->inode < b->inode ? -1 : 1;
}

/* HDF5 looks behind symbolic links for what lies beside a file whose handle is like POSIX's. */
static herr_t source_query(const H5FD_t *file, unsigned long *flags)
{
  cubix_h5driver_query(file, flags);
  *flags |= H5FD_FEAT_POSIX_COMPAT_HANDLE;
  /* what is read are rows that are wanted, in large pieces: 64 kB about each would be read for nothing */
  *flags &= ~(unsigned long)H5FD_FEAT_DATA_SIEVE;
  return 0;
}

static herr_t source_get_handle(H5FD_t *file, hid_t access_list, void **handle)
{
  (void)access_list;
  *handle = &((struct cubix_h5file *)file)->file;
  return 0;
}

static herr_t source_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *buffer)
{
  (void)type;
  (void)transfer;
  cubix_infile_add_bytes((int64_t)size);
  const int failed = cubix_h5driver_read((struct cubix_h5file *)file, address, size, buffer);
#pragma omp atomic
  n_failed += failed != 0;
  return failed ? -1 : 0;
}

static herr_t source_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                           const void *buffer)
{
  (void)file;
  (void)type;
  (void)transfer;
  (void)address;
  (void)size;
  (void)buffer;
  return -1;
}

int cubix_h5source_use(hid_t access_list)
{
  static hid_t driver = H5I_INVALID_HID;
  H5FD_class_t class = cubix_h5driver_class("cubix_h5source", 601);
  class.open = source_open;
  class.close = source_close;
  class.cmp = source_compare;
  class.query = source_query;
  class.get_handle = source_get_handle;
  class.read = source_read;
  class.write = source_write;
  return cubix_h5driver_use(access_list, &driver, &class, NULL);
}
