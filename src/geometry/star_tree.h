/* star_tree.h -- points in space, sorted so that those near another point are found quickly. */
#ifndef CUBIX_STAR_TREE_H
#define CUBIX_STAR_TREE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { CUBIX_TREE_LEAF = 8 };     /* points that are not divided any more, or one more */

struct cubix_box { double low[3], high[3]; };
struct cubix_tree_point { double x[3]; size_t row; };

struct cubix_star_tree {
  size_t n;
  struct cubix_tree_point *point; /* [n] points of a node lie together; row: which of the caller's it is */
  int depth;                      /* nodes 2^depth .. 2^(depth+1) - 1 are leaves */
  /* [2^(depth+1)] of node i, whose children are 2 i and 2 i + 1; node 1 is the root */
  struct cubix_box *box;
};

/** Sort points.  Local; all threads.
 *  @param x [n][3]
 *  @param[out] tree owned by the caller */
int cubix_star_tree_build(struct cubix_star_tree **tree, const double *x, size_t n);
/** Bytes of a tree of n points.  Local. */
double cubix_star_tree_bytes(double n);
/** Square of the distance from a point to a box; HUGE_VAL to one that holds nothing.  Local. */
double cubix_box_distance2(const struct cubix_box *box, const double x[3]);
/** Keep in `nearest` the squares of the smallest distances, those it has and those to the points of
 * the tree (the point itself included, if it is one of them).  They do not depend on how points are
 * divided among trees.  Local.
 *  @param[in,out] nearest [n_nearest] a heap, the largest first; at first all HUGE_VAL */
void cubix_star_tree_nearest(const struct cubix_star_tree *tree, const double x[3], double *nearest, int n_nearest);
/** Put the square of a distance into such a heap.  Local. */
void cubix_nearest_put(double *nearest, int n_nearest, double square);
void cubix_star_tree_free(struct cubix_star_tree *tree);

#ifdef __cplusplus
}
#endif
#endif
