/* memory_check.c -- whether a run fits into memory, decided before it takes any.
 *
 * What a rank has now is measured.  What it will take beyond that follows from sizes: spaxels,
 * channels, stars, templates (memory_plan.c).  The number of values in a histogram follows from how
 * many stars each spaxel has, and how alike they are.  If the answer matters (cubix -n, or a run
 * that seems not to fit) the stars are examined (sounding.h); those that come in chunks are read
 * once more for that.  Otherwise they are counted while the fastest of the chunks is sought
 * (occupancy.h), or are taken to be spread evenly; both overestimate rather than underestimate.
 * The method and the channels of a rank follow from the rules of engine.c.
 *
 * The ranks of a node share its memory: what they will take beyond what they have must not exceed
 * what is free there.  The system may keep or drop tiles of a cache file, and all ranks share their
 * pages: they count in a rank's peak, not in the node's sum.  Templates that ranks share count in
 * the peak of each, and once in the sum. */
#include <math.h>
#include <mpi.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "engine/occupancy.h"
#include "engine/sounding.h"
#include "fit/unknowns.h"
#include "histogram/basis_parts.h"
#include "instrument/instrument.h"
#include "instrument/instrument_file.h"
#include "instrument/psf_kernel.h"
#include "lines/ionising.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/engine/basis_build.h"
#include "mpi/engine/owners.h"
#include "mpi/particles/particles.h"
#include "mpi/pipeline/memory_parts.h"
#include "physics/population.h"
#include "simulation/slab.h"

static const double node_step = 20;       /* km/s: a usual one */

/* ---- stars ----------------------------------------------------------------------------------- */
/* Values of the histogram of a share of the stars that were counted, with at most so many in a spaxel. */
static double values_of(const struct cubix_memory_job *j, const double *count, double share, double most)
{
  double sum = 0;
  for (size_t s = 0; s < (size_t)j->painted; s++) sum += fmin(cubix_engine_values(count[s] * share), most);
  return sum;
}

/* From what was counted. */
static int occupancy(struct cubix_memory_job *j, const struct cubix_occupancy *o)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)j->painted;
  double records = 0;
  if (!j->count) CUBIX_ALLOC(j->count, n);
  if (!j->count_all) CUBIX_ALLOC(j->count_all, n);
  cubix_occupancy_counts(j->count, o);
  for (size_t s = 0; s < n; s++) records += j->count[s];
  memcpy(j->count_all, j->count, n * sizeof *j->count);
  j->records = j->all_rows > 0 ? records * j->rows / j->all_rows : 0;
  memcpy(j->beyond, o->beyond, sizeof j->beyond);
  j->counted = 1;
done:
  status = cubix_mpi_agree(status);
  if (status) return status;
  if (j->n_rank > 1) cubix_mpi_collective.sum(j->count_all, n);
  MPI_Allreduce(MPI_IN_PLACE, j->beyond, CUBIX_N_REACH, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  j->n_star = (double)cubix_mpi_sum_int((int64_t)records);
  j->values = values_of(j, j->count, 1, HUGE_VAL);
  j->values_all = values_of(j, j->count_all, 1, HUGE_VAL);
  return status;
}

/* The rows between which these stars lie, whether they are painted or not. */
static void rows_in_use(struct cubix_memory_job *j)
{
  const struct cubix_slab *slab = j->particles->slab;
  const struct cubix_tables *tables = &j->templates->tables;
  const int n_row = tables->n_row;
  unsigned char *used = j->used;
#pragma omp parallel for schedule(static) reduction(| : used[:n_row])
  for (size_t i = 0; i < slab->n; i++) {
    struct cubix_star star = { 0 };
    struct cubix_mix mix;
    cubix_locate(tables, slab->metallicity[i], slab->age[i], &star);
    cubix_mix_of(tables, &star, &mix);
    for (int c = 0; c < mix.n; c++) used[mix.row[c]] |= mix.weight[c] != 0;
  }
}

/* Room to look at the stars themselves.  Local. */
static int begin_look(struct cubix_memory_job *j, struct cubix_occupancy **o)
{
  int status = CUBIX_OK;
  const int n_row = j->templates->tables.n_row;
  CUBIX_ALLOC(j->used, n_row);
  if (j->particles->n_chunk == 1) CUBIX_TRY(cubix_occupancy_init(o, j->ins, (double)j->particles->slab->n));
done:
  return status;
}

static double count_young(const struct cubix_slab *slab)
{
  double n = 0;
  for (size_t i = 0; i < slab->n; i++) n += slab->age[i] <= CUBIX_IONISING_AGE;
  return n;
}

