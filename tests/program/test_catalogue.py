"""Halo catalogues: which stars of a snapshot belong to a group, against numpy that reads the same tables."""
import h5py
import numpy as np
import pytest

import snapshots
from dumps import dump, read
from harness import Bench, galaxy, read_cube, run, shared, within
from program.test_reader import A, HUBBLE, Z, raw_stars, write_raw

GADGET4 = "data/simulations/gadget4_run"


# ---- a snapshot with groups, subhaloes and fuzz --------------------------------------------------

def universe(seed=3, n_group=7):
    """Groups of subhaloes and unbound stars, and stars of no group behind them, in the order of a snapshot.
    @return  stars, [group][subhalo] numbers of stars, [group] numbers of unbound ones"""
    rng = np.random.default_rng(seed)
    subs = [rng.integers(1, 9, rng.integers(0, 4)).tolist() for _ in range(n_group)]
    subs[0], subs[3] = [6, 0, 5], []
    fuzz = rng.integers(0, 5, n_group).tolist()
    fuzz[0], fuzz[3] = 4, 3
    n = sum(map(sum, subs)) + sum(fuzz) + 11
    s = raw_stars(n, seed=seed)
    s["pos"] = rng.uniform(0, 30000, (n, 3))
    s["ParticleIDs"] = rng.permutation(10 * n)[:n].astype("u8") + 2**60
    return s, subs, fuzz


def place(subs, fuzz, group, sub=None):
    """The rows of a group, or of a subhalo in it, counted by hand."""
    start = sum(sum(subs[g]) + fuzz[g] for g in range(group))
    if sub is None:
        return range(start, start + sum(subs[group]) + fuzz[group])
    start += sum(subs[group][:sub])
    return range(start, start + subs[group][sub])


def write_members(folder, s, cuts, edit=None, **header):
    """Stars over files that end at `cuts`; a file without stars has no group for them."""
    folder.mkdir(exist_ok=True)
    ends = [0, *cuts, len(s["pos"])]
    for k, (i, j) in enumerate(zip(ends, ends[1:])):
        part = {key: value[i:j] for key, value in s.items()} if j > i else None
        write_raw(folder / f"snap_099.{k}.hdf5", part, edit=edit, dtypes={"ParticleIDs": "u8"}, order=list(s),
                  header={"NumFilesPerSnapshot": len(ends) - 1, "BoxSize": 30000.0, **header})
    return folder


def by_type(lengths):
    return np.stack([np.full(len(lengths), 100 + t) if t != 4 else np.asarray(lengths) for t in range(6)],
                    axis=1).astype("i4")


def write_subfind(folder, s, subs, fuzz, files=2, none=-1, offsets=None, numbers="SubhaloGrNr", flag=None, **header):
    """A Subfind catalogue as IllustrisTNG's: dark matter and gas with lengths of their own, which are of no use
    here.  offsets: the folder for offsets_099.hdf5; none: GroupFirstSub of a group without subhaloes."""
    folder.mkdir(parents=True, exist_ok=True)
    group_len = [sum(sub) + f for sub, f in zip(subs, fuzz)]
    first = np.cumsum([0] + [len(sub) for sub in subs])[:-1]
    first = np.where([len(sub) > 0 for sub in subs], first, none)
    sub_len, sub_group = [n for sub in subs for n in sub], [g for g, sub in enumerate(subs) for _ in sub]
    rng = np.random.default_rng(9)
    centre_g, centre_s = rng.uniform(0, 3e4, (len(subs), 3)), rng.uniform(0, 3e4, (len(sub_len), 3))
    cut_g, cut_s = np.array_split(np.arange(len(subs)), files), np.array_split(np.arange(len(sub_len)), files)
    for k in range(files):
        with h5py.File(folder / f"fof_subhalo_tab_099.{k}.hdf5", "w") as f:
            f.create_group("Header").attrs.update({"Redshift": Z, "Time": A, "NumFiles": files, **header})
            g, h = cut_g[k], cut_s[k]
            f["Group/GroupLenType"] = by_type(group_len)[g]
            f["Group/GroupFirstSub"] = first[g].astype("u4" if none > 2**31 else "i4")
            f["Group/GroupNsubs"] = np.array([len(sub) for sub in subs])[g].astype("i4")
            f["Group/GroupPos"], f["Group/GroupVel"] = centre_g[g], np.full((len(g), 3), 8.0)
            f["Group/Group_R_Crit200"] = np.full(len(g), 200.0)
            if len(h):
                f["Subhalo/SubhaloLenType"], f[f"Subhalo/{numbers}"] = by_type(sub_len)[h], np.array(sub_group)[h]
                f["Subhalo/SubhaloPos"], f["Subhalo/SubhaloVel"] = centre_s[h], np.full((len(h), 3), 80.0)
                if flag is not None:
                    f["Subhalo/SubhaloFlag"] = np.array(flag)[h]
    if offsets:
        offsets.mkdir(parents=True, exist_ok=True)
        starts = lambda rows: by_type(rows).astype("i8")
        with h5py.File(offsets / "offsets_099.hdf5", "w") as f:
            f["Group/SnapByType"] = starts([place(subs, fuzz, g).start for g in range(len(subs))])
            f["Subhalo/SnapByType"] = starts([place(subs, fuzz, g, i).start for g, sub in enumerate(subs)
                                              for i in range(len(sub))])
            f["FileOffsets/SnapByType"] = np.zeros((2, 6), "i8")
    return folder, centre_g, centre_s


