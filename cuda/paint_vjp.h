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

/** Paint the stars, adding to the flux.  Local.
 *  @param gpu its description, for messages
 *  @param tables those on the GPU */
int cubix_cuda_paint_stars(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_tables *tables,
                           const struct cubix_placement *placement, struct cubix_cube *cube);
/** Bytes of a staging buffer that painting needs.  Local. */
size_t cubix_cuda_paint_staging(size_t n_spaxel, size_t n_lambda);
/** Reverse and forward derivatives of painting, as cubix_device_ops has them.  Local.
 *  @param gpu  its description, for messages
 *  @param tables  they lie on the GPU */
int cubix_cuda_paint_vjp(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_tables *tables,
                         const struct cubix_placement *placement, const struct cubix_cube *cube_bar,
                         struct cubix_star_bar *bar, double *row_bar);
int cubix_cuda_paint_jvp(struct cubix_cuda_transfer *transfer, const char *gpu, const struct cubix_tables *tables,
                         const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                         struct cubix_cube *cube_dot);

/* Stars that runs hold one after the other, and what belongs to stars and runs; all on the GPU. */
struct cubix_cuda_runs {
  int n_star, n_run;
  const struct cubix_star *star;      /* [n_star] */
  const struct cubix_cuda_run *run;   /* [n_run] */
  struct cubix_star_bar *bar;         /* [n_star] cotangents or tangents of the stars */
  cubix_real *row;                    /* [*][n_lambda] those of the runs' spectra */
};

/** Derivatives with respect to the stars: from runs->row to runs->bar, which is set.  Local.
 * Returns as soon as the work is queued.
 *  @param tables those on the GPU
 *  @param[in,out] row_bar of the template rows, on the GPU, or NULL */
cudaError_t cubix_cuda_paint_vjp_runs(const struct cubix_tables *tables, const struct cubix_cuda_runs *runs,
                                      double *row_bar, cudaStream_t stream);
/** Tangents of the runs' spectra: from runs->bar to runs->row, which is set.  Local.  Returns as
 * soon as the work is queued. */
cudaError_t cubix_cuda_paint_jvp_runs(const struct cubix_tables *tables, const struct cubix_cuda_runs *runs,
                                      cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
