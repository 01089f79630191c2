/* line_basis.c -- line profiles on the grid of velocities: least squares on B-splines, and how good they are.
 *
 * What of a line falls into a channel is a smooth function B(v), as narrow as the line: 0.57 of the narrowest sigma
 * is a step that leaves 1e-4 of the peak, 0.45 one that leaves 1e-5.  Six velocities per step are fitted, in all
 * channels at once, on a grid that goes two steps beyond the reach.
 *
 * What is kept of a node are the channels with more than 1e-10 of the line's peak, none of them below 0 but for a
 * sinc, which has such lobes.  They are scaled so that they add up to 1, channels beyond the band included: no light of
 * a line is lost, and that of a Gaussian is nowhere negative, whatever the error of its profile.
 *
 * The certificate compares at eight other velocities per step and the two ends.  Errors are relative to the peak
 * channel: in a Gaussian's wings no relative error has a bound. */
#include "lines/line_basis.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "physics/constants.h"

enum { EXTRA = 2, SAMPLE = 6, CHECK = 8, TRIES = 30 };
static const double coarse = 0.57, finer = 0.85, keep = 1e-10;

/* One line's fit. */
struct fit {
  const struct cubix_line_shape *shape;
  struct cubix_nodes nodes;
  int n;                          /* nodes of the fit: EXTRA more on both sides */
  int first, n_channel;           /* all that the line reaches */
  double *d;                      /* [n][n_channel] right-hand sides, then the solution */
};

/* Velocity at a place on the fit's grid, in steps from where its first six nodes are. */
static double velocity(const struct cubix_nodes *nodes, double at)
{
  return -nodes->reach + (at - EXTRA) * nodes->step;
}

/* L D L^T of the normal equations.  @param[out] out [n]: D_j, then the five L[j][j - 1], L[j][j - 2] ... */
static int factorise(double (**out)[6], int n)
{
  int status = CUBIX_OK;
  double (*m)[6] = NULL, w[SAMPLE][CUBIX_N_WEIGHT];
  CUBIX_ALLOC(m, n);
  for (int s = 0; s < SAMPLE; s++) cubix_node_weights((s + 0.5) / SAMPLE, w[s]);
  for (int i = 0; i + 5 < n; i++)
    for (int s = 0; s < SAMPLE; s++)
      for (int a = 0; a < 6; a++)
        for (int b = 0; b <= a; b++) m[i + a][a - b] += w[s][a] * w[s][b];
  for (int j = 0; j < n; j++)                     /* m becomes L D: m[j][0] = D_j, m[j][q] = L[j][j - q] */
    for (int q = j < 5 ? j : 5; q >= 0; q--) {
      double sum = m[j][q];
      for (int p = q + 1; p <= 5 && p <= j; p++) sum -= m[j][p] * (q ? m[j - q][p - q] : m[j][p]) * m[j - p][0];
      m[j][q] = q ? sum / m[j - q][0] : sum;
    }
  *out = m;
  m = NULL;
done:
  free(m);
  return status;
}

static void solve(double *d, size_t n_channel, const double (*m)[6], int n)
{
  for (int j = 0; j < n; j++)
    for (int q = 1; q <= 5 && q <= j; q++) {
      const double *from = d + (size_t)(j - q) * n_channel, l = m[j][q];
      double *to = d + (size_t)j * n_channel;
      for (size_t k = 0; k < n_channel; k++) to[k] -= l * from[k];
    }
  for (int j = n - 1; j >= 0; j--) {
    double *to = d + (size_t)j * n_channel;
    for (size_t k = 0; k < n_channel; k++) to[k] /= m[j][0];
    for (int q = 1; q <= 5 && j + q < n; q++) {
      const double *from = d + (size_t)(j + q) * n_channel, l = m[j + q][q];
      for (size_t k = 0; k < n_channel; k++) to[k] -= l * from[k];
    }
  }
}

typedef void parts_of(const struct cubix_line_shape *shape, double v, int first, int n, double *part);

