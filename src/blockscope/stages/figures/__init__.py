"""What people look at: panels, pages, the gallery."""
