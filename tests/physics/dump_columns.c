/* dump_columns.c -- the dust in front of stars and its derivatives, for the tests:
 * dump_columns GAS N_GAS STARS N_STAR CALLS OUT, alone or under mpirun.
 *
 * GAS holds rows of five doubles (place, radius, weight), STARS rows of four (place, cotangent); each rank takes
 * a part of both, the later ones more. Stars are asked for in so many CALLS. OUT.RANK is, of this rank's stars, A(V),
 * cotangents of places and the tangent of A(V); then, of its cells, cotangents of place, radius and weight.
 * Tangents are numbers of the star or the cell (tests/numbers.h). Rank 0 says how many seconds A(V) took, and how many
 * times as many stars the part of the sky of some rank has as there are on average. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/comm/exchange.h"
#include "mpi/cubix-mpi.h"
#include "mpi/dust/columns_parts.h"
#include "tests/numbers.h"

struct rows { size_t n, first; double *x, *a, *b; };      /* [n][3], [n], [n] */

static size_t start(size_t n, int rank)
{
  const double share = (double)rank / cubix_mpi_size();
  return (size_t)((double)n * share * share);
}

/* This rank's rows of so many doubles. */
static int rows_read(struct rows *r, const char *path, size_t n_all, size_t width)
{
  int status = CUBIX_OK;
  double *row = NULL;
  FILE *f = fopen(path, "rb");
  r->first = start(n_all, cubix_mpi_rank());
  r->n = start(n_all, cubix_mpi_rank() + 1) - r->first;
  CUBIX_ALLOC(row, r->n * width);
  CUBIX_ALLOC(r->x, 3 * r->n);
  CUBIX_ALLOC(r->a, r->n);
  CUBIX_ALLOC(r->b, r->n);
  CUBIX_CHECK(f && !fseek(f, (long)(width * r->first * sizeof *row), SEEK_SET) &&
                  fread(row, sizeof *row, width * r->n, f) == width * r->n,
              CUBIX_EINPUT, "cannot read %s", path);
  for (size_t i = 0; i < r->n; i++) {
    memcpy(r->x + 3 * i, row + width * i, 3 * sizeof *row);
    r->a[i] = row[width * i + 3];
    r->b[i] = row[width * i + width - 1];
  }
done:
  if (f) fclose(f);
  free(row);
  return status;
}

static void rows_free(struct rows *r)
{
  free(r->x);
  free(r->a);
  free(r->b);
}

static int tangents(double **x, size_t first, size_t n, uint64_t what)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(*x, n);
  for (size_t i = 0; i < n; i++) (*x)[i] = uniform_of(first + i, what) - 0.5;
done:
  return status;
}

/* Stars in the fullest part of the sky, over their mean number. */
static double fullest(const struct cubix_columns *columns, const struct rows *stars)
{
  uint64_t count[64] = { 0 }, most = 0, all = 0;
  const int n_rank = cubix_mpi_size();
  for (size_t i = 0; i < stars->n && n_rank > 1; i++) {
    const uint64_t code = cubix_column_code(&columns->sky, stars->x[3 * i], stars->x[3 * i + 1]);
    if (code != UINT64_MAX) count[cubix_mpi_columns_rank(columns, code)]++;
  }
  cubix_mpi_sum_counts(count, 64);
  for (int r = 0; r < n_rank; r++) {
    most = count[r] > most ? count[r] : most;
    all += count[r];
  }
  return all ? (double)most * n_rank / (double)all : 1;
}

static int dump(char **argv)
{
  int status = CUBIX_OK;
  struct rows gas = { 0 }, stars = { 0 }, bars = { 0 };
  struct cubix_columns *columns = NULL;
  double *screen = NULL, *star_bar = NULL, *screen_dot = NULL, *dot[4] = { NULL };
  const size_t calls = (size_t)atol(argv[5]);
  char path[4096];
  FILE *f = NULL;
  CUBIX_TRY(rows_read(&gas, argv[1], (size_t)atol(argv[2]), 5));
  CUBIX_TRY(rows_read(&stars, argv[3], (size_t)atol(argv[4]), 4));
  CUBIX_ALLOC(bars.x, 3 * gas.n);
  CUBIX_ALLOC(bars.a, gas.n);
  CUBIX_ALLOC(bars.b, gas.n);
  CUBIX_ALLOC(screen, stars.n);
  CUBIX_ALLOC(star_bar, 3 * stars.n);
  CUBIX_ALLOC(screen_dot, stars.n);
  CUBIX_TRY(tangents(&dot[0], 3 * stars.first, 3 * stars.n, 0));
  CUBIX_TRY(tangents(&dot[1], 3 * gas.first, 3 * gas.n, 1));
  CUBIX_TRY(tangents(&dot[2], gas.first, gas.n, 2));
  CUBIX_TRY(tangents(&dot[3], gas.first, gas.n, 3));
  const double seconds = cubix_log_clock();
  CUBIX_TRY(cubix_mpi_columns_open(&columns, gas.x, gas.a, gas.b, gas.n));
  for (size_t c = 0; c < calls; c++) {
    const size_t a = stars.n * c / calls, b = stars.n * (c + 1) / calls;
    CUBIX_TRY(cubix_mpi_columns_screen(columns, stars.x + 3 * a, b - a, screen + a));
  }
  const double took = cubix_log_clock() - seconds, most = fullest(columns, &stars);
  if (cubix_mpi_rank() == 0) printf("%.3f s\nfullest %.3f\n", took, most);
  const struct cubix_columns_bar bar = { bars.x, bars.a, bars.b };
  CUBIX_TRY(cubix_mpi_columns_vjp(columns, stars.x, stars.n, stars.b, star_bar, &bar));
  const struct cubix_column_dot in = { dot[0], dot[1], dot[2], dot[3] };
  CUBIX_TRY(cubix_mpi_columns_jvp(columns, stars.x, stars.n, &in, screen_dot));
  snprintf(path, sizeof path, "%s.%d", argv[6], cubix_mpi_rank());
  f = fopen(path, "wb");
  CUBIX_CHECK(f && fwrite(screen, sizeof *screen, stars.n, f) == stars.n &&
                  fwrite(star_bar, sizeof *star_bar, 3 * stars.n, f) == 3 * stars.n &&
                  fwrite(screen_dot, sizeof *screen_dot, stars.n, f) == stars.n &&
                  fwrite(bars.x, sizeof *bars.x, 3 * gas.n, f) == 3 * gas.n &&
                  fwrite(bars.a, sizeof *bars.a, gas.n, f) == gas.n &&
                  fwrite(bars.b, sizeof *bars.b, gas.n, f) == gas.n,
              CUBIX_EOUTPUT, "cannot write %s", path);
done:
  if (f) fclose(f);
  cubix_mpi_columns_close(columns);
  for (int k = 0; k < 4; k++) free(dot[k]);
  free(screen);
  free(star_bar);
  free(screen_dot);
  rows_free(&gas);
  rows_free(&stars);
  rows_free(&bars);
  return status;
}

int main(int argc, char **argv)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_mpi_start(&argc, &argv));
  CUBIX_CHECK(argc == 7, CUBIX_EUSAGE, "usage: dump_columns GAS N_GAS STARS N_STAR CALLS OUT");
  CUBIX_TRY(dump(argv));
done:
  if (status) fprintf(stderr, "cubix: error: %s\n", cubix_error_message());
  return cubix_mpi_finish(status);
}
