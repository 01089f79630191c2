/* prove_chain.c -- the derivatives of the whole chain put to the proof, for the Python tests; run
 * under mpirun with any number of ranks.
 *
 *   prove_chain [--taylor] PARAMFILE LEAVES [Name=value ...]
 *
 * prints for each leaf (all numbers of stars drawn by their number in the file, so that they do not
 * depend on ranks)
 *   dot     NAME  <J d, w>  <d, J' w>  their difference over sum |J d| |w|
 *   gn      NAME  <J d, W J d>  <d, J' W J d>  relative difference
 *   taylor  NAME  slope of ln |f(x + e d) - f(x) - e f'| in ln e, over decades of e in which
 *   float64 has not the last word  (with --taylor) central NAME  derivative by one number of the
 *   leaf: central difference, reverse derivative  (with --taylor)
 *   bar     NAME  sum and norm of the reverse derivative, and whether all are finite
 *   sum     NAME  sums of its components x, y, z */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "mpi/cubix-mpi.h"
#include "mpi/pipeline/chain.h"
#include "physics/random.h"

static size_t first_star, first_cell;            /* of this rank */
static int root;

/* A number of its own for every index, -1 .. 1. */
static double number_of(uint64_t index, uint32_t what)
{
  uint32_t counter[4] = { (uint32_t)index, (uint32_t)(index >> 32), what, 0 }, key[2] = { 20, 26 }, out[4];
  cubix_philox(out, counter, key);
  return 2 * cubix_uniform(out[0], out[1]) - 1;
}

static uint64_t index_of(enum cubix_leaf leaf, size_t i)
{
  const struct cubix_leaf_info *info = cubix_leaf_info(leaf);
  const size_t first = info->of == CUBIX_OF_STAR ? first_star : info->of == CUBIX_OF_GAS ? first_cell : 0;
  return first * (size_t)info->n + i;
}

/* Whether every rank has numbers of its own. */
static int divided(enum cubix_leaf leaf)
{
  const enum cubix_leaf_of of = cubix_leaf_info(leaf)->of;
  return of == CUBIX_OF_STAR || of == CUBIX_OF_GAS;
}

/* Sum over all ranks; of a global once. */
static double total(enum cubix_leaf leaf, double x)
{
  double all = divided(leaf) || root ? x : 0;
  MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return all;
}

/* A direction whose steps are of the order of what a fit would do. */
static double scale_of(enum cubix_leaf leaf, double value)
{
  switch (leaf) {
    case CUBIX_LEAF_Velocity: case CUBIX_LEAF_SystemicVelocity: return 100;
    case CUBIX_LEAF_Position: case CUBIX_LEAF_Centre: return 1;
    case CUBIX_LEAF_GasPosition: return 0.1;
    case CUBIX_LEAF_PointingX: case CUBIX_LEAF_PointingY: return 1;
    case CUBIX_LEAF_Alpha:
    case CUBIX_LEAF_Beta:
    case CUBIX_LEAF_Gamma:
    case CUBIX_LEAF_Inclination:
    case CUBIX_LEAF_PositionAngle:
    case CUBIX_LEAF_Roll: return 20;
    case CUBIX_LEAF_Redshift: return 1e-3;
    /* few stars shall cross a node of the library */
    case CUBIX_LEAF_Age: case CUBIX_LEAF_Metallicity: return 0.005 * value;
    default: return value;
  }
}

static double *array(const struct cubix_chain *chain, enum cubix_leaf leaf)
{
  double *x = calloc(cubix_mpi_chain_size(chain, leaf) + 1, sizeof *x);
  if (!x) abort();
  return x;
}

static double inner(const struct cubix_cube *cube, const cubix_real *w, int absolute)
{
  double sum = 0;
  for (size_t i = 0; i < (size_t)cube->n_x * (size_t)cube->n_y * (size_t)cube->n_lambda; i++) {
    double x = (double)cube->flux[i] * (double)w[i];
    sum += absolute ? fabs(x) : x;
  }
  MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return sum;
}

/* The same weights for a voxel whoever owns it. */
static cubix_real *weights(const struct cubix_cube *cube, uint32_t seed, int positive)
{
  size_t n_spaxel = (size_t)cube->n_x * (size_t)cube->n_y, n = (size_t)cube->n_lambda;
  cubix_real *w = calloc(n_spaxel * n + 1, sizeof *w);
  if (!w) abort();
  for (size_t s = 0; s < n_spaxel; s++)
    for (size_t k = 0; k < n; k++) {
      double x = number_of(s * 100000 + (size_t)cube->lambda_first + k, seed);
      w[s * n + k] = (cubix_real)(positive ? 1 + x : x);
    }
  return w;
}

