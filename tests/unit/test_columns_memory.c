/* test_columns_memory.c -- a thread that gets no memory for columns: the caller hears of it, with a message. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include <omp.h>
#include <stdlib.h>

#include "base/error.h"
#include "dust/column_tiles.h"

static int refuses;                 /* the thread that gets none; 0: all get it */

/* In place of the C library's. */
void *aligned_alloc(size_t alignment, size_t bytes)
{
  void *memory = NULL;
  if (refuses && omp_get_thread_num() == refuses) return NULL;
  return posix_memalign(&memory, alignment, bytes) ? NULL : memory;
}

static void a_thread_without_memory(void)
{
  const double cell[3] = { 0, 0, 0 }, radius = 1, weight = 1, place[3] = { 0, 0, 2 }, low[2] = { -1, -1 },
               high[2] = { 1, 1 };
  double screen = 0;
  struct cubix_column_tiles *tiles = NULL;
  const struct cubix_column_sky sky = cubix_column_sky_of(low, high);
  omp_set_num_threads(3);
  REQUIRE(cubix_column_tiles_build(&tiles, &sky, 0, UINT64_MAX, cell, &radius, &weight, 1) == CUBIX_OK);
  REQUIRE(cubix_column_tiles_screen(tiles, place, 1, &screen) == CUBIX_OK);
  CHECK(screen > 0);
  for (refuses = 1; refuses < 3; refuses++) {
    cubix_error_clear();
    CHECK_IS(cubix_column_tiles_screen(tiles, place, 1, &screen), ==, CUBIX_ENOMEM);
    CHECK_SAYS(cubix_error_message(), "bytes for columns of dust, in 1 of 3 threads");
  }
  refuses = 0;
  cubix_column_tiles_free(tiles);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(a_thread_without_memory());
  return check_done();
}
