"""Units that hold h or a already, where powers of a and h count them once more; powers that contradict the format."""
import h5py
import pytest

import snapshots as snap
from dumps import dump, read
from harness import COSMO, SOURCE, within
from program.test_hdf5_formats import refused, stars

H, A = COSMO[2], 0.8


def edit_tng(position=1.0, mass=1.0, q=None):
    """Attributes of IllustrisTNG whose units are larger by these, and another power of h of positions."""
    def edit(f):
        f["PartType4/Coordinates"].attrs["to_cgs"] *= position
        f["PartType4/GFM_InitialMass"].attrs["to_cgs"] *= mass
        f["PartType4/Masses"].attrs["to_cgs"] *= mass
        if q is not None:
            f["PartType4/Coordinates"].attrs["h_scaling"] = q
    return edit


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("how, dataset, name", [({"position": 1 / H}, "Coordinates", "h"),
                                                ({"mass": 1 / H}, "Masses", "h"),
                                                ({"position": A}, "Coordinates", "a"),
                                                ({"position": A / H}, "Coordinates", "a and h")],
                         ids=["kpc/h", "1e10 Msun/h", "a kpc", "a kpc/h"])
def test_attributes_with_h_or_a_in_their_unit(tmp_path, ranks, how, dataset, name):
    file = snap.write(tmp_path / "g.hdf5", "IllustrisTNG", stars(), edit=edit_tng(**how))
    err = refused(tmp_path, f"/PartType4/{dataset}" if dataset != "Masses" else "Mass", f": {name} would count twice",
                  "misstated = true", "SimulationFormat", ranks=ranks, InputFile=file)
    assert "copy " in err and "IllustrisTNG.cfg" in err


@pytest.mark.parametrize("position", [1.0, 1.0005, 1000.0, 2.0])
def test_other_units_are_taken_as_they_are(tmp_path, position):
    """Decades, what is within 0.1 % of one, and what is no usual unit with or without h."""
    s = stars()
    got, info = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", "IllustrisTNG", s, edit=edit_tng(position)),
                     SanityCheck="warn")
    want = s["pos"] * (1 if position == 1.0005 else position)
    assert within(got["pos"], want, rtol=1e-9) and "twice" not in info["err"]


def test_the_remedy(tmp_path):
    """A copy of the format file that does not believe the attributes."""
    s = stars()
    file = snap.write(tmp_path / "g.hdf5", "IllustrisTNG", s, edit=edit_tng(1 / H))
    own = tmp_path / "own.cfg"
    text = (SOURCE / "parameterfiles/formats/IllustrisTNG.cfg").read_text()
    at = text.index("Position             = {")
    end = text.index("};", at)
    own.write_text(text[:end] + "misstated = true; " + text[end:])
    (tmp_path / "units.inc").write_text((SOURCE / "parameterfiles/formats/units.inc").read_text())
    got, _ = read(tmp_path, InputFile=file, SimulationFormat=own)
    assert within(got["pos"], s["pos"], rtol=1e-9)


@pytest.mark.parametrize("code", ["AREPO", "Gadget-4", "Auriga"])
def test_a_header_with_h_in_its_unit(tmp_path, code):
    """UnitLength_in_cm of kpc/h, as GIZMO writes it: in other codes the data hold h besides."""
    unit = (snap.MPC if code == "Auriga" else snap.CGS)["UnitLength_in_cm"] / H

    def edit(f):
        for name in ("Header", "Parameters"):
            if name in f:
                f[name].attrs["UnitLength_in_cm"] = unit
        for name in list(f["PartType4/Coordinates"].attrs):
            del f["PartType4/Coordinates"].attrs[name]
    file = snap.write(tmp_path / "g.hdf5", code, stars(), edit=edit, header=snap.CGS)
    refused(tmp_path, "/PartType4/Coordinates", ": h would count twice", "hold_h = true", "in `units`", InputFile=file)


def test_a_power_of_h_that_contradicts_the_format(tmp_path):
    """Positions said to be without h: taken at their word, with a warning that names both; none where they agree."""
    s = stars()
    file = snap.write(tmp_path / "g.hdf5", "IllustrisTNG", s, edit=edit_tng(q=0.0))
    got, info = read(tmp_path, InputFile=file)
    assert within(got["pos"], s["pos"] * H, rtol=1e-9)
    said = "/PartType4/Coordinates says that it holds h^0, where files of the format IllustrisTNG hold h^-1"
    assert said in info["err"]
    assert info["err"].count("taken at its word") == 1
    done = dump(tmp_path, 2, InputFile=snap.write(tmp_path / "g.hdf5", "IllustrisTNG", s))
    assert done.status == 0 and "at its word" not in done.err


@pytest.mark.parametrize("code", list(snap.CODES))
def test_no_format_is_at_odds_with_itself(tmp_path, code):
    file = snap.write(tmp_path / "g.hdf5", code, stars())
    done = dump(tmp_path, 1, InputFile=file, StarInitialMass="current")
    assert done.status == 0 and "at its word" not in done.err
    with h5py.File(file, "r") as f:
        assert "PartType4" in f
