"""Gadget's binary formats 1 and 2: files made here of every header, byte order and precision, alone and in several."""
import re
import struct

import numpy as np
import pytest

from dumps import dump, read, read_gas
from gadget_lab import (A, ALL, BAD_INPUT, COSMOLOGY, HUBBLE, OL, OM, Snapshot, assert_bits, assert_same,
                        blocks_of, expected, galaxy, gas, header_old, particles, record, refuse, stars)
from harness import within

GIVEN = {"OmegaMatter": OM, "OmegaLambda": OL, "HubbleParam": HUBBLE}
MP_KB = 1.67262192369e-24 / 1.380649e-16


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("form", [1, 2])
@pytest.mark.parametrize("head, n_type", [("old", 6), ("new", 6), ("new", 5), ("new", 8)])
def test_orders_formats_headers(tmp_path, order, form, head, n_type):
    s = galaxy()
    file = Snapshot(s, n_type).write(tmp_path / "snap", ALL, form, order, head=head)
    par = {"InputFile": file, **({} if head == "old" else GIVEN), **blocks_of(form)}
    got, info = read(tmp_path, 1, **par)
    assert_same(got, expected(s[4]))
    assert within(info["redshift_omega_m_omega_l_h_box"][:4], [1 / A - 1, OM, OL, HUBBLE], rtol=1e-14)
    for ranks in (2, 3):
        assert_bits(got, read(tmp_path, ranks, **par)[0])


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("whole", ["u4", "u8"])
def test_double_precision(tmp_path, order, whole):
    rng = np.random.default_rng(4)
    s = galaxy()
    for x in s.values():
        for k in x:
            x[k] = x[k] * (1 + 1e-10 * rng.uniform(size=x[k].shape)) if k != "ID" else x[k] + (2**40 if whole == "u8" else 0)
    file = Snapshot(s).write(tmp_path / "snap", ALL, order=order, real="f8", whole=whole)
    assert_same(read(tmp_path, 2, InputFile=file)[0], expected(s[4]), 1e-14)


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("form", [1, 2])
def test_several_files(tmp_path, form, ranks):
    """Unequal numbers; the second file has no stars, the third no gas, the fourth nothing."""
    parts = [galaxy(5, 4, 20, 10), {0: gas(3, 20), 1: particles(2, 21)}, {4: stars(7, 22)}, {}, galaxy(1, 0, 1, 30)]
    parts[4].pop(1)
    total = [sum(len(p[t]["POS"]) if t in p else 0 for p in parts) for t in range(6)]
    for k, p in enumerate(parts):
        Snapshot(p).write(tmp_path / f"snap_007.{k}", ALL, form, files=5, total=total)
    want = {k: np.concatenate([expected(p[4])[k] for p in parts if 4 in p]) for k in expected(parts[0][4])}
    for name in ("snap_007", "snap_007.1", "snap_007.4"):
        got, info = read(tmp_path, ranks, InputFile=tmp_path / name, **blocks_of(form))
        assert_same(got, want)
        assert len(info["file"]) == 5 and info["n_total"] == 28
    (tmp_path / "snap_007.3").unlink()
    refuse(tmp_path, "snap_007.3 is missing", InputFile=tmp_path / "snap_007", ranks=[ranks])


@pytest.mark.parametrize("head", ["old", "new"])
def test_isolated_run(tmp_path, head):
    """Times in units of kpc/(km/s), no a and no h; stars of the beginning have the age that is given, on types 2 and 3 and
    where AGE is 0."""
    s = {0: gas(4), 2: particles(5, 3), 3: particles(6, 4), 4: stars(20, 5, 0.2, 2.0)}
    s[4]["AGE"][:3] = 0
    file = Snapshot(s, time=2.0, redshift=0.0, cosmology=(0.0, 0.0, 0.7)).write(tmp_path / "snap", ALL, head=head)
    par = {"InputFile": file, "StarAge": "2: 5.0, 3: 10.0, 4: 7.0", "StarMetallicity": "0.02"}
    got, info = read(tmp_path, 2, **par)
    unit = 977.7922216807891 / 1e3
    age = (2.0 - s[4]["AGE"].astype("f8")) * unit
    age[:3] = 7
    x = {k: np.concatenate([s[t][k] for t in (2, 3, 4)]).astype("f8") for k in ("POS", "VEL", "MASS")}
    assert_same(got, {"pos": x["POS"], "vel": x["VEL"], "now": x["MASS"] * 1e10, "formed": x["MASS"] * 1e10,
                      "age": np.concatenate([np.full(5, 5.0), np.full(6, 10.0), age]),
                      "z": np.concatenate([np.full(11, 0.02), s[4]["Z"]])})
    assert info["redshift_omega_m_omega_l_h_box"][0] == 0
    assert_bits(got, read(tmp_path, 3, **par)[0])
    refuse(tmp_path, "StarMetallicity", InputFile=file, StarAge="5.0")
    for twice in ("3: 7, 5", "2: 5, 3: 1, 2: 6", "5, 7"):
        refuse(tmp_path, "would replace what stands before it", status=2, **{**par, "StarAge": twice})


