#include "dust/law.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "dust/albedo.h"
#include "dust/dust_weight.h"
#include "dust/extinction.h"

static const double wide = 0.01;                          /* of the wavelength */

/* Gauss and Legendre's points on -1 .. 1 and their weights, one half of each. */
static const double gauss[4][2] = { { 0.18343464249564980, 0.36268378337836198 },
                                    { 0.52553240991632899, 0.31370664587788729 },
                                    { 0.79666647741362674, 0.22238103445337447 },
                                    { 0.96028985649753623, 0.10122853629037626 } };

static int scatters(const struct cubix_params *par)
{
  return par->Dust == CUBIX_Dust_gas && par->DustEffect != CUBIX_DustEffect_extinction;
}

/* The law at a wavelength; among stars, where scattered light is not all lost, by how much less than in V. */
static struct cubix_extinction law_at(const struct cubix_params *par, int among_stars, double shape, double lambda)
{
  struct cubix_extinction e = cubix_extinction_at(par->DustLaw, shape, lambda);
  const double h = 1e-6;
  double slope;
  if (!among_stars || !scatters(par)) return e;
  const double albedo = cubix_albedo(lambda, &slope), of_v = cubix_dust_effect(par->DustEffect, CUBIX_DUST_ALBEDO_V),
               part = cubix_dust_effect(par->DustEffect, albedo) / of_v,
               by_albedo = (cubix_dust_effect(par->DustEffect, albedo + h) -
                            cubix_dust_effect(par->DustEffect, albedo - h)) / (2 * h) / of_v;
  return (struct cubix_extinction){ e.k * part, e.by_shape * part, e.by_lambda * part + e.k * by_albedo * slope };
}

static struct cubix_extinction mean(const struct cubix_params *par, int among_stars, double shape, double blue,
                                    double red)
{
  struct cubix_extinction sum = { 0, 0, 0 };
  const double centre = (blue + red) / 2, half = (red - blue) / 2;
  if (red - blue <= wide * centre) return law_at(par, among_stars, shape, centre);
  for (int p = 0; p < 8; p++) {
    const double x = (p < 4 ? -1 : 1) * gauss[p % 4][0], w = gauss[p % 4][1] / 2;
    const struct cubix_extinction at = law_at(par, among_stars, shape, centre + x * half);
    sum.k += w * at.k;
    sum.by_shape += w * at.by_shape;
    sum.by_lambda += w * at.by_lambda * (1 + x * half / centre);      /* per AA of the centre */
  }
  return sum;
}

static int check(const struct cubix_params *par, double blue, double red, double one_plus_z, double *shape)
{
  int status = CUBIX_OK;
  double low, high;
  const char *name = cubix_extinction_shape(par->DustLaw, &low, &high), *law = cubix_DustLaw_word[par->DustLaw];
  CUBIX_CHECK(par->DustLaw != CUBIX_DustLaw_Calzetti || par->Dust == CUBIX_Dust_screen, CUBIX_EUSAGE,
              "DustLaw Calzetti (%s) is a law for the light of a whole galaxy, mixed with its dust, and Dust gas (%s) "
              "needs one for dust in front of a star: choose another DustLaw, or Dust screen",
              cubix_params_origin(par, "DustLaw"), cubix_params_origin(par, "Dust"));
  *shape = !name ? 0 : par->DustLaw == CUBIX_DustLaw_powerlaw ? par->DustSlope : par->DustRv;
  CUBIX_CHECK(!name || (*shape >= low && *shape <= high), CUBIX_EUSAGE,
              "%s = %g (%s) is beyond %g..%g, for which DustLaw %s (%s) was made: choose one of these values, or "
              "another law",
              name, *shape, cubix_params_origin(par, name), low, high, law, cubix_params_origin(par, "DustLaw"));
  cubix_extinction_range(par->DustLaw, &low, &high);
  CUBIX_CHECK(blue >= low && red <= high, CUBIX_EUSAGE,
              "DustLaw %s (%s) was made for %g..%g AA, and at Redshift = %g the channels see %.1f..%.1f AA (vacuum, "
              "rest frame): choose another DustLaw (G23 goes from 912 AA to 32 um), LambdaMin, LambdaMax or Redshift",
              law, cubix_params_origin(par, "DustLaw"), low, high, one_plus_z - 1, blue, red);
  CUBIX_CHECK(!scatters(par) || (blue >= CUBIX_ALBEDO_FIRST && red <= CUBIX_ALBEDO_LAST), CUBIX_EUSAGE,
              "DustEffect %s (%s) needs to know how much dust scatters, which is known for %g..%g AA, and at Redshift "
              "= %g the channels see %.1f..%.1f AA (vacuum, rest frame): take DustEffect extinction, or change "
              "LambdaMin, LambdaMax or Redshift",
              cubix_DustEffect_word[par->DustEffect], cubix_params_origin(par, "DustEffect"), CUBIX_ALBEDO_FIRST,
              CUBIX_ALBEDO_LAST, one_plus_z - 1, blue, red);
done:
  return status;
}

