"""Memory: what `cubix -n` says a run will take is what it takes, and what cannot fit is refused before any work."""
import re
import subprocess
import sys

import h5py
import numpy as np
import h5py
import pytest

from harness import BUILD, SOURCE, command, environment, galaxy, run

Z = 0.05


def setup(bench, n=4000, side=120, channels=800, **kw):
    bench.instrument(side, side, 0.2, lam=(5000.0, 5000.0 + channels - 1, 1.0), lsf_curve=(4.0,), **kw)
    bench.ssp("mixed", fwhm=1.5)
    bench.particles(galaxy(n, seed=17, radius=1.6))


def said(bench, ranks, par):
    """What is predicted [MiB]."""
    done = run("cubix", ["-n", bench.parameters(**par)], ranks=ranks, cwd=bench.folder)
    assert done.status == 0, done.err
    return float(re.search(r"memory: a rank takes up to (\d+) MiB", done.out).group(1))


def taken(done):
    return float(re.search(r"peak memory per rank \d+\.\.(\d+) MiB", done.out).group(1))


PAR = {"Redshift": Z, "Centre": (0.0, 0.0, 0.0)}
NOISE = {"area": 5e5, "sky": (2e-17,), "read_noise": 3.0, "exposure": 900.0}
WAYS = [(1, {"Engine": "direct", "Noise": "snr"}), (1, {"Engine": "histogram"}),
        (1, {"Engine": "histogram", "SlabMemory": 0.3}),
        (1, {"Engine": "histogram", "TemplateCache": "cache"}), (2, {"Engine": "direct"}),
        (2, {"Engine": "histogram", "Combine": "histogram"}),
        (2, {"Engine": "histogram", "Combine": "cube"})]


@pytest.mark.parametrize("ranks, par", WAYS)
def test_what_is_predicted_is_taken(bench, ranks, par):
    """A cube of 46 MB with another half as margin: what MPI itself takes is within the tolerance."""
    setup(bench, psf="gaussian", psf_curve=(2.0,), **NOISE)
    par = {**PAR, **par}
    if "TemplateCache" in par:
        par["TemplateCache"] = bench.path("cache")
        bench.cube(**par)
    predicted = said(bench, ranks, par)
    measured = taken(bench.cube(ranks=ranks, **par)["run"])
    assert abs(predicted - measured) < 0.1 * measured + 8, f"predicted {predicted}, taken {measured}"
    assert measured > 70


def test_packed_columns_in_chunks(bench):
    """Each column keeps the chunks of the file that its rows lie in while they are read: 45 MiB here."""
    setup(bench, n=1000000)
    packed = bench.path("packed.hdf5")
    with h5py.File(bench.file) as source, h5py.File(packed, "w") as out:
        out.attrs.update(source.attrs)

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                rows = min(item.shape[0], 500000)
                new = out.create_dataset(name, data=item[()], chunks=(rows, *item.shape[1:]), compression=1)
            else:
                new = out.require_group(name)
            new.attrs.update(item.attrs)
        source.visititems(copy)
    par = {**PAR, "Engine": "histogram", "SlabMemory": 30, "InputFile": packed, "SystemicVelocity": (0.0, 0.0, 0.0)}
    predicted = said(bench, 1, par)
    measured = taken(bench.cube(**par)["run"])
    assert abs(predicted - measured) < 0.1 * measured + 8, f"predicted {predicted}, taken {measured}"


@pytest.mark.parametrize("slab", [0, 3])
def test_young_stars_that_become_many(bench, slab):
    """60 times as many particles as there are stars, in memory or in chunks."""
    setup(bench, n=6000)
    par = {**PAR, "Engine": "histogram", "ResampleYoung": 300.0, "SlabMemory": slab}
    predicted = said(bench, 1, par)
    got = bench.cube(**par)
    assert got["header"]["PRIMARY"]["N_RESAMP"] > 200000
    assert abs(predicted - taken(got["run"])) < 0.1 * taken(got["run"]) + 8, f"{predicted}, taken {taken(got['run'])}"


def add_gas(file, n):
    """About the stars of a canonical file."""
    rng = np.random.default_rng(3)
    with h5py.File(file, "a") as f:
        for name, x, unit in (("Position", rng.normal(0, 2, (n, 3)), "kpc"), ("Mass", np.full(n, 1e3), "Msun"),
                              ("Velocity", np.zeros((n, 3)), "km/s"), ("Metallicity", np.full(n, 0.02), "1"),
                              ("SmoothingLength", np.full(n, 0.1), "kpc"), ("Temperature", np.full(n, 1e3), "K"),
                              ("DustMass", np.full(n, 6.0), "Msun")):
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = unit


