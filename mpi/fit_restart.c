/* fit_restart.c -- the state of a fit in a file, from which it continues: with the same bits on as many ranks, where the chain's forward run has them.
 *
 * /Stars/v0, v1 ...: the state's vectors, the unknowns of each star side by side; /Shared: those of the whole, vector by vector; /Convergence: the table so far.
 * Facts say which fit this is; one that varies other things, or starts elsewhere, is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cubix-mpi.h"
#include "error.h"
#include "fit_parts.h"
#include "log.h"
#include "objective.h"
#include "output.h"
#include "star_file.h"

enum { N_SAME = 6 };
static const char *const same_name[N_SAME] = { "Optimiser", "FitPairs", "UnknownsOfAStar", "UnknownsOfTheWhole", "Likelihood", "Voxels" };

struct image {                    /* a state as a file */
  struct cubix_star_file file;
  struct cubix_star_fact fact[N_SAME + 4];
  struct cubix_star_table table[2];
  double same[N_SAME], at[CUBIX_N_AT], mark, n_row;
  char (*name)[16];
  double *shared;                 /* [n_vector][n_shared] */
};

static int image_init(struct image *image, const struct cubix_fit *fit, const struct cubix_optimiser *state)
{
  int status = CUBIX_OK;
  const struct cubix_unknowns *u = fit->unknowns;
  const double same[N_SAME] = { state->method, state->memory, u->n_star_unknown, (double)u->n_shared, cubix_likelihood_of(fit->par), fit->voxels };
  struct cubix_star_file *file = &image->file;
  memcpy(image->same, same, sizeof same);
  memcpy(image->at, state->at, sizeof image->at);
  image->n_row = (double)fit->n_row;
  image->fact[file->n_fact++] = (struct cubix_star_fact) { "CubixFile", "restart of a fit", NULL, 0 };
  for (int i = 0; i < N_SAME; i++) image->fact[file->n_fact++] = (struct cubix_star_fact) { same_name[i], NULL, &image->same[i], 1 };
  image->fact[file->n_fact++] = (struct cubix_star_fact) { "Start", NULL, &image->mark, 1 };
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
    file->column[k] = (struct cubix_star_column) { image->name[k], "1", k == 0 ? "unknowns" : k == 1 ? "gradient" : "memory of the optimiser", u->n_star_unknown,
                                                   state->vector + (size_t)k * state->n };
    memcpy(image->shared + (size_t)k * u->n_shared, state->vector + (size_t)(k + 1) * state->n - u->n_shared, u->n_shared * sizeof(double));
  }
  file->n_column = u->n_star_unknown ? state->n_vector : 0;
  image->table[0] = (struct cubix_star_table) { "Shared", "1", "the same vectors for the unknowns of the whole", { (size_t)state->n_vector * u->n_shared, 0, 0 }, image->shared };
  image->table[1] = (struct cubix_star_table) { "Convergence", "1", "rows of iteration, evaluations, value, gradient, step", { fit->n_row * CUBIX_N_ROW, 0, 0 }, fit->row };
  file->n_table = 2;
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
  CUBIX_TRY(cubix_output_beside(path, fit->par, "-restart.hdf5", fit->par->FitRestartFile));
  CUBIX_TRY(cubix_mpi_agree(image_init(&image, fit, state)));
  image.mark = cubix_unknowns_mark(fit->unknowns);
  CUBIX_TRY(cubix_mpi_star_file_write(&image.file, path));
done:
  image_free(&image);
  return status;
}

/* Whether the file is of this fit. */
static int compare(const struct image *image, const double same[N_SAME], double mark, const char *path)
{
  int status = CUBIX_OK;
  for (int i = 0; i < N_SAME; i++)
    CUBIX_CHECK(image->same[i] == same[i], CUBIX_EINPUT, "%s is of another fit: its %s is %g, here it is %g; choose another FitRestartFile, or FitResume no", path, same_name[i],
                image->same[i], same[i]);
  CUBIX_CHECK(fabs(image->mark - mark) <= 1e-9 * fabs(mark), CUBIX_EINPUT,
              "%s is of another fit: the values that it starts from add up to %.10g, here to %.10g; continue with the same InputFile and parameters, or set FitResume no", path,
              image->mark, mark);
done:
  return status;
}

static int rows_reserve(struct cubix_fit *fit, struct image *image, const char *path)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(image->n_row >= 1 && image->n_row < 1e9, CUBIX_EINPUT, "%s: its attribute Rows is %g", path, image->n_row);
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

int cubix_fit_resume(struct cubix_fit *fit)
{
  int status = CUBIX_OK, n_column;
  const size_t n_shared = fit->unknowns->n_shared;
  struct cubix_optimiser *state = fit->state;
  struct image image = { .shared = NULL };
  char path[CUBIX_OUTPUT_PATH];
  double same[N_SAME], mark = cubix_unknowns_mark(fit->unknowns);
  CUBIX_TRY(cubix_output_beside(path, fit->par, "-restart.hdf5", fit->par->FitRestartFile));
  CUBIX_TRY(cubix_mpi_agree(image_init(&image, fit, state)));
  memcpy(same, image.same, sizeof same);
  n_column = image.file.n_column;
  image.file.n_column = image.file.n_table = 0;              /* what it is, before what is in it */
  CUBIX_TRY(cubix_mpi_star_file_read(&image.file, path));
  CUBIX_TRY(cubix_mpi_agree(compare(&image, same, mark, path)));
  CUBIX_TRY(cubix_mpi_agree(rows_reserve(fit, &image, path)));
  image.file.n_column = n_column;
  image.file.n_table = 2;
  CUBIX_TRY(cubix_mpi_star_file_read(&image.file, path));
  memcpy(state->at, image.at, sizeof state->at);
  for (int k = 0; k < state->n_vector; k++)
    memcpy(state->vector + (size_t)(k + 1) * state->n - n_shared, image.shared + (size_t)k * n_shared, n_shared * sizeof(double));
  cubix_log(CUBIX_LOG_INFO, "fit: continues after iteration %.0f of %s", state->at[CUBIX_AT_ITERATION], path);
done:
  image_free(&image);
  return status;
}
