/* particles.c -- no catalogue: the particles carry the number of their group, and of their subhalo, in that
 * group or among all. */
#include "base/error.h"
#include "catalogue/catalogue_parts.h"
#include "catalogue/tagged.h"

int cubix_catalogue_particles(struct cubix_seek *seek)
{
  int status = CUBIX_OK;
  const struct cubix_names *tag = cubix_simfile_species(seek->sim)->tag;
  const int pairs = seek->subhalo && tag[CUBIX_TAG_SUBGROUP].n > 0;
  struct cubix_keyset set = { 0 };
  const enum cubix_tag which = seek->subhalo && !pairs ? CUBIX_TAG_SUBHALO : CUBIX_TAG_GROUP;
  struct cubix_tags tags = { .n = 1 + pairs, .name = { tag[which], tag[CUBIX_TAG_SUBGROUP] } };
  CUBIX_CHECK(tag[which].n, CUBIX_EUSAGE, "GroupCatalogue = particles (%s): particles of the format %s carry no "
              "numbers of %s",
              cubix_params_origin(seek->par, "GroupCatalogue"), seek->sim->format->name,
              seek->subhalo ? "subhaloes" : "groups");
  CUBIX_TRY(cubix_keyset_init(&set, seek->n));
  for (size_t i = 0; i < seek->n; i++) {
    CUBIX_CHECK((seek->key[i].sub >= 0) == pairs, CUBIX_EUSAGE,
                pairs ? "GroupIndex = %s (%s): a subhalo of the format %s is a pair, like 3:0 (group 3, its central "
                        "galaxy); or choose GroupType group"
                      : "GroupIndex = %s (%s): it is one number of the format %s, not a pair",
                seek->par->GroupIndex, cubix_params_origin(seek->par, "GroupIndex"), seek->sim->format->name);
    cubix_keyset_add(&set, pairs ? cubix_tag_pair(seek->key[i].index, seek->key[i].sub) : seek->key[i].index,
                     (int64_t)i);
  }
  CUBIX_TRY(cubix_tagged_choose(seek->choice, seek->sim, &tags, &set));
done:
  cubix_keyset_free(&set);
  return status;
}
