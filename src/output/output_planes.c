/* output_planes.c -- the cube turned from spectra into images, with the instrument's noise, a few
 * channels at a time, and laid into a file.
 *
 * In memory a spaxel's channels lie side by side, since that is how stars are painted and spectra
 * are made; files hold an image per channel. The turn is made for blocks of channels of a megabyte
 * or two, so that no second cube ever exists.  Sixteen floats of a spaxel are one cache line: 16
 * channels of 64 spaxels are read line by line and written in runs of 256 bytes.
 *
 * What the planes hold, F being the noise-free flux of the cube in memory:
 *   DATA       F + noise drawn for this voxel (F itself with Noise none)
 *   STAT       the variance that the noise was drawn from; IVAR its inverse, ERR its root
 *   DQ         bits of the spaxel (outside the aperture, too few stars) and of the channel (library
 *              does not cover, gap of the instrument)
 *   NOISEFREE  F
 * in the units and with the bits of the file's layout. Outside the aperture and in gaps flux and
 * variance are 0, or NaN where the layout says so.  The noise of a voxel depends on Seed and its place
 * (k n_y + j) n_x + i alone, so that threads, block sizes, kinds of file and whoever holds the
 * channel all give the same numbers.  A value that is not finite is an error, never written.
 *
 * A plane is an array of numbers at a place in a file that its kind of file has named, so blocks
 * are made in the file's order of bytes and written there in any order.  Every thread takes a block
 * of this rank's channels, makes it and writes it; the thread that speaks with other ranks keeps
 * some blocks of each of them on order and writes those that have come before it takes one of its
 * own.  What is zero throughout is not written: files are made longer first, and holes read as
 * zeros.  The kernel is told to start with the disk while the next blocks are made. */
#define _GNU_SOURCE                 /* sync_file_range, where there is one */
#include "output/output_parts.h"

#include <fcntl.h>
#include <float.h>
#include <omp.h>
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "observation/fibres.h"

enum { TILE = 16, STRIP = 64, BLOCK_BYTES = 2 << 20 };

/* ---- blocks ---------------------------------------------------------------------------------- */
int cubix_block_what(const struct cubix_layout *layout, enum cubix_plane plane, int swapped)
{
  return (cubix_layout_index(layout) * CUBIX_N_PLANE + (int)plane) << 1 | swapped;
}

static void store(cubix_real value, int swapped, void *to)
{
  if (!swapped) {
    memcpy(to, &value, sizeof value);
  } else if (sizeof value == 4) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = __builtin_bswap32(bits);
    memcpy(to, &bits, sizeof bits);
  } else {
    uint64_t bits;
    memcpy(&bits, &value, sizeof value);
    bits = __builtin_bswap64(bits);
    memcpy(to, &bits, sizeof value);
  }
}

/* What a plane states of a variance. */
static double of_variance(enum cubix_plane plane, double variance)
{
  return plane == CUBIX_PLANE_STAT  ? variance
         : plane == CUBIX_PLANE_ERR ? sqrt(variance)
         : variance > 0             ? 1 / variance
                                    : 0;
}

/* Up to STRIP spaxels in one channel with noise. */
static void strip_noise(const struct cubix_noise *noise, enum cubix_plane plane, int k, size_t n_s, uint64_t voxel,
                        double *value)
{
  double result[STRIP];
  if (plane == CUBIX_PLANE_DATA) cubix_noise_draws(noise, k, n_s, value, voxel, result);
  else cubix_noise_variances(noise, k, n_s, value, result);
  for (size_t s = 0; s < n_s; s++)
    value[s] = plane == CUBIX_PLANE_DATA ? value[s] + result[s] : of_variance(plane, result[s]);
}

/* Spectra of fibres with noise, or their variances, and the spaxels rebuilt from them.
 *  @param[out] value [n_k][n_y][n_x] */
static int rebuild_noisy(double *value, const struct cubix_result *result, enum cubix_plane plane, int k0, int n_k)
{
  int status = CUBIX_OK;
  const int variance = plane != CUBIX_PLANE_DATA;
  double *flux = NULL, *recorded = NULL;
  CUBIX_ALLOC(flux, result->fibres->n_spectrum);
  CUBIX_ALLOC(recorded, result->fibres->n_spectrum);
  for (int k = k0, n_spaxel; k < k0 + n_k; k++, value += n_spaxel) {
    const struct cubix_sparse *rebuild = cubix_fibres_group(result->fibres, k)->rebuild;
    n_spaxel = (int)rebuild->n_row;
    cubix_rss_channel(recorded, flux, result, k, variance);
    for (size_t p = 0; p < rebuild->n_row; p++) {
      double sum = 0;
      for (size_t e = rebuild->start[p]; e < rebuild->start[p + 1]; e++) {
        const double w = rebuild->value[e];
        sum += (variance ? w * w : w) * recorded[rebuild->column[e]];
      }
      value[p] = variance ? of_variance(plane, sum) : sum;
    }
  }
done:
  free(flux);
  free(recorded);
  return status;
}