int cubix_law_check(const struct cubix_params *par, const double *edge, int n, double one_plus_z)
{
  double shape;
  return par->Dust == CUBIX_Dust_none ? CUBIX_OK
                                      : check(par, edge[0] / one_plus_z, edge[n] / one_plus_z, one_plus_z, &shape);
}

int cubix_law_init(struct cubix_law *law, const struct cubix_params *par, const double *edge, int n,
                   double one_plus_z)
{
  int status = CUBIX_OK;
  struct cubix_law made = { .n = n };
  double shape = 0;
  if (par->Dust == CUBIX_Dust_none) {
    cubix_law_free(law);
    return CUBIX_OK;
  }
  CUBIX_TRY(check(par, edge[0] / one_plus_z, edge[n] / one_plus_z, one_plus_z, &shape));
  if (law->n != n) {
    CUBIX_ALLOC(made.k, n);
    CUBIX_ALLOC(made.by_shape, n);
    CUBIX_ALLOC(made.by_one_plus_z, n);
    CUBIX_ALLOC(made.screen, n);
    CUBIX_ALLOC(made.screen_by_shape, n);
    CUBIX_ALLOC(made.screen_by_one_plus_z, n);
    cubix_law_free(law);
    *law = made;
    made = (struct cubix_law){ 0 };
  }
  for (int i = 0; i < n; i++) {
    const double blue = edge[i] / one_plus_z, red = edge[i + 1] / one_plus_z;
    const struct cubix_extinction at = mean(par, 1, shape, blue, red), alone = mean(par, 0, shape, blue, red);
    law->k[i] = at.k;
    law->by_shape[i] = at.by_shape;
    law->by_one_plus_z[i] = -at.by_lambda * (blue + red) / 2 / one_plus_z;
    law->screen[i] = alone.k;
    law->screen_by_shape[i] = alone.by_shape;
    law->screen_by_one_plus_z[i] = -alone.by_lambda * (blue + red) / 2 / one_plus_z;
  }
done:
  cubix_law_free(&made);
  return status;
}

void cubix_law_vjp(const struct cubix_law *law, const double *k_bar, double *shape_bar, double *one_plus_z_bar)
{
  for (int i = 0; i < law->n; i++) {
    *shape_bar += k_bar[i] * law->by_shape[i];
    *one_plus_z_bar += k_bar[i] * law->by_one_plus_z[i];
  }
}

double cubix_law_jvp(const struct cubix_law *law, int i, double shape_dot, double one_plus_z_dot)
{
  return law->by_shape[i] * shape_dot + law->by_one_plus_z[i] * one_plus_z_dot;
}

double cubix_law_screen_jvp(const struct cubix_law *law, int i, double shape_dot, double one_plus_z_dot)
{
  return law->screen_by_shape[i] * shape_dot + law->screen_by_one_plus_z[i] * one_plus_z_dot;
}

void cubix_law_free(struct cubix_law *law)
{
  free(law->k);
  free(law->by_shape);
  free(law->by_one_plus_z);
  free(law->screen);
  free(law->screen_by_shape);
  free(law->screen_by_one_plus_z);
  *law = (struct cubix_law){ 0 };
}
