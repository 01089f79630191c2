/* placement_nearest.c -- the placement where all of a star's light is in the spaxel that holds it.
 *
 * A first pass through the slab finds every star's spaxel and counts.  The second goes through it
 * in chunks that stay in the cache.  Each of a chunk's stars is placed on the library's grid and
 * written down with all that the maps want of it, in buckets of neighbouring spaxels, by threads
 * that have contiguous parts of the chunk; then each bucket is emptied by one thread, star by star,
 * into the spaxels' places and sums.  So memory is written line by line, few of them at a time, and
 * beside the stars themselves a chunk is all that is needed.
 *
 * The order is the slab's throughout: the stars of a spaxel lie in it, and the maps are summed in
 * it.  The account of number, mass and light is summed in it within a share of SHARE stars, and
 * shares in theirs: whatever the threads do, the numbers are the same.
 *
 * placement_smooth.c could do this, too, with footprints of one spaxel.  But a record there is only
 * told which star of the chunk it is of, and looking that up makes the sort a fifth slower. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/placement.h"
#include "cube/placement_parts.h"
#include "physics/project.h"

enum { SHARE = CUBIX_PLACEMENT_SHARE, CHUNK = 32 * SHARE, MOST_BUCKET = 256, AHEAD = 8 };

/* A star on its way: as it is painted, and what the maps are told of it. */
struct record {
  struct cubix_star star;
  double light, mass_now, age, metallicity;
  uint32_t spaxel, source;
};

struct sort {
  const struct cubix_tables *tables;
  const struct cubix_slab *slab;
  int n_thread, shift;            /* spaxel >> shift: its bucket */
  size_t n_spaxel, n_share, n_bucket; /* spaxel number n_spaxel: outside */
  uint32_t *spaxel;               /* [slab.n] */
  size_t *count;                  /* [n_thread][n_spaxel + 1] */
  size_t *next;                   /* [n_spaxel] where the next star of a spaxel goes */
  int64_t *field;                 /* [n_spaxel] its number in the field, -1: margin */
  double (*sum)[CUBIX_N_MAP];     /* [n_spaxel] */
  struct record *record;          /* [CHUNK] by bucket */
  /* [n_thread][n_bucket] where a thread's next record of a bucket goes; before it, how many there are */
  size_t *at;
  size_t *bucket;                 /* [n_bucket + 1] where the buckets begin */
  struct cubix_share_account *account;        /* [n_share] */
};

static void sort_free(struct sort *sort)
{
  free(sort->spaxel);
  free(sort->count);
  free(sort->next);
  free(sort->field);
  free(sort->sum);
  free(sort->record);
  free(sort->at);
  free(sort->bucket);
  free(sort->account);
}

double cubix_placement_nearest_bytes(double n_star, double n_spaxel, int n_thread)
{
  const double spaxel = (n_thread + 2.) * sizeof(size_t) + sizeof(int64_t) + CUBIX_N_MAP * sizeof(double);
  return n_star * (sizeof(uint32_t) + (double)sizeof(struct cubix_share_account) / SHARE) +
         fmin(n_star, CHUNK) * sizeof(struct record) + n_spaxel * spaxel;
}

/* First star of a thread's part of the shares first .. first + n - 1. */
static size_t part(const struct sort *sort, size_t first, size_t n, int t)
{
  size_t star = (first + n * (size_t)t / (size_t)sort->n_thread) * SHARE;
  return star < sort->slab->n ? star : sort->slab->n;
}

static int sort_init(struct sort *sort, const struct cubix_tables *tables, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  sort->tables = tables;
  sort->slab = slab;
  sort->n_thread = omp_get_max_threads();
  sort->n_spaxel = (size_t)tables->n_x * (size_t)tables->n_y;
  sort->n_share = (slab->n + SHARE - 1) / SHARE;
  while ((sort->n_bucket = (sort->n_spaxel >> sort->shift) + 1) > MOST_BUCKET) sort->shift++;
  CUBIX_CHECK(slab->n < UINT32_MAX, CUBIX_EFAIL, "%zu stars on one rank; at most %u fit: use more ranks", slab->n,
              UINT32_MAX);
  CUBIX_CHECK((sort->spaxel = cubix_reserve(slab->n, sizeof *sort->spaxel)), CUBIX_ENOMEM,
              "cannot allocate the spaxels of %zu stars: use more ranks", slab->n);
  CUBIX_CHECK((sort->record = cubix_reserve(CHUNK, sizeof *sort->record)), CUBIX_ENOMEM,
              "cannot allocate %zu bytes to sort stars in", CHUNK * sizeof *sort->record);
  CUBIX_ALLOC(sort->count, (size_t)sort->n_thread * (sort->n_spaxel + 1));
  CUBIX_ALLOC(sort->next, sort->n_spaxel);
  CUBIX_ALLOC(sort->field, sort->n_spaxel);
  CUBIX_ALLOC(sort->sum, sort->n_spaxel);
  CUBIX_ALLOC(sort->at, (size_t)sort->n_thread * sort->n_bucket);
  CUBIX_ALLOC(sort->bucket, sort->n_bucket + 1);
  CUBIX_ALLOC(sort->account, sort->n_share);
  for (size_t s = 0; s < sort->n_spaxel; s++)
    if (!cubix_in_field(tables, (int64_t)s, &sort->field[s])) sort->field[s] = -1;
done:
  return status;
}

