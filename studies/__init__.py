"""Studies of the software itself: the embedded network's training, reproduction of the article."""
