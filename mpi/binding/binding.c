/* binding.c -- the chain behind a face of plain numbers, texts and arrays.
 *
 * The idea.  Who loads a library while he runs (ctypes, cffi, Julia's ccall, R) knows its functions
 * by name but not the layout of its structs: a member more, and he would read nonsense without a
 * word.  So nothing here takes or gives a struct but by an opaque pointer; what a struct would say
 * is said by small arrays of int, double and char * whose meaning is in binding.h.  Nothing is
 * computed here.
 *
 * What a parameter file must name but a chain does not use is filled in: OutputFile always,
 * InputFile where the stars are the caller's.
 *
 * Limits.  Calls into MPI are made by the thread that calls: one at a time. */

#include "mpi/binding/binding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cube/cube.h"
#include "fit/leaves.h"
#include "instrument/instrument.h"
#include "math/cosmology.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/settings.h"
#include "mpi/comm/text.h"
#include "mpi/particles/star_check.h"
#include "mpi/pipeline/chain.h"
#include "mpi/pipeline/chain_parts.h"
#include "mpi/pipeline/observe.h"
#include "params/params.h"
#include "physics/constants.h"
#include "simulation/simformat.h"
#include "simulation/slab.h"

struct cubix_binding {
  struct cubix_params *par;
  struct cubix_instrument *ins;
  struct cubix_chain *chain;
  struct cubix_cube shape;        /* of the last forward run: sizes only; n_x 0 before it */
};

static const struct { const char *name; enum cubix_field field; int optional;
} of_star[CUBIX_N_BINDING_STAR] = { { "position", CUBIX_FIELD_POSITION, 0 },
                                   { "velocity", CUBIX_FIELD_VELOCITY, 0 },
                                   { "mass", CUBIX_FIELD_MASS_FORMED, 0 },
                                   { "mass_now", CUBIX_FIELD_MASS_NOW, 1 },
                                   { "age", CUBIX_FIELD_AGE, 0 },
                                   { "metallicity", CUBIX_FIELD_METALLICITY, 0 },
                                   { "smoothing_length", CUBIX_FIELD_LENGTH, 1 } };

int cubix_mpi_binding_real(void) { return (int)sizeof(cubix_real); }

int cubix_mpi_binding_leaf(int leaf, const char *text[3], int number[2])
{
  if (leaf < 0 || leaf >= CUBIX_N_LEAF) return 1;
  const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
  text[0] = info->name;
  text[1] = info->unit;
  text[2] = info->help;
  number[0] = (int)info->of;
  number[1] = info->n;
  return 0;
}

/* ---- ranks ----------------------------------------------------------------------------------- */

struct cubix_ranks {
  struct cubix_group *group;
  struct cubix_warnings warnings;
  struct cubix_settings before;
};

int cubix_mpi_ranks_open(struct cubix_ranks **out, int comm)
{
  struct cubix_opening opening;
  struct cubix_ranks *ranks = NULL;
  *out = NULL;
  int status = cubix_mpi_begin(NULL, NULL);
  if (!status) status = cubix_mpi_settings_open(&opening, MPI_Comm_f2c((MPI_Fint)comm));
  if (status) return status;
  CUBIX_MPI_ALLOC(ranks, 1);
  ranks->warnings = opening.warnings;
done:
  cubix_mpi_settings_opened(&opening, status, ranks ? &ranks->group : NULL);
  if (status) free(ranks);
  else *out = ranks;
  return status;
}

void cubix_mpi_ranks_enter(struct cubix_ranks *ranks)
{
  cubix_mpi_settings_enter(&ranks->before, ranks->group, &ranks->warnings);
}

void cubix_mpi_ranks_leave(struct cubix_ranks *ranks) { cubix_mpi_settings_leave(&ranks->before); }

