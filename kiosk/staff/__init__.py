"""What staff see and touch at the desk."""
