"""Small jobs of every kind, run with something wrong, and the verdict on how they end.

A job is a program, its parameters and what it writes.  Its inputs lie in one folder (Lab.made);
every run has a folder of its own for what it writes, and copies of those inputs that a case
changes.  The judge asks: a status of the programs' own, no sanitizer's report, no signal, no hang;
where the status is not 0 one line that says why, and nothing half-written; where it is 0 finite
outputs, and those of an undisturbed run where the inputs were not changed."""
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
from astropy.io import fits

import harness

INTERRUPTED = 130
DAMAGE = re.compile(r"AddressSanitizer|runtime error:|LeakSanitizer|ThreadSanitizer|Segmentation fault|signal [46] "
                    r"|signal 11|signal 7 |Assertion .* failed|"
                    r"\*\*\* Process received signal|stack smashing|corrupted|double free|free\(\): invalid|malloc\(\)")
MPI_START = re.compile(r"An error occurred in MPI_Init|MPI_INIT has failed|orte_init failed|ORTE_ERROR_LOG|unable to "
                       r"start the daemon")
NO_START = "MPI did not start"
TRANSIENT = re.compile(r"^\.|\.part")
CUBE = {"Backend": "cpu", "Redshift": 0.03, "Noise": "exposure", "ExposureTime": 3600.0}
STARS = 60


class Job:
    """The program, its parameters (a name of Lab.made stands for its path), what it writes, more
    words of the command line."""

    def __init__(self, program, parameters, writes, inputs, args=()):
        self.program, self.parameters, self.writes, self.inputs, self.args = program, parameters, writes, inputs, args


FITTED = dict(ObservedFile="obs.fits", Parameters="mass,velocity", Deposit="tsc", Noise="none", ExposureTime=None)
FIT_WRITES = ("o-fit.txt", "o-stars.hdf5", "o-restart.hdf5", "o-convergence.txt")
JOBS = {
    "cube": Job("cubix", dict(OutputFile="o.fits"), ("o.fits",), ("gal.hdf5", "ssp.hdf5", "test.cfg")),
    "independent": Job("cubix", dict(OutputFile="o.fits", ReadMode="independent"), ("o.fits",),
                       ("gal.hdf5", "ssp.hdf5", "test.cfg")),
    "chunks": Job("cubix", dict(OutputFile="o.hdf5", InputFile="many.hdf5", SlabMemory=0.05), ("o.hdf5",),
                  ("many.hdf5", "ssp.hdf5", "test.cfg")),
    "members": Job("cubix", dict(OutputFile="o.fits,o.hdf5", InputFile="tng.0.hdf5", Psf="file", PsfFile="psf.fits"),
                   ("o.fits", "o.hdf5"),
                   ("tng.0.hdf5", "tng.1.hdf5", "ssp.hdf5", "test.cfg", "psf.fits")),
    "eagle": Job("cubix", dict(OutputFile="o.hdf5", InputFile="eagle.hdf5", SimulationFormat="own.cfg"), ("o.hdf5",),
                 ("eagle.hdf5", "ssp.hdf5", "test.cfg", "own.cfg")),
    "group": Job("cubix", dict(OutputFile="o.fits", InputFile="tng.0.hdf5", GroupCatalogue="groups.hdf5"), ("o.fits",),
                 ("tng.0.hdf5", "tng.1.hdf5", "groups.hdf5", "ssp.hdf5", "test.cfg")),
    "extract": Job("cubix-extract", dict(OutputFile="o.hdf5", InputFile="many.hdf5", SlabMemory=0.05), ("o.hdf5",),
                   ("many.hdf5",)),
    "packed": Job("cubix", dict(OutputFile="o.fits", InputFile="packed.hdf5", Deposit="gaussian"), ("o.fits",),
                  ("packed.hdf5", "ssp.hdf5", "test.cfg")),
    "shared": Job("cubix", dict(OutputFile="o.hdf5", Engine="histogram", Combine="histogram", InputFile="many.hdf5"),
                  ("o.hdf5",), ("many.hdf5", "ssp.hdf5", "test.cfg")),
    "cache": Job("cubix", dict(OutputFile="o.fits", Engine="histogram", Combine="cube", TemplateCache="cache"),
                 ("o.fits",), ("gal.hdf5", "ssp.hdf5", "test.cfg")),
    "cached": Job("cubix", dict(OutputFile="o.fits", Engine="histogram", Combine="cube", TemplateCache="kept"),
                  ("o.fits",), ("gal.hdf5", "ssp.hdf5", "test.cfg", "kept")),
    "gradient": Job("cubix", dict(OutputFile="o.fits", Mode="gradient", **FITTED),
                    ("o-gradient.txt", "o-gradient.hdf5"),
                    ("gal.hdf5", "ssp.hdf5", "test.cfg", "obs.fits")),
    "gradient_hdf5": Job("cubix", dict(OutputFile="o.fits", Mode="gradient", **{**FITTED, "ObservedFile": "obs.hdf5"}),
                         ("o-gradient.txt", "o-gradient.hdf5"),
                         ("gal.hdf5", "ssp.hdf5", "test.cfg", "obs.hdf5")),
    "fit": Job("cubix", dict(OutputFile="o.fits", Mode="fit", MaxIterations=3, FitRestart=1, **FITTED), FIT_WRITES,
               ("gal.hdf5", "ssp.hdf5", "test.cfg", "obs.fits")),
    "resume": Job("cubix",
                  dict(OutputFile="o.fits", Mode="fit", MaxIterations=4, FitRestart=1, FitResume="yes",
                       FitRestartFile="r.hdf5", **FITTED),
                  FIT_WRITES[:2] + FIT_WRITES[3:], ("gal.hdf5", "ssp.hdf5", "test.cfg", "obs.fits", "r.hdf5")),
    "mock": Job("cubix-mock", None, ("m.hdf5",), (), ("--stars", "500", "--gas", "50", "m.hdf5")),
    "mock_pieces": Job("cubix-mock", None, ("m.0.hdf5", "m.1.hdf5"), (),
                       ("--stars", "300", "--gas", "0", "--files", "2", "--h5-chunk", "64", "m.hdf5")),
}


