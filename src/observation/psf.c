/* psf.c -- every channel's image convolved with the point spread function and cropped to the field,
 * and the derivatives of that.
 *
 * The convolution goes through Fourier transforms (FFTW, double precision: what a float32
 * transform leaves everywhere is 1e-7 of the brightest spaxel, more than the light of a galaxy's
 * outskirts).  The painted image has a margin as wide as the kernel's radius, which is cropped.
 * Kernels sum to 1: light is only moved, some of it out of the field.  With K the kernel of a
 * channel, p the painted image and f the field's,
 *   f_s = m_s sum_p K_(s-p) p_p,   m = 1 in the aperture, 0 outside.
 * Derivatives:
 *   adjoint   p_bar_p += sum_s K_(s-p) m_s f_bar_s        to the rounding of the sums the transpose
 *             of what forward does
 *   FWHM      FWHM_bar += sum_s m_s f_bar_s sum_p dK/dFWHM_(s-p) p_p, beta alike; a factor on the
 *             FWHM: FWHM_bar times FWHM, channel by channel
 *   tangent   f_dot_s += m_s sum_p (K_(s-p) p_dot_p + K_dot_(s-p) p_p)
 * They are those of the sums above: that forward sets the noise of the transforms to 0
 * (psf_convolve.c) is no part of them.  dK sums to 0 as K sums to 1 (psf_kernel.c).  A file's
 * kernel has no parameter, and no PSF neither: their derivatives are 0.
 * All run through one job (psf_parts.h), a strip of channels at a time; beyond the cubes there is
 * the work space of each thread: two images of STRIP channels at most, and the transforms of LANE.
 * Sums over channels are added up in the channels' order: the same bits from any number of threads. */
#include "observation/psf.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "observation/psf_parts.h"

/* Painted, or field: of this instrument, and with the same channels. */
static int check_cube(const struct cubix_instrument *ins, const struct cubix_cube *cube, int margin,
                      const struct cubix_cube *other)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(cube->n_x == ins->n_x + 2 * margin && cube->n_y == ins->n_y + 2 * margin && cube->margin == margin &&
                  cube->lambda_first >= 0 && cube->lambda_first + cube->n_lambda <= ins->n_lambda &&
                  (ins->psf != CUBIX_PSF_NONE || !ins->margin),
              CUBIX_EFAIL,
              "a cube of %d x %d spaxels with a margin of %d and channels %d to %d is not one of this instrument (%d x "
              "%d, margin %d, %d channels)",
              cube->n_x, cube->n_y, cube->margin, cube->lambda_first, cube->lambda_first + cube->n_lambda - 1, ins->n_x,
              ins->n_y, margin, ins->n_lambda);
  CUBIX_CHECK(cube->lambda_first == other->lambda_first && cube->n_lambda == other->n_lambda, CUBIX_EFAIL,
              "a cube has channels %d to %d, the one beside it %d to %d; they must be the same", cube->lambda_first,
              cube->lambda_first + cube->n_lambda - 1, other->lambda_first, other->lambda_first + other->n_lambda - 1);
done:
  return status;
}

/* Without a PSF: what is in the aperture. */
static void pass(const struct cubix_psf_job *job)
{
  const size_t n_lambda = (size_t)job->n_lambda, n = (size_t)job->ins->n_y * (size_t)job->ins->n_x;
#pragma omp parallel for schedule(static)
  for (size_t s = 0; s < n; s++) {
    const int inside = !job->inside || job->inside[s];
    const cubix_real *in = job->in + s * n_lambda;
    cubix_real *out = job->out + s * n_lambda;
    if (inside && job->add) for (size_t k = 0; k < n_lambda; k++) out[k] += in[k];
    else if (inside && in != out) memcpy(out, in, n_lambda * sizeof *out);
    else if (!inside && !job->add) memset(out, 0, n_lambda * sizeof *out);
  }
}

/* @param slope [n_slope] directions of the kernel's derivatives, where the job has an image for them */
static int run(struct cubix_psf_job *job, struct cubix_psf_plan **keep, const char *stage, int n_slope,
               const struct cubix_psf_bar *slope)
{
  int status = CUBIX_OK, done = 0, n_strip = (job->n_lambda + CUBIX_PSF_STRIP - 1) / CUBIX_PSF_STRIP;
  const struct cubix_instrument *ins = job->ins;
  struct cubix_psf_plan *plan = NULL;
  unsigned char *inside = NULL;
  if (job->n_lambda == 0 || (!job->in && !job->by)) goto done;
  if (ins->aperture != CUBIX_SQUARE) {
    CUBIX_ALLOC(inside, (size_t)ins->n_y * (size_t)ins->n_x);
    for (int j = 0; j < ins->n_y; j++)
      for (int i = 0; i < ins->n_x; i++)
        inside[(size_t)j * (size_t)ins->n_x + (size_t)i] = (unsigned char)cubix_instrument_inside(ins, i, j);
    job->inside = inside;
  }
  if (ins->psf == CUBIX_PSF_NONE) {
    if (job->in && job->out) pass(job);
    goto done;
  }
  if (keep) {
    plan = *keep;
    *keep = NULL;
  }
  CUBIX_TRY(cubix_psf_plan_open(&plan, ins, job->lambda_first, job->n_lambda, job->in && job->by ? 2 : 1,
                                job->by ? n_slope : 0, slope));
#pragma omp parallel for schedule(dynamic)
  for (int strip = 0; strip < n_strip; strip++) {
    int k = strip * CUBIX_PSF_STRIP, n = job->n_lambda - k < CUBIX_PSF_STRIP ? job->n_lambda - k : CUBIX_PSF_STRIP,
        so_far;
    cubix_psf_convolve(plan, job, plan->work + (size_t)omp_get_thread_num() * plan->n_work, k, n);
#pragma omp atomic capture
    so_far = ++done;
    if (omp_get_thread_num() == 0) cubix_log_progress(stage, (double)so_far / n_strip);
  }
  if (keep) {
    cubix_psf_plan_rest(plan);
    *keep = plan;
    plan = NULL;
  }
done:
  cubix_psf_plan_free(plan);
  free(inside);
  return status;
}

