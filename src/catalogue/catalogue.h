/* catalogue.h -- of a snapshot only the particles of some groups, by a halo catalogue. */
#ifndef CUBIX_CATALOGUE_H
#define CUBIX_CATALOGUE_H

#include "params/params.h"
#include "simulation/simfile.h"

/* What a catalogue says of a group beside its members. */
struct cubix_halo {
  int has_centre, has_velocity;
  double centre[3];               /* [kpc, physical], in the snapshot's frame */
  double velocity[3];             /* [km/s, peculiar] */
  double radius;                  /* [kpc, physical]; 0: it says none */
};

/* Row of the catalogue's table, or, where particles carry numbers, the number. */
struct cubix_group_key { int64_t index, sub; };     /* sub: behind a colon, "3:0"; -1: none */

/* The groups that GroupIndex lists. */
struct cubix_groups {
  size_t n;
  struct cubix_group_key *key;    /* [n] */
  struct cubix_choice *choice;    /* [n] which rows of the snapshot they have */
  struct cubix_halo *halo;        /* [n] */
};

/** What GroupIndex lists, each group once.  Local.  @param[out] key  [n] the caller frees it
 *  Errors: CUBIX_EUSAGE: it lists none, or what is no number. */
int cubix_group_keys(struct cubix_group_key **key, size_t *n, const struct cubix_params *par);
/** A file name with the group's number in the place of every %d: "g_12.fits", "g_12_0.fits".  Local.
 *  Errors: CUBIX_EUSAGE: it is too long. */
int cubix_group_file(char *to, size_t size, const char *pattern, const struct cubix_group_key *key);
/** "12" or "12:0", as GroupIndex has it.  Local.  @return text, borrowed from the caller */
const char *cubix_group_number(char *text, size_t size, const struct cubix_group_key *key);

/** Find the groups that GroupIndex lists in the snapshot; none without a GroupCatalogue.  Local.
 *  @param[out] groups to be freed
 *  Errors: CUBIX_EINPUT: the catalogue is no catalogue, or not of this snapshot; CUBIX_EUSAGE: there is no such
 *  group. */
int cubix_catalogue_find(struct cubix_groups *groups, const struct cubix_simfile *sim, const struct cubix_params *par);
/** Only particles of the groups first .. first + n - 1 of them count from now on, and the first of these states
 * the centre.  Local.  Errors: CUBIX_ENONE: they have no stars. */
int cubix_catalogue_choose(struct cubix_simfile *sim, const struct cubix_params *par,
                           const struct cubix_groups *groups, size_t first, size_t n);
void cubix_groups_free(struct cubix_groups *groups);

#endif
