/* pipeline.c -- the stages, from a parameter file to the cube as the instrument saw it.
 *
 * A new value brings up to date what depends on it when it is put (chain_values.c).  Every forward
 * run makes what depends on where the stars are: placement, survey, histogram.  The templates on a
 * grid of velocities are made again only when rows, reach or library change.  Nothing is read
 * again, except the library when a new redshift, LSF or velocity needs wavelengths of it that were
 * not read.
 *
 * The first run freezes the centre and systemic velocity found from the stars, the disc's axes,
 * SelectRadius, the engine, and the owners of the channels. */
#include "mpi/pipeline/pipeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "fit/leaves.h"
#include "geometry/scene.h"
#include "histogram/basis.h"
#include "instrument/instrument.h"
#include "lines/line_paint.h"
#include "lines/lines.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/cores.h"
#include "mpi/comm/group.h"
#include "mpi/comm/stage.h"
#include "mpi/dust/columns.h"
#include "mpi/engine/audit.h"
#include "mpi/engine/cube_paint.h"
#include "mpi/engine/cube_reduce.h"
#include "mpi/engine/device_open.h"
#include "mpi/lines/sources.h"
#include "mpi/particles/gas.h"
#include "mpi/particles/particles.h"
#include "mpi/particles/screens.h"
#include "mpi/pipeline/memory_check.h"
#include "mpi/pipeline/pipeline_parts.h"
#include "observation/fibres.h"
#include "observation/psf.h"
#include "params/params.h"
#include "spectra/templates.h"

struct cubix_settings cubix_mpi_pipeline_enter(struct cubix_pipeline *pipe)
{
  struct cubix_settings before = { .group = NULL };
  if (pipe->own_group) cubix_mpi_settings_enter(&before, pipe->group, &pipe->warnings);
  else {
    cubix_mpi_group_use(pipe->group);
    cubix_log_collect(&pipe->warnings);
  }
  return before;
}

void cubix_mpi_pipeline_leave(const struct cubix_pipeline *pipe, const struct cubix_settings *before)
{
  if (pipe->own_group) cubix_mpi_settings_leave(before);
}

int cubix_mpi_pipeline_open(struct cubix_pipeline **out, const struct cubix_params *par,
                            const struct cubix_pipeline_use *use, struct cubix_stages *stages)
{
  int status = CUBIX_OK;
  struct cubix_pipeline *pipe = NULL;
  CUBIX_TRY(cubix_mpi_ready());
  CUBIX_MPI_ALLOC(pipe, 1);
  pipe->group = cubix_mpi_group();
  pipe->warnings = *cubix_log_warnings();
  (void)cubix_mpi_pipeline_enter(pipe);
  pipe->par = *par;
  pipe->use = *use;
  pipe->at_snapshot = isnan(par->Redshift);
  pipe->stages = stages;
  pipe->flux_scale = 1;
  if (use->kept) CUBIX_TRY(cubix_mpi_agree(cubix_mpi_kept_take(&pipe->spare, use->kept, &pipe->par)));
  cubix_params_warn_idle(&pipe->par);
  CUBIX_STAGE(stages, "instrument", cubix_pipeline_read_instrument(pipe));
  CUBIX_STAGE(stages, "size",       cubix_mpi_memory_check(&pipe->par, pipe->ins, NULL, NULL, NULL, NULL, NULL, 0));
  *out = pipe;
  pipe = NULL;
done:
  cubix_mpi_pipeline_close(pipe);
  return status;
}

int cubix_mpi_pipeline_open_on(struct cubix_pipeline **pipe, MPI_Comm comm, const struct cubix_params *par,
                               const struct cubix_pipeline_use *use, struct cubix_stages *stages)
{
  struct cubix_opening opening;
  int status = cubix_mpi_settings_open(&opening, comm);
  if (status) return status;
  status = cubix_mpi_pipeline_open(pipe, par, use, stages);
  cubix_mpi_settings_opened(&opening, status, status ? NULL : &(*pipe)->own_group);
  return status;
}

