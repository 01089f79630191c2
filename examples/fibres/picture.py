#!/usr/bin/env python3
"""picture.py SPAXELS.fits REBUILT.fits RSS.fits -o PICTURE.png -- one galaxy in spaxels, in fibres, and rebuilt from
them; and how the S/N of bins about its centre grows with their number of spaxels.

The noise of a bin is measured: the scatter of DATA - NOISEFREE from channel to channel, summed over the bin's spaxels."""
import argparse

import matplotlib
import numpy as np
from astropy.io import fits

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.collections import PatchCollection  # noqa: E402
from matplotlib.colors import LogNorm  # noqa: E402
from matplotlib.patches import Circle  # noqa: E402

SIDES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 14)


def cube(path):
    """Flux with noise, the flux without, and half the field's width and height [arcsec]."""
    with fits.open(path) as hdus:
        flux, clean = hdus["FLUX"].data.astype(float), hdus["NOISEFREE"].data.astype(float)
        step = 3600 * abs(hdus["FLUX"].header["CD1_1"])
    return flux, clean, 0.5 * step * flux.shape[2], 0.5 * step * flux.shape[1]


def bins(flux, clean):
    """S/N of squares of n x n spaxels about the centre: [len(SIDES)]."""
    ny, nx = clean.shape[1:]
    found = []
    for n in SIDES:
        rows, columns = slice((ny - n) // 2, (ny - n) // 2 + n), slice((nx - n) // 2, (nx - n) // 2 + n)
        noise = (flux - clean)[:, rows, columns].sum(axis=(1, 2))
        found.append(clean[:, rows, columns].sum(axis=(1, 2)).mean() / noise.std())
    return np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spaxels")
    parser.add_argument("rebuilt")
    parser.add_argument("rss")
    parser.add_argument("-o", required=True, dest="picture")
    what = parser.parse_args()
    cubes = [cube(what.spaxels), cube(what.rebuilt)]
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.3), width_ratios=(1, 1, 1, 1.15), layout="constrained")
    images = [flux.mean(axis=0) for flux, *_ in cubes]
    top = max(image.max() for image in images)
    norm = LogNorm(3e-3 * top, top)
    for ax, image, (*_, half_x, half_y), title in zip(axes[[0, 2]], images, cubes, ("spaxels", "rebuilt from fibres")):
        ax.imshow(np.maximum(image, 3e-3 * top), origin="lower", norm=norm, cmap="magma",
                  extent=(half_x, -half_x, -half_y, half_y), interpolation="nearest")
        ax.set_title(title)
    with fits.open(what.rss) as hdus:
        flux = hdus["FLUX"].data.astype(float).mean(axis=1)
        place = np.column_stack([np.reshape(hdus[name].data, (len(flux), -1)).mean(axis=1) for name in ("XPOS", "YPOS")])
        core = hdus[0].header["FIBCORE"]
        first = len(flux) // hdus[0].header["NDITHER"]
    share = 0.25 / (0.25 * np.pi * core**2)                 # as much area as a spaxel's
    cores = PatchCollection([Circle(at, 0.5 * core) for at in place[:first]], norm=norm, cmap="magma")
    cores.set_array(np.maximum(flux[:first] * share, 3e-3 * top))
    for ax in axes[:3]:
        ax.set_facecolor("black")
    axes[1].add_collection(cores)
    axes[1].set_title("fibres of the first dither")
    half_x, half_y = cubes[1][2:]
    for ax in axes[:3]:
        ax.set(xlim=(half_x, -half_x), ylim=(-half_y, half_y), aspect="equal", xlabel="arcsec east")
    axes[0].set_ylabel("arcsec north")
    number = np.square(SIDES)
    for (flux, clean, *_), label, colour in zip(cubes, ("spaxels", "rebuilt from fibres"), ("#888888", "#b8472a")):
        measured = bins(flux, clean)
        axes[3].loglog(number, measured, "o-", color=colour, label=label, markersize=4)
        axes[3].loglog(number, measured[0] * np.sqrt(number), ":", color=colour, linewidth=1)
    axes[3].set(xlabel="spaxels $N$ in a bin at the centre", ylabel="S/N per channel", title="dotted: $\\sqrt{N}$")
    axes[3].legend(fontsize=8)
    figure.savefig(what.picture, dpi=110)


if __name__ == "__main__":
    main()
