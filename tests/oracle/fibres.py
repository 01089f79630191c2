"""Section 9.1: bundles of fibres, the spectra that they sample, and the cube rebuilt from these."""
import math

import numpy as np


def hexagon(count, pitch):
    """[count][2] (east, north): all points of a triangular lattice whose three coordinates are below n."""
    n = round((3 + math.sqrt(12 * count - 3)) / 6)
    q, r = np.meshgrid(np.arange(1 - n, n), np.arange(1 - n, n))
    keep = np.abs(q + r) < n
    q, r = q[keep], r[keep]
    assert len(q) == count
    return pitch * np.column_stack([q + 0.5 * r, 0.5 * math.sqrt(3) * r])


def dithers(kind, step):
    if kind == "none":
        return np.zeros((1, 2))
    if kind == "three":                                     # an equilateral triangle whose mean is 0, one side along y
        t = np.array([[0.0, -0.5 * step], [0.0, 0.5 * step], [-0.5 * math.sqrt(3) * step, 0.0]])
        return t - t.mean(axis=0)
    angle = np.radians(60 * np.arange(6))
    return np.vstack([[0.0, 0.0], step * np.column_stack([np.cos(angle), np.sin(angle)])])


def in_disc(r, x, y, a, b, n=4000):
    """Area of rectangles a x b about (x, y) in a disc of radius r about the origin: strips between x = r sin t."""
    x, y = np.atleast_1d(x), np.atleast_1d(y)
    lo, hi = np.clip((x - a / 2) / r, -1, 1), np.clip((x + a / 2) / r, -1, 1)
    t0, t1 = np.arcsin(lo), np.arcsin(hi)
    t = t0 + (t1 - t0) * ((np.arange(n) + 0.5) / n)[:, None]
    half = r * np.cos(t)
    height = np.minimum(y + b / 2, half) - np.maximum(y - b / 2, -half)
    return (np.clip(height, 0, None) * half).mean(axis=0) * (t1 - t0)


def sharpener(n_box):
    """Five numbers whose convolution with n boxes of width 1 has no second and no fourth moment."""
    second, fourth = n_box / 12, n_box / 80 + 3 * n_box * (n_box - 1) / 144
    want = [-second, 6 * second**2 - fourth]
    k1, k2 = np.linalg.solve([[2.0, 2.0 * 4], [2.0, 2.0 * 16]], want)
    return np.array([k2, k1, 1 - 2 * k1 - 2 * k2, k1, k2])


def places(n, side, flipped):
    x = (np.arange(n) + 0.5 - 0.5 * n) * side
    return -x if flipped else x


def sample(centres, core, n_x, n_y, side_x, side_y, n_box):
    """S [fibre][spaxel] on a grid whose columns run from east to west."""
    x, y = places(n_x, side_x, True), places(n_y, side_y, False)
    s = np.zeros((len(centres), n_y, n_x))
    for row, (east, north) in zip(s, centres):
        near = (np.abs(x - east) < core / 2 + side_x)[None, :] & (np.abs(y - north) < core / 2 + side_y)[:, None]
        j, i = np.nonzero(near)
        row[j, i] = in_disc(core / 2, x[i] - east, y[j] - north, side_x, side_y) / (side_x * side_y)
        if n_box:
            for axis in (0, 1):
                row[:] = np.apply_along_axis(lambda v: np.convolve(v, sharpener(n_box), "same"), axis, row)
    return s.reshape(len(centres), -1)


def rebuild(centres, core, n_x, n_y, side_x, side_y, how):
    """W [spaxel][fibre]; how: ("shepard", sigma, limit) or ("drizzle", drop)."""
    x, y = np.meshgrid(places(n_x, side_x, True), places(n_y, side_y, False))
    x, y, centres = x.ravel(), y.ravel(), np.asarray(centres)
    w = np.zeros((len(x), len(centres)))
    for f, (east, north) in enumerate(centres):
        dx, dy = x - east, y - north
        if how[0] == "shepard":
            r2 = dx**2 + dy**2
            w[:, f] = np.where(r2 <= how[2]**2, np.exp(-0.5 * r2 / how[1]**2), 0.0)
        else:
            r = 0.5 * core * how[1]
            near = np.nonzero((np.abs(dx) < r + side_x) & (np.abs(dy) < r + side_y))[0]
            w[near, f] = in_disc(r, dx[near], dy[near], side_x, side_y) / (side_x * side_y)
    total = w.sum(axis=1, keepdims=True)
    alpha = side_x * side_y / (math.pi * core**2 / 4)
    return np.divide(alpha * w, total, out=np.zeros_like(w), where=total > 0)
