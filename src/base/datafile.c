/* datafile.c -- where the shipped instrument and format files are.
 *
 * The root follows from where this code lies, a program or the shared library within a host's
 * (/proc/self/maps tells), so that what was installed reads its own data though a source tree is
 * near, also after it was moved as a whole.  It is the first of these folders that is there:
 *   the environment variable CUBIX_DATA;
 *   the source tree's parameterfiles, for what lies in its build folder;
 *   share/cubix beside the bin or lib folder of the program or library;
 *   the folder that configure was told (CUBIX_DATADIR);
 *   the source tree's parameterfiles once more, for programs that were linked before anything was
 *   installed.
 * A name is compared letter by letter, without regard to case, '-', '_' and spaces: "illustris-tng"
 * is IllustrisTNG.cfg.
 * What holds a '/' is a path and taken as it is; a name that is not in the folder may also be a
 * file of the working directory. */
#define _XOPEN_SOURCE 700           /* realpath */
#include "base/datafile.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/spelling.h"

#define SUFFIX ".cfg"

enum { ROOT_SIZE = PATH_MAX };

static int is_folder(const char *path)
{
  struct stat s;
  return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

int cubix_datafile_text(char **text, const char *path, int code)
{
  int status = CUBIX_OK;
  size_t used = 0, room = 1 << 14, got;
  char *buffer = NULL, *more;
  FILE *in = fopen(path, "rb");
  CUBIX_CHECK(in, code, "cannot read %s: %s", path, strerror(errno));
  do {
    CUBIX_CHECK(room < 1 << 24 && (more = realloc(buffer, room *= 2)), room < 1 << 24 ? CUBIX_ENOMEM : code,
                "cannot read %s: it takes more than %zu bytes", path, room / 2);
    buffer = more;
    got = fread(buffer + used, 1, room - used - 1, in);
    used += got;
  } while (used + 1 == room);
  CUBIX_CHECK(!ferror(in), code, "cannot read %s: %s", path, strerror(errno));
  buffer[used] = '\0';
  CUBIX_CHECK(strlen(buffer) == used, code, "%s holds a zero byte: this is no text", path);
  *text = buffer;
  buffer = NULL;
done:
  free(buffer);
  if (in) fclose(in);
  return status;
}

/* Path of the file that this code was loaded from; "" where the system does not tell. */
static void own_file(char *path, size_t size)
{
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[ROOT_SIZE + 256];
  const uintptr_t here = (uintptr_t)&own_file;
  path[0] = '\0';
  while (maps && !path[0] && fgets(line, sizeof line, maps)) {
    uintmax_t first, last;
    const char *file = strchr(line, '/');
    if (sscanf(line, "%" SCNxMAX "-%" SCNxMAX, &first, &last) != 2 || here < first || here >= last || !file) continue;
    snprintf(path, size, "%.*s", (int)strcspn(file, "\n"), file);
  }
  if (maps) fclose(maps);
}

/* Take the last part off a path.  Returns 0 where there is no more. */
static int go_up(char *path)
{
  char *slash = strrchr(path, '/');
  if (!slash || slash == path) return 0;
  *slash = '\0';
  return 1;
}

static int in_build(const char *folder)
{
  char build[ROOT_SIZE];                                    /* the build may have been reached through a link */
  static const char *const place[] = { CUBIX_BUILDDIR, CUBIX_BUILDDIR "/tests" };
  for (size_t i = 0; i < sizeof place / sizeof *place; i++)
    if (realpath(place[i], build) && !strcmp(folder, build)) return 1;
  return 0;
}

static const char *root(char path[ROOT_SIZE])
{
  static const char source[] = CUBIX_SOURCEDIR "/parameterfiles", share[] = "/share/cubix";
  const char *data = getenv("CUBIX_DATA");
  char folder[ROOT_SIZE - sizeof share];
  if (data && *data) return data;
  own_file(folder, sizeof folder);
  int found = go_up(folder);
  if (found && in_build(folder) && is_folder(source)) return source;
  for (int level = 0; level < 3 && found && go_up(folder); level++) {   /* bin, lib, lib64, lib/x86_64-linux-gnu */
    snprintf(path, ROOT_SIZE, "%s%s", folder, share);
    if (is_folder(path)) return path;
  }
  return is_folder(CUBIX_DATADIR) || !is_folder(source) ? CUBIX_DATADIR : source;
}

/* Length of a name without its suffix. */
static size_t stem_length(const char *name)
{
  size_t n = strlen(name), m = strlen(SUFFIX);
  return n > m && strcmp(name + n - m, SUFFIX) == 0 ? n - m : n;
}

void cubix_datafile_folder(char *path, size_t size, const char *folder)
{
  char base[ROOT_SIZE];
  snprintf(path, size, "%s/%s", root(base), folder);
}

static int compare_names(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

int cubix_datafile_list(char ***names, int *n, const char *folder)
{
  int status = CUBIX_OK, room = 0;
  char path[ROOT_SIZE + 64], base[ROOT_SIZE];
  char **more;
  struct dirent *entry;
  DIR *dir = NULL;

  *names = NULL;
  *n = 0;
  snprintf(path, sizeof path, "%s/%s", root(base), folder);
  dir = opendir(path);
  CUBIX_CHECK(
      dir, CUBIX_EUSAGE,
      "the folder %s cannot be read; set the environment variable CUBIX_DATA to the parameterfiles folder of CUBIX",
      path);
  while ((entry = readdir(dir))) {
    size_t length = stem_length(entry->d_name);
    if (!entry->d_name[length]) continue;
    if (*n == room) {
      room = room ? 2 * room : 16;
      more = realloc(*names, (size_t)room * sizeof **names);
      CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate room for %d names", room);
      *names = more;
    }
    (*names)[*n] = strndup(entry->d_name, length);
    CUBIX_CHECK((*names)[*n], CUBIX_ENOMEM, "cannot allocate a name");
    ++*n;
  }
  if (*n) qsort(*names, (size_t)*n, sizeof **names, compare_names);
done:
  if (dir) closedir(dir);
  if (status) {
    cubix_datafile_list_free(*names, *n);
    *names = NULL;
    *n = 0;
  }
  return status;
}

void cubix_datafile_list_free(char **names, int n)
{
  for (int i = 0; i < n; i++) free(names[i]);
  free(names);
}

int cubix_datafile_find(char *path, size_t size, const char *folder, const char *name)
{
  int status = CUBIX_OK, n = 0, found = 0, written;
  char **names = NULL;
  char known[2048] = "", base[ROOT_SIZE];

  if (strchr(name, '/')) {
    written = snprintf(path, size, "%s", name);
    found = 1;
  } else {
    CUBIX_TRY(cubix_datafile_list(&names, &n, folder));
    for (int i = 0; i < n && !found; i++) {
      size_t used = strlen(known);
      snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
      if (cubix_name_same(names[i], strlen(names[i]), name, stem_length(name))) {
        written = snprintf(path, size, "%s/%s/%s" SUFFIX, root(base), folder, names[i]);
        found = 1;
      }
    }
    if (!found && cubix_infile_is(name)) {
      written = snprintf(path, size, "%s", name);
      found = 1;
    }
  }
  CUBIX_CHECK(found, CUBIX_EUSAGE, "'%s' is not in %s/%s and not a file; there are: %s", name, root(base), folder,
              n ? known : "none");
  CUBIX_CHECK(written >= 0 && (size_t)written < size, CUBIX_EUSAGE, "the path of '%s' is longer than %zu characters",
              name, size - 1);
  CUBIX_TRY(cubix_infile_check(path, CUBIX_EUSAGE));
done:
  cubix_datafile_list_free(names, n);
  return status;
}
