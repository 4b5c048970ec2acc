"""Printed panels: PDF, SVG and PNG."""
