/* test_fit.c -- Mode fit and the files of Mode gradient on a galaxy in closed form, run by
 * test_fit.py on any number of ranks.
 *
 *   test_fit fit|gradient|check OUT N_STAR [Name=value ...]
 *
 * This program is the chain itself: star i lies in spaxel i mod 12 and gives channel k
 *   f = 1e-4 m (g (1 + 0.3 ln(age) cos(0.4 k)) + 0.2 + T) S,  g = exp(-(k - c)^2/72),  c = 20 +
 *   0.05 v_z,  S = FluxScale (1 + 0.3 sin(Inclination)),
 * and T, 0 at the true metallicity of 0.02, is linear in log Z between nodes, up and down, so that
 * a fit of metallicity has a minimum in each interval. The observed cube is that of the truth,
 * without noise, with a variance of 0.01^2; the search starts beside the truth. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fit/objective.h"
#include "mpi/cubix-mpi.h"
#include "mpi/fit/fit.h"
#include "mpi/fit/gradient_write.h"
#include "tests/numbers.h"

enum { N_X = 4, N_Y = 3, N_SPAXEL = N_X * N_Y, N_LAMBDA = 64 };

struct cubix_chain {
  size_t n, first, n_all;
  struct cubix_leaves value;
  struct cubix_cube cube, cube_dot;
  double *whole;                  /* [N_SPAXEL][N_LAMBDA] */
  struct cubix_slab slab;
  struct cubix_frame frame;
  struct cubix_templates templates;
  struct cubix_ssp ssp;
};

static double log_age[2] = { -3, 1.2 }, log_z[2] = { -4, -1 };

/* Number c of a leaf of star i; at 0: the truth, 1: where the search starts. */
static double number(enum cubix_leaf leaf, size_t i, size_t c, int at)
{
  double r = uniform_of(i, (uint32_t)(10 * (int)leaf) + (uint32_t)c),
         off = at * (uniform_of(i, 1000 + (uint32_t)leaf) - 0.5);
  switch (leaf) {
  case CUBIX_LEAF_Mass: return i % 13 == 5 ? 0 : 1e4 * (1 + r) * (1 + 0.4 * off);
  case CUBIX_LEAF_Age: return 1 + 9 * r + off;
  case CUBIX_LEAF_Metallicity: return at ? 0.02 * pow(10, -1.5) : 0.02;
  case CUBIX_LEAF_Velocity: return c == 2 ? 200 * (r - 0.5) + 30 * off : 10 * r;
  case CUBIX_LEAF_Position: return r - 0.5;
  case CUBIX_LEAF_Inclination: return at ? 40 : 50;
  case CUBIX_LEAF_FluxScale: return at ? 0.9 : 1;
  default: return 0;
  }
}

static void set_values(struct cubix_chain *chain, int at)
{
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
    for (size_t i = 0; info->of != CUBIX_OF_LIBRARY && i < (info->of == CUBIX_OF_STAR ? chain->n : 1); i++)
      for (size_t c = 0; c < (size_t)info->n; c++)
        chain->value.value[leaf][i * (size_t)info->n + c] =
            number((enum cubix_leaf)leaf, info->of == CUBIX_OF_STAR ? chain->first + i : 0, c, at);
  }
}

/* ---- the chain ------------------------------------------------------------------------------- */
size_t cubix_mpi_chain_size(const struct cubix_chain *chain, enum cubix_leaf leaf)
{
  const struct cubix_leaf_info *info = cubix_leaf_info(leaf);
  return (info->of == CUBIX_OF_STAR ? chain->n : info->of == CUBIX_OF_GLOBAL ? 1 : 0) * (size_t)info->n;
}

int cubix_mpi_chain_get(const struct cubix_chain *chain, enum cubix_leaf leaf, double *value)
{
  memcpy(value, chain->value.value[leaf], cubix_mpi_chain_size(chain, leaf) * sizeof *value);
  return CUBIX_OK;
}

