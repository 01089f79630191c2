"""What RUBIX and what CUBIX compute for a star, in numpy and float64: the same small pieces, put together in two ways.

A recipe is a choice of pieces: the ages and wavelengths of the library, what becomes of a star beyond the library's grid, the interpolation
between populations, the way to the channels, and the dimming.  RUBIX (astro-rubix 0.0.5) with its defaults and CUBIX stand at the two ends of
LADDER; every step between them changes one piece, so that the difference of the two cubes is taken apart.
"""
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from galaxy import C_KMS


@dataclass(frozen=True)
class Recipe:
    ages: str = "file"             # file: the axis as it stands in the file; gyr: a log10(yr) axis is understood
    medium: str = "file"           # file: wavelengths as they stand in the file; vacuum: converted from air
    outside: str = "dark"          # a star beyond the grid's ages or metallicities: dark, or nearest
    blend: str = "cubic"           # cubic: C1 bicubic Hermite in Z and age; log: bilinear in log Z and log age
    # centres: values at the centres, rescaled to the band's light; linear, spline: integral over the channel
    channels: str = "centres"
    rounded: bool = True           # observed wavelengths of the library at v = 0 are kept in float32, as RUBIX does
    dimming: str = "none"          # none: L_lambda is carried along; redshift: divided by (1+z) exp(v/c)


RUBIX = Recipe()
LADDER = (("RUBIX's own", {}),
          ("ages: log10(yr) understood", {"ages": "gyr"}),
          ("wavelengths: air to vacuum", {"medium": "vacuum"}),
          ("beyond the grid: the nearest population instead of no light", {"outside": "nearest"}),
          ("between populations: bilinear in log Z, log age instead of bicubic in Z, age", {"blend": "log"}),
          ("L_lambda divided by (1+z) exp(v/c)", {"dimming": "redshift"}),
          ("channels: integral of straight lines instead of values at centres times a factor", {"channels": "linear"}),
          ("templates: cubic spline instead of straight lines (CUBIX)", {"channels": "spline"}))


def recipes(log_ages=True, air=True):
    """(what changed, recipe) from RUBIX to CUBIX; steps that do not apply to a library whose file
    has ages in Gyr or wavelengths in vacuum are left out."""
    out, recipe = [], RUBIX
    for text, change in LADDER:
        if ("ages" in change and not log_ages) or ("medium" in change and not air):
            continue
        recipe = replace(recipe, **change)
        out.append((text, recipe))
    return out


CUBIX = recipes()[-1][1]
# with CUBIX's own library file, whose ages are Gyr and wavelengths vacuum
CUBIX_FILE = replace(CUBIX, ages="file", medium="file", rounded=False)


def air_to_vacuum(lam):
    """VALD3's fit (N. Piskunov); none below 2000 AA."""
    lam = np.asarray(lam, float)
    s = (1e4 / lam)**2
    n = 1 + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s) + 1.599740894897e-4 / (38.92568793293 - s)
    return np.where(lam < 2000.0, lam, lam * n)


def knot_slopes(x, f):
    """Slopes along the first axis: the plain mean of the two neighbouring secants, the one secant at either end."""
    secant = np.diff(f, axis=0) / np.diff(x).reshape((-1,) + (1,) * (f.ndim - 1))
    return np.concatenate((secant[:1], 0.5 * (secant[1:] + secant[:-1]), secant[-1:]))


def hermite(t, h):
    """Weights of (left value, right value, left slope, right slope) at fraction t of a cell of width h."""
    return np.array([(1 + 2 * t) * (1 - t)**2, t * t * (3 - 2 * t), h * t * (1 - t)**2, h * t * t * (t - 1)])


def cell(x, value):
    """Cell and fraction; value inside or at the ends."""
    i = min(max(int(np.searchsorted(x, value, side="right")) - 1, 0), len(x) - 2)
    return i, (value - x[i]) / (x[i + 1] - x[i])


