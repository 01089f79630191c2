/* histogram.c -- the stars of a spaxel become masses on template rows and velocity nodes.
 *
 * A star of mass m contributes to four library rows with weights w_t and to six nodes with weights
 * phi_j: 24 masses m w_t phi_j [Msun].  They are rounded once, to integers of 2^-exponent Msun, and
 * from then on only added as integers: no order of stars, threads, chunks or ranks changes a bit.
 * The product is (m 2^exponent)(w_z w_age) phi, in that order, in float64.
 *
 * A thread has a dense scratch [row][node], and takes one spaxel at a time.  Stars fall into cells
 * of the library's grid, and each cell records which nodes its stars touch.  When the spaxel is
 * done, a row's window is what its (up to four) cells touched, without the zeros at its ends.
 * Whatever was touched is copied out and zeroed; nothing else is looked at.  Spaxels go to threads
 * in parts of many stars; a spaxel with more than its share of the stars (a nucleus) is one part,
 * which all threads fill together.
 *
 * Stars behind dust touch four nodes in A(V) as well, with weights W (physics/screen.h): 96 masses
 * (m 2^exponent) W (w_z w_age) phi.  A spaxel is then filled node by node, each with the stars that
 * touch it, so that the scratch is no larger than without dust.
 *
 * What stars add is a function given to this machinery: masses here; in histogram_vjp.c their
 * tangents, or only a record of what they touch. */
#include "histogram/histogram.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "histogram/histogram_parts.h"

enum { PART = 4096, N_PART = 32 };

static const struct cubix_window nothing = { INT16_MAX, -1 };

/* Next bit that is set, from i on, which is cleared; -1: none. */
static int next(uint64_t *bits, int n_word, int i)
{
  for (int w = i >> 6; w < n_word; w++)
    if (bits[w]) {
      int b = __builtin_ctzll(bits[w]);
      bits[w] &= bits[w] - 1;
      return w * 64 + b;
    }
  return -1;
}

static void fill_stars(const struct cubix_filling *d, struct cubix_scratch *scratch, const struct cubix_batch *batch,
                       int exponent)
{
  double scale = ldexp(1., exponent);
  for (size_t i = 0; i < batch->n; i++) {
    const size_t number = cubix_batch_star(batch, i);
    const struct cubix_star *star = &batch->star[number];
    struct cubix_mix mix;
    double f, phi[CUBIX_N_WEIGHT];
    int j = cubix_node_of(&d->histogram->nodes, star->velocity, &f);
    if (j < 0) continue;
    cubix_node_weights(f, phi);
    cubix_mix_of(d->tables, star, &mix);
    double mass = star->mass_formed * scale * cubix_batch_weight(batch, number);
    for (int c = 0; c < 4; c++) {
      double m = mass * mix.weight[c];
      int64_t *sum = scratch->sum + (size_t)mix.row[c] * (size_t)d->stride + j;
      if (!(m > 0)) continue;
      for (int p = 0; p < CUBIX_N_PAIR; p++)
        cubix_add_rounded(sum + 2 * p, m * (cubix_pair){ phi[2 * p], phi[2 * p + 1] });
    }
    cubix_touch(scratch, star->iz * d->tables->n_age + star->ia, j);
  }
}

/* Room for what as many stars usually come to: where it is not used it costs nothing. */
static void part_init(const struct cubix_filling *d, struct cubix_part *part)
{
  size_t n_star = d->placement->start[part->last] - d->placement->start[part->first];
  const size_t n_screen = d->histogram->nodes.axis.n ? CUBIX_N_SCREEN : 1;
  part->max_block = n_screen * n_star / 2 + 1024;
  part->max_value = n_screen * 6 * n_star + 8192;
  part->block = cubix_reserve(part->max_block, sizeof *part->block);
  if (!d->cover) part->value = cubix_reserve(part->max_value, sizeof *part->value);
  part->failed = !part->block || (!d->cover && !part->value);
}

