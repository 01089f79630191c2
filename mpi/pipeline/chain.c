/* chain.c -- the pipeline held open: stars, instrument, model and processor stay, values change, the cube is made again.
 *
 * What a new value touches is brought up to date when it is put: stars are kept in the sky frame, so that a new centre or angle moves them; a new redshift or
 * LSF makes the templates' rows anew, from the library in memory.  What depends on where the stars are (placement, survey, blocks of the histogram) is made
 * by the next forward run; prepared templates only when rows, reach or library change.  Nothing is read again, but for the library where a new
 * redshift, LSF or velocity asks for wavelengths of it that were not read.
 *
 * Frozen: the centre and systemic velocity that were found from the stars, the disc's axes, SelectRadius.                                               */
#include "mpi/pipeline/chain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/pipeline/chain_parts.h"
#include "observation/psf.h"
#include "physics/constants.h"

const char *cubix_chain_idle(const struct cubix_params *par, enum cubix_leaf leaf)
{
  int angles = !strcmp(par->Orientation, "angles"), disc = !angles && strcmp(par->Orientation, "none") != 0;
  int gaussian = !strcmp(par->Deposit, "gaussian"), moffat = !strcmp(par->Psf, "moffat");
  switch (leaf) {
    case CUBIX_LEAF_SmoothingLength: return gaussian && !(par->DepositLength > 0) ? NULL : "it belongs to Deposit gaussian with DepositLength 0";
    case CUBIX_LEAF_DepositLength: return gaussian && par->DepositLength > 0 ? NULL : "it belongs to Deposit gaussian with DepositLength > 0";
    case CUBIX_LEAF_Alpha: case CUBIX_LEAF_Beta: case CUBIX_LEAF_Gamma: return angles ? NULL : "it belongs to Orientation angles";
    case CUBIX_LEAF_Inclination: return !strcmp(par->Orientation, "inclined") ? NULL : "it belongs to Orientation inclined";
    case CUBIX_LEAF_PositionAngle: return disc ? NULL : "it belongs to Orientation faceon, edgeon or inclined";
    case CUBIX_LEAF_Distance: return par->Distance > 0 ? NULL : "Distance is 0, so that it follows from Redshift; give Distance, or ask for Redshift";
    case CUBIX_LEAF_PsfFwhm: return moffat || !strcmp(par->Psf, "gaussian") ? NULL : "it belongs to Psf gaussian or moffat";
    case CUBIX_LEAF_PsfBeta: return moffat ? NULL : "it belongs to Psf moffat";
    case CUBIX_LEAF_LsfFwhm: return !strcmp(par->Lsf, "gaussian") ? NULL : "it belongs to Lsf gaussian";
    default: return NULL;
  }
}

/* Why nothing has a derivative with a leaf, NULL where something has. */
static const char *flat(const struct cubix_params *par, enum cubix_leaf leaf)
{
  switch (leaf) {
    case CUBIX_LEAF_Position: case CUBIX_LEAF_Centre: case CUBIX_LEAF_PointingX: case CUBIX_LEAF_PointingY: case CUBIX_LEAF_Roll:
      return strcmp(par->Deposit, "nearest") != 0 ? NULL : "with Deposit nearest light does not change with the place; choose cic, tsc or gaussian";
    default: return cubix_chain_idle(par, leaf);
  }
}

/* With Deposit nearest what turns or scales the sky has part of its derivative only. */
static void warn_nearest(const struct cubix_params *par, const unsigned char active[CUBIX_N_LEAF])
{
  static const enum cubix_leaf moves[] = { CUBIX_LEAF_Alpha, CUBIX_LEAF_Beta, CUBIX_LEAF_Gamma, CUBIX_LEAF_Inclination, CUBIX_LEAF_PositionAngle, CUBIX_LEAF_Redshift, CUBIX_LEAF_Distance };
  for (size_t i = 0; i < sizeof moves / sizeof moves[0] && !strcmp(par->Deposit, "nearest"); i++)
    if (active[moves[i]])
      cubix_log(CUBIX_LOG_WARNING, "with Deposit nearest the derivative by %s knows of velocities and fluxes alone, not of stars that move across the field: no fit will find it; choose Deposit tsc",
                cubix_leaf_info(moves[i])->name);
}

