/* transfer.c -- the way to the GPU and back.
 *
 * The host's link to a GPU is fast only from page-locked memory, and locking pages takes longer
 * than using them: a few staging buffers are locked once and everything goes through them, copied
 * in and out by all threads.  Each staging buffer has its stream; cargo of different staging
 * buffers is under way at the same time.
 *
 * Nothing is copied in another way.  cudaMemcpy from memory that is not page-locked may return
 * while the bytes still lie in CUDA's own buffer, and its stream, the default one, is not waited
 * for by ours: a kernel would read what was there before.  tests/cuda/cuda_calls.sh refuses it.
 */
#include "cuda/transfer.h"

#include <string.h>

#include "cuda/check.h"

static void staging_free(struct cubix_cuda_transfer *transfer)
{
  cubix_cuda_transfer_abandon(transfer);
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) {
    if (transfer->staging[b].stream) (void)cudaStreamDestroy(transfer->staging[b].stream);
    if (transfer->staging[b].done) (void)cudaEventDestroy(transfer->staging[b].done);
    (void)cudaFreeHost(transfer->staging[b].host);
    transfer->staging[b] = (struct cubix_cuda_staging){ 0 };
  }
  transfer->bytes = 0;
}

int cubix_cuda_transfer_ready(struct cubix_cuda_transfer *transfer, size_t bytes)
{
  int status = CUBIX_OK;
  if (bytes <= transfer->bytes) goto done;
  staging_free(transfer);
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) {
    CUBIX_CUDA(cudaStreamCreateWithFlags(&transfer->staging[b].stream, cudaStreamNonBlocking));
    CUBIX_CUDA(cudaEventCreateWithFlags(&transfer->staging[b].done, cudaEventDisableTiming));
    CUBIX_CUDA(cudaMallocHost(&transfer->staging[b].host, bytes));
  }
  transfer->bytes = bytes;
done:
  if (status) staging_free(transfer);
  return status;
}

int cubix_cuda_transfer_up(const struct cubix_cuda_transfer *transfer, void *gpu, const void *host, size_t bytes)
{
  int status = CUBIX_OK, turn = 0;
  for (size_t at = 0; at < bytes; at += transfer->bytes, turn++) {
    const struct cubix_cuda_staging *staging = &transfer->staging[turn % CUBIX_CUDA_N_STAGING];
    size_t n = bytes - at < transfer->bytes ? bytes - at : transfer->bytes;
    CUBIX_CUDA(cudaStreamSynchronize(staging->stream));
    cubix_cuda_transfer_copy(staging->host, (const char *)host + at, n);
    CUBIX_CUDA(cudaMemcpyAsync((char *)gpu + at, staging->host, n, cudaMemcpyHostToDevice, staging->stream));
  }
done:
  return status;
}

int cubix_cuda_transfer_down(const struct cubix_cuda_transfer *transfer, void *host, const void *gpu, size_t bytes)
{
  int status = CUBIX_OK;
  const struct cubix_cuda_staging *staging = &transfer->staging[0];
  CUBIX_TRY(cubix_cuda_transfer_wait(transfer));
  for (size_t at = 0; at < bytes; at += transfer->bytes) {
    size_t n = bytes - at < transfer->bytes ? bytes - at : transfer->bytes;
    CUBIX_CUDA(cudaMemcpyAsync(staging->host, (const char *)gpu + at, n, cudaMemcpyDeviceToHost, staging->stream));
    CUBIX_CUDA(cudaStreamSynchronize(staging->stream));
    cubix_cuda_transfer_copy((char *)host + at, staging->host, n);
  }
done:
  return status;
}

int cubix_cuda_transfer_wait(const struct cubix_cuda_transfer *transfer)
{
  int status = CUBIX_OK;
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++) CUBIX_CUDA(cudaStreamSynchronize(transfer->staging[b].stream));
done:
  return status;
}

void cubix_cuda_transfer_abandon(const struct cubix_cuda_transfer *transfer)
{
  for (int b = 0; b < CUBIX_CUDA_N_STAGING; b++)
    if (transfer->staging[b].stream) (void)cudaStreamSynchronize(transfer->staging[b].stream);
  (void)cudaGetLastError();
}

void cubix_cuda_transfer_copy(void *to, const void *from, size_t bytes)
{
  const size_t piece = (size_t)1 << 18, n = (bytes + piece - 1) / piece;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++)
    memcpy((char *)to + i * piece, (const char *)from + i * piece, i + 1 < n ? piece : bytes - i * piece);
}

void cubix_cuda_transfer_free(struct cubix_cuda_transfer *transfer)
{
  staging_free(transfer);
  cubix_cuda_workspace_free(&transfer->workspace);
}
