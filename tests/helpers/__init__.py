"""What several test folders share: where files are, synthetic runs, tiny networks and projects."""
