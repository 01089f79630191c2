"""HDF5 datasets whose data lie elsewhere, or nowhere: virtual, external, never written, filtered."""
import h5py
import numpy as np
import pytest

from harness import edit, read_cube, refused, run
from hdf5_lab import INPUT, RANKS, counted, make_virtual

# ---- data that lie elsewhere, or nowhere ---------------------------------------------------------

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
        age = h5py.h5d.create(f["Stars"].id, b"Age", h5py.h5t.IEEE_F64LE, space, create)
        age.write_direct_chunk((0,), data.astype("<f8").tobytes(), skipped)
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
