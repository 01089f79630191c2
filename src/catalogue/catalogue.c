/* catalogue.c -- which catalogue it is, which groups are wanted, and what becomes of what was found.
 *
 * A kind of catalogue is told by the tables that it holds.  A catalogue belongs to a snapshot where both
 * state the same redshift; whether it was written with it only their counts can show. */
#include "catalogue/catalogue.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5read.h"
#include "base/infile.h"
#include "base/log.h"
#include "catalogue/catalogue_parts.h"

static const struct cubix_catalogue_kind *const kinds[] = { &cubix_catalogue_subfind,
                                                            &cubix_catalogue_subfind_binary,
                                                            &cubix_catalogue_eagle,
                                                            &cubix_catalogue_soap,
                                                            &cubix_catalogue_velociraptor,
                                                            &cubix_catalogue_hbt,
                                                            &cubix_catalogue_caesar };
enum { N_KIND = sizeof kinds / sizeof *kinds };

/* A group that is listed twice is one. */
static void drop_repeats(struct cubix_group_key *keys, size_t *n)
{
  size_t kept = 0;
  for (size_t i = 0, k; i < *n; i++) {
    for (k = 0; k < kept && (keys[k].index != keys[i].index || keys[k].sub != keys[i].sub); k++) continue;
    if (k == kept) keys[kept++] = keys[i];
  }
  *n = kept;
}

/* "3, 7:0, 12" */
static int read_keys(struct cubix_group_key **keys, size_t *n, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const char *at = par->GroupIndex, blanks[] = " \t,;";
  *n = 0;
  CUBIX_ALLOC(*keys, strlen(at) + 1);
  for (at += strspn(at, blanks); *at; at += strspn(at, blanks)) {
    char *end = NULL;
    struct cubix_group_key key = { isdigit((unsigned char)*at) ? strtoll(at, &end, 10) : -1, -1 };
    if (end && *end == ':') key.sub = isdigit((unsigned char)end[1]) ? strtoll(end + 1, &end, 10) : -2;
    CUBIX_CHECK(key.index >= 0 && key.sub > -2 && (!*end || strchr(blanks, *end)), CUBIX_EUSAGE,
                "GroupIndex = %s (%s): '%.20s' is no number from 0 on; write one like 12, or several like 3, 7, 12",
                par->GroupIndex, cubix_params_origin(par, "GroupIndex"), at);
    CUBIX_CHECK(key.sub < 0 || (key.index <= INT32_MAX && key.sub <= INT32_MAX), CUBIX_EUSAGE,
                "GroupIndex = %s (%s): '%.40s' is no pair of numbers from 0 to %d", par->GroupIndex,
                cubix_params_origin(par, "GroupIndex"), at, INT32_MAX);
    (*keys)[(*n)++] = key;
    at = end;
  }
  drop_repeats(*keys, n);
  CUBIX_CHECK(*n, CUBIX_EUSAGE, "GroupIndex (%s) lists no group", cubix_params_origin(par, "GroupIndex"));
done:
  return status;
}

static int find_kind(const struct cubix_catalogue_kind **kind, struct cubix_listing *listing)
{
  int status = CUBIX_OK, is;
  char known[1024] = "", groups[256];
  *kind = NULL;
  for (int i = 0; i < N_KIND && !*kind; i++) {
    CUBIX_TRY(kinds[i]->is(&is, listing));
    if (is) *kind = kinds[i];
    snprintf(known + strlen(known), sizeof known - strlen(known), "\n  %s: %s", kinds[i]->name, kinds[i]->holds);
  }
  if (*kind) goto done;
  CUBIX_TRY(cubix_listing_go(listing, 0));
  cubix_source_list(listing->source, "/", groups, sizeof groups);
  CUBIX_CHECK(*kind, CUBIX_EINPUT, "GroupCatalogue = %s is no catalogue that is known.  It holds %s.  Known are:%s",
              listing->file[0], groups[0] ? groups : "no groups", known);
done:
  return status;
}

static int check_epoch(const struct cubix_seek *seek)
{
  static const char *const objects[] = { "Header", "Cosmology", "simulation_attributes" };
  static const struct cubix_names redshift = { 2, { "Redshift", "redshift" } };
  int status = CUBIX_OK, found = 0;
  double z = 0;
  for (size_t i = 0; i < sizeof objects / sizeof *objects && !found; i++)
    CUBIX_TRY(cubix_listing_number(&z, &found, seek->listing, objects[i], &redshift));
  if (found) CUBIX_TRY(cubix_seek_check_epoch(seek, z));
done:
  return status;
}

/* "BASE" of VELOCIraptor's BASE.properties. */
static const char *path_of(char *path, size_t size, const char *given)
{
  static const char *const ends[] = { ".properties", ".properties.0" };
  for (int i = 0; i < 2; i++) {
    snprintf(path, size, "%.4000s%s", given, ends[i]);
    if (cubix_infile_is(path)) return path;
  }
  return given;
}

