/* soap.c -- SOAP, the catalogues of COLIBRE and FLAMINGO: a row's HaloCatalogueIndex, which is not its
 * number, is what the particles carry, in the snapshot itself (GroupNr_bound of virtual files) or in
 * membership files of as many rows.  HaloCentre states its unit as SWIFT does. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"
#include "catalogue/catalogue_parts.h"
#include "catalogue/tagged.h"
#include "physics/constants.h"
#include "simulation/members.h"

static const struct cubix_pick one = { 1, -1, -1 }, three = { 3, -1, -1 };

/* What a row's number is called, in files of today and of some years ago: there it is one more. */
static const char *const index_names[] = { "InputHalos/HaloCatalogueIndex", "VR/ID" };
static const char *const centre_names[] = { "InputHalos/HaloCentre", "VR/CentreOfPotential" };

static int first_of(const char **name, struct cubix_listing *listing, const char *const *names, int n)
{
  int status = CUBIX_OK, there = 0;
  for (int i = 0; i < n && !there; i++) {
    CUBIX_TRY(cubix_listing_has(&there, listing, names[i]));
    *name = there ? names[i] : NULL;
  }
done:
  return status;
}

static int is_soap(int *is, struct cubix_listing *listing)
{
  int status = CUBIX_OK;
  const char *name = NULL;
  CUBIX_TRY(first_of(&name, listing, index_names, 2));
  *is = name != NULL;
done:
  return status;
}

/* A factor to physical kpc or km/s, by the attributes of a column. */
static int stated_factor(double *factor, struct cubix_seek *seek, const char *column, double unit)
{
  static const struct cubix_names power = { 1, { "a-scale exponent" } },
                                  cgs = { 1, { "Conversion factor to CGS (not including cosmological corrections)" } },
                                  physical = { 1, { "Value stored as physical" } };
  const struct cubix_source *source = seek->listing->source;
  int status = CUBIX_OK, found;
  double p = 0, size = 0, is_physical = 0;
  CUBIX_TRY(cubix_source_number(source, column, &cgs, &size, &found));
  CUBIX_CHECK(found && size > 0 && isfinite(size), CUBIX_EINPUT, "%s: /%s states no conversion to cgs", source->path,
              column);
  CUBIX_TRY(cubix_source_number(source, column, &power, &p, &found));
  CUBIX_TRY(cubix_source_number(source, column, &physical, &is_physical, &found));
  *factor = size / unit * (is_physical == 0 && p != 0 ? pow(seek->sim->a, p) : 1);
done:
  return status;
}

static int locate(struct cubix_seek *seek, size_t which, const struct cubix_table *table)
{
  int status = CUBIX_OK, there;
  struct cubix_halo *halo = &seek->halo[which];
  const int64_t at = seek->key[which].index;
  const char *centre = NULL, *const radius = "BoundSubhalo/EncloseRadius",
             *const velocity = "BoundSubhalo/CentreOfMassVelocity";
  double factor;
  CUBIX_TRY(first_of(&centre, seek->listing, centre_names, 2));
  if (centre) {
    CUBIX_TRY(cubix_listing_read(halo->centre, seek->listing, table, centre, three, at, at + 1));
    CUBIX_TRY(stated_factor(&factor, seek, centre, CUBIX_KPC_CM));
    for (int c = 0; c < 3; c++) halo->centre[c] *= factor;
    halo->has_centre = 1;
  }
  CUBIX_TRY(cubix_listing_has(&there, seek->listing, radius));
  if (there) {
    CUBIX_TRY(cubix_listing_read(&halo->radius, seek->listing, table, radius, one, at, at + 1));
    CUBIX_TRY(stated_factor(&factor, seek, radius, CUBIX_KPC_CM));
    halo->radius *= factor;
  }
  CUBIX_TRY(cubix_listing_has(&there, seek->listing, velocity));
  if (there) {
    CUBIX_TRY(cubix_listing_read(halo->velocity, seek->listing, table, velocity, three, at, at + 1));
    CUBIX_TRY(stated_factor(&factor, seek, velocity, 1e5));
    for (int c = 0; c < 3; c++) halo->velocity[c] *= factor;
    halo->has_velocity = 1;
  }
done:
  return status;
}

/* Files of memberships, one for each of the snapshot: membership_0123.4.hdf5, or membership_0123.hdf5 of a
 * snapshot in one file, beside the catalogue or in a folder membership_0123 there.
 * @param[out] files  NULL where the snapshot carries the numbers itself */
