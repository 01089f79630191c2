/* pipeline_engine.c -- the engine of a pipeline and its templates on the velocity grid: chosen, kept to, made again. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "engine/engine.h"
#include "histogram/basis_parts.h"
#include "lines/lines.h"
#include "mpi/comm/comm.h"
#include "mpi/engine/basis_build.h"
#include "mpi/engine/engine.h"
#include "mpi/pipeline/kept.h"
#include "mpi/pipeline/pipeline_parts.h"

static const double fastest_on_grid = 2000;  /* km/s: faster sources of lines are painted by themselves */

/* What the engine knows of the stars, where it was chosen before.  @return 0: it has to be made again */
static int engine_serves(struct cubix_pipeline *pipe)
{
  struct cubix_engine *engine = pipe->engine;
  const struct cubix_survey *survey = pipe->particles->survey;
  int reach = 0;
  if (!engine) return 0;
  if (engine->method == CUBIX_DIRECT) return 1;
  if (pipe->rows_changed) return 0;
  for (int r = 0; r < engine->n_row; r++)
    if (survey->used[r] && !engine->used[r]) return 0;
  while (reach < CUBIX_N_REACH - 1 && cubix_engine_reach(reach) < engine->reach) reach++;
  engine->n_beyond = survey->beyond[reach];
  return engine->n_beyond <= 1000;
}

void cubix_pipeline_drop_engine(struct cubix_pipeline *pipe)
{
  if (pipe->dev && pipe->dev->ops->keep) (void)pipe->dev->ops->keep(pipe->dev, NULL);
  cubix_basis_free(pipe->basis);
  cubix_engine_free(pipe->engine);
  pipe->basis = NULL;
  pipe->engine = NULL;
}

int cubix_pipeline_choose_engine(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  struct cubix_params par = pipe->par;
  struct cubix_survey *survey = pipe->particles->survey;
  if (engine_serves(pipe)) return CUBIX_OK;
  /* stars come back to where they were */
  for (int r = 0; pipe->engine && r < pipe->engine->n_row; r++) survey->used[r] |= pipe->engine->used[r];
  if (pipe->engine) {
    par.Engine = CUBIX_Engine_histogram;
    par.Combine = pipe->engine->combine == CUBIX_COMBINE_CUBE ? CUBIX_Combine_cube : CUBIX_Combine_histogram;
  }
  cubix_pipeline_drop_engine(pipe);
  CUBIX_TRY(cubix_mpi_engine_choose(&pipe->engine, &par, pipe->templates, survey, &pipe->dev->rates,
                                    pipe->use.kept != NULL));
done:
  return status;
}

int cubix_pipeline_prepare_basis(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  if (pipe->lines && pipe->engine->method == CUBIX_HISTOGRAM)
    CUBIX_TRY(cubix_mpi_agree(
        cubix_lines_prepare(pipe->lines, fmin(pipe->v_sources, fastest_on_grid), pipe->par.Tolerance,
                            pipe->use.keep_stars)));
  if (!pipe->basis) pipe->basis = cubix_mpi_kept_basis(&pipe->spare, pipe->engine);
  if (!pipe->basis) {
    CUBIX_TRY(cubix_mpi_engine_prepare(pipe->engine, &pipe->basis, pipe->dev, &pipe->par, pipe->templates));
    pipe->rows_changed = 0;
  }
  if (pipe->basis)
    CUBIX_TRY(cubix_mpi_engine_axis(pipe->basis, &pipe->par, &pipe->templates->tables, pipe->particles->survey));
done:
  return status;
}

int cubix_pipeline_tell_cache(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK, n_tile = (pipe->ins->n_lambda + CUBIX_TILE - 1) / CUBIX_TILE;
  const struct cubix_engine *engine = pipe->engine;
  double step;
  if (!strcmp(pipe->par.TemplateCache, "none") || engine->method != CUBIX_HISTOGRAM) goto done;
  CUBIX_TRY(cubix_mpi_basis_step(&step, pipe->templates, engine));
  if (!(step > 0)) goto done;
  const double bytes = (double)engine->n_row * cubix_basis_nodes(engine->reach, step).n * n_tile * CUBIX_TILE * 4.;
  cubix_log(CUBIX_LOG_INFO,
            "TemplateCache = %s: prepared templates of this instrument, library and redshift take about %.3g GB there, "
            "once",
            pipe->par.TemplateCache, 1e-9 * bytes);
done:
  return status;
}
