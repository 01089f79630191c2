"""AHF: halos and lists of particles in text, each trap a test of its name."""
import gzip

import numpy as np
import pytest

from dumps import dump, read_gas
from harness import shared, within
from program.test_catalogue_ids import BIG, log_of, now, taken, write_snapshot
from program.test_reader import A, HUBBLE, Z

NAMES = ("ID hostHalo numSubStruct Mvir npart Xc Yc Zc VXc VYc VZc Rvir Rmax").split()
STEM = f"snap_050.z{Z:.3f}."


def write_ahf(folder, halos, first_id=2**63 + 5, types=(4,), heads=True, tasks=(), stem=STEM, names=NAMES, top="-1",
              particles=True):
    """halos: [(identifiers, row of the host or None)].  types: in turn, those of the identifiers; (): not written.
    tasks: rows at which a file of another task follows, with its own count."""
    ids = [first_id + 1000 * i for i in range(len(halos))]
    table = ["#" + "\t".join(f"{name}({i + 1})" for i, name in enumerate(names))]
    for i, (members, host) in enumerate(halos):
        value = dict(zip(NAMES, (ids[i], top if host is None else ids[host], 0, "2.3e+11", len(members), 100 * i + 1,
                                 100 * i + 2.5, 100 * i + 3, 10.5 * i, -2, 3, 7 + i, 3)))
        table.append("".join(f"{value[name]!s:>12}\t" for name in names))
    (folder / (stem + "AHF_halos")).write_text("\n".join(table) + "\n")
    ends, out = [0, *tasks, len(halos)], []
    for a, b in zip(ends, ends[1:]):
        out.append(f"{b - a:15d}")
        for i in range(a, b):
            members = halos[i][0]
            out.append(f"{len(members)} {ids[i]:22d}" if heads else f"{len(members)}")
            out += [f"{x}\t{types[k % len(types)]}" if types else f"{x}" for k, x in enumerate(members)]
    if particles:
        (folder / (stem + "AHF_particles")).write_text("\n".join(out) + "\n")
    return folder / (stem + "AHF_halos")


def universe(tmp_path, **how):
    """Stars with identifiers of 64 bits; the third halo lies within the first, the fourth within the third."""
    s, snap = write_snapshot(tmp_path)
    ids = [int(x) for x in np.random.default_rng(4).permutation(s["ParticleIDs"])]
    halos = [(ids[:30], None), (ids[30:37], None), (ids[3:11], 0), (ids[5:8], 2)]
    return s, snap, halos, write_ahf(tmp_path, halos, **how)


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("how", [{}, {"heads": False, "types": ()}, {"tasks": (2,)}, {"top": "0"}],
                         ids=["usual", "identifiers alone", "of two tasks", "hosts of new IDs"])
def test_a_host_lists_what_its_subhaloes_do(tmp_path, ranks, how):
    """GroupType group takes all of it, subhalo what no halo within has, at whatever depth; a row is not an ID."""
    s, snap, halos, cat = universe(tmp_path, **how)
    lists = [set(members) for members, _ in halos]
    own = [lists[0] - lists[2], lists[1], lists[2] - lists[3], lists[3]]
    for kind, wanted in (("group", lists), ("subhalo", own)):
        for i, ids in enumerate(wanted):
            _, info = taken(tmp_path, ranks, now(s, list(ids)), InputFile=snap, GroupCatalogue=cat, GroupType=kind,
                            GroupIndex=i)
            assert within(info["stated_centre"], np.array([1, 2.5, 3]) * A / HUBBLE + 100 * i * A / HUBBLE, rtol=1e-12)
    both = list(own[1] | own[3])
    taken(tmp_path, ranks, now(s, both), InputFile=snap, GroupCatalogue=cat, GroupIndex="3, 1")


def test_what_ahf_lists_is_said(tmp_path):
    _, snap, halos, cat = universe(tmp_path)
    log = log_of(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=0)
    assert "is a catalogue of AHF" in log and "the catalogue states the velocity (0, -2, 3) km/s" in log
    assert f"subhalo 0 is the halo with the ID {2**63 + 5} of" in log
    assert "it lists 30 particles of all types, 8 of them in halos within it" in log


@pytest.mark.parametrize("name", ["AHF_particles", "AHF_profiles", "", "."])
def test_any_file_of_the_catalogue_or_its_stem(tmp_path, name):
    s, snap, halos, cat = universe(tmp_path)
    given = str(cat).removesuffix("AHF_halos")
    given = given + name if name.startswith("A") else given.removesuffix(".") + name
    taken(tmp_path, 1, now(s, halos[1][0]), InputFile=snap, GroupCatalogue=given, GroupIndex=1)


