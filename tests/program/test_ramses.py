"""Particles of RAMSES: a real output, and synthetic ones of every kind, against numpy; outputs that lack
something, and damage."""
import re
import shutil

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from dumps import dump, read
from harness import run, shared, within, write_parameters

HUBBLE_GYR, KPC, MSUN, GYR = 977.7922216807891, 3.0856775814913673e21, 1.98840987e33, 3.15576e16
REAL = "data/simulations/ramses_run/output_00002"
A, H0, OM, OL = 0.25, 70.0, 0.3, 0.7
INFO = {"ncpu": 2, "ndim": 3, "boxlen": 1.0, "time": -1.0, "aexp": A, "H0": H0, "omega_m": OM, "omega_l": OL,
        "unit_l": 2.5e24, "unit_d": 3e-27, "unit_t": 4.4e15}
STAR, DM = 2, 1


def hubble(a):
    return np.sqrt(OM / a**3 + (1 - OM - OL) / a**2 + OL)


def age_of_universe(a):
    return HUBBLE_GYR / H0 * quad(lambda x: 1 / (x * hubble(x)), 0, a, epsabs=0, epsrel=1e-13, limit=500)[0]


def conformal(a):
    """RAMSES's clock: dt = a^2 dtau/H0, 0 today."""
    return -quad(lambda x: 1 / (x**3 * hubble(x)), a, 1, epsabs=0, epsrel=1e-13, limit=500)[0]


def particles(n, seed=1, star=0.4, birth=None):
    """In units of the code; a fraction of them stars."""
    rng = np.random.default_rng(seed)
    p = {"position": 0.5 + rng.normal(0, 1e-3, (n, 3)), "velocity": rng.normal(0, 0.02, (n, 3)),
         "mass": rng.uniform(1, 2, n) * 1e-8, "identity": 1 + rng.permutation(n), "levelp": np.full(n, 9),
         "family": np.where(rng.uniform(size=n) < star, STAR, DM), "tag": np.zeros(n),
         "metallicity": rng.uniform(0, 0.05, n), "born": rng.uniform(0.05, A, n)}
    birth = birth or conformal
    p["birth_time"] = np.array([birth(a) if f == STAR else 0 for a, f in zip(p["born"], p["family"])])
    return p


NEW = ["position_x", "position_y", "position_z", "velocity_x", "velocity_y", "velocity_z", "mass", "identity", "levelp",
       "family", "tag", "birth_time", "metallicity"]
OLD = [f for f in NEW if f not in ("family", "tag")]
INTEGERS = {"identity": "i4", "levelp": "i4", "family": "i1", "tag": "i1"}


def column(p, name):
    return p[name[:-2]][:, "xyz".index(name[-1])] if name[:-2] in ("position", "velocity") else p[name]


def write_part(path, p, fields=NEW, ncpu=2, order="<", real="f8", types=None):
    """Processors, dimensions, particles, random numbers, stars, their masses, sinks; then the fields."""
    types = {**INTEGERS, **(types or {})}
    records = [np.array(x, order + t) for x, t in (([ncpu], "i4"), ([3], "i4"), ([len(p["mass"])], "i4"),
                                                   ([1, 2, 3, 4], "i4"), ([9], "i4"), ([0.1], "f8"),
                                                   ([0], "f8"), ([0], "i4"))]
    records += [np.asarray(column(p, f)).astype(order + types.get(f, real)) for f in fields]
    data = b""
    for r in records:
        mark = np.array(r.nbytes, order + "i4").tobytes()
        data += mark + r.tobytes() + mark
    path.write_bytes(data)


def write_output(folder, parts, fields=NEW, descriptor=True, namelist="&RUN_PARAMS\ncosmo=.true.\n/\n", info=None,
                 header=None, types=None, letters=None, number="00007", **how):
    """An output of len(parts) processors."""
    output = folder / f"output_{number}"
    output.mkdir(exist_ok=True)
    info = {**INFO, "ncpu": len(parts), **(info or {})}
    for i, p in enumerate(parts):
        write_part(output / f"part_{number}.out{i + 1:05d}", p, fields, len(parts), types=types, **how)
    text = "".join(f"{k:<12}= {v:>22}\n" for k, v in info.items() if v is not None)
    (output / f"info_{number}.txt").write_text(text + "\nordering type=hilbert\n   DOMAIN   ind_min  ind_max\n")
    if descriptor:
        letter = {"f8": "d", "f4": "f", "i2": "h", "i1": "b", "i4": "i", "i8": "l"}
        types = {**INTEGERS, **(types or {})}
        (output / "part_file_descriptor.txt").write_text("# version:  1\n# ivar, name, type\n" + "".join(
            f"{i + 1:3d}, {f}, {(letters or {}).get(f, letter[types.get(f, 'f8')])}\n" for i, f in enumerate(fields)))
    if namelist is not None:
        (output / "namelist.txt").write_text(namelist)
    if header is not None:
        (output / f"header_{number}.txt").write_text(header)
    return output


