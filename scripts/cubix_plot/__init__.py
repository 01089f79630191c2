"""The parts of cubix-plot: the file, the page, and what is drawn on it.

cube.py         what a picture needs of a cube, whichever its format
page.py         a figure in inches: sizes of letters by its width, the heading
sky.py          images of spaxels: place on the sky, stretch, colour bar
spectra.py      which spaxels, and their spectra
look.py         the quick look: white light, spectra, gas
maps.py         truth maps, all or by name
convergence.py  how a fit came to its end
"""