/* ---- stars and what is made for them --------------------------------------------------------- */

static int take_stars(struct cubix_pipeline *pipe, const struct cubix_slab *stars)
{
  int status = CUBIX_OK;
  if (stars) CUBIX_TRY(cubix_mpi_particles_hold(&pipe->particles, &pipe->par, stars));
  else CUBIX_TRY(cubix_mpi_particles_open(&pipe->particles, &pipe->par));
  if (!pipe->use.keep_stars) goto done;
  CUBIX_CHECK(
      pipe->particles->n_chunk == 1, CUBIX_EUSAGE,
      "derivatives need all stars in memory, and they take %zu chunks: raise SlabMemory (%g MB, %s) or use more ranks",
      pipe->particles->n_chunk, pipe->par.SlabMemory, cubix_params_origin(&pipe->par, "SlabMemory"));
  pipe->particles->keep = 1;
done:
  return status;
}

static int find_speed(struct cubix_pipeline *pipe)
{
  pipe->moved = 0;
  return cubix_mpi_particles_fastest(&pipe->v_max, pipe->particles, pipe->ins, &pipe->scene);
}

/* From the library's file; where that fails the templates in use stay. */
static int make_templates(struct cubix_pipeline *pipe)
{
  struct cubix_templates *templates =
      cubix_mpi_kept_templates(&pipe->spare, &pipe->par, pipe->ins, &pipe->scene, pipe->v_max);
  int status = CUBIX_OK;
  if (!templates)
    status = (pipe->use.keep_library ? cubix_templates_build_kept : cubix_templates_build)(
        &templates, &pipe->par, pipe->ins, &pipe->scene, pipe->v_max);
  status = cubix_mpi_agree(status);
  if (status) {
    cubix_templates_free(templates);
    return status;
  }
  cubix_templates_free(pipe->templates);
  pipe->templates = templates;
  pipe->rows_changed = 1;
  pipe->unread = 0;
  return CUBIX_OK;
}

static int open_device(struct cubix_pipeline *pipe)
{
  pipe->dev = pipe->spare.dev;
  pipe->spare.dev = NULL;
  return pipe->dev ? CUBIX_OK : cubix_mpi_device_open(&pipe->dev, &pipe->par);
}

/* The gas that dims and shines, in the frame of the stars. */
static int take_gas(struct cubix_pipeline *pipe, const struct cubix_slab *stars, const struct cubix_slab *gas)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = pipe->ins;
  CUBIX_MPI_CHECK(!stars || gas, CUBIX_EUSAGE,
                  "Dust = %s (%s) with Lines = %s needs gas, and stars were given as arrays without it: give gas, too, "
                  "on every rank, or set Dust none or screen, and Lines none or stars",
                  cubix_Dust_word[pipe->par.Dust], cubix_params_origin(&pipe->par, "Dust"),
                  cubix_Lines_word[pipe->par.Lines]);
  if (gas) CUBIX_TRY(cubix_mpi_gas_hold(&pipe->gas, &pipe->par, gas, pipe->particles, &pipe->frame));
  else CUBIX_TRY(cubix_mpi_gas_open(&pipe->gas, &pipe->par, pipe->particles, &pipe->frame));
  pipe->particles->gas = pipe->gas;
  cubix_mpi_gas_report(pipe->gas, &pipe->par,
                       fmin(ins->n_x * ins->pixel_x, ins->n_y * ins->pixel_y) * pipe->scene.kpc_per_arcsec);
done:
  return status;
}