static int check_active(const struct cubix_params *par, const unsigned char active[CUBIX_N_LEAF], const struct cubix_slab *stars)
{
  int status = CUBIX_OK;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const char *why = active[leaf] ? flat(par, (enum cubix_leaf)leaf) : NULL;
    CUBIX_CHECK(!why, CUBIX_EUSAGE, "nothing changes with %s: %s", cubix_leaf_info((enum cubix_leaf)leaf)->name, why);
  }
  warn_nearest(par, active);
  CUBIX_CHECK(!stars || !(par->SelectRadius > 0), CUBIX_EUSAGE, "SelectRadius = %g (%s) is for files; of the caller's own stars all count: give those that shall, and SelectRadius 0",
              par->SelectRadius, cubix_params_origin(par, "SelectRadius"));
  CUBIX_CHECK(!stars || !stars->n || stars->smoothing_length || cubix_chain_idle(par, CUBIX_LEAF_SmoothingLength), CUBIX_EUSAGE,
              "the stars have no smoothing lengths, which Deposit gaussian (%s) takes where DepositLength is 0: give them, or a DepositLength in kpc, or another Deposit",
              cubix_params_origin(par, "Deposit"));
  CUBIX_CHECK(!stars || !stars->n || stars->potential || !par->Centre.word || strcmp(par->Centre.word, "potential"), CUBIX_EUSAGE,
              "the stars have no potential, in which Centre potential (%s) looks for the centre: give Centre three numbers, or median or auto", cubix_params_origin(par, "Centre"));
done:
  return status;
}

static int get_stars(struct cubix_chain *chain, const struct cubix_slab *stars)
{
  int status = CUBIX_OK;
  if (stars) CUBIX_TRY(cubix_mpi_crowd_hold(&chain->crowd, &chain->par, stars));
  else CUBIX_TRY(cubix_mpi_crowd_open(&chain->crowd, &chain->par));
  CUBIX_CHECK(chain->crowd->n_chunk == 1, CUBIX_EUSAGE, "derivatives need all stars in memory, and they take %zu chunks: raise SlabMemory (%g MB, %s) or use more ranks",
              chain->crowd->n_chunk, chain->par.SlabMemory, cubix_params_origin(&chain->par, "SlabMemory"));
  chain->crowd->keep = 1;
done:
  return status;
}

/* A new one, from the library's file; where that fails the old one stays. */
static int make_model(struct cubix_chain *chain)
{
  struct cubix_model *mod = NULL;
  double v_max;
  int status = CUBIX_OK, keep = chain->active[CUBIX_LEAF_Luminosity] || chain->active[CUBIX_LEAF_LsfFwhm] || chain->active[CUBIX_LEAF_Redshift];
  CUBIX_TRY(cubix_mpi_crowd_fastest(&v_max, chain->crowd, chain->ins, &chain->scene));
  CUBIX_TRY(cubix_mpi_agree((keep ? cubix_model_build_kept : cubix_model_build)(&mod, &chain->par, chain->ins, &chain->scene, v_max)));
  cubix_model_free(chain->mod);
  chain->mod = mod;
  mod = NULL;
  chain->rows_changed = 1;
  chain->unread = 0;
done:
  cubix_model_free(mod);
  return status;
}

int cubix_mpi_chain_memory(const struct cubix_chain *chain, int say)
{
  return cubix_mpi_memory_check(&chain->par, chain->ins, &chain->scene, chain->mod, chain->crowd, chain->active, chain->dev, say);
}

