/* batch.c -- which rows are left, in which order, and the loop that every team of ranks runs.
 *
 * Rows that have instrument and templates in common come one after the other, so that a team makes these once
 * (mpi/pipeline/kept.h).  Each team takes the next row when it is free; none waits for another before all rows are
 * taken. */
#define _POSIX_C_SOURCE 200809L
#include "program/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/infile.h"
#include "base/log.h"
#include "batch/journal.h"
#include "batch/rows.h"
#include "batch/stack.h"
#include "batch/table.h"
#include "batch/table_hdf5.h"
#include "mpi/batch/teams.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/text.h"
#include "mpi/pipeline/kept.h"
#include "output/output.h"
#include "program/batch_row.h"
#include "program/batch_shape.h"
#include "program/batch_sizes.h"
#include "program/console.h"

/* Of a row: the hash of its parameters, of those that templates depend on, of the name of its output, and of what
 * its arrays in a stack are like. */
struct known { uint64_t key[2], kind[2], output[2], shape[2]; };

struct batch {
  const struct cubix_batch_options *opt;
  char *table_text, *base_text;
  struct cubix_row_table *table;
  struct cubix_rows *rows;
  size_t n_row, n_todo;
  struct known *known;            /* [n_row] */
  uint64_t *done;                 /* [n_row] 1: by an earlier run */
  size_t *order;                  /* [n_todo] rows that are left */
  size_t first, n;                /* of these, those that teams of one size make */
  int64_t tally[CUBIX_N_TALLY];   /* of teams that have ended */
  const char *folder;             /* of the journal */
  int32_t *group;                 /* [n_row] of a stack */
  int n_group;
  struct cubix_stack *stack;      /* NULL: rows have files of their own */
  struct cubix_journal_writer journal;
  struct cubix_teams teams;
  struct cubix_kept kept;
  uint64_t *told;                 /* [n_told] hashes of warnings that are in the journal */
  size_t n_told;
  double began, said;             /* on the clock of the log */
};

/* ---- which rows ------------------------------------------------------------------------------ */

static int know_row(struct batch *b, size_t row)
{
  int status = CUBIX_OK;
  struct cubix_params *par = NULL;
  struct known *known = &b->known[row];
  char output[CUBIX_OUTPUT_PATH];
  CUBIX_TRY(cubix_rows_params(&par, b->rows, row));
  CUBIX_TRY(cubix_output_first(output, par));
  CUBIX_TRY(cubix_params_hash(known->key, par, NULL));
  CUBIX_TRY(cubix_mpi_kept_key(known->kind, par));
  cubix_hash(output, strlen(output), known->output);
  if (b->opt->stack) CUBIX_TRY(cubix_batch_shape(known->shape, par));
done:
  cubix_params_free(par);
  return status;
}

/* Every rank looks at some rows.  What is wrong with any is told together. */
static int know_rows(struct batch *b)
{
  int status = CUBIX_OK, failed = CUBIX_OK;
  char wrong[3500] = "";
  size_t used = 0, n_untold = 0;
  for (size_t row = (size_t)cubix_mpi_rank(); row < b->n_row; row += (size_t)cubix_mpi_size()) {
    const int code = know_row(b, row);
    if (!code) continue;
    failed = code;
    const size_t n = strlen(cubix_error_message());
    if (used + n + 2 > sizeof wrong) n_untold++;
    else used += (size_t)sprintf(wrong + used, "%s%s", used ? "\n" : "", cubix_error_message());
    cubix_error_clear();
  }
  if (failed && n_untold)
    status = cubix_error_set(failed, __func__, __FILE__, __LINE__, "%s\n... and %zu more", wrong, n_untold);
  else if (failed) status = cubix_error_set(failed, __func__, __FILE__, __LINE__, "%s", wrong);
  CUBIX_TRY(cubix_mpi_agree(status));
  cubix_mpi_or((uint64_t *)b->known, b->n_row * sizeof *b->known / sizeof(uint64_t));
done:
  return status;
}

/* A row's hash, and the row. */
struct tag { uint64_t word[2]; size_t row; };

static int compare_tags(const void *a, const void *b)
{
  const struct tag *x = a, *y = b;
  for (int i = 0; i < 2; i++)
    if (x->word[i] != y->word[i]) return x->word[i] < y->word[i] ? -1 : 1;
  return x->row < y->row ? -1 : x->row > y->row;
}

static int compare_rows(const void *a, const void *b)
{
  const struct tag *x = a, *y = b;
  if (x->word[0] != y->word[0]) return x->word[0] < y->word[0] ? -1 : 1;
  return x->row < y->row ? -1 : x->row > y->row;
}

