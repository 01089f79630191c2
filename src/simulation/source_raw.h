/* source_raw.h -- inside src/simulation: files of plain binary numbers as sources.
 *
 * Whoever knows a kind of file opens it, adds what its header says as attributes, and where its
 * numbers stand as columns; reading is done here. */
#ifndef CUBIX_SOURCE_RAW_H
#define CUBIX_SOURCE_RAW_H

#include "simulation/source.h"

enum cubix_raw_type {
  CUBIX_RAW_F4,
  CUBIX_RAW_F8,
  CUBIX_RAW_I1,
  CUBIX_RAW_I4,
  CUBIX_RAW_I8,
  CUBIX_RAW_U4,
  CUBIX_RAW_U8
};

struct cubix_raw_column {
  char path[160];                 /* "PartType4/POS" */
  int64_t n_row;
  int n_c;
  enum cubix_raw_type type;
  int swap;                       /* 1: the other byte order than this machine's */
  /* where row 0 of each component stands in the file [byte]; where there are more than 3: of the first, the
   * others follow it */
  int64_t at[3];
  int64_t stride;                 /* from row to row [byte] */
  double factor, shift;           /* what is handed out is factor x + shift; 1 and 0: x as it is */
  /* [n_row] numbers of the rows that count, rising; NULL: all, from 0.  Borrowed: see cubix_raw_keep. */
  const uint32_t *row;
  const double *value;            /* [n_row], where they are in memory already; borrowed likewise.  Of an integer type
                                     they are whole */
};

struct cubix_raw;                 /* a source that is being made */

/** Open a file whose index is to be made.  Local.  @param kind  what a format file calls it
 *  @param[out] raw owned by the caller, until cubix_raw_source hands it on */
int cubix_raw_open(struct cubix_raw **raw, const char *kind, const char *path);
/** Its size [byte].  Local. */
int64_t cubix_raw_size(const struct cubix_raw *raw);
/** n bytes from a place in the file, and their order turned round in words of `word` bytes (1: none).
 * Local.  @return 0; -1 where the file ends before */
int cubix_raw_bytes(const struct cubix_raw *raw, int64_t at, void *to, size_t n, size_t word);
/** A number that stands in memory as in the file, in either byte order.  Local.  @param type  of cubix_raw_integer:
 * one of integers */
double cubix_raw_number(const void *p, enum cubix_raw_type type, int swap);
int64_t cubix_raw_integer(const void *p, enum cubix_raw_type type, int swap);
/** Add an attribute: numbers, or a text.  Local.  @param object  "Header" */
int cubix_raw_add_numbers(struct cubix_raw *raw, const char *object, const char *name, const double *x, int n);
int cubix_raw_add_text(struct cubix_raw *raw, const char *object, const char *name, const char *text);
/** Add a column.  Local.  Errors: CUBIX_EINPUT: it reaches beyond the end of the file. */
int cubix_raw_add_column(struct cubix_raw *raw, const struct cubix_raw_column *column);
/** Memory (of malloc) that columns borrow, to be freed with the source.  Local.  Where that fails it is freed. */
int cubix_raw_keep(struct cubix_raw *raw, void *memory, size_t bytes);
/** The source that it has become.  Local. */
struct cubix_source *cubix_raw_source(struct cubix_raw *raw);
/** Give up what has not become a source.  NULL is allowed.  Local. */
void cubix_raw_close(struct cubix_raw *raw);

#endif
