/* neighbours.c -- the k-th neighbour of every star, among the stars of all ranks.
 *
 * Ranks hold the stars in the order of the file, which may be any.  They are therefore sorted in
 * space: along a curve through all cells of a grid over the box that holds them (Morton 1966), which
 * is cut where samples of all ranks say that each rank gets about equally many.  Positions travel, as
 * three float64 each.  Every rank sorts what it got into a tree, and tells the
 * others the boxes of some of its nodes.
 *
 * Stars are then searched for neighbours a batch at a time: first among the rank's own, and then,
 * if some box of another rank is nearer than the k-th neighbour found so far, there.  That rank
 * answers with the k nearest of its own; the k-th of them all is exact.  It is a number of the
 * sorted list of all distances, so who found it changes no bit of it.  Stars at the same place are
 * neighbours at distance 0. */
#include "mpi/particles/neighbours.h"

#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "geometry/star_tree.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/deal.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"

enum { AXIS_BITS = 21, SAMPLES = 128, TOLD_DEPTH = 6, TOLD = 1 << TOLD_DEPTH, BATCH = 1 << 14, ANSWERS = 1 << 23 };

struct search {
  int k1, n_rank, rank;           /* k1: neighbours asked for, and the star itself */
  size_t batch;                   /* stars of a rank that are searched at a time */
  struct cubix_star_tree *tree;
  struct cubix_box *told;         /* [n_rank][1 + TOLD] all of a rank, and its nodes */
  double *heap;                   /* [batch][k1] */
  struct cubix_deal ask;
  uint32_t *asker;                /* [ask.out[n_rank]] which star of the batch each question is about */
};

/* ---- stars to the ranks that search for them -------------------------------------------------- */

/* The box of all stars: low[c] is -extent[c]. */
static void find_extent(double extent[6], const double *x, size_t n)
{
  for (int c = 0; c < 6; c++) extent[c] = -HUGE_VAL;
  for (size_t i = 0; i < n; i++)
    for (int c = 0; c < 3; c++) {
      extent[c] = fmax(extent[c], -x[3 * i + (size_t)c]);
      extent[3 + c] = fmax(extent[3 + c], x[3 * i + (size_t)c]);
    }
  cubix_mpi_max_all(extent, 6);
}

/* Place on the curve: the bits of the three coordinates in turn. */
static uint64_t place(const double extent[6], const double *x)
{
  const double cells = (double)(1 << AXIS_BITS);
  uint64_t key = 0;
  for (int c = 0; c < 3; c++) {
    const double side = extent[3 + c] + extent[c], at = side > 0 ? (x[c] + extent[c]) / side * cells : 0;
    const uint64_t cell = (uint64_t)fmin(fmax(at, 0), cells - 1);
    for (int b = 0; b < AXIS_BITS; b++) key |= (cell >> b & 1) << (3 * b + c);
  }
  return key;
}

static int by_place(const void *a, const void *b)
{
  const uint64_t p = *(const uint64_t *)a, q = *(const uint64_t *)b;
  return (p > q) - (p < q);
}

/* Where the curve is cut: rank r gets places from cut[r] to below cut[r + 1]. */
static int find_cuts(uint64_t *cut, const double extent[6], const double *x, size_t n)
{
  int status = CUBIX_OK;
  const int n_rank = cubix_mpi_size(), me = cubix_mpi_rank();
  const size_t every = (size_t)(cubix_mpi_sum_int((int64_t)n) / SAMPLES / n_rank) + 1, mine = (n + every - 1) / every;
  uint64_t *sample = NULL;
  size_t *offset = NULL;
  double *counts = NULL;
  CUBIX_MPI_ALLOC(offset, n_rank + 1);
  CUBIX_MPI_ALLOC(counts, n_rank);
  counts[me] = (double)mine;
  cubix_mpi_max_all(counts, (size_t)n_rank);
  for (int r = 0; r < n_rank; r++) offset[r + 1] = offset[r] + sizeof *sample * (size_t)counts[r];
  const size_t n_all = offset[n_rank] / sizeof *sample;
  CUBIX_MPI_ALLOC(sample, n_all);
  for (size_t i = 0; i < mine; i++) sample[offset[me] / sizeof *sample + i] = place(extent, x + 3 * i * every);
  cubix_mpi_ring(sample, offset);
  qsort(sample, n_all, sizeof *sample, by_place);
  for (int r = 1; r < n_rank; r++) cut[r] = sample[n_all * (size_t)r / (size_t)n_rank];
  cut[0] = 0;
  cut[n_rank] = UINT64_MAX;
done:
  free(sample);
  free(offset);
  free(counts);
  return status;
}

static int rank_of(const uint64_t *cut, int n_rank, uint64_t at)
{
  int low = 0, high = n_rank;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (cut[middle] <= at) low = middle;
    else high = middle;
  }
  return low;
}

/* The stars in the order of the ranks that search for them, and there.
 *  @param[out] order [n] which star each is that is sent
 *  @param[out] here [route.in[size]][3] */