class Lab:
    """The inputs, made once, and the undisturbed outputs, made when they are asked for."""

    def __init__(self, folder, timeout=30.0):
        self.folder, self.timeout = Path(folder), timeout
        self.made = self.folder / "made"
        self.made.mkdir(parents=True, exist_ok=True)
        self.references = {}
        self.counts = {}
        self.n_run = 0
        self._make()

    def _make(self):
        bench, galaxy = harness.Bench(self.made), harness.galaxy(STARS, seed=3)
        galaxy["z"] = np.clip(galaxy["z"], 2e-4, 0.035)
        bench.instrument(n_x=6, n_y=5, pixel=2.0, lam=(5000.0, 5078.0, 2.0), lsf_curve=(4.0,), psf_curve=(3.0,),
                         psf="gaussian", area=5e5, exposure=3600.0, dark=1e-3,
                         read_noise=2.0)
        lam = harness.wavelengths("uniform", 4700.0, 5400.0, 4.0)
        harness.write_ssp(self.made / "ssp.hdf5", lam, harness.templates(lam), fwhm=2.0)
        harness.write_particles(self.made / "gal.hdf5", galaxy)
        harness.write_particles(self.made / "many.hdf5", harness.galaxy(2500, seed=4))
        harness.write_tng(self.made / "tng.hdf5", galaxy, files=2)
        harness.write_eagle(self.made / "eagle.hdf5", galaxy)
        shutil.copy(harness.SOURCE / "parameterfiles/formats/EAGLE.cfg", self.made / "own.cfg")
        shutil.copy(harness.SOURCE / "parameterfiles/formats/units.inc", self.made)
        self.write_catalogue(self.made / "groups.hdf5")
        with h5py.File(harness.write_particles(self.made / "packed.hdf5", galaxy,
                                               extra={"SmoothingLength": np.full(STARS, 0.2)}), "r+") as file:
            for name, old in list(file["Stars"].items()):
                value, said = old[:], dict(old.attrs)
                del file["Stars"][name]
                file["Stars"].create_dataset(name, data=value, chunks=(16,) + value.shape[1:], compression="gzip",
                                             shuffle=True).attrs.update(said)
        y, x = np.mgrid[-2:3, -2:3]
        fits.PrimaryHDU(np.exp(-(x * x + y * y) / 2.0)).writeto(self.made / "psf.fits", overwrite=True)
        (self.made / "kept").mkdir(exist_ok=True)
        for name, over in (("obs.fits", dict(OutputFile="obs.fits")), ("obs.hdf5", dict(OutputFile="obs.hdf5")),
                           ("cached", {}), ("fit", dict(FitRestartFile="r.hdf5"))):
            job = JOBS.get(name, JOBS["cube"])
            (self.made / "p.param").unlink(missing_ok=True)
            done = self.run(job, folder=self.made, over=over)
            assert done.status == 0, f"{name}: status {done.status}\n{done.err}"

    @staticmethod
    def write_catalogue(path):
        """Of the snapshot in two files: a group of some stars of both, with one subhalo."""
        with h5py.File(path, "w") as file:
            file.create_group("Header").attrs.update({"NumFiles": 1})
            lengths = np.array([[0, 0, 0, 0, STARS - 20, 0]])
            file["Group/GroupLenType"], file["Group/GroupFirstSub"] = lengths, np.array([0])
            file["Subhalo/SubhaloLenType"], file["Subhalo/SubhaloGrNr"] = lengths, np.array([0])

    def fresh(self, name=None):
        self.n_run += 1
        folder = self.folder / (name or f"run{self.n_run}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def arguments(self, job, folder, over):
        if job.parameters is None:
            return list(job.args)
        wanted = {"InputFile": "gal.hdf5", "SspFile": "ssp.hdf5", "Instrument": "test.cfg", **CUBE, **job.parameters,
                  **(over or {})}
        path = folder / "p.param"
        if not path.exists():                                     # else a case has written its own
            lines = []
            for name, value in wanted.items():
                if value is None:
                    continue
                if name in ("InputFile", "SspFile", "Instrument", "ObservedFile", "PsfFile", "FitRestartFile",
                            "SimulationFormat", "TemplateCache", "GroupCatalogue"):
                    value = folder / value if (folder / value).exists() or not (self.made
                                                                                / value).exists() else self.made / value
                lines.append(f"{name}  {value}\n")
            path.write_text("".join(lines))
        return [path, *job.args]

    def run(self, job, ranks=1, folder=None, over=None, fault=None, file_limit=None, interrupt=None, changed=()):
        """interrupt: (seconds, signal, rank or None for all of them); changed: copies of inputs in
        folder that differ."""
        folder = folder or self.fresh()
        for name in job.inputs:
            if name == "r.hdf5" and not (folder / name).exists():     # a resumed fit writes it anew
                shutil.copy(self.made / name, folder / name)
        args = self.arguments(job, folder, over)
        log = folder.with_name(folder.name + ".log")
        log.unlink(missing_ok=True)
        scratch = folder.with_name(folder.name + ".tmp")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        # Open MPI's own folders are this run's alone; sanitizers report with a status that is none of ours
        env = {"CUBIX_DATA": str(harness.SOURCE / "parameterfiles"), "TMPDIR": str(scratch),
               "OMPI_MCA_orte_tmpdir_base": str(scratch), "PRTE_MCA_prte_tmpdir_base": str(scratch),
               "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:exitcode=99:verify_asan_link_order=0",
               "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=99"}
        before, said = [], [scratch / "out", scratch / "err"]
        # a limit of the size of files would be theirs, too
        to_files = ranks > 1 and file_limit is None
        if to_files:
            before = [*harness.TO_FILES, *map(str, said)]
        if fault:
            before += ["env", f"LD_PRELOAD={injector()}", f"CUBIX_FAULT={fault}", f"CUBIX_FAULT_LOG={log}"]
        start = time.time()
        done = _launch(harness.command(job.program, args, ranks, before), folder, harness.environment(1, env),
                       file_limit, interrupt, self.timeout)
        done.seconds = time.time() - start
        if to_files:
            texts = [path.read_text(errors="replace") if path.exists() else "" for path in said]
            done.out, done.err = texts[0] + done.out, texts[1] + done.err
        done.folder, done.job, done.changed, done.ranks = folder, job, changed, ranks
        done.fired = log.exists() and " fails " in log.read_text()
        done.log = log.read_text() if log.exists() else ""
        shutil.rmtree(scratch, ignore_errors=True)
        log.unlink(missing_ok=True)
        return done

    def reference(self, name):
        """What the job's outputs hold when nothing is wrong."""
        if name not in self.references:
            done = self.run(JOBS[name], folder=self.fresh(f"reference-{name}"))
            assert done.status == 0, f"{name} undisturbed: status {done.status}\n{done.out[-2000:]}\n{done.err[-3000:]}"
            assert not done.hung, f"{name} undisturbed: status {done.status}\n{done.out[-2000:]}\n{done.err[-3000:]}"
            self.references[name] = {file: numbers(done.folder / file) for file in JOBS[name].writes}
        return self.references[name]

    def count(self, name, ranks, rank, what):
        """How many such calls (words of CUBIX_FAULT) this rank of the undisturbed job makes."""
        key = (name, ranks, rank, what)
        if key not in self.counts:
            folder = self.fresh("count")
            done = self.run(JOBS[name], ranks, folder, fault=f"{what} rank={rank} nth=0")
            found = re.findall(r"call (\d+) of \S+ was the last", done.log)
            self.counts[key] = max((int(n) for n in found), default=0)
            shutil.rmtree(folder)
        return self.counts[key]


def injector():
    return harness.BUILD / "tests/faults/inject.so"


def _launch(command, folder, env, file_limit, interrupt, timeout):
    import resource
    limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                        (file_limit, file_limit))) if file_limit is not None else None
    hung = False
    proc = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True, preexec_fn=limit)
    try:
        if interrupt:
            _interrupt(proc, *interrupt)
        out, err = proc.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        hung = True
        harness.session_kill(proc.pid)
        out, err = proc.communicate()
    finally:
        harness.session_kill(proc.pid)
    return SimpleNamespace(status=proc.returncode, hung=hung, out=out.decode(errors="replace"),
                           err=err.decode(errors="replace"), command=command)