def test_dark_matter_is_listed_too(tmp_path):
    """Particles of types that are not read need not be in the snapshot; gas may have the identifiers of stars."""
    s, snap = write_snapshot(tmp_path, gas=[BIG + 3, 5, 6, 7])
    ids = [int(x) for x in s["ParticleIDs"]]
    mixed = [ids[0], 123456, BIG + 3, ids[1], 123457, 6]
    cat = write_ahf(tmp_path, [(mixed, None)], types=(4, 1, 0))
    par = {"InputFile": snap, "GroupCatalogue": cat, "GroupIndex": 0}
    taken(tmp_path, 2, now(s, [ids[0], ids[1]]), **par)
    gas = read_gas(tmp_path, 2, **par)
    assert within(gas["mass_now"], 1e-5 * np.array([1, 3]) * 1e10 / HUBBLE, rtol=1e-12)


def test_without_lists_select_radius_chooses(tmp_path):
    """Halos alone: their centres, and the stars about them; without a radius that is refused."""
    s, snap, halos, cat = universe(tmp_path, particles=False)
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=2)
    assert done.status == 2 and "there is no file AHF_particles beside it" in done.err
    assert f"of {9 * A / HUBBLE:.4g} kpc at most" in done.err
    centre = np.array([201, 202.5, 203]) * A / HUBBLE
    log = log_of(tmp_path, 1, InputFile=snap, GroupCatalogue=cat, GroupIndex=2, SelectRadius=1e6)
    x = ", ".join(f"{v:.6g}" for v in centre)
    assert f"the catalogue states the centre ({x}) kpc, radius {9 * A / HUBBLE:.4g} kpc" in log
    assert "within SelectRadius of a halo's centre are taken for its own" in log
    assert "subhalo 2: 60 star particles" in log


def test_a_catalogue_of_another_time_by_its_name(tmp_path):
    """The redshift stands in the name alone, to three digits."""
    _, snap, halos, _ = universe(tmp_path)
    cat = write_ahf(tmp_path, halos, stem="snap_050.z3.100.")
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=1)
    assert done.status == 3 and "is of redshift 3.1," in done.err