void cubix_mpi_ranks_close(struct cubix_ranks *ranks)
{
  if (!ranks) return;
  cubix_mpi_settings_close(ranks->group);
  free(ranks);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Collective where there is a file. */
static int parameters_read(struct cubix_binding *binding, const char *path, const char *text, int n_override,
                           char *const *override, int stars)
{
  int status = CUBIX_OK;
  char *from_file = NULL;
  if (path) CUBIX_TRY(cubix_mpi_text_read(&from_file, path, "the parameter file"));
  CUBIX_TRY(cubix_params_init(&binding->par));
  CUBIX_TRY(cubix_params_set(binding->par, "OutputFile", "none.fits"));
  if (stars) CUBIX_TRY(cubix_params_set(binding->par, "InputFile", "(arrays)"));
  CUBIX_TRY(
      cubix_params_parse(binding->par, path ? path : "parameters", path ? from_file : text, n_override, override));
  CUBIX_TRY(cubix_instrument_read(&binding->ins, binding->par));
done:
  free(from_file);
  return status;
}

static int stars_check(const double *const star[CUBIX_N_BINDING_STAR], size_t n_star)
{
  int status = CUBIX_OK;
  for (int c = 0; c < CUBIX_N_BINDING_STAR; c++) {
    CUBIX_CHECK(star[c] || of_star[c].optional, CUBIX_EINPUT,
                "stars have no %s; give position, velocity, mass, age and metallicity", of_star[c].name);
    if (star[c]) CUBIX_TRY(cubix_star_check(of_star[c].name, of_star[c].field, star[c], n_star, CUBIX_EINPUT));
  }
done:
  return status;
}

/* The caller's arrays as a slab that borrows them: chain_open copies. */
static struct cubix_slab slab_of(const double *const star[CUBIX_N_BINDING_STAR], size_t n_star,
                                 const double snapshot[5])
{
  struct cubix_slab slab = { .n = n_star, .n_total = cubix_mpi_sum_int((int64_t)n_star) };
  double *own[CUBIX_N_BINDING_STAR];
  memcpy(own, star, sizeof own);
  slab.n_file_total = slab.n_total;
  slab.position = own[0];
  slab.velocity = own[1];
  slab.mass_formed = own[2];
  slab.mass_now = own[3] ? own[3] : own[2];
  slab.age = own[4];
  slab.metallicity = own[5];
  slab.smoothing_length = own[6];
  slab.snapshot.redshift = snapshot[0];
  slab.snapshot.omega_m = snapshot[1];
  slab.snapshot.omega_l = snapshot[2];
  slab.snapshot.h = snapshot[3];
  slab.snapshot.box = snapshot[4];
  strcpy(slab.snapshot.format, "arrays");
  return slab;
}

/* Likewise gas. */
static struct cubix_slab gas_of(const double *const gas[CUBIX_N_BINDING_GAS], size_t n)
{
  struct cubix_slab slab = { .n = n };
  double **const to[CUBIX_N_BINDING_GAS] = { &slab.position,    &slab.velocity,    &slab.mass_now,
                                             &slab.density,     &slab.smoothing_length, &slab.metallicity,
                                             &slab.temperature, &slab.sfr,         &slab.dust_mass };
  for (int c = 0; c < CUBIX_N_BINDING_GAS; c++) memcpy(to[c], &gas[c], sizeof gas[c]);
  return slab;
}

int cubix_mpi_binding_open(struct cubix_binding **out, const char *path, const char *text, int n_override,
                           char *const *override, const char *active, const size_t n[2],
                           const double *const column[CUBIX_N_BINDING_STAR + CUBIX_N_BINDING_GAS],
                           const double snapshot[5])
{
  int status = CUBIX_OK;
  unsigned char wanted[CUBIX_N_LEAF];
  struct cubix_binding *binding = NULL;
  struct cubix_slab slab = { 0 }, gas = { 0 };
  const double *const *star = column, *const *cells = column ? column + CUBIX_N_BINDING_STAR : NULL;
  *out = NULL;
  CUBIX_MPI_ALLOC(binding, 1);
  CUBIX_TRY(cubix_mpi_agree(parameters_read(binding, path, text, n_override, override, star != NULL)));
  CUBIX_TRY(cubix_mpi_agree(cubix_leaves_parse(wanted, active, "active")));
  if (star) {
    CUBIX_TRY(cubix_mpi_agree(cubix_snapshot_given_check(snapshot)));
    CUBIX_TRY(cubix_mpi_agree(stars_check(star, n[0])));
    CUBIX_TRY(cubix_mpi_star_box_check(star[0], n[0], snapshot[4], CUBIX_EINPUT));
    slab = slab_of(star, n[0], snapshot);
    gas = gas_of(cells, n[1]);
    CUBIX_CHECK(slab.n_total > 0, CUBIX_EINPUT, "there are no stars: the arrays of all ranks are empty");
  }
  CUBIX_TRY(cubix_mpi_chain_open(&binding->chain, binding->par, star ? &slab : NULL,
                                 gas.position ? &gas : NULL, wanted, 0));
  *out = binding;
  binding = NULL;
done:
  cubix_mpi_binding_close(binding);
  return status;
}

void cubix_mpi_binding_close(struct cubix_binding *binding)
{
  if (!binding) return;
  cubix_mpi_chain_close(binding->chain);
  cubix_instrument_free(binding->ins);
  cubix_params_free(binding->par);
  free(binding);
}

int cubix_mpi_binding_grid(const struct cubix_binding *binding, int shape[3], double *lambda)
{
  shape[0] = binding->ins->n_y;
  shape[1] = binding->ins->n_x;
  shape[2] = binding->ins->n_lambda;
  for (int k = 0; lambda && k < binding->ins->n_lambda; k++) lambda[k] = cubix_instrument_lambda(binding->ins, k);
  return CUBIX_OK;
}

int cubix_mpi_binding_templates(const struct cubix_binding *binding, int shape[3], double *metallicity, double *age,
                                double *lambda)
{
  const struct cubix_ssp *ssp = binding->chain->pipe->templates->ssp;
  shape[0] = ssp->n_z;
  shape[1] = ssp->n_age;
  shape[2] = ssp->n_lambda;
  if (metallicity) memcpy(metallicity, ssp->metallicity, sizeof *metallicity * (size_t)ssp->n_z);
  if (age) memcpy(age, ssp->age, sizeof *age * (size_t)ssp->n_age);
  if (lambda) memcpy(lambda, ssp->lambda, sizeof *lambda * (size_t)ssp->n_lambda);
  return CUBIX_OK;
}

/* ---- values and products --------------------------------------------------------------------- */

size_t cubix_mpi_binding_size(const struct cubix_binding *binding, int leaf)
{
  return cubix_mpi_chain_size(binding->chain, (enum cubix_leaf)leaf);
}
int cubix_mpi_binding_get(const struct cubix_binding *binding, int leaf, double *value)
{
  return cubix_mpi_chain_get(binding->chain, (enum cubix_leaf)leaf, value);
}
int cubix_mpi_binding_put(struct cubix_binding *binding, int leaf, const double *value)
{
  return cubix_mpi_chain_put(binding->chain, (enum cubix_leaf)leaf, value);
}

int cubix_mpi_binding_forward(struct cubix_binding *binding, const void **flux, int shape[4])
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube = NULL;
  CUBIX_TRY(cubix_mpi_chain_forward(binding->chain, &cube));
  binding->shape = (struct cubix_cube){
    .n_x = cube->n_x, .n_y = cube->n_y, .lambda_first = cube->lambda_first, .n_lambda = cube->n_lambda
  };
  *flux = cube->flux;
  shape[0] = cube->n_y;
  shape[1] = cube->n_x;
  shape[2] = cube->lambda_first;
  shape[3] = cube->n_lambda;
done:
  return status;
}

