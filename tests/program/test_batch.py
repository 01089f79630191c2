"""cubix-batch: a cube for every row of a table, with the bits of cubix; what fails, what is left, what is said."""
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Column, Table

from harness import BUILD, Bench, environment, galaxy, run, write_parameters


@pytest.fixture
def batch(tmp_path):
    return Batch(tmp_path)


class Batch(Bench):
    """A galaxy of 300 stars, and a parameter file that lacks nothing but what a table says."""

    def __init__(self, folder):
        super().__init__(folder)
        self.instrument(psf_curve=(1.2, ))
        self.ssp()
        self.particles(galaxy())
        self.base = write_parameters(self.path("base.param"), InputFile=self.file, SspFile=self.ssp_file,
                                     Instrument=self.inst_file, OutputFile=self.path("cube.fits"), Lsf="none",
                                     Orientation="inclined", Redshift=0.02)

    def table(self, text, name="rows.csv"):
        self.path(name).write_text(text)
        return self.path(name)

    def run(self, table, *words, ranks=1, options=(), **kw):
        return run("cubix-batch", [*options, table, self.base, *words], ranks=ranks, cwd=self.folder, **kw)

    def data(self, name):
        """Of each HDU the bytes of its data; of PARAMETERS only the values."""
        with fits.open(self.path(name)) as hdus:
            return {hdu.name: [tuple(row)[1] for row in hdu.data] if hdu.name == "PARAMETERS" else hdu.data.tobytes()
                    for hdu in hdus if hdu.data is not None}


ROWS = """Inclination [deg],Seed,Redshift
0,1,0.02
35,2,0.02
70,3,0.03
35,2,0.021
10,1,0.02
"""


def same_as_cubix(batch, row, ranks=1, **parameters):
    """Whether a row's cube is that of cubix with these parameters, every array of it."""
    words = [f"{name}={value}" for name, value in parameters.items()]
    out = run("cubix", [batch.base, f"OutputFile={batch.path('single.fits')}", *words], ranks, cwd=batch.folder)
    assert out.status == 0, out.err
    one, other = batch.data(f"cube_{row}.fits"), batch.data("single.fits")
    assert one.keys() == other.keys()
    for name in one.keys() - {"PARAMETERS"}:
        assert one[name] == other[name], (row, name)


