/* device_cpu.c -- the reference processor: the cores of this rank, through OpenMP.
 *
 * A thread takes one spaxel at a time and adds its stars up in a private spectrum, 32 stars in
 * float32 and then in float64, so that faint stars are not lost in bright spaxels; the cube's row
 * is written once.  All threads together paint spaxels of very many stars (a nucleus), in shares
 * with a float64 spectrum each that are added in their order.  The sums therefore do not depend on
 * the number of threads.  The float64 twin uses the plain kernel throughout.  Tangents are painted
 * in the same way: the rows of a star with the rates at which their weights change, and the change
 * with its velocity.  A star behind dust is painted alone first, then dimmed channel by channel. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "direct/dim.h"
#include "direct/paint_kernel_vjp.h"
#include "direct/paint_vjp.h"
#include "engine/device.h"
#include "histogram/multiply.h"

enum { FLUSH = 32, SHARE = 1024, HEAVY = 4 * SHARE };

struct worker {                   /* one thread's scratch */
#ifndef CUBIX_DOUBLE
  struct cubix_fast_vjp fast;
#else
  double *slope;                  /* [n_lambda + 1] of tangents */
#endif
  cubix_real *spectrum;           /* [n_lambda] sum of at most FLUSH stars */
  double *total;                  /* [n_lambda] */
  /* where there is dust: */
  cubix_real *alone, *through;    /* [n_lambda] a star, and what is left of it */
  double *rate;                   /* [n_lambda] its change */
};

struct cpu {
  struct cubix_tables tables;         /* its tables are borrowed */
  int n_worker;
  struct worker *worker;
  double *nucleus;                /* [n_lambda] */
  struct cubix_fast fast;         /* in the float64 twin: the tables alone */
};

static int cpu_open(struct cubix_device *dev, int ordinal)
{
  int status = CUBIX_OK;
  struct cpu *cpu = NULL;
  (void)ordinal;
  CUBIX_ALLOC(cpu, 1);
  cpu->n_worker = omp_get_max_threads();
  CUBIX_ALLOC(cpu->worker, cpu->n_worker);
#ifdef CUBIX_DOUBLE
  snprintf(dev->description, sizeof dev->description, "cpu, %d thread(s), float64", cpu->n_worker);
#else
  snprintf(dev->description, sizeof dev->description, "cpu, %d thread(s), %s", cpu->n_worker, cubix_fast_name());
#endif
  dev->state = cpu;
  cpu = NULL;
done:
  if (cpu) free(cpu->worker);
  free(cpu);
  return status;
}

static void unload(struct cpu *cpu)
{
  for (int t = 0; t < cpu->n_worker; t++) {
#ifndef CUBIX_DOUBLE
    cubix_fast_vjp_free(&cpu->worker[t].fast);
#else
    free(cpu->worker[t].slope);
#endif
    free(cpu->worker[t].spectrum);
    free(cpu->worker[t].total);
    free(cpu->worker[t].alone);
    free(cpu->worker[t].through);
    free(cpu->worker[t].rate);
  }
#ifndef CUBIX_DOUBLE
  cubix_fast_free(&cpu->fast);
  memset(&cpu->fast, 0, sizeof cpu->fast);
#endif
  memset(cpu->worker, 0, sizeof *cpu->worker * (size_t)cpu->n_worker);
  free(cpu->nucleus);
  cpu->nucleus = NULL;
}

