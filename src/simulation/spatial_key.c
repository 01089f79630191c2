/* spatial_key.c -- from the whole cube to octants of octants: in which one a cell lies, when the curve comes there,
 * and how the cube is turned for the next step.
 *
 * Gadget-2 has tables of 24 turned cubes.  They are one another's quarter turns about x and y, which is what is
 * done here to a map of coordinates: coordinate i of the turned cube is coordinate from[i] of the cell, mirrored
 * where flip[i] is 1. */
#include "simulation/spatial_key.h"

struct turned { int from[3], flip[3]; };

/* Quarter turns. */
static const struct turned about_x = { { 0, 2, 1 }, { 0, 1, 0 } }, about_y = { { 2, 1, 0 }, { 0, 0, 1 } };

static struct turned turn(struct turned cube, const struct turned *by)
{
  struct turned next;
  for (int i = 0; i < 3; i++) {
    next.from[i] = cube.from[by->from[i]];
    next.flip[i] = cube.flip[by->from[i]] ^ by->flip[i];
  }
  return next;
}

int64_t cubix_spatial_key(const int cell[3], int bits)
{
  static const int visit[2][2][2] = { { { 0, 7 }, { 1, 6 } }, { { 3, 4 }, { 2, 5 } } };
  static const int turns_x[8] = { 3, 0, 0, 2, 2, 0, 0, 1 }, turns_y[8] = { 0, 1, 1, 2, 2, 3, 3, 0 };
  struct turned cube = { { 0, 1, 2 }, { 0, 0, 0 } };
  int backwards = 0;
  int64_t key = 0;
  for (int b = bits - 1; b >= 0; b--) {
    int half[3];
    for (int i = 0; i < 3; i++) half[i] = (cell[cube.from[i]] >> b & 1) ^ cube.flip[i];
    const int octant = visit[half[0]][half[1]][half[2]];
    key = 8 * key + (backwards ? 7 - octant : octant);
    if (octant != 3 && octant != 4) backwards = !backwards;
    for (int i = 0; i < turns_x[octant]; i++) cube = turn(cube, &about_x);
    for (int i = 0; i < turns_y[octant]; i++) cube = turn(cube, &about_y);
  }
  return key;
}