def test_gas(bench):
    """Of cells that stay 13 numbers: position, velocity, mass, Z, kernel, rate, dust, and what that follows from."""
    setup(bench, side=20)
    add_gas(bench.file, 300000)
    done = run("cubix", ["-n", bench.parameters(**PAR, Dust="gas", DustGas="all", SystemicVelocity="none")],
               cwd=bench.folder)
    assert done.status == 0, done.err
    assert float(re.search(r"[:,] gas (\S+) GB", done.out).group(1)) == pytest.approx(300000 * 13 * 8e-9, rel=0.01)


DUSTY = [(1, 300000, 0.1, 20000, {"Engine": "histogram"}), (1, 300000, 0.1, 20000, {"Engine": "direct"}),
         (2, 300000, 0.1, 20000, {"Engine": "histogram"}), (1, 300000, (0.05, 0.8), 20000, {"Engine": "histogram"}),
         (1, 300000, 0.1, 300000, {"Engine": "histogram", "Lines": "stars"}),
         (1, 300000, 0.1, 300000, {"Engine": "histogram", "SlabMemory": 8}),
         (1, 3000, 0.1, 1000000, {"Engine": "histogram", "FieldOfView": "4 arcsec", "PixelScale": 4.0})]


@pytest.mark.parametrize("ranks, cells, kernels, stars, par", DUSTY)
def test_dust_in_front_of_stars(bench, ranks, cells, kernels, stars, par):
    """Cells of one size, of which all are sorted at once, or of many; stars that shine; in chunks; all in one spaxel."""
    setup(bench, n=stars, side=20, channels=400)
    add_gas(bench.file, cells)
    if kernels != 0.1:
        with h5py.File(bench.file, "a") as f:
            f["Gas/SmoothingLength"][...] = 10**np.random.default_rng(4).uniform(*np.log10(kernels), cells)
    par = {**PAR, "Dust": "gas", "DustGas": "all", "SystemicVelocity": "none", **par}
    predicted = said(bench, ranks, par)
    measured = taken(bench.cube(ranks=ranks, **par)["run"])
    assert abs(predicted - measured) < 0.1 * measured + 8, f"predicted {predicted}, taken {measured}"


@pytest.mark.parametrize("engine", ["histogram", "direct"])
@pytest.mark.parametrize("leaves", ["DustRv", "DustScreen,mass", "DustRv,position"])
def test_derivatives_by_dust(bench, engine, leaves):
    setup(bench, n=100000, side=40, channels=300, **NOISE)
    add_gas(bench.file, 100000)
    par = {**PAR, "Engine": engine, "Dust": "gas", "DustGas": "all", "SystemicVelocity": "none", "Deposit": "cic"}
    bench.cube(Noise="snr", SignalToNoise=30, **par)
    bench.out.rename(bench.path("observed.fits"))
    par.update(Mode="gradient", ObservedFile=bench.path("observed.fits"), Parameters=leaves)
    predicted = said(bench, 1, par)
    done = run("cubix", [bench.parameters(**par)], cwd=bench.folder)
    assert done.status == 0, done.err
    assert abs(predicted - taken(done)) < 0.1 * taken(done) + 8, f"predicted {predicted}, taken {taken(done)}"


def test_derivatives(bench):
    setup(bench, **NOISE)
    par = {**PAR, "Engine": "histogram", "Combine": "histogram"}
    bench.cube(Noise="snr", SignalToNoise=30, **par)
    bench.out.rename(bench.path("observed.fits"))
    par.update(Mode="gradient", ObservedFile=bench.path("observed.fits"), Parameters="mass,age,velocity")
    predicted = said(bench, 1, par)
    done = run("cubix", [bench.parameters(**par)], cwd=bench.folder)
    assert done.status == 0, done.err
    assert abs(predicted - taken(done)) < 0.1 * taken(done) + 8, f"predicted {predicted}, taken {taken(done)}"


def test_derivatives_of_lines(bench):
    """Sources stay as stars do, with the number of the cell that each is."""
    setup(bench, side=20, channels=400, **NOISE)
    add_gas(bench.file, 300000)
    with h5py.File(bench.file, "a") as f:
        f.create_dataset("Gas/StarFormationRate", data=np.full(300000, 1e-5)).attrs["unit"] = "Msun/yr"
        f["Gas/Position"][:] *= 0.25                        # all of it in the field
    par = {**PAR, "Engine": "histogram", "Combine": "histogram", "Lines": "sfr", "SystemicVelocity": "none",
           "Deposit": "tsc"}
    bench.cube(Noise="snr", SignalToNoise=30, **par)
    bench.out.rename(bench.path("observed.fits"))
    par.update(Mode="gradient", ObservedFile=bench.path("observed.fits"), Parameters="linelogu,fluxscale")
    predicted = said(bench, 1, par)
    done = run("cubix", [bench.parameters(**par)], cwd=bench.folder)
    assert done.status == 0, done.err
    assert abs(predicted - taken(done)) < 0.1 * taken(done) + 8, f"predicted {predicted}, taken {taken(done)}"


