/* dust_weight.c -- from gas to its dust, and to the A(V) that this gives.
 *
 * A column of dust Sigma_d [g/cm^2] dims by A(V) = 2.5 log10(e) kappa_V Sigma_d, so a cell's dust m_d counts as
 * a = 1.0857 kappa_V m_d, an A(V) times an area; the kernel of the cell spreads it over the sky. */
#include "dust/dust_weight.h"

#include <math.h>

#include "physics/constants.h"

static const double seen_through_screen = 0.7; /* h: 0.6 to 0.8 in the optical */

double cubix_dust_effect(enum cubix_DustEffect effect, double albedo)
{
  const double h = seen_through_screen;
  return effect == CUBIX_DustEffect_extinction   ? 1
         : effect == CUBIX_DustEffect_absorption ? 1 - albedo
                                                 : h * sqrt(1 - albedo) + (1 - h) * (1 - albedo);
}

double cubix_dust_opacity(const struct cubix_params *par)
{
  const double mag = 2.5 / log(10), kpc2 = CUBIX_KPC_CM * CUBIX_KPC_CM;
  return mag * par->DustOpacity * cubix_dust_effect(par->DustEffect, CUBIX_DUST_ALBEDO_V) * CUBIX_MSUN_G / kpc2;
}

void cubix_dust_choose(double *dusty, enum cubix_DustGas gas, const struct cubix_dust_cells *cells)
{
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < cells->n; i++) {
    const int forms = cells->sfr && cells->sfr[i] > 0;
    const int cool = cells->temperature && cells->temperature[i] < CUBIX_DUST_HOTTEST;
    dusty[i] = gas == CUBIX_DustGas_all ? 1 : forms || (gas == CUBIX_DustGas_cool && cool);
  }
}

double cubix_dust_mass(const struct cubix_dust_cells *cells, size_t i, double to_metal)
{
  if (!(cells->dusty[i] > 0)) return 0;
  return cells->dust_mass ? cells->dust_mass[i] : to_metal * cells->metallicity[i] * cells->mass[i];
}

void cubix_dust_weight(double *weight, const struct cubix_dust_cells *cells, double opacity, double to_metal)
{
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < cells->n; i++) weight[i] = opacity * cubix_dust_mass(cells, i, to_metal);
}

void cubix_dust_weight_vjp(const struct cubix_dust_cells *cells, double opacity, double to_metal,
                           const double *weight_bar, struct cubix_dust_bar *bar)
{
  for (size_t i = 0; i < cells->n; i++) {
    const double dust_bar = cells->dusty[i] > 0 ? opacity * weight_bar[i] : 0;
    if (cells->dust_mass) {
      if (bar->dust_mass) bar->dust_mass[i] += dust_bar;
      continue;
    }
    if (bar->mass) bar->mass[i] += dust_bar * to_metal * cells->metallicity[i];
    if (bar->metallicity) bar->metallicity[i] += dust_bar * to_metal * cells->mass[i];
    bar->to_metal += dust_bar * cells->metallicity[i] * cells->mass[i];
  }
}

void cubix_dust_weight_jvp(double *weight_dot, const struct cubix_dust_cells *cells, double opacity, double to_metal,
                           const struct cubix_dust_bar *dot)
{
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < cells->n; i++) {
    double dust = 0;
    if (!(cells->dusty[i] > 0)) dust = 0;
    else if (cells->dust_mass) dust = dot->dust_mass ? dot->dust_mass[i] : 0;
    else {
      const double m = cells->mass[i], z = cells->metallicity[i];
      dust = dot->to_metal * z * m + to_metal * ((dot->mass ? dot->mass[i] * z : 0) +
                                                 (dot->metallicity ? dot->metallicity[i] * m : 0));
    }
    weight_dot[i] = opacity * dust;
  }
}
