/* atomic_file.h -- files that are whole or not there at all: every file that the programs write
 * comes into being here. */
#ifndef CUBIX_ATOMIC_FILE_H
#define CUBIX_ATOMIC_FILE_H

#include <stdint.h>
#include <stdio.h>

/* A file that grows under a temporary name.  It stays in its place in memory until it is published,
 * left or discarded, for a signal handler looks for it there.  {0}: none. */
struct cubix_atomic_file {
  char *path;                     /* as the user names it */
  /* where that name leads; the name while the file grows, in the same folder.  NULL: there is no file */
  char *target, *temporary;
  int file;                       /* descriptor, for reading and writing; -1: closed */
  uint64_t inode;                 /* number of the temporary file */
  struct cubix_atomic_file *next; /* in the list of all that grow */
};

/** Before the work: that a file of this name can be made, or the one that is there replaced; what
 * dead processes have left of it is removed.  Local.
 *  @param what  begins the messages: "OutputFile = x.fits (a.param:3)" Errors: CUBIX_EOUTPUT: no
 *  folder, no right to write there, something else than a file, or a write-protected one. */
int cubix_atomic_file_check(const char *path, const char *what);
/** Where a path leads behind all symbolic links, whether or not anything is there.  Local.
 * @param[out] target  the caller frees it
 *  Errors: CUBIX_EOUTPUT: a link that must not be followed, or leads nowhere. */
int cubix_atomic_file_resolve(char **target, const char *path, const char *what);
/** 1 where both paths are the same existing file.  Local. */
int cubix_atomic_file_same(const char *a, const char *b);

/** Check again and create the temporary file, empty.  Local.  The caller publishes or discards it.
 * Errors: CUBIX_EOUTPUT. */
int cubix_atomic_file_begin(struct cubix_atomic_file *f, const char *path);
/** Open a file that another process has begun.  Local.  The caller leaves or discards it.
 *  @param temporary, inode  as that process has them  Errors: CUBIX_EOUTPUT: it is not there, or is
 *  another file. */
int cubix_atomic_file_join(struct cubix_atomic_file *f, const char *path, const char *temporary, uint64_t inode);
/** Write all n_byte bytes at an offset.  Local; any thread.  Errors: CUBIX_EOUTPUT, and errno says why. */
int cubix_atomic_file_write(const struct cubix_atomic_file *f, const void *from, size_t n_byte, int64_t offset);
/** Write a text from the file's beginning; `print` writes it to a stream and returns a status.
 * Local.  Errors: those of print, CUBIX_EOUTPUT. */
int cubix_atomic_file_print(const struct cubix_atomic_file *f, int (*print)(FILE *out, const void *host),
                            const void *host);
/** Bring what this process has written to the disk and close the file.  Local.  Errors:
 * CUBIX_EOUTPUT, also where its name is another file's by now. */
int cubix_atomic_file_seal(struct cubix_atomic_file *f);
/** Give the sealed file its name, in the process that began it.  Local.  On failure it is still
 * there, to be discarded.  Errors: CUBIX_EOUTPUT. */
int cubix_atomic_file_publish(struct cubix_atomic_file *f);
/** Another process publishes the file: forget it.  Local.  Takes {0}. */
void cubix_atomic_file_leave(struct cubix_atomic_file *f);
/** Remove the file.  Local.  Takes {0} and what is published already. */
void cubix_atomic_file_discard(struct cubix_atomic_file *f);
/** Seal and publish, or discard where the status says that something has failed.  Local.  @return
 * status, or CUBIX_EOUTPUT */
int cubix_atomic_file_end(struct cubix_atomic_file *f, int status);
/** A text from begin to end.  Local.  Errors: those of print, CUBIX_EOUTPUT, and nothing is left. */
int cubix_atomic_file_text(const char *path, int (*print)(FILE *out, const void *host), const void *host);

/** Remove from a folder what dead processes have left of a file; base NULL: of any file.  Local. */
void cubix_atomic_file_sweep(const char *folder, const char *base);
/** Remove everything that grows; async-signal-safe. */
void cubix_atomic_file_abandon(void);

#endif
