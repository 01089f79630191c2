/* simfile.h -- what the file(s) of a simulation hold, found out before anything is read: members,
 * counts, datasets, conversions. */
#ifndef CUBIX_SIMFILE_H
#define CUBIX_SIMFILE_H

#include <stdint.h>

#include "params/params.h"
#include "simulation/simformat.h"
#include "simulation/slab.h"

struct cubix_simfile {
  struct cubix_snapshot snapshot; /* with the list of members */
  int64_t *n_star;                /* [snapshot.n_file] star particles in each member, wind cells included */
  /* [snapshot.n_file] 1: some of its data lie in other files, which every rank must find for itself */
  unsigned char *abroad;
  int64_t n_total;                /* sum of n_star */
  double a;                       /* scale factor of the snapshot */
  struct {
    char path[160];               /* in the file; "": not read */
    double factor;                /* to internal units */
  } field[CUBIX_N_FIELD];
  double reference[3];            /* a periodic box is unwrapped about this point [kpc] */
};

/** Examine the file(s) that InputFile names: format, header, and the type, shape and unit of every
 * dataset.  Local.
 *  @param[out] sim owned by the caller
 *  Errors: CUBIX_EINPUT: anything wrong with the files; CUBIX_EUSAGE: a wrong SimulationFormat or
 *    format file. */
int cubix_simfile_open(struct cubix_simfile **sim, const struct cubix_params *par);
void cubix_simfile_free(struct cubix_simfile *sim);

/** List the files of a snapshot and their sizes.  Local.
 *  @param path  an existing member
 *  @param n_file  number of files by the header; 0: it does not say
 *  @param by_stem 1: the user named a stem, not a file
 *  Errors: CUBIX_EINPUT with the name of a missing member. */
int cubix_simfile_members(struct cubix_snapshot *snapshot, const char *path, double n_file, int by_stem);

/* What a member's header states about the whole snapshot. */
struct cubix_stated {
  double number[CUBIX_N_HEADER];
  int n[CUBIX_N_HEADER];          /* 0: not stated; the centre is not read */
  char label[128];
};
/** Read it from a member's header.  Local.
 *  Errors: CUBIX_EINPUT: an attribute of the wrong type (a label may have any). */
int cubix_simfile_stated(struct cubix_stated *stated, hid_t file, const struct cubix_simformat *format);
/** Check that two members state the same.  Local.
 *  Errors: CUBIX_EINPUT with both files and both values. */
int cubix_simfile_agree(const struct cubix_stated *one, const char *one_path, const struct cubix_stated *two,
                        const char *two_path, const struct cubix_simformat *format);
/** An existing file for InputFile: the file itself, or the first member if it is a stem.  Local.
 *  @param[out] path [size] */
int cubix_simfile_first(char *path, size_t size, const char *input);
/** Find the format of a file, by name or from its content (if it holds no stars, from that of its
 * siblings).  Local. */
int cubix_simfile_recognise(struct cubix_simformat *format, const char *path, const char *name);

#endif
