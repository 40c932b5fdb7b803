"""From a device to a stored sample."""
