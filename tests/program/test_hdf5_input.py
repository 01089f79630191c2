"""What the files that CUBIX reads may be: locked or on file systems without locks, links, FIFOs, data that lie in other files or nowhere.  One rank and
several must do the same."""
import os
import shutil
import subprocess

import h5py
import numpy as np
import pytest

from harness import galaxy, read_cube, refused, run, write_tng

RANKS = pytest.mark.parametrize("ranks", [1, 2])
PARAMETER, INPUT = 2, 3


@pytest.fixture
def ready(bench):
    bench.instrument(4, 4, 1.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    bench.particles(galaxy(40, seed=2, radius=0.5))
    return bench


# ---- locks ---------------------------------------------------------------------------------------

NO_LOCKS = """#include <errno.h>
int flock(int file, int what) { (void)file; (void)what; errno = ENOLCK; return -1; }
"""


@pytest.fixture(scope="session")
def no_locks(tmp_path_factory):
    """The environment of a file system that knows no locks."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no C compiler: a file system without locks cannot be played")
    folder = tmp_path_factory.mktemp("locks")
    (folder / "locks.c").write_text(NO_LOCKS)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "locks.so", folder / "locks.c"], check=True)
    return {"LD_PRELOAD": str(folder / "locks.so")}


@RANKS
def test_without_file_locks(ready, no_locks, ranks):
    """Stars, library and observed cube from a file system without locks give what they give elsewhere."""
    want = ready.cube(ranks=ranks)
    done = run("cubix", [ready.parameters(), "OutputFile=out.hdf5"], ranks, cwd=ready.folder, env=no_locks)
    assert done.status == 0, done.err
    with h5py.File(ready.path("out.hdf5")) as f:
        assert np.array_equal(f["DATA"][:], want["DATA"], equal_nan=True)
    done = run("cubix",
               [ready.parameters(Mode="gradient", ObservedFile=ready.path("out.hdf5"), Parameters="Mass",
                                 Likelihood="cosine")], ranks,
               cwd=ready.folder, env=no_locks)
    assert done.status == 0, done.err


@RANKS
def test_open_for_writing_elsewhere(ready, ranks):
    with h5py.File(ready.file, "r+"):
        ready.cube(ranks=ranks)


# ---- what is no regular file ---------------------------------------------------------------------

FILES = {"InputFile": {}, "SspFile": {}, "PsfFile": {"Psf": "file"},
         "ObservedFile": {"Mode": "gradient", "Parameters": "Mass"}, "Instrument": {},
         "SimulationFormat": {}, "FitRestartFile": {"Mode": "fit", "Parameters": "Mass", "FitResume": "yes"}}


def words_of(name):
    """The parameter's status, and what it needs beside itself."""
    return PARAMETER if name in ("Instrument", "SimulationFormat") else INPUT


@RANKS
@pytest.mark.parametrize("name", FILES)
def test_fifo(ready, name, ranks):
    """Nobody writes into it: waiting would be for ever."""
    os.mkfifo(ready.path("fifo"))
    more = dict(FILES[name])
    if name == "FitRestartFile":
        ready.cube(OutputFile=ready.path("observed.fits"))
        more["ObservedFile"] = ready.path("observed.fits")
    refused(ready, words_of(name), "fifo", "FIFO", ranks=ranks, **{**more, name: ready.path("fifo")})


@RANKS
def test_device(ready, ranks):
    refused(ready, INPUT, "/dev/zero", "a device", ranks=ranks, InputFile="/dev/zero")


@RANKS
def test_parameters_through_a_fifo(ready, ranks):
    """As `cubix <(program)` has it: a writer that comes late is waited for."""
    want = ready.cube(ranks=ranks)
    fifo, text = ready.path("fifo"), ready.parameters()
    os.mkfifo(fifo)
    writer = subprocess.Popen(["sh", "-c", f"sleep 1; cat '{text}' > '{fifo}'"])
    try:
        done = run("cubix", [fifo], ranks, cwd=ready.folder)
    finally:
        writer.kill()
        writer.wait()
    assert done.status == 0, done.err
    assert np.array_equal(read_cube(ready.out)["DATA"], want["DATA"], equal_nan=True)


def test_parameters_through_a_fifo_without_writer(ready):
    os.mkfifo(ready.path("fifo"))
    refused(ready, PARAMETER, "fifo", "nobody wrote", file=ready.path("fifo"))


# ---- links ---------------------------------------------------------------------------------------

@RANKS
@pytest.mark.parametrize("name", FILES)
def test_dangling_link(ready, name, ranks):
    ready.path("here").symlink_to("moved away")
    more = dict(FILES[name])
    if name == "FitRestartFile":
        ready.cube(OutputFile=ready.path("observed.fits"))
        more["ObservedFile"] = ready.path("observed.fits")
    refused(ready, words_of(name), "here", "symbolic link to moved away", ranks=ranks,
            **{**more, name: ready.path("here")})


def edit(path, change):
    with h5py.File(path, "r+") as f:
        change(f)


def external_link(ready, what="Stars/Position"):
    """A dataset, with its unit, moves to another file and leaves a link."""
    with h5py.File(ready.path("other.hdf5"), "w") as other, h5py.File(ready.file, "r+") as f:
        f.copy(what, other, name="there")
        del f[what]
        f[what] = h5py.ExternalLink("other.hdf5", "/there")


@RANKS
@pytest.mark.parametrize("what", ["Stars/Position", "Stars", "Header"])
def test_external_link(ready, ranks, what):
    """Data, attributes and whole groups are read through the link."""
    want = ready.cube(ranks=ranks)
    external_link(ready, what)
    got = ready.cube(ranks=ranks)
    assert np.array_equal(got["DATA"], want["DATA"], equal_nan=True)


@RANKS
def test_external_link_without_file_locks(ready, no_locks, ranks):
    external_link(ready)
    done = run("cubix", [ready.parameters()], ranks, cwd=ready.folder, env=no_locks)
    assert done.status == 0, done.err


@RANKS
@pytest.mark.parametrize("what", ["Stars/Position", "Stars", "Header", "Stars/Age"])
def test_external_link_to_nowhere(ready, ranks, what):
    external_link(ready, what)
    ready.path("other.hdf5").unlink()
    refused(ready, INPUT, "galaxy.hdf5", what, "the file other.hdf5, which is not there", ranks=ranks)


@RANKS
def test_soft_link_to_nowhere(ready, ranks):
    edit(ready.file, lambda f: f.move("Stars/Age", "Stars/Old"))
    edit(ready.file, lambda f: f.__setitem__("Stars/Age", h5py.SoftLink("/Stars/Young")))
    refused(ready, INPUT, "galaxy.hdf5", "Stars/Age is a link to /Stars/Young", ranks=ranks)


def relink(path, name, link):
    def change(f):
        if f.get(name, getlink=True):
            del f[name]
        f[name] = link
    edit(path, change)


# ---- a FIFO where HDF5 would look for another file -----------------------------------------------

WAITS = "which may keep a reader waiting for ever"


@RANKS
@pytest.mark.parametrize("what", ["Stars/Position", "Stars", "Header", "Stars/Age"])
def test_external_link_to_a_fifo(ready, ranks, what):
    external_link(ready, what)
    ready.path("other.hdf5").unlink()
    os.mkfifo(ready.path("other.hdf5"))
    refused(ready, INPUT, "galaxy.hdf5", f"/{what} is a link to /there of the file other.hdf5", "a FIFO", WAITS,
            ranks=ranks)


def test_external_link_to_a_device_or_a_folder(ready):
    for target, words in (("/dev/zero", "a device"), (str(ready.folder), "is a folder")):
        relink(ready.file, "Stars/Age", h5py.ExternalLink(target, "/there"))
        refused(ready, INPUT, "galaxy.hdf5", f"/Stars/Age is a link to /there of the file {target}", words)


def test_links_that_lead_to_a_fifo_by_way_of_others(ready):
    """A soft link through an external one; a file that has a link of its own, in the middle of a path."""
    os.mkfifo(ready.path("fifo"))
    edit(ready.file, lambda f: f.move("Stars/Age", "Age"))
    relink(ready.file, "far", h5py.ExternalLink("fifo", "/"))
    relink(ready.file, "Stars/Age", h5py.SoftLink("/far/Age"))
    refused(ready, INPUT, "galaxy.hdf5", "/far is a link to / of the file fifo", "a FIFO")
    relink(ready.file, "Stars/Age", h5py.ExternalLink("other.hdf5", "/far/Age"))
    with h5py.File(ready.path("other.hdf5"), "w") as other:
        other["far"] = h5py.ExternalLink("fifo", "/")
    refused(ready, INPUT, "galaxy.hdf5", "/Stars/Age is a link to /far/Age of the file other.hdf5",
            "other.hdf5: /far is a link to / of the file fifo", "a FIFO")


def test_links_that_go_round(ready):
    """Which HDF5 follows no further than it chooses."""
    for target in (h5py.SoftLink("/Stars/Age"), h5py.ExternalLink("galaxy.hdf5", "/Stars/Age"),
                   h5py.SoftLink("/Stars" + 8 * "/Age")):
        relink(ready.file, "Stars/Age", target)
        refused(ready, INPUT, "galaxy.hdf5", "/Stars/Age")


def test_a_link_with_a_long_path(ready):
    relink(ready.file, "Stars/Age", h5py.SoftLink("/" + 1100 * "x"))
    refused(ready, INPUT, "galaxy.hdf5", "1101 letters; at most 1023")


@RANKS
@pytest.mark.parametrize("prefix, make",
                         [("HDF5_EXT_PREFIX", lambda ready: (external_link(ready), ready.file)[1]),
                          ("HDF5_VDS_PREFIX", lambda ready: make_virtual(ready))])
def test_fifo_in_a_folder_that_comes_first(ready, ranks, prefix, make):
    """HDF5 opens whatever bears the name in the folders that it is told, before it looks beside the
    file; a folder of that name it passes over."""
    file = make(ready)
    for name in ("other.hdf5", "part0.hdf5", "part1.hdf5"):
        ready.path("first").mkdir(exist_ok=True)
        os.mkfifo(ready.path("first") / name)
    parameters = ready.parameters(InputFile=file)
    done = run("cubix", [parameters], ranks, cwd=ready.folder, env={prefix: f"/nowhere:{ready.path('first')}"})
    assert done.status == INPUT and done.err.count("cubix: error:") == 1 and str(file) in done.err and "first/" in done.err and "a FIFO" in done.err, done.err
    for name in ("other.hdf5", "part0.hdf5", "part1.hdf5"):
        (ready.path("first") / name).unlink()
        (ready.path("first") / name).mkdir()
    done = run("cubix", [parameters], ranks, cwd=ready.folder, env={prefix: f"/nowhere:{ready.path('first')}"})
    assert done.status == 0, done.err


def test_a_file_that_is_not_hdf5_comes_first(ready):
    """HDF5 1.10 would pass over it, 1.14 fails there: it is named."""
    ready.path("first").mkdir()
    for prefix, make in (("HDF5_VDS_PREFIX", make_virtual),
                         ("HDF5_EXT_PREFIX", lambda ready: (external_link(ready), ready.file)[1])):
        file = make(ready)
        for name in ("other.hdf5", "part0.hdf5", "part1.hdf5"):
            (ready.path("first") / name).write_text("notes")
        done = run("cubix", [ready.parameters(InputFile=file)], cwd=ready.folder,
                   env={prefix: str(ready.path("first"))})
        name = "part0.hdf5" if prefix == "HDF5_VDS_PREFIX" else "other.hdf5"
        assert done.status == INPUT and str(ready.path("first")
                                            / name) in done.err and "not an HDF5 file" in done.err, done.err


@RANKS
def test_virtual_source_is_a_fifo(ready, ranks):
    file = make_virtual(ready)
    ready.path("part1.hdf5").unlink()
    os.mkfifo(ready.path("part1.hdf5"))
    refused(ready, INPUT, "virtual.hdf5", "is a virtual dataset", "part1.hdf5", "a FIFO", WAITS, ranks=ranks,
            InputFile=file)


@RANKS
@pytest.mark.parametrize("block", [0, 2, 4])
def test_counted_source_is_a_fifo(ready, ranks, block):
    """HDF5 opens one source after the other to know how long the dataset is, and then the first that is not needed."""
    file = counted(ready)
    ready.path(f"block{block}.hdf5").unlink(missing_ok=True)
    os.mkfifo(ready.path(f"block{block}.hdf5"))
    refused(ready, INPUT, "counted.hdf5", "is a virtual dataset", f"block{block}.hdf5", "a FIFO", WAITS, ranks=ranks,
            InputFile=file)


def test_source_behind_a_link_to_a_fifo(ready):
    """The source's own path may lead elsewhere."""
    for make, name in ((make_virtual, "part1.hdf5"), (counted, "block1.hdf5")):
        file = make(ready)
        relink(ready.path(name), "Age", h5py.ExternalLink("fifo", "/Age"))
        if not ready.path("fifo").exists():
            os.mkfifo(ready.path("fifo"))
        refused(ready, INPUT, name, "/Age is a link to /Age of the file fifo", "a FIFO", InputFile=file)


@RANKS
def test_external_storage_is_a_fifo(ready, ranks):
    def change(f):
        attributes = dict(f["Stars/Mass"].attrs)
        del f["Stars/Mass"]
        f["Stars"].create_dataset("Mass", shape=(40,), dtype="f8",
                                  external=[(str(ready.path("fifo")), 0, 8 * 40)]).attrs.update(attributes)
    edit(ready.file, change)
    os.mkfifo(ready.path("fifo"))
    refused(ready, INPUT, "galaxy.hdf5", "the data of /Stars/Mass", "fifo", "a FIFO", WAITS, ranks=ranks)


def test_other_files_with_links_to_a_fifo(ready):
    """The library, and an observed cube."""
    done = run("cubix", [ready.parameters(OutputFile=ready.path("seen.hdf5"))], cwd=ready.folder)
    assert done.status == 0, done.err
    os.mkfifo(ready.path("fifo"))
    relink(ready.path("seen.hdf5"), "DATA", h5py.ExternalLink("fifo", "/DATA"))
    refused(ready, INPUT, "seen.hdf5", "a FIFO", Mode="gradient", ObservedFile=ready.path("seen.hdf5"),
            Parameters="Mass", Likelihood="cosine")
    relink(ready.ssp_file, "Luminosity", h5py.ExternalLink("fifo", "/Luminosity"))
    refused(ready, INPUT, "ssp.hdf5", "/Luminosity is a link to /Luminosity of the file fifo", "a FIFO")


# ---- data that lie elsewhere, or nowhere ---------------------------------------------------------

def make_virtual(ready, pattern="part{}.hdf5", n=40, parts=2, gap=(), name="virtual.hdf5", fill=None):
    """The galaxy as virtual datasets over `parts` files; without the parts of `gap`."""
    with h5py.File(ready.file) as a, h5py.File(ready.path(name), "w") as v:
        a.copy("Header", v)
        for k in range(parts):
            with h5py.File(ready.path(pattern.format(k)), "w") as b:
                for key, d in a["Stars"].items():
                    b[key] = d[k * n // parts:(k + 1) * n // parts]
        for key, d in a["Stars"].items():
            layout = h5py.VirtualLayout(shape=d.shape, dtype=d.dtype)
            for k in range(parts):
                rows = slice(k * n // parts, (k + 1) * n // parts)
                if k not in gap:
                    layout[rows] = h5py.VirtualSource(pattern.format(k), key,
                                                      shape=(rows.stop - rows.start, *d.shape[1:]))
            v.create_virtual_dataset("Stars/" + key, layout, fillvalue=fill)
            for key_, value in d.attrs.items():
                v["Stars/" + key].attrs[key_] = value
    return ready.path(name)


VRANKS = pytest.mark.parametrize("ranks", [1, 3])


@VRANKS
def test_virtual(ready, ranks):
    """With all sources there, one rank and several read what the plain file holds; the sources may
    be where HDF5 looks for them."""
    want = ready.cube(ranks=ranks)
    file = make_virtual(ready)
    got = ready.cube(ranks=ranks, InputFile=file)
    assert np.array_equal(got["DATA"], want["DATA"], equal_nan=True)
    for folder in ("elsewhere", "link"):
        ready.path(folder).mkdir()
    for k in range(2):
        ready.path(f"part{k}.hdf5").rename(ready.path(f"elsewhere/part{k}.hdf5"))
    done = run("cubix", [ready.parameters(InputFile=file)], ranks, cwd=ready.folder,
               env={"HDF5_VDS_PREFIX": f"/nowhere:{ready.path('elsewhere')}"})
    assert done.status == 0, done.err
    assert np.array_equal(read_cube(ready.out)["DATA"], want["DATA"], equal_nan=True)
    file.rename(ready.path("elsewhere/virtual.hdf5"))
    ready.path("link/here.hdf5").symlink_to(ready.path("elsewhere/virtual.hdf5"))
    got = ready.cube(ranks=ranks, InputFile=ready.path("link/here.hdf5"))
    assert np.array_equal(got["DATA"], want["DATA"], equal_nan=True)


@VRANKS
def test_virtual_without_file_locks(ready, no_locks, ranks):
    done = run("cubix", [ready.parameters(InputFile=make_virtual(ready))], ranks, cwd=ready.folder, env=no_locks)
    assert done.status == 0, done.err


@VRANKS
def test_virtual_without_a_source(ready, ranks):
    """HDF5 reads its rows as 0: stars of mass 0, or wind cells."""
    file = make_virtual(ready)
    ready.path("part1.hdf5").unlink()
    refused(ready, INPUT, "virtual.hdf5", "part1.hdf5", "No such file", ranks=ranks, InputFile=file)
    ready.path("part1.hdf5").symlink_to("gone")
    refused(ready, INPUT, "virtual.hdf5", "part1.hdf5", "symbolic link to gone", ranks=ranks, InputFile=file)


def test_virtual_sources_that_are_damaged_or_changed(ready):
    file = make_virtual(ready)
    whole = ready.path("part1.hdf5").read_bytes()
    ready.path("part1.hdf5").write_bytes(b"not HDF5 at all")
    refused(ready, INPUT, "part1.hdf5", "not an HDF5 file", InputFile=file)
    ready.path("part1.hdf5").write_bytes(whole)

    def shorten(f):
        data = f["Mass"][:-3]
        del f["Mass"]
        f["Mass"] = data
    edit(ready.path("part1.hdf5"), shorten)
    refused(ready, INPUT, "virtual.hdf5", "Mass", "takes 20 values", "has 17", InputFile=file)
    edit(ready.path("part1.hdf5"), lambda f: f.__delitem__("Mass"))
    refused(ready, INPUT, "virtual.hdf5", "Mass", "part1.hdf5", "not there", InputFile=file)


@pytest.mark.parametrize("fill", [None, 1.0])
def test_virtual_with_a_gap(ready, fill):
    """Rows that no source fills are the fill value, whatever that is."""
    refused(ready, INPUT, "virtual.hdf5", "fill only", InputFile=make_virtual(ready, parts=4, gap=(2,), fill=fill))


@VRANKS
def test_virtual_of_virtual(ready, ranks):
    want = ready.cube(ranks=ranks)
    inner = make_virtual(ready)
    with h5py.File(inner) as a, h5py.File(ready.path("outer.hdf5"), "w") as v:
        a.copy("Header", v)
        for key, d in a["Stars"].items():
            layout = h5py.VirtualLayout(shape=d.shape, dtype=d.dtype)
            layout[:] = h5py.VirtualSource("virtual.hdf5", "Stars/" + key, shape=d.shape)
            v.create_virtual_dataset("Stars/" + key, layout)
            for name, value in d.attrs.items():
                v["Stars/" + key].attrs[name] = value
    got = ready.cube(ranks=ranks, InputFile=ready.path("outer.hdf5"))
    assert np.array_equal(got["DATA"], want["DATA"], equal_nan=True)
    ready.path("part0.hdf5").unlink()
    refused(ready, INPUT, "virtual.hdf5", "part0.hdf5", ranks=ranks, InputFile=ready.path("outer.hdf5"))


def counted(ready, parts=4):
    """Sources counted by %b along an unlimited axis: the dataset ends where a file is missing."""
    with h5py.File(ready.file) as a, h5py.File(ready.path("counted.hdf5"), "w") as v:
        a.copy("Header", v)
        n = 40 // parts
        for k in range(parts):
            with h5py.File(ready.path(f"block{k}.hdf5"), "w") as b:
                for key, d in a["Stars"].items():
                    b[key] = d[k * n:(k + 1) * n]
        for key, d in a["Stars"].items():
            rest = d.shape[1:]
            create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            here = h5py.h5s.create_simple((0, *rest), (h5py.h5s.UNLIMITED, *rest))
            here.select_hyperslab((0,) * d.ndim, (h5py.h5s.UNLIMITED,) + (1,) * (d.ndim - 1), (n, *(1 for _ in rest)),
                                  (n, *rest))
            create.set_virtual(here, b"block%b.hdf5", key.encode(), h5py.h5s.create_simple((n, *rest)))
            v.require_group("Stars")
            h5py.h5d.create(v["Stars"].id, key.encode(), h5py.h5t.py_create(d.dtype),
                            h5py.h5s.create_simple((0, *rest), (h5py.h5s.UNLIMITED, *rest)), create)
            for name, value in d.attrs.items():
                v["Stars/" + key].attrs[name] = value
    return ready.path("counted.hdf5")


def test_virtual_with_counted_sources(ready):
    want = ready.cube()
    file = counted(ready)
    got = ready.cube(InputFile=file)
    assert np.array_equal(got["DATA"], want["DATA"], equal_nan=True)
    for gone in (1, 0):
        ready.path(f"block{gone}.hdf5").rename(ready.path("away"))
        refused(ready, INPUT, "counted.hdf5", f"block{gone}.hdf5", InputFile=file)
        ready.path("away").rename(ready.path(f"block{gone}.hdf5"))


@VRANKS
def test_external_storage(ready, ranks):
    """Data in a plain file beside: as long as it should be, and there."""
    want = ready.cube(ranks=ranks)

    def change(f):
        mass = f["Stars/Mass"][:]
        attributes = dict(f["Stars/Mass"].attrs)
        del f["Stars/Mass"]
        d = f["Stars"].create_dataset("Mass", shape=mass.shape, dtype="f8",
                                      external=[(str(ready.path("mass.raw")), 0, 8 * 40)])
        d[:] = mass
        d.attrs.update(attributes)
    edit(ready.file, change)
    got = ready.cube(ranks=ranks)
    assert np.array_equal(got["DATA"], want["DATA"], equal_nan=True)
    data = ready.path("mass.raw").read_bytes()
    ready.path("mass.raw").write_bytes(data[:-8])
    refused(ready, INPUT, "galaxy.hdf5", "mass.raw", "312 bytes instead of 320", ranks=ranks)
    ready.path("mass.raw").unlink()
    refused(ready, INPUT, "galaxy.hdf5", "mass.raw", "No such file", ranks=ranks)


def unwritten(ready, rows, **create):
    """Masses of which only the first rows are written."""
    def change(f):
        mass, attributes = f["Stars/InitialMass"][:], dict(f["Stars/InitialMass"].attrs)
        del f["Stars/InitialMass"]
        d = f["Stars"].create_dataset("InitialMass", shape=mass.shape, dtype="f8", **create)
        if rows:
            d[:rows] = mass[:rows]
        d.attrs.update(attributes)
    edit(ready.file, change)


@RANKS
@pytest.mark.parametrize("rows, create",
                         [(0, {}), (0, {"chunks": (8,)}), (16, {"chunks": (8,)}),
                          (16, {"chunks": (8,), "compression": "gzip"})])
def test_data_that_were_never_written(ready, rows, create, ranks):
    unwritten(ready, rows, **create)
    refused(ready, INPUT, "galaxy.hdf5", "InitialMass", "written", ranks=ranks)


@pytest.mark.parametrize("rows, create",
                         [(40, {"chunks": (8,), "compression": "gzip"}), (16, {"chunks": (8,), "fillvalue": 1e5})])
def test_data_that_are_there(ready, rows, create):
    """All chunks written, or a fill value that the writer chose."""
    unwritten(ready, rows, **create)
    assert ready.cube()["NSTAR"].sum() > 0


@RANKS
@pytest.mark.parametrize("skipped", [0, 1])
def test_a_filter_that_is_not_there(ready, ranks, skipped):
    """Data packed by a plugin's filter (32015: Zstandard) are not damaged; chunks that went past it are read."""
    want = ready.cube(ranks=ranks)

    def pack(f):
        data, unit = f["Stars/Age"][:], f["Stars/Age"].attrs["unit"]
        del f["Stars/Age"]
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_chunk(data.shape)
        create.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
        space = h5py.h5s.create_simple(data.shape)
        h5py.h5d.create(f["Stars"].id, b"Age", h5py.h5t.IEEE_F64LE, space, create).write_direct_chunk((0,),
                                                                                                      data.astype("<f8").tobytes(), skipped)
        f["Stars/Age"].attrs["unit"] = unit
    edit(ready.file, pack)
    if skipped:
        assert np.array_equal(ready.cube(ranks=ranks)["DATA"], want["DATA"], equal_nan=True)
    else:
        refused(ready, INPUT, "galaxy.hdf5", "/Stars/Age is packed by filter 32015", "HDF5_PLUGIN_PATH", "h5repack",
                ranks=ranks)


@RANKS
def test_library_and_observed_cube(ready, ranks):
    """The same look at every dataset that is read."""
    done = run("cubix", [ready.parameters(OutputFile=ready.path("seen.hdf5"))], cwd=ready.folder)
    assert done.status == 0, done.err

    def empty(name, key):
        def change(f):
            shape, attributes = f[key].shape, dict(f[key].attrs)
            del f[key]
            f.create_dataset(key, shape=shape, dtype="f8").attrs.update(attributes)
        edit(name, change)
    empty(ready.path("seen.hdf5"), "DATA")
    refused(ready, INPUT, "ObservedFile", "seen.hdf5", "DATA", "never written", ranks=ranks, Mode="gradient",
            ObservedFile=ready.path("seen.hdf5"), Parameters="Mass",
            Likelihood="cosine")
    empty(ready.ssp_file, "Luminosity")
    refused(ready, INPUT, "ssp.hdf5", "Luminosity", "never written", ranks=ranks)


# ---- ranks that see a file differently -----------------------------------------------------------

ODD = """#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
static int odd(const char *what)
{
  const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *which = getenv("ODD_RANK"), *odd = getenv("ODD_ANSWER");
  return rank && which && odd && !strcmp(rank, which) && !strcmp(odd, what);
}
int H5Pget_nfilters(long long list)
{
  int (*real)(long long) = (int (*)(long long))dlsym(RTLD_NEXT, "H5Pget_nfilters");
  return odd("filters") ? 1 : real(list);
}
int H5Tequal(long long a, long long b)
{
  int (*real)(long long, long long) = (int (*)(long long, long long))dlsym(RTLD_NEXT, "H5Tequal");
  return odd("type") ? 0 : real(a, b);
}
"""


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("answer", ["filters", "type"])
def test_ranks_that_see_a_file_differently(ready, tmp_path_factory, answer, rank):
    """One finds data compressed, or in double precision, where the other does not: who sends what
    to whom is agreed upon all the same."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no C compiler: ranks that differ cannot be played")
    folder = tmp_path_factory.mktemp("odd")
    (folder / "odd.c").write_text(ODD)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "odd.so", folder / "odd.c", "-ldl"], check=True)
    ready.particles(galaxy(40000, seed=2, radius=0.5), dtype="f4")
    want = ready.cube(ranks=2, ReadMode="collective")
    done = run("cubix", [ready.parameters(ReadMode="collective")], 2, cwd=ready.folder,
               env={"LD_PRELOAD": str(folder / "odd.so"), "ODD_RANK": str(rank), "ODD_ANSWER": answer})
    assert done.status == 0, done.err
    assert np.array_equal(read_cube(ready.out)["DATA"], want["DATA"], equal_nan=True)


# ---- sizes ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("value", [np.arange(1, 8001, dtype="i4"), np.arange(8000, dtype="f8"), np.float64(1.0), "yes",
                                   np.array([], "i4"), h5py.Empty("i4")])
def test_an_attribute_larger_than_its_place(ready, value):
    """Of 8000 numbers where one is wanted the first is taken; what is no number is passed over, for
    Demo is only a note."""
    edit(ready.ssp_file, lambda f: f.attrs.__setitem__("Demo", value))
    assert ready.cube()["NSTAR"].sum() > 0


def test_a_header_larger_than_its_place(ready):
    """4000 redshifts that are the same, and 128 of 60000 letters; but a centre has three numbers."""
    want = ready.cube()
    edit(ready.file, lambda f: f["Header"].attrs.update({"Redshift": np.zeros(4000), "Source": "x" * 60000}))
    assert np.array_equal(ready.cube()["DATA"], want["DATA"])
    edit(ready.file, lambda f: f["Header"].attrs.update({"Centre": np.zeros(100)}))
    refused(ready, INPUT, "galaxy.hdf5", "centre", "100 numbers", "must have 3")


@pytest.mark.parametrize("name, value, words",
                         [("Redshift", [0.0, 0.5], ["2 numbers", "it must be one"]),
                          ("HubbleParam", [0.7, 0.7, 0.8], ["3 numbers"]),
                          ("BoxSize", [100.0, 100.0], ["2 sides", "three equal ones"]),
                          ("BoxSize", [100.0] * 4, ["4 sides"])])
def test_several_numbers_where_one_is_wanted(ready, name, value, words):
    edit(ready.file, lambda f: f["Header"].attrs.__setitem__(name, np.array(value)))
    refused(ready, INPUT, "galaxy.hdf5", name if name != "BoxSize" else "box", *words)


def test_several_powers_of_a_dataset(ready):
    ready.file = write_tng(ready.path("tng.hdf5"), galaxy(40, seed=2, radius=0.5))
    edit(ready.file, lambda f: f["PartType4/Masses"].attrs.__setitem__("h_scaling", np.array([-1.0, 0.0])))
    refused(ready, INPUT, "tng.hdf5", "h_scaling", "PartType4/Masses", "it must be one")


@pytest.mark.parametrize("ranks", [1, 3])
def test_a_hubble_constant_in_km_s_mpc(ready, ranks):
    """70 where 0.7 is meant puts the galaxy a hundred times nearer."""
    edit(ready.file, lambda f: f["Header"].attrs.__setitem__("HubbleParam", 70.0))
    refused(ready, INPUT, "galaxy.hdf5", "HubbleParam", "is 70", "H0/(100 km/s/Mpc)", "at most 2", ranks=ranks)


def test_shapes_that_are_not_what_they_were(ready):
    """Tables of a library that are larger or smaller than its axes say."""
    for key, change in (("Luminosity", lambda x: x[:, :, :-1]), ("Luminosity", lambda x: np.concatenate([x, x])),
                        ("LsfFwhm", lambda x: x[:-1])):
        ready.ssp()

        def resize(f):
            data, attributes = f[key][:], dict(f[key].attrs)
            del f[key]
            f.create_dataset(key, data=change(data)).attrs.update(attributes)
        edit(ready.ssp_file, resize)
        refused(ready, INPUT, "ssp.hdf5", key, "as the axes say")
