/* reader_rows.c -- rows from the file to the rank that wants them.
 *
 * Every rank opens the file by itself, with HDF5's serial driver.  With ReadMode independent each
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
 * would unpack for all, or seek number by number. Data come in the file's own precision; other
 * types than float and double become doubles here. */
#include <mpi.h>
#include <string.h>

#include "base/error.h"
#include "base/h5data.h"
#include "base/h5read.h"
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

/* ---- the datasets of a member ---------------------------------------------------------------- */

/* Do the data lie in the file as rows? */
static int lies_in_rows(hid_t creation, int n_c)
{
  hsize_t chunk[2] = { 1, 1 };
  if (H5Pget_nfilters(creation) != 0) return 0;
  return H5Pget_layout(creation) != H5D_CHUNKED || n_c == 1 ||
         (H5Pget_chunk(creation, 2, chunk) == 2 && chunk[1] == (hsize_t)n_c);
}

/* With room for a whole chunk: pieces that share a compressed one would otherwise each unpack it.
 * @return the dataset, < 0 where it cannot be opened */
static hid_t open_dataset(hid_t file, const char *path, int n_c, int *in_rows, int *single)
{
  const size_t usual = (size_t)1 << 20, most = (size_t)1 << 28;
  hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT), creation, type, native, access;
  hsize_t chunk[2] = { 0, 1 };
  if (dataset < 0) return dataset;
  creation = H5Dget_create_plist(dataset);
  type = H5Dget_type(dataset);
  native = H5Tget_native_type(type, H5T_DIR_DEFAULT);
  if (H5Pget_layout(creation) == H5D_CHUNKED) H5Pget_chunk(creation, 2, chunk);
  size_t bytes = (size_t)(chunk[0] * chunk[1]) * H5Tget_size(type);
  *in_rows = creation >= 0 && lies_in_rows(creation, n_c);
  *single = H5Tequal(native, H5T_NATIVE_FLOAT) > 0;
  if (creation < 0 || native < 0 || (bytes > usual && bytes <= most)) {
    H5Dclose(dataset);
    dataset = -1;
  }
  if (dataset < 0 && creation >= 0 && native >= 0) {
    access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, H5D_CHUNK_CACHE_NSLOTS_DEFAULT, bytes + usual, H5D_CHUNK_CACHE_W0_DEFAULT);
    dataset = H5Dopen2(file, path, access);
    H5Pclose(access);
  }
  if (native >= 0) H5Tclose(native);
  if (type >= 0) H5Tclose(type);
  if (creation >= 0) H5Pclose(creation);
  return dataset;
}

int cubix_mpi_reader_go(struct cubix_reader *r, int member, hid_t file)
{
  int status = CUBIX_OK;
  struct cubix_reader_state *state = r->state;
  const char *name = r->slab->snapshot.file[member];
  hid_t seen = -1;
  hsize_t n_row = 0;
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    const char *path = r->sim->field[f].path;
    int in_rows = 0;
    if (!state->piece[f]) continue;
    if (r->sim->abroad[member] && state->examine) {
      CUBIX_TRY(cubix_h5_dataset(&seen, NULL, file, path));
      if (seen >= 0) H5Dclose(seen);
    }
    state->dataset[f] = open_dataset(file, path, cubix_field_table[f].n_c, &in_rows, &state->single[f]);
    CUBIX_CHECK(state->dataset[f] >= 0, CUBIX_EINPUT,
                "%s: /%s cannot be opened; did the file change while it was read?", name, path);
    CUBIX_TRY(cubix_h5_rows(state->dataset[f], name, path, cubix_field_table[f].n_c, &n_row));
    CUBIX_CHECK((int64_t)n_row == r->sim->n_star[member], CUBIX_EINPUT,
                "%s: /%s has %llu rows and had %lld: did the file change while it was read?", name, path,
                (unsigned long long)n_row, (long long)r->sim->n_star[member]);
    state->relayed[f] = state->collective && in_rows;
  }
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
    if (r->state->dataset[f] >= 0) H5Dclose(r->state->dataset[f]);
    r->state->dataset[f] = -1;
  }
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Piece p of a span. */
static struct cubix_span piece_of(struct cubix_span share, hsize_t p)
{
  struct cubix_span s = { share.from + (int64_t)p * PIECE, share.to };
  if (s.from > share.to) s.from = share.to;
  if (s.to - s.from > PIECE) s.to = s.from + PIECE;
  return s;
}

