/* placement_smooth.c -- the placement where a star's light is divided among spaxels
 * (physics/deposit.h).
 *
 * A star makes a record in every painted spaxel of its footprint: four with cic, nine with tsc,
 * some dozens or more with gaussian.
 * A first pass finds the footprints and counts: records of every spaxel, and of every share of
 * SHARE stars in every bucket of neighbouring spaxels.  The second goes through the slab in chunks
 * of whole shares.  Each of a chunk's stars is taken in once, as a parent, and for every record a
 * record of 16 bytes (which parent, which spaxel, which weight) goes into its bucket, share by
 * share; then each bucket is emptied by one thread, record by record, into the spaxels' places and
 * sums.  As in placement_nearest.c the order is the slab's throughout, whatever the threads do.
 *
 * The maps are given the same parts of a star as the cube.  Its number is counted in the spaxel
 * nearest to it, and there its budget belongs, too. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "cube/placement.h"
#include "cube/placement_parts.h"
#include "physics/deposit.h"
#include "physics/project.h"

enum { SHARE = CUBIX_PLACEMENT_SHARE, CHUNK = 8 * SHARE, RECORDS = 10 * CHUNK, MOST_BUCKET = 256, AHEAD = 8 };

/* A star of the chunk, and what the maps are told of it; home: its nearest spaxel. */
struct parent {
  struct cubix_star star;
  double light, mass_now, age, metallicity;
  size_t home, source;
};

struct record { double weight; uint32_t parent, spaxel; };

struct spread {
  const struct cubix_tables *tables;
  const struct cubix_slab *slab;
  int n_thread, shift;            /* spaxel >> shift: its bucket */
  size_t n_spaxel, n_share, n_bucket;
  size_t *count;                  /* [n_thread][n_spaxel] */
  size_t *next;                   /* [n_spaxel] where the next record of a spaxel goes */
  size_t *records;                /* [n_share] */
  size_t *at;                     /* [n_share][n_bucket] records; of the shares of a chunk: where the next goes */
  size_t *bucket;                 /* [n_bucket + 1] where the buckets begin */
  int64_t *field;                 /* [n_spaxel] its number in the field, -1: margin */
  double (*sum)[CUBIX_N_MAP];     /* [n_spaxel] */
  /* [n_thread][2 n_x + n_y + 2] weights along the axes; of kernels the light at the corners of a row */
  double *factor;
  struct parent *parent;            /* [CHUNK] or fewer */
  struct record *record;            /* of the largest chunk */
  struct cubix_share_account *account; /* [n_share] */
};

static void spread_free(struct spread *s)
{
  free(s->count);
  free(s->next);
  free(s->records);
  free(s->at);
  free(s->bucket);
  free(s->field);
  free(s->sum);
  free(s->factor);
  free(s->parent);
  free(s->record);
  free(s->account);
}

static size_t factor_size(const struct spread *s)
{
  return 2 * (size_t)s->tables->n_x + (size_t)s->tables->n_y + 2;
}

static int spread_init(struct spread *s, const struct cubix_tables *tables, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  s->tables = tables;
  s->slab = slab;
  s->n_thread = omp_get_max_threads();
  s->n_spaxel = (size_t)tables->n_x * (size_t)tables->n_y;
  s->n_share = (slab->n + SHARE - 1) / SHARE;
  while ((s->n_bucket = (s->n_spaxel >> s->shift) + 1) > MOST_BUCKET) s->shift++;
  CUBIX_CHECK(tables->deposit < CUBIX_DEPOSIT_GAUSSIAN || tables->deposit_length > 0 || slab->smoothing_length ||
                  !slab->n,
              CUBIX_EUSAGE,
              "SmoothingLength file takes every star's own smoothing length, but the stars have none: give a "
              "SmoothingLength in kpc");
  CUBIX_CHECK(slab->n < UINT32_MAX, CUBIX_EFAIL, "%zu stars on one rank; at most %u fit: use more ranks", slab->n,
              UINT32_MAX);
  CUBIX_ALLOC(s->count, (size_t)s->n_thread * s->n_spaxel);
  CUBIX_ALLOC(s->next, s->n_spaxel);
  CUBIX_ALLOC(s->records, s->n_share);
  CUBIX_ALLOC(s->at, s->n_share * s->n_bucket);
  CUBIX_ALLOC(s->bucket, s->n_bucket + 1);
  CUBIX_ALLOC(s->field, s->n_spaxel);
  CUBIX_ALLOC(s->sum, s->n_spaxel);
  CUBIX_ALLOC(s->factor, (size_t)s->n_thread * factor_size(s));
  CUBIX_ALLOC(s->account, s->n_share);
  for (size_t i = 0; i < s->n_spaxel; i++)
    if (!cubix_in_field(tables, (int64_t)i, &s->field[i])) s->field[i] = -1;
done:
  return status;
}

