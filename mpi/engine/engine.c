/* engine.c -- the engine, chosen by all ranks alike from the survey of all ranks' stars, and the templates for it. */
#include "mpi/engine/engine.h"

#include <mpi.h>
#include <omp.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/survey.h"
#include "histogram/basis.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/engine/basis_build.h"
#include "params/params.h"
#include "physics/tables.h"
#include "spectra/templates.h"

/* Everything that the choice looks at, the same on every rank, whatever processors and cores they have. */
static void share_workload(struct cubix_workload *work, const struct cubix_rates *rates)
{
  int n_core = omp_get_max_threads();
  struct cubix_rates mine = cubix_rates_of_rank(rates, n_core);
  double slowest[3] = { mine.direct, mine.fill, mine.multiply };
  MPI_Allreduce(MPI_IN_PLACE, slowest, 3, MPI_DOUBLE, MPI_MAX, cubix_mpi_group()->comm);
  work->rates = (struct cubix_rates){ .direct = slowest[0], .fill = slowest[1], .multiply = slowest[2] };
  work->n_core = (int)cubix_mpi_sum_int(n_core);
  work->n_node = (int)cubix_mpi_sum_int(cubix_mpi_local_rank() == 0);
  MPI_Bcast(work, (int)sizeof *work, MPI_BYTE, 0, cubix_mpi_group()->comm);
}

int cubix_mpi_engine_choose(struct cubix_engine **out, const struct cubix_params *par,
                            const struct cubix_templates *templates, const struct cubix_survey *survey,
                            const struct cubix_rates *rates)
{
  int status = CUBIX_OK;
  const struct cubix_tables *tables = &templates->tables;
  struct cubix_engine *engine = NULL;
  struct cubix_workload work = { .n_lambda = tables->n_lambda,
                                 .n_row = tables->n_row,
                                 .n_rank = cubix_mpi_size(),
                                 .pchip = tables->pchip,
                                 .keeping = strcmp(par->TemplateCache, "none") != 0,
                                 .n_spaxel = (double)survey->n_spaxel,
                                 .n_star = survey->n_star,
                                 .values = survey->values,
                                 .values_apart = survey->values_apart };
  double step;
  CUBIX_TRY(cubix_mpi_agree(cubix_engine_init(&engine, par, tables->n_row, cubix_mpi_size(), tables->n_lambda)));
  memcpy(work.beyond, survey->beyond, sizeof work.beyond);
  memcpy(engine->used, survey->used, (size_t)engine->n_row);
  for (int r = 0; r < engine->n_row; r++) engine->n_used += engine->used[r];
  work.n_used = engine->n_used;
  share_workload(&work, rates);
  cubix_engine_set_reach(engine, &work);
  if (engine->reach > 0 && !tables->pchip)
    CUBIX_TRY(cubix_mpi_basis_probe(&work.prepared, &step, par, templates, engine));
  cubix_engine_choose(engine, par, &work);
  int refused = engine->method == CUBIX_DIRECT && par->Engine == CUBIX_Engine_histogram;
  cubix_log(refused ? CUBIX_LOG_WARNING : CUBIX_LOG_INFO, "engine: %s", engine->why);
  *out = engine;
  engine = NULL;
done:
  cubix_engine_free(engine);
  return status;
}

int cubix_mpi_engine_prepare(struct cubix_engine *engine, struct cubix_basis **basis, struct cubix_device *dev,
                             const struct cubix_params *par, const struct cubix_templates *templates)
{
  int status = CUBIX_OK;
  if (engine->method == CUBIX_DIRECT) goto done;
  CUBIX_TRY(cubix_mpi_basis_build(basis, par, templates, engine));
  /* ranks may have different processors */
  if (*basis) CUBIX_TRY(cubix_mpi_agree(dev->ops->keep ? dev->ops->keep(dev, *basis) : CUBIX_OK));
  if (*basis) goto done;
  cubix_engine_go_direct(engine, templates->tables.n_lambda,
                         "direct: no step of the velocity grid is certified to Tolerance = %g with TemplateSemantic %s",
                         engine->tolerance, cubix_TemplateSemantic_word[par->TemplateSemantic]);
  cubix_log(par->Engine == CUBIX_Engine_histogram ? CUBIX_LOG_WARNING : CUBIX_LOG_INFO, "engine: %s", engine->why);
done:
  return status;
}
