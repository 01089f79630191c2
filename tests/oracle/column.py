"""Section 14: the dust in front of a star, by integrating the kernel along the line of sight."""
import numpy as np

POINT, WEIGHT = np.polynomial.legendre.leggauss(5)      # the integrand is a polynomial of degree 8


def density(r2, h):
    """W_4 at r^2, its integral over space being 1."""
    c = 3465 / (512 * np.pi)
    return np.where(r2 < h**2, c * np.clip(1 - r2 / h**2, 0, None)**4 / h**3, 0)


def screen(star, cell, radius, weight):
    """A(V) of each star [mag]: weight [mag kpc^2] times what of each cell's kernel lies in front of it."""
    out = np.zeros(len(star))
    for i, (x, y, z) in enumerate(star):
        b2 = (x - cell[:, 0])**2 + (y - cell[:, 1])**2
        k = np.flatnonzero(b2 < radius**2)
        half = np.sqrt(radius[k]**2 - b2[k])
        near, far = cell[k, 2] - half, np.minimum(cell[k, 2] + half, z)
        k, near, far, b2 = (a[far > near] for a in (k, near, far, b2[k]))
        at = (near + far)[:, None] / 2 + (far - near)[:, None] / 2 * POINT
        along = density(b2[:, None] + (at - cell[k, 2][:, None])**2, radius[k][:, None])
        out[i] = np.sum(weight[k] * (far - near) / 2 * (along @ WEIGHT))
    return out