def masses(s, rows):
    return np.asarray(s["formed"])[list(rows)] * 1e10 / HUBBLE


def chosen(tmp_path, ranks, rows, s, **parameters):
    got, info = read(tmp_path, ranks, **parameters)
    assert len(got["formed"]) == len(rows) and within(got["formed"], masses(s, rows), rtol=1e-14)
    return got, info


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("offsets", ["output/../postprocessing/offsets", None])
def test_subhaloes_and_groups_of_tng(tmp_path, ranks, offsets):
    """Fuzz lies between groups: lengths of subhaloes alone are wrong (pynbody 786, 839).  Subhaloes and groups
    cross the ends of files, and a file may have no stars at all."""
    s, subs, fuzz = universe()
    out = tmp_path / "output"
    out.mkdir()
    snap = write_members(out / "snapdir_099", s, [3, 3, 8, len(place(subs, fuzz, 0)) + 2])
    cat, centre_g, centre_s = write_subfind(out / "groups_099", s, subs, fuzz,
                                            offsets=tmp_path / "postprocessing/offsets" if offsets else None)
    row = 0
    for g, sub in enumerate(subs):
        want = place(subs, fuzz, g)
        if len(want):
            got, info = chosen(tmp_path, ranks, want, s, InputFile=snap, GroupCatalogue=cat, GroupType="group",
                               GroupIndex=g)
            assert within(info["stated_centre"], centre_g[g] * A / HUBBLE, rtol=1e-6)
        for i in range(len(sub)):
            want = place(subs, fuzz, g, i)
            if len(want) and g < 3:
                chosen(tmp_path, ranks, want, s, InputFile=snap, GroupCatalogue=cat, GroupIndex=row)
            row += 1


@pytest.mark.parametrize("none", [-1, 4294967295, 99999])
def test_a_group_without_subhaloes(tmp_path, none):
    """GroupFirstSub is -1, read as 4294967295 in old Illustris (illustris_python 9), or a number too large."""
    s, subs, fuzz = universe()
    snap = write_members(tmp_path / "snap", s, [20])
    cat, *_ = write_subfind(tmp_path / "groups", s, subs, fuzz, none=none)
    chosen(tmp_path, 1, place(subs, fuzz, 3), s, InputFile=snap, GroupCatalogue=cat, GroupType="group", GroupIndex=3)
    row = sum(map(len, subs[:4]))
    g = next(g for g in range(4, 7) if subs[g])
    chosen(tmp_path, 1, place(subs, fuzz, g, 0), s, InputFile=snap, GroupCatalogue=cat, GroupIndex=row)


def test_several_groups_are_one_galaxy(tmp_path):
    """A merging pair; a subhalo and its group are not counted twice."""
    s, subs, fuzz = universe()
    snap = write_members(tmp_path / "snap", s, [7, 30])
    cat, *_ = write_subfind(tmp_path / "groups", s, subs, fuzz)
    want = sorted([*place(subs, fuzz, 0, 2), *place(subs, fuzz, 0, 0)])
    chosen(tmp_path, 2, want, s, InputFile=snap, GroupCatalogue=cat, GroupIndex="2, 0, 2")


