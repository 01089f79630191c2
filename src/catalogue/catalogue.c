/* catalogue.c -- which catalogue it is, which groups are wanted, and what becomes of what was found.
 *
 * A kind of catalogue is told by the tables that it holds.  A catalogue belongs to a snapshot where both
 * state the same redshift; whether it was written with it only their counts can show. */
#include "catalogue/catalogue.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5read.h"
#include "base/infile.h"
#include "base/log.h"
#include "catalogue/catalogue_parts.h"
#include "simulation/spatial.h"

static const struct cubix_catalogue_kind *const kinds[] = { &cubix_catalogue_subfind,
                                                            &cubix_catalogue_subfind_binary,
                                                            &cubix_catalogue_eagle,
                                                            &cubix_catalogue_soap,
                                                            &cubix_catalogue_velociraptor,
                                                            &cubix_catalogue_hbt,
                                                            &cubix_catalogue_caesar };
enum { N_KIND = sizeof kinds / sizeof *kinds };

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

/* Box and h of both must be the same: all simulations have a snapshot of redshift 0. */
static int check_box(const struct cubix_seek *seek)
{
  static const struct cubix_names side = { 1, { "BoxSize" } }, small_h = { 1, { "HubbleParam" } };
  const struct cubix_snapshot *s = &seek->sim->snapshot;
  static const char remedy[] = "take the catalogue that was written with the snapshot";
  int status = CUBIX_OK, found;
  double box = 0, h = 0;
  CUBIX_TRY(cubix_listing_number(&box, &found, seek->listing, "Header", &side));
  box *= seek->sim->length;
  CUBIX_CHECK(!found || !(s->box > 0) || fabs(box - s->box) <= 1e-3 * s->box, CUBIX_EINPUT,
              "%s is of a box of %.6g kpc, and the snapshot %s of %.6g: %s", seek->listing->file[0], box, s->file[0],
              s->box, remedy);
  CUBIX_TRY(cubix_listing_number(&h, &found, seek->listing, "Header", &small_h));
  CUBIX_CHECK(!found || !(s->h > 0) || fabs(h - s->h) <= 1e-4 * s->h, CUBIX_EINPUT,
              "%s is of a universe with h = %.6g, and the snapshot %s with %.6g: %s", seek->listing->file[0], h,
              s->file[0], s->h, remedy);
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
  CUBIX_TRY(cubix_group_keys(&groups->key, &groups->n, par));
  CUBIX_ALLOC(groups->choice, groups->n);
  CUBIX_ALLOC(groups->halo, groups->n);
  seek.n = groups->n;
  seek.key = groups->key;
  seek.choice = groups->choice;
  seek.halo = groups->halo;
  if (!strcmp(par->GroupCatalogue, "particles")) {
    CUBIX_TRY(cubix_catalogue_particles(&seek));
  } else if (cubix_catalogue_is_ahf(&seek)) {
    CUBIX_TRY(cubix_catalogue_ahf(&seek));
  } else if (cubix_catalogue_is_tipsy(&seek)) {
    CUBIX_TRY(cubix_catalogue_tipsy(&seek));
  } else {
    CUBIX_TRY(cubix_listing_open(&listing, path_of(path, sizeof path, par->GroupCatalogue)));
    seek.listing = &listing;
    CUBIX_TRY(find_kind(&kind, &listing));
    cubix_log(CUBIX_LOG_INFO, "%s is a catalogue of %s", listing.file[0], kind->name);
    CUBIX_TRY(check_epoch(&seek));
    CUBIX_TRY(check_box(&seek));
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

/* Files in which something counts. */
static int count_members(const struct cubix_simfile *sim)
{
  int n = 0;
  for (int i = 0; i < sim->n_part; i++) n += i == 0 || sim->part[i].member != sim->part[i - 1].member;
  return n;
}

static int64_t count_rows(const struct cubix_choice *choice)
{
  int64_t n = 0;
  for (size_t i = 0; i < choice->n; i++) n += choice->list[i].rows.to - choice->list[i].rows.from;
  return n;
}

/* What lies beyond SelectRadius by the snapshot's own index need not be read. */
static int cut(struct cubix_choice *all, struct cubix_simfile *sim, const struct cubix_params *par,
               const struct cubix_halo *halo)
{
  int status = CUBIX_OK, used = 0;
  struct cubix_choice near = { 0 };
  struct cubix_simfile whole = *sim;                /* before any choice */
  const int given = !par->Centre.word, stated = !given && !strcmp(par->Centre.word, "auto") && halo->has_centre;
  int64_t n;
  sim->n_far = 0;
  if (!(par->SelectRadius > 0) || !(given || stated) || !(sim->population == CUBIX_STARS || sim->everything)) goto done;
  if (sim->all) {
    whole.part = sim->all;
    whole.n_part = sim->n_all;
    whole.n_total = 0;
    for (int i = 0; i < sim->n_all; i++) whole.n_total += sim->all[i].n;
  }
  double centre[3];
  memcpy(centre, halo->centre, sizeof centre);
  if (given) cubix_centre_given(centre, par, &sim->snapshot);
  CUBIX_TRY(cubix_spatial_near(&near, &used, &whole, centre, par->SelectRadius));
  if (!used || !near.n) goto done;
  CUBIX_TRY(cubix_choice_common(&near, all));
  n = count_rows(all);                              /* each row once by now */
  if (!near.n) goto done;                           /* the cut itself says so */
  sim->n_far = n - count_rows(&near);
  cubix_choice_free(all);
  *all = near;
  near = (struct cubix_choice){ 0 };
done:
  cubix_choice_free(&near);
  return status;
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
  CUBIX_TRY(cut(&all, sim, par, halo));
  snprintf(what, sizeof what, "GroupIndex = %.80s (%s): %s%s", par->GroupIndex, cubix_params_origin(par, "GroupIndex"),
           word, n > 1 ? " and the others together" : "");
  CUBIX_TRY(cubix_simfile_choose(sim, &all, what));
  cubix_log(CUBIX_LOG_INFO, "%s%s: %lld %s in %d of %d file(s)", word, n > 1 ? " and others" : "",
            (long long)(sim->n_total + sim->n_far), stars ? "star particles" : "cells of gas", count_members(sim),
            sim->snapshot.n_file);
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
