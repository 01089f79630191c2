/* batch_status.c -- the journal in words, while a batch runs or afterwards. */
#include "program/batch_status.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "batch/journal.h"

/* The last event of each row of the table; NULL: none.  @param[out] last [journal->n_row] the caller frees it */
static int find_last(const struct cubix_entry ***last, const struct cubix_journal *journal)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(*last, journal->n_row);
  for (size_t i = 0; i < journal->n; i++) {
    const struct cubix_entry *e = &journal->entry[i];
    if (e->row < journal->n_row && (!(*last)[e->row] || e->when >= (*last)[e->row]->when)) (*last)[e->row] = e;
  }
done:
  return status;
}

int cubix_batch_report(const char *folder)
{
  int status = CUBIX_OK;
  struct cubix_journal journal = { .n = 0 };
  const struct cubix_entry **last = NULL;
  CUBIX_TRY(cubix_journal_read(&journal, folder));
  CUBIX_TRY(find_last(&last, &journal));
  for (size_t i = 0; i < journal.n_warning; i++)
    cubix_log(CUBIX_LOG_WARNING, "row %zu, and perhaps others: %s", journal.warning[i].row + 1,
              journal.warning[i].text);
  for (size_t row = 0; row < journal.n_row; row++)
    if (last[row] && last[row]->event == CUBIX_EVENT_FAILED)
      cubix_log(CUBIX_LOG_WARNING, "row %zu failed: %s", row + 1, last[row]->text);
done:
  free(last);
  cubix_journal_free(&journal);
  return status;
}

/* How fast the last run is, and when it may end. */
static void print_rate(const struct cubix_journal *journal, const struct cubix_entry *const *last)
{
  double end = 0, seconds = 0, n = 0, n_new = 0;
  for (size_t row = 0; row < journal->n_row; row++) {
    if (!last[row]) continue;
    n++;
    n_new += last[row]->when >= journal->began;
    seconds += last[row]->seconds;
    if (last[row]->when > end) end = last[row]->when;
  }
  if (n > 0) printf("; a row takes %.3g s", seconds / n);
  if (!(n_new > 0 && end > journal->began)) return;
  const double rate = n_new / (end - journal->began), left = (double)(journal->n_row - journal->n_before) - n_new;
  printf("; the last run makes %.3g a second", rate);
  if (left > 0) printf(", which is %.0f s for what it has left", left / rate);
}

int cubix_batch_status(const char *folder)
{
  int status = CUBIX_OK;
  struct cubix_journal journal = { .n = 0 };
  const struct cubix_entry **last = NULL;
  size_t n[CUBIX_EVENT_WARNED + 1] = { 0 };
  CUBIX_TRY(cubix_journal_read(&journal, folder));
  CUBIX_CHECK(journal.n_row, CUBIX_EINPUT, "no batch has left a journal in %s (--journal names another folder)",
              folder);
  CUBIX_TRY(find_last(&last, &journal));
  for (size_t row = 0; row < journal.n_row; row++)
    if (last[row]) n[last[row]->event]++;
  printf("%zu of %zu rows done, %zu failed", n[CUBIX_EVENT_DONE], journal.n_row, n[CUBIX_EVENT_FAILED]);
  print_rate(&journal, last);
  printf("\n");
  for (size_t row = 0; row < journal.n_row; row++)
    if (last[row] && last[row]->event == CUBIX_EVENT_FAILED) printf("row %zu: %s\n", row + 1, last[row]->text);
done:
  free(last);
  cubix_journal_free(&journal);
  return status;
}
