"""How many agent steps a second the batched tasks make, against dm_control stepped one environment at a time."""
