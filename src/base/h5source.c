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

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if H5_VERSION_GE(1, 14, 0)
#include <H5FDdevelop.h>
#endif

struct source_file {
  H5FD_t pub;                     /* HDF5's own part, first */
  int file;
  dev_t device;
  ino_t inode;
  haddr_t eoa, eof;               /* ends of what HDF5 thinks is in use and of the file */
};

/* All that was opened, so that no output replaces it: who writes knows only what the parameters name. */
static struct seen { dev_t device; ino_t inode; } *seen;
static size_t n_seen, room_seen;

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
  f->file = flags & H5F_ACC_RDWR ? -1 : open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (f->file < 0 || fstat(f->file, &s) || !S_ISREG(s.st_mode) || remember(&s)) goto failed;
  f->device = s.st_dev;
  f->inode = s.st_ino;
  f->eof = (haddr_t)s.st_size;
  return &f->pub;
failed:
  if (f->file >= 0) close(f->file);
  free(f);
  return NULL;
}

static herr_t source_close(H5FD_t *file)
{
  close(((struct source_file *)file)->file);     /* what was read is there, whatever this says */
  free(file);
  return 0;
}

static int source_compare(const H5FD_t *one, const H5FD_t *other)
{
  const struct source_file *a = (const struct source_file *)one, *b = (const struct source_file *)other;
  if (a->device != b->device) return a->device < b->device ? -1 : 1;
  return a->inode == b->inode ? 0 : a->inode < b->inode ? -1 : 1;
}

static herr_t source_query(const H5FD_t *file, unsigned long *flags)
{
  (void)file;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA |
           /* so that HDF5 looks behind symbolic links for what lies beside the file */
           H5FD_FEAT_POSIX_COMPAT_HANDLE;
  return 0;
}

static herr_t source_get_handle(H5FD_t *file, hid_t access_list, void **handle)
{
  (void)access_list;
  *handle = &((struct source_file *)file)->file;
  return 0;
}

static haddr_t source_get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
  (void)type;
  return ((const struct source_file *)file)->eoa;
}

static herr_t source_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t address)
{
  (void)type;
  ((struct source_file *)file)->eoa = address;
  return 0;
}

static haddr_t source_get_eof(const H5FD_t *file, H5FD_mem_t type)
{
  (void)type;
  return ((const struct source_file *)file)->eof;
}

static herr_t source_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size, void *buffer)
{
  char *to = buffer;
  (void)type;
  (void)transfer;
  while (size) {
    ssize_t n = pread(((struct source_file *)file)->file, to, size, (off_t)address);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    to += n;
    address += (haddr_t)n;
    size -= (size_t)n;
  }
  memset(to, 0, size);            /* beyond the end lie zeros */
  return 0;
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

static const H5FD_class_t source_class = {
#if H5_VERSION_GE(1, 14, 0)
  .version = H5FD_CLASS_VERSION,
  .value = 601,                   /* any from 512 on that nobody registered */
#endif
  .name = "cubix_h5source",
  .maxaddr = ((haddr_t)1 << 62) - 1,
  .fc_degree = H5F_CLOSE_WEAK,
  .open = source_open,
  .close = source_close,
  .cmp = source_compare,
  .query = source_query,
  .get_eoa = source_get_eoa,
  .set_eoa = source_set_eoa,
  .get_eof = source_get_eof,
  .get_handle = source_get_handle,
  .read = source_read,
  .write = source_write,
  .fl_map = H5FD_FLMAP_DICHOTOMY,
};

int cubix_h5source_use(hid_t access_list)
{
  hid_t driver = H5FDregister(&source_class);
  int failed = driver < 0 || H5Pset_driver(access_list, driver, NULL) < 0;
  if (driver >= 0) H5FDunregister(driver);       /* the list, and each file opened with it, holds on to it */
  return failed ? -1 : 0;
}
