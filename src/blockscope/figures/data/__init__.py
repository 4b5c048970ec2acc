"""What figures show, read from result files."""
