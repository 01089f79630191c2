/* audit.c -- a few voxels of the cube against a float64 sum over their stars.
 *
 * The error of the histogram engine is certified before the first star is painted, template by
 * template.  The audit asks the painted cube itself: random voxels, each recomputed from the
 * definition, sum over stars of mass times the exact integral of the star's own spectrum over the
 * channel (doc/math.md sections 6 and 7), with the same template rows but no velocity grid, no
 * histogram and no float32 sum.  Whatever goes wrong between placing and summing (a certificate
 * that does not hold, a damaged cache, a rank's lost message) shows, as soon as it touches a voxel
 * that is drawn.
 *
 * Relative error of a voxel: |cube - exact| / max(|exact|, 1e-6 of the stars' mean over the
 * channels), as the certificate has it (section 12).  Each star is dimmed by the exponential of the
 * dust in front of it, the mean over the channels by as much, but to 1e-15 at the most: in darker voxels the nodes in
 * A(V) have nothing left (CUBIX_AXIS_DARK).  Beside emission lines the exact value and
 * their peaks count together (line_audit.h).  Voxels so faint that float32 has no digits for
 * them, exact below 1e-30 units, are passed over.
 *
 * Voxels are drawn with Philox, key (Seed, "AUDI"), counter (number of the draw, 0, 0, 0): the
 * first two words choose among the occupied spaxels, the others among the channels that have a
 * bound (covered by the library, and by every row in use: basis.h).  A voxel drawn twice counts
 * once. Where gas alone shines spaxels have no stars: of these some are drawn likewise, in channels that lines reach
 * (mpi/engine/audit.c). The draws end at CUBIX_AUDIT_MOST, or when the stars of the voxels drawn are more than
 * 10^6, but not before CUBIX_AUDIT_LEAST.  The work is then a few tenths of a second, whatever the
 * size of the galaxy, unless three spaxels hold more. */
#include "engine/audit.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "physics/doppler.h"
#include "physics/pixel.h"
#include "physics/random.h"
#include "physics/screen.h"

static const uint32_t word_of_its_own = 0x41554449;         /* AUDI */
static const uint64_t most_stars = 1000000;
static const double float32_at_worst = 1e-3;  /* of a voxel, beside the steepest lines, by the direct method */
static const double faint_channel = 1e-6, dimmest = 1e15 * CUBIX_AXIS_DARK;
static const double faintest = sizeof(cubix_real) == sizeof(float) ? 1e-30 : 1e-290;

/* Numbers i < n with count(i) != 0. */
static size_t pick_places(size_t *place, const uint64_t *count, const unsigned char *mask, size_t n)
{
  size_t n_place = 0;
  for (size_t i = 0; i < n; i++)
    if (count ? count[i] != 0 : mask[i] != 0) place[n_place++] = i;
  return n_place;
}

static int is_known(const struct cubix_voxel *voxel, int n, const struct cubix_voxel *v)
{
  for (int i = 0; i < n; i++)
    if (voxel[i].spaxel == v->spaxel && voxel[i].channel == v->channel) return 1;
  return 0;
}

int cubix_audit_draw(struct cubix_voxel *voxel, int *n, const uint64_t *count, size_t n_spaxel,
                     const unsigned char *mask, int n_lambda, int seed)
{
  int status = CUBIX_OK;
  size_t *spaxel = NULL, *channel = NULL;
  uint64_t n_star = 0;
  *n = 0;
  CUBIX_ALLOC(spaxel, n_spaxel);
  CUBIX_ALLOC(channel, n_lambda);
  size_t n_occupied = pick_places(spaxel, count, NULL, n_spaxel),
         n_channel = pick_places(channel, NULL, mask, (size_t)n_lambda);
  for (uint32_t draw = 0; draw < CUBIX_AUDIT_MOST && n_occupied && n_channel; draw++) {
    const uint32_t key[2] = { (uint32_t)seed, word_of_its_own }, counter[4] = { draw, 0, 0, 0 };
    uint32_t word[4];
    cubix_philox(word, counter, key);
    struct cubix_voxel v = { spaxel[(size_t)(cubix_uniform(word[0], word[1]) * (double)n_occupied)],
                             (int)channel[(size_t)(cubix_uniform(word[2], word[3]) * (double)n_channel)], 0 };
    v.n_star = count[v.spaxel];
    if (is_known(voxel, *n, &v)) continue;
    n_star += v.n_star;
    if (n_star > most_stars && *n >= CUBIX_AUDIT_LEAST) break;
    voxel[(*n)++] = v;
  }
done:
  free(spaxel);
  free(channel);
  return status;
}

/* Flux density of a star in channel k [unit of the cube].  @param w scratch for all knots, zero before and after */
static double star_channel(const struct cubix_tables *v, const struct cubix_star *star, const struct cubix_mix *mix,
                           int k, double *w)
{
  double doppler = cubix_doppler(v->one_plus_z, star->velocity), x0 = v->edge[k] / doppler,
         x1 = v->edge[k + 1] / doppler, sum = 0;
  int first, n = cubix_pixel_knots(v, x0, x1, &first);
  cubix_pixel_add(v, x0, x1, 1, first, w);
  for (int c = 0; c < mix->n; c++) {
    const cubix_real *row = v->row + (int64_t)mix->row[c] * v->row_stride + 2 * (int64_t)first;
    double part = 0;
    for (int q = 0; q < 2 * n; q++) part += w[q] * (double)row[q];
    sum += mix->weight[c] * part;
  }
  memset(w, 0, sizeof *w * 2 * (size_t)n);
  return sum * star->mass_formed * v->star_scale;
}

