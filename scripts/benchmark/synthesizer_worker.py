"""Runs inside Synthesizer's own virtual environment: times its IFU with Doppler shifts on given stars and prints one
line of JSON.

    synthesizer_worker.py JOB.json

Job: grid (its HDF5 grid, written by library.write_synthesizer), stars (npz: pos [kpc], v [km/s], mass, age [Gyr], z),
first, step, channels (the channels' centres at rest, AA), margin (channels on either side from which light is shifted
in), wave ("channels": the grid is resampled to the channels when it is read, untimed; "library": the library's own
wavelengths are kept, and every star is resampled), spaxels, scale (kpc a spaxel), precision, threads, limit_GiB, batch
(stars that are observed at a time, their cubes added up; 0: all at once), cube (file or "").  Synthesizer is called by
its documented interface: Stars, IncidentEmission with vel_shift and per_particle, get_spectra, then get_data_cube with
cube_type "hist".  A call with a handful of the stars comes first, untimed.
"""
import json
import logging
import resource
import sys
import time
import warnings
from pathlib import Path

job = json.load(open(sys.argv[1]))
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_DATA, (int(job["limit_GiB"] * 2**30),) * 2)

import numpy as np  # noqa: E402
from unyt import angstrom, km, kpc, s, unyt_array, yr  # noqa: E402
import synthesizer  # noqa: E402
from synthesizer import Grid, set_default_out_dtype  # noqa: E402
from synthesizer.emission_models import IncidentEmission  # noqa: E402
from synthesizer.emissions import Sed  # noqa: E402
from synthesizer.extensions.openmp_check import check_openmp  # noqa: E402
from synthesizer.instruments import IntegratedFieldUnit  # noqa: E402
from synthesizer.particle import Stars  # noqa: E402

DTYPE = np.dtype(job["precision"])
spent = {"resample": 0.0}


def peak_mib():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024.0


def watched(method):
    """get_data_cube resamples every star's spectrum to the cube's wavelengths: how long that takes is listed."""
    def call(*args, **kwargs):
        start = time.perf_counter()
        try:
            return method(*args, **kwargs)
        finally:
            spent["resample"] += time.perf_counter() - start
    return call


def stars(data, first, last):
    data = {name: value[first:last] for name, value in data.items()}
    zero = np.zeros(len(data["mass"]))
    velocity = np.column_stack((zero, zero, data["v"]))
    return Stars(initial_masses=unyt_array(data["mass"].astype(DTYPE), "Msun"),
                 ages=(data["age"] * 1e9).astype(DTYPE) * yr, metallicities=data["z"].astype(DTYPE),
                 coordinates=data["pos"].astype(DTYPE) * kpc, velocities=velocity.astype(DTYPE) * km / s,
                 centre=np.zeros(3) * kpc, redshift=0.0, metallicity_floor=1e-30)


def observe(model, ifu, batches):
    """The cube; seconds for the spectra and for the cube."""
    total, spectra, rest = None, 0.0, 0.0
    while batches:
        particles, start = batches.pop(), time.perf_counter()
        particles.get_spectra(model, nthreads=job["threads"])
        middle = time.perf_counter()
        cube = particles.get_data_cube("incident", fov=job["spaxels"] * job["scale"] * kpc, instrument=ifu,
                                       cube_type="hist", quantity="lnu", nthreads=job["threads"]).arr
        if total is None:
            total = cube
        else:
            total += cube
        spectra, rest = spectra + middle - start, rest + time.perf_counter() - middle
    return total, spectra, rest


def main():
    logging.disable(logging.CRITICAL)
    set_default_out_dtype(DTYPE)
    centre = job["first"] + job["step"] * np.arange(job["channels"])
    wide = job["first"] + job["step"] * np.arange(-job["margin"], job["channels"] + job["margin"])
    path = Path(job["grid"])
    more = {"new_lam": wide * angstrom} if job["wave"] == "channels" else {}
    grid = Grid(path.name, grid_dir=str(path.parent), ignore_lines=True, use_precision=DTYPE, **more)
    model = IncidentEmission(grid, vel_shift=True, per_particle=True)
    ifu = IntegratedFieldUnit("benchmark", lam=centre * angstrom, resolution=job["scale"] * kpc)
    Sed.get_resampled_sed = watched(Sed.get_resampled_sed)
    with np.load(job["stars"]) as f:
        data = {name: f[name] for name in f.files}
    number = len(data["mass"])
    observe(model, ifu, [stars(data, 0, min(number, 20))])
    size = job["batch"] or number
    batches, base = [stars(data, first, first + size) for first in range(0, number, size)], peak_mib()
    spent["resample"], cpu = 0.0, time.process_time()
    cube, spectra, rest = observe(model, ifu, batches)
    out = {"run_s": spectra + rest, "cpu_s": time.process_time() - cpu, "spectra_s": spectra, "cube_s": rest,
           "resample_s": spent["resample"], "stars": number, "wavelengths": int(grid.nlam), "peak_MiB": peak_mib(),
           "base_MiB": base, "dtype": str(cube.dtype), "openmp": bool(check_openmp()),
           "version": synthesizer.__version__}
    if job["cube"]:
        np.save(job["cube"], cube)
    print(json.dumps(out))


try:
    main()
except MemoryError:
    print(json.dumps({"missing": "more than %g GiB" % job["limit_GiB"]}))
