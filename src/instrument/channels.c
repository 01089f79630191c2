/* channels.c -- where the channels lie: linear, logarithmic, or by a table.
 *
 * Linear: centres lambda_min + k step.  Logarithmic: lambda_min exp(k s), with borders halfway in the
 * logarithm.  A step that is a function of wavelength gives the grid of d lambda/d k = step(lambda),
 * lambda(0) = first, with borders at k -+ 1/2, integrated by Runge and Kutta's rule of fourth order in
 * quarters of a channel.  A list of centres has borders halfway between them.  The last two are kept
 * as tables.  LambdaStep makes any grid linear; LambdaMin and LambdaMax cut a list, and are the first
 * and the largest possible centre of the others.
 * All this is in the output's medium; edges in vacuum, where the physics is, follow from the borders.
 * The width that a wavelength's channel has, which the LSF is told, is between a table's centres
 * linear, and constant beyond. */
#include "instrument/channels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "physics/constants.h"

static const double most_channel = 1e8, most_table = 1e6;   /* of any kind; where centres are kept as a table */

/* ---- where they are -------------------------------------------------------------------------- */
double cubix_instrument_lambda_at(const struct cubix_instrument *ins, double k)
{
  if (ins->grid == CUBIX_LOG) return ins->lambda_min * exp(k * ins->log_step);
  if (ins->grid == CUBIX_LINEAR || ins->n_lambda < 2) return ins->lambda_min + k * ins->lambda_step;
  int i = k < 0 ? 0 : k > ins->n_lambda - 2 ? ins->n_lambda - 2 : (int)k;
  return ins->centre[i] + (ins->centre[i + 1] - ins->centre[i]) * (k - i);
}

double cubix_instrument_lambda(const struct cubix_instrument *ins, int k)
{
  return ins->grid == CUBIX_TABLE ? ins->centre[k] : cubix_instrument_lambda_at(ins, k);
}

double cubix_instrument_border(const struct cubix_instrument *ins, int k)
{
  return ins->grid == CUBIX_TABLE ? ins->border[k] : cubix_instrument_lambda_at(ins, k - 0.5);
}

double cubix_instrument_width(const struct cubix_instrument *ins, int k)
{
  return ins->grid == CUBIX_LINEAR ? ins->lambda_step
                                   : cubix_instrument_border(ins, k + 1) - cubix_instrument_border(ins, k);
}

int cubix_instrument_gap(const struct cubix_instrument *ins, int k) { return ins->gap && ins->gap[k]; }

/* The channel to the blue of lambda, with another to its red; -1: lambda is beyond the first or last centre. */
static int between(const struct cubix_instrument *ins, double lambda)
{
  int low = 0, high = ins->n_lambda - 1;
  if (lambda < ins->centre[low] || lambda >= ins->centre[high]) return -1;
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    if (ins->centre[middle] <= lambda) low = middle;
    else high = middle;
  }
  return low;
}

double cubix_instrument_mjy_sr(const struct cubix_instrument *ins, int k)
{
  const double lambda = cubix_instrument_lambda(ins, k), c_aa = 1e13 * CUBIX_C_KMS, mjy = 1e-17, /* erg/s/cm2/Hz */
      solid_angle = ins->pixel_x * ins->pixel_y * CUBIX_ARCSEC_RAD * CUBIX_ARCSEC_RAD;
  return pow(10., ins->flux_unit) * lambda * lambda / c_aa / solid_angle / mjy;
}

double cubix_instrument_width_slope(const struct cubix_instrument *ins, double lambda)
{
  if (ins->grid == CUBIX_LINEAR) return 0;
  if (ins->grid == CUBIX_LOG) return 2 * sinh(0.5 * ins->log_step);
  const int k = between(ins, lambda);
  if (k < 0) return 0;
  return (cubix_instrument_width(ins, k + 1) - cubix_instrument_width(ins, k)) / (ins->centre[k + 1] - ins->centre[k]);
}

double cubix_instrument_width_at(const struct cubix_instrument *ins, double lambda)
{
  if (ins->grid == CUBIX_LINEAR) return ins->lambda_step;
  if (ins->grid == CUBIX_LOG) return lambda * cubix_instrument_width_slope(ins, lambda);
  const int k = between(ins, lambda);
  if (k < 0) return cubix_instrument_width(ins, lambda < ins->centre[0] ? 0 : ins->n_lambda - 1);
  return cubix_instrument_width(ins, k) + cubix_instrument_width_slope(ins, lambda) * (lambda - ins->centre[k]);
}

/* ---- laying them out ------------------------------------------------------------------------- */
/* What the user or the file asks for, with the words for it, and whose fault a contradiction is. */
struct wish { double first, last, step; char blue[1200], red[1200], width[1200]; int range_code, code; };

