/* reader_rows.c -- rows from the file to the rank that wants them.
 *
 * Every rank that reads opens the file by itself, with HDF5's serial driver.  With ReadMode independent each
 * reads its own rows.  With ReadMode collective one rank of every node reads for all of the node,
 * piece by piece, and sends: a parallel file system then sees one client a node, with large
 * requests in the order of the file.  That is done with messages of our own rather than through
 * MPI-IO: a rank that cannot read sends an empty message, and nobody waits inside a call that
 * another one has left with an error.  (6e6 stars, two ranks on two cores, HDF5 1.10.8 over Open
 * MPI 4.1.4: MPI-IO took 1.4 times as long as this for independent reads, and 1.2 times for
 * collective ones, which take more than twice as long as independent ones where there is one node
 * only.)
 *
 * Compressed data and chunks of single columns are always read independently: the one who reads
 * would unpack for all, or seek number by number. What a piece needs of all columns is unpacked
 * together, by all threads. Data come in the file's own precision. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "mpi/particles/reader.h"
#include "mpi/particles/reader_parts.h"
#include "simulation/simformat.h"

enum { TAG = 0x726f };

void cubix_mpi_reader_divide(struct cubix_reader *r)
{
  struct cubix_reader_state *state = r->state;
  const int n_rank = cubix_mpi_size(), me = cubix_mpi_rank(), mine = state->collective ? cubix_mpi_local_root() : me;
  MPI_Allgather(&mine, 1, MPI_INT, state->reads_for, 1, MPI_INT, cubix_mpi_group()->comm);
  for (int q = 0; q < n_rank; q++) state->reads_for_others |= q != me && state->reads_for[q] == me;
}

/* ---- the columns of a part -------------------------------------------------------------------- */

void cubix_mpi_reader_stay(struct cubix_reader *r)
{
  for (int f = 0; f < CUBIX_N_FIELD; f++) r->state->single[f] = r->state->relayed[f] = 1;
}

int cubix_mpi_reader_go(struct cubix_reader *r, const struct cubix_simpart *part)
{
  int status = CUBIX_OK;
  struct cubix_reader_state *state = r->state;
  char path[256];
  unsigned char *examined = &state->examined[part - r->sim->part];
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    state->single[f] = state->relayed[f] = 0;
    if (!state->piece[f] || !part->reads[f]) continue;
    cubix_simfile_path(path, sizeof path, r->sim, part, f);
    CUBIX_TRY(cubix_column_open(&state->column[f], state->source, path, r->sim->field[f].pick,
                                r->sim->abroad[part->member] && !*examined && cubix_mpi_rank() > 0));
    CUBIX_CHECK(state->column[f]->n_row == part->n_row, CUBIX_EINPUT,
                "%s: /%s has %lld rows and had %lld: did the file change while it was read?", state->source->path, path,
                (long long)state->column[f]->n_row, (long long)part->n_row);
    state->single[f] = state->column[f]->single;
    state->relayed[f] = state->collective && state->column[f]->in_rows;
  }
  *examined = 1;                  /* rank 0 has seen them before */
done:
  return status;
}

void cubix_mpi_reader_agree(struct cubix_reader *r)
{
  int seen[2 * CUBIX_N_FIELD];
  memcpy(seen, r->state->relayed, sizeof r->state->relayed);
  memcpy(seen + CUBIX_N_FIELD, r->state->single, sizeof r->state->single);
  MPI_Allreduce(MPI_IN_PLACE, seen, 2 * CUBIX_N_FIELD, MPI_INT, MPI_MIN, cubix_mpi_group()->comm);
  memcpy(r->state->relayed, seen, sizeof r->state->relayed);
  memcpy(r->state->single, seen + CUBIX_N_FIELD, sizeof r->state->single);
}

void cubix_mpi_reader_leave(struct cubix_reader *r)
{
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    r->state->unpacked[f] = fmax(r->state->unpacked[f], cubix_column_bytes(r->state->column[f]));
    cubix_column_close(r->state->column[f]);
    r->state->column[f] = NULL;
  }
  cubix_mpi_reader_member_close(r);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Piece p of a span. */