static int cpu_load(struct cubix_device *dev, const struct cubix_tables *tables)
{
  int status = CUBIX_OK;
  struct cpu *cpu = dev->state;
  unload(cpu);
  cpu->tables = *tables;
#ifndef CUBIX_DOUBLE
  CUBIX_TRY(cubix_fast_init(&cpu->fast, &cpu->tables));
#else
  cpu->fast.tables = &cpu->tables;
#endif
  CUBIX_ALLOC(cpu->nucleus, tables->n_lambda);
  for (int t = 0; t < cpu->n_worker; t++) {
    CUBIX_ALLOC(cpu->worker[t].spectrum, tables->n_lambda);
    CUBIX_ALLOC(cpu->worker[t].total, tables->n_lambda);
    if (tables->dust_k) {
      CUBIX_ALLOC(cpu->worker[t].alone, tables->n_lambda);
      CUBIX_ALLOC(cpu->worker[t].through, tables->n_lambda);
      CUBIX_ALLOC(cpu->worker[t].rate, tables->n_lambda);
    }
#ifndef CUBIX_DOUBLE
    CUBIX_TRY(cubix_fast_vjp_init(&cpu->worker[t].fast, &cpu->tables));
#else
    CUBIX_ALLOC(cpu->worker[t].slope, tables->n_lambda + 1);
#endif
  }
done:
  return status;
}

double cubix_device_paint_bytes(double n_lambda, double n_knot, int n_thread)
{
  /* nucleus, cubix_fast */
  const double shared = n_lambda * (sizeof(double) + sizeof(float)) + 48 * n_knot;
  /* cubix_fast_vjp */
  const double worker =
      n_lambda * (sizeof(cubix_real) + sizeof(double)) + n_lambda * (9 * sizeof(float) + sizeof(double)) + 24 * n_knot;
  return shared + n_thread * worker;
}

static void flush(struct worker *w, int n_lambda)
{
  for (int k = 0; k < n_lambda; k++) {
    w->total[k] += (double)w->spectrum[k];
    w->spectrum[k] = 0;
  }
}

/* Add a spectrum. */
static void paint_blend(const struct cpu *cpu, struct worker *w, const struct cubix_blend *blend, double doppler,
                        cubix_real *spectrum)
{
#ifdef CUBIX_DOUBLE
  (void)w;
  for (int k = 0; k < cpu->tables.n_lambda; k++) spectrum[k] += cubix_star_channel(&cpu->tables, blend, doppler, k);
#else
  cubix_fast_paint(&cpu->fast, blend, doppler, &w->fast.edges, spectrum);
#endif
}

/* Add what a spectrum's velocity changes. */
static void move_blend(const struct cpu *cpu, struct worker *w, const struct cubix_blend *blend, double doppler,
                       double velocity_dot, double *total)
{
#ifdef CUBIX_DOUBLE
  cubix_paint_velocity_jvp(&cpu->tables, blend, doppler, velocity_dot, w->slope, total);
#else
  cubix_fast_velocity_jvp(&cpu->fast, blend, doppler, &w->fast, velocity_dot, total);
#endif
}

/* A star behind dust: it alone, and what is left of it in each channel. */
static void paint_alone(const struct cpu *cpu, struct worker *w, const struct cubix_blend *blend, double doppler)
{
  memset(w->alone, 0, (size_t)cpu->tables.n_lambda * sizeof *w->alone);
  paint_blend(cpu, w, blend, doppler, w->alone);
}

static void paint_dimmed(const struct cpu *cpu, struct worker *w, const struct cubix_star *star,
                         const struct cubix_star_bar *dot, struct cubix_blend *blend, double doppler)
{
  const struct cubix_tables *v = &cpu->tables;
  cubix_dim(w->through, v->dust_k, (double)star->screen, v->n_lambda);
  if (dot) {
    memset(w->rate, 0, (size_t)v->n_lambda * sizeof *w->rate);
    if (dot->velocity != 0) move_blend(cpu, w, blend, doppler, dot->velocity, w->rate);
    if (dot->screen != 0) paint_alone(cpu, w, blend, doppler);
    for (int k = 0; k < v->n_lambda && dot->screen != 0; k++)
      w->rate[k] -= CUBIX_SCREEN_T * dot->screen * v->dust_k[k] * (double)w->alone[k];
    for (int k = 0; k < v->n_lambda; k++) w->total[k] += w->rate[k] * (double)w->through[k];
    cubix_blend_of_jvp(v, star, dot, blend);
  }
  paint_alone(cpu, w, blend, doppler);
  for (int k = 0; k < v->n_lambda; k++) w->spectrum[k] += w->alone[k] * w->through[k];
}

