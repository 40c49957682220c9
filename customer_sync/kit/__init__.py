"""What connectors are made of; and, in `fakes`, what the stand-ins of platforms are made of."""