int cubix_mpi_chain_put(struct cubix_chain *chain, enum cubix_leaf leaf, const double *value)
{
  memcpy(chain->value.value[leaf], value, cubix_mpi_chain_size(chain, leaf) * sizeof *value);
  return CUBIX_OK;
}

void cubix_mpi_chain_light(const struct cubix_chain *chain, double *light)
{
  for (size_t i = 0; i < chain->n; i++) light[i] = chain->value.value[CUBIX_LEAF_Mass][i];
}

void cubix_mpi_chain_result(struct cubix_result *result, const struct cubix_chain *chain)
{
  *result = (struct cubix_result){
    .slab = &chain->slab, .frame = &chain->frame, .templates = &chain->templates, .cube = &chain->cube
  };
}

enum { BY_MASS, BY_AGE, BY_VELOCITY, BY_METALLICITY, BY_SCALE, BY_INCLINATION, N_BY };

/* What metallicity adds, and its derivative by log10 Z. */
static double metals(double z, int k, double *slope)
{
  static const double node[] = { 0, 1, 0.1, 0.8 };           /* at log Z -4, -3, -2, -1 */
  const double truth = log10(0.02), zigzag = 0.2 * cos(0.7 * k), even = 0.02 * cos(1.1 * k);
  const int j = z < -3 ? 0 : z < -2 ? 1 : 2;
  const double rise = node[j + 1] - node[j], there = node[2] + (node[3] - node[2]) * (truth + 2);
  *slope = zigzag * rise + even;
  return zigzag * (node[j] + rise * (z + 4 - j) - there) + even * (z - truth);
}

/* Flux of a star in a channel and its derivatives. */
static double flux(const struct cubix_chain *chain, size_t i, int k, double by[N_BY])
{
  const double m = chain->value.value[CUBIX_LEAF_Mass][i], age = chain->value.value[CUBIX_LEAF_Age][i],
               v = chain->value.value[CUBIX_LEAF_Velocity][3 * i + 2];
  const double angle = chain->value.value[CUBIX_LEAF_Inclination][0] * acos(-1) / 180,
               scale = chain->value.value[CUBIX_LEAF_FluxScale][0], tilt = 1 + 0.3 * sin(angle);
  const double d = k - 20 - 0.05 * v, g = exp(-d * d / 72), shape = 1 + 0.3 * log(age) * cos(0.4 * k),
               z = chain->value.value[CUBIX_LEAF_Metallicity][i];
  double slope;
  const double unit = 1e-4 * (g * shape + 0.2 + metals(log10(z), k, &slope));
  by[BY_MASS] = unit * scale * tilt;
  by[BY_AGE] = 1e-4 * m * scale * tilt * g * 0.3 * cos(0.4 * k) / age;
  by[BY_VELOCITY] = 1e-4 * m * scale * tilt * shape * g * d / 36 * 0.05;
  by[BY_METALLICITY] = 1e-4 * m * scale * tilt * slope / (z * log(10));
  by[BY_SCALE] = m * unit * tilt;
  by[BY_INCLINATION] = m * unit * scale * 0.3 * cos(angle) * acos(-1) / 180;
  return m * unit * scale * tilt;
}

static size_t spaxel_of(const struct cubix_chain *chain, size_t i) { return (chain->first + i) % N_SPAXEL; }