/* "LambdaMin = 4800 (muse.param:14)", or "spectrum.first = 4750 (MUSE.cfg)": whose value it is. */
static double ask(char text[1200], const struct cubix_params *par, const char *name, double value, double own,
                  const struct cubix_instrument_file *file, const char *key)
{
  if (value > 0.) snprintf(text, 1200, "%s = %.10g (%s)", name, value, cubix_params_origin(par, name));
  else snprintf(text, 1200, "%s = %.10g (%s)", key, own, file->path);
  return value > 0. ? value : own;
}

static int check(const struct wish *wish, double n, double most)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(wish->last >= wish->first, wish->range_code, "%s AA is below %s AA", wish->red, wish->blue);
  CUBIX_CHECK(wish->first > wish->step, wish->code, "%s AA must be more than %s AA", wish->blue, wish->width);
  CUBIX_CHECK(n <= most, wish->code, "%s AA, %s AA and %s%s give %.10g channels; at most %g", wish->blue,
              wish->red, wish->width, wish->step > 0. ? " AA" : "", n, most);
done:
  return status;
}

static int lay_linear(struct cubix_instrument *ins, const struct wish *wish)
{
  int status = CUBIX_OK;
  const double n = floor((wish->last - wish->first) / wish->step + 1. + 1e-6);
  CUBIX_TRY(check(wish, n, most_channel));
  ins->n_lambda = (int)n;
  ins->lambda_min = wish->first;
  ins->lambda_step = wish->step;
done:
  return status;
}

static int lay_log(struct cubix_instrument *ins, struct wish *wish, const struct cubix_instrument_file *file)
{
  int status = CUBIX_OK;
  ins->log_step = file->spectrum_log_step * log(10.);
  snprintf(wish->width, sizeof wish->width, "spectrum.log_step = %.10g (%s)", file->spectrum_log_step, file->path);
  const double n = floor(log(wish->last / wish->first) / ins->log_step + 1. + 1e-6);
  CUBIX_TRY(check(wish, n, most_channel));
  ins->grid = CUBIX_LOG;
  ins->n_lambda = (int)n;
  ins->lambda_min = wish->first;
done:
  return status;
}

/* @return lambda(k + h), or 0 where the step is not positive */
static double advance(const struct cubix_curve *step, double lambda, double h)
{
  const double a = cubix_curve_at(step, lambda), b = cubix_curve_at(step, lambda + 0.5 * h * a),
               c = cubix_curve_at(step, lambda + 0.5 * h * b), d = cubix_curve_at(step, lambda + h * c);
  return a > 0. && b > 0. && c > 0. && d > 0. ? lambda + h / 6. * (a + 2. * b + 2. * c + d) : 0.;
}

/* Half a channel on. */
static double half(const struct cubix_curve *step, double lambda)
{
  const double quarter = lambda > 0. ? advance(step, lambda, 0.25) : 0.;
  return quarter > 0. ? advance(step, quarter, 0.25) : 0.;
}

static int lay_steps(struct cubix_instrument *ins, struct wish *wish, const struct cubix_instrument_file *file)
{
  int status = CUBIX_OK, n = 0;
  const struct cubix_curve *step = &file->spectrum_step;
  snprintf(wish->width, sizeof wish->width, "spectrum.step (%s)", file->path);
  CUBIX_TRY(check(wish, 0, most_table));
  double low = wish->first, centre = wish->first, high = 1;
  for (int q = 0; q < 2 && low > 0.; q++) low = advance(step, low, -0.25);
  while (low > 0. && high > 0. && centre > 0. && centre <= wish->last * (1. + 1e-9) && n <= most_table) {
    n++;
    high = half(step, centre);
    centre = half(step, high);
  }
  /* beyond the last channel the step may be anything */
  CUBIX_CHECK(low > 0. && high > 0. && (centre > 0. || high >= wish->last), CUBIX_EINPUT,
              "spectrum.step of %s must be positive in %g .. %g AA", file->path, wish->first, wish->last);
  CUBIX_TRY(check(wish, n, most_table));
  ins->n_lambda = n;
  CUBIX_ALLOC(ins->centre, n);
  CUBIX_ALLOC(ins->border, n + 1);
  ins->border[0] = low;
  centre = wish->first;
  for (int k = 0; k < n; k++) {
    ins->centre[k] = centre;
    ins->border[k + 1] = half(step, centre);
    centre = half(step, ins->border[k + 1]);
  }
done:
  return status;
}

