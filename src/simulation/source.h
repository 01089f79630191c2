/* source.h -- one open file of a simulation, whatever its kind: attributes of groups, and columns of
 * numbers of which rows can be read.
 *
 * HDF5 files are that already (source_hdf5.c).  Of other kinds an index is made when they are opened
 * (source_raw.h): it says under which names, as in an HDF5 file, their numbers stand where.  Format
 * files therefore describe all of them in the same words.  Each process opens for itself. */
#ifndef CUBIX_SOURCE_H
#define CUBIX_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/names.h"

struct cubix_source {
  const struct cubix_source_ops *ops;
  char path[4096];
  char note[512];                 /* what is in it and cannot be read, and why; what it was opened with; "": nothing */
  char assumed[512];              /* for a warning: what nobody says and is assumed, what has no effect; "": nothing */
  int takes_blocks;               /* 1: GadgetBlocks says what is in it */
};

/* What the user says of files that do not say it themselves. */
struct cubix_source_options {
  /* GadgetBlocks: names of the blocks behind the masses of Gadget's format 1; "": unknown */
  char gadget_blocks[512];
  char tipsy_groups[4096];        /* a file with a number for each particle, to be the column `groups`; "": none */
  int catalogue;                  /* 1: a catalogue of groups is wanted, and not refused as no snapshot */
};

/* Which numbers of a row are wanted. */
struct cubix_pick {
  int n_c;                        /* how many are handed out */
  /* of a row of several where one is wanted: the sum of those from `first` to `last`, counted from 0;
   * -1: the row has one number */
  int first, last;
};

/* What a column is before it is opened. */
struct cubix_shape {
  int64_t n_row;
  int n_d, n_c;                   /* dimensions, 1 or 2; numbers in a row */
  int bits;                       /* of an integer; 0: floating point */
};

struct cubix_column {
  const struct cubix_source *source;
  char path[160];
  struct cubix_pick pick;
  int64_t n_row;
  int single;                     /* 1: rows are floats, 0: doubles */
  int in_rows;                    /* 1: they lie in the file one behind the other: cheap to read for others */
  int abroad;                     /* 1: some lie in other files */
  void *own;                      /* of the kind of file */
};

struct cubix_source_ops {
  const char *kind;               /* as a format file's `file` names it */
  int (*has)(int *there, const struct cubix_source *source, const char *path);
  int (*numbers)(const struct cubix_source *source, const char *object, const struct cubix_names *names, double *x,
                 int n, int *n_found);
  int (*text)(const struct cubix_source *source, const char *object, const struct cubix_names *names, char *text,
              size_t size, int *n_found);
  /* [256][size] texts of a column */
  int (*labels)(const struct cubix_source *source, const char *path, char *text, size_t size, int *n_found);
  int (*is_filled)(int *is, const struct cubix_source *source, const char *group);
  void (*list)(const struct cubix_source *source, const char *group, char *text, size_t size);
  int (*shape)(struct cubix_shape *shape, const struct cubix_source *source, const char *path);
  int (*column_open)(struct cubix_column *column, int examine);
  int (*column_read)(const struct cubix_column *column, int64_t from, int64_t to, void *rows);
  int (*column_integers)(const struct cubix_column *column, int64_t from, int64_t to, int64_t *rows);
  void (*column_close)(struct cubix_column *column);
  int64_t (*bytes)(const struct cubix_source *source);
  void (*close)(struct cubix_source *source);
  /* NULL: nothing is packed */
  void (*column_want)(const struct cubix_column *column, int64_t from, int64_t to);
  void (*columns_unpack)(struct cubix_column *const *column, int n);
  void (*column_soon)(const struct cubix_column *column, int64_t from, int64_t to); /* NULL: nothing can be done */
  double (*column_bytes)(const struct cubix_column *column); /* NULL: none */
};

/** Open a file of any kind, by what it holds.  Local.  @param[out] source owned by the caller
 *  Errors: CUBIX_EINPUT: missing, unreadable, damaged, or of no known kind; CUBIX_EUSAGE: in the options. */
int cubix_source_open(struct cubix_source **source, const char *path, const struct cubix_source_options *options);
/** NULL is allowed.  Local. */
void cubix_source_close(struct cubix_source *source);

/** Memory of the index that was made of the file, to be kept for the next time; 0: none was made.  Local. */
int64_t cubix_source_bytes(const struct cubix_source *source);

