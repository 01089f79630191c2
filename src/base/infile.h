/* infile.h -- whether a path is a file that can be read, and why not. */
#ifndef CUBIX_INFILE_H
#define CUBIX_INFILE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Check that a path leads to a regular file that this process may read.  Anything that might block
 * the reader (a FIFO, a socket, a device) is refused.  Local.
 *  @param code status of a refusal: CUBIX_EINPUT, or CUBIX_EUSAGE if a parameter names something
 *    that should be shipped
 *  Errors: code, with the reason; a symbolic link that leads nowhere is named with its target. */
int cubix_infile_check(const char *path, int code);
/** 1 if the path leads to a regular file.  Local. */
int cubix_infile_is(const char *path);
/** Bytes that this process has read of particle files and catalogues since its start; to add some.  Local. */
int64_t cubix_infile_bytes(void);
void cubix_infile_add_bytes(int64_t n);

#ifdef __cplusplus
}
#endif
#endif
