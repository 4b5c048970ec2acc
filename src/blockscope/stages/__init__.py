"""The stages of the workflow: a module for each rule, which reads files and writes one result.

``network``                the network in normal form, and the image as it sees it
``attribution``            attribution at layers of a network, and what is made of it
``datasets``               what a network responds to over the images of a data set
``feature_visualization``  sprites and activation grids
``figures``                panels, pages, the gallery

Beside them lies what several use: ``result_files`` read back, ``group_directions``.
"""
