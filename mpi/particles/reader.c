/* reader.c -- every rank reads its share of the stars, at once or chunk by chunk.
 *
 * Rank 0 looks into the files and tells the others (src/simulation/simfile.c); then the parts of
 * all members are read as if they were one list of N stars, of which rank r of P owns [N r/P, N
 * (r+1)/P).  Chunk c is that many rows of every rank's share, from c times as many on: every rank
 * can tell which parts a chunk touches on any rank, opens those of which it reads rows (reader_members.c),
 * and reads in pieces of CUBIX_READER_PIECE rows (reader_rows.c), all quantities of a piece together,
 * so that wind cells are dropped and units converted on the way and no more than 14 MiB are needed
 * beside the slab (reader_convert.c). A rank that finds something wrong keeps to the order of pieces, for others
 * may read for it or wait for what it reads, and says so at the end of the part: nobody hangs. */
#include "mpi/particles/reader.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5read.h"
#include "base/infile.h"
#include "base/log.h"
#include "catalogue/catalogue.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/particles/reader_parts.h"
#include "mpi/particles/star_check.h"
#include "params/params.h"
#include "simulation/simfile.h"
#include "simulation/simformat.h"
#include "simulation/slab.h"
#include "simulation/spatial.h"

/* Eleven columns of stars at most: position, velocity, two masses, formation or age, metallicity,
 * potential or length. */
double cubix_mpi_reader_bytes(double n_row) { return fmin(n_row, PIECE) * 11 * sizeof(double); }

double cubix_mpi_reader_unpacked_bytes(const struct cubix_reader *r)
{
  static const enum cubix_field later[] = { CUBIX_FIELD_MASS_FORMED, CUBIX_FIELD_METALLICITY };
  const double *seen = r->state->unpacked;
  double bytes = 0, like = 0;
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    bytes += seen[f];
    if (cubix_field_table[f].n_c == 1) like = fmax(like, seen[f]);
  }
  for (int i = 0; i < 2; i++)               /* not read yet: as another column of single numbers */
    if (!seen[later[i]] && r->sim->field[later[i]].name[0]) bytes += like;
  return bytes;
}

/* Does this rank read for others that have rows of the part? */
static int serves(const struct cubix_reader *r)
{
  const struct cubix_reader_state *state = r->state;
  for (int q = 0; q < cubix_mpi_size(); q++)
    if (q != cubix_mpi_rank() && state->reads_for[q] == cubix_mpi_rank() && state->share[q].from < state->share[q].to)
      return 1;
  return 0;
}

static int open_part(struct cubix_reader *r, const struct cubix_simpart *part)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_mpi_reader_member_open(r, part->member));
  CUBIX_TRY(cubix_mpi_reader_go(r, part));
done:
  if (status && cubix_mpi_rank() > 0) cubix_error_about("rank %d (does its node see this file?)", cubix_mpi_rank());
  return status;
}

/* Those who have rows of the part open it.  If they find columns that one of a node reads for all of it,
 * that one opens it, too. */
static int open_parts(struct cubix_reader *r, const struct cubix_simpart *part)
{
  int status = CUBIX_OK, relayed = 0;
  const struct cubix_span mine = r->state->share[cubix_mpi_rank()];
  cubix_mpi_reader_stay(r);
  if (mine.from < mine.to) status = open_part(r, part);
  CUBIX_TRY(cubix_mpi_agree(status));
  cubix_mpi_reader_agree(r);
  for (int f = 0; f < CUBIX_N_FIELD; f++) relayed |= r->state->piece[f] && part->reads[f] && r->state->relayed[f];
  if (!relayed) goto done;
  if (!r->state->source && serves(r)) status = open_part(r, part);
  CUBIX_TRY(cubix_mpi_agree(status));
  cubix_mpi_reader_agree(r);
done:
  return status;
}

/* My rows of a part, piece by piece; n_piece is the same on all ranks. */
static int read_pieces(struct cubix_reader *r, const struct cubix_simpart *part, size_t n_piece)
{
  int status = CUBIX_OK, failed = CUBIX_OK;
  const struct cubix_span mine = r->state->share[cubix_mpi_rank()];
  const size_t n = (size_t)(mine.to - mine.from);
  CUBIX_TRY(open_parts(r, part));
  for (size_t p = 0; p < n_piece; p++) {
    size_t done_before = p * PIECE < n ? p * PIECE : n, now = n - done_before < PIECE ? n - done_before : PIECE;
    cubix_mpi_reader_unpack(r, part, p);
    for (int f = 0; f < CUBIX_N_FIELD; f++) {
      int code = r->state->piece[f] && part->reads[f]
                     ? cubix_mpi_reader_fetch(r, part, (enum cubix_field)f, p)
                     : CUBIX_OK;
      if (!failed) failed = code;
    }
    cubix_mpi_reader_soon(r, part, p + 1);
    if (!failed) failed = cubix_piece_keep(r, part, mine.from + (int64_t)done_before, now);
    if (cubix_mpi_rank() == 0 && now)
      cubix_log_progress("read", (double)(r->state->n_read += now) / (double)r->n_largest);
  }
  CUBIX_TRY(cubix_mpi_agree(failed));
done:
  cubix_mpi_reader_leave(r);
  return status;
}

