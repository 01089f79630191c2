/* bundle.c -- where the cores of a bundle are, and how it is moved between exposures.
 *
 * hexagon  n fibres on a side, 3 n (n - 1) + 1 in all, in rows along x: two corners lie on the x axis,
 *          as those of the field's hexagon do.  MaNGA: Drory et al. 2015, AJ 149, 77.
 * rings    one fibre and rings of 6, 12, 18 ... about it.  A ring is as narrow as its own cores and
 *          those of the ring within allow, if it is turned so that theirs lie in its gaps.  SAMI:
 *          61 cores in 1 + 4 rings, Bryant et al. 2014, MNRAS 438, 869.
 * file     a table of places.
 *
 * Dithers: three, the corners of a triangle of equal sides d, between which the gaps of a hexagon
 * close for d = pitch/sqrt(3) (Law et al. 2015, AJ 150, 19); seven, the centre and six at the distance
 * d about it.  Their mean is 0. */
#include "instrument/bundle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "instrument/instrument_file.h"
#include "math/disc.h"
#include "physics/constants.h"

enum { MOST = 100000, MOST_SPECTRA = 10000000 };      /* fibres of a bundle, or dithers; and fibres in all dithers */

static const char east_north[] = "arcsec to the east and arcsec to the north";

static int lay_hexagon(struct cubix_bundle *bundle, double pitch, int n_side)
{
  int n = 0;
  for (int r = 1 - n_side; r < n_side; r++) {
    const int length = 2 * n_side - 1 - abs(r);
    for (int i = 0; i < length; i++, n++) {
      bundle->x[n] = (i - 0.5 * (length - 1)) * pitch;
      bundle->y[n] = -0.5 * sqrt(3.) * r * pitch;
    }
  }
  return n;
}

/* The radius of a ring of n cores about one of m at radius r: neighbours are a pitch apart, those of the other ring at
 * least so. */
static double ring_radius(double r, int m, int n, double pitch)
{
  const double own = 0.5 * pitch / sin(CUBIX_PI / n);
  if (m <= 1) return own;
  int a = m, b = n;
  while (b) {
    const int c = a % b;
    a = b;
    b = c;
  }
  /* angles differ by multiples of 2 pi a/(m n) from that of any pair; turned by half of that */
  const double turn = CUBIX_PI * a / ((double)m * n), across = r * sin(turn);
  return fmax(own, r * cos(turn) + sqrt(fmax(pitch * pitch - across * across, 0)));
}

static int lay_rings(struct cubix_bundle *bundle, double pitch, int n_ring)
{
  int n = 1, before = 1;
  double radius = 0, angle = 0;
  bundle->x[0] = bundle->y[0] = 0;
  for (int k = 1; k <= n_ring; k++) {
    const int count = 6 * k;
    radius = ring_radius(radius, before, count, pitch);
    if (before > 1) angle += CUBIX_PI / count / (k - 1);      /* half of 2 pi/(6 k (k - 1)) */
    for (int i = 0; i < count; i++, n++) {
      bundle->x[n] = radius * cos(angle + 2 * CUBIX_PI * i / count);
      bundle->y[n] = radius * sin(angle + 2 * CUBIX_PI * i / count);
    }
    before = count;
  }
  return n;
}

int cubix_bundle_table(double **x, double **y, int *n, const char *path, const char *what, const char *columns)
{
  int status = CUBIX_OK, line = 0, room = 0;
  char text[1024];
  FILE *in = fopen(path, "r");
  *n = 0;
  CUBIX_CHECK(in, CUBIX_EINPUT, "cannot open %s, %s", path, what);
  while (fgets(text, sizeof text, in)) {
    char *hash = strchr(text, '#'), rest[8];
    double a, b;
    line++;
    CUBIX_CHECK(strchr(text, '\n') || feof(in), CUBIX_EINPUT, "%s:%d: a line of %s holds at most %d characters", path,
                line, what, (int)sizeof text - 2);
    if (hash) *hash = '\0';
    if (text[strspn(text, " \t\r\n")] == '\0') continue;
    CUBIX_CHECK(sscanf(text, "%lf %lf %7s", &a, &b, rest) == 2, CUBIX_EINPUT,
                "%s:%d: a line of %s holds two numbers, %s", path, line, what, columns);
    CUBIX_CHECK(fabs(a) <= 1e5 && fabs(b) <= 1e5, CUBIX_EINPUT,
                "%s:%d: %g %g: numbers of %s, %s, must be in -1e5 .. 1e5", path, line, a, b, what, columns);
    CUBIX_CHECK(*n < MOST, CUBIX_EINPUT, "%s holds more than %d lines", path, MOST);
    if (*n == room) {
      room = 2 * room + 64;
      double *more_x = realloc(*x, (size_t)room * sizeof **x);
      if (more_x) *x = more_x;
      double *more_y = realloc(*y, (size_t)room * sizeof **y);
      if (more_y) *y = more_y;
      CUBIX_CHECK(more_x && more_y, CUBIX_ENOMEM, "cannot allocate %d places", room);
    }
    (*x)[*n] = a;
    (*y)[(*n)++] = b;
  }
  CUBIX_CHECK(!ferror(in), CUBIX_EINPUT, "cannot read %s, %s", path, what);
  CUBIX_CHECK(*n > 0, CUBIX_EINPUT, "%s, %s, holds no line", path, what);
done:
  if (in) fclose(in);
  return status;
}

