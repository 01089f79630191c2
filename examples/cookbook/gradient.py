#!/usr/bin/env python3
"""The derivatives of an image: how it changes with the inclination, the PSF's width and the ages of the stars.

Python's package of CUBIX is needed: pip install . in the source tree, or PYTHONPATH=python there."""
import sys

import numpy as np

import cubix
import pictures


def main(parameters="gradient.param", picture="gradient.png"):
    with cubix.Chain(parameters, active=["inclination", "psf_fwhm", "age"]) as chain:
        image = chain.forward().sum(axis=2)
        age = chain.get("age")
        panels = [("image", image, None)]
        for name, dots in (("d/d Inclination, per deg", {"inclination": 1.0}), ("d/d PsfFwhm, per arcsec", {"psf_fwhm": 1.0}),
                           ("all stars 1 % older", {"age": 0.01 * age})):
            panels.append((name, chain.jvp(dots).sum(axis=2), image))
        # the same by two more runs: exact derivatives are what differences tend to
        step = 0.05
        angle = float(chain.get("inclination"))
        above, below = (chain.forward(inclination=angle + s).sum(axis=2) for s in (step, -step))
    differences = (above.astype(float) - below) / (2 * step)
    print("largest difference of d/d Inclination from differences: %.2g of its largest value"
          % (np.abs(differences - panels[1][1]).max() / np.abs(differences).max()))
    pictures.gradient(panels, picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
