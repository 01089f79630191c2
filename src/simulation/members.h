/* members.h -- which files a snapshot consists of. */
#ifndef CUBIX_MEMBERS_H
#define CUBIX_MEMBERS_H

#include <stddef.h>

#include "simulation/slab.h"

/* STEM.12.hdf5, STEM.12, part_00002.out00012: what is the same in all of them, and which one it is. */
struct cubix_member {
  char stem[4096], suffix[8];     /* the number is between */
  int width;                      /* its digits, with zeros before; 0: as many as it needs */
  long index, first;              /* first: 0, or 1 with RAMSES */
};

/** Take a name apart.  Local.  @return 0 where it is not of this form */
int cubix_member_split(struct cubix_member *member, const char *path);
/** Likewise, and a link whose own name bears no number is what it leads to, where other members lie beside that.
 * Local. */
int cubix_member_find(struct cubix_member *member, const char *path);
/** The name of another one.  Local.  @return path, borrowed from the caller */
const char *cubix_member_path(char *path, size_t size, const struct cubix_member *member, long index);

/** An existing file for what the user names: itself, or the first member where it is a stem or a folder.  Local.
 *  @param[out] path [size]  @param parameter  "InputFile", for messages
 *  Errors: CUBIX_EINPUT: nothing there, or more than one snapshot. */
int cubix_members_first(char *path, size_t size, const char *input, const char *parameter);
/** The files of a snapshot and their sizes.  Local.
 *  @param path    an existing member
 *  @param n_file  how many there are by the header; 0: it does not say
 *  @param by_stem the user named a stem or a folder, not a file
 *  Errors: CUBIX_EINPUT with the name of a missing member. */
int cubix_members_find(struct cubix_snapshot *snapshot, const char *path, double n_file, int by_stem);

#endif
