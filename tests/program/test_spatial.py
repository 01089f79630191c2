"""SelectRadius on snapshots that say where their rows are, SWIFT's cells and EAGLE's hash tables: the same stars, bit
for bit, as without that index, and less is read; an index that is wrong is not used, and that is said."""
import functools
import re

import h5py
import numpy as np
import pytest

import snapshots as snap
from harness import Bench, bits, galaxy, run, write_parameters

REDSHIFT = 0.25
A = 1 / (1 + REDSHIFT)
SIDE = {"SWIFT": 50.0, "EAGLE": 50.0}                     # of the box [cMpc, cMpc/h]
BOX = {"SWIFT": 50e3 * A, "EAGLE": 50e3 * A / 0.6774}     # [kpc]


@functools.cache
def some_stars():
    return snap.born(galaxy(200, seed=1), REDSHIFT)


def universe(code, n=6000, seed=1, centre=(30.0, 20000.0, 39990.0)):
    """Stars all over the box, and a galaxy across its edges.  @return  stars, centre [kpc]"""
    box, rng = BOX[code], np.random.default_rng(seed)
    s = {k: v if np.ndim(v) == 0 else np.resize(v, (n, *np.shape(v)[1:])) for k, v in some_stars().items()}
    s["mass"] = rng.uniform(1e4, 1e5, n)
    centre = np.array(centre) * box / 4e4
    near = np.arange(n) < n // 20
    s["pos"] = np.where(near[:, None], centre + s["pos"], rng.uniform(0, box, (n, 3))) % box
    return s, centre


def rows(s, order):
    return {k: v if np.ndim(v) == 0 else v[order] for k, v in s.items()}


# ---- SWIFT ---------------------------------------------------------------------------------------

def cells_of(s, n_side, drift=0.0, seed=4):
    """The cell of each star, from where it was before it drifted by up to `drift` of a cell."""
    side = BOX["SWIFT"] / n_side
    was = s["pos"] + np.random.default_rng(seed).uniform(-drift, drift, s["pos"].shape) * side
    return (np.floor(was / side).astype(int) % n_side) @ [n_side**2, n_side, 1]


def write_swift(tmp_path, n_side=10, files=1, drift=0.15, extremes=True, old=False, virtual=False, edit=None,
                index=True):
    s, centre = universe("SWIFT")
    n_cell = n_side**3
    cell = cells_of(s, n_side, drift)
    member = np.random.default_rng(2).integers(0, files, n_cell)
    order = np.lexsort((cell, member[cell]))
    s, cell = rows(s, order), cell[order]
    count = np.bincount(cell, minlength=n_cell)
    unit = SIDE["SWIFT"] / BOX["SWIFT"]
    low, high = np.full((n_cell, 3), 1.7e308), np.full((n_cell, 3), -1.7e308)
    width = SIDE["SWIFT"] / n_side
    at = np.stack(np.unravel_index(np.arange(n_cell), [n_side] * 3), axis=1)
    centres = (at + 0.5) * width
    # positions that are not led back into the box, about the middle of their cell
    x = s["pos"] * unit
    x = centres[cell] + np.remainder(x - centres[cell] + SIDE["SWIFT"] / 2, SIDE["SWIFT"]) - SIDE["SWIFT"] / 2
    np.minimum.at(low, cell, x)
    np.maximum.at(high, cell, x)
    starts = np.array([np.flatnonzero(cell == c)[0] if count[c] else 0 for c in range(n_cell)])
    first = np.array([np.flatnonzero(member[cell] == k)[0] for k in range(files)] + [len(cell)])
    offset = np.where(count > 0, starts - first[member], 0)
    folder = tmp_path / f"swift{index}"
    folder.mkdir(exist_ok=True)
    split = 1 if virtual else files
    for k in range(split):
        part = slice(first[k], first[k + 1]) if split > 1 else slice(None)

        def add(f):
            f["PartType4/ParticleIDs"] = np.arange(len(cell), dtype="u8")[part]
            if not index:
                return
            g = f["Cells"]
            g.create_group("Meta-data").attrs.update({"nr_cells": n_cell, "size": [width] * 3,
                                                      "dimension": [n_side] * 3})
            g["Centres"] = centres
            g["Counts/PartType4"] = count
            g[f"{'Offsets' if old else 'OffsetsInFile'}/PartType4"] = offset
            if not old:
                g["Files/PartType4"] = member.astype("i4")
            if extremes:
                g["MinPositions/PartType4"], g["MaxPositions/PartType4"] = low, high
            if edit:
                edit(f)

        name = f"snap_0001.{k}.hdf5" if split > 1 else "snap_0001.hdf5"
        snap.write(folder / name, "SWIFT", rows(s, part), edit=add,
                   header={"BoxSize": np.array([SIDE["SWIFT"]] * 3), "NumFilesPerSnapshot": np.array([split], "i4"),
                           "Virtual": np.array([int(virtual)], "i4")})
    return folder / ("snap_0001.0.hdf5" if split > 1 else "snap_0001.hdf5"), s, centre