def test_a_group_across_the_box(tmp_path):
    """Periodic images are led to the catalogue's centre, not to the first star."""
    s, subs, fuzz = universe()
    rows = list(place(subs, fuzz, 0))
    s["pos"][rows] = (np.random.default_rng(1).normal(0, 40, (len(rows), 3)) + [5, 29990, 15000]) % 30000
    snap = write_members(tmp_path / "snap", s, [20])
    cat, centre, _ = write_subfind(tmp_path / "groups", s, subs, fuzz)
    for k in range(2):
        with h5py.File(cat / f"fof_subhalo_tab_099.{k}.hdf5", "r+") as f:
            if k == 0:
                f["Group/GroupPos"][0] = [2, 29985, 15000]
    got, _ = chosen(tmp_path, 2, rows, s, InputFile=snap, GroupCatalogue=cat, GroupType="group", GroupIndex=0)
    d = got["pos"] - np.array([2, 29985, 15000]) * A / HUBBLE
    assert np.abs(d).max() < 300 * A / HUBBLE


def test_subhalo_flag(tmp_path):
    s, subs, fuzz = universe()
    snap = write_members(tmp_path / "snap", s, [20])
    cat, *_ = write_subfind(tmp_path / "groups", s, subs, fuzz, flag=[0] * sum(map(len, subs)))
    done = dump(tmp_path, 1, InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert done.status == 0 and "SubhaloFlag 0" in done.err


@pytest.mark.parametrize("change, parameters, words", [
    ({}, dict(GroupIndex=99), ["GroupIndex = 99", "number 99 is none of 0 to"]),
    ({}, dict(GroupIndex="x"), ["GroupIndex = x", "no number from 0 on"]),
    ({}, dict(GroupIndex="1:0"), ["pairs are for GroupCatalogue particles"]),
    ({}, dict(GroupIndex=1), ["GroupIndex = 1", "has no stars"]),
    ({}, dict(GroupCatalogue="nothere"), ["GroupCatalogue = nothere", "no such file"]),
    (dict(Redshift=0.5), dict(GroupIndex=0), ["redshift 0.5", "0.25", "written with the snapshot"]),
    (dict(NumFiles=3), dict(GroupIndex=0), ["fof_subhalo_tab_099.2.hdf5", "missing"]),
    (dict(BoxSize=60000.0), dict(GroupIndex=0), ["is of a box of", "written with the snapshot"]),
    (dict(HubbleParam=0.7), dict(GroupIndex=0), ["h = 0.7", "written with the snapshot"]),
])
def test_what_is_wrong_is_said(tmp_path, change, parameters, words):
    s, subs, fuzz = universe()
    snap = write_members(tmp_path / "snap", s, [20])
    cat, *_ = write_subfind(tmp_path / "groups", s, subs, fuzz, **change)
    for ranks in (1, 2):
        done = dump(tmp_path, ranks, **{"InputFile": snap, "GroupCatalogue": cat, **parameters})
        assert done.status in (2, 3) and all(w in done.err for w in words), done.err


@pytest.mark.parametrize("offsets", ["output/../postprocessing/offsets", None])
@pytest.mark.parametrize("kind", ["subhalo", "group"])
def test_a_cutout_and_the_catalogue_of_the_whole(tmp_path, offsets, kind):
    """Its first rows are those of group 4, and not of the group 0 that is asked for."""
    s, subs, fuzz = universe()
    (tmp_path / "output").mkdir()
    cut = {k: v[list(place(subs, fuzz, 4))[::-1] * 3] for k, v in s.items()}
    snap = write_members(tmp_path / "output" / "cutout", cut, [])
    cat, *_ = write_subfind(tmp_path / "output" / "groups_099", s, subs, fuzz, offsets=offsets and tmp_path / offsets)
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupType=kind, GroupIndex=0)
    assert done.status == 3 and "do not belong together; of a cutout" in done.err, done.err