int cubix_mpi_pipeline_load(struct cubix_pipeline *pipe, const struct cubix_slab *stars, const struct cubix_slab *gas)
{
  int status = CUBIX_OK;
  struct cubix_stages *stages = pipe->stages;
  const struct cubix_hooks *hooks = &pipe->hooks;
  const struct cubix_settings before = cubix_mpi_pipeline_enter(pipe);
  CUBIX_STAGE(stages, "read",      take_stars(pipe, stars));
  CUBIX_STAGE(stages, "frame",     cubix_mpi_particles_frame(pipe->particles, &pipe->frame));
  CUBIX_STAGE(stages, "scene",     cubix_pipeline_find_scene(pipe));
  if (cubix_mpi_gas_wanted(&pipe->par)) CUBIX_STAGE(stages, "gas", take_gas(pipe, stars, gas));
  pipe->particles->dusty = hooks->dust != NULL;
  if (hooks->stars)
    CUBIX_STAGE(stages, "host",
                cubix_mpi_pipeline_hook_check(hooks->stars(hooks->host, pipe->particles->slab), "stars"));
  CUBIX_STAGE(stages, "speeds",    find_speed(pipe));
  CUBIX_STAGE(stages, "templates", make_templates(pipe));
  CUBIX_STAGE(stages, "device",    open_device(pipe));
  CUBIX_STAGE(stages, "memory",
              cubix_mpi_memory_check(&pipe->par, pipe->ins, &pipe->scene, pipe->templates, pipe->particles,
                                     pipe->use.active, pipe->dev, pipe->use.dry_run));
  CUBIX_STAGE(stages, "maps",      cubix_cube_init(&pipe->cube, pipe->ins));
  if (pipe->ins->bundle)
    CUBIX_STAGE(stages, "bundle", cubix_fibres_open(&pipe->fibres, pipe->seen, pipe->par.Deposit));
done:
  cubix_mpi_pipeline_leave(pipe, &before);
  return status;
}

/* ---- the cube -------------------------------------------------------------------------------- */

/* Templates that reach as far as the stars' speeds ask. */
static int follow_speed(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  if (pipe->moved) CUBIX_TRY(find_speed(pipe));
  if (!pipe->unread && cubix_templates_reaches(pipe->templates, pipe->ins, &pipe->scene, pipe->v_max)) goto done;
  CUBIX_CHECK(!pipe->use.active || !pipe->use.active[CUBIX_LEAF_Luminosity], CUBIX_EUSAGE,
              "stars of up to %g km/s need more wavelengths of %s than were read, and with "
              "Luminosity active the library stays as it is: open again with these velocities",
              pipe->v_max, pipe->par.SspFile);
  CUBIX_TRY(make_templates(pipe));
done:
  return status;
}

static int empty_sums(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  struct cubix_sums *sums = &pipe->cube->sums;
  const double n_v = cubix_losvd_bins(&pipe->par);
  CUBIX_TRY(cubix_sums_init(sums, pipe->ins->n_x, pipe->ins->n_y, pipe->ins->margin));
  if (pipe->par.Dust != CUBIX_Dust_none) CUBIX_TRY(cubix_sums_dust(sums));
  if (n_v > 0) CUBIX_TRY(cubix_sums_losvd(sums, (int)n_v, pipe->par.Losvd));
  if (pipe->lines) CUBIX_TRY(cubix_sums_add_gas(sums, pipe->lines->n + CUBIX_N_GAS_MAP));
done:
  return status;
}

static void drop_columns(struct cubix_pipeline *pipe)
{
  if (pipe->particles) pipe->particles->columns = NULL;
  cubix_mpi_columns_close(pipe->columns);
  pipe->columns = NULL;
}

/* The dust in front of the stars, where they and the gas are now; and in front of the gas, where it shines. */
static int find_columns(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  struct cubix_slab *gas = pipe->gas;
  drop_columns(pipe);
  CUBIX_TRY(cubix_mpi_columns_open(&pipe->columns, gas->position, gas->smoothing_length, gas->dust, gas->n));
  cubix_mpi_columns_use(pipe->columns, pipe->dev);
  CUBIX_TRY(cubix_mpi_screens_begin(pipe->particles, pipe->columns));
  if (pipe->par.Lines == CUBIX_Lines_none) goto done;
  if (!gas->screen) CUBIX_MPI_ALLOC(gas->screen, gas->n);
  CUBIX_TRY(cubix_mpi_columns_screen(pipe->columns, gas->position, gas->n, gas->screen));
done:
  return status;
}