@pytest.mark.parametrize("engine", ["direct", "histogram"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_bits_of_a_single_run(batch, engine, ranks):
    """Rows that take over instrument, templates and prepared templates of the row before, or cannot."""
    extra = {"Engine": engine, "Noise": "exposure", "ExposureTime": 3600,
             "TemplateCache": batch.path("cache") if engine == "histogram" else "none"}
    batch.instrument(psf_curve=(1.2, ), area=5e5, sky=(2e-17, ), dark=1e-3, read_noise=3.0,
                     n_pixel=4.0, exposure=1000.0, n_sky=50.0)
    out = batch.run(batch.table(ROWS), *(f"{n}={v}" for n, v in extra.items()), ranks=ranks)
    assert out.status == 0, out.err
    for row, line in enumerate(ROWS.splitlines()[1:], 1):
        inclination, seed, redshift = line.split(",")
        same_as_cubix(batch, row, Inclination=inclination, Seed=seed, Redshift=redshift, **extra)


def test_rows_of_several_instruments_and_pointings(batch):
    """More kinds of cubes than are kept, in turn, and pointings of one kind."""
    rows = [(0.5 + 0.1 * (i % 6), (i % 3) - 1.0) for i in range(12)]
    table = batch.table("PixelScale,PointingX\n" + "".join(f"{p},{x}\n" for p, x in rows))
    assert batch.run(table, "Engine=histogram", f"TemplateCache={batch.path('cache')}").status == 0
    for row in (1, 6, 7, 12):
        same_as_cubix(batch, f"{row:02d}", PixelScale=rows[row - 1][0], PointingX=rows[row - 1][1], Engine="histogram",
                      TemplateCache=batch.path("cache"))


def test_all_ranks_on_one_row(batch):
    out = batch.run(batch.table(ROWS), "Engine=histogram", "Combine=histogram", ranks=2,
                    options=["--ranks-per-row", "all"])
    assert out.status == 0, out.err
    same_as_cubix(batch, 2, ranks=2, Inclination=35, Seed=2, Engine="histogram", Combine="histogram")


def test_used_values_make_the_cube_again(batch):
    """With Engine auto the batch may choose another engine than a single run; the used values name it."""
    assert batch.run(batch.table(ROWS), f"TemplateCache={batch.path('cache')}").status == 0
    before = batch.data("cube_2.fits")
    out = run("cubix", [batch.path("cube_2-usedvalues"), f"OutputFile={batch.path('again.fits')}"], cwd=batch.folder)
    assert out.status == 0, out.err
    after = batch.data("again.fits")
    assert all(before[name] == after[name] for name in before.keys() - {"PARAMETERS"})


def test_a_row_that_fails_stops_no_other(batch):
    """It is told with its message, and the same command makes it once its file is there."""
    later = batch.path("later.hdf5")
    table = batch.table(f"InputFile,Seed\n{batch.file},1\n{later},2\n{batch.file},3\n")
    out = batch.run(table)
    assert out.status == 1
    assert "row 2 failed" in out.err and "later.hdf5" in out.err
    assert "3 rows: 2 made, 0 made before, 1 failed, 0 left" in out.out
    assert batch.path("cube_1.fits").exists() and batch.path("cube_3.fits").exists()
    status = run("cubix-batch", ["--status", table], cwd=batch.folder)
    assert status.status == 0 and "2 of 3 rows done, 1 failed" in status.out and "row 2: " in status.out
    stamp = batch.path("cube_1.fits").stat().st_mtime_ns
    batch.particles(galaxy(), name="later.hdf5")
    out = batch.run(table)
    assert out.status == 0, out.err
    assert "3 rows: 1 made, 2 made before, 0 failed, 0 left" in out.out
    assert batch.path("cube_1.fits").stat().st_mtime_ns == stamp
    assert "3 of 3 rows done, 0 failed" in run("cubix-batch", ["--status", table], cwd=batch.folder).out


def test_rows_that_were_changed_or_lost_are_made_again(batch):
    table = batch.table("Seed,Inclination\n1,0\n2,0\n3,0\n")
    assert batch.run(table).status == 0
    batch.path("cube_3.fits").unlink()
    batch.table("Seed,Inclination\n1,0\n2,40\n3,0\n4,0\n")
    out = batch.run(table)
    assert out.status == 0, out.err
    assert "4 rows: 3 made, 1 made before, 0 failed, 0 left" in out.out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_lets_the_row_at_work_end(batch, number):
    """No half file, and the rest by the same command."""
    table = batch.table("Seed\n" + "".join(f"{i}\n" for i in range(400)))
    words = [BUILD / "cubix-batch", table, batch.base]
    proc = subprocess.Popen(words, cwd=batch.folder, env=environment(), text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not batch.path("cube_003.fits").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        proc.send_signal(number)
        out, err = proc.communicate(timeout=60)
    finally:
        proc.kill()
    assert proc.returncode == 130, err
    made = sorted(p.name for p in batch.folder.glob("cube_*.fits"))
    assert 3 <= len(made) < 400
    assert f"{len(made)} made, 0 made before, 0 failed, {400 - len(made)} left" in out
    assert not [p for p in batch.folder.iterdir() if p.is_file() and p.name.startswith(".")]
    for name in made:
        fits.open(batch.path(name)).verify("exception")


def test_a_killed_batch_goes_on(batch):
    """What a program that was killed has left of a line in the journal is no row, and no beginning of the next."""
    table = batch.table("Seed\n1\n2\n3\n")
    assert batch.run(table).status == 0
    journal = batch.path("rows-journal") / "00000.journal"
    lines = journal.read_text().splitlines(keepends=True)
    done = [i for i, line in enumerate(lines) if line.startswith("done")]
    journal.write_text("".join(lines[:done[2]]) + lines[done[2]][:40])
    out = batch.run(table)
    assert "3 rows: 1 made, 2 made before, 0 failed, 0 left" in out.out
    assert "3 rows: 0 made, 3 made before" in batch.run(table).out


def test_names_of_outputs(batch):
    table = batch.table("Seed,Inclination,label\n1,0,a b\n2,30,c/d\n")
    out = batch.run(table, "OutputFile=x_{label}_{Inclination}_{row}.fits, y_{row}.hdf5")
    assert out.status == 0, out.err
    for name in ("x_a_b_0_1.fits", "y_1.hdf5", "x_c_d_30_2.fits", "y_2.hdf5"):
        assert batch.path(name).exists(), name


def test_units_of_columns(batch):
    """`Name [unit]`, and those of an ECSV header: 3 kpc and 3000 pc are the same radius."""
    ecsv = ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: SelectRadius, unit: pc, datatype: float64}\n"
            "# - {name: Object, datatype: string, description: 'a name: of the row'}\n# meta: !!omap\n"
            "# - {name: unit}\n# schema: astropy-2.0\n"
            'SelectRadius Object\n3000.0 "a b"\n2000.0 ""\n')
    assert batch.run(batch.table(ecsv, "rows.ecsv"), "OutputFile=e_{row}.fits").status == 0
    assert batch.run(batch.table("SelectRadius [kpc]\n3\n"), "OutputFile=c_{row}.fits").status == 0
    one, other = batch.data("e_1.fits"), batch.data("c_1.fits")
    assert all(one[name] == other[name] for name in one.keys() - {"PARAMETERS"})
    assert fits.getheader(batch.path("e_1.fits"))["OBJECT"] == "a b"


WRONG = {
    "Redshft,Seed\n0.1,1\n": ("did you mean Redshift?", "rows.csv"),
    "Seed,PixelScale\n1,0.2\n2,-1\n3,x\n": ("rows.csv:3: PixelScale = -1 must be", "rows.csv:4: PixelScale"),
    "Seed,Inclination\n1,0\n2\n": ("rows.csv:3: 1 fields, but 2 columns: Inclination", ),
    "Seed\n1,2\n": ("rows.csv:2: more fields than the 1 columns", ),
    'Object\n"a\n': ("rows.csv:2: a quote opens here and is never closed", ),
    "Seed,Seed\n1,1\n": ("rows.csv:1: two columns are called Seed", ),
    "# nothing\n": ("the table is empty", ),
    "Seed\n": ("there are columns, but no rows", ),
    "Mode\nfit\n": ("rows.csv:2: Mode = fit", "Mode must be cube"),
    "OutputFile\na.fits\nb.fits\na.fits\n": ("rows.csv:4 writes the same file as rows.csv:2", ),
    "OutputFile\na_{Seeed}.fits\n": ("{Seeed} is neither {row} nor a parameter nor a column", ),
    "InputFile,Seed\ng.hdf5,1\n,2\n": ("rows.csv:3: InputFile is empty", ),
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:20].replace("\n", " "))
def test_wrong_tables(batch, text):
    """Told before any cube is made, with file, line and column."""
    if text.startswith("InputFile"):
        batch.base = write_parameters(batch.path("less.param"), SspFile=batch.ssp_file, OutputFile="cube.fits")
    out = run("cubix-batch", ["rows.csv", batch.base], cwd=batch.table(text).parent)
    assert out.status == 2
    for words in WRONG[text]:
        assert words in out.err, out.err
    assert not list(batch.folder.glob("cube*"))