def together(parts):
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def expected(p, keep=None, info=None, real="f8"):
    """The slab by numpy; ages by the scale factors at which stars were born."""
    i = {**INFO, **(info or {})}
    keep = p["family"] == STAR if keep is None else keep
    x = {k: p[k][keep].astype(real).astype("f8") for k in ("position", "velocity", "mass", "metallicity")}
    mass = x["mass"] * i["unit_d"] * i["unit_l"]**3 / MSUN
    return {"pos": x["position"] * i["unit_l"] / KPC, "vel": x["velocity"] * i["unit_l"] / i["unit_t"] / 1e5,
            "now": mass, "formed": mass, "z": x["metallicity"],
            "age": np.array([age_of_universe(A) - age_of_universe(a) for a in p["born"][keep]])}


def assert_same(got, want, age=1e-9):
    for key, w in want.items():
        assert got[key].shape == w.shape, key
        assert within(got[key], w, rtol=1e-11 if key != "age" else 0, atol=age if key == "age" else 0), key


def refuse(folder, *words, ranks=1, **parameters):
    done = dump(folder, ranks, timeout=20, **parameters)
    assert done.status == 3 and done.err.count("cubix: error:") == 1, done.err
    for word in words:
        assert re.search(word, done.err), f"no {word!r} in {done.err}"


# ---- the real one --------------------------------------------------------------------------------

def real_records(path):
    data, at, records = path.read_bytes(), 0, []
    while at < len(data):
        n = int(np.frombuffer(data, "<i4", 1, at)[0])
        records.append(data[at + 4:at + 4 + n])
        at += 8 + n
    return records[8:]


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("name", ["", "/info_00002.txt", "/part_00002.out00001", "/part_00002.out00002", "/part_00002"])
def test_a_real_output(tmp_path, name, ranks):
    """2191 stars of two processors, whichever of its files is named."""
    got, info = read(tmp_path, ranks, InputFile=f"{shared(REAL)}{name}")
    z, om, ol, h, box = info["redshift_omega_m_omega_l_h_box"]
    assert info["format"] == "RAMSES" and info["n_total"] == 2191 and len(info["file"]) == 2
    assert info["err"].count("warning") == 1 and "namelist.txt says eta_sn = 0.1" in info["err"]
    assert within([1 / (1 + z), om, ol, h, box], [0.100162342, 0.3, 0.7, 0.7, 801.2987], rtol=1e-7)
    assert within(got["now"].sum(), 1.362736e10, rtol=1e-6) and np.array_equal(got["now"], got["formed"])
    assert within([(got["pos"] % box).min(), (got["pos"] % box).max()], [29.96, 800.72], rtol=2e-4)
    assert within(np.median(got["z"]), 7.7491e-4, rtol=1e-4) and got["z"].min() == 0
    # by another reader
    ages = [got["age"].min(), np.median(got["age"]), got["age"].max()]
    assert within(ages, [0, 0.063803, 0.286267], rtol=0, atol=2e-6)


