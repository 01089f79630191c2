/* line_audit.c -- the evidence of emission lines: each source by itself, no grid of velocities, no integers.
 *
 * The error of a line is bounded relative to its peak channel, so what a voxel may be off is counted relative to
 * the peaks of the lines that reach it, too. */
#include "engine/line_audit.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "lines/line_profile.h"

static const double far = 17;    /* sigmas beside the line: beyond them the fit has nothing (line_basis.c) */

/* What a line of unit light has in channel k, and in its peak channel; 0 where not even the fit reaches k. */
static void in_channel(const struct cubix_line_shape *shape, double v, int k, double *here, double *peak)
{
  double mu, sigma, part;
  int n, first = cubix_line_window(shape, v, &n), top = 0;
  *here = *peak = 0;
  cubix_line_place(shape, v, &mu, &sigma);
  const double limit = cubix_line_reach(shape, v) + far * sigma;
  if (cubix_line_edge(shape->ins, k) > mu + limit) return;
  if (cubix_line_edge(shape->ins, k + 1) < mu - limit) return;
  cubix_line_parts(shape, v, k, 1, here);
  while (top < n - 1 && cubix_line_edge(shape->ins, first + top + 1) <= mu) top++;
  cubix_line_parts(shape, v, first + top, 1, &part);
  *peak = fmax(part, *here);
}

static void examine(struct cubix_evidence *e, const struct cubix_voxel *voxel, const struct cubix_lines *lines,
                    const struct cubix_placement *sources, double scale, double *light)
{
  for (size_t i = sources->start[voxel->spaxel]; i < sources->start[voxel->spaxel + 1]; i++) {
    const struct cubix_star *source = &sources->star[i];
    cubix_lines_light(lines, source, light);
    for (int l = 0; l < lines->n; l++) {
      const double flux = scale * source->mass_formed * light[l] * lines->peak[l] * lines->factor[l];
      double here, peak;
      in_channel(&lines->shape[l], source->velocity, voxel->channel, &here, &peak);
      e->exact += flux * here;
      e->peak += flux * peak;
    }
  }
}

int cubix_line_audit(struct cubix_audit *audit, const struct cubix_lines *lines, const struct cubix_placement *sources,
                     double scale)
{
  int status = CUBIX_OK;
  double *light = NULL;
  CUBIX_ALLOC(light, lines->n);
  for (int i = 0; i < audit->n; i++) examine(&audit->evidence[i], &audit->voxel[i], lines, sources, scale, light);
done:
  free(light);
  return status;
}
