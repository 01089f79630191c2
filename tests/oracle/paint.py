"""Sections 4, 7, 8: which spaxel, how much light in which channel, and the truth maps."""
import math

import numpy as np

from . import lsf, ssp
from .constants import C, MPC_CM


def sky_to_spaxel(inst, x, y):
    """x east, y north [arcsec] of the galaxy -> column, row of the field (may lie outside it)."""
    rho = math.radians(inst.roll)
    x, y = x - inst.pointing[0], y - inst.pointing[1]
    x_d, y_d = x * math.cos(rho) - y * math.sin(rho), x * math.sin(rho) + y * math.cos(rho)
    return np.floor(0.5 * inst.n_x - x_d / inst.pixel_x).astype(int), np.floor(0.5 * inst.n_y + y_d / inst.pixel_y).astype(int)


class Painter:
    """Spectra of stars seen by one instrument at one redshift."""

    def __init__(self, lib, inst, z, d_l, semantic="spline", interpolation="linear", unit=1e-20):
        self.lib, self.inst, self.z, self.semantic, self.how = lib, inst, z, semantic, interpolation
        self.values = lsf.broaden(lib, z, inst, semantic)
        self.edge = inst.edges()
        self.scale = 1.0 / (4.0 * math.pi * (d_l * MPC_CM)**2) / unit

    def template(self, age, metallicity):
        return ssp.between(self.lib.lam, ssp.star_template(self.lib, self.values, age, metallicity, self.how), self.semantic)

    def spectrum(self, mass, age, metallicity, v):
        """Flux density per channel."""
        d = (1.0 + self.z) * math.exp(v / C)
        return mass * self.scale / self.inst.step * ssp.integrate(self.template(age, metallicity), self.lib.lam, self.edge / d)

    def light(self, mass, age, metallicity):
        """W, the star's weight by light [erg/s]."""
        band = np.array([self.edge[0], self.edge[-1]]) / (1.0 + self.z)
        return mass * ssp.integrate(self.template(age, metallicity), self.lib.lam, band)[0]


def paint(painter, stars, kpc_per_arcsec, margin):
    """[n_lambda][n_y + 2 margin][n_x + 2 margin] before the PSF.  stars: dict in the sky frame."""
    inst = painter.inst
    cube = np.zeros((len(inst.centres()), inst.n_y + 2 * margin, inst.n_x + 2 * margin))
    ix, iy = sky_to_spaxel(inst, stars["pos"][:, 0] / kpc_per_arcsec, stars["pos"][:, 1] / kpc_per_arcsec)
    ix, iy = ix + margin, iy + margin
    on = (ix >= 0) & (ix < cube.shape[2]) & (iy >= 0) & (iy < cube.shape[1])
    for k in np.flatnonzero(on):
        cube[:, iy[k], ix[k]] += painter.spectrum(stars["mass"][k], stars["age"][k], stars["z"][k], stars["vel"][k, 2])
    return cube, np.abs(stars["vel"][on, 2]).max() if on.any() else 0.0
