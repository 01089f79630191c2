"""Time and memory against the number of stars: CUBIX by both methods, RUBIX, GalCraft, Synthesizer."""
import statistics
import time

import galaxy
import library
import shell


def line(points):
    """Least squares t = a + b N, b >= 0; weights 1/t, so that the small ones count."""
    points = sorted(points)
    if len(points) == 1:
        return 0.0, points[0][1] / points[0][0]
    w = [1.0 / max(t, 1e-9)**2 for _, t in points]
    sw, sn = sum(w), sum(wi * n for wi, (n, _) in zip(w, points))
    st, snn = sum(wi * t for wi, (_, t) in zip(w, points)), sum(wi * n * n for wi, (n, _) in zip(w, points))
    snt = sum(wi * n * t for wi, (n, t) in zip(w, points))
    det = sw * snn - sn * sn
    b = (sw * snt - sn * st) / det if det > 0 else 0.0
    return (st - b * sn) / sw, max(b, 0.0)


def extrapolate(rows, numbers, key):
    """Rows for the numbers not measured, from the line through the two largest measured; marked."""
    measured = sorted((r["N"], r[key]) for r in rows if not r.get("extrapolated"))
    if len(measured) < 2:
        return
    (n1, t1), (n2, t2) = measured[-2:]
    slope = max((t2 - t1) / (n2 - n1), 0.0)
    for n in numbers:
        if n > n2:
            rows.append({"N": n, key: t2 + slope * (n - n2), "extrapolated": True})


def cubix(program, setting, numbers, canonical, engine, threads, repeats, seconds, say, cache):
    """engine: a dict of parameters.  Medians of the painting and of the whole run; repeated while
    the budget lasts, at least once."""
    rows, started = [], time.perf_counter()
    instrument = setting.write_instrument(program.work / "instrument.cfg")
    label = "race-%s" % engine["Engine"]
    for n in numbers:
        spent = time.perf_counter() - started
        expected = (line([(r["N"], r["wall_s"]) for r in rows])[1] * n if len(rows) > 1 else 0.0)
        if rows and spent + expected > seconds:
            break
        mock = program.mock(n)
        _, info = head_of(mock)
        parameters = setting.parameters(mock, canonical, instrument, info["centre"], **engine)
        cold = None
        if cache and not rows:
            cold = program.paint(label, parameters, threads=threads)
        runs = [program.paint(label, parameters, threads=threads)]
        while len(runs) < repeats and time.perf_counter() - started + runs[-1]["wall_s"] < seconds:
            runs.append(program.paint(label, parameters, threads=threads))
        row = {"N": n, "repeats": len(runs), "paint_s": statistics.median(shell.painting(r) for r in runs),
               "paint_all_s": [shell.painting(r) for r in runs],
               "wall_s": statistics.median(r["wall_s"] for r in runs),
               "cpu_s": statistics.median(r["cpu_s"] for r in runs),
               "peak_MiB": max(r["peak_MiB"] for r in runs), "stages": runs[-1]["stages"],
               "figures": runs[-1]["figures"]}
        if cold:
            row["cold_paint_s"] = shell.painting(cold)
        rows.append(row)
        say("  CUBIX %-9s N = %8d: painting %8.3f s, file to file %8.3f s, %5.0f MiB, %d runs"
            % (engine["Engine"], n, row["paint_s"], row["wall_s"], row["peak_MiB"], row["repeats"]))
    return rows


def head_of(mock):
    """The header alone: no stars are read."""
    import h5py
    import numpy as np
    with h5py.File(mock) as f:
        head = f["Header"].attrs
        a, h = float(np.ravel(head["Time"])[0]), float(np.ravel(head["HubbleParam"])[0])
        return None, {"centre": np.ravel(head["MockCentre"]).astype(float) * a / h,
                      "cosmology": (float(np.ravel(head["Omega0"])[0]), float(np.ravel(head["OmegaLambda"])[0]), h)}