int cubix_mpi_chain_open(struct cubix_chain **out, const struct cubix_params *par, const struct cubix_slab *stars, const unsigned char active[CUBIX_N_LEAF])
{
  int status = CUBIX_OK;
  struct cubix_chain *chain = cubix_alloc(1, sizeof *chain);
  CUBIX_TRY(cubix_mpi_agree(chain ? CUBIX_OK : cubix_error_set(CUBIX_ENOMEM, __func__, __FILE__, __LINE__, "cannot allocate %zu bytes", sizeof *chain)));
  chain->par = *par;
  chain->mass_scale = chain->flux_scale = 1;
  memcpy(chain->active, active, CUBIX_N_LEAF);
  CUBIX_TRY(cubix_mpi_agree(check_active(par, active, stars)));
  CUBIX_TRY(cubix_mpi_agree(cubix_instrument_read(&chain->ins, &chain->par)));
  CUBIX_TRY(cubix_mpi_memory_check(&chain->par, chain->ins, NULL, NULL, NULL, NULL, NULL, 0));
  CUBIX_TRY(get_stars(chain, stars));
  CUBIX_TRY(cubix_mpi_crowd_frame(chain->crowd, &chain->frame));
  CUBIX_TRY(cubix_mpi_agree(cubix_scene_init(&chain->scene, &chain->par, &chain->crowd->slab->snapshot)));
  CUBIX_TRY(make_model(chain));
  CUBIX_TRY(cubix_mpi_device_open(&chain->dev, &chain->par));
  CUBIX_TRY(cubix_mpi_chain_memory(chain, 0));
  CUBIX_TRY(cubix_mpi_agree(cubix_cube_init(&chain->cube, chain->ins)));
  *out = chain;
  chain = NULL;
done:
  cubix_mpi_chain_close(chain);
  return status;
}

/* ---- forward -------------------------------------------------------------------------------------------------------------- */
/* What the engine knows of the stars, where it was chosen before.  @return 0: it has to be made again */
static int engine_serves(struct cubix_chain *chain)
{
  struct cubix_engine *engine = chain->engine;
  const struct cubix_survey *survey = chain->crowd->survey;
  int reach = 0;
  if (!engine) return 0;
  if (engine->method == CUBIX_DIRECT) return 1;
  if (chain->rows_changed) return 0;
  for (int r = 0; r < engine->n_row; r++)
    if (survey->used[r] && !engine->used[r]) return 0;
  while (reach < CUBIX_N_REACH - 1 && cubix_engine_reach(reach) < engine->reach) reach++;
  engine->n_beyond = survey->beyond[reach];
  return engine->n_beyond <= 1000;
}

static void drop_engine(struct cubix_chain *chain)
{
  if (chain->dev && chain->dev->ops->keep) (void)chain->dev->ops->keep(chain->dev, NULL);
  cubix_basis_free(chain->basis);
  cubix_engine_free(chain->engine);
  cubix_histogram_free(chain->cover);
  chain->basis = NULL;
  chain->engine = NULL;
  chain->cover = NULL;
}

/* The engine for the stars as they are.  One that was chosen before is kept to, and who owns which channels with it: callers hold cubes of that shape. */
static int prepare(struct cubix_chain *chain)
{
  int status = CUBIX_OK;
  struct cubix_params par = chain->par;
  struct cubix_survey *survey = chain->crowd->survey;
  cubix_histogram_free(chain->cover);
  chain->cover = NULL;
  if (engine_serves(chain)) return CUBIX_OK;
  for (int r = 0; chain->engine && r < chain->engine->n_row; r++) survey->used[r] |= chain->engine->used[r];   /* stars come back to where they were */
  if (chain->engine) {
    par.Engine = "histogram";
    par.Combine = chain->engine->combine == CUBIX_COMBINE_CUBE ? "cube" : "histogram";
  }
  drop_engine(chain);
  CUBIX_TRY(cubix_mpi_engine_choose(&chain->engine, &par, chain->mod, survey, &chain->dev->rates));
  CUBIX_TRY(cubix_mpi_engine_prepare(chain->engine, &chain->basis, chain->dev, &chain->par, chain->mod));
  chain->rows_changed = 0;
done:
  return status;
}

/* A cube of the field for the channels that this rank owns, all zero. */
int cubix_chain_hold_owned(const struct cubix_chain *chain, struct cubix_cube **cube)
{
  int status = CUBIX_OK, rank = cubix_mpi_rank();
  const int *first = chain->engine->lambda_first;
  struct cubix_chain_piece all = { rank, first[rank], first[rank + 1] - first[rank] };
  if (!*cube) CUBIX_ALLOC(*cube, 1);
  CUBIX_TRY(cubix_chain_hold(chain, *cube, &all, 0));
done:
  return status;
}