def real_stars():
    """The stars of the real output by numpy, and its scale factor, box [kpc] and cosmology; ages by quadrature and
    bisection."""
    om, ol, a, hubble_time = 0.300000011920929, 0.699999988079071, 0.100162341569543, HUBBLE_GYR / 70
    length, time, density = 0.247254954995751e25, 0.442243486732973e16, 0.275018427693271e-26

    def rate(x, power):
        return 1 / (x**power * np.sqrt(om / x**3 + (1 - om - ol) / x**2 + ol))

    def integral(low, high, power):
        return quad(rate, low, high, (power,), epsabs=0, epsrel=1e-12, limit=500)[0]

    def when(t):
        return brentq(lambda x: -integral(x, 1, 3) - t, 0.02, 0.2, xtol=1e-15)

    def age(x):
        return hubble_time * integral(0, x, 1)

    files = [real_records(shared(REAL) / f"part_00002.out0000{k}") for k in (1, 2)]
    star = [np.frombuffer(f[9], "i1") == 2 for f in files]
    x = [np.concatenate([np.frombuffer(f[i])[s] for f, s in zip(files, star)]) for i in (*range(7), 11, 12)]
    born = {t: when(t) for t in np.unique(x[7])}
    mass = x[6] * density * length**3 / MSUN
    return {"pos": np.transpose(x[:3]) * length / KPC, "vel": np.transpose(x[3:6]) * length / time / 1e5, "now": mass,
            "formed": mass, "z": x[8], "age": np.array([age(a) - age(born[t]) for t in x[7]])}, length / KPC, (om, ol, 0.7)


def test_real_output_particle_by_particle(tmp_path):
    want, box, _ = real_stars()
    got, info = read(tmp_path, 2, InputFile=shared(REAL))
    assert within(got["age"], want["age"], rtol=0, atol=1e-9)
    assert within(info["redshift_omega_m_omega_l_h_box"][4], box, rtol=1e-12)
    d = (got["pos"] - want["pos"]) / box
    assert within(np.abs(d - np.round(d)).max(), 0, rtol=0, atol=1e-12)
    assert within(got["vel"], want["vel"], rtol=1e-12) and within(got["now"], want["now"], rtol=1e-12)
    assert np.array_equal(got["z"], want["z"])


def test_a_damaged_copy_of_the_real_output(tmp_path):
    copy = tmp_path / "output_00002"
    shutil.copytree(shared(REAL), copy, copy_function=shutil.copyfile)
    copy.chmod(0o755)
    (copy / "part_00002.out00002").write_bytes((shared(REAL) / "part_00002.out00002").read_bytes()[:-1000])
    refuse(tmp_path, r"part_00002\.out00002: record 21, which begins at byte \d+ of 1509824, has no end",
           ranks=2, InputFile=copy)


# ---- every kind ----------------------------------------------------------------------------------

@pytest.mark.parametrize("how", [{}, {"order": ">"}, {"real": "f4"}, {"types": {"identity": "i8"}},
                                 {"real": "f4", "order": ">", "types": {"identity": "i8", "family": "i4"}}],
                         ids=["plain", "big-endian", "single", "long identity", "all"])
@pytest.mark.parametrize("descriptor", [True, False])
def test_new_format(tmp_path, how, descriptor):
    """With the descriptor in any order of fields; without, as the header lists them."""
    fields = np.random.default_rng(2).permutation(NEW).tolist() if descriptor else NEW
    header = "#  Family Count\n Particle fields\n pos vel mass iord level family tag tform metal \n"
    # NPRE = 4 still writes `d`
    parts = [particles(40), particles(25, 2)]
    output = write_output(tmp_path, parts, fields, descriptor, header=None if descriptor else header,
                          letters={"identity": "i"} if how.get("types") else None, **how)
    got = {ranks: read(tmp_path, ranks, InputFile=output)[0] for ranks in (1, 2, 3)}
    assert_same(got[1], expected(together(parts), real=how.get("real", "f8")), age=1e-6 if how.get("real") else 1e-9)
    for ranks in (2, 3):
        for key in got[1]:
            assert np.array_equal(got[1][key], got[ranks][key])


@pytest.mark.parametrize("header", [None,
                                    " Total number\n 65\n Particle fields\n pos vel mass iord level tform metal\n"])
@pytest.mark.parametrize("real", ["f8", "f4"])
def test_old_format_a_star_has_a_time_of_birth(tmp_path, header, real):
    parts = [particles(40), particles(25, 2)]
    output = write_output(tmp_path, parts, OLD, False, header=header, real=real)
    for ranks in (1, 2, 3):
        got, _ = read(tmp_path, ranks, InputFile=output)
        assert_same(got, expected(together(parts), real=real), age=1e-9 if real == "f8" else 1e-6)