/* Channels of a plane from k0 on, as a layout has them. */
struct block {
  const struct cubix_result *result;
  const struct cubix_layout *layout;
  enum cubix_plane plane;
  int swapped, k0;
  double *factor;                           /* of each channel, from the cube's unit to the plane's */
  double *rebuilt;                          /* [n_k][n_y][n_x] with the noise of fibres; NULL: of spaxels, or none */
};

/* Up to STRIP spaxels in up to TILE channels: read along the cube's rows, written along the
 * image's.  @return 0 where a value is not finite */
static int strip_fill(const struct block *block, int k0, int n_k, size_t s0, size_t n_s, cubix_real *out)
{
  const struct cubix_result *result = block->result;
  const enum cubix_plane plane = block->plane;
  const struct cubix_cube *cube = result->cube;
  const cubix_real largest = sizeof(cubix_real) == sizeof(double) ? (cubix_real)DBL_MAX : (cubix_real)FLT_MAX;
  const size_t n_lambda = (size_t)cube->n_lambda, n_xy = (size_t)cube->n_y * (size_t)cube->n_x;
  const int noisy = result->noise->kind != CUBIX_Noise_none && plane != CUBIX_PLANE_NOISEFREE,
            empty = cubix_layout_is_void(plane, result->par);
  const cubix_real blank = empty || (block->layout->blank && plane != CUBIX_PLANE_IVAR) ? (cubix_real)NAN : 0;
  unsigned char inside[STRIP];
  int finite = 1;
  for (size_t s = 0; s < n_s; s++)
    inside[s] = cubix_instrument_inside(result->ins, (int)((s0 + s) % (size_t)cube->n_x),
                                        (int)((s0 + s) / (size_t)cube->n_x)) != 0;
  for (size_t s = 0; s < n_s; s++)
    __builtin_prefetch(cube->flux + (s0 + s) * n_lambda + (size_t)(k0 - cube->lambda_first));
  for (int k = 0; k < n_k; k++) {
    const cubix_real *flux = cube->flux + s0 * n_lambda + (size_t)(k0 - cube->lambda_first + k);
    cubix_real *to = out + (size_t)k * n_xy + s0;
    double value[STRIP];
    const int dark = empty || cubix_instrument_gap(result->ins, k0 + k);
    const double factor = block->factor[k0 - block->k0 + k];
    const double *rebuilt = block->rebuilt ? block->rebuilt + (size_t)(k0 - block->k0 + k) * n_xy + s0 : NULL;
    for (size_t s = 0; s < n_s; s++)
      value[s] = dark || !inside[s] ? 0 : rebuilt ? rebuilt[s] : (double)flux[s * n_lambda];
    if (noisy && !dark && !rebuilt)
      strip_noise(result->noise, plane, k0 + k, n_s, (uint64_t)(k0 + k) * n_xy + s0, value);
    for (size_t s = 0; s < n_s; s++) {
      value[s] *= factor;
      finite &= value[s] >= -(double)largest && value[s] <= (double)largest;
    }
    for (size_t s = 0; s < n_s; s++) store(dark || !inside[s] ? blank : (cubix_real)value[s], block->swapped, to + s);
  }
  return finite;
}

