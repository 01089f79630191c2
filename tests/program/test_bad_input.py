"""What goes wrong says so once, says where, ends with the right status on any number of ranks, and
leaves nothing behind."""
import os
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest
from astropy.io import fits

from harness import SOURCE, galaxy, put, read_cube, refused, run, write_particles, write_tng

RANKS = pytest.mark.parametrize("ranks", [1, 4])
PARAMETER, INPUT, OUTPUT = 2, 3, 4


# ---- particle files ------------------------------------------------------------------------------

def changed(bench, dataset, change):
    """A copy of the galaxy in which change(array) stands for a dataset; None: without it."""
    with h5py.File(bench.file, "r+") as f:
        old = f["Stars"][dataset]
        data, unit = old[:], old.attrs["unit"]
        del f["Stars"][dataset]
        data = change(data)
        if data is not None:
            f["Stars"].create_dataset(dataset, data=data).attrs["unit"] = unit


DATASETS = {
    "rank": ("Position", lambda x: x.ravel(), ["Position"]),
    "columns": ("Velocity", lambda x: x[:, :2], ["Velocity"]),
    "length": ("Velocity", lambda x: x[:-1], ["Velocity"]),
    "rank of a scalar": ("Age", lambda x: x[:, None] * np.ones(3), ["Age"]),
    "type": ("Metallicity", lambda x: np.array([b"solar"] * len(x)), ["Metallicity"]),
    "missing": ("InitialMass", lambda x: None, ["InitialMass"]),
    "NaN position": ("Position", put((39, 1), np.nan), ["Position", "39"]),
    "infinite position": ("Position", put((0, 2), np.inf), ["Position"]),
    "NaN velocity": ("Velocity", put((20, 0), np.nan), ["Velocity"]),
    "negative mass": ("InitialMass", put(17, -3.0), ["InitialMass"]),
    "negative present mass": ("Mass", put(39, -3.0), ["Mass"]),
    "NaN mass": ("Mass", put(1, np.nan), ["Mass"]),
    "NaN age": ("Age", put(39, np.nan), ["Age"]),
    "NaN metallicity": ("Metallicity", put(0, np.nan), ["Metallicity"]),
    "no stars": ("Position", lambda x: x[:0], []),
}


@RANKS
@pytest.mark.parametrize("what", DATASETS)
def test_dataset(ready, what, ranks):
    """Every time the wrong star is in one rank's share only: the others must not wait for it."""
    dataset, change, words = DATASETS[what]
    changed(ready, dataset, change)
    refused(ready, INPUT, "galaxy.hdf5", *words, ranks=ranks)


@RANKS
@pytest.mark.parametrize("unit", [None, "Mpc/h", "kg"])
def test_units(ready, unit, ranks):
    with h5py.File(ready.file, "r+") as f:
        del f["Stars/Position"].attrs["unit"]
        if unit:
            f["Stars/Position"].attrs["unit"] = unit
    refused(ready, INPUT, "galaxy.hdf5", "Position", "unit", ranks=ranks)


@RANKS
def test_no_such_file(ready, ranks):
    refused(ready, INPUT, "nothing.hdf5", ranks=ranks, InputFile=ready.path("nothing.hdf5"))


@RANKS
@pytest.mark.parametrize("content", [b"", b"This is not HDF5.\n" * 100])
def test_not_hdf5(ready, content, ranks):
    ready.file.write_bytes(content)
    refused(ready, INPUT, "galaxy.hdf5", ranks=ranks)


@RANKS
@pytest.mark.parametrize("left", [0.3, 0.9])
def test_truncated(ready, left, ranks):
    write_particles(ready.file, galaxy(4000, seed=2))
    data = ready.file.read_bytes()
    ready.file.write_bytes(data[:int(left * len(data))])
    refused(ready, INPUT, "galaxy.hdf5", ranks=ranks)


@RANKS
def test_a_folder_is_no_file(ready, ranks):
    refused(ready, INPUT, ready.folder, ranks=ranks, InputFile=ready.folder)


@RANKS
def test_unknown_simulation(ready, ranks):
    with h5py.File(ready.path("odd.hdf5"), "w") as f:
        f["Particles/Where"] = np.zeros((3, 3))
    refused(ready, INPUT, "odd.hdf5", "SimulationFormat", ranks=ranks, InputFile=ready.path("odd.hdf5"))


