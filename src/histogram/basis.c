/* basis.c -- the tiles of D: kept in memory, mapped from the cache, or made again when they are
 * asked for.
 *
 * A basis knows how to make any of its tiles (basis_fit.c), whatever happens to the others.  What
 * fits into the memory that may be taken is kept; the rest is recomputed into the caller's buffer
 * each time, so that memory stays bounded however large the library.
 *
 * The screen: a step that fails for some rows in some channels fails for all of them.  So
 * thirty-two rows in every eighth channel, and all rows in every sixty-fourth, tell which steps
 * need not be tried; what passes is certified in full while the tiles are made. */
#define _POSIX_C_SOURCE 200809L
#include "histogram/basis.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/shared_memory.h"
#include "base/worst.h"
#include "histogram/basis_parts.h"

enum { GROUP_PER_TILE = CUBIX_TILE / CUBIX_BASIS_FIT_GROUP };

/* What a thread of several has to say; the error of a thread is its own (error.h). */
struct failure { int status; char message[512]; };

static void fail(struct failure *failure, int status)
{
  if (!status) return;
#pragma omp critical(cubix_basis_failure)
  if (!failure->status) {
    failure->status = status;
    snprintf(failure->message, sizeof failure->message, "%s", cubix_error_message());
  }
}

int cubix_basis_fit_tiles(const struct cubix_basis_fit *fit, const int *row, int n_row, const int *i, int n,
                          float *const *tile, double *worst, double limit)
{
  int status = CUBIX_OK, n_lambda = fit->tables.n_lambda;
  struct failure failure = { 0 };
  double most = worst ? *worst : 0;
#pragma omp parallel for schedule(dynamic, 1) if (!omp_in_parallel())
  for (int unit = 0; unit < n * GROUP_PER_TILE; unit++) {
    int which = unit / GROUP_PER_TILE, column = unit % GROUP_PER_TILE * CUBIX_BASIS_FIT_GROUP,
        k0 = i[which] * CUBIX_TILE + column;
    int n_k = n_lambda - k0 < CUBIX_BASIS_FIT_GROUP ? n_lambda - k0 : CUBIX_BASIS_FIT_GROUP;
    float *at = tile && tile[which] ? tile[which] + column : NULL;
    double mine;
#pragma omp atomic read
    mine = most;
    if (worst && !(mine <= limit)) continue;
    if (at && n_k < CUBIX_BASIS_FIT_GROUP)
      for (size_t r = 0; r < (size_t)n_row * (size_t)fit->nodes.n; r++)
        memset(at + r * CUBIX_TILE, 0, CUBIX_BASIS_FIT_GROUP * sizeof *at);
    if (n_k <= 0) continue;
    const struct cubix_basis_job job = { row, n_row, k0, n_k, at, worst ? &mine : NULL, limit };
    fail(&failure, cubix_basis_fit_channels(fit, &job));
#pragma omp critical(cubix_basis_worst)
    {
      mine = cubix_worst(most, mine);
#pragma omp atomic write
      most = mine;
    }
  }
  if (worst) *worst = most;
  CUBIX_CHECK(!failure.status, failure.status, "%s", failure.message);
done:
  return status;
}

int cubix_basis_init(struct cubix_basis **out, const struct cubix_templates *templates, const struct cubix_nodes *nodes,
                     const unsigned char *used, double tolerance)
{
  int status = CUBIX_OK;
  struct cubix_basis *basis = NULL;
  struct cubix_basis_state *state = NULL;
  const struct cubix_tables *v = &templates->tables;
  CUBIX_ALLOC(basis, 1);
  CUBIX_ALLOC(state, 1);
  basis->state = state;
  basis->nodes = *nodes;
  basis->tolerance = tolerance;
  basis->n_row = v->n_row;
  basis->n_lambda = v->n_lambda;
  basis->n_tile = (v->n_lambda + CUBIX_TILE - 1) / CUBIX_TILE;
  CUBIX_ALLOC(basis->slot, v->n_row);
  CUBIX_ALLOC(state->row, v->n_row);
  CUBIX_ALLOC(state->covered, v->n_lambda);
  CUBIX_ALLOC(state->kept, basis->n_tile);
  memcpy(state->covered, templates->covered, (size_t)v->n_lambda);
  for (int r = 0; r < v->n_row; r++) {
    basis->slot[r] = !used || used[r] ? basis->n_template++ : -1;
    if (basis->slot[r] >= 0) state->row[basis->slot[r]] = r;
  }
  CUBIX_ALLOC(basis->ending, v->n_row);
  CUBIX_ALLOC(basis->at_end, v->n_lambda);
  CUBIX_ALLOC(basis->unbounded, v->n_lambda);
  CUBIX_TRY(cubix_basis_fit_init(&state->fit, nodes, v, state->covered));
  state->fit.ending = basis->ending;
  state->fit.at_end = basis->at_end;
  cubix_basis_fit_ends(&state->fit, state->row, basis->n_template, basis->ending, basis->at_end, basis->unbounded);
  for (int k = 0; k < v->n_lambda; k++) basis->n_at_end += basis->at_end[k];
  *out = basis;
  basis = NULL;
done:
  cubix_basis_free(basis);
  return status;
}

