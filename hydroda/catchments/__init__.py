"""Ready experiments: places with their weather, soil, sensors and observations."""
