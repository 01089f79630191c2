/* journal.c -- lines `done KEY ROW WHEN SECONDS TEXT`, `failed`, `warned`, and `begun N_ROW N_BEFORE WHEN`, each
 * written by one call: a program that is killed leaves whole lines, but for the last. */
#define _POSIX_C_SOURCE 200809L
#include "batch/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

static const char suffix[] = ".journal";
static const char *const word[] = { [CUBIX_EVENT_BEGUN] = "begun",
                                    [CUBIX_EVENT_DONE] = "done",
                                    [CUBIX_EVENT_FAILED] = "failed",
                                    [CUBIX_EVENT_WARNED] = "warned" };

/* ---- writing --------------------------------------------------------------------------------- */

int cubix_journal_open(struct cubix_journal_writer *w, const char *folder, int rank)
{
  int status = CUBIX_OK;
  struct stat info;
  const char *end = "\n";
  w->file = -1;
  snprintf(w->path, sizeof w->path, "%s/%05d%s", folder, rank, suffix);
  CUBIX_CHECK(!mkdir(folder, 0777) || errno == EEXIST, CUBIX_EOUTPUT,
              "cannot make the folder %s for the journal: %s; name another with --journal", folder, strerror(errno));
  w->file = open(w->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  CUBIX_CHECK(w->file >= 0 && !fstat(w->file, &info), CUBIX_EOUTPUT,
              "cannot write the journal %s: %s; name another folder with --journal", w->path, strerror(errno));
  /* what a killed program has left of a line is no beginning of the next */
  char last = '\n';
  if (info.st_size > 0 && pread(w->file, &last, 1, info.st_size - 1) == 1 && last != '\n')
    CUBIX_CHECK(write(w->file, end, 1) == 1, CUBIX_EOUTPUT, "cannot write %s: %s", w->path, strerror(errno));
done:
  return status;
}

static int put_line(struct cubix_journal_writer *w, const char *line)
{
  int status = CUBIX_OK;
  const size_t n = strlen(line);
  errno = 0;
  CUBIX_CHECK(write(w->file, line, n) == (ssize_t)n, CUBIX_EOUTPUT, "cannot write the journal %s: %s", w->path,
              strerror(errno ? errno : ENOSPC));
done:
  return status;
}

int cubix_journal_begin(struct cubix_journal_writer *w, size_t n_row, size_t n_before)
{
  char line[128];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  snprintf(line, sizeof line, "%s %zu %zu %.3f\n", word[CUBIX_EVENT_BEGUN], n_row, n_before,
           (double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
  return put_line(w, line);
}

int cubix_journal_add(struct cubix_journal_writer *w, const struct cubix_entry *e)
{
  int status = CUBIX_OK;
  struct timespec now;
  char *line = NULL;
  const size_t room = strlen(e->text) + 160;
  CUBIX_ALLOC(line, room);
  clock_gettime(CLOCK_REALTIME, &now);
  int n = snprintf(line, room, "%s %016" PRIx64 "%016" PRIx64 " %zu %.3f %.4f ", word[e->event], e->key[0], e->key[1],
                   e->row, (double)now.tv_sec + 1e-9 * (double)now.tv_nsec, e->seconds);
  for (const char *from = e->text; *from; from++) line[n++] = *from == '\n' || *from == '\r' ? ' ' : *from;
  line[n] = '\n';
  CUBIX_TRY(put_line(w, line));
done:
  free(line);
  return status;
}

void cubix_journal_close(struct cubix_journal_writer *w)
{
  if (w->file >= 0) close(w->file);
  w->file = -1;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* An entry more.  @param[in,out] n, entry  the list, which doubles when it is full */
static int append(size_t *n, struct cubix_entry **entry, const struct cubix_entry *e, const char *text)
{
  int status = CUBIX_OK;
  const int is_full = !(*n & (*n - 1));                      /* at powers of two */
  struct cubix_entry *more = is_full ? realloc(*entry, (*n ? 2 * *n : 1) * sizeof *more) : *entry;
  CUBIX_CHECK(more, CUBIX_ENOMEM, "no memory for %zu lines of a journal", *n);
  *entry = more;
  more[*n] = *e;
  CUBIX_ALLOC(more[*n].text, strlen(text) + 1);
  strcpy(more[(*n)++].text, text);
done:
  return status;
}

static int is_told(const struct cubix_journal *journal, const char *warning)
{
  for (size_t i = 0; i < journal->n_warning; i++)
    if (!strcmp(journal->warning[i].text, warning)) return 1;
  return 0;
}

static int take(struct cubix_journal *journal, const char *line)
{
  int status = CUBIX_OK, n = 0;
  struct cubix_entry e = { .text = NULL };
  char name[16];
  size_t n_row, n_before;
  if (sscanf(line, "begun %zu %zu %lf", &n_row, &n_before, &e.when) == 3) {
    if (e.when < journal->began) goto done;
    journal->n_row = n_row;
    journal->n_before = n_before;
    journal->began = e.when;
    goto done;
  }
  if (sscanf(line, "%15s %16" SCNx64 "%16" SCNx64 " %zu %lf %lf %n", name, &e.key[0], &e.key[1], &e.row, &e.when,
             &e.seconds, &n) < 6 || !n)
    goto done;
  for (int event = CUBIX_EVENT_DONE; event <= CUBIX_EVENT_WARNED; event++)
    if (!strcmp(name, word[event])) e.event = (enum cubix_event)event;
  if (e.event == CUBIX_EVENT_WARNED && !is_told(journal, line + n))
    CUBIX_TRY(append(&journal->n_warning, &journal->warning, &e, line + n));
  if (e.event == CUBIX_EVENT_DONE || e.event == CUBIX_EVENT_FAILED)
    CUBIX_TRY(append(&journal->n, &journal->entry, &e, line + n));
done:
  return status;
}

static int read_file(struct cubix_journal *journal, const char *path)
{
  int status = CUBIX_OK;
  char *line = NULL;
  size_t size = 0;
  ssize_t n;
  FILE *in = fopen(path, "r");
  CUBIX_CHECK(in, CUBIX_EINPUT, "cannot read the journal %s: %s", path, strerror(errno));
  while ((n = getline(&line, &size, in)) > 0) {
    if (line[n - 1] != '\n') break;
    line[n - 1] = '\0';
    CUBIX_TRY(take(journal, line));
  }
done:
  free(line);
  if (in) fclose(in);
  return status;
}

/* By key, and those of one by time. */
static int compare(const void *a, const void *b)
{
  const struct cubix_entry *x = a, *y = b;
  for (int i = 0; i < 2; i++)
    if (x->key[i] != y->key[i]) return x->key[i] < y->key[i] ? -1 : 1;
  return x->when < y->when ? -1 : x->when > y->when;
}

/* Only the last event of each row. */
static void settle(struct cubix_journal *journal)
{
  size_t kept = 0;
  if (journal->n) qsort(journal->entry, journal->n, sizeof *journal->entry, compare);
  for (size_t i = 0; i < journal->n; i++) {
    struct cubix_entry *e = &journal->entry[i];
    if (i + 1 < journal->n && !memcmp(e->key, e[1].key, sizeof e->key)) free(e->text);
    else journal->entry[kept++] = *e;
  }
  journal->n = kept;
}

int cubix_journal_read(struct cubix_journal *journal, const char *folder)
{
  int status = CUBIX_OK;
  char path[CUBIX_DISK_PATH + 512];
  DIR *in = opendir(folder);
  *journal = (struct cubix_journal){ .n = 0 };
  CUBIX_CHECK(in || errno == ENOENT, CUBIX_EINPUT, "cannot read the folder %s of the journal: %s", folder,
              strerror(errno));
  for (struct dirent *entry; in && (entry = readdir(in));) {
    const size_t n = strlen(entry->d_name), n_suffix = sizeof suffix - 1;
    if (n <= n_suffix || strcmp(entry->d_name + n - n_suffix, suffix)) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    CUBIX_TRY(read_file(journal, path));
  }
  settle(journal);
done:
  if (in) closedir(in);
  if (status) cubix_journal_free(journal);
  return status;
}

const struct cubix_entry *cubix_journal_find(const struct cubix_journal *journal, const uint64_t key[2])
{
  size_t lo = 0, hi = journal->n;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    const uint64_t *other = journal->entry[mid].key;
    if (other[0] == key[0] && other[1] == key[1]) return &journal->entry[mid];
    if (other[0] < key[0] || (other[0] == key[0] && other[1] < key[1])) lo = mid + 1;
    else hi = mid;
  }
  return NULL;
}

void cubix_journal_free(struct cubix_journal *journal)
{
  for (size_t i = 0; i < journal->n; i++) free(journal->entry[i].text);
  for (size_t i = 0; i < journal->n_warning; i++) free(journal->warning[i].text);
  free(journal->entry);
  free(journal->warning);
  *journal = (struct cubix_journal){ .n = 0 };
}
