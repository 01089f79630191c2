/* insitu.c -- pipelines that are fed from a host's memory, output after output.
 *
 * Columns are borrowed until the next forward, which copies them into slabs in our units.  Every forward opens a
 * pipeline, which leaves instrument, templates and processor to the next (kept.h); it stays until then, or until a
 * parameter is set, for what is got and written.  It collects warnings for its cube alone, which begin with those of
 * the parameters. */
#include "mpi/insitu/insitu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "instrument/instrument.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/settings.h"
#include "mpi/comm/text.h"
#include "mpi/insitu/columns.h"
#include "mpi/particles/star_check.h"
#include "mpi/pipeline/kept.h"
#include "mpi/pipeline/observe.h"
#include "mpi/pipeline/pipeline.h"
#include "params/params.h"

struct cubix_insitu {
  struct cubix_group *group;
  struct cubix_warnings warnings;           /* of the parameters */
  struct cubix_params *par;
  struct cubix_instrument *ins;
  struct cubix_kept kept;
  struct cubix_pipeline *pipe;              /* of the last forward; NULL: none with these parameters */
  struct cubix_insitu_columns columns;
  cubix_insitu_star_function *stars;
  void *stars_host;
  cubix_insitu_dust_function *dust;
  void *dust_host;
  cubix_insitu_light_function *light;
  void *light_host;
  cubix_insitu_cube_function *cube[3];      /* [enum cubix_insitu_when] */
  void *cube_host[3];
};

/* ---- functions of the host ------------------------------------------------------------------- */

static int call_stars(void *host, struct cubix_slab *slab)
{
  const struct cubix_insitu *cubix = host;
  return cubix->stars(cubix->stars_host, slab->n, slab->position, slab->velocity, slab->age, slab->metallicity,
                      slab->mass_formed);
}

static int call_dust(void *host, struct cubix_slab *slab)
{
  const struct cubix_insitu *cubix = host;
  return cubix->dust(cubix->dust_host, slab->n, slab->position, slab->screen);
}

static int call_light(void *host, size_t i, int first, int n_lambda, double *flux)
{
  const struct cubix_insitu *cubix = host;
  return cubix->light(cubix->light_host, i, first, n_lambda, flux);
}

static int call_cube(const struct cubix_insitu *cubix, enum cubix_insitu_when when, struct cubix_cube *cube)
{
  return cubix->cube[when](cubix->cube_host[when], cube->n_y, cube->n_x, cube->margin, cube->lambda_first,
                           cube->n_lambda, (void *)cube->flux);
}

static int call_painted(void *host, struct cubix_cube *cube) { return call_cube(host, CUBIX_INSITU_PAINTED, cube); }
static int call_observed(void *host, struct cubix_cube *cube) { return call_cube(host, CUBIX_INSITU_OBSERVED, cube); }
static int call_writing(void *host, struct cubix_cube *cube) { return call_cube(host, CUBIX_INSITU_WRITING, cube); }

static void hang(struct cubix_insitu *cubix)
{
  if (!cubix->pipe) return;
  cubix->pipe->hooks = (struct cubix_hooks){ .host = cubix,
                                             .stars = cubix->stars ? call_stars : NULL,
                                             .dust = cubix->dust ? call_dust : NULL,
                                             .light = cubix->light ? call_light : NULL,
                                             .painted = cubix->cube[CUBIX_INSITU_PAINTED] ? call_painted : NULL,
                                             .observed = cubix->cube[CUBIX_INSITU_OBSERVED] ? call_observed : NULL,
                                             .writing = cubix->cube[CUBIX_INSITU_WRITING] ? call_writing : NULL };
}

int cubix_insitu_on_stars(struct cubix_insitu *cubix, cubix_insitu_star_function *function, void *host)
{
  cubix->stars = function;
  cubix->stars_host = host;
  hang(cubix);
  return CUBIX_OK;
}

int cubix_insitu_on_dust(struct cubix_insitu *cubix, cubix_insitu_dust_function *function, void *host)
{
  cubix->dust = function;
  cubix->dust_host = host;
  hang(cubix);
  return CUBIX_OK;
}

int cubix_insitu_on_light(struct cubix_insitu *cubix, cubix_insitu_light_function *function, void *host)
{
  cubix->light = function;
  cubix->light_host = host;
  hang(cubix);
  return CUBIX_OK;
}

