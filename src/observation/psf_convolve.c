/* psf_convolve.c -- a few channels' images convolved with their kernels, with the kernels mirrored,
 * or with the kernels' derivatives.
 *
 * A cube lies with wavelength fastest, so LANE channels are transformed side by side: a vector holds the same number
 * of neighbouring channels.  Every spaxel of a cube is a page of its own, so STRIP channels are fetched at a time, and
 * the rest works in the cache.  Two rows of a channel make one complex row, x_j + i x_j+1, whose transform Z is taken
 * apart by
 *   2 X_j(f) = Z(f) + conj Z(-f),   2i X_j+1(f) = Z(f) - conj Z(-f);
 * then each of the n_x/2 + 1 columns, which lies in one piece, is multiplied with the kernel (psf_columns.c), and the
 * rows that are wanted, and only these, are put together and transformed back.  Results go straight to their places: in
 * place, the voxel of spaxel s in channel k of the field is that of painted spaxel s in channel k, which has been read
 * when it is written.
 * Images have one grid, the painted image's: spaxel (i, j) of the field lies at (i + margin, j +
 * margin).  The adjoint reads the field there, dark around it, multiplies with the conjugate of the
 * kernel's transform (a real kernel, mirrored) and writes all that was painted; painted and field
 * positions are at most n + margin - 1 apart and the grid has n + 2 margin places or more, so that
 * nothing wraps around into the other: it is the exact transpose.
 * A channel's result depends neither on its neighbours nor on which other channels this rank holds.
 * A transform leaves noise everywhere, of both signs: up to 4.9e-16 of the brightest spaxel was measured (fields of 10
 * to 283 spaxels, points and discs).  What is below 1e-15 of the image's norm, the root of the sum of its squares, is
 * set to 0: no spaxel is negative and none where no light can fall shines; a field of n spaxels loses at most n 1e-15
 * of its light.  The columns give the norm: where they are transformed, that of the whole grid, which no spaxel
 * exceeds; where they are summed, that of the field's rows, since a row's noise is then its own.  (A kernel with
 * negative values, from a FITS image, may rightly give negative spaxels.)  Derivatives keep their noise: they have both
 * signs anyhow, and a threshold would not be linear. */
#include <math.h>
#include <string.h>

#include "observation/psf_parts.h"

enum {
  LANE = CUBIX_PSF_LANE, STRIP = CUBIX_PSF_STRIP,
  LINE = 64 / sizeof(cubix_real),           /* of the cache */
  AHEAD = 8                                 /* spaxels fetched ahead: every one is a page of its own */
};
static const double noise_floor = 1e-15;    /* of the image's norm   */

typedef cubix_psf_pair pair;

/* Where images lie on the grid: their spaxel (0, 0) is at (shift_x, shift_y). */
struct frame { int n_x, n_y, shift_x, shift_y; const unsigned char *inside; };

static struct frame painted(const struct cubix_psf_job *job)
{
  return (struct frame){ job->ins->n_x + 2 * job->ins->margin, job->ins->n_y + 2 * job->ins->margin, 0, 0, NULL };
}

/* Columns that are summed begin where their image does. */
static struct frame field(const struct cubix_psf_job *job, const struct cubix_psf_plan *plan)
{
  const int margin = job->ins->margin;
  return (struct frame){ job->ins->n_x, job->ins->n_y, margin, plan->shape.n_y ? margin : 0, job->inside };
}

/* An image's channels k .. k + n - 1, one spaxel behind the other, dark up to STRIP. */
static void fetch(cubix_real *to, const cubix_real *flux, const struct frame *frame, size_t n_lambda, int k, int n)
{
  const size_t n_spaxel = (size_t)frame->n_x * (size_t)frame->n_y;
  const cubix_real *from = flux + k;
  for (size_t s = 0; s < n_spaxel; s++, from += n_lambda, to += STRIP) {
    if (s + AHEAD < n_spaxel)
      for (int i = 0; i < n; i += LINE) __builtin_prefetch(from + AHEAD * n_lambda + i);
    if (n == STRIP) memcpy(to, from, STRIP * sizeof *to);
    else {
      memcpy(to, from, (size_t)n * sizeof *to);
      memset(to + n, 0, (size_t)(STRIP - n) * sizeof *to);
    }
  }
}

