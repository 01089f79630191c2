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
#include "histogram/axis.h"
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

/* Part of Tolerance that is for the nodes in A(V); the velocity grid has 0.8, float32 the rest. */
static const double axis_share = 0.1;

/* Nodes in A(V) for these stars: none where none has dust in front of it, unless derivatives ask for some.
 * @return 0 where there would be too many */
static int find_axis(struct cubix_axis *axis, const struct cubix_params *par, const struct cubix_tables *tables,
                     const struct cubix_survey *survey)
{
  const int wanted = survey->dustiest > 0 || (survey->derivatives && par->Dust == CUBIX_Dust_gas);
  *axis = (struct cubix_axis){ .n = 0 };
  if (!tables->dust_k || !wanted || survey->dustiest < survey->clearest) return 1;
  return cubix_axis_init(axis, tables->dust_k, tables->n_lambda, axis_share * par->Tolerance, survey->clearest,
                         survey->dustiest);
}

int cubix_mpi_engine_choose(struct cubix_engine **out, const struct cubix_params *par,
                            const struct cubix_templates *templates, const struct cubix_survey *survey,
                            const struct cubix_rates *rates, int for_many)
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
  work.prepared = work.keeping && for_many;
  struct cubix_axis axis;
  double step;
  work.endless = !find_axis(&axis, par, tables, survey);
  work.dust = work.endless || axis.n > 0;
  CUBIX_TRY(cubix_mpi_agree(cubix_engine_init(&engine, par, tables->n_row, cubix_mpi_size(), tables->n_lambda)));
  memcpy(work.beyond, survey->beyond, sizeof work.beyond);
  memcpy(engine->used, survey->used, (size_t)engine->n_row);
  for (int r = 0; r < engine->n_row; r++) engine->n_used += engine->used[r];
  work.n_used = engine->n_used;
  share_workload(&work, rates);
  cubix_engine_set_reach(engine, &work);
  if (engine->reach > 0 && !tables->pchip && !work.prepared)
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

int cubix_mpi_engine_axis(struct cubix_basis *basis, const struct cubix_params *par, const struct cubix_tables *tables,
                          const struct cubix_survey *survey)
{
  int status = CUBIX_OK;
  struct cubix_axis *axis = &basis->nodes.axis;
  CUBIX_CHECK(find_axis(axis, par, tables, survey), CUBIX_EFAIL,
              "stars have up to %g mag of dust in front of them now, for which nodes in A(V) would be too many: use "
              "Engine direct",
              survey->dustiest);
  if (axis->n)
    cubix_log(CUBIX_LOG_INFO, "dust: A(V) from %.3g to %.3g mag in front of stars, %d nodes every %.3g mag, error %.1e",
              survey->clearest, survey->dustiest, axis->n, axis->step, cubix_axis_error(axis, tables->n_lambda));
done:
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
