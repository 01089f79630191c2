/* fit_restart.c -- the state of a fit in a file, from which it continues: with the same bits on as
 * many ranks, where the chain's forward run has them.
 *
 * /Stars/v0, v1 ...: the state's vectors, the unknowns of each star side by side; /Shared: those of
 * the whole, vector by vector; /Convergence: the table so far. Facts say which fit this is: one
 * that varies other things, starts elsewhere or compares with another cube is refused.  All numbers
 * are looked at before they are used (cubix_optimiser_check), and the objective at the unknowns
 * that were read must be the value that was written: whatever the facts do not tell of stars,
 * library and instrument shows there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cube/cube.h"
#include "fit/leaves.h"
#include "fit/objective.h"
#include "fit/observed.h"
#include "fit/optimise.h"
#include "fit/unknowns.h"
#include "mpi/comm/comm.h"
#include "mpi/fit/fit_parts.h"
#include "mpi/particles/star_file.h"
#include "output/output.h"

enum { N_SAME = 7, LAYOUT = 2 };
static const char *const same_name[N_SAME] = {
  "Optimiser", "FitPairs", "UnknownsOfAStar", "UnknownsOfTheWhole", "Likelihood", "Voxels", "Stars"
};

struct image {                    /* a state as a file */
  struct cubix_star_file file;
  struct cubix_star_fact fact[N_SAME + 7];
  struct cubix_star_table table[2];
  double version, same[N_SAME], at[CUBIX_N_AT], mask, mark, observed, n_row;
  char (*name)[16];
  double *shared;                 /* [n_vector][n_shared] */
};

/* What is varied, as a number. */
static double mask_of(const unsigned char varied[CUBIX_N_LEAF])
{
  double mask = 0;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) mask += varied[leaf] ? ldexp(1, leaf) : 0;
  return mask;
}

/* What all ranks together know: the start, the observed cube.  Collective. */
static void marks(double *mark, double *observed, double *stars, const struct cubix_fit *fit)
{
  const struct cubix_observed *obs = fit->obs;
  const size_t n = (size_t)obs->n_x * (size_t)obs->n_y * (size_t)obs->n_lambda;
  double sum = 0;
  for (size_t v = 0; v < n; v++) sum += obs->weight[v] > 0 ? (double)obs->weight[v] * fabs((double)obs->data[v]) : 0;
  *observed = cubix_mpi_collective.total(sum);
  *mark = cubix_unknowns_mark(fit->unknowns);
  *stars = (double)cubix_mpi_sum_int((int64_t)fit->unknowns->n_star);
}

static int image_init(struct image *image, const struct cubix_fit *fit, const struct cubix_optimiser *state,
                      double stars)
{
  int status = CUBIX_OK;
  const struct cubix_unknowns *u = fit->unknowns;
  const double same[N_SAME] = {
    state->method, state->memory, u->n_star_unknown, (double)u->n_shared, fit->par->Likelihood,
    fit->voxels,   stars
  };
  struct cubix_star_file *file = &image->file;
  memcpy(image->same, same, sizeof same);
  memcpy(image->at, state->at, sizeof image->at);
  image->n_row = (double)fit->n_row;
  image->version = LAYOUT;
  image->mask = mask_of(fit->varied);
  image->fact[file->n_fact++] = (struct cubix_star_fact) { "CubixFile", "restart of a fit", NULL, 0 };
  image->fact[file->n_fact++] = (struct cubix_star_fact) { "Version", NULL, &image->version, 1 };
  for (int i = 0; i < N_SAME; i++)
    image->fact[file->n_fact++] = (struct cubix_star_fact){ same_name[i], NULL, &image->same[i], 1 };
  image->fact[file->n_fact++] = (struct cubix_star_fact) { "Start", NULL, &image->mark, 1 };
  image->fact[file->n_fact++] = (struct cubix_star_fact) { "Varied", NULL, &image->mask, 1 };
  image->fact[file->n_fact++] = (struct cubix_star_fact) { "Observed", NULL, &image->observed, 1 };
  image->fact[file->n_fact++] = (struct cubix_star_fact) { "State", NULL, image->at, CUBIX_N_AT };
  image->fact[file->n_fact++] = (struct cubix_star_fact) { "Rows", NULL, &image->n_row, 1 };
  file->fact = image->fact;
  file->table = image->table;
  file->n_star = u->n_star;
  CUBIX_ALLOC(image->shared, (size_t)state->n_vector * u->n_shared);
  CUBIX_ALLOC(image->name, state->n_vector);
  CUBIX_ALLOC(file->column, state->n_vector);
  for (int k = 0; k < state->n_vector; k++) {
    snprintf(image->name[k], sizeof image->name[k], "v%d", k);
    file->column[k] = (struct cubix_star_column){ image->name[k], "1",
                                                  k == 0   ? "unknowns"
                                                  : k == 1 ? "gradient"
                                                           : "memory of the optimiser",
                                                  u->n_star_unknown, state->vector + (size_t)k * state->n, NULL };
    memcpy(image->shared + (size_t)k * u->n_shared, state->vector + (size_t)(k + 1) * state->n - u->n_shared,
           u->n_shared * sizeof(double));
  }
  file->n_column = u->n_star_unknown ? state->n_vector : 0;
  image->table[0] = (struct cubix_star_table){ "Shared",
                                               "1",
                                               "the same vectors for the unknowns of the whole",
                                               { (size_t)state->n_vector * u->n_shared, 0, 0 },
                                               image->shared };
  image->table[1] = (struct cubix_star_table){ "Convergence",
                                               "1",
                                               "rows of iteration, evaluations, value, gradient, step",
                                               { fit->n_row * CUBIX_N_ROW, 0, 0 },
                                               fit->row };
  file->n_table = 2;
done:
  return status;
}

