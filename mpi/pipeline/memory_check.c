/* memory_check.c -- whether a run fits into memory, told before it takes any.
 *
 * What a rank has now is measured; what it will take beside that is known from sizes: spaxels, channels, stars, templates.  Who allocates says how much
 * (..._bytes), here it is put into the phases of the run (memory.h).  How many values a histogram will have follows from how many stars each spaxel has: they
 * are counted where they lie in memory anyway and the answer matters, or while chunks are read; otherwise they count as spread evenly, which is the most that
 * there can be.  The method and the channels of a rank follow from the rules of engine.c.
 *
 * Ranks of a node share its memory: what they will take beyond what they have must not exceed what is free there.  Tiles of a cache file are the system's
 * to keep or give up, and the same pages for all ranks: they count in a rank's peak, not in the node's sum.                                        */
#include "mpi/pipeline/memory_check.h"

#include <math.h>
#include <mpi.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "cube/cube.h"
#include "cube/placement.h"
#include "cube/placement_parts.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/survey.h"
#include "fit/leaves.h"
#include "geometry/scene.h"
#include "histogram/basis_parts.h"
#include "histogram/histogram.h"
#include "histogram/multiply.h"
#include "instrument/instrument.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "mpi/engine/basis_build.h"
#include "mpi/particles/particles.h"
#include "observation/psf.h"
#include "output/output.h"
#include "params/params.h"
#include "physics/node.h"
#include "physics/population.h"
#include "physics/view.h"
#include "simulation/slab.h"
#include "spectra/templates.h"

static const double node_step = 20, piece_bytes = 1 << 27, message_bytes = 1 << 24;   /* km/s: a usual step; chain_piece.c; MPI's copy of what is added up */

struct job {
  const struct cubix_params *par;
  const struct cubix_instrument *ins;
  const struct cubix_scene *scene;
  const struct cubix_model *mod;
  const struct cubix_crowd *crowd;
  const unsigned char *active;
  int n_thread, n_rank, rank, counted, say;
  double painted, field, channels;          /* spaxels; channels of this rank */
  double rows, all_rows, records;           /* stars in memory at a time, of all chunks; records of those in memory */
  double values, values_all, n_star;        /* of the histogram, this rank's and all ranks'; records of all ranks */
  int64_t beyond[CUBIX_N_REACH];
  unsigned char *used;                      /* [n_row] library rows in use; NULL: not known, and all of them */
  double step;                              /* of the templates' nodes [km/s] */
  struct cubix_engine *engine;
  int prepared;                             /* templates lie in the cache */
  double mapped;                            /* bytes of cached tiles */
};