static void drop_sources(struct cubix_pipeline *pipe)
{
  cubix_placement_free(pipe->sources);
  cubix_slab_free(pipe->shining);
  free(pipe->shining_of);
  pipe->sources = NULL;
  pipe->shining = NULL;
  pipe->shining_of = NULL;
}

static int find_lines(struct cubix_pipeline *pipe)
{
  if (pipe->lines) return cubix_lines_renew(pipe->lines, &pipe->par, pipe->ins, &pipe->scene, pipe->v_sources);
  if (pipe->dev->ops->locked_bytes)
    cubix_log(CUBIX_LOG_INFO, "emission lines: painted by the host's cores, not by the GPU");
  return cubix_lines_open(&pipe->lines, &pipe->par, pipe->ins, &pipe->scene, pipe->v_sources);
}

/* Whether lines change with the metals of the gas, where that is asked for and nothing else does. */
static int check_metals(const struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  const struct cubix_line_sources *c = &pipe->lines->sources;
  CUBIX_CHECK(!pipe->use.active || !pipe->use.active[CUBIX_LEAF_GasMetallicity] || pipe->par.Dust == CUBIX_Dust_gas ||
                  !c->n || c->n_by_oxygen < c->n,
              CUBIX_EUSAGE,
              "nothing changes with GasMetallicity: lines follow the oxygen of the gas, which %s has, and LineFile %s "
              "says what that is in the sun",
              pipe->par.InputFile, pipe->par.LineFile);
done:
  return status;
}

/* The emission lines in the band, and their sources in the spaxels. */
static int take_lines(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  struct cubix_slab *sources = NULL;
  const int keep = pipe->use.keep_stars;
  const struct cubix_tables *tables = &pipe->templates->tables;
  drop_sources(pipe);
  CUBIX_TRY(cubix_mpi_line_sources(&sources, keep ? &pipe->shining_of : NULL, &pipe->v_sources, &pipe->par, pipe->gas,
                                   pipe->particles));
  CUBIX_TRY(cubix_mpi_agree(find_lines(pipe)));
  if (pipe->columns && !sources->screen) {
    CUBIX_MPI_ALLOC(sources->screen, sources->n);
    CUBIX_TRY(cubix_mpi_columns_screen(pipe->columns, sources->position, sources->n, sources->screen));
  }
  cubix_mpi_line_count(pipe->lines, sources, tables);
  CUBIX_TRY(check_metals(pipe));
  const struct cubix_tables places = cubix_lines_tables(pipe->lines, tables);
  CUBIX_TRY(cubix_mpi_agree(cubix_placement_build(&pipe->sources, NULL, &places, sources, keep)));
  pipe->line_scale = pipe->flux_scale * pipe->scene.flux_scale / pipe->ins->lambda_step;
  if (!keep) goto done;
  pipe->shining = sources;
  sources = NULL;
done:
  cubix_slab_free(sources);
  return status;
}

/* An empty cube, and the stars in its spaxels. */
static int place(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  struct cubix_cube *cube = pipe->cube;
  struct cubix_tables *tables = &pipe->templates->tables;
  tables->star_scale = pipe->flux_scale * tables->light_scale / pipe->ins->lambda_step;
  cube->margin = pipe->ins->margin;
  cube->n_x = tables->n_x;
  cube->n_y = tables->n_y;
  cube->v_max = 0;
  memset(cube->budget, 0, sizeof cube->budget);
  CUBIX_TRY(cubix_mpi_agree(empty_sums(pipe)));
  CUBIX_TRY(cubix_mpi_particles_place(pipe->particles, cube, tables));
done:
  return status;
}

/* A cube of the painted field for the channels that this rank owns, all zero. */
static int hold(const struct cubix_pipeline *pipe, struct cubix_cube **cube)
{
  int status = CUBIX_OK, rank = pipe->group->rank;
  const int *first = pipe->engine->lambda_first;
  if (!*cube) CUBIX_ALLOC(*cube, 1);
  (*cube)->margin = 0;
  (*cube)->n_x = pipe->ins->n_x;
  (*cube)->n_y = pipe->ins->n_y;
  CUBIX_TRY(cubix_cube_hold(*cube, first[rank], first[rank + 1] - first[rank]));
done:
  return status;
}

