/* engine_choose.c -- what there is to paint, counted over all ranks, so that all choose the same engine, and the templates for it. */
#include <math.h>
#include <mpi.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cubix-mpi.h"
#include "error.h"
#include "log.h"

/* Rows in use and stars beyond every reach, mine. */
static void look(struct cubix_engine *engine, struct cubix_workload *work, const struct cubix_view *view, const struct cubix_placement *p)
{
  size_t n = p->start[p->n_spaxel];
  unsigned char *used = engine->used;
  int64_t *beyond = work->beyond;
  int n_row = engine->n_row;
#pragma omp parallel for schedule(static) reduction(| : used[:n_row]) reduction(+ : beyond[:CUBIX_N_REACH])
  for (size_t i = 0; i < n; i++) {
    struct cubix_mix mix;
    cubix_mix_of(view, &p->star[i], &mix);
    for (int c = 0; c < mix.n; c++) used[mix.row[c]] |= mix.weight[c] != 0;
    for (int r = 0; r < CUBIX_N_REACH && fabs(p->star[i].velocity) > cubix_engine_reach(r); r++) beyond[r]++;
  }
}

/* Values that the histogram will hold, from the stars of every spaxel: all ranks' together, and the busiest rank's. */
static int count_values(struct cubix_workload *work, const struct cubix_placement *p)
{
  int status = CUBIX_OK;
  double apart = 0;
  uint64_t *count = cubix_alloc(p->n_spaxel, sizeof *count);
  CUBIX_TRY(cubix_mpi_agree(count ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate %zu bytes", 8 * p->n_spaxel)));
  for (size_t s = 0; s < p->n_spaxel; s++) {
    count[s] = p->start[s + 1] - p->start[s];
    apart += cubix_engine_values((double)count[s]);
  }
  work->values_apart = cubix_mpi_max(apart);
  for (size_t s = 0; s < p->n_spaxel; s += 1 << 22) {
    size_t left = p->n_spaxel - s;
    MPI_Allreduce(MPI_IN_PLACE, count + s, left < 1 << 22 ? (int)left : 1 << 22, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
  }
  for (size_t s = 0; s < p->n_spaxel; s++) work->values += cubix_engine_values((double)count[s]);
done:
  free(count);
  return status;
}

int cubix_mpi_engine_choose(struct cubix_engine **out, const struct cubix_params *par, const struct cubix_model *mod, const struct cubix_placement *placement,
                            const struct cubix_rates *rates)
{
  int status = CUBIX_OK;
  const struct cubix_view *view = &mod->view;
  struct cubix_engine *engine = NULL;
  struct cubix_workload work = { .n_lambda = view->n_lambda, .n_row = view->n_row, .n_rank = cubix_mpi_size(), .pchip = view->pchip, .rates = *rates,
                                 .n_spaxel = (double)placement->n_spaxel };
  if (!strcmp(par->Engine, "direct")) cubix_params_warn_idle(par, "Tolerance Combine TemplateCache", "it belongs to Engine histogram");
  CUBIX_TRY(cubix_mpi_agree(cubix_engine_init(&engine, par, view->n_row, cubix_mpi_size(), view->n_lambda)));
  work.n_star = cubix_mpi_sum_int((int64_t)placement->start[placement->n_spaxel]);
  work.n_core = (int)cubix_mpi_sum_int(omp_get_max_threads());
  look(engine, &work, view, placement);
  MPI_Allreduce(MPI_IN_PLACE, engine->used, engine->n_row, MPI_UNSIGNED_CHAR, MPI_BOR, MPI_COMM_WORLD);
  MPI_Allreduce(MPI_IN_PLACE, work.beyond, CUBIX_N_REACH, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  for (int r = 0; r < engine->n_row; r++) engine->n_used += engine->used[r];
  work.n_used = engine->n_used;
  CUBIX_TRY(count_values(&work, placement));
  cubix_engine_set_reach(engine, &work);
  if (engine->reach > 0 && !view->pchip) CUBIX_TRY(cubix_mpi_basis_probe(&work.prepared, par, mod, engine));
  cubix_engine_choose(engine, par, &work);
  cubix_log(CUBIX_LOG_INFO, "engine: %s", engine->why);
  *out = engine;
  engine = NULL;
done:
  cubix_engine_free(engine);
  return status;
}

int cubix_mpi_engine_prepare(struct cubix_engine *engine, struct cubix_basis **basis, struct cubix_device *dev, const struct cubix_params *par, const struct cubix_model *mod)
{
  int status = CUBIX_OK;
  if (engine->method == CUBIX_DIRECT) goto done;
  CUBIX_TRY(cubix_mpi_basis_build(basis, par, mod, engine));
  if (*basis && dev->ops->keep) CUBIX_TRY(cubix_mpi_agree(dev->ops->keep(dev, *basis)));
  if (*basis) goto done;
  cubix_engine_go_direct(engine, mod->view.n_lambda, "direct: no step of the velocity grid is certified to Tolerance = %g with TemplateSemantic %s", engine->tolerance, par->TemplateSemantic);
  cubix_log(!strcmp(par->Engine, "histogram") ? CUBIX_LOG_WARNING : CUBIX_LOG_INFO, "engine: %s", engine->why);
done:
  return status;
}
