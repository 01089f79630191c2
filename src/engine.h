/* engine.h -- how the cube is painted: which method, on which velocity grid, and which rank owns which channels.  The rules and their costs are in engine.c. */
#ifndef CUBIX_ENGINE_H
#define CUBIX_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "params.h"
#include "physics/view.h"

enum cubix_method  { CUBIX_DIRECT, CUBIX_HISTOGRAM };
enum cubix_combine { CUBIX_COMBINE_CUBE, CUBIX_COMBINE_HISTOGRAM };

struct cubix_engine {
  enum cubix_method method;
  enum cubix_combine combine;
  char why[256];                  /* one line for log and outputs: the rule that chose */
  double tolerance;               /* largest relative error allowed */
  double reach;                   /* [km/s] of the velocity grid */
  int64_t n_beyond;               /* stars beyond it, painted directly; all ranks */
  unsigned char *used;            /* [n_row] library rows with weight in any rank's stars */
  int n_row, n_used;
  /* who owns which channels of the summed cube: rank r lambda_first[r] .. lambda_first[r + 1] - 1 */
  int n_rank;
  int *lambda_first;              /* [n_rank + 1] */
};

#endif