double cubix_placement_spread_bytes(double n_star, double n_record, double n_spaxel, int n_thread)
{
  const double spaxel = (n_thread + 1.) * sizeof(size_t) + sizeof(int64_t) + CUBIX_N_MAP * sizeof(double),
               each = n_record / fmax(n_star, 1);
  const double share = sizeof(struct cubix_share_account) + sizeof(size_t) * (1. + fmin(n_spaxel, MOST_BUCKET));
  return n_star / SHARE * share + fmin(n_star, CHUNK) * sizeof(struct parent) +
         fmin(n_record, fmax(RECORDS, SHARE * each)) * sizeof(struct record) + n_spaxel * spaxel;
}

/* First star behind a share. */
static size_t share_end(const struct spread *s, size_t share)
{
  size_t end = (share + 1) * SHARE;
  return end < s->slab->n ? end : s->slab->n;
}

static int foot_of(const struct spread *s, size_t i, struct cubix_foot *foot)
{
  return cubix_foot_of(s->tables, s->slab->position + 3 * i,
                       cubix_deposit_length(s->tables, s->slab->smoothing_length, (int64_t)i), foot);
}

static size_t spaxel_of(const struct spread *s, const struct cubix_foot *foot, int kx, int ky)
{
  return (size_t)(foot->first[1] + ky) * (size_t)s->tables->n_x + (size_t)(foot->first[0] + kx);
}

/* First pass. */
static void count(struct spread *s)
{
#pragma omp parallel num_threads(s->n_thread)
  {
    size_t *mine = s->count + (size_t)omp_get_thread_num() * s->n_spaxel;
#pragma omp for schedule(dynamic)
    for (size_t share = 0; share < s->n_share; share++) {
      size_t *at = s->at + share * s->n_bucket;
      struct cubix_foot foot;
      for (size_t i = share * SHARE; i < share_end(s, share); i++) {
        if (!foot_of(s, i, &foot)) continue;
        s->records[share] += (size_t)foot.n[0] * (size_t)foot.n[1];
        for (int ky = 0; ky < foot.n[1]; ky++) {
          size_t first = spaxel_of(s, &foot, 0, ky);
          for (size_t k = first; k < first + (size_t)foot.n[0]; k++) {
            mine[k]++;
            at[k >> s->shift]++;
          }
        }
      }
    }
  }
}

