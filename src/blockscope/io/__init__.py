"""Files: read, written whole, checked; no science."""
