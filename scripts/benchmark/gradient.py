"""Gradients: their cost beside the forward run, RUBIX's beside them, and what they are worth.

The objective is chi2 against a cube of another galaxy with noise.  CUBIX: Mode gradient; its stage `forward` makes the cube, its stage `gradient` the objective and its
derivatives by every star's numbers.  RUBIX: RubixPipeline.gradient, the gradient of a sum of squares, as its documentation calls it.
"""
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

import explain
import formulas
import galaxy
import library
import race
import shell

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from oracle import gradient as oracle_gradient  # noqa: E402
from oracle import instrument as oracle_instrument  # noqa: E402
from oracle import paint as oracle_paint  # noqa: E402
from oracle import ssp as oracle_ssp  # noqa: E402

POPULATION = "Mass,Metallicity,Age,Velocity"
GRADIENT_MEMORY = 24e9                                        # bytes, in which the largest N is asked for
COLUMNS = (("mass", "Mass"), ("age", "Age"), ("z", "Metallicity"), ("v", "Velocity"))


# ---- what it costs -------------------------------------------------------------------------------

def observed(program, setting, canonical, threads, stars=30000):
    """A cube of another galaxy, with noise, and the parameters of a galaxy seen like it."""
    name = "observed-%s-%dx%d" % (Path(canonical).stem, setting.spaxels, setting.channels)
    mock = program.mock(stars, seed=7)
    _, info = race.head_of(mock)
    parameters = setting.parameters(mock, canonical, setting.write_instrument(program.work / "instrument.cfg"),
                                    info["centre"], Noise="exposure", ExposureTime="36000", Engine="direct")
    return program.paint(name, parameters, threads=threads)["output"]


def once(program, label, parameters, threads):
    """One run of Mode gradient: seconds of its two stages, MiB at their ends."""
    result = program.paint(label, parameters, threads=threads)
    stages, peak = result["stages"], result["peaks"]
    return {"forward_s": stages["forward"], "backward_s": stages["gradient"], "forward_MiB": peak["forward"],
            "peak_MiB": peak["gradient"], "output": result["output"]}


def measure(program, setting, canonical, number, engine, threads, repeats, seconds, path, names=POPULATION, cube=False,
            **more):
    """The least of some runs: noise of a machine only adds.  cube: what Mode cube takes beside it."""
    mock = program.mock(number)
    _, info = race.head_of(mock)
    base = dict(setting.parameters(mock, canonical, setting.write_instrument(program.work / "instrument.cfg"),
                                   info["centre"], **engine), **more)
    gradient = dict(base, Mode="gradient", ObservedFile=path, Parameters=names)
    runs, spent = [], 0.0
    # prepared templates come from the cache from here on
    once(program, "gradient", gradient, threads) if "TemplateCache" in engine else None
    while len(runs) < repeats and (not runs or spent * (len(runs) + 1) / len(runs) < seconds):
        runs.append(once(program, "gradient", gradient, threads))
        spent += runs[-1]["forward_s"] + runs[-1]["backward_s"]
    row = {"N": number, "repeats": len(runs), "names": names, "deposit": more.get("Deposit", "nearest"),
           **{key: min(r[key] for r in runs) for key in
           ("forward_s", "backward_s", "forward_MiB", "peak_MiB")}}
    if cube:
        row["cube_MiB"] = program.paint("gradient-cube", base, threads=threads)["peak_MiB"]
    row.update(gradient_s=row["forward_s"] + row["backward_s"],
               ratio=(row["forward_s"] + row["backward_s"]) / row["forward_s"],
               memory_ratio=row["peak_MiB"] / row["forward_MiB"])
    return row


def cost(program, setting, canonical, number, engine, threads, repeats, seconds, say):
    """With and without places, beside the forward run of the same stars that knows no derivatives of places."""
    path = observed(program, setting, canonical, threads)
    rows = [measure(program, setting, canonical, number, engine, threads, repeats, seconds, path, cube=True),
            measure(program, setting, canonical, number, engine, threads, repeats, seconds, path,
                    POPULATION + ",Position", Deposit="tsc")]
    rows[1]["ratio_nearest"] = rows[1]["gradient_s"] / rows[0]["forward_s"]
    for row in rows:
        say("  N = %d, %-7s: forward %.3f s, backward %.3f s, together %.2f forward runs%s; %.0f MiB, at its peak "
            "%.0f MiB, %.2f of it" %
            (row["N"], row["deposit"], row["forward_s"], row["backward_s"], row["ratio"],
             " (%.2f of nearest)" % row["ratio_nearest"] if "ratio_nearest" in row else "",
             row["forward_MiB"], row["peak_MiB"], row["memory_ratio"]))
    return rows


