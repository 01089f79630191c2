/* infile.h -- a file that is to be read: is it one, and why not. */
#ifndef CUBIX_INFILE_H
#define CUBIX_INFILE_H

#ifdef __cplusplus
extern "C" {
#endif

/** Whether a path leads to a regular file that this process may read.  What waits for somebody to
 * write (a FIFO, a socket, a device) is refused.  Local.
 *  @param code the status of a refusal: CUBIX_EINPUT, or CUBIX_EUSAGE where a parameter names what
 *  ought to be shipped Errors: code, with the reason; a symbolic link that leads nowhere is named
 *  with its target. */
int cubix_infile_check(const char *path, int code);
/** 1 where the path leads to a regular file.  Local. */
int cubix_infile_is(const char *path);

#ifdef __cplusplus
}
#endif
#endif
