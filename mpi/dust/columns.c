/* columns.c -- places travel to the rank that has their part of the sky, and numbers travel back.
 *
 * A batch of places is dealt out at a time, so that no rank gets more than BATCH even if all ranks' places
 * lie in its part. Those outside of the sky that cells cover stay at home: nothing is in front of them. On a
 * single rank nothing travels.
 *
 * In the reverse what every cell's numbers change is added up where the stars are, as integers, and
 * sums of the same cell meet at home, as integers still. Only there they become float64. */
#include "mpi/dust/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "mpi/dust/columns_parts.h"

enum { BATCH = 1 << 23, LEAST = 1 << 12 };

/* Places of this rank, first .. first + n - 1, and those that came here. */
struct batch {
  size_t first, n;
  struct cubix_deal deal;
  uint32_t *order;                /* [deal.out[n_rank]] which place each is that is sent */
  size_t n_sent, n_here;
  double *here;                   /* [n_here][3] */
};

static void batch_free(struct batch *b)
{
  cubix_mpi_deal_free(&b->deal);
  free(b->order);
  free(b->here);
  *b = (struct batch){ .n = 0 };
}

/* Of all ranks' cells. */
static struct cubix_column_sky sky_of(const double *position, const double *radius, size_t n)
{
  double extent[4] = { -HUGE_VAL, -HUGE_VAL, -HUGE_VAL, -HUGE_VAL };   /* -low, high */
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < 2; c++) {
      extent[c] = fmax(extent[c], radius[i] - position[3 * i + c]);
      extent[2 + c] = fmax(extent[2 + c], radius[i] + position[3 * i + c]);
    }
  cubix_mpi_max_all(extent, 4);
  const double low[2] = { -extent[0], -extent[1] };
  return cubix_column_sky_of(low, extent + 2);
}

int cubix_mpi_columns_open(struct cubix_columns **out, const double *position, const double *radius,
                           const double *weight, size_t n)
{
  int status = CUBIX_OK;
  struct cubix_columns *columns = NULL;
  const struct cubix_column_sky sky = sky_of(position, radius, n);
  CUBIX_MPI_ALLOC(columns, 1);
  columns->position = position;
  columns->radius = radius;
  columns->weight = weight;
  columns->n = n;
  columns->sky = sky;
  *out = columns;
done:
  return status;
}

void cubix_mpi_columns_use(struct cubix_columns *columns, struct cubix_device *dev)
{
  columns->dev = dev && dev->ops->columns ? dev : NULL;
}

void cubix_mpi_columns_close(struct cubix_columns *columns)
{
  if (!columns) return;
  cubix_column_tiles_free(columns->tiles);
  cubix_mpi_deal_free(&columns->deal);
  free(columns->cut);
  free(columns->order);
  free(columns);
}

/* Rows of this rank's places to where the places are.  @param row [n][width]  @param[out] here owned by the caller */
static int send(const struct batch *b, const double *row, int width, double **here)
{
  int status = CUBIX_OK;
  double *out = NULL;
  CUBIX_MPI_ALLOC(out, b->n_sent * (size_t)width);
  CUBIX_MPI_ALLOC(*here, b->n_here * (size_t)width);
  for (size_t i = 0; i < b->n_sent; i++)
    memcpy(out + i * (size_t)width, row + (b->first + b->order[i]) * (size_t)width, (size_t)width * sizeof *row);
  cubix_mpi_deal_travel(&b->deal, out, *here, (size_t)width * sizeof *row, 0);
done:
  free(out);
  return status;
}

/* What was found there is added to rows of this rank's places. */
static int bring(const struct batch *b, const double *here, int width, double *row)
{
  int status = CUBIX_OK;
  double *in = NULL;
  CUBIX_MPI_ALLOC(in, b->n_sent * (size_t)width);
  cubix_mpi_deal_travel(&b->deal, here, in, (size_t)width * sizeof *row, 1);
  for (size_t i = 0; i < b->n_sent; i++)
    for (size_t c = 0; c < (size_t)width; c++)
      row[(b->first + b->order[i]) * (size_t)width + c] += in[i * (size_t)width + c];
done:
  free(in);
  return status;
}

