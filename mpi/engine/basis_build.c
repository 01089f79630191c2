/* basis_build.c -- the basis of all ranks: found in the cache, or searched for, certified and built
 * together.
 *
 * The coarsest velocity step whose certificate holds is the cheapest.  For each step, coarse ones
 * first: the screen (basis.c), shared by the ranks, tells at little cost whether the step fails; if
 * it does not, all tiles are made and certified, the work being given up at the first violation.
 *   1.1 eps <= 0.8 Tolerance   (doc/math.md section 12; the 1.1 stands for velocities between those
 *                              looked at, what is left of Tolerance for float32)
 *
 * Who makes which tiles: every rank needs all of them.  The ranks of a node make them in turn, in
 * memory that they share (basis_keep.c), as far as that goes; the rest each rank makes again when it
 * needs them.  Nodes do not send each other tiles: making them with all cores of a node takes no
 * longer.  With TemplateCache all rows of the library are made, every rank of all nodes writes its
 * tiles into one temporary file, and the finished file is mapped by all.  Whatever the cache refuses
 * (no room, no right to write, a folder that other nodes do not see) costs a warning, and the basis
 * is made without it. */
#include "mpi/engine/basis_build.h"

#include <errno.h>
#include <mpi.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "engine/engine.h"
#include "histogram/basis.h"
#include "histogram/basis_parts.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/comm/node_memory.h"
#include "mpi/engine/basis_keep.h"
#include "params/params.h"
#include "physics/node.h"
#include "spectra/templates.h"

static const double steps[] = { 40, 30, 25, 20, 18, 15, 12, 10, 8, 6 };   /* km/s */
enum { N_STEP = sizeof steps / sizeof steps[0] };

struct job {
  const struct cubix_templates *templates;
  const struct cubix_engine *engine;
  int rank, n_rank;
  double limit;                   /* of eps */
  struct cubix_basis *basis;
  int caching;                    /* 1: into file */
  struct cubix_basis_file file;
  /* tiles of this rank */
  int *mine, n_mine, n_round, per_round;
  float **buffer;                 /* [per_round], caching */
  float **place;                  /* [per_round] where the tiles of a round go */
  struct cubix_basis_sum *sum;    /* [n_tile] of the tiles that this rank has written, caching */
};

static int all_of(int yes)
{
  MPI_Allreduce(MPI_IN_PLACE, &yes, 1, MPI_INT, MPI_MIN, cubix_mpi_group()->comm);
  return yes;
}

static int root_says(int yes)
{
  MPI_Bcast(&yes, 1, MPI_INT, 0, cubix_mpi_group()->comm);
  return yes;
}

static double limit_of(const struct cubix_engine *engine) { return 0.8 * engine->tolerance / 1.1; }

static int wanted(const struct cubix_params *par) { return strcmp(par->TemplateCache, "none") != 0; }

/* ---- the cache ------------------------------------------------------------------------------- */
static int file_find(struct cubix_basis_file *file, const struct cubix_params *par,
                     const struct cubix_templates *templates, const struct cubix_engine *engine)
{
  int status = CUBIX_OK;
  struct cubix_basis_key key = { { 0 } };
  if (cubix_mpi_rank() == 0) key = cubix_basis_key_of(templates, engine->reach, engine->tolerance);
  MPI_Bcast(&key, (int)sizeof key, MPI_BYTE, 0, cubix_mpi_group()->comm);
  CUBIX_TRY(cubix_mpi_agree(cubix_basis_file_init(file, par->TemplateCache, &key)));
done:
  return status;
}

/* What the file holds, as rank 0 sees it. */
static int file_look(const struct cubix_basis_file *file, const struct cubix_templates *templates,
                     struct cubix_nodes *nodes)
{
  double certified;
  int found = root_says(cubix_mpi_rank() == 0 && cubix_basis_file_look(file, templates, nodes, &certified));
  MPI_Bcast(nodes, (int)sizeof *nodes, MPI_BYTE, 0, cubix_mpi_group()->comm);
  return found;
}

int cubix_mpi_basis_probe(int *prepared, double *step, const struct cubix_params *par,
                          const struct cubix_templates *templates, const struct cubix_engine *engine)
{
  int status = CUBIX_OK;
  struct cubix_basis_file file;
  struct cubix_nodes nodes = { 0 };
  *prepared = 0;
  if (!wanted(par)) goto done;
  CUBIX_TRY(file_find(&file, par, templates, engine));
  *prepared = file_look(&file, templates, &nodes);
  *step = nodes.step;
done:
  return status;
}

