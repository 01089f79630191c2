/* infile.c -- a file that is to be read: is it one, and why not.
 *
 * Every reader asks here before it opens, so that all of them refuse the same things with the same
 * words, and before a library with messages of its own comes to see the path.  Only a regular file
 * has an end that does not depend on somebody else: opening a FIFO waits for its writer, and a
 * device may have no end at all. */
#define _XOPEN_SOURCE 700
#include "base/infile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static const char *kind_of(mode_t mode)
{
  if (S_ISFIFO(mode)) return "a FIFO (named pipe)";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "no regular file";
}

/* It cannot be found; errno says why. */
static int missing(const char *path, int code)
{
  const int why = errno;
  char target[1024];
  struct stat s;
  ssize_t n =
      why == ENOENT && lstat(path, &s) == 0 && S_ISLNK(s.st_mode) ? readlink(path, target, sizeof target - 1) : -1;
  if (n < 0) return cubix_error_set(code, __func__, __FILE__, __LINE__, "cannot open %s: %s", path, strerror(why));
  target[n] = '\0';
  return cubix_error_set(code, __func__, __FILE__, __LINE__,
                         "cannot open %s: it is a symbolic link to %s, which does not exist", path, target);
}

int cubix_infile_check(const char *path, int code)
{
  int status = CUBIX_OK;
  struct stat s;
  if (stat(path, &s) != 0) return missing(path, code);
  CUBIX_CHECK(!S_ISDIR(s.st_mode), code, "%s is a folder; name a file in it", path);
  CUBIX_CHECK(S_ISREG(s.st_mode), code, "%s is %s, which may keep a reader waiting for ever; it must be a regular file",
              path, kind_of(s.st_mode));
  CUBIX_CHECK(access(path, R_OK) == 0, code, "cannot open %s: %s", path, strerror(errno));
done:
  return status;
}

int cubix_infile_is(const char *path)
{
  struct stat s;
  return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

static int64_t n_read;

int64_t cubix_infile_bytes(void) { return n_read; }

void cubix_infile_add_bytes(int64_t n)
{
#pragma omp atomic
  n_read += n;
}
