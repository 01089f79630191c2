/* tables.c -- what the direct method reads of a model, on the GPU.
 *
 * The templates are tens to hundreds of MiB, and are painted from again and again: in pieces of the
 * channels, in one galaxy after the other, in every step of a fit. The tables' edition
 * (physics/tables.h) tells whether they are those that lie here.  The channels' edges, and A(lambda)/A(V)
 * of their dust, are few, differ from piece to piece, and always go up. */
#include "cuda/tables.h"

#include <string.h>

#include "cuda/check.h"
#include "cuda/paint.h"

struct table { const void *host; size_t bytes; };

enum { EDGE = CUBIX_CUDA_N_TABLE - 2, DUST };

/* In the order in which use_tables takes them. */
static size_t list_tables(const struct cubix_tables *v, struct table *table)
{
  const struct table list[CUBIX_CUDA_N_TABLE] = {
    { v->row, sizeof *v->row * (size_t)v->n_row * (size_t)v->row_stride },
    { v->light, sizeof *v->light * (size_t)v->n_row },
    { v->log_z, sizeof *v->log_z * (size_t)v->n_z },
    { v->log_age, sizeof *v->log_age * (size_t)v->n_age },
    { v->knot, sizeof *v->knot * (size_t)v->n_knot },
    { v->first, sizeof *v->first * (size_t)v->n_cell },
    { v->edge, sizeof *v->edge * ((size_t)v->n_lambda + 1) },
    { v->dust_k, v->dust_k ? sizeof *v->dust_k * (size_t)v->n_lambda : 0 },
  };
  size_t total = 0;
  memcpy(table, list, sizeof list);
  for (int t = 0; t < CUBIX_CUDA_N_TABLE; t++) total += list[t].bytes;
  return total;
}

struct cubix_tables cubix_cuda_tables_none(const struct cubix_tables *tables)
{
  struct cubix_tables v = *tables;
  v.row = NULL;
  v.first = NULL;
  v.age_first = NULL;
  v.light = v.log_z = v.log_age = v.knot = v.edge = v.dust_k = v.dust_screen_k = v.kernel = NULL;
  return v;
}

static void use_tables(struct cubix_tables *v, void *const *table)
{
  v->row = table[0];
  v->light = table[1];
  v->log_z = table[2];
  v->log_age = table[3];
  v->knot = table[4];
  v->first = table[5];
  v->edge = table[EDGE];
  v->dust_k = table[DUST];
}

static void give(struct cubix_cuda_tables *held, struct cubix_cuda_transfer *transfer, int first)
{
  for (int t = first; t < CUBIX_CUDA_N_TABLE; t++) {
    cubix_cuda_workspace_give(&transfer->workspace, held->table[t]);
    held->table[t] = NULL;
  }
}

int cubix_cuda_tables_load(struct cubix_cuda_tables *held, struct cubix_cuda_transfer *transfer, const char *gpu,
                           const struct cubix_tables *v)
{
  int status = CUBIX_OK, first = v->edition && v->edition == held->on_gpu.edition ? EDGE : 0;
  const double mib = 1 << 20;
  struct table table[CUBIX_CUDA_N_TABLE];
  size_t bytes = list_tables(v, table), available, total;
  CUBIX_CHECK(v->n_lambda <= CUBIX_CUDA_MAX_CHANNEL, CUBIX_EDEVICE,
              "%d channels: at most %d on a GPU; use a larger LambdaStep, or Backend cpu", v->n_lambda,
              CUBIX_CUDA_MAX_CHANNEL);
  give(held, transfer, first);
  held->on_gpu.edition = 0;
  CUBIX_TRY(cubix_cuda_workspace_room(&transfer->workspace, &available, &total));
  CUBIX_CHECK(
      first || bytes <= available, CUBIX_EDEVICE,
      "%s: %.1f MiB needed for the templates and other tables, %.1f of %.1f MiB are free: "
      "end other programs on this GPU, take a smaller SspFile or band (LambdaMin, LambdaMax), or use Backend cpu",
      gpu, (double)bytes / mib, (double)available / mib, (double)total / mib);
  CUBIX_TRY(cubix_cuda_transfer_ready(transfer, CUBIX_CUDA_CARGO));
  for (int t = first; t < CUBIX_CUDA_N_TABLE; t++) {
    if (!table[t].bytes) continue;
    CUBIX_TRY(cubix_cuda_workspace_take(&transfer->workspace, &held->table[t], table[t].bytes));
    CUBIX_TRY(cubix_cuda_transfer_up(transfer, held->table[t], table[t].host, table[t].bytes));
  }
  CUBIX_TRY(cubix_cuda_transfer_wait(transfer));
  held->on_gpu = cubix_cuda_tables_none(v);
  use_tables(&held->on_gpu, held->table);
done:
  if (status) {
    cubix_cuda_transfer_abandon(transfer);
    cubix_cuda_tables_free(held, transfer);
  }
  return status;
}

void cubix_cuda_tables_free(struct cubix_cuda_tables *held, struct cubix_cuda_transfer *transfer)
{
  give(held, transfer, 0);
  memset(held, 0, sizeof *held);
}
