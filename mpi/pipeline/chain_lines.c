/* chain_lines.c -- derivatives of emission lines.
 *
 * A source of lines is a young star or a cell of gas.  It is placed as stars are, so what its records change goes to
 * the leaves of stars or of gas in the same way (chain_stars.c), and A(V) in front of it back through the columns
 * (chain_columns.c).  Where ranks own spaxels sources travel to them, on the same way as stars.  What all lines have in
 * common (struct cubix_lines_bar) is added up over ranks.
 *
 * Lines are in the cube before channels are rescaled, dimmed by a screen and convolved: FluxScale, Distance, DustScreen
 * and the PSF need nothing of their own here.  A line's place follows 1 + z as if that were a velocity, as a star's
 * does; its wavelength at rest, at which dust and clouds dim it, does not follow.
 *
 * Cells that form no stars have no derivative; which stars are young, kernels of gas and ionising photons stay as they
 * are. */
#include <stdlib.h>

#include "base/error.h"
#include "fit/leaves.h"
#include "lines/line_vjp.h"
#include "lines/lines.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/engine/route.h"
#include "mpi/pipeline/chain_parts.h"

struct cubix_chain_who cubix_chain_sources(const struct cubix_chain *chain)
{
  const struct cubix_pipeline *pipe = chain->pipe;
  struct cubix_chain_who who = cubix_chain_stars(chain);
  who.slab = pipe->shining;
  who.placement = pipe->sources;
  who.tables = cubix_lines_tables(pipe->lines, &pipe->templates->tables);
  who.of = pipe->shining_of;
  who.lines = pipe->lines;
  if (pipe->par.Lines == CUBIX_Lines_stars) return who;
  who.mass = CUBIX_LEAF_GasSfr;
  who.age = who.length = CUBIX_N_LEAF;
  who.metallicity = CUBIX_LEAF_GasMetallicity;
  who.velocity = CUBIX_LEAF_GasVelocity;
  who.position = CUBIX_LEAF_GasPosition;
  who.scaled = 0;
  return who;
}

static size_t n_record(const struct cubix_placement *p) { return p->start[p->n_spaxel]; }

int cubix_chain_lines_init(struct cubix_chain_lines *lines, const struct cubix_chain *chain,
                           const struct cubix_chain_records *records)
{
  int status = CUBIX_OK;
  const struct cubix_placement *own = chain->pipe->sources;
  if (!chain->pipe->lines) goto done;
  if (records->owned) {
    CUBIX_TRY(cubix_mpi_route_init(&lines->route, &records->owners, own));
    CUBIX_TRY(cubix_mpi_route_stars(&lines->arrived, &lines->route, own));
  }
  lines->placement = lines->arrived ? lines->arrived : own;
  CUBIX_MPI_ALLOC(lines->star, n_record(lines->placement) + 1);
done:
  return status;
}

void cubix_chain_lines_free(struct cubix_chain_lines *lines)
{
  cubix_mpi_route_free(&lines->route);
  cubix_placement_free(lines->arrived);
  free(lines->star);
}

int cubix_chain_lines_vjp(struct cubix_chain_lines *lines, const struct cubix_chain *chain,
                          const struct cubix_cube *cube_bar, size_t first, size_t last, size_t *start)
{
  if (!lines->placement) return CUBIX_OK;
  const struct cubix_placement part = cubix_placement_part(lines->placement, first, last, start);
  return cubix_lines_paint_vjp(chain->pipe->lines, &part, cube_bar, chain->pipe->line_scale,
                               lines->star + lines->placement->start[first], &lines->shared);
}

