/* column_parts.h -- inside src/dust: how places are brought together with the cells in front of them. */
#ifndef CUBIX_COLUMN_PARTS_H
#define CUBIX_COLUMN_PARTS_H

#include "base/cpu.h"
#include "dust/column_tiles.h"

enum { CUBIX_COLUMN_PIECE = 512, CUBIX_COLUMN_LANES = 8, CUBIX_COLUMN_GROUP = 1024 };

/* A part of a tile's list, in the nearest cache; behind its cells come some without dust, up to a whole
 * number of lanes. */
struct cubix_column_piece {
  int n;
  double x[CUBIX_COLUMN_PIECE], y[CUBIX_COLUMN_PIECE], z[CUBIX_COLUMN_PIECE];
  double per_h[CUBIX_COLUMN_PIECE], middle[CUBIX_COLUMN_PIECE], front[CUBIX_COLUMN_PIECE];
  const uint32_t *cell;           /* [n] */
};

/* Places that are looked at together, in the order of Morton's curve. */
struct cubix_column_group {
  int n;
  uint64_t code[CUBIX_COLUMN_GROUP];
  uint32_t index[CUBIX_COLUMN_GROUP];
  double x[CUBIX_COLUMN_GROUP], y[CUBIX_COLUMN_GROUP], z[CUBIX_COLUMN_GROUP];
  double sum[CUBIX_COLUMN_GROUP]; /* A(V), or its tangent */
  double bar[CUBIX_COLUMN_GROUP], slope[3][CUBIX_COLUMN_GROUP];
  double dot[3][CUBIX_COLUMN_GROUP];
};

struct cubix_column_walk;
/* What is done with places from .. to - 1 of a group and a piece of the list of their tile. */
typedef void cubix_column_run(const struct cubix_column_walk *walk, void *scratch,
                              const struct cubix_column_piece *piece, struct cubix_column_group *group, int from,
                              int to);

struct cubix_column_walk {
  const struct cubix_column_tiles *tiles;
  const double *position;         /* [n][3] */
  size_t n;
  cubix_column_run *run;
  size_t scratch;                 /* bytes of each thread for run */
  double *screen;                 /* [n] set to the sum; NULL: not wanted */
  const double *screen_bar;       /* [n] NULL: none */
  double *position_bar;           /* [n][3] screen_bar times slope is added; NULL: not wanted */
  int exponent;                   /* of the reverse */
  struct cubix_column_sums *sums;
  const struct cubix_column_dot *dot;
};

/** Bring all places together with all cells that may be in front of them.  Local. */
int cubix_column_walk(const struct cubix_column_walk *walk);
/** How many cells of a piece begin in front of z, up to a whole number of lanes. */
static inline int cubix_column_ahead(const struct cubix_column_piece *piece, double z)
{
  int low = 0, high = piece->n;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (piece->front[middle] < z) low = middle + 1;
    else high = middle;
  }
  return (low + CUBIX_COLUMN_LANES - 1) / CUBIX_COLUMN_LANES * CUBIX_COLUMN_LANES;
}

#define CUBIX_COLUMN_INLINE static inline __attribute__((always_inline))
/* One body for every instruction set; the best of this machine is name##_best(). */
#ifdef CUBIX_CPU_X86
#define CUBIX_COLUMN_RUNS(name) \
  static void name##_base(const struct cubix_column_walk *walk, void *scratch, const struct cubix_column_piece *p, \
                          struct cubix_column_group *g, int from, int to) { name(walk, scratch, p, g, from, to); } \
  CUBIX_AVX2 static void name##_avx2(const struct cubix_column_walk *walk, void *scratch, \
                                     const struct cubix_column_piece *p, struct cubix_column_group *g, int from, \
                                     int to) { name(walk, scratch, p, g, from, to); } \
  CUBIX_AVX512 static void name##_avx512(const struct cubix_column_walk *walk, void *scratch, \
                                         const struct cubix_column_piece *p, struct cubix_column_group *g, \
                                         int from, int to) { name(walk, scratch, p, g, from, to); } \
  static cubix_column_run *name##_best(void) \
  { \
    static cubix_column_run *const all[] = { name##_base, name##_avx2, name##_avx512 }; \
    return all[cubix_cpu_best()]; \
  }
#else
#define CUBIX_COLUMN_RUNS(name) \
  static void name##_base(const struct cubix_column_walk *walk, void *scratch, const struct cubix_column_piece *p, \
                          struct cubix_column_group *g, int from, int to) { name(walk, scratch, p, g, from, to); } \
  static cubix_column_run *name##_best(void) { return name##_base; }
#endif

#endif
