"""Halo catalogues that list identifiers or rows of particles: the stars of a group, against numpy that reads the same
lists.  Each trap is a test of its name."""
import struct

import h5py
import numpy as np
import pytest

from dumps import dump, read, read_gas
from harness import run, shared, within, write_parameters
from program.test_gadget_binary import A as A_BINARY
from program.test_gadget_binary import HUBBLE as H_BINARY
from program.test_gadget_binary import Snapshot, header_old, particles, record, stars
from program.test_reader import A, HUBBLE, Z, raw_stars, write_raw

BIG = 2**63 + 2**55 + 1                                   # identifiers that doubles cannot tell apart
BLOCKS = ["POS", "VEL", "ID", "MASS", "AGE", "Z"]


def log_of(folder, ranks=1, **parameters):
    """What the program says of the catalogue."""
    par = write_parameters(folder / "log.param", OutputFile=folder / "extracted.hdf5",
                           **{"SspFile": "none.hdf5", "SanityCheck": "warn", **parameters})
    done = run("cubix-extract", [par], ranks, cwd=folder)
    assert done.status == 0, done.err
    return done.out


def taken(tmp_path, ranks, mass, **parameters):
    """The reader hands on stars of these masses, in their order."""
    got, info = read(tmp_path, ranks, **parameters)
    assert len(got["now"]) == len(mass) and within(got["now"], mass, rtol=1e-6)
    return got, info


# ---- Subfind in Gadget's format 2 ----------------------------------------------------------------

def write_subfind_binary(folder, groups, cut_groups, cut_subs, whole="u4", order="<", redshift=1 / A_BINARY - 1,
                         labels=True):
    """groups: [(unbound ids, [ids of each subhalo])].  Subhaloes are cut into files at other places than groups."""
    folder.mkdir(exist_ok=True)
    pid, glen, goff, slen, soff, grnr, fsub = [], [], [], [], [], [], []
    for g, (fuzz, subs) in enumerate(groups):
        goff.append(len(pid))
        fsub.append(len(slen))
        for sub in subs:
            soff.append(len(pid))
            slen.append(len(sub))
            grnr.append(g)
            pid += list(sub)
        pid += list(fuzz)
        glen.append(len(pid) - goff[-1])
    n = len(cut_groups) + 1
    parts = lambda x, cuts: np.split(np.asarray(x), cuts)
    pids = np.array_split(np.array(pid, "u8"), n)
    gpos, spos = np.arange(3 * len(glen)).reshape(-1, 3), np.arange(3 * len(slen)).reshape(-1, 3) + 100
    for k in range(n):
        out = b""
        count = (len(parts(glen, cut_groups)[k]), len(parts(slen, cut_subs)[k]), len(pids[k]))
        blocks = [("HEAD", header_old(count, (), A_BINARY, redshift, 0.0, n, (0.3, 0.7, 0.7), order))]
        for label, x, cuts, kind in (("GLEN", glen, cut_groups, "i4"), ("GOFF", goff, cut_groups, "i4"),
                                     ("GPOS", gpos, cut_groups, "f4"), ("FSUB", fsub, cut_groups, "i4"),
                                     ("SLEN", slen, cut_subs, "i4"), ("SOFF", soff, cut_subs, "i4"),
                                     ("SPOS", spos, cut_subs, "f4"), ("SVEL", spos, cut_subs, "f4"),
                                     ("GRNR", grnr, cut_subs, "i4")):
            blocks.append((label, parts(x, cuts)[k].astype(order + kind).tobytes()))
        blocks.append(("PID", pids[k].astype(order + whole).tobytes()))
        for label, data in blocks:
            if data:
                out += record(f"{label:4}".encode() + struct.pack(order + "I", len(data) + 8), order)
                out += record(data, order)
        (folder / f"sub_007.{k}").write_bytes(out)
    return folder


def binary_universe(tmp_path, base=1000, whole="u4", order="<", seed=3):
    """Stars in any order, and groups of them."""
    s = stars(50, seed)
    rng = np.random.default_rng(seed)
    s["ID"] = np.array([base + int(i) for i in rng.permutation(200)[:50]], "u8")
    ids = rng.permutation(s["ID"])
    groups = [(ids[0:3], [ids[3:9], ids[9:10]]), (ids[10:14], []), (ids[14:15], [ids[15:30], ids[30:34], ids[34:37]])]
    snap = Snapshot({4: s}).write(tmp_path / "snap_007", BLOCKS, order=order, whole=whole)
    return s, groups, snap