static struct cubix_span piece_of(struct cubix_span share, size_t p)
{
  struct cubix_span s = { share.from + (int64_t)p * PIECE, share.to };
  if (s.from > share.to) s.from = share.to;
  if (s.to - s.from > PIECE) s.to = s.from + PIECE;
  return s;
}

/* Rows of the file, in the column's own precision; identifiers as they are. */
static int read_span(const struct cubix_reader *r, enum cubix_field field, int64_t from, int64_t to, void *rows)
{
  const struct cubix_column *column = r->state->column[field];
  return field == CUBIX_FIELD_ID ? cubix_column_integers(column, from, to, rows)
                                 : cubix_column_read(column, from, to, rows);
}

/* Of runs with little between them, this little is read, too: it costs less than to ask again. */
enum { BETWEEN = 64, AT_ONCE = 4096 };

/* Rows of a part of which only some count, as read_runs below will ask for them. */
static void want_runs(const struct cubix_reader *r, const struct cubix_simpart *part, const struct cubix_column *column,
                      struct cubix_span rows)
{
  const struct cubix_run *run = r->sim->run + part->first_run, *const end = run + part->n_run;
  while (run + 1 < end && run[1].before <= rows.from) run++;
  for (; run < end && run->before < rows.to; run++) {
    const int64_t first = rows.from > run->before ? run->rows.from + (rows.from - run->before) : run->rows.from,
                  left = rows.to - run->before;
    int64_t to = left < AT_ONCE ? run->rows.from + AT_ONCE : run->rows.from + left;
    if (to > run->rows.to) to = run->rows.to;
    if (run + 1 < end && run[1].rows.from - run->rows.to <= BETWEEN && to == run->rows.to) to = run[1].rows.from;
    cubix_column_want(column, first, to);
  }
}

void cubix_mpi_reader_unpack(struct cubix_reader *r, const struct cubix_simpart *part, size_t p)
{
  const struct cubix_span rows = piece_of(r->state->share[cubix_mpi_rank()], p);
  if (rows.from == rows.to) return;
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    const struct cubix_column *column = r->state->column[f];
    if (!column || r->state->relayed[f]) continue;
    if (part->n_run) want_runs(r, part, column, rows);
    else cubix_column_want(column, rows.from, rows.to);
  }
  cubix_columns_unpack(r->state->column, CUBIX_N_FIELD);
}

void cubix_mpi_reader_soon(const struct cubix_reader *r, const struct cubix_simpart *part, size_t p)
{
  const struct cubix_reader_state *state = r->state;
  const int me = cubix_mpi_rank();
  for (int q = 0; q < cubix_mpi_size(); q++) {
    const struct cubix_span rows = piece_of(state->share[q], p);
    if (rows.from == rows.to || part->n_run) continue;
    for (int f = 0; f < CUBIX_N_FIELD; f++)
      if (state->column[f] && (state->relayed[f] ? state->reads_for[q] : q) == me)
        cubix_column_soon(state->column[f], rows.from, rows.to);
  }
}

/* Rows that count, of a part of which only some do, in the column's own precision. */
static int read_runs(const struct cubix_reader *r, const struct cubix_simpart *part, enum cubix_field field,
                     struct cubix_span rows, char *to)
{
  int status = CUBIX_OK;
  const struct cubix_column *column = r->state->column[field];
  const size_t row = (size_t)cubix_field_table[field].n_c * (column->single ? sizeof(float) : sizeof(double));
  const struct cubix_run *run = r->sim->run + part->first_run, *const end = run + part->n_run;
  char *block = NULL;
  CUBIX_ALLOC(block, AT_ONCE * row);
  while (run + 1 < end && run[1].before <= rows.from) run++;
  while (rows.from < rows.to) {
    const struct cubix_run *last = run;
    const int64_t first = run->rows.from + (rows.from - run->before), left = rows.to - rows.from;
    int64_t n = run->rows.to - first;
    while (n < left && last + 1 < end && last[1].rows.from - last->rows.to <= BETWEEN &&
           last[1].rows.to - first <= AT_ONCE) {
      last++;
      n += last->rows.to - last->rows.from;
    }
    if (last == run) {
      if (n > left) n = left;
      CUBIX_TRY(read_span(r, field, first, first + n, to));
    } else {
      CUBIX_TRY(read_span(r, field, first, last->rows.to, block));
      if (n > left) n = left;
      size_t done = 0;
      for (const struct cubix_run *one = run; one <= last && done < (size_t)n; one++) {
        const int64_t from = one == run ? first : one->rows.from;
        size_t now = (size_t)(one->rows.to - from);
        if (now > (size_t)n - done) now = (size_t)n - done;
        memcpy(to + done * row, block + (size_t)(from - first) * row, now * row);
        done += now;
      }
    }
    rows.from += n;
    to += (size_t)n * row;
    run = last;
    if (run + 1 < end && run[1].before <= rows.from) run++;
  }
done:
  free(block);
  return status;
}

