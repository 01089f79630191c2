/* frame.c -- rotations onto the sky, and their use.  How the galaxy's axes are found is
 * mpi/particles/frame.c's business.
 *
 * Sky axes: x east, y north, z away from the observer, right-handed.  A disc seen face-on has its
 * spin towards the observer, -z, and so turns counter-clockwise on a sky with north up and east
 * left. */
#include "geometry/frame.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "physics/constants.h"

static void multiply(double c[3][3], double a[3][3], double b[3][3])
{
  double r[3][3];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) r[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
  memcpy(c, r, sizeof r);
}

/* Right-handed rotation about axis 0, 1, 2 by an angle in degrees; multiples of 90 are exact. */
static void about(double r[3][3], int axis, double degrees)
{
  double quarter = degrees / 90, s, c;
  int a = (axis + 1) % 3, b = (axis + 2) % 3;
  if (quarter == rint(quarter)) {
    static const double sine[4] = { 0, 1, 0, -1 };
    int q = (int)(((long long)quarter % 4 + 4) % 4);
    s = sine[q];
    c = sine[(q + 1) % 4];
  } else {
    s = sin(degrees * CUBIX_PI / 180);
    c = cos(degrees * CUBIX_PI / 180);
  }
  memset(r, 0, 9 * sizeof(double));
  r[axis][axis] = 1;
  r[a][a] = c;
  r[a][b] = -s;
  r[b][a] = s;
  r[b][b] = c;
}

/* Its derivative [per degree]. */
static void about_slope(double r[3][3], int axis, double degrees)
{
  about(r, axis, degrees + 90);
  r[axis][axis] = 0;
  for (int i = 0; i < 9; i++) r[i / 3][i % 3] *= CUBIX_PI / 180;
}

/* The angles one after the other, as factors of the rotation; number `slope` of them replaced by
 * its derivative (-1: none). */
static void angles(double rotation[3][3], const double angle[3], int slope)
{
  double r[3][3];
  (slope == 0 ? about_slope : about)(rotation, 0, angle[0]);
  for (int axis = 1; axis < 3; axis++) {
    (slope == axis ? about_slope : about)(r, axis, angle[axis]);
    multiply(rotation, r, rotation);
  }
}

static void inclined(double rotation[3][3], double body[3][3], double inclination, double position_angle, int slope)
{
  /* face-on with e1 to the north: e1 -> y, e3 -> -z, e2 = e3 x e1 -> x; then tip about the line of
   * nodes (y) so that e3 goes from -z to the east, receding half north; then turn north through
   * east, which is clockwise about z */
  double face_on[3][3] = { { 0, 1, 0 }, { 1, 0, 0 }, { 0, 0, -1 } }, tip[3][3], turn[3][3], sign = slope < 0 ? 1 : -1;
  (slope == 0 ? about_slope : about)(tip, 1, -inclination);
  (slope == 1 ? about_slope : about)(turn, 2, -position_angle);
  multiply(rotation, face_on, body);
  multiply(rotation, tip, rotation);
  multiply(rotation, turn, rotation);
  for (int i = 0; i < 9; i++) rotation[i / 3][i % 3] *= sign;
}

void cubix_frame_angles(double rotation[3][3], double alpha, double beta, double gamma)
{
  angles(rotation, (double[3]){ alpha, beta, gamma }, -1);
}

void cubix_frame_inclined(double rotation[3][3], double body[3][3], double inclination, double position_angle)
{
  inclined(rotation, body, inclination, position_angle, -1);
}

static int has_angles(const struct cubix_params *par) { return par->Orientation == CUBIX_Orientation_angles; }

int cubix_frame_has_disc(const struct cubix_params *par)
{
  return !has_angles(par) && par->Orientation != CUBIX_Orientation_none;
}

double cubix_frame_inclination(const struct cubix_params *par)
{
  return par->Orientation == CUBIX_Orientation_faceon   ? 0
         : par->Orientation == CUBIX_Orientation_edgeon ? 90
                                                        : par->Inclination;
}

