"""Which files belong together: by a count in their headers, or because the user names their stem;
and all of them must say the same of their snapshot."""
import shutil

import h5py
import numpy as np
import pytest

from harness import edit, galaxy, refused, write_particles, write_tng

RANKS = pytest.mark.parametrize("ranks", [1, 2])
INPUT = 3


def edit_header(path, change):
    edit(path, lambda f: change(f["Header"].attrs))


@RANKS
def test_dots_in_names(ready, ranks):
    """gal_z0.0, gal_z0.1 and gal_z0.2 are three galaxies, each in a file of its own."""
    s = galaxy(40, seed=2, radius=0.5)
    for z in (0.0, 0.1, 0.2):
        write_particles(ready.path(f"gal_z{z}.hdf5"), s, redshift=z)
    ready.file = ready.path("gal_z0.1.hdf5")
    cube = ready.cube(ranks=ranks)
    header = cube["header"]["PRIMARY"]
    assert header["SNAPZ"] == pytest.approx(0.1) and header["NFILE"] == 1
    assert cube["NSTAR"].sum() <= 40 and cube["MASS"].sum() <= s["mass"].sum() * (1 + 1e-6)
    refused(ready, INPUT, "gal_z0.0.hdf5", "gal_z0.1.hdf5", "Redshift", "0 and 0.1", ranks=ranks,
            InputFile=ready.path("gal_z0"))


CHANGES = {"redshift": ("Redshift", 0.01), "scale factor": ("Time", 0.9), "matter": ("Omega0", 0.25),
           "dark energy": ("OmegaLambda", 0.7), "hubble": ("HubbleParam", 0.7),
           "box": ("BoxSize", 500), "count": ("NumFilesPerSnapshot", 4), "code": ("SimulationName", "L25n512TNG"),
           "missing": ("BoxSize", None)}


@RANKS
@pytest.mark.parametrize("what", CHANGES)
def test_members_disagree(ready, what, ranks):
    """The message names both files, the attribute and both values."""
    key, value = CHANGES[what]
    ready.file = write_tng(ready.path("snap.hdf5"), galaxy(40, seed=2, radius=0.5), files=3)
    other = ready.path("snap.2.hdf5")
    with h5py.File(other) as f:
        before = f["Header"].attrs[key]
    edit_header(other, lambda head: head.pop(key) if value is None else head.__setitem__(key, value))
    before = before if isinstance(before, str) else f"{before:.9g}"
    refused(ready, INPUT, "snap.0.hdf5", "snap.2.hdf5", key, before, "not there" if value is None else value,
            ranks=ranks)


def test_members_agree(ready):
    """A count as another type, and the last digits of a redshift, are no difference; the centre is the first file's."""
    ready.file = write_tng(ready.path("snap.hdf5"), galaxy(40, seed=2, radius=0.5), files=3)
    want = ready.cube()
    edit_header(ready.path("snap.1.hdf5"), lambda head: head.__setitem__("NumFilesPerSnapshot", np.array([3.0])))
    edit_header(ready.path("snap.1.hdf5"), lambda head: head.__setitem__("Redshift", 1e-9))
    for name in ("snap.0.hdf5", "snap.2.hdf5", "snap"):
        got = ready.cube(InputFile=ready.path(name))
        assert np.array_equal(got["DATA"], want["DATA"], equal_nan=True)


def test_a_label_of_any_type_is_only_a_label(ready):
    """A name of the simulation that is no text is passed over; a number that is no number is not."""
    ready.file = write_tng(ready.path("snap.hdf5"), galaxy(40, seed=2, radius=0.5))
    edit_header(ready.file, lambda head: head.__setitem__("SimulationName", 7))
    assert ready.cube(SimulationFormat="IllustrisTNG")["NSTAR"].sum() > 0
    edit_header(ready.file, lambda head: head.__setitem__("HubbleParam", "seven tenths"))
    refused(ready, INPUT, "HubbleParam", "must be a number", SimulationFormat="IllustrisTNG")


def test_dangling_member(ready):
    ready.file = write_tng(ready.path("snap.hdf5"), galaxy(40, seed=2), files=3)
    ready.path("snap.1.hdf5").unlink()
    ready.path("snap.1.hdf5").symlink_to("archive.hdf5")
    refused(ready, INPUT, "snap.1.hdf5 is missing", "symbolic link to archive.hdf5")


UNITS = {"UnitLength_in_cm": 3.085678e21, "UnitMass_in_g": 1.989e43, "UnitVelocity_in_cm_per_s": 1e5}
OTHER_UNITS = {"length": ("UnitLength_in_cm", 3.085678e24), "mass": ("UnitMass_in_g", 1.989e33),
               "velocity": ("UnitVelocity_in_cm_per_s", 1e3), "no length": ("UnitLength_in_cm", None)}


