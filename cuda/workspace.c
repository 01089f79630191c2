/* workspace.c -- memory of the GPU that outlives the call it was taken for.
 *
 * cudaMalloc and cudaFree stop the GPU and take tens of microseconds to milliseconds each, and a
 * fit paints thousands of times with buffers of the same sizes.  What a call gives back stays here
 * and serves the next that asks for about as much: after the first of several like calls no more is
 * allocated.  Sizes that grow from call to call outgrow their parts, which are then given up.
 *
 * Idle parts are no loss: they count as memory that is available, and when the GPU, or our share of
 * it, has no more, all of them are given up and it is tried again. Ranks that share a GPU divide
 * what is free at the beginning, when each of them has its context there; each knows its own parts
 * only. */
#include "cuda/workspace.h"

#include <string.h>

#include "cuda/check.h"

static const size_t most_waste = (size_t)32 << 20;      /* bytes of a part that a smaller taker leaves unused */

int cubix_cuda_workspace_divide(struct cubix_cuda_workspace *w, int n_share)
{
  int status = CUBIX_OK;
  size_t available, total;
  CUBIX_CUDA(cudaMemGetInfo(&available, &total));
  w->quota = n_share > 1 ? available / (size_t)n_share : 0;
done:
  return status;
}

int cubix_cuda_workspace_room(const struct cubix_cuda_workspace *w, size_t *available, size_t *total)
{
  int status = CUBIX_OK;
  size_t left = w->quota > w->held ? w->quota - w->held : 0;
  CUBIX_CUDA(cudaMemGetInfo(available, total));
  if (w->quota && *available > left) *available = left;
  for (int p = 0; p < CUBIX_CUDA_N_PART; p++)
    if (!w->part[p].busy) *available += w->part[p].bytes;
done:
  return status;
}

static void give_up(struct cubix_cuda_workspace *w, struct cubix_cuda_part *part)
{
  (void)cudaFree(part->gpu);
  w->held -= part->bytes;
  *part = (struct cubix_cuda_part){ 0 };
}

static void give_up_idle(struct cubix_cuda_workspace *w)
{
  for (int p = 0; p < CUBIX_CUDA_N_PART; p++)
    if (w->part[p].gpu && !w->part[p].busy) give_up(w, &w->part[p]);
}

static int has_idle(const struct cubix_cuda_workspace *w)
{
  int n = 0;
  for (int p = 0; p < CUBIX_CUDA_N_PART; p++) n += w->part[p].gpu && !w->part[p].busy;
  return n > 0;
}

/* The smallest idle part that serves; those that have just become too small are given up. */
static struct cubix_cuda_part *find(struct cubix_cuda_workspace *w, size_t bytes)
{
  struct cubix_cuda_part *best = NULL;
  size_t waste = bytes / 16 < most_waste ? bytes / 16 : most_waste;     /* callers leave 1/16 of what is free */
  for (int p = 0; p < CUBIX_CUDA_N_PART; p++) {
    struct cubix_cuda_part *part = &w->part[p];
    if (!part->gpu || part->busy || part->bytes < bytes || part->bytes - bytes > waste) continue;
    if (!best || part->bytes < best->bytes) best = part;
  }
  for (int p = 0; p < CUBIX_CUDA_N_PART && !best; p++) {
    struct cubix_cuda_part *part = &w->part[p];
    if (part->gpu && !part->busy && part->bytes < bytes && bytes - part->bytes <= waste) give_up(w, part);
  }
  return best;
}

static struct cubix_cuda_part *empty(struct cubix_cuda_workspace *w)
{
  for (int p = 0; p < CUBIX_CUDA_N_PART; p++)
    if (!w->part[p].gpu) return &w->part[p];
  return NULL;
}

int cubix_cuda_workspace_take(struct cubix_cuda_workspace *w, void **gpu, size_t bytes)
{
  int status = CUBIX_OK;
  struct cubix_cuda_part *part = find(w, bytes);
  *gpu = NULL;
  if (!bytes) goto done;
  if (!part) {
    void *fresh = NULL;
    if (!empty(w) || (w->quota && w->held + bytes > w->quota)) give_up_idle(w);
    CUBIX_CHECK((part = empty(w)), CUBIX_EFAIL, "more than %d buffers on the GPU at a time", CUBIX_CUDA_N_PART);
    if (has_idle(w) && cudaMalloc(&fresh, bytes) != cudaSuccess) {
      (void)cudaGetLastError();
      give_up_idle(w);
    }
    if (!fresh) CUBIX_CUDA(cudaMalloc(&fresh, bytes));
    *part = (struct cubix_cuda_part){ fresh, bytes, 0 };
    w->held += bytes;
  }
  part->busy = 1;
  *gpu = part->gpu;
done:
  return status;
}

void cubix_cuda_workspace_give(struct cubix_cuda_workspace *w, void *gpu)
{
  for (int p = 0; p < CUBIX_CUDA_N_PART && gpu; p++)
    if (w->part[p].gpu == gpu) w->part[p].busy = 0;
}

void cubix_cuda_workspace_release(struct cubix_cuda_workspace *w, void *gpu)
{
  for (int p = 0; p < CUBIX_CUDA_N_PART && gpu; p++)
    if (w->part[p].gpu == gpu) give_up(w, &w->part[p]);
}

void cubix_cuda_workspace_free(struct cubix_cuda_workspace *w)
{
  for (int p = 0; p < CUBIX_CUDA_N_PART; p++)
    if (w->part[p].gpu) give_up(w, &w->part[p]);
  memset(w, 0, sizeof *w);
}