class Library:
    """Flux [n_Z][n_age][n_lambda] under one recipe.  age: the file's axis."""

    def __init__(self, recipe, age, metallicity, wave, flux):
        self.recipe = recipe
        age = np.asarray(age, float)
        # log10(yr); its first entry 0 stands for age 0
        if recipe.ages == "gyr" and age[-1] > 5 and age[1] > 4:
            age = np.where(age > 0, 10.0**(age - 9.0), 0.0)
        self.age, self.z = age, np.asarray(metallicity, float)
        self.wave = air_to_vacuum(wave) if recipe.medium == "vacuum" else np.asarray(wave, float)
        self.flux = np.asarray(flux, float)
        if recipe.blend == "cubic":
            by_age = np.moveaxis(self.flux, 1, 0)
            self.dz = knot_slopes(self.z, self.flux)
            self.dt = np.moveaxis(knot_slopes(age, by_age), 0, 1)
            self.dzt = np.moveaxis(knot_slopes(age, np.moveaxis(self.dz, 1, 0)), 0, 1)

    def spectrum(self, age, z):
        """Of one solar mass, or None for no light."""
        if self.recipe.outside == "dark" and not (self.age[0] <= age <= self.age[-1] and self.z[0] <= z <= self.z[-1]):
            return None
        if self.recipe.blend == "log":
            x, t = np.log10(np.where(self.z > 0, self.z, 1e-10)), np.log10(np.where(self.age > 0, self.age, 1e-4))
            i, f = cell(x, np.clip(np.log10(max(z, 1e-300)), x[0], x[-1]))
            j, g = cell(t, np.clip(np.log10(max(age, 1e-300)), t[0], t[-1]))
            return (1 - f) * ((1 - g) * self.flux[i, j] + g * self.flux[i, j + 1]) + f * ((1 - g) * self.flux[i + 1, j]
                                                                                          + g * self.flux[i + 1, j + 1])
        age, z = np.clip(age, self.age[0], self.age[-1]), np.clip(z, self.z[0], self.z[-1])
        i, f = cell(self.z, z)
        j, g = cell(self.age, age)
        a, b = hermite(f, self.z[i + 1] - self.z[i]), hermite(g, self.age[j + 1] - self.age[j])
        out = 0.0
        for p in (0, 1):
            for q in (0, 1):
                out = out + (a[p] * b[q] * self.flux[i + p, j + q] + a[2 + p] * b[q] * self.dz[i + p, j + q]
                             + a[p] * b[2 + q] * self.dt[i + p, j + q] + a[2 + p] * b[2 + q] * self.dzt[i + p, j + q])
        return out


def at_centres(wave, flux, centre):
    """Values at the channels' centres by straight lines, times one factor per spectrum: the light between first and last centre by the template's
    own steps over the light by the channels' steps.  The first step of either counts zero."""
    inside = (wave >= centre[0]) & (wave <= centre[-1])
    total = (flux[1:] * np.diff(wave) * inside[1:]).sum()
    value = np.interp(centre, wave, flux)
    sampled = (value[1:] * np.diff(centre)).sum()
    return value * (total / sampled if sampled != 0 else 0.0)


def over_channels(wave, flux, edge, semantic):
    """Mean of the template over every channel; zero outside the library."""
    if semantic == "spline":
        integral = CubicSpline(wave, flux, bc_type="not-a-knot").antiderivative()
        cumulative = integral(np.clip(edge, wave[0], wave[-1]))
    else:
        steps = np.diff(wave)
        at_knot = np.concatenate(([0.0], np.cumsum(0.5 * (flux[1:] + flux[:-1]) * steps)))
        e = np.clip(edge, wave[0], wave[-1])
        i = np.clip(np.searchsorted(wave, e, side="right") - 1, 0, len(steps) - 1)
        x = e - wave[i]
        cumulative = at_knot[i] + x * (flux[i] + 0.5 * x * (flux[i + 1] - flux[i]) / steps[i])
    return np.diff(cumulative) / np.diff(edge)


def star(library, mass, age, z, v, redshift, centre):
    """A star's spectrum in the channels: the library's unit (per AA observed), or None."""
    flux = library.spectrum(age, z)
    if flux is None:
        return None
    recipe = library.recipe
    d = (1.0 + redshift) * np.exp(v / C_KMS)
    if recipe.rounded:
        wave = (np.float32(library.wave) * np.float32(1.0 + redshift)).astype(float) * np.exp(v / C_KMS)
    else:
        wave = library.wave * d
    if recipe.channels == "centres":
        value = at_centres(wave, flux, centre)
    else:
        step = centre[1] - centre[0]
        value = over_channels(wave, flux, np.append(centre - 0.5 * step, centre[-1] + 0.5 * step), recipe.channels)
    return mass * value / (d if recipe.dimming == "redshift" else 1.0)


def cube(library, stars, v, spaxel, redshift, centre):
    """{spaxel: spectrum} of all stars; a spaxel whose stars are all dark has zeros."""
    out = {}
    for k in range(len(stars["mass"])):
        row = out.setdefault(int(spaxel[k]), np.zeros(len(centre)))
        value = star(library, stars["mass"][k], stars["age"][k], stars["z"][k], v[k], redshift, centre)
        if value is not None:
            row += value
    return out
