/* engine.c -- the rules that decide how a run is painted.
 *
 * Velocity grid.  Its reach is the smallest of 300, 600, ... 9600 km/s beyond which no more than
 * 1000 stars are left, nor more than one in a hundred.  There are only these few classes so that
 * galaxies share prepared templates.  Stars beyond the reach are painted directly.
 *
 * Method.  Engine direct: direct.  Otherwise direct as well, whatever was asked for and with a line
 * in the log, if the histogram's error has no certificate:
 *   SspInterpolation pchip (its weights have both signs), Tolerance below 3e-6, with dust in front of
 *   stars 5e-6 (float32), no reach that holds the stars, no nodes in A(V) that hold their dust; and,
 *   found later, templates that no step of the grid serves.
 * Engine histogram: histogram.  Engine auto: whichever takes less time by the estimates
 *   direct      N n_lambda d / ranks
 *   histogram   (N p + V n_lambda m) / ranks + preparing the templates: n_used n_node n_lambda b /
 *               cores, b from the cache or built, on all cores alike (without a cache every node
 *               builds them for itself),
 * with d, p, m of the slowest rank: of its GPU, whatever cores it also has, or of all of its cores
 * together (cubix_rates_of_rank); N stars and V values in the histogram.  A spaxel of n stars
 * leaves about 24 n/sqrt(1 + n/8) values (measured on disc galaxies with 6 x 221 templates and
 * steps of 20..30 km/s), 4.3 times as many with dust in front of stars (4.0 to 5, the most edge-on), and
 * takes five times as long to fill.  Directly a star behind dust takes half as long again.
 *
 * Combination.  A single rank has nothing to add up: histogram.  Combine cube: every rank
 * multiplies its own histogram into a whole cube, and rank 0 adds the cubes, convolves and writes.
 * Combine histogram: the stars go to the owners of their spaxels (40 bytes each), who count and
 * multiply them; the voxels go to the owners of their channels (4 bytes each), who convolve them and
 * add noise.  Auto takes the shorter of
 *   cube        V_apart n_lambda m + 8 bytes per voxel over the network + t per voxel / cores of a rank
 *   histogram   (V n_lambda m + (40 N + 4 bytes per voxel) over the network) / ranks + t per voxel / cores,
 * with t the time for convolution and noise.  The direct method always adds cubes. */
#include "engine/engine.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "physics/node.h"

static const double least_tolerance = 3e-6, least_with_dust = 5e-6;
static const double dust_values = 4.3, dust_fill = 5, dust_direct = 1.5;
/* a number of the prepared templates: built and certified; read from the cache */
static const double build_ns = 40, read_ns = 1;
static const double node_step = 20;                       /* km/s: a usual step */
static const double byte_ns = 0.5, observe_ns = 15;       /* a byte over the network; a voxel blurred and written */
enum { MOST_BEYOND = 1000, ONE_BEYOND_IN = 100 };

double cubix_engine_reach(int i) { return ldexp(300, i); }

struct cubix_rates cubix_rates_of_rank(const struct cubix_rates *rates, int n_core)
{
  double n = rates->per_core ? n_core : 1;
  return (struct cubix_rates){ .direct = rates->direct / n, .fill = rates->fill / n, .multiply = rates->multiply / n };
}

/* What halves of the ranks may differ in channels from their share. */
static const double uneven = 0.03;

double cubix_engine_growth(int dust) { return dust ? dust_values : 1; }

double cubix_engine_values(double n) { return 24 * n / sqrt(1 + n / 8); }

static void own_cube(struct cubix_engine *engine, int n_lambda)
{
  engine->combine = CUBIX_COMBINE_CUBE;
  engine->lambda_first[0] = 0;
  for (int r = 1; r <= engine->n_rank; r++) engine->lambda_first[r] = n_lambda;
}

/* Channels first .. end - 1 to ranks from .. to - 1: in whole groups that the PSF takes together, as many to each as to
 * any other, but one. */
static void deal_channels(struct cubix_engine *engine, int from, int to, int first, int end)
{
  enum { TOGETHER = 4 };
  const int64_t n_group = (end - first + TOGETHER - 1) / TOGETHER;
  for (int r = from; r <= to; r++) {
    const int at = first + (int)(n_group * (r - from) / (to - from)) * TOGETHER;
    engine->lambda_first[r] = at < end ? at : end;
  }
}

/* The halves of the ranks divide the channels at a whole tile, if one lies near enough: so that each half's channels
 * can be painted apart. */
static void own_channels(struct cubix_engine *engine, int n_lambda)
{
  const int half = engine->n_rank / 2;
  const double even = (double)n_lambda * half / engine->n_rank;
  const int tile = (int)lround(even / CUBIX_TILE) * CUBIX_TILE;
  engine->combine = CUBIX_COMBINE_HISTOGRAM;
  if (half && fabs(tile - even) <= uneven * even) {
    deal_channels(engine, 0, half, 0, tile);
    deal_channels(engine, half, engine->n_rank, tile, n_lambda);
  } else deal_channels(engine, 0, engine->n_rank, 0, n_lambda);
}

int cubix_engine_init(struct cubix_engine **out, const struct cubix_params *par, int n_row, int n_rank, int n_lambda)
{
  int status = CUBIX_OK;
  struct cubix_engine *engine = NULL;
  CUBIX_ALLOC(engine, 1);
  engine->n_row = n_row;
  engine->n_rank = n_rank;
  engine->tolerance = par->Tolerance;
  CUBIX_ALLOC(engine->used, n_row);
  CUBIX_ALLOC(engine->lambda_first, n_rank + 1);
  own_cube(engine, n_lambda);
  *out = engine;
  engine = NULL;
done:
  cubix_engine_free(engine);
  return status;
}

