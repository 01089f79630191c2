"""CUBIX and Synthesizer (and, once, RUBIX) in turn, on the same stars, spaxels and channels: time, processor time,
memory, and what one cube is beside the other."""
import dataclasses
import functools
import os
import time

import numpy as np

import accuracy
import explain
import formulas
import galaxy
import library
import shell
import synthesizer_formulas

PRECISIONS = ("float64", "float32")
BATCH = 1000                             # stars at a time: little memory, but every batch adds a whole cube
VARIANTS = {"float64": ("float64", 0), "float32": ("float32", 0), "float64, batches": ("float64", BATCH)}


def field_stars(program, setting, n):
    """The stars inside the field (Synthesizer would make the spectra of the others too), kpc a spaxel, the header."""
    stars, info = galaxy.read_mock(program.mock(n))
    scale, _ = galaxy.angular_scale(setting.redshift, *info["cosmology"])
    stars = dict(stars, v=stars["vel"][:, 2] - galaxy.systemic(stars)[2])
    return explain.inside(stars, setting, scale), scale * setting.pixel, info


def agree(work, program, peer, setting, name, canonical, grid, n_stars=1000):
    """Both programs on a few stars, each beside numpy with its own formulas; and the steps between them."""
    folder = work / ("agree-" + name)
    folder.mkdir(exist_ok=True)
    stars, info = galaxy.read_mock(program.mock(n_stars, seed=5))
    scale, d_l = galaxy.angular_scale(setting.redshift, *info["cosmology"])
    stars = explain.safe_stars(stars, setting, scale)
    v = stars["vel"][:, 2] - galaxy.systemic(stars)[2]
    where, n = explain.spaxels(stars, setting, scale), setting.spaxels
    wanted = sorted(set(where.tolist()))
    lib = library.read(canonical)
    cut = library.band(lib["Wavelength"], *setting.rest_range())
    held = formulas.Library(formulas.CUBIX_FILE, lib["Age"], lib["Metallicity"], lib["Wavelength"][cut],
                            lib["Luminosity"][:, :, cut])
    rows = synthesizer_formulas.ladder(held, stars, v, where, setting.redshift, setting.centres(), peer.margin)
    out = {"stars": len(v), "spaxels": len(wanted), "library": name, "floor": explain.FLOOR,
           "steps": [dict(explain.compare(now, before), change=text)
                     for (_, before), (text, now) in zip(rows, rows[1:])],
           "whole_way": explain.compare(rows[-1][1], rows[0][1])}
    total = [sum(row.sum() for row in cube.values()) for _, cube in (rows[0], rows[-1])]
    out["total_light"] = total[0] / total[1] - 1
    found = {}
    for precision in PRECISIONS:
        path = folder / (precision + ".npy")
        result = peer("agree-" + precision, dict(stars, v=v), setting, scale * setting.pixel, grid,
                      precision=precision, cube=str(path))
        if "missing" in result:
            out[precision] = result
            continue
        data = np.load(path).astype(float) * library.C_AA / (setting.centres() / (1 + setting.redshift))**2
        # [x][y][channel]; spaxel x + n y
        flat = np.moveaxis(data, 0, 1).reshape(n * n, -1) / (1 + setting.redshift)
        found[precision] = {s: flat[s] for s in wanted}
        lit = set(np.flatnonzero(flat.sum(axis=1) > 0).tolist())
        out[precision] = dict(explain.compare(found[precision], rows[0][1]), same_spaxels=lit == set(wanted))
    galaxy.write_canonical(folder / "stars.hdf5", stars, info["cosmology"])
    instrument = setting.write_instrument(folder / "instrument.cfg")
    unit = 1.0 / (4 * np.pi * (d_l * 3.0856775814913673e24)**2) / 1e-20
    exact = {s: row * unit for s, row in rows[-1][1].items()}
    for engine, more in (("direct", {}), ("histogram", {"Tolerance": "1e-4", "TemplateCache": "none"})):
        result = program.paint("agree-" + engine, setting.parameters(folder / "stars.hdf5", canonical, instrument,
                                                                     (0, 0, 0), Engine=engine, **more))
        cube, lit = explain.rows_of_cubix(result["output"], wanted, n)
        good = accuracy.bounded(setting, lib) if more else slice(None)
        out["cubix_" + engine] = dict(explain.compare({s: row[good] for s, row in cube.items()},
                                                      {s: row[good] for s, row in exact.items()}),
                                      same_spaxels=lit == set(wanted))
        if not more:
            for precision, theirs in found.items():
                out["direct_to_" + precision] = explain.compare({s: row * unit for s, row in theirs.items()}, cube)
    return out


