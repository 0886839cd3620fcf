"""What the stages of the codesign flow do; each function is thin and calls the rooms below."""
