/* members.c -- which files belong together.
 *
 * A snapshot in many files is called STEM.0.hdf5, STEM.1.hdf5, ... (HDF5), STEM.0, STEM.1, ... (Gadget
 * binary) or part_NNNNN.out00001, ... (RAMSES); InputFile may be any of them, or STEM, or the folder
 * that holds them and no other snapshot.  How many there are is said by the header.  Where it is not
 * said, a file that is named in full is read alone, for gal_z0.1.hdf5 may be anything; a stem stands
 * for the files that exist, without a gap.  A file whose name bears no number stands alone, whatever
 * header it has inherited from the snapshot it was cut out of; but a link to one of several stands for
 * all of them. */
#define _XOPEN_SOURCE 700           /* realpath */
#include "simulation/members.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"

static const char *const suffixes[] = { ".hdf5", ".h5", "" };

/* ---- names ----------------------------------------------------------------------------------- */

static size_t digits_before(const char *path, size_t n)
{
  size_t digits = 0;
  while (digits < n && isdigit((unsigned char)path[n - digits - 1])) digits++;
  return digits;
}

int cubix_member_split(struct cubix_member *m, const char *path)
{
  size_t n = strlen(path), digits;
  for (int i = 0; i < 3; i++) {
    const size_t s = strlen(suffixes[i]);
    if (n <= s || strcmp(path + n - s, suffixes[i]) != 0) continue;
    n -= s;
    digits = digits_before(path, n);
    const int ramses = !suffixes[i][0] && digits == 5 && n >= 9 && !strncmp(path + n - 9, ".out", 4);
    if (!digits || digits > 9 || digits + 1 >= n || n >= sizeof m->stem) return 0;
    if (!ramses && path[n - digits - 1] != '.') return 0;
    m->index = strtol(path + n - digits, NULL, 10);
    m->first = ramses;
    m->width = ramses ? 5 : 0;
    snprintf(m->stem, sizeof m->stem, "%.*s", (int)(n - digits), path);
    snprintf(m->suffix, sizeof m->suffix, "%s", suffixes[i]);
    return 1;
  }
  return 0;
}

const char *cubix_member_path(char *path, size_t size, const struct cubix_member *m, long index)
{
  snprintf(path, size, "%s%0*ld%s", m->stem, m->width, index, m->suffix);
  return path;
}

int cubix_member_find(struct cubix_member *m, const char *path)
{
  char *real, other[4200];
  int found = cubix_member_split(m, path);
  if (found) return 1;
  real = realpath(path, NULL);
  if (real && cubix_member_split(m, real)) {
    const long beside[] = { m->first, m->index - 1, m->index + 1 };
    for (int i = 0; i < 3; i++)
      found |= beside[i] >= m->first && beside[i] != m->index &&
               cubix_infile_is(cubix_member_path(other, sizeof other, m, beside[i]));
  }
  free(real);
  return found;
}

/* ---- a folder -------------------------------------------------------------------------------- */

/* Is this the name of a file that might hold particles?  Catalogues of groups lie elsewhere. */
static int might_be(const char *name)
{
  struct cubix_member m;
  const size_t n = strlen(name);
  if (name[0] == '.') return 0;
  if (strstr(name, ".out")) return !strncmp(name, "part_", 5) && cubix_member_split(&m, name);
  return (n > 5 && !strcmp(name + n - 5, ".hdf5")) || (n > 3 && !strcmp(name + n - 3, ".h5")) ||
         cubix_member_split(&m, name);
}

/* MP-Gadget's snapshots are folders themselves: columns in files of their own. */
static int is_bigfile(const char *folder)
{
  char path[4200];
  snprintf(path, sizeof path, "%.4000s/Header/attr-v2", folder);
  return cubix_infile_is(path);
}

/* "galaxy" of "galaxy.", which galaxy.0.hdf5 begins with. */
static const char *without_dot(char *text, size_t size, const char *stem)
{
  const size_t n = strlen(stem);
  snprintf(text, size, "%.*s", (int)(n && stem[n - 1] == '.' ? n - 1 : n), stem);
  return text;
}

