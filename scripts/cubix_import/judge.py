"""What stars can be: their ages within that of the universe, their masses, speeds and metallicities those of stars."""
import numpy as np

from cubix_ssp.fault import COMMAND, INPUT, Fault

ROUNDING_GYR = 1e-6          # scale factors in single precision exceed the snapshot's by one step
TABLES = 1e-4                # packages interpolate times in tables: this fraction of the universe's age
SAMPLE_TOLERANCE = 5e-3      # packages differ by 1e-3 in the solar mass and in G
UNITS = {"Position": "kpc", "Velocity": "km/s", "Mass": "Msun", "Density": "Msun/kpc^3", "InternalEnergy": "(km/s)^2"}
MEDIAN_MASS = (1.0, 1e10)    # Msun
SPEED = (5e3, 299792.458)    # km/s, relative to the median: unusual, impossible
OLDEST = 20.0                # Gyr, where there is no universe to say


def compare_sample(path, galaxy, table, sample):
    """What a package calls kpc, km/s and Msun, against the file's own numbers and units."""
    rows = _rows(table, sample)
    for name, want in sample.items():
        if name not in UNITS or name not in table or not want.size:
            continue
        size, have = np.abs(want).max(), np.asarray(table[name], float)
        if rows is None:         # nothing tells one from another: the sample must lie within the whole
            have = np.clip(want, have.min(axis=0), have.max(axis=0))
        else:
            have = have[rows]
        off = np.abs(have - want)
        if not off.max() <= SAMPLE_TOLERANCE * size:
            where = np.unravel_index(np.argmax(off), off.shape)
            raise Fault(INPUT, "%s: %s gives %s %.6g where the file's own units say %.6g %s: its units are wrong" %
                        (path, galaxy.reader, name, have[where], want[where], UNITS[name]))


def _rows(table, sample):
    """Which rows of the table the sample's are: those of the same Id, or None."""
    if "Id" not in table or "Id" not in sample:
        return None
    order = np.argsort(table["Id"], kind="stable")
    at = np.minimum(np.searchsorted(table["Id"][order], sample["Id"]), len(order) - 1)
    rows = order[at]
    ids = table["Id"][order]
    return rows if np.array_equal(table["Id"][rows], sample["Id"]) and (np.diff(ids) != 0).all() else None


def drop_what_is_no_star(galaxy, stated):
    """Wind cells of Illustris and TNG, with a scale factor of birth <= 0, and black holes of Gasoline and ChaNGa, with
    a time of birth < 0."""
    hole = galaxy.stars.pop("BlackHole", None)
    if hole is not None and hole.any():
        keep(galaxy, ~hole)
        galaxy.notes.append("%d black holes among the stars were dropped" % hole.sum())
    birth = galaxy.stars.get("ScaleFactor")
    if stated.wind and birth is not None and (birth <= 0).any():
        keep(galaxy, ~(birth <= 0))
        galaxy.notes.append("%d wind cells among the stars were dropped" % (birth <= 0).sum())


def keep(galaxy, chosen):
    galaxy.stars = {name: values[chosen] for name, values in galaxy.stars.items()}
    galaxy.kinds = galaxy.kinds[chosen]


def of_kinds(path, galaxy, option, given):
    """The user's one value for all, or one for each family or type, for every star."""
    if None in given:
        return np.full(len(galaxy.kinds), given[None])
    for name in list(given) + galaxy.names:
        if name not in given or name not in galaxy.names:
            raise Fault(COMMAND, "%s: %s must give a value for each of %s, and for nothing else" %
                        (path, option, ", ".join(galaxy.names)))
    return np.array([given[name] for name in galaxy.names])[galaxy.kinds]


