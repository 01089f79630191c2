/* keyfile.h -- inside src/simulation: text files of `key = value` that lie beside a snapshot: the
 * parameters of Gasoline, info and namelist of RAMSES. */
#ifndef CUBIX_KEYFILE_H
#define CUBIX_KEYFILE_H

#include <stddef.h>

struct cubix_keyfile {
  char path[4200];
  char comment;                   /* from this character on a line says nothing; '\0': none */
  char *text;
};

/** Read a file.  Local.  @param[out] file  its text owned by the caller
 *  Errors: CUBIX_EINPUT: missing, unreadable, larger than 64 MiB. */
int cubix_keyfile_read(struct cubix_keyfile *file, const char *path, char comment);
/** The value of a key, in upper or lower case; where it stands several times the last one.  Local.
 *  @return 0: there is none */
int cubix_keyfile_word(char *word, size_t size, const struct cubix_keyfile *file, const char *key);
/** Likewise a number, which may have Fortran's exponent.  Local.
 *  @param[out] x  left alone where there is none  Errors: CUBIX_EINPUT: it is no finite number. */
int cubix_keyfile_number(double *x, int *found, const struct cubix_keyfile *file, const char *key);
/** Likewise, and it must be there.  Local.  Errors: also: it is missing; it is not above `above`. */
int cubix_keyfile_need(double *x, const struct cubix_keyfile *file, const char *key, double above);
/** Likewise a logical value of Fortran.  Local.  Errors: CUBIX_EINPUT: neither true nor false. */
int cubix_keyfile_logical(int *x, int *found, const struct cubix_keyfile *file, const char *key);
void cubix_keyfile_free(struct cubix_keyfile *file);

#endif