/* The first tile that is damaged, as the ranks of some node see it, who look at some each; n_tile: there is none. */
static int first_damaged(const struct job *job)
{
  int n = job->basis->n_tile, first = n, n_part = cubix_mpi_local_size();
#pragma omp parallel for schedule(dynamic, 1) reduction(min : first)
  for (int i = cubix_mpi_local_rank(); i < n; i += n_part)
    if (!cubix_basis_file_sound(job->basis, i) && i < first) first = i;
  MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, cubix_mpi_group()->comm);
  if (first == n) cubix_basis_file_trust(job->basis);
  return first;
}

/* The file's basis on every rank, its tiles compared with their checksums.  @return in job->basis,
 * NULL where not all can have it, or it is damaged */
static int file_open(struct job *job, const struct cubix_nodes *nodes)
{
  int status = CUBIX_OK, all, damaged = 0;
  CUBIX_TRY(cubix_mpi_agree(cubix_basis_init(&job->basis, job->templates, nodes, NULL, job->engine->tolerance)));
  all = all_of(cubix_basis_file_map(&job->file, job->basis));
  if (all && (damaged = first_damaged(job)) == job->basis->n_tile) goto done;
  cubix_basis_free(job->basis);
  job->basis = NULL;
  if (all)
    cubix_log(CUBIX_LOG_WARNING,
              "the prepared templates %s cannot be used: tile %d is not what was written (a failing disk or memory?); "
              "they are made anew",
              job->file.path, damaged);
  else
    cubix_log(CUBIX_LOG_WARNING,
              "TemplateCache = %s: not every rank can read %s (a folder of one node only?); the run goes on without it",
              job->file.folder, job->file.path);
done:
  return status;
}

/* A temporary file that all ranks can write to; without it job->caching is 0. */
static void file_begin(struct job *job)
{
  struct { char temporary[2 * CUBIX_CACHE_PATH]; uint64_t inode; } told = { .inode = 0 };
  job->caching = root_says(job->rank == 0 && cubix_basis_file_create(&job->file));
  if (!job->caching) return;
  if (job->rank == 0) {
    snprintf(told.temporary, sizeof told.temporary, "%s", job->file.grows.temporary);
    told.inode = job->file.grows.inode;
  }
  MPI_Bcast(&told, (int)sizeof told, MPI_BYTE, 0, cubix_mpi_group()->comm);
  job->caching = all_of(job->rank == 0 || cubix_basis_file_join(&job->file, told.temporary, told.inode));
  if (!job->caching && job->rank == 0)
    cubix_log(
        CUBIX_LOG_WARNING,
        "TemplateCache = %s: not every rank can write there (a folder of one node only?); the run goes on without it",
        job->file.folder);
}

/* Everything is written: give the file its name and map it. */
static int file_finish(struct job *job)
{
  int status = CUBIX_OK, whole, error;
  struct cubix_nodes nodes = job->basis->nodes;
  whole = cubix_basis_file_close(&job->file);
  error = whole ? 0 : errno;
  MPI_Allreduce(MPI_IN_PLACE, &error, 1, MPI_INT, MPI_MAX, cubix_mpi_group()->comm);
  if (error && job->rank == 0)
    cubix_log(CUBIX_LOG_WARNING, "TemplateCache = %s: %s; the run goes on without it", job->file.folder,
              strerror(error));
  whole = all_of(whole);
  /* a tile's is 0 on all ranks but one */
  MPI_Allreduce(MPI_IN_PLACE, job->sum, 2 * job->basis->n_tile, MPI_UINT64_T, MPI_BOR, cubix_mpi_group()->comm);
  whole = root_says(whole && job->rank == 0 && cubix_basis_file_publish(&job->file, job->basis, job->sum));
  cubix_basis_free(job->basis);
  job->basis = NULL;
  if (whole) CUBIX_TRY(file_open(job, &nodes));
done:
  return status;
}

/* ---- the tiles ------------------------------------------------------------------------------- */
static void tiles_free(struct job *job)
{
  for (int b = 0; b < job->per_round && job->buffer; b++) free(job->buffer[b]);
  free(job->buffer);
  free(job->place);
  free(job->mine);
  free(job->sum);
  job->buffer = job->place = NULL;
  job->sum = NULL;
  job->mine = NULL;
}

