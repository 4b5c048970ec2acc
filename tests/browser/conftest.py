"""The pages in a browser."""

from browsing import chromium, visit

__all__ = ["chromium", "visit"]