/* Room for all records, and where they go. */
static int make_room(struct spread *s, struct cubix_placement **out, int with_source)
{
  int status = CUBIX_OK;
  size_t n = 0, each = sizeof(struct cubix_star) + (with_source ? sizeof(uint32_t) : 0);
  struct cubix_placement *p = NULL;
  for (size_t share = 0; share < s->n_share; share++) n += s->records[share];
  CUBIX_CHECK((double)n * (double)each < cubix_memory_free(), CUBIX_ENOMEM,
              "%zu stars fall into %zu spaxels altogether (%.0f each), which takes %.3g GB: more than the memory that "
              "is free. Use more ranks, a SlabMemory%s",
              s->slab->n, n, (double)n / (double)s->slab->n, 1e-9 * (double)n * (double)each,
              s->tables->deposit >= CUBIX_DEPOSIT_GAUSSIAN ? ", or a shorter SmoothingLengthMax" : "");
  CUBIX_TRY(cubix_placement_init(&p, s->n_spaxel, n));
  if (with_source) CUBIX_TRY(cubix_placement_trace(p, n));
  for (size_t k = 0; k < s->n_spaxel; k++) {
    s->next[k] = p->start[k];
    p->start[k + 1] = p->start[k];
    for (size_t t = 0; t < (size_t)s->n_thread; t++) p->start[k + 1] += s->count[t * s->n_spaxel + k];
  }
  *out = p;
  p = NULL;
done:
  cubix_placement_free(p);
  return status;
}

/* Shares of the chunk that begins with `first`: at least one. */
static size_t chunk_shares(const struct spread *s, size_t first, size_t *n_record)
{
  size_t n = 1;
  *n_record = s->records[first];
  while (first + n < s->n_share && n < CHUNK / SHARE && *n_record + s->records[first + n] <= RECORDS)
    *n_record += s->records[first + n++];
  return n;
}

static int make_chunk(struct spread *s)
{
  int status = CUBIX_OK;
  size_t most = 0, n_record, n_parent = s->slab->n < CHUNK ? s->slab->n : CHUNK;
  for (size_t first = 0; first < s->n_share; first += chunk_shares(s, first, &n_record)) {
    chunk_shares(s, first, &n_record);
    most = n_record > most ? n_record : most;
  }
  CUBIX_CHECK((s->parent = cubix_reserve(n_parent, sizeof *s->parent)) &&
                  (s->record = cubix_reserve(most, sizeof *s->record)),
              CUBIX_ENOMEM, "cannot allocate %zu bytes to sort stars in",
              n_parent * sizeof *s->parent + most * sizeof *s->record);
done:
  return status;
}

/* From how many records the shares have in the buckets to where they go. */
static void plan_chunk(struct spread *s, size_t first, size_t n)
{
  size_t to = 0;
  for (size_t b = 0; b < s->n_bucket; b++) {
    s->bucket[b] = to;
    for (size_t share = first; share < first + n; share++) {
      size_t here = s->at[share * s->n_bucket + b];
      s->at[share * s->n_bucket + b] = to;
      to += here;
    }
  }
  s->bucket[s->n_bucket] = to;
}

/* Star i as a parent, and its entry in the account. */
static void take(struct spread *s, struct parent *g, size_t i, int painted)
{
  const struct cubix_slab *slab = s->slab;
  int64_t home = cubix_project(s->tables, slab->position + 3 * i);
  enum cubix_account where = home < 0 ? CUBIX_OUTSIDE : s->field[home] >= 0 ? CUBIX_IN_FIELD : CUBIX_IN_MARGIN;
  g->light = cubix_placement_take(&g->star, &s->account[i / SHARE], s->tables, slab, i, where, painted);
  g->mass_now = slab->mass_now[i];
  g->age = slab->age[i];
  g->metallicity = slab->metallicity[i];
  g->home = home < 0 ? s->n_spaxel : (size_t)home;
  g->source = i;
}

/* The records of parent k. */
static void spread_product(struct spread *s, const struct cubix_foot *foot, size_t k, size_t *at, double *x)
{
  double *y = x + foot->n[0];
  for (int kx = 0; kx < foot->n[0]; kx++) x[kx] = cubix_deposit_factor(foot, 0, kx, NULL);
  for (int ky = 0; ky < foot->n[1]; ky++) y[ky] = cubix_deposit_factor(foot, 1, ky, NULL);
  for (int ky = 0; ky < foot->n[1]; ky++)
    for (int kx = 0; kx < foot->n[0]; kx++) {
      size_t spaxel = spaxel_of(s, foot, kx, ky);
      s->record[at[spaxel >> s->shift]++] = (struct record){ x[kx] * y[ky], (uint32_t)k, (uint32_t)spaxel };
    }
}

