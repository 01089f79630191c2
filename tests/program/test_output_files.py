"""What the programs write, in bad weather: links, FIFOs, devices and protected files in the place
of the output, names with brackets, signals, what killed runs leave, full disks.  Whatever happens:
one clear message, the right exit status, an older file untouched, nothing half-written."""
import os
import resource
import signal
import stat
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from astropy.io import fits

import harness
from harness import galaxy, run, write_tng

VIEW = dict(Redshift=0.05, Centre=(0, 0, 0), SystemicVelocity=(0, 0, 0), Orientation="none", Psf="gaussian",
            PsfFwhm=0.9, Engine="direct")


@pytest.fixture
def ready(bench):
    """A bench with a galaxy of 3000 stars and an observed cube of it: star files are larger than the cube."""
    bench.instrument(5, 4, 0.7, lam=(5000.0, 5029.0, 1.0), area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
    bench.ssp("uniform", step=3.0)
    bench.particles(galaxy(3000, seed=5, radius=1.2))
    bench.cube(**VIEW, OutputFile=bench.path("seen.fits"), Noise="snr", SignalToNoise=20.0)
    bench.path("out").mkdir()
    return bench


def look(ready, status=0, ranks=1, options=(), file=None, **parameters):
    file = file or ready.parameters(**{**VIEW, "OutputFile": ready.path("out") / "o.fits", **parameters})
    done = run("cubix", [*options, file], ranks, cwd=ready.folder)
    assert done.status == status, f"{done.args}\n{done.out[-1500:]}\n{done.err[-3000:]}"
    return done


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def derived(ready, mode, **more):
    return dict(Mode=mode, ObservedFile=ready.path("seen.fits"), Parameters="Mass", Deposit="tsc",
                **(dict(MaxIterations=2, FitRestart=1) if mode == "fit" else {}), **more)


# ---- what is in the place of the output ----------------------------------------------------------

def test_a_linked_output_is_written_where_it_leads(ready):
    elsewhere, out = ready.path("elsewhere"), ready.path("out")
    elsewhere.mkdir()
    (elsewhere / "real.fits").write_text("old")
    (out / "o.fits").symlink_to(elsewhere / "real.fits")
    (out / "o-usedvalues").symlink_to("../elsewhere/used")          # not there yet
    look(ready)
    assert fits.getdata(elsewhere / "real.fits", "DATA").shape == (30, 4,
                                                                   5) and "InputFile" in (elsewhere
                                                                                          / "used").read_text()
    assert (out / "o.fits").is_symlink() and (out / "o-usedvalues").is_symlink()
    assert names(elsewhere) == ["real.fits", "used"]


@pytest.mark.parametrize("name", ["o.fits", "o-usedvalues", "o-timings.txt", "o-gradient.txt", "o-gradient.hdf5"])
def test_a_protected_file_is_kept(ready, name):
    path = ready.path("out") / name
    path.write_text("mine")
    path.chmod(0o444)
    err = look(ready, status=4, **derived(ready, "gradient")).err
    assert name in err and "write-protected (mode 444)" in err and "chmod u+w" in err
    assert path.read_text() == "mine" and names(ready.path("out")) == [name]


def test_permissions(ready):
    out = ready.path("out")
    look(ready)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((out / "o.fits").stat().st_mode) == 0o666 & ~mask
    (out / "o.fits").chmod(0o600)
    look(ready)
    assert stat.S_IMODE((out / "o.fits").stat().st_mode) == 0o600


@pytest.mark.parametrize("ranks", [1, 2])
def test_mock_replaces_files_only(tmp_path, ranks):
    os.mkfifo(tmp_path / "f.hdf5")
    (tmp_path / "to.hdf5").symlink_to("f.hdf5")
    (tmp_path / "d.hdf5").mkdir()
    (tmp_path / "p.hdf5").write_text("mine")
    (tmp_path / "p.hdf5").chmod(0o444)
    before = names(tmp_path)
    for name, word in (("f.hdf5", "not a file"), ("to.hdf5", "not a file"), ("d.hdf5", "not a file"),
                       ("p.hdf5", "write-protected")):
        done = run("cubix-mock", ["--stars", 10, tmp_path / name], ranks)
        assert done.status == 4 and name in done.err and word in done.err, done.err
    assert stat.S_ISFIFO((tmp_path / "f.hdf5").stat().st_mode)
    assert (tmp_path / "to.hdf5").is_symlink()
    assert names(tmp_path) == before
    (tmp_path / "real").write_text("old")
    (tmp_path / "l.hdf5").symlink_to("real")
    assert run("cubix-mock", ["--stars", 10, tmp_path / "l.hdf5"], ranks).status == 0
    assert (tmp_path / "l.hdf5").is_symlink() and h5py.is_hdf5(tmp_path / "real")


def test_a_device_is_no_output(tmp_path):
    """A device of the test's own: the machine's would be lost to a program at fault."""
    null = tmp_path / "null.hdf5"
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except OSError:
        pytest.skip("a device needs the right to make one")
    (tmp_path / "stream.hdf5").symlink_to("/proc/self/fd/1")
    for name in ("null.hdf5", "stream.hdf5"):
        done = run("cubix-mock", ["--stars", 10, tmp_path / name])
        assert done.status == 4 and name in done.err and "not a file" in done.err
    assert stat.S_ISCHR(null.stat().st_mode) and names(tmp_path) == ["null.hdf5", "stream.hdf5"]


TOOLS = harness.SOURCE / "scripts"


def tool(name, *args, **kw):
    return subprocess.run([sys.executable, str(TOOLS / name), *map(str, args)], capture_output=True, text=True,
                          timeout=harness.TIMEOUT, stdin=subprocess.DEVNULL, **kw)


@pytest.mark.parametrize("name", ["cubix-ssp", "cubix-plot"])
def test_the_tools_follow_the_same_rules(tmp_path, name):
    (tmp_path / "c.txt").write_text("# a fit\n0 1 100.0 3.0 0\n1 2 90.0 2.0 0.1\n2 3 85.0 1.0 0.05\n")
    suffix = ".hdf5" if name == "cubix-ssp" else ".png"

    def write(to, **kw):
        return tool(name, *(["demo", to] if name == "cubix-ssp" else [tmp_path / "c.txt", "--convergence", "-o", to]),
                    **kw)
    plain, fifo, link, kept = (tmp_path / (stem + suffix) for stem in ("plain[1]", "fifo", "link", "kept"))
    mask = os.umask(0)
    os.umask(mask)
    done = write(plain)
    assert done.returncode == 0 and stat.S_IMODE(plain.stat().st_mode) == 0o666 & ~mask, done.stderr
    plain.chmod(0o600)
    link.symlink_to(plain.name)
    before = plain.stat().st_ino
    assert write(link).returncode == 0
    assert link.is_symlink()
    assert plain.stat().st_ino != before
    assert stat.S_IMODE(plain.stat().st_mode) == 0o600
    os.mkfifo(fifo)
    kept.write_text("mine")
    kept.chmod(0o444)
    for path, word in ((fifo, "is not a file"), (kept, "write-protected (mode 444)")):
        done = write(path)
        assert done.returncode == 4
        assert str(path) in done.stderr
        assert word in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert stat.S_ISFIFO(fifo.stat().st_mode) and kept.read_text() == "mine"
    whole = plain.read_bytes()
    done = write(plain, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)))
    assert done.returncode == 4 and os.strerror(27) in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert plain.read_bytes() == whole and not list(tmp_path.glob(".*"))


