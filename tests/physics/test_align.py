"""How the disc is found: AlignWith inertia against the numpy oracle, on bodies of every shape, on
real galaxies, and where there is no shape to find."""
import json

import numpy as np
import pytest

from harness import shared, write_particles
from oracle import frame
from oracle.frame import rotation_angles
from dumps import dump, read

AXES = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]])           # rows of a face-on rotation: e2, e1, -e3


def frame_of(folder, ranks=1, **parameters):
    """e1, e2, e3 in rows, radius, p, q, centre and velocity, and what was said."""
    done = dump(folder, ranks, frame=True, Orientation="faceon", **parameters)
    assert done.status == 0, done.err
    info = json.loads((folder / "slab.json").read_text())
    return (AXES @ np.reshape(info["rotation"], (3, 3)), *info["radius_p_q"]), info, done.err


def oracle_of(stars, info, **kw):
    pos, box = stars["pos"] - info["centre"], info["redshift_omega_m_omega_l_h_box"][4]
    if box > 0:
        pos -= box * np.round(pos / box)
    return frame.body_axes(pos, stars["vel"] - info["velocity"], stars["now"], **kw)


def assert_frame(got, want, tolerance=1e-10):
    for name, a, b in zip(("axes", "radius", "p", "q"), got, want):
        assert np.abs(a - b).max() <= tolerance, f"{name}: {a}, not {b}"


def body(n, shape, seed, clump=0.0, spin=1.0):
    """n stars of a turned ellipsoid with axis ratios 1:b:c, exponential in the radius, turning
    about its short axis; a part of the mass in an off-centre clump."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3))
    x *= (rng.gamma(2.0, 1.5, n) / np.sqrt((x**2).sum(axis=1)))[:, None]
    x *= (1.0, *shape)
    x[:, 0] += 0.01 * x[:, 0]**2 / (1 + abs(x[:, 0]))           # lopsided, so that e1 has a side
    v = np.array([-x[:, 1], x[:, 0], 0 * x[:, 0]]).T * 40.0 * spin + rng.normal(0, 30, (n, 3))
    m = rng.uniform(1e5, 3e5, n)
    if clump:
        k = n // 10
        x[:k] = np.array([2.0, 0.5, 0.3]) + 0.05 * rng.standard_normal((k, 3))
        m[:k] *= clump * m[k:].sum() / m[:k].sum()
    turn = rotation_angles(37, -121, 13)
    return {"pos": x @ turn.T, "vel": v @ turn.T, "mass": 2 * m, "mass_now": m, "age": np.full(n, 3.0),
            "z": np.full(n, 0.01)}, turn


SHAPES = {"sphere": (0.97, 0.94), "triaxial": (0.7, 0.5), "prolate": (0.3, 0.28), "oblate": (0.98, 0.4),
          "disc": (0.9, 0.1), "thin": (0.8, 0.01), "needle": (0.05, 0.04)}


@pytest.mark.parametrize("shape, clump",
                         [*((name, 0.0) for name in SHAPES), ("triaxial", 0.1), ("disc", 0.1), ("disc", 0.3)])
def test_shapes(tmp_path, shape, clump):
    s, turn = body(3000, SHAPES[shape], 5, clump)
    file = write_particles(tmp_path / "body.hdf5", s, Centre=np.zeros(3))
    got, info, said = frame_of(tmp_path, InputFile=file, SystemicVelocity="none")
    stars, _ = read(tmp_path, InputFile=file)
    assert "warning" not in said
    assert_frame(got, oracle_of(stars, info))
    if not clump:
        assert got[0][2] @ turn[:, 2] > 0.97 or SHAPES[shape][0] - SHAPES[shape][1] < 0.1
        # what 3000 stars tell
        assert abs(got[2] / SHAPES[shape][0] - 1) < 0.15 and abs(got[3] / SHAPES[shape][1] - 1) < 0.15
    assert_frame(frame_of(tmp_path, 3, InputFile=file, SystemicVelocity="none")[0], got, 0)


@pytest.mark.parametrize("align", ["inertia", "angularmomentum"])
@pytest.mark.parametrize("name, radius",
                         [("eagle", 0.0), ("eagle", 2.0), ("eagle", 30.0), ("illustris_tng", 0.0),
                          ("illustris_tng", 40.0)])
def test_real_galaxies(tmp_path, name, align, radius):
    file = shared(f"data/simulations/{name}.hdf5")
    got, info, said = frame_of(tmp_path, InputFile=file, AlignWith=align, AlignRadius=radius)
    stars, _ = read(tmp_path, InputFile=file)
    assert "AlignWith" not in said
    assert_frame(got, oracle_of(stars, info, align_with=align, radius=radius))
    if name == "eagle" and align == "inertia" and not radius:
        assert abs(got[2] - 0.74) < 0.005 and abs(got[3] - 0.22) < 0.005


def test_disc_keeps_its_stars(tmp_path):
    """A disc in which the longest axis, kept, would lose the stars round by round: its flattening
    is found within the sphere's volume."""
    s, turn = body(20000, (0.99, 0.15), 8)
    file = write_particles(tmp_path / "disc.hdf5", s, Centre=np.zeros(3))
    for radius in (0.5, 2.0, 10.0):
        got, _, said = frame_of(tmp_path, InputFile=file, AlignRadius=radius, SystemicVelocity="none")
        assert "warning" not in said and abs(got[3] - 0.15) < 0.015 and got[0][2] @ turn[:, 2] > 0.999


