"""Runs inside GalCraft's own virtual environment: times its making of spectra on given stars and prints one line of JSON.

    galcraft_worker.py JOB.json

GalCraft reads E-Galaxia models of the Milky Way and MILES files; here its spectral step alone is given stars and templates as arrays: the class
SpecGeneratorPix, one call per spaxel by a pool of processes, as its own Spec_Generator does.  Linear interpolation, velocities on, no
extinction, no LSF, no oversampling (factor 1: its fastest).  It has no cosmological redshift: the templates are handed over redshifted.
"""
import json
import logging
import resource
import sys
import time
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import GalCraft.modules.SpecGenerator as generator  # noqa: E402
from GalCraft._version import __version__  # noqa: E402


def main(job):
    logging.disable(logging.CRITICAL)
    with np.load(job["input"]) as f:
        # flux [n_age][n_Z][n_lambda]
        age, z, wave, flux, centre = f["age"], f["z"], f["wave"], f["flux"], f["centre"]
        star = {name: f["star_" + name] for name in ("mass", "age", "z", "v", "ix", "iy")}
    n, spaxels = len(star["mass"]), job["spaxels"]
    table = np.zeros(n, dtype=[("bin_x", "i4"), ("bin_y", "i4"), ("vr", "f8"), ("mass", "f8"), ("cube_logage", "f8"),
                               ("cube_m_h", "f8"), ("dist", "f8")])
    table["bin_x"], table["bin_y"] = star["ix"] + 1, star["iy"] + 1
    table["vr"], table["mass"], table["dist"] = star["v"], star["mass"], job["distance_kpc"]
    table["cube_logage"] = np.clip(np.log10(np.maximum(star["age"], 1e-9)), np.log10(age[0]) + 1e-9,
                                   np.log10(age[-1]) - 1e-9) + 9
    table["cube_m_h"] = np.clip(np.log10(star["z"]), np.log10(z[0]) + 1e-9, np.log10(z[-1]) - 1e-9)
    edges = np.arange(spaxels + 1, dtype=float)
    templates = np.ascontiguousarray(flux)[:, :, None, :]
    setup = generator.SpecGeneratorPixInit(
        d_t=table, xb=None, yb=None, zb=np.array([0.0]), logage_grid=np.log10(age) + 9, metal_grid=np.log10(z),
                                           alpha_grid=np.array([0.0]), x_edges=edges,
        y_edges=edges, use_losvd=True, use_extinc=False, extinc_factor=1.0, single_alpha=True,
        templatesOversampled_shape=(len(wave), len(age), len(z), 1), new_wave=centre, wave_oversampled=wave,
                                           sig_oversampled=np.zeros(len(wave)),
        factor=1, templatesTransposed=templates, interpolator_method="linear")
    occupied = sorted(set(zip(star["ix"].tolist(), star["iy"].tolist())))
    calls = [generator.SpecGeneratorPixCall(i=spaxels - 1 - ix, j=iy) for ix, iy in occupied]
    start = time.perf_counter()
    with generator.Pool(processes=job["processes"], initializer=generator.init_worker, initargs=[setup]) as pool:
        results = pool.map(generator.parallel_specgeneratorpix, calls)
    seconds = time.perf_counter() - start
    if job["cube"]:
        np.savez(job["cube"], ix=[p[0] for p in occupied], iy=[p[1] for p in occupied],
                 rows=np.array([r.galaxy_rebin for r in results]))
    usage = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"seconds": seconds, "stars": n, "spaxels": len(calls), "peak_MiB": usage / 1024.0,
                      "version": __version__}))


if __name__ == "__main__":
    main(json.load(open(sys.argv[1])))