static int64_t share_start(const struct cubix_reader *r, int rank)
{
  int64_t n = r->sim->n_total, n_rank = cubix_mpi_size();
  return n / n_rank * rank + n % n_rank * rank / n_rank;
}

/* Chunk c of a rank's share. */
static struct cubix_span chunk_of(const struct cubix_reader *r, int rank, size_t c)
{
  int64_t first = share_start(r, rank), end = share_start(r, rank + 1), before = (int64_t)(c * r->n_chunk_rows);
  struct cubix_span s = { first + before < end ? first + before : end, end };
  if (s.to - s.from > (int64_t)r->n_chunk_rows) s.to = s.from + (int64_t)r->n_chunk_rows;
  return s;
}

/* What of it lies in a part whose n rows begin at `offset`, counted from there. */
static struct cubix_span in_part(struct cubix_span s, int64_t offset, int64_t n)
{
  struct cubix_span in = { s.from > offset ? s.from - offset : 0, s.to < offset + n ? s.to - offset : n };
  return in.from < in.to ? in : (struct cubix_span){ 0, 0 };
}

/* The parts that chunk c touches on any rank, one after the other.  Every rank that reads of a member opens
 * it by itself; nobody reads before all could. */
static int read_parts(struct cubix_reader *r, size_t c)
{
  int status = CUBIX_OK;
  int64_t offset = 0;

  for (int i = 0; i < r->sim->n_part; offset += r->sim->part[i++].n) {
    const struct cubix_simpart *part = &r->sim->part[i];
    int64_t most = 0;
    for (int rank = 0; rank < cubix_mpi_size(); rank++) {
      struct cubix_span in = r->state->share[rank] = in_part(chunk_of(r, rank, c), offset, part->n);
      most = in.to - in.from > most ? in.to - in.from : most;
    }
    if (most == 0) continue;
    CUBIX_TRY(read_pieces(r, part, ((size_t)most + PIECE - 1) / PIECE));
  }
done:
  cubix_mpi_reader_leave(r);
  return status;
}

/* Is a quantity read, if only to find another?  When a star formed tells it from a wind cell, and
 * what a mass at birth follows from is needed for it. */
static int is_read(const struct cubix_reader *r, int f)
{
  const struct cubix_simfile *sim = r->sim;
  const int derived = r->slab->mass_formed && sim->birth_mass != CUBIX_BIRTH_FILE;
  if (!sim->field[f].name[0]) return 0;
  if (f == (int)sim->birth || cubix_slab_column(r->slab, f)) return 1;
  if (f == CUBIX_FIELD_ID) return r->slab->id != NULL;
  if (f == CUBIX_FIELD_ENERGY || f == CUBIX_FIELD_ELECTRONS) return r->slab->temperature != NULL;
  if (f == CUBIX_FIELD_MASS_NOW)
    return derived || (r->slab->metallicity &&
                       sim->field[CUBIX_FIELD_METALLICITY].of_mass);
  return 0;
}

/* Columns of gas that the files do not have, and that nothing there gives, are none. */
void cubix_mpi_reader_drop_unknown(struct cubix_reader *r)
{
  struct cubix_slab *slab = r->slab;
  const struct cubix_simfile *sim = r->sim;
  double **const optional[] = { &slab->metallicity, &slab->smoothing_length, &slab->density,   &slab->sfr,
                                &slab->temperature, &slab->hydrogen,         &slab->oxygen,    &slab->dust_mass,
                                &slab->molecular };
  const int known[] = { sim->field[CUBIX_FIELD_METALLICITY].name[0],
                        sim->field[CUBIX_FIELD_LENGTH].name[0] || sim->field[CUBIX_FIELD_DENSITY].name[0],
                        sim->field[CUBIX_FIELD_DENSITY].name[0],
                        sim->field[CUBIX_FIELD_SFR].name[0],
                        sim->field[CUBIX_FIELD_TEMPERATURE].name[0] ||
                            (sim->field[CUBIX_FIELD_ENERGY].name[0] && sim->field[CUBIX_FIELD_ELECTRONS].name[0]),
                        sim->field[CUBIX_FIELD_HYDROGEN].name[0],
                        sim->field[CUBIX_FIELD_OXYGEN].name[0],
                        sim->field[CUBIX_FIELD_DUST_MASS].name[0],
                        sim->field[CUBIX_FIELD_MOLECULAR].name[0] };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (known[i]) continue;
    free(*optional[i]);
    *optional[i] = NULL;
  }
}