int cubix_output_block(const void *host, int what, int k0, int n_k, void *to, size_t n_byte)
{
  int status = CUBIX_OK, finite = 1, n_tile = (n_k + TILE - 1) / TILE;
  const struct cubix_result *result = host;
  if (what >= CUBIX_BLOCK_RSS_FLUX) return cubix_rss_block(result, what, k0, n_k, to);
  struct block block = { .result = result,
                         .layout = cubix_layout_number((what >> 1) / CUBIX_N_PLANE),
                         .plane = (enum cubix_plane)((what >> 1) % CUBIX_N_PLANE),
                         .swapped = what & 1,
                         .k0 = k0 };
  const int power = cubix_layout_power(block.plane);
  const struct cubix_cube *cube = result->cube;
  const size_t n_xy = (size_t)cube->n_y * (size_t)cube->n_x, n_strip = (n_xy + STRIP - 1) / STRIP;
  cubix_real *out = to;
  CUBIX_CHECK(k0 >= cube->lambda_first && k0 + n_k <= cube->lambda_first + cube->n_lambda &&
                  n_byte == (size_t)n_k * n_xy * sizeof *out,
              CUBIX_EFAIL, "channels %d to %d were asked of a rank that holds %d to %d", k0, k0 + n_k - 1,
              cube->lambda_first, cube->lambda_first + cube->n_lambda - 1);
  CUBIX_ALLOC(block.factor, n_k);
  if (result->fibres && result->noise->kind != CUBIX_Noise_none && block.plane != CUBIX_PLANE_NOISEFREE) {
    CUBIX_ALLOC(block.rebuilt, (size_t)n_k * n_xy);
    CUBIX_TRY(rebuild_noisy(block.rebuilt, result, block.plane, k0, n_k));
  }
  for (int k = 0; k < n_k; k++) block.factor[k] = pow(cubix_layout_factor(block.layout, result->ins, k0 + k), power);
#pragma omp parallel for collapse(2) schedule(dynamic, 16) reduction(& : finite)
  for (size_t strip = 0; strip < n_strip; strip++) {
    for (int t = 0; t < n_tile; t++) {                       /* neighbouring cache lines, one after another */
      int n = n_k - t * TILE < TILE ? n_k - t * TILE : TILE;
      size_t s0 = strip * STRIP, n_s = n_xy - s0 < STRIP ? n_xy - s0 : STRIP;
      finite &= strip_fill(&block, k0 + t * TILE, n, s0, n_s, out + (size_t)(t * TILE) * n_xy);
    }
  }
  CUBIX_CHECK(finite, CUBIX_EFAIL,
              "the flux or its variance has a value that is not finite in channels %d to %d; nothing was written.  Is "
              "FluxUnit = %d far from the galaxy's flux?",
              k0, k0 + n_k - 1, result->ins->flux_unit);
done:
  free(block.factor);
  free(block.rebuilt);
  return status;
}

/* ---- DQ, which needs no flux: rank 0 makes it alone ------------------------------------------ */
static int32_t spaxel_bits(const struct cubix_result *result, int i, int j)
{
  const struct cubix_instrument *ins = result->ins;
  double n_star = result->sums->map[CUBIX_MAP_NSTAR][cubix_sums_at(result->sums, i, j)];
  return (cubix_instrument_inside(ins, i, j) ? 0 : CUBIX_DQ_OUTSIDE) |
         (n_star < result->par->MinStars ? CUBIX_DQ_FEW : 0);
}

static int32_t channel_bits(const struct cubix_result *result, int k)
{
  return (result->templates->covered[k] ? 0 : CUBIX_DQ_UNCOVERED) |
         (cubix_instrument_gap(result->ins, k) ? CUBIX_DQ_GAP : 0);
}

/* What our bits become in each layout. */
static void translate(int32_t table[2 * CUBIX_DQ_GAP], const struct cubix_layout *layout)
{
  for (int32_t bits = 0; bits < 2 * CUBIX_DQ_GAP; bits++) {
    table[bits] = 0;
    for (int i = 0; i < CUBIX_N_DQ_BIT; i++) table[bits] |= bits & layout->bit[i].ours ? layout->bit[i].theirs : 0;
  }
}

/* @return 0: zeros throughout */
static int dq_fill(const struct cubix_result *result, const struct cubix_layout *layout, const int32_t *bits,
                   int swapped, int k0, int n_k, int32_t *block)
{
  const size_t n_xy = (size_t)result->ins->n_y * (size_t)result->ins->n_x;
  int32_t any = 0, table[2 * CUBIX_DQ_GAP];
  translate(table, layout);
  for (int k = 0; k < n_k; k++) {
    int32_t channel = channel_bits(result, k0 + k), *to = block + (size_t)k * n_xy;
    for (size_t s = 0; s < n_xy; s++) {
      int32_t value = table[bits[s] | channel];
      any |= value;
      to[s] = swapped ? (int32_t)__builtin_bswap32((uint32_t)value) : value;
    }
  }
  return any != 0;
}

/* ---- into the file --------------------------------------------------------------------------- */
/* A block of one plane's channels, held by rank r. */
struct piece { int place, k0, n_k, r; };