def test_ratios_that_nobody_found_are_not_told(bench):
    s, _ = body(3000, (0.8, 0.5), 4)
    bench.particles(s)
    bench.instrument(6, 6, 1.0)
    bench.ssp()
    for align, told in (("inertia", True), ("angularmomentum", False)):
        got = bench.cube(Orientation="faceon", AlignWith=align, Redshift=0.05, Centre="0,0,0")
        assert ("AXISQ" in got["header"]["PRIMARY"]) == told


def test_many_stars(tmp_path):
    """More stars than go through the rounds one and all: where these end, a round of all stars changes nothing."""
    s, turn = body(500_000, (0.8, 0.3), 3)
    file = write_particles(tmp_path / "many.hdf5", s, Centre=np.zeros(3))
    (axes, radius, p, q), info, said = frame_of(tmp_path, InputFile=file, SystemicVelocity="none", AlignRadius=6.0)
    assert "warning" not in said and radius == 6.0
    stars, _ = read(tmp_path, InputFile=file)
    pos = stars["pos"] - info["centre"]
    shape = axes.T @ np.diag([1, p**-2, q**-2]) @ axes * (p * q)**(2 / 3)
    tensor, count = frame._reduced_tensor(pos, stars["now"], shape, radius)
    assert count > 262144
    again = np.linalg.inv(tensor) * np.linalg.det(tensor)**(1 / 3)
    assert np.abs(again - shape).max() < 1e-9 * np.abs(shape).max()
    assert_frame((axes, radius, p, q), oracle_of(stars, info, radius=6.0), 3e-5)
    assert_frame(frame_of(tmp_path, 3, InputFile=file, SystemicVelocity="none", AlignRadius=6.0)[0],
                 (axes, radius, p, q), 0)
    # nearly all the mass in one star, in the sample or not: the first round of all stars counts
    s["mass_now"][np.argsort((s["pos"]**2).sum(axis=1))[40]] = 1e14
    file = write_particles(tmp_path / "heavy.hdf5", s, Centre=np.zeros(3))
    got, info, said = frame_of(tmp_path, InputFile=file, SystemicVelocity="none", AlignRadius=6.0)
    stars, _ = read(tmp_path, InputFile=file)
    assert "first round" in said
    assert_frame(got, oracle_of(stars, info, radius=6.0))


def test_no_shape(tmp_path):
    s, turn = body(3000, (0.8, 0.5), 9)
    few = {k: x[:15] for k, x in s.items()}
    flat = {**s, "pos": (s["pos"] @ turn * (1, 1, 0)) @ turn.T}
    line = {**s, "pos": s["pos"] * (0, 1, 0), "vel": s["vel"] * (1, 0, 0)}
    heavy = {**s, "mass_now": s["mass_now"].copy()}
    # nearly all the mass in one star: a needle without end
    heavy["mass_now"][np.argsort((s["pos"]**2).sum(axis=1))[40]] = 1e12
    for name, t, words in (("few", few, "15 stars within"), ("flat", flat, "too flat"), ("line", line, "too flat"),
                           ("heavy", heavy, "first round")):
        file = write_particles(tmp_path / f"{name}.hdf5", t, Centre=np.zeros(3))
        got, info, said = frame_of(tmp_path, InputFile=file, SystemicVelocity="none", AlignRadius=4.0)
        stars, _ = read(tmp_path, InputFile=file)
        assert words in said and "AlignWith inertia" in said and "angularmomentum" in said, said
        assert abs(np.linalg.det(got[0]) - 1) < 1e-12
        want = oracle_of(stars, info, radius=4.0)
        if name == "flat":
            assert got[0][2] @ turn[:, 2] > 1 - 1e-12 and got[2:] == (1, 1)
        if name != "line":                                      # of a line the short axes are anywhere
            assert_frame(got, want)
        assert_frame(frame_of(tmp_path, 3, InputFile=file, SystemicVelocity="none", AlignRadius=4.0)[0], got, 0)
    empty = write_particles(tmp_path / "empty.hdf5", {**s, "mass_now": 0 * s["mass_now"]}, Centre=np.zeros(3))
    done = dump(tmp_path, frame=True, InputFile=empty, Orientation="faceon", AlignRadius=4.0)
    assert done.status == 2 and "no star with mass within 4 kpc" in done.err