static int begin_soundings(struct cubix_memory_job *j)
{
  int status = CUBIX_OK;
  const int n_x = j->ins->n_x + 2 * j->ins->margin, n_y = j->ins->n_y + 2 * j->ins->margin,
            n_row = j->templates->tables.n_row;
  struct cubix_workload work = { .n_star = (int64_t)j->n_star };
  struct cubix_engine engine = { .reach = 0 };
  memcpy(work.beyond, j->beyond, sizeof work.beyond);
  cubix_engine_set_reach(&engine, &work);
  CUBIX_TRY(cubix_sounding_init(&j->mine, j->count_all, n_x, n_y, n_row, engine.reach));
  if (j->n_rank > 1) CUBIX_TRY(cubix_sounding_init(&j->all, j->count_all, n_x, n_y, n_row, engine.reach));
  if (j->particles->n_chunk > 1) CUBIX_TRY(cubix_sounding_init(&j->chunk, j->count_all, n_x, n_y, n_row, engine.reach));
done:
  return status;
}

/* What all ranks have found. */
static void share_look(struct cubix_memory_job *j)
{
  MPI_Allreduce(MPI_IN_PLACE, j->used, j->templates->tables.n_row, MPI_UNSIGNED_CHAR, MPI_BOR, cubix_mpi_group()->comm);
  if (!j->all) return;
  const int n = j->mine->n * j->mine->n_row;
  MPI_Allreduce(j->mine->slowest, j->all->slowest, n, MPI_FLOAT, MPI_MIN, cubix_mpi_group()->comm);
  MPI_Allreduce(j->mine->fastest, j->all->fastest, n, MPI_FLOAT, MPI_MAX, cubix_mpi_group()->comm);
}

/* Look at the stars themselves; where they come in chunks they are read once more. */
static int look(struct cubix_memory_job *j)
{
  int status = CUBIX_OK;
  struct cubix_particles *particles = j->particles;
  struct cubix_occupancy *o = NULL;
  CUBIX_TRY(cubix_mpi_agree(begin_look(j, &o)));
  if (o) cubix_occupancy_add(o, j->par, j->ins, j->scene, particles->slab);
  CUBIX_TRY(occupancy(j, o ? o : particles->occupancy));
  CUBIX_TRY(cubix_mpi_agree(begin_soundings(j)));
  j->young = 0;
  for (size_t c = 0; c < particles->n_chunk; c++) {
    CUBIX_TRY(cubix_mpi_particles_fetch(particles, c));
    rows_in_use(j);
    j->young += count_young(particles->slab);
    cubix_sounding_add(j->mine, &j->templates->tables, particles->slab);
    if (j->chunk && c == particles->n_chunk / 2) cubix_sounding_add(j->chunk, &j->templates->tables, particles->slab);
  }
  if (particles->n_chunk > 1) cubix_slab_forget_stars(particles->slab);
  share_look(j);
done:
  cubix_occupancy_free(o);
  return status;
}

/* Nothing known of where they are. */
static void assume_everywhere(struct cubix_memory_job *j)
{
  j->records = j->rows * (j->particles ? j->particles->n_record : 1);
  j->n_star = (double)cubix_mpi_sum_int((int64_t)(j->all_rows * (j->particles ? j->particles->n_record : 1)));
  j->values = j->painted * cubix_engine_values(j->n_star / j->n_rank / j->painted);
  j->values_all = j->painted * cubix_engine_values(j->n_star / j->painted);
}

/* Nodes that velocities from one to another touch. */
static double nodes_of(const struct cubix_memory_job *j, double slowest, double fastest)
{
  const struct cubix_nodes nodes = cubix_basis_nodes(j->engine->reach, j->step);
  const double low = fmax(slowest, -nodes.reach), high = fmin(fastest, nodes.reach);
  return high < low ? 0 : fmin(nodes.n, ceil((high - low) / nodes.step) + CUBIX_N_WEIGHT);
}

