"""Printed panels: PDF, SVG and PNG. A module for each panel; ``parts``: what they are made of."""