def extract(folder, file, centre, radius, ranks=1, status=0, **more):
    """The stars that are left, and what was said."""
    out = folder / "out.hdf5"
    par = write_parameters(folder / "extract.param", InputFile=file, OutputFile=out, SelectRadius=radius,
                           SanityCheck="warn", Centre=" ".join(f"{x:.17g}" for x in centre), **more)
    done = run("cubix-extract", [par], ranks, cwd=folder)
    assert done.status == status, done.err + done.out
    if status:
        return None, done
    with h5py.File(out) as f:
        return {k: d[:] for k, d in f["Stars"].items()}, done


def same(one, two):
    assert list(one) == list(two)
    for k in one:
        assert np.array_equal(one[k], two[k]), k


def megabytes(done):
    return float(re.search(r"read ([0-9.e+-]+) MB of the snapshot", done.out).group(1))


def inside(s, centre, radius, code):
    d = (s["pos"] - centre + BOX[code] / 2) % BOX[code] - BOX[code] / 2
    return int((np.linalg.norm(d, axis=1) <= radius).sum())


@pytest.mark.parametrize("how", [{}, {"extremes": False}, {"files": 3}, {"files": 3, "virtual": True},
                                 {"old": True, "extremes": False}])
@pytest.mark.parametrize("radius", [60, 2500])
def test_cells_of_swift(tmp_path, how, radius):
    """A sphere across the edges of the box; stars have drifted out of their cells."""
    file, s, centre = write_swift(tmp_path, **how)
    whole, *_ = write_swift(tmp_path, **how, index=False)
    want, _ = extract(tmp_path, whole, centre, radius)
    assert len(want["Mass"]) == inside(s, centre, radius, "SWIFT") > 50
    for ranks in (1, 2, 3):
        got, done = extract(tmp_path, file, centre, radius, ranks)
        same(got, want)
        assert "by SWIFT's cells it is enough to read" in done.out and "are not used" not in done.err


def test_less_is_read(tmp_path):
    file, s, centre = write_swift(tmp_path)
    read = [megabytes(extract(tmp_path, file, centre, radius)[1]) for radius in (60, 8000, 16000)]
    positions = len(s["z"]) * 24 * 1e-6
    assert read[0] < 0.2 * positions and read[0] < 0.6 * read[1] and read[1] < 0.6 * read[2] < positions


@pytest.mark.parametrize("centre", [(0, 0, 0), (-30, 40030, 80000), (39999, 20000, 5)])
def test_any_centre_in_a_periodic_box(tmp_path, centre):
    file, s, _ = write_swift(tmp_path)
    whole, *_ = write_swift(tmp_path, index=False)
    for radius in (3000, 30000, 100000):
        want, _ = extract(tmp_path, whole, centre, radius)
        assert len(want["Mass"]) == inside(s, np.array(centre), radius, "SWIFT")
        same(extract(tmp_path, file, centre, radius)[0], want)


@pytest.mark.parametrize("centre", ["auto", "100 20000 39990"])
def test_about_the_centre_of_a_catalogue(tmp_path, centre):
    """Of a large group only what is near its centre is read."""
    got = []
    for index in (True, False):
        file, s, where = write_swift(tmp_path, index=index)
        with h5py.File(file, "r+") as f:
            f["PartType4/GroupNr_bound"] = np.arange(len(f["PartType4/Masses"])) % 2
        with h5py.File(tmp_path / "soap.hdf5", "w") as f:
            f["InputHalos/HaloCatalogueIndex"] = np.array([0, 1])
            f["InputHalos/HaloCentre"] = np.array([where, where]) / 1e3 / A
            f["InputHalos/HaloCentre"].attrs.update({
                "a-scale exponent": 1.0,
                "Conversion factor to CGS (not including cosmological corrections)": 3.08567758e24})
        out = tmp_path / "out.hdf5"
        par = write_parameters(tmp_path / "extract.param", InputFile=file, OutputFile=out, SelectRadius=300,
                               SanityCheck="warn", Centre=centre, GroupIndex="1, 0, 1",
                               GroupCatalogue=tmp_path / "soap.hdf5")
        for ranks in (1, 2):
            for options in ([], ["--groups", "0,1"]):
                done = run("cubix-extract", [*options, par], ranks, cwd=tmp_path)
                assert done.status == 0, done.err
                assert ("by SWIFT's cells it is enough" in done.out) == index
                for path in sorted(tmp_path.glob("out*.hdf5")):
                    with h5py.File(path) as f:
                        got.append(({k: d[:] for k, d in f["Stars"].items()}, megabytes(done)))
                    path.unlink()
    half = len(got) // 2
    assert half == 2 * (1 + 2)
    for i in range(half):
        same(got[i][0], got[half + i][0])
        assert len(got[i][0]["Mass"]) > 50 and got[i][1] < 0.4 * got[half + i][1]