@RANKS
def test_a_member_is_missing(ready, ranks):
    ready.file = write_tng(ready.path("snap.hdf5"), galaxy(40, seed=2), files=3)
    ready.path("snap.1.hdf5").unlink()
    refused(ready, INPUT, "snap.1.hdf5", ranks=ranks)


@RANKS
def test_one_member_is_damaged(ready, ranks):
    ready.file = write_tng(ready.path("snap.hdf5"), galaxy(40, seed=2), files=4)
    with h5py.File(ready.path("snap.3.hdf5"), "r+") as f:
        f["PartType4/Coordinates"][-1, 0] = np.nan
    refused(ready, INPUT, "Coordinates", ranks=ranks)
    with h5py.File(ready.path("snap.2.hdf5"), "r+") as f:
        del f["PartType4/Velocities"]
    refused(ready, INPUT, "snap.2.hdf5", "Velocities", ranks=ranks)


@RANKS
def test_no_star_in_the_field(ready, ranks):
    refused(ready, PARAMETER, "PointingX", ranks=ranks, PointingX=5000)


@RANKS
def test_no_star_within_the_radius(ready, ranks):
    refused(ready, PARAMETER, "SelectRadius", ranks=ranks, SelectRadius=0.1, Centre=(900.0, 0.0, 0.0))


# ---- libraries -----------------------------------------------------------------------------------

UNITS = {"Age": "Gyr", "Metallicity": "mass fraction", "Wavelength": "AA", "Luminosity": "erg/s/AA/Msun",
         "LsfFwhm": "AA"}


@RANKS
@pytest.mark.parametrize("dataset, unit",
                         [("Age", "yr"), ("Wavelength", "nm"), ("Luminosity", "Lsun/AA/Msun"), ("Metallicity", "[M/H]"),
                          ("Age", None)])
def test_library_units(ready, dataset, unit, ranks):
    with h5py.File(ready.ssp_file, "r+") as f:
        del f[dataset].attrs["unit"]
        if unit:
            f[dataset].attrs["unit"] = unit
    refused(ready, INPUT, "ssp.hdf5", dataset, UNITS[dataset], *([unit] if unit else []), ranks=ranks)


@RANKS
@pytest.mark.parametrize("dataset, change", [
    ("Age", lambda x: x[::-1]), ("Wavelength", lambda x: x[::-1]), ("Metallicity", lambda x: x[[0, 2, 1, 3, 4]]),
                                             ("Wavelength", lambda x: np.r_[x[:300], x[299], x[301:]]),
    ("Luminosity", lambda x: np.where(x == x[2, 2, 310], np.nan, x)), ("Luminosity", lambda x: x[:, :, :-1]),
                                             ("Luminosity", lambda x: x[0]), ("LsfFwhm", lambda x: -1 - x),
    ("Age", lambda x: None), ("Luminosity", lambda x: None), ("Age", lambda x: np.where(x > 1, np.inf, x))])
def test_library_content(ready, dataset, change, ranks):
    with h5py.File(ready.ssp_file, "r+") as f:
        data = f[dataset][:]
        unit = f[dataset].attrs["unit"]
        del f[dataset]
        data = change(data)
        if data is not None:
            f.create_dataset(dataset, data=data).attrs["unit"] = unit
    refused(ready, INPUT, "ssp.hdf5", dataset, ranks=ranks)


@RANKS
@pytest.mark.parametrize("dataset, factor, most", [("Age", 1e3, "100 Gyr"), ("Metallicity", 50.0, "1 mass fraction")])
def test_library_in_other_units_than_it_says(ready, dataset, factor, most, ranks):
    """Ages in Myr, solar metallicities."""
    with h5py.File(ready.ssp_file, "r+") as f:
        f[dataset][...] = factor * f[dataset][:]
    refused(ready, INPUT, "ssp.hdf5", dataset, "at most " + most, "another unit", ranks=ranks)


def test_library_of_another_version(ready):
    with h5py.File(ready.ssp_file, "r+") as f:
        f.attrs["Version"] = 2
    refused(ready, INPUT, "ssp.hdf5", "version 2", "version 1")


