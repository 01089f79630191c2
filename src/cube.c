/* cube.c -- the cube's memory. */
#include "cube.h"

#include <stdlib.h>

#include "error.h"
#include "instrument.h"

int cubix_cube_init(struct cubix_cube **out, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  struct cubix_cube *cube = NULL;
  CUBIX_ALLOC(cube, 1);
  cube->margin = ins->margin;
  cube->n_x = ins->n_x + 2 * ins->margin;
  cube->n_y = ins->n_y + 2 * ins->margin;
  cube->n_lambda = ins->n_lambda;
  CUBIX_ALLOC(cube->flux, (size_t)cube->n_y * (size_t)cube->n_x * (size_t)cube->n_lambda);
  for (int m = 0; m < CUBIX_N_MAP; m++) CUBIX_ALLOC(cube->map[m], (size_t)ins->n_y * (size_t)ins->n_x);
  *out = cube;
  cube = NULL;
done:
  cubix_cube_free(cube);
  return status;
}

void cubix_cube_free(struct cubix_cube *cube)
{
  if (!cube) return;
  for (int m = 0; m < CUBIX_N_MAP; m++) free(cube->map[m]);
  free(cube->flux);
  free(cube);
}
