"""The shared style: one accelerator of three levels, which all layers of a network use in turn."""
