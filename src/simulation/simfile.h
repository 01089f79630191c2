/* simfile.h -- what a simulation's file(s) hold, before anything is read: members, counts, columns, conversions. */
#ifndef CUBIX_SIMFILE_H
#define CUBIX_SIMFILE_H

#include <stdint.h>

#include "params/params.h"
#include "simulation/simformat.h"
#include "simulation/slab.h"

enum cubix_population { CUBIX_STARS, CUBIX_GAS };

/* Rows from .. to - 1. */
struct cubix_span { int64_t from, to; };

/* Rows of a part that count, one behind the other. */
struct cubix_run {
  struct cubix_span rows;         /* of the file */
  int64_t before;                 /* how many rows of the part count before these */
};

/* The particles of one type in one member. */
struct cubix_simpart {
  int member, type;               /* number of the type in cubix_simfile.type */
  int64_t n;                      /* rows that count */
  int64_t n_row;                  /* rows of the file */
  int64_t first_run, n_run;       /* which of them count: of cubix_simfile.run; n_run 0: all */
  double first[6];                /* position and velocity in row 0, as the file has them */
  unsigned char reads[CUBIX_N_FIELD]; /* 1: there is a column; else */
  double value[CUBIX_N_FIELD];    /* what all of them have, in internal units; NAN: nothing */
};

struct cubix_simfile {
  struct cubix_snapshot snapshot; /* with the list of members */
  struct cubix_source_options options; /* with which each of them is opened */
  enum cubix_population population;
  int everything;                 /* 1: what can be done without is read where it is there */
  int n_part;
  struct cubix_simpart *part;     /* [n_part] in the order of members, and of types in each */
  int n_all;
  struct cubix_simpart *all;      /* [n_all] parts before any choice; NULL: nothing was chosen */
  int64_t n_run;
  struct cubix_run *run;          /* [n_run] in the order of parts, and rising in each; NULL: all rows count */
  /* [snapshot.n_file] 1: some of its data lie in other files, and every rank looks for them itself */
  unsigned char *abroad;
  int64_t n_total;                /* particles of all parts, wind cells included */
  int64_t n_far;                  /* rows beyond SelectRadius that do not count, by an index of the snapshot */
  int n_type, type[CUBIX_N_TYPE]; /* -1: without a number */
  char group[CUBIX_N_TYPE][64];
  double a;                       /* scale factor of the snapshot; 1 for an isolated run */
  double now;                     /* its time [Gyr], where there are formation times */
  enum cubix_field birth;         /* what says when a star formed */
  enum cubix_unborn unborn;
  enum cubix_birth_mass birth_mass;
  struct {
    char name[96];                /* in its group; "": not read */
    struct cubix_pick pick;
    double factor;                /* to internal units */
    int of_mass;                  /* 1: divided by the particle's mass */
    int rest;                     /* 1: then taken from 1 */
  } field[CUBIX_N_FIELD];
  double unborn_age[CUBIX_N_TYPE]; /* of stars without a time of formation, by the user [Gyr]; NAN: not said */
  double reference[3];            /* a periodic box is unwrapped about this point [kpc] */
  /* for who looks into catalogues, on the process that has opened it; NULL on others */
  struct cubix_simformat *format;
  struct cubix_scales scales;
  double length;                  /* kpc of the lengths in headers and catalogues */
};

/** Look into the file(s) that InputFile names: format, header, and the type, shape and unit of every
 * column that is wanted.  Local.
 *  @param everything  1: also columns that nothing asks for: identifiers, and of stars potentials and lengths
 *  @param[out] sim owned by the caller  Errors: CUBIX_EINPUT: anything wrong with the files;
 *  CUBIX_EUSAGE: with SimulationFormat or a format file. */
int cubix_simfile_open(struct cubix_simfile **sim, const struct cubix_params *par, enum cubix_population population,
                       int everything);
void cubix_simfile_free(struct cubix_simfile *sim);
/** Path of a column in the member of a part.  Local.  @return path, borrowed from the caller */
const char *cubix_simfile_path(char *path, size_t size, const struct cubix_simfile *sim,
                               const struct cubix_simpart *part, enum cubix_field field);

/** What the format says of these particles, on the process that has opened the files.  Local. */
const struct cubix_species *cubix_simfile_species(const struct cubix_simfile *sim);
/** Row of the file that is number i of the rows of a part that count.  Local. */
int64_t cubix_simfile_row(const struct cubix_simfile *sim, const struct cubix_simpart *part, int64_t i);

/* Rows that are chosen, in any order; some may be twice. */
struct cubix_choice {
  size_t n, room;
  struct cubix_chosen { int part; struct cubix_span rows; } *list;
};
/** Choose rows of a part.  Local. */
int cubix_choice_add(struct cubix_choice *choice, int part, int64_t from, int64_t to);
void cubix_choice_free(struct cubix_choice *choice);
/** Leave of one choice what is in another, too; each row once, in the order of the file.  Local. */
int cubix_choice_common(struct cubix_choice *one, struct cubix_choice *other);
/** Only these rows count from now on, whatever was chosen before.  Parts are numbered as they were before the first
 * choice.  Local.  @param what  of which they are, for messages
 *  Errors: CUBIX_ENONE: there are no stars among them; there may be no gas. */
int cubix_simfile_choose(struct cubix_simfile *sim, struct cubix_choice *choice, const char *what);
/** The position in the first row that counts [kpc].  Local.  Errors: CUBIX_EINPUT. */
int cubix_simfile_first_position(double position[3], const struct cubix_simfile *sim);

/* What a member's header says of the whole snapshot, up to CUBIX_HEADER_VIRTUAL. */
struct cubix_stated {
  double number[CUBIX_N_HEADER];
  int n[CUBIX_N_HEADER];          /* 0: it does not say */
  double unit[CUBIX_N_UNIT];      /* of the code, in cgs; NAN: it does not say */
  char label[128];
};
/** Ask a member.  Local.  Errors: CUBIX_EINPUT: an attribute of the wrong type; a label may be of any. */
int cubix_simfile_stated(struct cubix_stated *stated, const struct cubix_source *source,
                         const struct cubix_simformat *format);
/** Two members must say the same.  Local.  Errors: CUBIX_EINPUT with both files and both values. */
int cubix_simfile_agree(const struct cubix_stated *one, const char *one_path, const struct cubix_stated *two,
                        const char *two_path, const struct cubix_simformat *format);
/* What a column's attributes say in the first member that has any rows of it. */
struct cubix_stated_column { int known, member; double x[CUBIX_N_ATTRIBUTE]; };
/** The member that is open must say the same of a column as the first one.  Local.
 *  @param files  paths of the members  @param member  which one is open
 *  Errors: CUBIX_EINPUT with both files and both values. */
int cubix_simfile_columns_agree(struct cubix_stated_column *first, const struct cubix_source *source, const char *path,
                                const struct cubix_simformat *format, const char *const *files, int member);
/** The format of a file, by its name (or "auto") or by looking into it (and, where it holds no stars, into its
 * siblings).  Local.
 *  Errors: CUBIX_EINPUT: none fits, or several, with what was looked for and found. */
int cubix_simfile_recognise(struct cubix_simformat *format, const char *path, const char *name,
                            const struct cubix_source_options *options);

#endif