/* Light of the host's own, in channels each over its own width.  After the sum with Combine cube rank 0 works alone,
 * and where nothing else follows it may have all cores. */
static int add_light(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  const struct cubix_hooks *hooks = &pipe->hooks;
  if (pipe->engine->combine == CUBIX_COMBINE_CUBE && !pipe->use.keep_stars) cubix_mpi_take_cores();
  cubix_cube_rescale(pipe->cube, pipe->ins);
  if (hooks->light) CUBIX_STAGE(pipe->stages, "host", cubix_pipeline_host_light(pipe));
  if (hooks->painted)
    CUBIX_STAGE(pipe->stages, "host",
                cubix_mpi_pipeline_hook_check(hooks->painted(hooks->host, pipe->cube), "the painted cube"));
done:
  return status;
}

/* Through a screen of dust, and through the PSF. */
static int convolve(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  struct cubix_cube *cube = pipe->cube;
  cubix_cube_dim(cube, &pipe->templates->tables);
  if (!pipe->use.keep_painted) return cubix_psf_apply(pipe->ins, cube, &pipe->psf);
  if (!pipe->painted) CUBIX_ALLOC(pipe->painted, 1);
  free(pipe->painted->flux);
  *pipe->painted = (struct cubix_cube){ .n_x = cube->n_x,
                                        .n_y = cube->n_y,
                                        .margin = cube->margin,
                                        .lambda_first = cube->lambda_first,
                                        .n_lambda = cube->n_lambda,
                                        .flux = cube->flux };
  cube->flux = NULL;
  CUBIX_TRY(hold(pipe, &pipe->cube));
  CUBIX_TRY(cubix_psf_apply_to(pipe->ins, pipe->painted, cube, &pipe->psf));
done:
  return status;
}

/* Where the stars are, and how to paint them. */
static int survey(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK;
  struct cubix_stages *stages = pipe->stages;
  CUBIX_STAGE(stages, "speeds",  follow_speed(pipe));
  if (pipe->par.Dust == CUBIX_Dust_gas)
    CUBIX_STAGE(stages, "columns", find_columns(pipe));
  if (pipe->hooks.dust) CUBIX_STAGE(stages, "host", cubix_pipeline_host_dust(pipe));
  if (pipe->hooks.light) CUBIX_STAGE(stages, "host", cubix_pipeline_host_note(pipe));
  if (pipe->par.Lines != CUBIX_Lines_none)
    CUBIX_STAGE(stages, "lines", take_lines(pipe));
  CUBIX_STAGE(stages, "place",   place(pipe));
  CUBIX_STAGE(stages, "engine",  cubix_pipeline_choose_engine(pipe));
done:
  return status;
}

int cubix_mpi_pipeline_survey(struct cubix_pipeline *pipe)
{
  const struct cubix_settings before = cubix_mpi_pipeline_enter(pipe);
  int status = survey(pipe);
  if (!status) cubix_mpi_light_sum(pipe->cube);
  if (!status) status = cubix_pipeline_tell_cache(pipe);
  cubix_mpi_pipeline_leave(pipe, &before);
  return status;
}

