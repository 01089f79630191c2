/* eagle.c -- EAGLE: the tables give a group's number, from 1 on, and a subhalo's within it, from 0 on, which
 * the particles carry.  A negative number marks what lies within R200 of a group and not in it; 2^30 what
 * belongs to none.  Lengths are those of the code (cMpc/h). */
#include "base/error.h"
#include "catalogue/catalogue_parts.h"
#include "catalogue/tagged.h"

static const struct cubix_pick one = { 1, -1, -1 }, three = { 3, -1, -1 };

static int is_eagle(int *is, struct cubix_listing *listing)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_listing_has(is, listing, "Subhalo/SubGroupNumber"));
  if (!*is) CUBIX_TRY(cubix_listing_has(is, listing, "FOF/GroupCentreOfPotential"));
done:
  return status;
}

static int locate(struct cubix_seek *seek, size_t which, const struct cubix_table *table)
{
  int status = CUBIX_OK, there;
  struct cubix_halo *halo = &seek->halo[which];
  const char *const centre = seek->subhalo ? "Subhalo/CentreOfPotential" : "FOF/GroupCentreOfPotential",
             *const radius = seek->subhalo ? "Subhalo/VmaxRadius" : "FOF/Group_R_Crit200";
  const int64_t at = seek->key[which].index;
  CUBIX_TRY(cubix_seek_scaled(halo->centre, &halo->has_centre, seek, table, centre, three, at, seek->sim->length));
  CUBIX_TRY(cubix_seek_scaled(&halo->radius, &there, seek, table, radius, one, at, seek->sim->length));
  if (seek->subhalo)
    CUBIX_TRY(cubix_seek_scaled(halo->velocity, &halo->has_velocity, seek, table, "Subhalo/Velocity", three, at, 1));
done:
  return status;
}

static int choose(struct cubix_seek *seek)
{
  int status = CUBIX_OK;
  const struct cubix_names *tag = cubix_simfile_species(seek->sim)->tag;
  const struct cubix_tags tags = { .n = 1 + seek->subhalo,
                                   .name = { tag[CUBIX_TAG_GROUP], tag[CUBIX_TAG_SUBGROUP] } };
  struct cubix_table table = { 0 };
  struct cubix_keyset set = { 0 };
  CUBIX_TRY(cubix_listing_table(&table, seek->listing,
                                seek->subhalo ? "Subhalo/GroupNumber" : "FOF/GroupCentreOfPotential"));
  CUBIX_TRY(cubix_seek_check(seek, table.n, seek->subhalo ? "subhaloes" : "groups"));
  CUBIX_TRY(cubix_keyset_init(&set, seek->n));
  for (size_t i = 0; i < seek->n; i++) {
    const int64_t at = seek->key[i].index;
    double group = (double)at + 1, sub = 0;
    if (seek->subhalo) {
      CUBIX_TRY(cubix_listing_read(&group, seek->listing, &table, "Subhalo/GroupNumber", one, at, at + 1));
      CUBIX_TRY(cubix_listing_read(&sub, seek->listing, &table, "Subhalo/SubGroupNumber", one, at, at + 1));
    }
    cubix_keyset_add(&set, seek->subhalo ? cubix_tag_pair((int64_t)group, (int64_t)sub) : (int64_t)group,
                     (int64_t)i);
    CUBIX_TRY(locate(seek, i, &table));
  }
  CUBIX_TRY(cubix_tagged_choose(seek->choice, seek->sim, &tags, &set));
done:
  cubix_keyset_free(&set);
  cubix_table_free(&table);
  return status;
}

const struct cubix_catalogue_kind cubix_catalogue_eagle = {
  "EAGLE", "Subhalo/SubGroupNumber or FOF/GroupCentreOfPotential", is_eagle, choose
};