def test_old_format_with_potential_by_the_header(tmp_path):
    """One more record than there has always been: which one, the header says."""
    parts = [particles(40)]
    parts[0]["potential"] = np.linspace(-2, -1, 40)
    fields = OLD[:9] + ["potential"] + OLD[9:]
    output = write_output(tmp_path, parts, fields, False,
                          header=" Particle fields\n pos vel mass iord level phi tform metal\n")
    got, _ = read(tmp_path, InputFile=output, Centre="potential")
    keep = parts[0]["family"] == STAR
    assert_same(got, expected(parts[0]))
    speed = INFO["unit_l"] / INFO["unit_t"] / 1e5
    assert within(got["potential"], parts[0]["potential"][keep] * speed**2, rtol=1e-12)
    (output / "header_00007.txt").unlink()
    refuse(tmp_path, "has 12 records after its header", "has 11 fields", r"part_file_descriptor\.txt", InputFile=output)


def test_processors_without_stars_or_particles(tmp_path):
    parts = [particles(0), particles(30, 1, star=0), particles(20, 2), particles(9, 3, star=1)]
    for fields, descriptor in ((NEW, True), (OLD, False)):
        folder = tmp_path / str(descriptor)
        folder.mkdir()
        output = write_output(folder, parts, fields, descriptor)
        for ranks in (1, 3):
            assert_same(read(tmp_path, ranks, InputFile=output)[0], expected(together(parts)))


def test_only_family_2_is_stars(tmp_path):
    """Tracers have negative families, clouds 3, debris 4; 127 are those that nothing defines."""
    p = particles(200)
    p["family"] = np.random.default_rng(3).choice([-5, -2, -1, 0, 1, 2, 3, 4, 5, 127], 200)
    p["birth_time"] = np.array([conformal(a) for a in p["born"]])
    got, info = read(tmp_path, InputFile=write_output(tmp_path, [p]))
    assert_same(got, expected(p))
    assert info["n_file_total"] == (p["family"] == 2).sum()


def test_fields_of_forks(tmp_path):
    """Masses at birth where there are any; types that nobody knows are passed over."""
    p = particles(30)
    for name in ("initial_mass", "mass0"):
        p[name], p["strange"] = p["mass"] * 1.4, np.arange(30)
        fields = ["strange", *NEW[:9], name, *NEW[9:]]
        output = write_output(tmp_path, [p], fields, types={"strange": "i2"}, letters={"strange": "x"})
        got, _ = read(tmp_path, InputFile=output)
        assert_same(got, {**expected(p), "formed": 1.4 * expected(p)["now"]})


def test_periodic_box(tmp_path):
    """Of boxlen, and only in a cosmological run."""
    p = particles(60)
    p["position"] = (p["position"] + 0.5) % 1
    got, info = read(tmp_path, 2, InputFile=write_output(tmp_path, [p]))
    assert np.ptp(got["pos"], axis=0).max() < 0.02 * INFO["unit_l"] / KPC
    assert within(info["redshift_omega_m_omega_l_h_box"][4], INFO["unit_l"] / KPC, rtol=1e-12)


# ---- clocks --------------------------------------------------------------------------------------

def proper(a):
    """Time in 1/H0: 0 today, negative before."""
    return (age_of_universe(a) - age_of_universe(1)) * H0 / HUBBLE_GYR


@pytest.mark.parametrize("text", ["&COOLING_PARAMS\ncooling=.true., use_proper_time = .true.\n/\n",
                                  "&x\n USE_PROPER_TIME=T ! as it is\n/\n",
                                  "&x use_proper_time=.false. /\n&y\nuse_proper_time=.TRUE./\n",
                                  "&RUN_PARAMS\nrt=.true.\n/\n&RT_PARAMS\nrt_star=.true.\n/\n",
                                  "&x\nuse_proper_time=.false.\n/\n&RT_PARAMS\nRT_STAR = T\n/\n"])
def test_use_proper_time(tmp_path, text):
    parts = [particles(40, birth=proper), particles(30, 2, birth=proper)]
    got, info = read(tmp_path, 2, InputFile=write_output(tmp_path, parts, namelist=text))
    assert_same(got, expected(together(parts)))
    assert "conformal" not in info["err"]