static int check_outputs(const struct batch *b)
{
  int status = CUBIX_OK;
  char one[1200], other[1200];
  struct tag *tag = NULL;
  CUBIX_ALLOC(tag, b->n_row);
  for (size_t i = 0; i < b->n_row; i++)
    tag[i] = (struct tag){ { b->known[i].output[0], b->known[i].output[1] }, i };
  qsort(tag, b->n_row, sizeof *tag, compare_tags);
  for (size_t i = 1; i < b->n_row; i++)
    CUBIX_CHECK(memcmp(tag[i].word, tag[i - 1].word, sizeof tag->word), CUBIX_EUSAGE,
                "%s writes the same file as %s: put {row}, or a column that tells them apart, into OutputFile",
                cubix_row_table_place(b->table, tag[i].row, one, sizeof one),
                cubix_row_table_place(b->table, tag[i - 1].row, other, sizeof other));
done:
  free(tag);
  return status;
}

/* The rows that are left: of one kind together, kinds and rows as they come in the table. */
static int order_rows(struct batch *b)
{
  int status = CUBIX_OK;
  struct tag *tag = NULL;
  size_t first = 0;
  CUBIX_ALLOC(tag, b->n_row);
  CUBIX_ALLOC(b->order, b->n_row);
  for (size_t i = 0; i < b->n_row; i++)
    if (!b->done[i]) tag[b->n_todo++] = (struct tag){ { b->known[i].kind[0], b->known[i].kind[1] }, i };
  qsort(tag, b->n_todo, sizeof *tag, compare_tags);
  for (size_t i = 0; i < b->n_todo; i++) {
    const int is_new = !i || memcmp(tag[i].word, b->known[tag[i - 1].row].kind, sizeof tag->word);
    if (is_new) first = tag[i].row;
    tag[i].word[0] = first;
  }
  qsort(tag, b->n_todo, sizeof *tag, compare_rows);
  for (size_t i = 0; i < b->n_todo; i++) b->order[i] = tag[i].row;
done:
  free(tag);
  return status;
}

/* What earlier runs have done, as rank 0 sees it, if the file is still there. */
static int find_done(struct batch *b, const char *folder)
{
  int status = CUBIX_OK;
  struct cubix_journal journal = { .n = 0 };
  if (cubix_mpi_rank() == 0) {
    CUBIX_TRY(cubix_journal_read(&journal, folder));
    for (size_t i = 0; i < b->n_row; i++) {
      const struct cubix_entry *e = cubix_journal_find(&journal, b->known[i].key);
      b->done[i] = e && e->event == CUBIX_EVENT_DONE && cubix_infile_is(e->text);
    }
  }
done:
  cubix_journal_free(&journal);
  return status;
}

/* ---- the stack ------------------------------------------------------------------------------- */

/* Groups are numbered as they come in the table. */
static int group_rows(struct batch *b)
{
  int status = CUBIX_OK;
  struct tag *tag = NULL;
  CUBIX_ALLOC(tag, b->n_row);
  CUBIX_ALLOC(b->group, b->n_row);
  for (size_t i = 0; i < b->n_row; i++)
    tag[i] = (struct tag){ { b->known[i].shape[0], b->known[i].shape[1] }, i };
  qsort(tag, b->n_row, sizeof *tag, compare_tags);
  for (size_t i = 0, first = 0; i < b->n_row; i++) {
    if (memcmp(tag[i].word, tag[first].word, sizeof tag->word)) first = i;
    b->group[tag[i].row] = (int32_t)tag[first].row;          /* the first row of its kind; numbered below */
  }
  for (size_t i = 0; i < b->n_row; i++)
    b->group[i] = b->group[i] == (int32_t)i ? b->n_group++ : b->group[b->group[i]];
done:
  free(tag);
  return status;
}

/* One cube of group g, of the first row that can be made, tells what the file must have room for. */
static int draft_group(struct batch *b, struct cubix_stack_draft *draft, int g)
{
  int status = CUBIX_EFAIL;
  struct cubix_warnings warnings;
  for (size_t row = 0; row < b->n_row && status && status != CUBIX_EOUTPUT; row++) {
    struct cubix_params *par = NULL;
    if (b->group[row] != g) continue;
    cubix_error_clear();
    status = cubix_mpi_agree(cubix_rows_params(&par, b->rows, row));
    cubix_console_mute(1);
    if (!status)
      status = cubix_batch_row(par, &b->kept, &(struct cubix_batch_sink){ CUBIX_TO_DRAFT, NULL, row, draft, g },
                               &warnings);
    cubix_console_mute(0);
    cubix_params_free(par);
  }
  return status;
}

