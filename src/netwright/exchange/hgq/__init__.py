"""Networks of HGQ2 from Keras's files."""