# ---- names ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("folder", ["run[1]", "a(b)+c", "x!y,z"])
def test_every_name_is_taken_as_it_stands(ready, folder):
    """CFITSIO reads instructions from names like these unless it is told not to."""
    odd = ready.path(folder)
    odd.mkdir()
    y, x = np.mgrid[-2:3, -2:3]
    images = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])]),
              fits.ImageHDU(np.exp(-0.5 * (x * x + y * y)))]
    fits.HDUList(images).writeto(odd / "psf[1][2:3].fits")          # the kernel is the first image of the file
    os.rename(ready.file, odd / "galaxy+1,2.hdf5")
    os.rename(ready.ssp_file, odd / "ssp(2),3.hdf5")
    os.rename(ready.path("seen.fits"), odd / "!seen[DATA].fits")
    inputs = dict(InputFile=odd / "galaxy+1,2.hdf5", SspFile=odd / "ssp(2),3.hdf5")
    used = {**derived(ready, "gradient"), "ObservedFile": odd / "!seen[DATA].fits"}
    escaped = str(odd).replace(",", "\\,")
    look(ready, OutputFile=f"{escaped}/o[1]\\,2.fits", **inputs, **used)
    with fits.open(odd / "o[1],2.fits") as hdus:
        assert hdus["DATA"].data.max() > 0
    assert "o[1],2-gradient.hdf5" in names(odd)
    look(ready, file=odd / "o[1],2-usedvalues")                      # which makes the same again
    before = names(odd)
    look(ready, OutputFile=f"{escaped}/p.fits", **inputs, Psf="file", PsfFile=odd / "psf[1][2:3].fits", PsfFwhm=0)
    assert names(odd) == sorted([*before, "p.fits", "p-timings.txt", "p-usedvalues"]) and names(ready.path("out")) == []