/* Into floats or doubles, as all ranks agreed. */
static int read_rows(const struct cubix_reader *r, const struct cubix_simpart *part, enum cubix_field field,
                     struct cubix_span rows, void *to)
{
  int status = CUBIX_OK;
  const struct cubix_column *column = r->state->column[field];
  const size_t n = (size_t)(rows.to - rows.from) * (size_t)cubix_field_table[field].n_c;
  if (part->n_run) CUBIX_TRY(read_runs(r, part, field, rows, to));
  else CUBIX_TRY(read_span(r, field, rows.from, rows.to, to));
  /* the last first: they lie in each other's way */
  for (size_t i = n; column->single && !r->state->single[field] && i-- > 0;) {
    float x;
    memcpy(&x, (const char *)to + i * sizeof x, sizeof x);
    const double y = (double)x;
    memcpy((char *)to + i * sizeof y, &y, sizeof y);
  }
done:
  return status;
}

static int bytes_of(const struct cubix_reader *r, enum cubix_field field, struct cubix_span rows)
{
  return (int)(rows.to - rows.from) * cubix_field_table[field].n_c *
         (int)(r->state->single[field] ? sizeof(float) : sizeof(double));
}

/* The piece of every rank that this one reads for; an empty message where it could not be read. */
static void serve(const struct cubix_reader *r, const struct cubix_simpart *part, enum cubix_field field, size_t p)
{
  const struct cubix_reader_state *state = r->state;
  for (int q = 0; q < cubix_mpi_size(); q++) {
    const struct cubix_span rows = piece_of(state->share[q], p);
    if (q == cubix_mpi_rank() || state->reads_for[q] != cubix_mpi_rank() || rows.from == rows.to) continue;
    int read = !read_rows(r, part, field, rows, state->relay), n = read ? bytes_of(r, field, rows) : 0;
    MPI_Send(state->relay, n, MPI_BYTE, q, TAG, cubix_mpi_group()->comm);
    cubix_mpi_volume_add((size_t)n);
  }
}

int cubix_mpi_reader_fetch(struct cubix_reader *r, const struct cubix_simpart *part, enum cubix_field field, size_t p)
{
  int status = CUBIX_OK, got = 0;
  struct cubix_reader_state *state = r->state;
  const int from = state->relayed[field] ? state->reads_for[cubix_mpi_rank()] : cubix_mpi_rank();
  const struct cubix_span rows = piece_of(state->share[cubix_mpi_rank()], p);
  MPI_Status arrival;
  char path[256];
  if (state->relayed[field] && state->reads_for_others) serve(r, part, field, p);
  if (rows.from == rows.to) goto done;
  state->wanted += bytes_of(r, field, rows);
  if (from == cubix_mpi_rank()) {
    CUBIX_TRY(read_rows(r, part, field, rows, state->piece[field]));
  } else {
    MPI_Recv(state->piece[field], bytes_of(r, field, rows), MPI_BYTE, from, TAG, cubix_mpi_group()->comm, &arrival);
    MPI_Get_count(&arrival, MPI_BYTE, &got);
    CUBIX_CHECK(got == bytes_of(r, field, rows), CUBIX_EINPUT,
                "%s: /%s cannot be read by rank %d in rows %lld to %lld; the file is damaged or incomplete",
                state->source->path, cubix_simfile_path(path, sizeof path, r->sim, part, field), from,
                (long long)rows.from, (long long)rows.to);
  }
done:
  return status;
}