def _interrupt(proc, seconds, number, rank):
    """After so many seconds the signal goes to the whole job, as a terminal or a batch system sends
    it, or to one rank."""
    try:
        proc.wait(seconds)
        return
    except subprocess.TimeoutExpired:
        pass
    target = proc.pid
    if rank is not None:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                session = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[3])
                if (session == proc.pid and (entry / "comm").read_text().startswith("cubix")
                        and f"OMPI_COMM_WORLD_RANK={rank}\0" in (entry / "environ").read_text()):
                    target = int(entry.name)
            except (OSError, ValueError):
                pass
    try:
        os.kill(target, number)
    except ProcessLookupError:
        pass


# ---- what was written ----------------------------------------------------------------------------

def numbers(path):
    """{name: array} of all numbers in a file: HDUs, datasets, or the columns of a text."""
    found = {}
    if path.suffix == ".fits":
        with fits.open(path) as hdus:
            for hdu in hdus:
                if isinstance(hdu, (fits.ImageHDU, fits.PrimaryHDU)) and hdu.data is not None:
                    found[hdu.name] = np.array(hdu.data, float)
    elif path.suffix == ".hdf5":
        with h5py.File(path) as file:
            file.visititems(lambda name, item: found.update({name: item[()].astype(float)})
                            if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" else None)
    else:
        words = re.findall(r"(?<![\w.])[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf)(?![\w.])",
                           re.sub(r"(?m)^#.*$", "", path.read_text()), re.I)
        found["numbers"] = np.array(words, float)
    return found


MAY_BE_NAN = re.compile(r"STAT|AGE|VEL|VARIANCE|ERROR|^(Z|SIG|V|T)_[ML]$", re.I)      # where there are no stars
OF_THE_RUN = re.compile(r"Provenance|seconds", re.I)


def _differences(path, got, want):
    told = []
    for name, value in got.items():
        if not np.all(np.isfinite(value)) and not (MAY_BE_NAN.search(name)
                                                   or (want and not np.all(np.isfinite(want.get(name, np.nan))))):
            told.append(f"{path.name}: {name} is not finite")
    for name, value in (want or {}).items():
        if OF_THE_RUN.search(name):
            continue
        if name not in got or got[name].shape != value.shape:
            told.append(f"{path.name}: {name} is missing or of another shape")
        elif value.size:
            level = np.nanmax(np.abs(np.where(np.isfinite(value), value, 0)), initial=0)
            here, there = np.where(np.isfinite(got[name]), got[name], 0), np.where(np.isfinite(value), value, 0)
            if np.max(np.abs(here - there)) > 2e-4 * level:
                told.append(f"{path.name}: {name} differs by {np.max(np.abs(here - there)) / level:.2g} of its largest")
    return told


def judge(done, reference=None, killed=None):
    """What is wrong with how a run ended: a list of words, empty where all is well.
    reference: what an undisturbed run writes, where this one must write the same; killed: the signal it was sent."""
    told, job = [], done.job
    speak = f"{job.program}: error:"
    # mpirun itself may crash where a signal meets it
    if MPI_START.search(done.err) or (done.status == -11 and "mpirun(" in done.err):
        return [NO_START]
    if done.hung:
        told.append("hangs")
    # a thread of Open MPI 4 that outlives the library whose code it runs, when the process exits
    of_mpi = "opal_thread_start" in done.err and re.search(r"#0 0x[0-9a-f]+  \(<unknown module>\)", done.err)
    # HDF5 1.10 itself may read what it has freed where a file is damaged
    frames = re.findall(r"#[012] 0x[0-9a-f]+ .*", done.err)[:3]
    of_hdf5 = done.changed and any("libhdf5" in frame for frame in frames[:2]) and "cubix" not in "".join(frames)
    if (DAMAGE.search(done.err) or done.status == 99) and not of_mpi and not of_hdf5:
        told.append("a sanitizer or a signal: " + next((line for line in done.err.splitlines() if DAMAGE.search(line)),
                                                       "")[:200])
    # mpirun has its own way to tell it
    ends = killed and (done.status in (-killed, 128 + killed) or (done.ranks > 1 and done.status > 128))
    if done.status not in {0, 1, 2, 3, 4, INTERRUPTED} and not ends and not done.hung and not of_hdf5:
        told.append(f"status {done.status}")
    errors = [line for line in done.err.splitlines() if speak in line]
    if done.status in (1, 2, 3, 4) and len(errors) != 1 and not killed:
        told.append(f"{len(errors)} errors are told, with status {done.status}")
    if done.status == 0 and errors:
        told.append("an error is told, and the status is 0")
    silent_death = killed in (signal.SIGKILL,) or done.hung
    for path in sorted(done.folder.iterdir()):
        if TRANSIENT.search(path.name) and not silent_death:
            told.append(f"left behind: {path.name}")
    for name in job.writes:
        path = done.folder / name
        if not path.exists():
            if done.status == 0:
                told.append(f"{name} is missing")
            continue
        try:
            got = numbers(path)
        except Exception as error:      # whatever a reader may say of a half-written file
            told.append(f"{name} is half-written: {str(error)[:100]}")
            continue
        if done.status == 0:
            told += _differences(path, got, reference and reference[name])
    return told