def masses_of(s, ids):
    return np.asarray(s["MASS"], "f8")[np.isin(s["ID"], np.array(ids, "u8"))] * 1e10 / H_BINARY


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("whole, base, order", [("u4", 1000, "<"), ("u8", BIG, "<"), ("u8", BIG, ">"),
                                                ("u4", 2**32 - 300, "<")])
def test_subfind_of_gadget_binary(tmp_path, ranks, whole, base, order):
    """Subhaloes are not in the file of their group, lists cross the ends of files; identifiers of 64 bits are exact."""
    s, groups, snap = binary_universe(tmp_path, base, whole, order)
    cat = write_subfind_binary(tmp_path / "groups", groups, [2], [3], whole, order)
    row = 0
    for g, (fuzz, subs) in enumerate(groups):
        everyone = np.concatenate([fuzz, *subs])
        _, info = taken(tmp_path, ranks, masses_of(s, everyone), InputFile=snap, GroupCatalogue=cat, GroupType="group",
                        GroupIndex=g)
        assert within(info["stated_centre"], (3 * g + np.arange(3)) * A_BINARY / H_BINARY, rtol=1e-6)
        for sub in subs:
            if ranks < 3:
                _, info = taken(tmp_path, ranks, masses_of(s, sub), InputFile=snap, GroupCatalogue=cat, GroupIndex=row)
                assert within(info["stated_centre"], (100 + 3 * row + np.arange(3)) * A_BINARY / H_BINARY, rtol=1e-6)
            row += 1
    both = np.concatenate([groups[0][1][1], groups[2][1][0]])
    taken(tmp_path, ranks, masses_of(s, both), InputFile=snap, GroupCatalogue=cat / "sub_007.1", GroupIndex="2, 1, 2")


def test_a_real_catalogue_of_subfind_in_format_2(tmp_path):
    """sub_002: subhalo 4 is in file 0, its group 4 in file 1, and so are its identifiers 660 to 765."""
    cat = shared("data/simulations/gadgetio_format2/sub_002.0")
    ids = []
    for k in range(4):
        data, at, label = cat.with_name(f"sub_002.{k}").read_bytes(), 0, None
        while at < len(data):
            n, = struct.unpack_from("<I", data, at)
            if label is None:
                label = data[at + 4:at + 8]
            else:
                if label == b"PID ":
                    ids += list(struct.unpack(f"<{n // 4}I", data[at + 4:at + 4 + n]))
                label = None
            at += n + 8
    assert len(ids) == 1721
    rng = np.random.default_rng(1)
    known = np.unique(ids)
    assert 700 < len(known)
    n = len(known) // 2
    s = particles(n, 2, ID=rng.permutation(known)[:n], AGE=rng.uniform(0.05, 0.19, n).astype("f4"),
                  Z=rng.uniform(0, 0.04, n).astype("f4"))
    snap = Snapshot({4: s}, time=0.2, redshift=4.0, cosmology=(0.24, 0.76, 0.72)).write(tmp_path / "snap_002", BLOCKS)
    for kind in ("subhalo", "group"):
        want = masses_of(s, ids[660:766]) * H_BINARY / 0.72
        assert 20 < len(want) < 106
        taken(tmp_path, 2, want, InputFile=snap, GroupCatalogue=cat, GroupType=kind, GroupIndex=4)
    assert "subhalo 4 lists 106 particles of all types" in log_of(tmp_path, InputFile=snap, GroupCatalogue=cat,
                                                                  GroupIndex=4)