/* Text of the parameters that rows have in common. */
static int print_base(char **text, const struct batch *b)
{
  int status = CUBIX_OK;
  size_t n;
  FILE *out = open_memstream(text, &n);
  CUBIX_CHECK(out, CUBIX_ENOMEM, "no memory for the text of the parameters");
  status = cubix_params_write_used(b->rows->base, out);
  fclose(out);
done:
  return status;
}

static int draft_stack(struct batch *b)
{
  int status = CUBIX_OK;
  const int root = cubix_mpi_rank() == 0;
  struct cubix_stack_draft *draft = NULL;
  char *text = NULL;
  uint64_t *key = NULL;
  CUBIX_MPI_ALLOC(key, 2 * b->n_row);
  for (size_t i = 0; i < b->n_row; i++) memcpy(key + 2 * i, b->known[i].key, sizeof b->known[i].key);
  if (root) status = print_base(&text, b);
  if (root && !status) status = cubix_stack_begin(&draft, b->opt->stack, b->table, key, b->group, text);
  CUBIX_TRY(cubix_mpi_agree(status));
  for (int g = 0; g < b->n_group; g++) CUBIX_TRY(draft_group(b, draft, g));
done:
  if (draft) status = cubix_stack_end(draft, status);
  free(text);
  free(key);
  return cubix_mpi_agree(status);
}

/* The file, made if it is not there, with these rows. */
static int open_stack(struct batch *b)
{
  int status = CUBIX_OK;
  uint64_t there = cubix_mpi_rank() == 0 && cubix_infile_is(b->opt->stack);
  cubix_mpi_or(&there, 1);
  CUBIX_TRY(cubix_mpi_agree(group_rows(b)));
  if (!there) CUBIX_TRY(draft_stack(b));
  CUBIX_TRY(cubix_mpi_agree(cubix_stack_open(&b->stack, b->opt->stack)));
  for (size_t i = 0; i < b->n_row; i++)
    CUBIX_MPI_CHECK(
        b->stack->n_row == b->n_row && !memcmp(b->stack->key + 2 * i, b->known[i].key, 2 * sizeof(uint64_t)),
        CUBIX_EUSAGE,
        "%s holds cubes of other rows (row %zu is not the same): remove it, or name another file with --stack",
        b->opt->stack, i + 1);
  for (size_t i = 0; i < b->n_row; i++) b->done[i] = b->stack->done[i];
done:
  return status;
}

static int plan(struct batch *b, const char *folder)
{
  int status = CUBIX_OK;
  const struct cubix_batch_options *opt = b->opt;
  static char none[] = "";
  if (!cubix_row_table_is_hdf5(opt->table)) CUBIX_TRY(cubix_mpi_text_read(&b->table_text, opt->table, "the table"));
  else
    CUBIX_TRY(cubix_mpi_text_share(
        &b->table_text, cubix_mpi_rank() == 0 ? cubix_row_table_hdf5(&b->table_text, opt->table) : CUBIX_OK));
  if (opt->base) CUBIX_TRY(cubix_mpi_text_read(&b->base_text, opt->base, "the parameter file"));
  CUBIX_TRY(cubix_mpi_agree(cubix_row_table_parse(&b->table, opt->table, b->table_text)));
  CUBIX_TRY(cubix_mpi_agree(cubix_rows_open(&b->rows, b->table, opt->base ? opt->base : opt->table,
                                            b->base_text ? b->base_text : none, opt->stack, opt->n_override,
                                            opt->override)));
  b->n_row = b->table->n_row;
  CUBIX_MPI_ALLOC(b->known, b->n_row);
  CUBIX_MPI_ALLOC(b->done, b->n_row);
  CUBIX_TRY(know_rows(b));
  if (opt->stack) {
    CUBIX_TRY(open_stack(b));
  } else {
    CUBIX_TRY(cubix_mpi_agree(check_outputs(b)));
    CUBIX_TRY(cubix_mpi_agree(find_done(b, folder)));
    cubix_mpi_or(b->done, b->n_row);
  }
  CUBIX_TRY(cubix_mpi_agree(order_rows(b)));
done:
  return status;
}

/* ---- templates for all teams ----------------------------------------------------------------- */

/* All ranks prepare the templates of kinds that many rows have, before teams would each do so: the first row of each
 * is made for that, and thrown away.  What fails here fails again when its turn comes. */