@pytest.mark.parametrize("text", ["rt_star=.true.", "use_proper_time=.true."])
def test_proper_times_near_today(tmp_path, text):
    """At a = 1 both clocks are 0 and run alike, so that a star's age looks right either way: off by 0.3 Gyr at 2."""
    born = np.random.default_rng(5).uniform(0.85, 1, 60)
    p = particles(60, birth=proper)
    p["birth_time"] = np.where(p["family"] == STAR, [proper(a) for a in born], 0)
    output = write_output(tmp_path, [p], info={"aexp": 1.0}, namelist=f"&x\n{text}\n/\n")
    got, info = read(tmp_path, 2, InputFile=output)
    want = np.array([age_of_universe(1) - age_of_universe(a) for a in born[p["family"] == STAR]])
    assert within(got["age"], want, rtol=0, atol=1e-9) and info["err"] == ""


def test_radiation_without_rt_star_is_conformal_and_that_is_said(tmp_path):
    p = particles(40)
    output = write_output(tmp_path, [p], namelist="&RUN_PARAMS\ncosmo=.true.\nrt=.true.\n/\n")
    got, info = read(tmp_path, 2, InputFile=output)
    assert_same(got, expected(p))
    assert "says rt, but neither rt_star nor use_proper_time: times of birth are taken as conformal" in info["err"]


@pytest.mark.parametrize("info", [{}, "isolated"])
def test_masses_at_birth_after_supernovae(tmp_path, info):
    """Nobody wrote them down: what is taken, and how far it is off, is said."""
    p, info = (isolated(), ISOLATED) if info else (particles(30), {})
    for text, words in (("eta_sn=0.2d0, t_sne=12.", "eta_sn = 0.2: .* older than 12 Myr"),
                        ("eta_sn = 0.31", "eta_sn = 0.31: taken for the mass at birth, today's is too small by that "
                                          "fraction for stars older than 10 Myr"), ("eta_sn=0.", ""), ("", "")):
        output = write_output(tmp_path, [p], info=info, namelist=f"&FEEDBACK_PARAMS\n{text}\n/\n")
        got, summary = read(tmp_path, 2, InputFile=output)
        assert np.array_equal(got["formed"], got["now"])
        assert re.search(words, summary["err"]) if words else summary["err"] == ""
    # known to some
    p["initial_mass"] = p["mass"] * 1.4
    output = write_output(tmp_path, [p], [*NEW, "initial_mass"], info=info, namelist="&x\neta_sn=0.2\n/\n")
    assert read(tmp_path, InputFile=output)[1]["err"] == ""


@pytest.mark.parametrize("text", ["", "&x\n! use_proper_time=.true.\nuse_proper_time=.false.\n/\n",
                                  "&x\nmy_use_proper_time=.true.\n/\n"])
def test_conformal_unless_the_namelist_says_otherwise(tmp_path, text):
    p = particles(40)
    got, info = read(tmp_path, InputFile=write_output(tmp_path, [p], namelist=text))
    assert_same(got, expected(p))
    assert info["err"] == ""


def test_conformal_is_assumed_aloud_without_namelist(tmp_path):
    p = particles(40)
    got, info = read(tmp_path, 2, InputFile=write_output(tmp_path, [p], namelist=None))
    assert_same(got, expected(p))
    assert info["err"].count("warning") == 1 and "use_proper_time: times of birth are taken as conformal" in info["err"]


def test_proper_times_taken_for_conformal_are_found_out(tmp_path):
    output = write_output(tmp_path, [particles(40, birth=proper)], namelist=None)
    refuse(tmp_path, "birth_time_conformal holds", "a star is not born later", "another kind of time", ranks=2,
           InputFile=output)


@pytest.mark.parametrize("clock, text", [(conformal, ""), (proper, "&x\nuse_proper_time=.true.\n/\n")])
def test_a_star_born_now_by_ramses_own_table(tmp_path, clock, text):
    """RAMSES looks its clock up in a table that is off by 1e-5: age 0, and no star of the future."""
    p = particles(40)
    p["family"][:], p["born"][3] = STAR, A
    p["birth_time"] = np.array([clock(a) for a in p["born"]])
    p["birth_time"][3] = clock(A * (1 + 2e-5))
    got, _ = read(tmp_path, InputFile=write_output(tmp_path, [p], namelist=text))
    assert got["age"][3] == 0
    assert_same(got, expected(p))


ISOLATED = {"aexp": 1.0, "H0": 1.0, "omega_m": 1.0, "omega_l": 0.0, "boxlen": 200.0, "time": 12.5,
            "unit_l": KPC, "unit_d": 5.1e-23, "unit_t": 4.7e14}