/* A cube like forward's around the caller's numbers, which are only read. */
static struct cubix_cube cube_of(const struct cubix_binding *binding, const void *flux)
{
  struct cubix_cube cube = binding->shape;
  memcpy(&cube.flux, &flux, sizeof flux);
  return cube;
}

static struct cubix_leaves leaves_of(double *const *set)
{
  struct cubix_leaves leaves;
  memcpy(leaves.value, set, sizeof leaves.value);
  return leaves;
}

int cubix_mpi_binding_vjp(struct cubix_binding *binding, const void *flux_bar, double *const *bar)
{
  struct cubix_cube cube = cube_of(binding, flux_bar);
  struct cubix_leaves leaves = leaves_of(bar);
  return cubix_mpi_chain_vjp(binding->chain, &cube, &leaves);
}

int cubix_mpi_binding_jvp(struct cubix_binding *binding, double *const *dot, const void **flux_dot)
{
  int status = CUBIX_OK;
  const struct cubix_leaves leaves = leaves_of(dot);
  const struct cubix_cube *cube = NULL;
  CUBIX_TRY(cubix_mpi_chain_jvp(binding->chain, &leaves, &cube));
  *flux_dot = cube->flux;
done:
  return status;
}

int cubix_mpi_binding_gnvp(struct cubix_binding *binding, const void *weight, double *const *dot, double *const *bar)
{
  struct cubix_cube cube = cube_of(binding, weight);
  const struct cubix_leaves tangents = leaves_of(dot);
  struct cubix_leaves leaves = leaves_of(bar);
  return cubix_mpi_chain_gnvp(binding->chain, &cube, &tangents, &leaves);
}

/* ---- what the instrument records ------------------------------------------------------------- */

static int check_fresh(const struct cubix_binding *binding)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(binding->chain->fresh, CUBIX_EFAIL, "there is no cube of the values in use: run forward first");
done:
  return status;
}

int cubix_mpi_binding_write(struct cubix_binding *binding, const char *files)
{
  int status = CUBIX_OK;
  CUBIX_TRY(check_fresh(binding));
  CUBIX_TRY(cubix_mpi_pipeline_write(binding->chain->pipe, files));
done:
  return status;
}

int cubix_mpi_binding_plane(struct cubix_binding *binding, const char *name, void *value, size_t n)
{
  int status = CUBIX_OK;
  CUBIX_TRY(check_fresh(binding));
  CUBIX_TRY(cubix_mpi_pipeline_get(binding->chain->pipe, name, value, n));
done:
  return status;
}

int cubix_mpi_binding_draw(struct cubix_binding *binding, const int number[4], const int *channel, void *value)
{
  int status = CUBIX_OK;
  const struct cubix_draws draws = { number[0], number[1], number[2], channel, number[3] };
  CUBIX_TRY(check_fresh(binding));
  CUBIX_TRY(cubix_mpi_pipeline_draw(binding->chain->pipe, &draws, value));
done:
  return status;
}