static int lay_list(struct cubix_instrument *ins, const struct wish *wish, const struct cubix_instrument_file *file)
{
  int status = CUBIX_OK, from = 0;
  const struct cubix_list *list = &file->spectrum_lambda;
  const double *x = list->value;
  while (from < list->n && x[from] < wish->first * (1. - 1e-9)) from++;
  while (from + ins->n_lambda < list->n && x[from + ins->n_lambda] <= wish->last * (1. + 1e-9)) ins->n_lambda++;
  CUBIX_CHECK(ins->n_lambda > 0, CUBIX_EUSAGE, "no channel of spectrum.lambda (%s) lies between %s AA and %s AA",
              file->path, wish->blue, wish->red);
  CUBIX_ALLOC(ins->centre, ins->n_lambda);
  CUBIX_ALLOC(ins->border, ins->n_lambda + 1);
  for (int k = 0; k <= ins->n_lambda; k++) {
    const int i = from + k;
    if (k < ins->n_lambda) ins->centre[k] = x[i];
    ins->border[k] = i == 0         ? 1.5 * x[0] - 0.5 * x[1]
                     : i == list->n ? 1.5 * x[i - 1] - 0.5 * x[i - 2]
                                    : 0.5 * (x[i - 1] + x[i]);
  }
  CUBIX_CHECK(ins->border[0] > 0., CUBIX_EINPUT, "spectrum.lambda of %s: the first channel reaches below 0",
              file->path);
done:
  return status;
}

static int check_gaps(const struct cubix_instrument *ins, const struct cubix_instrument_file *file, int code)
{
  int status = CUBIX_OK, n_open = 0;
  for (int k = 0; k < ins->n_lambda; k++) n_open += !cubix_instrument_gap(ins, k);
  CUBIX_CHECK(n_open > 0, code,
              "all channels, %.1f .. %.1f AA, lie in gaps (spectrum.gaps of %s), where nothing is recorded: change "
              "LambdaMin and LambdaMax",
              cubix_instrument_lambda(ins, 0), cubix_instrument_lambda(ins, ins->n_lambda - 1), file->path);
done:
  return status;
}

/* Pairs of the list spectrum.gaps. */
static int lay_gaps(struct cubix_instrument *ins, const struct cubix_instrument_file *file)
{
  int status = CUBIX_OK;
  const struct cubix_list *gaps = &file->spectrum_gaps;
  if (!gaps->n) goto done;
  CUBIX_ALLOC(ins->gap, ins->n_lambda);
  for (int k = 0; k < ins->n_lambda; k++)
    for (int i = 0; i + 1 < gaps->n; i += 2) {
      const double lambda = cubix_instrument_lambda(ins, k);
      ins->gap[k] |= lambda >= gaps->value[i] && lambda <= gaps->value[i + 1];
    }
done:
  return status;
}

int cubix_channels_lay(struct cubix_instrument *ins, const struct cubix_instrument_file *file,
                       const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const struct cubix_curve *step = &file->spectrum_step;
  const struct cubix_list *list = &file->spectrum_lambda;
  const int linear = par->LambdaStep > 0. || (!step->n_table && step->n_coef == 1);
  struct wish wish;
  wish.first = ask(wish.blue, par, "LambdaMin", par->LambdaMin, list->n ? list->value[0] : file->spectrum_first, file,
                   list->n ? "spectrum.lambda" : "spectrum.first");
  wish.last = ask(wish.red, par, "LambdaMax", par->LambdaMax, list->n ? list->value[list->n - 1] : file->spectrum_last,
                  file, list->n ? "spectrum.lambda" : "spectrum.last");
  wish.step = linear ? ask(wish.width, par, "LambdaStep", par->LambdaStep, step->coef[0], file, "spectrum.step") : 0.;
  wish.range_code = par->LambdaMin > 0. || par->LambdaMax > 0. ? CUBIX_EUSAGE : CUBIX_EINPUT;
  wish.code = par->LambdaStep > 0. ? CUBIX_EUSAGE : wish.range_code;
  ins->medium = (enum cubix_medium)file->spectrum_medium;
  if (linear) CUBIX_TRY(lay_linear(ins, &wish));
  else if (file->given[CUBIX_KEY_spectrum_log_step]) CUBIX_TRY(lay_log(ins, &wish, file));
  else CUBIX_TRY(list->n ? lay_list(ins, &wish, file) : lay_steps(ins, &wish, file));
  if (ins->centre) {
    ins->grid = CUBIX_TABLE;
    ins->lambda_min = ins->centre[0];
  }
  if (ins->grid != CUBIX_LINEAR)
    ins->lambda_step = (cubix_instrument_border(ins, ins->n_lambda) - cubix_instrument_border(ins, 0)) / ins->n_lambda;
  CUBIX_ALLOC(ins->edge, ins->n_lambda + 1);
  for (int k = 0; k <= ins->n_lambda; k++) {
    const double edge = cubix_instrument_border(ins, k);
    ins->edge[k] = ins->medium == CUBIX_AIR ? cubix_air_to_vacuum(edge) : edge;
  }
  CUBIX_TRY(lay_gaps(ins, file));
  CUBIX_TRY(check_gaps(ins, file, wish.code));
done:
  return status;
}
