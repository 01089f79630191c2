/* tipsy_groups.c -- groups of Tipsy snapshots: SNAPSHOT.amiga.grp, SNAPSHOT.grp: for each particle of the snapshot,
 * gas, dark matter and stars, the number of its group, or 0 where it is in none. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/h5search.h"
#include "base/infile.h"
#include "base/log.h"
#include "catalogue/catalogue_parts.h"
#include "catalogue/tagged.h"

int cubix_catalogue_is_tipsy(const struct cubix_seek *seek)
{
  const char *path = seek->par->GroupCatalogue;
  return !strcmp(seek->sim->format->recognise.file, "tipsy") && cubix_infile_is(path) && !cubix_h5_is(path);
}

int cubix_catalogue_tipsy(struct cubix_seek *seek)
{
  int status = CUBIX_OK;
  static const struct cubix_tags tags = { .n = 1, .name = { { 1, { "groups" } } } };
  struct cubix_simfile with = *seek->sim;           /* the same snapshot, with this column */
  struct cubix_keyset set = { 0 };
  const char *path = seek->par->GroupCatalogue;
  CUBIX_CHECK(strlen(path) < sizeof with.options.tipsy_groups, CUBIX_EUSAGE,
              "GroupCatalogue (%s) has %zu characters; there is room for %zu",
              cubix_params_origin(seek->par, "GroupCatalogue"), strlen(path), sizeof with.options.tipsy_groups - 1);
  strcpy(with.options.tipsy_groups, path);
  cubix_log(CUBIX_LOG_INFO, "%s is taken as the numbers of the groups to which the particles belong: GroupIndex is "
            "such a number, and GroupType makes no difference", path);
  CUBIX_TRY(cubix_keyset_init(&set, seek->n));
  for (size_t i = 0; i < seek->n; i++) {
    CUBIX_CHECK(seek->key[i].index > 0 && seek->key[i].sub < 0, CUBIX_EUSAGE,
                "GroupIndex = %s (%s): in %s a group is a number from 1 on; 0 stands for particles in none",
                seek->par->GroupIndex, cubix_params_origin(seek->par, "GroupIndex"), path);
    cubix_keyset_add(&set, seek->key[i].index, (int64_t)i);
  }
  CUBIX_TRY(cubix_tagged_choose(seek->choice, &with, &tags, &set));
done:
  cubix_keyset_free(&set);
  return status;
}
