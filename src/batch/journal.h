/* journal.h -- which rows of a batch are done, in files that survive the program.
 *
 * A folder holds a file for each rank, so that no two ever write into one.  A line in them is one event, and a row is
 * known by a hash of its parameters: after a change in the table it counts as another. */
#ifndef CUBIX_BATCH_JOURNAL_H
#define CUBIX_BATCH_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/disk.h"

enum cubix_event { CUBIX_EVENT_BEGUN, CUBIX_EVENT_DONE, CUBIX_EVENT_FAILED, CUBIX_EVENT_WARNED };

/* What is known of a row. */
struct cubix_entry {
  enum cubix_event event;         /* the last */
  uint64_t key[2];
  size_t row;                     /* counted from 0 */
  double when, seconds;           /* s since 1970 when it ended; how long it took */
  char *text;                     /* owned: the file that was written, why it failed, or a warning */
};

/* All rows of a folder. */
struct cubix_journal {
  size_t n;
  struct cubix_entry *entry;      /* [n] how each row ended last */
  size_t n_warning;
  struct cubix_entry *warning;    /* [n_warning] each once, with a row that has it */
  /* what the last run said when it began: how many rows there are, how many were done before; s since 1970 */
  size_t n_row, n_before;
  double began;
};

struct cubix_journal_writer { int file; char path[CUBIX_DISK_PATH + 64]; };

/** Make the folder if need be, and this rank's file in it.  Local.
 *  Errors: CUBIX_EOUTPUT. */
int cubix_journal_open(struct cubix_journal_writer *writer, const char *folder, int rank);
/** Say that a run begins, of so many rows, of which some are done already.  Local. */
int cubix_journal_begin(struct cubix_journal_writer *writer, size_t n_row, size_t n_before);
/** Add an event; it outlives this program from then on.  Local.  Errors: CUBIX_EOUTPUT. */
int cubix_journal_add(struct cubix_journal_writer *writer, const struct cubix_entry *entry);
void cubix_journal_close(struct cubix_journal_writer *writer);
/** Read all files of a folder; one that does not exist has no rows.  What a killed program has left of a line is passed
 * over.  Local.
 *  @param[out] journal to be freed
 *  Errors: CUBIX_EINPUT. */
int cubix_journal_read(struct cubix_journal *journal, const char *folder);
/** The entry of a row; NULL: there is none.  Local, borrowed. */
const struct cubix_entry *cubix_journal_find(const struct cubix_journal *journal, const uint64_t key[2]);
void cubix_journal_free(struct cubix_journal *journal);

#endif