/* All ranks' stars, then the channels of this one. */
static void add_up(struct cubix_cube *cube, double *whole)
{
  MPI_Allreduce(MPI_IN_PLACE, whole, N_SPAXEL * N_LAMBDA, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  for (int s = 0; s < N_SPAXEL; s++)
    for (int k = 0; k < cube->n_lambda; k++)
      cube->flux[s * cube->n_lambda + k] = (cubix_real)whole[s * N_LAMBDA + cube->lambda_first + k];
}

int cubix_mpi_chain_forward(struct cubix_chain *chain, const struct cubix_cube **cube)
{
  double by[N_BY];
  memset(chain->whole, 0, N_SPAXEL * N_LAMBDA * sizeof(double));
  for (size_t i = 0; i < chain->n; i++)
    for (int k = 0; k < N_LAMBDA; k++)
      chain->whole[spaxel_of(chain, i) * N_LAMBDA + (size_t)k] += flux(chain, i, k, by);
  add_up(&chain->cube, chain->whole);
  *cube = &chain->cube;
  return CUBIX_OK;
}

int cubix_mpi_chain_vjp(struct cubix_chain *chain, const struct cubix_cube *cube_bar, struct cubix_leaves *bar)
{
  double whole[N_SPAXEL * N_LAMBDA] = { 0 }, by[N_BY], global[2] = { 0 };
  for (int s = 0; s < N_SPAXEL; s++)
    for (int k = 0; k < cube_bar->n_lambda; k++)
      whole[s * N_LAMBDA + cube_bar->lambda_first + k] = (double)cube_bar->flux[s * cube_bar->n_lambda + k];
  MPI_Allreduce(MPI_IN_PLACE, whole, N_SPAXEL * N_LAMBDA, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  for (size_t i = 0; i < chain->n; i++)
    for (int k = 0; k < N_LAMBDA; k++) {
      const double w = whole[spaxel_of(chain, i) * N_LAMBDA + (size_t)k];
      flux(chain, i, k, by);
      if (bar->value[CUBIX_LEAF_Mass]) bar->value[CUBIX_LEAF_Mass][i] += w * by[BY_MASS];
      if (bar->value[CUBIX_LEAF_Age]) bar->value[CUBIX_LEAF_Age][i] += w * by[BY_AGE];
      if (bar->value[CUBIX_LEAF_Velocity]) bar->value[CUBIX_LEAF_Velocity][3 * i + 2] += w * by[BY_VELOCITY];
      if (bar->value[CUBIX_LEAF_Metallicity]) bar->value[CUBIX_LEAF_Metallicity][i] += w * by[BY_METALLICITY];
      global[0] += w * by[BY_SCALE];
      global[1] += w * by[BY_INCLINATION];
    }
  MPI_Allreduce(MPI_IN_PLACE, global, 2, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  if (bar->value[CUBIX_LEAF_FluxScale]) bar->value[CUBIX_LEAF_FluxScale][0] += global[0];
  if (bar->value[CUBIX_LEAF_Inclination]) bar->value[CUBIX_LEAF_Inclination][0] += global[1];
  return CUBIX_OK;
}

int cubix_mpi_chain_jvp(struct cubix_chain *chain, const struct cubix_leaves *dot, const struct cubix_cube **cube_dot)
{
  double whole[N_SPAXEL * N_LAMBDA] = { 0 }, by[N_BY];
  const double scale = dot->value[CUBIX_LEAF_FluxScale] ? dot->value[CUBIX_LEAF_FluxScale][0] : 0,
               angle = dot->value[CUBIX_LEAF_Inclination] ? dot->value[CUBIX_LEAF_Inclination][0] : 0;
  for (size_t i = 0; i < chain->n; i++)
    for (int k = 0; k < N_LAMBDA; k++) {
      flux(chain, i, k, by);
      double change = scale * by[BY_SCALE] + angle * by[BY_INCLINATION];
      if (dot->value[CUBIX_LEAF_Mass]) change += dot->value[CUBIX_LEAF_Mass][i] * by[BY_MASS];
      if (dot->value[CUBIX_LEAF_Age]) change += dot->value[CUBIX_LEAF_Age][i] * by[BY_AGE];
      if (dot->value[CUBIX_LEAF_Velocity]) change += dot->value[CUBIX_LEAF_Velocity][3 * i + 2] * by[BY_VELOCITY];
      if (dot->value[CUBIX_LEAF_Metallicity]) change += dot->value[CUBIX_LEAF_Metallicity][i] * by[BY_METALLICITY];
      whole[spaxel_of(chain, i) * N_LAMBDA + (size_t)k] += change;
    }
  add_up(&chain->cube_dot, whole);
  *cube_dot = &chain->cube_dot;
  return CUBIX_OK;
}

int cubix_mpi_chain_gnvp(struct cubix_chain *chain, const struct cubix_cube *weight, const struct cubix_leaves *dot,
                         struct cubix_leaves *bar)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube_dot;
  CUBIX_TRY(cubix_mpi_chain_jvp(chain, dot, &cube_dot));
  for (int v = 0; v < N_SPAXEL * weight->n_lambda; v++) chain->cube_dot.flux[v] *= weight->flux[v];
  CUBIX_TRY(cubix_mpi_chain_vjp(chain, cube_dot, bar));
done:
  return status;
}

/* ---- the tests' ends ------------------------------------------------------------------------- */
static int hold(struct cubix_cube *cube, int first, int n)
{
  *cube = (struct cubix_cube) { .n_x = N_X, .n_y = N_Y };
  return cubix_cube_hold(cube, first, n);
}

static int chain_open(struct cubix_chain *chain, size_t n_all)
{
  int status = CUBIX_OK;
  const size_t rank = (size_t)cubix_mpi_rank(), size = (size_t)cubix_mpi_size();
  const int first = (int)(N_LAMBDA * rank / size), end = (int)(N_LAMBDA * (rank + 1) / size);
  chain->first = n_all * rank / size;
  chain->n = n_all * (rank + 1) / size - chain->first;
  chain->n_all = n_all;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    CUBIX_ALLOC(chain->value.value[leaf], cubix_mpi_chain_size(chain, (enum cubix_leaf)leaf));
  CUBIX_ALLOC(chain->whole, N_SPAXEL * N_LAMBDA);
  CUBIX_ALLOC(chain->slab.mass_now, chain->n);
  for (size_t i = 0; i < chain->n; i++) chain->slab.mass_now[i] = 5000;
  chain->slab.snapshot =
      (struct cubix_snapshot){ .simulation = "closed form", .redshift = 0.1, .omega_m = 0.3, .omega_l = 0.7, .h = 0.7 };
  chain->ssp = (struct cubix_ssp) { .n_z = 2, .n_age = 2 };
  chain->templates = (struct cubix_templates) { .ssp = &chain->ssp, .log_age = log_age, .log_z = log_z };
  CUBIX_TRY(hold(&chain->cube, first, end - first));
  CUBIX_TRY(hold(&chain->cube_dot, first, end - first));
done:
  return status;
}

static int observe(struct cubix_observed **obs, struct cubix_chain *chain)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube;
  set_values(chain, 0);
  CUBIX_TRY(cubix_mpi_chain_forward(chain, &cube));
  CUBIX_TRY(cubix_observed_init(obs, N_X, N_Y, cube->lambda_first, cube->n_lambda));
  for (int v = 0; v < N_SPAXEL * cube->n_lambda; v++) {
    (*obs)->data[v] = cube->flux[v];
    (*obs)->weight[v] = 1e4f;
  }
  (*obs)->has_variance = 1;
  cubix_observed_settle(*obs);
done:
  return status;
}

/* What is true, and how well this cube determines each mass by itself. */
static void tell_truth(struct cubix_chain *chain)
{
  double by[N_BY], scale = 0;
  set_values(chain, 0);
  for (size_t i = 0; i < chain->n; i++) {
    double mass = 0;
    for (int k = 0; k < N_LAMBDA; k++) {
      flux(chain, i, k, by);
      mass += 1e4 * by[BY_MASS] * by[BY_MASS];
    }
    if (cubix_mpi_size() == 1)
      printf("truth %zu %.17g %.17g %.17g %.17g\n", i, chain->value.value[CUBIX_LEAF_Mass][i],
             chain->value.value[CUBIX_LEAF_Age][i], chain->value.value[CUBIX_LEAF_Velocity][3 * i + 2], 1 / sqrt(mass));
  }
  for (int v = 0; v < N_SPAXEL * chain->cube.n_lambda; v++) scale += 1e4 * pow((double)chain->cube.flux[v], 2);
  scale = cubix_mpi_collective.total(scale);
  if (cubix_mpi_rank() == 0) printf("scale_error %.17g\n", 1 / sqrt(scale));
}

static int gradient(struct cubix_chain *chain, const struct cubix_params *par, const struct cubix_observed *obs,
                    const unsigned char *varied)
{
  int status = CUBIX_OK;
  struct cubix_leaves bar = { { NULL } };
  struct cubix_cube cube_bar = { .flux = NULL };
  const struct cubix_cube *cube;
  double value;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    if (varied[leaf]) CUBIX_ALLOC(bar.value[leaf], cubix_mpi_chain_size(chain, (enum cubix_leaf)leaf));
  CUBIX_TRY(cubix_mpi_chain_forward(chain, &cube));
  CUBIX_TRY(hold(&cube_bar, cube->lambda_first, cube->n_lambda));
  CUBIX_TRY(cubix_objective(&value, par, obs, cube, &cube_bar, &cubix_mpi_collective));
  CUBIX_TRY(cubix_mpi_chain_vjp(chain, &cube_bar, &bar));
  CUBIX_TRY(cubix_mpi_gradient_write(chain, par, cubix_objective_voxels(par, obs, &cubix_mpi_collective), value, &bar));
done:
  free(cube_bar.flux);
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) free(bar.value[leaf]);
  return status;
}