struct job {
  const struct cubix_result *result;
  const struct cubix_layout *layout;
  struct cubix_blocks *blocks;
  const struct cubix_plane_place *place;
  const struct cubix_atomic_file *file;
  size_t n_xy, most;                        /* spaxels; bytes of the largest block */
  int32_t *bits;                            /* [n_xy] DQ of the spaxels */
  int n_mine, n_other, next_mine, next_other, n_done;
  struct piece *mine, *other;               /* [n_mine] made here; [n_other] asked of others, in turn */
  int n_slot, piece_of[CUBIX_MOST_BLOCKS];  /* what a slot waits for: index into other, -1: nothing */
  char *slot[CUBIX_MOST_BLOCKS];
  int status;                               /* the first failure of any thread, and its words */
  char words[1024];
};

static size_t bytes_of(const struct job *job, const struct piece *p)
{
  return (size_t)p->n_k * job->n_xy *
         (job->place[p->place].plane == CUBIX_PLANE_DQ ? sizeof(int32_t) : sizeof(cubix_real));
}

static void note(struct job *job, int status)
{
#pragma omp critical(cubix_planes_note)
  if (status && !job->status) {
    snprintf(job->words, sizeof job->words, "%s", cubix_error_message());
#pragma omp atomic write
    job->status = status;
  }
}

static int has_failed(const struct job *job)
{
  int failed;
#pragma omp atomic read
  failed = job->status;
  return failed;
}

static int put(struct job *job, const struct piece *p, const void *block)
{
  int status = CUBIX_OK, so_far;
  const struct cubix_plane_place *place = &job->place[p->place];
  const size_t n_byte = bytes_of(job, p);
  const int64_t offset = place->offset + (int64_t)(n_byte / (size_t)p->n_k) * p->k0;
  CUBIX_TRY(cubix_atomic_file_write(job->file, block, n_byte, offset));
#ifdef SYNC_FILE_RANGE_WRITE
  sync_file_range(job->file->file, offset, (off_t)n_byte, SYNC_FILE_RANGE_WRITE);
#endif
#pragma omp atomic capture
  so_far = ++job->n_done;
  if (omp_get_thread_num() == 0) cubix_log_progress("write", (double)so_far / (job->n_mine + job->n_other));
done:
  return status;
}

static int make_and_put(struct job *job, const struct piece *p, void *block)
{
  int status = CUBIX_OK;
  const struct cubix_plane_place *place = &job->place[p->place];
  if (place->plane == CUBIX_PLANE_DQ) {
    if (!dq_fill(job->result, job->layout, job->bits, place->swapped, p->k0, p->n_k, block)) goto done;
  } else {
    CUBIX_TRY(cubix_output_block(job->result, cubix_block_what(job->layout, place->plane, place->swapped), p->k0,
                                 p->n_k, block, bytes_of(job, p)));
  }
  CUBIX_TRY(put(job, p, block));
done:
  return status;
}

/* Order what there is a slot for. */
static int order(struct job *job)
{
  int status = CUBIX_OK;
  for (int i = 0; i < job->n_slot && job->next_other < job->n_other; i++) {
    if (job->piece_of[i] >= 0) continue;
    const struct piece *p = &job->other[job->next_other];
    const struct cubix_plane_place *place = &job->place[p->place];
    CUBIX_TRY(job->blocks->ask(job->blocks, i, p->r, cubix_block_what(job->layout, place->plane, place->swapped), p->k0,
                               p->n_k, job->slot[i], bytes_of(job, p)));
    job->piece_of[i] = job->next_other++;
  }
done:
  return status;
}

/* Write what has come.  After a failure nothing is written or ordered any more, but all that is on
 * its way must arrive. @return how many blocks are still on order; *moved: something came */
static int collect(struct job *job, int *moved)
{
  int n_waiting = 0;
  *moved = 0;
  for (int i = 0; i < job->n_slot; i++) {
    int here = 0, at = job->piece_of[i];
    if (at < 0) continue;
    int failed = job->blocks->look(job->blocks, i, &here);
    note(job, failed);
    if (here) {
      *moved = 1;
      job->piece_of[i] = -1;
      if (!has_failed(job)) note(job, put(job, &job->other[at], job->slot[i]));
    }
  }
  if (!has_failed(job)) note(job, order(job));
  for (int i = 0; i < job->n_slot; i++) n_waiting += job->piece_of[i] >= 0;
  return n_waiting;
}

/* One thread: others' blocks first where this thread may speak with them, then one of ours. */
static void labour(struct job *job, int speaks)
{
  char *block = job->n_mine > 0 ? malloc(job->most) : NULL;
  if (job->n_mine > 0 && !block)
    note(job, cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate a block of %zu bytes",
                              job->most));
  for (;;) {
    int moved = 0, n_waiting = speaks ? collect(job, &moved) : 0, i;
#pragma omp atomic capture
    i = job->next_mine++;
    if (i < job->n_mine && !has_failed(job)) {
      note(job, make_and_put(job, &job->mine[i], block));
    } else {
      const struct timespec nap = { 0, 50000 };
      if (!n_waiting) break;
      if (!moved) nanosleep(&nap, NULL);
    }
  }
  free(block);
}