int cubix_catalogue_find(struct cubix_groups *groups, const struct cubix_simfile *sim, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct cubix_listing listing = { 0 };
  const struct cubix_catalogue_kind *kind = NULL;
  struct cubix_seek seek = { .sim = sim, .par = par, .subhalo = par->GroupType == CUBIX_GroupType_subhalo };
  struct cubix_h5_quiet quiet;
  char path[4100];

  cubix_h5_quiet_begin(&quiet);
  *groups = (struct cubix_groups){ 0 };
  if (!strcmp(par->GroupCatalogue, "none")) goto done;
  CUBIX_TRY(read_keys(&groups->key, &groups->n, par));
  CUBIX_ALLOC(groups->choice, groups->n);
  CUBIX_ALLOC(groups->halo, groups->n);
  seek.n = groups->n;
  seek.key = groups->key;
  seek.choice = groups->choice;
  seek.halo = groups->halo;
  if (!strcmp(par->GroupCatalogue, "particles")) {
    CUBIX_TRY(cubix_catalogue_particles(&seek));
  } else if (cubix_catalogue_is_tipsy(&seek)) {
    CUBIX_TRY(cubix_catalogue_tipsy(&seek));
  } else {
    CUBIX_TRY(cubix_listing_open(&listing, path_of(path, sizeof path, par->GroupCatalogue)));
    seek.listing = &listing;
    CUBIX_TRY(find_kind(&kind, &listing));
    cubix_log(CUBIX_LOG_INFO, "%s is a catalogue of %s", listing.file[0], kind->name);
    CUBIX_TRY(check_epoch(&seek));
    CUBIX_TRY(kind->choose(&seek));
  }
done:
  cubix_listing_free(&listing);
  cubix_h5_quiet_end(&quiet);
  return status;
}

/* Where a group is, to who asks for a centre. */
static void state(struct cubix_snapshot *s, const struct cubix_halo *halo)
{
  char size[64] = "";
  s->has_centre = halo->has_centre;
  s->has_velocity = halo->has_velocity;
  memcpy(s->centre, halo->centre, sizeof halo->centre);
  memcpy(s->velocity, halo->velocity, sizeof halo->velocity);
  if (halo->radius > 0) snprintf(size, sizeof size, ", radius %.4g kpc", halo->radius);
  if (halo->has_centre)
    cubix_log(CUBIX_LOG_INFO, "the catalogue states the centre (%.6g, %.6g, %.6g) kpc%s", s->centre[0], s->centre[1],
              s->centre[2], size);
  if (halo->has_velocity)
    cubix_log(CUBIX_LOG_INFO, "the catalogue states the velocity (%.5g, %.5g, %.5g) km/s", s->velocity[0],
              s->velocity[1], s->velocity[2]);
}

int cubix_catalogue_choose(struct cubix_simfile *sim, const struct cubix_params *par,
                           const struct cubix_groups *groups, size_t first, size_t n)
{
  int status = CUBIX_OK;
  const int stars = sim->population == CUBIX_STARS;
  const struct cubix_halo *halo = &groups->halo[first];
  struct cubix_choice all = { 0 };
  char what[200], word[64];
  for (size_t i = first; i < first + n; i++)
    for (size_t k = 0; k < groups->choice[i].n; k++) {
      const struct cubix_chosen *one = &groups->choice[i].list[k];
      CUBIX_TRY(cubix_choice_add(&all, one->part, one->rows.from, one->rows.to));
    }
  cubix_group_word(word, sizeof word, par, &groups->key[first]);
  for (int c = 0; c < 3; c++)
    CUBIX_CHECK(isfinite(halo->centre[c]) && isfinite(halo->velocity[c]), CUBIX_EINPUT,
                "GroupCatalogue = %s states the centre (%g, %g, %g) and the velocity (%g, %g, %g) of %s: it is damaged",
                par->GroupCatalogue, halo->centre[0], halo->centre[1], halo->centre[2], halo->velocity[0],
                halo->velocity[1], halo->velocity[2], word);
  snprintf(what, sizeof what, "GroupIndex = %.80s (%s): %s%s", par->GroupIndex, cubix_params_origin(par, "GroupIndex"),
           word, n > 1 ? " and the others together" : "");
  CUBIX_TRY(cubix_simfile_choose(sim, &all, what));
  cubix_log(CUBIX_LOG_INFO, "%s%s: %lld %s in %d of %d file(s)", word, n > 1 ? " and others" : "",
            (long long)sim->n_total, stars ? "star particles" : "cells of gas",
            sim->n_part ? sim->part[sim->n_part - 1].member - sim->part[0].member + 1 : 0, sim->snapshot.n_file);
  if (stars) state(&sim->snapshot, halo);
  if (!par->Centre.word || !sim->n_part) goto done;
  if (halo->has_centre) memcpy(sim->reference, halo->centre, sizeof halo->centre);
  else CUBIX_TRY(cubix_simfile_first_position(sim->reference, sim));
done:
  cubix_choice_free(&all);
  return status;
}

void cubix_groups_free(struct cubix_groups *groups)
{
  for (size_t i = 0; groups->choice && i < groups->n; i++) cubix_choice_free(&groups->choice[i]);
  free(groups->choice);
  free(groups->halo);
  free(groups->key);
  *groups = (struct cubix_groups){ 0 };
}