/* What the stars placed in a voxel's spaxel contribute to it. */
static void examine(struct cubix_evidence *evidence, const struct cubix_voxel *voxel, const struct cubix_tables *v,
                    const struct cubix_placement *placement, double *scratch, size_t n_scratch)
{
  double exact = 0, level = 0;
#pragma omp parallel reduction(+ : exact, level)
  {
    double *w = scratch + n_scratch * (size_t)omp_get_thread_num();
#pragma omp for schedule(static)
    for (size_t i = placement->start[voxel->spaxel]; i < placement->start[voxel->spaxel + 1]; i++) {
      const struct cubix_star *star = &placement->star[i];
      struct cubix_mix mix;
      const double through = v->dust_k ? cubix_screen_through((double)star->screen, v->dust_k[voxel->channel]) : 1;
      cubix_mix_of(v, star, &mix);
      exact += through * star_channel(v, star, &mix, voxel->channel, w);
      level += fmax(through, dimmest) * star->mass_formed * cubix_mix_light(v, &mix) * v->star_scale / v->n_lambda;
    }
  }
  evidence->exact += exact;
  evidence->level += level;
}

int cubix_audit_examine(struct cubix_audit *audit, const struct cubix_tables *tables,
                        const struct cubix_placement *placement)
{
  int status = CUBIX_OK;
  size_t n_scratch = 2 * ((size_t)tables->n_knot + 1);
  double *scratch = NULL;
  CUBIX_ALLOC(scratch, n_scratch * (size_t)omp_get_max_threads());
  for (int i = 0; i < audit->n; i++)
    examine(&audit->evidence[i], &audit->voxel[i], tables, placement, scratch, n_scratch);
done:
  free(scratch);
  return status;
}

void cubix_audit_look(struct cubix_audit *audit, const struct cubix_cube *cube)
{
  for (int i = 0; i < audit->n; i++) {
    const struct cubix_voxel *v = &audit->voxel[i];
    int k = v->channel - cube->lambda_first, mine = k >= 0 && k < cube->n_lambda;
    audit->evidence[i].held = mine ? (double)cube->flux[v->spaxel * (size_t)cube->n_lambda + (size_t)k] : 0;
    audit->evidence[i].n_held = mine;
  }
}

int cubix_audit_judge(struct cubix_audit *audit, const struct cubix_templates *templates, double tolerance, int direct,
                      const char *cache)
{
  int status = CUBIX_OK, worst = 0;
  uint64_t n_star = 0;
  int n_gas = 0;
  char of_gas[64] = "";
  const struct cubix_voxel *voxel = audit->voxel;
  const struct cubix_evidence *evidence = audit->evidence;
  audit->n_voxel = 0;
  audit->worst = 0;
  for (int i = 0; i < audit->n; i++) {
    const struct cubix_evidence *e = &evidence[i];
    double scale = fmax(fabs(e->exact), faint_channel * e->level) + e->peak, off = fabs(e->held - e->exact) / scale;
    CUBIX_CHECK(e->n_held == 1, CUBIX_EFAIL, "channel %d is held by %g ranks; one should hold it", voxel[i].channel,
                e->n_held);
    if (scale < faintest) continue;
    audit->n_voxel++;
    n_star += voxel[i].n_star;
    n_gas += voxel[i].n_star == 0;
    if (off <= audit->worst) continue;
    audit->worst = off;                                     /* NaN as well */
    worst = i;
    if (isnan(off)) break;
  }
  if (!audit->n_voxel) {
    cubix_log(CUBIX_LOG_INFO, "audit: no voxel with light in a channel whose error has a bound: nothing to compare");
    goto done;
  }
  const struct cubix_tables *tables = &templates->tables;
  const struct cubix_voxel *v = &voxel[worst];
  int x = (int)(v->spaxel % (size_t)tables->n_x) - tables->margin,
      y = (int)(v->spaxel / (size_t)tables->n_x) - tables->margin;
  if (n_gas) snprintf(of_gas, sizeof of_gas, "; %d of gas alone", n_gas);
  cubix_log(CUBIX_LOG_INFO,
            "audit: %d voxels recomputed in float64 (%llu stars%s): largest relative difference %.2e, allowed %.2e",
            audit->n_voxel, (unsigned long long)n_star, of_gas, audit->worst, tolerance);
  if (direct && audit->worst > tolerance && audit->worst <= float32_at_worst) {  /* nothing could be more exact */
    cubix_log(CUBIX_LOG_WARNING,
              "audit: float32 is off by %.2e of a voxel beside a steep line or end of a template (channel %d, spaxel "
              "(%d, %d))",
              audit->worst, v->channel, x, y);
    goto done;
  }
  CUBIX_CHECK(audit->worst <= tolerance, CUBIX_EFAIL,
              "audit: the cube holds %.9g in spaxel (%d, %d), channel %d (%.2f AA vacuum), where the float64 sum over "
              "its %llu stars%s is %.9g: off by %.2e, "
              "Tolerance = %g; %s%s",
              evidence[worst].held, x, y, v->channel, 0.5 * (tables->edge[v->channel] + tables->edge[v->channel + 1]),
              (unsigned long long)v->n_star, evidence[worst].peak > 0 ? " and its gas" : "",
              evidence[worst].exact, audit->worst, tolerance,
              cache && *cache ? cache : "",
              cache && *cache ? " may have been damaged: remove it and try again"
              : direct        ? "please report it: this should not happen"
                              : "set Engine direct, and please report it: this should not happen");
done:
  return status;
}
