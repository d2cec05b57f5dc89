"""What runs show: a proof, what it means, a timeline, what many orders come to. Pure, from the engine's values."""