def test_a_parameter_as_column_and_on_the_command_line(batch):
    out = batch.run(batch.table("Seed\n1\n"), "Seed=3")
    assert out.status == 2 and "Seed is given on the command line (Seed=3) and as a column" in out.err


def test_status_without_a_batch(batch):
    out = run("cubix-batch", ["--status", "rows.csv"], cwd=batch.folder)
    assert out.status == 3 and "no batch has left a journal in rows-journal" in out.err


def test_warnings_are_told_once(batch):
    """On the terminal; and every file holds those of its own row, and of no other."""
    out = batch.run(batch.table("PointingX\n0\n4\n0\n4\n"))
    assert out.status == 0, out.err
    told = [line for line in out.err.splitlines() if "of the light" in line and "lies in the field" in line]
    assert len(told) == 1 and "row 2, and perhaps others: only" in told[0], out.err
    for row in (1, 2, 3, 4):
        header = fits.getheader(batch.path(f"cube_{row}.fits"))
        assert ("lies in the field" in " ".join(map(str, header.values()))) == (row in (2, 4))


def hdf5_datasets(path, columns):
    """One dataset for each column (name, unit, values)."""
    with h5py.File(path, "w") as f:
        for name, unit, values in columns:
            f[name] = values
            if unit:
                f[name].attrs["unit"] = unit


