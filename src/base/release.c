/* release.c -- the version, as configure.ac states it. */
#include "base/release.h"

const char *cubix_version(void) { return PACKAGE_VERSION; }