/* The state as a file, with what all ranks together know, and where that file is.  Collective. */
static int image_open(struct image *image, char path[CUBIX_OUTPUT_PATH], const struct cubix_fit *fit,
                      const struct cubix_optimiser *state)
{
  int status = CUBIX_OK;
  double mark, observed, stars;
  marks(&mark, &observed, &stars, fit);
  CUBIX_TRY(cubix_output_side_name(path, fit->par, "-restart.hdf5", fit->par->FitRestartFile));
  CUBIX_TRY(cubix_mpi_agree(image_init(image, fit, state, stars)));
  image->mark = mark;
  image->observed = observed;
done:
  return status;
}

static void image_free(struct image *image)
{
  free(image->shared);
  free(image->name);
  free(image->file.column);
}

int cubix_fit_save(struct cubix_fit *fit, const struct cubix_optimiser *state)
{
  int status = CUBIX_OK;
  struct image image = { .shared = NULL };
  char path[CUBIX_OUTPUT_PATH];
  CUBIX_TRY(image_open(&image, path, fit, state));
  CUBIX_TRY(cubix_mpi_star_file_write(&image.file, path));
done:
  image_free(&image);
  return status;
}

enum { NAMES = 400 };
static const char *names_of(double mask, char text[NAMES])
{
  int used = 0;
  text[0] = '\0';
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    if (fmod(floor(ldexp(mask, -leaf)), 2) == 1 && used < NAMES)
      used += snprintf(text + used, (size_t)(NAMES - used), "%s%s", used ? "," : "",
                       cubix_leaf_info((enum cubix_leaf)leaf)->name);
  return text;
}

static int near(double a, double b) { return fabs(a - b) <= 1e-9 * fabs(b); }

/* Whether the file is of this fit. */
static int compare(const struct image *image, const struct image *here, const char *path)
{
  int status = CUBIX_OK;
  char then[NAMES], now[NAMES];
  CUBIX_CHECK(
      image->mask == here->mask, CUBIX_EINPUT,
      "%s is of another fit: its Parameters are %s, here they are %s; choose another FitRestartFile, or FitResume no",
      path, names_of(image->mask, then), names_of(here->mask, now));
  for (int i = 0; i < N_SAME; i++)
    CUBIX_CHECK(image->same[i] == here->same[i], CUBIX_EINPUT,
                "%s is of another fit: its %s is %g, here it is %g; choose another FitRestartFile, or FitResume no",
                path, same_name[i], image->same[i], here->same[i]);
  CUBIX_CHECK(near(image->mark, here->mark), CUBIX_EINPUT,
              "%s is of another fit: the values that it starts from add up to %.10g, here to %.10g; continue with the "
              "same InputFile and parameters, or set FitResume no",
              path, image->mark, here->mark);
  CUBIX_CHECK(near(image->observed, here->observed), CUBIX_EINPUT,
              "%s is of another fit: the weighted light of its observed cube is %.10g, here %.10g; continue with the "
              "same ObservedFile, or set FitResume no",
              path, image->observed, here->observed);
done:
  return status;
}

/* Room for the table: a row for the start and one for each iteration. */
static int rows_reserve(struct cubix_fit *fit, struct image *image, const char *path)
{
  int status = CUBIX_OK;
  const double iteration = image->at[CUBIX_AT_ITERATION];
  CUBIX_CHECK(iteration >= 0 && iteration <= CUBIX_OPTIMISER_MOST_ITERATIONS && image->n_row == iteration + 1,
              CUBIX_EINPUT,
              "%s: its attribute Rows is %g, and the iteration (number 0 of State) %g; there must be one more row than "
              "iterations, which are at most %d: the file is damaged",
              path, image->n_row, iteration, CUBIX_OPTIMISER_MOST_ITERATIONS);
  free(fit->row);
  fit->row = NULL;
  fit->n_row = (size_t)image->n_row;
  fit->room = 2 * fit->n_row;
  CUBIX_ALLOC(fit->row, fit->room * CUBIX_N_ROW);
  image->table[1].shape[0] = fit->n_row * CUBIX_N_ROW;
  image->table[1].value = fit->row;
done:
  return status;
}

