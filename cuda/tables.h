/* tables.h -- the tables of the templates on the GPU. */
#ifndef CUBIX_CUDA_TABLES_H
#define CUBIX_CUDA_TABLES_H

#include "cuda/transfer.h"
#include "physics/tables.h"

enum { CUBIX_CUDA_N_TABLE = 8 };

struct cubix_cuda_tables {
  struct cubix_tables on_gpu;        /* its tables lie on the GPU; edition 0: nothing is there */
  void *table[CUBIX_CUDA_N_TABLE];
};

/** Put these tables on the GPU; if their edition is there already, only what belongs to the channels
 * is copied.  The tables must not be in use.  Local.
 *  @param gpu its description, for messages */
int cubix_cuda_tables_load(struct cubix_cuda_tables *held, struct cubix_cuda_transfer *transfer, const char *gpu,
                           const struct cubix_tables *tables);
/** The numbers of a model without its tables, as a kernel may have them by value.  Local. */
struct cubix_tables cubix_cuda_tables_none(const struct cubix_tables *tables);
void cubix_cuda_tables_free(struct cubix_cuda_tables *held, struct cubix_cuda_transfer *transfer);

#endif