/* Whether there is any light in LANE channels of n spaxels. */
static int is_lit(const cubix_real *from, int n)
{
  uint64_t word[LANE * sizeof *from / sizeof(uint64_t)], any[sizeof word / sizeof *word] = { 0 }, all = 0;
  for (int i = 0; i < n; i++, from += STRIP) {
    memcpy(word, from, sizeof word);
    for (size_t w = 0; w < sizeof word / sizeof *word; w++) any[w] |= word[w];
  }
  for (size_t w = 0; w < sizeof word / sizeof *word; w++) all |= any[w];
  return all != 0;
}

/* Spaxels of rows j and j + 1 that are not in the aperture. */
static void darken(pair *to, const struct frame *frame, int j)
{
  const unsigned char *a = frame->inside + (size_t)j * (size_t)frame->n_x, *b = j + 1 < frame->n_y ? a + frame->n_x : a;
  for (int i = 0; i < frame->n_x; i++)
    for (int t = 0; t < LANE; t++)
      to[LANE * i + t] = (pair){ a[i] ? to[LANE * i + t][0] : 0., b[i] ? to[LANE * i + t][1] : 0. };
}

/* Rows of an image in LANE channels, two by two, to the transforms of rows; what lies around them in the
 * spectrum is dark.  @param flux of spaxel (0, 0)  @return 0: no light at all, and no spectrum */
static int transform_rows(const struct cubix_psf_plan *plan, const struct cubix_psf_workspace *b, pair *spectrum,
                          const cubix_real *flux, struct frame frame)
{
  static const cubix_real none[LANE];
  const struct cubix_psf_shape *s = &plan->shape;
  const size_t row = (size_t)frame.n_x * STRIP;
  const int used = frame.shift_y + frame.n_y;
  pair *from = b->line[0], *to = b->line[1], *shifted = from + LANE * (size_t)frame.shift_x;
  int lit = 0;
  memset(from, 0, LANE * (size_t)s->n_x * sizeof *from);
  for (int j = 0; j < frame.n_y; j += 2, flux += 2 * row) {
    const int two = j + 1 < frame.n_y;
    pair *x = spectrum + (size_t)(frame.shift_y + j) * LANE;
    if (!is_lit(flux, two ? 2 * frame.n_x : frame.n_x)) {
      for (int f = 0; f < s->half; f++, x += s->column) memset(x, 0, 2 * LANE * sizeof *x);
      continue;
    }
    lit = 1;
    plan->loops->join((double *)shifted, flux, two ? flux + row : none, STRIP, two ? STRIP : 0, frame.n_x);
    if (frame.inside) darken(shifted, &frame, j);
    fftw_execute_dft(plan->row_forward, (fftw_complex *)from, (fftw_complex *)to);
    plan->loops->split((double *)x, 2 * s->column, (const double *)to, s->n_x);
  }
  for (int f = 0; f < s->half && lit; f++, spectrum += s->column) {
    memset(spectrum, 0, LANE * (size_t)frame.shift_y * sizeof *spectrum);
    memset(spectrum + LANE * (size_t)used, 0, (s->column - LANE * (size_t)used) * sizeof *spectrum);
  }
  return lit;
}

/* n channels of a spaxel: real or imaginary parts. */
static inline void put(cubix_real *spaxel, const pair *value, int part, int n, int add, const double floor_of[LANE])
{
  if (add) for (int t = 0; t < n; t++) spaxel[t] = (cubix_real)((double)spaxel[t] + value[t][part]);
  else for (int t = 0; t < n; t++) spaxel[t] = (cubix_real)(fabs(value[t][part]) < floor_of[t] ? 0. : value[t][part]);
}