int cubix_mpi_pipeline_forward(struct cubix_pipeline *pipe)
{
  int status = CUBIX_OK, check = !pipe->use.keep_stars;   /* evidence is collected where stars pass once */
  struct cubix_stages *stages = pipe->stages;
  const struct cubix_hooks *hooks = &pipe->hooks;
  const struct cubix_settings before = cubix_mpi_pipeline_enter(pipe);
  pipe->made = 0;
  CUBIX_TRY(survey(pipe));
  CUBIX_STAGE(stages, "basis",   cubix_pipeline_prepare_basis(pipe));
  const struct cubix_line_light light = { pipe->lines, pipe->sources, pipe->line_scale, pipe->v_sources };
  if (check)
    CUBIX_STAGE(stages, "draw",
                cubix_mpi_audit_draw(&pipe->audit, &pipe->par, pipe->basis, pipe->templates, pipe->particles->survey,
                                     pipe->lines ? &light : NULL));
  CUBIX_STAGE(stages, "paint",
              cubix_mpi_cube_paint(pipe->cube, &pipe->audit, pipe->engine, pipe->basis, pipe->templates,
                                   pipe->particles, pipe->lines ? &light : NULL, pipe->dev));
  if (check) drop_sources(pipe);
  if (check) drop_columns(pipe);
  CUBIX_STAGE(stages, "sum",     cubix_mpi_cube_sum(pipe->cube, pipe->engine));
  if (check)
    CUBIX_STAGE(stages, "audit",
                cubix_mpi_audit_judge(&pipe->audit, pipe->engine, pipe->basis, pipe->templates, pipe->cube));
  CUBIX_STAGE(stages, "check",   cubix_cube_check(pipe->cube, &pipe->par));
  CUBIX_TRY(add_light(pipe));
  CUBIX_STAGE(stages, "psf",     convolve(pipe));
  if (pipe->fibres) CUBIX_STAGE(stages, "fibres", cubix_fibres_apply(pipe->fibres, pipe->cube));
  if (hooks->observed)
    CUBIX_STAGE(stages, "host",
                cubix_mpi_pipeline_hook_check(hooks->observed(hooks->host, pipe->cube), "the observed cube"));
  pipe->made = 1;
done:
  cubix_mpi_pipeline_leave(pipe, &before);
  return status;
}

void cubix_mpi_pipeline_result(struct cubix_result *result, const struct cubix_pipeline *pipe)
{
  *result = (struct cubix_result){ .par = &pipe->par,
                                   .ins = pipe->seen,
                                   .painted = pipe->ins,
                                   .fibres = pipe->fibres,
                                   .slab = pipe->particles->slab,
                                   .frame = &pipe->frame,
                                   .scene = &pipe->scene,
                                   .templates = pipe->templates,
                                   .cube = pipe->cube,
                                   .engine = pipe->engine,
                                   .basis = pipe->basis,
                                   .lines = pipe->lines,
                                   .audit = &pipe->audit,
                                   .device = pipe->dev->description,
                                   .n_rank = pipe->group->size };
}

/* For the next pipeline: of the prepared templates those that hold all rows. */
static void leave(struct cubix_pipeline *pipe)
{
  struct cubix_basis **basis = pipe->basis && *pipe->basis->cache ? &pipe->basis : NULL;
  if (pipe->dev && pipe->dev->ops->keep) (void)pipe->dev->ops->keep(pipe->dev, NULL);
  cubix_psf_plan_free(pipe->spare.psf);
  pipe->spare.psf = pipe->psf;
  pipe->psf = NULL;
  cubix_mpi_kept_put(pipe->use.kept, &pipe->spare, &pipe->ins, &pipe->templates, basis, &pipe->dev);
}

void cubix_mpi_pipeline_close(struct cubix_pipeline *pipe)
{
  if (!pipe) return;
  if (cubix_log_warnings() == &pipe->warnings) cubix_log_collect(NULL);
  cubix_fibres_free(pipe->fibres);
  if (pipe->seen != pipe->ins) cubix_instrument_free(pipe->seen);
  if (pipe->use.kept) leave(pipe);
  cubix_psf_plan_free(pipe->psf);
  cubix_pipeline_drop_engine(pipe);
  cubix_cube_free(pipe->painted);
  cubix_cube_free(pipe->cube);
  cubix_device_close(pipe->dev);
  cubix_templates_free(pipe->templates);
  drop_columns(pipe);
  cubix_slab_free(pipe->gas);
  cubix_mpi_particles_close(pipe->particles);
  cubix_lines_free(pipe->lines);
  drop_sources(pipe);
  free(pipe->place);
  cubix_instrument_free(pipe->ins);
  cubix_mpi_settings_close(pipe->own_group);
  free(pipe);
}