/* More room.  A cover has no values, only their number. */
static int grow(struct cubix_part *part, size_t n_value)
{
  if (part->n_block == part->max_block) {
    part->max_block += part->max_block / 2 + 1024;
    struct cubix_block *block = realloc(part->block, part->max_block * sizeof *block);
    if (!block) return 0;
    part->block = block;
  }
  if (part->value && part->n_value + n_value > part->max_value) {
    part->max_value += part->max_value / 2 + n_value + 8192;
    int64_t *value = realloc(part->value, part->max_value * sizeof *value);
    if (!value) return 0;
    part->value = value;
  }
  return 1;
}

/* What the scratch holds of a spaxel, appended to the part; the scratch is empty then.  @param node  in A(V) */
static void emit(const struct cubix_filling *d, struct cubix_scratch *scratch, struct cubix_part *part, int node)
{
  int n_age = d->tables->n_age, up_age = n_age > 1, up_z = d->tables->n_z > 1 ? n_age : 0;
  for (int i = next(scratch->cells, d->n_word, 0); i >= 0; i = next(scratch->cells, d->n_word, i)) {
    int corner[4] = { i, i + up_age, i + up_z, i + up_z + up_age };
    for (int c = 0; c < 4; c++) {
      scratch->row[corner[c]] = cubix_windows(scratch->row[corner[c]], scratch->cell[i]);
      cubix_mark(scratch->rows, corner[c]);
    }
    scratch->cell[i] = nothing;
  }
  for (int i = next(scratch->rows, d->n_word, 0); i >= 0; i = next(scratch->rows, d->n_word, i)) {
    int64_t *sum = d->cover ? NULL : scratch->sum + (size_t)i * (size_t)d->stride;
    int first = scratch->row[i].first, last = scratch->row[i].last;
    scratch->row[i] = nothing;
    while (!d->cover && first <= last && !sum[first]) first++;
    while (!d->cover && first <= last && !sum[last]) last--;
    if (first > last) continue;
    size_t n = (size_t)(last - first + 1);
    if (part->failed || !grow(part, n)) part->failed = 1;
    else {
      if (!d->cover) memcpy(part->value + part->n_value, sum + first, n * sizeof *sum);
      part->block[part->n_block++] =
          (struct cubix_block){ node * d->n_row + i, (int16_t)first, (int16_t)n, part->n_value };
      part->n_value += n;
    }
    if (!d->cover) memset(sum + first, 0, n * sizeof *sum);
  }
}

/* Sort stars by the first node in A(V) that they touch; of these it is known which nodes are touched at all. */
static void sort_stars(const struct cubix_filling *d, struct cubix_scratch *scratch, size_t first, size_t n)
{
  const struct cubix_axis *axis = &d->histogram->nodes.axis;
  size_t *begin = scratch->begin;
  double f;
  scratch->low = axis->n;
  scratch->high = -1;
  for (size_t i = 0; i < n; i++) {
    const int j = cubix_axis_of(axis, (double)d->placement->star[first + i].screen, &f);
    scratch->touched[i] = j;
    if (j < 0) continue;
    cubix_axis_weights(axis, f, scratch->weight[i]);
    scratch->low = j < scratch->low ? j : scratch->low;
    scratch->high = j > scratch->high ? j : scratch->high;
  }
  for (int j = scratch->low; j <= scratch->high + 1; j++) begin[j] = 0;
  for (size_t i = 0; i < n; i++)
    if (scratch->touched[i] >= 0) begin[scratch->touched[i] + 1]++;
  for (int j = scratch->low; j < scratch->high; j++) begin[j + 1] += begin[j];
  for (size_t i = 0; i < n; i++)
    if (scratch->touched[i] >= 0) scratch->order[begin[scratch->touched[i]]++] = (uint32_t)i;
  /* each had moved to the beginning of the next */
  for (int j = scratch->high + 1; j > scratch->low; j--) begin[j] = begin[j - 1];
  if (scratch->low <= scratch->high) begin[scratch->low] = 0;
}

