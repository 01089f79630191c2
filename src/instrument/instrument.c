/* instrument.c -- the instrument as the program uses it: the figures of its file with the user's
 * parameters laid over them.
 *
 * Numbers of spaxels are rounded once, n = round(field/pixel), and everything else follows from
 * these integers: the field is n pixels wide, a spaxel's place is an index.  (Counting the edges of
 * a floating-point range gives n + 2 of them for one field in five, and a sheared image.) Channels
 * are given by their centres in the output's medium; their edges, half a step either side, are kept
 * in vacuum, where the physics is. The margin is the PSF's: light from outside the field that the
 * seeing brings in is painted, and cropped after the convolution. */
#include "instrument/instrument.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "instrument/instrument_file.h"
#include "instrument/psf_kernel.h"
#include "physics/constants.h"
#include "physics/hd.h"

static const double largest_cube = 1099511627776.;   /* 2^40 voxels */

int cubix_instrument_check_size(const struct cubix_instrument *ins, int code)
{
  int status = CUBIX_OK;
  const double x = ins->n_x + 2. * ins->margin, y = ins->n_y + 2. * ins->margin, voxels = x * y * ins->n_lambda;
  CUBIX_CHECK(voxels <= largest_cube, code,
              "a cube of %.0f x %.0f spaxels (%d on each side are the PSF's margin) and %d channels has %.3g voxels, "
              "more than %.3g; "
              "make FieldOfView smaller, or PixelScale or LambdaStep larger",
              x, y, ins->margin, ins->n_lambda, voxels, largest_cube);
  CUBIX_CHECK(x * y < UINT32_MAX, code,
              "%.0f x %.0f spaxels (%d on each side are the PSF's margin) are %.3g, and %u can be numbered; make "
              "FieldOfView smaller or PixelScale larger",
              x, y, ins->margin, x * y, UINT32_MAX);
done:
  return status;
}

int cubix_instrument_inside(const struct cubix_instrument *ins, int ix, int iy)
{
  if (ins->covered) return ins->covered[(size_t)iy * (size_t)ins->n_x + (size_t)ix];
  const double x = fabs(cubix_instrument_x(ins, ix)), y = fabs(cubix_instrument_y(ins, iy));
  /* slack: a centre on the border is inside */
  const double size = ins->n_x * ins->pixel_x, slack = 1e-9 * size, root3 = sqrt(3.);
  switch (ins->aperture) {
    case CUBIX_CIRCLE:  return sqrt(x * x + y * y) <= 0.5 * size + slack;
    case CUBIX_HEXAGON: return y <= 0.25 * root3 * size + slack && root3 * x + y <= 0.5 * root3 * size + slack;
    default:            return 1;
  }
}

/* Columns or rows, of n, whose numbers are within `far` of `at`. */
static void range(int *from, int *to, double at, double far, int n)
{
  *from = (int)fmin(fmax(floor(at - far), 0), n);
  *to = (int)fmin(fmax(ceil(at + far) + 1, 0), n);
}

struct cubix_window cubix_instrument_near(const struct cubix_instrument *ins, int group, int i)
{
  struct cubix_window w;
  double x, y;
  const double far = cubix_bundle_far(ins->bundle);
  cubix_bundle_place(ins->bundle, group, i, &x, &y);
  range(&w.x0, &w.x1, 0.5 * ins->n_x - 0.5 - x / ins->pixel_x, far / ins->pixel_x + 1, ins->n_x);
  range(&w.y0, &w.y1, 0.5 * ins->n_y - 0.5 + y / ins->pixel_y, far / ins->pixel_y + 1, ins->n_y);
  return w;
}

static void free_curve(struct cubix_curve *curve)
{
  free(curve->lambda);
  free(curve->value);
}

void cubix_instrument_free(struct cubix_instrument *ins)
{
  if (!ins) return;
  free_curve(&ins->psf_fwhm);
  free_curve(&ins->psf_beta);
  free_curve(&ins->lsf_fwhm);
  free_curve(&ins->throughput);
  free_curve(&ins->sky);
  free_curve(&ins->dark);
  free_curve(&ins->read_noise);
  free_curve(&ins->n_pixel);
  free(ins->centre);
  free(ins->border);
  free(ins->edge);
  free(ins->gap);
  free(ins->psf_kernel);
  free(ins->covered);
  cubix_bundle_free(ins->bundle);
  free(ins);
}
