"""What the Python tests share: running the programs, and making small galaxies, libraries, instruments
and parameter files.

Programs come from the build folder CUBIX_BUILD, the source tree is CUBIX_SOURCE (default: the one this file is in)."""
import atexit
import functools
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from astropy.io import fits

from oracle import cosmology
from oracle.constants import MPC_CM
from oracle.instrument import Instrument

SOURCE = Path(os.environ.get("CUBIX_SOURCE", Path(__file__).resolve().parent.parent))
BUILD = Path(os.environ.get("CUBIX_BUILD", SOURCE / "build"))
SHARED = Path(os.environ.get("CUBIX_SHARED", SOURCE.parent / "shared"))
COSMOLOGY = {"OmegaMatter": 0.3089, "OmegaLambda": 0.6911, "HubbleParam": 0.6774}
COSMO = tuple(COSMOLOGY.values())
TIMEOUT = 150.0


def shared(path):
    """A file of the shared data; the test is skipped where it is absent."""
    if not (SHARED / path).exists():
        pytest.skip(f"no {SHARED / path}: set CUBIX_SHARED to the folder of the shared data")
    return SHARED / path


def program(name):
    for folder in (BUILD, BUILD / "tests", *sorted((BUILD / "tests").glob("*/"))):
        if (folder / name).is_file():
            return folder / name
    pytest.fail(f"{name} is not in {BUILD}: build it, or set CUBIX_BUILD to the build folder")


@functools.cache
def for_python():
    """Whether Python can load the library: it was built shared, and without sanitizers."""
    library = BUILD / "libcubix.so"
    return library.exists() and b"__asan_init" not in library.read_bytes()


# ---- running -------------------------------------------------------------------------------------

