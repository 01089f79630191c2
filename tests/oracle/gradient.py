"""Section 13: what a cube's cotangents say of every star.  The forward's own formulas,
differentiated by hand, one star after the other."""
from types import SimpleNamespace

import numpy as np
from scipy.signal import fftconvolve

from . import psf, ssp
from .constants import C
from .paint import axis_weights, sky_to_place


def observe_back(inst, bar):
    """Cotangents of the field [n_lambda][n_y][n_x] -> of what was painted, margin included: psf.apply from behind."""
    bar = np.where(inst.inside(), bar, 0.0)
    if inst.psf == "none":
        return bar
    r = psf.margin(inst)
    wide = np.pad(bar, ((0, 0), (r, r), (r, r)))
    return np.array([fftconvolve(image, k[::-1, ::-1], mode="same") for image, k in zip(wide, psf._kernels(inst))])


def _log_slope(nodes, x):
    """Interval, fraction and d(fraction)/d(log10 x): 0 at the two ends and beyond."""
    log_x = np.log10(x) if x > 0 else -np.inf
    i0, i1, f = ssp._cell(nodes, log_x)
    return i0, i1, f, 1.0 / (nodes[i1] - nodes[i0]) if i1 > i0 and nodes[0] < log_x < nodes[-1] else 0.0


def _corners(lib, values, age, z):
    """Template values, and their derivatives with age [Gyr] and Z, bilinear in the logarithms."""
    j0, j1, g, slope_t = _log_slope(lib.log_age(), age)
    i0, i1, f, slope_z = _log_slope(lib.log_z(), z)
    a, b, c, d = values[i0, j0], values[i0, j1], values[i1, j0], values[i1, j1]
    value = (1 - f) * ((1 - g) * a + g * b) + f * ((1 - g) * c + g * d)
    by_age = slope_t / (age * np.log(10)) * ((1 - f) * (b - a) + f * (d - c)) if slope_t else 0 * a
    by_z = slope_z / (z * np.log(10)) * ((1 - g) * (c - a) + g * (d - b)) if slope_z else 0 * a
    return value, by_age, by_z


def spectrum_slopes(painter, age, z, v):
    """Of one solar mass: spectrum, and its derivatives with age [Gyr], Z and v [km/s], each [n_lambda]."""
    lam, scale = painter.lib.lam, painter.scale * painter.left / painter.inst.widths()
    x = painter.edge / ((1.0 + painter.z) * np.exp(v / C))
    between = [ssp.between(lam, y, painter.semantic) for y in _corners(painter.lib, painter.values, age, z)]
    out = [scale * ssp.integrate(f, lam, x) for f in between]
    # an edge sweeps over light
    flow = np.where((x >= lam[0]) & (x <= lam[-1]), between[0](np.clip(x, lam[0], lam[-1])) * -x / C, 0.0)
    return out + [scale * np.diff(flow)]


def _weight_slopes(deposit, p):
    if deposit == "tsc":
        u = axis_weights("tsc", p, 0)[0] + np.arange(3) + 0.5 - p
        return np.array([np.sign(x) * (1.5 - abs(x)) if abs(x) > 0.5 else 2 * x for x in u])
    if deposit == "cic":
        return np.array([-1.0, 1.0])
    return np.zeros(1)


def stars(painter, sky, kpc_per_arcsec, margin, painted_bar, rotation, deposit="nearest", which=None):
    """Derivatives of sum(bar cube): mass [1/Msun], age [1/Gyr], z, v (along the line of sight), and
    vel, pos [n][3] in the file's frame. sky: stars in the sky frame; which: only these stars."""
    inst = painter.inst
    which = np.arange(len(sky["mass"])) if which is None else which
    out = {name: np.zeros(len(which)) for name in ("mass", "age", "z", "v")}
    place = np.zeros((len(which), 3))
    rho, n_y, n_x = np.radians(inst.roll), *painted_bar.shape[1:]
    for row, k in enumerate(which):
        p = sky_to_place(inst, sky["pos"][k, 0] / kpc_per_arcsec, sky["pos"][k, 1] / kpc_per_arcsec)
        (i_x, w_x), (i_y, w_y) = (axis_weights(deposit, x, 0) for x in p)
        d_x, d_y = (_weight_slopes(deposit, x) for x in p)
        x, y = i_x + margin + np.arange(len(w_x)), i_y + margin + np.arange(len(w_y))
        on_x, on_y = (x >= 0) & (x < n_x), (y >= 0) & (y < n_y)
        if not (on_x.any() and on_y.any()):
            continue
        box = painted_bar[:, y[on_y]][:, :, x[on_x]]
        one, by_age, by_z, by_v = spectrum_slopes(painter, sky["age"][k], sky["z"][k], sky["vel"][k, 2])
        here, mass = box @ w_x[on_x] @ w_y[on_y], sky["mass"][k]
        out["mass"][row], out["age"][row] = one @ here, mass * (by_age @ here)
        out["z"][row], out["v"][row] = mass * (by_z @ here), mass * (by_v @ here)
        a = -mass * (one @ (box @ d_x[on_x] @ w_y[on_y])) / inst.pixel_x
        b = mass * (one @ (box @ w_x[on_x] @ d_y[on_y])) / inst.pixel_y
        place[row,
              :2] = (a * np.cos(rho) + b * np.sin(rho)) / kpc_per_arcsec, (b * np.cos(rho) - a
                                                                           * np.sin(rho)) / kpc_per_arcsec
    return dict(out, vel=out["v"][:, None] * rotation[2], pos=place @ rotation)


def chi2(seen, data, weight, deposit="nearest"):
    """Value and gradient of sum weight (data - cube)^2.  seen: what oracle.cube.observe made with this deposit."""
    inst = seen.painter.inst
    bar = observe_back(inst, 2 * weight * (seen.cube - data))
    return SimpleNamespace(value=(weight * (data - seen.cube)**2).sum(),
                           **stars(seen.painter, seen.stars, seen.kpc_per_arcsec, psf.margin(inst), bar,
                                   seen.frame.rotation, deposit))