@RANKS
@pytest.mark.parametrize("columns", ["state theirs", "state nothing"])
@pytest.mark.parametrize("what", OTHER_UNITS)
def test_members_in_other_units(ready, what, columns, ranks):
    """A member whose code has another unit is of another run, even where its columns state units of their own."""
    key, value = OTHER_UNITS[what]
    ready.file = write_tng(ready.path("snap.hdf5"), galaxy(40, seed=2, radius=0.5), files=3)
    for k in range(3):
        def change(f, k=k):
            f["Header"].attrs.update(UNITS)
            if k == 2:
                f["Header"].attrs.pop(key) if value is None else f["Header"].attrs.__setitem__(key, value)
            for d in f["PartType4"].values() if columns == "state nothing" else ():
                for name in list(d.attrs):
                    del d.attrs[name]
        edit(ready.path(f"snap.{k}.hdf5"), change)
    refused(ready, INPUT, "snap.0.hdf5", "snap.2.hdf5", key, f"{UNITS[key]:.9g}",
            "not there" if value is None else f"{value:.9g}", ranks=ranks)


@RANKS
@pytest.mark.parametrize("name, value", [("a_scaling", 0.5), ("h_scaling", 0.0), ("to_cgs", 1.98841e43),
                                         ("to_cgs", 1.989e33), ("to_cgs", None)])
def test_members_whose_columns_state_something_else(ready, name, value, ranks):
    """At a = 1, or a thousandth away, the conversion is the same; the members are not."""
    ready.file = write_tng(ready.path("snap.hdf5"), galaxy(40, seed=2, radius=0.5), files=3)
    with h5py.File(ready.path("snap.1.hdf5")) as f:
        before = float(f["PartType4/Masses"].attrs[name])

    def change(f):
        attributes = f["PartType4/Masses"].attrs
        attributes.pop(name) if value is None else attributes.__setitem__(name, value)
    edit(ready.path("snap.1.hdf5"), change)
    refused(ready, INPUT, "snap.0.hdf5", "snap.1.hdf5", name, "/PartType4/Masses", f"{before:.9g}",
            "not there" if value is None else f"{value:.9g}", ranks=ranks)


def test_an_empty_column_states_nothing(ready):
    """A member without stars may have columns without attributes."""
    ready.file = write_tng(ready.path("snap.hdf5"), galaxy(40, seed=2, radius=0.5), files=3)
    want = ready.cube()

    def empty(f):
        for name, d in list(f["PartType4"].items()):
            shape, kind = (0, *d.shape[1:]), d.dtype
            del f["PartType4"][name]
            f["PartType4"].create_dataset(name, shape=shape, dtype=kind)
    for k in (0, 1, 2):
        edit(ready.path(f"snap.{k}.hdf5"), lambda f: f["Header"].attrs.__setitem__("NumFilesPerSnapshot", 4))
    with h5py.File(ready.path("snap.0.hdf5")) as a, h5py.File(ready.path("snap.3.hdf5"), "w") as b:
        a.copy("Header", b)
        a.copy("PartType4", b)
        b["Header"].attrs.update(a["Header"].attrs)
    edit(ready.path("snap.3.hdf5"), empty)
    assert np.array_equal(ready.cube()["DATA"], want["DATA"], equal_nan=True)


@RANKS
@pytest.mark.parametrize("kind", ["absolute", "relative", "chain"])
def test_a_link_to_one_of_several_is_all_of_them(ready, kind, ranks):
    """Whatever the link is called, and whichever member it leads to."""
    (ready.folder / "run").mkdir()
    write_tng(ready.path("run/snap.hdf5"), galaxy(40, seed=2, radius=0.5), files=3)
    want = ready.cube(InputFile=ready.path("run/snap"), ranks=ranks)
    target = {"absolute": ready.path("run/snap.0.hdf5"), "relative": "run/snap.1.hdf5", "chain": "other"}[kind]
    ready.path("link.hdf5").symlink_to(target)
    if kind == "chain":
        ready.path("other").symlink_to("run/snap.2.hdf5")
    got = ready.cube(InputFile=ready.path("link.hdf5"), ranks=ranks)
    assert got["header"]["PRIMARY"]["NFILE"] == 3
    assert np.array_equal(got["DATA"], want["DATA"], equal_nan=True)


