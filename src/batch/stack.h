/* stack.h -- the cubes of a batch in one HDF5 file: those of one instrument and shape are one array,
 * [row][lambda][y][x].
 *
 * Arrays are contiguous, so that a cube is one piece of the file, which every rank writes by itself and any program may
 * map into memory.  Cubes that are not made yet take no room on the disk.
 *   /Rows     done [n_row] 1: it is there; key [n_row][2]; group, place [n_row] where it is
 *   /Table    the table's columns [n_row]
 *   /NAME     per instrument and shape: row [n] which rows it has; DATA, STAT, the truth maps; wavelength [n_lambda] */
#ifndef CUBIX_BATCH_STACK_H
#define CUBIX_BATCH_STACK_H

#include <stddef.h>
#include <stdint.h>

#include "batch/table.h"
#include "output/output.h"

enum { CUBIX_MOST_STACKED = 128 };

/* An array of a group; a row's part of it is one piece. */
struct cubix_stacked { char name[40]; int64_t offset; size_t bytes; };
struct cubix_stack_group { char name[100]; size_t n; int n_array; struct cubix_stacked array[CUBIX_MOST_STACKED]; };

struct cubix_stack {
  char path[CUBIX_OUTPUT_PATH];
  int file;                       /* descriptor */
  int n_group;
  struct cubix_stack_group *group; /* [n_group] */
  size_t n_row;
  int32_t *of;                    /* [n_row] group of a row */
  int64_t *place;                 /* [n_row] where in it */
  unsigned char *done;            /* [n_row] when it was opened */
  uint64_t *key;                  /* [n_row][2] */
  int64_t done_offset;
};

/* A file that grows: begin, a group for each kind of cubes, end. */
struct cubix_stack_draft;
/** Begin a file; it has its name only at the end.  Local.
 *  @param key [n_row][2] hashes of the rows  @param of [n_row] number of each row's group
 *  @param parameters  what rows have in common, as a parameter file */
int cubix_stack_begin(struct cubix_stack_draft **draft, const char *path, const struct cubix_row_table *table,
                      const uint64_t *key, const int32_t *of, const char *parameters);
/** Make room for the cubes of group number g, of which `host`, a struct cubix_result, is an example.  Local (rank 0,
 * which holds the truth maps). */
int cubix_stack_add(struct cubix_stack_draft *draft, int g, const struct cubix_result *example);
/** Give it its name, or, if the status is that of a failure, remove it.  Local.  @return status, or CUBIX_EOUTPUT */
int cubix_stack_end(struct cubix_stack_draft *draft, int status);

/** Open a file to write rows into it.  Local; on every rank.
 *  @param[out] stack owned by the caller  Errors: CUBIX_EOUTPUT: it is no stack. */
int cubix_stack_open(struct cubix_stack **stack, const char *path);
/* A row's result, and where it goes; result is first, as cubix_output_block wants it. */
struct cubix_stack_job { struct cubix_result result; const struct cubix_stack *stack; size_t row; };
/** Write a row and note that it is done.  The first rank of those that made it, while the others make blocks.
 *  @param host the struct cubix_stack_job
 *  Errors: CUBIX_EOUTPUT; CUBIX_EFAIL: the cube has another shape than the file has room for. */
int cubix_stack_write(const void *host, struct cubix_blocks *blocks);
void cubix_stack_close(struct cubix_stack *stack);

#endif
