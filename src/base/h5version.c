/* h5version.c -- one process, two libraries of HDF5.
 *
 * The loader gives a name to whoever is linked first: beside a host's HDF5 ours is there and never called.  That is
 * well while both are of one version, as nothing here needs a parallel HDF5.  Before 1.14 HDF5 takes itself for another
 * with every release, from then on with every minor version; HDF5_DISABLE_VERSION_CHECK lets releases pass. */
#include "base/h5version.h"

#include <hdf5.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { PATH = 1024 };

/* The file that a function lies in; nothing where that cannot be told. */
static void find_file(char path[PATH], uintptr_t function)
{
  char line[PATH + 128];
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps && fgets(line, sizeof line, maps)) {
    uintptr_t low, high;
    const char *slash = strchr(line, '/');
    if (!slash || sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &low, &high) != 2) continue;
    if (function >= low && function < high) snprintf(path, PATH, " (%.*s)", (int)strcspn(slash, "\n"), slash);
  }
  if (maps) fclose(maps);
}

int cubix_h5version_check(void)
{
  int status = CUBIX_OK;
  unsigned have[3] = { 0 };
  char path[PATH] = "";
  (void)H5get_libversion(&have[0], &have[1], &have[2]);
  const int release = have[2] == H5_VERS_RELEASE || H5_VERSION_GE(1, 14, 0) || getenv("HDF5_DISABLE_VERSION_CHECK"),
            serves = have[0] == H5_VERS_MAJOR && have[1] == H5_VERS_MINOR && release;
  if (!serves) find_file(path, (uintptr_t)H5get_libversion);
  CUBIX_CHECK(serves, CUBIX_EFAIL,
              "CUBIX was compiled for HDF5 %d.%d.%d, but HDF5 %u.%u.%u%s is in this process: link the program with the "
              "HDF5 of CUBIX (parallel or serial), or configure CUBIX with that of the program (HDF5_CFLAGS, "
              "HDF5_LIBS); if it is linked as it should be, LD_LIBRARY_PATH names another",
              H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE, have[0], have[1], have[2], path);
done:
  return status;
}