/* Room for one piece of every quantity that is wanted. */
static int make_room(struct cubix_reader *r, size_t n)
{
  int status = CUBIX_OK;
  size_t rows = n < (size_t)PIECE ? n + 1 : (size_t)PIECE;
  for (int f = 0; f < CUBIX_N_FIELD; f++)
    if (is_read(r, f))
      CUBIX_CHECK((r->state->piece[f] = cubix_alloc(rows * (size_t)cubix_field_table[f].n_c, sizeof(double))),
                  CUBIX_ENOMEM, "cannot allocate memory for %zu rows of %s", rows, cubix_field_table[f].name);
  if (r->state->reads_for_others)
    CUBIX_ALLOC(r->state->relay, 3 * (r->n_chunk_rows < (size_t)PIECE ? r->n_chunk_rows : (size_t)PIECE));
done:
  return status;
}

size_t cubix_mpi_reader_rows(const struct cubix_reader *r, size_t c)
{
  struct cubix_span mine = chunk_of(r, cubix_mpi_rank(), c);
  return (size_t)(mine.to - mine.from);
}

/* Of a snapshot from which a catalogue takes a galaxy little more should be read than that. */
static void say_bytes(struct cubix_reader *r, int64_t before)
{
  const double read = 1e-6 * (double)cubix_mpi_sum_int(cubix_infile_bytes() - before),
               wanted = 1e-6 * (double)cubix_mpi_sum_int(r->state->wanted);
  cubix_log(CUBIX_LOG_INFO, "read %.4g MB of the snapshot for %.4g MB of particles", read, wanted);
}

int cubix_mpi_reader_read(struct cubix_reader *r, size_t c)
{
  int status = CUBIX_OK;
  const int64_t before = cubix_infile_bytes();
  struct cubix_h5_quiet quiet;
  cubix_h5_quiet_begin(&quiet);
  if (c == 0) {
    r->n_wind = 0;
    r->state->n_read = 0;
    r->state->wanted = 0;
    for (int k = 0; k < 3; k++) {
      r->state->range.low[k] = INFINITY;
      r->state->range.high[k] = -INFINITY;
    }
  }
  r->state->n_kept = 0;
  if (r->sim->population == CUBIX_GAS) cubix_mpi_reader_drop_unknown(r);
  CUBIX_TRY(cubix_mpi_agree(make_room(r, cubix_mpi_reader_rows(r, c))));
  CUBIX_TRY(read_parts(r, c));
  if (r->sim->n_run && r->n_chunk_rows >= r->n_largest) say_bytes(r, before);
  status = cubix_mpi_star_extent_check(r->state->range.low, r->state->range.high, r->slab->snapshot.box, CUBIX_EINPUT);
  if (status) cubix_error_about("%s", r->slab->snapshot.file[0]);
  CUBIX_TRY(status);
  r->slab->n = r->state->n_kept;
done:
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    free(r->state->piece[f]);
    r->state->piece[f] = NULL;
  }
  free(r->state->relay);
  r->state->relay = NULL;
  cubix_h5_quiet_end(&quiet);
  return status;
}

/* What this rank needs beside rank 0's findings. */
static int prepare(struct cubix_reader *r, struct cubix_slab **slab, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const struct cubix_snapshot *s = &r->sim->snapshot;
  CUBIX_ALLOC(r->state, 1);
  r->state->gas_kernel = par->GasKernel;
  r->state->collective = par->ReadMode == CUBIX_ReadMode_collective;
  CUBIX_ALLOC(r->state->share, cubix_mpi_size());
  CUBIX_ALLOC(r->state->reads_for, cubix_mpi_size());
  CUBIX_TRY(cubix_mpi_reader_members_init(r));
  CUBIX_ALLOC(*slab, 1);
  if (r->sim->birth < CUBIX_N_FIELD && r->sim->birth != CUBIX_FIELD_AGE)
    CUBIX_TRY(cubix_clock_init(&r->state->clock, r->sim->birth, r->sim->now, s->omega_m, s->omega_l, s->h, r->sim->a));
  if (r->sim->birth_mass == CUBIX_BIRTH_LIBRARY) CUBIX_TRY(cubix_survival_read(&r->state->survival, par->SspFile));
done:
  return status;
}