# ---- beside RUBIX --------------------------------------------------------------------------------

def ours(program, setting, canonical, numbers, engine, threads, repeats, seconds, say):
    path, rows = observed(program, setting, canonical, threads), []
    for n in numbers:
        rows.append(measure(program, setting, canonical, n, engine, threads, repeats, seconds, path))
        say("  CUBIX %-9s N = %8d: cube and gradient %8.3f s, %5.0f MiB" % (engine["Engine"], n, rows[-1]["gradient_s"],
                                                                            rows[-1]["peak_MiB"]))
    return rows


def rubix(peer, program, setting, numbers, template, cores, seconds, memory_MiB, say):
    """As many stars as the time and the memory allow: a process for each N, which calls twice."""
    rows, left = [], seconds
    for n in numbers:
        if len(rows) > 1:
            (n1, t1, m1), (n2, t2, m2) = [(r["N"], r["first_s"] + r["gradient_s"], r["peak_MiB"]) for r in rows[-2:]]
            if 2 * (t2 + (t2 - t1) / (n2 - n1) * (n - n2)) > left or m2 + (m2 - m1) / (n2 - n1) * (n - n2) > memory_MiB:
                break
        folder = program.work / ("rubix-%d" % n)
        folder.mkdir(exist_ok=True)
        stars, info = galaxy.read_mock(program.mock(n))
        galaxy.write_rubix(folder / "rubix_galaxy.h5", stars)
        each = []
        # the faster of one host device and one per core, the lesser of their memories
        for devices in sorted({1, cores}):
            each.append(peer({"galaxy": str(folder), "template": str(template), "devices": devices, "repeat": 1,
                              "gradient": True}, setting, info["cosmology"],
                             timeout=max(left, 60) + 300))
            left -= each[-1]["first_s"] + sum(each[-1]["times_s"])
        best = min(each, key=lambda got: min(got["times_s"]))
        rows.append({"N": n, "gradient_s": min(best["times_s"]), "first_s": best["first_s"],
                     "peak_MiB": min(got["peak_MiB"] for got in each), "devices": best["devices"],
                     "versions": "%s, jax %s" % (best["rubix"], best["jax"])})
        say("  RUBIX           N = %8d: gradient %8.3f s (first call %.3f s), %5.0f MiB" % (n, rows[-1]["gradient_s"],
                                                                                            rows[-1]["first_s"],
                                                                                            rows[-1]["peak_MiB"]))
    return rows


def largest(rows, memory=GRADIENT_MEMORY):
    """Stars whose gradient fits into so many bytes, by the line through the two largest measured; and bytes a star."""
    if len(rows) < 2:
        return None
    (n1, m1), (n2, m2) = [(r["N"], r["peak_MiB"] * 2**20) for r in rows[-2:]]
    slope = (m2 - m1) / (n2 - n1)
    return {"N": n2 + (memory - m2) / slope, "bytes_a_star": slope} if slope > 0 else None


# ---- what it is worth ----------------------------------------------------------------------------

def bars(path, other):
    """Cotangents 2 w (m - d) of the cube `path` beside the observed cube `other`: [channel][y][x]."""
    with h5py.File(path) as f, h5py.File(other) as g:
        model, data, variance, quality = f["DATA"][:].astype(float), g["DATA"][:].astype(float), g["STAT"][:].astype(float), g["DQ"][:]
    return np.where((variance > 0) & (quality & ~12 == 0), 2 * (model - data) / np.where(variance > 0, variance, 1),
                    0.0)


def written(output):
    with h5py.File(str(output).replace(".hdf5", "-gradient.hdf5")) as f:
        return {name: item[()] for name, item in f["Stars"].items()}


def differ(got, want, stars):
    """Per number: the largest difference over the largest derivative, and the r.m.s. over the
    r.m.s.; with ln M, ln age, ln Z, so that all stars count alike."""
    out = {}
    for name, leaf in COLUMNS:
        unit = stars[name] if name != "v" else 1.0
        a, b = got[leaf][:, 2] if leaf == "Velocity" else got[leaf], want[name]
        out[leaf] = {"max": float(np.abs((a - b) * unit).max() / np.abs(b * unit).max()),
                     "rms": float(np.sqrt((((a - b) * unit)**2).mean() / ((b * unit)**2).mean()))}
    return out