static int send_stars(struct cubix_deal *route, size_t **order, double **here, const double *x, size_t n)
{
  int status = CUBIX_OK;
  const int n_rank = cubix_mpi_size();
  double extent[6], *out = NULL;
  uint64_t *cut = NULL;
  int *to = NULL;
  size_t *next = NULL;
  CUBIX_MPI_ALLOC(cut, n_rank + 1);
  CUBIX_MPI_ALLOC(next, n_rank);
  CUBIX_MPI_ALLOC(to, n);
  CUBIX_MPI_ALLOC(*order, n);
  CUBIX_MPI_ALLOC(out, 3 * n);
  find_extent(extent, x, n);
  CUBIX_TRY(find_cuts(cut, extent, x, n));
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) to[i] = rank_of(cut, n_rank, place(extent, x + 3 * i));
  for (size_t i = 0; i < n; i++) route->out[to[i] + 1]++;
  for (int r = 0; r < n_rank; r++) route->out[r + 1] += next[r] = route->out[r];
  for (size_t i = 0; i < n; i++) {
    const size_t at = next[to[i]]++;
    (*order)[at] = i;
    memcpy(out + 3 * at, x + 3 * i, 3 * sizeof *x);
  }
  cubix_mpi_deal_meet(route);
  CUBIX_MPI_ALLOC(*here, 3 * route->in[n_rank]);
  cubix_mpi_deal_travel(route, out, *here, 3 * sizeof *x, 0);
done:
  free(out);
  free(cut);
  free(to);
  free(next);
  return status;
}

/* ---- the search -------------------------------------------------------------------------------- */

/* The boxes of nodes at TOLD_DEPTH, or the leaves, to all ranks. */
static int tell_boxes(struct search *s)
{
  int status = CUBIX_OK;
  const int depth = s->tree->depth < TOLD_DEPTH ? s->tree->depth : TOLD_DEPTH;
  size_t *offset = NULL;
  CUBIX_MPI_ALLOC(offset, s->n_rank + 1);
  CUBIX_MPI_ALLOC(s->told, (size_t)s->n_rank * (1 + TOLD));
  struct cubix_box *mine = s->told + (size_t)s->rank * (1 + TOLD);
  for (int i = 0; i <= TOLD; i++) mine[i] = (struct cubix_box){ { HUGE_VAL, HUGE_VAL, HUGE_VAL }, { 0, 0, 0 } };
  mine[0] = s->tree->box[1];
  memcpy(mine + 1, s->tree->box + ((size_t)1 << depth), sizeof *mine << depth);
  for (int r = 0; r <= s->n_rank; r++) offset[r] = sizeof *mine * (1 + TOLD) * (size_t)r;
  cubix_mpi_ring(s->told, offset);
done:
  free(offset);
  return status;
}

static const struct cubix_tree_point *points_of(const struct search *s, size_t first, size_t *n)
{
  *n = first < s->tree->n ? s->tree->n - first : 0;
  if (*n > s->batch) *n = s->batch;
  return s->tree->point + (*n ? first : 0);
}

/* Whether another rank may have nearer neighbours of a star than were found here. */
static int may_know(const struct search *s, int rank, const struct cubix_tree_point *p, const double *heap)
{
  const struct cubix_box *box = s->told + (size_t)rank * (1 + TOLD);
  if (rank == s->rank || !(cubix_box_distance2(&box[0], p->x) < heap[0])) return 0;
  for (int i = 1; i <= TOLD; i++)
    if (cubix_box_distance2(&box[i], p->x) < heap[0]) return 1;
  return 0;
}

/* Among the stars here.  @param[out] ask.out how many questions go to each rank */
static void search_here(struct search *s, size_t first)
{
  size_t n, *count = s->ask.out;
  const struct cubix_tree_point *p = points_of(s, first, &n);
  memset(count, 0, sizeof *count * (size_t)(s->n_rank + 1));
#pragma omp parallel for schedule(dynamic, 64)
  for (size_t i = 0; i < n; i++) {
    double *heap = s->heap + i * (size_t)s->k1;
    for (int q = 0; q < s->k1; q++) heap[q] = HUGE_VAL;
    cubix_star_tree_nearest(s->tree, p[i].x, heap, s->k1);
    for (int r = 0; r < s->n_rank; r++)
      if (may_know(s, r, &p[i], heap)) {
#pragma omp atomic update
        count[r + 1]++;
      }
  }
  for (int r = 0; r < s->n_rank; r++) count[r + 1] += count[r];
}

/* The questions in the order of ranks: a place, and the square of the distance that matters there. */
static void write_questions(struct search *s, size_t first, double *question)
{
  size_t n, at = 0;
  const struct cubix_tree_point *p = points_of(s, first, &n);
  for (int r = 0; r < s->n_rank; r++)
    for (size_t i = 0; i < n && at < s->ask.out[r + 1]; i++) {
      if (!may_know(s, r, &p[i], s->heap + i * (size_t)s->k1)) continue;
      s->asker[at] = (uint32_t)i;
      memcpy(question + 4 * at, p[i].x, sizeof p[i].x);
      question[4 * at++ + 3] = s->heap[i * (size_t)s->k1];
    }
}