/* Which tiles are mine, and where they go. */
static int tiles_begin(struct job *job)
{
  int status = CUBIX_OK, n_thread = omp_get_max_threads();
  struct cubix_basis *basis = job->basis;
  struct cubix_share share = { job->rank, job->n_rank };
  tiles_free(job);
  job->n_mine = 0;
  job->per_round = n_thread < 6 ? 2 : n_thread / 3;
  /* rounds are collective; ranks may have different numbers of cores */
  MPI_Allreduce(MPI_IN_PLACE, &job->per_round, 1, MPI_INT, MPI_MIN, cubix_mpi_group()->comm);
  if (!job->caching) CUBIX_TRY(cubix_mpi_basis_keep(basis, basis->n_tile, &share));
  CUBIX_ALLOC(job->mine, basis->n_tile);
  CUBIX_ALLOC(job->buffer, job->per_round);
  CUBIX_ALLOC(job->place, job->per_round);
  CUBIX_ALLOC(job->sum, basis->n_tile);
  for (int i = share.part; i < basis->n_tile; i += share.n_part) job->mine[job->n_mine++] = i;
  for (int b = 0; b < job->per_round && job->caching; b++) CUBIX_ALLOC(job->buffer[b], cubix_basis_tile_size(basis));
done:
  job->n_round = (job->n_mine + job->per_round - 1) / job->per_round;
  MPI_Allreduce(MPI_IN_PLACE, &job->n_round, 1, MPI_INT, MPI_MAX, cubix_mpi_group()->comm);
  return cubix_mpi_agree(status);
}

/* This rank's tiles of a round.  @param[out] error  of the file, as errno */
static int make_round(struct job *job, int round, double *worst, int *error)
{
  int status = CUBIX_OK, first = round * job->per_round, n = job->n_mine - first;
  struct cubix_basis_state *state = job->basis->state;
  if (n > job->per_round) n = job->per_round;
  if (n <= 0) goto done;
  for (int b = 0; b < n; b++) job->place[b] = job->caching ? job->buffer[b] : state->kept[job->mine[first + b]];
  CUBIX_TRY(cubix_basis_fit_tiles(&state->fit, state->row, job->basis->n_template, job->mine + first, n, job->place,
                                  worst, job->limit));
  if (!job->caching || !(*worst <= job->limit)) goto done;
#pragma omp parallel for schedule(dynamic, 1)
  for (int b = 0; b < n; b++) {
    int i = job->mine[first + b];
    if (cubix_basis_file_write(&job->file, job->basis, i, job->place[b], &job->sum[i])) continue;
#pragma omp atomic write
    *error = errno;
  }
done:
  return status;
}

/* All tiles, certified.  @param[out] worst  largest error of all ranks  @param[out] error  of the file */
static int make_tiles(struct job *job, double *worst, int *error)
{
  int status = CUBIX_OK;
  *error = 0;
  CUBIX_TRY(tiles_begin(job));
  *worst = 0;
  for (int round = 0; round < job->n_round && *worst <= job->limit && !*error; round++) {
    int made = make_round(job, round, worst, error);
    CUBIX_TRY(cubix_mpi_agree(made));
    *worst = cubix_mpi_max(*worst);
    MPI_Allreduce(MPI_IN_PLACE, error, 1, MPI_INT, MPI_MAX, cubix_mpi_group()->comm);
    cubix_log_progress("basis", (round + 1.0) / job->n_round);
  }
done:
  return status;
}

/* ---- the search ------------------------------------------------------------------------------ */
/* One step.  @param[out] done  1: there is no need to try another; job->basis may be NULL where the
 * cache failed at the last moment */
static int try_step(struct job *job, double step, int *done, int *error)
{
  int status = CUBIX_OK;
  struct cubix_nodes nodes = cubix_basis_nodes(job->engine->reach, step);
  double worst = 0;
  const char *how = "in a sample of rows and channels";
  *done = 0;
  CUBIX_TRY(cubix_mpi_agree(cubix_basis_init(&job->basis, job->templates, &nodes,
                                             job->caching ? NULL : job->engine->used, job->engine->tolerance)));
  status = cubix_basis_screen(job->basis, job->rank, job->n_rank, job->limit, &worst);
  CUBIX_TRY(cubix_mpi_agree(status));
  worst = cubix_mpi_max(worst);
  if (worst <= job->limit) {
    how = "at least";
    if (job->caching && !root_says(job->rank != 0 || cubix_basis_file_fits(&job->file, job->basis))) *error = ENOSPC;
    else CUBIX_TRY(make_tiles(job, &worst, error));
  }
  if (*error) goto done;
  if (!(worst <= job->limit)) {
    cubix_log(CUBIX_LOG_DEBUG, "velocity step %g km/s: relative error %.2e %s, above %.2e", step, worst, how,
              job->limit);
    cubix_basis_free(job->basis);
    job->basis = NULL;
    goto done;
  }
  *done = 1;
  job->basis->certified = worst;
  if (job->caching) CUBIX_TRY(file_finish(job));
done:
  return status;
}