/* ---- stars ---------------------------------------------------------------------------------------------------------------- */
/* From parts of stars in every painted spaxel. */
static int occupancy(struct job *j, const uint32_t *count, const int64_t *beyond)
{
  int status = CUBIX_OK;
  size_t n = (size_t)j->painted;
  double records = 0;
  uint64_t *all = NULL;
  CUBIX_TRY(cubix_mpi_agree((all = cubix_alloc(n, sizeof *all)) ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot count in %zu spaxels", n)));
  j->values = j->values_all = 0;
  for (size_t s = 0; s < n; s++) {
    all[s] = count[s];
    records += count[s];
    j->values += cubix_engine_values(count[s]);
  }
  if (j->n_rank > 1) cubix_mpi_sum_counts(all, n);
  for (size_t s = 0; s < n; s++) j->values_all += cubix_engine_values((double)all[s]);
  j->n_star = (double)cubix_mpi_sum_int((int64_t)records);
  j->records = j->all_rows > 0 ? records * j->rows / j->all_rows : 0;
  memcpy(j->beyond, beyond, sizeof j->beyond);
  MPI_Allreduce(MPI_IN_PLACE, j->beyond, CUBIX_N_REACH, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  j->counted = 1;
done:
  free(all);
  return status;
}

/* The rows between which the stars in memory lie, whether they are painted or not. */
static int rows_in_use(struct job *j)
{
  int status = CUBIX_OK;
  const struct cubix_slab *slab = j->crowd->slab;
  const struct cubix_view *view = &j->mod->view;
  if (!j->used) CUBIX_ALLOC(j->used, view->n_row);
  for (size_t i = 0; i < slab->n; i++) {
    struct cubix_star star = { 0 };
    struct cubix_mix mix;
    cubix_locate(view, slab->metallicity[i], slab->age[i], &star);
    cubix_mix_of(view, &star, &mix);
    for (int c = 0; c < mix.n; c++) j->used[mix.row[c]] |= mix.weight[c] != 0;
  }
done:
  status = cubix_mpi_agree(status);
  if (!status) MPI_Allreduce(MPI_IN_PLACE, j->used, view->n_row, MPI_UNSIGNED_CHAR, MPI_BOR, cubix_mpi_group()->comm);
  return status;
}

/* Count the stars that lie in memory. */
static int count_stars(struct job *j)
{
  int status = CUBIX_OK;
  int64_t beyond[CUBIX_N_REACH] = { 0 };
  uint32_t *count = cubix_alloc((size_t)j->painted, sizeof *count);
  CUBIX_TRY(cubix_mpi_agree(count ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot count in %.0f spaxels", j->painted)));
  cubix_model_occupancy(count, beyond, j->par, j->ins, j->scene, j->crowd->slab);
  CUBIX_TRY(rows_in_use(j));
  CUBIX_TRY(occupancy(j, count, beyond));
done:
  free(count);
  return status;
}

/* Nothing known of where they are. */
static void assume_everywhere(struct job *j)
{
  j->records = j->rows * (j->crowd ? j->crowd->n_record : 1);
  j->n_star = (double)cubix_mpi_sum_int((int64_t)(j->all_rows * (j->crowd ? j->crowd->n_record : 1)));
  j->values = j->painted * cubix_engine_values(j->n_star / j->n_rank / j->painted);
  j->values_all = j->painted * cubix_engine_values(j->n_star / j->painted);
}

/* ---- the engine ------------------------------------------------------------------------------------------------------------- */
static int guess_engine(struct job *j, const struct cubix_rates *rates)
{
  int status = CUBIX_OK;
  const struct cubix_view *view = &j->mod->view;
  struct cubix_rates rank = cubix_rates_of_rank(rates, j->n_thread);
  struct cubix_workload work = { .n_star = (int64_t)j->n_star, .values = j->values_all, .values_apart = cubix_mpi_max(j->values), .n_spaxel = j->painted,
                                 .n_lambda = view->n_lambda, .n_row = view->n_row, .n_rank = j->n_rank, .pchip = view->pchip,
                                 .keeping = strcmp(j->par->TemplateCache, "none") != 0,
                                 .rates = { cubix_mpi_max(rank.direct), cubix_mpi_max(rank.deposit), cubix_mpi_max(rank.multiply), 0 } };
  work.n_core = (int)cubix_mpi_sum_int(j->n_thread);
  memcpy(work.beyond, j->beyond, sizeof work.beyond);
  cubix_engine_free(j->engine);
  j->engine = NULL;
  CUBIX_TRY(cubix_mpi_agree(cubix_engine_init(&j->engine, j->par, view->n_row, j->n_rank, view->n_lambda)));
  for (int r = 0; r < view->n_row; r++) j->engine->n_used += j->engine->used[r] = j->used ? j->used[r] : 1;
  work.n_used = j->engine->n_used;
  MPI_Bcast(&work, (int)sizeof work, MPI_BYTE, 0, cubix_mpi_group()->comm);
  cubix_engine_set_reach(j->engine, &work);
  if (j->say && j->engine->reach > 0 && !view->pchip && strcmp(j->par->Engine, "direct") != 0) CUBIX_TRY(cubix_mpi_basis_probe(&work.prepared, &j->step, j->par, j->mod, j->engine));
  j->prepared = work.prepared;
  cubix_engine_choose(j->engine, j->par, &work);
  if (j->engine->method == CUBIX_HISTOGRAM && !j->prepared && j->say) CUBIX_TRY(cubix_mpi_basis_step(&j->step, j->mod, j->engine));
  if (!(j->step > 0)) j->step = node_step;
  j->channels = j->engine->lambda_first[j->rank + 1] - j->engine->lambda_first[j->rank];
  if (j->engine->method == CUBIX_DIRECT || j->engine->combine == CUBIX_COMBINE_CUBE) j->channels = j->ins->n_lambda;
done:
  return status;
}

/* ---- the plan ----------------------------------------------------------------------------------------------------------------- */
static void plan_stars(struct cubix_memory_plan *p, const struct job *j)
{
  int smooth = strcmp(j->par->Deposit, "nearest") != 0, keep = j->active != NULL, chunks = j->crowd->n_chunk > 1;
  enum cubix_phase last = j->engine && j->engine->method == CUBIX_HISTOGRAM ? CUBIX_PHASE_DEPOSIT : CUBIX_PHASE_PAINT, end = CUBIX_N_PHASE - 1;
  unsigned parts = CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION | (j->crowd->slab->smoothing_length ? CUBIX_SLAB_LENGTH : 0);
  cubix_memory_add(p, "stars", cubix_slab_bytes(j->rows, parts), CUBIX_PHASE_PLACE, keep ? end : chunks ? last : CUBIX_PHASE_PLACE);
  cubix_memory_add(p, "placed stars", cubix_placement_bytes(j->records, j->painted, keep), CUBIX_PHASE_PLACE, keep ? end : last);
  cubix_memory_add(p, "sorting of stars", cubix_placement_work_bytes(j->rows, j->records, j->painted, smooth, j->n_thread), CUBIX_PHASE_PLACE,
                   chunks ? last : CUBIX_PHASE_PLACE);
  cubix_memory_add(p, "counts of stars", cubix_survey_bytes(j->painted), CUBIX_PHASE_PLACE, end);
}

static void plan_templates(struct cubix_memory_plan *p, struct job *j)
{
  const struct cubix_engine *e = j->engine;
  const int everywhere = e->combine == CUBIX_COMBINE_CUBE, caching = strcmp(j->par->TemplateCache, "none") != 0;
  const double n_node = cubix_basis_nodes(e->reach, j->step).n, tile = (double)(caching ? e->n_row : e->n_used) * n_node * CUBIX_TILE * sizeof(float);
  const double n_tile = ceil((double)j->ins->n_lambda / CUBIX_TILE), mine = everywhere ? n_tile : ceil(j->channels / CUBIX_TILE);
  const int per_round = j->n_thread < 6 ? 2 : j->n_thread / 3;
  double kept = fmin(cubix_basis_room_for(tile, (int)n_tile, cubix_mpi_local_size()), mine), made = caching || kept >= mine ? 0 : tile;
  if (caching) {
    j->mapped = mine * tile;
    cubix_memory_add(p, "cached templates", j->mapped, CUBIX_PHASE_TEMPLATES, CUBIX_N_PHASE - 1);
    if (!j->prepared) cubix_memory_add(p, "templates that are made", fmin(per_round, mine) * tile, CUBIX_PHASE_TEMPLATES, CUBIX_PHASE_TEMPLATES);
  } else cubix_memory_add(p, "templates", kept * tile, CUBIX_PHASE_TEMPLATES, CUBIX_N_PHASE - 1);
  cubix_memory_add(p, "multiplication", cubix_multiply_bytes(everywhere ? j->values : j->values_all, made, j->n_thread), CUBIX_PHASE_PAINT, CUBIX_PHASE_PAINT);
}

static void plan_histogram(struct cubix_memory_plan *p, struct job *j)
{
  const int share = j->n_rank > 1 && j->engine->combine == CUBIX_COMBINE_HISTOGRAM, chunks = j->crowd->n_chunk > 1;
  const double mine = cubix_histogram_bytes(j->values, j->painted), all = cubix_histogram_bytes(j->values_all, j->painted);
  cubix_memory_add(p, "histogram", mine, CUBIX_PHASE_DEPOSIT, CUBIX_PHASE_DEPOSIT);
  cubix_memory_add(p, "depositing", cubix_histogram_work_bytes(chunks ? j->values / (double)j->crowd->n_chunk : j->values, j->mod->view.n_row,
                   cubix_basis_nodes(j->engine->reach, j->step).n, j->n_thread), CUBIX_PHASE_DEPOSIT, CUBIX_PHASE_DEPOSIT);
  if (chunks) cubix_memory_add(p, "histograms of chunks", 1.5 * mine, CUBIX_PHASE_DEPOSIT, CUBIX_PHASE_DEPOSIT);
  if (share) cubix_memory_add(p, "histograms of ranks", fmax(2.2 * mine, all * (1.2 + 1. / j->n_rank)), CUBIX_PHASE_SHARE, CUBIX_PHASE_SHARE);
  cubix_memory_add(p, "histogram", share ? all : mine, CUBIX_PHASE_PAINT, CUBIX_PHASE_PAINT);
  plan_templates(p, j);
}

static void plan_cube(struct cubix_memory_plan *p, const struct job *j)
{
  const int apart = j->n_rank > 1 && (!j->engine || j->engine->combine == CUBIX_COMBINE_CUBE), ends = apart && j->rank != 0;   /* rank 0 adds up, and goes on alone */
  const double spaxel = j->channels * sizeof(cubix_real);
  const int n_thread = apart && !getenv("OMP_NUM_THREADS") ? omp_get_num_procs() : j->n_thread;
  cubix_memory_add(p, "maps", cubix_cube_maps_bytes(j->ins), CUBIX_PHASE_PLACE, CUBIX_N_PHASE - 1);
  cubix_memory_add(p, "the cube", spaxel * j->painted, CUBIX_PHASE_PAINT, ends ? CUBIX_PHASE_PAINT : CUBIX_PHASE_PSF);
  if (apart) cubix_memory_add(p, "messages", message_bytes, CUBIX_PHASE_PAINT, CUBIX_PHASE_PAINT);
  cubix_memory_add(p, "writing", cubix_output_bytes(j->ins, n_thread, j->n_rank, j->rank), CUBIX_PHASE_WRITE, CUBIX_PHASE_WRITE);
  if (ends) return;
  cubix_memory_add(p, "the cube", spaxel * j->field, CUBIX_PHASE_WRITE, CUBIX_N_PHASE - 1);
  cubix_memory_add(p, "the PSF's transforms", cubix_psf_bytes(j->ins, (int)j->channels, 1, 1, n_thread), CUBIX_PHASE_PSF, CUBIX_PHASE_PSF);
}

/* Derivatives: mpi/pipeline/chain_vjp.c, and what is compared with. */
static void plan_derivatives(struct cubix_memory_plan *p, const struct job *j)
{
  const struct cubix_view *view = &j->mod->view;
  const int psf = j->active[CUBIX_LEAF_PsfFwhm] || j->active[CUBIX_LEAF_PsfBeta], fit = !strcmp(j->par->Mode, "fit"), direct = j->engine->method == CUBIX_DIRECT;
  const int rows = j->active[CUBIX_LEAF_Luminosity] || j->active[CUBIX_LEAF_LsfFwhm] || j->active[CUBIX_LEAF_Redshift];
  const double cube = j->channels * sizeof(cubix_real), row = 2. * view->n_row * (view->n_knot + 1.) * sizeof(double);
  double piece = fmin(fmax(piece_bytes, j->painted * CUBIX_TILE * sizeof(cubix_real)), j->painted * cube), numbers = 0;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    if (j->active[leaf] && cubix_leaf_info((enum cubix_leaf)leaf)->of == CUBIX_OF_STAR) numbers += cubix_leaf_info((enum cubix_leaf)leaf)->n;
  if (psf) cubix_memory_add(p, "the cube before the PSF", j->painted * cube, CUBIX_PHASE_PSF, CUBIX_PHASE_REVERSE);
  cubix_memory_add(p, "derivatives by the cube", j->field * cube, CUBIX_PHASE_COMPARE, CUBIX_PHASE_REVERSE);
  cubix_memory_add(p, "the observed cube", 2 * j->field * cube + 3 * j->field * sizeof(double), CUBIX_PHASE_COMPARE, fit ? CUBIX_PHASE_REVERSE : CUBIX_PHASE_COMPARE);
  cubix_memory_add(p, "pieces of the cube", piece * (1 + j->field / j->painted + psf), CUBIX_PHASE_REVERSE, CUBIX_PHASE_REVERSE);
  cubix_memory_add(p, "the PSF's transforms", cubix_psf_bytes(j->ins, (int)j->channels, psf ? 2 : 1, psf ? 3 : 1, j->n_thread), CUBIX_PHASE_REVERSE, CUBIX_PHASE_REVERSE);
  cubix_memory_add(p, "derivatives by stars", j->rows * numbers * sizeof(double) + (direct ? j->records : fmin(j->records, 1 << 16)) * sizeof(struct cubix_star_bar),
                   CUBIX_PHASE_REVERSE, CUBIX_PHASE_REVERSE);
  if (rows) cubix_memory_add(p, "derivatives by templates", row, CUBIX_PHASE_REVERSE, CUBIX_PHASE_REVERSE);
  if (direct) return;
  cubix_memory_add(p, "derivatives by the histogram", 1.2 * (cubix_histogram_bytes(j->values, j->painted) + cubix_multiply_bytes(j->values, 0, 0)),
                   CUBIX_PHASE_REVERSE, CUBIX_PHASE_REVERSE);
  if (rows) cubix_memory_add(p, "histogram", cubix_histogram_bytes(j->values, j->painted), CUBIX_PHASE_REVERSE, CUBIX_PHASE_REVERSE);
}

static void make_plan(struct cubix_memory_plan *p, struct job *j)
{
  double slab = j->crowd && j->crowd->slab->position ? cubix_slab_bytes((double)j->crowd->slab->n, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION) : 0;
  *p = (struct cubix_memory_plan){ 0 };
  j->mapped = 0;
  cubix_memory_add(p, "program, library and tables", fmax(cubix_memory_used() - slab, 0), (enum cubix_phase)0, CUBIX_N_PHASE - 1);
  if (!j->mod) cubix_memory_add(p, "tables of channels", 64. * j->ins->n_lambda, (enum cubix_phase)0, CUBIX_N_PHASE - 1);
  if (j->crowd && j->mod) plan_stars(p, j);
  if (j->mod && j->engine->method == CUBIX_HISTOGRAM) plan_histogram(p, j);
  if (j->mod && j->engine->method == CUBIX_DIRECT)
    cubix_memory_add(p, "painting", cubix_device_paint_bytes(j->ins->n_lambda, j->mod->view.n_knot, j->n_thread), CUBIX_PHASE_PAINT, CUBIX_PHASE_PAINT);
  plan_cube(p, j);
  if (j->mod && j->active) plan_derivatives(p, j);
}

/* ---- the judgement ---------------------------------------------------------------------------------------------------------- */
struct verdict { double peak, now, more, free, own; enum cubix_phase phase; };

/* Sums and extremes over the ranks of this node.  @return 1 on every rank of all nodes where all fits */
static int judge(struct verdict *v, const struct cubix_memory_plan *p, const struct job *j)
{
  MPI_Comm node = MPI_COMM_NULL;
  int fits;
  v->now = cubix_memory_used();
  v->peak = fmax(cubix_memory_peak(p, &v->phase), cubix_memory_most());
  v->more = fmax(cubix_memory_peak(p, NULL) - v->now - j->mapped, 0);
  v->free = cubix_memory_free();
  v->own = cubix_memory_own();
  fits = v->more <= v->own;
  MPI_Comm_split_type(cubix_mpi_group()->comm, MPI_COMM_TYPE_SHARED, j->rank, MPI_INFO_NULL, &node);
  MPI_Allreduce(MPI_IN_PLACE, &v->more, 1, MPI_DOUBLE, MPI_SUM, node);
  MPI_Allreduce(MPI_IN_PLACE, &v->free, 1, MPI_DOUBLE, MPI_MIN, node);
  MPI_Comm_free(&node);
  fits = fits && v->more <= v->free;
  MPI_Allreduce(MPI_IN_PLACE, &fits, 1, MPI_INT, MPI_MIN, cubix_mpi_group()->comm);
  return fits;
}

static int tell(const struct verdict *v, const struct cubix_memory_plan *p, const struct job *j, int fits, int say)
{
  int status = CUBIX_OK, alone = v->more <= v->free;
  char largest[512];
  double peak = cubix_mpi_max(v->peak);
  cubix_memory_describe(p, v->phase, largest, sizeof largest);
  cubix_log(say ? CUBIX_LOG_INFO : CUBIX_LOG_DEBUG, "memory: a rank takes up to %.0f MiB, rank 0 most %s: %s; this node's %d rank(s) take %.3g GB beyond what they have, and %.3g GB are free",
            peak / 1048576, cubix_phase_name(v->phase), largest, cubix_mpi_local_size(), 1e-9 * v->more, 1e-9 * v->free);
  CUBIX_CHECK(fits || (alone && v->peak - v->now <= v->own), CUBIX_EUSAGE,
              "this run needs %.3g GB more memory on a node of %d rank(s), and %.3g GB are free there%s: %s a rank has %s; make FieldOfView smaller, PixelScale or LambdaStep larger%s%s",
              1e-9 * (alone ? v->peak - v->now : v->more), cubix_mpi_local_size(), 1e-9 * fmin(v->free, v->own),
              v->own < v->free ? " by this process's own limit (ulimit)" : "", cubix_phase_name(v->phase), largest,
              cubix_mpi_local_size() > 1 ? ", start fewer ranks on a node" : "", j->crowd && j->active == NULL ? ", or set a SlabMemory" : "");
done:
  return status;
}

int cubix_mpi_memory_check(const struct cubix_params *par, const struct cubix_instrument *ins, const struct cubix_scene *scene, const struct cubix_model *mod,
                           const struct cubix_crowd *crowd, const unsigned char *active, const struct cubix_rates *rates, int say)
{
  int status = CUBIX_OK, fits;
  struct job j = { .par = par, .ins = ins, .scene = scene, .mod = mod, .crowd = crowd, .active = active, .n_thread = omp_get_max_threads(), .n_rank = cubix_mpi_size(),
                   .rank = cubix_mpi_rank(), .say = say, .field = (double)ins->n_x * ins->n_y, .painted = (ins->n_x + 2. * ins->margin) * (ins->n_y + 2. * ins->margin) };
  struct cubix_memory_plan plan;
  struct verdict v;
  size_t all = 0;
  j.channels = strcmp(par->Combine, "cube") || j.n_rank == 1 ? ceil((double)ins->n_lambda / j.n_rank) : ins->n_lambda;
  if (crowd) j.rows = (double)cubix_mpi_crowd_rows(crowd, &all);
  j.all_rows = (double)all;
  assume_everywhere(&j);
  if (crowd && mod && say && crowd->n_chunk == 1) CUBIX_TRY(count_stars(&j));
  if (crowd && mod && crowd->n_chunk > 1 && cubix_mpi_min(crowd->count != NULL) > 0) CUBIX_TRY(occupancy(&j, crowd->count, crowd->beyond));
  if (mod) CUBIX_TRY(guess_engine(&j, rates));
  make_plan(&plan, &j);
  fits = judge(&v, &plan, &j);
  if (!fits && mod && crowd && crowd->n_chunk == 1 && !j.counted) {    /* not so, perhaps, once it is known where the stars are */
    CUBIX_TRY(count_stars(&j));
    CUBIX_TRY(guess_engine(&j, rates));
    make_plan(&plan, &j);
    fits = judge(&v, &plan, &j);
  }
  CUBIX_TRY(cubix_mpi_agree(tell(&v, &plan, &j, fits, say)));
done:
  cubix_engine_free(j.engine);
  free(j.used);
  return status;
}