@functools.cache
def mpi_folder():
    """This process's own folder for Open MPI, with a short name, as sockets need it."""
    folder = tempfile.mkdtemp(prefix="cubix-", dir="/tmp")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def environment(threads=1, extra=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_COMM_", "PMIX_"))}
    env.update(OMP_NUM_THREADS=str(threads), CUBIX_SOURCE=str(SOURCE), OMPI_ALLOW_RUN_AS_ROOT="1",
               OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
               OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_mpi_yield_when_idle="1",
               PRTE_MCA_rmaps_default_mapping_policy=":oversubscribe",
               # no search for networks, which takes 0.2 s a start
               OMPI_MCA_btl_vader_single_copy_mechanism="none", OMPI_MCA_pml="ob1", OMPI_MCA_btl="self,vader",
               LC_ALL="C")
    # programs that start and end at the same time, as those of other test runs on this machine, would remove each
    # other's folders
    env.update(OMPI_MCA_orte_tmpdir_base=mpi_folder(), PRTE_MCA_prte_tmpdir_base=mpi_folder())
    env.update(extra or {})
    return env


def session_kill(sid):
    """Kill all that still lives in the session of a program we started (mpirun gives its ranks groups of their own)."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[3]) == sid:
                os.kill(int(entry.name), signal.SIGKILL)
        except (OSError, ValueError):
            pass


def command(name, args, ranks=1, before=()):
    """before: words between mpirun and the program."""
    start = [os.environ.get("CUBIX_MPIRUN") or "mpirun", "-np", str(ranks), "--bind-to", "none"] if ranks > 1 else []
    return start + list(before) + [str(program(name))] + [str(a) for a in args]


# Open MPI 5's mpirun mixes what ranks write to standard output and standard error: ranks write to files.  They hold
# on to mpirun's own pipes (3 and 4): where these end before several ranks fail, mpirun 5.0.7 may never end.
TO_FILES = ("sh", "-c", 'out=$1 err=$2; shift 2; exec 3>&1 4>&2; exec "$@" >> "$out" 2>> "$err"', "sh")


def run(name, args, ranks=1, threads=1, cwd=None, env=None, stdin=None, timeout=TIMEOUT, file_limit=None,
        interrupt_after=None, to_files=True):
    """Run a program to its end: status, out, err.  One that does not end in time is killed with all
    its ranks, and fails the test.
    interrupt_after: a function of the Popen that returns when SIGINT is due.  to_files: False for ranks
    that could not write to files."""
    if ranks > 1 and to_files and file_limit is None:
        with tempfile.TemporaryDirectory() as folder:
            said = [Path(folder, "out"), Path(folder, "err")]
            done = run_words(command(name, args, ranks, [*TO_FILES, *said]), threads, cwd, env, stdin, timeout, None,
                             interrupt_after)
            texts = [p.read_text(errors="replace") if p.exists() else "" for p in said]
            return SimpleNamespace(status=done.status, out=texts[0] + done.out, err=texts[1] + done.err,
                                   args=command(name, args, ranks))
    return run_words(command(name, args, ranks), threads, cwd, env, stdin, timeout, file_limit, interrupt_after)


def run_words(words, threads, cwd, env, stdin, timeout, file_limit, interrupt_after):
    """The same of a command line."""
    limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))) if file_limit else None
    proc = subprocess.Popen(words, cwd=cwd, env=environment(threads, env), text=True,
                            start_new_session=True, preexec_fn=limit,
                            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    try:
        if interrupt_after:
            interrupt_after(proc)
            proc.send_signal(signal.SIGINT)
        out, err = proc.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        session_kill(proc.pid)
        out, err = proc.communicate()
        pytest.fail(f"no end after {timeout} s: {' '.join(map(str, proc.args))}\n{out[-3000:]}\n{err[-3000:]}")
    finally:
        session_kill(proc.pid)
    return SimpleNamespace(status=proc.returncode, out=out, err=err, args=proc.args)


# ---- galaxies ------------------------------------------------------------------------------------

def galaxy(n=300, seed=1, radius=3.0, centre=(0, 0, 0), velocity=(0, 0, 0), tilt=True):
    """A rotating, thick, lopsided disc of n stars: dict of arrays in kpc, km/s, Msun, Gyr."""
    rng = np.random.default_rng(seed)
    r, phi = rng.gamma(2.0, 0.5 * radius, n), rng.uniform(0, 2 * np.pi, n)
    pos = np.array([r * np.cos(phi) + 0.1 * r**2 / radius, 0.8 * r * np.sin(phi),
                    0.15 * radius * rng.standard_normal(n)])
    v = 180.0 * r / (r + 0.5 * radius)
    vel = np.array([-v * np.sin(phi), v * np.cos(phi), 0 * v]) + 40.0 * rng.standard_normal((3, n))
    if tilt:
        q, _ = np.linalg.qr(np.random.default_rng(99).standard_normal((3, 3)))
        q *= np.sign(np.linalg.det(q))
        pos, vel = q @ pos, q @ vel
    age = 10**rng.uniform(-1.8, 1.17, n)
    mass = 10**rng.uniform(3.5, 5.5, n)
    return {"pos": pos.T + centre, "vel": vel.T + velocity, "mass": mass, "mass_now": mass * (0.5 + 0.4 / (1 + age)),
            "age": age,
            "z": 10**rng.uniform(-4.2, -1.2, n)}


def stars(*rows):
    """Stars from rows (x, y, z [kpc], vx, vy, vz [km/s], mass [Msun], age [Gyr], Z)."""
    a = np.atleast_2d(np.array(rows, float))
    return {"pos": a[:, 0:3], "vel": a[:, 3:6], "mass": a[:, 6], "mass_now": 0.6 * a[:, 6], "age": a[:, 7],
            "z": a[:, 8]}


CANONICAL = (("Position", "pos", "kpc"), ("Velocity", "vel", "km/s"), ("InitialMass", "mass", "Msun"),
             ("Mass", "mass_now", "Msun"),
             ("Age", "age", "Gyr"), ("Metallicity", "z", "mass fraction"))


def write_particles(path, s, redshift=0.0, dtype="f8", extra=None, **header):
    """A canonical particle file.  header: Centre=..., BoxSize=...; extra: further datasets of /Stars."""
    with h5py.File(path, "w") as f:
        head = f.create_group("Header").attrs
        for key, value in {"CubixFile": "particles", "Version": 1, "Redshift": float(redshift), **COSMOLOGY,
                           "BoxSize": 0.0, "Source": "made by a test",
                           "Program": "tests", **header}.items():
            head[key] = value
        group = f.create_group("Stars")
        for name, key, unit in CANONICAL:
            d = group.create_dataset(name, data=np.asarray(s[key], dtype))
            d.attrs["unit"], d.attrs["description"] = unit, name
        d = group.create_dataset("Id", data=np.arange(len(s["mass"]), dtype="u8"))
        d.attrs["unit"], d.attrs["description"] = "1", "Id"
        for name, value in (extra or {}).items():
            group.create_dataset(name, data=value).attrs["unit"] = "kpc" if name == "SmoothingLength" else "1"
    return path


def formation_scale_factor(age, redshift, cosmo=COSMO):
    """a at which a star of this age at this redshift was born, by bisection."""
    born = cosmology.age(1 / (1 + redshift), *cosmo) - age
    lo, hi = 1e-6, 1.0
    for _ in range(60):
        mid = 0.5 * (lo + hi)
        lo, hi = (mid, hi) if cosmology.age(mid, *cosmo) < born else (lo, mid)
    return 0.5 * (lo + hi)


def _write_snapshot(path, s, redshift, names, attrs, length_cm, files, header, gas, extra):
    a, h = 1 / (1 + redshift), COSMOLOGY["HubbleParam"]
    kpc, msun = MPC_CM / 1e3, 1.98840987e33
    # age < 0: a wind cell
    form = np.array([formation_scale_factor(t, redshift) if t >= 0 else -1.0 for t in s["age"]])
    data = ((names[0], s["pos"] * kpc / length_cm / a * h, 1.0, -1.0, length_cm),
            (names[1], s["vel"] / np.sqrt(a), 0.5, 0.0, 1e5),
            (names[2], s["mass"] * msun / 1.989e43 * h, 0.0, -1.0, 1.989e43),
            (names[3], s["mass_now"] * msun / 1.989e43 * h, 0.0, -1.0, 1.989e43),
            (names[4], form, 0.0, 0.0, 0.0), (names[5], s["z"], 0.0, 0.0, 0.0))
    n, paths = len(form), []
    for k in range(files):
        part = slice(k * n // files, (k + 1) * n // files)
        paths.append(path if files == 1 else path.with_name(f"{path.stem}.{k}{path.suffix}"))
        with h5py.File(paths[-1], "w") as f:
            head = f.create_group("Header").attrs
            count = np.array([0, 0, 0, 0, part.stop - part.start, 0], "i4")
            for key, value in {"Time": a, "Redshift": redshift, "Omega0": COSMOLOGY["OmegaMatter"],
                               "OmegaLambda": COSMOLOGY["OmegaLambda"], "HubbleParam": h,
                               "BoxSize": 0.0, "NumFilesPerSnapshot": files, "NumPart_ThisFile": count,
                               "NumPart_Total": np.array([0, 0, 0, 0, n, 0], "i4"),
                               "MassTable": np.zeros(6), **header}.items():
                head[key] = value
            group = f.create_group("PartType4")
            for name, x, pa, ph, cgs in data:
                d = group.create_dataset(name, data=x[part])
                for key, value in zip(attrs, (pa, ph, cgs)):
                    d.attrs[key] = value
            for name, value in (extra or {}).items():
                f.create_dataset(name, data=value)
    return paths[0]


def write_tng(path, s, redshift=0.0, files=1, extra=None, **header):
    names = ("Coordinates", "Velocities", "GFM_InitialMass", "Masses", "GFM_StellarFormationTime", "GFM_Metallicity")
    return _write_snapshot(Path(path), s, redshift, names, ("a_scaling", "h_scaling", "to_cgs"), MPC_CM / 1e3, files,
                           {"SimulationName": "L35n270TNG", **header}, False, extra)


def write_eagle(path, s, redshift=0.0, files=1, extra=None, **header):
    names = ("Coordinates", "Velocity", "InitialMass", "Mass", "StellarFormationTime", "SmoothedMetallicity")
    return _write_snapshot(Path(path), s, redshift, names,
                           ("aexp-scale-exponent", "h-scale-exponent", "CGSConversionFactor"), MPC_CM, files,
                           {"RunLabel": "EAGLE", **header}, False, extra)


def edit(path, change):
    """Change an HDF5 file, which change() gets opened."""
    with h5py.File(path, "r+") as f:
        change(f)


def put(index, value):
    """The change that puts a value into an array."""
    def change(x):
        x[index] = value
        return x
    return change


# ---- libraries -----------------------------------------------------------------------------------

AGES, METALS = np.array([0.0, 0.05, 0.3, 1.0, 4.0, 13.0]), np.array([1e-4, 2e-3, 0.01, 0.02, 0.04])


def wavelengths(kind, lo=4500.0, hi=6100.0, step=1.5):
    if kind == "uniform":
        return np.arange(lo, hi, step)
    if kind == "log":
        return np.exp(np.arange(np.log(lo), np.log(hi), step / lo))
    cut = lo + (hi - lo) * np.array([0, 0.3, 0.7, 1])
    return np.unique(np.concatenate([np.arange(cut[i], cut[i + 1], step * f) for i, f in enumerate((2.0, 0.7, 1.3))]))


def templates(lam, ages=AGES, metals=METALS, seed=7, n_line=40):
    """Smooth positive spectra with absorption and emission lines: [n_Z][n_age][n_lambda] erg/s/AA/Msun."""
    rng = np.random.default_rng(seed)
    centre, width, depth = rng.uniform(lam[0], lam[-1], n_line), rng.uniform(2.0, 6.0, n_line), rng.uniform(-0.6, 0.9,
                                                                                                            n_line)
    lines = depth[:, None] * np.exp(-0.5 * ((lam - centre[:, None]) / width[:, None])**2)
    out = np.empty((len(metals), len(ages), len(lam)))
    for i, z in enumerate(metals):
        for j, t in enumerate(ages):
            level = 3e30 * (t + 0.03)**-0.8 * (z + 0.003)**-0.2
            slope = (lam / 5000.0)**(-2.0 + 1.2 * np.log10(t + 0.03) + 20 * z)
            w = rng.uniform(0.2, 1.0, n_line)
            out[i, j] = level * slope * np.clip(1 + 0.3 * (w @ lines), 0.02, None)
    return out


def write_ssp(path, lam, luminosity, ages=AGES, metals=METALS, fwhm=0.0, medium="vacuum",
              units=("Gyr", "mass fraction", "AA", "erg/s/AA/Msun", "AA")):
    data = (np.asarray(ages, float), np.asarray(metals, float), lam, luminosity,
            np.broadcast_to(np.asarray(fwhm, float), np.shape(lam)))
    with h5py.File(path, "w") as f:
        for key, value in {"CubixFile": "ssp", "Version": 1, "Name": "test library", "IMF": "none",
                           "SourceMedium": medium, "SolarLuminosity": 3.828e33,
                           "Reference": "tests", "Licence": "none", "Demo": 0}.items():
            f.attrs[key] = value
        for name, x, unit in zip(("Age", "Metallicity", "Wavelength", "Luminosity", "LsfFwhm"), data, units):
            d = f.create_dataset(name, data=x)
            d.attrs["unit"], d.attrs["description"] = unit, name
    return path


# ---- instruments and parameter files -------------------------------------------------------------

def _with_unit(unit, *numbers):
    text = ", ".join(repr(float(x)) for x in numbers)
    return f'( {text}, "{unit}" )' if unit else f"( {text} )" if len(numbers) > 1 else text


def _curve(unit, coef):
    return _with_unit(unit, *coef) if len(coef) == 1 else f"{{ polynomial = {_with_unit(unit, *coef)}; }}"


def polynomial(coef):
    return lambda lam: sum(c * np.asarray(lam, float)**i for i, c in enumerate(coef))


def _channels(inst):
    if inst.grid == "list":
        return f'lambda = {_with_unit("AA", *inst.listed)};'
    step = {"linear": f'step = {_with_unit("AA", inst.step)};', "log": f"log_step = {inst.step!r};",
            "steps": inst.listed is not None and f'step = {_curve("AA", inst.listed)};'}[inst.grid]
    gaps = f' gaps = {_with_unit("AA", *inst.gaps)};' if inst.gaps else ""
    return f'first = {_with_unit("AA", inst.lam_min)}; last = {_with_unit("AA", inst.lam_max)}; {step}{gaps}'


def write_instrument(path, inst, lsf_curve=None, psf_curve=None, throughput=(0.3,), sky=(0.0,)):
    """An instrument file that says what `inst` says; lsf_curve, psf_curve: coefficients of
    FWHM(lambda). Gives `inst` the same curves.  Without lsf_curve the file has some LSF, as every
    file must, and Bench.parameters says `Lsf none`."""
    text = ['instrument = { name = "TEST"; reference = "made by a test"; };',
            f'field = {{ shape = "{inst.aperture}"; size = '
            f'{_with_unit("arcsec", inst.n_x * inst.pixel_x, inst.n_y * inst.pixel_y)}; '
            f'pixel = {_with_unit("arcsec", inst.pixel_x, inst.pixel_y)}; }};',
            f'spectrum = {{ medium = "{inst.medium}"; {_channels(inst)} }};']
    if psf_curve is None:
        text.append('psf = { profile = "none"; };')
    else:
        beta = inst.psf_beta if isinstance(inst.psf_beta, tuple) else (inst.psf_beta,)
        shape = f' beta = {_curve("", beta)};' if inst.psf == "moffat" else ""
        if inst.psf_axis_ratio != 1:
            shape += (f' axis_ratio = {inst.psf_axis_ratio!r}; position_angle = '
                      f'{_with_unit("deg", inst.psf_angle)};')
        text.append(f'psf = {{ profile = "{inst.psf}"; fwhm = {_curve("arcsec", psf_curve)};{shape} }};')
        if len(beta) > 1:
            inst.psf_beta = polynomial(beta)
        inst.psf_fwhm = polynomial(psf_curve)
    text.append(f'lsf = {{ shape = "{inst.lsf_shape}"; fwhm = {_curve("AA", lsf_curve or (1.0,))}; pixel = '
                f'"{"included" if inst.lsf_pixel_included else "excluded"}"; }};')
    inst.lsf_fwhm = polynomial(lsf_curve) if lsf_curve else None
    if inst.area > 0:
        inst.throughput, inst.sky = polynomial(throughput), polynomial(sky)
        text.append(f'noise = {{ area = {_with_unit("cm2", inst.area)}; throughput = {_curve("", throughput)}; sky = '
                    f'{_curve("erg/s/cm2/AA/arcsec2", sky)}; '
                    f'dark = {_with_unit("electron/s", inst.dark)}; read_noise = '
                    f'{_with_unit("electron", inst.read_noise)}; pixels = {_with_unit("", inst.n_pixel)}; '
                    f'exposure = {_with_unit("s", inst.exposure)}; sky_spaxels = {_with_unit("", inst.n_sky)}; }};')
    path.write_text("\n".join(text) + "\n")
    return path


def write_parameters(path, **parameters):
    path.write_text("".join(f"{name}  {_text(value)}\n" for name, value in parameters.items()))
    return path


def _text(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list, np.ndarray)):
        return " ".join(repr(float(x)) for x in value)
    return repr(value) if isinstance(value, float) else str(value)


def read_cube(path):
    """{HDU name: array}, float64 or int64 in this machine's byte order; headers under 'header'."""
    out = {"header": {}}
    with fits.open(path) as hdus:
        for hdu in hdus:
            out["header"][hdu.name] = hdu.header.copy()
            if isinstance(hdu, fits.ImageHDU) and hdu.data is not None:
                out[hdu.name] = hdu.data.astype("i8" if hdu.data.dtype.kind in "iu" else "f8")
            elif hdu.data is not None:
                out[hdu.name] = np.array(hdu.data)
    return out


class Bench:
    """A folder with an instrument, a library and a galaxy in it, and the program to look at them with."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.count = 0
        self.inst = None

    def path(self, name):
        return self.folder / name

    def instrument(self, n_x=12, n_y=10, pixel=0.5, lam=(5000.0, 5399.0, 1.0), name="test.cfg", lsf_curve=None,
                   psf_curve=None, throughput=(0.3,), sky=(0.0,), **kw):
        inst = Instrument(n_x, n_y, pixel, pixel, *lam, **kw)
        self.inst, self.inst_file = inst, write_instrument(self.path(name), inst, lsf_curve, psf_curve, throughput, sky)
        return inst

    def ssp(self, kind="uniform", lo=4500.0, hi=6100.0, step=1.5, fwhm=0.0, luminosity=None, lam=None, name="ssp.hdf5",
            **kw):
        lam = wavelengths(kind, lo, hi, step) if lam is None else lam
        self.lam = lam
        luminosity = templates(lam, kw.get("ages", AGES),
                               kw.get("metals", METALS)) if luminosity is None else luminosity
        self.ssp_file = write_ssp(self.path(name), lam, luminosity, fwhm=fwhm(lam) if callable(fwhm) else fwhm, **kw)
        return self.ssp_file

    def particles(self, s, name="galaxy.hdf5", **kw):
        self.file = write_particles(self.path(name), s, **kw)
        return self.file

    def parameters(self, **extra):
        self.count += 1
        self.out = self.path(f"out{self.count}.fits")
        fixed = {"InputFile": self.file, "SspFile": self.ssp_file, "OutputFile": self.out, "Instrument": self.inst_file}
        if self.inst and self.inst.lsf_fwhm is None:
            fixed["Lsf"] = "none"
        return write_parameters(self.path(f"p{self.count}.param"), **{**fixed, **extra})

    def cube(self, name="cubix", ranks=1, threads=1, **extra):
        """Run and read: {HDU name: array}; the run itself under 'run'."""
        done = run(name, [self.parameters(**extra)], ranks, threads, cwd=self.folder)
        assert done.status == 0, f"{done.args}\n{done.out[-2000:]}\n{done.err[-3000:]}"
        return {**read_cube(extra.get("OutputFile", self.out)), "run": done}


def dump_observed(folder, out, first, n, status, parameters):
    """What the reader of ObservedFile hands on: the numbers that it says, and what it writes; where it fails, its one
    message."""
    done = run("dump_observed", [out, first, n, *(f"{k}={v}" for k, v in parameters.items())], cwd=folder, threads=2)
    assert done.status == status, done.err
    if status:
        assert done.err.count("\n") == 1, done.err
        return done.err
    return tuple(map(int, done.out.split())), np.fromfile(out)


def run_fit(folder, *options, ranks=1, n=24, mode="fit", status=0, threads=1):
    """tests/derivatives/test_fit.c on n stars of its own, in that folder."""
    done = run("test_fit", [mode, Path(folder) / "out.fits", n, *options], ranks=ranks, threads=threads)
    assert done.status == status, done.out[-2000:] + done.err[-2000:]
    assert not [path for path in Path(folder).iterdir() if ".part" in path.name]
    return done


def refused(bench, status, *words, ranks=1, file=None, args=(), **parameters):
    """The program ends with this status, one error that holds all these words, and no new file."""
    parameters.setdefault("OutputFile", bench.path("cube.fits"))
    file = bench.parameters(**parameters) if file is None else file
    before = {p: p.lstat().st_mtime_ns for p in bench.folder.rglob("*")}
    done = run("cubix", [file, *args], ranks, cwd=bench.folder)
    told = f"{done.args}: status {done.status}\n{done.out[-1500:]}\n{done.err[-3000:]}"
    assert done.status == status, told
    assert done.err.count("cubix: error:") == 1 and "cubix: error:" not in done.out, told
    for word in words:
        assert str(word) in done.err, f"no {word!r} in\n{told}"
    changed = {p.name for p in bench.folder.rglob("*") if before.get(p) != p.lstat().st_mtime_ns and not p.is_dir()}
    assert not changed, f"left behind: {changed}\n{told}"
    return done


def finite(*arrays):
    """Whether there is nothing in them but numbers; no comparison may hold where there is not."""
    return all(np.isfinite(np.asarray(a, float)).all() for a in arrays)


def within(got, want, rtol, atol=0.0):
    """True where |got - want| <= atol + rtol |want| everywhere, all of it finite; otherwise it
    raises and shows what is apart."""
    assert finite(got, want, atol), "not finite"
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol, equal_nan=False)
    return True


def assert_close(got, want, tolerance, level=None, what="", gaps=False):
    """max |got - want| <= tolerance * level, all of it finite; level: an array or None for |want|.
    gaps: a map, NaN where it has no star; there both must have it."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, not {want.shape}"
    level = np.broadcast_to(np.abs(want) if level is None else level, want.shape)
    if gaps:
        assert np.array_equal(np.isnan(got), np.isnan(want)), f"{what}: NaN in other places"
        got, want, level = (np.where(np.isnan(want), 0, x) for x in (got, want, level))
    assert finite(got, want, level), f"{what}: not finite"
    excess = np.abs(got - want) - tolerance * level
    worst = np.unravel_index(np.argmax(excess), excess.shape) if excess.size else ()
    if excess.size and not excess[worst] <= 0:
        off = abs(got[worst] - want[worst]) / max(level[worst], 1e-300)
        raise AssertionError(f"{what}: at {tuple(int(i) for i in worst)} {got[worst]!r}, not {want[worst]!r}; "
                             f"off by {off:.3g} of the level, {tolerance:.3g} allowed")


def local_level(cube, half=5):
    """The spectrum's own level near each channel: the largest value within +-half channels."""
    from scipy.ndimage import maximum_filter1d
    return maximum_filter1d(np.abs(cube), 2 * half + 1, axis=0, mode="nearest")


def bits(path, names=("DATA", "STAT", "DQ", "NOISEFREE", "NSTAR")):
    with fits.open(path) as hdus:
        return {name: hdus[name].data.tobytes() for name in names if name in hdus}


def chunks_said(run):
    found = re.search(r"stars are read in (\d+) chunks", run.out)
    return int(found.group(1)) if found else 1
