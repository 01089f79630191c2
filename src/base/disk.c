/* disk.c -- whether there is room for what will be written.
 *
 * A file is on the file system of the folder in which it will be, behind all links.  Files that it
 * replaces give nothing back in time: they stay until their successors are whole.  What only root
 * may use counts for root alone.  Quotas are not known; nor are file systems that tell of no blocks
 * at all. */
#define _XOPEN_SOURCE 700           /* realpath */
#include "base/disk.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/log.h"

/* A number of bytes in a unit that suits it. */
static const char *size_text(char text[32], double bytes)
{
  static const char *const unit[] = { "bytes", "kB", "MB", "GB", "TB", "PB" };
  int u = 0;
  for (; bytes >= 1000 && u < 5; u++) bytes /= 1000;
  snprintf(text, 32, u ? "%.3g %s" : "%.0f %s", bytes, unit[u]);
  return text;
}

/* The folder of a file, links resolved, and the number of its file system.  @return 0: there is none */
static int place_of(const char *path, char folder[CUBIX_DISK_PATH + 8], dev_t *device)
{
  struct stat info;
  char *target = NULL;
  const char *slash;
  if (cubix_atomic_file_resolve(&target, path, path)) {
    cubix_error_clear();
    return 0;
  }
  slash = strrchr(target, '/');
  snprintf(folder, CUBIX_DISK_PATH + 8, "%.*s", slash ? (int)(slash + 1 - target) : 1, slash ? target : ".");
  free(target);
  if (stat(folder, &info)) return 0;
  *device = info.st_dev;
  return 1;
}

/* The bytes that this process may write there; negative: not known. */
static double room_of(const char *folder)
{
  struct statvfs info;
  if (statvfs(folder, &info) || !info.f_blocks) return -1;
  return (double)(geteuid() == 0 ? info.f_bfree : info.f_bavail) *
         (double)(info.f_frsize ? info.f_frsize : info.f_bsize);
}

int cubix_disk_check(const struct cubix_disk_need *need, int n)
{
  int status = CUBIX_OK;
  struct place {
    char folder[CUBIX_DISK_PATH + 8];
    dev_t device;
    double bytes;
    const struct cubix_disk_need *largest;
  } *place = NULL;
  int n_place = 0;
  char needed[32], there[32];
  CUBIX_ALLOC(place, n + 1);
  for (int i = 0; i < n; i++) {
    struct place *p = &place[n_place];
    int at = 0;
    if (!place_of(need[i].path, p->folder, &p->device)) continue;
    while (at < n_place && place[at].device != p->device) at++;
    place[at].bytes += need[i].bytes;
    if (!place[at].largest || need[i].bytes > place[at].largest->bytes) place[at].largest = &need[i];
    n_place += at == n_place;
  }
  for (int i = 0; i < n_place; i++) {
    const double room = room_of(place[i].folder);
    if (room < 0) continue;
    char *full = realpath(place[i].folder, NULL);
    cubix_log(CUBIX_LOG_INFO, "disk of %s%s: the outputs take %s, %s are free", full ? full : place[i].folder,
              full && full[1] ? "/" : "", size_text(needed, place[i].bytes), size_text(there, room));
    free(full);
    CUBIX_CHECK(
        room >= place[i].bytes, CUBIX_EOUTPUT,
        "%s and what belongs to it need %s on the disk of %s, where %s are free; make room, choose another folder, or "
        "ask for less",
        place[i].largest->path, size_text(needed, place[i].bytes), place[i].folder, size_text(there, room));
  }
done:
  free(place);
  return status;
}
