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
                out += record(f"{label:4}".encode() + struct.pack(order + "I", len(data) + 8), order) + record(data, order)
        (folder / f"sub_007.{k}").write_bytes(out)
    return folder


def binary_universe(tmp_path, base=1000, whole="u4", order="<", seed=3):
    """Stars in any order, and groups of them."""
    s = stars(50, seed)
    rng = np.random.default_rng(seed)
    s["ID"] = np.array([base + int(i) for i in rng.permutation(200)[:50]], "u8")
    ids = rng.permutation(s["ID"])
    groups = [(ids[0:3], [ids[3:9], ids[9:10]]), (ids[10:14], []), (ids[14:15], [ids[15:30], ids[30:34], ids[34:37]])]
    snap = Snapshot({4: s}).write(tmp_path / "snap_007", ["POS", "VEL", "ID", "MASS", "AGE", "Z"], order=order, whole=whole)
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
    snap = Snapshot({4: s}, time=0.2, redshift=4.0).write(tmp_path / "snap_002", ["POS", "VEL", "ID", "MASS", "AGE", "Z"])
    for kind in ("subhalo", "group"):
        want = masses_of(s, ids[660:766])
        assert 20 < len(want) < 106
        taken(tmp_path, 2, want, InputFile=snap, GroupCatalogue=cat, GroupType=kind, GroupIndex=4)
    assert "subhalo 4 lists 106 particles of all types" in log_of(tmp_path, InputFile=snap, GroupCatalogue=cat,
                                                                  GroupIndex=4)


def test_ids_of_split_gas_are_not_unique(tmp_path):
    """Each particle with a listed identifier is taken, and how many there are is said."""
    s, groups, snap = binary_universe(tmp_path)
    ids = groups[0][1][0]
    s["ID"][~np.isin(s["ID"], np.concatenate([np.concatenate([f, *x]) for f, x in groups]))] = ids[2]
    snap = Snapshot({4: s}).write(tmp_path / "snap_007", ["POS", "VEL", "ID", "MASS", "AGE", "Z"])
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
    bare = Snapshot({4: s}).write(tmp_path / "bare", ["POS", "VEL", "MASS", "AGE", "Z"])
    (tmp_path / "groups/sub_007.1").unlink()
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert done.status == 3 and "sub_007.1" in done.err and "missing" in done.err
    cat = write_subfind_binary(tmp_path / "other", groups, [2], [3], redshift=0.1)
    done = dump(tmp_path, 1, InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert done.status == 3 and "is of redshift 0.1" in done.err
