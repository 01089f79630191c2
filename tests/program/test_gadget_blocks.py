"""Blocks of Gadget's binary files: who has which, by the header's masses, INFO, GadgetBlocks, and their labels."""
import numpy as np
import pytest

from dumps import read, read_gas
from gadget_lab import (A, ALL, BEHIND_MASS, Snapshot, assert_bits, assert_same, blocks_of, by_types, expected,
                        galaxy, gas, particles, refuse, stars)
from harness import within, write_particles
from harness import galaxy as stars_of_harness


def test_the_table_of_masses(tmp_path):
    """MASS holds gas alone: what follows it must not be shifted by the particles that are not in it."""
    s = galaxy()
    for form in (1, 2):
        file = Snapshot(s, mass=(0, 2e-3, 0, 0, 3e-5, 0)).write(tmp_path / "snap", ALL, form)
        got, _ = read(tmp_path, 2, InputFile=file, **blocks_of(form))
        want = expected({**s[4], "MASS": np.full(37, 3e-5)})
        assert_same(got, want)
    # and none at all
    file = Snapshot(s, mass=(1e-4, 2e-3, 0, 0, 3e-5, 0)).write(tmp_path / "snap", ALL, 2)
    assert b"MASS" not in file.read_bytes()
    assert_same(read(tmp_path, 1, InputFile=file)[0], want)


def test_the_table_of_blocks(tmp_path):
    """INFO says that black holes have an AGE, too, and who has blocks that nobody knows; it may come first or last."""
    s = {**galaxy(), 5: {**stars(3, 9), "Z": []}}
    s[4]["WHAT"], s[0]["WHAT"] = np.ones((37, 7)), np.ones((13, 7))
    del s[5]["Z"]
    every = [1] * 6
    info = by_types(POS=(3, every), VEL=(3, every), MASS=(1, every), AGE=(1, [0, 0, 0, 0, 1, 1]),
                    Z=(1, [1, 0, 0, 0, 1, 0]), WHAT=(7, [1, 0, 0, 0, 1, 0])) + [("ID", "LLONG", 1, every)]
    for first in (True, False):
        file = Snapshot(s).write(tmp_path / "snap", ["WHAT", *ALL], info=info, info_first=first, whole="u8")
        assert_same(read(tmp_path, 2, InputFile=file)[0], expected(s[4]))
    refuse(tmp_path, "no dataset for Metallicity", "not read, for nobody says what is in them, are the blocks NEW",
           InputFile=Snapshot(s).write(tmp_path / "snap", ALL[:-1], info=info, extra=[("NEW", b"x" * 44)]))
    info = by_types(AGE=(1, [0, 0, 0, 0, 1, 0]))
    refuse(tmp_path, "block AGE has 160 bytes, which fits neither", "37 particles have it", "148 or 296 bytes",
           InputFile=Snapshot(s).write(tmp_path / "snap", ALL, info=info))


def test_blocks_of_format_1(tmp_path):
    """Only what the user lists is read; a wrong order does not fit; what is not listed is given."""
    s = galaxy()
    file = Snapshot(s).write(tmp_path / "snap", ALL, 1)
    want = expected(s[4])
    for blocks in (BEHIND_MASS, BEHIND_MASS.lower(), "Pos vel id Mass u Rho ne Hsml sfr Age z", "POS VEL ID MASS U RHO NE HSML SFR AGE Z", "U,RHO,NE,HSML,SFR,AGE,Z"):
        assert_same(read(tmp_path, 2, InputFile=file, GadgetBlocks=blocks)[0], want)
    got, _ = read(tmp_path, 2, InputFile=file, GadgetBlocks="U RHO NE HSML SFR AGE", StarMetallicity=0.013)
    assert_same(got, {**want, "z": np.full(37, 0.013)})
    refuse(tmp_path, "StarMetallicity", "behind AGE there is 1 block without a name", InputFile=file,
           GadgetBlocks="U RHO NE HSML SFR AGE")
    refuse(tmp_path, "block AGE has 52 bytes", "does GadgetBlocks list the blocks in the order of the file",
           InputFile=file, GadgetBlocks="U RHO NE HSML AGE SFR Z")
    refuse(tmp_path, "Density is no name of a block", status=2, InputFile=file, GadgetBlocks="U Density")
    refuse(tmp_path, "GadgetBlocks = .* names RHO twice", status=2, InputFile=file, GadgetBlocks="U RHO rho HSML SFR AGE Z")
    refuse(tmp_path, "where its block iM should begin", InputFile=file, GadgetBlocks=BEHIND_MASS + " iM")
    refuse(tmp_path, r"GadgetBlocks \(.*\) has 600 characters", status=2, InputFile=file, GadgetBlocks="U" * 600)


def test_blocks_that_need_no_names(tmp_path):
    """Files of all other kinds say what is in them; so does format 2."""
    for k in range(2):
        Snapshot(galaxy(seed=k)).write(tmp_path / f"snap.{k}", ALL, files=2)
    write_particles(tmp_path / "canonical.hdf5", stars_of_harness(20))
    for file in ("snap", "canonical.hdf5"):
        want, info = read(tmp_path, 1, InputFile=tmp_path / file)
        assert info["err"] == ""
        got, info = read(tmp_path, 2, InputFile=tmp_path / file, GadgetBlocks="U RHO AGE")
        assert_bits(got, want)
        assert info["err"].count("warning") == 1 and "GadgetBlocks = U RHO AGE has no effect" in info["err"]


