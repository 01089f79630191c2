/* rows.h -- from a row of a table to the parameters of a cube.
 *
 * A column whose name begins with a capital letter is a parameter, and what its cells hold goes before what parameter
 * file and command line say; an empty cell leaves those.  Any other column is a label: it is carried along. */
#ifndef CUBIX_BATCH_ROWS_H
#define CUBIX_BATCH_ROWS_H

#include "batch/table.h"
#include "params/params.h"

/* What rows have in common. */
struct cubix_rows {
  const struct cubix_row_table *table; /* borrowed */
  struct cubix_params *base;       /* of parameter file and command line */
  int *is_label;                   /* [n_column] */
};

/** Take parameter file and command line together with the table's columns.  Local.
 *  @param file, text  of the parameter file; "" without one
 *  @param stack  NULL, or the file of all cubes, which no OutputFile is asked for then
 *  @param overrides [n_override] "Name=value"
 *  @param[out] rows owned by the caller; borrows the table
 *  Errors: CUBIX_EUSAGE: an unknown parameter, with place and nearest name; one that is a column and on the command
 *    line; what cubix_params_parse finds; a required one that neither has. */
int cubix_rows_open(struct cubix_rows **rows, const struct cubix_row_table *table, const char *file, const char *text,
                    const char *stack, int n_override, char *const *overrides);
/** Parameters of a row, counted from 0, with a file of its own to write: in OutputFile {Name} stands for a
 * parameter or a label and {row} for the row's number from 1 on; without any, and if it is no column, _{row} is put
 * before the suffix.  Local.
 *  @param[out] par owned by the caller
 *  Errors: CUBIX_EUSAGE, with row and column. */
int cubix_rows_params(struct cubix_params **par, const struct cubix_rows *rows, size_t row);
void cubix_rows_free(struct cubix_rows *rows);

#endif
