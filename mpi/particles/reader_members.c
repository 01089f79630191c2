/* reader_members.c -- the members that a rank has open.
 *
 * A rank opens those of which it reads rows, for itself or for others of its node (reader.c).  Of kinds whose index is
 * made by reading the file (source_raw.h) the last ones stay open: the next chunk begins in the member in
 * which this one ends, and all are read again in the next pass.  Their indices may take KEPT_BYTES
 * together; one alone may take more, since it would be made again for every chunk.  An HDF5 file is its
 * own index, and is closed. */
#include <stdlib.h>

#include "base/error.h"
#include "mpi/comm/group.h"
#include "mpi/particles/reader_parts.h"

enum { KEPT_BYTES = 1 << 25, MOST_KEPT = 64 };

struct cubix_reader_members {
  int n;
  struct cubix_reader_member { int member; struct cubix_source *source; } kept[MOST_KEPT]; /* the last used last */
};

double cubix_mpi_reader_kept_bytes(const struct cubix_reader *r)
{
  const struct cubix_reader_members *m = r->state->members;
  double bytes = 0;
  for (int i = 0; m && i < m->n; i++) bytes += (double)cubix_source_bytes(m->kept[i].source);
  return bytes;
}

/* One fewer; its source is the caller's. */
static struct cubix_source *take(struct cubix_reader_members *m, int i)
{
  struct cubix_source *source = m->kept[i].source;
  for (m->n--; i < m->n; i++) m->kept[i] = m->kept[i + 1];
  return source;
}

int cubix_mpi_reader_member_open(struct cubix_reader *r, int member)
{
  struct cubix_reader_state *state = r->state;
  state->member = member;
  for (int i = 0; state->members && i < state->members->n; i++)
    if (state->members->kept[i].member == member) {
      state->source = take(state->members, i);
      return CUBIX_OK;
    }
  return cubix_source_open(&state->source, r->slab->snapshot.file[member], &r->sim->options);
}

void cubix_mpi_reader_member_close(struct cubix_reader *r)
{
  struct cubix_reader_state *state = r->state;
  struct cubix_reader_members *m = state->members;
  struct cubix_source *source = state->source;
  state->source = NULL;
  if (!source) return;
  if (cubix_source_bytes(source) == 0) {
    cubix_source_close(source);
    return;
  }
  if (m->n == MOST_KEPT) cubix_source_close(take(m, 0));
  m->kept[m->n++] = (struct cubix_reader_member){ state->member, source };
  while (m->n > 1 && cubix_mpi_reader_kept_bytes(r) > KEPT_BYTES) cubix_source_close(take(m, 0));
}

int cubix_mpi_reader_members_init(struct cubix_reader *r)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(r->state->members, 1);
  CUBIX_ALLOC(r->state->examined, r->sim->n_part);
done:
  return status;
}

void cubix_mpi_reader_forget(struct cubix_reader *r)
{
  struct cubix_reader_members *m = r->state ? r->state->members : NULL;
  while (m && m->n > 0) cubix_source_close(take(m, m->n - 1));
}