def test_ids_of_split_gas_are_not_unique(tmp_path):
    """Each particle with a listed identifier is taken, and how many there are is said."""
    s, groups, snap = binary_universe(tmp_path)
    ids = groups[0][1][0]
    s["ID"][~np.isin(s["ID"], np.concatenate([np.concatenate([f, *x]) for f, x in groups]))] = ids[2]
    snap = Snapshot({4: s}).write(tmp_path / "snap_007", BLOCKS)
    cat = write_subfind_binary(tmp_path / "groups", groups, [2], [3])
    n = int(np.isin(s["ID"], ids).sum())
    _, info = taken(tmp_path, 2, masses_of(s, ids), InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert n == 19 and "subhalo 0: 19 particles of" in info["err"]
    assert "have the 6 identifiers" in info["err"] and "split gas are not unique" in info["err"]


def test_what_is_wrong_with_subfind_in_format_2(tmp_path):
    s, groups, snap = binary_universe(tmp_path)
    cat = write_subfind_binary(tmp_path / "groups", groups, [2], [3])
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=5)
    assert done.status == 2 and "number 5 is none of 0 to 4" in done.err
    done = dump(tmp_path, 1, InputFile=cat / "sub_007.0")
    assert done.status == 3 and "it is a catalogue of Subfind; name the snapshot itself" in done.err
    (tmp_path / "groups/sub_007.1").unlink()
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert done.status == 3 and "sub_007.1" in done.err and "missing" in done.err
    cat = write_subfind_binary(tmp_path / "other", groups, [2], [3], redshift=0.1)
    done = dump(tmp_path, 1, InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert done.status == 3 and "is of redshift 0.1" in done.err


# ---- a snapshot in HDF5 --------------------------------------------------------------------------

def write_snapshot(folder, cuts=(20,), seed=1, n=60, base=BIG, gas=None):
    """Stars over files, with identifiers of 64 bits.  gas: their identifiers, in PartType0 of file 0."""
    s = raw_stars(n, seed=seed)
    s["ParticleIDs"] = np.array([base + int(i) for i in np.random.default_rng(seed).permutation(10 * n)[:n]], "u8")
    ends = [0, *cuts, n]

    def add_gas(f):
        if gas is not None:
            m, rng = len(gas), np.random.default_rng(seed + 1)
            for name, x in (("Coordinates", rng.uniform(0, 9, (m, 3))), ("Velocities", rng.normal(0, 9, (m, 3))),
                            ("Masses", 1e-5 * (1 + np.arange(m))), ("ParticleIDs", np.asarray(gas, "u8"))):
                f[f"PartType0/{name}"] = x

    for k, (i, j) in enumerate(zip(ends, ends[1:])):
        write_raw(folder / f"snap_050.{k}.hdf5", {key: x[i:j] for key, x in s.items()}, dtypes={"ParticleIDs": "u8"},
                  order=list(s), header={"NumFilesPerSnapshot": len(ends) - 1}, edit=add_gas if k == 0 else None)
    return s, folder / "snap_050.0.hdf5"


def now(s, ids):
    """Masses of stars with these identifiers, in the order of the snapshot."""
    return s["now"][np.isin(s["ParticleIDs"], np.array(ids, "u8"))] * 1e10 / HUBBLE


# ---- VELOCIraptor --------------------------------------------------------------------------------

def write_velociraptor(folder, files, scale_factor=A, comoving=0, length=1000.0, types=True, numbered=True, text=True,
                       number=None):
    """files: [[(bound ids, their types, unbound ids, their types, parent, substructures)] of each file]."""
    folder.mkdir(exist_ok=True)
    row = 0
    for k, rows in enumerate(files):
        cat = lambda i: np.concatenate([np.asarray(r[i]) for r in rows]) if rows else np.zeros(0)
        starts = lambda i: np.cumsum([0] + [len(r[i]) for r in rows])[:-1]
        name = lambda sort: folder / (f"vr.{sort}.{k}" if numbered else f"vr.{sort}")
        tables = {"catalog_groups": {"Offset": starts(0), "Offset_unbound": starts(2),
                                     "Group_Size": np.array([len(r[0]) + len(r[2]) for r in rows], "u4"),
                                     "Parent_halo_ID": np.array([r[4] for r in rows], "i8"),
                                     "Number_of_substructures_in_halo": np.array([r[5] for r in rows], "u4")},
                  "catalog_particles": {"Particle_IDs": cat(0).astype("u8")},
                  "catalog_particles.unbound": {"Particle_IDs": cat(2).astype("u8")},
                  "properties": {"hostHaloID": np.array([r[4] for r in rows], "i8"),
                                 "Xcmbp": row + np.arange(len(rows)) + 0.25, "Ycmbp": np.full(len(rows), 2.0),
                                 "Zcmbp": np.full(len(rows), 3.0), "VXcmbp": np.full(len(rows), 10.0),
                                 "VYcmbp": np.full(len(rows), 20.0), "VZcmbp": np.full(len(rows), 30.0)}}
        if types:
            tables["catalog_parttypes"] = {"Particle_types": cat(1).astype("u2")}
            tables["catalog_parttypes.unbound"] = {"Particle_types": cat(3).astype("u2")}
        for sort, columns in tables.items():
            with h5py.File(name(sort), "w") as f:
                f["Num_of_files"], f["File_id"] = np.array([number or len(files)]), np.array([k])
                for column, x in columns.items():
                    f[column] = x
                if sort == "properties":
                    as_text = (lambda x: np.bytes_(f"{x:.9f}")) if text else float
                    f.create_group("SimulationInfo").attrs["ScaleFactor"] = as_text(scale_factor)
                    for key, x in {"Comoving_or_Physical": comoving, "Length_unit_to_kpc": length,
                                   "Velocity_unit_to_kms": 2.0}.items():
                        f.require_group("UnitInfo").attrs[key] = np.bytes_(str(x)) if text else x
        row += len(rows)
    return folder


def velociraptor(tmp_path, **how):
    """Two files of three groups, with dark matter whose identifiers are those of stars."""
    s, snap = write_snapshot(tmp_path)
    ids = s["ParticleIDs"][np.random.default_rng(5).permutation(60)]
    dark = ids[50:60]
    mixed = lambda stars, other: (np.concatenate([stars, other]), [4] * len(stars) + [1] * len(other))
    files = [[(*mixed(ids[0:9], dark[:2]), *mixed(ids[9:12], dark[2:3]), -1, 1),
              (*mixed(ids[12:20], dark[3:5]), *mixed(ids[20:21], dark[:0]), 1, 0)],
             [(*mixed(ids[21:30], dark[5:7]), *mixed(ids[30:34], dark[7:9]), -1, 0)]]
    if how.pop("one", False):
        files = [files[0] + files[1]]
    return s, snap, ids, write_velociraptor(tmp_path / "vr", files, **how)


VR_BOUND, VR_UNBOUND = [(0, 9), (12, 20), (21, 30)], [(9, 12), (20, 21), (30, 34)]


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("how", [{}, {"one": True, "numbered": False, "text": False}])
def test_velociraptor(tmp_path, ranks, how):
    """Offsets are those of each file; a subhalo has what is bound, a group also what is not; dark matter with a star's
    identifier is none."""
    s, snap, ids, cat = velociraptor(tmp_path, **how)
    end = "" if how else ".1"
    for row, name in enumerate(["vr", f"vr.properties{end}", f"vr.catalog_groups{end}"]):
        bound, unbound = ids[slice(*VR_BOUND[row])], ids[slice(*VR_UNBOUND[row])]
        par = {"InputFile": snap, "GroupCatalogue": cat / name, "GroupIndex": row}
        _, info = taken(tmp_path, ranks, now(s, bound), **par)
        assert within(info["stated_centre"], [1000 * (row + 0.25), 2000, 3000], rtol=1e-9)
        assert not info["err"]
        taken(tmp_path, ranks, now(s, [*bound, *unbound]), GroupType="group", **par)
    some = np.concatenate([ids[slice(*VR_BOUND[2])], ids[slice(*VR_BOUND[0])]])
    taken(tmp_path, ranks, now(s, some), InputFile=snap, GroupCatalogue=cat / "vr", GroupIndex="2, 0")


def test_lengths_of_velociraptor_may_be_comoving_and_divided_by_h(tmp_path):
    s, snap, ids, cat = velociraptor(tmp_path, comoving=1)
    _, info = taken(tmp_path, 1, now(s, ids[12:20]), InputFile=snap, GroupCatalogue=cat / "vr", GroupIndex=1)
    assert within(info["stated_centre"], np.array([1250, 2000, 3000]) * A / HUBBLE, rtol=1e-9)


def test_what_velociraptor_takes_is_said(tmp_path):
    """Particles of substructures are not those of their halo."""
    s, snap, ids, cat = velociraptor(tmp_path)
    par = {"InputFile": snap, "GroupCatalogue": cat / "vr", "GroupType": "group"}
    said = log_of(tmp_path, GroupIndex=0, **par)
    assert "group 0 (ID 1 of VELOCIraptor, a halo) lists 11 bound and 4 unbound particles of all types" in said
    assert "its 1 substructures are rows of their own, to be listed in GroupIndex" in said
    assert "group 1 (ID 2 of VELOCIraptor, a substructure)" in log_of(tmp_path, GroupIndex=1, **par)


def test_velociraptor_without_types(tmp_path):
    s, snap, ids, cat = velociraptor(tmp_path, types=False)
    _, info = taken(tmp_path, 1, now(s, [*ids[12:20], *ids[53:55]]), InputFile=snap, GroupCatalogue=cat / "vr",
                    GroupIndex=1)
    assert "catalog_parttypes is not there" in info["err"]


@pytest.mark.parametrize("how, change, status, words", [
    ({}, lambda c: (c / "vr.catalog_particles.1").unlink(), 3, ["vr.catalog_particles.1", "missing"]),
    ({}, lambda c: (c / "vr.catalog_groups.0").unlink(), 3, ["vr.catalog_groups.0 is missing"]),
    ({"scale_factor": 0.5}, None, 3, ["is of redshift 1,", "of 0.25"]),
    ({}, "offset", 3, ["by its Offset the particles of row 1 are those from 11 to 99", "has 21"]),
    ({}, "other", 3, ["lists 8 particles of the types that are read", "lacks 1 of them"]),
])
def test_what_is_wrong_with_velociraptor(tmp_path, how, change, status, words):
    s, snap, ids, cat = velociraptor(tmp_path, **how)
    if change == "offset":
        with h5py.File(cat / "vr.catalog_particles.0", "r+") as f:
            x = f["Particle_IDs"][:]
            assert len(x) == 21
        with h5py.File(cat / "vr.catalog_groups.0", "r+") as f:
            data = {k: f[k][:] for k in ("Offset", "Offset_unbound", "Group_Size", "Parent_halo_ID",
                                         "Number_of_substructures_in_halo")}
            for k, x in data.items():
                del f[k]
                f[k] = np.append(x, 100 if k == "Offset" else x[-1] if k == "Offset_unbound" else 0)
        with h5py.File(cat / "vr.properties.0", "r+") as f:
            for k in [k for k in f if k not in ("Num_of_files", "File_id", "UnitInfo", "SimulationInfo")]:
                x = f[k][:]
                del f[k]
                f[k] = np.append(x, x[-1])
    elif change == "other":
        with h5py.File(cat / "vr.catalog_particles.0", "r+") as f:
            f["Particle_IDs"][12] = 7
    elif change:
        change(cat)
    for ranks in (1, 2):
        done = dump(tmp_path, ranks, InputFile=snap, GroupCatalogue=cat / "vr", GroupIndex=1)
        assert done.status == status and all(w in done.err for w in words), done.err


# ---- HBT -----------------------------------------------------------------------------------------

def write_hbt(folder, files, scale_factor=A, units=True, extra=0):
    """files: [[(TrackId, ids)] of each]; extra: identifiers behind the bound ones."""
    folder.mkdir(exist_ok=True)
    record = np.dtype([("TrackId", "i8"), ("Nbound", "i8"), ("HostHaloId", "i8"), ("Rank", "i8"), ("Mbound", "f4"),
                       ("ComovingMostBoundPosition", "f4", 3), ("PhysicalAverageVelocity", "f4", 3),
                       ("RHalfComoving", "f4")])
    for k, rows in enumerate(files):
        with h5py.File(folder / f"SubSnap_050.{k}.hdf5", "w") as f:
            f["NumberOfFiles"] = np.array([len(files)], "i4")
            f["Cosmology/ScaleFactor"] = np.array([scale_factor])
            if units:
                f["Units/LengthInMpch"], f["Units/VelInKmS"] = np.array([0.5]), np.array([2.0])
            x = np.zeros(len(rows), record)
            lists = f.create_dataset("SubhaloParticles", (len(rows),), h5py.vlen_dtype("u8"))
            for i, (track, ids) in enumerate(rows):
                x[i] = (track, len(ids), 3, i, 1.0, (track, 2, 3), (10, 20, 30), 0.25)
                lists[i] = np.concatenate([ids, np.full(extra, 9, "u8")]).astype("u8")
            f["Subhalos"] = x
    return folder


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("extra", [0, 3])
def test_hbt(tmp_path, ranks, extra):
    """Rows count over files; a row is not its TrackId, which the log says."""
    s, snap = write_snapshot(tmp_path)
    ids = s["ParticleIDs"][np.random.default_rng(6).permutation(60)]
    cat = write_hbt(tmp_path / "050", [[(77, ids[:7]), (5, ids[7:20])], [], [(1, ids[20:50]), (9, ids[50:50])]],
                    extra=extra)
    for row, (a, b, track) in enumerate([(0, 7, 77), (7, 20, 5), (20, 50, 1)]):
        par = {"InputFile": snap, "GroupCatalogue": cat, "GroupIndex": row}
        _, info = taken(tmp_path, ranks, now(s, ids[a:b]), **par)
        assert within(info["stated_centre"], np.array([track, 2, 3]) * 500 * A / HUBBLE, rtol=1e-6)
    taken(tmp_path, ranks, now(s, ids[:20]), InputFile=snap, GroupCatalogue=cat / "SubSnap_050", GroupIndex="0 1")
    assert "subhalo 2 is row 0 of" in log_of(tmp_path, InputFile=snap, GroupCatalogue=cat, GroupIndex=2)
    assert "(TrackId 1): 30 bound particles of all types" in log_of(tmp_path, InputFile=snap, GroupCatalogue=cat,
                                                                  GroupIndex=2)


@pytest.mark.parametrize("ranks", [1, 2])
def test_groups_of_hbt_are_the_subhaloes_of_a_host(tmp_path, ranks):
    """By HostHaloId, over files; the centre is that of Rank 0, wherever it stands; -1 is in no group."""
    s, snap = write_snapshot(tmp_path)
    ids = s["ParticleIDs"][np.random.default_rng(6).permutation(60)]
    cat = write_hbt(tmp_path / "050", [[(77, ids[:7]), (5, ids[7:20])], [], [(1, ids[20:50]), (9, ids[50:55])]])
    for k, hosts, order in ((0, [4, 8], [1, 0]), (2, [4, -1], [0, 0])):
        with h5py.File(cat / f"SubSnap_050.{k}.hdf5", "r+") as f:
            x = f["Subhalos"][:]
            x["HostHaloId"], x["Rank"] = hosts, order
            f["Subhalos"][:] = x
    par = {"InputFile": snap, "GroupCatalogue": cat, "GroupType": "group"}
    _, info = taken(tmp_path, ranks, now(s, np.concatenate([ids[:7], ids[20:50]])), GroupIndex=4, **par)
    assert within(info["stated_centre"], np.array([1, 2, 3]) * 500 * A / HUBBLE, rtol=1e-6)
    _, info = taken(tmp_path, ranks, now(s, ids[7:20]), GroupIndex=8, **par)
    assert within(info["stated_centre"], np.array([5, 2, 3]) * 500 * A / HUBBLE, rtol=1e-6)
    log = log_of(tmp_path, GroupIndex=4, **par)
    assert "group 4 has row 0 of" in log and "(TrackId 1): 30 bound particles" in log


@pytest.mark.parametrize("how, parameters, status, words", [
    ({}, {"GroupIndex": 3}, 3, ["subhalo 3 has no stars"]),
    ({}, {"GroupIndex": 4}, 2, ["number 4 is none of 0 to 3"]),
    ({}, {"GroupIndex": 0, "GroupType": "group"}, 2, ["no subhalo of", "has the HostHaloId 0"]),
    ({}, {"GroupIndex": "3:0", "GroupType": "group"}, 2, ["pairs are for GroupCatalogue particles"]),
    ({"scale_factor": 0.5}, {"GroupIndex": 0}, 3, ["is of redshift 1,"]),
])
def test_what_is_wrong_with_hbt(tmp_path, how, parameters, status, words):
    s, snap = write_snapshot(tmp_path)
    ids = s["ParticleIDs"]
    cat = write_hbt(tmp_path / "050", [[(77, ids[:7]), (5, ids[7:20])], [], [(1, ids[20:50]), (9, ids[50:50])]], **how)
    for ranks in (1, 2):
        done = dump(tmp_path, ranks, InputFile=snap, GroupCatalogue=cat, **parameters)
        assert done.status == status and all(w in done.err for w in words), done.err


def test_hbt_with_a_negative_number_of_particles(tmp_path):
    s, snap = write_snapshot(tmp_path)
    cat = write_hbt(tmp_path / "050", [[(77, s["ParticleIDs"][:7]), (5, s["ParticleIDs"][7:20])]])
    with h5py.File(cat / "SubSnap_050.0.hdf5", "r+") as f:
        x = f["Subhalos"][:]
        x["Nbound"][0] = -1
        f["Subhalos"][:] = x
    done = dump(tmp_path, 1, InputFile=snap, GroupCatalogue=cat, GroupIndex="1, 0")
    assert done.status == 3 and "subhalo 0 (TrackId 77) has -1 bound particles" in done.err, done.err


def test_hbt_without_units_gives_no_centre(tmp_path):
    s, snap = write_snapshot(tmp_path)
    cat = write_hbt(tmp_path / "050", [[(77, s["ParticleIDs"][:7])]], units=False)
    _, info = taken(tmp_path, 1, now(s, s["ParticleIDs"][:7]), InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert "no Units/LengthInMpch" in info["err"] and "centre that it gives is not used" in info["err"]


# ---- caesar --------------------------------------------------------------------------------------

def write_caesar(path, galaxies, halos, n_star=60, n_gas=0, unit="kpccm", redshift=Z):
    """galaxies, halos: [(rows of stars, rows of gas)]."""
    with h5py.File(path, "w") as f:
        f.create_group("simulation_attributes").attrs["redshift"] = redshift
        for name, objects in (("galaxy", galaxies), ("halo", halos)):
            g = f.create_group(f"{name}_data")
            for i, kind in enumerate("sg"):
                ends = np.cumsum([0] + [len(o[i]) for o in objects])
                g[f"{kind}list_start"], g[f"{kind}list_end"] = ends[:-1], ends[1:]
                g[f"lists/{kind}list"] = np.concatenate([np.asarray(o[i], "i8") for o in objects])
                f[f"global_lists/{name}_{kind}list"] = np.zeros(n_gas if i else n_star, "i4")
            n = len(objects)
            g["pos"] = np.arange(3.0 * n).reshape(n, 3) * 100
            g["pos"].attrs["unit"] = unit
            g["vel"] = np.ones((n, 3))
            g["vel"].attrs["unit"] = "km/s"
            g["dicts/radii.stellar_half_mass"] = np.ones(n)
            g["dicts/radii.stellar_half_mass"].attrs["unit"] = np.bytes_("kpccm")
    return path


GALAXIES = [([3, 1, 2, 40, 19, 20], [0, 2]), ([5], [1]), (list(range(41, 60)), [4, 3])]
HALOS = [([3, 1, 2, 40, 19, 20, 5, 21], [0, 2, 1]), (list(range(41, 60)), [4, 3])]


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_caesar(tmp_path, ranks):
    """Lists are rows in the order of the snapshot's files, which end at 20 and 45 here; no identifiers."""
    s, snap = write_snapshot(tmp_path, (20, 45), base=0)
    cat = write_caesar(tmp_path / "caesar.hdf5", GALAXIES, HALOS)
    for kind, objects in (("subhalo", GALAXIES), ("group", HALOS)):
        for i, (rows, _) in enumerate(objects):
            _, info = taken(tmp_path, ranks, s["now"][sorted(rows)] * 1e10 / HUBBLE, InputFile=snap, GroupCatalogue=cat,
                            GroupType=kind, GroupIndex=i)
            assert within(info["stated_centre"], (3 * i + np.arange(3)) * 100 * A, rtol=1e-12)


@pytest.mark.parametrize("unit, size", [("kpccm", A), ("kpc", 1), ("kpccm/h", A / HUBBLE), ("Mpccm", 1e3 * A)])
def test_units_of_caesar(tmp_path, unit, size):
    """kpccm is comoving, and not divided by h."""
    s, snap = write_snapshot(tmp_path)
    cat = write_caesar(tmp_path / "caesar.hdf5", GALAXIES, HALOS, unit=unit)
    _, info = read(tmp_path, 1, InputFile=snap, GroupCatalogue=cat, GroupIndex=1)
    assert within(info["stated_centre"], np.array([300, 400, 500]) * size, rtol=1e-12)


def test_gas_of_caesar(tmp_path):
    s, snap = write_snapshot(tmp_path, gas=[1, 2, 3, 4, 5, 6])
    cat = write_caesar(tmp_path / "caesar.hdf5", GALAXIES, HALOS, n_gas=6)
    got = read_gas(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=2)
    assert within(got["mass_now"], 1e-5 * np.array([4, 5]) * 1e10 / HUBBLE, rtol=1e-12)


@pytest.mark.parametrize("how, parameters, status, words", [
    ({"n_star": 61}, {}, 3, ["is of 61 particles, but the snapshot", "has 60", "do not belong together"]),
    ({"unit": "furlong"}, {}, 3, ["/galaxy_data/pos has the unit 'furlong'", "kpccm"]),
    ({"redshift": 1.0}, {}, 3, ["is of redshift 1,"]),
    ({}, {"GroupIndex": 3}, 2, ["has 3 galaxies; number 3 is none of 0 to 2"]),
])
def test_what_is_wrong_with_caesar(tmp_path, how, parameters, status, words):
    s, snap = write_snapshot(tmp_path)
    cat = write_caesar(tmp_path / "caesar.hdf5", GALAXIES, HALOS, **how)
    for ranks in (1, 2):
        done = dump(tmp_path, ranks, **{"InputFile": snap, "GroupCatalogue": cat, "GroupIndex": 0, **parameters})
        assert done.status == status and all(w in done.err for w in words), done.err


# ---- Tipsy ---------------------------------------------------------------------------------------

def tipsy_groups():
    """The file's numbers of the 171 gas, 3078 dark and 49 star particles, and the stars' masses [Msun]."""
    file = shared("data/simulations/tangos_tipsy/tiny.000640")
    number = np.fromfile(file.with_name(file.name + ".amiga.grp"), ">i4")
    assert number[0] == 171 + 3078 + 49 == len(number) - 1
    raw = np.fromfile(file, ">f4", offset=32)
    mass = raw[171 * 12 + 3078 * 9:].reshape(49, 11)[:, 0].astype("f8")
    unit, = [float(line.split("=")[1]) for line in file.with_name("tiny.param").read_text().splitlines()
             if line.startswith("dMsolUnit")]
    return file, number[1:], mass * unit


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("form", ["text", ">i4", "<i4"])
def test_groups_of_tipsy(tmp_path, ranks, form):
    """One number for each particle of gas, dark matter and stars; 0 is none, and so is what is negative."""
    file, number, mass = tipsy_groups()
    assert len(number) == 3298 and set(number) == {-1, 0} and set(number[-49:]) == {-1}
    number = np.random.default_rng(3).choice([-1, 0, 1, 7, 4000], len(number))
    grp = tmp_path / "tiny.000640.grp"
    if form == "text":
        grp.write_text("\n".join(map(str, [len(number), *number])) + "\n")
    else:
        np.array([len(number), *number], form).tofile(grp)
    par = {"InputFile": file, "GroupCatalogue": grp, "StarInitialMass": "current"}
    for g in (1, 7, 4000):
        taken(tmp_path, ranks, mass[number[-49:] == g], GroupIndex=g, **par)
    gas = read_gas(tmp_path, ranks, GroupIndex=7, **par)
    assert len(gas["mass_now"]) == (number[:171] == 7).sum()


def test_what_is_wrong_with_groups_of_tipsy(tmp_path):
    file, number, _ = tipsy_groups()
    grp = file.with_name(file.name + ".amiga.grp")
    done = dump(tmp_path, 2, InputFile=file, GroupCatalogue=grp, GroupIndex=0)
    assert done.status == 2 and "0 stands for particles in none" in done.err
    done = dump(tmp_path, 2, InputFile=file, GroupCatalogue=grp, GroupIndex=1)
    assert done.status == 3 and "has no stars" in done.err
    short = tmp_path / "short.grp"
    for text, words in (("3298\n" + "1\n" * 3297, "ends or holds no number in line 3299"),
                        ("5\n" + "1\n" * 5, "is of 5"),
                        ("3298\n" + "1\n" * 3297 + "0.5\n", "should hold an integer"),
                        ("3298\n" + "1\n" * 3297 + "1e300\n", "should hold an integer")):
        short.write_text(text)
        done = dump(tmp_path, 2, InputFile=file, GroupCatalogue=short, GroupIndex=1)
        assert done.status == 3 and words in done.err, done.err