int cubix_insitu_on_cube(struct cubix_insitu *cubix, enum cubix_insitu_when when, cubix_insitu_cube_function *function,
                         void *host)
{
  int status = CUBIX_OK;
  CUBIX_CHECK((int)when >= CUBIX_INSITU_PAINTED && (int)when <= CUBIX_INSITU_WRITING, CUBIX_EUSAGE,
              "a function for cubes is called when they are painted (0), observed (1) or written (2), not %d",
              (int)when);
  CUBIX_CHECK(sizeof(cubix_real) == sizeof(float), CUBIX_EUSAGE, "functions for cubes are given floats");
  cubix->cube[when] = function;
  cubix->cube_host[when] = host;
  hang(cubix);
done:
  return status;
}

/* ---- open, set, close ------------------------------------------------------------------------ */

static int read_parameters(struct cubix_insitu *cubix, const char *path, const char *more)
{
  int status = CUBIX_OK;
  char *from_file = NULL, *all = NULL;
  if (path) CUBIX_TRY(cubix_mpi_text_read(&from_file, path, "the parameter file"));
  const size_t size = (from_file ? strlen(from_file) : 0) + (more ? strlen(more) : 0) + 2;
  CUBIX_ALLOC(all, size);
  snprintf(all, size, "%s\n%s", from_file ? from_file : "", more ? more : "");
  CUBIX_TRY(cubix_params_init(&cubix->par));
  CUBIX_TRY(cubix_params_set(cubix->par, "InputFile", "memory"));
  CUBIX_TRY(cubix_params_set(cubix->par, "OutputFile", "none.fits"));
  CUBIX_TRY(cubix_params_parse(cubix->par, path ? path : "parameters", all, 0, NULL));
  CUBIX_TRY(cubix_instrument_read(&cubix->ins, cubix->par));
done:
  free(from_file);
  free(all);
  return status;
}

static void drop(struct cubix_insitu *cubix)
{
  if (!cubix) return;
  cubix_mpi_pipeline_close(cubix->pipe);
  cubix_mpi_kept_free(&cubix->kept);
  cubix_instrument_free(cubix->ins);
  cubix_params_free(cubix->par);
  free(cubix);
}

int cubix_insitu_open(struct cubix_insitu **out, MPI_Comm comm, const char *path, const char *text)
{
  struct cubix_opening opening;
  struct cubix_insitu *cubix = NULL;
  int status;
  *out = NULL;
  status = cubix_mpi_settings_open(&opening, comm);
  if (status) return status;
  CUBIX_MPI_ALLOC(cubix, 1);
  CUBIX_TRY(cubix_mpi_agree(read_parameters(cubix, path, text)));
  cubix_insitu_columns_init(&cubix->columns);
  cubix->warnings = opening.warnings;
done:
  cubix_mpi_settings_opened(&opening, status, cubix ? &cubix->group : NULL);
  if (status) drop(cubix);
  else *out = cubix;
  return status;
}

int cubix_insitu_open_f(struct cubix_insitu **cubix, MPI_Fint comm, const char *path, const char *text)
{
  return cubix_insitu_open(cubix, MPI_Comm_f2c(comm), path, text);
}

void cubix_insitu_close(struct cubix_insitu *cubix)
{
  if (!cubix) return;
  struct cubix_group *group = cubix->group;
  struct cubix_settings before;
  cubix_mpi_settings_enter(&before, group, &cubix->warnings);
  drop(cubix);
  cubix_mpi_settings_leave(&before);
  cubix_mpi_settings_close(group);
}

/* The pipeline is closed, for its texts are the parameters'. */
static int change(struct cubix_insitu *cubix, const char *name, const char *value)
{
  int status = CUBIX_OK;
  struct cubix_instrument *ins = NULL;
  cubix_mpi_pipeline_close(cubix->pipe);
  cubix->pipe = NULL;
  CUBIX_TRY(cubix_params_set(cubix->par, name, value));
  CUBIX_TRY(cubix_instrument_read(&ins, cubix->par));
  cubix_instrument_free(cubix->ins);
  cubix->ins = ins;
done:
  return status;
}

