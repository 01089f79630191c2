/* device_assign.c -- which of a node's GPUs each of its ranks takes.
 *
 * What a rank sees is the job system's choice: all GPUs of the node, one of its own (Slurm's
 * --gpus-per-task, CUDA_VISIBLE_DEVICES for each rank), a slice of one (MIG), some, or none.  Two
 * ranks see the same unit where its UUID and its place on the bus are the same: slices of one GPU
 * share the place only, and what has no UUID is told by its place.
 *
 * The load is the largest number of ranks on one unit.  For a load of 1, 2, ... ranks are seated in
 * their order, each on the unit of those it sees that has fewest ranks, the first of these; where
 * all are full, ranks before it move to others they see, if that makes room (augmenting paths, as
 * for bipartite matching).  The first load that seats all ranks that see anything is the least
 * there is.  Where all see the same, rank i so gets unit i modulo their number. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/device.h"

/* The node's units, each once. */
struct seating {
  const struct cubix_sight *sight;
  int n_rank, n_unit, load;
  const struct cubix_unit **unit;             /* [n_unit] */
  int *taken;                                 /* [n_unit] ranks on it */
  int *unit_of;                               /* [n_rank] -1: none */
  unsigned char *tried;                       /* [n_unit] on this path */
};

static int find_unit(const struct seating *s, const struct cubix_unit *unit)
{
  for (int u = 0; u < s->n_unit; u++)
    if (!memcmp(s->unit[u]->uuid, unit->uuid, sizeof unit->uuid) && !strcmp(s->unit[u]->bus, unit->bus)) return u;
  return -1;
}

/* Seat a rank, if need be by moving others. */
static int seat_rank(struct seating *s, int rank)
{
  const struct cubix_sight *sight = &s->sight[rank];
  int best = -1;
  for (int i = 0; i < sight->n; i++) {
    int u = find_unit(s, &sight->unit[i]);
    if (s->taken[u] < s->load && (best < 0 || s->taken[u] < s->taken[best])) best = u;
  }
  if (best >= 0) {
    s->unit_of[rank] = best;
    s->taken[best]++;
    return 1;
  }
  for (int i = 0; i < sight->n; i++) {
    int u = find_unit(s, &sight->unit[i]);
    if (s->tried[u]) continue;
    s->tried[u] = 1;
    for (int other = 0; other < s->n_rank; other++) {
      if (s->unit_of[other] != u) continue;
      s->taken[u]--;
      s->unit_of[other] = -1;
      s->taken[u] += s->load;                 /* not back to where it came from */
      int moved = seat_rank(s, other);
      s->taken[u] -= s->load;
      if (!moved) s->unit_of[other] = u;
      else s->unit_of[rank] = u;
      s->taken[u]++;
      if (moved) return 1;
    }
  }
  return 0;
}

static int seat_all(struct seating *s)
{
  int all = 1;
  memset(s->taken, 0, (size_t)s->n_unit * sizeof *s->taken);
  for (int r = 0; r < s->n_rank; r++) s->unit_of[r] = -1;
  for (int r = 0; r < s->n_rank; r++) {
    memset(s->tried, 0, (size_t)s->n_unit);
    if (s->sight[r].n && !seat_rank(s, r)) all = 0;
  }
  return all;
}

static int list_units(struct seating *s)
{
  int status = CUBIX_OK, n = 0;
  for (int r = 0; r < s->n_rank; r++) n += s->sight[r].n;
  CUBIX_ALLOC(s->unit, n);
  CUBIX_ALLOC(s->taken, n);
  CUBIX_ALLOC(s->tried, n);
  CUBIX_ALLOC(s->unit_of, s->n_rank);
  for (int r = 0; r < s->n_rank; r++)
    for (int i = 0; i < s->sight[r].n; i++)
      if (find_unit(s, &s->sight[r].unit[i]) < 0) s->unit[s->n_unit++] = &s->sight[r].unit[i];
done:
  return status;
}

int cubix_device_assign(struct cubix_seat *seat, const struct cubix_sight *sight, int n_rank)
{
  int status = CUBIX_OK;
  struct seating s = { .sight = sight, .n_rank = n_rank };
  CUBIX_TRY(list_units(&s));
  for (s.load = 1; !seat_all(&s); s.load++) {}
  for (int r = 0; r < n_rank; r++) {
    int u = s.unit_of[r];
    seat[r] = (struct cubix_seat){ .ordinal = -1, .n_share = 1 };
    for (int i = 0; i < sight[r].n && u >= 0 && seat[r].ordinal < 0; i++)
      if (find_unit(&s, &sight[r].unit[i]) == u) seat[r] = (struct cubix_seat){ .ordinal = i, .n_share = s.taken[u] };
  }
done:
  free(s.unit);
  free(s.taken);
  free(s.tried);
  free(s.unit_of);
  return status;
}