static void prepare_kinds(struct batch *b, int n_team)
{
  const size_t many = 4 * (size_t)n_team, *order = b->order + b->first;
  for (size_t i = 0, n; i < b->n && n_team > 1; i += n) {
    struct cubix_params *par = NULL;
    struct cubix_warnings warnings;
    const struct known *first = &b->known[order[i]];
    for (n = 1; i + n < b->n && !memcmp(first->kind, b->known[order[i + n]].kind, sizeof first->kind);) n++;
    if (n < many) continue;
    const int failed = cubix_mpi_agree(cubix_rows_params(&par, b->rows, order[i]));
    cubix_console_mute(1);
    if (!failed && strcmp(par->TemplateCache, "none"))
      (void)cubix_batch_row(par, &b->kept, &(struct cubix_batch_sink){ CUBIX_TO_NOTHING, NULL, order[i], NULL, 0 },
                            &warnings);
    cubix_console_mute(0);
    cubix_error_clear();
    cubix_params_free(par);
  }
  cubix_mpi_kept_free(&b->kept);
}

/* ---- row after row --------------------------------------------------------------------------- */

/* Each warning once for this rank. */
static int note_warnings(struct batch *b, struct cubix_entry *e, struct cubix_warnings *warnings)
{
  int status = CUBIX_OK;
  e->event = CUBIX_EVENT_WARNED;
  for (char *line = warnings->text, *next; *line; line = next) {
    uint64_t hash[2];
    next = line + strcspn(line, "\n");
    if (*next) *next++ = '\0';
    cubix_hash(line, strlen(line), hash);
    size_t i = 0;
    while (i < b->n_told && b->told[i] != hash[0]) i++;
    if (i < b->n_told) continue;
    uint64_t *more = realloc(b->told, (b->n_told + 1) * sizeof *more);
    CUBIX_CHECK(more, CUBIX_ENOMEM, "no memory for a warning");
    b->told = more;
    b->told[b->n_told++] = hash[0];
    e->text = line;
    CUBIX_TRY(cubix_journal_add(&b->journal, e));
  }
done:
  return status;
}

/* On the first rank of the team. */
static int note_row(struct batch *b, size_t row, int failed, double seconds, const struct cubix_params *par,
                    struct cubix_warnings *warnings)
{
  int status = CUBIX_OK;
  char output[CUBIX_OUTPUT_PATH] = "", message[4096];
  struct cubix_entry e = { .key = { b->known[row].key[0], b->known[row].key[1] }, .row = row, .seconds = seconds };
  snprintf(message, sizeof message, "%s", cubix_error_message());
  cubix_error_clear();
  CUBIX_TRY(note_warnings(b, &e, warnings));
  if (!failed && b->stack) snprintf(output, sizeof output, "%s", b->stack->path);
  else if (!failed) CUBIX_TRY(cubix_output_first(output, par));
  e.event = failed ? CUBIX_EVENT_FAILED : CUBIX_EVENT_DONE;
  e.text = failed ? message : output;
  CUBIX_TRY(cubix_journal_add(&b->journal, &e));
  cubix_mpi_teams_count(&b->teams, failed ? CUBIX_TALLY_FAILED : CUBIX_TALLY_DONE, 1);
done:
  return status;
}

static int run_row(struct batch *b, size_t row)
{
  int status = CUBIX_OK, failed;
  const double begin = cubix_log_clock();
  struct cubix_params *par = NULL;
  struct cubix_warnings warnings;
  const struct cubix_batch_sink sink = { b->stack ? CUBIX_TO_STACK : CUBIX_TO_FILES, b->stack, row, NULL, 0 };
  CUBIX_TRY(cubix_mpi_agree(cubix_rows_params(&par, b->rows, row)));
  cubix_console_mute(1);
  failed = cubix_batch_row(par, &b->kept, &sink, &warnings);
  cubix_console_mute(0);
  if (cubix_mpi_rank() == 0) status = note_row(b, row, failed, cubix_log_clock() - begin, par, &warnings);
  CUBIX_TRY(cubix_mpi_agree(status));
done:
  cubix_params_free(par);
  return status;
}

static void say_time(char text[32], double seconds)
{
  const long s = (long)(seconds + 0.5);
  if (s < 60) snprintf(text, 32, "%ld s", s);
  else if (s < 3600) snprintf(text, 32, "%ld min %02ld s", s / 60, s % 60);
  else snprintf(text, 32, "%ld h %02ld min", s / 3600, s % 3600 / 60);
}