int cubix_insitu_set(struct cubix_insitu *cubix, const char *name, const char *value)
{
  struct cubix_settings before;
  cubix_mpi_settings_enter(&before, cubix->group, &cubix->warnings);
  const int status = cubix_mpi_agree(change(cubix, name, value));
  cubix_mpi_settings_leave(&before);
  return status;
}

int cubix_insitu_units(struct cubix_insitu *cubix, double length_kpc, double velocity_kms, double mass_msun)
{
  const double unit[3] = { length_kpc, velocity_kms, mass_msun };
  return cubix_insitu_columns_units(&cubix->columns, unit);
}

int cubix_insitu_put(struct cubix_insitu *cubix, const char *name, const double *value, size_t n)
{
  return cubix_insitu_columns_put(&cubix->columns, name, value, n);
}

/* ---- the cube -------------------------------------------------------------------------------- */

static int load(struct cubix_insitu *cubix)
{
  int status = CUBIX_OK;
  struct cubix_slab stars = { .n = 0 }, gas = { .n = 0 };
  int has_gas = 0;
  cubix_mpi_pipeline_close(cubix->pipe);
  cubix->pipe = NULL;
  cubix_log_collect(&cubix->warnings);
  CUBIX_TRY(cubix_insitu_columns_take(&stars, &gas, &has_gas, &cubix->columns));
  CUBIX_TRY(cubix_mpi_agree(cubix_stars_given_check(cubix->par, &stars)));
  CUBIX_TRY(cubix_mpi_pipeline_open(&cubix->pipe, cubix->par, &(struct cubix_pipeline_use){ .kept = &cubix->kept },
                                    NULL));
  hang(cubix);
  CUBIX_TRY(cubix_mpi_pipeline_load(cubix->pipe, &stars, has_gas ? &gas : NULL));
done:
  cubix_slab_forget_stars(&stars);
  cubix_slab_forget_stars(&gas);
  return status;
}

int cubix_insitu_forward(struct cubix_insitu *cubix)
{
  int status = CUBIX_OK;
  struct cubix_settings before;
  cubix_mpi_settings_enter(&before, cubix->group, &cubix->warnings);
  CUBIX_TRY(load(cubix));
  CUBIX_TRY(cubix_mpi_pipeline_forward(cubix->pipe));
done:
  cubix_insitu_columns_forget(&cubix->columns);
  cubix_mpi_settings_leave(&before);
  return status;
}

int cubix_insitu_shape(struct cubix_insitu *cubix, int shape[3])
{
  shape[0] = cubix->ins->n_lambda;
  shape[1] = cubix->ins->n_y;
  shape[2] = cubix->ins->n_x;
  return CUBIX_OK;
}

int cubix_insitu_wavelengths(struct cubix_insitu *cubix, double *lambda)
{
  for (int k = 0; k < cubix->ins->n_lambda; k++) lambda[k] = cubix_instrument_lambda(cubix->ins, k);
  return CUBIX_OK;
}

static int no_cube(const struct cubix_insitu *cubix)
{
  int status = CUBIX_OK;
  CUBIX_MPI_CHECK(cubix->pipe, CUBIX_EUSAGE, "there is no cube yet of these parameters: make it first (forward)");
done:
  return status;
}

int cubix_insitu_get(struct cubix_insitu *cubix, const char *name, float *value, size_t n)
{
  int status = CUBIX_OK;
  cubix_real *wide = NULL;
  struct cubix_settings before;
  cubix_mpi_settings_enter(&before, cubix->group, &cubix->warnings);
  CUBIX_TRY(no_cube(cubix));
  CUBIX_MPI_ALLOC(wide, value ? n : 1);
  CUBIX_TRY(cubix_mpi_pipeline_get(cubix->pipe, name, value ? wide : NULL, n));
  for (size_t i = 0; value && i < n; i++) value[i] = (float)wide[i];
done:
  free(wide);
  cubix_mpi_settings_leave(&before);
  return status;
}

int cubix_insitu_write(struct cubix_insitu *cubix, const char *files)
{
  int status = CUBIX_OK;
  struct cubix_settings before;
  cubix_mpi_settings_enter(&before, cubix->group, &cubix->warnings);
  CUBIX_TRY(no_cube(cubix));
  CUBIX_TRY(cubix_mpi_pipeline_write(cubix->pipe, files));
done:
  cubix_mpi_settings_leave(&before);
  return status;
}