def exact(program, setting, canonical, number, engines, threads, sample, say):
    """CUBIX's gradient of all stars, of which `sample` are recomputed by the oracle from the run's
    own cotangents, star by star in float64."""
    mock = program.mock(number)
    stars, info = galaxy.read_mock(mock)
    path = observed(program, setting, canonical, threads)
    scale, d_l = galaxy.angular_scale(setting.redshift, *info["cosmology"])
    sky = dict(stars, vel=stars["vel"] - galaxy.systemic(stars))
    x = stars["pos"][:, :2] / scale / setting.pixel + 0.5 * setting.spaxels
    safe = np.flatnonzero(np.all((x > 0) & (x < setting.spaxels) & (np.abs(x - np.round(x)) > 1e-3), axis=1))
    which = np.sort(np.random.default_rng(11).choice(safe, min(sample, len(safe)), replace=False))
    side = setting.spaxels
    inst = oracle_instrument.Instrument(side, side, setting.pixel, setting.pixel, setting.first,
                                        setting.first + (setting.channels - 1) * setting.step, setting.step)
    lib = library.read(canonical)
    cut = library.band(lib["Wavelength"], *setting.rest_range(1500.0))
    cut = slice(max(cut.start - 40, 0), cut.stop + 40)                      # the spline's ends are far away
    few = oracle_ssp.Library(lib["Age"], lib["Metallicity"], lib["Wavelength"][cut], lib["Luminosity"][:, :, cut],
                             0 * lib["Wavelength"][cut])
    painter = oracle_paint.Painter(few, inst, setting.redshift, d_l)
    out = []
    for engine in engines:
        parameters = dict(setting.parameters(mock, canonical, setting.write_instrument(program.work / "instrument.cfg"),
                                             info["centre"], **engine),
                          Mode="gradient", ObservedFile=path, Parameters=POPULATION)
        run = once(program, "gradient-exact", parameters, threads)
        want = oracle_gradient.stars(painter, sky, scale, 0, bars(run["output"], path), np.eye(3), which=which)
        got = {leaf: value[which] for leaf, value in written(run["output"]).items()}
        error = differ(got, want, {name: stars[name][which] for name in ("mass", "age", "z")})
        out.append({"engine": engine["Engine"], "tolerance": engine.get("Tolerance"), "N": number, "sample": len(which),
                    "error": error})
        say("  %d stars, %s: %s" % (number, engine["Engine"],
                                    ", ".join("%s %.1e (rms %.1e)" % (leaf, e["max"], e["rms"]) for leaf,
                                              e in error.items())))
    return out


# ---- against jax.grad ----------------------------------------------------------------------------

STEP = {"mass": 0.5, "age": 1e-5, "z": 1e-5, "v": 0.02}               # relative but for v


def slopes(lib, stars, v, where, redshift, centre, bar):
    """d <bar, cube> / d (ln mass, ln age, ln Z, v) of every star by central differences of the formulas."""
    out = {name: np.zeros(len(v)) for name in STEP}
    # so short that hardly a channel's centre meets a kink
    steps = dict(STEP, v=2e-4) if lib.recipe.channels == "centres" else STEP
    for k in range(len(v)):
        for name, h in steps.items():
            ends = []
            for sign in (-1, 1):
                at = {"mass": stars["mass"][k], "age": stars["age"][k], "z": stars["z"][k], "v": v[k]}
                at[name] += sign * (h if name == "v" else h * at[name])
                spectrum = formulas.star(lib, at["mass"], at["age"], at["z"], at["v"], redshift, centre)
                ends.append(0.0 if spectrum is None else spectrum @ bar[where[k]])
            out[name][k] = (ends[1] - ends[0]) / (2 * h)
    return out


def apart(a, b):
    return {name: float(np.sqrt(((a[name] - b[name])**2).sum() / (b[name]**2).sum())) for name in STEP}