static int rows_check(const struct cubix_fit *fit, const char *path)
{
  int status = CUBIX_OK;
  for (size_t i = 0; i < fit->n_row; i++)
    for (int c = 0; c < CUBIX_N_ROW; c++)
      CUBIX_CHECK(isfinite(fit->row[CUBIX_N_ROW * i + (size_t)c]) && fit->row[CUBIX_N_ROW * i] == (double)i,
                  CUBIX_EINPUT,
                  "%s: row %zu of Convergence is of iteration %g, with %g as its number %d: the file is damaged", path,
                  i, fit->row[CUBIX_N_ROW * i], fit->row[CUBIX_N_ROW * i + (size_t)c], c);
done:
  return status;
}

/* The objective at the unknowns that were read is what was written, as far as engines and sums of other ranks agree. */
static int value_check(struct cubix_fit *fit, const char *path)
{
  int status = CUBIX_OK;
  const struct cubix_cube *cube;
  const double was = fit->state->at[CUBIX_AT_VALUE], start = fit->row[CUBIX_ROW_VALUE];
  double value = NAN;
  CUBIX_TRY(cubix_fit_forward(fit, cubix_optimiser_x(fit->state), &cube));
  CUBIX_TRY(cubix_mpi_agree(cubix_objective(&value, fit->par, fit->obs, cube, NULL, &cubix_mpi_collective)));
  CUBIX_CHECK(fabs(value - was) <= 1e-3 * fabs(was) + 1e-6 * fabs(start), CUBIX_EINPUT,
              "%s is of another fit, or damaged: it says that %s is %.8g at its unknowns, and here it is %.8g; "
              "continue with the same stars, library, instrument and ObservedFile, "
              "or set FitResume no",
              path, cubix_Likelihood_word[fit->par->Likelihood], was, value);
done:
  return status;
}

/* Facts up to the version first: what a file of another version holds is not known. */
static int read_facts(struct image *image, const char *path)
{
  int status = CUBIX_OK;
  const int n_fact = image->file.n_fact;
  image->file.n_fact = 2;
  CUBIX_TRY(cubix_mpi_star_file_read(&image->file, path));
  CUBIX_MPI_CHECK(
      image->version == LAYOUT, CUBIX_EINPUT,
      "%s is a restart file of version %g, this program continues those of version %d: start the fit again", path,
      image->version, LAYOUT);
  image->file.n_fact = n_fact;
  CUBIX_TRY(cubix_mpi_star_file_read(&image->file, path));
done:
  return status;
}

int cubix_fit_resume(struct cubix_fit *fit, const struct cubix_optimiser_problem *problem)
{
  int status = CUBIX_OK, n_column;
  const size_t n_shared = fit->unknowns->n_shared;
  struct cubix_optimiser *state = fit->state;
  struct image image = { .shared = NULL }, here;
  char path[CUBIX_OUTPUT_PATH];
  CUBIX_TRY(image_open(&image, path, fit, state));
  here = image;
  n_column = image.file.n_column;
  image.file.n_column = image.file.n_table = 0;              /* what it is, before what is in it */
  CUBIX_TRY(read_facts(&image, path));
  CUBIX_TRY(cubix_mpi_agree(compare(&image, &here, path)));
  CUBIX_TRY(cubix_mpi_agree(rows_reserve(fit, &image, path)));
  image.file.n_column = n_column;
  image.file.n_table = 2;
  CUBIX_TRY(cubix_mpi_star_file_read(&image.file, path));
  memcpy(state->at, image.at, sizeof state->at);
  for (int k = 0; k < state->n_vector; k++)
    memcpy(state->vector + (size_t)(k + 1) * state->n - n_shared, image.shared + (size_t)k * n_shared,
           n_shared * sizeof(double));
  CUBIX_TRY(cubix_mpi_agree(rows_check(fit, path)));
  CUBIX_TRY(cubix_mpi_agree(cubix_optimiser_check(state, problem, path)));
  CUBIX_TRY(cubix_mpi_agree(cubix_optimiser_check_pairs(state, problem, path)));
  CUBIX_TRY(value_check(fit, path));
  cubix_log(CUBIX_LOG_INFO, "fit: continues after iteration %.0f of %s", state->at[CUBIX_AT_ITERATION], path);
done:
  image_free(&image);
  return status;
}
