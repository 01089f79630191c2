/* datafile.c -- where the shipped instrument and format files are.
 *
 * The root is the first of: the environment variable CUBIX_DATA; parameterfiles/ of the source tree, if it is still there (so that a
 * program runs from its build folder); the installed folder.  The last two are known from the build (CUBIX_SOURCEDIR, CUBIX_DATADIR).
 * A name is compared letter by letter, without regard to case, '-', '_' and spaces: "illustris-tng" is IllustrisTNG.cfg.
 * What holds a '/' is a path and taken as it is; a name that is not in the folder may also be a file of the working directory. */
#define _POSIX_C_SOURCE 200809L
#include "datafile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "name.h"

#define SUFFIX ".cfg"

static int is_folder(const char *path)
{
  struct stat s;
  return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

int cubix_datafile_is_file(const char *path)
{
  struct stat s;
  return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

static const char *root(void)
{
  const char *data = getenv("CUBIX_DATA");
  if (data && *data) return data;
  return is_folder(CUBIX_SOURCEDIR "/parameterfiles") ? CUBIX_SOURCEDIR "/parameterfiles" : CUBIX_DATADIR;
}

/* Length of a name without its suffix. */
static size_t stem_length(const char *name)
{
  size_t n = strlen(name), m = strlen(SUFFIX);
  return n > m && strcmp(name + n - m, SUFFIX) == 0 ? n - m : n;
}

static int compare_names(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

int cubix_datafile_list(char ***names, int *n, const char *folder)
{
  int status = CUBIX_OK, room = 0;
  char path[4096];
  char **more;
  struct dirent *entry;
  DIR *dir = NULL;

  *names = NULL;
  *n = 0;
  snprintf(path, sizeof path, "%s/%s", root(), folder);
  dir = opendir(path);
  CUBIX_CHECK(dir, CUBIX_EUSAGE, "the folder %s cannot be read; set the environment variable CUBIX_DATA to the parameterfiles folder of CUBIX", path);
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
  char known[2048] = "";

  if (strchr(name, '/')) {
    CUBIX_CHECK(cubix_datafile_is_file(name), CUBIX_EUSAGE, "the file %s does not exist", name);
    written = snprintf(path, size, "%s", name);
    found = 1;
  } else {
    CUBIX_TRY(cubix_datafile_list(&names, &n, folder));
    for (int i = 0; i < n && !found; i++) {
      size_t used = strlen(known);
      snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
      if (cubix_name_same(names[i], strlen(names[i]), name, stem_length(name))) {
        written = snprintf(path, size, "%s/%s/%s" SUFFIX, root(), folder, names[i]);
        found = 1;
      }
    }
    if (!found && cubix_datafile_is_file(name)) {
      written = snprintf(path, size, "%s", name);
      found = 1;
    }
  }
  CUBIX_CHECK(found, CUBIX_EUSAGE, "'%s' is not in %s/%s and not a file; there are: %s", name, root(), folder, n ? known : "none");
  CUBIX_CHECK(written >= 0 && (size_t)written < size, CUBIX_EUSAGE, "the path of '%s' is longer than %zu characters", name, size - 1);
done:
  cubix_datafile_list_free(names, n);
  return status;
}