static int batch_deal(struct batch *b, const struct cubix_columns *columns, const double *position, size_t first,
                      size_t n)
{
  int status = CUBIX_OK;
  const int n_rank = cubix_mpi_size();
  int *to = NULL;
  size_t *next = NULL;
  *b = (struct batch){ .first = first, .n = n };
  CUBIX_TRY(cubix_mpi_deal_init(&b->deal));
  CUBIX_MPI_ALLOC(to, n);
  CUBIX_MPI_ALLOC(next, n_rank);
  CUBIX_MPI_ALLOC(b->order, n);
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < n; i++) {
    const double *x = position + 3 * (first + i);
    const uint64_t code = cubix_column_code(&columns->sky, x[0], x[1]);
    to[i] = code == UINT64_MAX ? -1 : cubix_mpi_columns_rank(columns, code);
  }
  for (size_t i = 0; i < n; i++)
    if (to[i] >= 0) b->deal.out[to[i] + 1]++;
  for (int r = 0; r < n_rank; r++) b->deal.out[r + 1] += next[r] = b->deal.out[r];
  for (size_t i = 0; i < n; i++)
    if (to[i] >= 0) b->order[next[to[i]]++] = (uint32_t)i;
  cubix_mpi_deal_meet(&b->deal);
  b->n_sent = b->deal.out[n_rank];
  b->n_here = b->deal.in[n_rank];
  CUBIX_TRY(send(b, position, 3, &b->here));
done:
  free(to);
  free(next);
  return status;
}

/* What is to be done with places, whoever's they are: one of the three. */
struct job {
  struct cubix_column_job of;                   /* screen is zero at first */
  const struct cubix_column_dot *dot;           /* cells' tangents as they arrived, for that of A(V) in of.screen */
};

static int job_do(const struct cubix_columns *columns, const struct job *job)
{
  const struct cubix_column_tiles *tiles = columns->tiles;
  const struct cubix_column_job *of = &job->of;
  if (job->dot) return cubix_column_tiles_jvp(tiles, of->position, of->n, job->dot, of->screen);
  if (columns->dev && of->n) return columns->dev->ops->columns(columns->dev, tiles, of);
  return cubix_column_tiles_do(tiles, of);
}

/* A batch of a job, where the places' part of the sky is. */
static int batch_do(const struct cubix_columns *columns, const struct job *job, struct batch *b)
{
  int status = CUBIX_OK;
  struct job there = {
    .of = { .position = b->here, .n = b->n_here, .exponent = job->of.exponent, .sums = job->of.sums }
  };
  struct cubix_column_dot dot = { NULL };
  double *screen = NULL, *bar = NULL, *position_bar = NULL, *position_dot = NULL;
  if (job->of.screen) CUBIX_MPI_ALLOC(screen, b->n_here);
  if (job->of.screen_bar) CUBIX_TRY(send(b, job->of.screen_bar, 1, &bar));
  if (job->of.position_bar) CUBIX_MPI_ALLOC(position_bar, 3 * b->n_here);
  if (job->dot) {
    dot = *job->dot;
    if (dot.position) CUBIX_TRY(send(b, dot.position, 3, &position_dot));
    dot.position = position_dot;
    there.dot = &dot;
  }
  there.of.screen = screen;
  there.of.screen_bar = bar;
  there.of.position_bar = position_bar;
  CUBIX_TRY(cubix_mpi_agree(job_do(columns, &there)));
  if (job->of.screen) CUBIX_TRY(bring(b, screen, 1, job->of.screen));
  if (job->of.position_bar) CUBIX_TRY(bring(b, position_bar, 3, job->of.position_bar));
done:
  free(screen);
  free(bar);
  free(position_bar);
  free(position_dot);
  return status;
}

static int job_run(const struct cubix_columns *columns, const struct job *job)
{
  int status = CUBIX_OK;
  const size_t n_rank = (size_t)cubix_mpi_size(), size = BATCH / n_rank > LEAST ? BATCH / n_rank : LEAST;
  struct batch b = { .n = 0 };
  if (n_rank == 1) return job_do(columns, job);
  const double most = cubix_mpi_max((double)job->of.n);
  for (size_t first = 0; (double)first < most; first += size) {
    const size_t left = first < job->of.n ? job->of.n - first : 0;
    CUBIX_TRY(batch_deal(&b, columns, job->of.position, left ? first : 0, left < size ? left : size));
    CUBIX_TRY(batch_do(columns, job, &b));
    batch_free(&b);
  }
done:
  batch_free(&b);
  return status;
}

int cubix_mpi_columns_screen(struct cubix_columns *columns, const double *position, size_t n, double *screen)
{
  int status = CUBIX_OK;
  const struct job job = { .of = { .position = position, .n = n, .screen = screen } };
  CUBIX_TRY(cubix_mpi_columns_settle(columns, position, n));
  if (n) memset(screen, 0, n * sizeof *screen);
  CUBIX_TRY(job_run(columns, &job));
done:
  return status;
}

