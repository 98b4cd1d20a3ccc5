"""The studio: a network learns, reads and is looked into, on a page that this machine serves to itself.

The server says how things are; the page draws them. Whatever is computed goes through
:class:`engram.training.Training`, :class:`engram.model.Model` and :mod:`engram.reading`, as on the command line.

=============  =============================================================================
``moments``    a network as it stands, in arrays of its own
``sorting``    the places by label of neurons that learn
``sheets``     the fields of a layer in bytes, as they are drawn
``learner``    a training that a person steers: start, pause, single images, speed, constants
``watching``   a run that another process is doing, and a network that is done
``desk``       what is open now, and who looks at it
``choices``    what a page can choose from
``answering``  test images and what the network says to them
``drawn``      a picture, read with every spike and membrane
``maps``       where the layers of maps spiked for it
``ruling``     a rule's window and the convergence of its norm
``exports``    every picture as PNG and SVG, every number as CSV
``guard``      who may talk to the server, how often and how much
``live``       the stream of frames to a page
``app``        the addresses of the server
``server``     the process: a port, signals, and a clean end
=============  =============================================================================
"""