static int need(const struct cubix_instrument_file *file, const struct cubix_params *par, int key, const char *why)
{
  int status = CUBIX_OK;
  double min, max;
  const char *unit, *help;
  CUBIX_CHECK(file->given[key], par->Sampling == CUBIX_Sampling_fibres ? CUBIX_EUSAGE : CUBIX_EINPUT,
              "%s: '%s' is missing; %s", file->path,
              cubix_instrument_key(key, &min, &max, &unit, &help), why);
done:
  return status;
}

static int lay_fibres(struct cubix_bundle *bundle, const struct cubix_instrument_file *file,
                      const struct cubix_params *par)
{
  int status = CUBIX_OK;
  char path[2048];
  const char *slash = strrchr(file->path, '/');
  if (par->FibreFile[0] || (enum cubix_bundle_kind)file->fibres_bundle == CUBIX_BUNDLE_FILE) {
    if (!par->FibreFile[0]) CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_file, "fibres.bundle file needs it"));
    if (par->FibreFile[0]) snprintf(path, sizeof path, "%s", par->FibreFile);
    else
      snprintf(path, sizeof path, "%.*s%s", slash && file->fibres_file[0] != '/' ? (int)(slash - file->path) + 1 : 0,
               file->path, file->fibres_file);
    CUBIX_TRY(cubix_bundle_table(&bundle->x, &bundle->y, &bundle->n_fibre, path, "the places of fibres", east_north));
    goto done;
  }
  const int hexagon = (enum cubix_bundle_kind)file->fibres_bundle == CUBIX_BUNDLE_HEXAGON;
  CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_count, "fibres.bundle hexagon and rings need it"));
  CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_pitch, "fibres.bundle hexagon and rings need it"));
  const int n = (int)file->fibres_count;
  int n_ring = 0;
  while (3 * n_ring * (n_ring + 1) + 1 < n) n_ring++;
  CUBIX_CHECK(3 * n_ring * (n_ring + 1) + 1 == n && n == file->fibres_count, CUBIX_EINPUT,
              "%s: fibres.count = %g; hexagons and rings hold 1, 7, 19, 37, 61, 91, 127 ... fibres", file->path,
              file->fibres_count);
  CUBIX_CHECK(file->fibres_pitch >= file->fibres_core, CUBIX_EINPUT,
              "%s: fibres.pitch = %g arcsec is less than fibres.core = %g: fibres would overlap", file->path,
              file->fibres_pitch, file->fibres_core);
  CUBIX_ALLOC(bundle->x, n);
  CUBIX_ALLOC(bundle->y, n);
  bundle->n_fibre = hexagon ? lay_hexagon(bundle, file->fibres_pitch, n_ring + 1)
                            : lay_rings(bundle, file->fibres_pitch, n_ring);
done:
  return status;
}

static int lay_dithers(struct cubix_bundle *bundle, const struct cubix_instrument_file *file,
                       const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const enum cubix_dither kind = (enum cubix_dither)file->fibres_dither;
  if (par->DitherFile[0]) {
    CUBIX_TRY(cubix_bundle_table(&bundle->shift_x, &bundle->shift_y, &bundle->n_dither, par->DitherFile,
                                 "the places of the bundle's centre", east_north));
    goto done;
  }
  if (kind != CUBIX_DITHER_NONE) CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_dither_step, "fibres.dither needs it"));
  const int around = kind == CUBIX_DITHER_THREE ? 3 : kind == CUBIX_DITHER_SEVEN ? 6 : 0, centre = around != 3;
  const double d = file->fibres_dither_step, radius = around == 3 ? d / sqrt(3.) : d;
  CUBIX_ALLOC(bundle->shift_x, around + centre);
  CUBIX_ALLOC(bundle->shift_y, around + centre);
  for (int i = 0; i < around; i++) {                       /* three: its first side points along y */
    const double angle = around == 3 ? CUBIX_PI * (2 * i / 3. - 1 / 3.) : CUBIX_PI * i / 3.;
    bundle->shift_x[centre + i] = radius * cos(angle);
    bundle->shift_y[centre + i] = radius * sin(angle);
  }
  bundle->n_dither = around + centre;