/* Those of n stars, from `first` on, that touch a node; without nodes in A(V) all of them. */
static struct cubix_batch batch_of(const struct cubix_filling *d, const struct cubix_scratch *scratch, size_t first,
                                   size_t n, int node)
{
  struct cubix_batch batch = { .star = d->placement->star + first, .dot = d->dot ? d->dot + first : NULL, .n = n };
  if (!d->histogram->nodes.axis.n) return batch;
  const int from = node - CUBIX_N_SCREEN + 1 > scratch->low ? node - CUBIX_N_SCREEN + 1 : scratch->low;
  const int to = node < scratch->high ? node : scratch->high;
  batch.node = node;
  batch.touched = scratch->touched;
  batch.weight = (const double (*)[CUBIX_N_SCREEN])scratch->weight;
  batch.n = from <= to ? scratch->begin[to + 1] - scratch->begin[from] : 0;
  batch.order = scratch->order + (batch.n ? scratch->begin[from] : 0);
  return batch;
}

/* The scratches of all threads added up in the first. */
static void add_up(const struct cubix_filling *d)
{
  const size_t n_thread = (size_t)d->n_thread;
  struct cubix_scratch *all = d->scratch;
#pragma omp parallel for schedule(static) num_threads(d->n_thread)
  for (int i = 0; i < d->n_row; i++)
    for (size_t t = 1; t < n_thread; t++) {
      size_t at = (size_t)i * (size_t)d->stride;
      for (size_t j = at; j < at + (size_t)d->stride && !d->cover; j++) all[0].sum[j] += all[t].sum[j];
      if (!d->cover) memset(all[t].sum + at, 0, (size_t)d->stride * sizeof *all[t].sum);
      all[0].cell[i] = cubix_windows(all[0].cell[i], all[t].cell[i]);
      all[t].cell[i] = nothing;
    }
  for (size_t t = 1; t < n_thread; t++)
    for (int w = 0; w < d->n_word; w++) {
      all[0].cells[w] |= all[t].cells[w];
      all[t].cells[w] = 0;
    }
}

/* A spaxel of many stars: deposited by all threads, added up row by row. */
static void fill_together(const struct cubix_filling *d, struct cubix_part *part)
{
  const size_t s = part->first, first = d->placement->start[s], n = d->placement->start[s + 1] - first,
               n_thread = (size_t)d->n_thread;
  const int n_node = d->histogram->nodes.axis.n;
  int low = n_node ? n_node : 0, high = n_node ? -1 : 0;
  part_init(d, part);
#pragma omp parallel for schedule(static, 1) num_threads(d->n_thread) reduction(min : low) reduction(max : high)
  for (size_t t = 0; t < n_thread; t++) {
    const size_t from = n * t / n_thread;
    if (!n_node) continue;
    sort_stars(d, &d->scratch[t], first + from, n * (t + 1) / n_thread - from);
    low = d->scratch[t].low < low ? d->scratch[t].low : low;
    high = d->scratch[t].high + CUBIX_N_SCREEN - 1 > high ? d->scratch[t].high + CUBIX_N_SCREEN - 1 : high;
  }
  for (int node = low; node <= high; node++) {
#pragma omp parallel for schedule(static, 1) num_threads(d->n_thread)
    for (size_t t = 0; t < n_thread; t++) {
      const size_t from = n * t / n_thread;
      const struct cubix_batch batch =
          batch_of(d, &d->scratch[t], first + from, n * (t + 1) / n_thread - from, node);
      d->stars(d, &d->scratch[t], &batch, d->histogram->exponent[s]);
    }
    add_up(d);
    emit(d, &d->scratch[0], part, node);
  }
  d->histogram->start[s + 1] = part->n_block;
}