def test_initial_masses(tmp_path):
    s = galaxy()
    s[4]["iM"] = (1.6 * s[4]["MASS"]).astype("f4")
    file = Snapshot(s).write(tmp_path / "snap", [*ALL, "iM"])
    assert_same(read(tmp_path, 2, InputFile=file)[0], expected(s[4]))


def test_masses_of_elements_behind_many_blocks(tmp_path):
    """Zs is recognised wherever it stands, and is no part of another label."""
    s = galaxy()
    s[0]["Zs"], s[4]["Zs"] = np.ones((13, 11)), np.full((37, 11), 1e-8)
    other = [(f"B{k:03}", b"what") for k in range(240)]
    labels = ["POS", "VEL", "ID", "MASS", "AGE"]
    z = np.concatenate([s[0]["Zs"], s[4]["Zs"]]).astype("<f4").tobytes()
    file = Snapshot(s).write(tmp_path / "snap", labels, extra=[*other, ("Zs", z)])
    _, info = read(tmp_path, 2, InputFile=file, StarInitialMass="current")
    assert info["format"] == "MagneticumBinary"
    for label in ("ZS", "Zsx", "xZs"):
        file = Snapshot(s).write(tmp_path / "snap", labels, extra=[(label, b"what")])
        assert read(tmp_path, 1, InputFile=file, StarMetallicity=0.02)[1]["format"] == "GadgetBinary"


@pytest.mark.parametrize("real", ["f4", "f8"])
@pytest.mark.parametrize("with_info", [True, False])
def test_masses_of_elements(tmp_path, real, with_info):
    """Gadget-3's Zs: masses of helium and ten metals of gas and stars, and masses at birth; the first file has neither."""
    rng = np.random.default_rng(8)
    s = galaxy()
    for t, n in ((0, 13), (4, 37)):
        s[t]["Zs"] = (s[t]["MASS"][:, None] * rng.uniform(0, 0.01, (n, 11))).astype("f4")
        s[t]["TEMP"] = rng.uniform(1e4, 1e6, n).astype("f4")
    del s[4]["TEMP"]
    s[4]["iM"] = (1.4 * s[4]["MASS"]).astype("f4")
    labels = ["POS", "VEL", "ID", "MASS", "RHO", "HSML", "SFR", "AGE", "iM", "Zs", "TEMP"]
    info = None
    if with_info:
        info = by_types(POS=(3, [1] * 6), VEL=(3, [1] * 6), MASS=(1, [1] * 6), Zs=(11, [1, 0, 0, 0, 1, 0]),
                        AGE=(1, [0, 0, 0, 0, 1, 0]), iM=(1, [0, 0, 0, 0, 1, 0]))
        Snapshot({1: particles(5, 7)}).write(tmp_path / "snap.0", labels, real=real, info=info, files=2)
        Snapshot(s).write(tmp_path / "snap.1", labels, real=real, info=info, files=2)
    else:
        Snapshot(s).write(tmp_path / "snap.0", labels, real=real)
    metals = {t: s[t]["Zs"].astype("f8")[:, 1:].sum(1) / s[t]["MASS"].astype("f8") for t in (0, 4)}
    got, info = read(tmp_path, 2, InputFile=tmp_path / "snap.0")
    assert info["format"] == "MagneticumBinary"
    assert_same(got, expected({**s[4], "Z": metals[4]}))
    got = read_gas(tmp_path, 2, InputFile=tmp_path / "snap.0")
    assert within(got["metallicity"], metals[0], rtol=1e-12)
    assert within(got["oxygen"], s[0]["Zs"][:, 3].astype("f8") / s[0]["MASS"].astype("f8"), rtol=1e-12)
    assert within(got["temperature"], s[0]["TEMP"], rtol=1e-12)
    # of 8 elements nobody says which they are
    for t in (0, 4):
        s[t]["Zs"] = s[t]["Zs"][:, :8]
    refuse(tmp_path, r"PartType4/Zs has 8 number\(s\) a row; number 10 \(from 0\) is wanted",
           InputFile=Snapshot(s).write(tmp_path / "snap", labels, real=real))


@pytest.mark.parametrize("form, isolated", [(1, False), (2, False), (2, True)])
def test_potential(tmp_path, form, isolated):
    """Of comoving coordinates: the physical one is 1/a of it; the centre is where it is lowest."""
    s = {0: gas(5), 4: stars(31, 2, 0.1, 0.4)}
    for t, x in s.items():
        x["POT"] = np.random.default_rng(t).uniform(-9e4, -1e4, len(x["POS"])).astype("f4")
    more = {"time": 2.0, "redshift": 0.0, "cosmology": (0.0, 0.0, 0.7)} if isolated else {}
    file = Snapshot(s, **more).write(tmp_path / "snap", [*ALL, "POT"], form)
    par = {"InputFile": file, **blocks_of(form, BEHIND_MASS + " POT")}
    got, _ = read(tmp_path, 2, Centre="potential", **par)
    assert within(got["potential"], s[4]["POT"].astype("f8") / (1 if isolated else A), rtol=1e-12)
    assert "potential" not in read(tmp_path, 1, **par)[0]
