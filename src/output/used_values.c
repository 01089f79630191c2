/* used_values.c -- what requests such as auto, instrument or 0 came to.
 *
 * The requests stay as they are, so that the file makes the same cube again, and of another galaxy what was meant;
 * what they came to stands in the comments. */
#include "output/used_values.h"

#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "instrument/instrument.h"
#include "output/output.h"

enum { MOST_FOUND = 32 };

struct list { int n; struct cubix_param_found found[MOST_FOUND]; };

static void add(struct list *list, int wanted, const char *name, const char *form, ...) CUBIX_PRINTF(4, 5);
static void add(struct list *list, int wanted, const char *name, const char *form, ...)
{
  va_list words;
  if (!wanted || list->n == MOST_FOUND) return;
  list->found[list->n].name = name;
  va_start(words, form);
  vsnprintf(list->found[list->n].text, sizeof list->found->text, form, words);
  va_end(words);
  list->n++;
}

/* Where it is, and how it moves. */
static void find_galaxy(struct list *list, const struct cubix_result *r)
{
  const struct cubix_params *par = r->par;
  const struct cubix_frame *f = r->frame;
  const struct cubix_scene *s = r->scene;
  const double *c = f->centre, *v = f->velocity;
  add(list, !strcmp(par->SimulationFormat, "auto"), "SimulationFormat", "%s", r->slab->snapshot.format);
  add(list, par->Centre.word || par->Centre.comoving, "Centre", "%.9g %.9g %.9g kpc", c[0], c[1], c[2]);
  add(list, par->SystemicVelocity.word != NULL, "SystemicVelocity", "%.7g %.7g %.7g km/s", v[0], v[1], v[2]);
  add(list, !(par->AlignRadius > 0) && f->align_radius > 0, "AlignRadius", "%.6g kpc", f->align_radius);
  add(list, !(par->Distance > 0), "Distance", "%.9g Mpc", s->d_l_mpc);
  add(list, !(par->OmegaMatter > 0), "OmegaMatter", "%.9g", s->omega_m);
  add(list, !(par->OmegaLambda > 0), "OmegaLambda", "%.9g", s->omega_l);
  add(list, !(par->HubbleParam > 0), "HubbleParam", "%.9g", s->h);
}

static void find_instrument(struct list *list, const struct cubix_result *r)
{
  const struct cubix_params *par = r->par;
  const struct cubix_instrument *ins = r->ins;
  const int last = ins->n_lambda - 1;
  add(list, !(par->FieldOfView.x > 0), "FieldOfView", "%g %g arcsec", ins->n_x * ins->pixel_x, ins->n_y * ins->pixel_y);
  add(list, !(par->PixelScale.x > 0), "PixelScale", "%g %g arcsec", ins->pixel_x, ins->pixel_y);
  add(list, !(par->LambdaMin > 0), "LambdaMin", "%.9g AA", cubix_instrument_lambda(ins, 0));
  add(list, !(par->LambdaMax > 0), "LambdaMax", "%.9g AA", cubix_instrument_lambda(ins, last));
  add(list, !(par->LambdaStep > 0), "LambdaStep", ins->grid == CUBIX_LINEAR ? "%.9g AA" : "%.9g AA on average",
      ins->lambda_step);
  add(list, par->FluxUnit == 0, "FluxUnit", "%d", ins->flux_unit);
  add(list, par->Noise == CUBIX_Noise_snr && r->noise, "ExposureTime", "%.9g s for SignalToNoise",
      r->noise ? r->noise->exposure_time : 0.);
  add(list, par->Engine == CUBIX_Engine_auto && r->engine, "Engine", "%s",
      r->engine && r->engine->method == CUBIX_HISTOGRAM ? "histogram" : "direct");
}

int cubix_used_values_print(FILE *out, const void *host)
{
  const struct cubix_result *r = host;
  struct list list = { .n = 0 };
  find_galaxy(&list, r);
  find_instrument(&list, r);
  return cubix_params_write_found(r->par, out, list.n, list.found);
}
