/* chain.c -- a pipeline held open: its stars stay, values change, the cube is made again, and can
 * be differentiated.
 *
 * Stars are kept in the sky frame, so that a new centre or angle moves them (chain_values.c).  A
 * new redshift or LSF makes the templates' rows again, from the library in memory. */
#include "mpi/pipeline/chain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "cube/cube.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "fit/leaves.h"
#include "geometry/scene.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"
#include "instrument/instrument.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/settings.h"
#include "mpi/engine/cube_paint.h"
#include "mpi/engine/cube_reduce.h"
#include "mpi/engine/device_open.h"
#include "mpi/engine/engine.h"
#include "mpi/particles/particles.h"
#include "mpi/particles/star_check.h"
#include "mpi/pipeline/chain_parts.h"
#include "mpi/pipeline/memory_check.h"
#include "mpi/pipeline/pipeline.h"
#include "observation/psf.h"
#include "params/params.h"
#include "physics/constants.h"
#include "spectra/templates.h"

/* Whether light does not change with a leaf because it stays in its spaxel. */
static int stays(const struct cubix_params *par, enum cubix_leaf leaf)
{
  /* more dust or less */
  const int behind = par->Dust == CUBIX_Dust_gas && (leaf == CUBIX_LEAF_Position || leaf == CUBIX_LEAF_GasPosition);
  return par->Deposit == CUBIX_Deposit_nearest && !behind &&
         (leaf == CUBIX_LEAF_Position || leaf == CUBIX_LEAF_GasPosition || leaf == CUBIX_LEAF_Centre ||
          leaf == CUBIX_LEAF_PointingX || leaf == CUBIX_LEAF_PointingY || leaf == CUBIX_LEAF_Roll);
}

/* With Deposit nearest what turns or scales the sky has part of its derivative only. */
static void warn_nearest(const struct cubix_params *par, const unsigned char active[CUBIX_N_LEAF])
{
  static const enum cubix_leaf moves[] = { CUBIX_LEAF_Position,    CUBIX_LEAF_Alpha,         CUBIX_LEAF_Beta,
                                           CUBIX_LEAF_Gamma,       CUBIX_LEAF_Inclination,   CUBIX_LEAF_PositionAngle,
                                           CUBIX_LEAF_Redshift,    CUBIX_LEAF_Distance,      CUBIX_LEAF_GasPosition };
  for (size_t i = 0; i < sizeof moves / sizeof moves[0] && par->Deposit == CUBIX_Deposit_nearest; i++) {
    const int gas = moves[i] == CUBIX_LEAF_GasPosition;
    if (active[moves[i]] && (!gas || par->Lines == CUBIX_Lines_sfr))
      cubix_log(CUBIX_LOG_WARNING,
                "with Deposit nearest the derivative with respect to %s takes account of velocities, dust and fluxes, "
                "but not of %s that move across the field: no fit will find it; choose Deposit tsc",
                cubix_leaf_info(moves[i])->name, gas ? "lines" : "stars");
  }
}

/* Its square widens lines. */
static void warn_still(const struct cubix_params *par, const unsigned char active[CUBIX_N_LEAF])
{
  if (active[CUBIX_LEAF_LineTurbulence] && par->LineTurbulence == 0)
    cubix_log(CUBIX_LOG_WARNING,
              "LineTurbulence = 0 (%s): lines are widened by its square, so the derivative is 0 there, and no fit "
              "leaves it: start above 0",
              cubix_params_origin(par, "LineTurbulence"));
}

static int check_active(const struct cubix_params *par, const unsigned char active[CUBIX_N_LEAF],
                        const struct cubix_slab *stars)
{
  int status = CUBIX_OK;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const char *name = cubix_leaf_info((enum cubix_leaf)leaf)->name;
    const char *unmet = active[leaf] ? cubix_leaf_unmet(par, (enum cubix_leaf)leaf) : NULL;
    CUBIX_CHECK(!unmet, CUBIX_EUSAGE, "nothing changes with %s: it belongs to %s", name, unmet);
    CUBIX_CHECK(!active[leaf] || !stays(par, (enum cubix_leaf)leaf), CUBIX_EUSAGE,
                "nothing changes with %s: with Deposit nearest the cube does not change with positions; choose "
                "another, like tsc",
                name);
    CUBIX_CHECK(!active[leaf] || !(par->ResampleYoung > 0) ||
                    cubix_leaf_info((enum cubix_leaf)leaf)->of != CUBIX_OF_STAR,
                CUBIX_EUSAGE,
                "there is no derivative with respect to %s of the file's stars: ResampleYoung = %g Msun (%s) replaces "
                "young ones; set it to 0, or vary only what belongs to the whole galaxy",
                name, par->ResampleYoung, cubix_params_origin(par, "ResampleYoung"));
  }
  warn_nearest(par, active);
  warn_still(par, active);
  if (stars) CUBIX_TRY(cubix_stars_given_check(par, stars));