void cubix_engine_set_reach(struct cubix_engine *engine, const struct cubix_workload *work)
{
  int64_t most = work->n_star / ONE_BEYOND_IN < MOST_BEYOND ? work->n_star / ONE_BEYOND_IN : MOST_BEYOND;
  engine->reach = 0;
  engine->n_beyond = 0;
  for (int i = 0; i < CUBIX_N_REACH; i++) {
    if (work->beyond[i] > most) continue;
    engine->reach = cubix_engine_reach(i);
    engine->n_beyond = work->beyond[i];
    return;
  }
}

void cubix_engine_go_direct(struct cubix_engine *engine, int n_lambda, const char *why, ...)
{
  va_list arguments;
  engine->method = CUBIX_DIRECT;
  own_cube(engine, n_lambda);
  va_start(arguments, why);
  vsnprintf(engine->why, sizeof engine->why, why, arguments);
  va_end(arguments);
}

/* Why no histogram can serve, NULL where one can. */
static const char *unfit(const struct cubix_engine *engine, const struct cubix_workload *work)
{
  if (work->pchip)
    return "SspInterpolation pchip has weights of both signs, for which the histogram's error has no bound";
  if (engine->tolerance < least_tolerance) return "a Tolerance below 3e-6 is beyond the histogram's float32";
  if (work->dust && engine->tolerance < least_with_dust)
    return "with dust in front of stars a Tolerance below 5e-6 is beyond the histogram's float32";
  if (work->endless) return "there is so much dust in front of some stars that nodes in A(V) would be too many";
  if (!(engine->reach > 0)) return "too many stars are faster than 9600 km/s";
  return NULL;
}

/* Of a rank. */
static double multiply_seconds(const struct cubix_workload *work, double values)
{
  return 1e-9 * values * cubix_engine_growth(work->dust) * work->n_lambda * work->rates.multiply;
}

static double prepare_seconds(const struct cubix_engine *engine, const struct cubix_workload *work)
{
  double n_node = 2 * engine->reach / node_step + CUBIX_N_WEIGHT, each = work->prepared ? read_ns : build_ns;
  /* all of them where they are kept for the next galaxy */
  double n_row = work->keeping && !work->prepared ? work->n_row : work->n_used;
  double n_core = (double)work->n_core / (work->keeping || !work->n_node ? 1 : work->n_node);
  return 1e-9 * n_row * n_node * work->n_lambda * each / n_core;
}

static void choose_combination(struct cubix_engine *engine, const struct cubix_params *par,
                               const struct cubix_workload *work)
{
  double voxels = work->n_spaxel * work->n_lambda, per_rank = (double)work->n_core / work->n_rank;
  double cube = multiply_seconds(work, work->values_apart) + 1e-9 * voxels * (8 * byte_ns + observe_ns / per_rank);
  double sent = (40. * (double)work->n_star + 4 * voxels) / work->n_rank;
  double histogram = multiply_seconds(work, work->values / work->n_rank) +
                     1e-9 * (sent * byte_ns + voxels * observe_ns / work->n_core);
  int share = par->Combine == CUBIX_Combine_histogram ||
              (par->Combine == CUBIX_Combine_auto && (work->n_rank == 1 || histogram < cube));
  if (share) own_channels(engine, work->n_lambda);
  else own_cube(engine, work->n_lambda);
}

void cubix_engine_choose(struct cubix_engine *engine, const struct cubix_params *par, const struct cubix_workload *work)
{
  int automatic = par->Engine == CUBIX_Engine_auto, asked = par->Engine == CUBIX_Engine_histogram;
  double n = (double)work->n_star / work->n_rank, direct = 1e-9 * n * work->n_lambda * work->rates.direct,
         fill = 1e-9 * n * work->rates.fill;
  if (work->dust) {
    direct *= dust_direct;
    fill *= dust_fill;
  }
  double prepare = prepare_seconds(engine, work),
         histogram = fill + multiply_seconds(work, work->values / work->n_rank) + prepare;
  const char *no = unfit(engine, work), *get = work->prepared ? "read" : "prepare";
  engine->rates = work->rates;
  engine->dust = work->dust;
  if (!automatic && !asked) cubix_engine_go_direct(engine, work->n_lambda, "direct, as asked for");
  else if (no) cubix_engine_go_direct(engine, work->n_lambda, "direct: %s", no);
  else if (automatic && direct <= histogram)
    cubix_engine_go_direct(engine, work->n_lambda,
                           "direct: about %.2g s to paint, the histogram about %.2g s (%.2g s of it to %s templates)",
                           direct, histogram, prepare, get);
  else {
    engine->method = CUBIX_HISTOGRAM;
    choose_combination(engine, par, work);
    if (asked) snprintf(engine->why, sizeof engine->why, "histogram, as asked for");
    else
      snprintf(engine->why, sizeof engine->why,
               "histogram: about %.2g s to paint (%.2g s of it to %s templates), directly about %.2g s", histogram,
               prepare, get, direct);
  }
}

void cubix_engine_free(struct cubix_engine *engine)
{
  if (!engine) return;
  free(engine->used);
  free(engine->lambda_first);
  free(engine);
}
