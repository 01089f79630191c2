/* simfile_parts.h -- inside src/simulation: what the files of the look share. */
#ifndef CUBIX_SIMFILE_PARTS_H
#define CUBIX_SIMFILE_PARTS_H

#include "simulation/by_type.h"
#include "simulation/simfile.h"

/* What is looked at. */
struct cubix_look {
  const struct cubix_simformat *format;
  const struct cubix_species *species;
  const struct cubix_params *par;
  const struct cubix_source *source; /* the member that is open */
  struct cubix_scales scales;
  struct cubix_stated_column stated[CUBIX_N_TYPE][CUBIX_N_FIELD];
  double length;                  /* lengths of the header in kpc */
  int assumes;                    /* 1: only the format says in which unit the file's lengths are */
  char births[256];               /* a column of masses at birth that StarInitialMass puts aside; "": none */
  double age[CUBIX_N_BY_TYPE], metallicity[CUBIX_N_BY_TYPE]; /* StarAge, StarMetallicity; NAN: not given */
};

/** Redshift, scale factor, cosmology, units of the code, into sim and look->scales.  Local.
 *  Errors: CUBIX_EINPUT: a header that contradicts itself, or lacks what is needed. */
int cubix_simfile_header(struct cubix_simfile *sim, struct cubix_look *look);
/** Which types of particles are wanted: StarType, or the format's.  Local. */
int cubix_simfile_types(struct cubix_simfile *sim, struct cubix_look *look);
/** Side of the box and centre, where they are stated.  Local. */
int cubix_simfile_places(struct cubix_simfile *sim, const struct cubix_look *look);
/** Whether all files of a snapshot together hold as many particles as their header counts, and none is a copy of
 * another.  The last one is open.  Local.
 *  Errors: CUBIX_EINPUT: other numbers, unless SanityCheck is warn; a copy. */
int cubix_simfile_whole(const struct cubix_simfile *sim, const struct cubix_look *look);
/** A file that is read alone must not be one of several.  Local.  Errors: CUBIX_EINPUT: it is, by what its header
 * counts. */
int cubix_simfile_alone(const struct cubix_simfile *sim, const struct cubix_look *look);
/** Choose a quantity's column, where that has not been done and a part has one.  Local.
 *  Errors: CUBIX_EINPUT: it has several numbers a row, and nobody says which; ages need what is not there. */
int cubix_simfile_find_field(struct cubix_simfile *sim, const struct cubix_look *look, const struct cubix_simpart *part,
                             enum cubix_field field);
/** 1 where a quantity is needed, or read where it is there.  Of what says when a star formed it is one:
 * the one that was found, else Age.  Local. */
int cubix_simfile_wants(const struct cubix_simfile *sim, const struct cubix_look *look, enum cubix_field field);
/** What a column's numbers are multiplied by.  Local.  Errors: as cubix_simformat_factor. */
int cubix_simfile_factor(double *factor, const struct cubix_look *look, const struct cubix_simfile *sim,
                         enum cubix_field field, const char *path);
/** What turns lengths of the header into kpc, into look->length.  Local.  @param path  of the positions */
int cubix_simfile_length(struct cubix_look *look, const struct cubix_simfile *sim, const char *path);
/** Count the gas of the member that is open, and note what it says of it.  Local. */
int cubix_simfile_note_gas(struct cubix_snapshot *snapshot, const struct cubix_look *look);
/** Note masses at birth that a part has and StarInitialMass puts aside.  Local. */
int cubix_simfile_note_births(struct cubix_look *look, const struct cubix_simfile *sim,
                              const struct cubix_simpart *part);
/** Say, after all members, where masses at birth come from, also to the output, and what the user gives in
 * vain.  Local. */
void cubix_simfile_say_given(struct cubix_simfile *sim, const struct cubix_look *look);
/** The value that takes the place of a column that a part lacks: the table of masses, or what the user
 * gives.  Local.  @param[out] value  NAN: it can be done without
 *  Errors: CUBIX_EINPUT: nobody says, with the remedy. */
int cubix_simfile_stand_in(double *value, const struct cubix_look *look, struct cubix_simfile *sim,
                           const struct cubix_simpart *part, enum cubix_field field);

#endif