static int read_rows(const struct cubix_reader *r, int member, enum cubix_field field, struct cubix_span rows, void *to)
{
  int status = CUBIX_OK, n_c = cubix_field_table[field].n_c, read;
  const hid_t dataset = r->state->dataset[field], space = H5Dget_space(dataset), stored = H5Dget_type(dataset);
  const hsize_t start[2] = { (hsize_t)rows.from, 0 }, count[2] = { (hsize_t)(rows.to - rows.from), (hsize_t)n_c };
  const hid_t memory = H5Screate_simple(n_c > 1 ? 2 : 1, count, NULL);
  hid_t type = r->state->single[field] ? H5Tcopy(H5T_NATIVE_FLOAT) : H5Tget_native_type(stored, H5T_DIR_DEFAULT);

  if (H5Tget_size(type) > sizeof(double)) {
    H5Tclose(type);
    type = H5Tcopy(H5T_NATIVE_DOUBLE);
  }
  read = space >= 0 && memory >= 0 && type >= 0 &&
         H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
         H5Dread(dataset, type, memory, space, H5P_DEFAULT, to) >= 0;
  if (read && !r->state->single[field])
    read = H5Tconvert(type, H5T_NATIVE_DOUBLE, count[0] * (hsize_t)n_c, to, NULL, H5P_DEFAULT) >= 0;
  CUBIX_CHECK(read, CUBIX_EINPUT, "%s: /%s cannot be read in rows %lld to %lld; the file is damaged or incomplete",
              r->slab->snapshot.file[member], r->sim->field[field].path, (long long)rows.from, (long long)rows.to);
done:
  if (memory >= 0) H5Sclose(memory);
  if (type >= 0) H5Tclose(type);
  if (stored >= 0) H5Tclose(stored);
  if (space >= 0) H5Sclose(space);
  return status;
}

static int bytes_of(const struct cubix_reader *r, enum cubix_field field, struct cubix_span rows)
{
  return (int)(rows.to - rows.from) * cubix_field_table[field].n_c *
         (int)(r->state->single[field] ? sizeof(float) : sizeof(double));
}

/* The piece of every rank that this one reads for; an empty message where it could not be read. */
static void serve(const struct cubix_reader *r, int member, enum cubix_field field, hsize_t p)
{
  const struct cubix_reader_state *state = r->state;
  for (int q = 0; q < cubix_mpi_size(); q++) {
    const struct cubix_span rows = piece_of(state->share[q], p);
    if (q == cubix_mpi_rank() || state->reads_for[q] != cubix_mpi_rank() || rows.from == rows.to) continue;
    int read = !read_rows(r, member, field, rows, state->relay), n = read ? bytes_of(r, field, rows) : 0;
    MPI_Send(state->relay, n, MPI_BYTE, q, TAG, cubix_mpi_group()->comm);
    cubix_mpi_volume_add((size_t)n);
  }
}

int cubix_mpi_reader_fetch(struct cubix_reader *r, int member, enum cubix_field field, hsize_t p)
{
  int status = CUBIX_OK, got = 0;
  struct cubix_reader_state *state = r->state;
  const int from = state->relayed[field] ? state->reads_for[cubix_mpi_rank()] : cubix_mpi_rank();
  const struct cubix_span rows = piece_of(state->share[cubix_mpi_rank()], p);
  MPI_Status arrival;
  if (state->relayed[field] && state->reads_for_others) serve(r, member, field, p);
  if (rows.from == rows.to) goto done;
  if (from == cubix_mpi_rank()) {
    CUBIX_TRY(read_rows(r, member, field, rows, state->piece[field]));
  } else {
    MPI_Recv(state->piece[field], bytes_of(r, field, rows), MPI_BYTE, from, TAG, cubix_mpi_group()->comm, &arrival);
    MPI_Get_count(&arrival, MPI_BYTE, &got);
    CUBIX_CHECK(got == bytes_of(r, field, rows), CUBIX_EINPUT,
                "%s: /%s cannot be read by rank %d in rows %lld to %lld; the file is damaged or incomplete",
                r->slab->snapshot.file[member], r->sim->field[field].path, from, (long long)rows.from,
                (long long)rows.to);
  }
done:
  return status;
}