/* Which rows of the snapshot count. */
static int choose(struct cubix_groups *groups, struct cubix_simfile *sim, const struct cubix_params *par)
{
  const int64_t before = cubix_infile_bytes();
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_catalogue_find(groups, sim, par));
  /* gas that is not to be extracted may be wanted from beyond */
  if (!groups->n && (sim->population == CUBIX_STARS || sim->everything)) CUBIX_TRY(cubix_spatial_choose(sim, par));
  if (!groups->n) goto done;
  CUBIX_TRY(cubix_catalogue_choose(sim, par, groups, 0, groups->n));
  cubix_log(CUBIX_LOG_INFO, "read %.4g MB to find them", 1e-6 * (double)(cubix_infile_bytes() - before));
done:
  return status;
}

/* Shares of what counts. */
static void divide(struct cubix_reader *r)
{
  r->slab->n_file_total = r->sim->n_total + r->sim->n_far;
  r->slab->n_far = r->sim->n_far;
  r->n_largest = (size_t)((r->sim->n_total + cubix_mpi_size() - 1) / cubix_mpi_size());
  r->n_chunk_rows = r->n_largest;
}

int cubix_mpi_reader_open(struct cubix_reader **out, struct cubix_slab **slab, const struct cubix_params *par,
                          enum cubix_population population, int everything)
{
  int status = CUBIX_OK;
  struct cubix_reader *r = NULL;
  struct cubix_groups groups = { 0 };
  uint64_t n_group;
  struct cubix_h5_quiet quiet;
  cubix_h5_quiet_begin(&quiet);
  CUBIX_MPI_ALLOC(r, 1);
  if (cubix_mpi_rank() == 0) status = cubix_simfile_open(&r->sim, par, population, everything);
  if (cubix_mpi_rank() == 0 && !status) status = choose(&groups, r->sim, par);
  CUBIX_TRY(cubix_mpi_agree(status));
  n_group = groups.n;
  MPI_Bcast(&n_group, 1, MPI_UINT64_T, 0, cubix_mpi_group()->comm);
  r->n_group = (size_t)n_group;
  CUBIX_TRY(cubix_mpi_simfile_share(&r->sim));
  CUBIX_TRY(cubix_mpi_agree(prepare(r, slab, par)));
  r->state->groups = groups;
  groups = (struct cubix_groups){ 0 };
  cubix_mpi_reader_divide(r);
  (*slab)->snapshot = r->sim->snapshot;
  r->sim->snapshot.file = NULL;
  r->sim->snapshot.file_size = NULL;
  r->slab = *slab;
  divide(r);
  *out = r;
  r = NULL;
done:
  cubix_groups_free(&groups);
  cubix_mpi_reader_close(r);
  cubix_h5_quiet_end(&quiet);
  return status;
}

int cubix_mpi_reader_group(struct cubix_reader *r, const struct cubix_params *par, size_t i)
{
  int status = CUBIX_OK;
  struct cubix_simfile *sim = r->sim;
  struct cubix_snapshot *own = &sim->snapshot, *s = &r->slab->snapshot;
  own->file = s->file;                                      /* lent for the time of the look */
  if (cubix_mpi_rank() == 0) status = cubix_catalogue_choose(sim, par, &r->state->groups, i, 1);
  CUBIX_TRY(cubix_mpi_agree(status));
  CUBIX_TRY(cubix_mpi_simfile_share_choice(sim));
  s->has_centre = own->has_centre;
  s->has_velocity = own->has_velocity;
  memcpy(s->centre, own->centre, sizeof s->centre);
  memcpy(s->velocity, own->velocity, sizeof s->velocity);
  /* parts have other numbers now */
  memset(r->state->examined, 0, (size_t)sim->n_part);
  divide(r);
done:
  own->file = NULL;
  return status;
}

void cubix_mpi_reader_close(struct cubix_reader *r)
{
  if (!r) return;
  if (r->state) {
    cubix_groups_free(&r->state->groups);
    cubix_clock_free(r->state->clock);
    cubix_survival_free(r->state->survival);
    cubix_mpi_reader_forget(r);
    free(r->state->members);
    free(r->state->examined);
    free(r->state->share);
    free(r->state->reads_for);
  }
  free(r->state);
  cubix_simfile_free(r->sim);
  free(r);
}
