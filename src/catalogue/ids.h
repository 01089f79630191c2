/* ids.h -- particles by lists of their identifiers. */
#ifndef CUBIX_IDS_H
#define CUBIX_IDS_H

#include "catalogue/catalogue_parts.h"

/* What a catalogue lists of the groups that are wanted. */
struct cubix_ids {
  size_t n, room;
  struct cubix_listed_id *list;
  int typed;                      /* 1: it says of which type each is */
};

/** List n identifiers as members of group `which` of the seek.  Local.
 *  @param type  [n] of each, as the snapshot numbers its types; NULL: the catalogue does not say */
int cubix_ids_add(struct cubix_ids *ids, size_t which, const int64_t *id, const int64_t *type, size_t n);
/** Choose the particles that have them, in one pass over the snapshot's identifiers, and say where more
 * particles have them than are listed.  Local.
 *  Errors: CUBIX_EINPUT: the snapshot has no identifiers; it lacks one that is said to be of its types. */
int cubix_ids_choose(struct cubix_seek *seek, struct cubix_ids *ids);
void cubix_ids_free(struct cubix_ids *ids);

#endif