def test_a_run_at_time_1_may_be_of_either_kind(tmp_path):
    """Gadget-4's header of an isolated run at that time is the one of a cosmological run today."""
    file = Snapshot(galaxy(), time=1.0, redshift=0.0).write(tmp_path / "snap", ALL, head="new")
    _, info = read(tmp_path, 2, InputFile=file, **GIVEN)
    assert info["err"].count("warning") == 1
    assert "redshift of 0 and a time of 1, as both a cosmological run today and an isolated one" in info["err"]
    done = dump(tmp_path, 1, InputFile=file)
    assert done.status == BAD_INPUT and "it is taken as cosmological" in done.err
    # the old one has Omega0
    file = Snapshot(galaxy(), time=1.0, redshift=0.0).write(tmp_path / "snap", ALL)
    assert read(tmp_path, 1, InputFile=file)[1]["err"] == ""


def test_a_universe_without_omega_lambda_is_flat(tmp_path):
    """Where OmegaMatter alone is given; it is said."""
    file = Snapshot(galaxy()).write(tmp_path / "snap", ALL, head="new")
    want, _ = read(tmp_path, 1, InputFile=file, OmegaMatter=0.3, OmegaLambda=0.7, HubbleParam=HUBBLE)
    got, info = read(tmp_path, 2, InputFile=file, OmegaMatter=0.3, HubbleParam=HUBBLE)
    assert within(info["redshift_omega_m_omega_l_h_box"][2], 0.7, rtol=1e-15) and "taken as flat" in info["err"]
    assert within(got["age"], want["age"], rtol=1e-12)


@pytest.mark.parametrize("form, ranks", [(1, 1), (2, 1), (2, 3)])
def test_gas(tmp_path, form, ranks):
    s = galaxy()
    file = Snapshot(s).write(tmp_path / "snap", ALL, form)
    got = read_gas(tmp_path, ranks, InputFile=file, **blocks_of(form))
    x = {k: np.asarray(v, "f8") for k, v in s[0].items()}
    want = {"position": x["POS"] * A / HUBBLE, "velocity": x["VEL"] * np.sqrt(A), "mass_now": x["MASS"] * 1e10 / HUBBLE,
            "density": x["RHO"] * 1e10 * HUBBLE**2 / A**3, "smoothing_length": x["HSML"] * A / HUBBLE,
            "metallicity": x["Z"], "sfr": x["SFR"],
            "temperature": 2 / 3 * x["U"] * 1e10 * MP_KB * 4 / (1 + 3 * 0.76 + 4 * 0.76 * x["NE"])}
    for name, value in want.items():
        assert within(got[name], value, rtol=1e-6 if name == "temperature" else 1e-12), name
    assert set(got["columns"]) == set(want) - {"position", "velocity", "mass_now"}


def test_more_than_4_gib(tmp_path):
    """Markers, and what labels say of lengths, overflow: 4.8 GB of positions, most of them a hole in the file."""
    n_dark, s = 400_000_000, stars(11)
    for form in (1, 2):
        with open(tmp_path / "large", "wb") as f:
            def block(label, n_bytes, tail):
                """n_bytes of nothing, then the stars'."""
                length = struct.pack("<I", (n_bytes + len(tail)) % 2**32)
                if form == 2:
                    f.write(record(label.encode() + struct.pack("<I", (n_bytes + len(tail) + 8) % 2**32)))
                f.write(length)
                f.seek(n_bytes, 1)
                f.write(tail + length)
            head = header_old([0, n_dark, 0, 0, 11, 0], [0, 0.1, 0, 0, 0, 0], A, 1 / A - 1, 0, 1, COSMOLOGY)
            f.write((record(b"HEAD" + struct.pack("<I", 264)) if form == 2 else b"") + record(head))
            block("POS ", 12 * n_dark, s["POS"].tobytes())
            if form == 2:
                block("WHAT", 3 * 2**31, b"what")
            block("VEL ", 12 * n_dark, s["VEL"].tobytes())
            block("ID  ", 4 * n_dark, s["ID"].astype("<u4").tobytes())
            block("MASS", 0, s["MASS"].tobytes())
            block("AGE ", 0, s["AGE"].tobytes())
            block("Z   ", 0, s["Z"].tobytes())
        got, _ = read(tmp_path, 2, InputFile=tmp_path / "large", **blocks_of(form, "AGE Z"))
        assert_same(got, expected(s))
    (tmp_path / "large").unlink()


def test_the_assumption_is_said(tmp_path, bench):
    """No unit is in the file: the log says which are taken."""
    s = galaxy()
    s[4]["POS"] = s[4]["POS"] - 3000
    bench.instrument(20, 20, 4.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    bench.file = Snapshot(s).write(tmp_path / "snap", ALL)
    said = bench.cube()["run"].out
    assert re.search(r"snap states no units: lengths in 1 kpc, masses in 1e\+10 Msun, velocities in 1 km/s are assumed", said), said
