#!/usr/bin/env python3
"""pictures.py RECIPE CUBE... -- the picture of a recipe of doc/cookbook.md, as RECIPE.png.

Small figures by hand, to begin your own with; cubix-plot makes the usual ones of any cube."""
import sys

import matplotlib
import numpy as np
from astropy.io import fits

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import LogNorm  # noqa: E402

INK = "#1f4e79"


class Cube:
    """What a file of any Layout holds: flux [lambda][y][x], its variance, wavelengths in AA, maps by name."""

    def __init__(self, path):
        with fits.open(path) as hdus:
            name = next(n for n in ("DATA", "FLUX", "SCI") if n in hdus)
            self.flux, self.header = hdus[name].data.astype(float), hdus[name].header
            table = hdus["LSF"].data
            self.wavelength = np.asarray(table.field(0), float)
            self.maps = {hdu.name: hdu.data.astype(float) for hdu in hdus if hdu.data is not None and hdu.is_image}
            self.used = {row[0]: row[1] for row in hdus["PARAMETERS"].data}
        self.unit = self.header["BUNIT"]
        ny, nx = self.flux.shape[1:]
        step = abs(self.header.get("CD1_1", self.header.get("CDELT1", 0))) * 3600
        self.step = step
        self.extent = [nx * step / 2, -nx * step / 2, -ny * step / 2, ny * step / 2]        # east is left

    def white(self):
        return np.nansum(self.flux, axis=0)

    def sigma(self):
        if "STAT" in self.maps:
            return np.sqrt(self.maps["STAT"])
        if "ERR" in self.maps:
            return self.maps["ERR"]
        inverse = self.maps["IVAR"]
        return np.where(inverse > 0, 1 / np.sqrt(np.where(inverse > 0, inverse, 1)), np.nan)


def picture(axes, cube, image, title, log=False, label=None, **how):
    image = np.where(np.isfinite(image), image, np.nan)
    if log:
        top = np.nanmax(image)
        how["norm"] = LogNorm(top * 3e-4, top)
        image = np.where(image < top * 3e-4, top * 3e-4, image)
    drawn = axes.imshow(image, origin="lower", extent=cube.extent, interpolation="nearest", **how)
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7)
    if label:
        bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.8)
        bar.set_label(label, fontsize=7)
        bar.ax.tick_params(labelsize=7)


def spectrum(axes, x, y, label, colour=INK, **how):
    axes.plot(x, y, lw=0.6, color=colour, label=label, **how)
    axes.tick_params(labelsize=7)


def figure(columns, rows=1, wide=2.6, tall=2.4):
    return plt.subplots(rows, columns, figsize=(wide * columns, tall * rows), layout="constrained", squeeze=False)


def save(fig, recipe):
    fig.savefig(recipe + ".png", dpi=90)


def shown(image, light, part=3e-3):
    """A map where there is enough light to speak of."""
    return np.where(light > part * np.nanmax(light), image, np.nan)


def disc(*paths):
    fig, axes = figure(len(paths), 2)
    for k, path in enumerate(paths):
        cube = Cube(path)
        picture(axes[0, k], cube, cube.white(), "%g deg" % float(cube.used["Inclination"]), log=True, cmap="magma")
        picture(axes[1, k], cube, shown(cube.maps["VEL_L_OBS"], cube.white()), "", cmap="RdBu_r", vmin=-220, vmax=220,
                label="v [km/s]" if k == len(paths) - 1 else None)
    axes[1, 0].set_xlabel("arcsec", fontsize=8)
    save(fig, "disc")


def survey(path):
    cube = Cube(path)
    fig, axes = figure(3, wide=3.0)
    middle = np.abs(cube.wavelength - 5500 * (1 + float(cube.used["Redshift"]))) < 200
    sigma = cube.sigma()[middle].mean(axis=0)                # NaN outside the bundle
    light = np.where(np.isfinite(sigma), cube.flux[middle].mean(axis=0), np.nan)
    snr = light / sigma
    picture(axes[0, 0], cube, light, "light, 5500 AA", log=True, cmap="magma")
    picture(axes[0, 1], cube, snr, "S/N of a channel", cmap="viridis", label="S/N")
    y, x = np.unravel_index(np.nanargmax(snr), snr.shape)
    spectrum(axes[0, 2], cube.wavelength, cube.flux[:, y, x], "the brightest spaxel", "#9db9d5")
    spectrum(axes[0, 2], cube.wavelength, cube.maps["NOISEFREE"][:, y, x], "before noise", "#a02c2c")
    axes[0, 2].set_xlabel("wavelength [AA]", fontsize=8)
    axes[0, 2].set_ylim(0, 1.6 * np.nanmax(cube.maps["NOISEFREE"][:, y, x]))
    axes[0, 2].legend(fontsize=7)
    save(fig, "survey")


