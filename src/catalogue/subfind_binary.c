/* subfind_binary.c -- Subfind in Gadget's format 2: files sub_NNN.K of Gadget-3 and Magneticum.
 *
 * All files together list the identifiers of the particles of all types (PID), those of a group from GOFF on and
 * those of a subhalo from SOFF on, counted over files.  A subhalo need not be in the file of its group.  Gadget-4 and
 * AREPO write snapshots in the order of their groups; here the order tells nothing, and identifiers are looked
 * for in the whole snapshot. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "catalogue/ids.h"

/* Groups, subhaloes and identifiers stand where snapshots have types 0, 1 and 2 (simulation/gadget_binary.c). */
#define GROUPS "PartType0/"
#define SUBHALOES "PartType1/"
#define IDS "PartType2/PID"

static const struct cubix_pick one = { 1, -1, -1 }, three = { 3, -1, -1 };

static int is_subfind(int *is, struct cubix_listing *listing)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_listing_has(is, listing, GROUPS "GLEN"));
  if (!*is) CUBIX_TRY(cubix_listing_has(is, listing, SUBHALOES "SLEN"));
done:
  return status;
}

static int locate(struct cubix_seek *seek, size_t which, const struct cubix_table *table)
{
  int status = CUBIX_OK, there;
  struct cubix_halo *halo = &seek->halo[which];
  const int64_t at = seek->key[which].index;
  const double length = seek->sim->length;
  CUBIX_TRY(cubix_seek_scaled(halo->centre, &halo->has_centre, seek, table,
                              seek->subhalo ? SUBHALOES "SPOS" : GROUPS "GPOS", three, at, length));
  if (seek->subhalo)
    CUBIX_TRY(cubix_seek_scaled(halo->velocity, &halo->has_velocity, seek, table, SUBHALOES "SVEL", three, at, 1));
  CUBIX_TRY(cubix_seek_scaled(&halo->radius, &there, seek, table, seek->subhalo ? SUBHALOES "RHMS" : GROUPS "RCRI", one,
                              at, length));
done:
  return status;
}

/* The identifiers of a group. */
static int list(struct cubix_ids *ids, struct cubix_seek *seek, size_t which, const struct cubix_table *table,
                const struct cubix_table *all)
{
  int status = CUBIX_OK;
  const int64_t at = seek->key[which].index;
  int64_t length, from, *id = NULL;
  char word[64];
  CUBIX_TRY(cubix_listing_integers(&length, seek->listing, table, seek->subhalo ? SUBHALOES "SLEN" : GROUPS "GLEN", at,
                                   at + 1));
  CUBIX_TRY(cubix_listing_integers(&from, seek->listing, table, seek->subhalo ? SUBHALOES "SOFF" : GROUPS "GOFF", at,
                                   at + 1));
  cubix_group_word(word, sizeof word, seek->par, &seek->key[which]);
  CUBIX_CHECK(from >= 0 && length >= 0 && from <= all->n && length <= all->n - from, CUBIX_EINPUT,
              "%s: %s has the identifiers %lld to %lld of the block PID, but all files together have %lld: one is "
              "missing or damaged",
              seek->listing->file[0], word, (long long)from, (long long)(from + length) - 1, (long long)all->n);
  CUBIX_ALLOC(id, length);
  CUBIX_TRY(cubix_listing_integers(id, seek->listing, all, IDS, from, from + length));
  CUBIX_TRY(cubix_ids_add(ids, which, id, NULL, (size_t)length));
  cubix_log(CUBIX_LOG_INFO, "%s lists %lld particles of all types", word, (long long)length);
done:
  free(id);
  return status;
}

static int choose(struct cubix_seek *seek)
{
  int status = CUBIX_OK;
  struct cubix_table table = { 0 }, all = { 0 };
  struct cubix_ids ids = { 0 };
  CUBIX_TRY(cubix_listing_table(&table, seek->listing, seek->subhalo ? SUBHALOES "SLEN" : GROUPS "GLEN"));
  CUBIX_TRY(cubix_seek_check(seek, table.n, seek->subhalo ? "subhaloes" : "groups"));
  CUBIX_TRY(cubix_listing_table(&all, seek->listing, IDS));
  for (size_t i = 0; i < seek->n; i++) {
    CUBIX_TRY(locate(seek, i, &table));
    CUBIX_TRY(list(&ids, seek, i, &table, &all));
  }
  CUBIX_TRY(cubix_ids_choose(seek, &ids));
done:
  cubix_ids_free(&ids);
  cubix_table_free(&table);
  cubix_table_free(&all);
  return status;
}

const struct cubix_catalogue_kind cubix_catalogue_subfind_binary = {
  "Subfind in Gadget's format 2", "blocks GLEN, SLEN, PID (sub_NNN.K)", is_subfind, choose
};