/* Rows that are wanted, back to light. */
static void write_rows(const struct cubix_psf_plan *plan, const struct cubix_psf_job *job,
                       const struct cubix_psf_workspace *b, int k, int n, const double floor_of[LANE])
{
  static const pair dark[LANE];
  const struct frame frame = job->adjoint ? painted(job) : field(job, plan);
  const size_t n_lambda = (size_t)job->n_lambda, row = (size_t)frame.n_x * n_lambda;
  pair *from = b->line[0], *to = b->line[1];
  for (int j = 0; j < frame.n_y; j += 2) {
    const pair *x = b->spectrum[0] + (size_t)(j + frame.shift_y) * LANE;
    const unsigned char *inside = frame.inside ? frame.inside + (size_t)j * (size_t)frame.n_x : NULL;
    plan->loops->merge((double *)from, (const double *)x, 2 * plan->shape.column, plan->shape.n_x);
    fftw_execute_dft(plan->row_backward, (fftw_complex *)from, (fftw_complex *)to);
    for (int i = 0; i < frame.n_x; i++) {
      const pair *value = to + LANE * (i + frame.shift_x);
      cubix_real *spaxel = job->out + (size_t)j * row + (size_t)i * n_lambda + (size_t)k;
      put(spaxel, !inside || inside[i] ? value : dark, 0, n, job->add, floor_of);
      if (j + 1 < frame.n_y)
        put(spaxel + row, !inside || inside[frame.n_x + i] ? value : dark, 1, n, job->add, floor_of);
    }
  }
}

/* LANE channels of a strip, the first of them its number `at`. */
static void convolve(const struct cubix_psf_plan *plan, const struct cubix_psf_job *job,
                     const struct cubix_psf_workspace *b, int k, int at, int n)
{
  const struct cubix_psf_shape *s = &plan->shape;
  double power[LANE] = { 0. }, floor_of[LANE];
  int lit[2];
  lit[0] = job->in && transform_rows(plan, b, b->spectrum[0], b->strip[0] + at,
                                     job->adjoint ? field(job, plan) : painted(job));
  lit[1] = job->by && (lit[0] || !job->adjoint) &&
           transform_rows(plan, b, b->spectrum[1], b->strip[1] + at, painted(job));
  if (lit[0] || lit[1]) cubix_psf_columns(plan, job, b, lit, k, n, power);
  else if (!job->add) memset(b->spectrum[0], 0, s->spectrum * sizeof *b->spectrum[0]);
  else return;
  for (int t = 0; t < LANE; t++) floor_of[t] = noise_floor * sqrt(power[t]);
  if (job->out) write_rows(plan, job, b, k, n, floor_of);
}

void cubix_psf_convolve(const struct cubix_psf_plan *plan, const struct cubix_psf_job *job, pair *work, int k, int n)
{
  const struct cubix_psf_shape *s = &plan->shape;
  const size_t n_image = (size_t)plan->n_spectrum;
  const struct frame of_in = job->adjoint ? field(job, plan) : painted(job), of_by = painted(job);
  struct cubix_psf_workspace b = { { NULL }, { work, work + s->spectrum * (n_image - 1) }, { NULL } };
  work += n_image * s->spectrum;
  for (int i = 0; i < CUBIX_PSF_N_LINE; i++, work += s->line) b.line[i] = work;
  b.strip[0] = (cubix_real *)work;
  b.strip[1] = (cubix_real *)(work + s->strip * (n_image - 1));
  if (job->in) fetch(b.strip[0], job->in, &of_in, (size_t)job->n_lambda, k, n);
  if (job->by) fetch(b.strip[1], job->by, &of_by, (size_t)job->n_lambda, k, n);
  for (int at = 0; at < n; at += LANE) convolve(plan, job, &b, k + at, at, n - at < LANE ? n - at : LANE);
}
