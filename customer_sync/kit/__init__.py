"""What connectors are made of: `oauth`; and, in `fakes`, what the stand-ins of platforms are made of."""
