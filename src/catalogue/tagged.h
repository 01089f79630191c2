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

/* Which tags are looked for. */
struct cubix_tag_search {
  const struct cubix_keyset *set;
  int by_type;                    /* 1: set[t] is for the type number t of the snapshot; 0: there is one for all */
  int (*found)(void *to, int64_t value, int part, int64_t row); /* told of each row whose tag is in the set */
  void *to;
};

/** Look for tags.  All of them are read.  Local.
 *  Errors: CUBIX_EINPUT: the particles have no such tag; those of `found`. */
int cubix_tagged_search(const struct cubix_simfile *sim, const struct cubix_tags *tags,
                        const struct cubix_tag_search *search);
/** Choose the particles whose tag is in a set, into the choice that its value numbers.  Local.
 *  @param choice  one for each value of the set  Errors: as above. */
int cubix_tagged_choose(struct cubix_choice *choice, const struct cubix_simfile *sim, const struct cubix_tags *tags,
                        const struct cubix_keyset *set);

#endif
