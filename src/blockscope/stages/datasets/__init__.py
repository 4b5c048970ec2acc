"""What a network responds to over the images of a data set."""
