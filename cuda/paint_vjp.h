/* paint_vjp.h -- the host's side of the direct method and its derivatives on a GPU, and the
 * launchers of the kernels in paint_vjp.cu. */
#ifndef CUBIX_CUDA_PAINT_VJP_H
#define CUBIX_CUDA_PAINT_VJP_H

#include "cuda/paint.h"
#include "cuda/transfer.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_cube;
struct cubix_placement;

/** Painting itself: adds to the flux.  Local.  @param gpu  its description, for messages  @param
 * tables  they lie on the GPU */
int cubix_cuda_paint_stars(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_tables *tables,
                           const struct cubix_placement *placement, struct cubix_cube *cube);
/** Bytes of a staging buffer that painting asks for.  Local. */
size_t cubix_cuda_paint_staging(size_t n_spaxel, size_t n_lambda);
/** Reverse and forward derivatives of painting, as cubix_device_ops has them.  Local.
 *  @param gpu  its description, for messages  @param tables  they lie on the GPU */
int cubix_cuda_paint_vjp(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_tables *tables,
                         const struct cubix_placement *placement, const struct cubix_cube *cube_bar,
                         struct cubix_star_bar *bar, double *row_bar);
int cubix_cuda_paint_jvp(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_tables *tables,
                         const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                         struct cubix_cube *cube_dot);

/** Derivatives by n_star stars, which n_run runs hold one after the other: bar [n_star] is set.
 * Local.  Returns as soon as the work is queued.
 *  @param row [*][tables->n_lambda] cotangents  @param[in,out] row_bar  of the template rows, or
 *  NULL; all pointers but tables itself are the GPU's */
cudaError_t cubix_cuda_paint_vjp_runs(const struct cubix_tables *tables, const struct cubix_star *star, int n_star,
                                      const struct cubix_cuda_run *run, int n_run, const cubix_real *row,
                                      struct cubix_star_bar *bar, double *row_bar, cudaStream_t stream);
/** Tangents of n_run runs' spectra: row[run.row] is set.  Local.  Returns as soon as the work is
 * queued.  @param dot  of the stars */
cudaError_t cubix_cuda_paint_jvp_runs(const struct cubix_tables *tables, const struct cubix_star *star,
                                      const struct cubix_star_bar *dot, const struct cubix_cuda_run *run, int n_run,
                                      cubix_real *row, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
