/* route.c -- a placement lies in the order of the spaxels, so what goes to an owner is a piece of it.
 *
 * What comes from the ranks is laid down spaxel by spaxel, rank after rank: where a rank's records of
 * a spaxel go follows from their numbers, which are sent first. Stars of 40 bytes travel, not
 * histograms: a star leaves up to 24 values, and those of many ranks would have to be merged. A rank
 * sends 40 N/n (1 - 1/n) bytes of the records of N stars on n ranks. */
#include "mpi/engine/route.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"

void cubix_mpi_route_free(struct cubix_route *route)
{
  free(route->out);
  free(route->in);
  free(route->place);
  *route = (struct cubix_route){ .n_own = 0 };
}

/* Numbers of records to places: the spaxels one after the other, and in each the ranks.
 *  @param count [n_rank][n_own] */
static void lay_out(struct cubix_route *route, const uint32_t *count)
{
  const size_t n_own = route->n_own, n_rank = (size_t)route->owners->n_rank;
  size_t at = 0;
  for (size_t s = 0; s < n_own; s++)
    for (size_t r = 0; r <= n_rank; r++) {
      route->place[r * n_own + s] = at;
      if (r == n_rank) break;
      at += count[r * n_own + s];
      route->in[r + 1] += count[r * n_own + s];
    }
  for (size_t r = 0; r < n_rank; r++) route->in[r + 1] += route->in[r];
}

int cubix_mpi_route_init(struct cubix_route *route, const struct cubix_owners *owners,
                         const struct cubix_placement *placement)
{
  int status = CUBIX_OK, n_rank = owners->n_rank, me = cubix_mpi_rank();
  const size_t *first = owners->spaxel_first, n_own = first[me + 1] - first[me];
  uint32_t *mine = NULL, *count = NULL;
  *route = (struct cubix_route){ .owners = owners, .n_own = n_own };
  CUBIX_ALLOC(route->out, n_rank + 1);
  CUBIX_ALLOC(route->in, n_rank + 1);
  CUBIX_ALLOC(route->place, (size_t)(n_rank + 1) * n_own);
  CUBIX_ALLOC(mine, placement->n_spaxel);
  CUBIX_ALLOC(count, (size_t)n_rank * n_own);
done:
  status = cubix_mpi_agree(status);
  if (!status) {
    for (size_t s = 0; s < placement->n_spaxel; s++)
      mine[s] = (uint32_t)(placement->start[s + 1] - placement->start[s]);
    for (int r = 0; r <= n_rank; r++) route->out[r] = placement->start[first[r]];
    for (int k = 0; k < n_rank; k++) {
      int to = (me + k) % n_rank, from = (me - k + n_rank) % n_rank;
      cubix_mpi_swap(mine + first[to], sizeof *mine * (first[to + 1] - first[to]), to, count + (size_t)from * n_own,
                     sizeof *count * n_own, from);
    }
    lay_out(route, count);
  }
  free(mine);
  free(count);
  return status;
}

/* What came from a rank, to its places; with `back` from there.  @param begin [n_own + 1] scratch */
static void settle(char *come, char *records, size_t size, const struct cubix_route *route, int from, size_t *begin,
                   int back)
{
  const size_t n_own = route->n_own, *place = route->place + (size_t)from * n_own;
  begin[0] = 0;
  for (size_t s = 0; s < n_own; s++) begin[s + 1] = begin[s] + place[n_own + s] - place[s];
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < n_own; s++) {
    char *a = come + begin[s] * size, *b = records + place[s] * size;
    const size_t n = (begin[s + 1] - begin[s]) * size;
    if (n) memcpy(back ? a : b, back ? b : a, n);
  }
}

static size_t records_in(const struct cubix_route *route, int from) { return route->in[from + 1] - route->in[from]; }
static size_t records_out(const struct cubix_route *route, int to) { return route->out[to + 1] - route->out[to]; }

/* Records of this rank's stars, and of the stars in its spaxels: from one to the other, or back. */
static int travel(char *home, char *here, size_t size, const struct cubix_route *route, int back)
{
  int status = CUBIX_OK, n_rank = route->owners->n_rank, me = cubix_mpi_rank();
  size_t most = 0, *begin = NULL;
  char *come = NULL;
  for (int r = 0; r < n_rank; r++)
    if (r != me && records_in(route, r) > most) most = records_in(route, r);
  CUBIX_ALLOC(begin, route->n_own + 1);
  CUBIX_CHECK((come = cubix_reserve(most, size)), CUBIX_ENOMEM,
              "cannot allocate %zu x %zu bytes for stars on their way", most, size);
done:
  status = cubix_mpi_agree(status);
  for (int k = 0; k < n_rank && !status; k++) {
    const int up = (me + k) % n_rank, down = (me - k + n_rank) % n_rank;
    const int to = back ? down : up, from = back ? up : down;    /* of the forward way */
    char *leave = home + route->out[to] * size;
    const size_t n_leave = records_out(route, to) * size, n_come = records_in(route, from) * size;
    if (back) settle(k ? come : leave, here, size, route, from, begin, 1);
    if (k && back) cubix_mpi_swap(come, n_come, from, leave, n_leave, to);
    if (k && !back) cubix_mpi_swap(leave, n_leave, to, come, n_come, from);
    if (!back) settle(k ? come : leave, here, size, route, from, begin, 0);
  }
  free(begin);
  free(come);
  return status;
}

int cubix_mpi_route_stars(struct cubix_placement **out, const struct cubix_route *route,
                          const struct cubix_placement *placement)
{
  int status = CUBIX_OK;
  struct cubix_placement *p = NULL;
  const size_t n = route->in[route->owners->n_rank];
  CUBIX_TRY(cubix_mpi_agree(cubix_placement_init(&p, route->n_own, n)));
  for (size_t s = 0; s < route->n_own; s++) p->start[s] = route->place[s];
  p->start[route->n_own] = n;
  CUBIX_TRY(travel((char *)placement->star, (char *)p->star, sizeof *p->star, route, 0));
  *out = p;
  p = NULL;
done:
  cubix_placement_free(p);
  return status;
}

static int replace(void **records, size_t size, const struct cubix_route *route, int back)
{
  int status = CUBIX_OK;
  const size_t *all = back ? route->out : route->in, n = all[route->owners->n_rank];
  char *made = cubix_reserve(n, size), *had = *records;
  CUBIX_MPI_CHECK(made, CUBIX_ENOMEM, "cannot allocate %zu x %zu bytes for what stars take with them", n, size);
  CUBIX_TRY(travel(back ? made : had, back ? had : made, size, route, back));
  free(*records);
  *records = made;
  made = NULL;
done:
  free(made);
  return status;
}

int cubix_mpi_route_forth(void **records, size_t size, const struct cubix_route *route)
{
  return replace(records, size, route, 0);
}

int cubix_mpi_route_back(void **records, size_t size, const struct cubix_route *route)
{
  return replace(records, size, route, 1);
}
