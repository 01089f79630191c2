/* dust_weight.h -- which gas has dust, and how much of it stands in front of what lies behind. */
#ifndef CUBIX_DUST_WEIGHT_H
#define CUBIX_DUST_WEIGHT_H

#include <stddef.h>

#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Cells of gas, as columns; of those that a function does not need NULL will do. */
struct cubix_dust_cells {
  size_t n;
  const double *mass;             /* [n] Msun */
  const double *metallicity;      /* [n] mass fraction */
  const double *dust_mass;        /* [n] Msun; NULL: by dust to metal */
  const double *temperature;      /* [n] K; NULL: not known */
  const double *sfr;              /* [n] Msun/yr; NULL: not known */
  const double *dusty;            /* [n] 1: it has dust, 0: none */
};

/* Derivatives by the cells and by dust to metal, or tangents; arrays may be NULL. */
struct cubix_dust_bar { double *mass, *metallicity, *dust_mass, to_metal; };

/** Temperature below which gas that forms no stars has dust with DustGas cool [K]. */
#define CUBIX_DUST_HOTTEST 8000.
/** Albedo in V of the dust whose opacity is the default: R_V = 3.1 of Draine 2003, ApJ 598, 1017. */
#define CUBIX_DUST_ALBEDO_V 0.674

/** The part of the extinction that dims, where scattered light counts as DustEffect says: 1, 1 - w, or in between,
 *  h sqrt(1 - w) + (1 - h)(1 - w) with h = 0.7.  Local.
 *  Source: Calzetti, Kinney & Storchi-Bergmann 1994, ApJ 429, 582.
 *  @param albedo  w, at the wavelength in question */
double cubix_dust_effect(enum cubix_DustEffect effect, double albedo);
/** A(V) times area that a solar mass of dust gives [mag kpc^2/Msun]: 1.0857 kappa_V.  Local. */
double cubix_dust_opacity(const struct cubix_params *par);
/** Which cells have dust.  Local.  @param[out] dusty [n] 1 or 0 */
void cubix_dust_choose(double *dusty, enum cubix_DustGas gas, const struct cubix_dust_cells *cells);
/** Mass of a cell's dust [Msun].  Local. */
double cubix_dust_mass(const struct cubix_dust_cells *cells, size_t i, double to_metal);
/** What the dust of each cell would make of A(V) if it were spread over a square kpc: a = opacity m_dust, with
 *  m_dust = to_metal Z m where there is no dust_mass.  Local.  Source: doc/gas-and-dust.md.
 *  @param[out] weight [n] mag kpc^2 */
void cubix_dust_weight(double *weight, const struct cubix_dust_cells *cells, double opacity, double to_metal);
/** Its reverse derivative, with the same cells dusty; added.  Local. */
void cubix_dust_weight_vjp(const struct cubix_dust_cells *cells, double opacity, double to_metal,
                           const double *weight_bar, struct cubix_dust_bar *bar);
/** Its tangent, with the same cells dusty.  Local.
 *  @param dot  tangents; arrays may be NULL  @param[out] weight_dot [n] */
void cubix_dust_weight_jvp(double *weight_dot, const struct cubix_dust_cells *cells, double opacity, double to_metal,
                           const struct cubix_dust_bar *dot);

#ifdef __cplusplus
}
#endif
#endif
