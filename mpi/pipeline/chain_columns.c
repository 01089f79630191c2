/* chain_columns.c -- derivatives through the dust in front of stars, and of gas that shines in lines.
 *
 * What A(V) in front of each star or cell changes (the bar of struct cubix_star's screen, all its records added
 * up) goes back through the columns (mpi/dust/columns.h) to the places of stars and of gas, and to the
 * weights of the gas. Places are those on the sky: x' = R (x - c) for both, so that
 *   x_bar = R^T x'_bar,   c_bar = -sum x_bar,   R_bar = sum x'_bar (x - c)^T,
 * and a weight is opacity x DustToMetal x Z m of cells that have dust (dust/dust_weight.h).  Kernels, and which cells
 * have dust, stay as they are.
 *
 * Sums go in the order of the file; the columns have the same bits on any ranks and threads. */
#include <stdlib.h>

#include "base/error.h"
#include "dust/dust_weight.h"
#include "fit/leaves.h"
#include "mpi/comm/comm.h"
#include "mpi/dust/columns.h"
#include "mpi/particles/gas.h"
#include "mpi/pipeline/chain_parts.h"

static const enum cubix_leaf places[] = { CUBIX_LEAF_Position, CUBIX_LEAF_GasPosition, CUBIX_LEAF_Centre,
                                          CUBIX_LEAF_Alpha, CUBIX_LEAF_Beta, CUBIX_LEAF_Gamma,
                                          CUBIX_LEAF_Inclination, CUBIX_LEAF_PositionAngle };
static const enum cubix_leaf weights[] = { CUBIX_LEAF_GasMass, CUBIX_LEAF_GasMetallicity, CUBIX_LEAF_DustToMetal };

static int is_place(enum cubix_leaf leaf)
{
  int any = 0;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) any |= places[i] == leaf;
  return any;
}

static int is_weight(enum cubix_leaf leaf)
{
  int any = 0;
  for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) any |= weights[i] == leaf;
  return any;
}

int cubix_chain_acts_by_columns(enum cubix_leaf leaf) { return is_place(leaf) || is_weight(leaf); }

static int wants(const struct cubix_leaves *leaves, int (*is)(enum cubix_leaf))
{
  int any = 0;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) any |= leaves->value[leaf] && is((enum cubix_leaf)leaf);
  return any;
}
static int wants_places(const struct cubix_leaves *leaves) { return wants(leaves, is_place); }
static int wants_weights(const struct cubix_leaves *leaves) { return wants(leaves, is_weight); }

int cubix_chain_needs_columns(const struct cubix_chain *chain, const struct cubix_leaves *leaves)
{
  return chain->pipe->columns && wants(leaves, cubix_chain_acts_by_columns);
}

int cubix_chain_weight_check(const struct cubix_chain *chain, enum cubix_leaf leaf)
{
  int status = CUBIX_OK;
  const struct cubix_slab *gas = chain->pipe->gas;
  const int shines = leaf == CUBIX_LEAF_GasMetallicity && chain->pipe->par.Lines == CUBIX_Lines_sfr;
  CUBIX_CHECK(!is_weight(leaf) || shines || !gas || !gas->dust_mass, CUBIX_EUSAGE,
              "nothing changes with %s: the gas has dust masses of its own (DustMass), which do not follow from it; "
              "give gas without them, or leave %s out",
              cubix_leaf_info(leaf)->name, cubix_leaf_info(leaf)->name);
done:
  return status;
}

/* Bars of places on the sky to the leaf, and to the sums. */
static void places_back(const struct cubix_chain *chain, const struct cubix_slab *slab, const double *x_bar,
                        double *leaf_bar, struct cubix_chain_sums *sums)
{
  for (size_t i = 0; i < slab->n; i++) {
    double file[3], from[3];
    cubix_rotate_back(file, &chain->pipe->frame, x_bar + 3 * i);
    cubix_rotate_back(from, &chain->pipe->frame, slab->position + 3 * i);
    for (size_t c = 0; c < 3; c++) {
      if (leaf_bar) leaf_bar[3 * i + c] += file[c];
      sums->centre[c] -= file[c];
      for (size_t k = 0; k < 3; k++) sums->rotation[k][c] += x_bar[3 * i + k] * from[c];
    }
  }
}

int cubix_chain_screens_init(struct cubix_chain_screens *screens, const struct cubix_chain *chain,
                             const struct cubix_leaves *leaves)
{
  int status = CUBIX_OK;
  if (!cubix_chain_needs_columns(chain, leaves)) goto done;
  CUBIX_ALLOC(screens->star, chain->pipe->particles->slab->n + 1);
  if (chain->pipe->par.Lines == CUBIX_Lines_sfr) CUBIX_ALLOC(screens->gas, chain->pipe->gas->n + 1);
done:
  return status;
}

