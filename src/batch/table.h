/* table.h -- a table of rows and named columns, all cells as text: CSV or ECSV. */
#ifndef CUBIX_BATCH_TABLE_H
#define CUBIX_BATCH_TABLE_H

#include <stddef.h>

struct cubix_row_table {
  char file[1024];                /* for messages */
  size_t n_row, n_column;
  char **column, **unit;          /* [n_column] names, and units or "" */
  char **cell;                    /* [n_row][n_column] without blanks at either end; "": nothing */
  size_t *line;                   /* [n_row] of the file; NULL: it has none */
  /* private */
  char *text;                     /* where names, units and cells lie */
  size_t n_stated;
  char *stated[1024];             /* [n_stated] units that do not lie there */
};

/** Read the text of a table.  Local.
 *
 * CSV: the first line names the columns, `Name` or `Name [unit]`; fields are separated by commas, "a, b" is one, and
 * "" within it is one ".  Empty lines and those that begin with # are passed over.  ECSV (`# %ECSV` in the first line):
 * units and the delimiter as its header states them.
 * Text that table_hdf5.h has made: rows are numbered, and have no lines.
 *  @param name  the file's, for messages  @param text  the whole file, '\0'-terminated
 *  @param[out] table owned by the caller
 *  Errors: CUBIX_EUSAGE, with file and line. */
int cubix_row_table_parse(struct cubix_row_table **table, const char *name, const char *text);
/** Column of a name; -1: there is none.  Local. */
int cubix_row_table_find(const struct cubix_row_table *table, const char *column);
/** "rows.csv:17", or "rows.hdf5, row 16", of a row counted from 0.  Local.  @return text */
char *cubix_row_table_place(const struct cubix_row_table *table, size_t row, char *text, size_t size);
void cubix_row_table_free(struct cubix_row_table *table);

#endif
