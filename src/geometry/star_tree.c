/* star_tree.c -- a balanced tree (Bentley 1975, Comm. ACM 18, 509): every node halves its points at
 * their median along the longest side of their box.  Where points of a node begin follows from how
 * many there are, so that nodes hold nothing but boxes.
 *
 * The search goes down to the nearer child first, and passes over boxes that are farther than the
 * farthest of the nearest found.  A square is (dx dx + dy dy) + dz dz, rounded operation by
 * operation, the same from either of two points: which tree they lie in changes no bit. */
#include "geometry/star_tree.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

enum { ALONE = 1 << 14 };         /* points of a node that one thread sorts by itself */

typedef struct cubix_tree_point point;
typedef struct cubix_star_tree tree;

static int depth_for(size_t n)
{
  int depth = 0;
  while (n >> depth > CUBIX_TREE_LEAF) depth++;
  return depth;
}

double cubix_star_tree_bytes(double n)
{
  return n * sizeof(point) + 2 * ldexp(sizeof(struct cubix_box), depth_for((size_t)n));
}

static struct cubix_box box_of(const point *p, size_t n)
{
  struct cubix_box b = { { HUGE_VAL, HUGE_VAL, HUGE_VAL }, { -HUGE_VAL, -HUGE_VAL, -HUGE_VAL } };
  for (size_t i = 0; i < n; i++)
    for (int c = 0; c < 3; c++) {
      b.low[c] = fmin(b.low[c], p[i].x[c]);
      b.high[c] = fmax(b.high[c], p[i].x[c]);
    }
  return b;
}

/* Put point k of their order along an axis in its place, smaller ones before it (Hoare 1961, Comm. ACM 4,
 * 321, as Wirth 1976 has it). */
static void halve(point *p, ptrdiff_t n, ptrdiff_t k, int axis)
{
  ptrdiff_t low = 0, high = n - 1;
  while (low < high) {
    const double pivot = p[k].x[axis];
    ptrdiff_t i = low, j = high;
    do {
      while (p[i].x[axis] < pivot) i++;
      while (p[j].x[axis] > pivot) j--;
      if (i > j) break;
      const point swap = p[i];
      p[i++] = p[j];
      p[j--] = swap;
    } while (i <= j);
    if (j < k) low = i;
    if (k < i) high = j;
  }
}

static void divide(tree *t, size_t node, int level, size_t first, size_t end)
{
  const struct cubix_box b = t->box[node] = box_of(t->point + first, end - first);
  if (level == t->depth) return;
  const size_t middle = first + (end - first) / 2;
  int axis = 0;
  for (int c = 1; c < 3; c++)
    if (b.high[c] - b.low[c] > b.high[axis] - b.low[axis]) axis = c;
  halve(t->point + first, (ptrdiff_t)(end - first), (ptrdiff_t)(middle - first), axis);
#pragma omp task if (end - first > ALONE)
  divide(t, 2 * node, level + 1, first, middle);
  divide(t, 2 * node + 1, level + 1, middle, end);
#pragma omp taskwait
}

int cubix_star_tree_build(struct cubix_star_tree **out, const double *x, size_t n)
{
  int status = CUBIX_OK;
  tree *t = NULL;
  CUBIX_ALLOC(t, 1);
  t->n = n;
  t->depth = depth_for(n);
  CUBIX_CHECK((t->point = cubix_reserve(n, sizeof *t->point)) &&
                  (t->box = cubix_reserve((size_t)2 << t->depth, sizeof *t->box)),
              CUBIX_ENOMEM, "cannot allocate %.3g GB to sort %zu stars in space: use more ranks",
              1e-9 * cubix_star_tree_bytes((double)n), n);
  for (size_t i = 0; i < n; i++) t->point[i] = (point){ { x[3 * i], x[3 * i + 1], x[3 * i + 2] }, i };
#pragma omp parallel
#pragma omp single
  divide(t, 1, 0, 0, n);
  *out = t;
  t = NULL;
done:
  cubix_star_tree_free(t);
  return status;
}

double cubix_box_distance2(const struct cubix_box *b, const double x[3])
{
  double sum = 0;
  for (int c = 0; c < 3; c++) {
    const double d = fmax(fmax(b->low[c] - x[c], x[c] - b->high[c]), 0);
    sum += d * d;
  }
  return sum;
}

void cubix_nearest_put(double *heap, int n, double square)
{
  int at = 0;
  if (!(square < heap[0])) return;
  for (int child = 1; child < n; at = child, child = 2 * child + 1) {
    if (child + 1 < n && heap[child + 1] > heap[child]) child++;
    if (!(heap[child] > square)) break;
    heap[at] = heap[child];
  }
  heap[at] = square;
}

static void search(const tree *t, size_t node, int level, size_t first, size_t end, const double x[3], double *heap,
                   int n)
{
  if (level == t->depth) {
    for (size_t i = first; i < end; i++) {
      const double *y = t->point[i].x, dx = x[0] - y[0], dy = x[1] - y[1], dz = x[2] - y[2];
      cubix_nearest_put(heap, n, dx * dx + dy * dy + dz * dz);
    }
    return;
  }
  const size_t middle = first + (end - first) / 2;
  const double left = cubix_box_distance2(&t->box[2 * node], x), right = cubix_box_distance2(&t->box[2 * node + 1], x);
  const int turn = right < left;
  for (int k = 0; k < 2; k++) {
    const int second = k != turn;
    if (!((second ? right : left) < heap[0])) continue;
    search(t, 2 * node + (size_t)second, level + 1, second ? middle : first, second ? end : middle, x, heap, n);
  }
}

void cubix_star_tree_nearest(const struct cubix_star_tree *t, const double x[3], double *nearest, int n_nearest)
{
  if (t->n) search(t, 1, 0, 0, t->n, x, nearest, n_nearest);
}

void cubix_star_tree_free(struct cubix_star_tree *t)
{
  if (!t) return;
  free(t->point);
  free(t->box);
  free(t);
}
