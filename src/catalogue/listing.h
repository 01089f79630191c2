/* listing.h -- the tables of a catalogue, as if all of its files were one. */
#ifndef CUBIX_LISTING_H
#define CUBIX_LISTING_H

#include <stdint.h>

#include "simulation/source.h"

struct cubix_listing {
  int n_file;
  char **file;                    /* [n_file] */
  struct cubix_source *source;    /* the one that is open */
  int open;                       /* its number */
  int n_known;                    /* what was asked of all files before */
  struct { char path[96]; int there; } known[32];
};

/* A table: columns with equally many rows. */
struct cubix_table { int64_t n, *before; };           /* before: [n_file + 1] rows in the files before each */

/** Find the files of a catalogue.  Local.  @param[out] listing to be freed
 *  Errors: CUBIX_EINPUT: there are none, or one is missing. */
int cubix_listing_open(struct cubix_listing *listing, const char *path);
void cubix_listing_free(struct cubix_listing *listing);
/** Make a file the open one.  Local.  Errors: CUBIX_EINPUT. */
int cubix_listing_go(struct cubix_listing *listing, int file);
/** Whether any of the files has this path.  Local. */
int cubix_listing_has(int *there, struct cubix_listing *listing, const char *path);
/** The rows of a table, by one of its columns; none where no file has it.  Local.
 *  @param[out] table  to be freed */
int cubix_listing_table(struct cubix_table *table, struct cubix_listing *listing, const char *column);
void cubix_table_free(struct cubix_table *table);
/** Rows from .. to - 1 of a column, in double.  Local.  @param x [to - from][pick.n_c]
 *  Errors: CUBIX_EINPUT: the column is missing, or of another shape or length. */
int cubix_listing_read(double *x, struct cubix_listing *listing, const struct cubix_table *table, const char *column,
                       struct cubix_pick pick, int64_t from, int64_t to);
/** Likewise of one integer a row, as it is: identifiers may need all 64 bits.  Local.  @param x [to - from] */
int cubix_listing_integers(int64_t *x, struct cubix_listing *listing, const struct cubix_table *table,
                           const char *column, int64_t from, int64_t to);
/** A number in a group's attributes, in the first file.  Local. */
int cubix_listing_number(double *x, int *found, struct cubix_listing *listing, const char *object,
                         const struct cubix_names *names);

#endif
