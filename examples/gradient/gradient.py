#!/usr/bin/env python3
"""Galaxies and pictures of run.sh:  gradient.py make|show stars|disc|pair [--small], in the folder of the example."""
import glob
import re
import sys

import h5py
import numpy as np

NAMES = (("Position", "kpc"), ("Velocity", "km/s"), ("InitialMass", "Msun"), ("Mass", "Msun"), ("Age", "Gyr"),
         ("Metallicity", "1"))
PIXEL = 0.5 * 0.62057                             # of stars.param: kpc a spaxel


def side(small):
    """Spaxels a side: FieldOfView of stars.param, and with --small that of run.sh."""
    return 12 if small else 32


def write(path, position, velocity, mass, age, metallicity):
    """A canonical particle file (doc/formats.md) with its centre at the origin."""
    with h5py.File(path, "w") as file:
        file.create_group("Header").attrs.update({"CubixFile": "particles", "Version": 1, "Redshift": 0.0,
                                                  "OmegaMatter": 0.3089, "OmegaLambda": 0.6911, "HubbleParam": 0.6774,
                                                  "BoxSize": 0.0, "Centre": np.zeros(3), "Source": "examples/gradient"})
        for (name, unit), values in zip(NAMES, (position, velocity, mass, 0.6 * np.asarray(mass), age, metallicity)):
            file.create_dataset("Stars/" + name, data=np.asarray(values, float)).attrs["unit"] = unit


def read(path):
    with h5py.File(path, "r") as file:
        return {name: item[()] for name, item in file["Stars"].items()}


def numbers(path):
    """Rows of a text file of a fit: {name: [value, error]}."""
    with open(path) as file:
        return {row[0]: [float(row[1]), float(row[2])] for row in (line.split() for line in file)
                if not row[0].startswith("#")}


# ---- stars ---------------------------------------------------------------------------------------