def hdf5_records(path, columns, name="rows"):
    """One dataset of records, with units as astropy describes them."""
    Table({name: Column(values, unit=unit or None) for name, unit, values in columns}).write(
        path, path=name, serialize_meta=True)


def hdf5_short_name(path, columns):
    hdf5_records(path, columns, "t")


@pytest.mark.parametrize("write", [hdf5_datasets, hdf5_records, hdf5_short_name])
def test_hdf5_tables(batch, write):
    """Numbers of several types, texts, truths, units and empty cells: the cubes of the same rows as CSV."""
    columns = [("Inclination", "rad", np.array([0, 0.7, 0.1])), ("Seed", "", np.array([1, 2, 300], np.int16)),
               ("Redshift", "", np.array([0.02, np.nan, 0.03], np.float32)),
               ("suffix", "", np.array([b"one", b'a "b", c', b""])), ("TruthMaps", "", np.array([True, False, True]))]
    write(batch.path("rows.hdf5"), columns)
    out = batch.run(batch.path("rows.hdf5"), "OutputFile=h{row}.fits", ranks=2)
    assert out.status == 0, out.err
    table = batch.table('Inclination [rad],Seed,Redshift,suffix,TruthMaps\n0,1,0.02,one,yes\n'
                        '0.7,2,,"a ""b"", c",no\n0.1,300,0.03,,yes\n')
    assert batch.run(table, "OutputFile=c{row}.fits").status == 0
    for row in (1, 2, 3):
        one, other = batch.data(f"h{row}.fits"), batch.data(f"c{row}.fits")
        assert one.keys() == other.keys()
        assert all(one[name] == other[name] for name in one.keys() - {"PARAMETERS"}), row


def test_a_stack_as_a_table(batch):
    assert batch.run(batch.table(ROWS), options=["--stack", batch.path("s.hdf5")]).status == 0
    out = batch.run(batch.path("s.hdf5"), "OutputFile=again_{row}.fits")
    assert out.status == 0 and "5 made" in out.err + out.out, out.err


@pytest.mark.parametrize("columns, says", [
    ([("Seed", "", [1, 2]), ("Alpha", "", [1.0, 2, 3])], "column Seed has 2 rows, Alpha has 3"),
    ([("Seed", "", [[1, 2], [3, 4]])], "/Seed has 2 dimensions; a column has one"),
    ([("Seed", "", np.zeros(2, "V3"))], "column Seed is neither numbers nor texts"),
    ([], "has no columns"),
    ([("Seed", "", [1, -2])], "rows.hdf5, row 2"),
])
def test_wrong_hdf5_tables(batch, columns, says):
    hdf5_datasets(batch.path("rows.hdf5"), columns)
    out = batch.run(batch.path("rows.hdf5"), ranks=2)
    assert out.status != 0 and says in out.err, out.err


def test_ranks_by_the_stars_of_a_row(batch):
    """One galaxy that is larger than the others together: both ranks make it first; cubes are those of single runs."""
    small, large = batch.particles(galaxy(60), "small.hdf5"), batch.particles(galaxy(2000), "large.hdf5")
    table = batch.table("InputFile,Seed\n" + "".join(f"{large if i == 3 else small},{i}\n" for i in range(1, 6)))
    out = batch.run(table, "Engine=histogram", "Combine=histogram", ranks=2, options=["--ranks-per-row", "auto"])
    assert out.status == 0, out.err
    text = out.out + out.err
    assert "1 rows, 0 done before; 1 team(s) of 2 rank(s)" in text and "4 rows, 0 done before; 2 team(s) of 1" in text
    assert "5 rows: 5 made, 0 made before, 0 failed, 0 left" in text
    for row, file, ranks in ((3, large, 2), (5, small, 1)):
        same_as_cubix(batch, row, ranks, InputFile=file, Seed=row, Engine="histogram", Combine="histogram")
    assert batch.run(batch.table("Seed\n1\n2\n3\n", "same.csv"), "OutputFile=same_{row}.fits", ranks=2,
                     options=["--ranks-per-row", "auto"]).status == 0
