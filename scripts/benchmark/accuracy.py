"""Certified, audited and true errors, and what they cost: the histogram against the float64 direct
method, every voxel."""
import statistics

import h5py
import numpy as np

import library
import shell


REACH, KNOTS = 900.0, 40                 # km/s of the stars; knots over which a spline rings beyond a template's end


def bounded(setting, lib):
    """Channels in which every template has light at any velocity, and near there: elsewhere no relative error can be bounded (E-MILES' young
    templates end at 8950 AA in air)."""
    value = lib["Luminosity"].reshape(-1, lib["Luminosity"].shape[-1])
    dark = (value <= 1e-9 * value.max(axis=1)[:, None]).any(axis=0)
    before = np.concatenate(([0], np.cumsum(dark)))
    stretch, wave = np.exp(REACH / 299792.458), lib["Wavelength"]
    centre = setting.centres() / (1 + setting.redshift)
    half = 0.5 * setting.step
    a = np.maximum(np.searchsorted(wave, (centre - half) / stretch) - 1 - KNOTS, 0)
    b = np.minimum(np.searchsorted(wave, (centre + half) * stretch) + 1 + KNOTS, len(wave))
    return before[b] == before[a]


def worst(path, truth, good, floor=1e-6):
    """Largest and r.m.s. relative difference in the good channels; B below floor of the spaxel's mean counts as that, as in the certificate.
    And the largest difference in the others, relative to the spaxel's mean."""
    with h5py.File(path) as f, h5py.File(truth) as g:
        a, b = f["DATA"], g["DATA"]
        level = np.zeros(b.shape[1:])
        for k in range(0, b.shape[0], 200):
            level += np.asarray(b[k:k + 200], float).sum(axis=0)
        level /= b.shape[0]
        lit = level > 0
        top, total, count, other = 0.0, 0.0, 0, 0.0
        for k in range(0, b.shape[0], 200):
            here = good[k:k + 200]
            x, y = np.asarray(a[k:k + 200], float)[:, lit], np.asarray(b[k:k + 200], float)[:, lit]
            if not here.all():
                other = max(other, float((np.abs(x - y)[~here] / level[lit]).max()))
            if here.any():
                ratio = np.abs(x - y)[here] / np.maximum(y[here], floor * level[lit])
                top, total, count = max(top, float(ratio.max())), total + float((ratio**2).sum()), count + ratio.size
    return {"true_max": top, "true_rms": (total / max(count, 1))**0.5, "elsewhere": other}


def measure(program, setting, canonical, library_name, number, tolerances, threads, repeats, cache, say):
    import race
    mock = program.mock(number)
    _, info = race.head_of(mock)
    instrument = setting.write_instrument(program.work / "instrument.cfg")
    twin = "tests/cubix64"
    if not (program.build / twin).is_file():
        raise shell.Failed("%s/%s is not there: make check TESTS= builds it" % (program.build, twin))
    rows, good = [], bounded(setting, library.read(canonical))
    say("  %s: %d of %d channels have a bound" % (library_name, good.sum(), len(good)))
    for lsf, more in (("none", {}), ("4 AA", {"Lsf": "gaussian", "LsfFwhm": "4"})):
        base = dict(setting.parameters(mock, canonical, instrument, info["centre"]), **more)
        truth = program.paint("truth", dict(base, Engine="direct"), threads=threads, program=twin)["output"]
        direct = program.paint("direct32", dict(base, Engine="direct"), threads=threads)
        error = worst(direct["output"], truth, good)
        rows.append(dict(error, library=library_name, lsf=lsf, engine="direct, float32", N=number,
                         channels=int(good.sum()), paint_s=shell.painting(direct)))
        say("  %s, LSF %s: direct float32 max %.2e rms %.2e, painting %.3f s" % (library_name, lsf, error["true_max"],
                                                                                 error["true_rms"],
                                                                                 rows[-1]["paint_s"]))
        if not program.has_histogram:
            continue
        for tolerance in tolerances:
            parameters = dict(base, Engine="histogram", Tolerance="%g" % tolerance, TemplateCache=cache)
            try:
                cold = program.paint("accuracy", parameters, threads=threads)
                runs = [program.paint("accuracy", parameters, threads=threads) for _ in range(repeats)]
            except shell.Failed as error:
                rows.append({"library": library_name, "lsf": lsf, "engine": "histogram", "tolerance": tolerance,
                             "missing": str(error)})
                say("  %s, LSF %s: Tolerance %g: %s" % (library_name, lsf, tolerance, error))
                continue
            error, said = worst(runs[-1]["output"], truth, good), runs[-1]["figures"]
            row = dict(error, library=library_name, lsf=lsf, engine=said.get("engine", "histogram"), N=number,
                       tolerance=tolerance, channels=int(good.sum()),
                       certified=said.get("certified"), audited=said.get("audited"), step_kms=said.get("step_kms"),
                       peak_MiB=runs[-1]["peak_MiB"],
                       paint_s=statistics.median(shell.painting(r) for r in runs), cold_paint_s=shell.painting(cold))
            rows.append(row)
            say("  %s, LSF %s: Tolerance %g: %s, certified %s, audited %s, true max %.2e rms %.2e; painting %.3f s, "
                "cold %.3f s"
                % (library_name, lsf, tolerance, row["engine"], row["certified"], row["audited"], row["true_max"],
                   row["true_rms"], row["paint_s"],
                   row["cold_paint_s"]))
    return rows