def isolated(n=50):
    p = particles(n, birth=lambda a: 50 * a)                         # 2.5 to 12.5
    p["position"] = 100 + 1e4 * (p["position"] - 0.5)
    p["velocity"] *= 100
    return p


def test_isolated_run(tmp_path):
    """Times in the code's own unit, no a and no h, lengths in boxlen."""
    p = isolated()
    got, info = read(tmp_path, 2, InputFile=write_output(tmp_path, [p], info=ISOLATED, namelist=None))
    want = expected(p, info=ISOLATED)
    want["age"] = (12.5 - p["birth_time"][p["family"] == STAR]) * 4.7e14 / GYR
    assert_same(got, want)
    assert info["redshift_omega_m_omega_l_h_box"] == [0, 0, 0, 0, 0] and "conformal" not in info["err"]


def test_stars_of_the_beginning_are_undefined(tmp_path):
    """DICE's stars have the family 127, here type 7, and no time of birth: the user says how old they are."""
    p = isolated()
    p["family"][::5], p["birth_time"][::5] = 127, 0
    output = write_output(tmp_path, [p], info=ISOLATED)
    assert read(tmp_path, InputFile=output)[1]["n_total"] == (p["family"] == STAR).sum()
    refuse(tmp_path, r"Family7/birth_time_gyr holds 0 in row 0|Family7/birth_time_gyr holds 0 Gyr in row 0", "StarAge",
           InputFile=output, StarType="2, 7")
    got, _ = read(tmp_path, 2, InputFile=output, StarType="2, 7", StarAge="7: 6.0")
    assert (got["age"] == 6).sum() == 10 and len(got["age"]) == np.isin(p["family"], (STAR, 127)).sum()


# ---- what is wrong -------------------------------------------------------------------------------

KEYS = ["ncpu", "ndim", "boxlen", "time", "aexp", "H0", "omega_m", "omega_l", "unit_l", "unit_d", "unit_t"]


@pytest.mark.parametrize("key", KEYS)
def test_info_that_lacks_something(tmp_path, key):
    output = write_output(tmp_path, [particles(9)], info={key: None})
    refuse(tmp_path, f"info_00007.txt does not state {key}", InputFile=output)


@pytest.mark.parametrize("info, words", [({"unit_l": "many"}, "unit_l = many must be a number"),
                                         ({"unit_t": 0}, "unit_t = 0 must be above 0"),
                                         ({"ncpu": 3}, "ncpu is 1, but 3 in .*not of one output"),
                                         ({"ndim": 2}, "ndim is 3, but 2 in"),
                                         ({"aexp": "nan"}, "aexp = nan must be a number")])
def test_info_that_is_wrong(tmp_path, info, words):
    refuse(tmp_path, words, ranks=2, InputFile=write_output(tmp_path, [particles(9)], info=info))


def cut(n):
    return lambda f: f.write_bytes(f.read_bytes()[:n])


def poke(at, value):
    def harm(f):
        data = bytearray(f.read_bytes())
        data[at:at + 4] = int(value).to_bytes(4, "little", signed=True)
        f.write_bytes(data)
    return harm


