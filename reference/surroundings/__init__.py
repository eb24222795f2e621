"""What the embedded pair presents to the preflight gate besides the two systems."""