@RANKS
def test_library_files(ready, ranks):
    refused(ready, INPUT, "none.hdf5", ranks=ranks, SspFile=ready.path("none.hdf5"))
    refused(ready, INPUT, "galaxy.hdf5", ranks=ranks, SspFile=ready.file)
    ready.path("text.hdf5").write_text("no library\n")
    refused(ready, INPUT, "text.hdf5", ranks=ranks, SspFile=ready.path("text.hdf5"))


@RANKS
def test_library_does_not_cover_the_range(ready, ranks):
    """No channel at all has light: an error that names both ranges.  (Some channels without: DQ, see B35.)"""
    done = refused(ready, INPUT, "ssp.hdf5", "Lambda", ranks=ranks, LambdaMin=20000, LambdaMax=20100)
    assert "6098" in done.err or "6099" in done.err              # the library's end


# ---- parameters ----------------------------------------------------------------------------------

@RANKS
def test_all_wrong_parameters_at_once(ready, ranks):
    """Unknown, doubled, malformed, out of range, a wrong word: one message, every line of it with its place."""
    good = ready.parameters().read_text()
    bad = ready.path("bad.param")
    bad.write_text(good
                   + "Redshfit 0.1\nSeed 1\nSeed 2\nRoll 12abc\nInclination 500\nOrientation sideways\nLambdaMin "
                     "nan\nPixelScale 0.2 0.3 0.4\nOverwrite maybe\n"
                          "Seed 1.5\nCentre 1 2\nLambdaStep 1 kpc\nRedshift\n")
    done = refused(ready, PARAMETER, "bad.param:", "Redshfit", "Redshift", "Seed", "Roll", "Inclination", "180",
                   "Orientation", "sideways", "edgeon", "LambdaMin", "PixelScale",
                   "Overwrite", "Centre", "LambdaStep", "kpc", ranks=ranks, file=bad)
    first = good.count("\n") + 1
    for line in range(first, first + 13):
        if line != first + 1:                                    # the first of the doubled pair is told with the second
            assert f"bad.param:{line}" in done.err, f"line {line}: {bad.read_text().splitlines()[line - 1]}\n{done.err}"


@RANKS
def test_required_parameters(ready, ranks):
    empty = ready.path("empty.param")
    empty.write_text("% nothing\n")
    refused(ready, PARAMETER, "InputFile", "SspFile", "OutputFile", ranks=ranks, file=empty)


@RANKS
@pytest.mark.parametrize("args, word",
                         [(["Redshfit=1"], "Redshift"), (["Redshift=-1"], "Redshift"),
                          (["Redshift=0.1", "Redshift=0.2"], "Redshift"), (["Redshift"], "Redshift"),
                          (["=3"], "=3"), (["Redshift="], "Redshift"), (["--what"], "--what")])
def test_command_line(ready, args, word, ranks):
    refused(ready, PARAMETER, word, ranks=ranks, args=args)


@RANKS
def test_no_parameter_file(ready, ranks):
    refused(ready, PARAMETER, "none.param", ranks=ranks, file=ready.path("none.param"))


@RANKS
@pytest.mark.parametrize("parameters, words", [
    (dict(LambdaMin=5040, LambdaMax=5010), ["LambdaM"]),
    (dict(FieldOfView=0.2, PixelScale=5), ["FieldOfView"]),
    (dict(Instrument="MUSEUM"), ["Instrument", "MUSE"]),
    (dict(SimulationFormat="Eagel"), ["SimulationFormat", "EAGLE"]),
    (dict(Psf="gaussian"), ["PsfFwhm"]),
    (dict(Lsf="gaussian"), ["LsfFwhm"]),
    (dict(Psf="file"), ["PsfFile"]),
    (dict(Redshift=0), ["Distance"]),
    (dict(Noise="exposure"), ["test.cfg", "noise"]),
    (dict(OutputFile="cube.png"), ["OutputFile", "cube.png"]),
])
def test_parameters_that_make_no_sense_together(ready, parameters, words, ranks):
    done = run("cubix", [ready.parameters(**{"OutputFile": ready.path("cube.fits"), **parameters})], ranks,
               cwd=ready.folder)
    assert done.status in (PARAMETER, INPUT) and done.err.count("cubix: error:") == 1, done.err
    for word in words:
        assert word in done.err, done.err
    assert not [p for p in ready.folder.iterdir() if p.name.startswith(("cube", ".cube"))]