/* A spaxel by one thread. */
static void fill_spaxel(const struct cubix_filling *d, struct cubix_scratch *scratch, struct cubix_part *part, size_t s)
{
  const size_t first = d->placement->start[s], n = d->placement->start[s + 1] - first, before = part->n_block;
  const int axis = d->histogram->nodes.axis.n > 0;
  if (axis) sort_stars(d, scratch, first, n);
  const int low = axis ? scratch->low : 0, high = axis ? scratch->high + CUBIX_N_SCREEN - 1 : 0;
  for (int node = low; node <= high; node++) {
    const struct cubix_batch batch = batch_of(d, scratch, first, n, node);
    if (!batch.n) continue;
    d->stars(d, scratch, &batch, d->histogram->exponent[s]);
    emit(d, scratch, part, node);
  }
  d->histogram->start[s + 1] = part->n_block - before;
}

/* Spaxels into parts of about the same number of stars. */
static int divide(struct cubix_filling *d)
{
  int status = CUBIX_OK;
  const size_t *start = d->placement->start;
  size_t n_spaxel = d->placement->n_spaxel, n_star = start[n_spaxel], share = n_star / (N_PART * (size_t)d->n_thread);
  size_t enough = share > PART ? share : PART, heavy = d->n_thread > 1 ? 4 * enough : SIZE_MAX;
  CUBIX_ALLOC(d->part, 2 * (n_star / enough + 1));
  struct cubix_part *part = NULL;
  for (size_t s = 0; s < n_spaxel; s++) {
    size_t n = start[s + 1] - start[s];
    if (!n) continue;
    int shared = n > heavy;
    const size_t mine = shared ? n / (size_t)d->n_thread + 1 : n;
    d->most_stars = mine > d->most_stars ? mine : d->most_stars;
    if (!part || shared || part->shared || start[s] - start[part->first] >= enough) {
      part = &d->part[d->n_part++];
      part->first = s;
      part->shared = shared;
    }
    part->last = s + 1;
  }
done:
  return status;
}

static int scratch_init(struct cubix_scratch *scratch, const struct cubix_filling *d)
{
  int status = CUBIX_OK;
  if (!d->cover) CUBIX_ALLOC(scratch->sum, (size_t)d->n_row * (size_t)d->stride);
  CUBIX_ALLOC(scratch->cell, d->n_row);
  CUBIX_ALLOC(scratch->row, d->n_row);
  CUBIX_ALLOC(scratch->cells, d->n_word);
  CUBIX_ALLOC(scratch->rows, d->n_word);
  if (d->histogram->nodes.axis.n) {
    CUBIX_ALLOC(scratch->order, d->most_stars);
    CUBIX_ALLOC(scratch->touched, d->most_stars);
    CUBIX_ALLOC(scratch->weight, d->most_stars);
    CUBIX_ALLOC(scratch->begin, d->histogram->nodes.axis.n + 1);
  }
  for (int i = 0; i < d->n_row; i++) scratch->cell[i] = scratch->row[i] = nothing;
done:
  return status;
}

static void fill_free(struct cubix_filling *d)
{
  for (int t = 0; t < d->n_thread && d->scratch; t++) {
    free(d->scratch[t].sum);
    free(d->scratch[t].cell);
    free(d->scratch[t].row);
    free(d->scratch[t].cells);
    free(d->scratch[t].rows);
    free(d->scratch[t].order);
    free(d->scratch[t].touched);
    free(d->scratch[t].weight);
    free(d->scratch[t].begin);
  }
  for (int p = 0; p < d->n_part; p++) {
    free(d->part[p].block);
    free(d->part[p].value);
  }
  free(d->scratch);
  free(d->part);
}

