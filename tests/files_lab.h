/* files_lab.h -- small files for tests of what is written. */
#ifndef CUBIX_TESTS_FILES_LAB_H
#define CUBIX_TESTS_FILES_LAB_H

#include <sys/stat.h>

#include "tests/check.h"

/** Make a file that holds a text. */
static inline void touch(const char *path, const char *text)
{
  FILE *file = fopen(path, "w");
  REQUIRE(file);
  CHECK_IS(fputs(text, file), >=, 0);
  CHECK(!fclose(file));
}

/** Whether there is such a name, be it a link that leads nowhere. */
static inline int exists(const char *path)
{
  struct stat info;
  return !lstat(path, &info);
}

#endif
