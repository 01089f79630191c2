"""Who computes what: RUBIX's cube and CUBIX's cube of the same stars, each explained by numpy, and the way from one to the other.

numpy with RUBIX's formulas must give RUBIX's cube, numpy with CUBIX's formulas must give CUBIX's cube; the steps between are tabled.  So the
two programs' times are times for known formulas on the same stars, spaxels and channels.
"""
import json

import h5py
import numpy as np

import accuracy
import formulas
import galaxy
import library

FLOOR = 1e-3          # of the spaxel's mean: what is darker is compared with that


def compare(a, b):
    """Differences of two {spaxel: spectrum}, relative to b voxel by voxel (not below FLOOR of the
    spaxel's mean).  dark: spaxels that have light in one only."""
    worst, ratios, sum_d, sum_b, dark = 0.0, [], 0.0, 0.0, 0
    for s, y in b.items():
        x = a[s]
        level = np.abs(y).mean()
        sum_d, sum_b = sum_d + float(np.abs(x - y).sum()), sum_b + float(np.abs(y).sum())
        if level == 0:
            dark += bool(np.abs(x).max() > 0)
            continue
        if np.abs(x).max() == 0:
            dark += 1
            continue
        ratio = np.abs(x - y) / np.maximum(np.abs(y), FLOOR * level)
        worst = max(worst, ratio.max())
        ratios.append(np.median(ratio))
    return {"max": float(worst), "median": float(np.median(ratios)) if ratios else 0.0,
            "L1": sum_d / sum_b if sum_b else 0.0,
            "dark": dark}


def safe_stars(stars, setting, scale, v_max=900.0):
    """Stars inside the field and further than a thousandth of a spaxel from any spaxel's edge: all
    codes agree on their spaxels."""
    x = stars["pos"][:, :2] / scale / setting.pixel + 0.5 * setting.spaxels
    within = np.all((x > 0) & (x < setting.spaxels), axis=1)
    away = np.all(np.abs(x - np.round(x)) > 1e-3, axis=1)
    return galaxy.subset(stars, within & away & (np.abs(stars["vel"][:, 2] - galaxy.systemic(stars)[2]) < v_max))


def inside(stars, setting, scale):
    """Stars inside the field."""
    x = stars["pos"][:, :2] / scale / setting.pixel + 0.5 * setting.spaxels
    return galaxy.subset(stars, np.all((x >= 0) & (x < setting.spaxels), axis=1))


def spaxels(stars, setting, scale):
    """Spaxel ix + n iy of every star, x growing with x: RUBIX's way."""
    x = np.floor(stars["pos"][:, :2] / scale / setting.pixel + 0.5 * setting.spaxels).astype(int)
    return x[:, 0] + setting.spaxels * x[:, 1]


def rows_of_rubix(path, wanted):
    with np.load(path) as f:
        cube = np.asarray(f["cube"], float)
    flat = cube.reshape(-1, cube.shape[-1])
    lit = {int(s) for s in np.flatnonzero(np.abs(flat).sum(axis=1) > 0)}
    return {s: flat[s] for s in wanted}, lit