def test_a_link_to_a_member_without_stars(ready):
    """The others show of which format it is, and have the stars."""
    (ready.folder / "run").mkdir()
    write_tng(ready.path("run/snap.hdf5"), galaxy(40, seed=2, radius=0.5), files=3)
    for k in range(3):
        edit_header(ready.path(f"run/snap.{k}.hdf5"), lambda head: head.pop("SimulationName"))
    want = ready.cube(InputFile=ready.path("run/snap.1.hdf5"))
    with h5py.File(ready.path("run/snap.2.hdf5")) as a, h5py.File(ready.path("run/snap.3.hdf5"), "w") as b:
        a.copy("Header", b)
    for k in range(4):
        edit_header(ready.path(f"run/snap.{k}.hdf5"), lambda head: head.__setitem__("NumFilesPerSnapshot", 4))
    ready.path("link.hdf5").symlink_to("run/snap.3.hdf5")
    got = ready.cube(InputFile=ready.path("link.hdf5"))
    assert np.array_equal(got["DATA"], want["DATA"], equal_nan=True)


@RANKS
@pytest.mark.parametrize("way", ["copy", "link"])
def test_a_member_under_another_name(ready, way, ranks):
    """13 stars of 40 were read, with a warning."""
    (ready.folder / "run").mkdir()
    write_tng(ready.path("run/snap.hdf5"), galaxy(40, seed=2, radius=0.5), files=3)
    ready.file = ready.path("member.hdf5")
    if way == "copy":
        ready.file.write_bytes(ready.path("run/snap.0.hdf5").read_bytes())
    else:                      # its siblings are elsewhere
        for k in (1, 2):
            ready.path(f"run/snap.{k}.hdf5").unlink()
        ready.file.symlink_to("run/snap.0.hdf5")
    refused(ready, INPUT, "member.hdf5 is one of the 3 files", "13", "40", "NumPart_ThisFile", "SanityCheck warn",
            ranks=ranks)
    got = ready.cube(SanityCheck="warn", ranks=ranks)
    assert "member.hdf5 is one of the 3 files" in got["run"].err and got["header"]["PRIMARY"]["NFILE"] == 1


@pytest.mark.parametrize("here, everywhere", [(4000, 90000), (40, 40), (40, None), (None, 90000), (None, None)])
def test_a_cutout_with_its_snapshots_header_stands_alone(ready, here, everywhere):
    """All stars in one file, whatever of the header is the snapshot's."""
    want = galaxy(40, seed=2, radius=0.5)
    ready.file = write_tng(ready.path("cutout.hdf5"), want)
    alone = ready.cube()

    def change(head):
        head["NumFilesPerSnapshot"] = 8
        for key, n in (("NumPart_ThisFile", here), ("NumPart_Total", everywhere)):
            head.pop(key) if n is None else head.__setitem__(key, np.array([0, 0, 0, 0, n, 0]))
    edit_header(ready.file, change)
    assert np.array_equal(ready.cube()["DATA"], alone["DATA"], equal_nan=True)


def test_a_folder_of_several_snapshots(ready):
    """Their names are said as they are, without a dot behind."""
    (ready.folder / "run").mkdir()
    for name in ("gal_z0.1", "snap_099"):
        write_tng(ready.path(f"run/{name}.hdf5"), galaxy(40, seed=2, radius=0.5), files=2)
    done = refused(ready, INPUT, "more than one snapshot", InputFile=ready.path("run"))
    assert "gal_z0.1 and snap_099." in done.err or "snap_099 and gal_z0.1." in done.err, done.err


@RANKS
@pytest.mark.parametrize("what", ["copied", "linked", "hard link", "emptied"])
def test_a_member_that_is_none(ready, what, ranks):
    """A copy of another doubled its stars, and one without its group lost them, with exit status 0."""
    ready.file = write_tng(ready.path("snap.hdf5"), galaxy(40, seed=2, radius=0.5), files=3)
    first, second = ready.path("snap.0.hdf5"), ready.path("snap.1.hdf5")
    if what == "emptied":
        edit(second, lambda f: f.pop("PartType4"))
    else:
        second.unlink()
        {"copied": shutil.copy, "linked": lambda a, b: b.symlink_to(a), "hard link": lambda a, b: b.hardlink_to(a)}[what](
            first, second)
    words = {"copied": ["snap.1.hdf5 is a copy of", "snap.0.hdf5"],
             "emptied": ["snap.0.hdf5", "40 (NumPart_Total", "SanityCheck warn"]}
    refused(ready, INPUT, *words.get(what, ["snap.1.hdf5", "the same file as number 0"]), ranks=ranks)
    if what == "emptied":
        assert "40 (NumPart_Total" in ready.cube(SanityCheck="warn")["run"].err
