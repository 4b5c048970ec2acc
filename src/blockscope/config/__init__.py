"""What a user writes: settings and tables, their checks and their documentation."""