static int has_shape(const struct cubix_instrument *ins)
{
  return ins->psf == CUBIX_PSF_GAUSSIAN || ins->psf == CUBIX_PSF_MOFFAT;
}

int cubix_psf_apply_to(const struct cubix_instrument *ins, const struct cubix_cube *painted, struct cubix_cube *field,
                       struct cubix_psf_plan **keep)
{
  int status = CUBIX_OK;
  struct cubix_psf_job job = { .ins = ins,
                               .lambda_first = painted->lambda_first,
                               .n_lambda = painted->n_lambda,
                               .in = painted->flux,
                               .out = field->flux };
  CUBIX_TRY(check_cube(ins, painted, ins->margin, field));
  CUBIX_TRY(check_cube(ins, field, 0, painted));
  CUBIX_TRY(run(&job, keep, "PSF", 0, NULL));
done:
  return status;
}

/* The cropped cube lies at the start of the painted one. */
int cubix_psf_apply(const struct cubix_instrument *ins, struct cubix_cube *cube, struct cubix_psf_plan **keep)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)ins->n_y * (size_t)ins->n_x * (size_t)cube->n_lambda;
  struct cubix_psf_job job = {
    .ins = ins, .lambda_first = cube->lambda_first, .n_lambda = cube->n_lambda, .in = cube->flux, .out = cube->flux
  };
  CUBIX_TRY(check_cube(ins, cube, ins->margin, cube));
  CUBIX_TRY(run(&job, keep, "PSF", 0, NULL));
  cubix_real *smaller = cube->margin > 0 && n > 0 ? realloc(cube->flux, n * sizeof *cube->flux) : NULL;
  if (smaller) cube->flux = smaller;
  cube->n_x = ins->n_x;
  cube->n_y = ins->n_y;
  cube->margin = 0;
done:
  return status;
}

int cubix_psf_apply_vjp(const struct cubix_instrument *ins, const struct cubix_cube *painted,
                        const struct cubix_cube *field_bar, struct cubix_cube *painted_bar,
                        struct cubix_psf_bar *psf_bar, struct cubix_psf_plan **keep)
{
  int status = CUBIX_OK;
  const struct cubix_psf_bar slope[] = { { .fwhm = 1. }, { .beta = 1. } };
  const int wanted = painted && psf_bar && has_shape(ins);
  struct cubix_psf_bar *gain = NULL;
  struct cubix_psf_job job = { .ins = ins,
                               .lambda_first = field_bar->lambda_first,
                               .n_lambda = field_bar->n_lambda,
                               .adjoint = 1,
                               .add = 1,
                               .in = field_bar->flux,
                               .by = wanted ? painted->flux : NULL,
                               .out = painted_bar ? painted_bar->flux : NULL };
  CUBIX_TRY(check_cube(ins, field_bar, 0, field_bar));
  if (painted_bar) CUBIX_TRY(check_cube(ins, painted_bar, ins->margin, field_bar));
  if (painted && psf_bar) CUBIX_TRY(check_cube(ins, painted, ins->margin, field_bar));
  if (!wanted && !painted_bar) goto done;
  if (wanted) {
    CUBIX_ALLOC(gain, job.n_lambda);
    job.gain = gain;
  }
  CUBIX_TRY(run(&job, keep, "PSF adjoint", ins->psf == CUBIX_PSF_MOFFAT ? 2 : 1, slope));
  for (int k = 0; wanted && k < job.n_lambda; k++) {
    psf_bar->fwhm += gain[k].fwhm;
    psf_bar->scale += gain[k].scale;
    psf_bar->beta += gain[k].beta;
  }
done:
  free(gain);
  return status;
}

int cubix_psf_apply_jvp(const struct cubix_instrument *ins, const struct cubix_cube *painted,
                        const struct cubix_cube *painted_dot, const struct cubix_psf_bar *psf_dot,
                        struct cubix_cube *field_dot, struct cubix_psf_plan **keep)
{
  int status = CUBIX_OK;
  const int moves = psf_dot && has_shape(ins) && (psf_dot->fwhm != 0. || psf_dot->scale != 0. || psf_dot->beta != 0.);
  struct cubix_psf_job job = { .ins = ins,
                               .lambda_first = field_dot->lambda_first,
                               .n_lambda = field_dot->n_lambda,
                               .add = 1,
                               .in = painted_dot ? painted_dot->flux : NULL,
                               .out = field_dot->flux };
  CUBIX_TRY(check_cube(ins, field_dot, 0, field_dot));
  if (painted_dot) CUBIX_TRY(check_cube(ins, painted_dot, ins->margin, field_dot));
  CUBIX_CHECK(!moves || painted, CUBIX_EFAIL,
              "a tangent of the PSF's FWHM or beta needs the painted cube; there is none");
  if (moves) {
    CUBIX_TRY(check_cube(ins, painted, ins->margin, field_dot));
    job.by = painted->flux;
  }
  CUBIX_TRY(run(&job, keep, "PSF tangent", 1, psf_dot));
done:
  return status;
}