static int fit_line(struct fit *f, const double (*m)[6], parts_of *parts)
{
  int status = CUBIX_OK, last = INT32_MIN;
  double *part = NULL, w[SAMPLE][CUBIX_N_WEIGHT];
  f->first = INT32_MAX;
  for (int i = 0; i < (f->n - 5) * SAMPLE; i++) {
    int n, first = cubix_line_window(f->shape, velocity(&f->nodes, (i + 0.5) / SAMPLE), &n);
    f->first = first < f->first ? first : f->first;
    last = first + n > last ? first + n : last;
  }
  f->n_channel = last - f->first;
  CUBIX_ALLOC(part, f->n_channel);
  CUBIX_ALLOC(f->d, (size_t)f->n * (size_t)f->n_channel);
  for (int s = 0; s < SAMPLE; s++) cubix_node_weights((s + 0.5) / SAMPLE, w[s]);
  for (int i = 0; i + 5 < f->n; i++)
    for (int s = 0; s < SAMPLE; s++) {
      const double v = velocity(&f->nodes, i + (s + 0.5) / SAMPLE);
      int n, first = cubix_line_window(f->shape, v, &n);
      parts(f->shape, v, first, n, part);
      for (int a = 0; a < 6; a++) {
        double *to = f->d + (size_t)(i + a) * (size_t)f->n_channel + (first - f->first);
        for (int k = 0; k < n; k++) to[k] += w[s][a] * part[k];
      }
    }
  solve(f->d, (size_t)f->n_channel, m, f->n);
done:
  free(part);
  return status;
}

/* What is kept of node j of the fit: channels f->first + *from and the n - 1 behind it. */
static int kept(const struct fit *f, int j, double peak, int *from)
{
  const double *d = f->d + (size_t)j * (size_t)f->n_channel;
  int lo = 0, hi = f->n_channel;
  while (lo < hi - 1 && fabs(d[lo]) < keep * peak) lo++;
  while (hi > lo + 1 && fabs(d[hi - 1]) < keep * peak) hi--;
  *from = lo;
  return hi - lo;
}

static double peak_of(const struct fit *f)
{
  double peak = 0;
  for (size_t i = 0; i < (size_t)f->n * (size_t)f->n_channel; i++) peak = fmax(peak, fabs(f->d[i]));
  return peak;
}

/* All fits into arrays of one width.  @param total 1: what a node keeps adds up to 1; 0: to 0 */
static int pack(double **out, struct cubix_line_basis *basis, const struct fit *fit, int total)
{
  int status = CUBIX_OK, width = total ? 0 : basis->width, from;
  const int n_node = basis->nodes.n, n_lambda = fit[0].shape->ins->n_lambda;
  for (int l = 0; l < basis->n_line && total; l++) {
    const double peak = peak_of(&fit[l]);
    for (int j = 0; j < n_node; j++) {
      const int n = kept(&fit[l], j + EXTRA, peak, &from);
      basis->first[l * n_node + j] = fit[l].first + from;
      width = n > width ? n : width;
    }
  }
  basis->width = width;
  CUBIX_ALLOC(*out, (size_t)basis->n_line * (size_t)n_node * (size_t)width);
  for (int l = 0; l < basis->n_line; l++)
    for (int j = 0; j < n_node; j++) {
      const double *d = fit[l].d + (size_t)(j + EXTRA) * (size_t)fit[l].n_channel;
      const int first = basis->first[l * n_node + j], at = first - fit[l].first;
      double *to = *out + ((size_t)l * (size_t)n_node + (size_t)j) * (size_t)width, sum = 0;
      const int n = at + width <= fit[l].n_channel ? width : fit[l].n_channel - at;
      const double least = cubix_line_is_sinc(fit[l].shape) ? -INFINITY : 0;
      for (int k = 0; k < n; k++) sum += fmax(d[at + k], least);
      for (int k = 0; k < n; k++)
        if (first + k >= 0 && first + k < n_lambda) to[k] = total ? fmax(d[at + k], least) / sum : d[at + k];
    }
done:
  return status;
}

/* Error of a line at velocity v, over its peak. */
static double error_at(const struct cubix_line_basis *b, int l, const struct cubix_line_shape *shape, double v,
                       double *part)
{
  double f = 0, w[CUBIX_N_WEIGHT], peak = 0, worst = 0;
  int n, lo = INT32_MAX, hi = INT32_MIN, first = cubix_line_window(shape, v, &n);
  const int j = cubix_node_of(&b->nodes, v, &f), *at = b->first + l * b->nodes.n + j;
  cubix_node_weights(f, w);
  for (int i = 0; i < CUBIX_N_WEIGHT; i++) {
    if (at[i] < lo) lo = at[i];
    if (at[i] + b->width > hi) hi = at[i] + b->width;
  }
  if (first > lo) n += first - lo, first = lo;
  if (first + n < hi) n = hi - first;
  cubix_line_parts(shape, v, first, n, part);
  for (int k = 0; k < n; k++) peak = fmax(peak, part[k]);
  for (int i = 0; i < CUBIX_N_WEIGHT; i++) {
    const double *d = b->d + ((size_t)l * (size_t)b->nodes.n + (size_t)(j + i)) * (size_t)b->width;
    for (int k = 0; k < b->width; k++) part[at[i] - first + k] -= w[i] * d[k];
  }
  for (int k = 0; k < n; k++)
    if (first + k >= 0 && first + k < shape->ins->n_lambda) worst = fmax(worst, fabs(part[k]));
  return worst / peak;
}

