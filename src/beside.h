/* beside.h -- files that are written beside the first OutputFile, complete or not at all. */
#ifndef CUBIX_BESIDE_H
#define CUBIX_BESIDE_H

#include "params.h"

enum { CUBIX_BESIDE_LENGTH = 1100 };

struct cubix_beside {
  char path[CUBIX_BESIDE_LENGTH], temporary[CUBIX_BESIDE_LENGTH];
};

/** Name a file STEM + ending, STEM being the first OutputFile without its suffix; with `path` not empty that one instead.  Local.
 *  Errors: CUBIX_EUSAGE for a name that is too long. */
int cubix_beside_init(struct cubix_beside *beside, const struct cubix_params *par, const char *ending, const char *path);
/** 1 where both paths are the same existing file.  Local. */
int cubix_beside_same(const char *a, const char *b);
/** Whether it may be replaced.  Local.  Errors: CUBIX_EOUTPUT where it exists and Overwrite is no, or is read as well. */
int cubix_beside_check(const struct cubix_beside *beside, const struct cubix_params *par);
/** From now on the temporary file, which need not be there yet, is removed by cubix_beside_abandon.  Local. */
void cubix_beside_begin(const struct cubix_beside *beside);
/** The temporary file is whole and closed: bring it to the disk and give it its name; with a failed status remove it.  Local.
 *  @return status, or CUBIX_EOUTPUT */
int cubix_beside_end(const struct cubix_beside *beside, int status);
/** Remove what is unfinished; async-signal-safe. */
void cubix_beside_abandon(void);

#endif
