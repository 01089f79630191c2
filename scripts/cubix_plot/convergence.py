"""How a fit came to its end."""
import os

import matplotlib.pyplot as plt
import numpy as np
from cubix_ssp.fault import reading

from .spectra import COLOURS


def draw_convergence(path):
    """STEM-convergence.txt: how far the value is above its last one, gradient and step, against the iteration."""
    with reading(path, "is no convergence table of cubix"):
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        rows = np.array([[float(word) for word in line.split()] for line in lines if line.strip()
                         and not line.startswith("#")])
        if rows.ndim != 2 or rows.shape[1] != 5 or not np.isfinite(rows).all():
            raise ValueError("needs rows of five numbers")
    iteration, _, value, gradient, step = rows.T
    facts = dict(line[1:].split(None, 1) for line in lines if line.startswith("#")
                 and len(line[1:].split(None, 1)) == 2)
    figure, panels = plt.subplots(3, 1, sharex=True, figsize=(6.4, 6.6),
                                  gridspec_kw={"hspace": 0.06, "height_ratios": (1.5, 1.0, 1.0)})
    figure.subplots_adjust(left=0.14, right=0.97, top=0.92, bottom=0.09)
    freedom = float(facts.get("voxels", 0.0)) - float(facts.get("unknowns", 0.0))
    shown = ((value / freedom if freedom > 0 else value,
              "objective per degree of freedom" if freedom > 0 else "objective"), (gradient, "projected gradient"),
             (step, "step"))
    for panel, colour, (y, name) in zip(panels, COLOURS, shown):
        good = y > 0
        panel.plot(iteration[good], y[good], color=colour, lw=1.2, marker="o", ms=2.5)
        if good.any():
            panel.set_yscale("log")
        panel.set_ylabel(name)
        panel.grid(alpha=0.25, lw=0.5)
    panels[0].axhline(1.0, color="0.4", lw=0.8, ls="--")
    panels[2].set_xlabel("iteration")
    panels[2].set_xlim(iteration[0] - 0.02 * (np.ptp(iteration) or 1.0),
                       iteration[-1] + 0.02 * (np.ptp(iteration) or 1.0))
    figure.text(0.14, 0.955,
                "%s   \u00b7   objective %.6g after %d iterations" % (os.path.basename(path), value[-1], iteration[-1]),
                fontsize=9.5)
    return figure
