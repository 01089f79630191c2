/* code_sort.c -- first by the upper bits, all threads together: each counts a part of the items, and
 * lays it down behind those of the parts before it.  Then every bucket by its lower bits, one thread
 * each, digit by digit from below. */
#include "dust/code_sort.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum { UPPER = 11, DIGIT = 8, FEW = 32, LEAST = 1 << 14 };

static void insert(struct cubix_coded *item, size_t n)
{
  for (size_t i = 1; i < n; i++) {
    const struct cubix_coded it = item[i];
    size_t j = i;
    for (; j > 0 && item[j - 1].code > it.code; j--) item[j] = item[j - 1];
    item[j] = it;
  }
}

/* By the `bits` lowest. */
static void sort_digits(struct cubix_coded *item, struct cubix_coded *scratch, size_t n, int bits)
{
  struct cubix_coded *from = item, *to = scratch;
  if (n <= FEW) bits = 0, insert(item, n);
  for (int shift = 0; shift < bits; shift += DIGIT) {
    size_t start[1 << DIGIT] = { 0 }, at = 0;
    for (size_t i = 0; i < n; i++) start[from[i].code >> shift & ((1 << DIGIT) - 1)]++;
    for (int d = 0; d < 1 << DIGIT; d++) {
      const size_t count = start[d];
      start[d] = at;
      at += count;
    }
    for (size_t i = 0; i < n; i++) to[start[from[i].code >> shift & ((1 << DIGIT) - 1)]++] = from[i];
    struct cubix_coded *turn = from;
    from = to;
    to = turn;
  }
  if (from != item) memcpy(item, from, n * sizeof *item);
}

int cubix_code_sort(struct cubix_coded *item, struct cubix_coded *scratch, size_t n, int bits)
{
  int status = CUBIX_OK;
  const int upper = bits < UPPER ? bits : UPPER, lower = bits - upper;
  const size_t buckets = (size_t)1 << upper, most = 4 * (size_t)omp_get_max_threads();
  const size_t parts = n / LEAST + 1 < most ? n / LEAST + 1 : most;
  size_t *start = NULL, at = 0;
  if (n <= FEW) {
    insert(item, n);
    goto done;
  }
  CUBIX_ALLOC(start, (parts + 1) * buckets);
#pragma omp parallel for schedule(static, 1)
  for (size_t p = 0; p < parts; p++)
    for (size_t i = n * p / parts; i < n * (p + 1) / parts; i++) start[p * buckets + (item[i].code >> lower)]++;
  for (size_t b = 0; b < buckets; b++)
    for (size_t p = 0; p <= parts; p++) {
      const size_t count = start[p * buckets + b];
      start[p * buckets + b] = at;
      at += count;
    }
#pragma omp parallel for schedule(static, 1)
  for (size_t p = 0; p < parts; p++)
    for (size_t i = n * p / parts; i < n * (p + 1) / parts; i++)
      scratch[start[p * buckets + (item[i].code >> lower)]++] = item[i];
  const size_t *end = start + parts * buckets;
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t b = 0; b < buckets; b++) {
    const size_t first = b ? end[b - 1] : 0;
    memcpy(item + first, scratch + first, (end[b] - first) * sizeof *item);
    sort_digits(item + first, scratch + first, end[b] - first, lower);
  }
done:
  free(start);
  return status;
}
