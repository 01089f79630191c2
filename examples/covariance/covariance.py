#!/usr/bin/env python3
"""How noise goes together in cubes rebuilt from fibres: draws of it, and the exact matrix, beside published figures.

    covariance.py my.param [--draws 2000] [--instruments MaNGA-N127 MaNGA-N91 SAMI-blue]

A table for doc/fibres.md: the correlation rho(D) of spaxels D apart, and the noise beta(N) of squares of N spaxels
over that of N independent ones.  "draws" is measured on realisations of the noise in one channel (Chain.draws), "exact" comes
from the table CORREL that the same cube is written with.
"""
import argparse
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits

import cubix

DISTANCES, SIDES = (1, 2, 3, 4, 5, 6), (2, 3, 4, 6, 8, 10)
# MaNGA: Westfall et al. 2019, AJ 158, 231 (1.92 spaxels); Law et al. 2016, AJ 152, 83 (1.62, N up to 100)
PUBLISHED = {"MaNGA": (1.92, 1.62)}


def squares(y, x, side, shape):
    """Indices of the spaxels of each square, side by side from the middle of what is left over."""
    place = np.full(shape, -1)
    place[y, x] = np.arange(len(y))
    j0, i0 = shape[0] % side // 2, shape[1] % side // 2
    for j in range(j0, shape[0] - side + 1, side):
        for i in range(i0, shape[1] - side + 1, side):
            part = place[j:j + side, i:i + side].ravel()
            if (part >= 0).all():
                yield part


def figures(correlation, variance, excess, y, x, shape):
    """rho at DISTANCES and beta at SIDES.  excess(part): variance of the sum of some spaxels."""
    d2 = (x[:, None] - x)**2 + (y[:, None] - y)**2
    rho = [correlation[d2 == d * d].mean() for d in DISTANCES]
    beta = []
    for side in SIDES:
        found = [np.sqrt(excess(part) / variance[part].sum()) for part in squares(y, x, side, shape)]
        beta.append(np.mean(found) if found else np.nan)
    return rho, beta


def exact(path):
    """The covariance matrix of the one channel in the table CORREL, of spaxels with noise, and which these are."""
    with fits.open(path) as hdus:
        table, stat = hdus["CORREL"].data, hdus["STAT"].data.astype(float)
        k, (n_y, n_x), header = table["INDXK"][0], stat.shape[1:], hdus[0].header
        i, j = (table[f"INDX{a}_C2"] * n_x + table[f"INDX{a}_C1"] for a in "IJ")
        root = np.sqrt(stat[k].ravel())
        c = np.zeros((n_y * n_x, n_y * n_x))
        c[i, j] = c[j, i] = table["RHOIJ"] * root[i] * root[j]
        law = header["COVSIGMA"], header["COVBETA"]
    inside = np.flatnonzero(np.diag(c) > 0)
    return c[np.ix_(inside, inside)], inside, k, law


def measure(parameters, instrument, n):
    """The figures of one instrument: of n draws, of the exact matrix, and the two numbers of its header."""
    with tempfile.TemporaryDirectory() as folder, cubix.Chain(
            parameters, Instrument=instrument, Sampling="fibres", Layout="plain", LambdaMin=5000, LambdaMax=5010,
            Noise="exposure", Covariance="5005") as chain:
        path = Path(folder, "cube.fits")
        clean = chain.forward()
        chain.write(path)
        c, inside, k, law = exact(path)
        shape = chain.field[:2]
        y, x = np.divmod(inside, shape[1])
        noise = (chain.draws(n, [k])[..., 0].astype(float) - clean[..., k])[:, y, x]
    own = np.diag(c)
    of_matrix = figures(c / np.sqrt(np.outer(own, own)), own, lambda part: c[np.ix_(part, part)].sum(), y, x, shape)
    own = (noise**2).mean(axis=0)
    z = noise / np.sqrt(own)
    of_draws = figures(z.T @ z / n, own, lambda part: (noise[:, part].sum(axis=1)**2).mean(), y, x, shape)
    return of_draws, of_matrix, law


def row(name, which, values):
    print(f"| {name} | {which} | " + " | ".join("" if np.isnan(v) else f"{v:.2f}" for v in values) + " |")


def main():
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("parameters", help="a parameter file with a galaxy, at Redshift, and SspFile")
    a.add_argument("--draws", type=int, default=2000)
    a.add_argument("--instruments", nargs="+", default=["MaNGA-N127", "MaNGA-N91", "SAMI-blue"])
    a = a.parse_args()
    head = [f"rho({d})" for d in DISTANCES] + [f"beta({s * s})" for s in SIDES]
    print("| | | " + " | ".join(head) + " | s | b |\n" + "|---" * (len(head) + 4) + "|")
    for name in a.instruments:
        draws, matrix, law = measure(a.parameters, name, a.draws)
        row(name, "draws", [*draws[0], *draws[1], np.nan, np.nan])
        row("", "exact", [*matrix[0], *matrix[1], *law])
    for name, (s, b) in PUBLISHED.items():
        row(name, "published", [*(np.exp(-0.5 * d * d / s**2) for d in DISTANCES),
                                *(1 + b * np.log10(n * n) for n in SIDES), s, b])


if __name__ == "__main__":
    main()