done:
  return status;
}

/* What only the gas itself can tell. */
static int check_gas(const struct cubix_chain *chain)
{
  int status = CUBIX_OK;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    if (chain->active[leaf]) CUBIX_TRY(cubix_chain_weight_check(chain, (enum cubix_leaf)leaf));
done:
  return status;
}

int cubix_mpi_chain_open(struct cubix_chain **out, const struct cubix_params *par, const struct cubix_slab *stars,
                         const struct cubix_slab *gas, const unsigned char active[CUBIX_N_LEAF], int dry_run)
{
  int status = CUBIX_OK;
  struct cubix_chain *chain = NULL;
  CUBIX_TRY(cubix_mpi_ready());
  CUBIX_MPI_ALLOC(chain, 1);
  memcpy(chain->active, active, CUBIX_N_LEAF);
  chain->mass_scale = 1;
  const struct cubix_pipeline_use use = {
    .keep_stars = 1, .active = chain->active, .dry_run = dry_run,
    .keep_library = active[CUBIX_LEAF_Luminosity] || active[CUBIX_LEAF_LsfFwhm] || active[CUBIX_LEAF_Redshift] ||
                    active[CUBIX_LEAF_BirthCloudTau],
    .keep_painted = active[CUBIX_LEAF_PsfFwhm] || active[CUBIX_LEAF_PsfBeta]
  };
  CUBIX_TRY(cubix_mpi_agree(check_active(par, active, stars)));
  CUBIX_TRY(cubix_mpi_pipeline_open(&chain->pipe, par, &use, NULL));
  CUBIX_TRY(cubix_mpi_pipeline_load(chain->pipe, stars, gas));
  CUBIX_TRY(cubix_mpi_agree(check_gas(chain)));
  *out = chain;
  chain = NULL;
done:
  cubix_mpi_chain_close(chain);
  return status;
}

int cubix_mpi_chain_open_on(struct cubix_chain **chain, MPI_Comm comm, const struct cubix_params *par,
                            const struct cubix_slab *stars, const struct cubix_slab *gas,
                            const unsigned char active[CUBIX_N_LEAF], int dry_run)
{
  struct cubix_opening opening;
  int status = cubix_mpi_settings_open(&opening, comm);
  if (status) return status;
  status = cubix_mpi_chain_open(chain, par, stars, gas, active, dry_run);
  cubix_mpi_settings_opened(&opening, status, status ? NULL : &(*chain)->pipe->own_group);
  return status;
}

int cubix_mpi_chain_of_fibres(struct cubix_chain *chain)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(chain->pipe->fibres, CUBIX_EUSAGE, "spectra of fibres need Sampling fibres");
  chain->of_fibres = 1;
  chain->fresh = 0;
done:
  return status;
}

static void drop_cover(struct cubix_chain *chain)
{
  cubix_histogram_free(chain->cover);
  chain->cover = NULL;
}

int cubix_mpi_chain_forward(struct cubix_chain *chain, const struct cubix_cube **cube)
{
  int status = CUBIX_OK;
  chain->fresh = 0;
  drop_cover(chain);
  CUBIX_TRY(cubix_mpi_pipeline_forward(chain->pipe));
  chain->fresh = 1;
  *cube = cubix_chain_seen(chain);
done:
  return status;
}

void cubix_mpi_chain_light(const struct cubix_chain *chain, double *light)
{
  const struct cubix_placement *p = chain->pipe->particles->placement;
  const struct cubix_tables *tables = &chain->pipe->templates->tables;
  const size_t n = p ? p->start[p->n_spaxel] : 0;
  memset(light, 0, chain->pipe->particles->slab->n * sizeof *light);
  for (size_t i = 0; i < n; i++) {
    struct cubix_mix mix;
    cubix_mix_of(tables, &p->star[i], &mix);
    light[p->source[i]] += p->star[i].mass_formed * cubix_mix_light(tables, &mix) * tables->light_scale;
  }
}

void cubix_mpi_chain_result(struct cubix_result *result, const struct cubix_chain *chain)
{
  cubix_mpi_pipeline_result(result, chain->pipe);
}

void cubix_mpi_chain_close(struct cubix_chain *chain)
{
  if (!chain) return;
  drop_cover(chain);
  cubix_cube_free(chain->cube_dot);
  cubix_mpi_pipeline_close(chain->pipe);
  free(chain);
}
