/* atomic_file.h -- files that are either complete or absent: every file that the programs write is
 * made here. */
#ifndef CUBIX_ATOMIC_FILE_H
#define CUBIX_ATOMIC_FILE_H

#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A file that grows under a temporary name.  The struct must stay at its address until the file is
 * published, left or discarded, because a signal handler looks for it there.  {0}: none. */
struct cubix_atomic_file {
  char *path;                     /* as the user names it */
  /* its final path, with links followed; the temporary path, in the same folder.  NULL: there is no file */
  char *target, *temporary;
  int file;                       /* descriptor, for reading and writing; -1: closed */
  uint64_t inode;                 /* number of the temporary file */
  struct cubix_atomic_file *next; /* in the list of all unfinished files */
};

/** Check before the run that a file of this name can be created, or an existing one replaced;
 * remove what dead processes have left of it.  Local.
 *  @param what begins the messages: "OutputFile = x.fits (a.param:3)"
 *  Errors: CUBIX_EOUTPUT: no folder, no right to write there, not a regular file, or a
 *    write-protected one. */
int cubix_atomic_file_check(const char *path, const char *what);
/** Follow all symbolic links of a path, whether or not anything exists at its end.  Local.
 *  @param[out] target the caller frees it
 *  Errors: CUBIX_EOUTPUT: a link that must not be followed, or leads nowhere. */
int cubix_atomic_file_resolve(char **target, const char *path, const char *what);
/** 1 if both paths are the same existing file.  Local. */
int cubix_atomic_file_same(const char *a, const char *b);

/** Check again and create the temporary file, empty.  The caller publishes or discards it.  Local.
 *  Errors: CUBIX_EOUTPUT. */
int cubix_atomic_file_begin(struct cubix_atomic_file *f, const char *path);
/** Open a file that another process has begun.  The caller leaves or discards it.  Local.
 *  @param temporary, inode as that process has them
 *  Errors: CUBIX_EOUTPUT: it does not exist, or is another file. */
int cubix_atomic_file_join(struct cubix_atomic_file *f, const char *path, const char *temporary, uint64_t inode);
/** Write all n_byte bytes at an offset.  Local; any thread.
 *  Errors: CUBIX_EOUTPUT, with errno giving the reason. */
int cubix_atomic_file_write(const struct cubix_atomic_file *f, const void *from, size_t n_byte, int64_t offset);
/** These bytes will not be written again: the disk may begin with them, rather than when all is there.  Local. */
void cubix_atomic_file_soon(const struct cubix_atomic_file *f, size_t n_byte, int64_t offset);
/** Write a text from the file's beginning; `print` writes it to a stream and returns a status.
 * Local.
 *  Errors: those of print, CUBIX_EOUTPUT. */
int cubix_atomic_file_print(const struct cubix_atomic_file *f, int (*print)(FILE *out, const void *host),
                            const void *host);
/** Bring everything that this process has written to the disk and close the file.  Local.
 *  Errors: CUBIX_EOUTPUT, also if the temporary name now belongs to another file. */
int cubix_atomic_file_seal(struct cubix_atomic_file *f);
/** Rename the sealed file to its final name, in the process that began it.  After a failure it
 * still exists and must be discarded.  Local.
 *  Errors: CUBIX_EOUTPUT. */
int cubix_atomic_file_publish(struct cubix_atomic_file *f);
/** Forget the file, because another process publishes it.  Local.  Accepts {0}. */
void cubix_atomic_file_leave(struct cubix_atomic_file *f);
/** Remove the file.  Local.  Accepts {0} and a file that is published already. */
void cubix_atomic_file_discard(struct cubix_atomic_file *f);
/** Seal and publish; or discard, if the status is that of a failure.  Local.
 *  @return status, or CUBIX_EOUTPUT */
int cubix_atomic_file_end(struct cubix_atomic_file *f, int status);
/** Write a whole text file, from begin to end.  Local.
 *  Errors: those of print, CUBIX_EOUTPUT; nothing is left then. */
int cubix_atomic_file_text(const char *path, int (*print)(FILE *out, const void *host), const void *host);

/** Remove from a folder what dead processes have left of a file; base NULL: of any file.  Local. */
void cubix_atomic_file_sweep(const char *folder, const char *base);
/** Remove all unfinished files; async-signal-safe. */
void cubix_atomic_file_abandon(void);

#ifdef __cplusplus
}
#endif
#endif
