"""Section 8: the light by velocity, and the Gauss-Hermite series that fits it."""
import math

import numpy as np
from scipy.optimize import least_squares

from . import psf
from .maps import crop, see
from .paint import parts


def histogram(seen, step, most):
    """(raw, through the PSF) [n_v][n_y][n_x] in light per km/s, and the middles of the bins.  seen: what
    observe gives."""
    painter, stars, inst = seen.painter, seen.stars, seen.painter.inst
    margin, half = psf.margin(inst), math.ceil(most / step)
    light = np.zeros((2 * half + 1, inst.n_y + 2 * margin, inst.n_x + 2 * margin))
    for k, (rows, columns, w) in enumerate(parts(inst, stars, seen.kpc_per_arcsec, margin)):
        at = math.floor(stars["vel"][k, 2] / step + 0.5) + half
        if w.size and 0 <= at <= 2 * half:
            light[at, rows[0], columns[0]] += painter.scale * painter.light(stars["mass"][k], stars["age"][k],
                                                                            stars["z"][k]) / step
    return (np.array([crop(x, margin) for x in light]), np.array([see(inst, x) for x in light]),
            step * np.arange(-half, half + 1))


def series(p, v):
    area, mean, sigma, b3, b4 = p
    w = (v - mean) / sigma
    h3 = (2 * math.sqrt(2) * w**3 - 3 * math.sqrt(2) * w) / math.sqrt(6)
    h4 = (4 * w**4 - 12 * w**2 + 3) / math.sqrt(24)
    return np.exp(-w**2 / 2) / (sigma * math.sqrt(2 * math.pi)) * (area + b3 * h3 + b4 * h4)


def fit(light, v):
    """V, sigma, h3, h4 of one spaxel; NaN where fewer than five bins have light."""
    if (light > 0).sum() < 5:
        return np.full(4, np.nan)
    step, total = v[1] - v[0], light.sum()
    mean = (light * v).sum() / total
    sigma = math.sqrt(max((light * v**2).sum() / total - mean**2, step**2))
    shift = step / (2 * math.sqrt(3))

    def off(q):
        p = (q[0], mean + q[1] * sigma, q[2] * sigma, q[3], q[4])
        return (0.5 * (series(p, v - shift) + series(p, v + shift)) * step - light / total) * 100

    q = least_squares(off, [1.0, 0, 1, 0, 0], xtol=1e-14, ftol=1e-14, gtol=1e-14, x_scale=0.1, max_nfev=2000).x
    return np.array([mean + q[1] * sigma, q[2] * sigma, q[3] / q[0], q[4] / q[0]])
