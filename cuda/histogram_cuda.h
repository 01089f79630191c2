/* histogram_cuda.h -- the two halves of the histogram engine on a GPU, and their derivatives. */
#ifndef CUBIX_CUDA_HISTOGRAM_H
#define CUBIX_CUDA_HISTOGRAM_H

#include "cube/cube.h"
#include "cuda/transfer.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"

/** cubix_histogram_build on the GPU: the same bits.  With dot, and the scale of
 * cubix_histogram_dot_scale: the tangents of the values.  Local.
 *  @param gpu its description, for messages
 *  @param dot [stars placed], or NULL */
int cubix_cuda_fill(struct cubix_cuda_transfer *transfer, const char *gpu, struct cubix_histogram **histogram,
                    const struct cubix_nodes *nodes, const int32_t *exponent, const struct cubix_placement *placement,
                    const struct cubix_star_bar *dot, const struct cubix_tables *tables);
/** cubix_histogram_fill_vjp on the GPU.  Local.  @param gpu  its description, for messages */
int cubix_cuda_fill_vjp(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_histogram *cover,
                        const double *value_bar, const struct cubix_placement *placement,
                        const struct cubix_tables *tables, struct cubix_star_bar *bar);
/* A basis that the GPU was told to keep. */
struct cubix_cuda_kept {
  const struct cubix_basis *basis;            /* NULL: none */
  float *tile;                                /* [n_tile][n_template][nodes.n][CUBIX_TILE] */
};
/** Copy a basis to the GPU in place of the one before, if it takes no more than half of the free
 * memory.  The basis must not change or move until it is given up.  Local.
 *  @param basis NULL: give up the one before */
int cubix_cuda_keep(struct cubix_cuda_transfer *transfer, struct cubix_cuda_kept *kept,
                    const struct cubix_basis *basis);
/** The channels' factors at the nodes in A(V) (histogram/axis.h), on the GPU.  Local.
 *  @param[out] gpu_factor from the workspace, to which the caller gives it back; as it was without an axis */
int cubix_cuda_factors(struct cubix_cuda_transfer *transfer, float **gpu_factor, const struct cubix_axis *axis,
                       int n_lambda, int first_tile, int n_tile);
/** cubix_multiply on the GPU.  Local.  @param gpu  its description, for messages */
int cubix_cuda_multiply(struct cubix_cuda_transfer *transfer, const struct cubix_cuda_kept *kept, const char *gpu,
                        struct cubix_cube *cube, const struct cubix_histogram *histogram,
                        const struct cubix_basis *basis, double scale);
/** Bytes of a staging buffer that these two need if all of n_spaxel have light.  Local.
 *  @param derivatives 1: both, 0: cubix_cuda_multiply alone */
size_t cubix_cuda_multiply_staging(size_t n_spaxel, size_t tile_bytes, int derivatives);
/** cubix_multiply_vjp on the GPU.  Local.  @param gpu  its description, for messages */
int cubix_cuda_multiply_vjp(struct cubix_cuda_transfer *transfer, const struct cubix_cuda_kept *kept, const char *gpu,
                            const struct cubix_cube *cube_bar, const struct cubix_histogram *cover,
                            const struct cubix_basis *basis, double scale, double *value_bar);

#endif