static void fill_all(struct cubix_filling *d)
{
  for (int p = 0; p < d->n_part; p++)
    if (d->part[p].shared) fill_together(d, &d->part[p]);
#pragma omp parallel for schedule(dynamic, 1) num_threads(d->n_thread)
  for (int p = 0; p < d->n_part; p++) {
    struct cubix_scratch *scratch = &d->scratch[omp_get_thread_num()];
    const size_t *start = d->placement->start;
    if (!d->part[p].shared) part_init(d, &d->part[p]);
    for (size_t s = d->part[p].first; s < d->part[p].last && !d->part[p].shared; s++) {
      if (start[s] < start[s + 1]) fill_spaxel(d, scratch, &d->part[p], s);
    }
  }
}

/* Parts one after the other: the histogram. */
static int assemble(struct cubix_filling *d)
{
  int status = CUBIX_OK;
  struct cubix_histogram *h = d->histogram;
  size_t *value_start = NULL;
  CUBIX_ALLOC(value_start, d->n_part + 1);
  for (int p = 0; p < d->n_part; p++) {
    CUBIX_CHECK(!d->part[p].failed, CUBIX_ENOMEM,
                "cannot allocate %zu blocks and %zu values for spaxels %zu to %zu of the histogram: use more ranks",
                d->part[p].max_block, d->part[p].max_value, d->part[p].first, d->part[p].last - 1);
    value_start[p + 1] = value_start[p] + d->part[p].n_value;
  }
  for (size_t s = 0; s < h->n_spaxel; s++) h->start[s + 1] += h->start[s];
  h->n_value = value_start[d->n_part];
  CUBIX_CHECK((h->block = cubix_reserve(h->start[h->n_spaxel] + 1, sizeof *h->block)) &&
                  (d->cover || (h->value = cubix_reserve(h->n_value + 1, sizeof *h->value))),
              CUBIX_ENOMEM, "cannot allocate %zu blocks and %zu values for the histogram: use more ranks",
              h->start[h->n_spaxel], h->n_value);
#pragma omp parallel for schedule(dynamic, 1) num_threads(d->n_thread)
  for (int p = 0; p < d->n_part; p++) {
    struct cubix_part *part = &d->part[p];
    struct cubix_block *block = h->block + h->start[part->first];
    for (size_t b = 0; b < part->n_block; b++) {
      block[b] = part->block[b];
      block[b].at += value_start[p];
    }
    if (part->n_value && !d->cover) memcpy(h->value + value_start[p], part->value, part->n_value * sizeof *part->value);
    free(part->block);
    free(part->value);
    part->block = NULL;
    part->value = NULL;
  }
done:
  free(value_start);
  return status;
}

void cubix_histogram_scale(int32_t *exponent, const uint64_t *count, const double *heaviest, size_t n_spaxel)
{
  for (size_t s = 0; s < n_spaxel; s++) {
    int e = 0, log_n = 0;
    exponent[s] = 0;
    if (!count[s] || !(heaviest[s] > 0)) continue;
    frexp(heaviest[s], &e);                       /* heaviest < 2^e */
    while (log_n < 62 && ((uint64_t)1 << log_n) < count[s]) log_n++;
    exponent[s] = (62 - log_n < 51 ? 62 - log_n : 51) - e;
    if (exponent[s] > 1000) exponent[s] = 1000;   /* so that 2^exponent is a float64 */
  }
}

static int create(struct cubix_histogram **out, const struct cubix_nodes *nodes, const int32_t *exponent,
                  size_t n_spaxel)
{
  int status = CUBIX_OK;
  struct cubix_histogram *h = NULL;
  CUBIX_ALLOC(h, 1);
  h->n_spaxel = n_spaxel;
  h->nodes = *nodes;
  CUBIX_ALLOC(h->exponent, n_spaxel);
  CUBIX_ALLOC(h->start, n_spaxel + 1);
  if (n_spaxel && exponent) memcpy(h->exponent, exponent, n_spaxel * sizeof *exponent);
  *out = h;
  h = NULL;
done:
  cubix_histogram_free(h);
  return status;
}

