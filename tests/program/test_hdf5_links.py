"""HDF5 files with links: to other files, to nowhere, round, and to what would keep a reader waiting for ever."""
import os

import h5py
import numpy as np
import pytest

from harness import edit, refused, run
from hdf5_lab import INPUT, RANKS, counted, external_link, make_virtual, relink

# ---- links ---------------------------------------------------------------------------------------

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
    assert done.status == INPUT, done.err
    assert done.err.count("cubix: error:") == 1, done.err
    assert str(file) in done.err, done.err
    assert "first/" in done.err, done.err
    assert "a FIFO" in done.err, done.err
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
