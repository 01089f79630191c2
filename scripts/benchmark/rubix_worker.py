"""Runs inside the peer's own virtual environment: times RUBIX on one galaxy file and prints one line of JSON.

    rubix_worker.py JOB.json

Job: galaxy (folder with rubix_galaxy.h5), template (a template file, or "" for the package's BC03lr.h5), spaxels, pixel, redshift, cosmology,
wave (first, end, step), method, repeat, devices, double, cube (file to save the cube in, or "").  RUBIX is called by its documented interface:
RubixPipeline(config), prepare_data() once, run_sharded() once to warm up and `repeat` times timed.  The chain of steps is a list in RUBIX's
configuration; here it ends after the painting (rotate, filter, spaxels, cube): no PSF, LSF, noise.
With `gradient` RubixPipeline.gradient is timed instead, against a target of zeros.  With `cotangent` (a file with the array `bar`) jax.grad of sum(bar cube) is saved in
the file `bars`.
"""
import json
import logging
import os
import sys
import time
import warnings

job = json.load(open(sys.argv[1]))
warnings.simplefilter("ignore")
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=%d" % job["devices"]
if job["double"]:
    os.environ["JAX_ENABLE_X64"] = "1"

import numpy as np  # noqa: E402
import jax  # noqa: E402
import rubix  # noqa: E402
import rubix.telescope.factory as telescope_factory  # noqa: E402
from rubix.core.pipeline import RubixPipeline  # noqa: E402

STEPS = ("rotate_galaxy", "filter_particles", "spaxel_assignment", "calculate_datacube_particlewise")


def configure():
    """The instrument and the library enter through RUBIX's own configuration tables."""
    telescope = {"fov": job["spaxels"] * job["pixel"] * (1 + 1e-9), "spatial_res": job["pixel"],
                 "wave_range": [float(job["wave"][0]), float(job["wave"][1])],
                 "wave_res": float(job["wave"][2]), "lsf_fwhm": 2.51, "signal_to_noise": None,
                 "aperture_type": "square", "pixel_type": "square"}
    table = os.path.join(job["galaxy"], "telescopes.json")
    json.dump({"BENCHMARK": telescope}, open(table, "w"))
    telescope_factory.TELESCOPE_CONFIG_PATH = table            # JSON is YAML
    name = "BruzualCharlot2003"
    if job["template"]:
        name = "benchmark"
        entry = dict(rubix.config["ssp"]["templates"]["BruzualCharlot2003"])
        entry["name"], entry["file_name"] = name, os.path.abspath(job["template"])
        rubix.config["ssp"]["templates"][name] = entry
    om, _, h = job["cosmology"]
    quiet = {"log_level": "ERROR", "log_file_path": None, "format": "%(message)s"}
    rubix.config["logger"].update(quiet)
    return {
        "pipeline": {"name": "calc_ifu"}, "logger": quiet,
        "data": {"name": "NihaoHandler", "args": {"particle_type": ["stars"]},
                 "subset": {"use_subset": False, "subset_size": 1}},
        "simulation": {"name": "NIHAO", "args": {"path": ""}}, "output_path": job["galaxy"],
        "telescope": {"name": "BENCHMARK", "psf": {"name": "gaussian", "size": 1, "sigma": 1.0}, "lsf": {"sigma": 1.0},
                      "noise": {"signal_to_noise": 1.0, "noise_distribution": "normal"}},
        "cosmology": {"name": "CUSTOM", "args": {"Om0": om, "w0": -1.0, "wa": 0.0, "h": h}},
        "galaxy": {"dist_z": float(job["redshift"]), "rotation": {"alpha": 0.0, "beta": 0.0, "gamma": 0.0}},
        "ssp": {"template": {"name": name}, "method": job["method"],
                "dust": {"extinction_model": "Cardelli89", "dust_to_gas_ratio": 0.01, "dust_to_metals_ratio": 0.4,
                         "dust_grain_density": 3.5, "Rv": 3.1}},
    }


def peak_mib():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024.0
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def main():
    logging.disable(logging.WARNING)
    pipe = RubixPipeline(configure())
    pipe.pipeline_config = {"Transformers": {
        step: {"name": step, "depends_on": STEPS[i - 1] if i else None, "args": [], "kwargs": {}} for i,
                                             step in enumerate(STEPS)}}
    start = time.perf_counter()
    data = pipe.prepare_data()
    out = {"prepare_s": time.perf_counter() - start, "base_MiB": peak_mib(), "times_s": [], "cpu_s": []}
    call_it = pipe.run_sharded
    if job.get("gradient"):
        target = jax.numpy.zeros((job["spaxels"], job["spaxels"], len(pipe.telescope.wave_seq)))
        call_it = lambda data: pipe.gradient(data, target)          # noqa: E731
    if job.get("cotangent"):
        with np.load(job["cotangent"]) as f:
            bar = jax.numpy.asarray(f["bar"])
        stars = jax.grad(lambda data: jax.numpy.sum(pipe.run_sharded(data) * bar))(data).stars
        np.savez(job["bars"],
                 **{name: np.asarray(getattr(stars, name)) for name in ("mass", "age", "metallicity", "velocity")})
    for call in range(job["repeat"] + 1):
        start, cpu = time.perf_counter(), time.process_time()
        cube = jax.block_until_ready(call_it(data))
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        if call == 0:
            out["first_s"] = wall
        else:
            out["times_s"].append(wall)
            out["cpu_s"].append(cpu)
        if job.get("limit") and call and wall * 2 + sum(out["times_s"]) + out["first_s"] > job["limit"]:
            break
    from rubix.core.telescope import get_spatial_bin_edges
    edges = np.asarray(get_spatial_bin_edges(pipe.user_config))
    out.update(peak_MiB=peak_mib(), n_edge=len(edges), n_lambda=len(pipe.telescope.wave_seq),
               n_ssp=int(pipe.ssp.wavelength.shape[0]), jax=jax.__version__,
               rubix=rubix.__version__)
    if job["cube"]:
        np.savez(job["cube"], cube=np.asarray(cube), edges=edges, wave=np.asarray(pipe.telescope.wave_seq),
                 pixel=job["pixel"])
    print(json.dumps(out))


main()