def test_a_catalogue_of_another_snapshot(tmp_path):
    s, subs, fuzz = universe()
    snap = write_members(tmp_path / "snap", {k: v[:5] for k, v in s.items()}, [2])
    cat, *_ = write_subfind(tmp_path / "groups", s, subs, fuzz)
    done = dump(tmp_path, 1, InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert done.status == 3 and "they do not belong together" in done.err


def test_the_file_itself_is_no_catalogue(tmp_path):
    s, *_ = universe()
    snap = write_members(tmp_path / "snap", s, [20])
    done = dump(tmp_path, 1, InputFile=snap, GroupCatalogue=snap / "snap_099.0.hdf5", GroupIndex=0)
    assert done.status == 3 and "is no catalogue that is known" in done.err and "Subfind" in done.err


# ---- numbers that particles carry ----------------------------------------------------------------

def eagle(tmp_path):
    """Stars of groups 1 and 2 in any order; -1 lies near group 1, 2^30 belongs to none."""
    s = raw_stars(60, family="eagle")
    rng = np.random.default_rng(2)
    s["GroupNumber"] = rng.choice([1, 2, -1, 2**30], 60)
    s["SubGroupNumber"] = rng.choice([0, 1, 2**30], 60)
    snap = write_raw(tmp_path / "snap.hdf5", s, "eagle", dtypes={"GroupNumber": "i4", "SubGroupNumber": "i4"})
    with h5py.File(tmp_path / "eagle_subfind_tab.hdf5", "w") as f:
        f.create_group("Header").attrs["Redshift"] = Z
        f["FOF/GroupCentreOfPotential"] = np.array([[20.0, 20, 20], [21, 21, 21]])
        f["Subhalo/GroupNumber"], f["Subhalo/SubGroupNumber"] = np.array([1, 1, 2, 2]), np.array([0, 1, 0, 1])
        f["Subhalo/CentreOfPotential"] = np.array([[20.0, 20, 20], [1, 2, 3], [21, 21, 21], [4, 5, 6]])
    return s, snap, tmp_path / "eagle_subfind_tab.hdf5"


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("parameters, number, sub", [
    (dict(GroupIndex=2), 2, 0), (dict(GroupIndex=1), 1, 1), (dict(GroupIndex=0, GroupType="group"), 1, None),
    (dict(GroupCatalogue="particles", GroupIndex="2:1"), 2, 1),
    (dict(GroupCatalogue="particles", GroupIndex="1", GroupType="group"), 1, None)])
def test_eagle(tmp_path, ranks, parameters, number, sub):
    s, snap, cat = eagle(tmp_path)
    rows = np.flatnonzero((s["GroupNumber"] == number) & ((s["SubGroupNumber"] == sub) | (sub is None)))
    got, info = chosen(tmp_path, ranks, rows, s, **{"InputFile": snap, "GroupCatalogue": cat, **parameters})
    if parameters == dict(GroupIndex=1):
        assert within(info["stated_centre"], np.array([1, 2, 3]) * 1e3 * A / HUBBLE, rtol=1e-12)


@pytest.mark.parametrize("pair", ["4294967297:0", "1:4294967296", "9223372036854775807:0", "99999999999999999999:0"])
def test_a_pair_is_of_32_bits(tmp_path, pair):
    """Larger numbers are no other group's."""
    _, snap, _ = eagle(tmp_path)
    done = dump(tmp_path, 1, InputFile=snap, GroupCatalogue="particles", GroupIndex=pair)
    assert done.status == 2 and "is no pair of numbers from 0 to 2147483647" in done.err, done.err


def test_a_centre_that_is_no_number(tmp_path):
    _, snap, cat = eagle(tmp_path)
    with h5py.File(cat, "r+") as f:
        f["Subhalo/CentreOfPotential"][0] = np.nan
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert done.status == 3 and "states the centre (nan, nan, nan)" in done.err and "subhalo 0" in done.err


# ---- real files ----------------------------------------------------------------------------------

def gadget4():
    folder = shared(GADGET4)
    cat = [h5py.File(folder / f"groups_001/fof_subhalo_tab_001.{k}.hdf5") for k in range(2)]
    snap = [h5py.File(folder / f"snapdir_001/snapshot_001.{k}.hdf5") for k in range(2)]
    table = lambda name: np.concatenate([f[name][:] for f in cat])
    stars = lambda name: np.concatenate([f[f"PartType4/{name}"][:] for f in snap])
    return folder, table, stars, snap[0]["Header"].attrs["Time"]


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("kind, index", [("subhalo", 10), ("subhalo", 2), ("group", 9)])
def test_a_real_run_of_gadget4(tmp_path, ranks, kind, index):
    """Group 9 and its subhalo 10 lie across the two files: stars 51 to 61, and file 0 ends at 54."""
    folder, table, stars, a = gadget4()
    name = "Subhalo/Subhalo" if kind == "subhalo" else "Group/Group"
    start, n = table(name + "OffsetType")[index, 4], table(name + "LenType")[index, 4]
    got, info = read(tmp_path, ranks, InputFile=folder / "snapdir_001", GroupCatalogue=folder / "groups_001",
                     GroupType=kind, GroupIndex=index)
    centre = table(name + "Pos")[index] * a / 0.6774
    assert len(got["now"]) == n and within(info["stated_centre"], centre, rtol=1e-6)
    assert within(got["vel"], stars("Velocities")[start:start + n] * np.sqrt(a), rtol=1e-6)
    assert np.linalg.norm(got["pos"] - centre, axis=1).max() < 46 * a / 0.6774
    if kind == "subhalo":
        assert within(got["now"].sum(), {10: 1.013804e9, 2: 1.105968e9}[index], rtol=1e-6)


def test_only_subhaloes_of_a_cutout_of_camels(tmp_path):
    """Its catalogue has no groups; the cutout holds the stars of the ten subhaloes and nothing else."""
    folder = shared("data/simulations/camels_tng")
    length = h5py.File(folder / "camels_subhalo.hdf5")["Subhalo/SubhaloLenType"][:, 4]
    with h5py.File(folder / "camels_snap.hdf5") as f, h5py.File(tmp_path / "camels.hdf5", "w") as g:
        for key in f:
            f.copy(key, g)
        g["PartType4/Velocities"] = np.zeros((length.sum(), 3))
        mass = f["PartType4/GFM_InitialMass"][:]
    got, _ = read(tmp_path, 1, InputFile=tmp_path / "camels.hdf5", GroupCatalogue=folder / "camels_subhalo.hdf5",
                  GroupIndex=3)
    start = length[:3].sum()
    assert within(got["formed"], mass[start:start + length[3]] * 1e10 / 0.6711, rtol=1e-6)


# ---- cubes ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("ranks", [1, 2])
def test_one_cube_each(tmp_path, ranks):
    """%d in OutputFile: a cube for each group, as a run for that group alone makes it."""
    bench, s, common = galaxies(tmp_path)
    par = bench.parameters(OutputFile=tmp_path / "g_%d.fits", GroupIndex="2, 0", **common)
    assert run("cubix", [par], ranks, cwd=tmp_path).status == 0
    for row in (0, 2):
        alone = bench.cube(ranks=1, GroupIndex=row, **common)
        each = read_cube(tmp_path / f"g_{row}.fits")
        assert np.array_equal(alone["DATA"], each["DATA"]) and each["DATA"].max() > 0
    for path in tmp_path.glob("g_2*"):
        path.unlink()
    before = (tmp_path / "g_0.fits").stat().st_mtime_ns
    assert run("cubix", [par, "Overwrite=no"], ranks, cwd=tmp_path).status == 0
    assert (tmp_path / "g_2.fits").exists() and (tmp_path / "g_0.fits").stat().st_mtime_ns == before
    done = run("cubix", [bench.parameters(OutputFile=tmp_path / "h_%d.fits", InputFile=common["InputFile"])], ranks)
    assert done.status == 2 and "name a GroupCatalogue" in done.err


def test_what_was_said_of_the_galaxy_before(tmp_path):
    """Each galaxy's cube has its warnings; with -q the same one is given once."""
    bench, s, common = galaxies(tmp_path)
    par = bench.parameters(OutputFile=tmp_path / "g_%d.fits", GroupIndex="2, 0", **common)
    with h5py.File(bench.ssp_file, "r+") as f:
        f.attrs["Demo"] = 1
    said = {option: run("cubix", [option, par], cwd=tmp_path).err.count("no real library") for option in ("-v", "-q")}
    assert said == {"-v": 2, "-q": 1}


def test_groups_in_a_list_that_make_no_cube(tmp_path):
    """One without stars does not stop the rest, a repeated one is made once, and a list that is wrong makes none."""
    bench, s, common = galaxies(tmp_path)
    par = lambda **more: bench.parameters(**{**common, "OutputFile": tmp_path / "g_%d.fits", **more})
    done = run("cubix", [par(GroupIndex="1, 2, 2, 0")], 2, cwd=tmp_path)
    assert done.status == 0 and "has no stars" in done.err and "g_1.fits is written" in done.err
    assert sorted(p.name for p in tmp_path.glob("g*.fits")) == ["g_0.fits", "g_2.fits"]
    stages = [[line.split()[0] for line in (tmp_path / f"g_{row}-timings.txt").read_text().splitlines()]
              for row in (2, 0)]
    assert stages[0][-8:] == stages[1][-8:] and len(stages[0]) - len(stages[1]) in (0, 1)
    for path in tmp_path.glob("g_*"):
        path.unlink()
    for wrong, words in ((",", "lists no group"), ("0, x", "no number from 0 on"), ("1", "has no stars")):
        done = run("cubix", [par(GroupIndex=wrong)], 1, cwd=tmp_path)
        assert done.status in (2, 3) and words in done.err and not list(tmp_path.glob("g_*")), done.err


def test_a_group_that_lies_nowhere(tmp_path):
    s, subs, fuzz = universe()
    snap = write_members(tmp_path / "snap", s, [20])
    cat, *_ = write_subfind(tmp_path / "groups", s, subs, fuzz)
    with h5py.File(cat / "fof_subhalo_tab_099.0.hdf5", "r+") as f:
        f["Subhalo/SubhaloPos"][0] = [1, np.nan, 3]
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert done.status == 3 and "nan" in done.err and "it is damaged" in done.err


def galaxies(tmp_path):
    """Group 0, with its subhaloes 0 and 2 within a kpc of the catalogue's places of them."""
    bench = Bench(tmp_path)
    bench.instrument()
    bench.ssp()
    bench.file = "none"
    s, subs, fuzz = universe()
    snap = write_members(tmp_path / "snap", s, [9])
    cat, _, centre = write_subfind(tmp_path / "groups", s, subs, fuzz)
    for sub in (0, 2):
        rows = list(place(subs, fuzz, 0, sub))
        s["pos"][rows] = centre[sub] + np.random.default_rng(sub).normal(0, 0.2, (len(rows), 3))
    write_members(snap, s, [9])
    return bench, s, dict(InputFile=snap, GroupCatalogue=cat, SanityCheck="warn")


def test_the_stated_velocity(tmp_path):
    """SystemicVelocity stated is the catalogue's; a canonical file passes it on."""
    bench, s, common = galaxies(tmp_path)
    assert run("cubix-extract", [bench.parameters(**{**common, "GroupIndex": 2, "OutputFile": tmp_path / "x.hdf5"})],
               cwd=tmp_path).status == 0
    want = bench.cube(GroupIndex=2, SystemicVelocity=[80.0, 80, 80], **common)["DATA"]
    assert np.array_equal(want, bench.cube(GroupIndex=2, SystemicVelocity="stated", **common)["DATA"])
    assert np.array_equal(want, bench.cube(InputFile=tmp_path / "x.hdf5", SystemicVelocity="stated",
                                           SanityCheck="warn")["DATA"])
    done = dump(tmp_path, 2, frame=True, InputFile=common["InputFile"], SystemicVelocity="stated")
    assert done.status == 2 and "states a velocity" in done.err


# ---- SOAP ----------------------------------------------------------------------------------------

def soap(tmp_path, how="folder", files=2, comoving=True, old=False, redshift=None):
    """A snapshot of SWIFT with stars of halos in any order, and the catalogue, whose rows are permuted on purpose: row
    i has the HaloCatalogueIndex index[i].  how: where the numbers are."""
    rng = np.random.default_rng(8)
    s = snapshots.born(galaxy(60, seed=2), 0.25)
    n = len(s["z"])
    index = np.array([17, 4, 900, 0])
    s["number"] = rng.choice([*index, -1, 2, 3], n)
    cuts = [n * k // files for k in range(files + 1)]
    name = "GroupNr_all" if old else "GroupNr_bound"
    inside = tmp_path / "membership_0018"
    folder = {"beside": tmp_path, "folder": inside, "above": inside}.get(how)
    cat = tmp_path / "SOAP" if how == "above" else tmp_path
    for k in range(files):
        part = {key: x[cuts[k]:cuts[k + 1]] if np.ndim(x) else x for key, x in s.items()}
        end = f".{k}.hdf5" if files > 1 else ".hdf5"

        def add(f):
            if how == "virtual":
                f["PartType4/HaloCatalogueIndex" if not old else "PartType4/GroupNr_all"] = part["number"].astype("i4")

        snapshots.write(tmp_path / f"flamingo_0018{end}", "SWIFT", part, edit=add,
                        header={"NumFilesPerSnapshot": np.array([files], "i4")})
        if folder:
            folder.mkdir(exist_ok=True)
            with h5py.File(folder / f"membership_0018{end}", "w") as f:
                f[f"PartType4/{name}"] = part["number"].astype("i4")
    cat.mkdir(exist_ok=True)
    centre = np.arange(12.0).reshape(4, 3)
    with h5py.File(cat / "halo_properties_0018.hdf5", "w") as f:
        f.create_group("Cosmology").attrs["Redshift"] = np.array([0.25 if redshift is None else redshift])
        # VELOCIraptor counts from 1, and begins with the snapshot's number
        f["VR/ID" if old else "InputHalos/HaloCatalogueIndex"] = index + 1 + 18 * 10**12 if old else index
        columns = {"VR/CentreOfPotential" if old else "InputHalos/HaloCentre": (centre, 3.08567758e24, 1),
                   "BoundSubhalo/EncloseRadius": (np.full(4, 0.1), 3.08567758e24, 1),
                   "BoundSubhalo/CentreOfMassVelocity": (centre * 10, 1e5, 0)}
        for path, (x, cgs, power) in columns.items():
            f[path] = x
            f[path].attrs.update({"a-scale exponent": [float(power)], "Value stored as physical": [int(not comoving)],
                                  "Conversion factor to CGS (not including cosmological corrections)": [cgs]})
    snap = tmp_path / (f"flamingo_0018{'.0' if files > 1 else ''}.hdf5")
    return s, index, centre, snap, cat / "halo_properties_0018.hdf5"


def of_halo(s, number):
    return np.asarray(s["mass"])[s["number"] == number]


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("how, files", [("beside", 1), ("folder", 2), ("above", 2), ("virtual", 1)])
def test_the_halo_catalogue_index_of_soap_is_not_its_row(tmp_path, ranks, how, files):
    """Memberships beside the catalogue or in a folder; numbers inside a virtual snapshot."""
    s, index, centre, snap, cat = soap(tmp_path, how, files)
    for row in range(4):
        got, info = read(tmp_path, ranks, InputFile=snap, GroupCatalogue=cat, GroupIndex=row)
        assert within(got["formed"], of_halo(s, index[row]), rtol=1e-9) and len(got["formed"])
        assert within(info["stated_centre"], centre[row] * 1e3 / 1.25, rtol=1e-8)


@pytest.mark.parametrize("how", ["folder", "virtual"])
def test_old_soap(tmp_path, how):
    """VR/ID and GroupNr_all; lengths that are physical by their attributes."""
    s, index, centre, snap, cat = soap(tmp_path, how, 1, comoving=False, old=True)
    got, info = read(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=2)
    assert within(got["formed"], of_halo(s, 900), rtol=1e-9)
    assert within(info["stated_centre"], centre[2] * 1e3, rtol=1e-8)


def test_numbers_of_groups_and_of_subhaloes_in_swift(tmp_path):
    """GroupNr_bound is a subhalo's; a group's are FOFGroupIDs."""
    s, index, _, snap, _ = soap(tmp_path, "virtual", 1)
    with h5py.File(snap, "r+") as f:
        f["PartType4/FOFGroupIDs"] = (np.arange(len(f["PartType4/HaloCatalogueIndex"])) % 3).astype("i8")
        fof = f["PartType4/FOFGroupIDs"][:]
    got, _ = read(tmp_path, 1, InputFile=snap, GroupCatalogue="particles", GroupIndex=index[1])
    assert within(got["formed"], of_halo(s, index[1]), rtol=1e-9)
    got, _ = read(tmp_path, 1, InputFile=snap, GroupCatalogue="particles", GroupType="group", GroupIndex=2)
    assert within(got["formed"], np.asarray(s["mass"])[fof == 2], rtol=1e-9)
    done = dump(tmp_path, 1, InputFile=write_raw(tmp_path / "t.hdf5", raw_stars(9)), GroupCatalogue="particles",
                GroupIndex=2)
    assert done.status == 2 and "carry no numbers of subhaloes" in done.err


@pytest.mark.parametrize("comoving", [True, False])
def test_the_centre_of_soap_is_comoving_or_physical_by_its_attributes(tmp_path, comoving):
    _, _, centre, snap, cat = soap(tmp_path, comoving=comoving)
    _, info = read(tmp_path, 1, InputFile=snap, GroupCatalogue=cat, GroupIndex=3)
    assert within(info["stated_centre"], centre[3] * 1e3 * (0.8 if comoving else 1), rtol=1e-8)


@pytest.mark.parametrize("how, parameters, status, words", [
    ({"how": "nowhere"}, {}, 3, ["there is no membership_0018.0.hdf5 beside the catalogue or in a folder"]),
    ({}, {"GroupType": "group"}, 2, ["GroupType = group", "SOAP's rows are subhaloes"]),
    ({}, {"GroupIndex": 17}, 2, ["number 17 is none of 0 to 3"]),
    ({"redshift": 3.0}, {}, 3, ["is of redshift 3,"]),
])
def test_what_is_wrong_with_soap(tmp_path, how, parameters, status, words):
    *_, snap, cat = soap(tmp_path, **how)
    for ranks in (1, 2):
        done = dump(tmp_path, ranks, **{"InputFile": snap, "GroupCatalogue": cat, "GroupIndex": 0, **parameters})
        assert done.status == status and all(w in done.err for w in words), done.err


# ---- other traps ---------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["subhalo", "group"])
def test_offsets_of_illustris_1_are_in_the_catalogue(tmp_path, kind):
    """Offsets/Subhalo_SnapByType: moved by one here, to see that they are what counts."""
    s, subs, fuzz = universe()
    snap = write_members(tmp_path / "snap", s, [20])
    cat, *_ = write_subfind(tmp_path / "groups", s, subs, fuzz, files=1)
    starts = [place(subs, fuzz, g).start for g in range(len(subs))] if kind == "group" else \
        [place(subs, fuzz, g, i).start for g, sub in enumerate(subs) for i in range(len(sub))]
    with h5py.File(cat / "fof_subhalo_tab_099.0.hdf5", "r+") as f:
        f[f"Offsets/{kind.capitalize()}_SnapByType"] = by_type(starts).astype("i8") + 1
    want = [i + 1 for i in (place(subs, fuzz, 0) if kind == "group" else place(subs, fuzz, 0, 0))]
    chosen(tmp_path, 2, want, s, InputFile=snap, GroupCatalogue=cat, GroupType=kind, GroupIndex=0)


@pytest.mark.parametrize("kind", ["subhalo", "group"])
def test_without_the_offsets_file_of_tng_the_same_stars_are_found(tmp_path, kind):
    s, subs, fuzz = universe()
    out = tmp_path / "output"
    out.mkdir()
    snap = write_members(out / "snapdir_099", s, [3, 8])
    cat, *_ = write_subfind(out / "groups_099", s, subs, fuzz, offsets=tmp_path / "postprocessing/offsets")
    got = []
    for _ in range(2):
        got.append(read(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupType=kind, GroupIndex=2)[0])
        (tmp_path / "postprocessing/offsets/offsets_099.hdf5").unlink(missing_ok=True)
    assert len(got[0]["formed"]) and all(np.array_equal(got[0][k], got[1][k]) for k in got[0])


def test_negative_group_numbers_of_eagle_and_2_to_the_30_are_in_no_group(tmp_path):
    """-1 lies near group 1, 2^30 belongs to none."""
    s, snap, cat = eagle(tmp_path)
    assert {-1, 1, 2, 2**30} == set(s["GroupNumber"]) and 2**30 in s["SubGroupNumber"]
    for parameters in (dict(GroupCatalogue=cat), dict(GroupCatalogue="particles")):
        number = 0 if parameters["GroupCatalogue"] == cat else 1
        chosen(tmp_path, 2, np.flatnonzero(s["GroupNumber"] == 1), s, InputFile=snap, GroupType="group",
               GroupIndex=number, **parameters)
