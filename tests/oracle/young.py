"""Section 2, ResampleYoung: recent star formation as particles of a small mass."""
import numpy as np

GYR = 0.1
KEY = 0x594F554E
W32 = np.uint64(0xFFFFFFFF)


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011): counter [n][4], key (2) -> words [n][4]."""
    c = np.array(counter, np.uint64).reshape(-1, 4).T.copy()
    k = np.array(key, np.uint64)
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = np.array([(b >> np.uint64(32)) ^ c[1] ^ k[0], b & W32, (a >> np.uint64(32)) ^ c[3] ^ k[1], a & W32])
        k = (k + np.array([0x9E3779B9, 0xBB67AE85], np.uint64)) & W32
    return c.T


def ages(n, seed):
    """Of n[i] particles of each parent i, one after the other."""
    counter = np.array([(i & 0xFFFFFFFF, i >> 32, j, 0) for i, m in enumerate(n) for j in range(m)],
                       np.uint64).reshape(-1, 4)
    word = philox(counter, (seed, KEY))
    return GYR * (((word[:, 0] << np.uint64(21)) ^ (word[:, 1] >> np.uint64(11))).astype(float) + 0.5) / 2.0**53


def resample(stars, mass, gas=None, seed=1):
    """Stars (oracle.cube.read_particles), of which the young are replaced: by 100 Myr of the star formation of
    gas {pos, vel, z, sfr, length}, or where that is None by themselves, divided."""
    young = stars["age"] < GYR
    parent = {k: x[young] for k, x in stars.items()}
    if gas is not None:
        forms = gas["sfr"] > 0
        parent = {k: gas[k][forms] for k in ("pos", "vel", "z", "length") if k in stars}
        parent["mass"] = parent["mass_now"] = 1e8 * gas["sfr"][forms]
    n = np.maximum(1, np.floor(parent["mass"] / mass + 0.5)).astype(int)
    made = {k: np.repeat(x, n, axis=0) for k, x in parent.items()}
    for k in ("mass", "mass_now"):
        made[k] = made[k] / np.repeat(n, n)
    made["age"] = ages(n, seed)
    return {k: np.concatenate([x[~young], made[k]]) for k, x in stars.items()}