@pytest.mark.parametrize("harm, status, words", [
    (lambda h, p: (h.replace("#ID(1)\thostHalo(2)", "#npart(1)\tfMhires(2)"), p), 3,
     ["has no column ID", "old version of AHF", "give Centre and SelectRadius"]),
    (lambda h, p: (h[1:], p), 3, ["the first line must name the columns"]),
    (lambda h, p: (h.replace("2.3e+11", ""), p), 3, ["line 2 is no halo with the columns"]),
    (lambda h, p: (h.replace(str(2**63 + 1005), str(2**63 + 5)), p), 3, ["rows 0 and 1 have the same ID"]),
    (lambda h, p: (h, p.replace("7 ", "8 ", 1)), 3, ["is not that of row 1", "do not belong together"]),
    (lambda h, p: (h, p.replace(str(2**63 + 1005), "77")), 3, ["is not that of row 1"]),
    (lambda h, p: (h, p[:len(p) // 2]), 3, ["AHF_particles"]),
    (lambda h, p: (h, "\n".join(p.splitlines()[:-5]) + "\n"), 3, ["row 2", "it is not all there"]),
    (lambda h, p: (h, p.replace("\t4", "\t4").replace("\n" + p.splitlines()[2], "\nhello")), 3,
     ["line 3 does not begin with an identifier"]),
    (lambda h, p: (h, p.replace(p.splitlines()[2], "12345\t4")), 3, ["lacks 1 of them, the identifier 12345"]),
    (lambda h, p: (None, p), 3, ["AHF_halos"]),
])
def test_what_is_wrong_with_ahf(tmp_path, harm, status, words):
    _, snap, _, cat = universe(tmp_path)
    lists = cat.with_name(STEM + "AHF_particles")
    table, text = harm(cat.read_text(), lists.read_text())
    lists.write_text(text)
    if table is None:
        cat.unlink()
    else:
        cat.write_text(table)
    for ranks in (1, 2):
        done = dump(tmp_path, ranks, InputFile=snap, GroupCatalogue=cat, GroupType="group", GroupIndex=0)
        assert done.status == status and all(w in done.err for w in words), done.err


def test_a_packed_catalogue_of_ahf(tmp_path):
    _, snap, _, cat = universe(tmp_path)
    packed = cat.with_name(cat.name + ".gz")
    packed.write_bytes(gzip.compress(cat.read_bytes()))
    cat.unlink()
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=packed, GroupIndex=0)
    assert done.status == 3 and "is packed: unpack it" in done.err
    done = dump(tmp_path, 1, InputFile=snap, GroupCatalogue=cat, GroupIndex=9)
    assert done.status == 3 and "is packed: unpack it" in done.err


def test_a_row_that_ahf_has_not(tmp_path):
    _, snap, _, cat = universe(tmp_path)
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=cat, GroupIndex=4)
    assert done.status == 2 and "has 4 halos; number 4 is none of 0 to 3" in done.err


def test_a_real_catalogue_of_ahf(tmp_path):
    """AHF's box begins at 0, Tipsy's is centred there: halo 0 is where most of the snapshot's matter is.  It has no
    lists."""
    file = shared("data/simulations/tangos_tipsy/tiny.000640")
    cat = file.with_name(file.name + ".z2.964.AHF_halos")
    raw = np.fromfile(file, ">f4", offset=32)
    dark = raw[171 * 12:171 * 12 + 3078 * 9].reshape(3078, 9)[:, 1:4].astype("f8")
    unit, = [line.split("=")[1] for line in file.with_name("tiny.param").read_text().splitlines()
             if line.startswith("dKpcUnit")]
    a, = np.fromfile(file, ">f8", count=1)
    kpc = float(unit) * a
    log = log_of(tmp_path, 1, InputFile=file, GroupCatalogue=cat, GroupIndex=0, SelectRadius=200,
                 StarInitialMass="current")
    stated = np.array([float(x) for x in log.split("states the centre (")[1].split(")")[0].split(",")])
    assert np.abs(stated - np.median(dark, axis=0) * kpc).max() < 200          # of a box of 12614 kpc
    assert "the catalogue states the velocity (-59.01, 156.65, 76.53) km/s" in log
    done = dump(tmp_path, 2, InputFile=file, GroupCatalogue=cat, GroupIndex=0, StarInitialMass="current")
    assert done.status == 2 and "there is no file AHF_particles" in done.err


# ---- files of several tasks ------------------------------------------------------------------------

def divide(cat, rows, heads=False):
    """What tasks of AHF write: the first names the columns, each list has its own count.  rows: of each."""
    lists = cat.with_name(cat.name.replace("halos", "particles"))
    table, text = cat.read_text().splitlines(), lists.read_text().splitlines()
    blocks, at = [], 1
    while at < len(text):
        n = int(text[at].split()[0])
        blocks.append(text[at:at + n + 1])
        at += n + 1
    cat.unlink()
    lists.unlink()
    first, made = 0, []
    for t, n in enumerate(rows):
        names = [cat.with_name(f"snap_050.{t:04d}.z{Z:.3f}.AHF_{kind}") for kind in ("halos", "particles")]
        names[0].write_text("\n".join((table[:1] if heads or t == 0 else []) + table[1 + first:1 + first + n]) + "\n" * (n > 0))
        names[1].write_text("\n".join([f"{n:15d}"] + [x for b in blocks[first:first + n] for x in b]) + "\n")
        first += n
        made.append(names)
    return made


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("heads", [False, True])
def test_files_of_tasks_are_one_catalogue(tmp_path, ranks, heads):
    """Any of them stands for all; rows are counted through, a task may have no halo, a host may be another task's."""
    s, snap, halos, cat = universe(tmp_path)
    files = divide(cat, [2, 0, 1, 1], heads)
    lists = [set(members) for members, _ in halos]
    own = [lists[0] - lists[2], lists[1], lists[2] - lists[3], lists[3]]
    for given in (files[0][0], files[2][1], str(files[3][0]).removesuffix("AHF_halos")):
        for i, ids in enumerate(own):
            _, info = taken(tmp_path, ranks, now(s, list(ids)), InputFile=snap, GroupCatalogue=given, GroupIndex=i)
            assert within(info["stated_centre"], np.array([1, 2.5, 3]) * A / HUBBLE + 100 * i * A / HUBBLE, rtol=1e-12)
    log = log_of(tmp_path, ranks, InputFile=snap, GroupCatalogue=files[0][0], GroupIndex=3)
    assert "is a catalogue of AHF, in files of 4 tasks" in log


def test_a_number_in_the_name_need_not_be_a_task(tmp_path):
    s, snap, halos, _ = universe(tmp_path)
    cat = write_ahf(tmp_path, halos, stem=f"run.0050.z{Z:.3f}.")
    taken(tmp_path, 1, now(s, halos[1][0]), InputFile=snap, GroupCatalogue=cat, GroupIndex=1)


@pytest.mark.parametrize("gone, given", [(0, 1), (1, 0), (1, 2), (2, 3)])
def test_a_task_that_is_missing_is_named(tmp_path, gone, given):
    _, snap, _, cat = universe(tmp_path)
    files = divide(cat, [1, 1, 1, 1])
    files[gone][0].unlink()
    for ranks in (1, 2):
        done = dump(tmp_path, ranks, InputFile=snap, GroupCatalogue=files[given][0], GroupIndex=0)
        assert done.status == 3 and f"snap_050.{gone:04d}.z{Z:.3f}.AHF_halos is missing" in done.err, done.err


def test_a_list_of_a_task_that_is_missing(tmp_path):
    _, snap, _, cat = universe(tmp_path)
    files = divide(cat, [2, 2])
    files[1][1].unlink()
    done = dump(tmp_path, 2, InputFile=snap, GroupCatalogue=files[0][0], GroupIndex=0)
    assert done.status == 3 and files[1][1].name in done.err, done.err