@RANKS
def test_a_line_spread_function_that_takes_for_ever(ready, ranks):
    """Every wavelength of a fine library would be a sum over all of them: 16000 squared weights."""
    ready.ssp(step=0.1)
    refused(ready, PARAMETER, "FWHM 9900.99", "LsfFwhm", ranks=ranks, Lsf="gaussian", LsfFwhm=1e4)


@RANKS
@pytest.mark.parametrize("text",
                         ["", "instrument: {", "instrument: { name = 3; };", "spectrum: { medium = \"water\"; };"])
def test_instrument_file(ready, text, ranks):
    path = ready.path("broken.cfg")
    path.write_text(text)
    done = refused(ready, INPUT, "broken.cfg", ranks=ranks, Instrument=path)
    if "water" in text:
        assert "water" in done.err and "vacuum" in done.err and "field" in done.err      # all that is wrong


def format_file(ready, text):
    """The canonical format, and this text behind it."""
    path = ready.path("made.cfg")
    path.write_text((SOURCE / "parameterfiles/formats/canonical.cfg").read_text() + text)
    return {"SimulationFormat": path}


def instrument_file(ready, text):
    path = ready.path("made.cfg")
    path.write_text(ready.inst_file.read_text() + text)
    return {"Instrument": path}


CFG = pytest.mark.parametrize("make", [instrument_file, format_file])


@RANKS
@CFG
@pytest.mark.parametrize("kind, words",
                         [("fifo", "a FIFO"), ("folder", "is a folder"), ("absent", "No such file"),
                          ("dangling", "a symbolic link to gone"), ("binary", "zero byte"),
                          ("itself", "does one include itself?"), ("inner", "a FIFO"), ("/dev/zero", "/dev/zero")])
def test_included_file_that_is_none(ready, make, kind, words, ranks):
    """libconfig would wait for ever, or end the program, or not say which file it means."""
    os.mkfifo(ready.path("fifo"))
    ready.path("folder").mkdir()
    ready.path("dangling").symlink_to("gone")
    ready.path("binary").write_bytes(b"a = 1;\0")
    ready.path("itself").write_text("# once more\n@include \"itself\"\n")
    ready.path("inner").write_text("\n\n  @include\t\"fifo\"\n")
    parameters = make(ready, f"\n@include \"{kind}\"\n")
    status = INPUT if "Instrument" in parameters else PARAMETER
    place = {"inner": "inner:3: @include \"fifo\"", "itself": "itself:2: @include \"itself\""}
    refused(ready, status, place.get(kind, "made.cfg:"), place.get(kind, f"@include \"{kind}\""), words, ranks=ranks,
            **parameters)


@CFG
def test_included_files(ready, make):
    """Beside the file that includes them, wherever the program runs; what stands in a comment or in
    quotes is not included."""
    want = ready.cube()
    ready.path("elsewhere").mkdir()
    parameters = make(ready, "\n# @include \"a\"\n/* \n@include \"b\"\n*/\n// \"\n @include \"empty\"\n")
    ready.path("empty").write_text("@include \"quo\\\"te\" # \"\n")
    ready.path("quo\"te").write_text("# nothing\n")
    done = run("cubix", [ready.parameters(**parameters)], cwd=ready.path("elsewhere"))
    assert done.status == 0, done.err
    assert np.array_equal(read_cube(ready.out)["DATA"], want["DATA"], equal_nan=True)
    name, path = next(iter(parameters.items()))
    # read as what it is: an unknown key
    path.write_text(path.read_text() + "text = \"\n@include \\\"fifo\\\" \n@include \";\n")
    refused(ready, INPUT if name == "Instrument" else PARAMETER, "unknown", "'text'", **parameters)


@RANKS
@pytest.mark.parametrize("shape", [(4, 4), (3, 4), (3, 3, 3), None])
def test_psf_file(ready, shape, ranks):
    path = ready.path("psf.fits")
    if shape:
        fits.writeto(path, np.ones(shape))
    else:
        path.write_text("no FITS\n")
    refused(ready, INPUT, "psf.fits", ranks=ranks, Psf="file", PsfFile=path)