def test_no_kernel_from_elsewhere(ready):
    """A name that CFITSIO would make a copy of, or ask the network for, is a file that is not there."""
    y, x = np.mgrid[-2:3, -2:3]
    fits.PrimaryHDU(np.exp(-0.5 * (x * x + y * y))).writeto(ready.path("psf.fits"))
    for name in (f"{ready.path('psf.fits')}({ready.path('out')}/copy.fits)", f"{ready.path('psf.fits')}[1:3,1:3]",
                 "http://127.0.0.1:9/psf.fits"):
        err = look(ready, status=3, Psf="file", PsfFile=name, PsfFwhm=0).err
        assert "psf.fits" in err and ("cannot open" in err
                                      or "cannot be read" in err) and names(ready.path("out")) == []


# ---- signals and what is left --------------------------------------------------------------------

def growing(folder):
    """Waits until a temporary file has something in it."""
    def wait(proc):
        for _ in range(3000):
            if proc.poll() is not None or any(size(p) for p in folder.glob(".*.part-*")):
                return
            time.sleep(0.01)
    return wait


def size(path):
    """0 where it has gone meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def signalled(args, folder, number, ranks=1, **kw):
    if number != signal.SIGKILL:                       # the tests may run where it is ignored, as under nohup
        kw.setdefault("preexec_fn", lambda: signal.signal(number, signal.SIG_DFL))
    proc = subprocess.Popen(harness.command("cubix-mock", args, ranks), env=harness.environment(), text=True,
                            start_new_session=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    try:
        growing(folder)(proc)
        assert proc.poll() is None, "it was done before the signal"
        proc.send_signal(number)
        out, err = proc.communicate(timeout=harness.TIMEOUT)
    finally:
        harness.session_kill(proc.pid)
    return proc.returncode, err


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGPIPE"])
def test_every_signal_that_ends_a_program_cleans_up(tmp_path, name):
    status, err = signalled(["--stars", 20000000, "--minimal", tmp_path / "g.hdf5"], tmp_path, getattr(signal, name))
    assert status == 130 and "cubix-mock: error: interrupted" in err and (name == "SIGINT"
                                                                          or name in err) and names(tmp_path) == []


def test_nohup_is_respected(tmp_path):
    status, err = signalled(["--stars", 1000000, "--gas", 0, "--minimal", tmp_path / "g.hdf5"], tmp_path, signal.SIGHUP,
                            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert status == 0 and names(tmp_path) == ["g.hdf5"]


def test_what_a_killed_run_left_is_swept_by_the_next(tmp_path):
    assert signalled(["--stars", 20000000, "--minimal", tmp_path / "g.hdf5"], tmp_path,
                     signal.SIGKILL)[0] == -signal.SIGKILL
    assert len(names(tmp_path)) == 1 and names(tmp_path)[0].startswith(".g.hdf5.part-")
    assert run("cubix-mock", ["--stars", 10, tmp_path / "other.hdf5"]).status == 0
    assert len(names(tmp_path)) == 2                              # another output is none of its business
    assert run("cubix-mock", ["--stars", 10, tmp_path / "g.hdf5"]).status == 0
    assert names(tmp_path) == ["g.hdf5", "other.hdf5"]


def test_two_runs_of_one_output_do_not_meet(ready):
    """Both are whole; the last to end is what is there."""
    file = ready.parameters(**VIEW, OutputFile=ready.path("out") / "o.hdf5")
    both = [subprocess.Popen(harness.command("cubix", [file]), cwd=ready.folder, env=harness.environment(),
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    for proc in both:
        err = proc.communicate(timeout=harness.TIMEOUT)[1]
        assert proc.returncode == 0, err
    with h5py.File(ready.path("out") / "o.hdf5") as f:
        assert f["DATA"].shape == (30, 4, 5)
    assert names(ready.path("out")) == ["o-timings.txt", "o-usedvalues", "o.hdf5"]


@pytest.mark.parametrize("name, is_link",
                         [("o.fits", False), ("o-fit.txt", False), ("o-stars.hdf5", False), ("o-usedvalues", False),
                          ("../out/o.fits", False), ("mine.hdf5", True)])
def test_a_restart_file_is_no_other_file_of_the_run(ready, name, is_link):
    """What is written last would replace it, and the run would end well."""
    out = ready.path("out")
    if is_link:
        (out / name).symlink_to("o.fits")
    before = names(out)
    err = look(ready, 2, **derived(ready, "fit", FitRestartFile=f"{out}/{name}")).err
    assert "FitRestartFile" in err
    assert f"{out}/{name}" in err
    assert "which this run writes" in err
    assert names(out) == before


def test_a_restart_file_may_bear_its_usual_name(ready):
    look(ready, **derived(ready, "fit", FitRestartFile=ready.path("out") / "o-restart.hdf5"))
    assert "o-restart.hdf5" in names(ready.path("out"))


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("what",
                         ["member", "linked member", "restart", "external link", "virtual", "external storage",
                          "library"])
def test_no_output_replaces_what_was_read(ready, what, ranks):
    """A file that no parameter names belongs to the input all the same: it stays, and the run ends before the work."""
    out, stars = ready.path("out"), galaxy(40, seed=2, radius=0.5)
    ready.particles(stars)
    more, source = {"OutputFile": out / "src.hdf5"}, out / "src.hdf5"
    if "member" in what or what == "restart":
        write_tng(out / "snap.hdf5", stars, files=3)
        more, source = {"InputFile": out / "snap.0.hdf5", "OutputFile": out / "snap.2.hdf5"}, out / "snap.2.hdf5"
        if what == "linked member":
            source = source.rename(out / "real.hdf5")
            (out / "snap.2.hdf5").symlink_to("real.hdf5")
            more["OutputFile"] = source
        if what == "restart":
            more = {**more, "OutputFile": out / "o.fits", "FitRestartFile": source, **derived(ready, "fit")}
    elif what == "external storage":
        with h5py.File(ready.file, "a") as f:
            x, unit = f["Stars/Age"][:], f["Stars/Age"].attrs["unit"]
            del f["Stars/Age"]
            f.create_dataset("Stars/Age", (40,), "f8", external=[(str(source), 0, h5py.h5f.UNLIMITED)])[:] = x
            f["Stars/Age"].attrs["unit"] = unit
    elif what == "library":
        os.rename(ready.ssp_file, source)
        with h5py.File(ready.ssp_file, "w") as f, h5py.File(source) as old:
            f.attrs.update(old.attrs)
            for name in old:
                f[name] = h5py.ExternalLink(str(source), name)
    else:
        os.rename(ready.file, source)
        with h5py.File(ready.file, "w") as f, h5py.File(source) as old:
            for name in ("Header", "Stars"):
                if what == "external link":
                    f[name] = h5py.ExternalLink(str(source), name)
                else:
                    f.create_group(name).attrs.update(old[name].attrs)
            for name in old["Stars"] if what == "virtual" else ():
                layout = h5py.VirtualLayout(old["Stars"][name].shape, old["Stars"][name].dtype)
                layout[...] = h5py.VirtualSource(str(source), "Stars/" + name, old["Stars"][name].shape)
                f.create_virtual_dataset("Stars/" + name, layout).attrs.update(old["Stars"][name].attrs)
    before, content = names(out), source.read_bytes()
    done = look(ready, 4, ranks, **more)
    assert done.err.count("cubix: error:") == 1, done.err
    assert "which belongs to the InputFile" in done.err, done.err
    assert "\npaint " not in done.out, done.err
    assert names(out) == before and source.read_bytes() == content


# ---- what other runs have left -------------------------------------------------------------------

def test_files_of_an_earlier_run_are_replaced_removed_or_named(ready):
    out = ready.path("out")
    look(ready, **derived(ready, "gradient"))
    look(ready, **derived(ready, "fit"))
    assert {"o-gradient.hdf5", "o-gradient.txt", "o-stars.hdf5", "o-fit.txt", "o-convergence.txt",
            "o-restart.hdf5"} <= set(names(out))
    # no star varies: neither star file would be of this run
    err = look(ready, **{**derived(ready, "gradient"), "Parameters": "FluxScale"}).err
    assert "o-gradient.hdf5" not in names(out)
    assert "o-stars.hdf5 is of an earlier run in Mode fit" in err
    assert "o-gradient" not in err
    err = look(ready, **{**derived(ready, "fit"), "Parameters": "FluxScale"}).err
    assert "o-stars.hdf5" not in names(out) and "o-gradient.txt is of an earlier run in Mode gradient" in err
    err = look(ready).err
    assert "o-fit.txt is of" in err and "o-gradient.txt is of" in err and {"o-fit.txt",
                                                                           "o-gradient.txt"} <= set(names(out))


# ---- full disks ----------------------------------------------------------------------------------

def started(done):
    """Open MPI 5 writes files of its own while it starts, which a low limit ends before the program has its say."""
    if done.status == -signal.SIGXFSZ and not done.out:
        pytest.skip("MPI itself cannot start with so small a limit on files")


def no_crash(done):
    assert not any(word in done.err for word in ("Segmentation", "signal 11", "SIGSEGV", "Assertion",
                                                 "HDF5-DIAG")), done.err


@pytest.mark.parametrize("mode, name, limit",
                         [("gradient", "o-gradient.hdf5", 4000), ("gradient", "o-gradient.hdf5", 20000),
                          ("fit", "o-restart.hdf5", 4000),
                          ("fit", "o-restart.hdf5", 30000), ("cube", "o.fits", 20000), ("cube", "o.hdf5", 1000),
                          ("cube", "o.hdf5", 20000)])
def test_no_room_for_a_file(ready, mode, name, limit):
    """A limit on the size of files: the write fails where a full disk would let it fail."""
    out = ready.path("out")
    (out / name).write_text("older")
    file = ready.parameters(**{**VIEW, "OutputFile": out / ("o.hdf5" if name == "o.hdf5" else "o.fits"),
                               **(derived(ready, mode) if mode != "cube" else {}), "TemplateCache": "none"})
    done = run("cubix", [file], cwd=ready.folder, file_limit=limit)
    started(done)
    no_crash(done)
    assert done.status == 4 and "cannot write" in done.err and os.strerror(27) in done.err, done.err
    # a fit goes on without its restart file, and tells what it found
    told = ["o-convergence.txt", "o-fit.txt"] if mode == "fit" else []
    assert (out / name).read_text() == "older" and names(out) == sorted([name, *told])


@pytest.mark.parametrize("limit", [500, 3000, 20000, 100000])
@pytest.mark.parametrize("chunk", [0, 100])
def test_no_room_for_a_mock(tmp_path, limit, chunk):
    (tmp_path / "g.hdf5").write_text("older")
    done = run("cubix-mock", ["--stars", 3000, "--h5-chunk", chunk, tmp_path / "g.hdf5"], file_limit=limit)
    started(done)
    no_crash(done)
    assert done.status == 4 and "cannot write" in done.err and os.strerror(27) in done.err, done.err
    assert (tmp_path / "g.hdf5").read_text() == "older" and names(tmp_path) == ["g.hdf5"]


@pytest.fixture
def disk(tmp_path):
    """Makes small file systems: the folder of one of `size` bytes."""
    made = []

    def make(size):
        folder = tmp_path / f"disk{len(made)}"
        folder.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
                          capture_output=True).returncode:
            pytest.skip("a small file system needs the right to mount one")
        made.append(folder)
        return folder
    yield make
    for folder in made:
        subprocess.run(["umount", str(folder)])


def test_relative_paths_are_whole_in_the_log(bench):
    """A log is read elsewhere than where the run was."""
    bench.instrument(4, 4, 1.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    bench.particles(galaxy(20))
    par = bench.parameters(InputFile=bench.file.name, OutputFile="sub/o.fits")
    bench.path("sub").mkdir()
    done = run("cubix", ["-n", par], cwd=bench.folder)
    assert done.status == 0, done.err
    assert f"from {bench.folder}/{bench.file.name}, with the library {bench.ssp_file}, " in done.out
    assert f", to {bench.folder}/sub/o.fits" in done.out and f"disk of {bench.folder}/sub/: " in done.out


@pytest.mark.parametrize("ranks", [1, 2])
def test_room_is_asked_for_before_the_work(ready, disk, ranks):
    folder = disk(300000)
    y_x_lambda, headers = 5 * 4 * 30, 2**18
    look(ready, ranks=ranks, OutputFile=folder / "o.fits")            # this fits
    before = names(folder)
    many = dict(OutputFile=f"{folder / 'o.fits'},{folder / 'p.hdf5'}", Overwrite="yes")
    for options in ([], ["-n"]):
        done = look(ready, 4, ranks, options, **many)
        need = 2 * (headers + y_x_lambda * 8 + 23 * 20 * 8 + 5 * 30 * 8)
        assert f"and what belongs to it need {need / 1e3:.3g} kB on the disk of {folder}/" in done.err
        assert "are free" in done.err
        assert "paint" not in done.out and names(folder) == before
    out = look(ready, 0, ranks, ["-n"]).out                            # elsewhere
    assert f"disk of {ready.path('out')}/: the outputs take 27" in out and "are free" in out
    # the star files of other Modes, and the mock, count too
    small = disk(40000)
    cube = headers + y_x_lambda * 8 + 4 * 30 * 8
    # of the particle file, errors included; of the restart file, which is there twice
    columns, vectors = 3 + 2 * 3 + 2 * 1 + 2 * 1 + 1 + 1, 2 + 2 * 5
    need = dict(gradient=cube + 2**16 + 3000 * 8 * 5, fit=cube + 2**16 + 2**17 + 3000 * 8 * (columns + 2 * 5 * vectors))
    for mode in need:
        varied = {**derived(ready, mode), "Parameters": "Mass,Age,Velocity",
                  **(dict(FitPairs=5) if mode == "fit" else {})}
        err = look(ready, 4, ranks, **{**varied, "OutputFile": small / "o.fits", "TruthMaps": "no"}).err
        told, unit = err.split("and what belongs to it need ")[1].split()[:2]
        assert abs(float(told) * dict(kB=1e3, MB=1e6)[unit] / need[mode] - 1) < 0.01, err
    done = run("cubix-mock", ["--stars", 3000, small / "g.hdf5"], ranks)
    assert done.status == 4 and "and what belongs to it need" in done.err and names(small) == []


def injected(fault):
    """The environment in which one call fails."""
    injector = harness.BUILD / "tests" / "faults" / "inject.so"
    if not injector.exists():
        pytest.skip(f"no {injector}: this build has no shared libraries")
    return {"LD_PRELOAD": str(injector), "CUBIX_FAULT": fault}


@pytest.mark.parametrize("nth", [1, 4])
@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("name", ["gradient.hdf5", "stars.hdf5", "g.hdf5", "g.1.hdf5"])
def test_a_disk_that_is_full_for_one_rank(ready, name, rank, nth):
    """Three ranks write one file, and one of them finds no room any more."""
    folder = ready.path("out")
    (folder / name).write_text("older")
    env = injected(f"call=write path=/.{'o-' if name in ('gradient.hdf5', 'stars.hdf5') else ''}{name}.part- "
                   f"rank={rank} nth={nth} times=0 errno=28")
    if name.startswith("g."):
        args = ["--stars", 3000, "--files", 3 if name == "g.1.hdf5" else 1, "--h5-chunk", 100, folder / "g.hdf5"]
        done = run("cubix-mock", args, 3, env=env)
    else:
        mode = "gradient" if name == "gradient.hdf5" else "fit"
        rename = folder / f"o-{name}"
        os.rename(folder / name, rename)
        file = ready.parameters(**{**VIEW, "OutputFile": folder / "o.fits", **derived(ready, mode),
                                   "Parameters": "Mass,Age,Velocity,Metallicity,Position", "MaxIterations": 1,
                                   "FitRestart": 0, "FitProbes": 0, "TemplateCache": "none"})
        done = run("cubix", [file], 3, cwd=ready.folder, env=env)
        name = rename.name
    no_crash(done)
    assert done.status == 4, done.err
    assert "cannot write" in done.err, done.err
    assert name in done.err, done.err
    assert os.strerror(28) in done.err, done.err
    assert (folder / name).read_text() == "older" and not [n for n in names(folder) if ".part" in n]