/* Once rows and nodes are known: from soundings; without them no spaxel has more than these. */
static void limit_values(struct cubix_memory_job *j)
{
  const struct cubix_nodes nodes = cubix_basis_nodes(j->engine->reach, j->step);
  const struct cubix_occupancy *o = j->particles->occupancy;
  const int seen = j->counted && o && o->every;
  j->fullest = j->counted ? 0 : j->records / j->painted;
  for (size_t s = 0; j->counted && s < (size_t)j->painted; s++)
    j->fullest = fmax(j->fullest, j->count[s] / (double)j->particles->n_chunk);
  const double n_chunk = (double)j->particles->n_chunk, slowest = -cubix_mpi_max(seen ? -o->slowest_in : HUGE_VAL);
  const double most = j->templates->tables.n_row * nodes_of(j, slowest, cubix_mpi_max(seen ? o->fastest_in : HUGE_VAL));
  if (j->mine) {
    j->values = cubix_sounding_values(j->mine, &nodes);
    j->values_all = j->all ? cubix_sounding_values(j->all, &nodes) : j->values;
    j->values_chunk = j->chunk ? cubix_sounding_values(j->chunk, &nodes) : j->values;
  } else if (j->counted) {
    j->values = values_of(j, j->count, 1, most);
    j->values_all = values_of(j, j->count_all, 1, most);
    j->values_chunk = values_of(j, j->count, 1 / n_chunk, most);
  } else {
    const double each = j->n_star / j->n_rank / j->painted / n_chunk;
    j->values = fmin(j->values, j->painted * most);
    j->values_all = fmin(j->values_all, j->painted * most);
    j->values_chunk = fmin(j->painted * cubix_engine_values(each), j->values);
  }
}

/* What falls to this rank where ranks own spaxels: as many values as its share of those that the counts give. */
static int own_spaxels(struct cubix_memory_job *j)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)j->painted;
  const double n_chunk = (double)j->particles->n_chunk;
  size_t *first = NULL;
  double mine = 0, all = 0, records = 0;
  j->spaxels_own = j->painted / j->n_rank;
  j->fullest_own = j->fullest;
  if (j->count_all) {
    CUBIX_ALLOC(first, j->n_rank + 1);
    cubix_mpi_owners_cut(first, j->engine, j->count_all, n);
    for (size_t s = 0; s < n; s++) {
      const int own = s >= first[j->rank] && s < first[j->rank + 1];
      const double values = cubix_engine_values(j->count_all[s]);
      all += values;
      mine += own * values;
      records += own * j->count_all[s];
      if (own) j->fullest_own = fmax(j->fullest_own, j->count_all[s] / n_chunk);
    }
    j->spaxels_own = (double)(first[j->rank + 1] - first[j->rank]);
  } else {
    mine = 1;
    all = j->n_rank;
    records = j->n_star / j->n_rank;
  }
  j->records_own = records / n_chunk;
  j->values_own = all > 0 ? j->values_all * mine / all : 0;
  j->values_own_chunk = j->values > 0 ? j->values_own * j->values_chunk / j->values : j->values_own;
done:
  free(first);
  return status;
}

/* ---- the engine ------------------------------------------------------------------------------ */
static int guess_engine(struct cubix_memory_job *j)
{
  int status = CUBIX_OK;
  const struct cubix_tables *tables = &j->templates->tables;
  struct cubix_rates rank = cubix_rates_of_rank(&j->dev->rates, j->n_thread);
  struct cubix_workload work = { .n_star = (int64_t)j->n_star,
                                 .values = j->values_all,
                                 .values_apart = cubix_mpi_max(j->values),
                                 .n_spaxel = j->painted,
                                 .n_lambda = tables->n_lambda,
                                 .n_row = tables->n_row,
                                 .n_rank = j->n_rank,
                                 .pchip = tables->pchip,
                                 .dust = j->par->Dust == CUBIX_Dust_gas || (j->particles && j->particles->dusty),
                                 .keeping = strcmp(j->par->TemplateCache, "none") != 0,
                                 .rates = { cubix_mpi_max(rank.direct), cubix_mpi_max(rank.fill),
                                            cubix_mpi_max(rank.multiply), 0 } };
  work.n_core = (int)cubix_mpi_sum_int(j->n_thread);
  work.n_node = (int)cubix_mpi_sum_int(cubix_mpi_local_rank() == 0);
  memcpy(work.beyond, j->beyond, sizeof work.beyond);
  cubix_engine_free(j->engine);
  j->engine = NULL;
  CUBIX_TRY(cubix_mpi_agree(cubix_engine_init(&j->engine, j->par, tables->n_row, j->n_rank, tables->n_lambda)));
  for (int r = 0; r < tables->n_row; r++)
    j->engine->n_used += j->engine->used[r] = j->used ? j->used[r] : 1;
  work.n_used = j->engine->n_used;
  MPI_Bcast(&work, (int)sizeof work, MPI_BYTE, 0, cubix_mpi_group()->comm);
  cubix_engine_set_reach(j->engine, &work);
  if (j->say && j->engine->reach > 0 && !tables->pchip && j->par->Engine != CUBIX_Engine_direct)
    CUBIX_TRY(cubix_mpi_basis_probe(&work.prepared, &j->step, j->par, j->templates, j->engine));
  j->prepared = work.prepared;
  cubix_engine_choose(j->engine, j->par, &work);
  if (j->engine->method == CUBIX_HISTOGRAM && !j->prepared && j->say)
    CUBIX_TRY(cubix_mpi_basis_step(&j->step, j->templates, j->engine));
  if (!(j->step > 0)) j->step = node_step;
  j->channels = j->engine->lambda_first[j->rank + 1] - j->engine->lambda_first[j->rank];
  if (j->engine->method == CUBIX_DIRECT || j->engine->combine == CUBIX_COMBINE_CUBE) j->channels = j->ins->n_lambda;
  if (j->engine->method != CUBIX_HISTOGRAM || !j->particles) goto done;
  limit_values(j);
  if (cubix_mpi_owners_wanted(j->engine)) CUBIX_TRY(cubix_mpi_agree(own_spaxels(j)));
done:
  return status;
}