FILE, DESCRIPTOR = "part_00007.out00002", "part_file_descriptor.txt"
DAMAGE = {
    "empty": (FILE, cut(0), r"out00002 is no file of particles of RAMSES: it must begin with a record of 4 bytes"),
    "no marker": (FILE, cut(3), r"record 1, which begins at byte 0 of 3, has no end"),
    "two bytes of a record": (FILE, cut(6), r"record 1, which begins at byte 0 of 6, has no end"),
    "half": (FILE, cut(400), r"has no end: the file is not all there, or damaged"),
    "header alone": (FILE, cut(116), r"has 0 records after its header, and .*descriptor.txt has 13 fields"),
    "half a header": (FILE, cut(36), r"has 3 records; at least 8"),
    "wrong end": (FILE, poke(8, 5), r"record 1, .* has no end"),
    "negative": (FILE, poke(12, -4), r"record 2, .* has no end"),
    "count": (FILE, poke(28, 24), r"the record of family has 25 bytes for 24 particles"),
    "negative count": (FILE, poke(28, -25), r"counts -25 particles"),
    "counts nothing": (FILE, poke(28, 0), r"counts 0 particles, but its record of position_x has 200 bytes"),
    "other processors": (FILE, poke(4, 16), r"ncpu is 16, but 2 in"),
    "missing": (FILE, lambda f: f.unlink(), r"part_00007.out00002 is missing: it is one of the 2 files"),
    "no info": ("info_00007.txt", lambda f: f.unlink(), r"states no units.*cannot open .*info_00007.txt"),
    "a field too few": (DESCRIPTOR, lambda f: f.write_text("".join(f.read_text().splitlines(True)[:-1])),
                        r"has 13 records after its header, and .* has 12 fields"),
    "a number twice": (DESCRIPTOR, lambda f: f.write_text(f.read_text() + "13, more, d\n"),
                       r"'13, more, d' must have a number of its own"),
    "a gap": (DESCRIPTOR, lambda f: f.write_text(f.read_text() + "15, more, d\n"),
              r"lists 14 fields, and their numbers go up to 15"),
    "no line": (DESCRIPTOR, lambda f: f.write_text("variable #1: position_x\n"), r"is none of `number, name, type`"),
    "family as real": (DESCRIPTOR, lambda f: f.write_text(f.read_text().replace("family, b", "family, d")),
                       r"the record of family has \d+ bytes for"),
    "position as integer": (DESCRIPTOR, lambda f: f.write_text(f.read_text().replace("position_y, d", "position_y, i")),
                            r"the components of position are of several types"),
    "no mass": (DESCRIPTOR, lambda f: f.write_text(f.read_text().replace("mass, d", "weight, d")),
                r"there is no dataset for Mass: looked in /Family2 for mass"),
    "no metallicity": (DESCRIPTOR, lambda f: f.write_text(f.read_text().replace("metallicity, d", "other, d")),
                       r"give StarMetallicity"),
    "no sense": ("namelist.txt", lambda f: f.write_text("&x\nuse_proper_time = 1\n/\n"),
                 r"use_proper_time = 1 must be .true. or .false."),
}


@pytest.mark.parametrize("what", DAMAGE)
@pytest.mark.parametrize("ranks", [1, 3])
def test_damage(tmp_path, what, ranks):
    output = write_output(tmp_path, [particles(40), particles(25, 2)])
    name, harm, words = DAMAGE[what]
    harm(output / name)
    refuse(tmp_path, words, ranks=ranks, InputFile=output)


@pytest.mark.parametrize("count", [0, 20])
def test_old_format_counts_too_few(tmp_path, count):
    """None, and half: 4-byte numbers would be read as half as many of 8 bytes."""
    output = write_output(tmp_path, [particles(40), particles(40, 2)], OLD, False, real="f4",
                          types={"identity": "i4", "levelp": "i4"})
    poke(28, count)(output / FILE)
    words = {0: "counts 0 particles, but its record of position_x has 160 bytes",
             20: "the record of levelp has 160 bytes for 20 particles"}[count]
    refuse(tmp_path, words, ranks=2, InputFile=output)


def test_no_stars(tmp_path):
    output = write_output(tmp_path, [particles(0), particles(40, star=0)])
    refuse(tmp_path, "holds no stars", "Family1", ranks=2, InputFile=output)


def test_other_files_of_an_output_hold_no_particles(tmp_path):
    output = write_output(tmp_path, [particles(40), particles(0)])
    shutil.copy(output / "part_00007.out00001", output / "amr_00007.out00001")
    assert read(tmp_path, InputFile=output)[1]["n_total"] == (particles(40)["family"] == STAR).sum()
    refuse(tmp_path, "no part_NNNNN.outMMMMM of RAMSES", InputFile=output / "amr_00007.out00001")


@pytest.mark.parametrize("ranks", [1, 2])
def test_gas_is_refused_with_the_way_round(tmp_path, ranks):
    """It lies in files that are not read."""
    write_output(tmp_path, [particles(40)])
    par = write_parameters(tmp_path / "gas.param", InputFile=tmp_path / "output_00007", SspFile="none.hdf5",
                           OutputFile=tmp_path / "none.fits")
    done = run("dump_slab", ["--gas", par, tmp_path / "gas"], ranks, cwd=tmp_path)
    assert done.status == 3 and "which CUBIX does not read" in done.err and "cubix-import --gas" in done.err, done.err
