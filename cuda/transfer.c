/* transfer.c -- the way to the GPU and back.
 *
 * The host's link to a GPU is fast only from page-locked memory, and locking pages takes longer than using them: a few berths are locked once and
 * everything goes through them, copied in and out by all threads.  Each berth has its stream; cargo of different berths is under way at the same time.
 *
 * Nothing is copied in another way.  cudaMemcpy from memory that is not page-locked may return while the bytes still lie in CUDA's own buffer, and its stream,
 * the default one, is not waited for by ours: a kernel would read what was there before.  tests/cuda/cuda_calls.sh refuses it.
 */
#include "cuda/transfer.h"

#include <string.h>

#include "cuda/check.h"

static void berths_free(struct cubix_cuda_ferry *ferry)
{
  cubix_cuda_ferry_abandon(ferry);
  for (int b = 0; b < CUBIX_CUDA_N_BERTH; b++) {
    if (ferry->berth[b].stream) (void)cudaStreamDestroy(ferry->berth[b].stream);
    if (ferry->berth[b].done) (void)cudaEventDestroy(ferry->berth[b].done);
    (void)cudaFreeHost(ferry->berth[b].host);
    ferry->berth[b] = (struct cubix_cuda_berth){ 0 };
  }
  ferry->bytes = 0;
}

int cubix_cuda_ferry_ready(struct cubix_cuda_ferry *ferry, size_t bytes)
{
  int status = CUBIX_OK;
  if (bytes <= ferry->bytes) goto done;
  berths_free(ferry);
  for (int b = 0; b < CUBIX_CUDA_N_BERTH; b++) {
    CUBIX_CUDA(cudaStreamCreateWithFlags(&ferry->berth[b].stream, cudaStreamNonBlocking));
    CUBIX_CUDA(cudaEventCreateWithFlags(&ferry->berth[b].done, cudaEventDisableTiming));
    CUBIX_CUDA(cudaMallocHost(&ferry->berth[b].host, bytes));
  }
  ferry->bytes = bytes;
done:
  if (status) berths_free(ferry);
  return status;
}

int cubix_cuda_ferry_up(const struct cubix_cuda_ferry *ferry, void *gpu, const void *host, size_t bytes)
{
  int status = CUBIX_OK, turn = 0;
  for (size_t at = 0; at < bytes; at += ferry->bytes, turn++) {
    const struct cubix_cuda_berth *berth = &ferry->berth[turn % CUBIX_CUDA_N_BERTH];
    size_t n = bytes - at < ferry->bytes ? bytes - at : ferry->bytes;
    CUBIX_CUDA(cudaStreamSynchronize(berth->stream));
    cubix_cuda_ferry_copy(berth->host, (const char *)host + at, n);
    CUBIX_CUDA(cudaMemcpyAsync((char *)gpu + at, berth->host, n, cudaMemcpyHostToDevice, berth->stream));
  }
done:
  return status;
}

int cubix_cuda_ferry_down(const struct cubix_cuda_ferry *ferry, void *host, const void *gpu, size_t bytes)
{
  int status = CUBIX_OK;
  const struct cubix_cuda_berth *berth = &ferry->berth[0];
  CUBIX_TRY(cubix_cuda_ferry_wait(ferry));
  for (size_t at = 0; at < bytes; at += ferry->bytes) {
    size_t n = bytes - at < ferry->bytes ? bytes - at : ferry->bytes;
    CUBIX_CUDA(cudaMemcpyAsync(berth->host, (const char *)gpu + at, n, cudaMemcpyDeviceToHost, berth->stream));
    CUBIX_CUDA(cudaStreamSynchronize(berth->stream));
    cubix_cuda_ferry_copy((char *)host + at, berth->host, n);
  }
done:
  return status;
}

int cubix_cuda_ferry_wait(const struct cubix_cuda_ferry *ferry)
{
  int status = CUBIX_OK;
  for (int b = 0; b < CUBIX_CUDA_N_BERTH; b++) CUBIX_CUDA(cudaStreamSynchronize(ferry->berth[b].stream));
done:
  return status;
}

void cubix_cuda_ferry_abandon(const struct cubix_cuda_ferry *ferry)
{
  for (int b = 0; b < CUBIX_CUDA_N_BERTH; b++)
    if (ferry->berth[b].stream) (void)cudaStreamSynchronize(ferry->berth[b].stream);
  (void)cudaGetLastError();
}

void cubix_cuda_ferry_copy(void *to, const void *from, size_t bytes)
{
  const size_t piece = (size_t)1 << 18, n = (bytes + piece - 1) / piece;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) memcpy((char *)to + i * piece, (const char *)from + i * piece, i + 1 < n ? piece : bytes - i * piece);
}

void cubix_cuda_ferry_free(struct cubix_cuda_ferry *ferry)
{
  berths_free(ferry);
  cubix_cuda_workspace_free(&ferry->workspace);
}