/* The first member of the one snapshot in a folder. */
static int first_in_folder(char *path, size_t size, const char *folder, const char *parameter)
{
  int status = CUBIX_OK, n = 0, has_first = 0;
  char stem[4096] = "", other[512] = "", whole[4096], member[4200];
  struct dirent *entry;
  struct cubix_member m;
  DIR *dir = opendir(folder);
  CUBIX_CHECK(dir, CUBIX_EINPUT, "%s = %s is a folder that cannot be read", parameter, folder);
  CUBIX_CHECK(!is_bigfile(folder), CUBIX_EINPUT,
              "%s = %s is a BigFile of MP-Gadget (ASTRID, BlueTides), a kind of file that is not read: write "
              "its stars as a canonical particle file (doc/formats.md)",
              parameter, folder);
  path[0] = '\0';
  while ((entry = readdir(dir))) {
    if (!might_be(entry->d_name)) continue;
    snprintf(whole, sizeof whole, "%s/%s", folder, entry->d_name);
    if (!cubix_infile_is(whole)) continue;
    if (!cubix_member_split(&m, whole)) {
      snprintf(m.stem, sizeof m.stem, "%s", whole);
      /* STEM.hdf5 beside STEM.0.hdf5 is a virtual file of the same snapshot */
      snprintf(m.stem, sizeof m.stem, "%.*s.", (int)(strrchr(whole, '.') - whole), whole);
      has_first = 1;
    } else if (!strcmp(whole, cubix_member_path(member, sizeof member, &m, m.first))) {
      has_first = 1;
      snprintf(path, size, "%s", whole);
    }
    if (!n++) snprintf(stem, sizeof stem, "%s", m.stem);
    if (strcmp(stem, m.stem)) snprintf(other, sizeof other, "%.500s", entry->d_name);
    if (!path[0] && n == 1) snprintf(path, size, "%s", whole);
  }
  CUBIX_CHECK(n, CUBIX_EINPUT,
              "%s = %s is a folder without a snapshot: there is no file NAME.hdf5, NAME.0.hdf5, NAME.0 or "
              "part_NNNNN.out00001 in it",
              parameter, folder);
  CUBIX_CHECK(!other[0], CUBIX_EINPUT,
              "%s = %s is a folder with more than one snapshot, %s and %s among them: name one of their files",
              parameter, folder, without_dot(whole, sizeof whole, strrchr(stem, '/') + 1), other);
  CUBIX_CHECK(has_first || n == 1, CUBIX_EINPUT,
              "%s = %s is a folder with more than one snapshot, or without the first file of one: there are %d "
              "files %s* and none of the number 0 (RAMSES: 1); name one of them",
              parameter, folder, n, strrchr(stem, '/') + 1);
done:
  if (dir) closedir(dir);
  return status;
}

/* info_00002.txt of RAMSES stands for its snapshot. */
static int is_ramses_info(char *path, size_t size, const char *input)
{
  const char *name = strrchr(input, '/') ? strrchr(input, '/') + 1 : input;
  if (strlen(name) != 14 || strncmp(name, "info_", 5) || strcmp(name + 10, ".txt") || digits_before(name, 10) != 5)
    return 0;
  snprintf(path, size, "%.*spart_%.5s.out00001", (int)(name - input), input, name + 5);
  return cubix_infile_is(path);
}

int cubix_members_first(char *path, size_t size, const char *input, const char *parameter)
{
  int status = CUBIX_OK;
  struct stat s;
  size_t n = strlen(input);
  int found;

  CUBIX_CHECK(n > 0 && n + 16 < size, CUBIX_EINPUT, "%s = '%.80s' is no path of 1 to %zu characters", parameter,
              input, size - 16);
  if (is_ramses_info(path, size, input)) goto done;
  snprintf(path, size, "%s", input);
  found = stat(input, &s) == 0;
  if (found && S_ISDIR(s.st_mode)) {
    CUBIX_TRY(first_in_folder(path, size, input, parameter));
    goto done;
  }
  if (input[n - 1] == '.') n--;
  for (int i = 0; i < 3 && !found; i++) {
    snprintf(path, size, "%.*s.0%s", (int)n, input, suffixes[i]);
    found = cubix_infile_is(path);
  }
  if (!found) {
    snprintf(path, size, "%.*s.out00001", (int)n, input);
    found = cubix_infile_is(path);
  }
  if (!found && lstat(input, &s) == 0) CUBIX_TRY(cubix_infile_check(input, CUBIX_EINPUT));
  CUBIX_CHECK(found, CUBIX_EINPUT,
              "%s = %s: there is no such file, and no %.*s.0.hdf5 of which it could be the stem", parameter, input,
              (int)n, input);
done:
  return status;
}

