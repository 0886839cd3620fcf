"""What evaluates points; resolved by name."""