def rows_of_cubix(path, wanted, n):
    """CUBIX's columns run from east: mirrored."""
    with h5py.File(path) as f:
        data = f["DATA"]
        cube = np.asarray(data[:], float)
    flat = cube.reshape(cube.shape[0], -1)
    lit = {int(s // n * n + n - 1 - s % n) for s in np.flatnonzero(flat.sum(axis=0) > 0)}
    return {s: flat[:, s // n * n + n - 1 - s % n] for s in wanted}, lit


def explain(work, cubix, rubix, setting, name, template, canonical, n_stars=1000, tolerance="1e-5"):
    """The table of one library.  template: RUBIX's file; canonical: CUBIX's.  rubix: function(job)
    -> result, or None."""
    folder = work / ("explain-" + name)
    folder.mkdir(exist_ok=True)
    stars, info = galaxy.read_mock(cubix.mock(n_stars, seed=5))
    scale, d_l = galaxy.angular_scale(setting.redshift, *info["cosmology"])
    stars = safe_stars(stars, setting, scale)
    galaxy.write_rubix(folder / "rubix_galaxy.h5", stars, "f8")
    galaxy.write_canonical(folder / "stars.hdf5", stars, info["cosmology"])
    v, where, centre = stars["vel"][:, 2] - galaxy.systemic(stars)[2], spaxels(stars, setting, scale), setting.centres()
    wanted = sorted(set(where.tolist()))
    out = {"stars": len(v), "spaxels": len(wanted), "side": setting.spaxels, "library": name, "floor": FLOOR,
           "steps": []}

    with h5py.File(template) as f:                      # as RUBIX holds it: float32
        held = [np.float32(f[key][:]) for key in ("age", "metallicity", "wavelength", "flux")]
    previous = None
    for text, recipe in formulas.recipes(log_ages=bool(held[0][-1] < 12 and held[0][1] > 4), air=name == "bc03lr"):
        now = formulas.cube(formulas.Library(recipe, *held), stars, v, where, setting.redshift, centre)
        if previous is None:
            first = now
        else:
            out["steps"].append(dict(compare(now, previous), change=text))
        previous = now
    lib = library.read(canonical)
    cut = library.band(lib["Wavelength"], *setting.rest_range())
    cut = slice(max(cut.start - 40, 0), cut.stop + 40)              # the spline's ends are far away
    exact = formulas.Library(formulas.CUBIX_FILE, lib["Age"], lib["Metallicity"], lib["Wavelength"][cut],
                             lib["Luminosity"][:, :, cut] / library.LSUN)
    last = formulas.cube(exact, stars, v, where, setting.redshift, centre)
    out["steps"].append(dict(compare(last, previous),
                             change="the library as CUBIX's file holds it, not rounded to float32 nor cut"))
    out["whole_way"] = compare(last, first)

    unit = library.LSUN / (4 * np.pi * (d_l * 3.0856775814913673e24)**2) / 1e-20
    last = {s: row * unit for s, row in last.items()}
    instrument = setting.write_instrument(folder / "instrument.cfg")
    for engine in ["direct"] + (["histogram"] if cubix.has_histogram else []):
        more = {"Engine": engine}
        if engine == "histogram":
            more.update(Tolerance=tolerance, TemplateCache="none")
        try:
            result = cubix.paint("explain-%s-%s" % (name, engine),
                                 setting.parameters(folder / "stars.hdf5", canonical, instrument, (0, 0, 0), **more))
            rows, lit = rows_of_cubix(result["output"], wanted, setting.spaxels)
            good = accuracy.bounded(setting, lib) if engine == "histogram" else slice(None)
            out["cubix_" + engine] = dict(compare({s: row[good] for s, row in rows.items()},
                                                  {s: row[good] for s, row in last.items()}),
                                          same_spaxels=lit == set(wanted))
            if engine == "histogram":
                out["cubix_histogram"].update(tolerance=float(tolerance), channels=int(good.sum()))
        except cubix.failed as error:
            out["cubix_" + engine] = {"missing": str(error)}
    if rubix:
        bright = {s for s, row in first.items() if np.abs(row).max() > 0}
        for double in (True, False):
            key = "rubix_float64" if double else "rubix_float32"
            try:
                result = rubix({"galaxy": str(folder), "template": str(template), "double": double, "devices": 1,
                                "repeat": 0,
                                "cube": str(folder / (key + ".npz"))}, setting, info["cosmology"])
                rows, lit = rows_of_rubix(folder / (key + ".npz"), wanted)
                out[key] = dict(compare(rows, first), same_spaxels=lit == bright, n_edge=result["n_edge"])
            except cubix.failed as error:
                out[key] = {"missing": str(error)}
    (folder / "explain.json").write_text(json.dumps(out, indent=1))
    return out
