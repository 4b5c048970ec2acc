"""Attribution at layers of a network for one image, and what is made of it."""