def lines(recipe, path, marks, around):
    cube = Cube(path)
    z = float(cube.used["Redshift"])
    fig, axes = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained", gridspec_kw={"width_ratios": (1, 1, 1.6)})
    picture(axes[0], cube, cube.white(), "white light", log=True, cmap="magma")
    name, title = around
    picture(axes[1], cube, cube.maps[name], title, log=True, cmap="viridis")
    y, x = np.unravel_index(np.nanargmax(cube.maps[name]), cube.maps[name].shape)
    block = cube.flux[:, max(y - 2, 0):y + 3, max(x - 2, 0):x + 3]
    mean = np.where(np.isfinite(block).any(axis=(1, 2)), np.nansum(block, axis=(1, 2)), np.nan)
    rest = cube.wavelength / (1 + z)
    spectrum(axes[2], rest, mean, "5 x 5 spaxels")
    top = np.nanpercentile(mean, 99.9)
    for mark, wave in marks.items():
        if rest[0] < wave < rest[-1]:
            axes[2].annotate(mark, (wave, 0.97 * top), fontsize=7, rotation=90, ha="right", va="top", color="#a02c2c")
    axes[2].set(ylim=(min(0, np.nanpercentile(mean, 1)), top))
    axes[2].set_xlabel("rest wavelength [AA]", fontsize=8)
    axes[2].set_title("5 x 5 spaxels about the brightest in it", fontsize=9)
    save(fig, recipe)


def distant(path):
    lines("distant", path, {"Hb": 4863, "[OIII]": 5008, "Ha": 6565, "[SII]": 6733}, ("LINE_Ha_OBS", "H alpha"))


def blue(path):
    lines("blue", path, {"[OII]": 3727, "Hd": 4102, "Hb": 4861, "[OIII]": 5007}, ("LINE_OII3730_OBS", "[OII]"))


def losvd(path):
    cube = Cube(path)
    spread = cube.maps["LOSVD_OBS"]
    with fits.open(path) as hdus:
        header = hdus["LOSVD_OBS"].header
        v = header["CRVAL3"] + header.get("CD3_3", header.get("CDELT3")) * (np.arange(len(spread)) + 1 - header["CRPIX3"])
    light = cube.white()
    fig, axes = figure(3, wide=3.0)
    picture(axes[0, 0], cube, shown(cube.maps["V_GH_OBS"], light), "V of the series", cmap="RdBu_r", vmin=-220, vmax=220, label="km/s")
    picture(axes[0, 1], cube, shown(cube.maps["H3_L_OBS"], light), "h3", cmap="PuOr_r", vmin=-0.3, vmax=0.3, label="h3")
    y = light.shape[0] // 2
    for dx, colour in ((0, "#1f4e79"), (3, "#a02c2c"), (7, "#3a7d44")):
        x = light.shape[1] // 2 - dx
        axes[0, 2].step(v, spread[:, y, x] / spread[:, y, x].sum(), where="mid", lw=1, color=colour,
                        label="%g arcsec east" % (dx * cube.step))
    axes[0, 2].legend(fontsize=7)
    axes[0, 2].set_xlabel("velocity [km/s]", fontsize=8)
    axes[0, 2].tick_params(labelsize=7)
    axes[0, 2].set_title("light by velocity", fontsize=9)
    save(fig, "losvd")


def halo(*paths):
    fig, axes = figure(len(paths) + 1, wide=3.0)
    for k, path in enumerate(paths):
        cube = Cube(path)
        picture(axes[0, k], cube, cube.white(), "subhalo %d" % k, log=True, cmap="magma")
        y, x = np.unravel_index(np.nanargmax(cube.white()), cube.white().shape)
        spectrum(axes[0, -1], cube.wavelength, cube.flux[:, y, x], "subhalo %d" % k, (INK, "#a02c2c")[k % 2])
    axes[0, -1].legend(fontsize=7)
    axes[0, -1].set_xlabel("wavelength [AA]", fontsize=8)
    save(fig, "halo")


def gradient(panels, path):
    """panels: names, images, and for derivatives the image that they are relative to."""
    fig, axes = figure(len(panels))
    for ax, (name, image, of) in zip(axes[0], panels):
        if of is None:
            ax.imshow(np.log10(np.where(image > 0, image, np.nan)), origin="lower", cmap="magma",
                      vmin=np.log10(np.nanmax(image)) - 3.5)
        else:
            part = 100 * np.where(of > 1e-3 * of.max(), image / of, np.nan)
            most = np.nanpercentile(np.abs(part), 98)
            bar = fig.colorbar(ax.imshow(part, origin="lower", cmap="RdBu_r", vmin=-most, vmax=most), ax=ax, shrink=0.8)
            bar.set_label("% of the image", fontsize=7)
            bar.ax.tick_params(labelsize=7)
        ax.set_title(name, fontsize=8)
        ax.tick_params(labelsize=7)
    fig.savefig(path, dpi=90)


RECIPES = {f.__name__: f for f in (disc, survey, distant, blue, losvd, halo)}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in RECIPES:
        sys.exit("usage: pictures.py %s CUBE..." % "|".join(RECIPES))
    RECIPES[sys.argv[1]](*sys.argv[2:])