/* Through the PSF; where that has derivatives, what was painted stays. */
static int observe(struct cubix_chain *chain)
{
  int status = CUBIX_OK;
  struct cubix_cube *cube = chain->cube;
  if (!chain->active[CUBIX_LEAF_PsfFwhm] && !chain->active[CUBIX_LEAF_PsfBeta]) return cubix_psf_apply(chain->ins, cube);
  if (!chain->painted) CUBIX_ALLOC(chain->painted, 1);
  free(chain->painted->flux);
  *chain->painted = (struct cubix_cube){ .n_x = cube->n_x, .n_y = cube->n_y, .margin = cube->margin, .lambda_first = cube->lambda_first, .n_lambda = cube->n_lambda, .flux = cube->flux };
  cube->flux = NULL;
  CUBIX_TRY(cubix_chain_hold_owned(chain, &chain->cube));
  CUBIX_TRY(cubix_psf_apply_to(chain->ins, chain->painted, cube));
done:
  return status;
}

int cubix_mpi_chain_forward(struct cubix_chain *chain, const struct cubix_cube **cube)
{
  int status = CUBIX_OK;
  struct cubix_cube *c = chain->cube;
  size_t n_field = (size_t)chain->ins->n_x * (size_t)chain->ins->n_y;
  double v_max;
  chain->fresh = 0;
  CUBIX_TRY(cubix_mpi_crowd_fastest(&v_max, chain->crowd, chain->ins, &chain->scene));
  if (chain->unread || !cubix_model_reaches(chain->mod, chain->ins, &chain->scene, v_max)) {
    CUBIX_CHECK(!chain->active[CUBIX_LEAF_Luminosity], CUBIX_EUSAGE, "stars of up to %g km/s need more wavelengths of %s than were read, and with Luminosity active the library stays "
                "as it is: open again with these velocities", v_max, chain->par.SspFile);
    CUBIX_TRY(make_model(chain));
  }
  struct cubix_view *view = &chain->mod->view;
  view->star_scale = chain->flux_scale * view->light_scale / chain->ins->lambda_step;
  c->margin = chain->ins->margin;
  c->n_x = view->n_x;
  c->n_y = view->n_y;
  c->v_max = 0;
  memset(c->budget, 0, sizeof c->budget);
  for (int m = 0; m < CUBIX_N_MAP; m++) memset(c->map[m], 0, n_field * sizeof *c->map[m]);
  CUBIX_TRY(cubix_mpi_crowd_place(chain->crowd, c, view));
  CUBIX_TRY(prepare(chain));
  CUBIX_TRY(cubix_mpi_cube_paint(c, &chain->audit, chain->engine, chain->basis, chain->mod, chain->crowd, chain->dev));
  CUBIX_TRY(cubix_mpi_cube_sum(c, chain->engine));
  CUBIX_TRY(cubix_mpi_agree(cubix_cube_check(c, &chain->par)));
  CUBIX_TRY(cubix_mpi_agree(observe(chain)));
  chain->fresh = 1;
  *cube = c;
done:
  return status;
}

void cubix_mpi_chain_light(const struct cubix_chain *chain, double *light)
{
  const struct cubix_placement *p = chain->crowd->placement;
  const struct cubix_view *view = &chain->mod->view;
  const size_t n = p ? p->start[p->n_spaxel] : 0;
  memset(light, 0, chain->crowd->slab->n * sizeof *light);
  for (size_t i = 0; i < n; i++) {
    struct cubix_mix mix;
    cubix_mix_of(view, &p->star[i], &mix);
    light[p->source[i]] += p->star[i].mass_formed * cubix_mix_light(view, &mix) * view->light_scale;
  }
}

void cubix_mpi_chain_result(struct cubix_result *result, const struct cubix_chain *chain)
{
  *result = (struct cubix_result){ .par = &chain->par, .ins = chain->ins, .slab = chain->crowd->slab, .frame = &chain->frame, .scene = &chain->scene, .mod = chain->mod,
                                   .cube = chain->cube, .engine = chain->engine, .basis = chain->basis, .audit = &chain->audit, .device = chain->dev->description,
                                   .n_rank = cubix_mpi_size() };
}

void cubix_mpi_chain_close(struct cubix_chain *chain)
{
  if (!chain) return;
  drop_engine(chain);
  cubix_cube_free(chain->painted);
  cubix_cube_free(chain->cube);
  cubix_cube_free(chain->cube_dot);
  cubix_device_close(chain->dev);
  cubix_model_free(chain->mod);
  cubix_mpi_crowd_close(chain->crowd);
  cubix_instrument_free(chain->ins);
  free(chain);
}
