/* tagged.h -- particles by the integers that they carry: their identifiers, or the numbers of their groups. */
#ifndef CUBIX_TAGGED_H
#define CUBIX_TAGGED_H

#include "catalogue/keyset.h"
#include "simulation/simfile.h"

/** One integer of two numbers of 32 bits, as a group's and its subhalo's.  Local. */
int64_t cubix_tag_pair(int64_t group, int64_t subgroup);

/* Where the tags stand. */
struct cubix_tags {
  int n;                          /* 1, or 2: pairs */
  struct cubix_names name[2];     /* in the group of the particles, or */
  char **file;                    /* [n_file] in files of their own, one for each member; NULL: in the snapshot's */
};

/** Choose the particles whose tag is in a set, into the choice that its value numbers.  All tags are read.  Local.
 *  @param choice  one for each value of the set
 *  Errors: CUBIX_EINPUT: the particles have no such tag. */
int cubix_tagged_choose(struct cubix_choice *choice, const struct cubix_simfile *sim, const struct cubix_tags *tags,
                        const struct cubix_keyset *set);

#endif
