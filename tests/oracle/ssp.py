"""Section 6: templates between their points, and the weights of a star."""
import h5py
import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator, PPoly

GAUSS_X, GAUSS_W = np.polynomial.legendre.leggauss(4)      # exact for polynomials of degree 7


class Library:
    def __init__(self, age, metallicity, lam, luminosity, lsf_fwhm):
        self.age, self.metallicity, self.lam = (np.asarray(x, float) for x in (age, metallicity, lam))
        self.luminosity, self.lsf_fwhm = np.asarray(luminosity, float), np.asarray(lsf_fwhm, float)

    @classmethod
    def read(cls, path):
        with h5py.File(path) as f:
            return cls(*(f[name][:] for name in ("Age", "Metallicity", "Wavelength", "Luminosity", "LsfFwhm")))

    def log_age(self):
        return np.log10(np.where(self.age == 0, 1e-4, self.age))

    def log_z(self):
        return np.log10(np.where(self.metallicity == 0, 1e-10, self.metallicity))


def _cell(nodes, x):
    """Interval and fraction of x, clamped to the nodes."""
    if len(nodes) == 1:
        return 0, 0, 0.0
    x = min(max(x, nodes[0]), nodes[-1])
    i = min(max(int(np.searchsorted(nodes, x, side="right")) - 1, 0), len(nodes) - 2)
    return i, i + 1, (x - nodes[i]) / (nodes[i + 1] - nodes[i])


def star_template(lib, values, age, metallicity, how="linear"):
    """Template values of a star at the library's wavelengths: [n_lambda].  values:
    [n_Z][n_age][n_lambda], broadened or not."""
    log_t, log_z = lib.log_age(), lib.log_z()
    t = np.log10(age) if age > 0 else -np.inf
    z = np.log10(metallicity) if metallicity > 0 else -np.inf
    i0, i1, f = _cell(log_z, z)
    if how == "linear":
        j0, j1, g = _cell(log_t, t)
        in_age = (1 - g) * values[:, j0] + g * values[:, j1]
        return (1 - f) * in_age[i0] + f * in_age[i1]
    t = min(max(t, log_t[0]), log_t[-1])
    rows = [PchipInterpolator(log_t, values[i], axis=0)(t) for i in (i0, i1)]
    return (1 - f) * rows[0] + f * rows[1]


def between(lam, values, semantic):
    """The template as a function of wavelength.  values: [n_lambda] or [n_lambda][n]."""
    if semantic == "spline":
        if len(lam) >= 4:
            return CubicSpline(lam, values, bc_type="not-a-knot")
        raise ValueError("fewer than four wavelengths")
    slope = np.diff(values, axis=0) / np.diff(lam).reshape((-1,) + (1,) * (values.ndim - 1))
    return PPoly(np.array([slope, values[:-1]]), lam)


def integrate(function, lam, edge):
    """int of the template between successive edges (increasing), zero outside the library: four
    Gauss points on every smooth piece."""
    inside = np.clip(edge, lam[0], lam[-1])
    cut = np.union1d(inside, lam[(lam > inside[0]) & (lam < inside[-1])])
    if len(cut) < 2:
        return np.zeros(len(edge) - 1)
    half, mid = 0.5 * np.diff(cut), 0.5 * (cut[1:] + cut[:-1])
    piece = (function(mid[:, None] + half[:, None] * GAUSS_X) * GAUSS_W).sum(axis=1) * half
    first = np.searchsorted(cut, inside)
    return np.array([piece[a:b].sum() for a, b in zip(first[:-1], first[1:])])