int cubix_histogram_init(struct cubix_histogram **out, const struct cubix_nodes *nodes, const int32_t *exponent,
                         size_t n_spaxel, size_t n_block, size_t n_value)
{
  int status = CUBIX_OK;
  struct cubix_histogram *h = NULL;
  CUBIX_TRY(create(&h, nodes, exponent, n_spaxel));
  CUBIX_CHECK((h->block = cubix_reserve(n_block + 1, sizeof *h->block)) &&
                  (h->value = cubix_reserve(n_value + 1, sizeof *h->value)),
              CUBIX_ENOMEM, "cannot allocate %zu blocks and %zu values for the histogram: use more ranks", n_block,
              n_value);
  h->n_value = n_value;
  *out = h;
  h = NULL;
done:
  cubix_histogram_free(h);
  return status;
}

int cubix_deposit_run(struct cubix_histogram **out, struct cubix_filling *d, const struct cubix_nodes *nodes,
                      const int32_t *exponent)
{
  int status = CUBIX_OK;
  const struct cubix_tables *tables = d->tables;
  CUBIX_CHECK(!tables->pchip, CUBIX_EFAIL,
              "the histogram holds masses, which are never negative, so it cannot serve SspInterpolation pchip; "
              "use the direct method");
  d->n_thread = omp_get_max_threads();
  d->n_row = tables->n_z * tables->n_age;
  d->stride = nodes->n + nodes->n % 2;
  d->n_word = d->n_row / 64 + 1;
  CUBIX_TRY(create(&d->histogram, nodes, exponent, d->placement->n_spaxel));
  CUBIX_TRY(divide(d));
  CUBIX_ALLOC(d->scratch, d->n_thread);
  for (int t = 0; t < d->n_thread; t++) CUBIX_TRY(scratch_init(&d->scratch[t], d));
  fill_all(d);
  CUBIX_TRY(assemble(d));
  *out = d->histogram;
  d->histogram = NULL;
done:
  fill_free(d);
  cubix_histogram_free(d->histogram);
  return status;
}

int cubix_histogram_build(struct cubix_histogram **out, const struct cubix_nodes *nodes, const int32_t *exponent,
                          const struct cubix_placement *placement, const struct cubix_tables *tables)
{
  struct cubix_filling d = { .placement = placement, .tables = tables, .stars = fill_stars };
  return cubix_deposit_run(out, &d, nodes, exponent);
}

double cubix_histogram_bytes(double n_value, double n_spaxel)
{
  return n_value * (sizeof(int64_t) + sizeof(struct cubix_block) / 7.) +
         n_spaxel * (double)(sizeof(int32_t) + sizeof(size_t));
}

double cubix_histogram_work_bytes(double n_value, int n_row, int n_node, int n_thread)
{
  return cubix_histogram_bytes(n_value, 0) +
         (double)n_thread * n_row * (n_node * (double)sizeof(int64_t) + 2 * sizeof(struct cubix_window));
}

double cubix_histogram_sort_bytes(double n_star, double fullest, int n_thread)
{
  const double enough = fmax(PART, n_star / (N_PART * n_thread)), most = n_thread > 1 ? 4 * enough : n_star;
  const double each = sizeof(uint32_t) + sizeof(int32_t) + CUBIX_N_SCREEN * sizeof(double);
  return n_thread * each * (fullest > most ? fmax(fullest / n_thread, most) : fullest);
}

size_t cubix_histogram_value_start(const struct cubix_histogram *h, size_t s)
{
  return h->start[s] < h->start[h->n_spaxel] ? h->block[h->start[s]].at : h->n_value;
}

struct cubix_histogram cubix_histogram_part(const struct cubix_histogram *h, size_t first, size_t last)
{
  struct cubix_histogram part = *h;
  part.n_spaxel = last - first;
  part.exponent += first;
  part.start += first;
  part.n_value = cubix_histogram_value_start(h, last);
  return part;
}

void cubix_histogram_free(struct cubix_histogram *h)
{
  if (!h) return;
  free(h->exponent);
  free(h->start);
  free(h->block);
  free(h->value);
  free(h);
}
