/* h5search.c -- where HDF5 looks for another file that a file names.
 *
 * HDF5 tries one place after the other.  Opening a FIFO waits for a writer, so each place is looked
 * at here before.  A folder is passed over.  The first file that is there is the one, whether it is
 * HDF5 or not: HDF5 1.10 passes over what is not its own, 1.14 fails.  The places:
 *
 *   link, source   an absolute name itself, and from here on its last component; the folders of
 *                  HDF5_EXT_PREFIX (links) or HDF5_VDS_PREFIX (sources), a list
 *                  like that of PATH; for a source the whole of HDF5_VDS_PREFIX, in which ${ORIGIN}
 *                  at the beginning is the folder of the file that names it; beside that file; the
 *                  working directory; beside the file that that file is a symbolic link to
 *   raw data       an absolute name; the folder HDF5_EXTFILE_PREFIX, with ${ORIGIN} as above;
 *                  without it the working directory
 */
#define _XOPEN_SOURCE 700
#include "base/h5search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/h5read.h"
#include "base/infile.h"
#include "base/spelling.h"

struct search {
  char *path;                     /* the place that is looked at */
  size_t size;
  int found;
};

static int look(struct search *s)
{
  int status = CUBIX_OK;
  struct stat info;
  if (stat(s->path, &info) || S_ISDIR(info.st_mode)) goto done;
  if (!S_ISREG(info.st_mode)) CUBIX_TRY(cubix_infile_check(s->path, CUBIX_EINPUT));
  s->found = 1;
done:
  return status;
}

static int look_in_list(struct search *s, const char *list, const char *name)
{
  int status = CUBIX_OK;
  for (const char *at = list; at && *at && !s->found; at += strcspn(at, ":"), at += *at == ':') {
    const int n = (int)strcspn(at, ":");
    snprintf(s->path, s->size, "%.*s/%s", n, at, name);
    if (n > 0) CUBIX_TRY(look(s));
  }
done:
  return status;
}

/* One folder, as HDF5 reads it. */
static void in_prefix(char *path, size_t size, const char *prefix, const char *beside, const char *name)
{
  static const char origin[] = "${ORIGIN}";
  const int n = cubix_name_folder(beside);
  if (strncmp(prefix, origin, sizeof origin - 1)) snprintf(path, size, "%s/%s", prefix, name);
  else snprintf(path, size, "%.*s%s/%s", n ? n : 1, n ? beside : ".", prefix + sizeof origin - 1, name);
}

int cubix_h5_find(char *path, size_t size, enum cubix_h5_why why, const char *beside, const char *name)
{
  int status = CUBIX_OK;
  const char *bare = name[0] == '/' ? name + cubix_name_folder(name) : name,
             *prefix = getenv(why == CUBIX_H5_LINK ? "HDF5_EXT_PREFIX" : "HDF5_VDS_PREFIX");
  char *target = realpath(beside, NULL);
  struct search s = { path, size, 0 };
  snprintf(path, size, "%s", name);
  if (name[0] == '/') CUBIX_TRY(look(&s));
  CUBIX_TRY(look_in_list(&s, prefix, bare));
  if (!s.found && why == CUBIX_H5_SOURCE && prefix && *prefix) {
    in_prefix(path, size, prefix, beside, bare);
    CUBIX_TRY(look(&s));
  }
  for (int i = 0; i < 3 && !s.found; i++) {
    const char *folder = i == 0 ? beside : i == 1 ? "" : target;
    if (!folder) continue;
    snprintf(path, size, "%.*s%s", cubix_name_folder(folder), folder, bare);
    CUBIX_TRY(look(&s));
  }
  if (s.found) goto done;
  snprintf(path, size, "%.*s%s", name[0] == '/' ? 0 : cubix_name_folder(beside), beside, name);
done:
  free(target);
  return status;
}

void cubix_h5_find_raw(char *path, size_t size, const char *beside, const char *name)
{
  const char *prefix = getenv("HDF5_EXTFILE_PREFIX");
  if (name[0] == '/' || !prefix || !*prefix || !strcmp(prefix, ".")) snprintf(path, size, "%s", name);
  else in_prefix(path, size, prefix, beside, name);
}

int cubix_h5_is(const char *path)
{
  static const unsigned char signature[8] = { 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n' };
  unsigned char head[sizeof signature];
  struct stat s;
  int is = 0;
  FILE *in = stat(path, &s) == 0 && S_ISREG(s.st_mode) ? fopen(path, "rb") : NULL;
  for (off_t at = 0; in && !is && at + (off_t)sizeof head <= s.st_size; at = at ? 2 * at : 512)
    is = fseeko(in, at, SEEK_SET) == 0 && fread(head, sizeof head, 1, in) == 1 &&
         memcmp(head, signature, sizeof head) == 0;
  if (in) fclose(in);
  return is;
}