/* What belongs to the whole; sums of all ranks. */
static void shared_back(const struct cubix_chain *chain, const struct cubix_lines_bar *shared,
                        struct cubix_leaves *bar)
{
  const int law = chain->pipe->templates->law.n > 0;
  const struct { enum cubix_leaf leaf; double x; } all[] = {
    { CUBIX_LEAF_LineLogU, shared->log_u },         { CUBIX_LEAF_LineTurbulence, shared->turbulence },
    { CUBIX_LEAF_LineEscape, shared->escape },      { CUBIX_LEAF_LineDust, shared->dust },
    { CUBIX_LEAF_LsfFwhm, shared->lsf },            { CUBIX_LEAF_DustRv, law ? shared->shape : 0 },
    { CUBIX_LEAF_DustSlope, law ? shared->shape : 0 }, { CUBIX_LEAF_BirthCloudTau, shared->cloud },
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (bar->value[all[i].leaf]) *bar->value[all[i].leaf] += all[i].x;
}

static int leaves_back(const struct cubix_chain_lines *lines, const struct cubix_chain *chain,
                       const struct cubix_chain_screens *screens, struct cubix_leaves *bar,
                       struct cubix_chain_sums *sums)
{
  int status = CUBIX_OK;
  const struct cubix_chain_who who = cubix_chain_sources(chain);
  double *screen = who.scaled ? screens->star : screens->gas;
  struct cubix_chain_total *total = NULL;
  if (who.tables.deposit != CUBIX_DEPOSIT_NEAREST) CUBIX_ALLOC(total, who.slab->n + 1);
  CUBIX_TRY(cubix_chain_stars_vjp(&who, who.placement, 0, lines->star, total, screen, bar, sums));
  if (total) CUBIX_TRY(cubix_chain_totals_vjp(&who, total, screen, bar, sums));
done:
  free(total);
  return status;
}

int cubix_chain_sources_vjp(struct cubix_chain_lines *lines, const struct cubix_chain *chain,
                            const struct cubix_chain_screens *screens, struct cubix_leaves *bar,
                            struct cubix_chain_sums *sums)
{
  int status = CUBIX_OK;
  if (!lines->placement) goto done;
  if (lines->arrived) CUBIX_TRY(cubix_mpi_route_back((void **)&lines->star, sizeof *lines->star, &lines->route));
  CUBIX_TRY(cubix_mpi_agree(leaves_back(lines, chain, screens, bar, sums)));
  cubix_mpi_collective.sum((double *)&lines->shared, sizeof lines->shared / sizeof(double));
  shared_back(chain, &lines->shared, bar);
done:
  return status;
}

int cubix_chain_sources_jvp(struct cubix_chain_lines *lines, const struct cubix_chain *chain,
                            const struct cubix_chain_screens *screens, const struct cubix_leaves *dot,
                            const struct cubix_chain_sums *dots)
{
  int status = CUBIX_OK;
  if (!lines->placement) goto done;
  const struct cubix_chain_who who = cubix_chain_sources(chain);
  free(lines->star);
  lines->star = NULL;
  CUBIX_MPI_ALLOC(lines->star, n_record(who.placement) + 1);
  cubix_chain_stars_jvp(lines->star, &who, who.scaled ? screens->star : screens->gas, dot, dots);
  if (lines->arrived) CUBIX_TRY(cubix_mpi_route_forth((void **)&lines->star, sizeof *lines->star, &lines->route));
  lines->shared = (struct cubix_lines_bar){
    cubix_leaf_of(dot, CUBIX_LEAF_LineLogU), cubix_leaf_of(dot, CUBIX_LEAF_LineTurbulence),
    cubix_leaf_of(dot, CUBIX_LEAF_LineEscape), cubix_leaf_of(dot, CUBIX_LEAF_LineDust),
    cubix_leaf_of(dot, CUBIX_LEAF_LsfFwhm),
    cubix_leaf_of(dot, CUBIX_LEAF_DustRv) + cubix_leaf_of(dot, CUBIX_LEAF_DustSlope),
    cubix_leaf_of(dot, CUBIX_LEAF_BirthCloudTau)
  };
done:
  return status;
}

int cubix_chain_lines_jvp(struct cubix_cube *cube_dot, const struct cubix_chain_lines *lines,
                          const struct cubix_chain *chain, size_t first, size_t last, size_t *start)
{
  if (!lines->placement) return CUBIX_OK;
  const struct cubix_placement part = cubix_placement_part(lines->placement, first, last, start);
  return cubix_lines_paint_jvp(chain->pipe->lines, &part, lines->star + lines->placement->start[first],
                               &lines->shared, chain->pipe->line_scale, cube_dot);
}
