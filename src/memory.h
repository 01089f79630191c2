/* memory.h -- how much memory this machine has left. */
#ifndef CUBIX_MEMORY_H
#define CUBIX_MEMORY_H

/** Bytes that are free for all programs of this node together, files that the system keeps for convenience not counted.  Local. */
double cubix_memory_free(void);

#endif