static int find_memberships(char ***files, const struct cubix_seek *seek, const struct cubix_names *tag)
{
  static const char *const where[] = { "", "membership_%.*s/", "../membership_%.*s/" };
  const struct cubix_simfile *sim = seek->sim;
  int status = CUBIX_OK, there = 0;
  struct cubix_source *source = NULL;
  char path[4600], folder[300];
  const char *catalogue = seek->listing->file[0],
             *name = strrchr(catalogue, '/') ? strrchr(catalogue, '/') + 1 : catalogue, *number = strrchr(name, '_');
  const int digits = number ? (int)strspn(number + 1, "0123456789") : 0;
  *files = NULL;
  CUBIX_TRY(cubix_source_open(&source, sim->snapshot.file[sim->part[0].member], &sim->options));
  for (int i = 0; i < tag->n && !there; i++) {
    snprintf(path, sizeof path, "%s/%s", sim->group[sim->part[0].type], tag->name[i]);
    CUBIX_TRY(cubix_source_has(&there, source, path));
  }
  if (there || !digits) goto done;
  CUBIX_ALLOC(*files, sim->snapshot.n_file);
  for (int i = 0; i < sim->snapshot.n_file; i++) {
    struct cubix_member m;
    const int numbered = cubix_member_split(&m, sim->snapshot.file[i]);
    for (size_t k = 0; k < sizeof where / sizeof *where && !(*files)[i]; k++) {
      snprintf(folder, sizeof folder, where[k], digits, number + 1);
      if (numbered)
        snprintf(path, sizeof path, "%.*s%smembership_%.*s.%ld.hdf5", (int)(name - catalogue), catalogue, folder,
                 digits, number + 1, m.index);
      else
        snprintf(path, sizeof path, "%.*s%smembership_%.*s.hdf5", (int)(name - catalogue), catalogue, folder, digits,
                 number + 1);
      if (cubix_infile_is(path)) CUBIX_CHECK(((*files)[i] = strdup(path)), CUBIX_ENOMEM, "cannot allocate a file name");
    }
    CUBIX_CHECK((*files)[i], CUBIX_EINPUT,
                "the particles of %s do not carry their halo's number, and there is no %s beside the catalogue or in a "
                "folder membership_%.*s there",
                sim->snapshot.file[i], strrchr(path, '/') ? strrchr(path, '/') + 1 : path, digits, number + 1);
  }
done:
  cubix_source_close(source);
  return status;
}

static int choose(struct cubix_seek *seek)
{
  int status = CUBIX_OK;
  const struct cubix_names *tag = cubix_simfile_species(seek->sim)->tag;
  struct cubix_tags tags = { .n = 1, .name = { tag[CUBIX_TAG_SUBHALO] } };
  struct cubix_table table = { 0 };
  struct cubix_keyset set = { 0 };
  const char *index = NULL;
  char word[64];
  CUBIX_CHECK(seek->subhalo, CUBIX_EUSAGE,
              "GroupType = group (%s): SOAP's rows are subhaloes; choose GroupType subhalo, or, for a group whose "
              "number particles carry (FOFGroupIDs), GroupCatalogue particles",
              cubix_params_origin(seek->par, "GroupType"));
  CUBIX_TRY(first_of(&index, seek->listing, index_names, 2));
  CUBIX_TRY(cubix_listing_table(&table, seek->listing, index));
  CUBIX_TRY(cubix_seek_check(seek, table.n, "subhaloes"));
  CUBIX_TRY(cubix_keyset_init(&set, seek->n));
  const int is_old = !strcmp(index, index_names[1]);
  for (size_t i = 0; i < seek->n; i++) {
    const int64_t at = seek->key[i].index;
    double number;
    CUBIX_TRY(cubix_listing_read(&number, seek->listing, &table, index, one, at, at + 1));
    /* VELOCIraptor's identifiers count from 1, and may begin with the snapshot's number */
    if (is_old) number = fmod(number, 1e12) - 1;
    CUBIX_CHECK(number >= 0 && cubix_keyset_find(&set, (int64_t)number) < 0, CUBIX_EINPUT,
                number < 0 ? "%s: /%s is %.0f in row %lld; it must be from 0 on"
                           : "%s: /%s has %.0f twice, in row %lld and an earlier one of GroupIndex",
                seek->listing->file[0], index, number, (long long)at);
    cubix_keyset_add(&set, (int64_t)number, (int64_t)i);
    CUBIX_TRY(locate(seek, i, &table));
    cubix_log(CUBIX_LOG_INFO, "%s of %s has the %s %.0f", cubix_group_word(word, sizeof word, seek->par, &seek->key[i]),
              seek->listing->file[0], strrchr(index, '/') + 1, number);
  }
  CUBIX_TRY(find_memberships(&tags.file, seek, &tags.name[0]));
  CUBIX_TRY(cubix_tagged_choose(seek->choice, seek->sim, &tags, &set));
done:
  for (int i = 0; tags.file && i < seek->sim->snapshot.n_file; i++) free(tags.file[i]);
  free(tags.file);
  cubix_keyset_free(&set);
  cubix_table_free(&table);
  return status;
}

const struct cubix_catalogue_kind cubix_catalogue_soap = { "SOAP", "InputHalos/HaloCatalogueIndex or VR/ID", is_soap,
                                                           choose };