/** Whether it holds a group or column of this path ("PartType4/Masses"), or with '@' an attribute
 * ("Header@Omega0").  Local.  Errors: CUBIX_EINPUT: a link on the way leads nowhere. */
int cubix_source_has(int *there, const struct cubix_source *source, const char *path);
/** The first of these attributes that exists, as in base/h5read.h: up to n numbers, one number
 * (several must be the same), or a text.  Local.
 *  @param[out] n_found  how many there are, 0: no such attribute  Errors: CUBIX_EINPUT: the wrong type. */
int cubix_source_numbers(const struct cubix_source *source, const char *object, const struct cubix_names *names,
                         double *x, int n, int *n_found);
int cubix_source_number(const struct cubix_source *source, const char *object, const struct cubix_names *names,
                        double *x, int *n_found);
int cubix_source_text(const struct cubix_source *source, const char *object, const struct cubix_names *names,
                      char *text, size_t size, int *n_found);
/** Whether there is a group of this name, and anything in it.  Local.  Errors: CUBIX_EINPUT: that cannot be
 * found out. */
int cubix_source_is_filled(int *is, const struct cubix_source *source, const char *group);
/** "Coordinates, Masses, ...": what a group holds, for messages.  Local. */
void cubix_source_list(const struct cubix_source *source, const char *group, char *text, size_t size);
/** Which element of a column of texts is `label`, as SWIFT names the columns of a dataset.  Local.
 *  @param[out] index  from 0; -1: there is no such column, or none of this name */
int cubix_source_label(int *index, const struct cubix_source *source, const char *path, const char *label);

/** What a column is.  Local.  Errors: CUBIX_EINPUT: no such column, no numbers, or more than two dimensions. */
int cubix_source_shape(struct cubix_shape *shape, const struct cubix_source *source, const char *path);
/** Open a column.  Local.
 *  @param examine  1: find out, too, whether data that lie elsewhere are all there
 *  @param[out] column owned by the caller
 *  Errors: CUBIX_EINPUT: no such column; not numbers; another shape than wanted; data that are not there. */
int cubix_column_open(struct cubix_column **column, const struct cubix_source *source, const char *path,
                      struct cubix_pick pick, int examine);
/** Rows from .. to - 1, in float or double as column->single says.  Local.
 *  @param rows [to - from][pick.n_c]  Errors: CUBIX_EINPUT. */
int cubix_column_read(const struct cubix_column *column, int64_t from, int64_t to, void *rows);
/** Likewise of a column of integers, as they are: identifiers may need all 64 bits.  Unsigned ones of 64 bits
 * keep their bits.  Local.  @param rows [to - from]  Errors: CUBIX_EINPUT: also: no integers, or several a row. */
int cubix_column_integers(const struct cubix_column *column, int64_t from, int64_t to, int64_t *rows);
enum { CUBIX_COLUMNS_MOST = 64 };
/** Rows from .. to - 1 will be read, the first rows first: where they are compressed the next
 * cubix_columns_unpack unpacks them.  Local. */
void cubix_column_want(const struct cubix_column *column, int64_t from, int64_t to);
/** Unpack what is wanted of columns of one file, all of it together, by all threads.  What goes wrong is
 * reported by who reads it.  Local.  @param column [n], NULL among them is allowed, CUBIX_COLUMNS_MOST at most */
void cubix_columns_unpack(struct cubix_column *const *column, int n);
/** Rows from .. to - 1 will be read soon: the disk may begin.  Local. */
void cubix_column_soon(const struct cubix_column *column, int64_t from, int64_t to);
/** Memory of what was unpacked of the column last.  Local.  @param column NULL: 0 */
double cubix_column_bytes(const struct cubix_column *column);
/** NULL is allowed.  Local. */
void cubix_column_close(struct cubix_column *column);

/* Inside: how each kind is opened.  @return CUBIX_OK with *source NULL where the file is not of this kind. */
int cubix_source_hdf5_open(struct cubix_source **source, const char *path, const struct cubix_source_options *options);
int cubix_source_gadget_open(struct cubix_source **source, const char *path,
                             const struct cubix_source_options *options);
int cubix_source_tipsy_open(struct cubix_source **source, const char *path, const struct cubix_source_options *options);
int cubix_source_ramses_open(struct cubix_source **source, const char *path,
                             const struct cubix_source_options *options);

#endif
