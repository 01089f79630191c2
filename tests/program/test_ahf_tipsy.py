"""AHF's lists of a Tipsy snapshot: numbers of particles, in one of two orders, which the types beside them tell."""
import pytest

from dumps import dump, read, read_gas
from harness import within
from program.test_ahf import write_ahf
from program.test_tipsy import expected, particles, write

COUNT = {"gas": 9, "dark": 7, "star": 23}
TYPE = {"gas": 0, "dark": 1, "star": 4}
ORDERS = {"AHF's": ("dark", "star", "gas"), "the file's": ("gas", "dark", "star")}
OWN = {"gas": [0, 4], "dark": [2, 6], "star": [0, 1, 8, 22]}
INNER = {"gas": [4], "dark": [], "star": [8, 22]}
BASE = dict(StarInitialMass="current")


def numbers(members, order, count=COUNT):
    first, out = 0, []
    for kind in order:
        out += [(first + i, TYPE[kind]) for i in members[kind]]
        first += count[kind]
    return out


def catalogue(tmp_path, order, typed=True, own=OWN, inner=INNER, count=COUNT):
    s = particles(count["gas"], count["dark"], count["star"])
    snap = write(tmp_path / "tiny", s)
    lists = [numbers(own, order, count), numbers(inner, order, count)]
    cat = write_ahf(tmp_path, [([x for x, _ in lists[0]], None), ([x for x, _ in lists[1]], 0)], first_id=0,
                    stem="tiny.z3.000.", particles=False)
    rows = [f"{2:15d}"]
    for i, one in enumerate(lists):
        rows += [f"{len(one)} {1000 * i:22d}"] + [f"{x}\t{t}" if typed else f"{x}" for x, t in one]
    (tmp_path / "tiny.z3.000.AHF_particles").write_text("\n".join(rows) + "\n")
    return s, dict(InputFile=snap, GroupCatalogue=cat, **BASE)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("order", ORDERS)
def test_both_orders(tmp_path, ranks, order):
    s, par = catalogue(tmp_path, ORDERS[order])
    for kind, index, stars, gas in (("group", 0, OWN["star"], OWN["gas"]), ("group", 1, INNER["star"], INNER["gas"]),
                                    ("subhalo", 0, [0, 1], [0])):
        got, _ = read(tmp_path, ranks, GroupType=kind, GroupIndex=index, **par)
        assert within(got["now"], expected(s)["now"][stars], rtol=1e-12), (kind, index)
        cells = read_gas(tmp_path, ranks, GroupType=kind, GroupIndex=index, **par)
        assert within(cells["mass_now"], expected(s, kind="gas")["now"][gas], rtol=1e-12), (kind, index)


def test_without_gas_both_are_the_same(tmp_path):
    s, par = catalogue(tmp_path, ORDERS["AHF's"], own={**OWN, "gas": []}, inner={**INNER, "gas": []},
                       count={**COUNT, "gas": 0})
    got, _ = read(tmp_path, 1, GroupType="group", GroupIndex=0, **par)
    assert within(got["now"], expected(s)["now"][OWN["star"]], rtol=1e-12)


@pytest.mark.parametrize("how", [dict(typed=False), dict(own={"gas": [], "dark": [], "star": [12, 13]},
                                                         inner={"gas": [], "dark": [], "star": [12]})],
                         ids=["without types", "stars that both orders have"])
def test_what_nothing_tells_is_refused(tmp_path, how):
    s, par = catalogue(tmp_path, ORDERS["AHF's"], **how)
    for ranks in (1, 2):
        done = dump(tmp_path, ranks, GroupIndex=0, GroupType="group", **par)
        assert done.status == 2 and "nothing tells in which order AHF counted the particles" in done.err, done.err
        assert "SelectRadius" in done.err and "amiga.grp" in done.err
    got, _ = read(tmp_path, 2, GroupIndex=0, GroupType="group", SelectRadius=1e6, **par)
    assert len(got["now"]) == 23


def test_a_list_of_another_snapshot(tmp_path):
    s, par = catalogue(tmp_path, ORDERS["AHF's"])
    path = tmp_path / "tiny.z3.000.AHF_particles"
    path.write_text(path.read_text().replace("\t4", "\t1"))
    done = dump(tmp_path, 2, GroupIndex=0, GroupType="group", **par)
    assert done.status == 3 and "they do not belong together" in done.err, done.err
