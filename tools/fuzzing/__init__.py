"""Changed files of every kind that the package reads, and what becomes of them."""