def test_no_star_is_near(tmp_path):
    file, s, _ = write_swift(tmp_path)
    whole, *_ = write_swift(tmp_path, index=False)
    par = {"radius": 1e-3, "centre": (20003.0, 3.0, 7.0), "status": 2}
    for path in (file, whole):
        _, done = extract(tmp_path, path, **par)
        assert "SelectRadius = 0.001 kpc" in done.err and "check Centre" in done.err


def shuffle(f):
    x = f["PartType4/Coordinates"][:]
    f["PartType4/Coordinates"][...] = x[np.random.default_rng(0).permutation(len(x))]


def change(path, edit):
    def go(f):
        x = f[path][:]
        f[path][...] = edit(x)
    return go


def one_more(x):
    x[np.argmax(x)] += 1
    return x


def swapped(x):
    i, j = np.argsort(x)[-2:]
    x[[i, j]] = x[[j, i]]
    return x


@pytest.mark.parametrize("edit, words", [
    (change("Cells/Counts/PartType4", one_more), "twice"),
    (change("Cells/Counts/PartType4", lambda x: x // 2), "nowhere"),
    (change("Cells/OffsetsInFile/PartType4", one_more), "they count"),
    (change("Cells/Files/PartType4", lambda x: x - 1), "in a file of the number -1"),
    (lambda f: f.__delitem__("Cells/Counts"), "/Cells/Counts/PartType4 has 0 rows"),
    (lambda f: f.__delitem__("Cells/MaxPositions"), "no MaxPositions"),
    (lambda f: f["Cells/Meta-data"].attrs.__delitem__("size"), "does not state the size of a cell"),
    (shuffle, "not where they say"),
], ids=["twice", "nowhere", "offset", "file", "counts", "extremes", "size", "shuffled"])
def test_a_wrong_index_is_not_used(tmp_path, edit, words):
    """Never a silent loss: the counts must be all rows, each once, and stars must be where their cell is."""
    file, s, centre = write_swift(tmp_path, edit=edit)
    for ranks in (1, 2):
        got, done = extract(tmp_path, file, centre, 2500, ranks)
        assert "SWIFT's cells are not used, and all is read" in done.err and words in done.err, done.err
        if edit is not shuffle:
            assert len(got["Mass"]) == inside(s, centre, 2500, "SWIFT")


def test_cubes_are_the_same(tmp_path):
    """In every bit; the header counts the same stars of the file."""
    bench = Bench(tmp_path)
    bench.instrument(lsf_fwhm=None)
    bench.ssp()
    got = []
    for index in (True, False):
        bench.file, _, centre = write_swift(tmp_path, index=index)
        got.append(bench.cube(SelectRadius=40, Centre=" ".join(map(str, centre)), Redshift=0.02,
                              SanityCheck="warn", Engine="histogram"))
        got[-1]["bits"] = bits(bench.out)
    assert got[0]["bits"] == got[1]["bits"] and got[0]["DATA"].max() > 0
    facts = [[cube["header"]["PRIMARY"][k] for k in ("NSTARFIL", "NOUTRAD", "NSTARS")] for cube in got]
    assert facts[0] == facts[1] and facts[0] == [6000, 5700, 300]


# ---- EAGLE ---------------------------------------------------------------------------------------

TURN_X = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
TURN_Y = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])


def key_of(cell, bits):
    """Springel 2005: octants in the order of a curve, which turns by quarters about x and y."""
    order = {(-1, -1, -1): 0, (-1, 1, -1): 1, (1, 1, 1): 5, (1, -1, -1): 3, (1, -1, 1): 4, (1, 1, -1): 2, (-1, 1, 1): 6,
             (-1, -1, 1): 7}
    turns = [(3, 0), (0, 1), (0, 1), (2, 2), (2, 2), (0, 3), (0, 3), (1, 0)]
    to, forwards, key = np.eye(3, dtype=int), True, 0
    for b in reversed(range(bits)):
        half = tuple(to @ [1 if c >> b & 1 else -1 for c in cell])
        octant = order[half]
        key = 8 * key + (octant if forwards else 7 - octant)
        forwards ^= octant not in (3, 4)
        for _ in range(turns[octant][0]):
            to = TURN_X @ to
        for _ in range(turns[octant][1]):
            to = TURN_Y @ to
    return key


