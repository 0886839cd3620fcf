"""Time-multiplexed designs: streams with backpressure, multipliers that are used again."""
