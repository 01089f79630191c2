/* histogram_parts.h -- inside the histogram: the machinery of histogram.c that fills it, with
 * masses, with tangents, or with nothing but what the stars touch. */
#ifndef CUBIX_HISTOGRAM_PARTS_H
#define CUBIX_HISTOGRAM_PARTS_H

#include <string.h>

#include "histogram/histogram.h"
#include "physics/population.h"

enum { CUBIX_N_PAIR = CUBIX_N_WEIGHT / 2 };

typedef double cubix_pair __attribute__((vector_size(16)));
typedef int64_t cubix_pair_bits __attribute__((vector_size(16)));

struct cubix_window { int16_t first, last; };   /* nodes; last < first: none */

struct cubix_scratch {            /* one thread's; all zero or empty between two spaxels */
  int64_t *sum;                   /* [n_row][stride]; NULL for a cover */
  struct cubix_window *cell, *row; /* [n_row] nodes touched; a cell has the number of its lowest row */
  uint64_t *cells, *rows;         /* [n_word] bit set: not empty */
  /* with nodes in A(V) the stars of a spaxel are sorted by the first that they touch: */
  uint32_t *order;                /* [most stars] counted from the first of the spaxel, or of a thread's share */
  int32_t *touched;               /* [most stars] -1: none */
  double (*weight)[CUBIX_N_SCREEN]; /* [most stars] in the four nodes from there on */
  size_t *begin;                  /* [nodes + 1] where those of a node begin */
  int low, high;                  /* first nodes that are touched; high < low: none */
};

/* Stars of a spaxel that are deposited together. */
struct cubix_batch {
  const struct cubix_star *star;
  const struct cubix_star_bar *dot; /* tangents, if these are filled in */
  const uint32_t *order;          /* [n] which; NULL: the first n */
  const int32_t *touched;         /* as in the scratch; NULL without nodes in A(V) */
  const double (*weight)[CUBIX_N_SCREEN];
  size_t n;
  int node;                       /* in A(V) */
};

struct cubix_part {               /* the work of one thread at a time */
  size_t first, last;             /* spaxels */
  int shared;                     /* 1: one spaxel, shared by all threads */
  int failed;                     /* no memory */
  struct cubix_block *block;
  int64_t *value;
  size_t n_block, max_block, n_value, max_value;
};

struct cubix_filling {
  /* the request */
  const struct cubix_placement *placement;
  const struct cubix_tables *tables;
  /** Add stars of one spaxel to the scratch, and note what they touch. */
  void (*stars)(const struct cubix_filling *d, struct cubix_scratch *scratch, const struct cubix_batch *batch,
                int exponent);
  int cover;                      /* 1: blocks of everything touched, without values */
  const struct cubix_star_bar *dot; /* tangents of the stars, if these are filled in */
  /* private to cubix_deposit_run */
  struct cubix_histogram *histogram;
  int n_thread, n_row, stride, n_word;
  size_t most_stars;              /* that a thread sorts */
  struct cubix_scratch *scratch;  /* [n_thread] */
  int n_part;
  struct cubix_part *part;
};

/** Fill the histogram with all stars.  Local.  @param exponent [n_spaxel], copied; NULL: all 0 */
int cubix_deposit_run(struct cubix_histogram **histogram, struct cubix_filling *d, const struct cubix_nodes *nodes,
                      const int32_t *exponent);

static inline void cubix_mark(uint64_t *bits, int i) { bits[i >> 6] |= (uint64_t)1 << (i & 63); }

static inline size_t cubix_batch_star(const struct cubix_batch *batch, size_t i)
{
  return batch->order ? batch->order[i] : i;
}

/** Weight of star number `star` in the batch's node in A(V), which it touches; 1 without such nodes. */
static inline double cubix_batch_weight(const struct cubix_batch *batch, size_t star)
{
  return batch->touched ? batch->weight[star][batch->node - batch->touched[star]] : 1;
}

static inline struct cubix_window cubix_windows(struct cubix_window a, struct cubix_window b)
{
  return (struct cubix_window){ a.first < b.first ? a.first : b.first, a.last > b.last ? a.last : b.last };
}

/** Note that a star of this cell touches the nodes from j on. */
static inline void cubix_touch(struct cubix_scratch *scratch, int cell, int j)
{
  scratch->cell[cell] =
      cubix_windows(scratch->cell[cell], (struct cubix_window){ (int16_t)j, (int16_t)(j + CUBIX_N_WEIGHT - 1) });
  cubix_mark(scratch->cells, cell);
}

/** Add two numbers below 2^51, rounded to integers.  The rounding is one addition: in x + 1.5 2^52
 * the last bit of a float64 is worth 1, and the bits of the sum less those of the constant are the
 * integer nearest to x. */
static inline void cubix_add_rounded(int64_t *sum, cubix_pair x)
{
  static const double half = 6755399441055744.;   /* 1.5 2^52 */
  const cubix_pair magic = { half, half };
  cubix_pair_bits old;
  x = x + magic;
  memcpy(&old, sum, sizeof old);
  old += (cubix_pair_bits)x - (cubix_pair_bits)magic;
  memcpy(sum, &old, sizeof old);
}

#endif
