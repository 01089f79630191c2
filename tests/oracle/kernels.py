"""Section 4: kernels of SPH seen along the line of sight, and how much of one falls on each spaxel."""
import numpy as np

# radius over standard deviation; per piece (its end, polynomial in q), for a radius of 1 (Dehnen & Aly 2012, table 1)
RADIUS = {"cubic": np.sqrt(40 / 3), "wendland": np.sqrt(15)}
PIECES = {"cubic": ((0.5, np.array([1, 0, -6, 6]) * 8 / np.pi), (1.0, np.array([2, -6, 6, -2]) * 8 / np.pi)),
          "wendland": ((1.0, np.array([1, 0, -10, 20, -15, 4]) * 21 / (2 * np.pi)),)}
POINT, WEIGHT = np.polynomial.legendre.leggauss(6)
FINE = 1 / 24       # longest side of a rectangle that the points integrate


def _powers(n, b, end):
    """int q^k dz, q = sqrt(b^2 + z^2), from z = 0 to q = end, for k < n: recursion by parts."""
    z = np.sqrt(np.clip(end**2 - b**2, 0, None))
    log = np.arcsinh(z / b)
    out = [z, (end * z + b**2 * log) / 2]
    for k in range(2, n):
        out.append((end**k * z + k * b**2 * out[k - 2]) / (k + 1))
    return out


def brightness(kind, b):
    """Light per area at distance b > 0 from the line of sight, radius 1, light 1."""
    total, before = np.zeros_like(b), None
    for end, factor in PIECES[kind]:
        here = _powers(len(factor), b, end)
        for k, f in enumerate(factor):
            total += 2 * f * (here[k] - (before[k] if before else 0))
        before = here
    return total


def _rule(first, n, place, radius):
    """Points and weights along an axis, in radii from the star: [n][points of a spaxel]."""
    parts = max(1, int(np.ceil(1 / (radius * FINE))))
    edge = (first + np.arange(n * parts + 1) / parts - place) / radius
    edge = np.clip(edge, -1, 1)
    half = np.diff(edge) / 2
    x = (edge[:-1] + half)[:, None] + half[:, None] * POINT
    return x.reshape(n, -1), (half[:, None] * WEIGHT).reshape(n, -1)


def weights(kind, place, radius):
    """First column and row, and weights [row][column], of a star at place = (p_x, p_y) [spaxels]."""
    first = [int(np.floor(p - r)) for p, r in zip(place, radius)]
    n = [int(np.floor(p + r)) + 1 - f for p, r, f in zip(place, radius, first)]
    (x, w_x), (y, w_y) = (_rule(f, m, p, r) for f, m, p, r in zip(first, n, place, radius))
    b = np.hypot(y[:, :, None, None], x[None, None])
    return first, np.einsum("ijkl,ij,kl->ik", brightness(kind, np.maximum(b, 1e-12)), w_y, w_x)