void cubix_basis_keep(struct cubix_basis *basis, int n, struct cubix_shared_memory *memory)
{
  struct cubix_basis_state *state = basis->state;
  float *first = (float *)(void *)memory->at;
  for (int i = 0; i < n; i++) state->kept[i] = first + (size_t)i * cubix_basis_tile_size(basis);
  state->n_kept = n;
  state->memory = *memory;
  *memory = (struct cubix_shared_memory){ NULL, 0 };
}

double cubix_basis_room_for(double tile_bytes, int n, int n_copy)
{
  double most = (double)(1ull << 31), free_bytes = cubix_memory_free() / (4 * n_copy);
  if (free_bytes < most) most = free_bytes;
  return most / (tile_bytes + 1) < n ? floor(most / (tile_bytes + 1)) : n;
}

int cubix_basis_room(const struct cubix_basis *basis, int n_copy)
{
  return (int)cubix_basis_room_for((double)cubix_basis_tile_size(basis) * sizeof(float), basis->n_tile, n_copy);
}

int cubix_basis_screen(const struct cubix_basis *basis, int part, int n_part, double limit, double *worst)
{
  int status = CUBIX_OK, few[CUBIX_BASIS_FIT_LANE],
      n_few = basis->n_template < CUBIX_BASIS_FIT_LANE ? basis->n_template : CUBIX_BASIS_FIT_LANE;
  const struct cubix_basis_state *state = basis->state;
  struct failure failure = { 0 };
  double most = 0;
  for (int i = 0; i < n_few; i++) few[i] = state->row[n_few < 2 ? 0 : (long)i * (basis->n_template - 1) / (n_few - 1)];
#pragma omp parallel for schedule(dynamic, 4)
  for (int k = 8 * part + 4; k < basis->n_lambda; k += 8 * n_part) {
    int all = (k - 4) % 64 == 0;
    double mine;
#pragma omp atomic read
    mine = most;
    if (!state->covered[k] || !(mine <= limit)) continue;
    const struct cubix_basis_job job = {
      .row = all ? state->row : few, .n_row = all ? basis->n_template : n_few, .k0 = k, .n_k = 1, .worst = &mine,
      .limit = limit
    };
    fail(&failure, cubix_basis_fit_channels(&state->fit, &job));
#pragma omp critical(cubix_basis_worst)
    {
      mine = cubix_worst(most, mine);
#pragma omp atomic write
      most = mine;
    }
  }
  *worst = most;
  CUBIX_CHECK(!failure.status, failure.status, "%s", failure.message);
done:
  return status;
}

int cubix_basis_tile(const struct cubix_basis *basis, int i, float *buffer, const float **tile)
{
  int status = CUBIX_OK;
  const struct cubix_basis_state *state = basis->state;
  if (state->map)
    CUBIX_CHECK(cubix_basis_file_sound(basis, i), CUBIX_EINPUT,
                "%s: tile %d of the prepared templates is not what was written: remove the file and run again",
                basis->cache, i);
  *tile = state->map ? (const float *)(const void *)(state->map + state->first + (size_t)i * state->stride)
                     : state->kept[i];
  if (*tile) goto done;
  CUBIX_TRY(cubix_basis_fit_tiles(&state->fit, state->row, basis->n_template, &i, 1, &buffer, NULL, 0));
  *tile = buffer;
done:
  return status;
}

void cubix_basis_free(struct cubix_basis *basis)
{
  if (!basis) return;
  struct cubix_basis_state *state = basis->state;
  if (state) {
    cubix_basis_fit_free(&state->fit);
    cubix_shared_memory_free(&state->memory);
    cubix_basis_file_unmap(state);
    free(state->kept);
    free(state->covered);
    free(state->row);
    free(state);
  }
  free(basis->slot);
  free(basis->ending);
  free(basis->at_end);
  free(basis->unbounded);
  free(basis);
}