/* The questions of a batch to those who may know, and their answers into the heaps. */
static int search_there(struct search *s, size_t first)
{
  int status = CUBIX_OK;
  const size_t k1 = (size_t)s->k1, n_out = s->ask.out[s->n_rank];
  double *question = NULL, *asked = NULL, *answer = NULL, *told = NULL;
  if (!cubix_mpi_sum_int((int64_t)n_out)) goto done;
  CUBIX_MPI_ALLOC(question, 4 * n_out);
  CUBIX_MPI_ALLOC(s->asker, n_out);
  write_questions(s, first, question);
  cubix_mpi_deal_meet(&s->ask);
  const size_t n_in = s->ask.in[s->n_rank];
  CUBIX_MPI_ALLOC(asked, 4 * n_in);
  CUBIX_MPI_ALLOC(answer, k1 * n_in);
  CUBIX_MPI_ALLOC(told, k1 * n_out);
  cubix_mpi_deal_travel(&s->ask, question, asked, 4 * sizeof *asked, 0);
#pragma omp parallel for schedule(dynamic, 64)
  for (size_t i = 0; i < n_in; i++) {
    for (size_t q = 0; q < k1; q++) answer[i * k1 + q] = asked[4 * i + 3];
    cubix_star_tree_nearest(s->tree, asked + 4 * i, answer + i * k1, s->k1);
  }
  cubix_mpi_deal_travel(&s->ask, answer, told, k1 * sizeof *told, 1);
  for (size_t i = 0; i < n_out; i++)
    for (size_t q = 0; q < k1; q++) cubix_nearest_put(s->heap + s->asker[i] * k1, s->k1, told[i * k1 + q]);
done:
  free(question);
  free(asked);
  free(answer);
  free(told);
  free(s->asker);
  s->asker = NULL;
  return status;
}

/* @param[out] found [tree.n] by row */
static int search_all(struct search *s, double *found)
{
  int status = CUBIX_OK;
  const double n_most = cubix_mpi_max((double)s->tree->n);
  for (size_t first = 0; (double)first < n_most; first += s->batch) {
    size_t n;
    const struct cubix_tree_point *p = points_of(s, first, &n);
    search_here(s, first);
    CUBIX_TRY(search_there(s, first));
    for (size_t i = 0; i < n; i++) found[p[i].row] = sqrt(s->heap[i * (size_t)s->k1]);
  }
done:
  return status;
}

/* Bytes of a rank at the peak: stars on their way, or in the tree with what was found. */
static double bytes(double n)
{
  return n * (sizeof(size_t) + 6 * sizeof(double) + sizeof(int)) + cubix_star_tree_bytes(n);
}

int cubix_mpi_neighbours(double *distance, const double *position, size_t n, int k)
{
  int status = CUBIX_OK;
  struct search s = { .k1 = k + 1, .n_rank = cubix_mpi_size(), .rank = cubix_mpi_rank() };
  struct cubix_deal route = { 0 };
  size_t *order = NULL;
  double *here = NULL, *found = NULL, *back = NULL;
  const double need = bytes(cubix_mpi_max((double)n)) * cubix_mpi_local_size(), there = cubix_memory_free();
  CUBIX_MPI_CHECK(need < there, CUBIX_EUSAGE,
                  "SmoothingLength knn: to find the %d nearest stars of every star takes %.3g GB on a node, where %.3g "
                  "GB are free: use more nodes, or give a SmoothingLength in kpc",
                  k, 1e-9 * need, 1e-9 * there);
  CUBIX_TRY(cubix_mpi_deal_init(&route));
  CUBIX_TRY(cubix_mpi_deal_init(&s.ask));
  CUBIX_TRY(send_stars(&route, &order, &here, position, n));
  CUBIX_TRY(cubix_mpi_agree(cubix_star_tree_build(&s.tree, here, route.in[s.n_rank])));
  CUBIX_TRY(tell_boxes(&s));
  /* even if all ranks ask one, its answers stay within bounds */
  s.batch = ANSWERS / s.k1 / s.n_rank < BATCH ? (size_t)(ANSWERS / s.k1 / s.n_rank) + 1 : BATCH;
  CUBIX_MPI_ALLOC(s.heap, s.batch * (size_t)s.k1);
  found = here;                   /* positions are in the tree now */
  CUBIX_TRY(search_all(&s, found));
  CUBIX_MPI_ALLOC(back, n);
  cubix_mpi_deal_travel(&route, found, back, sizeof *back, 1);
  for (size_t i = 0; i < n; i++) distance[order[i]] = back[i];
done:
  free(back);
  free(order);
  free(here);
  free(s.told);
  free(s.heap);
  free(s.asker);
  cubix_star_tree_free(s.tree);
  cubix_mpi_deal_free(&route);
  cubix_mpi_deal_free(&s.ask);
  return status;
}
