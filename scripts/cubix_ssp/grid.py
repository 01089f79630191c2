"""From single populations, one file or one column each, to the rectangle of metallicities and ages that CUBIX
reads."""
import glob
import os

from .fault import INPUT, Fault


def files_of(inputs, pattern, what):
    """The files that are named, match a pattern, or lie in a folder that is named (there those that
    match `pattern`)."""
    found = []
    for item in inputs:
        if os.path.isdir(item):
            found += sorted(glob.glob(os.path.join(glob.escape(item), pattern)))
        elif os.path.exists(item):
            found.append(item)
        else:
            match = sorted(glob.glob(item))
            if not match:
                raise Fault(INPUT, "%s: no such file or folder, and nothing matches it" % item)
            found += match
    if not found:
        raise Fault(INPUT, "%s: no file like %s in %s" % (what, pattern, " ".join(inputs)))
    return list(dict.fromkeys(found))


def add(populations, z, age, item, path):
    """populations: {(z, age in Gyr): (item, path)}"""
    if (z, age) in populations:
        raise Fault(INPUT,
                    "%s and %s hold the same population: Z = %g, %g Gyr" % (populations[z, age][1], path, z, age))
    populations[z, age] = item, path


def rectangle(populations, say):
    """(zs, ages): every metallicity has every age.  An age that some metallicity lacks is left out, and it is said."""
    zs = sorted({z for z, _ in populations})
    every = sorted({age for _, age in populations})
    ages = [age for age in every if all((z, age) in populations for z in zs)]
    if len(ages) < 2 and len(every) > 1:
        raise Fault(INPUT, "the %d metallicities have %s in common: give the files of fewer metallicities"
                    % (len(zs), "one age" if ages else "no age"))
    if len(ages) < len(every):
        gone = [age for age in every if age not in ages]
        say("warning: %d of %d ages (%g to %g Gyr) are left out, because not all of the %d metallicities have them; "
            "%g to %g "
            "Gyr remain. For the others give the files of fewer metallicities"
            % (len(gone), len(every), gone[0], gone[-1], len(zs), ages[0], ages[-1]))
    return zs, ages