/* ---- members --------------------------------------------------------------------------------- */

/* How many files a stem has, where no header counts them. */
static int count_members(long *n, const struct cubix_member *m)
{
  enum { AHEAD = 32 };
  int status = CUBIX_OK;
  char name[4200], later[4200];
  for (*n = 0; cubix_infile_is(cubix_member_path(name, sizeof name, m, m->first + *n)); ++*n) continue;
  for (long i = 1; i < AHEAD; i++)
    CUBIX_CHECK(!cubix_infile_is(cubix_member_path(later, sizeof later, m, m->first + *n + i)), CUBIX_EINPUT,
                "%s is missing: %s is there, and all files from number %ld are needed", name, later, m->first);
done:
  return status;
}

struct seen { dev_t device; ino_t inode; };

/* Two names of one file would count its particles twice. */
static int check_own(struct seen *own, const struct stat *s, const char *name, const struct seen *others, long n)
{
  enum { MOST = 8192 };           /* more are no work of a hand */
  int status = CUBIX_OK;
  *own = (struct seen){ s->st_dev, s->st_ino };
  for (long k = 0; k < n && n < MOST; k++)
    CUBIX_CHECK(others[k].inode != own->inode || others[k].device != own->device, CUBIX_EINPUT,
                "%s is the same file as number %ld of its snapshot; each must be a file of its own", name, k);
done:
  return status;
}

static int list_members(struct cubix_snapshot *snapshot, const struct cubix_member *m, const char *path, long n)
{
  int status = CUBIX_OK;
  char name[4200];
  struct stat s;
  struct seen *seen = NULL;
  CUBIX_ALLOC(snapshot->file, n);
  CUBIX_ALLOC(snapshot->file_size, n);
  CUBIX_ALLOC(seen, n);
  snapshot->n_file = (int)n;
  for (long i = 0; i < n; i++) {
    if (m) cubix_member_path(name, sizeof name, m, m->first + i);
    else snprintf(name, sizeof name, "%s", path);
    if (stat(name, &s) != 0) {
      status = cubix_infile_check(name, CUBIX_EINPUT);
      if (status)
        cubix_error_about("%s is missing: it is one of the %ld files of this snapshot, and all are needed (a file that "
                          "stands alone must not bear a number)",
                          name, n);
      CUBIX_TRY(status);
    }
    CUBIX_TRY(check_own(&seen[i], &s, name, seen, i));
    snapshot->file[i] = strdup(name);
    CUBIX_CHECK(snapshot->file[i], CUBIX_ENOMEM, "cannot allocate a file name");
    snapshot->file_size[i] = (int64_t)s.st_size;
  }
done:
  free(seen);
  return status;
}

int cubix_members_find(struct cubix_snapshot *snapshot, const char *path, double n_file, int by_stem)
{
  int status = CUBIX_OK;
  struct cubix_member m;
  int numbered = n_file > 1. ? cubix_member_find(&m, path) : cubix_member_split(&m, path);
  char stem[4096];
  long n = 1;

  CUBIX_CHECK(n_file >= 0. && n_file <= 1e6, CUBIX_EINPUT, "%s: its header counts %g files; there must be 1 to 1000000",
              path, n_file);
  if (numbered && n_file > 1.) {
    n = (long)n_file;
    CUBIX_CHECK(m.index - m.first < n, CUBIX_EINPUT,
                "%s: its header counts %ld files, so its number must be below that", path, n);
  } else if (numbered && n_file == 0. && by_stem) {
    CUBIX_TRY(count_members(&n, &m));
  } else {
    if (numbered && n_file == 0.)
      cubix_log(CUBIX_LOG_INFO,
                "%s is read alone: its header does not count files; InputFile = %s means all that bear a number", path,
                without_dot(stem, sizeof stem, m.stem));
    if (n_file > 1.)
      cubix_log(CUBIX_LOG_WARNING, "%s: its header counts %.0f files, but its name bears no number; it is read alone",
                path, n_file);
    numbered = 0;
  }
  CUBIX_TRY(list_members(snapshot, numbered ? &m : NULL, path, n));
done:
  return status;
}
