/* column_tiles.h -- the dust in front of any place: cells of gas sorted into tiles of the sky.
 *
 * A(V) is the exact sum over all cells (physics/column.h): it has the same bits whatever the tiles,
 * and however many threads. So have its derivatives. */
#ifndef CUBIX_COLUMN_TILES_H
#define CUBIX_COLUMN_TILES_H

#include <stddef.h>
#include <stdint.h>

#include "physics/column.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The finest tiles are 2^24 on a side of the sky; a tile's code is its place on Morton's curve there. */
enum { CUBIX_COLUMN_DEPTH = 24 };

/* The square of the sky that holds all cells. */
struct cubix_column_sky { double x, y, side; };     /* lower corner [kpc] */

struct cubix_column_level {
  int depth;                      /* tiles have 2^-depth of the sky's side */
  int top;                        /* bits of a code that are looked up */
  size_t n_tile;
  uint64_t *code;                 /* [n_tile] rising, of those tiles that cells reach */
  size_t *start;                  /* [n_tile + 1] in entry */
  uint32_t *first;                /* [2^top + 1] the first tile at or behind these upper bits */
  uint32_t *entry;                /* [start[n_tile]] cells, those that begin nearer first */
};

struct cubix_column_tiles {
  struct cubix_column_sky sky;
  size_t n;
  struct cubix_cell *cell;        /* [n] in the order in which they came */
  int n_level;
  struct cubix_column_level level[CUBIX_COLUMN_DEPTH + 1];
};

/* Tangents of cells and of places. */
struct cubix_column_dot {
  const double *position;         /* [n][3] of the places; NULL: none */
  const double *cell_position;    /* [n_cell][3], NULL: none */
  const double *radius, *weight;  /* [n_cell], NULL: none */
};

/* What the cells' numbers change, as whole numbers (physics/column.h). */
enum { CUBIX_COLUMN_BARS = 5 };   /* by weight, x, y, z, and the logarithm of the radius */
struct cubix_column_sums { int64_t coarse[CUBIX_COLUMN_BARS], fine[CUBIX_COLUMN_BARS]; };

/* What is asked about places: A(V) in front of them (screen), or its reverse (screen_bar and what follows). */
struct cubix_column_job {
  const double *position;         /* [n][3] */
  size_t n;
  double *screen;                 /* [n] */
  const double *screen_bar;       /* [n] */
  int exponent;                   /* 2^exponent is no smaller than any |screen_bar| of all ranks */
  double *position_bar;           /* [n][3] added to; NULL: not wanted */
  struct cubix_column_sums *sums; /* of cells, added to; NULL: not wanted */
};

/** The sky that holds cells between these, with all they reach.
 *  @param low, high [2] smallest x - h, y - h and largest x + h, y + h of all cells; low > high: none */
struct cubix_column_sky cubix_column_sky_of(const double *low, const double *high);
/** Place of column i, row j on Morton's curve: their bits in turn. */
static inline uint64_t cubix_column_curve(uint32_t i, uint32_t j)
{
  uint64_t code = 0;
  for (int b = 0; b < 2; b++) {
    uint64_t x = b ? j : i;
    x = (x | x << 16) & 0x0000ffff0000ffffu;
    x = (x | x << 8) & 0x00ff00ff00ff00ffu;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
    x = (x | x << 2) & 0x3333333333333333u;
    code |= ((x | x << 1) & 0x5555555555555555u) << b;
  }
  return code;
}
/** Column and row of a point among the finest tiles.  @return 0: it is outside of the sky */
int cubix_column_finest(const struct cubix_column_sky *sky, double x, double y, uint32_t at[2]);
/** Place of a point on Morton's curve; outside of the sky it is UINT64_MAX. */
uint64_t cubix_column_code(const struct cubix_column_sky *sky, double x, double y);
/** The tiles of its level that a cell reaches: codes of depth *depth.  Local.
 *  @param[out] code [CUBIX_COLUMN_REACH]  @return how many */
enum { CUBIX_COLUMN_REACH = 36 };
int cubix_column_reach(const struct cubix_column_sky *sky, const double *position, double radius, int *depth,
                       uint64_t *code);

/** Sort cells.  Local.
 *  @param[out] tiles owned by the caller
 *  @param first, last only places with codes first .. last - 1 will be asked for
 *  @param position [n][3] x, y on the sky and z away from the observer [kpc]
 *  @param radius [n] of their kernels [kpc]; 0: a cell without mass, which dims nothing
 *  @param weight [n] >= 0 [mag kpc^2]
 *  Errors: CUBIX_ENOMEM. */
int cubix_column_tiles_build(struct cubix_column_tiles **tiles, const struct cubix_column_sky *sky, uint64_t first,
                             uint64_t last, const double *position, const double *radius, const double *weight,
                             size_t n);
/** A(V) in front of places.  Local.
 *  @param position [n][3]  @param[out] screen [n] mag
 *  Errors: CUBIX_ENOMEM. */
int cubix_column_tiles_screen(const struct cubix_column_tiles *tiles, const double *position, size_t n,
                              double *screen);
/** Its derivatives.  Local.
 *  @param screen_bar [n]
 *  @param exponent 2^exponent is no smaller than any |screen_bar| of all ranks
 *  @param[in,out] position_bar [n][3] added to; NULL: not wanted
 *  @param[in,out] sums [tiles->n] added to; NULL: not wanted
 *  Errors: CUBIX_ENOMEM. */
int cubix_column_tiles_vjp(const struct cubix_column_tiles *tiles, const double *position, size_t n,
                           const double *screen_bar, int exponent, double *position_bar,
                           struct cubix_column_sums *sums);
/** One or the other.  Local. */
int cubix_column_tiles_do(const struct cubix_column_tiles *tiles, const struct cubix_column_job *job);
/** What such sums, of all ranks, mean for a cell: cotangents, which are added to.  Local. */
void cubix_column_sums_bar(const struct cubix_column_sums *sums, int exponent, double radius, double weight,
                           double *position_bar, double *radius_bar, double *weight_bar);
/** Tangent of A(V).  Local.  @param[out] screen_dot [n] */
int cubix_column_tiles_jvp(const struct cubix_column_tiles *tiles, const double *position, size_t n,
                           const struct cubix_column_dot *dot, double *screen_dot);
/** Bytes that cells take, about, and how much more while they are sorted: most where all are of one size.  Local.
 *  @param radius [n] */
double cubix_column_tiles_bytes(const struct cubix_column_sky *sky, const double *radius, size_t n, double *sorting);
/** Bytes while A(V) in front of n places is found.  Local. */
double cubix_column_walk_bytes(double n);
void cubix_column_tiles_free(struct cubix_column_tiles *tiles);

#ifdef __cplusplus
}
#endif
#endif