static int work(int argc, char **argv)
{
  int status = CUBIX_OK;
  unsigned char varied[CUBIX_N_LEAF];
  struct cubix_params *par = NULL;
  struct cubix_observed *obs = NULL;
  struct cubix_chain chain = { 0 };
  const char *end;
  CUBIX_CHECK(argc >= 4, CUBIX_EUSAGE, "test_fit fit|gradient|check OUT N_STAR [Name=value ...]");
  CUBIX_TRY(cubix_params_init(&par));
  CUBIX_TRY(cubix_params_set(par, "OutputFile", argv[2]));
  for (int i = 4; i < argc; i++) {
    char *equals = strchr(argv[i], '=');
    CUBIX_CHECK(equals, CUBIX_EUSAGE, "%s is not Name=value", argv[i]);
    *equals = '\0';
    CUBIX_TRY(cubix_params_set(par, argv[i], equals + 1));
  }
  CUBIX_TRY(cubix_mpi_agree(cubix_mpi_rank() == 0 ? cubix_mpi_fit_check(par) : CUBIX_OK));
  CUBIX_TRY(cubix_leaves_parse(varied, par->Parameters, "command line"));
  CUBIX_TRY(chain_open(&chain, (size_t)atol(argv[3])));
  CUBIX_TRY(observe(&obs, &chain));
  tell_truth(&chain);
  set_values(&chain, 1);
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)          /* what is not varied is as it is in truth */
    for (size_t i = 0; !varied[leaf] && i < cubix_mpi_chain_size(&chain, (enum cubix_leaf)leaf); i++) {
      const size_t n = (size_t)cubix_leaf_info((enum cubix_leaf)leaf)->n;
      chain.value.value[leaf][i] =
          number((enum cubix_leaf)leaf,
                 cubix_leaf_info((enum cubix_leaf)leaf)->of == CUBIX_OF_STAR ? chain.first + i / n : 0, i % n, 0);
    }
  if (!strcmp(argv[1], "fit")) CUBIX_TRY(cubix_mpi_fit(&chain, par, obs, varied, &end));
  if (!strcmp(argv[1], "gradient")) CUBIX_TRY(gradient(&chain, par, obs, varied));
done:
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) free(chain.value.value[leaf]);
  free(chain.whole);
  free(chain.slab.mass_now);
  free(chain.cube.flux);
  free(chain.cube_dot.flux);
  cubix_observed_free(obs);
  cubix_params_free(par);
  return status;
}

int main(int argc, char **argv)
{
  int status = cubix_mpi_start(&argc, &argv);
  if (!status) status = work(argc, argv);
  if (status && cubix_mpi_rank() == 0) fprintf(stderr, "%s\n%s\n", cubix_error_message(), cubix_error_trace());
  return cubix_mpi_finish(status);
}