def make_stars(small):
    """n stars, a tenth of them two to a spaxel, of about the same brightness; and the same with wrong numbers."""
    rng, n, n_side = np.random.default_rng(1), 100 if small else 1000, side(small)
    cell = rng.permutation(n_side**2)[:n - n // 20]
    cell = np.concatenate([cell[:n - n // 10], np.repeat(cell[n - n // 10:], 2)])
    x, y = ((c + 0.5 + rng.uniform(-0.4, 0.4, n) - n_side / 2) * PIXEL for c in (cell % n_side, cell // n_side))
    age, metallicity = 10**rng.uniform(-1, 1.08, n), 0.02 * 10**rng.uniform(-1.2, 0.2, n)
    mass = 3e7 * age**0.7 * 10**rng.normal(0, 0.1, n)
    velocity = rng.normal(0, 30, (n, 3))
    velocity[:, 2] += 150 * x / (np.hypot(x, y) + 1)
    position = np.stack([x, y, 0 * x], 1)
    write("true.hdf5", position, velocity, mass, age, metallicity)
    wrong = velocity + np.array([0, 0, 1]) * rng.normal(0, 40, (n, 1))
    write("start.hdf5", position, wrong, mass * 10**rng.normal(0, 0.2, n),
          np.clip(age * 10**rng.normal(0, 0.2, n), 0.05, 13), metallicity * 10**rng.normal(0, 0.2, n))


def show_stars(small):
    import matplotlib.pyplot as plt
    true, start, fit = (read(name) for name in ("true.hdf5", "start.hdf5", "fit-stars.hdf5"))
    cell = np.floor(true["Position"][:, :2] / PIXEL + side(small) / 2).astype(int) @ [1, side(small)]
    _, which, count = np.unique(cell, return_inverse=True, return_counts=True)
    alone = count[which] == 1
    figure, axes = plt.subplots(2, 4, figsize=(13, 6.5), layout="constrained")
    print("%-12s %-7s %10s %10s %10s %10s" % ("median |off|", "", "start", "fit", "its error", "off/error"))
    for k, (name, label) in enumerate((("InitialMass", "log mass [Msun]"), ("Age", "log age [Gyr]"),
                                       ("Metallicity", "log Z"), ("Velocity", "velocity [km/s]"))):
        form = (lambda a: a[:, 2]) if name == "Velocity" else np.log10
        error = fit[name + "Error"][:, 2] if name == "Velocity" else fit[name + "Error"] / fit[name] / np.log(10)
        for row, (values, what) in enumerate(((start, "start"), (fit, "fit"))):
            for who, colour, said in ((alone, "#1c6fb5", "alone in its spaxel"),
                                      (~alone, "#c8321e", "two in a spaxel")):
                axes[row, k].scatter(form(true[name])[who], form(values[name])[who], s=5, lw=0, color=colour,
                                     label=said)
            axes[row, k].axline((form(true[name]).mean(),) * 2, slope=1, color="k", lw=0.6)
            axes[row, k].set(xlabel="true " + label, ylabel="%s %s" % (what, label), xlim=axes[0, k].get_xlim(),
                             ylim=axes[0, k].get_ylim())
        for who, said in ((alone, "alone"), (~alone, "shared")):
            before, after = (np.abs(form(v[name]) - form(true[name]))[who] for v in (start, fit))
            print("%-12s %-7s %10.4f %10.4f %10.4f %10.2f" % (name, said, np.median(before), np.median(after),
                                                              np.median(error[who]), np.median(after / error[who])))
    axes[0, 0].legend(fontsize=8)
    figure.savefig("stars.png", dpi=130)


# ---- disc ----------------------------------------------------------------------------------------

def make_disc(small):
    rng, n = np.random.default_rng(2), 3000 if small else 20000
    r, phi = rng.gamma(2.0, 1.0, n), rng.uniform(0, 2 * np.pi, n)
    v = 200 * r / (r + 0.5)
    position = np.stack([r * np.cos(phi), r * np.sin(phi), 0.1 * rng.standard_normal(n)], 1)
    velocity = np.stack([-v * np.sin(phi), v * np.cos(phi), 0 * v], 1) + 20 * rng.standard_normal((n, 3))
    write("disc.hdf5", position, velocity, np.full(n, 2e10 / n), 10**rng.uniform(-0.5, 1.05, n),
          0.02 * 10**rng.normal(0, 0.2, n))


def show_disc(small):
    import matplotlib.pyplot as plt
    from astropy.io import fits
    found, slope = numbers("fit-fit.txt"), numbers("gradient-gradient.txt")
    for name, truth, start in (("Inclination", 55.0, 40.0), ("PsfFwhm", 1.5, 1.95)):
        value, error = found[name]
        print("%-12s truth %8.4f  start %8.4f (chi2 %+.6g per unit)  found %8.4f +- %.4f  (%+.2f errors)" % (name,
                                                                                                             truth, start, slope[name][1], value, error, (value - truth) / error))
    images = []
    for name in ("observed", "gradient", "fit"):
        with fits.open(name + ".fits") as hdus:
            images.append(hdus["DATA"].data.astype(float).mean(0))
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
    top = images[0].max()
    for k, (title, image) in enumerate((("observed", images[0]), ("observed - start", images[0] - images[1]),
                                        ("observed - fit", images[0] - images[2]))):
        shown = axes[k].imshow(image, origin="lower", cmap="inferno" if k == 0 else "RdBu_r",
                               vmin=0 if k == 0 else -0.3 * top, vmax=top if k == 0 else 0.3 * top)
        figure.colorbar(shown, ax=axes[k], shrink=0.8)
        axes[k].set(title=title, xticks=[], yticks=[])
    table = np.loadtxt("fit-convergence.txt", ndmin=2)
    axes[3].semilogy(table[:, 0], table[:, 2], "o-", color="#1c6fb5", ms=3)
    axes[3].set(xlabel="iteration", ylabel="chi2",
                title="%.2f +- %.2f deg\n%.3f +- %.3f arcsec" % (*found["Inclination"], *found["PsfFwhm"]))
    figure.savefig("disc.png", dpi=130)


# ---- pair ----------------------------------------------------------------------------------------

AGE, METALLICITY, MASS, SPEED = np.array([1.0, 8.0]), np.array([0.02, 0.008]), np.array([1e6, 3e6]), np.array([-60.0,
                                                                                                               60.0])
START_AGE, START_METALLICITY = np.array([3.0, 3.5]), np.array([0.012, 0.012])
GRID = 10**np.linspace(-0.5, 1.1, 40)             # ages of the surface: one a spaxel of 0.5 arcsec


def make_pair(small):
    velocity = np.outer(SPEED, [0, 0, 1])
    write("true.hdf5", np.zeros((2, 3)), velocity, MASS, AGE, METALLICITY)
    write("Age.hdf5", np.zeros((2, 3)), velocity, MASS, START_AGE, METALLICITY)
    write("Age-Metallicity.hdf5", np.zeros((2, 3)), velocity, MASS, START_AGE, START_METALLICITY)
    row = np.zeros((GRID.size, 3))
    # kpc east, at z = 0.01; east is left
    row[:, 0] = -(np.arange(GRID.size) + 0.5 - GRID.size / 2) * 0.5 * 0.21184
    for k, name in enumerate(("first.hdf5", "second.hdf5")):
        write(name, row, np.repeat(velocity[k:k + 1], GRID.size, 0), np.full(GRID.size, MASS[k]), GRID,
              np.full(GRID.size, METALLICITY[k]))


def show_pair(small):
    import matplotlib.pyplot as plt
    from astropy.io import fits
    with fits.open("observed.fits") as hdus:
        data, variance = hdus["DATA"].data[:, 0, 0].astype(float), hdus["STAT"].data[:, 0, 0].astype(float)
    spectra = []
    for name in ("first.fits", "second.fits"):
        with fits.open(name) as hdus:
            spectra.append(hdus["DATA"].data[:, 0, :].T.astype(float))                   # [age][lambda]
    assert all((s.sum(1) > 0).all() for s in spectra)
    surface = np.array([[((data - a - b)**2 / variance).sum() for a in spectra[0]] for b in spectra[1]])
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    levels = surface.min() + 10**np.arange(1, 7.1, 0.5)
    shown = axes[0].contourf(GRID, GRID, np.log10(surface), 40, cmap="cividis")
    axes[0].contour(GRID, GRID, surface, levels, colors="w", linewidths=0.4)
    figure.colorbar(shown, ax=axes[0], label="log10 chi2, metallicities as they are")
    for k, what in enumerate(("Age", "Age-Metallicity")):
        steps = sorted((int(re.search(r"-(\d+)\.hdf5", name).group(1)), name)
                       for name in glob.glob(glob.escape(what) + "-[0-9]*.hdf5"))
        path = [read(name) for _, name in steps] + [read(what + "-stars.hdf5")]
        end = path[-1]
        print(what)
        for star in range(2):
            print("  star %d   age %.3f, start %.3f, found %.3f +- %.3f Gyr" % (star + 1, AGE[star],
                                                                                path[0]["Age"][star], end["Age"][star],
                                                                                end["AgeError"][star]) +
                  ("   Z %.4f, start %.4f, found %.4f +- %.4f" % (METALLICITY[star], path[0]["Metallicity"][star],
                                                                  end["Metallicity"][star],
                                                                  end["MetallicityError"][star]) if k else ""))
        if k == 0:
            axes[0].plot([p["Age"][0] for p in path], [p["Age"][1] for p in path], "w.-", ms=5, lw=1)
            axes[0].plot(*AGE, "+", color="#ff5533", ms=14, mew=2)
        else:
            for star, colour in enumerate(("#1c6fb5", "#c8321e")):
                axes[1].plot([p["Age"][star] for p in path], [p["Metallicity"][star] for p in path], ".-", color=colour,
                             lw=1, label="star %d" % (star + 1))
                axes[1].plot(AGE[star], METALLICITY[star], "+", color=colour, ms=14, mew=2)
    axes[0].set(xscale="log", yscale="log", xlabel="age of star 1 [Gyr]", ylabel="age of star 2 [Gyr]",
                title="ages alone, by Adam")
    axes[1].set(xscale="log", yscale="log", xlabel="age [Gyr]", ylabel="metallicity",
                title="ages and metallicities; crosses: the truth")
    axes[1].legend()
    figure.savefig("pair.png", dpi=130)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] + "_" + sys.argv[2] not in globals():
        sys.exit(__doc__)
    globals()[sys.argv[1] + "_" + sys.argv[2]]("--small" in sys.argv)
