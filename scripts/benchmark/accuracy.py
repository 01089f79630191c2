"""Certified, audited and true errors, and what they cost: the histogram against the float64 direct method, every voxel."""
import statistics

import h5py
import numpy as np

import shell


def worst(path, truth, floor=1e-6):
    """Largest and r.m.s. relative difference; B below floor of the spaxel's mean counts as that, as in the certificate."""
    with h5py.File(path) as f, h5py.File(truth) as g:
        a, b = f["DATA"], g["DATA"]
        level = np.zeros(b.shape[1:])
        for k in range(0, b.shape[0], 200):
            level += np.asarray(b[k:k + 200], float).sum(axis=0)
        level /= b.shape[0]
        lit = level > 0
        top, total, count = 0.0, 0.0, 0
        for k in range(0, b.shape[0], 200):
            x, y = np.asarray(a[k:k + 200], float)[:, lit], np.asarray(b[k:k + 200], float)[:, lit]
            ratio = np.abs(x - y) / np.maximum(y, floor * level[lit])
            top, total, count = max(top, float(ratio.max())), total + float((ratio**2).sum()), count + ratio.size
    return top, (total / max(count, 1))**0.5


def measure(program, setting, canonical, library_name, number, tolerances, threads, repeats, cache, say):
    import race
    mock = program.mock(number)
    _, info = race.head_of(mock)
    instrument = setting.write_instrument(program.work / "instrument.cfg")
    twin = "tests/cubix64"
    if not (program.build / twin).is_file():
        raise shell.Failed("%s/%s is not there: make check TESTS= builds it" % (program.build, twin))
    rows = []
    for lsf in ("none", "instrument"):
        base = setting.parameters(mock, canonical, instrument, info["centre"], Lsf=lsf)
        truth = program.paint("truth", dict(base, Engine="direct"), threads=threads, program=twin)["output"]
        direct = program.paint("direct32", dict(base, Engine="direct"), threads=threads)
        top, rms = worst(direct["output"], truth)
        rows.append({"library": library_name, "lsf": lsf, "engine": "direct, float32", "N": number, "true_max": top, "true_rms": rms,
                     "paint_s": shell.painting(direct)})
        say("  %s, LSF %s: direct float32 max %.2e rms %.2e, painting %.3f s" % (library_name, lsf, top, rms, rows[-1]["paint_s"]))
        if not program.has_histogram:
            continue
        for tolerance in tolerances:
            parameters = dict(base, Engine="histogram", Tolerance="%g" % tolerance, TemplateCache=cache)
            try:
                cold = program.paint("accuracy", parameters, threads=threads)
                runs = [program.paint("accuracy", parameters, threads=threads) for _ in range(repeats)]
            except shell.Failed as error:
                rows.append({"library": library_name, "lsf": lsf, "engine": "histogram", "tolerance": tolerance, "missing": str(error)})
                say("  %s, LSF %s: Tolerance %g: %s" % (library_name, lsf, tolerance, error))
                continue
            top, rms = worst(runs[-1]["output"], truth)
            rows.append({"library": library_name, "lsf": lsf, "engine": "histogram", "N": number, "tolerance": tolerance, "true_max": top, "true_rms": rms,
                         "certified": runs[-1]["figures"].get("certified"), "audited": runs[-1]["figures"].get("audited"),
                         "paint_s": statistics.median(shell.painting(r) for r in runs), "cold_paint_s": shell.painting(cold), "peak_MiB": runs[-1]["peak_MiB"]})
            say("  %s, LSF %s: Tolerance %g: certified %s, audited %s, true max %.2e rms %.2e; painting %.3f s, cold %.3f s"
                % (library_name, lsf, tolerance, rows[-1]["certified"], rows[-1]["audited"], top, rms, rows[-1]["paint_s"], rows[-1]["cold_paint_s"]))
    return rows