static int certify(struct cubix_line_basis *b, const struct cubix_line_shape *shape, int most)
{
  int status = CUBIX_OK;
  const int n_check = (int)ceil(2 * b->nodes.reach / b->nodes.step * CHECK);
  double worst = 0, *room = NULL;
  CUBIX_ALLOC(room, (size_t)omp_get_max_threads() * (size_t)most);
#pragma omp parallel for schedule(dynamic) reduction(max : worst)
  for (int l = 0; l < b->n_line; l++) {
    double *part = room + (size_t)omp_get_thread_num() * (size_t)most;
    for (int i = -1; i <= n_check; i++) {
      const double v = fmin(-b->nodes.reach + fmax(i + 0.5, 0) / CHECK * b->nodes.step, b->nodes.reach);
      worst = fmax(worst, error_at(b, l, &shape[l], v, part));
    }
  }
  b->certified = worst;
done:
  free(room);
  return status;
}

static int make(struct cubix_line_basis **out, const struct cubix_line_shape *shape, int n_line, double reach,
                double step, int slopes)
{
  int status = CUBIX_OK, failed = 0, most = 0;
  struct cubix_line_basis *b = NULL;
  struct fit *fit = NULL;
  double (*m)[6] = NULL;
  CUBIX_ALLOC(b, 1);
  CUBIX_ALLOC(fit, n_line);
  b->n_line = n_line;
  b->nodes = (struct cubix_nodes){ .n = (int)ceil(2 * reach / step) + 6, .reach = reach, .step = step };
  CUBIX_ALLOC(b->first, n_line * b->nodes.n);
  CUBIX_TRY(factorise(&m, b->nodes.n + 2 * EXTRA));
  for (int pass = 0; pass <= slopes; pass++) {
#pragma omp parallel for schedule(dynamic) reduction(| : failed)
    for (int l = 0; l < n_line; l++) {
      free(fit[l].d);
      fit[l] = (struct fit){ .shape = &shape[l], .nodes = b->nodes, .n = b->nodes.n + 2 * EXTRA };
      failed |= fit_line(&fit[l], (const double (*)[6])m, pass ? cubix_line_slopes : cubix_line_parts);
    }
    CUBIX_CHECK(!failed, CUBIX_ENOMEM, "no memory for the profiles of %d lines at %d velocities", n_line, b->nodes.n);
    CUBIX_TRY(pack(pass ? &b->slope : &b->d, b, fit, !pass));
    for (int l = 0; l < n_line; l++) most = fit[l].n_channel > most ? fit[l].n_channel : most;
  }
  CUBIX_TRY(certify(b, shape, most + 2 * b->width));
  *out = b;
  b = NULL;
done:
  for (int l = 0; fit && l < n_line; l++) free(fit[l].d);
  free(fit);
  free(m);
  cubix_line_basis_free(b);
  return status;
}

int cubix_line_basis_make(struct cubix_line_basis **out, const struct cubix_line_shape *shape, int n_line,
                          double reach, double limit, int slopes)
{
  int status = CUBIX_OK;
  double narrowest = INFINITY;
  for (int l = 0; l < n_line; l++)
    for (int side = -1; side <= 1; side++) {
      double mu, sigma;
      cubix_line_place(&shape[l], side * reach, &mu, &sigma);
      narrowest = fmin(narrowest, sigma / mu * CUBIX_C_KMS);
    }
  double step = coarse * narrowest, reached = 0;
  for (int i = 0; i < TRIES; i++, step *= finer) {
    CUBIX_TRY(make(out, shape, n_line, fmax(reach, step), step, slopes));
    if ((*out)->certified <= limit) goto done;
    reached = (*out)->certified;
    cubix_line_basis_free(*out);
    *out = NULL;
  }
  CUBIX_CHECK(0, CUBIX_EFAIL,
              "emission lines: steps down to %.2g km/s leave %.2g of the peak channel, allowed is %.2g: set Engine "
              "direct, or a larger Tolerance",
              step / finer, reached, limit);
done:
  return status;
}

void cubix_line_basis_free(struct cubix_line_basis *basis)
{
  if (!basis) return;
  free(basis->first);
  free(basis->d);
  free(basis->slope);
  free(basis);
}