/* ---- the judgement --------------------------------------------------------------------------- */
struct verdict { double peak, now, more, free, own; enum cubix_phase phase; };

/* Sums and extremes over the ranks of this node.  @return 1 on every rank of all nodes where all fits */
static int judge(struct verdict *v, const struct cubix_memory_plan *p, const struct cubix_memory_job *j)
{
  MPI_Comm node = MPI_COMM_NULL;
  int fits;
  v->now = cubix_memory_used();
  v->peak = fmax(cubix_memory_peak(p, &v->phase), cubix_memory_most());
  v->more = fmax(cubix_memory_peak_own(p) - v->now, 0);
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

/* With A(V) in front of all stars where they come in chunks, if that fits; else it is found whenever they come. */
static int plan_and_judge(struct cubix_memory_plan *plan, struct verdict *v, struct cubix_memory_job *j)
{
  j->keep_screens = j->particles && j->particles->n_chunk > 1 && j->par->Dust == CUBIX_Dust_gas;
  cubix_mpi_memory_plan(plan, j);
  const int fits = judge(v, plan, j);
  if (fits || !j->keep_screens) return fits;
  j->keep_screens = 0;
  cubix_mpi_memory_plan(plan, j);
  return judge(v, plan, j);
}

/* The largest PSF that a fit may come to: an instrument with it.  @return 0: it stays */
static int widen(struct cubix_instrument *wide, const struct cubix_memory_job *j)
{
  const int fit = j->active && j->par->Mode == CUBIX_Mode_fit;
  const int by_fwhm = fit && j->active[CUBIX_LEAF_PsfFwhm], by_beta = fit && j->active[CUBIX_LEAF_PsfBeta];
  const double fwhm = cubix_curve_at(&j->ins->psf_fwhm, j->ins->lambda_min);
  double beta, most, factor = by_fwhm ? cubix_unknowns_range(CUBIX_LEAF_PsfFwhm) : 1;
  const char *unit, *help;
  if (!by_fwhm && !by_beta) return 0;
  *wide = *j->ins;
  cubix_instrument_key(CUBIX_KEY_psf_beta, &beta, &most, &unit, &help);
  if (!by_beta) beta = cubix_curve_at(&j->ins->psf_beta, j->ins->lambda_min);
  for (; factor >= 1 && cubix_instrument_set_psf(wide, factor * fwhm, beta); factor *= 0.9)
    cubix_error_clear();                       /* what is refused is no place for a fit to go */
  return wide->margin > j->ins->margin;
}

/* How much that takes.  A fit may stay near its start, and where there is no memory for a step it
 * takes a shorter one: nothing is refused here. */
static void tell_widest(const struct cubix_memory_job *job, int say)
{
  struct cubix_memory_job j = *job;
  struct cubix_instrument wide;
  struct cubix_memory_plan plan;
  struct verdict v;
  int fits;
  if (!widen(&wide, job)) return;
  j.ins = &wide;
  j.painted = (wide.n_x + 2. * wide.margin) * (wide.n_y + 2. * wide.margin);
  cubix_mpi_memory_plan(&plan, &j);
  fits = judge(&v, &plan, &j);
  v.peak = cubix_mpi_max(v.peak);
  cubix_log(!fits ? CUBIX_LOG_WARNING : say ? CUBIX_LOG_INFO : CUBIX_LOG_DEBUG,
            "memory: the painted field follows the PSF; where the fit takes that to its bounds (a margin of %d spaxels "
            "instead of %d), a rank takes up to %.0f MiB%s", wide.margin, job->ins->margin, v.peak / 1048576,
            fits ? "" : ", more than there is: the fit then takes shorter steps");
}

/* What else the user can do. */
static const char *less_stars(const struct cubix_memory_job *j)
{
  if (!j->particles || j->active || j->particles->n_chunk > 1) return "";
  return j->par->SlabMemory > 0 ? ", or lower SlabMemory" : ", or set a SlabMemory";
}

static int tell(const struct verdict *v, const struct cubix_memory_plan *p, const struct cubix_memory_job *j, int fits,
                int say)
{
  int status = CUBIX_OK, alone = v->more <= v->free;
  char largest[512];
  double peak = cubix_mpi_max(v->peak);
  cubix_memory_describe(p, v->phase, largest, sizeof largest);
  cubix_log(say ? CUBIX_LOG_INFO : CUBIX_LOG_DEBUG,
            "memory: a rank takes up to %.0f MiB, rank 0 most %s: %s; this node's %d rank(s) take %.3g GB beyond what "
            "they have, and %.3g GB are free",
            peak / 1048576, cubix_phase_name(v->phase), largest, cubix_mpi_local_size(), 1e-9 * v->more,
            1e-9 * v->free);
  CUBIX_CHECK(fits || (alone && v->peak - v->now <= v->own), CUBIX_EUSAGE,
              "this run needs %.3g GB more memory on a node of %d rank(s), and %.3g GB are free there%s: %s a rank has "
              "%s; make FieldOfView smaller, PixelScale or LambdaStep larger%s%s",
              1e-9 * (alone ? v->peak - v->now : v->more), cubix_mpi_local_size(), 1e-9 * fmin(v->free, v->own),
              v->own < v->free ? " by this process's own limit (ulimit)" : "", cubix_phase_name(v->phase), largest,
              cubix_mpi_local_size() > 1 ? ", start fewer ranks on a node" : "", less_stars(j));
done:
  return status;
}

int cubix_mpi_memory_check(const struct cubix_params *par, const struct cubix_instrument *ins,
                           const struct cubix_scene *scene, const struct cubix_templates *templates,
                           struct cubix_particles *particles, const unsigned char *active,
                           const struct cubix_device *dev, int say)
{
  int status = CUBIX_OK, fits;
  struct cubix_memory_job j = { .par = par,
                                .ins = ins,
                                .scene = scene,
                                .templates = templates,
                                .particles = particles,
                                .dev = dev,
                                .active = active,
                                .n_thread = omp_get_max_threads(),
                                .n_rank = cubix_mpi_size(),
                                .rank = cubix_mpi_rank(),
                                .say = say,
                                .field = (double)ins->n_x * ins->n_y,
                                .painted = (ins->n_x + 2. * ins->margin) * (ins->n_y + 2. * ins->margin) };
  struct cubix_memory_plan plan;
  struct verdict v;
  size_t all = 0;
  const int whole = par->Combine == CUBIX_Combine_cube && j.n_rank > 1;
  j.channels = whole ? ins->n_lambda : ceil((double)ins->n_lambda / j.n_rank);
  if (particles) j.rows = (double)cubix_mpi_particles_rows(particles, &all);
  j.all_rows = j.young = (double)all;
  if (particles && particles->n_chunk == 1) j.young = count_young(particles->slab);
  assume_everywhere(&j);
  if (particles && templates && say) CUBIX_TRY(look(&j));
  if (particles && templates && !j.counted && cubix_mpi_min(particles->occupancy && particles->occupancy->every) > 0)
    CUBIX_TRY(occupancy(&j, particles->occupancy));
  if (templates) CUBIX_TRY(guess_engine(&j));
  fits = plan_and_judge(&plan, &v, &j);
  if (!fits && templates && particles && !j.mine) {      /* not so, perhaps, once the stars are known */
    CUBIX_TRY(look(&j));
    CUBIX_TRY(guess_engine(&j));
    fits = plan_and_judge(&plan, &v, &j);
  }
  if (particles) particles->keep_screens = j.keep_screens;
  CUBIX_TRY(cubix_mpi_agree(tell(&v, &plan, &j, fits, say)));
  if (templates) tell_widest(&j, say);
done:
  cubix_engine_free(j.engine);
  free(j.used);
  cubix_sounding_free(j.mine);
  cubix_sounding_free(j.all);
  cubix_sounding_free(j.chunk);
  free(j.count);
  free(j.count_all);
  return status;
}