/* Add stars star[first .. last - 1], or with dot their tangents, to the worker's total. */
static void paint_stars(const struct cpu *cpu, struct worker *w, const struct cubix_star *star,
                        const struct cubix_star_bar *dot, size_t first, size_t last)
{
  const struct cubix_tables *v = &cpu->tables;
  for (size_t j = first; j < last; j++) {
    struct cubix_blend blend;
    double doppler = cubix_doppler(v->one_plus_z, star[j].velocity);
    cubix_blend_of(v, &star[j], &blend);
    if (v->dust_k && (star[j].screen != 0 || (dot && dot[j].screen != 0)))
      paint_dimmed(cpu, w, &star[j], dot ? &dot[j] : NULL, &blend, doppler);
    else {
      if (dot) {
        if (dot[j].velocity != 0) move_blend(cpu, w, &blend, doppler, dot[j].velocity, w->total);
        cubix_blend_of_jvp(v, &star[j], &dot[j], &blend);
      }
      paint_blend(cpu, w, &blend, doppler, w->spectrum);
    }
    if ((j - first) % FLUSH == FLUSH - 1) flush(w, v->n_lambda);
  }
  flush(w, v->n_lambda);
}

static void store(double *total, cubix_real *row, int n_lambda)
{
  for (int k = 0; k < n_lambda; k++) {
    row[k] = (cubix_real)((double)row[k] + total[k]);
    total[k] = 0;
  }
}

/* A nucleus: shares of its stars by all threads at once, added in their order, whatever the number of threads. */
static void paint_together(struct cpu *cpu, const struct cubix_star *star, const struct cubix_star_bar *dot,
                           size_t first, size_t last, cubix_real *row)
{
  int n_lambda = cpu->tables.n_lambda;
  size_t round = SHARE * (size_t)cpu->n_worker;
  for (size_t from = first; from < last; from += round) {
#pragma omp parallel for schedule(static, 1) num_threads(cpu->n_worker)
    for (int t = 0; t < cpu->n_worker; t++) {
      size_t a = from + SHARE * (size_t)t, b = a + SHARE < last ? a + SHARE : last;
      if (a < last) paint_stars(cpu, &cpu->worker[t], star, dot, a, b);
    }
    for (int t = 0; t < cpu->n_worker; t++)
      for (int k = 0; k < n_lambda; k++) {
        cpu->nucleus[k] += cpu->worker[t].total[k];
        cpu->worker[t].total[k] = 0;
      }
  }
  store(cpu->nucleus, row, n_lambda);
}

/* The placed stars, or with dot their tangents, into the cube. */
static void paint(struct cpu *cpu, const struct cubix_placement *p, const struct cubix_star_bar *dot,
                  struct cubix_cube *cube)
{
  int64_t n_spaxel = (int64_t)p->n_spaxel;
  size_t n_lambda = (size_t)cpu->tables.n_lambda, n_star = p->start[n_spaxel], done = 0;
  for (int64_t s = 0; s < n_spaxel; s++)
    if (p->start[s + 1] - p->start[s] > HEAVY) {
      paint_together(cpu, p->star, dot, p->start[s], p->start[s + 1], cube->flux + (size_t)s * n_lambda);
      done += p->start[s + 1] - p->start[s];
    }
#pragma omp parallel num_threads(cpu->n_worker)
  {
    struct worker *w = &cpu->worker[omp_get_thread_num()];
    double last = cubix_log_clock();
#pragma omp for schedule(dynamic, 4)
    for (int64_t s = 0; s < n_spaxel; s++) {
      size_t n = p->start[s + 1] - p->start[s];
      if (!n || n > HEAVY) continue;
      paint_stars(cpu, w, p->star, dot, p->start[s], p->start[s + 1]);
      store(w->total, cube->flux + (size_t)s * n_lambda, (int)n_lambda);
#pragma omp atomic
      done += n;
      if (omp_get_thread_num() == 0 && cubix_log_clock() - last > 0.2) {
        size_t so_far;
#pragma omp atomic read
        so_far = done;
        cubix_log_progress("paint", (double)so_far / (double)n_star);
        last = cubix_log_clock();
      }
    }
  }
}