DEPOSITS = [{"Deposit": "nearest"}, {"Deposit": "cic"}, {"Deposit": "tsc"},
            {"Deposit": "gaussian", "SmoothingLength": 0.3}, {"Deposit": "cubic", "SmoothingLength": 0.9}]
RUNS = [(1, {"Engine": "direct"}), (1, {"Engine": "histogram", "SlabMemory": 3}),
        (2, {"Engine": "histogram", "Combine": "histogram"}),
        (2, {"Engine": "histogram", "Combine": "histogram", "SlabMemory": 3})]


@pytest.mark.parametrize("deposit", DEPOSITS, ids=lambda d: d["Deposit"])
@pytest.mark.parametrize("ranks, par", RUNS)
def test_light_that_is_divided(bench, ranks, par, deposit):
    """Stars in many spaxels: no spaxel has more values than rows and nodes, and histograms of
    chunks are of few stars each."""
    setup(bench, n=20000, side=60)
    par = {**PAR, **par, **deposit}
    predicted = said(bench, ranks, par)
    measured = taken(bench.cube(ranks=ranks, **par)["run"])
    assert abs(predicted - measured) < 0.15 * measured, f"predicted {predicted}, taken {measured}"


@pytest.mark.parametrize("slab", [0, 20])
def test_stars_that_are_alike(bench, slab):
    """Wide stars of a cold disc, on a library of 240 templates: a spaxel has thousands of them, and
    not many more values than one has of a hundred."""
    setup(bench)
    assert run("cubix-mock", ["--stars", 20000, bench.path("mock.hdf5")], cwd=bench.folder).status == 0
    subprocess.run([sys.executable, SOURCE / "scripts/cubix-ssp", "demo", bench.path("demo.hdf5")], check=True,
                   capture_output=True)
    par = {"InputFile": bench.path("mock.hdf5"), "SspFile": bench.path("demo.hdf5"), "Redshift": 0.03,
           "FieldOfView": "8 arcsec", "LambdaStep": 20, "Deposit": "gaussian",
           "SmoothingLength": 0.3, "Engine": "histogram", "SlabMemory": slab}
    predicted = said(bench, 1, par)
    measured = taken(bench.cube(**par)["run"])
    assert abs(predicted - measured) < 0.15 * measured, f"predicted {predicted}, taken {measured}"
    if slab:                   # what was freed of 30 chunks is given back, and does not lie between those that follow
        text = bench.out.with_name(bench.out.stem + "-timings.txt").read_text()
        peak = {line.split()[0]: float(line.split()[4]) for line in text.splitlines() if len(line.split()) == 5}
        assert 5 < peak["place"] - peak["maps"] < 13, peak     # 8 placed, 3 to sort them; 18 where it is kept


FITS = [(1, {"Engine": "direct", "Parameters": "psffwhm,pointingx", "Deposit": "tsc"}),
        (1, {"Engine": "histogram", "Parameters": "psffwhm,fluxscale"}),
        (2, {"Engine": "histogram", "Combine": "cube", "Parameters": "psffwhm,fluxscale"}),
        (2, {"Engine": "histogram", "Combine": "histogram", "Parameters": "psffwhm,fluxscale"})]


def fit(bench, ranks, fwhm, iterations=6, **par):
    """Of a cube that was seen through a PSF of 1 arcsec, begun at another.  @return what was
    predicted, the run, the log of `cubix -n`."""
    fixed = {**PAR, "Psf": "gaussian", "PsfFwhm": 1.0, **{k: v for k, v in par.items() if k in ("Engine", "Deposit")}}
    bench.cube(Noise="snr", SignalToNoise=30, **fixed)
    bench.out.rename(bench.path("observed.fits"))
    par = {**PAR, "Psf": "gaussian", "Mode": "fit", "ObservedFile": bench.path("observed.fits"),
           "MaxIterations": iterations, "PsfFwhm": fwhm, **par}
    dry = run("cubix", ["-n", bench.parameters(**par)], ranks=ranks, cwd=bench.folder)
    assert dry.status == 0, dry.err
    done = run("cubix", [bench.parameters(**par)], ranks=ranks, cwd=bench.folder)
    assert done.status == 0, done.err
    return float(re.search(r"memory: a rank takes up to (\d+) MiB", dry.out).group(1)), done, dry.out