/* How far all teams are; by rank 0. */
static void tell_progress(struct batch *b, double every)
{
  const double now = cubix_log_clock(), took = now - b->began;
  char left[32];
  if (now - b->said < every) return;
  const double done = (double)(b->tally[CUBIX_TALLY_DONE] + cubix_mpi_teams_count(&b->teams, CUBIX_TALLY_DONE, 0)),
               failed = (double)(b->tally[CUBIX_TALLY_FAILED] +
                                 cubix_mpi_teams_count(&b->teams, CUBIX_TALLY_FAILED, 0));
  if (!(done + failed > 0)) return;
  say_time(left, took / (done + failed) * ((double)b->n_todo - done - failed));
  cubix_log(CUBIX_LOG_INFO, "%.0f of %zu rows (%.0f failed), %.3g a second, about %s left", done + failed, b->n_todo,
            failed, (done + failed) / took, left);
  b->said = now;
}

static int run_rows(struct batch *b, int first)
{
  int status = CUBIX_OK;
  const int64_t n = (int64_t)b->n;
  for (;;) {
    if (cubix_console_noted()) cubix_mpi_teams_stop(&b->teams, n);
    const int64_t next = cubix_mpi_teams_next(&b->teams);
    if (next >= n) break;
    status = run_row(b, b->order[b->first + (size_t)next]);
    if (first) tell_progress(b, 10);
    if (!status) continue;
    cubix_mpi_teams_stop(&b->teams, n);
    break;
  }
  return status;
}

/* Rows first .. first + n - 1 of those that are left, by teams of so many ranks. */
static int run_teams(struct batch *b, int n_rank, size_t first, size_t n)
{
  int status = CUBIX_OK, opened = 0;
  const int root = cubix_mpi_rank() == 0;
  b->first = first;
  b->n = n;
  CUBIX_TRY(cubix_mpi_teams_open(&b->teams, n_rank));
  opened = 1;
  cubix_log(CUBIX_LOG_INFO, "%zu rows, %zu done before; %d team(s) of %d rank(s); journal in %s", n,
            b->n_row - b->n_todo, b->teams.n_team, b->teams.group.size, b->folder);
  prepare_kinds(b, b->teams.n_team);
  cubix_mpi_group_use(&b->teams.group);
  status = run_rows(b, root);
  cubix_mpi_group_use(NULL);
  cubix_mpi_wait();
  CUBIX_TRY(cubix_mpi_agree(status));
  if (root) tell_progress(b, 0);
  for (int i = 0; root && i < CUBIX_N_TALLY; i++)
    b->tally[i] += cubix_mpi_teams_count(&b->teams, (enum cubix_tally)i, 0);
done:
  cubix_mpi_kept_free(&b->kept);
  if (opened) cubix_mpi_teams_close(&b->teams);
  return status;
}

int cubix_batch(struct cubix_batch_end *end, const struct cubix_batch_options *opt, const char *folder)
{
  int status = CUBIX_OK;
  const int rank = cubix_mpi_rank(), size = cubix_mpi_size();
  const int n_rank = opt->team == CUBIX_TEAM_AUTO ? 1 : opt->team > 0 && opt->team < size ? opt->team : size;
  size_t n_large = 0;
  struct batch b = { .opt = opt, .folder = folder, .journal = { .file = -1 } };
  CUBIX_TRY(plan(&b, folder));
  CUBIX_TRY(cubix_mpi_agree(cubix_journal_open(&b.journal, folder, rank)));
  if (rank == 0) status = cubix_journal_begin(&b.journal, b.n_row, b.n_row - b.n_todo);
  CUBIX_TRY(cubix_mpi_agree(status));
  if (opt->team == CUBIX_TEAM_AUTO) CUBIX_TRY(cubix_batch_large_first(b.order, b.n_todo, &n_large, b.rows));
  cubix_console_note_signals();
  b.began = b.said = cubix_log_clock();
  if (n_large) CUBIX_TRY(run_teams(&b, size, 0, n_large));
  if (n_large < b.n_todo || !n_large) CUBIX_TRY(run_teams(&b, n_rank, n_large, b.n_todo - n_large));
  *end = (struct cubix_batch_end){ .n_row = b.n_row,
                                   .n_before = b.n_row - b.n_todo,
                                   .n_done = (size_t)b.tally[CUBIX_TALLY_DONE],
                                   .n_failed = (size_t)b.tally[CUBIX_TALLY_FAILED],
                                   .signal = cubix_console_noted() };
done:
  cubix_journal_close(&b.journal);
  cubix_stack_close(b.stack);
  free(b.group);
  cubix_rows_free(b.rows);
  cubix_row_table_free(b.table);
  free(b.table_text);
  free(b.base_text);
  free(b.known);
  free(b.done);
  free(b.order);
  free(b.told);
  return status;
}
