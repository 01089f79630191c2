/* beside.c -- files beside the first OutputFile: a temporary name in the same folder while they grow, fsync and rename when they are whole.
 *
 * One file grows at a time; its temporary name is kept where a signal handler finds it. */
#define _POSIX_C_SOURCE 200809L
#include "beside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

static char growing[CUBIX_BESIDE_LENGTH];
static volatile sig_atomic_t grows;

int cubix_beside_init(struct cubix_beside *beside, const struct cubix_params *par, const char *ending, const char *path)
{
  static const char *const suffixes[] = { ".fits", ".hdf5", ".h5" };
  int status = CUBIX_OK, n;
  const char *first = par->OutputFile + strspn(par->OutputFile, " \t"), *slash;
  int length = (int)strcspn(first, ",");
  while (length && (first[length - 1] == ' ' || first[length - 1] == '\t')) length--;
  for (int i = 0; i < 3; i++) {
    int suffix = (int)strlen(suffixes[i]);
    if (length > suffix && !strncmp(first + length - suffix, suffixes[i], (size_t)suffix)) {
      length -= suffix;
      break;
    }
  }
  n = *path ? snprintf(beside->path, sizeof beside->path, "%s", path) : snprintf(beside->path, sizeof beside->path, "%.*s%s", length, first, ending);
  CUBIX_CHECK(n < CUBIX_BESIDE_LENGTH - 32, CUBIX_EUSAGE, "a name of %d characters is too long for a file, at most %d: %.60s...", n, CUBIX_BESIDE_LENGTH - 33, beside->path);
  slash = strrchr(beside->path, '/');
  n = slash ? (int)(slash + 1 - beside->path) : 0;
  snprintf(beside->temporary, sizeof beside->temporary, "%.*s.%.*s.part%ld", n, beside->path, CUBIX_BESIDE_LENGTH - 32 - n, beside->path + n, (long)getpid());
done:
  return status;
}

int cubix_beside_same(const char *a, const char *b)
{
  struct stat info_a, info_b;
  return a && b && *a && *b && !stat(a, &info_a) && !stat(b, &info_b) && info_a.st_dev == info_b.st_dev && info_a.st_ino == info_b.st_ino;
}

int cubix_beside_check(const struct cubix_beside *beside, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct stat info;
  int exists = !stat(beside->path, &info);
  CUBIX_CHECK(!exists || S_ISREG(info.st_mode), CUBIX_EOUTPUT, "%s exists and is not a file; choose another name", beside->path);
  CUBIX_CHECK(!cubix_beside_same(beside->path, par->InputFile) && !cubix_beside_same(beside->path, par->ObservedFile), CUBIX_EOUTPUT,
              "%s, written beside the first OutputFile, is the InputFile or the ObservedFile as well and would replace it; choose another OutputFile", beside->path);
  CUBIX_CHECK(!exists || par->Overwrite, CUBIX_EOUTPUT, "%s exists and Overwrite = no (%s); remove it, choose another name, or set Overwrite yes", beside->path,
              cubix_params_origin(par, "Overwrite"));
done:
  return status;
}

void cubix_beside_begin(const struct cubix_beside *beside)
{
  grows = 0;
  strcpy(growing, beside->temporary);
  grows = 1;
}

int cubix_beside_end(const struct cubix_beside *beside, int status)
{
  int file = -1, synced;
  if (status) goto done;
  file = open(beside->temporary, O_RDONLY);
  synced = file >= 0 && !fsync(file);
  CUBIX_CHECK(synced, CUBIX_EOUTPUT, "cannot write %s: %s", beside->path, strerror(errno));
  CUBIX_CHECK(!rename(beside->temporary, beside->path), CUBIX_EOUTPUT, "cannot rename %s to %s: %s", beside->temporary, beside->path, strerror(errno));
  grows = 0;
done:
  if (file >= 0) close(file);
  if (status) cubix_beside_abandon();
  return status;
}

void cubix_beside_abandon(void)
{
  if (grows) unlink(growing);
  grows = 0;
}