static void spread_kernel(struct spread *s, const struct cubix_foot *foot, size_t k, size_t *at, double *low)
{
  double *high = low + foot->n[0] + 1;
  cubix_deposit_corners(foot, 0, low);
  for (int ky = 0; ky < foot->n[1]; ky++) {
    cubix_deposit_corners(foot, ky + 1, high);
    for (int kx = 0; kx < foot->n[0]; kx++) {
      size_t spaxel = spaxel_of(s, foot, kx, ky);
      double w = cubix_deposit_between(low[kx], low[kx + 1], high[kx], high[kx + 1]);
      s->record[at[spaxel >> s->shift]++] = (struct record){ w, (uint32_t)k, (uint32_t)spaxel };
    }
    double *swap = low;
    low = high;
    high = swap;
  }
}

/* The stars of the shares first .. first + n - 1 into the buckets. */
static void fill_buckets(struct spread *s, size_t first, size_t n)
{
#pragma omp parallel for schedule(dynamic) num_threads(s->n_thread)
  for (size_t share = first; share < first + n; share++) {
    size_t *at = s->at + share * s->n_bucket;
    double *factor = s->factor + (size_t)omp_get_thread_num() * factor_size(s);
    for (size_t i = share * SHARE; i < share_end(s, share); i++) {
      size_t k = i - first * SHARE;
      struct cubix_foot foot;
      int painted = foot_of(s, i, &foot);
      take(s, &s->parent[k], i, painted);
      if (painted) (foot.kind > CUBIX_DEPOSIT_GAUSSIAN ? spread_kernel : spread_product)(s, &foot, k, at, factor);
    }
  }
}

/* The buckets into the spaxels. */
static void empty_buckets(struct spread *s, struct cubix_placement *p, struct cubix_sums *sums)
{
#pragma omp parallel for schedule(dynamic) num_threads(s->n_thread)
  for (size_t b = 0; b < s->n_bucket; b++)
    for (size_t k = s->bucket[b]; k < s->bucket[b + 1]; k++) {
      const struct record *c = &s->record[k];
      const struct parent *g = &s->parent[c->parent];
      if (k + AHEAD < s->bucket[b + 1]) __builtin_prefetch(&p->star[s->next[c[AHEAD].spaxel]], 1);
      size_t to = s->next[c->spaxel]++;
      p->star[to] = g->star;
      p->star[to].mass_formed = g->star.mass_formed * c->weight;
      if (p->source) p->source[to] = (uint32_t)g->source;
      cubix_placement_map(s->sum[c->spaxel], c->spaxel == g->home, &p->star[to], g->mass_now * c->weight,
                          g->light * c->weight, g->age, g->metallicity, s->tables->dust_screen);
      if (sums && sums->n_v) cubix_losvd_add(sums, c->spaxel, g->star.velocity, g->light * c->weight);
    }
}

int cubix_placement_spread(struct cubix_placement **out, struct cubix_cube *cube, const struct cubix_tables *tables,
                           const struct cubix_slab *slab, int with_source)
{
  int status = CUBIX_OK;
  struct spread s = { 0 };
  struct cubix_placement *p = NULL;
  size_t n_record;
  CUBIX_TRY(spread_init(&s, tables, slab));
  count(&s);
  CUBIX_TRY(make_room(&s, &p, with_source));
  CUBIX_TRY(make_chunk(&s));
  for (size_t first = 0, n; first < s.n_share; first += n) {
    n = chunk_shares(&s, first, &n_record);
    plan_chunk(&s, first, n);
    fill_buckets(&s, first, n);
    empty_buckets(&s, p, cube ? &cube->sums : NULL);
  }
  if (cube) cubix_placement_tell(cube, s.n_spaxel, (const double (*)[CUBIX_N_MAP])s.sum, s.n_share, s.account);
  *out = p;
  p = NULL;
done:
  spread_free(&s);
  cubix_placement_free(p);
  return status;
}