done:
  return status;
}

int cubix_bundle_read(struct cubix_bundle **out, const struct cubix_instrument_file *file,
                      const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct cubix_bundle *bundle = NULL;
  const char *why = "Sampling fibres needs it";
  *out = NULL;
  CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_core, why));
  if (!par->FibreFile[0]) CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_bundle, why));
  if (!par->DitherFile[0]) CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_dither, why));
  CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_rebuild, why));
  CUBIX_ALLOC(bundle, 1);
  bundle->core = file->fibres_core;
  bundle->rebuild = (enum cubix_rebuild)file->fibres_rebuild;
  if (bundle->rebuild == CUBIX_REBUILD_SHEPARD) {
    CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_sigma, "fibres.rebuild shepard needs it"));
    CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_limit, "fibres.rebuild shepard needs it"));
  } else CUBIX_TRY(need(file, par, CUBIX_KEY_fibres_drop, "fibres.rebuild drizzle needs it"));
  bundle->sigma = file->fibres_sigma;
  bundle->limit = file->fibres_limit;
  bundle->drop = file->fibres_drop;
  bundle->n_group = 1;
  CUBIX_TRY(lay_fibres(bundle, file, par));
  CUBIX_TRY(lay_dithers(bundle, file, par));
  CUBIX_CHECK((double)bundle->n_fibre * bundle->n_dither <= MOST_SPECTRA, CUBIX_EINPUT,
              "%d fibres in %d dithers are %g spectra, at most %d: make FibreFile or DitherFile shorter",
              bundle->n_fibre, bundle->n_dither, (double)bundle->n_fibre * bundle->n_dither, MOST_SPECTRA);
  *out = bundle;
  bundle = NULL;
done:
  cubix_bundle_free(bundle);
  return status;
}

int cubix_bundle_group(const struct cubix_bundle *bundle, int k)
{
  int group = 0;
  while (bundle->first && bundle->first[group + 1] <= k) group++;
  return group;
}

void cubix_bundle_place(const struct cubix_bundle *bundle, int group, int i, double *x, double *y)
{
  const int dither = i / bundle->n_fibre;
  *x = bundle->x[i % bundle->n_fibre] + bundle->shift_x[dither];
  *y = bundle->y[i % bundle->n_fibre] + bundle->shift_y[dither];
  if (!bundle->first || group == CUBIX_AT_REFERENCE) return;
  *x += bundle->air_x[group * bundle->n_dither + dither];
  *y += bundle->air_y[group * bundle->n_dither + dither];
}

double cubix_bundle_area(const struct cubix_bundle *bundle) { return 0.25 * CUBIX_PI * bundle->core * bundle->core; }

void cubix_bundle_reach(const struct cubix_bundle *bundle, double *reach_x, double *reach_y)
{
  const double core = 0.5 * bundle->core,
               around = bundle->rebuild == CUBIX_REBUILD_SHEPARD ? fmax(bundle->limit, core) : core;
  *reach_x = *reach_y = 0;
  for (int i = 0; i < cubix_bundle_spectra(bundle); i++) {
    double x, y;
    cubix_bundle_place(bundle, CUBIX_AT_REFERENCE, i, &x, &y);
    *reach_x = fmax(*reach_x, fabs(x) + around);
    *reach_y = fmax(*reach_y, fabs(y) + around);
  }
}

double cubix_bundle_far(const struct cubix_bundle *bundle)
{
  return bundle->rebuild == CUBIX_REBUILD_SHEPARD ? bundle->limit : 0.5 * bundle->drop * bundle->core;
}

double cubix_bundle_weight(const struct cubix_bundle *bundle, int group, int i, double x, double y, double side_x,
                           double side_y)
{
  double at_x, at_y;
  cubix_bundle_place(bundle, group, i, &at_x, &at_y);
  const double dx = x - at_x, dy = y - at_y;
  if (bundle->rebuild == CUBIX_REBUILD_SHEPARD) {
    const double r2 = dx * dx + dy * dy;
    return r2 <= bundle->limit * bundle->limit ? exp(-0.5 * r2 / (bundle->sigma * bundle->sigma)) : 0;
  }
  return cubix_disc_area(0.5 * bundle->drop * bundle->core, dx - 0.5 * side_x, dx + 0.5 * side_x, dy - 0.5 * side_y,
                         dy + 0.5 * side_y) /
         (side_x * side_y);
}

void cubix_bundle_free(struct cubix_bundle *bundle)
{
  if (!bundle) return;
  free(bundle->x);
  free(bundle->y);
  free(bundle->shift_x);
  free(bundle->shift_y);
  free(bundle->first);
  free(bundle->air_x);
  free(bundle->air_y);
  free(bundle);
}