def ours(program, setting, parameters, threads):
    """One run of CUBIX.  Its processor seconds are those of the whole run, from file to file."""
    result = program.paint("alternate", parameters, threads=threads)
    return {"run_s": shell.painting(result), "cpu_s": result["cpu_s"], "wall_s": result["wall_s"],
            "peak_MiB": result["peak_MiB"]}


def theirs(peer, program, setting, n, cosmology, template, threads):
    """One run of RUBIX after the one that warms it up."""
    folder = program.work / ("rubix-%d" % n)
    folder.mkdir(exist_ok=True)
    if not (folder / "rubix_galaxy.h5").exists():
        galaxy.write_rubix(folder / "rubix_galaxy.h5", galaxy.read_mock(program.mock(n))[0])
    result = peer({"galaxy": str(folder), "template": str(template), "devices": threads, "repeat": 1}, setting,
                  cosmology, timeout=1800)
    return {"run_s": result["times_s"][0], "cpu_s": result["cpu_s"][0], "peak_MiB": result["peak_MiB"],
            "versions": result["rubix"]}


def best(runs):
    """The least of times, the largest of memories."""
    row = {"runs": len(runs), "run_all_s": [r["run_s"] for r in runs]}
    for key in set.intersection(*(set(r) for r in runs)):
        values = [r[key] for r in runs]
        if key == "peak_MiB":
            row[key] = max(values)
        elif key.endswith("_s"):
            row[key] = min(values)
        else:
            row[key] = values[-1]
    return row


def measure(program, peer, base, canonical, grid, engines, numbers, sides, threads, rounds, seconds, say,
            rubix=None, template=""):
    """Rows of every number of stars, side of the same field, and number of threads.  The programs run in turn, round
    after round; a configuration's rounds end when its share of `seconds` is spent.  RUBIX takes part where it has
    fewest stars and most spaxels."""
    rows, share = [], seconds / (len(numbers) * len(sides) * len(threads))
    for n in numbers:
        for side in sides:
            setting = dataclasses.replace(base, spaxels=side, pixel=base.pixel * base.spaxels / side)
            stars, scale, info = field_stars(program, setting, n)
            instrument = setting.write_instrument(program.work / "instrument-alternate.cfg")
            calls = {"CUBIX " + name: (ours, (program, setting, setting.parameters(
                program.mock(n), canonical, instrument, info["centre"], **more))) for name, more in engines.items()}
            for variant, (precision, batch) in VARIANTS.items():
                calls["Synthesizer " + variant] = (functools.partial(peer, batch=batch),
                                                   ("alternate", stars, setting, scale, grid, precision))
            if rubix and n == min(numbers) and side == max(sides):
                calls["RUBIX"] = (theirs, (rubix, program, setting, n, info["cosmology"], template))
            for name, (call, arguments) in calls.items():
                if "TemplateCache" in engines.get(name[6:], {}):                # the templates are made, untimed
                    call(*arguments, threads=max(threads))
            for count in threads:
                runs, spent, missing, loads = {name: [] for name in calls}, 0.0, {}, []
                for turn in range(rounds):
                    if turn and spent * (turn + 1) / turn > share:
                        break
                    before = time.perf_counter()
                    for name, (call, arguments) in calls.items():
                        if name in missing:
                            continue
                        loads.append(os.getloadavg()[0])
                        try:
                            result = call(*arguments, threads=count)
                        except shell.Failed as error:
                            result = {"missing": str(error)[-200:]}
                        if "missing" in result:
                            missing[name] = result["missing"]
                        else:
                            runs[name].append(result)
                    spent += time.perf_counter() - before
                for name in calls:
                    row = best(runs[name]) if runs[name] else {"missing": missing[name]}
                    row.update(name=name, N=n, in_field=len(stars["mass"]), side=side, threads=count,
                               load=[min(loads), max(loads)])
                    rows.append(row)
                    say("  %-29s N = %7d, %3d x %d, %d thread(s): %s" % (name, n, side, side, count, row.get("missing")
                        or "%8.3f s, %8.3f s of processors, %5.0f MiB, %d runs"
                        % (row["run_s"], row["cpu_s"], row["peak_MiB"], row["runs"])))
    return rows
