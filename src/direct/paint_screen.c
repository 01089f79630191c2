/* paint_screen.c -- stars behind dust, one by one: how their channels change with A(lambda)/A(V).
 *
 * A star's spectrum is made anew, behind its dust, and times -t A(V).  Sums over stars are made in
 * shares of them, a float64 spectrum for each, which are added up in their order. */
#include "direct/paint_screen.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "direct/dim.h"
#include "direct/paint_kernel.h"
#include "physics/paint.h"

enum { LEAST = 4096, N_SHARE = 64 };        /* stars of a share; shares */

struct worker {                   /* a thread's scratch */
#ifndef CUBIX_DOUBLE
  struct cubix_fast_scratch fast;
#endif
  cubix_real *flux, *through;     /* [n_lambda] of a star */
  double *sum;                    /* [n_lambda] */
};

struct job {
  struct cubix_tables tables;     /* in the cube's channels */
#ifndef CUBIX_DOUBLE
  struct cubix_fast fast;
#endif
  const struct cubix_placement *placement;
};

static int worker_init(struct worker *w, const struct cubix_tables *v)
{
  int status = CUBIX_OK;
#ifndef CUBIX_DOUBLE
  CUBIX_TRY(cubix_fast_scratch_init(&w->fast, v));
#endif
  CUBIX_ALLOC(w->flux, v->n_lambda);
  CUBIX_ALLOC(w->through, v->n_lambda);
  CUBIX_ALLOC(w->sum, v->n_lambda);
done:
  return status;
}

static void worker_free(struct worker *w)
{
#ifndef CUBIX_DOUBLE
  cubix_fast_scratch_free(&w->fast);
#endif
  free(w->flux);
  free(w->through);
  free(w->sum);
}

static int job_init(struct job *job, const struct cubix_tables *tables, const struct cubix_placement *placement,
                    const struct cubix_cube *cube)
{
  int status = CUBIX_OK;
  *job = (struct job){ .tables = cubix_tables_channels(tables, cube->lambda_first, cube->n_lambda),
                       .placement = placement };
#ifndef CUBIX_DOUBLE
  CUBIX_TRY(cubix_fast_init(&job->fast, &job->tables));
done:
#endif
  return status;
}

static void job_free(struct job *job)
{
#ifndef CUBIX_DOUBLE
  cubix_fast_free(&job->fast);
#endif
  (void)job;
}

/* w->flux: d flux/d k of a star.  @return 0: none */
static int star_by_k(const struct job *job, struct worker *w, const struct cubix_star *star)
{
  const struct cubix_tables *v = &job->tables;
  const double doppler = cubix_doppler(v->one_plus_z, star->velocity), screen = (double)star->screen;
  struct cubix_blend blend;
  if (screen == 0) return 0;
  cubix_blend_of(v, star, &blend);
  memset(w->flux, 0, (size_t)v->n_lambda * sizeof *w->flux);
#ifdef CUBIX_DOUBLE
  for (int k = 0; k < v->n_lambda; k++) w->flux[k] = cubix_star_channel(v, &blend, doppler, k);
#else
  cubix_fast_paint(&job->fast, &blend, doppler, &w->fast, w->flux);
#endif
  cubix_dim(w->through, v->dust_k, screen, v->n_lambda);
  for (int k = 0; k < v->n_lambda; k++) w->flux[k] *= w->through[k] * (cubix_real)(-CUBIX_SCREEN_T * screen);
  return 1;
}

/* Stars first .. last - 1.  @param[in,out] sum [n_lambda] */
static void share_vjp(const struct job *job, struct worker *w, const cubix_real *flux_bar, size_t first, size_t last,
                      double *sum)
{
  const size_t n = (size_t)job->tables.n_lambda;
  size_t s = 0;
  for (size_t i = first; i < last; i++) {
    while (job->placement->start[s + 1] <= i) s++;
    if (!star_by_k(job, w, &job->placement->star[i])) continue;
    const cubix_real *bar = flux_bar + s * n;
    for (size_t k = 0; k < n; k++) sum[k] += (double)w->flux[k] * (double)bar[k];
  }
}

int cubix_paint_screen_vjp(const struct cubix_tables *tables, const struct cubix_placement *placement,
                           const struct cubix_cube *cube_bar, double *k_bar)
{
  int status = CUBIX_OK, there = 1;
  const size_t n_star = placement->start[placement->n_spaxel], n = (size_t)cube_bar->n_lambda;
  const size_t share = n_star / N_SHARE < LEAST ? LEAST : n_star / N_SHARE + 1, n_share = (n_star + share - 1) / share;
  double *sum = NULL;
  struct job job;
  CUBIX_TRY(job_init(&job, tables, placement, cube_bar));
  CUBIX_ALLOC(sum, n_share * n);
#pragma omp parallel
  {
    struct worker w = { 0 };
    const int mine = worker_init(&w, &job.tables) == CUBIX_OK;
#pragma omp atomic
    there &= mine;
#pragma omp barrier
#pragma omp for schedule(dynamic, 1)
    for (size_t h = 0; h < n_share; h++)
      if (there)
        share_vjp(&job, &w, cube_bar->flux, h * share, (h + 1) * share < n_star ? (h + 1) * share : n_star,
                  sum + h * n);
    worker_free(&w);
  }
  CUBIX_CHECK(there, CUBIX_ENOMEM, "no memory for the %zu channels that each thread works on", n);
  for (size_t h = 0; h < n_share; h++)
    for (size_t k = 0; k < n; k++) k_bar[(size_t)cube_bar->lambda_first + k] += sum[h * n + k];
done:
  free(sum);
  job_free(&job);
  return status;
}

int cubix_paint_screen_jvp(const struct cubix_tables *tables, const struct cubix_placement *placement,
                           const double *k_dot, struct cubix_cube *cube_dot)
{
  int status = CUBIX_OK, there = 1;
  const size_t n = (size_t)cube_dot->n_lambda;
  struct job job;
  CUBIX_TRY(job_init(&job, tables, placement, cube_dot));
#pragma omp parallel
  {
    struct worker w = { 0 };
    const int mine = worker_init(&w, &job.tables) == CUBIX_OK;
#pragma omp atomic
    there &= mine;
#pragma omp barrier
#pragma omp for schedule(dynamic, 1)
    for (size_t s = 0; s < placement->n_spaxel; s++) {
      if (!there || placement->start[s] == placement->start[s + 1]) continue;
      memset(w.sum, 0, n * sizeof *w.sum);
      for (size_t i = placement->start[s]; i < placement->start[s + 1]; i++)
        if (star_by_k(&job, &w, &placement->star[i]))
          for (size_t k = 0; k < n; k++) w.sum[k] += (double)w.flux[k];
      for (size_t k = 0; k < n; k++)
        cube_dot->flux[s * n + k] += (cubix_real)(w.sum[k] * k_dot[(size_t)cube_dot->lambda_first + k]);
    }
    worker_free(&w);
  }
  CUBIX_CHECK(there, CUBIX_ENOMEM, "no memory for the %zu channels that each thread works on", n);
done:
  job_free(&job);
  return status;
}