@pytest.mark.parametrize("ranks, par", FITS)
def test_a_fit(bench, ranks, par):
    """The weights of the curvature, its tangents, and a PSF whose margin grows by a sixth."""
    setup(bench, side=100, channels=500, **NOISE)
    predicted, done, said_of_it = fit(bench, ranks, 0.85, **par)
    assert abs(predicted - taken(done)) < 0.15 * taken(done), f"predicted {predicted}, taken {taken(done)}"
    widest = re.search(r"a margin of (\d+) spaxels instead of (\d+)\), a rank takes up to (\d+) MiB", said_of_it)
    # ceil(2.5 x 5 x 0.85/0.2); ceil(2.5 x 0.85/0.2)
    assert int(widest[1]) == 54 and int(widest[2]) == 11 and float(widest[3]) > 1.5 * predicted


def test_a_fit_whose_psf_grows_too_large(bench):
    """From 0.6 to 2 arcsec, under a limit that the start fits, the end does not: told beforehand,
    and the fit goes as far as there is memory."""
    setup(bench, side=100, channels=500, **NOISE)
    par = {**PAR, "Engine": "direct", "Psf": "gaussian"}
    bench.cube(Noise="snr", SignalToNoise=30, PsfFwhm=2.0, **par)
    bench.out.rename(bench.path("observed.fits"))
    line = command("cubix",
                   [bench.parameters(Mode="fit", ObservedFile=bench.path("observed.fits"), PsfFwhm=0.6,
                                     Parameters="psffwhm", LearningRate=1, MaxIterations=2, **par)], 1)
    done = subprocess.run(["bash", "-c", "ulimit -d 300000; exec \"$@\"", "bash", *map(str, line)], cwd=bench.folder,
                          env=environment(1), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "a margin of 38 spaxels instead of 8" in done.stderr, done.stderr
    assert "the fit then takes shorter steps" in done.stderr, done.stderr
    fwhm = float(re.search(r"PsfFwhm\s+(\S+)", (bench.folder / (bench.out.stem + "-fit.txt")).read_text())[1])
    assert 0.6 < fwhm < 2


def starved_fit(bench, **more):
    """A fit of the seeing in which one call for memory fails, of those that ask for 1e5 bytes or more: (nth, log) to
    the run; nth 0: none."""
    injector = BUILD / "tests/faults/inject.so"
    if not injector.exists():
        pytest.skip(f"no {injector}: this build has no shared libraries")
    setup(bench, n=2000, side=24, channels=60, **NOISE)
    par = {**PAR, "Engine": "direct", "Psf": "gaussian"}
    bench.cube(Noise="snr", SignalToNoise=30, PsfFwhm=1.5, **par)
    bench.out.rename(bench.path("observed.fits"))
    par.update(Mode="fit", ObservedFile=bench.path("observed.fits"), PsfFwhm=0.8, Parameters="psffwhm", Overwrite=True,
               **more)

    def fit_without(nth, log):
        env = {"LD_PRELOAD": str(injector), "CUBIX_FAULT": f"call=alloc nth={nth} least=100000",
               "CUBIX_FAULT_LOG": str(log)}
        return run("cubix", [bench.parameters(**par)], cwd=bench.folder, env=env)
    return fit_without


def test_a_fit_whose_memory_fails(bench):
    """Once, after its first run: a step becomes shorter, or the values are there without errors."""
    fit_without = starved_fit(bench, MaxIterations=4)
    last = {}
    for nth in (0, 30, 40, 46, 64, 81, 90):
        log = bench.path(f"{nth}.txt")
        done = fit_without(nth, log)
        assert done.status == 0 and "fit: iteration 4" in done.out, (nth, done.err)
        text = (bench.folder / (bench.out.stem + "-fit.txt")).read_text()
        last[nth] = (float(re.search(r"PsfFwhm\s+(\S+)", text)[1]), "no memory for them" in done.err)
        assert nth == 0 or "fails" in log.read_text()
    assert all(abs(fwhm - last[0][0]) < 0.2 for fwhm, _ in last.values()), last
    assert any(without for _, without in last.values()), last


def test_a_fit_without_memory_for_its_curvature(bench):
    """The last steps of the search find none: it ends where it is, with its values and no verdict."""
    fit_without = starved_fit(bench)
    log = bench.path("calls.txt")

    def starve(nth):
        log.unlink(missing_ok=True)
        done = fit_without(nth, log)
        assert done.status == 0, (nth, done.err)
        text = (bench.folder / (bench.out.stem + "-fit.txt")).read_text()
        return float(re.search(r"PsfFwhm\s+(\S+)", text)[1]), text, done.err

    best, text, _ = starve(0)
    assert "# converged" in text
    last = int(re.search(r"call (\d+) of alloc was the last", log.read_text())[1])
    starved = [starve(last - 14 + k) for k in (0, 4, 8)]
    starved = [s for s in starved if "no memory for the curvature" in s[1]]
    assert starved
    for fwhm, text, err in starved:
        assert abs(fwhm - best) < 0.2 and "not converged" in text and "the search ends here" in err


@pytest.mark.parametrize("optimiser", [{"Optimiser": "lbfgs", "GradientTolerance": 1}, {"Optimiser": "adam"}],
                         ids=lambda o: o["Optimiser"])
def test_a_fit_of_stars(bench, optimiser):
    """300000 unknowns in channels that take little: the vectors of the optimiser, those of its
    Gauss-Newton steps included."""
    setup(bench, n=60000, side=40, channels=100, **NOISE)
    predicted, done, _ = fit(bench, 1, 1.0, iterations=2, Engine="histogram", Parameters="mass,age,velocity",
                             **optimiser)
    assert abs(predicted - taken(done)) < 0.15 * taken(done), f"predicted {predicted}, taken {taken(done)}"
    assert taken(done) > 70


def test_a_file_is_as_large_as_the_log_says(bench):
    setup(bench, side=60, channels=400, **NOISE)
    for noise in "none", "snr":
        done = bench.cube(Engine="direct", Noise=noise, **PAR)["run"]
        told = 1e9 * float(re.search(r"every output file will have about ([0-9.e+-]+) GB", done.out).group(1))
        assert abs(told - bench.out.stat().st_size) < 0.03 * told, f"{noise}: told {told}, {bench.out.stat()}"


def test_more_than_any_machine_has(bench):
    """Refused before the stars are read, with the largest items and the remedy; the field and the
    channels may be as large as a machine can count."""
    setup(bench, n=100)
    done = run("cubix", [bench.parameters(FieldOfView="2000 arcsec", LambdaStep=1e-3, **PAR)], cwd=bench.folder)
    assert done.status == 2 and "voxels, more than" in done.err and "read " not in done.out
    done = run("cubix", [bench.parameters(FieldOfView="200 arcsec", LambdaStep=1e-3, **PAR)], ranks=2, cwd=bench.folder)
    assert done.status == 2 and done.err.count("error:") == 1 and "read " not in done.out, done.err
    for word in ("GB more memory on a node of 2 rank(s)", "are free there", "the cube 1.6e+03 GB",
                 "make FieldOfView smaller", "fewer ranks"):
        assert word in done.err, done.err
    done = run("cubix", [bench.parameters(FieldOfView="20000 arcsec", LambdaMin=5000, LambdaMax=5001, **PAR)],
               cwd=bench.folder)
    assert done.status == 2 and "can be numbered" in done.err, done.err


@pytest.mark.parametrize("dry", [True, False])
def test_a_limit_of_the_process(bench, dry):
    """ulimit -v: told before the work, and not by an allocation that fails."""
    setup(bench, side=400)
    line = command("cubix", (["-n"] if dry else []) + [bench.parameters(**PAR)], 1)
    done = subprocess.run(["bash", "-c", "ulimit -v 600000; exec \"$@\"", "bash", *map(str, line)], cwd=bench.folder,
                          env=environment(1), capture_output=True, text=True)
    assert done.returncode == 2 and "ulimit" in done.stderr and "the cube 0.512 GB" in done.stderr, done.stderr
    assert not bench.path("out.fits").exists()


@pytest.mark.parametrize("slab, remedy", [(0, ", or set a SlabMemory"), (1000, ", or lower SlabMemory"), (20, None)])
def test_what_is_done_already_is_no_remedy(bench, slab, remedy):
    """Stars that do not fit: SlabMemory is to be set, or lowered, and then they do."""
    setup(bench, n=200000, side=20, channels=50)
    line = command("cubix", ["-n", bench.parameters(Deposit="tsc", Engine="direct", SlabMemory=slab, **PAR)], 1)
    done = subprocess.run(["bash", "-c", "ulimit -d 90000; exec \"$@\"", "bash", *map(str, line)], cwd=bench.folder,
                          env=environment(1), capture_output=True, text=True)
    assert done.returncode == (2 if remedy else 0), done.stderr
    assert not remedy or ("placed stars" in done.stderr and remedy in done.stderr), done.stderr