def ages(path, galaxy, universe, given):
    """Age of every star at the snapshot, within that of the universe."""
    stars = galaxy.stars
    born, told, birth = stars.pop("ScaleFactor", None), stars.get("Age"), stars.pop("Birth", None)
    if given is None and birth is not None and not universe.cosmological and not (birth > 0).all():
        bad = ~(birth > 0)
        raise Fault(INPUT, "%s: %d stars have no time of birth (star %d: %g), as those that were there when the run "
                           "began; --age gives ages" % (path, bad.sum(), bad.argmax(), birth[bad.argmax()]))
    now = float(universe.time(universe.a)) if universe.cosmological else OLDEST
    if given is not None:
        stars["Age"], galaxy.from_raw["Age"] = of_kinds(path, galaxy, "--age", given), "given by the user (--age)"
    elif born is not None and universe.cosmological:
        bad = ~((born > 0) & (born <= 1e3))
        if bad.any():
            raise Fault(INPUT, "%s: %d stars have no time of birth (star %d: scale factor %g); --age gives ages" %
                        (path, bad.sum(), bad.argmax(), born[bad.argmax()]))
        stars["Age"] = now - universe.time(born)
        if told is not None and not np.abs(told - stars["Age"]).max(initial=0.0) <= 0.01 * now:
            worst = np.abs(told - stars["Age"]).argmax()
            raise Fault(INPUT, "%s: %s makes star %d %.4g Gyr old, by the file's own scale factor of birth "
                               "and universe it is %.4g Gyr" %
                        (path, galaxy.reader, worst, told[worst], stars["Age"][worst]))
    elif told is None:
        raise Fault(INPUT, "%s: %s finds neither ages nor times of birth of the stars; --age gives ages (N-body)" %
                    (path, galaxy.reader))
    age, slack = stars["Age"], max(ROUNDING_GYR, 0.0 if born is not None or given is not None else TABLES * now)
    bad = ~((age >= -slack) & (age <= now + slack))
    if bad.any():
        raise Fault(COMMAND if given is not None else INPUT,
                    "%s: %d stars are younger than 0 or older than %s (star %d: %.6g Gyr, must be 0 to %.6g): %s" %
                    (path, bad.sum(), "the universe" if universe.cosmological else "any galaxy", bad.argmax(),
                     age[bad.argmax()], now, "--age" if given is not None else
                     "times of birth are read wrongly (--times for RAMSES), or are of initial conditions (--age)"))
    stars["Age"] = np.clip(age, 0.0, now)


def metals(path, galaxy, given):
    stars = galaxy.stars
    if given is not None:
        stars["Metallicity"] = of_kinds(path, galaxy, "--metallicity", given)
        galaxy.from_raw["Metallicity"] = "given by the user (--metallicity)"
    if "Metallicity" not in stars:
        raise Fault(INPUT, "%s: %s finds no metallicities of the stars; --metallicity gives them, as mass fractions" %
                    (path, galaxy.reader))
    for what, table in (("star", stars), ("gas", galaxy.gas)):
        if "Metallicity" not in table:
            continue
        z = table["Metallicity"]
        bad = ~((z >= -1e-6) & (z <= 1))
        if bad.any():
            raise Fault(INPUT, "%s: the metallicity of %s %d is %g, must be a mass fraction, 0 to 1" %
                        (path, what, bad.argmax(), z[bad.argmax()]))
        table["Metallicity"] = np.maximum(z, 0)


def numbers(path, galaxy):
    """Finite numbers, masses and speeds of stars; returns what is unusual."""
    for what, table in (("star", galaxy.stars), ("gas", galaxy.gas)):
        for name, values in table.items():
            bad = ~np.isfinite(values)
            if values.dtype.kind == "f" and bad.any():
                raise Fault(INPUT, "%s: %s of %s %d is not a number" % (path, name, what, np.argwhere(bad)[0][0]))
            if name in ("Mass", "InitialMass", "Density", "Temperature") and values.size and values.min() < 0:
                raise Fault(INPUT, "%s: %s of %s %d is %g, must be at least 0" %
                            (path, name, what, values.argmin(), values.min()))
    stars = galaxy.stars
    median = float(np.median(stars["Mass"]))
    if not MEDIAN_MASS[0] <= median <= MEDIAN_MASS[1]:
        raise Fault(INPUT, "%s: the median star has %.4g Msun, must be %g to %g: is the unit of mass the right one?" %
                    ((path, median) + MEDIAN_MASS))
    speed = np.linalg.norm(stars["Velocity"] - np.median(stars["Velocity"], axis=0), axis=1).max()
    if speed >= SPEED[1]:
        raise Fault(INPUT, "%s: a star moves at %.4g km/s, faster than light: is the unit of velocity the right one?" %
                    (path, speed))
    return ["a star moves at %.0f km/s relative to the median" % speed] if speed > SPEED[0] else []