# ---- output --------------------------------------------------------------------------------------

@RANKS
def test_output_cannot_be_made(ready, ranks):
    """A folder that is not there, and one that cannot be (root may write everywhere else)."""
    refused(ready, OUTPUT, "nowhere", ranks=ranks, OutputFile=ready.path("nowhere/cube.fits"))
    refused(ready, OUTPUT, "cube.fits", ranks=ranks, OutputFile=ready.ssp_file / "cube.fits")


@RANKS
def test_output_is_not_replaced(ready, ranks):
    ready.path("cube.fits").write_text("precious")
    done = run("cubix", [ready.parameters(OutputFile=ready.path("cube.fits"), Overwrite=False)], ranks,
               cwd=ready.folder)
    assert done.status in (PARAMETER, OUTPUT) and done.err.count("cubix: error:") == 1 and "Overwrite" in done.err
    assert ready.path("cube.fits").read_text() == "precious"


@RANKS
@pytest.mark.parametrize("suffix", ["fits", "hdf5"])
def test_output_is_full(ready, suffix, ranks, tmp_path_factory):
    """A file system of 1 MB where we may mount one; else a limit on the size of files.  An older
    cube of that name survives."""
    folder = tmp_path_factory.mktemp("full")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
                             capture_output=True).returncode == 0
    try:
        out = folder / f"cube.{suffix}"
        out.write_text("precious")
        # 23 MB
        file = ready.parameters(OutputFile=out, FieldOfView=60.0, PixelScale=0.25, LambdaMin=5000, LambdaMax=5099)
        old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            done = run("cubix", [file], ranks, cwd=ready.folder, file_limit=None if mounted else 20_000_000)
        finally:
            signal.signal(signal.SIGXFSZ, old)
        assert done.status == OUTPUT, f"{done.status}\n{done.err}"
        assert done.err.count("cubix: error:") == 1, f"{done.status}\n{done.err}"
        assert f"cube.{suffix}" in done.err, f"{done.status}\n{done.err}"
        assert [p.name for p in folder.iterdir()] == [f"cube.{suffix}"] and out.read_text() == "precious"
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


# ---- interruption --------------------------------------------------------------------------------

@RANKS
def test_sigint(ready, ranks):
    """Ctrl-C while stars are painted: 130, soon, and nothing left."""
    n = 400_000
    rng = np.random.default_rng(1)
    write_particles(ready.file,
                    {"pos": rng.standard_normal((n, 3)), "vel": 100 * rng.standard_normal((n, 3)), "mass": np.ones(n),
                     "mass_now": np.ones(n),
                     "age": rng.uniform(0.1, 10, n), "z": rng.uniform(0.001, 0.03, n)})
    file = ready.parameters(OutputFile=ready.path("cube.fits"), LambdaMin=4800, LambdaMax=5800, LambdaStep=0.1,
                            FieldOfView=6, PixelScale=1, Engine="direct")
    started = []

    def while_painting(proc):
        time.sleep(2.0 if ranks > 1 else 1.0)
        assert proc.poll() is None, "it was done before it could be interrupted"
        started.append(time.monotonic())

    before = set(os.listdir(ready.folder))
    done = run("cubix", [file], ranks, cwd=ready.folder, interrupt_after=while_painting)
    assert time.monotonic() - started[0] < 15
    # mpirun, which gets the signal, has an exit status of its own
    assert done.status == 130 or ranks > 1 and done.status != 0, f"{done.status}\n{done.err}"
    assert done.err.count("cubix: error:") <= 1
    assert set(os.listdir(ready.folder)) == before


def test_standard_input_and_ssp_of_another_kind(ready):
    """A parameter file from standard input is named as such in messages."""
    text = ready.parameters(OutputFile=ready.path("cube.fits")).read_text()
    assert run("cubix", ["-"], cwd=ready.folder, stdin=text).status == 0
    done = run("cubix", ["-"], cwd=ready.folder, stdin=text + "Rol 3\n")
    assert done.status == PARAMETER and "Rol" in done.err and "Roll" in done.err