static int search(struct job *job)
{
  int status = CUBIX_OK, done = 0, error = 0;
  for (int s = 0; s < N_STEP && !done; s++) {
    CUBIX_TRY(try_step(job, steps[s], &done, &error));
    if (!error && !(done && !job->basis)) continue;
    /* the cache has failed: the same step without it */
    if (error && error != ENOSPC && job->rank == 0)
      cubix_log(CUBIX_LOG_WARNING, "TemplateCache = %s: %s; the run goes on without it", job->file.folder,
                strerror(error));
    cubix_basis_file_discard(&job->file);
    cubix_basis_free(job->basis);
    job->basis = NULL;
    job->caching = done = error = 0;
    s--;
  }
done:
  tiles_free(job);
  return status;
}

int cubix_mpi_basis_step(double *step, const struct cubix_templates *templates, const struct cubix_engine *engine)
{
  int status = CUBIX_OK;
  struct cubix_basis *basis = NULL;
  double worst = 1, limit = limit_of(engine);
  *step = 0;
  for (int s = 0; s < N_STEP && !*step; s++) {
    struct cubix_nodes nodes = cubix_basis_nodes(engine->reach, steps[s]);
    CUBIX_TRY(cubix_mpi_agree(cubix_basis_init(&basis, templates, &nodes, engine->used, engine->tolerance)));
    CUBIX_TRY(cubix_mpi_agree(cubix_basis_screen(basis, cubix_mpi_rank(), cubix_mpi_size(), limit, &worst)));
    if (cubix_mpi_max(worst) <= limit) *step = steps[s];
    cubix_basis_free(basis);
    basis = NULL;
  }
done:
  cubix_basis_free(basis);
  return status;
}

static void report(const struct job *job, double seconds)
{
  const struct cubix_basis *basis = job->basis;
  int unbounded = 0;
  if (!basis) {
    cubix_log(CUBIX_LOG_INFO,
              "templates: no velocity step down to %g km/s satisfies Tolerance = %g; stars are painted directly",
              steps[N_STEP - 1], job->engine->tolerance);
    return;
  }
  for (int k = 0; k < basis->n_lambda; k++) unbounded += basis->unbounded[k];
  cubix_log(CUBIX_LOG_INFO,
            "templates: %d at %d velocities of %g km/s to +-%g, certified to %.2e, %.0f MB, %s in %.2f s",
            basis->n_template, basis->nodes.n, basis->nodes.step, basis->nodes.reach, basis->certified,
            (double)basis->n_tile * (double)cubix_basis_tile_size(basis) * sizeof(float) / 1e6,
            basis->from_cache ? "from the cache"
            : *basis->cache   ? "built and cached"
                              : "built",
            seconds);
  if (*basis->cache) cubix_log(CUBIX_LOG_INFO, "templates: %s", basis->cache);
  if (basis->n_at_end)
    cubix_log(CUBIX_LOG_INFO,
              "templates: %d of %d channels see the end of the library, or of some of its templates, which are painted "
              "directly there",
              basis->n_at_end, basis->n_lambda);
  if (unbounded)
    cubix_log(CUBIX_LOG_INFO,
              "templates: in %d of %d channels some are almost dark, so that the relative error has no bound there",
              unbounded, basis->n_lambda);
}

int cubix_mpi_basis_build(struct cubix_basis **basis, const struct cubix_params *par,
                          const struct cubix_templates *templates, const struct cubix_engine *engine)
{
  int status = CUBIX_OK;
  struct job job = { templates,
                     engine,
                     cubix_mpi_rank(),
                     cubix_mpi_size(),
                     limit_of(engine),
                     NULL,
                     0,
                     { .folder = "" },
                     NULL,
                     0,
                     0,
                     0,
                     NULL,
                     NULL,
                     NULL };
  struct cubix_nodes nodes = { 0 };
  double begin = cubix_log_clock();
  *basis = NULL;
  if (templates->tables.pchip) {
    cubix_log(CUBIX_LOG_INFO, "templates: SspInterpolation pchip mixes rows of both signs, whose relative error has no "
                              "bound; stars are painted directly");
    goto done;
  }
  if (wanted(par)) {
    CUBIX_TRY(file_find(&job.file, par, templates, engine));
    if (file_look(&job.file, templates, &nodes)) {
      CUBIX_TRY(file_open(&job, &nodes));
      if (job.basis) job.basis->from_cache = 1;
    }
    if (!job.basis) file_begin(&job);
  }
  if (!job.basis) CUBIX_TRY(search(&job));
  report(&job, cubix_log_clock() - begin);
  *basis = job.basis;
  job.basis = NULL;
done:
  cubix_basis_file_discard(&job.file);
  cubix_basis_free(job.basis);
  return status;
}
