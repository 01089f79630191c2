"""Gadget's binary files for tests: a writer of formats 1 and 2, galaxies, and what numpy finds in them."""
import re
import struct

import numpy as np

from dumps import dump
from harness import within

OM, OL, HUBBLE, A = 0.3, 0.7, 0.7, 0.5
COSMOLOGY = (OM, OL, HUBBLE)
BAD_INPUT = 3


def age_of_universe(a, om=OM, ol=OL, h=HUBBLE):
    """Of a flat universe [Gyr]."""
    return 977.7922216807891 / (100 * h) * 2 / (3 * np.sqrt(ol)) * np.arcsinh(np.sqrt(ol / om) * np.asarray(a)**1.5)


def record(data, order="<"):
    n = struct.pack(order + "I", len(data) % 2**32)
    return n + data + n


def header_old(n, mass, time, redshift, box, files, cosmology, order="<", total=None):
    n = (list(n) + [0] * 6)[:6]
    mass = (list(mass) + [0.0] * 6)[:6]
    head = struct.pack(order + "6I6ddd2i6I2i4d", *n, *mass, time, redshift, 1, 0, *(total or n), 1, files, box, *cosmology)
    return head + bytes(256 - len(head))


def header_new(n, mass, time, redshift, box, files, order="<", total=None):
    k = len(n)
    return struct.pack(f"{order}{k}Q{k}Q{k}d3d2i2q", *n, *(total or n), *(list(mass) + [0.0] * k)[:k], time, redshift, box,
                       files, 0, 0, 0)


def info_entry(label, kind, n_c, types, order="<"):
    return f"{label:4.4}{kind:8}".encode() + struct.pack(order + "7i", n_c, *types)


class Snapshot:
    """Particles of some types, and how they are written.  data: {type: {label: array}}."""

    def __init__(self, data, n_type=6, mass=(), time=A, redshift=1 / A - 1, box=0.0, cosmology=COSMOLOGY):
        self.data, self.n_type, self.mass = data, n_type, (list(mass) + [0.0] * n_type)[:n_type]
        self.time, self.redshift, self.box, self.cosmology = time, redshift, box, cosmology

    def rows(self, t):
        return len(self.data[t]["POS"]) if t in self.data else 0

    def block(self, label, types, order, real, whole):
        """Of all particles of these types, type after type."""
        parts = [np.asarray(self.data[t][label]) for t in types if t in self.data and label in self.data[t]]
        kind = order + (whole if label == "ID" else real)
        return b"".join(p.astype(kind).tobytes() for p in parts)

    def write(self, path, labels, form=2, order="<", real="f4", whole="u4", head="old", files=1, total=None, info=None,
              info_first=False, extra=()):
        """labels: of the blocks, in their order; extra: [(label, bytes)] behind them."""
        n = [self.rows(t) for t in range(self.n_type)]
        args = (n, self.mass, self.time, self.redshift, self.box, files)
        if head == "old":
            first = header_old(*args, self.cosmology, order, total)
        else:
            first = header_new(*args, order, total)
        blocks = []
        for label in labels:
            types = [t for t in range(self.n_type) if label != "MASS" or not self.mass[t]]
            blocks.append((label, self.block(label, types, order, real, whole)))
        blocks = [(label, data) for label, data in blocks if data] + list(extra)
        if info is not None:
            blocks.insert(0 if info_first else len(blocks), ("INFO", b"".join(info_entry(*e, order) for e in info)))
        out = b""
        for label, data in [("HEAD", first)] + blocks:
            if form == 2:
                out += record(f"{label:4}".encode() + struct.pack(order + "I", len(data) + 8), order)
            out += record(data, order)
        path.write_bytes(out)
        return path


def particles(n, seed, **more):
    rng = np.random.default_rng(seed)
    x = {"POS": rng.normal(3000, 8, (n, 3)), "VEL": rng.normal(40, 100, (n, 3)), "ID": np.arange(n) + 1000 * seed,
         "MASS": rng.uniform(1e-5, 1e-4, n)}
    return {k: v.astype("f4") if k != "ID" else v for k, v in {**x, **more}.items()}


def gas(n, seed=1):
    rng = np.random.default_rng(seed + 50)
    return particles(n, seed, Z=rng.uniform(0, 0.04, n), **{k: rng.uniform(1, 2, n) for k in ("U", "RHO", "HSML", "SFR", "NE")})


def stars(n, seed=2, low=0.1, high=A):
    rng = np.random.default_rng(seed + 90)
    return particles(n, seed, Z=rng.uniform(0, 0.04, n), AGE=rng.uniform(low, high, n))


def galaxy(n_gas=13, n_dark=9, n_star=37, seed=0):
    return {0: gas(n_gas, seed + 1), 1: particles(n_dark, seed + 3), 4: stars(n_star, seed + 2)}


ALL = ["POS", "VEL", "ID", "MASS", "U", "RHO", "NE", "HSML", "SFR", "AGE", "Z"]
BEHIND_MASS = "U RHO NE HSML SFR AGE Z"


def blocks_of(form, names=BEHIND_MASS):
    """What format 1 does not say."""
    return {"GadgetBlocks": names} if form == 1 else {}


def expected(s, a=A, h=HUBBLE):
    """Of a cosmological run's stars, by numpy."""
    x = {k: np.asarray(v, "f8") for k, v in s.items()}
    born = x["AGE"]
    return {"pos": x["POS"] * a / h, "vel": x["VEL"] * np.sqrt(a), "now": x["MASS"] * 1e10 / h,
            "formed": x.get("iM", x["MASS"]) * 1e10 / h, "age": age_of_universe(a) - age_of_universe(born), "z": x["Z"]}


def assert_same(got, want, tolerance=1e-12):
    for k, w in want.items():
        assert got[k].shape == w.shape, f"{k}: {got[k].shape}, not {w.shape}"
        assert within(got[k], w, rtol=tolerance, atol=tolerance * (13.8 if k == "age" else 0)), k


def assert_bits(one, two):
    for k, x in one.items():
        assert np.array_equal(x, two[k]), k


def refuse(folder, *words, ranks=(1, 2), status=BAD_INPUT, **parameters):
    for n in ranks:
        done = dump(folder, n, **parameters)
        assert done.status == status, f"{done.status}: {done.err}"
        assert done.err.count("cubix: error:") == 1
        for word in words:
            assert re.search(word, done.err), f"'{word}' is not in: {done.err}"


def by_types(**types):
    return [(label, "FLOATN" if n_c > 1 else "FLOAT", n_c, t) for label, (n_c, t) in types.items()]


def changed(path, at, data):
    text = bytearray(path.read_bytes())
    text[at:at + len(data)] = data
    path.write_bytes(text)
    return path
