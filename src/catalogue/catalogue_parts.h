/* catalogue_parts.h -- inside src/catalogue: kinds of catalogues. */
#ifndef CUBIX_CATALOGUE_PARTS_H
#define CUBIX_CATALOGUE_PARTS_H

#include "catalogue/catalogue.h"
#include "catalogue/listing.h"

/* What is looked for, and what is found. */
struct cubix_seek {
  const struct cubix_simfile *sim;
  const struct cubix_params *par;
  struct cubix_listing *listing;
  int subhalo;                    /* GroupType */
  size_t n;
  const struct cubix_group_key *key; /* [n], and what is found of each: */
  struct cubix_choice *choice;
  struct cubix_halo *halo;
};

struct cubix_catalogue_kind {
  const char *name, *holds;       /* "Subfind", and what a file of this kind has, for messages */
  int (*is)(int *is, struct cubix_listing *listing);
  int (*choose)(struct cubix_seek *seek);
};
extern const struct cubix_catalogue_kind cubix_catalogue_subfind, cubix_catalogue_subfind_binary,
    cubix_catalogue_eagle, cubix_catalogue_soap, cubix_catalogue_velociraptor, cubix_catalogue_hbt,
    cubix_catalogue_caesar;

/** Of particles that carry the number of their group, without a catalogue.  Local. */
int cubix_catalogue_particles(struct cubix_seek *seek);
/** Of a Tipsy snapshot whose particles have these numbers in a file of their own, GroupCatalogue.  Local. */
int cubix_catalogue_tipsy(struct cubix_seek *seek);
/** Whether it is that.  Local. */
int cubix_catalogue_is_tipsy(const struct cubix_seek *seek);
/** By AHF: GroupCatalogue is one of its files, STEM.AHF_halos ..., or STEM.  Local. */
int cubix_catalogue_ahf(struct cubix_seek *seek);
/** Whether it is that.  Local. */
int cubix_catalogue_is_ahf(const struct cubix_seek *seek);

/** The catalogue is of this redshift, and so must be the snapshot.  Local.  Errors: CUBIX_EINPUT. */
int cubix_seek_check_epoch(const struct cubix_seek *seek, double redshift);

/** The row of every key must be one of 0 .. n - 1.  Local.  @param what  "subhaloes"
 *  Errors: CUBIX_EUSAGE. */
int cubix_seek_check(const struct cubix_seek *seek, int64_t n, const char *what);
/** Group i has rows of the type number t: those in this place among all of that type.  Local.
 *  Errors: CUBIX_EINPUT: the snapshot has fewer. */
int cubix_seek_choose(const struct cubix_seek *seek, size_t i, int t, int64_t from, int64_t n);
/** A row of a column that may be missing, its numbers times a factor.  Local.
 *  @param x [pick.n_c]  left alone where it is missing  @param[out] there  0: it is */
int cubix_seek_scaled(double *x, int *there, struct cubix_seek *seek, const struct cubix_table *table,
                      const char *column, struct cubix_pick pick, int64_t row, double factor);
/** "subhalo 3", "group 2", "subhalo 3:0".  Local.  @return text, borrowed from the caller */
const char *cubix_group_word(char *text, size_t size, const struct cubix_params *par,
                             const struct cubix_group_key *key);

#endif