void cubix_chain_screens_free(struct cubix_chain_screens *screens)
{
  free(screens->star);
  free(screens->gas);
}

int cubix_chain_columns_vjp(const struct cubix_chain *chain, const struct cubix_chain_screens *screens,
                            struct cubix_leaves *bar, struct cubix_chain_sums *sums)
{
  int status = CUBIX_OK;
  const struct cubix_slab *stars = chain->pipe->particles->slab, *gas = chain->pipe->gas;
  struct cubix_columns *columns = chain->pipe->columns;
  double *star = NULL, *weight = NULL, *cell = NULL;
  if (!cubix_chain_needs_columns(chain, bar)) goto done;
  if (wants_places(bar)) {
    CUBIX_MPI_ALLOC(star, 3 * stars->n);
    CUBIX_MPI_ALLOC(cell, 3 * gas->n);
  }
  CUBIX_MPI_ALLOC(weight, gas->n);
  const struct cubix_columns_bar cells_bar = { cell, NULL, weight };
  CUBIX_TRY(cubix_mpi_columns_vjp(columns, stars->position, stars->n, screens->star, star, &cells_bar));
  /* a cell that shines is a place as well */
  if (screens->gas) CUBIX_TRY(cubix_mpi_columns_vjp(columns, gas->position, gas->n, screens->gas, cell, &cells_bar));
  if (star) {
    places_back(chain, stars, star, bar->value[CUBIX_LEAF_Position], sums);
    places_back(chain, gas, cell, bar->value[CUBIX_LEAF_GasPosition], sums);
  }
  const struct cubix_dust_cells cells = cubix_gas_cells(gas);
  struct cubix_dust_bar dust = { bar->value[CUBIX_LEAF_GasMass], bar->value[CUBIX_LEAF_GasMetallicity], NULL, 0 };
  cubix_dust_weight_vjp(&cells, cubix_dust_opacity(&chain->pipe->par), chain->pipe->par.DustToMetal, weight, &dust);
  sums->to_metal += dust.to_metal;
done:
  free(star);
  free(cell);
  free(weight);
  return status;
}

/* Tangents of the places of stars or gas on the sky.  @param[out] x_dot [n][3] */
static int move_places(double **x_dot, const struct cubix_chain *chain, const struct cubix_slab *slab,
                       const double *leaf_dot, const struct cubix_chain_sums *dots)
{
  int status = CUBIX_OK;
  CUBIX_MPI_ALLOC(*x_dot, 3 * slab->n);
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < slab->n; i++)
    cubix_chain_move(*x_dot + 3 * i, chain, leaf_dot ? leaf_dot + 3 * i : NULL, dots->centre, dots->rotation,
                     slab->position + 3 * i);
done:
  return status;
}

int cubix_chain_columns_jvp(struct cubix_chain_screens *screens, const struct cubix_chain *chain,
                            const struct cubix_leaves *dot, const struct cubix_chain_sums *dots)
{
  int status = CUBIX_OK;
  const struct cubix_slab *stars = chain->pipe->particles->slab, *gas = chain->pipe->gas;
  struct cubix_columns *columns = chain->pipe->columns;
  double *star = NULL, *cell = NULL, *weight = NULL;
  if (!cubix_chain_needs_columns(chain, dot)) goto done;
  if (wants_places(dot)) {
    CUBIX_TRY(move_places(&star, chain, stars, dot->value[CUBIX_LEAF_Position], dots));
    CUBIX_TRY(move_places(&cell, chain, gas, dot->value[CUBIX_LEAF_GasPosition], dots));
  }
  if (wants_weights(dot)) {
    const struct cubix_dust_cells cells = cubix_gas_cells(gas);
    const struct cubix_dust_bar dust = { dot->value[CUBIX_LEAF_GasMass], dot->value[CUBIX_LEAF_GasMetallicity], NULL,
                                         cubix_leaf_of(dot, CUBIX_LEAF_DustToMetal) };
    CUBIX_MPI_ALLOC(weight, gas->n);
    cubix_dust_weight_jvp(weight, &cells, cubix_dust_opacity(&chain->pipe->par), chain->pipe->par.DustToMetal, &dust);
  }
  const struct cubix_column_dot of_stars = { star, cell, NULL, weight }, of_gas = { cell, cell, NULL, weight };
  CUBIX_TRY(cubix_mpi_columns_jvp(columns, stars->position, stars->n, &of_stars, screens->star));
  if (screens->gas) CUBIX_TRY(cubix_mpi_columns_jvp(columns, gas->position, gas->n, &of_gas, screens->gas));
done:
  free(star);
  free(cell);
  free(weight);
  return status;
}