def rubix(peer, program, setting, numbers, template, cores, repeats, seconds, say):
    """Each N in a process of its own, so that its peak memory is its own.  One device, or one per
    core: whichever is faster."""
    rows, started, devices = [], time.perf_counter(), None
    for n in numbers:
        left = seconds - (time.perf_counter() - started)
        if len(rows) > 1:
            a, b = line([(r["N"], r["run_s"]) for r in rows])
            if 2 * (a + b * n) + 10 > left:
                break
        folder = program.work / ("rubix-%d" % n)
        folder.mkdir(exist_ok=True)
        stars, info = galaxy.read_mock(program.mock(n))
        if not (folder / "rubix_galaxy.h5").exists():
            galaxy.write_rubix(folder / "rubix_galaxy.h5", stars)
        best = None
        for count in ([1, cores] if devices is None and cores > 1 else [devices or 1]):
            result = peer({"galaxy": str(folder), "template": str(template), "devices": count, "repeat": repeats,
                           "limit": max(left / 2, 10)}, setting,
                          info["cosmology"], timeout=max(left + 120, 180))
            row = {"N": n, "run_s": statistics.median(result["times_s"]), "first_s": result["first_s"],
                   "prepare_s": result["prepare_s"],
                   "cpu_s": statistics.median(result["cpu_s"]), "repeats": len(result["times_s"]),
                   "peak_MiB": result["peak_MiB"],
                   "base_MiB": result["base_MiB"], "run_all_s": result["times_s"], "devices": count,
                   "n_ssp": result["n_ssp"],
                   "versions": "%s, jax %s" % (result["rubix"], result["jax"])}
            if best is None or row["run_s"] < best["run_s"]:
                best = row
        if n >= 10000 and devices is None:
            devices = best["devices"]
        rows.append(best)
        say("  RUBIX           N = %8d: run_sharded %8.3f s (first call %.3f s), %5.0f MiB, %d device(s), %d runs"
            % (n, best["run_s"], best["first_s"], best["peak_MiB"], best["devices"], best["repeats"]))
    extrapolate(rows, numbers, "run_s")
    return rows


def galcraft(peer, program, setting, numbers, canonical, cores, seconds, say):
    import explain
    rows, started = [], time.perf_counter()
    lib = library.read(canonical)
    for n in numbers:
        if len(rows) > 1:
            a, b = line([(r["N"], r["run_s"]) for r in rows])
            if a + b * n > seconds - (time.perf_counter() - started):
                break
        stars, info = galaxy.read_mock(program.mock(n))
        scale, _ = galaxy.angular_scale(setting.redshift, *info["cosmology"])
        v = stars["vel"][:, 2] - galaxy.systemic(stars)[2]
        stars = explain.inside(dict(stars, v=v), setting, scale)
        where = explain.spaxels(stars, setting, scale)
        stars["ix"], stars["iy"] = where % setting.spaxels, where // setting.spaxels
        result = peer("galcraft-%d" % n, stars, lib, setting, info["cosmology"], cores, timeout=seconds + 120)
        rows.append({"N": n, "in_field": result["stars"], "run_s": result["seconds"], "peak_MiB": result["peak_MiB"],
                     "repeats": 1, "versions": result["version"]})
        say("  GalCraft        N = %8d: spectra %8.3f s, %5.0f MiB" % (n, result["seconds"], result["peak_MiB"]))
    extrapolate(rows, numbers, "run_s")
    return rows


def synthesizer(peer, program, setting, numbers, grid, cores, seconds, say):
    """In float64, all stars at once; where that is more memory than it may have, 10000 stars at a time.  Each N in a
    process of its own."""
    import alternate
    rows, started = [], time.perf_counter()
    for n in numbers:
        if len(rows) > 1:
            a, b = line([(r["N"], r["run_s"]) for r in rows])
            if a + b * n > seconds - (time.perf_counter() - started):
                break
        stars, scale, _ = alternate.field_stars(program, setting, n)
        result = peer("race-%d" % n, stars, setting, scale, grid, "float64", cores)
        if "missing" in result:
            result = peer("race-%d" % n, stars, setting, scale, grid, "float64", cores, batch=10000)
        if "missing" in result:
            say("  Synthesizer     N = %8d: %s" % (n, result["missing"]))
            break
        rows.append({"N": n, "in_field": result["stars"], "run_s": result["run_s"], "cpu_s": result["cpu_s"],
                     "peak_MiB": result["peak_MiB"], "repeats": 1, "versions": result["version"]})
        say("  Synthesizer     N = %8d: IFU %8.3f s, %5.0f MiB" % (n, result["run_s"], result["peak_MiB"]))
    extrapolate(rows, numbers, "run_s")
    return rows
