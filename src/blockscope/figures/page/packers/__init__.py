"""What the panels of a page read, packed: a module for each kind of content."""