/* First pass.  @param[out] start [n_spaxel + 1] of the placement */
static void count(struct sort *sort, size_t *start)
{
  size_t n_count = sort->n_spaxel + 1, before = 0;
#pragma omp parallel for schedule(static, 1) num_threads(sort->n_thread)
  for (int t = 0; t < sort->n_thread; t++) {
    size_t *n = sort->count + (size_t)t * n_count;
    for (size_t i = part(sort, 0, sort->n_share, t); i < part(sort, 0, sort->n_share, t + 1); i++) {
      int64_t s = cubix_project(sort->tables, sort->slab->position + 3 * i);
      sort->spaxel[i] = (uint32_t)(s >= 0 ? (size_t)s : sort->n_spaxel);
      n[sort->spaxel[i]]++;
    }
  }
  for (size_t s = 0; s < n_count; s++) {
    start[s] = before;
    for (size_t t = 0; t < (size_t)sort->n_thread; t++) before += sort->count[t * n_count + s];
  }
  memcpy(sort->next, start, sizeof *start * sort->n_spaxel);
}

/* How many stars of every bucket each thread has in the shares first .. first + n - 1, and from that where they go. */
static void plan_chunk(struct sort *sort, size_t first, size_t n)
{
  size_t at = 0;
  memset(sort->at, 0, sizeof *sort->at * (size_t)sort->n_thread * sort->n_bucket);
#pragma omp parallel for schedule(static, 1) num_threads(sort->n_thread)
  for (int t = 0; t < sort->n_thread; t++) {
    size_t *mine = sort->at + (size_t)t * sort->n_bucket, last = part(sort, first, n, t + 1);
    for (size_t i = part(sort, first, n, t); i < last; i++)
      if (sort->spaxel[i] < sort->n_spaxel) mine[sort->spaxel[i] >> sort->shift]++;
  }
  for (size_t b = 0; b < sort->n_bucket; b++) {
    sort->bucket[b] = at;
    for (size_t t = 0; t < (size_t)sort->n_thread; t++) {
      size_t here = sort->at[t * sort->n_bucket + b];
      sort->at[t * sort->n_bucket + b] = at;
      at += here;
    }
  }
  sort->bucket[sort->n_bucket] = at;
}

/* The stars of the shares first .. first + n - 1 into the buckets. */
static void fill_buckets(struct sort *sort, size_t first, size_t n)
{
  const struct cubix_slab *slab = sort->slab;
#pragma omp parallel for schedule(static, 1) num_threads(sort->n_thread)
  for (int t = 0; t < sort->n_thread; t++) {
    size_t *at = sort->at + (size_t)t * sort->n_bucket, last = part(sort, first, n, t + 1);
    for (size_t i = part(sort, first, n, t); i < last; i++) {
      struct cubix_share_account *account = &sort->account[i / SHARE];
      struct record outside, *r = &outside;
      size_t s = sort->spaxel[i];
      enum cubix_account where = CUBIX_OUTSIDE;
      if (s < sort->n_spaxel) {
        r = &sort->record[at[s >> sort->shift]++];
        where = sort->field[s] >= 0 ? CUBIX_IN_FIELD : CUBIX_IN_MARGIN;
      }
      r->light = cubix_placement_take(&r->star, account, sort->tables, slab, i, where, where != CUBIX_OUTSIDE);
      r->mass_now = slab->mass_now[i];
      r->age = slab->age[i];
      r->metallicity = slab->metallicity[i];
      r->spaxel = (uint32_t)s;
      r->source = (uint32_t)i;
    }
  }
}

/* The buckets into the spaxels. */
static void empty_buckets(struct sort *sort, struct cubix_placement *p, struct cubix_sums *sums)
{
#pragma omp parallel for schedule(dynamic) num_threads(sort->n_thread)
  for (size_t b = 0; b < sort->n_bucket; b++)
    for (size_t k = sort->bucket[b]; k < sort->bucket[b + 1]; k++) {
      const struct record *r = &sort->record[k];
      if (k + AHEAD < sort->bucket[b + 1]) __builtin_prefetch(&p->star[sort->next[r[AHEAD].spaxel]], 1);
      size_t to = sort->next[r->spaxel]++;
      p->star[to] = r->star;
      if (p->source) p->source[to] = r->source;
      cubix_placement_map(sort->sum[r->spaxel], 1, &r->star, r->mass_now, r->light, r->age, r->metallicity,
                          sort->tables->dust_screen);
      if (sums && sums->n_v) cubix_losvd_add(sums, r->spaxel, r->star.velocity, r->light);
    }
}

int cubix_placement_nearest(struct cubix_placement **out, struct cubix_cube *cube, const struct cubix_tables *tables,
                            const struct cubix_slab *slab, int with_source)
{
  int status = CUBIX_OK;
  struct sort sort = { 0 };
  struct cubix_placement *p = NULL;
  size_t *start = NULL;
  CUBIX_TRY(sort_init(&sort, tables, slab));
  CUBIX_ALLOC(start, sort.n_spaxel + 1);
  count(&sort, start);
  CUBIX_TRY(cubix_placement_init(&p, sort.n_spaxel, start[sort.n_spaxel]));
  if (with_source) CUBIX_TRY(cubix_placement_trace(p, start[sort.n_spaxel]));
  memcpy(p->start, start, sizeof *start * (sort.n_spaxel + 1));
  for (size_t first = 0; first < sort.n_share; first += CHUNK / SHARE) {
    size_t n = sort.n_share - first < CHUNK / SHARE ? sort.n_share - first : CHUNK / SHARE;
    plan_chunk(&sort, first, n);
    fill_buckets(&sort, first, n);
    empty_buckets(&sort, p, cube ? &cube->sums : NULL);
  }
  if (cube)
    cubix_placement_tell(cube, sort.n_spaxel, (const double(*)[CUBIX_N_MAP])sort.sum, sort.n_share, sort.account);
  *out = p;
  p = NULL;
done:
  free(start);
  sort_free(&sort);
  cubix_placement_free(p);
  return status;
}