def test_the_curve_of_peano_and_hilbert():
    """What Gadget-2 itself gives; and a curve without jumps through all cells."""
    given = {(4, 2, 8): 3950, (3, 15, 14): 3498, (15, 12, 6): 1345, (3, 15, 0): 598,
             (12, 13, 0): 1447, (14, 8, 7): 1333, (3, 10, 0): 565, (0, 0, 0): 0}
    assert {c: key_of(c, 4) for c in given} == given
    at = {key_of((x, y, z), 3): np.array([x, y, z]) for x in range(8) for y in range(8) for z in range(8)}
    assert sorted(at) == list(range(512))
    assert all(np.abs(at[i + 1] - at[i]).sum() == 1 for i in range(511))


def write_eagle(tmp_path, bits=3, files=1, edit=None, index=True):
    s, centre = universe("EAGLE")
    n_side = 2**bits
    cell = np.floor(s["pos"] / (BOX["EAGLE"] / n_side)).astype(int) % n_side
    keys = {}
    key = np.array([keys.setdefault(tuple(c), key_of(c, bits)) for c in cell])
    order = np.argsort(key, kind="stable")
    s, key = rows(s, order), key[order]
    ends = np.linspace(0, n_side**3, files + 1).astype(int)
    folder = tmp_path / f"eagle{index}"
    folder.mkdir(exist_ok=True)
    for k in range(files):
        part = (key >= ends[k]) & (key < ends[k + 1])

        def add(f):
            if not index:
                return
            f.create_group("HashTable").attrs["HashBits"] = bits
            g = f.create_group("HashTable/PartType4")
            g["FirstKeyInFile"], g["LastKeyInFile"] = ends[:-1].astype("i4"), (ends[1:] - 1).astype("i4")
            g["NumKeysInFile"] = np.diff(ends).astype("i4")
            g["NumParticleInCell"] = np.bincount(key[part] - ends[k], minlength=ends[k + 1] - ends[k]).astype("i4")
            if edit:
                edit(f)

        name = f"snap_028_z000p250.{k}.hdf5" if files > 1 else "snap.hdf5"
        snap.write(folder / name, "EAGLE", rows(s, part), edit=add,
                   header={"BoxSize": SIDE["EAGLE"], "NumFilesPerSnapshot": files})
    return folder / (f"snap_028_z000p250.0.hdf5" if files > 1 else "snap.hdf5"), s, centre


@pytest.mark.parametrize("files, bits_of_key", [(1, 3), (3, 4)])
@pytest.mark.parametrize("radius", [60, 4000, 200000])
def test_hash_tables_of_eagle(tmp_path, files, bits_of_key, radius):
    file, s, centre = write_eagle(tmp_path, bits_of_key, files)
    whole, *_ = write_eagle(tmp_path, bits_of_key, files, index=False)
    want, _ = extract(tmp_path, whole, centre, radius)
    assert len(want["Mass"]) == inside(s, centre, radius, "EAGLE") > 50
    for ranks in (1, 2):
        got, done = extract(tmp_path, file, centre, radius, ranks)
        same(got, want)
        assert "by EAGLE's hash tables it is enough to read" in done.out and "are not used" not in done.err
        if radius == 60:
            assert megabytes(done) < 0.2 * len(s["z"]) * 88 * 1e-6


@pytest.mark.parametrize("edit, words", [
    (change("HashTable/PartType4/NumParticleInCell", one_more), "which has"),
    (change("HashTable/PartType4/NumParticleInCell", lambda x: x[::-1]), "not where they say"),
    (change("HashTable/PartType4/LastKeyInFile", lambda x: x + 1), "rows for the keys 0 to 512"),
    (lambda f: f["HashTable"].attrs.__setitem__("HashBits", 31), "HashBits of /HashTable is 31"),
    (shuffle, "not where they say"),
])
def test_a_wrong_hash_table_is_not_used(tmp_path, edit, words):
    file, s, centre = write_eagle(tmp_path, edit=edit)
    got, done = extract(tmp_path, file, centre, 4000, 2)
    assert "EAGLE's hash tables are not used, and all is read" in done.err and words in done.err, done.err
    if edit is not shuffle:
        assert len(got["Mass"]) == inside(s, centre, 4000, "EAGLE")
