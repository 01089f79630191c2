/* shared_memory.h -- memory that several processes of a node see, and that vanishes with the last
 * of them. */
#ifndef CUBIX_SHARED_MEMORY_H
#define CUBIX_SHARED_MEMORY_H

#include <stddef.h>

struct cubix_shared_memory { char *at; size_t size; };

/* By what another process of the node finds the memory, while its maker keeps that open. */
struct cubix_shared_memory_handle { long process; int file; };

/** Memory of this process alone, all zero.  Local.  @return 1, or 0: there is none */
int cubix_shared_memory_own(struct cubix_shared_memory *memory, size_t size);
/** Memory that others may join, all zero.  Local.
 *  @param[out] handle to be closed once all have joined
 *  @return 1, or 0: the system has none, or lends it to nobody */
int cubix_shared_memory_create(struct cubix_shared_memory *memory, size_t size,
                               struct cubix_shared_memory_handle *handle);
/** The memory that another process has made.  Local.  @return 1 or 0 */
int cubix_shared_memory_join(struct cubix_shared_memory *memory, size_t size,
                             const struct cubix_shared_memory_handle *handle);
/** Nobody joins any more.  Local, by the maker. */
void cubix_shared_memory_close(struct cubix_shared_memory_handle *handle);
/** Leave it; the last who leaves frees it.  Local. */
void cubix_shared_memory_free(struct cubix_shared_memory *memory);

#endif