/* Channels of a block. */
static int block_channels(size_t image)
{
  const size_t fit = (size_t)BLOCK_BYTES / image;
  return fit >= TILE ? (int)(fit / TILE * TILE) : fit > 1 ? TILE : 1;
}

double cubix_output_bytes(const struct cubix_instrument *ins, int n_thread, int n_rank, int rank)
{
  const size_t image = (size_t)ins->n_x * (size_t)ins->n_y * sizeof(cubix_real);
  const double block = (double)image * fmin(block_channels(image), ins->n_lambda),
               slots = fmin(2. * (n_rank - 1), CUBIX_MOST_BLOCKS);
  return block * (rank ? 2 : n_thread + slots) + (double)image * sizeof(int32_t) / sizeof(cubix_real) +
         2. * ins->n_lambda * sizeof(double);
}

/* Cut the planes into blocks: ours, and the others' in turn, so that all owners are busy. */
static int pieces_init(struct job *job, int n_place)
{
  int status = CUBIX_OK, n_lambda = job->result->ins->n_lambda, alone = !job->blocks;
  const int n_k = block_channels(job->n_xy * sizeof(cubix_real));
  const int whole[2] = { 0, n_lambda }, *first = alone ? whole : job->blocks->lambda_first,
            n_rank = alone ? 1 : job->blocks->n_rank, me = alone ? 0 : job->blocks->me;
  const size_t room = (size_t)n_place * ((size_t)n_lambda / (size_t)n_k + (size_t)n_rank + 1);
  job->most = (size_t)n_k * job->n_xy * (sizeof(cubix_real) > sizeof(int32_t) ? sizeof(cubix_real) : sizeof(int32_t));
  CUBIX_ALLOC(job->mine, room);
  CUBIX_ALLOC(job->other, room);
  for (int p = 0; p < n_place; p++) {
    const int dq = job->place[p].plane == CUBIX_PLANE_DQ;
    for (int step = 0, more = 1; more; step++) {
      more = 0;
      for (int r = 0; r < (dq ? 1 : n_rank); r++) {
        const int from = dq ? 0 : first[r], to = dq ? n_lambda : first[r + 1], k0 = from + step * n_k;
        const struct piece piece = { p, k0, to - k0 < n_k ? to - k0 : n_k, r };
        if (k0 >= to) continue;
        more = 1;
        if (dq || r == me) job->mine[job->n_mine++] = piece;
        else job->other[job->n_other++] = piece;
      }
    }
  }
  job->n_slot = alone || !job->n_other                 ? 0
                : 2 * (n_rank - 1) < CUBIX_MOST_BLOCKS ? 2 * (n_rank - 1)
                                                       : CUBIX_MOST_BLOCKS;
  for (int i = 0; i < job->n_slot; i++) {
    job->piece_of[i] = -1;
    CUBIX_CHECK((job->slot[i] = malloc(job->most)), CUBIX_ENOMEM, "cannot allocate a block of %zu bytes", job->most);
  }
done:
  return status;
}

int cubix_planes_write(const struct cubix_result *result, const struct cubix_layout *layout,
                       struct cubix_blocks *blocks, const struct cubix_plane_place *place, int n_place,
                       const struct cubix_atomic_file *file)
{
  int status = CUBIX_OK, n_x = result->ins->n_x, n_y = result->ins->n_y;
  struct job job = {
    .result = result, .layout = layout, .blocks = blocks, .place = place, .file = file,
    .n_xy = (size_t)n_x * (size_t)n_y
  };
  CUBIX_ALLOC(job.bits, job.n_xy);
  for (int j = 0; j < n_y; j++)
    for (int i = 0; i < n_x; i++) job.bits[(size_t)j * (size_t)n_x + (size_t)i] = spaxel_bits(result, i, j);
  CUBIX_TRY(pieces_init(&job, n_place));
#pragma omp parallel
  labour(&job, omp_get_thread_num() == 0);
  CUBIX_CHECK(!job.status, job.status, "%s", job.words);
done:
  for (int i = 0; i < job.n_slot; i++) free(job.slot[i]);
  free(job.mine);
  free(job.other);
  free(job.bits);
  return status;
}
