/* test_device.c -- which GPU each rank of a node takes (src/engine/device_assign.c), for the ways
 * in which job systems show GPUs to ranks. */
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"
#include "engine/device.h"

enum { MOST = 16 };

/* What a rank sees: a text of GPUs, each by a letter for its place on the bus and a digit for its slice. */
static void see(struct cubix_sight *sight, const char *gpus)
{
  memset(sight, 0, sizeof *sight);
  for (; *gpus; gpus += 2) {
    struct cubix_unit *unit = &sight->unit[sight->n++];
    memset(unit->uuid, gpus[0], sizeof unit->uuid);
    unit->uuid[15] = gpus[1];
    snprintf(unit->bus, sizeof unit->bus, "0000:%02x:00.0", (unsigned)gpus[0]);
  }
}

/* Layouts of a node; want: for each rank the letter and digit of its GPU and how many ranks share it. */
static const struct { const char *name, *sees[MOST], *want; } layout[] = {
  { "all see all", { "a0b0c0d0", "a0b0c0d0", "a0b0c0d0", "a0b0c0d0" }, "a01 b01 c01 d01" },
  { "fewer ranks than GPUs", { "a0b0c0d0", "a0b0c0d0" }, "a01 b01" },
  { "each its own", { "a0", "b0", "c0", "d0" }, "a01 b01 c01 d01" },
  { "each its own, in another order", { "c0", "a0", "d0", "b0" }, "c01 a01 d01 b01" },
  { "the same GPUs in different orders", { "a0b0", "b0a0" }, "a01 b01" },
  { "slices of two GPUs: one place, several names", { "a1", "a2", "b1", "b2" }, "a11 a21 b11 b21" },
  { "two ranks on a slice", { "a1", "a2", "a1" }, "a12 a21 a12" },
  { "pairs by socket", { "a0b0", "a0b0", "c0d0", "c0d0" }, "a01 b01 c01 d01" },
  { "more ranks than GPUs", { "a0b0", "a0b0", "a0b0", "a0b0" }, "a02 b02 a02 b02" },
  { "five ranks, four GPUs", { "a0b0c0d0", "a0b0c0d0", "a0b0c0d0", "a0b0c0d0", "a0b0c0d0" }, "a02 b01 c01 d01 a02" },
  { "all see the same one", { "a0", "a0", "a0" }, "a03 a03 a03" },
  { "some see none", { "", "a0", "", "b0" }, "--1 a01 --1 b01" },
  { "nobody sees any", { "", "" }, "--1 --1" },
  { "one has to move for another", { "a0b0", "a0" }, "b01 a01" },
  { "a row of moves", { "a0b0", "b0c0", "c0d0", "a0" }, "b01 c01 d01 a01" },
  { "one of its own beside one that sees all", { "a0b0c0", "a0", "a0b0c0" }, "b01 a01 c01" },
  { "a GPU of one's own, and one for two others", { "a0", "b0", "b0" }, "a01 b02 b02" },
};

static void test_layouts(void)
{
  static struct cubix_sight sight[MOST];
  struct cubix_seat seat[MOST];
  for (size_t l = 0; l < sizeof layout / sizeof *layout; l++) {
    int n = 0, n_wrong = 0;
    for (; n < MOST && layout[l].sees[n]; n++) see(&sight[n], layout[l].sees[n]);
    CHECK_IS(cubix_device_assign(seat, sight, n), ==, 0);
    for (int r = 0; r < n; r++) {
      const char *want = layout[l].want + 4 * r;
      char got[8] = "--";
      if (seat[r].ordinal >= 0) memcpy(got, layout[l].sees[r] + 2 * seat[r].ordinal, 2);
      got[2] = (char)('0' + seat[r].n_share);
      n_wrong += strncmp(got, want, 3) != 0;
      if (strncmp(got, want, 3)) printf("%s: rank %d has %.3s, not %.3s\n", layout[l].name, r, got, want);
    }
    CHECK_IS(n_wrong, ==, 0);
  }
}

/* Many nodes of random sights: the load is the least, as found by trying all seatings. */
static int least_load(const struct cubix_sight *sight, int n_rank, int rank, int *taken)
{
  int best = n_rank + 1, most = 0;
  for (int u = 0; u < 4; u++) most = taken[u] > most ? taken[u] : most;
  if (rank == n_rank) return most;
  if (!sight[rank].n) return least_load(sight, n_rank, rank + 1, taken);
  for (int i = 0; i < sight[rank].n; i++) {
    int u = sight[rank].unit[i].uuid[0] - 'a';
    taken[u]++;
    int load = least_load(sight, n_rank, rank + 1, taken);
    taken[u]--;
    best = load < best ? load : best;
  }
  return best;
}

static void test_random(void)
{
  static struct cubix_sight sight[MOST];
  struct cubix_seat seat[MOST];
  unsigned state = 1;
  for (int round = 0; round < 400; round++) {
    int n_rank = 1 + round % 6, most = 0, n_missing = 0, taken[4] = { 0 };
    for (int r = 0; r < n_rank; r++) {
      char gpus[9] = "";
      state = state * 1664525u + 1013904223u;
      for (unsigned u = 0; u < 4; u++)
        if (state >> (20 + u) & 1) snprintf(gpus + strlen(gpus), 3, "%c0", (int)('a' + u));
      see(&sight[r], gpus);
    }
    CHECK_IS(cubix_device_assign(seat, sight, n_rank), ==, 0);
    for (int r = 0; r < n_rank; r++) {
      n_missing += (seat[r].ordinal < 0) != (sight[r].n == 0) || seat[r].ordinal >= sight[r].n;
      most = sight[r].n && seat[r].n_share > most ? seat[r].n_share : most;
    }
    CHECK_IS(n_missing, ==, 0);
    CHECK_IS(most, ==, least_load(sight, n_rank, 0, taken));
  }
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_layouts());
  CASE(test_random());
  return check_done();
}