/* f(x + e d), e in units of the direction. */
static int step(double *f, struct cubix_chain *chain, enum cubix_leaf leaf, const double *x, const double *d, double e,
                const cubix_real *w)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube;
  size_t n = cubix_mpi_chain_size(chain, leaf);
  double *y = array(chain, leaf);
  for (size_t i = 0; i < n; i++) y[i] = x[i] + e * d[i];
  CUBIX_TRY(cubix_mpi_chain_put(chain, leaf, y));
  CUBIX_TRY(cubix_mpi_chain_forward(chain, &cube));
  *f = inner(cube, w, 0);
done:
  free(y);
  return status;
}

static double least_squares_slope(const double *x, const double *y, int n)
{
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (int i = 0; i < n; i++) {
    sx += x[i];
    sy += y[i];
    sxx += x[i] * x[i];
    sxy += x[i] * y[i];
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

/* Taylor remainders along d, and the central difference by one number. */
static int prove_steps(struct cubix_chain *chain, enum cubix_leaf leaf, const double *x, const double *d,
                       const double *bar, double slope, const cubix_real *w)
{
  int status = CUBIX_OK, n_used = 0;
  size_t n = cubix_mpi_chain_size(chain, leaf);
  const char *name = cubix_leaf_info(leaf)->name;
  double f0, ln_e[16], ln_r[16], plus, minus, *one = array(chain, leaf);
  CUBIX_TRY(step(&f0, chain, leaf, x, d, 0, w));
  for (int k = 0; k < 10; k++) {
    double e = 0.1 * pow(10, -0.5 * k), f;
    CUBIX_TRY(step(&f, chain, leaf, x, d, e, w));
    double r = fabs(f - f0 - e * slope);
    if (root) printf("remainder %s %.3e %.6e %.6e\n", name, e, r, fabs(f - f0));
    if (!(r <= 3e-12 * fabs(f0))) {
      ln_e[n_used] = log(e);
      ln_r[n_used++] = log(r);
    }
  }
  if (root) printf("taylor %s %d %.4f\n", name, n_used, n_used > 2 ? least_squares_slope(ln_e, ln_r, n_used) : 0.);
  /* the number whose derivative is largest on the whole */
  double best = -1, largest;
  size_t at = 0;
  for (size_t i = 0; i < n; i++)
    if (fabs(bar[i] * d[i]) > best) best = fabs(bar[i] * d[at = i]);
  largest = cubix_mpi_max(best);
  int mine = best == largest && largest > 0, global = !divided(leaf);
  if (mine || global) one[at] = d[at];
  double want = total(leaf, mine ? bar[at] * d[at] : 0);
  CUBIX_TRY(step(&plus, chain, leaf, x, one, 1e-4, w));
  CUBIX_TRY(step(&minus, chain, leaf, x, one, -1e-4, w));
  if (root) printf("central %s %.15e %.15e\n", name, (plus - minus) / 2e-4, want);
  CUBIX_TRY(step(&f0, chain, leaf, x, d, 0, w));
done:
  free(one);
  return status;
}

static int prove_leaf(struct cubix_chain *chain, enum cubix_leaf leaf, const struct cubix_leaves *bar,
                      const cubix_real *w, const cubix_real *weight, int taylor)
{
  int status = CUBIX_OK;
  size_t n = cubix_mpi_chain_size(chain, leaf);
  const char *name = cubix_leaf_info(leaf)->name;
  const struct cubix_cube *dot;
  struct cubix_leaves d = { { NULL } }, back = { { NULL } };
  double *x = array(chain, leaf), right = 0, sum = 0, norm = 0, gn_right = 0, part[3] = { 0 };
  int finite = 1;
  d.value[leaf] = array(chain, leaf);
  back.value[leaf] = array(chain, leaf);
  CUBIX_TRY(cubix_mpi_chain_get(chain, leaf, x));
  for (size_t i = 0; i < n; i++) {
    d.value[leaf][i] = scale_of(leaf, x[i]) * number_of(index_of(leaf, i), 7);
    right += d.value[leaf][i] * bar->value[leaf][i];
    sum += bar->value[leaf][i];
    part[i % 3] += bar->value[leaf][i];
    norm += bar->value[leaf][i] * bar->value[leaf][i];
    finite &= isfinite(bar->value[leaf][i]) != 0;
  }
  right = total(leaf, right);
  sum = total(leaf, sum);
  norm = total(leaf, norm);
  finite = cubix_mpi_min(finite) > 0;
  for (int c = 0; c < 3; c++) part[c] = total(leaf, part[c]);
  if (root && cubix_leaf_info(leaf)->n == 3) printf("sum %s %.15e %.15e %.15e\n", name, part[0], part[1], part[2]);
  CUBIX_TRY(cubix_mpi_chain_jvp(chain, &d, &dot));
  double left = inner(dot, w, 0), size = inner(dot, w, 1);
  if (root)
    printf("dot %s %.15e %.15e %.3e\nbar %s %.15e %.15e %d\n", name, left, right, fabs(left - right) / size, name, sum,
           sqrt(norm), finite);
  double gn_left = 0;
  for (size_t i = 0; i < (size_t)dot->n_x * (size_t)dot->n_y * (size_t)dot->n_lambda; i++)
    gn_left += (double)weight[i] * (double)dot->flux[i] * (double)dot->flux[i];
  MPI_Allreduce(MPI_IN_PLACE, &gn_left, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  struct cubix_cube diagonal = *dot;
  diagonal.flux = (cubix_real *)weight;
  CUBIX_TRY(cubix_mpi_chain_gnvp(chain, &diagonal, &d, &back));
  for (size_t i = 0; i < n; i++) gn_right += d.value[leaf][i] * back.value[leaf][i];
  gn_right = total(leaf, gn_right);
  if (root) printf("gn %s %.15e %.15e %.3e\n", name, gn_left, gn_right, fabs(gn_left - gn_right) / gn_left);
  if (taylor) CUBIX_TRY(prove_steps(chain, leaf, x, d.value[leaf], bar->value[leaf], right, w));
done:
  free(d.value[leaf]);
  free(back.value[leaf]);
  free(x);
  return status;
}

int main(int argc, char **argv)
{
  int status = CUBIX_OK, taylor = argc > 1 && !strcmp(argv[1], "--taylor");
  unsigned char active[CUBIX_N_LEAF];
  struct cubix_params *par = NULL;
  struct cubix_chain *chain = NULL;
  struct cubix_leaves bar = { { NULL } };
  const struct cubix_cube *cube;
  cubix_real *w = NULL, *weight = NULL;
  CUBIX_TRY(cubix_mpi_start(&argc, &argv));
  root = cubix_mpi_rank() == 0;
  argv += taylor;
  argc -= taylor;
  if (argc < 3) abort();
  CUBIX_TRY(cubix_mpi_params_read(&par, argv[1], argc - 3, argv + 3, NULL));
  CUBIX_TRY(cubix_leaves_parse(active, argv[2], "command line"));
  CUBIX_TRY(cubix_mpi_chain_open(&chain, par, NULL, NULL, active, 0));
  unsigned long long mine[2] = { cubix_mpi_chain_size(chain, CUBIX_LEAF_Mass),
                                 cubix_mpi_chain_size(chain, CUBIX_LEAF_GasMass) }, before[2] = { 0, 0 };
  MPI_Exscan(mine, before, 2, MPI_UNSIGNED_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
  first_star = cubix_mpi_rank() ? before[0] : 0;
  first_cell = cubix_mpi_rank() ? before[1] : 0;
  CUBIX_TRY(cubix_mpi_chain_forward(chain, &cube));
  w = weights(cube, 1, 0);
  weight = weights(cube, 2, 1);
  struct cubix_cube cube_bar = *cube;
  cube_bar.flux = w;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    if (active[leaf]) bar.value[leaf] = array(chain, (enum cubix_leaf)leaf);
  CUBIX_TRY(cubix_mpi_chain_vjp(chain, &cube_bar, &bar));
  double light = inner(cube, w, 0);
  if (root) printf("light %.15e\n", light);
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    if (active[leaf]) CUBIX_TRY(prove_leaf(chain, (enum cubix_leaf)leaf, &bar, w, weight, taylor));
done:
  if (status && root) fprintf(stderr, "prove_chain: %s\n", cubix_error_message());
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) free(bar.value[leaf]);
  free(w);
  free(weight);
  cubix_mpi_chain_close(chain);
  cubix_params_free(par);
  return cubix_mpi_finish(status);
}
