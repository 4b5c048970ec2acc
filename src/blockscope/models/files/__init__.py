"""Reading a network from the files that people have, as a graph not yet in normal form."""
