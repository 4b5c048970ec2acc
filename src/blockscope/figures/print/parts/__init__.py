"""What printed panels are made of: the sheet, its layout, bars, tiles, plots."""