def few_stars(n, setting, scale, lib, seed=3):
    """Stars in the middle of spaxels, ages and metallicities within the library."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, setting.spaxels, (n, 2))
    pos = np.zeros((n, 3))
    pos[:, :2] = (cells + 0.5 - 0.5 * setting.spaxels) * setting.pixel * scale
    metals = lib["Metallicity"][lib["Metallicity"] > 0]
    return {"pos": pos, "vel": rng.normal(0, 120, (n, 3)), "mass": 10**rng.uniform(4, 6, n),
            "age": 10**rng.uniform(-0.5, min(1.0, np.log10(0.9 * lib["Age"][-1])), n),
            "z": np.exp(rng.uniform(np.log(metals[0]), np.log(metals[-1]), n))}


def agree(work, program, peer, setting, name, canonical, cosmology, n_stars=20):
    """From jax.grad of RUBIX, through numpy's differences of RUBIX's formulas, one formula
    exchanged after the other, to CUBIX's gradient in float64."""
    folder = work / ("gradient-" + name)
    folder.mkdir(exist_ok=True)
    lib = library.read(canonical)
    library.write_rubix(folder / "template.h5", lib, *setting.rest_range())
    scale, d_l = galaxy.angular_scale(setting.redshift, *cosmology)
    stars, centre, n = few_stars(n_stars, setting, scale, lib), setting.centres(), setting.spaxels
    galaxy.write_rubix(folder / "rubix_galaxy.h5", stars, "f8")
    galaxy.write_canonical(folder / "stars.hdf5", stars, cosmology)
    v, where = stars["vel"][:, 2] - galaxy.systemic(stars)[2], explain.spaxels(stars, setting, scale)
    cut = library.band(lib["Wavelength"], *setting.rest_range())
    cut = slice(max(cut.start - 40, 0), cut.stop + 40)
    exact_library = formulas.Library(formulas.CUBIX_FILE, lib["Age"], lib["Metallicity"], lib["Wavelength"][cut],
                                     lib["Luminosity"][:, :, cut] / library.LSUN)
    unit = library.LSUN / (4 * np.pi * (d_l * 3.0856775814913673e24)**2) / 1e-20

    instrument = setting.write_instrument(folder / "instrument.cfg")
    other = dict(stars, mass=1.2 * stars["mass"], age=1.3 * stars["age"],
                 vel=stars["vel"] + np.array([0, 0, 25.0]) * np.sign(stars["vel"]))
    galaxy.write_canonical(folder / "other.hdf5", other, cosmology)
    parameters = setting.parameters(folder / "stars.hdf5", canonical, instrument, (0, 0, 0), Engine="direct")
    path = program.paint("gradient-%s-observed" % name,
                         dict(parameters, InputFile=folder / "other.hdf5", Noise="exposure",
                              ExposureTime="36000"))["output"]
    with h5py.File(path) as f:
        data, weight = (np.moveaxis(f[key][:].astype(float), 0, 2)[:, ::-1].reshape(n * n, -1)
                        for key in ("DATA", "STAT"))
    weight = np.divide(1, weight, out=np.zeros_like(weight), where=weight > 0)

    def bar_of(recipe_library):
        cube = formulas.cube(recipe_library, stars, v, where, setting.redshift, centre)
        return {s: 2 * weight[s] * (row * unit - data[s]) * unit for s, row in cube.items()}

    out = {"library": name, "stars": n_stars, "steps": []}
    straight = formulas.Library(replace(formulas.CUBIX_FILE, channels="linear"), lib["Age"], lib["Metallicity"],
                                lib["Wavelength"], lib["Luminosity"] / library.LSUN)
    for key, recipe_library, semantic in (("cubix_linear", straight, "linear"),
                                          ("cubix_spline", exact_library, "spline")):
        run = program.paint("gradient-%s" % name,
                            dict(parameters, TemplateSemantic=semantic, Mode="gradient", ObservedFile=path,
                                 Parameters=POPULATION), program="tests/cubix64")
        got = written(run["output"])
        got = {"mass": got["Mass"] * stars["mass"], "age": got["Age"] * stars["age"],
               "z": got["Metallicity"] * stars["z"], "v": got["Velocity"][:, 2]}
        out[key] = apart(got, slopes(recipe_library, stars, v, where, setting.redshift, centre, bar_of(recipe_library)))

    bar = bar_of(exact_library)                                             # from here the same cotangents for all
    with h5py.File(folder / "template.h5") as f:
        held = [np.float32(f[key][:]) for key in ("age", "metallicity", "wavelength", "flux")]
    previous = None
    for text, recipe in formulas.recipes(log_ages=False, air=False):
        now = slopes(formulas.Library(recipe, *held), stars, v, where, setting.redshift, centre, bar)
        if previous is not None:
            out["steps"].append(dict(apart(now, previous), change=text))
        else:
            first = now
        previous = now
    out["whole_way"] = apart(previous, first)
    if peer:
        cotangent = np.zeros((n, n, len(centre)))
        for s, row in bar.items():
            cotangent.reshape(n * n, -1)[s] = row
        np.savez(folder / "cotangent.npz", bar=cotangent)
        peer({"galaxy": str(folder), "template": str(folder / "template.h5"), "double": True, "devices": 1, "repeat": 0,
              "cotangent": str(folder / "cotangent.npz"),
              "bars": str(folder / "bars.npz")}, setting, cosmology)
        with np.load(folder / "bars.npz") as f:
            out["rubix"] = apart({"mass": f["mass"] * stars["mass"], "age": f["age"] * stars["age"],
                                  "z": f["metallicity"] * stars["z"], "v": f["velocity"][:, 2]}, first)
    return out
