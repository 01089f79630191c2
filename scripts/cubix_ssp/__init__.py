"""The parts of cubix-ssp: one module per source of a library, and the canonical file that all of them end in.

canonical.py  the file that CUBIX reads: writing it, and checking it as the C reader does
atomic_file.py  how it is written (and the pictures of cubix-plot)
light.py      constants, air and vacuum, ionising photons, mass-to-light ratio
sanity.py     a library beside real ones: units that are wrong by factors
asked.py      what the user states where a library's files do not
grid.py, spectra.py  many files of one population each: the rectangle they make, and reading one
emiles.py, bc03.py, bpass.py, dsps.py, m11.py, mastar.py, mpajhu.py, ppxf.py, pypipe3d.py, rubix.py, bagpipes.py  formats
package.py    libraries that packages of PyPI carry; fastar.py: one that a package makes
export.py     for pPXF, GIST and nGIST
demo.py       a library in closed form; demo_lines.py holds its absorption lines
"""