/* Sums of all ranks' copies of this rank's cells.  @param[out] home [n], owned by the caller */
static int bring_sums(const struct cubix_columns *columns, const struct cubix_column_sums *sums,
                      struct cubix_column_sums **home)
{
  int status = CUBIX_OK;
  const size_t n = columns->deal.out[cubix_mpi_size()];
  struct cubix_column_sums *in = NULL;
  CUBIX_MPI_ALLOC(*home, columns->n);
  CUBIX_MPI_ALLOC(in, n);
  cubix_mpi_deal_travel(&columns->deal, sums, in, sizeof *in, 1);
  for (size_t i = 0; i < n; i++)
    for (int b = 0; b < CUBIX_COLUMN_BARS; b++) {
      (*home)[columns->order[i]].coarse[b] += in[i].coarse[b];
      (*home)[columns->order[i]].fine[b] += in[i].fine[b];
    }
done:
  free(in);
  return status;
}

int cubix_mpi_columns_vjp(struct cubix_columns *columns, const double *position, size_t n, const double *screen_bar,
                          double *position_bar, const struct cubix_columns_bar *bar)
{
  int status = CUBIX_OK;
  double most = 0;
  struct cubix_column_sums *sums = NULL, *home = NULL;
  for (size_t i = 0; i < n; i++) most = screen_bar[i] == screen_bar[i] ? fmax(most, fabs(screen_bar[i])) : HUGE_VAL;
  most = cubix_mpi_max(most);
  CUBIX_CHECK(isfinite(most), CUBIX_EFAIL, "the derivative with respect to some star's A(V) is not finite");
  if (most == 0) goto done;
  CUBIX_TRY(cubix_mpi_columns_settle(columns, position, n));
  if (bar) CUBIX_MPI_ALLOC(sums, columns->tiles->n);
  const struct job job = { .of = { .position = position, .n = n, .screen_bar = screen_bar, .exponent = ilogb(most) + 1,
                                   .position_bar = position_bar, .sums = sums } };
  CUBIX_TRY(job_run(columns, &job));
  if (!bar) goto done;
  if (cubix_mpi_size() > 1) CUBIX_TRY(bring_sums(columns, sums, &home));
  const struct cubix_column_sums *all = home ? home : sums;
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < columns->n; i++)
    cubix_column_sums_bar(&all[i], job.of.exponent, columns->radius[i], columns->weight[i],
                          bar->position ? bar->position + 3 * i : NULL, bar->radius ? bar->radius + i : NULL,
                          bar->weight ? bar->weight + i : NULL);
done:
  free(sums);
  free(home);
  return status;
}

int cubix_mpi_columns_jvp(struct cubix_columns *columns, const double *position, size_t n,
                          const struct cubix_column_dot *dot, double *screen_dot)
{
  int status = CUBIX_OK;
  struct cubix_column_dot there = *dot;
  const struct job job = { .of = { .position = position, .n = n, .screen = screen_dot }, .dot = &there };
  double *x = NULL, *h = NULL, *a = NULL;
  CUBIX_TRY(cubix_mpi_columns_settle(columns, position, n));
  if (cubix_mpi_size() > 1) {
    if (dot->cell_position) CUBIX_TRY(cubix_mpi_columns_send(columns, dot->cell_position, 3, &x));
    if (dot->radius) CUBIX_TRY(cubix_mpi_columns_send(columns, dot->radius, 1, &h));
    if (dot->weight) CUBIX_TRY(cubix_mpi_columns_send(columns, dot->weight, 1, &a));
    there.cell_position = x;
    there.radius = h;
    there.weight = a;
  }
  if (n) memset(screen_dot, 0, n * sizeof *screen_dot);
  CUBIX_TRY(job_run(columns, &job));
done:
  free(x);
  free(h);
  free(a);
  return status;
}

double cubix_mpi_columns_bytes(const double *position, const double *radius, size_t n, double n_place, double *sorting)
{
  enum { CELL = 5 * sizeof(double), PLACE = 36 };     /* what travels; a place, its number and its A(V) */
  const struct cubix_column_sky sky = sky_of(position, radius, n);
  const double here = cubix_mpi_size() > 1 ? 1.5 : 1, most = fmax(BATCH / cubix_mpi_size(), LEAST);
  double bytes = here * cubix_column_tiles_bytes(&sky, radius, n, sorting), places = cubix_column_walk_bytes(n_place);
  *sorting *= here;                                   /* and cells at the seams */
  if (here > 1) {
    bytes += here * sizeof(uint32_t) * (double)n;
    *sorting += here * CELL * (double)n;
    places = fmin(n_place, most) * PLACE + cubix_column_walk_bytes(fmin(n_place, most));
  }
  *sorting = fmax(*sorting, places);
  return bytes;
}
