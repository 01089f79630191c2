/* chain_dust.c -- derivatives through the dust: a uniform screen, and the shape of the law.
 *
 * A screen of A magnitudes takes the factor exp(-t A k_c), t = 0.4 ln 10, off channel c, before the PSF;
 * as the PSF acts on each channel alone, the cube after it has the same factor.  With F_c the sum over
 * the spaxels of cube times cotangent in channel c
 *   A_bar = -t sum_c k_c F_c,   k_bar_c = -t A F_c,
 * and k_bar goes to R_V or the slope, and to 1 + z, as k is the law at lambda/(1 + z) (dust/law.h). Stars behind gas of
 * their own have a k_bar as well; with DustEffect absorption or mixed their law is another. */
#include "dust/law.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/pipeline/chain_parts.h"
#include "physics/screen.h"

enum { BLOCK = 64 };

int cubix_chain_needs_law(const struct cubix_chain *chain, const struct cubix_leaves *leaves)
{
  return chain->pipe->templates->law.n && (leaves->value[CUBIX_LEAF_DustRv] || leaves->value[CUBIX_LEAF_DustSlope] ||
                                           leaves->value[CUBIX_LEAF_Redshift]);
}

/* Sums over the spaxels, for up to BLOCK channels from `first` on. */
static void block_sums(double sum[BLOCK], const struct cubix_cube *a, const struct cubix_cube *b, size_t first)
{
  const size_t n = (size_t)a->n_lambda, n_spaxel = (size_t)a->n_x * (size_t)a->n_y;
  const size_t last = first + BLOCK < n ? first + BLOCK : n;
  for (int k = 0; k < BLOCK; k++) sum[k] = 0;
  for (size_t s = 0; s < n_spaxel; s++)
    for (size_t k = first; k < last; k++) sum[k - first] += (double)a->flux[s * n + k] * (double)b->flux[s * n + k];
}

void cubix_chain_dust_vjp(const struct cubix_chain *chain, const struct cubix_cube *cube_bar, double *k_bar,
                          struct cubix_leaves *bar, double *one_plus_z_bar)
{
  const struct cubix_law *law = &chain->pipe->templates->law;
  const struct cubix_cube *cube = cubix_chain_seen(chain);
  const double screen = chain->pipe->templates->tables.dust_screen;
  double *const shape[] = { bar->value[CUBIX_LEAF_DustRv], bar->value[CUBIX_LEAF_DustSlope] };
  double of_screen[3] = { 0, 0, 0 }, shape_bar = 0, z_bar = 0;     /* by A(V), the shape, 1 + z */
  if (!law->n || (!k_bar && !bar->value[CUBIX_LEAF_DustScreen])) return;
  for (size_t first = 0; first < (size_t)cube->n_lambda; first += BLOCK) {
    double sum[BLOCK];
    block_sums(sum, cube, cube_bar, first);
    for (size_t k = first; k < first + BLOCK && k < (size_t)cube->n_lambda; k++) {
      const size_t channel = (size_t)cube->lambda_first + k;
      of_screen[0] -= CUBIX_SCREEN_T * law->screen[channel] * sum[k - first];
      of_screen[1] -= CUBIX_SCREEN_T * screen * law->screen_by_shape[channel] * sum[k - first];
      of_screen[2] -= CUBIX_SCREEN_T * screen * law->screen_by_one_plus_z[channel] * sum[k - first];
    }
  }
  cubix_mpi_collective.sum(of_screen, 3);
  if (bar->value[CUBIX_LEAF_DustScreen]) *bar->value[CUBIX_LEAF_DustScreen] += of_screen[0];
  if (!k_bar) return;
  cubix_mpi_collective.sum(k_bar, (size_t)law->n);
  cubix_law_vjp(law, k_bar, &shape_bar, &z_bar);
  for (int i = 0; i < 2; i++)
    if (shape[i]) *shape[i] += shape_bar + of_screen[1];
  *one_plus_z_bar += z_bar + of_screen[2];
}

void cubix_chain_dust_jvp(double *rate, double *k_dot, const struct cubix_chain *chain, const struct cubix_leaves *dot)
{
  const struct cubix_law *law = &chain->pipe->templates->law;
  const double screen = chain->pipe->templates->tables.dust_screen,
               screen_dot = cubix_leaf_of(dot, CUBIX_LEAF_DustScreen),
               shape_dot = cubix_leaf_of(dot, CUBIX_LEAF_DustRv) + cubix_leaf_of(dot, CUBIX_LEAF_DustSlope),
               z_dot = cubix_leaf_of(dot, CUBIX_LEAF_Redshift);
  for (int k = 0; k < law->n; k++) {
    const double by_law = k_dot ? cubix_law_screen_jvp(law, k, shape_dot, z_dot) : 0;
    if (k_dot) k_dot[k] = cubix_law_jvp(law, k, shape_dot, z_dot);
    rate[k] -= CUBIX_SCREEN_T * (law->screen[k] * screen_dot + screen * by_law);
  }
}