void cubix_frame_turn(struct cubix_frame *frame, const struct cubix_params *par)
{
  if (cubix_frame_has_disc(par))
    cubix_frame_inclined(frame->rotation, frame->body, cubix_frame_inclination(par), par->PositionAngle);
  else if (has_angles(par)) cubix_frame_angles(frame->rotation, par->Alpha, par->Beta, par->Gamma);
  else cubix_frame_angles(frame->rotation, 0, 0, 0);
}

/* Derivatives of the rotation by the angles it depends on.  @param[out] which the member of struct
 * cubix_turn_bar that each belongs to  @return their number */
static int turn_slopes(double slope[3][3][3], size_t which[3], const struct cubix_frame *frame,
                       const struct cubix_params *par)
{
  struct cubix_frame f = *frame;
  const double angle[3] = { par->Alpha, par->Beta, par->Gamma };
  int n = 0;
  if (has_angles(par))
    for (n = 0; n < 3; n++) {
      angles(slope[n], angle, n);
      which[n] = offsetof(struct cubix_turn_bar, alpha) / sizeof(double) + (size_t)n;
    }
  if (!cubix_frame_has_disc(par)) return n;
  for (int i = par->Orientation != CUBIX_Orientation_inclined; i < 2; i++, n++) {
    inclined(slope[n], f.body, cubix_frame_inclination(par), par->PositionAngle, i);
    which[n] = offsetof(struct cubix_turn_bar, inclination) / sizeof(double) + (size_t)i;
  }
  return n;
}

void cubix_frame_turn_vjp(const struct cubix_frame *frame, const struct cubix_params *par,
                          const double rotation_bar[3][3], struct cubix_turn_bar *bar)
{
  double slope[3][3][3];
  size_t which[3];
  int n = turn_slopes(slope, which, frame, par);
  for (int a = 0; a < n; a++)
    for (int i = 0; i < 9; i++) ((double *)bar)[which[a]] += rotation_bar[i / 3][i % 3] * slope[a][i / 3][i % 3];
}

void cubix_frame_turn_jvp(double rotation_dot[3][3], const struct cubix_frame *frame, const struct cubix_params *par,
                          const struct cubix_turn_bar *dot)
{
  double slope[3][3][3];
  size_t which[3];
  int n = turn_slopes(slope, which, frame, par);
  memset(rotation_dot, 0, 9 * sizeof(double));
  for (int a = 0; a < n; a++)
    for (int i = 0; i < 9; i++) rotation_dot[i / 3][i % 3] += slope[a][i / 3][i % 3] * ((const double *)dot)[which[a]];
}

static void wrap_about(struct cubix_slab *slab, const double centre[3])
{
  const double box = slab->snapshot.box;
#pragma omp parallel for schedule(static) if (box > 0)
  for (size_t i = 0; i < (box > 0 ? slab->n : 0); i++)
    for (size_t c = 0; c < 3; c++) {
      double d = slab->position[3 * i + c] - centre[c];
      if (fabs(d) > 0.5 * box) slab->position[3 * i + c] -= box * rint(d / box);
    }
}

int cubix_frame_select(const double centre[3], double radius, struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  unsigned char *keep = NULL;
  wrap_about(slab, centre);
  if (!(radius > 0)) goto done;
  keep = cubix_reserve(slab->n, 1);
  CUBIX_CHECK(keep, CUBIX_ENOMEM, "cannot allocate %zu bytes", slab->n);
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < slab->n; i++) {
    const double *x = slab->position + 3 * i, r[3] = { x[0] - centre[0], x[1] - centre[1], x[2] - centre[2] };
    keep[i] = sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]) <= radius;
  }
  cubix_slab_keep(slab, keep);
done:
  free(keep);
  return status;
}

void cubix_frame_apply(const struct cubix_frame *frame, struct cubix_slab *slab)
{
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < slab->n; i++) {
    double x[3], v[3];
    for (int c = 0; c < 3; c++) {
      x[c] = slab->position[3 * i + (size_t)c] - frame->centre[c];
      v[c] = slab->velocity[3 * i + (size_t)c] - frame->velocity[c];
    }
    for (size_t c = 0; c < 3; c++) {
      const double *r = frame->rotation[c];
      slab->position[3 * i + c] = r[0] * x[0] + r[1] * x[1] + r[2] * x[2];
      slab->velocity[3 * i + c] = r[0] * v[0] + r[1] * v[1] + r[2] * v[2];
    }
  }
}
