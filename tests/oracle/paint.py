"""Sections 4, 7, 8: which spaxel, how much light in which channel, and the truth maps."""
import math

import numpy as np
from scipy.special import ndtr

from . import kernels, lsf, ssp
from .constants import C, MPC_CM


def sky_to_place(inst, x, y):
    """x east, y north [arcsec] of the galaxy -> place in the field, in spaxels from its first corner."""
    rho = math.radians(inst.roll)
    x, y = x - inst.pointing[0], y - inst.pointing[1]
    x_d, y_d = x * math.cos(rho) - y * math.sin(rho), x * math.sin(rho) + y * math.cos(rho)
    return 0.5 * inst.n_x - x_d / inst.pixel_x, 0.5 * inst.n_y + y_d / inst.pixel_y


def sky_to_spaxel(inst, x, y):
    """The same -> column, row of the field (may lie outside it)."""
    return tuple(np.floor(p).astype(int) for p in sky_to_place(inst, x, y))


def axis_weights(deposit, p, sigma, most=50.0):
    """First spaxel and weights of a star at p on one axis."""
    if deposit == "nearest":
        return math.floor(p), np.ones(1)
    if deposit == "cic":
        i = math.floor(p - 0.5) + np.arange(2)
        return i[0], 1 - np.abs(i + 0.5 - p)
    if deposit == "tsc":
        i = math.floor(p) + np.arange(-1, 2)
        u = np.abs(i + 0.5 - p)
        return i[0], np.where(u <= 0.5, 0.75 - u**2, 0.5 * (1.5 - u)**2)
    s = min(max(0.3, sigma), most)
    edge = np.arange(math.floor(p - 6 * s), math.floor(p + 6 * s) + 2)
    w = np.diff(ndtr((edge - p) / s))
    return edge[0], w / w.sum()


def parts(inst, stars, kpc_per_arcsec, margin, deposit="nearest", length=0.0, most=50.0):
    """Of every star: (rows, columns, weights [row][column]) in a field with this margin; empty
    where it sheds nothing."""
    p_x, p_y = sky_to_place(inst, stars["pos"][:, 0] / kpc_per_arcsec, stars["pos"][:, 1] / kpc_per_arcsec)
    lengths = np.full(len(p_x), length) if length > 0 else stars.get("length", np.zeros(len(p_x)))
    out = []
    for x, y, size in zip(p_x, p_y, lengths / kpc_per_arcsec):
        sizes = size / inst.pixel_x, size / inst.pixel_y
        if deposit in kernels.RADIUS:
            (ix, iy), w = kernels.weights(deposit, (x, y), [min(max(0.3 * kernels.RADIUS[deposit], s), most)
                                                            for s in sizes])
        else:
            (ix, w_x), (iy, w_y) = axis_weights(deposit, x, sizes[0], most), axis_weights(deposit, y, sizes[1], most)
            w = np.outer(w_y, w_x)
        columns, rows = ix + margin + np.arange(w.shape[1]), iy + margin + np.arange(w.shape[0])
        on_x, on_y = (columns >= 0) & (columns < inst.n_x + 2 * margin), (rows >= 0) & (rows < inst.n_y + 2 * margin)
        out.append((rows[on_y], columns[on_x], w[np.ix_(on_y, on_x)]))
    return out


class Painter:
    """Spectra of stars seen by one instrument at one redshift."""

    def __init__(self, lib, inst, z, d_l, semantic="spline", interpolation="linear", unit=1e-20,
                 left=1.0):
        self.left = left           # of the light in every channel, by a screen of dust
        self.lib, self.inst, self.z, self.semantic, self.how = lib, inst, z, semantic, interpolation
        self.values = lsf.broaden(lib, z, inst, semantic)
        self.edge = inst.edges()
        self.scale = 1.0 / (4.0 * math.pi * (d_l * MPC_CM)**2) / unit

    def template(self, age, metallicity):
        return ssp.between(self.lib.lam, ssp.star_template(self.lib, self.values, age, metallicity, self.how),
                           self.semantic)

    def spectrum(self, mass, age, metallicity, v):
        """Flux density per channel."""
        d = (1.0 + self.z) * math.exp(v / C)
        return mass * self.scale * self.left / self.inst.widths() * ssp.integrate(self.template(age, metallicity), self.lib.lam,
                                                                  self.edge / d)

    def light(self, mass, age, metallicity):
        """W, the star's weight by light [erg/s]."""
        band = np.array([self.edge[0], self.edge[-1]]) / (1.0 + self.z)
        return mass * ssp.integrate(self.template(age, metallicity), self.lib.lam, band)[0]


def paint(painter, stars, kpc_per_arcsec, margin, deposit="nearest", length=0.0):
    """[n_lambda][n_y + 2 margin][n_x + 2 margin] before the PSF.  stars: dict in the sky frame."""
    inst = painter.inst
    cube = np.zeros((len(inst.centres()), inst.n_y + 2 * margin, inst.n_x + 2 * margin))
    share = parts(inst, stars, kpc_per_arcsec, margin, deposit, length)
    on = np.array([w.size > 0 for _, _, w in share])
    for k in np.flatnonzero(on):
        rows, columns, w = share[k]
        light = painter.spectrum(stars["mass"][k], stars["age"][k], stars["z"][k], stars["vel"][k, 2])
        if "screen" in stars:                    # A(V) in front of each, and k of the channels
            light = light * 10**(-0.4 * stars["screen"][k] * painter.k)
        cube[:, rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1] += light[:, None, None] * w
    return cube, np.abs(stars["vel"][on, 2]).max() if on.any() else 0.0
