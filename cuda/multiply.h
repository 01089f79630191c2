/* multiply.h -- a histogram as the GPU multiplies it, and the launchers of the kernels in
 * multiply.cu and multiply_vjp.cu.
 *
 * GROUP consecutive spaxels with light are multiplied together, in WARPS panels of PANEL spaxels.
 * The blob of a group begins with its steps.  A step is a window of at most WINDOW nodes of one
 * library row; the part of it that a panel needs is a piece.  Behind the steps, at the next
 * multiple of 16 bytes, lie the panels' weights [node][PANEL], 0 where a spaxel has none. */
#ifndef CUBIX_CUDA_TILE_H
#define CUBIX_CUDA_TILE_H

#include <cuda_runtime.h>

#include <stddef.h>
#include <stdint.h>

#include "physics/node.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CUBIX_CUDA_PANEL = 8, CUBIX_CUDA_WARPS = 8, CUBIX_CUDA_GROUP = 64, CUBIX_CUDA_WINDOW = 16 };

struct cubix_cuda_piece {
  uint32_t at;                    /* of its first node among the weights of the group, in nodes */
  uint16_t first, n;              /* nodes first .. first + n - 1 of the step's window; n = 0: none */
};

struct cubix_cuda_step {
  int32_t row;                    /* rows row .. row + n - 1 of the tile [n_template*n_node][CUBIX_TILE] */
  int16_t n, screen;              /* behind dust, of this node in A(V) */
  struct cubix_cuda_piece piece[CUBIX_CUDA_WARPS];
};

/* bytes from the first blob on: a multiple of 16 */
struct cubix_cuda_group { uint64_t at; int32_t n_step; int32_t unused; };

/** Where a group's weights begin, in bytes from its blob on. */
static inline size_t cubix_cuda_weights_at(size_t n_step)
{
  return (n_step * sizeof(struct cubix_cuda_step) + 15) / 16 * 16;
}

/** Multiply n_group groups by one tile: out [n_group*GROUP][CUBIX_TILE].  Local.  Returns as soon
 * as the work is queued.  All pointers are the GPU's.
 *  @param factor NULL, or [nodes in A(V)][CUBIX_TILE] of the tile's channels (histogram/axis.h) */
cudaError_t cubix_cuda_tile(const struct cubix_cuda_group *group, int n_group, const char *blob, const float *tile,
                            const float *factor, float *out, cudaStream_t stream);

/* The same by the plain kernel: a thread for every voxel, block after block as they stand in the histogram. */
struct cubix_cuda_plain {
  int n_spaxel, n_node;
  const uint64_t *start;                      /* [n_spaxel + 1] */
  const struct cubix_cuda_plain_block { int32_t slot, node, n; uint32_t at; } *block;
  const float *weight;
};
/** out [n_spaxel][CUBIX_TILE] += histogram times tile.  Local. */
cudaError_t cubix_cuda_tile_plain(const struct cubix_cuda_plain *histogram, const float *tile, float *out,
                                  cudaStream_t stream);

/* A group of the reverse product: of all groups' steps and sums where its own begin; how many steps. */
struct cubix_cuda_dots { uint64_t step, bar; int32_t n_step, unused; };

/** Reverse of cubix_cuda_tile by the values: sums over a tile's channels, at the places of the
 * weights.  Local.  Returns as soon as the work is queued; the launches of all tiles must follow
 * one another.  All pointers are the GPU's.
 *  @param factor as in cubix_cuda_tile
 *  @param channels [n_group*GROUP][CUBIX_TILE] cotangents
 *  @param[in,out] bar [nodes of all panels][PANEL]
 *  @param begin 1: bar holds nothing yet */
cudaError_t cubix_cuda_tile_vjp(const struct cubix_cuda_dots *group, int n_group, const struct cubix_cuda_step *step,
                                const float *tile, const float *factor, const float *channels, double *bar, int begin,
                                cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