static int cpu_paint(struct cubix_device *dev, const struct cubix_placement *p, struct cubix_cube *cube)
{
  paint(dev->state, p, NULL, cube);
  return CUBIX_OK;
}

static int cpu_paint_jvp(struct cubix_device *dev, const struct cubix_placement *p, const struct cubix_star_bar *dot,
                         struct cubix_cube *cube_dot)
{
  paint(dev->state, p, dot, cube_dot);
  return CUBIX_OK;
}

static int cpu_paint_vjp(struct cubix_device *dev, const struct cubix_placement *p, const struct cubix_cube *cube_bar,
                         struct cubix_star_bar *bar, double *row_bar)
{
  const struct cpu *cpu = dev->state;
  return cubix_paint_vjp(&cpu->fast, p, cube_bar->flux, bar, row_bar);
}

static int cpu_fill(struct cubix_device *dev, struct cubix_histogram **histogram, const struct cubix_nodes *nodes,
                    const int32_t *exponent, const struct cubix_placement *placement, const struct cubix_tables *tables)
{
  (void)dev;
  return cubix_histogram_build(histogram, nodes, exponent, placement, tables);
}

static int cpu_multiply(struct cubix_device *dev, struct cubix_cube *cube, const struct cubix_histogram *histogram,
                        const struct cubix_basis *basis, double scale)
{
  (void)dev;
  return cubix_multiply(cube, histogram, basis, scale);
}

static int cpu_fill_vjp(struct cubix_device *dev, const struct cubix_histogram *cover, const double *value_bar,
                        const struct cubix_placement *placement, const struct cubix_tables *tables,
                        struct cubix_star_bar *bar)
{
  (void)dev;
  return cubix_histogram_fill_vjp(cover, value_bar, placement, tables, bar);
}

static int cpu_fill_jvp(struct cubix_device *dev, struct cubix_histogram **histogram_dot,
                        const struct cubix_nodes *nodes, const struct cubix_placement *placement,
                        const struct cubix_star_bar *dot, const struct cubix_tables *tables)
{
  (void)dev;
  return cubix_histogram_fill_jvp(histogram_dot, nodes, placement, dot, tables);
}

static int cpu_multiply_vjp(struct cubix_device *dev, const struct cubix_cube *cube_bar,
                            const struct cubix_histogram *cover, const struct cubix_basis *basis, double scale,
                            double *value_bar)
{
  (void)dev;
  return cubix_multiply_vjp(cube_bar, cover, basis, scale, value_bar);
}

static void cpu_close(struct cubix_device *dev)
{
  struct cpu *cpu = dev->state;
  if (!cpu) return;
  unload(cpu);
  free(cpu->worker);
  free(cpu);
}

const struct cubix_device_ops cubix_device_cpu_ops = {
  .name = "cpu",
  .rates = { .direct = 4.5, .fill = 80, .multiply = 0.05, .per_core = 1 },
  .open = cpu_open,
  .load = cpu_load,
  .paint = cpu_paint,
  .fill = cpu_fill,
  .multiply = cpu_multiply,
  .paint_vjp = cpu_paint_vjp,
  .paint_jvp = cpu_paint_jvp,
  .fill_vjp = cpu_fill_vjp,
  .fill_jvp = cpu_fill_jvp,
  .multiply_vjp = cpu_multiply_vjp,
  .close = cpu_close,
};
